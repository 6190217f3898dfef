"""The stand-in for privatemode-proxy, as a process of its own."""

import http.client
import json
import subprocess
import sys
from pathlib import Path

from canned import steer

from .poll import until

PROGRAM = Path(__file__).resolve().parents[2] / "standin" / "standin.py"
HEADER_NAMES = ",".join(steer.HEADER_NAMES)
"""for UPSTREAM_HEADERS: lets the tests' steering pass"""


def steering(**chosen):
    """Headers that steer the stand-in: steering(gap_ms=5) is {"x-standin-gap-ms": "5"}."""
    headers = {}
    for name, value in chosen.items():
        row = steer.ROWS[name.replace("_", "-")]
        is_json = row.parse is json.loads
        headers[steer.PREFIX + row.name] = json.dumps(value) if is_json else str(value)
    return headers


class StandIn:
    def __init__(self, folder, *options, listen="127.0.0.1:0", tls=None, unix=None, api_key=None):
        folder.mkdir(mode=0o755)
        self._log_path = folder / "log"
        self._log_path.touch()
        self._read_from = 0
        self.unix = unix
        self.scheme = "http" if tls is None else "https"
        command = [sys.executable, PROGRAM, "--log", self._log_path, "--port-file", folder / "port",
                   "--control-port-file", folder / "control", "--listen", listen, *options]
        if tls is not None:
            command += ["--tls-cert", tls.cert, "--tls-key", tls.key]
        if unix is not None:
            command += ["--unix", unix]
        if api_key is not None:
            command += ["--api-key", api_key]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until("the stand-in is up", lambda: (folder / "port").exists() or self.process.poll() is not None)
        assert self.process.poll() is None, "the stand-in did not start"
        self.port = int((folder / "port").read_text())
        self._control = http.client.HTTPConnection("127.0.0.1", int((folder / "control").read_text()), timeout=20)

    def url(self, host="127.0.0.1"):
        return f"{self.scheme}://{host}:{self.port}"

    def stop(self):
        """Gone as if killed: every connection ends, nobody answers at its address."""
        self._control.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(20)

    # what it received

    def mark(self):
        """Forget what was logged until now."""
        self._read_from = self._log_path.stat().st_size

    def log(self, event=None, **fields):
        """Lines since the mark, of one event and with these fields."""
        return [line for line in self.lines() if event in (None, line["event"])
                and all(line.get(name) == value for name, value in fields.items())]

    def lines(self):
        """All whole lines since the mark, one at a time."""
        with self._log_path.open("rb") as file:
            file.seek(self._read_from)
            for line in file:
                if line.endswith(b"\n"):
                    yield json.loads(line)

    def requests(self):
        return self.log("request")

    def one_request(self):
        """The only request since the mark."""
        requests = until("a request reaches the stand-in", self.requests)
        assert len(requests) == 1, requests
        return requests[0]

    def body(self):
        """The only body since the mark."""
        bodies = until("a body reaches the stand-in", lambda: self.log("body"))
        assert len(bodies) == 1, bodies
        return bodies[0]

    def end(self):
        """How the only answer since the mark ended."""
        ends = until("an answer has ended at the stand-in", lambda: self.log("end"))
        assert len(ends) == 1, ends
        return ends[0]

    # what it is told out of band

    def _ask(self, method, path, said=None):
        self._control.request(method, path, json.dumps(said) if said is not None else None)
        answer = self._control.getresponse()
        body = json.loads(answer.read())
        assert answer.status == 200, body
        return body

    def state(self):
        return self._ask("GET", "/state")

    def gate(self, name):
        return self._ask("GET", f"/gate/{name}")

    def let_pass(self, *names, times=1):
        self._ask("POST", "/gates", {"names": names, "add": times})

    def open_gate(self, name):
        self._ask("POST", f"/gate/{name}", {"open": True})

    def steer(self, path=None, times=None, **chosen):
        """Steer requests that carry no steering headers themselves."""
        texts = {name.removeprefix(steer.PREFIX): text for name, text in steering(**chosen).items()}
        self._ask("POST", "/steer", {"set": texts, "path": path, "times": times})

    def clear(self):
        self._ask("POST", "/clear")

    def close_idle(self):
        return self._ask("POST", "/close-idle")["closed"]

    def reset_all(self):
        return self._ask("POST", "/reset-all")["reset"]
