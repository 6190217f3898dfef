"""The real program as a process, and what must hold of it after every test."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import keys, procfs, raw
from .poll import until

ROOT = Path(__file__).resolve().parents[3]
START_DEADLINE = 40.0
STOP_DEADLINE = 40.0
OUTCOME_DEADLINE = 60.0
LOG_FIELDS = {"ts", "level", "role", "pid", "event", "msg"}


def _first_program(*candidates):
    return next((path for path in candidates if path is not None and path.exists()), None)


def binary():
    """The program under test: GATEHOUSE_BINARY, else the ASan build, else any."""
    named = os.environ.get("GATEHOUSE_BINARY")
    return _first_program(Path(named).absolute() if named else None,
                          ROOT / "build/asan/gatehouse", ROOT / "build/gatehouse")


def release_binary():
    """For what sanitizers distort, such as memory: GATEHOUSE_RELEASE, else the release build."""
    named = os.environ.get("GATEHOUSE_RELEASE")
    return _first_program(Path(named).absolute() if named else None,
                          ROOT / "build/release/gatehouse", ROOT / "build/gatehouse")


def wide_binary():
    """A version whose journal has another layout, with room for longer names; None: it is not built."""
    return _first_program(ROOT / "build/wide/gatehouse")


@dataclass
class Line:
    """A line of the log."""

    level: str
    role: str
    event: str
    msg: str
    fields: dict


def make_folder():
    """A folder that the unprivileged children can pass through, which pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="gatehouse-e2e-"))
    folder.chmod(0o755)
    return folder


