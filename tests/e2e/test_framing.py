"""Malformed and ambiguous requests: refused, the connection closed, nothing of them upstream."""

import pytest
from harness import keys, raw

HOST = b"Host: localhost\r\n"
KEY = b"Authorization: Bearer " + keys.SECRET.encode() + b"\r\n"
POST = b"POST /v1/chat/completions HTTP/1.1\r\n" + HOST + KEY
GET = b"GET /v1/models HTTP/1.1\r\n" + HOST + KEY
NEXT = b"GET /v1/models HTTP/1.1\r\n" + HOST + KEY + b"\r\n"

BAD_HEADS = {
    "length and chunked": POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "length and an empty coding": POST + b"Content-Length: 2\r\nTransfer-Encoding:\r\n\r\n{}",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "two equal lengths": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a list of lengths": POST + b"Content-Length: 2, 2\r\n\r\n{}",
    "a length with a sign": POST + b"Content-Length: +2\r\n\r\n{}",
    "a negative length": POST + b"Content-Length: -2\r\n\r\n{}",
    "a hexadecimal length": POST + b"Content-Length: 0x2\r\n\r\n{}",
    "a length with a space inside": POST + b"Content-Length: 2 2\r\n\r\n{}",
    "an empty length": POST + b"Content-Length:\r\n\r\n",
    "a length beyond 64 bits": POST + b"Content-Length: 18446744073709551618\r\n\r\n{}",
    "two codings": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "gzip, chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked, identity": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "xchunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked with a vertical tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "quoted chunked": POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "chunked in HTTP/1.0": POST.replace(b"/1.1", b"/1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a space before the colon": POST + b"Content-Length : 2\r\n\r\n{}",
    "a folded line": GET + b"X-A: 1\r\n 2\r\n\r\n",
    "a folded line with a tab": GET + b"X-A: 1\r\n\t2\r\n\r\n",
    "a space before the first field": b"GET /v1/models HTTP/1.1\r\n Host: localhost\r\n" + KEY + b"\r\n",
    "an empty name": GET + b": 1\r\n\r\n",
    "a name with a space": GET + b"X A: 1\r\n\r\n",
    "a name with a bracket": GET + b"X(A): 1\r\n\r\n",
    "a name beyond ASCII": GET + b"X-\xe9: 1\r\n\r\n",
    "a line without a colon": GET + b"nonsense\r\n\r\n",
    "a NUL in a value": GET + b"X-A: 1\x002\r\n\r\n",
    "a bare CR in a value": GET + b"X-A: 1\r2\r\n\r\n",
    "a bare LF as a line's end": GET + b"X-A: 1\nX-B: 2\r\n\r\n",
    "a bare LF as the last line": GET + b"X-A: 1\r\n\n",
    "bare LFs all over": NEXT.replace(b"\r\n", b"\n"),
    "no Host": b"GET /v1/models HTTP/1.1\r\n" + KEY + b"\r\n",
    "two Hosts": GET + b"Host: other\r\n\r\n",
    "two spaces in the first line": b"GET  /v1/models HTTP/1.1\r\n" + HOST + KEY + b"\r\n",
    "a tab in the first line": b"GET\t/v1/models HTTP/1.1\r\n" + HOST + KEY + b"\r\n",
    "a space in the target": b"GET /v1/mod els HTTP/1.1\r\n" + HOST + KEY + b"\r\n",
    "a control character in the target": b"GET /v1/models\x01 HTTP/1.1\r\n" + HOST + KEY + b"\r\n",
    "a trailing space in the first line": b"GET /v1/models HTTP/1.1 \r\n" + HOST + KEY + b"\r\n",
    "no target": b"GET HTTP/1.1\r\n" + HOST + KEY + b"\r\n",
    "HTTP/0.9": b"GET /v1/models\r\n" + HOST + KEY + b"\r\n",
    "a lower-case version": b"GET /v1/models http/1.1\r\n" + HOST + KEY + b"\r\n",
    "an authority as target": b"CONNECT localhost:443 HTTP/1.1\r\n" + HOST + KEY + b"\r\n",
    "a CRLF before the request": b"\r\n" + NEXT,
    "an unknown expectation": POST + b"Expect: miracles\r\nContent-Length: 2\r\n\r\n{}",
    "an upgrade": GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "an HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}

BAD_CHUNKS = {
    "letters as size": b"zz\r\n{}\r\n",
    "an empty size": b"\r\n{}\r\n",
    "a negative size": b"-2\r\n{}\r\n",
    "a size with 0x": b"0x2\r\n{}\r\n",
    "a size with a space before": b" 2\r\n{}\r\n",
    "a size beyond 64 bits": b"10000000000000002\r\n{}\r\n",
    "no CRLF after the data": b"2\r\n{}0\r\n\r\n",
    "a bare LF after the size": b"2\n{}\r\n",
    "an extension over 256 bytes": b"2;" + b"e" * 300 + b"\r\n{}\r\n",
    "an endless trailer": b"0\r\nX-T: " + b"t" * 100_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD_HEADS)
def test_a_bad_head_is_refused_whole(house, standin, name):
    with house.connect() as connection:
        # what follows must not be taken for another request
        connection.try_send(BAD_HEADS[name] + NEXT)
        answer = connection.answer()
        assert answer.status in (400, 501, 505), answer
        assert answer.get("connection") == "close"
        assert "error" in answer.json()
        assert connection.rest()[0] == b""
    assert standin.requests() == []


@pytest.mark.parametrize("name", BAD_CHUNKS)
def test_a_bad_chunk_ends_the_connection_and_runs_nothing(house, standin, name):
    with house.connect() as connection:
        connection.try_send(POST + b"Transfer-Encoding: chunked\r\n\r\n" + BAD_CHUNKS[name] + NEXT)
        data, _ = connection.rest()
    assert data == b"" or data.startswith(b"HTTP/1.1 400 ")
    assert data.count(b"HTTP/1.1 ") <= 1
    assert standin.log("end", outcome="complete") == []


def test_a_streamed_body_that_turns_out_malformed_closes_both_connections(house, standin):
    with house.connect() as connection:
        connection.send(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(20):
            connection.send(b"4000\r\n" + b"a" * 0x4000 + b"\r\n")
        request = standin.one_request()
        connection.try_send(b"zz\r\n")
        data, _ = connection.rest()
        assert data == b"" or data.startswith(b"HTTP/1.1 400 ")
    assert standin.end()["outcome"] == "gone"
    assert standin.log("close", conn=request["conn"])


def test_a_body_that_ends_early_runs_nothing(house, standin):
    for head in (b"Content-Length: 100\r\n\r\n{}", b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"):
        with house.connect() as connection:
            connection.send(POST + head)
            connection.end_sending()
            data, _ = connection.rest()
            assert data == b"" or data.startswith(b"HTTP/1.1 400 ")
    assert standin.log("end", outcome="complete") == []


def test_chunk_extensions_and_trailers_are_fine_and_dropped(house, standin):
    with house.connect() as connection:
        connection.send(POST + b"Transfer-Encoding: chunked\r\n\r\n"
                        b"2;name=value\r\n{}\r\n0\r\nX-Trailer: 1\r\n\r\n" + NEXT)
        assert connection.answer().status == 200
        assert connection.answer().status == 200
    assert standin.log("body")[0]["bytes"] == 2
    assert all("x-trailer" not in [name.lower() for name, _ in request["headers"]] for request in standin.requests())


@pytest.mark.parametrize("text,status", [("BREW", 501), ("get", 501), ("TRACE", 501)])
def test_unknown_methods(house, standin, text, status):
    with house.connect() as connection:
        connection.send(NEXT.replace(b"GET", text.encode(), 1))
        assert connection.answer().status == status
        assert connection.rest()[0] == b""
    assert standin.requests() == []


def test_a_tls_hello_on_the_plain_port_is_just_closed(house):
    with house.connect() as connection:
        connection.send(b"\x16\x03\x01\x00\x05hello")
        assert connection.is_closed_by_server()


def test_many_pipelined_requests_with_a_bad_one_in_the_middle(house, standin):
    with house.connect() as connection:
        connection.try_send(NEXT * 3 + BAD_HEADS["two lengths"] + NEXT * 3)
        assert [connection.answer().status for _ in range(4)] == [200, 200, 200, 400]
        assert connection.rest()[0] == b""
    assert len(standin.requests()) == 3


def test_gatehouse_serves_on_after_garbage(house):
    for garbage in (b"\x00" * 1000, b"\xff" * 1000, b"GET " + b"/" * 100, b"\r\n\r\n\r\n", b"{}"):
        with house.connect() as connection:
            connection.try_send(garbage)
            connection.end_sending()
            data, _ = connection.rest()
            assert data == b"" or data.startswith(b"HTTP/1.1 4")
    assert house.ask("GET", "/v1/models").status == 200


def test_raw_helper_sends_what_it_says():
    assert raw.request("GET", "/", {"A": "b"}) == b"GET / HTTP/1.1\r\nHost: localhost\r\nA: b\r\n\r\n"
    assert raw.chunked(b"ab", b"c") == b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
