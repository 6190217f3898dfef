"""HTTP/1.1 on both sides: keep-alive, pipelining, bodies of every framing and size, HEAD, interim answers."""

import hashlib
import json

import pytest
from harness import keys, raw
from harness.poll import until
from harness.upstream import steering

AUTH = {"Authorization": f"Bearer {keys.SECRET}"}
CHAT = json.dumps({"model": "gpt-oss-120b", "messages": [{"role": "user", "content": "hi"}]}).encode()
STREAM = json.dumps({"model": "gpt-oss-120b", "stream": True, "messages": [{"role": "user", "content": "hi"}]}).encode()


def chat(said=CHAT, **chosen):
    return raw.request("POST", "/v1/chat/completions",
                       {**AUTH, "Content-Type": "application/json", **steering(**chosen)}, said)


def models(**chosen):
    return raw.request("GET", "/v1/models", {**AUTH, **steering(**chosen)})


@pytest.fixture(params=["http", "https"])
def connection(request, house):
    connect = house.connect if request.param == "http" else house.connect_tls
    with connect() as connection:
        yield connection


def test_a_connection_is_kept_over_requests_of_every_kind(connection, standin):
    for data in (chat(), models(), chat(STREAM), chat(framing="chunked"), chat(framing="close"), models(status=404)):
        connection.send(data)
        answer = connection.answer()
        assert answer.status in (200, 404)
        assert answer.get("connection") != "close"
    assert len(standin.requests()) == 6


def test_pipelined_requests_are_answered_in_order(connection):
    connection.send(b"".join(chat(events=number) for number in range(1, 11)))
    counts = [connection.answer().json()["usage"]["completion_tokens"] for _ in range(10)]
    assert counts == list(range(1, 11))


def test_a_request_behind_a_stream_waits_for_its_end(connection, standin):
    connection.send(chat(STREAM, gate="behind", events=1) + raw.request("GET", "/health"))
    head = connection.head()
    assert head.status == 200
    assert connection.event() is not None
    standin.let_pass("behind")
    events = iter(connection.event, None)
    assert [event for event in events][-1] == b"data: [DONE]"
    assert connection.answer().json() == {"status": "healthy"}


def test_health_is_answered_here(connection, standin):
    connection.send(raw.request("GET", "/health") + raw.request("GET", "/health/ready"))
    assert connection.answer().json() == {"status": "healthy"}
    assert connection.answer().status == 200
    assert standin.requests() == []


def test_readiness_is_reached(house):
    until("ready", lambda: house.ask("GET", "/health/ready", key=None).status == 200)


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 3_000_000])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_reaches_upstream_byte_for_byte(connection, standin, framing, size):
    body = hashlib.shake_128(b"body").digest(size)
    target, headers = "/unstructured/general/v0/general", {**AUTH, "Content-Type": "application/octet-stream"}
    if framing == "length":
        connection.send(raw.request("POST", target, headers, body))
    else:
        pieces = [body[at:at + 10_000] for at in range(0, size, 10_000)]
        head = raw.request("GET", target, {**headers, "Transfer-Encoding": "chunked"})
        connection.send(head.replace(b"GET", b"POST", 1) + raw.chunked(*pieces))
    assert connection.answer().status == 200
    assert standin.body()["sha256"] == hashlib.sha256(body).hexdigest()
    assert standin.body()["bytes"] == size


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("size", [500, 65536, 5_000_000])
def test_an_answer_reaches_the_client_byte_for_byte(connection, framing, size):
    connection.send(chat(body_bytes=size, framing=framing) + models())
    answer = connection.answer()
    assert len(answer.body) == size
    assert answer.json()["usage"]["completion_tokens"] == 8
    assert connection.answer().status == 200, "the next answer begins where this one ends"


def test_a_request_that_trickles_in_byte_by_byte(connection, standin):
    for byte in chat():
        connection.send(bytes([byte]))
    assert connection.answer().status == 200
    assert standin.body()["sha256"] == hashlib.sha256(CHAT).hexdigest()


def test_an_answer_that_trickles_in_byte_by_byte(connection):
    connection.send(chat(STREAM, write_bytes=1, events=2))
    events = connection.answer().events()
    assert events[-1] == "[DONE]"
    assert all(json.loads(event)["object"] == "chat.completion.chunk" for event in events[:-1])


def test_an_event_of_two_megabytes(connection):
    connection.send(chat(STREAM, events=2, event_bytes=2_000_000))
    chunks = [json.loads(event) for event in connection.answer().events()[:-1]]
    sizes = [len(chunk["choices"][0]["delta"].get("content", "")) for chunk in chunks if chunk["choices"]]
    assert sizes == [0, 2_000_000, 2_000_000, 0]


