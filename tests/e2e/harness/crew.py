"""Threads that work in the background until they are told to stop."""

import threading

from . import raw


class Crew:
    """
    Each thread runs `_work`, which ends soon after `_stop` is set. At the end of the `with` none may hang.

    failed  the exceptions that `_work` let out: a thread's own would be lost
    """

    def __init__(self, threads):
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]
        self.failed = []

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(2 * raw.TIMEOUT)
        assert not any(thread.is_alive() for thread in self._threads), "a client hangs"

    def _run(self):
        try:
            self._work()
        except Exception as error:  # told by the test
            self.failed.append(error)
