"""Generations of workers that follow one another, after a reload or an upgrade, and what of one outlives it."""

import json
import os
import signal
import urllib.request

from . import procfs
from .poll import until


def upgrade(house, wanted="ok"):
    """SIGUSR2 and its outcome."""
    last = house.upgrade()
    assert last["result"] == wanted, last
    return last["reason"]


def renewed(house, workers):
    """The old generation has left, the new one is complete."""
    until("the old generation has left", lambda: not set(workers) & set(house.workers()))
    assert len(house.workers()) == 2


def metrics(house):
    """Samples by series."""
    port = house.status()["metrics_listen"][0].rpartition(":")[2]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        lines = answer.read().decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def totals(samples):
    """Those that may never go back."""
    return {name: value for name, value in samples.items()
            if name.partition("{")[0].endswith(("_total", "_bucket", "_count", "_sum"))
            and not name.startswith("process_")}


def usage(house):
    done = house.run("usage", "--format", "json")
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def metrics_or_none(house):
    try:
        return metrics(house)
    except OSError:
        return None


def replaced(house, pid):
    """It is killed: the pid of its successor."""
    before = procfs.own_children(house.pid)
    os.kill(pid, signal.SIGKILL)
    return until("it is replaced", lambda: set(procfs.own_children(house.pid)) - set(before)).pop()
