"""Paths: what looks like another route is none, and what goes upstream goes as it came."""

import pytest
from harness import keys, raw

REFUSED = [
    "/v1/../admin", "/v1/../admin/api/v1/keys", "/v1/..", "/v1/.", "/v1/./models", "/v1/models/..",
    "/v1/models/../../health", "/v1/%2e%2e/admin", "/v1/%2E%2E/admin", "/v1/.%2e/admin", "/v1/%2e/models",
    "/v1%2fmodels", "/v1%2Fmodels", "/v1/..%2fadmin", "/v1/%2fadmin", "/v1%5cmodels", "/v1/..%5cadmin",
    "/v1/..\\admin", "\\v1\\models", "//v1/models", "/v1//models", "///", "//", "/v1/models//", "//admin",
    "/health/../v1/models", "/unstructured/../v1/models", "/unstructured//x", "/%76%31/models",
    "http://elsewhere/v1/models", "http://localhost/admin", "https://localhost//v1/models", "HTTP://LOCALHOST/v1/models",
    "v1/models", "*", "?", "#", "/v1/models#fragment", "/V1/models", "/v1", "/", "/metrics", "/nowhere", "/v11/models",
    "/v1/%00", "/v1/%", "/v1/%zz", "/v1/models;x=y", "/v1;/models", "/v1/..;/admin", "/v1/%C0%AF../admin",
]

FORWARDED = [
    "/v1/models", "/v1/models?", "/v1/models?x=../..", "/v1/models?x=//&y=%2f", "/v1/models?http://elsewhere/",
    "/v1/models/gpt-oss-120b", "/v1/files/a.b..c", "/v1/x/...", "/v1/a%20b", "/v1/caf%C3%A9", "/v1/%E2%82%AC", "/v1/~user/!$&'()*+,=:@",
    "/unstructured/general/v0/general",
]


@pytest.mark.parametrize("target", REFUSED)
@pytest.mark.parametrize("key", [None, keys.SECRET], ids=["without key", "with key"])
def test_a_target_that_is_no_api_path_never_gets_upstream(house, standin, target, key):
    answer = house.ask("GET", target, key=key)
    assert answer.status in (400, 401, 404), answer
    assert key is None or answer.status != 401
    assert standin.requests() == []


@pytest.mark.parametrize("target", FORWARDED)
def test_an_api_path_goes_upstream_as_it_came(house, standin, target):
    house.ask("GET", target)
    assert standin.one_request()["target"] == target


def test_the_host_does_not_choose_a_route(house, standin):
    with house.connect() as connection:
        connection.send(raw.request("GET", "/v1/models", {"Authorization": f"Bearer {keys.SECRET}"}, host="admin"))
        assert connection.answer().status == 200
    headers = [name.lower() for name, _ in standin.one_request()["headers"]]
    assert headers.count("host") == 1
    assert dict(standin.one_request()["headers"]).get("Host") == f"127.0.0.1:{standin.port}"


HINTS = [
    ("/chat/completions", "/v1/chat/completions"),
    ("/v1/v1/chat/completions", "/v1/chat/completions"),
    ("/v1/chat/completions/", "/v1/chat/completions"),
    ("/embeddings", "/v1/embeddings"),
    ("/models", "/v1/models"),
    ("/messages", "/v1/messages"),
    ("/v1/v1/messages", "/v1/messages"),
    ("/audio/transcriptions", "/v1/audio/transcriptions"),
    ("/v1/models/", "/v1/models"),
]


@pytest.mark.parametrize("target,right", HINTS)
def test_a_404_for_a_path_nearly_right_names_the_right_one(house, standin, target, right):
    method = "GET" if right.endswith("models") else "POST"
    answer = house.ask(method, target, body=b"{}" if method == "POST" else b"")
    assert answer.status == 404
    assert right in answer.json()["error"]["message"]
    assert right + "/" not in answer.json()["error"]["message"]
    assert standin.requests() == []


def test_responses_is_named_as_unsupported_with_advice(house, standin):
    answer = house.ask("POST", "/v1/responses", body=b"{}")
    assert answer.status == 404
    assert answer.json()["error"]["code"] == "unsupported_endpoint"
    assert "n8n" in answer.json()["error"]["message"]
    assert standin.requests() == []


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/messages",
                                  "/v1/audio/transcriptions", "/v1/audio/translations"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_endpoints_that_take_post_only_say_so(house, standin, path, method):
    answer = house.ask(method, path, body=b"")
    assert answer.status == 405
    assert "POST" in answer.get("allow").replace(" ", "").split(",")
    assert standin.requests() == []


@pytest.mark.parametrize("path", ["/health", "/health/ready", "/auth/key-info"])
def test_endpoints_of_its_own_take_get_only(house, path):
    answer = house.ask("POST", path, body=b"{}")
    assert answer.status == 405
    assert "GET" in answer.get("allow").replace(" ", "").split(",")
