"""Random arrivals over many kept-alive connections, and when each request can have been let in.

One thread drives all connections, so that times are taken right before the first byte is sent and right
after the last one has come: an admission lies between the two, whatever else the machine does.
"""

import heapq
import re
import selectors
import socket
import time
from collections import deque
from dataclasses import dataclass, field

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)
LIMIT = re.compile(rb"\r\nx-ratelimit-limit: *(\d+)", re.I)
REMAINING = re.compile(rb"\r\nx-ratelimit-remaining: *(\d+)", re.I)
PATIENCE = 20.0


@dataclass(slots=True)
class Arrival:
    """A request: what it was, when it was on its way (monotonic seconds), what it was told."""

    data: bytes = field(repr=False)
    about: object = None
    sent: float = 0.0
    received: float = 0.0
    status: int = 0
    limit: int | None = None
    remaining: int | None = None

    def read(self, head):
        self.status = int(head[9:12])
        found = LIMIT.search(head), REMAINING.search(head)
        self.limit, self.remaining = (int(match[1]) if match else None for match in found)


class _Line:
    """A kept-alive connection; `busy` is the arrival that it waits for."""

    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(PATIENCE)
        self.busy = None
        self.held = b""

    def begin(self, arrival):
        self.busy, self.held = arrival, b""
        arrival.sent = time.monotonic()
        self.sock.sendall(arrival.data)

    def go_on(self):
        """Read what has come. The arrival if its answer is whole, else None."""
        data = self.sock.recv(65536)
        assert data, "a connection was closed under a request"
        self.held += data
        head, end, body = self.held.partition(b"\r\n\r\n")
        if not end or len(body) < int(LENGTH.search(head)[1]):
            return None
        arrival, self.busy = self.busy, None
        arrival.received = time.monotonic()
        arrival.read(head)
        return arrival


class Crowd:
    """So many connections to a port, for as many waves of arrivals as wanted."""

    def __init__(self, port, connections):
        self._selector = selectors.DefaultSelector()
        self._idle = deque()
        for _ in range(connections):
            line = _Line(port)
            self._selector.register(line.sock, selectors.EVENT_READ, line)
            self._idle.append(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._selector.close()

    def run(self, plan):
        """
        plan  [(seconds from now, Arrival)]; one that finds no idle connection is sent when there is one.
        Returns the arrivals, all of them answered.
        """
        began = time.monotonic()
        waiting = [(began + after, number, arrival) for number, (after, arrival) in enumerate(plan)]
        heapq.heapify(waiting)
        done = []
        while len(done) < len(plan):
            while waiting and self._idle and waiting[0][0] <= time.monotonic():
                self._idle.popleft().begin(heapq.heappop(waiting)[2])
            done += self._wait(waiting[0][0] if waiting and self._idle else None)
        return done

    def _wait(self, until):
        """Whatever has been answered by then; None: until something is."""
        if until is None:
            ready = self._selector.select(PATIENCE)
            assert ready, "no answer came"
        else:
            ready = self._selector.select(max(0.0, until - time.monotonic()))
        answered = []
        for key, _ in ready:
            if (arrival := key.data.go_on()) is not None:
                self._idle.append(key.data)
                answered.append(arrival)
        return answered
