"""Requests in the background, over kept-alive connections, until told to stop."""

import threading
from collections import Counter

from . import raw
from .crew import Crew


class Load(Crew):
    """
    Each thread keeps a connection of its own (a new one after each failure) and asks again and again.

    connect  () -> raw.Connection
    data     the bytes of a request
    """

    def __init__(self, connect, data, threads=8):
        super().__init__(threads)
        self._connect = connect
        self._data = data
        self._lock = threading.Lock()
        self.statuses = Counter()
        self.broken = []

    def __exit__(self, kind, *_):
        super().__exit__(kind, *_)
        assert kind is not None or self.failed == [], self.failed

    @property
    def done(self):
        return sum(self.statuses.values())

    def _work(self):
        while not self._stop.is_set():
            try:
                with self._connect() as connection:
                    self._keep_asking(connection)
            except (raw.Broken, OSError) as error:
                self.broken.append(f"{type(error).__name__}: {error}")

    def _keep_asking(self, connection):
        while not self._stop.is_set():
            connection.send(self._data)
            answer = connection.answer()
            with self._lock:
                self.statuses[answer.status] += 1
            if answer.get("connection") == "close":
                return
