"""Errors made here: status, shape and headers, in OpenAI's dialect and in Anthropic's."""

import json

import pytest
from canned import errors
from harness import keys, raw
from harness.poll import until
from harness.upstream import steering

NOW = 1_700_000_000
SETTINGS = {"MAX_BODY": "1MiB", "HEADER_TIMEOUT": "1s", "BODY_TIMEOUT": "1s", "IDLE_TIMEOUT": "1s",
            "UPSTREAM_TIMEOUT": "1s", "UPSTREAM_IDLE_TIMEOUT": "1s"}
ENTRIES = [keys.entry(), keys.entry(keys.secret("disabled"), "disabled", enabled=False),
           keys.entry(keys.secret("expired"), "expired", expires_at=NOW)]
CHAT = json.dumps({"model": "gpt-oss-120b", "messages": [{"role": "user", "content": "hi"}]}).encode()
AUTH = {"Authorization": f"Bearer {keys.SECRET}"}
OPENAI = "/v1/chat/completions"
ANTHROPIC = "/v1/messages"


def assert_openai(answer, status, code=None):
    assert answer.status == status, answer
    assert answer.get("content-type").startswith("application/json")
    error = answer.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["message"] and error["type"] and error["param"] is None
    assert code is None or error["code"] == code
    assert answer.get("x-request-id")


def assert_anthropic(answer, status, kind=None):
    assert answer.status == status, answer
    said = answer.json()
    assert said["type"] == "error"
    assert said["error"]["message"]
    assert kind is None or said["error"]["type"] == kind
    assert answer.get("x-request-id")


def post(target, headers=(), body=CHAT):
    return raw.request("POST", target, {**AUTH, **dict(headers)}, body)


# credentials


def test_a_missing_key_is_told_so_in_both_dialects(house, standin):
    answer = house.ask("POST", OPENAI, body=CHAT, key=None)
    assert_openai(answer, 401, "invalid_api_key")
    assert answer.get("www-authenticate") == "Bearer"
    missing = answer.json()["error"]["message"]
    answer = house.ask("POST", OPENAI, body=CHAT, key=keys.secret("wrong"))
    assert_openai(answer, 401, "invalid_api_key")
    assert answer.json()["error"]["message"] != missing
    assert_anthropic(house.ask("POST", ANTHROPIC, body=CHAT, key=None), 401, "authentication_error")
    assert standin.requests() == []


def test_wrong_expired_and_disabled_keys_get_one_and_the_same_answer(house, standin):
    def refusal(key):
        answer = house.ask("POST", OPENAI, {"X-Request-Id": "same"}, CHAT, key=key)
        assert_openai(answer, 401, "invalid_api_key")
        headers = [(name, value) for name, value in answer.headers if name.lower() != "date"]
        return headers, answer.body

    first = refusal(keys.secret("wrong"))
    for key in (keys.secret("disabled"), keys.secret("expired"), "short", "pm_", "x" * 500, keys.SECRET + "x"):
        assert refusal(key) == first, key
    assert standin.requests() == []


@pytest.mark.parametrize("headers", [
    {"Authorization": f"bearer {keys.SECRET}"}, {"AUTHORIZATION": f"BEARER {keys.SECRET}"},
    {"X-API-Key": keys.SECRET}, {"x-api-key": keys.SECRET}, {"X-Api-KEY": keys.SECRET},
    {"Authorization": f"Bearer {keys.SECRET}", "X-API-Key": "wrong"},
])
def test_a_key_is_taken_in_every_promised_form(house, headers):
    assert house.ask("GET", "/v1/models", headers, key=None).status == 200


@pytest.mark.parametrize("headers", [
    {"Authorization": keys.SECRET}, {"Authorization": f"Basic {keys.SECRET}"}, {"Authorization": "Bearer"},
    {"Authorization": "Bearer "}, {"Authorization": "Bearer \xe9\xff"}, {"X-API-Key": ""}, {"Authorization": ""},
    {"X-API-Key": f"Bearer {keys.SECRET}"}, {"Authorization": f"Bearer {keys.SECRET} {keys.SECRET}"},
])
def test_what_is_no_key_is_refused_not_a_failure(house, standin, headers):
    assert_openai(house.ask("GET", "/v1/models", headers, key=None), 401, "invalid_api_key")
    assert standin.requests() == []


