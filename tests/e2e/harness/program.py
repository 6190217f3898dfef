"""A program for UPSTREAM_COMMAND: reports how it was started, and serves on a UNIX socket. Standard library only.

It may run as another user with another Python than the tests', so the tests copy it and import nothing of it
but `Program`.
"""

import argparse
import json
import os
import shlex
import shutil
import signal
import socketserver
import subprocess
import sys
import time
from pathlib import Path

PAUSE = 0.01
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


def _parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--say")
    parser.add_argument("--fail", action="store_true", help="end at once, exit status 3")
    parser.add_argument("--wait", help="serve when this file is there")
    parser.add_argument("--deaf", action="store_true", help="ignore SIGINT")
    parser.add_argument("--child", action="store_true", help="leave a child behind that hears nothing")
    parser.add_argument("--word", action="append", default=[])
    return parser.parse_args()


def _note(folder, name, **fields):
    """Append a line to the report."""
    with (folder / "report").open("a") as file:
        file.write(json.dumps({"event": name, "pid": os.getpid(), **fields}) + "\n")


def _status_fields():
    lines = Path("/proc/self/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _facts(arguments):
    """What it was started with."""
    status = _status_fields()
    return {
        "environment": dict(os.environ), "files": {int(n): os.readlink(f"/proc/self/fd/{n}")
                                                   for n in os.listdir("/proc/self/fd")
                                                   if os.path.exists(f"/proc/self/fd/{n}")},
        "group": os.getpgrp(), "uid": os.getuid(), "words": arguments.word,
        "status": {name: status[name] for name in ("SigBlk", "SigIgn", "NoNewPrivs", "CapEff", "CapPrm", "CapAmb")}}


class _Handler(socketserver.StreamRequestHandler):
    """Answers a stream: one event, then the rest when the file `go` is there."""

    def handle(self):
        while line := self.rfile.readline():
            length = 0
            while line not in (b"\r\n", b""):
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
                line = self.rfile.readline()
            self.rfile.read(length)
            self._answer()

    def _answer(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        self._chunk(b'data: {"choices":[]}\n\n')
        while not (self.server.folder / "go").exists():
            time.sleep(PAUSE)
        self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")

    def _chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """Who has gone has gone: nothing is printed."""


def _on_interrupt(arguments):
    def handler(*_):
        _note(arguments.folder, "interrupted")
        os._exit(0)
    return signal.SIG_IGN if arguments.deaf else handler


def main():
    arguments = _parse()
    signal.signal(signal.SIGINT, _on_interrupt(arguments))
    facts = _facts(arguments)
    if arguments.say:
        print(arguments.say, flush=True)
    if arguments.child:
        child = subprocess.Popen(["sleep", "1000"], preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
        _note(arguments.folder, "child", child=child.pid)
    _note(arguments.folder, "started", **facts)
    if arguments.fail:
        sys.exit(3)
    while arguments.wait and not (arguments.folder / arguments.wait).exists():
        time.sleep(PAUSE)
    place = arguments.folder / "socket"
    place.unlink(missing_ok=True)
    with _Server(str(place), _Handler) as server:
        server.folder = arguments.folder
        place.chmod(0o666)
        server.serve_forever(poll_interval=0.1)


class Program:
    """The tests' side: a folder, a command, what the program reports."""

    def __init__(self, folder):
        folder.mkdir()
        folder.chmod(0o777)
        self.folder = folder
        self.file = folder / "program.py"
        shutil.copy(__file__, self.file)
        self.file.chmod(0o755)
        self.url = f"unix:{folder}/socket"

    def command(self, *words):
        return shlex.join([shutil.which("python3", path=SYSTEM_PATH), "-B", str(self.file), "--folder", str(self.folder), *words])

    def report(self, event=None):
        path = self.folder / "report"
        lines = path.read_text().rpartition("\n")[0].splitlines() if path.exists() else []
        return [line for line in map(json.loads, lines) if event in (None, line["event"])]

    def touch(self, name):
        (self.folder / name).touch()


if __name__ == "__main__":
    main()
