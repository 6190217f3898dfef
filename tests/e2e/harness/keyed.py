"""A mixed load in which each request has a key of its own, and a record of what its client saw."""

import contextlib
import json
import random
import threading
import time
from dataclasses import dataclass

from . import keys, raw
from .accounts import MODEL, allowed
from .crew import Crew
from .upstream import steering

PACE = 0.05
"""seconds until one tries again where nobody listens"""


@dataclass
class Record:
    """One request as its client saw it."""

    key_id: str
    endpoint: str = ""
    model: str = MODEL
    request_id: str = ""
    """empty: as the key"""
    sent: bool = False
    status: int | None = None
    whole: bool = False
    """all of the answer has come"""
    left: bool = False
    """the client did not wait for it"""
    seen: object = None
    """the last `usage` that has come"""

    def __post_init__(self):
        self.request_id = self.request_id or self.key_id

    def may_count(self, values):
        return allowed(self, values)


def key_id(number):
    return f"kill-{number:06d}"


def entries(count):
    """Entries of the key file for so many requests."""
    return [keys.entry(keys.secret(key_id(number)), key_id(number)) for number in range(count)]


def _usage_of(event):
    """The cumulative usage that an event tells, of either form; None: nothing."""
    data = event.rpartition(b"data: ")[2]
    if not data.startswith(b"{"):
        return None
    said = json.loads(data)
    return said.get("usage") or said.get("message", {}).get("usage")


class Ask:
    """
    One request of a chat or a message, asked over a connection.

    chance    chooses what it asks for, and how the stand-in answers
    key_id    whose request it is
    """

    GAPS_MS = (0, 0, 2, 10, 30)
    """between the events of a stream"""

    def __init__(self, chance, key_id, request_id=""):
        self._chance = chance
        self.record = Record(key_id, request_id=request_id)
        self._secret = keys.secret(key_id)
        self.refusal = None
        """an answer other than 200"""
        self.last = None
        """a stream's last event"""
        self.stream = self._chance.random() < 0.6
        self._leave_after = self._chance.randint(1, 6) if self.stream and self._chance.random() < 0.05 else None
        self.data = self._request()

    def _request(self):
        chance = self._chance
        messages = chance.random() < 0.3
        self.record.endpoint = "messages" if messages else "chat"
        said = {"model": MODEL, "stream": self.stream, "max_tokens": 100,
                "messages": [{"role": "user", "content": "word " * chance.randint(1, 40)}]}
        if self.stream and not messages and chance.random() < 0.5:
            said["stream_options"] = {"include_usage": True}
        chosen = {"events": chance.randint(1, 12)}
        if self.stream:
            chosen["gap_ms"] = chance.choice(self.GAPS_MS)
            chosen["event_bytes"] = chance.choice((0, 0, 0, 5000))
        else:
            chosen["delay_ms"] = chance.choice((0, 0, 5, 20, 60))
            chosen["body_bytes"] = chance.choice((0, 0, 0, 200_000))
        headers = {"Authorization": f"Bearer {self._secret}", "Content-Type": "application/json",
                   "X-Request-Id": self.record.request_id, **steering(**chosen)}
        return raw.request("POST", "/v1/messages" if messages else "/v1/chat/completions", headers,
                           json.dumps(said).encode())

    def run(self, connection):
        """Returns whether the connection may carry another one. Raises raw.Broken and OSError."""
        self.record.sent = True
        connection.send(self.data)
        head = connection.head()
        self.record.status = head.status
        if self.stream and head.status == 200:
            return self._run_stream(connection, head)
        head.body = connection.body(head)
        self.record.whole = True
        if head.status == 200:
            self.record.seen = head.json()["usage"]
        else:
            self.refusal = head
        return head.get("connection") != "close"

    def _run_stream(self, connection, head):
        events = 0
        while (event := connection.event()) is not None:
            self.record.seen = _usage_of(event) or self.record.seen
            self.last = event
            events += 1
            if events == self._leave_after:
                self.record.left = True
                self._chance.choice((connection.close, connection.reset))()
                return False
        self.record.whole = True
        return head.get("connection") != "close"


class Load(Crew):
    """
    Threads that ask, each over a kept-alive connection, until they are stopped or all keys are used.

    connect   () -> raw.Connection; OSError while nobody listens
    count     keys there are
    rate      requests a second, at most
    failed    exceptions that no kill explains
    """

    def __init__(self, connect, seed, count, rate, threads=16):
        super().__init__(threads)
        self._connect = connect
        self._seed = seed
        self._count = count
        self._rate = rate
        self._lock = threading.Lock()
        self._next = 0
        self._began = time.monotonic()
        self.records = []

    def elapsed(self):
        return time.monotonic() - self._began

    def pause(self, seconds):
        """Let it run; returns early when a client has failed."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self.failed:
            self._stop.wait(min(left, PACE))

    def _take(self):
        """The next request in its time; None when it is over."""
        with self._lock:
            number = self._next
            self._next += 1
        early = number / self._rate - self.elapsed()
        if number >= self._count or self._stop.wait(max(0, early)):
            return None
        ask = Ask(random.Random(f"{self._seed}-{number}"), key_id(number))
        self.records.append(ask.record)
        return ask

    def _work(self):
        connection = None
        try:
            while (ask := self._take()) is not None:
                connection = connection or self._patient_connect()
                if connection is None:
                    return
                connection = self._ask(ask, connection)
        finally:
            if connection is not None:
                connection.close()

    def _patient_connect(self):
        """A connection; None when there was none until the end."""
        while not self._stop.is_set():
            with contextlib.suppress(ConnectionError):
                connection = self._connect()
                # where nobody listens, a connection may by chance be made with itself
                if connection.sock.getsockname() != connection.sock.getpeername():
                    return connection
                connection.close()
            self._stop.wait(PACE)
        return None

    @staticmethod
    def _ask(ask, connection):
        """The connection if it may be kept, else None."""
        try:
            if ask.run(connection):
                return connection
        except (raw.Broken, ConnectionError):
            pass  # the record says how far it came
        connection.close()
        return None