@pytest.mark.parametrize("name,value", [("Authorization", f"Bearer {keys.SECRET}"), ("X-API-Key", keys.SECRET)])
def test_two_of_the_same_credential_are_ambiguous(house, standin, name, value):
    assert_openai(house.ask("GET", "/v1/models", [(name, value), (name, value)], key=None), 400)
    assert standin.requests() == []


def test_a_key_in_the_query_is_none(house):
    assert house.ask("GET", f"/v1/models?api_key={keys.SECRET}", key=None).status == 401


# dialects


def test_the_dialect_follows_the_path_or_the_version_header(house):
    assert_openai(house.ask("GET", "/nowhere"), 404)
    assert_anthropic(house.ask("GET", "/nowhere", {"anthropic-version": "2023-06-01"}), 404, "not_found_error")
    assert_anthropic(house.ask("GET", ANTHROPIC), 405)
    assert_openai(house.ask("GET", OPENAI), 405)


def test_request_ids(house):
    given = house.ask("GET", "/health", {"X-Request-Id": "a.B-c_1"}, key=None)
    assert given.all("x-request-id") == ["a.B-c_1"]
    made = [house.ask("GET", "/health", key=None).get("x-request-id") for _ in range(2)]
    assert made[0] != made[1]
    for bad in ("a b", "a/b", "\xe9", "x" * 129, "a,b"):
        answer = house.ask("GET", "/health", {"X-Request-Id": bad}, key=None)
        assert answer.get("x-request-id") != bad, bad
    answer = house.ask("POST", ANTHROPIC, {"X-Request-Id": "mine"}, CHAT)
    assert (answer.get("request-id"), answer.get("x-request-id")) == ("mine", "mine")


@pytest.mark.parametrize("target", ["/health", "/v1/models", "/nowhere"])
def test_every_answer_carries_security_headers_and_no_version(house, target):
    answer = house.ask("GET", target)
    assert answer.get("x-content-type-options") == "nosniff"
    assert answer.get("x-frame-options") == "DENY"
    assert answer.get("referrer-policy")
    assert answer.get("permissions-policy")
    assert not any(character.isdigit() for character in answer.get("server", ""))


# sizes


def test_a_declared_body_over_max_body_is_refused_on_its_head(house, standin):
    for target, check in ((OPENAI, assert_openai), (ANTHROPIC, assert_anthropic)):
        with house.connect() as connection:
            connection.send(f"POST {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {keys.SECRET}\r\n"
                            "Content-Length: 1048577\r\n\r\n".encode())
            check(connection.answer(), 413)
    assert standin.requests() == []


def test_a_body_of_exactly_max_body_passes(house, standin):
    assert house.ask("POST", "/unstructured/x", body=b"a" * 1048576).status == 200
    assert standin.body()["bytes"] == 1048576


def test_a_chunked_body_that_grows_over_max_body_is_refused(house, standin):
    with house.connect() as connection:
        connection.send(f"POST {OPENAI} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {keys.SECRET}\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n".encode())
        for _ in range(17):
            connection.try_send(b"10000\r\n" + b"a" * 0x10000 + b"\r\n")
        assert_openai(connection.answer(), 413)
    assert standin.log("end", outcome="complete") == []


def test_a_refused_uploader_sees_the_answer_and_may_go_on(house):
    body = b"a" * 900_000
    with house.connect() as connection:
        connection.send(raw.request("POST", OPENAI, {"Authorization": "Bearer wrong"}, body))
        answer = connection.answer()
        assert_openai(answer, 401)
        if answer.get("connection") != "close":
            assert connection.ask("GET", "/v1/models", AUTH).status == 200


def test_a_target_that_is_too_long(house, standin):
    assert_openai(house.ask("GET", "/v1/models?" + "a" * 9000), 414)
    assert standin.requests() == []


def test_a_head_that_is_too_large(house, standin):
    assert_openai(house.ask("GET", "/v1/models", {"X-Large": "a" * 17_000}), 431)
    assert_openai(house.ask("GET", "/v1/models", [(f"X-{number}", "1") for number in range(101)]), 431)
    assert standin.requests() == []


