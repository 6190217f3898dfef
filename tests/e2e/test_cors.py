"""Browsers: preflights without a key, answers and refusals that the page may read, for allowed origins only."""

import pytest
from harness import keys
from harness.upstream import steering

ALLOWED = "https://app.example"
SETTINGS = {"CORS_ORIGINS": f"{ALLOWED},http://localhost:3000", "ADMIN_PASSWORD": "a long password of the tests"}


def preflight(house, origin, target="/v1/chat/completions", method="POST", headers="authorization,x-any-thing"):
    return house.ask("OPTIONS", target, {"Origin": origin, "Access-Control-Request-Method": method,
                                         "Access-Control-Request-Headers": headers}, key=None)


def words(text):
    return {word.strip().lower() for word in (text or "").split(",")}


@pytest.mark.parametrize("origin", [ALLOWED, "http://localhost:3000"])
def test_a_preflight_needs_no_key_and_allows_what_is_asked(house, standin, origin):
    answer = preflight(house, origin)
    assert answer.status in (200, 204)
    assert answer.all("access-control-allow-origin") == [origin]
    assert {"get", "post", "delete"} <= words(answer.get("access-control-allow-methods"))
    assert {"authorization", "x-any-thing"} <= words(answer.get("access-control-allow-headers"))
    assert answer.get("access-control-max-age") == "600"
    assert "origin" in words(answer.get("vary"))
    assert answer.get("access-control-allow-credentials") is None
    assert standin.requests() == []


@pytest.mark.parametrize("origin", ["https://evil.example", "https://app.example.evil", "http://app.example",
                                    "https://APP.example:443", "null", "https://app.example/"])
def test_other_origins_are_allowed_nothing(house, standin, origin):
    assert preflight(house, origin).get("access-control-allow-origin") is None
    answer = house.ask("GET", "/v1/models", {"Origin": origin})
    assert answer.get("access-control-allow-origin") is None
    assert "origin" not in [name.lower() for name, _ in standin.requests()[0]["headers"]]


@pytest.mark.parametrize("target,key,status", [("/v1/models", keys.SECRET, 200), ("/v1/models", None, 401),
                                               ("/v1/chat/completions", keys.SECRET, 405)])
def test_answers_and_refusals_can_be_read_by_the_page(house, target, key, status):
    answer = house.ask("GET", target, {"Origin": ALLOWED}, key=key)
    assert answer.status == status
    assert answer.all("access-control-allow-origin") == [ALLOWED]
    assert "origin" in words(",".join(answer.all("vary")))
    exposed = words(answer.get("access-control-expose-headers"))
    assert {"x-request-id", "retry-after", "x-ratelimit-remaining", "x-should-retry"} <= exposed


def test_upstreams_own_cors_headers_do_not_get_through(house):
    answer = house.ask("GET", "/v1/models", {"Origin": ALLOWED, **steering(
        headers=[["Access-Control-Allow-Origin", "*"], ["Access-Control-Allow-Credentials", "true"]])})
    assert answer.all("access-control-allow-origin") == [ALLOWED]
    assert answer.get("access-control-allow-credentials") is None


def test_never_on_admin(house):
    for answer in (preflight(house, ALLOWED, "/admin/api/v1/keys"), house.ask("GET", "/admin", {"Origin": ALLOWED})):
        assert answer.get("access-control-allow-origin") is None


def test_a_star_allows_everybody(start_house):
    house = start_house(CORS_ORIGINS="*")
    answer = preflight(house, "https://anybody.example")
    assert answer.get("access-control-allow-origin") in ("*", "https://anybody.example")
    assert house.ask("GET", "/v1/models", {"Origin": "https://anybody.example"}).get(
        "access-control-allow-origin") in ("*", "https://anybody.example")


def test_without_the_setting_nobody_is_allowed(start_house, standin):
    house = start_house()
    answer = preflight(house, ALLOWED)
    assert answer.get("access-control-allow-origin") is None
    assert standin.requests() == []