def test_expect_continue_is_answered_before_the_body_is_sent(connection, standin):
    head = raw.request("POST", "/v1/chat/completions", {**AUTH, "Expect": "100-continue"}, CHAT)[:-len(CHAT)]
    connection.send(head)
    assert connection.interim().status == 100
    connection.send(CHAT)
    assert connection.answer().status == 200
    assert standin.body()["sha256"] == hashlib.sha256(CHAT).hexdigest()


def test_expect_continue_is_not_answered_when_the_key_is_wrong(connection, standin):
    headers = {"Authorization": f"Bearer {keys.secret('wrong')}", "Expect": "100-continue"}
    connection.send(raw.request("POST", "/v1/chat/completions", headers, CHAT)[:-len(CHAT)])
    answer = connection.answer()
    assert (answer.status, answer.interim) == (401, [])
    assert standin.requests() == []


def test_interim_answers_of_upstream_do_not_disturb_the_final_one(connection):
    connection.send(chat(interim="103,102") + models())
    answer = connection.answer()
    assert answer.status == 200
    assert set(answer.interim) <= {102, 103}
    assert connection.answer().status == 200


def test_head_has_no_body_and_keeps_the_connection(connection, standin):
    connection.send(raw.request("HEAD", "/v1/models", AUTH) + models())
    answer = connection.answer("HEAD")
    assert answer.status == 200
    assert answer.get("content-type") == "application/json"
    assert connection.answer().json()["object"] == "list"
    assert [request["method"] for request in standin.requests()] == ["HEAD", "GET"]


def test_head_of_an_error_has_no_body(connection):
    connection.send(raw.request("HEAD", "/nowhere") + models())
    assert connection.answer("HEAD").status == 404
    assert connection.answer().status == 200


@pytest.mark.parametrize("status", [204, 304])
def test_answers_that_have_no_body_by_their_status(connection, status):
    connection.send(chat(status=status, body="") + models())
    assert connection.answer().status == status
    assert connection.answer().status == 200


def test_connection_close_is_kept_to(connection):
    connection.send(raw.request("GET", "/v1/models", {**AUTH, "Connection": "close"}))
    answer = connection.answer()
    assert answer.status == 200
    assert answer.get("connection") == "close"
    assert connection.is_closed_by_server()


def test_an_http_1_0_client_gets_no_chunks_and_a_close(connection):
    head = raw.request("POST", "/v1/chat/completions", AUTH, STREAM).replace(b"HTTP/1.1", b"HTTP/1.0")
    connection.send(head)
    answer = connection.answer()
    assert answer.status == 200
    assert answer.get("transfer-encoding") is None
    assert answer.events()[-1] == "[DONE]"


def test_target_and_header_values_go_byte_for_byte(connection, standin):
    target = "/v1/models?a=%2F&b=%zz&c=a+b&&=&d=%C3%A4;e"
    connection.send(raw.request("GET", target, [
        *AUTH.items(), ("Accept", "a/b;q=0.5,  c/d"), ("openai-beta", "one"), ("OpenAI-Beta", "two;\tthree=\xe9")]))
    assert connection.answer().status == 200
    request = standin.one_request()
    assert request["target"] == target
    headers = [[name.lower(), value] for name, value in request["headers"]]
    assert ["accept", "a/b;q=0.5,  c/d"] in headers
    assert [value for name, value in headers if name == "openai-beta"] == ["one", "two;\tthree=\xe9"]


def test_hop_by_hop_headers_of_an_answer_end_here_and_others_pass(connection):
    hop = [["Keep-Alive", "timeout=5"], ["Connection", "X-Hop"], ["X-Hop", "1"], ["Proxy-Authenticate", "Basic"],
           ["Upgrade", "h2c"], ["Trailer", "X-T"]]
    passing = [["X-Custom", "one"], ["X-Custom", "two"], ["openai-processing-ms", "12"]]
    connection.send(chat(headers=hop + passing) + models())
    answer = connection.answer()
    assert answer.status == 200
    assert answer.all("X-Custom") == ["one", "two"]
    assert answer.get("openai-processing-ms") == "12"
    for name in ("Keep-Alive", "X-Hop", "Proxy-Authenticate", "Upgrade", "Trailer"):
        assert answer.get(name) is None, name
    assert connection.answer().status == 200


def test_a_client_that_ends_its_sending_still_gets_its_answer(house):
    with house.connect() as connection:
        connection.send(chat())
        connection.end_sending()
        # a half-closed client counts as one that left, or is answered; never a broken answer
        data, reset = connection.rest()
        assert not reset
        assert data == b"" or data.startswith(b"HTTP/1.1 200 OK\r\n")


def test_an_answer_before_the_bodys_end_is_seen_by_the_client(connection):
    body = b"a" * 2_000_000
    connection.send(raw.request("POST", "/v1/chat/completions",
                                {**AUTH, **steering(ignore_body=1, status=413)}, body))
    answer = connection.answer()
    assert answer.status == 413
    assert "error" in answer.json()
