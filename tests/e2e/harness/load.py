"""Requests in the background, over kept-alive connections, until told to stop."""

import threading
from collections import Counter

from . import raw


class Load:
    """
    Each thread keeps a connection of its own (a new one after each failure) and asks again and again.

    connect  () -> raw.Connection
    data     the bytes of a request
    """

    def __init__(self, connect, data, threads=8):
        self._connect = connect
        self._data = data
        self._stop = threading.Event()
        self.statuses = Counter()
        self.broken = []
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    @property
    def done(self):
        return sum(self.statuses.values())

    def _run(self):
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
            self.statuses[answer.status] += 1
            if answer.get("connection") == "close":
                return
