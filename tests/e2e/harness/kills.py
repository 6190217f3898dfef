"""Strikes at random; here kill -9: a worker, admin, the master alone, everything, and new generations between."""

import json
import os
import signal
from collections import Counter

from . import procfs, raw
from .poll import until

KINDS = {"worker": 43, "admin": 25, "everything": 13, "master": 7, "reload": 12}
"""and how often, in per cent; a reload kills nobody, but begins a new generation that the next kill may hit"""
EVENTS = ("child_exit", "reload")
"""error lines that kills bring with them; a reload fails when one of its workers is killed"""


def kill(pid):
    """Returns whether it was there to be killed."""
    try:
        os.kill(pid, signal.SIGKILL)
        return True
    except ProcessLookupError:
        return False


def write_config(path, seconds):
    """A configuration that differs by nothing of importance, so that a reload needs new workers."""
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps({"upstream_idle_timeout": seconds}))
    os.replace(new, path)


class Striker:
    """
    Does something to one gatehouse, again and again: `_KIND` is a method that says whether it did.

    kinds        {kind: how often, beside the others}
    config_path  the file that GATEHOUSE_CONFIG names: it is changed for a new generation
    """

    def __init__(self, house, chance, kinds, config_path):
        self._house = house
        self._chance = chance
        self._kinds = kinds
        self._config_path = config_path
        self.counts = Counter()

    def strike(self):
        kind = self._choose()
        if getattr(self, f"_{kind}")():
            self.counts[kind] += 1

    def _choose(self):
        return self._chance.choices(list(self._kinds), list(self._kinds.values()))[0]

    def _change_config(self):
        write_config(self._config_path, self._chance.randint(100, 999))


class Killer(Striker):
    """Kills parts of a gatehouse and has it come back."""

    def __init__(self, house, chance, config_path):
        super().__init__(house, chance, KINDS, config_path)
        self._sessions = []
        """of masters that were killed alone: their children leave by themselves"""
        self._port = house.http_port

    def connect(self):
        """A connection to it; refused while it is down."""
        port = self._port
        if port is None:
            raise ConnectionRefusedError
        return raw.Connection(port)

    def delay(self):
        """Seconds until the next one: some hit what is just coming back."""
        return self._chance.uniform(0, 0.1) if self._chance.random() < 0.3 else self._chance.uniform(0.1, 0.9)

    def _one_of(self, pids):
        return bool(pids) and kill(self._chance.choice(sorted(pids)))

    def _worker(self):
        return self._one_of(self._house.workers())

    def _admin(self):
        return self._one_of(self._house.admin())

    def _master(self):
        self._sessions.append(self._house.pid)
        self._port = None
        kill(self._house.pid)
        return self._start_again()

    def _reload(self):
        self._change_config()
        self._house.signal(signal.SIGHUP)
        return True

    def _everything(self):
        self._port = None
        os.killpg(self._house.pid, signal.SIGKILL)
        until("all are gone", lambda: not procfs.session_members(self._house.pid))
        return self._start_again()

    def _start_again(self):
        self._house.process.wait(20)
        self._house.start()
        self._port = self._house.http_port
        return True

    def finish(self):
        """Wait for what killed masters have left."""
        for session in self._sessions:
            until("a killed master's children have left", lambda session=session: not procfs.session_members(session),
                  deadline=60)
