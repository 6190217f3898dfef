"""Bodies of many reads, both ways: each byte arrives, however the body is framed and whatever it comes in."""

import os
import random
import signal

import pytest
from harness import keys, raw
from harness.echo import body_for, target

MIB = 1 << 20
AUTH = {"Authorization": f"Bearer {keys.SECRET}"}
SAID = random.Random(1).randbytes(5 * MIB)
ANSWER = 20 * MIB


def in_pieces(body, size):
    return [body[at:at + size] for at in range(0, len(body), size)]


REQUESTS = {
    "length": lambda at: raw.request("POST", at, AUTH, SAID),
    "one chunk": lambda at: raw.request_chunked("POST", at, AUTH, SAID),
    "long chunks": lambda at: raw.request_chunked("POST", at, AUTH, *in_pieces(SAID, 300_001)),
    "short chunks": lambda at: raw.request_chunked("POST", at, AUTH, *in_pieces(SAID, 9_973)),
}


@pytest.fixture(params=["http", "https"])
def connection(request, start_house, echo, pair):
    house = start_house(upstream=echo.url(), tls=pair, WORKERS=1, MAX_BODY="10MiB")
    connect = house.connect if request.param == "http" else house.connect_tls
    with connect() as one:
        yield one


@pytest.mark.parametrize("framing", REQUESTS)
def test_an_upload_of_many_reads(connection, framing):
    for turn in range(3):  # the later ones on connections that have been fast before
        marker = f"upload-{turn}"
        connection.send(REQUESTS[framing](target(marker, size=10)))
        answer = connection.answer()
        assert answer.status == 200
        assert answer.body == body_for(marker, SAID, 10)


@pytest.mark.parametrize("frame", ["length", "chunked", "sse", "close"])
def test_an_answer_of_many_reads(connection, frame):
    for turn in range(3):
        marker = f"answer-{turn}"
        connection.send(raw.request("POST", target(marker, size=ANSWER, frame=frame), AUTH, b"{}"))
        answer = connection.answer()
        assert answer.status == 200
        assert answer.body == body_for(marker, b"{}", ANSWER)


def test_heads_that_come_all_at_once(start_house, upstream):
    """More than the buffer holds in which heads are put together."""
    early = b"HTTP/1.1 103 Early Hints\r\n" + b"".join(b"X-F%d: %s\r\n" % (i, b"a" * 7000) for i in range(4)) + b"\r\n"
    number = 18
    house = start_house(upstream=upstream.url(), WORKERS=1)
    [worker] = house.workers()
    with house.connect() as connection:
        connection.send(raw.request("POST", "/v1/chat/completions", AUTH, b"{}"))
        peer = upstream.accept()
        peer.until(b"{}")
        said = early * number + b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
        os.kill(worker, signal.SIGSTOP)
        peer.sock.setblocking(False)
        waiting = peer.sock.send(said)
        os.kill(worker, signal.SIGCONT)
        assert waiting > 200_000, "the kernel has taken too little"
        peer.sock.settimeout(raw.TIMEOUT)
        peer.send(said[waiting:])
        answer = connection.answer()
        assert answer.interim == [103] * number
        assert (answer.status, answer.body) == (200, b"hello")
