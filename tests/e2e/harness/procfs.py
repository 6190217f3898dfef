"""Processes as the kernel sees them."""

import contextlib
import os
import resource
import subprocess
from pathlib import Path

import pytest


def _stat(pid):
    """Fields of /proc/PID/stat from the state on; None when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _pids():
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def state(pid):
    """Its letter in /proc/PID/stat; X when it is gone."""
    fields = _stat(pid)
    return fields[0] if fields is not None else "X"


def age(pid):
    """Seconds since it was started."""
    up = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    fields = _stat(pid)
    return up - int(fields[19]) / os.sysconf("SC_CLK_TCK") if fields is not None else 0.0


def is_alive(pid):
    """Is there such a process, and is it no zombie?"""
    return state(pid) not in "ZX"


def children(pid):
    return [child for child in _pids() if (fields := _stat(child)) is not None and int(fields[1]) == pid]


def own_children(pid):
    """The same, without a look at every process there is; the ones of its first thread."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except FileNotFoundError:
        raise AssertionError(f"process {pid} has ended") from None
    return [int(child) for child in text.split()]


def zombies(pid):
    return [child for child in children(pid) if (fields := _stat(child)) is not None and fields[0] == "Z"]


def session_members(session):
    """All processes of a session but zombies."""
    return [pid for pid in _pids()
            if (fields := _stat(pid)) is not None and int(fields[3]) == session and fields[0] not in "ZX"]


def title(pid):
    """The command line as `ps` shows it, empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def status_field(pid, name):
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(name + ":"):
            return line.partition(":")[2].strip()
    raise KeyError(name)


def resident_bytes(pid):
    return int(status_field(pid, "VmRSS").split()[0]) * 1024


def _mappings(pid):
    """[(path or "", resident bytes)]"""
    found, path = [], ""
    for line in Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8").splitlines():
        name, _, rest = line.partition(":")
        if name == "Rss":
            found.append((path, int(rest.split()[0]) * 1024))
        elif "-" in line.split()[0]:  # the first line of each: addresses, rights, offset, device, inode, path
            path = line.split(maxsplit=5)[5] if len(line.split()) > 5 else ""
    return found


def resident_apart(pid, folder):
    """(resident bytes but for pages of the files in folder, those of these files, how many of them are mapped)"""
    everything = _mappings(pid)
    within = [(path, size) for path, size in everything if path.startswith(f"{folder}/")]
    size_within = sum(size for _, size in within)
    return sum(size for _, size in everything) - size_within, size_within, len({path for path, _ in within})


@contextlib.contextmanager
def many_files(count):
    """Room for so many descriptors in this process and those that it starts meanwhile; skips where there is none."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        if hard != resource.RLIM_INFINITY and hard < count:
            pytest.skip(f"{count} descriptors are more than may be open here ({hard})")
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def limit(pid, what, soft):
    """Set a process's soft limit, "nofile" say. Returns the one it had."""
    # as its own user: that needs no capability
    user = {"user": int(status_field(pid, "Uid").split()[0]), "group": int(status_field(pid, "Gid").split()[0]),
            "extra_groups": []} if os.geteuid() == 0 else {}
    had = subprocess.check_output(["prlimit", "--pid", str(pid), f"--{what}", "--output=SOFT", "--noheadings"], text=True, **user)
    subprocess.run(["prlimit", "--pid", str(pid), f"--{what}={soft}:"], check=True, **user)
    return had.strip()


_LOOKS = 4
"""a reading of /proc/net/tcp may miss one while others come and go, for it is read in pieces"""


_NOBODY = "socket:[0]"
"""of a connection that no process holds"""


def _connections(port):
    """{the client's port: what /proc/PID/fd calls the server's socket} of all connections to a port."""
    found = {}
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        here, there = (int(end.partition(":")[2], 16) for end in fields[1:3])
        if here == port:
            found[there] = f"socket:[{fields[9]}]"
    return found


def owner(peer_port, port, pids):
    """Which of the processes holds the server's end of a loopback connection; None while none does."""
    link = _connections(port).get(peer_port)
    return next((pid for pid in pids if link in open_files(pid)), None)


def is_let_go(peer_port, port):
    """Does no process hold the server's end of a loopback connection any more? The kernel may still send from it."""
    return _connections(port).get(peer_port, _NOBODY) == _NOBODY


def peers(pid, port):
    """The clients' ports of all connections to a port that the process, which is stopped, holds."""
    links = set(open_files(pid))
    found = set()
    for _ in range(_LOOKS):
        found |= {there for there, link in _connections(port).items() if link in links}
    return frozenset(found)


def open_files(pid):
    """Targets of /proc/PID/fd."""
    links = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(str(entry.readlink()))
        except FileNotFoundError:
            continue
    return links
