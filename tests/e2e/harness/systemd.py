"""As much of systemd as gatehouse can see: a notify socket, and sockets bound beforehand."""

import os
import socket
import sys
from pathlib import Path

from . import gatehouse
from .poll import until

FIRST_FD = 3

LAUNCHER = """#!{python}
# Puts the sockets where sd_listen_fds() looks for them, and becomes gatehouse in the same process.
import os, sys
fds = [int(text) for text in os.environ.pop("TEST_FDS", "").split(",") if text]
if sys.argv[1:2] == ["run"]:
    spare = [os.dup(fd) for fd in fds]
    while any(fd < {first} + len(fds) for fd in spare):
        spare = [os.dup(fd) for fd in spare]
    for number, fd in enumerate(spare):
        os.dup2(fd, {first} + number, inheritable=True)
    os.closerange({first} + len(fds), 256)
    os.environ["LISTEN_FDS"] = str(len(fds))
    os.environ["LISTEN_PID"] = os.environ.pop("TEST_PID", None) or str(os.getpid())
    os.environ["LISTEN_FDNAMES"] = ":".join(["gatehouse.socket"] * len(fds))
os.execv({program!r}, [{program!r}, *sys.argv[1:]])
"""


class NotifySocket:
    """Where READY=1 and the like arrive. abstract: its address is no file."""

    def __init__(self, folder, abstract=False):
        name = f"{folder}/notify-{os.getpid()}"
        self.address = f"@{name}" if abstract else name
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        if not abstract:
            Path(name).unlink(missing_ok=True)
        self._socket.bind(f"\0{name}" if abstract else name)
        self._socket.setblocking(False)
        self._messages = []

    def close(self):
        self._socket.close()
        if not self.address.startswith("@"):
            Path(self.address).unlink()

    def messages(self):
        """All until now, each as a dictionary."""
        while True:
            try:
                text = self._socket.recv(4096).decode()
            except BlockingIOError:
                return self._messages
            self._messages.append(dict(line.split("=", 1) for line in text.splitlines()))

    def states(self):
        """READY, RELOADING and STOPPING in their order."""
        return [name for message in self.messages() for name in message
                if name in ("READY", "RELOADING", "STOPPING")]

    def last_line(self):
        lines = [message["STATUS"] for message in self.messages() if "STATUS" in message]
        return lines[-1] if lines else ""

    def await_states(self, *expected):
        until(f"these are told: {expected}", lambda: self.states() == list(expected))


def listen(host="127.0.0.1", family=socket.AF_INET):
    """A socket as a .socket unit has it, and its address for LISTEN."""
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    made.bind((host, 0))
    made.listen(512)
    shown = f"[{host}]" if family == socket.AF_INET6 else host
    return made, f"{shown}:{made.getsockname()[1]}"


def activate(house, *sockets, pid=None):
    """Have the house started with these sockets."""
    launcher = house.folder / "launcher"
    launcher.write_text(LAUNCHER.format(python=sys.executable, first=FIRST_FD, program=str(gatehouse.binary())))
    launcher.chmod(0o755)
    house.program = launcher
    house.pass_fds = tuple(made.fileno() for made in sockets)
    house.environment["TEST_FDS"] = ",".join(str(fd) for fd in house.pass_fds)
    if pid is not None:
        house.environment["TEST_PID"] = str(pid)
