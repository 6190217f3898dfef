"""`make run` on a fresh folder: what it prints works as it stands, and it leaves nothing behind."""

import json
import os
import re
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from harness import gatehouse, procfs, raw
from harness.admin import Admin
from harness.poll import until

SCRIPT = Path(__file__).resolve().parents[2] / "contrib/run/run.sh"
DEADLINE = 40.0


class Run:
    """run.sh in the foreground of a session of its own."""

    def __init__(self, folder, **settings):
        self.folder = folder
        self.port = raw.free_port()
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "RUN_ROOT": str(folder / "run"),
                            "GATEHOUSE_BINARY": str(gatehouse.binary()), "PORT": str(self.port), **settings}
        self.output = folder / "output"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(["sh", SCRIPT], env=self.environment, stdin=subprocess.DEVNULL,
                                            stdout=output, stderr=output, start_new_session=True)
        self.children = []

    def text(self):
        return self.output.read_text(errors="replace")

    def ready(self):
        until("run.sh is ready or gone", lambda: "\nIts password: " in self.text() or self.process.poll() is not None,
              DEADLINE)
        assert self.process.poll() is None, self.text()
        self.children = procfs.children(self.process.pid)
        return self

    def curl_line(self):
        return re.search(r"^curl .*$", self.text(), re.M)[0]

    def snippet(self):
        return re.search(r"^import ssl$.*^print\(.*?$", self.text(), re.M | re.S)[0]

    def stop(self):
        """SIGTERM, and what must hold of the end: exit 0 and no child left."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(DEADLINE) == 0, self.text()
        assert self.children
        for pid in self.children:
            assert not Path("/proc", str(pid)).exists()

    def discard(self):
        for pid in [*procfs.children(self.process.pid), self.process.pid]:
            if self.process.poll() is None:
                os.kill(pid, signal.SIGKILL)
        self.process.wait(DEADLINE)


@pytest.fixture
def start():
    """Starts run.sh; what is still there afterwards is ended."""
    folder, runs = gatehouse.make_folder(), []

    def begin(**settings):
        runs.append(Run(folder, **settings))
        return runs[-1]

    yield begin
    for run in runs:
        run.discard()
    shutil.rmtree(folder)


def shell(line):
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=DEADLINE, check=False)


def test_the_printed_lines_work_and_a_second_run_has_the_same_key(start):
    run = start().ready()
    assert "CANNED" in run.text()
    curl = shell(run.curl_line())
    assert json.loads(curl.stdout)["object"] == "chat.completion", curl.stderr
    python = subprocess.run([sys.executable, "-c", run.snippet()], capture_output=True, text=True,
                            timeout=DEADLINE, check=False)
    assert python.returncode == 0, python.stderr
    assert json.loads(curl.stdout)["choices"][0]["message"]["content"] == python.stdout.rstrip("\n")
    key = re.search(r"Bearer (pm_[\w-]{43})'", run.curl_line())[1]
    run.stop()

    again = start().ready()
    assert f"Bearer {key}'" in again.curl_line()
    assert json.loads(shell(again.curl_line()).stdout)["object"] == "chat.completion"
    again.stop()


def test_its_secrets_can_be_read_by_their_owner_alone(start):
    run = start().ready()
    for name in ("key.pem", "api_key", "keys/api_keys.json", "admin_password"):
        assert stat.S_IMODE((run.folder / "run" / name).stat().st_mode) == 0o600, name
    run.stop()


def test_the_printed_password_opens_the_admin_page_and_a_key_made_there_works(start):
    run = start().ready()
    context = ssl.create_default_context(cafile=run.folder / "run/cert.pem")
    room = Admin(run, connect=lambda: raw.Connection(run.port, tls=context))
    assert room.login(re.search(r"^Its password: (.+)$", run.text(), re.M)[1]).status == 200
    made = room.post("keys", {"description": "by the page"}, 201)
    headers = [("Authorization", f"Bearer {made['secret']}")]
    with room.connect() as connection:
        assert connection.ask("GET", "/v1/models", headers).status == 200
        room.post(f"keys/{made['key']['ref']}/revoke", {})
        assert connection.ask("GET", "/v1/models", headers).status == 401
    room.patch("settings", {"rate_limit_requests": 7})
    run.stop()


def test_the_certificate_is_for_localhost_by_name_and_address(start):
    run = start().ready()
    certificate = run.folder / "run/cert.pem"
    for host in ("localhost", "127.0.0.1"):
        asked = shell(f"curl -sS --noproxy '*' --cacert {certificate} https://{host}:{run.port}/health")
        assert json.loads(asked.stdout) == {"status": "healthy"}, asked.stderr
    text = shell(f"openssl x509 -in {certificate} -noout -text").stdout
    assert "prime256v1" in text
    assert "DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1" in text
    run.stop()


def test_a_named_upstream_is_used_and_no_stand_in_started(start, standin):
    run = start(UPSTREAM_URL=standin.url(), PRIVATEMODE_API_KEY="the-real-one").ready()
    assert "CANNED" not in run.text()
    assert len(run.children) == 1
    assert json.loads(shell(run.curl_line()).stdout)["object"] == "chat.completion"
    run.stop()


def test_a_real_key_is_never_handed_to_the_stand_in(start):
    run = start(PRIVATEMODE_API_KEY="the-real-one")
    assert run.process.wait(DEADLINE) == 1
    assert "UPSTREAM_URL is not" in run.text()
    assert not (run.folder / "run/standin.port").exists()


def test_a_gatehouse_that_does_not_start_takes_the_stand_in_along(start):
    run = start(LISTEN="nowhere")
    assert run.process.wait(DEADLINE) == 1
    assert "LISTEN" in run.text()
    port = int((run.folder / "run/standin.port").read_text())
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
