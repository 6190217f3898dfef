"""Thousands of half-open and slow connections: real clients beside them are all served, memory stays bounded.

SLOW_CONNECTIONS (2000) says how many; `make soak-slow` has 10,000. Latencies are printed, not judged: the
machine may be busy with other tests.
"""

import contextlib
import itertools
import json
import os
import socket
import threading
import time

import pytest
from harness import gatehouse, keys, procfs, raw
from harness.poll import settled, until
from harness.upstream import steering

COUNT = int(os.environ.get("SLOW_CONNECTIONS", "2000"))
ADDRESSES = 25
ROUNDS = 150
CLIENTS = 4
KIB = 1024
AUTH = {"Authorization": f"Bearer {keys.SECRET}"}
CHAT = json.dumps({"model": "gpt-oss-120b", "messages": [{"role": "user", "content": "hi"}]}).encode()
BIG = 1_000_000
"""bytes of an answer that nobody reads: more than the kernel keeps"""


@pytest.fixture
def many_files():
    with procfs.many_files(COUNT + 2000):
        yield


class Slow:
    """A connection that holds on to what it has got. Its kind is chosen by its number."""

    SILENT, HALF_HANDSHAKE, HALF_HEAD, HALF_BODY, NOT_READING = KINDS = range(5)

    def __init__(self, house, number):
        self.kind = number % len(self.KINDS)
        self.sock = socket.socket()
        if self.kind == self.NOT_READING:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.sock.settimeout(raw.TIMEOUT)
        # the cap on one address's connections is not what is tested here
        self.sock.bind((f"127.0.{1 + number % ADDRESSES}.1", 0))
        self.sock.connect(("127.0.0.1", house.https_port if self.kind == self.HALF_HANDSHAKE else house.http_port))
        self.sock.sendall(self._begin())

    def _begin(self):
        if self.kind == self.SILENT:
            return b""
        if self.kind == self.HALF_HANDSHAKE:
            return b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
        if self.kind == self.HALF_HEAD:
            return b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + b"s" * 1000
        if self.kind == self.HALF_BODY:
            return raw.request("POST", "/v1/chat/completions", AUTH, CHAT)[:-20]
        return raw.request("POST", "/v1/chat/completions", {**AUTH, **steering(body_bytes=BIG)}, CHAT)

    def trickle(self):
        """A byte more."""
        with contextlib.suppress(OSError):
            self.sock.send(b"s")


class Real:
    """Clients that ask one after the other, over a kept connection and over new ones in turn."""

    def __init__(self, house):
        self._house = house
        self.seconds = []
        self.faults = []

    def run(self):
        threads = [threading.Thread(target=self._run) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self

    def _run(self):
        try:
            with self._house.connect() as kept:
                for number in range(ROUNDS):
                    began = time.monotonic()
                    if number % 3 == 2:
                        with self._house.connect_tls() as fresh:
                            self._ask(fresh)
                    else:
                        self._ask(kept)
                    self.seconds.append(time.monotonic() - began)
        except Exception as error:  # told by the test, for a thread's own exception would be lost
            self.faults.append(error)

    @staticmethod
    def _ask(connection):
        answer = connection.ask("POST", "/v1/chat/completions", AUTH, CHAT)
        assert answer.status == 200, answer

    def told(self):
        times = sorted(self.seconds)
        return " ".join(f"{name} {1000 * times[int(part * (len(times) - 1))]:.1f} ms"
                        for name, part in (("median", 0.5), ("p99", 0.99), ("longest", 1)))


def only_clients_files(workers, standin):
    """Descriptors of the workers; their idle connections to upstream are closed before."""
    standin.close_idle()
    return sum(len(procfs.open_files(worker)) for worker in workers)


@pytest.mark.timeout(600)
def test_real_clients_are_served_beside_thousands_of_slow_ones(start_house, standin, pair, many_files, capsys):
    house = start_house(program=gatehouse.release_binary(), tls=pair, HEADER_TIMEOUT=600, BODY_TIMEOUT=600,
                        IDLE_TIMEOUT=600, MAX_CONNECTIONS=20_000)
    workers = house.workers()
    alone = Real(house).run()
    assert alone.faults == []
    before = sum(procfs.resident_bytes(worker) for worker in workers)
    files = only_clients_files(workers, standin)
    slow = [Slow(house, number) for number in range(COUNT)]
    until("all are accepted", lambda: sum(len(procfs.open_files(worker)) for worker in workers) - files >= COUNT, 60)
    settled("what upstream could send", lambda: sum(one["body_bytes"] for one in standin.state()["sending"]), 10, 60)
    stop = threading.Event()

    def trickle():
        # a few at a time: this process has the real clients, too
        for one in itertools.cycle(one for one in slow if one.kind == Slow.HALF_HEAD):
            one.trickle()
            if stop.wait(0.002):
                return

    trickling = threading.Thread(target=trickle)
    trickling.start()
    try:
        beside = Real(house).run()
    finally:
        stop.set()
        trickling.join()
    each = (sum(procfs.resident_bytes(worker) for worker in workers) - before) / COUNT
    with capsys.disabled():
        print(f"\n{COUNT} slow connections: alone {alone.told()}; beside them {beside.told()}; "
              f"{each / KIB:.1f} KiB each")
    assert beside.faults == []
    assert len(beside.seconds) == CLIENTS * ROUNDS
    # a fifth has up to 64 KiB of an answer that it does not read
    assert each < 40 * KIB
    assert house.workers() == workers
    assert not house.lines("connection_refused")
    for one in slow:
        one.sock.close()
    until("all are gone", lambda: only_clients_files(workers, standin) <= files, 60)


def test_slow_ones_are_given_up_in_their_time(start_house, standin, pair):
    house = start_house(tls=pair, HEADER_TIMEOUT=1, BODY_TIMEOUT=1, IDLE_TIMEOUT=1)
    workers = house.workers()
    with house.connect() as warm:
        assert warm.ask("POST", "/v1/chat/completions", AUTH, CHAT).status == 200
    files = only_clients_files(workers, standin)
    slow = [Slow(house, number) for number in range(200)]
    until("they are there", lambda: only_clients_files(workers, standin) > files)
    until("none is left", lambda: only_clients_files(workers, standin) <= files, 60)
    assert house.ask("GET", "/health").status == 200
    for one in slow:
        one.sock.close()
