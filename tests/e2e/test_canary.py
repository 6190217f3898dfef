"""The first promise: what passes through is written nowhere, whatever goes wrong, at the most talkative setting.

Each thing that a person could want kept secret has a word of its own, which is then looked for in every file,
page and title there is: plain, in other case, in hexadecimal, base64 and percent-encoding, and by its SHA-256.
"""

import base64
import contextlib
import hashlib
import json
import os
import secrets
import signal
import ssl
import urllib.request
from pathlib import Path

import pytest
from harness import gatehouse, keys, procfs, raw
from harness.poll import until
from harness.scripted import Upstream
from harness.upstream import HEADER_NAMES, steering

NAMES = (
    "prompt", "answer", "event", "error", "query", "path", "authorization", "apikey", "cookie", "odd", "header_name", "host",
    "origin", "agent", "accept", "forwarded", "filename", "upload", "form_model", "model", "long_model", "boundary", "chunk",
    "extension", "trailer", "malformed", "sni", "answer_header", "interim", "reason", "half", "metrics_query",
    "upstream_key", "admin_password", "metrics_token", "plain_key", "env_key", "broken_keys", "broken_settings", "broken_config",
)
LOUD = ("child_exit", "reload", "upstream_auth", "crash", "worker_exit", "keys", "settings")


class Canaries:
    """A word for each name, and the search for all of them."""

    def __init__(self):
        self.words = {name: f"canary{secrets.token_hex(12)}" for name in NAMES}
        self.used = set()
        self._needles = {}
        for name, word in self.words.items():
            for needle in self._forms(word.encode()):
                self._needles[needle] = name

    @staticmethod
    def _forms(word):
        yield word
        yield word.hex().encode()
        # the middle of base64, whatever stands before
        for shift in range(3):
            yield base64.b64encode(b"?" * shift + word)[4:-4].lower()
        yield b"".join(b"%%%02x" % byte for byte in word)
        digest = hashlib.sha256(word).digest()
        yield digest
        yield digest.hex().encode()

    def __getattr__(self, name):
        word = self.words[name]
        self.used.add(name)
        return word

    def find(self, data):
        """Names of the words that stand in data."""
        low = data.lower()
        return {name for needle, name in self._needles.items() if needle in low or needle in data}


def test_the_search_finds_every_form():
    canaries = Canaries()
    word = canaries.prompt
    for text in (word, word.upper(), word.encode().hex().upper(), base64.b64encode(b"ab" + word.encode() + b"cd").decode(),
                 base64.b64encode(b"abc" + word.encode()).decode(), hashlib.sha256(word.encode()).hexdigest()):
        assert canaries.find(f"...{text}...".encode()) == {"prompt"}, text
    assert canaries.find(hashlib.sha256(word.encode()).digest()) == {"prompt"}
    assert canaries.find(b"canary" + b"0" * 24) == set()


def multipart(canaries):
    mark = f"b{canaries.boundary}"
    body = (f"--{mark}\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{canaries.form_model}\r\n"
            f"--{mark}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{canaries.filename}.wav\"\r\n"
            f"Content-Type: audio/wav\r\n\r\n{canaries.upload * 3000}\r\n--{mark}--\r\n").encode()
    return {"Content-Type": f"multipart/form-data; boundary={mark}"}, body