def test_a_head_that_is_just_small_enough(house):
    assert house.ask("GET", "/v1/models", {"X-Large": "a" * 15_000}).status == 200
    assert house.ask("GET", "/v1/models", [(f"X-{number}", "1") for number in range(90)]).status == 200


# time


@pytest.mark.parametrize("data", [b"GET /v1/models HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"G"])
def test_half_a_head_is_not_waited_for_for_ever(house, data):
    with house.connect() as connection:
        connection.send(data)
        assert_openai(connection.answer(), 408)
        assert connection.rest()[0] == b""


def test_half_a_body_is_not_waited_for_for_ever(house, standin):
    with house.connect() as connection:
        connection.send(post(OPENAI)[:-5])
        assert_openai(connection.answer(), 408)
        assert connection.rest()[0] == b""
    assert standin.log("end", outcome="complete") == []


def test_an_idle_connection_is_closed_without_a_word(house):
    with house.connect() as connection:
        assert connection.ask("GET", "/health").status == 200
        assert connection.is_closed_by_server()


def test_a_connection_without_a_request_is_closed(house):
    with house.connect() as connection:
        data, _ = connection.rest()
        assert data == b"" or data.startswith(b"HTTP/1.1 408 ")


def test_an_upstream_that_never_answers_is_a_504_and_its_request_is_cancelled(house, standin):
    for target, check in ((OPENAI, assert_openai), (ANTHROPIC, assert_anthropic)):
        standin.mark()
        answer = house.ask("POST", target, steering(hang="head"), CHAT)
        check(answer, 504)
        assert answer.get("x-should-retry") == "false"
        assert standin.end()["outcome"] == "gone"


@pytest.mark.parametrize("where", ["body", "end"])
def test_an_upstream_that_falls_silent_is_a_broken_answer(house, standin, where):
    with house.connect() as connection:
        connection.send(post(OPENAI, steering(hang=where, framing="chunked")))
        with pytest.raises(raw.Broken):
            connection.answer()
    assert standin.end()["outcome"] == "gone"


# what upstream says


def test_an_upstream_error_in_shape_passes_byte_for_byte(house):
    for status in (400, 404, 409, 422, 429, 500, 503):
        answer = house.ask("POST", OPENAI, steering(status=status, error="json"), CHAT)
        assert answer.status == status
        assert answer.json()["error"]["message"] == errors.MESSAGE


@pytest.mark.parametrize("shape", ["text", "html", "empty", "list"])
@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_an_upstream_error_without_shape_is_put_into_the_clients_dialect(house, shape, status):
    assert_openai(house.ask("POST", OPENAI, steering(status=status, error=shape), CHAT), status)
    assert_anthropic(house.ask("POST", ANTHROPIC, steering(status=status, error=shape), CHAT), status)


def test_an_upstream_refusal_of_gatehouses_own_key_is_not_blamed_on_the_client(house):
    house.expect("upstream_auth")
    answer = house.ask("POST", OPENAI, steering(status=401), CHAT)
    assert_openai(answer, 502, "upstream_auth_failed")
    assert answer.get("www-authenticate") is None
    until("an error line says so", lambda: house.lines("upstream_auth", "error"))


def test_a_redirect_is_passed_on_and_not_followed(house, standin):
    answer = house.ask("POST", OPENAI, steering(location="http://127.0.0.1:1/elsewhere"), CHAT)
    assert (answer.status, answer.get("location")) == (307, "http://127.0.0.1:1/elsewhere")
    assert len(standin.requests()) == 1


def test_key_info(house, standin):
    answer = house.ask("GET", "/auth/key-info")
    assert answer.status == 200
    said = answer.json()
    assert said["key_id"] == "e2e" and said["enabled"] is True
    assert said.keys() >= {"key_id", "created_at", "expires_at", "rate_limit", "description", "enabled"}
    assert house.ask("GET", "/auth/key-info", key=None).status == 401
    assert house.ask("GET", "/auth/key-info", key=keys.secret("disabled")).status == 401
    assert standin.requests() == []
