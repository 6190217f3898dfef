"""A generation of workers that is held while it rises: what happens in that moment can be made to happen."""

import os
import signal
import time

from . import procfs
from .poll import settled, until

COUNTS = {signal.SIGHUP: "reloads_finished", signal.SIGUSR2: "upgrades_finished"}


def _new_worker(house, old):
    """The youngest, as soon as there is one: until() would look too seldom."""
    end = time.monotonic() + 20
    while not (new := [pid for pid in procfs.own_children(house.pid)
                       if pid not in old and procfs.title(pid).startswith("gatehouse: worker")]):
        assert time.monotonic() < end, "no new worker"
    return max(new)


def hold_one(house, signum):
    """The signal, and a new worker stopped before it can say that it serves: its pid. None: it was faster."""
    old, count = procfs.own_children(house.pid), COUNTS[signum]
    finished = house.status()[count]
    house.signal(signum)
    held = _new_worker(house, old)
    os.kill(held, signal.SIGSTOP)
    if settled(count, lambda: house.status()[count], 50) == finished:
        return held
    os.kill(held, signal.SIGCONT)
    until("the old workers have left", lambda: not set(old) & set(house.workers()))
    return None