class Traffic:
    """Requests of all kinds, good and bad, that carry the words."""

    def __init__(self, house, canaries):
        self.house = house
        self.c = canaries
        self.auth = {"Authorization": f"Bearer {keys.SECRET}"}
        self.odd = {"Cookie": f"session={canaries.cookie}", "X-Odd": canaries.odd, canaries.header_name: "1",
                    "User-Agent": canaries.agent, "Origin": f"https://{canaries.origin}", "Accept": f"a/{canaries.accept}",
                    "X-Forwarded-For": canaries.forwarded, "Referer": f"http://x/?{canaries.query}"}

    def chat(self, model="gpt-oss-120b", stream=False):
        said = {"model": model, "stream": stream, "messages": [{"role": "user", "content": self.c.prompt}]}
        return json.dumps(said).encode()

    def ask(self, method, target, headers=(), body=b"", statuses=(200,), connect=None):
        with (connect or self.house.connect)() as connection:
            answer = connection.ask(method, target, {**self.auth, **self.odd, **dict(headers)}, body)
        assert answer.status in statuses, answer
        return answer

    def good(self):
        c = self.c
        whole = {"id": "x", "object": "chat.completion", "usage": {"prompt_tokens": 3, "completion_tokens": 4},
                 "choices": [{"message": {"role": "assistant", "content": c.answer}}]}
        headers = steering(body=json.dumps(whole), headers=[["X-Answer", c.answer_header]], interim="103")
        for connect in (self.house.connect, self.house.connect_tls):
            answer = self.ask("POST", f"/v1/chat/completions?q={c.query}", headers, self.chat(), connect=connect)
            assert c.answer.encode() in answer.body and answer.get("X-Answer") == c.answer_header
        for framing in ("chunked", "length", "close"):
            self.ask("POST", "/v1/chat/completions", steering(framing=framing, events=2), self.chat(stream=True))
        headers, body = multipart(c)
        self.ask("POST", "/v1/audio/transcriptions", {**headers, **steering(status=404)}, body, (404,))
        self.ask("GET", f"/v1/models?{c.query}")
        self.ask("GET", f"/auth/key-info?{c.query}")
        self.ask("GET", f"/health?{c.query}")

    def refused(self):
        c = self.c
        self.ask("GET", f"/{c.path}/{c.path}?{c.query}", statuses=(404,))
        self.ask("GET", f"/v1/../{c.path}", statuses=(400,))
        self.ask("GET", "/v1/models", {"Authorization": f"Bearer {c.authorization}"}, statuses=(401,))
        self.ask("GET", "/v1/models", {"Authorization": f"Basic {c.authorization}"}, statuses=(400, 401))
        with self.house.connect() as connection:
            assert connection.ask("GET", "/v1/models", {"X-API-Key": c.apikey}).status == 401
            assert connection.ask("GET", "/v1/models", {"X-API-Key": f"pm_{c.plain_key}"}).status == 200
        self.ask("GET", f"/admin/{c.path}?{c.query}", {"Authorization": f"Bearer {c.authorization}"}, statuses=range(200, 505))
        self.ask("POST", "/admin/api/v1/session", {"Content-Type": "application/json", "Origin": "http://localhost",
                                                   "Authorization": "", "Cookie": f"gatehouse_session={c.cookie}"},
                 json.dumps({"password": c.authorization}).encode(), (401,))
        self.ask("POST", "/v1/chat/completions", steering(error="text", body=c.error, status=500), self.chat(), (500,))
        self.ask("POST", "/v1/chat/completions", steering(status=404), self.chat(c.model), (404,))
        self.ask("POST", "/v1/chat/completions", steering(status=400), self.chat(c.long_model * 40), (400,))
        self.ask("POST", "/v1/chat/completions", steering(status=401, error="text", body=c.error), self.chat(), (502,))
        self.ask("POST", "/v1/chat/completions", steering(malformed="two-lengths"), self.chat(), (502,))

    def broken(self):
        c, head = self.c, f"Host: localhost\r\nAuthorization: Bearer {keys.SECRET}\r\n"
        post = f"POST /v1/chat/completions HTTP/1.1\r\n{head}"
        for data in (
                f"GET /v1/models HTTP/1.1\r\nHost: {c.host}@x\r\n\r\n", f"{c.malformed}\r\n\r\n", f"GET / HTTP/1.1\r\n{c.malformed}\r\n\r\n",
                f"{post}Content-Length: {c.malformed}\r\n\r\n", f"{post}Transfer-Encoding: {c.malformed}\r\n\r\n",
                f"{post}Expect: {c.malformed}\r\n\r\n", f"{post}Transfer-Encoding: chunked\r\n\r\n{c.chunk}\r\n",
                f"{post}Transfer-Encoding: chunked\r\n\r\n2;{c.extension}\r\n{{}}\r\n0\r\n{c.trailer}: 1\x00{c.trailer}\r\n\r\n",
                f"GET /v1/models HTTP/1.1\r\n{head}X: {c.malformed * 2000}", f"GET /{c.path * 1000} HTTP/1.1\r\n{head}\r\n",
                f"{post}Content-Length: 100\r\n\r\n{c.half}"):
            with self.house.connect() as connection:
                connection.try_send(data.encode())
                with contextlib.suppress(raw.Broken):
                    assert connection.answer().status in (400, 404, 408, 414, 431), data
        with contextlib.suppress(OSError, raw.Broken), self.house.connect_tls(server_name=f"{c.sni}.example") as connection:
            connection.ask("GET", "/health")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols([c.sni])
        with contextlib.suppress(OSError, raw.Broken), self.house.connect_tls(context) as connection:
            connection.ask("GET", "/health")

    def by_hand(self, upstream_house, upstream):
        """Heads that no stand-in would write: words in a reason, an interim head, what no client may see."""
        c = self.c
        events = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" + "".join(
            f"event: {c.event}\ndata: {said}\n\n" for said in (json.dumps({"choices": [{"delta": {"content": c.event}}]}), c.event))
        for said in (events, events[:-10], f"HTTP/1.1 200 {c.reason}\r\nContent-Length: 2\r\n\r\n{{}}",
                     f"HTTP/1.1 103 Early\r\nLink: {c.interim}\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{{}}",
                     f"HTTP/1.1 200 OK\r\n{c.malformed}\r\n\r\n", f"{c.malformed}\r\n\r\n",
                     f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n{c.chunk}\r\n"):
            with upstream_house.connect() as client:
                client.send(raw.request("POST", f"/v1/chat/completions?{c.query}", {**self.auth, **self.odd}, self.chat()))
                peer = upstream.accept()
                peer.until(b"\r\n\r\n")
                peer.send(said.encode())
                peer.close()
                with contextlib.suppress(raw.Broken):
                    assert client.answer().status in (200, 502)


def files(*folders):
    return [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]


def crash(house, standin, canaries, kind, number):
    """A signal that kills one of the processes, while a stream is in the middle of what it says."""
    traffic = Traffic(house, canaries)
    with house.connect() as client, house.connect() as idle:
        idle.send(b"GET /v1/models HTTP/1.1\r\nX-Half: " + canaries.half.encode())
        client.send(raw.request("POST", f"/v1/chat/completions?{canaries.query}", {
            **traffic.auth, **traffic.odd, **steering(gate="crash", events=3)}, traffic.chat(stream=True)))
        assert client.head().status == 200
        victims = house.workers() if kind == "worker" else house.admin()
        for pid in victims:
            os.kill(pid, number)
        until("it is gone", lambda: not any(procfs.is_alive(pid) for pid in victims))
    until("others are there", lambda: len(house.workers()) == 2 and house.admin() and house.status().get("state") == "ready")
    until("it serves", lambda: _serves(house))
    house.expect(*LOUD)


def _serves(house):
    try:
        return house.ask("GET", "/health").status == 200
    except (OSError, raw.Broken):
        return False


def refused_reloads(house, canaries):
    """Files that can't be read: what is wrong with them is told without a word of theirs."""
    good = house.key_file.read_text()
    config = house.folder / "gatehouse.json"
    settings = house.folder / "settings.json"
    for path, text in (
            (house.key_file, f'{{"keys": [{{"key": "{canaries.broken_keys}" {canaries.broken_keys}'),
            (house.key_file, json.dumps({"keys": [{"key": canaries.broken_keys, "rate_limit": canaries.broken_keys}]})),
            (house.key_file, json.dumps({"keys": [{"key_hash": canaries.broken_keys}]})),
            (settings, f'{{"RATE_LIMIT_REQUESTS": {canaries.broken_settings}'),
            (config, f'{{"admin_password": "{canaries.broken_config}" {canaries.broken_config}')):
        had = path.read_text() if path.exists() else None
        keys.write_text(path, text)
        house.reload()
        house.expect(*LOUD, "config", "reload")
        if had is None:
            path.unlink()
        else:
            keys.write_text(path, had)
    assert house.key_file.read_text() == good
    assert house.reload()["result"] == "ok"


@pytest.fixture
def upstream():
    running = Upstream()
    yield running
    running.stop()


@pytest.mark.timeout(300)
def test_no_word_that_passes_through_is_found_anywhere(start_house, start_standin, standin, pair, upstream):
    canaries = Canaries()
    settings = {
        "LOG_LEVEL": "debug", "ACCESS_LOG": "on", "LOG_ADDRESS": "on", "METRICS_LISTEN": "127.0.0.1:0",
        "PRIVATEMODE_API_KEY": canaries.upstream_key, "ADMIN_PASSWORD": canaries.admin_password,
        "METRICS_TOKEN": canaries.metrics_token, "API_KEYS": f"pm_{canaries.env_key}",
        "HEADER_TIMEOUT": 2, "BODY_TIMEOUT": 2, "UPSTREAM_HEADERS": f"{HEADER_NAMES},x-odd",
    }
    house = gatehouse.Gatehouse(standin, tls=pair, program=gatehouse.release_binary(), entries=[
        keys.entry(), {"key": f"pm_{canaries.plain_key}", "key_id": "plain"}], **settings)
    house.environment["GATEHOUSE_CONFIG"] = str(house.folder / "gatehouse.json")
    (house.folder / "gatehouse.json").write_text("{}")
    begun = [house.folder]
    try:
        house.start(("prlimit", "--core=unlimited:unlimited"))
        second = start_house(upstream=upstream.url(), program=gatehouse.release_binary(), WORKERS=1, LOG_LEVEL="debug",
                             ACCESS_LOG="on")
        begun.append(second.folder)
        traffic = Traffic(house, canaries)
        cwds = {Path(f"/proc/{pid}/cwd").resolve() for pid in procfs.session_members(house.pid)}
        pages = [everything(house, canaries, traffic, standin, second, upstream)]
        for kind in ("worker", "admin"):
            for number in (signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV, signal.SIGQUIT):
                crash(house, standin, canaries, kind, number)
        pages.append(everything(house, canaries, traffic, standin, second, upstream))
        titles = b"\0".join(Path(f"/proc/{pid}/{name}").read_bytes() for pid in procfs.session_members(house.pid)
                            for name in ("cmdline", "comm", "status"))
        house.stop()
        house.start()
        traffic.good()
        house.stop()
        house.check()
        found = {str(path): names for path in files(*begun) if path != house.key_file
                 and (names := canaries.find(path.read_bytes()))}
        assert found == {}
        assert canaries.find(titles) == set()
        for page in pages:
            assert canaries.find(page) == set()
        cores = [path for cwd in cwds for path in cwd.glob("core*") if path.is_file() and path.stat().st_mtime >= os.stat(
            house.folder / "data").st_ctime]
        assert cores == []
        assert files(house.folder / "data"), "there is something to be searched"
        assert len(house.lines("request")) > 50, "the access log was on"
        assert canaries.used == set(NAMES), "each word has been somewhere"
    finally:
        house.discard()


def everything(house, canaries, traffic, standin, second, upstream):
    """All traffic and what can be asked about it; the text of all that was told."""
    traffic.good()
    traffic.refused()
    traffic.broken()
    traffic.by_hand(second, upstream)
    refused_reloads(house, canaries)
    house.expect(*LOUD)
    port = int(house.status()["metrics_listen"][0].rpartition(":")[2])
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics?{canaries.metrics_query}",
                                     headers={"Authorization": f"Bearer {canaries.metrics_token}", "X-Odd": canaries.odd})
    with urllib.request.urlopen(request, timeout=20) as answer:
        told = answer.read()
    assert b"gatehouse_requests_total" in told
    for command in (["check"], ["status"], ["usage", "--by", "key,model,endpoint"], ["usage", "--format", "json"], ["keys", "list"]):
        done = house.run(*command)
        told += (done.stdout + done.stderr).encode()
    return told
