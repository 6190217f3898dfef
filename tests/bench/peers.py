"""
The gateways that are compared, all told to do the same work: TLS 1.3 with a P-256 certificate, a key that is
looked up among many, a limit per key and one per address, upstream's own key set, upstream's connections kept.

Each has one worker on one core. A peer is started with `start()`, then has `port` and `pids`.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import procs
from harness import certs, gatehouse, keys, procfs
from harness.poll import until

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RELEASE = ROOT / "build/release"
LIMIT = 16_000_000  # never reached, but counted against
PATH = os.environ["PATH"] + ":/usr/local/sbin:/usr/sbin:/sbin"
USED_KEYS = 1000
MODULES = Path("/usr/lib/nginx/modules")


class Setting:
    """What all peers of a run share: a folder, a certificate, key sets, the upstream's port."""

    def __init__(self, upstream_port):
        self.upstream_port = upstream_port
        self.folder = Path(tempfile.mkdtemp(prefix="gatehouse-bench-"))
        self.folder.chmod(0o755)
        self.pair = certs.make(self.folder, "bench")
        self.pem = self.folder / "bench.pem"
        self.pem.write_text(self.pair.cert.read_text() + self.pair.key.read_text())
        self.pem.chmod(0o600)

    def secrets(self, n_keys):
        return [keys.secret(f"{i:06d}") for i in range(n_keys)]

    def secrets_file(self, n_keys):
        """For the load, a line each: of many keys some that lie far apart, for not all are in use at once."""
        path = self.folder / f"secrets-{n_keys}"
        if not path.exists():
            step = max(1, n_keys // USED_KEYS)
            path.write_text("".join(secret + "\n" for secret in self.secrets(n_keys)[::step]))
        return path

    def discard(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def _accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


class Gatehouse:
    """gatehouse as it is; or, without_PART, with one of its parts linked out (see the Makefile)."""

    def __init__(self, setting, n_keys, part=None):
        self.setting, self.n_keys = setting, n_keys
        self.program = RELEASE / (f"bench/without-{part}/gatehouse" if part else "gatehouse")
        self.house = None

    def start(self):
        entries = [keys.entry(secret, key_id=f"k{i:06d}", rate_limit=LIMIT)
                   for i, secret in enumerate(self.setting.secrets(self.n_keys))]
        self.house = gatehouse.Gatehouse(
            f"http://127.0.0.1:{self.setting.upstream_port}", tls=self.setting.pair, program=self.program,
            entries=entries, LISTEN="https://127.0.0.1:0", WORKERS=1, MAX_CONNECTIONS_PER_IP=20000,
            RATE_LIMIT_REQUESTS=LIMIT, IP_RATE_LIMIT_REQUESTS=LIMIT, METRICS_LISTEN="127.0.0.1:0",
            SSE_KEEPALIVE=None, IDLE_TIMEOUT=600)
        try:
            self.house.start()
        except BaseException:
            self.house.discard()
            raise
        return self

    @property
    def port(self):
        return self.house.https_port

    @property
    def pids(self):
        return procs.family(self.house.pid)

    def stop(self):
        try:
            self.house.stop()
            self.house.check()
        finally:
            self.house.discard()


    def discard(self):
        self.house.discard()


class Server:
    """One that is started with a configuration file and stops on SIGTERM."""

    n_processes = 1

    def __init__(self, setting, n_keys):
        self.setting, self.n_keys = setting, n_keys
        self.folder = Path(tempfile.mkdtemp(prefix="peer-", dir=setting.folder))
        self.folder.chmod(0o755)
        self.port = _free_port()
        self.process = None

    def command(self):
        """Write the configuration; what is to be executed."""
        raise NotImplementedError

    def start(self):
        log = (self.folder / "log").open("wb")
        with log:
            self.process = subprocess.Popen(self.command(), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env={"PATH": PATH}, start_new_session=True)
        until(f"{self.process.args[0]} serves", self._serves_or_dead, 60)
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.process.args[0]} has ended:\n{(self.folder / 'log').read_text()}")
        return self

    def _serves_or_dead(self):
        return self.process.poll() is not None or (_accepts(self.port) and len(self.pids) == self.n_processes)

    @property
    def pids(self):
        return procs.family(self.process.pid)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.discard()

    def discard(self):
        for pid in procfs.session_members(self.process.pid):
            os.kill(pid, signal.SIGKILL)
        self.process.wait(10)


class Nginx(Server):
    """nginx; answers are streamed as the upstream asks (X-Accel-Buffering would do the same), bodies as they come."""

    EXTRAS = ("LUA", "AES128")
    n_processes = 2
    buffer = "4k"  # nginx's own default for what it does not buffer
    extras = ()    # of these the ones whose lines of the template it has

    def command(self):
        key_map = "".join(f'"Bearer {secret}" "k{i:06d}";\n'
                          for i, secret in enumerate(self.setting.secrets(self.n_keys)))
        (self.folder / "keys.map").write_text(key_map)
        (self.folder / "keys.map").chmod(0o600)
        template = "".join(line for line in (HERE / "nginx.conf.in").read_text().splitlines(True)
                           if not any(f"@{extra}@" in line for extra in self.EXTRAS if extra not in self.extras))
        values = {**dict.fromkeys(self.EXTRAS, ""), "MODULES": MODULES, "USER": "user www-data;" if os.geteuid() == 0 else "",
                  "FOLDER": self.folder, "BENCH": HERE, "PORT": self.port, "UPSTREAM": self.setting.upstream_port,
                  "CERT": self.setting.pair.cert, "KEY": self.setting.pair.key, "BUFFER": self.buffer,
                  "UPSTREAM_SECRET": keys.UPSTREAM_SECRET, "MAP_SIZE": max(2048, 2 * self.n_keys)}
        for name, value in values.items():
            template = template.replace(f"@{name}@", str(value))
        path = self.folder / "nginx.conf"
        path.write_text(template)
        return ["nginx", "-e", "stderr", "-p", str(self.folder), "-c", str(path)]


class NginxLua(Nginx):
    """nginx with the same metering: usage read from the answer, counted by key and model."""

    extras = ("LUA",)


class Nginx16k(Nginx):
    """nginx with a larger buffer for what it does not buffer."""

    buffer = "16k"


class NginxAes128(Nginx):
    """nginx told to choose the cipher as gatehouse does; by itself it takes the client's first, AES-256."""

    extras = ("AES128",)


class Haproxy(Server):
    def command(self):
        key_map = "".join(f"{secret} k{i:06d}\n" for i, secret in enumerate(self.setting.secrets(self.n_keys)))
        (self.folder / "keys.map").write_text(key_map)
        template = (HERE / "haproxy.cfg.in").read_text()
        values = {"FOLDER": self.folder, "PORT": self.port, "UPSTREAM": self.setting.upstream_port,
                  "PEM": self.setting.pem, "UPSTREAM_SECRET": keys.UPSTREAM_SECRET, "LIMIT": LIMIT}
        for name, value in values.items():
            template = template.replace(f"@{name}@", str(value))
        path = self.folder / "haproxy.cfg"
        path.write_text(template)
        return ["haproxy", "-db", "-f", str(path)]


class Bare(Server):
    """The bound of load A: no gateway, but the least that one can spend (bare.c)."""

    def command(self):
        secrets = self.folder / "secrets"
        secrets.write_text("".join(secret + "\n" for secret in self.setting.secrets(self.n_keys)))
        return [RELEASE / "bench/bare", "--cert", self.setting.pair.cert, "--key", self.setting.pair.key, "--keys", secrets,
                "--secret", keys.UPSTREAM_SECRET, "--upstream", str(self.setting.upstream_port)]

    def start(self):
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                                        start_new_session=True)
        with self.process.stdout:
            self.port = int(self.process.stdout.readline())
        return self


PEERS = {
    "gatehouse": Gatehouse,
    "bare": Bare,
    "nginx": Nginx,
    "nginx+lua": NginxLua,
    "nginx 16k": Nginx16k,
    "nginx aes128": NginxAes128,
    "haproxy": Haproxy,
    **{f"without {part}": (lambda setting, n_keys, part=part: Gatehouse(setting, n_keys, part))
       for part in ("none", "limits", "meter", "journal", "all")},
}


def versions():
    """What was compared, for the report."""
    found = {}
    for name, arguments in {"nginx": ["-v"], "haproxy": ["-v"], "openssl": ["version"]}.items():
        program = shutil.which(name, path=PATH)
        if program is not None:
            done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
            found[name] = (done.stdout + done.stderr).splitlines()[0]
    return found
