"""
Memory: what a gateway's processes take (PSS, from smaps_rollup) at rest, by an idle connection, by an open stream, and
after connections have closed. What the kernel keeps for sockets is not in it, and is the same for all.
"""

import json
import subprocess
import time

import procs
from loads import CHAT, GATEWAYS, Figure, Load

STEADY_KIB = 64
STEADY_SECONDS = 15.0
GIVE_BACK_SECONDS = 25.0

FIGURES = {
    "F.idle": Figure("F idle TLS connection", "KiB", reach=0.96, reach_lua=0.96),
    "F.stream": Figure("F open stream", "KiB", reach=0.42, reach_lua=0.42),
    "F.base": Figure("F master, one worker and admin at rest", "MiB"),
    "F.kept": Figure("F kept after connections closed, of what they took", "%"),
}
PEERS = GATEWAYS
BASE_MIB = 12.0
"""what is to be reached at rest"""

_idle = Load("F", {}, None, {})
_stream = Load("F", {"target": f"{CHAT}?pace_ms=1000&content=24"}, None, {}, body="stream", extra=("--events",))


def _steady_kib(pids, seconds=STEADY_SECONDS):
    """The sum once two looks half a second apart agree; the last one when none do."""
    end = time.monotonic() + seconds
    last = procs.pss_kib(pids)
    while time.monotonic() < end:
        time.sleep(0.5)
        now = procs.pss_kib(pids)
        if abs(now - last) <= STEADY_KIB:
            return now
        last = now
    return last


class Held:
    """Connections that stay open while the block runs."""

    def __init__(self, tools, setting, load, peer, n):
        self.name = f"{n} connections to {type(peer).__name__}"
        line = tools.command(setting, load, peer, "--stay", "--connections", str(n))
        with procs.on_core(tools.core):
            self.process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        if not self.process.stdout.readline():
            raise RuntimeError(f"{self.name}: the load has failed")
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        last = self.process.stdout.read()
        self.process.stdout.close()
        if self.process.wait(30) != 0 or json.loads(last)["reopened"] > 0:
            raise RuntimeError(f"{self.name}: not all stayed open")


def _fresh(make, measure):
    """A gateway of its own, so that what one measurement leaves does not hide the next one's."""
    peer = make()
    peer.start()
    try:
        return measure(peer)
    finally:
        peer.stop()


def measure(tools, setting, make, scale=1.0):
    """All figures of one peer; make() gives one that is not started. scale: fewer connections for a smoke test."""

    def per_connection(load, n):
        def run(peer):
            with Held(tools, setting, load, peer, 20):  # what the first request of all allocates
                pass
            before = _steady_kib(peer.pids)
            with Held(tools, setting, load, peer, n):
                return (_steady_kib(peer.pids) - before) / n
        return run

    def kept(peer):
        before = _steady_kib(peer.pids)
        with Held(tools, setting, _idle, peer, int(5000 * scale)):
            took = _steady_kib(peer.pids) - before
        end = time.monotonic() + GIVE_BACK_SECONDS * scale
        while (left := procs.pss_kib(peer.pids) - before) > took / 10 and time.monotonic() < end:
            time.sleep(0.5)
        return 100.0 * left / took

    return {
        "F.base": _fresh(make, lambda peer: _steady_kib(peer.pids) / 1024),
        "F.idle": _fresh(make, per_connection(_idle, int(2000 * scale))),
        "F.stream": _fresh(make, per_connection(_stream, int(500 * scale))),
        "F.kept": _fresh(make, kept),
    }
