"""
Memory and descriptors of a gatehouse's processes over time.

Of what is resident in a process, pages of the journal's files are counted apart: they are one copy for all who map
them, their number is bounded by the files, and they come as the rows of a file come into use.
"""

import contextlib
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field

from . import procfs
from .crew import Crew

PACE = 2.0
"""seconds between two looks"""


@dataclass
class Gauge:
    """One process's resident memory: [(when, bytes of its own, bytes of the journal)]."""

    role: str
    seen: list = field(default_factory=list)

    def between(self, begin, end):
        """The medians of what was seen then, its own and the journal's; None: nobody looked."""
        found = [sizes for when, *sizes in self.seen if begin <= when <= end]
        return tuple(map(statistics.median, zip(*found))) if found else None


def roles(house):
    """{pid: role}, the master's too."""
    return {house.pid: "master", **dict.fromkeys(house.admin(), "admin"), **dict.fromkeys(house.workers(), "worker")}


def holdings(house):
    """{(role, its descriptors, the journal's files that it maps): processes that have so many}."""
    return Counter((role, len(procfs.open_files(pid)), procfs.resident_apart(pid, house.folder)[2])
                   for pid, role in roles(house).items())


class Gauges(Crew):
    """Looks at all processes until told to stop."""

    def __init__(self, house):
        super().__init__(1)
        self._house = house
        self.of = {}
        """{pid: Gauge}"""
        self.latest = 0.0
        """by how many seconds it came too late, at the most: this machine stood still, or the test did"""

    def _work(self):
        due = time.monotonic() + PACE
        while not self._stop.wait(PACE):
            self.latest = max(self.latest, time.monotonic() - due)
            for pid, role in roles(self._house).items():
                with contextlib.suppress(FileNotFoundError, ProcessLookupError, KeyError):  # it has just ended
                    own, journal, _ = procfs.resident_apart(pid, self._house.folder)
                    self.of.setdefault(pid, Gauge(role)).seen.append((time.monotonic(), own, journal))
            due = time.monotonic() + PACE
