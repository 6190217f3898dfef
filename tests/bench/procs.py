"""What the kernel says of a gateway's processes: CPU time, memory; and which core they may use."""

import contextlib
import os
from pathlib import Path

from harness import procfs


def family(pid):
    """The process and all that descend from it."""
    found = [pid]
    for parent in found:
        found += procfs.children(parent)
    return found


def cpu_ns(pids):
    """What all threads of the processes have had so far, from schedstat (proc(5))."""
    return sum(int(path.read_text(encoding="ascii").split()[0])
               for pid in pids for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def pss_kib(pids):
    """Their proportional set size: pages that several share count once."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total


def cores():
    """(the gateway's, the load's): two of those that this process may use, or one twice."""
    usable = sorted(ALLOWED)
    return usable[-1], usable[0]


ALLOWED = os.sched_getaffinity(0)


@contextlib.contextmanager
def on_core(core):
    """What is started within runs on this core alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
