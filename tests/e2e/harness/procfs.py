"""Processes as the kernel sees them."""

import os
import subprocess
from pathlib import Path


def _stat(pid):
    """Fields of /proc/PID/stat from the state on; None when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _pids():
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def is_alive(pid):
    """Is there such a process, and is it no zombie?"""
    fields = _stat(pid)
    return fields is not None and fields[0] not in "ZX"


def children(pid):
    return [child for child in _pids() if (fields := _stat(child)) is not None and int(fields[1]) == pid]


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


def limit(pid, what, soft):
    """Set a process's soft limit, "nofile" say. Returns the one it had."""
    # as its own user: that needs no capability
    user = {"user": int(status_field(pid, "Uid").split()[0]), "group": int(status_field(pid, "Gid").split()[0]),
            "extra_groups": []} if os.geteuid() == 0 else {}
    had = subprocess.check_output(["prlimit", "--pid", str(pid), f"--{what}", "--output=SOFT", "--noheadings"], text=True, **user)
    subprocess.run(["prlimit", "--pid", str(pid), f"--{what}={soft}:"], check=True, **user)
    return had.strip()


def owner(peer_port, port, pids):
    """Which of the processes holds the server's end of a loopback connection; None while none does."""
    inode = None
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        ends = [int(end.partition(":")[2], 16) for end in fields[1:3]]
        if ends == [port, peer_port]:
            inode = fields[9]
    return next((pid for pid in pids if f"socket:[{inode}]" in open_files(pid)), None)


def open_files(pid):
    """Targets of /proc/PID/fd."""
    links = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(str(entry.readlink()))
        except FileNotFoundError:
            continue
    return links
