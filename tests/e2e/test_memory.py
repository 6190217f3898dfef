"""Back-pressure both ways with bounded memory.

Measured on the release build: a sanitizer's allocator keeps what is freed.
"""

import contextlib
import json

import pytest
from harness import gatehouse, keys, procfs, raw
from harness.poll import settled, until
from harness.upstream import steering

MIB = 1 << 20
AUTH = {"Authorization": f"Bearer {keys.SECRET}"}
CHAT = json.dumps({"model": "gpt-oss-120b", "messages": []}).encode()
SIZE = 100 * MIB
CROWD = 600


@pytest.fixture
def release_house(start_house, pair):
    program = gatehouse.release_binary()
    assert program is not None, "no release build: run `make` or set GATEHOUSE_RELEASE"
    return start_house(program=program, tls=pair, WORKERS=1, MAX_BODY="200MiB")


def request(**chosen):
    return raw.request("POST", "/v1/chat/completions", {**AUTH, **steering(**chosen)}, CHAT)


def connect(house, scheme):
    # a small buffer of the client's own, so that what is sent must wait in gatehouse or upstream
    return house.connect(receive_buffer=65536) if scheme == "http" else house.connect_tls(receive_buffer=65536)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_client_that_stops_reading_100_mb_costs_under_1_mib(release_house, standin, scheme):
    with connect(release_house, scheme) as warm:
        warm.send(request(body_bytes=5 * MIB))
        assert len(warm.answer().body) == 5 * MIB
    [worker] = release_house.workers()
    before = procfs.resident_bytes(worker)
    with connect(release_house, scheme) as connection:
        connection.send(request(body_bytes=SIZE))
        assert connection.head().status == 200
        sent = settled("what upstream could send", lambda: standin.state()["sending"][-1]["body_bytes"])
        assert sent < SIZE // 2, "the reading from upstream has stopped"
        assert procfs.resident_bytes(worker) - before < MIB
        assert len(connection.exactly(SIZE)) == SIZE
        assert procfs.resident_bytes(worker) - before < MIB
    assert until("the end", lambda: standin.log("end"))[-1]["outcome"] == "complete"


def crowd_bytes(house, worker, in_two=False):
    """
    What a worker with a crowd of connections has in memory; they are closed then.

    in_two  every third of them not before the memory of the others has been given back
    """
    with contextlib.ExitStack() as last, contextlib.ExitStack() as first:
        for number in range(CROWD):
            stack = last if in_two and number % 3 == 0 else first
            connection = stack.enter_context(house.connect_tls())
            assert connection.ask("GET", "/health").status == 200
        full = procfs.resident_bytes(worker)
        if in_two:
            first.close()
            until("memory of some is given back", lambda: procfs.resident_bytes(worker) < full - CROWD * 2048)
        return full


@pytest.mark.parametrize("in_two", [False, True])
def test_memory_falls_back_after_many_connections_have_closed(release_house, in_two):
    [worker] = release_house.workers()
    full = crowd_bytes(release_house, worker)
    until("memory is given back", lambda: procfs.resident_bytes(worker) < full - CROWD * 8192)
    before = procfs.resident_bytes(worker)  # with all that the first crowd has made for good
    took = crowd_bytes(release_house, worker, in_two) - before
    assert took > CROWD * 8192, "else there is nothing to give back"
    until("memory is given back", lambda: procfs.resident_bytes(worker) - before < took / 4)


def test_an_upload_that_upstream_does_not_read_costs_under_1_mib(release_house, standin):
    body = b"a" * SIZE
    head = raw.request("POST", "/unstructured/x", {**AUTH, **steering(body_gate="upload")}, body)
    with release_house.connect() as warm:
        assert warm.ask("POST", "/unstructured/x", AUTH, body[:5 * MIB]).status == 200
    [worker] = release_house.workers()
    before = procfs.resident_bytes(worker)
    with release_house.connect() as connection:
        connection.sock.setblocking(False)
        sent = 0

        def push():
            nonlocal sent
            with contextlib.suppress(BlockingIOError):
                sent += connection.sock.send(memoryview(head)[sent:sent + MIB])
            return sent

        assert settled("what gatehouse takes", push) < SIZE // 2
        assert procfs.resident_bytes(worker) - before < MIB
        standin.open_gate("upload")
        until("all is sent", lambda: push() == len(head), 60)
        connection.sock.settimeout(raw.TIMEOUT)
        assert connection.answer().status == 200
        assert procfs.resident_bytes(worker) - before < MIB
    assert standin.log("body")[-1]["bytes"] == SIZE


def test_a_client_that_stops_reading_and_leaves_cancels_upstream(release_house, standin):
    with connect(release_house, "http") as connection:
        connection.send(request(body_bytes=SIZE))
        connection.head()
        settled("what upstream could send", lambda: standin.state()["sending"][-1]["body_bytes"])
    assert standin.end()["outcome"] == "gone"


def test_a_thousand_idle_connections_are_served_beside_a_busy_one(release_house):
    [worker] = release_house.workers()
    idle = [release_house.connect() for _ in range(900)]
    for connection in idle:
        connection.send(raw.request("GET", "/health"))
    for connection in idle:
        assert connection.answer().status == 200
    before = procfs.resident_bytes(worker)
    for connection in idle:
        connection.send(b"GET /health HTTP/1.1\r\nHost: ")
    assert release_house.ask("GET", "/v1/models").status == 200
    for connection in idle:
        connection.send(b"x\r\n\r\n")
        assert connection.answer().status == 200
    assert procfs.resident_bytes(worker) - before < 16 * MIB
    for connection in idle:
        connection.close()