class Gatehouse:
    """
    One configured gatehouse with folders, key file and log of its own.

    upstream  a StandIn or a URL
    tls       a certs.Pair: serves https and, with it, http on a second port; None: http alone
    settings  environment variables over the tests' defaults; None takes one away
    """

    def __init__(self, upstream, tls=None, program=None, entries=None, **settings):
        self.program = program or binary()
        assert self.program is not None, "no gatehouse binary; build one or set GATEHOUSE_BINARY"
        self.folder = make_folder()
        self.tls_pair = tls
        self.key_file = self.folder / "keys.json"
        keys.write(self.key_file, *(entries if entries is not None else [keys.entry()]))
        self.environment = self._environment(upstream, settings)
        self.log_path = self.folder / "log"
        self.process = None
        self.pass_fds = ()
        self._checked_lines = 0
        self._expected = []

    def _environment(self, upstream, settings):
        for name in ("data", "run", "asan"):
            (self.folder / name).mkdir()
            (self.folder / name).chmod(0o777)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "ASAN_OPTIONS": f"log_path={self.folder}/asan/report:exitcode=99:detect_leaks=1:strict_string_checks=1",
            "UBSAN_OPTIONS": f"log_path={self.folder}/asan/report:exitcode=99:print_stacktrace=1:halt_on_error=1",
            "PRIVATEMODE_API_KEY": keys.UPSTREAM_SECRET,
            "UPSTREAM_URL": upstream if isinstance(upstream, str) else upstream.url(),
            "API_KEYS_FILE": str(self.key_file),
            "DATA_DIR": str(self.folder / "data"),
            "RUN_DIR": str(self.folder / "run"),
            "LISTEN": "http://127.0.0.1:0",
            "METRICS_LISTEN": "off",
            "WORKERS": "2",
            "WORKER_USER": "nobody",
            "ADMIN_USER": "nobody",
            "RATE_LIMIT_REQUESTS": "1000000",
            "IP_RATE_LIMIT_REQUESTS": "1000000",
            "SSE_KEEPALIVE": "0",
        }
        if self.tls_pair is not None:
            environment |= {"LISTEN": "https://127.0.0.1:0,http://127.0.0.1:0", "FORCE_HTTPS": "false",
                            "TLS_CERT_FILE": str(self.tls_pair.cert), "TLS_KEY_FILE": str(self.tls_pair.key)}
        for name, value in settings.items():
            environment[name] = None if value is None else str(value)
        return {name: value for name, value in environment.items() if value is not None}

    # life

    def spawn(self, through=()):
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen([*through, self.program, "run"], env=self.environment, cwd=self.folder,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                            pass_fds=self.pass_fds)

    def start(self, through=()):
        """through: a command that executes it, such as prlimit."""
        self.spawn(through)
        return self.await_ready()

    def await_ready(self):
        """Behind spawn()."""
        until("gatehouse is ready", self._ready_or_dead, START_DEADLINE)
        assert self.process.poll() is None, f"exit {self.process.returncode}:\n{self.log_text()}"
        return self

    def _ready_or_dead(self):
        if self.process.poll() is not None:
            return True
        status = self.status()
        return status.get("pid") == self.process.pid and status.get("state") == "ready"

    def status(self):
        """RUN_DIR/status; empty while there is none."""
        try:
            return json.loads((self.folder / "run/status").read_text())
        except FileNotFoundError:
            return {}

    @property
    def pid(self):
        return self.process.pid

    def signal(self, number):
        self.process.send_signal(number)

    def reload(self):
        """SIGHUP and its outcome: {"result", "reason"}."""
        return self._outcome(signal.SIGHUP, "reload")

    def upgrade(self):
        """SIGUSR2 and its outcome: {"result", "reason"}."""
        return self._outcome(signal.SIGUSR2, "upgrade")

    def _outcome(self, number, what):
        started = self.status()[f"{what}s_started"]
        self.signal(number)
        status = until(f"the {what} has finished", lambda: (
            (now := self.status())[f"{what}s_finished"] > started
            and now[f"{what}s_finished"] == now[f"{what}s_started"] and now), OUTCOME_DEADLINE)
        return status[f"last_{what}"]

    def stop(self):
        """SIGTERM, and what must hold of the end."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        assert self.wait() == 0, f"exit {self.process.returncode}:\n{self.log_text()}"

    def wait(self):
        """The exit code; no process of it may be left."""
        code = self.process.wait(STOP_DEADLINE)
        until("no child is left", lambda: not procfs.session_members(self.process.pid))
        return code

    def discard(self):
        """Whatever has gone wrong: nothing of it stays."""
        if self.process is not None:
            for pid in procfs.session_members(self.process.pid):
                os.kill(pid, signal.SIGKILL)
            self.process.wait(STOP_DEADLINE)
        if "GATEHOUSE_KEEP" not in os.environ:
            shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *arguments, timeout=STOP_DEADLINE, **changes):
        """Run a subcommand with this configuration to its end."""
        environment = {**self.environment, **{name: str(value) for name, value in changes.items()}}
        return subprocess.run([self.program, *arguments], env=environment, cwd=self.folder, timeout=timeout,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    # children

    def workers(self):
        return [pid for pid in procfs.children(self.pid) if "worker" in procfs.title(pid)]

    def admin(self):
        return [pid for pid in procfs.children(self.pid) if "admin" in procfs.title(pid)]

    # addresses

    def _port(self, scheme):
        for address in self.status()["listen"]:
            if address.startswith(scheme + "://"):
                return int(address.rpartition(":")[2])
        raise AssertionError(f"no {scheme} listener")

    @property
    def http_port(self):
        return self._port("http")

    @property
    def https_port(self):
        return self._port("https")

    @property
    def base_url(self):
        """For SDKs: over TLS when there is a certificate."""
        if self.tls_pair is not None:
            return f"https://localhost:{self.https_port}"
        return f"http://localhost:{self.http_port}"

    def connect(self, **options):
        """A connection to the plain port."""
        return raw.Connection(self.http_port, **options)

    def connect_tls(self, context=None, **options):
        return raw.Connection(self.https_port, tls=context or self.tls_pair.client_context(), **options)

    def ask(self, method, target, headers=(), body=b"", key=keys.SECRET):
        """One request on a connection of its own to the plain port."""
        pairs = list(headers.items() if isinstance(headers, dict) else headers)
        if key is not None:
            pairs.insert(0, ("Authorization", f"Bearer {key}"))
        with self.connect() as connection:
            return connection.ask(method, target, pairs, body)

    # the log

    def log_text(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def lines(self, event=None, level=None):
        """Whole lines of the log. A line that is no JSON object of the promised fields fails the test."""
        found = []
        texts = self.log_text().rpartition("\n")[0].splitlines()
        for number, text in enumerate(texts):
            try:
                fields = json.loads(text)
            except ValueError:
                around = "\n".join(texts[max(0, number - 20):number + 20])
                raise AssertionError(f"this line of the log is no JSON: {text}; those around it:\n{around}") from None
            assert fields.keys() >= LOG_FIELDS or fields["event"] == "request", text
            found.append(Line(fields["level"], fields["role"], fields["event"], fields.get("msg", ""), fields))
        return [line for line in found if event in (None, line.event) and level in (None, line.level)]

    def expect(self, *events):
        """Error lines of these events are part of the test that runs now."""
        self._expected += events

    # what must hold

    def check(self):
        """After every test."""
        if self.process is not None and self.process.poll() is None:
            until("no zombie is left", lambda: not procfs.zombies(self.pid))
        self.check_sanitizers()
        self.check_log()

    def check_log(self):
        lines = self.lines()
        wrong = [line for line in lines[self._checked_lines:]
                 if line.level == "error" and line.event not in self._expected]
        self._checked_lines = len(lines)
        self._expected.clear()
        assert not wrong, f"error lines that the test did not expect: {wrong}"

    def check_sanitizers(self):
        texts = [path.read_text(errors="replace") for path in sorted((self.folder / "asan").iterdir())]
        # a process that is killed while it looks for leaks leaves a remark, which is no report
        reports = [text for text in texts if "Sanitizer" in text or "runtime error:" in text]
        assert not reports, "\n".join(reports)

    def log_never_has(self, *texts):
        """The first promise: none of these may stand in a log line."""
        log = self.log_text()
        for text in texts:
            assert re.search(re.escape(text), log) is None, f"{text!r} stands in the log"
