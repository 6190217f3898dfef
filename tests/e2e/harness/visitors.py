"""Many clients of a gatehouse over TLS, of all manners, and what came of each request."""

import random
import socket
import ssl
import threading
import time
from collections import Counter
from dataclasses import dataclass

from . import errands, keys, raw
from .crew import Crew

THINKING = (0.2, 3.0)
"""seconds between two requests on a kept connection: a worker that leaves closes those idle for IDLE_MOST"""
IDLE_MOST = 4.5
SLOW_PAUSE = 0.03
SLOW_BYTES = 8192
HEAD_BYTES = 200
HALF_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
MANNERS = {"kept": 60, "once": 18, "slow": 10, "silent": 6, "half-open": 6}


@dataclass
class Result:
    """What came of one request, or of the beginning of a connection."""

    kind: str
    outcome: str
    """ok; left, by the client; refused, with an error of gatehouse's own; cut; hung; wrong; not resumed"""
    port: int
    """the client's"""
    opened: float
    """when its connection began; all times are of the monotonic clock"""
    began: float
    ended: float
    errand: object = None
    what: str = ""
    idle: float = 0.0
    """seconds from the last answer until the request's beginning was sent"""

    def __str__(self):
        told = self.errand and (self.errand.record, self.errand.refusal)
        return (f"{self.kind} {self.outcome} on port {self.port}: {self.what} {told}, "
                f"connected {self.began - self.opened:.3f} s before, idle for {self.idle:.3f} s, ended after {self.ended - self.began:.3f} s")


class Connection(raw.Connection):
    """Knows for how long nothing was sent over it."""

    def __init__(self, port, **options):
        super().__init__(port, **options)
        self._quiet_since = time.monotonic()
        self.idle = 0.0
        """seconds before the last request"""

    def send(self, data):
        if self._quiet_since is not None:
            first, data = data[:HEAD_BYTES], data[HEAD_BYTES:]
            try:
                super().send(first)
            finally:
                self.idle, self._quiet_since = time.monotonic() - self._quiet_since, None
        if data:
            super().send(data)

    def is_quiet(self):
        """From now on, until the next request."""
        self._quiet_since = time.monotonic()


