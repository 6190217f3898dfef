"""What upstream gets to know: the request, and nothing about who sent it."""

import json

import openai
from harness import keys
from harness.upstream import steering

SETTINGS = {"UPSTREAM_HEADERS": "x-wanted"}
BODY = json.dumps({"model": "gpt-oss-120b", "messages": []}).encode()
PASSES = ["accept", "anthropic-beta", "anthropic-version", "content-type", "idempotency-key", "openai-beta",
          "x-request-id", "x-wanted"]
STAYS = {
    "Cookie": "session=secret-of-cookie", "User-Agent": "secret-agent/1.0", "X-Stainless-OS": "secret-os",
    "X-Stainless-Lang": "secret-lang", "X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9",
    "Forwarded": "for=203.0.113.9", "Via": "1.1 secret-via", "Referer": "https://secret/", "Origin": "https://secret",
    "DNT": "1", "Accept-Language": "secret", "Accept-Encoding": "gzip, br", "From": "secret@example.org",
    "Proxy-Authorization": "Basic secret", "Keep-Alive": "timeout=9", "TE": "trailers",
    "OpenAI-Organization": "secret-org", "OpenAI-Project": "secret-project", "X-Unknown": "secret-unknown",
    "X-API-Key": keys.SECRET,
    "Sec-Fetch-Site": "cross-site", "traceparent": "00-secret", "X-Gatehouse-Client": "203.0.113.9",
}


def received(standin):
    return [(name.lower(), value) for name, value in standin.one_request()["headers"]]


def test_only_the_named_headers_go_upstream(house, standin):
    sent = {name: f"value of {name}" for name in PASSES if name not in ("content-type", "x-request-id")}
    sent |= {"content-type": "application/json", "x-request-id": "id-1"}
    answer = house.ask("POST", "/v1/chat/completions", {**sent, **STAYS}, BODY)
    assert answer.status == 200
    headers = received(standin)
    for name in PASSES:
        assert [value for key, value in headers if key == name] == [sent[name]], name
    gatehouses_own = {"host", "authorization", "content-length", "connection", "accept-encoding", "transfer-encoding"}
    assert {name for name, _ in headers} <= set(PASSES) | gatehouses_own
    assert "secret" not in str([pair for pair in headers if pair[0] != "authorization"])
    assert "203.0.113.9" not in str(headers)


def test_the_clients_credential_is_replaced_by_gatehouses_own(house, standin):
    house.ask("GET", "/v1/models")
    headers = received(standin)
    assert [value for name, value in headers if name == "authorization"] == [f"Bearer {keys.UPSTREAM_SECRET}"]
    assert keys.SECRET not in str(headers)


def test_a_credential_in_x_api_key_is_replaced_too(house, standin):
    house.ask("GET", "/v1/models", {"x-api-KEY": keys.SECRET}, key=None)
    headers = received(standin)
    assert [value for name, value in headers if name == "authorization"] == [f"Bearer {keys.UPSTREAM_SECRET}"]
    assert keys.SECRET not in str(headers)


def test_headers_named_by_connection_are_dropped(house, standin):
    house.ask("GET", "/v1/models", {"Connection": "x-wanted, keep-alive", "x-wanted": "1", "openai-beta": "stays"})
    headers = dict(received(standin))
    assert "x-wanted" not in headers
    assert headers["openai-beta"] == "stays"
    assert "x-wanted" not in headers.get("connection", "")


def test_usage_can_be_read_for_answers_come_uncompressed(house, standin):
    house.ask("GET", "/v1/models", {"Accept-Encoding": "gzip, deflate, br"})
    assert dict(received(standin))["accept-encoding"] == "identity"


def test_steering_headers_do_not_pass_unless_configured(house, standin):
    assert house.ask("GET", "/v1/models", steering(status=500)).status == 200
    assert not any(name.startswith("x-standin") for name, _ in received(standin))


def test_an_sdk_leaves_no_trace_of_itself(house, standin):
    with openai.OpenAI(base_url=f"http://127.0.0.1:{house.http_port}/v1", api_key=keys.SECRET, max_retries=0) as client:
        client.chat.completions.create(model="gpt-oss-120b", messages=[{"role": "user", "content": "hi"}])
    headers = received(standin)
    assert not [name for name, _ in headers if name.startswith("x-stainless") or name == "user-agent"]
    assert keys.SECRET not in str(headers)


def test_nothing_of_a_request_stands_in_the_log(start_house):
    house = start_house(LOG_LEVEL="debug", ACCESS_LOG="on")
    marker = "unmistakable-marker"
    body = json.dumps({"model": "gpt-oss-120b", "messages": [{"role": "user", "content": marker}]}).encode()
    with house.connect() as connection:
        headers = {"Authorization": f"Bearer {keys.SECRET}", "Accept": marker, "Cookie": marker}
        connection.ask("POST", f"/v1/chat/completions?q={marker}", headers, body)
        connection.ask("GET", f"/{marker}", headers)
        connection.ask("GET", "/v1/models", {"Authorization": f"Bearer {marker}"})
        connection.try_send(b"GET / HTTP/1.1\r\n" + marker.encode() + b"\r\n\r\n")
        connection.rest()
    with house.connect() as connection:
        headers = {"Authorization": f"Bearer {keys.SECRET}", **steering(error="text", body=marker)}
        connection.ask("POST", "/v1/chat/completions", headers, body)
    house.reload()
    house.log_never_has(marker, keys.SECRET, keys.UPSTREAM_SECRET, keys.entry()["key_hash"])


def test_the_access_log_tells_ids_sizes_and_times(start_house):
    house = start_house(ACCESS_LOG="on", WORKERS=1)
    body = json.dumps({"model": "openai/gpt-oss-120b", "messages": [{"role": "user", "content": "hi"}]}).encode()
    with house.connect() as connection:
        headers = {"Authorization": f"Bearer {keys.SECRET}", "X-Request-Id": "mine-1"}
        connection.ask("POST", "/v1/chat/completions", headers, body)
        connection.ask("GET", "/health", {"X-Request-Id": "mine-2"})
    lines = {line.fields["request_id"]: line.fields for line in house.lines("request")}
    chat = lines["mine-1"]
    assert (chat["key_id"], chat["endpoint"], chat["model"]) == ("e2e", "chat", "gpt-oss-120b")
    assert (chat["code"], chat["bytes_in"]) == (200, len(body))
    assert chat["tokens"] > 0 and chat["bytes_out"] > 0
    assert chat["ms"] >= chat["ttfb_ms"] >= 0
    assert "addr" not in chat
    assert (lines["mine-2"]["key_id"], lines["mine-2"]["model"]) == ("-", "-")