class SlowConnection(Connection):
    """Takes and gives little at a time."""

    def __init__(self, port, pause):
        super().__init__(port, receive_buffer=SLOW_BYTES)
        self._pause = pause

    def send(self, data):
        size = max(SLOW_BYTES, len(data) // 40)
        if len(data) <= SLOW_BYTES:
            size = max(1, len(data) // 10)
        for start in range(0, len(data), size):
            super().send(data[start:start + size])
            self._pause(SLOW_PAUSE)

    def _more(self):
        self._pause(SLOW_PAUSE)
        super()._more()


class Visitors(Crew):
    """
    Each has a key of its own and comes again and again, over one connection at a time.

    port       the TLS port
    authority  whom they trust
    """

    def __init__(self, port, authority, seed, count):
        super().__init__(count)
        self._port = port
        self._contexts = [self._context(authority, version)
                          for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)]
        self._seed = seed
        self._numbers = iter(range(count))
        self._lock = threading.Lock()
        self.results = []
        self.counts = Counter()
        self.open = 0
        self.most_open = 0

    @staticmethod
    def key_id(number):
        return f"soak-{number:04d}"

    @classmethod
    def entries(cls, count):
        return [keys.entry(keys.secret(cls.key_id(number)), cls.key_id(number)) for number in range(count)]

    @staticmethod
    def _context(authority, version):
        context = authority.client_context()
        context.minimum_version = context.maximum_version = version
        return context

    def count(self, what, by=1):
        with self._lock:
            self.counts[what] += by

    def opened(self, by):
        with self._lock:
            self.open += by
            self.most_open = max(self.open, self.most_open)

    def pause(self, seconds):
        """Returns early when all is over."""
        self._stop.wait(seconds)

    @property
    def is_over(self):
        return self._stop.is_set()

    def _work(self):
        with self._lock:
            number = next(self._numbers)
        chance = random.Random(f"{self._seed}-{number}")
        visitor = Visitor(self, chance, self.key_id(number), self._port, chance.choice(self._contexts))
        self.pause(chance.uniform(0, THINKING[1]))
        while not self.is_over:
            visitor.visit()


class Visitor:
    """One of them, in its own thread."""

    def __init__(self, crew, chance, key_id, port, context):
        self._crew = crew
        self._chance = chance
        self._key_id = key_id
        self._port = port
        self._context = context
        self._session = None
        self._number = 0

    def visit(self):
        """A connection from its beginning to its end."""
        manner = self._chance.choices(list(MANNERS), list(MANNERS.values()))[0]
        self._opened = time.monotonic()
        self._own_port = 0
        try:
            connection = SlowConnection(self._port, self._crew.pause) if manner == "slow" else Connection(self._port)
        except OSError as error:
            self._note("connection", self._opened, error)
            self._crew.pause(THINKING[0])
            return
        self._own_port = connection.sock.getsockname()[1]
        self._crew.opened(1)
        self._crew.count(manner)
        with connection:
            self._spend(manner, connection)
        self._crew.opened(-1)

    def _spend(self, manner, connection):
        if manner == "half-open":
            self._stay_half_open(connection)
        elif self._shake_hands(connection):
            requests = {"once": 1, "silent": 1, "slow": 3}.get(manner) or self._chance.randint(1, 12)
            while (goes_on := self._ask(connection)) and (requests := requests - 1) and not self._crew.is_over:
                self._crew.pause(self._chance.uniform(*THINKING))
            if manner == "silent" and goes_on:
                self._stay(connection)
            if isinstance(connection.sock, ssl.SSLSocket):
                self._session = connection.sock.session

    def _stay_half_open(self, connection):
        """Says half a ClientHello and leaves."""
        connection.try_send(HALF_HELLO[:self._chance.randint(0, len(HALF_HELLO))])
        self._crew.pause(self._chance.uniform(*THINKING))

    def _stay(self, connection):
        """Is idle until it is closed on, or leaves by itself."""
        for _ in range(self._chance.randint(1, 20)):
            self._crew.pause(1)
            connection.sock.settimeout(0.01)
            try:
                if self._crew.is_over or not connection.sock.recv(1):
                    return
            except TimeoutError:
                continue
            except OSError:
                return

    def _shake_hands(self, connection):
        began = time.monotonic()
        offered = self._session if self._session is not None and self._session.has_ticket else None
        try:
            connection.start_tls(self._context, session=offered)
        except OSError as error:
            self._note("handshake", began, error)
            return False
        is_resumed = connection.sock.session_reused
        if is_resumed != (offered is not None):
            self._note("handshake", began, what="another session" if is_resumed else "not resumed")
        self._crew.count("resumed" if is_resumed else "full handshakes")
        return True

    def _ask(self, connection):
        """Returns whether the connection goes on."""
        self._number += 1
        made = self._chance.choices(list(errands.KINDS), list(errands.KINDS.values()))[0]
        errand = made(self._chance, self._key_id, f"{self._key_id}-{self._number}")
        began = time.monotonic()
        failure, goes_on = None, False
        try:
            goes_on = errand.run(connection)
        except (raw.Broken, OSError, errands.Wrong, ValueError) as error:
            failure = error
        errand.data = None  # some are large, and all errands are kept
        self._note(errand.kind, began, failure, errand, idle=connection.idle)
        connection.is_quiet()
        return goes_on

    def _note(self, kind, began, error=None, errand=None, what="", idle=0.0):
        if isinstance(error, TimeoutError | socket.timeout):
            outcome = "hung"
        elif isinstance(error, errands.Wrong | ValueError) and not isinstance(error, OSError) or what:
            outcome = "wrong"
        elif error is not None:
            outcome = "cut"
        elif errand.record.left:
            outcome = "left"
        else:
            outcome = "ok" if errand.refusal is None else "refused"
        what = what or (repr(error) if error is not None else "")
        self._crew.results.append(Result(kind, outcome, self._own_port, self._opened, began, time.monotonic(), errand, what, idle))
