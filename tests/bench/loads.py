"""
The kinds of work, and how each is put on a gateway.

A load's run gives figures by name, such as {"A": 33.6, "A.rate": 29000}. `figures` says what each is: its title and
unit, whether more is better, and what is to be reached as a ratio to nginx, and to nginx with the same metering.
"""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import procs
from peers import PATH, RELEASE

HERE = Path(__file__).resolve().parent
MIB = 1024 * 1024
GATEWAYS = ("gatehouse", "nginx", "nginx+lua", "haproxy")
SAME_CIPHER = "nginx aes128"
"""for loads of which the cipher is a part; in A and C no difference was seen"""
CHAT = "/v1/chat/completions"
UPLOAD_BYTES = MIB
DIRECT = "direct"
"""a peer that is none: the load on the upstream itself, for what a gateway adds to"""


@dataclass(frozen=True)
class Figure:
    title: str
    unit: str
    more_is_better: bool = False
    reach: float | None = None      # ratio to nginx
    reach_lua: float | None = None  # ratio to nginx + Lua


@dataclass(frozen=True)
class Load:
    """One kind of work; `read` makes figures of what the load program printed."""

    name: str
    arguments: dict
    read: Callable
    figures: dict
    peers: tuple = GATEWAYS
    n_keys: int = 1000
    body: str = "chat"
    extra: tuple = ()
    by_wrk: bool = False


class Tools:
    """The programs of tests/bench, on the core that the gateway does not have, and the upstream's port."""

    def __init__(self, seconds, warm):
        self.seconds, self.warm = seconds, warm
        self.core = procs.cores()[1]
        with procs.on_core(self.core):
            self.upstream = subprocess.Popen([RELEASE / "bench/upstream"], stdin=subprocess.PIPE,
                                             stdout=subprocess.PIPE, text=True)
        self.upstream_port = int(self.upstream.stdout.readline())

    def stop(self):
        self.upstream.stdin.close()
        self.upstream.stdout.close()
        assert self.upstream.wait(10) == 0, "the upstream of the benchmarks has failed"

    def command(self, setting, load, peer, *options):
        """The load program's command line; peer None: straight to the upstream, without TLS."""
        words = {"port": peer.port if peer else self.upstream_port, "target": CHAT,
                 "body": _body(setting, load.body), "content-type": CONTENT_TYPES[load.body],
                 "keys": setting.secrets_file(load.n_keys), **load.arguments}
        line = [str(RELEASE / "bench/load"), *load.extra, *options]
        for name, value in words.items():
            line += [f"--{name}", str(value)]
        for pid in peer.pids if peer else ():
            line += ["--pid", str(pid)]
        return line if peer else [*line, "--plain"]

    def run(self, setting, load, peer, times=1):
        """One measurement: what was counted, as load_count.h names it. times: so many times as long."""
        if load.by_wrk:
            return self.run_wrk(setting, peer)
        seconds = times * self.seconds
        line = self.command(setting, load, peer, "--warm", str(self.warm), "--seconds", str(seconds))
        with procs.on_core(self.core):
            done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=seconds + 120)
        if done.returncode != 0:
            raise RuntimeError(f"{load.name}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def run_wrk(self, setting, peer):
        """A by a program that nobody here wrote: it should tell what `load` does."""
        environment = {"PATH": PATH, "BENCH_SECRETS": str(setting.secrets_file(1000)),
                       "BENCH_BODY": str(_body(setting, "chat")), "BENCH_PATH": CHAT}
        pids = peer.pids
        line = ["wrk", "-t1", "-c64", f"-d{max(1, round(self.seconds))}s", "-s", str(HERE / "wrk.lua"),
                f"https://127.0.0.1:{peer.port}"]
        with procs.on_core(self.core):
            before = procs.cpu_ns(pids)
            done = subprocess.run(line, env=environment, capture_output=True, text=True, check=True,
                                  timeout=self.seconds + 60)
            cpu = procs.cpu_ns(pids) - before
        return json.loads(done.stdout.splitlines()[-1]) | {"cpu_ns": cpu}


CONTENT_TYPES = {"chat": "application/json", "stream": "application/json",
                 "upload": "multipart/form-data; boundary=bench-boundary"}


def _body(setting, kind):
    """The file with what the clients send."""
    path = setting.folder / f"body-{kind}"
    if path.exists():
        return path
    chat = {"model": "gpt-oss-120b", "temperature": 0.2, "messages": [
        {"role": "system", "content": "You answer in one short sentence, and never guess."},
        {"role": "user", "content": "Is the gate open, and does anybody read along? Please answer in English."}]}
    if kind == "upload":
        head = ("--bench-boundary\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-large-v3\r\n"
                "--bench-boundary\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n"
                "Content-Type: audio/wav\r\n\r\n").encode()
        tail = b"\r\n--bench-boundary--\r\n"
        path.write_bytes(head + os.urandom(UPLOAD_BYTES - len(head) - len(tail)) + tail)
    else:
        path.write_text(json.dumps(chat | ({"stream": True} if kind == "stream" else {})))
    return path


# --- figures of what was printed: all CPU is that of the gateway's processes ---


def _us(got, units):
    return got["cpu_ns"] / 1e3 / units


def _requests(name):
    return lambda got: {name: _us(got, got["requests"]), f"{name}.rate": got["requests"] / got["seconds"]}


def _at_rate(got):
    return {"L": got["p50_us"], "L.p99": got["p99_us"], "L.cpu": _us(got, got["requests"])}


def _resumed(got):
    if got["resumed"] < got["handshakes"]:
        raise RuntimeError(f"{got['handshakes'] - got['resumed']} of {got['handshakes']} were not resumed")
    return _requests("B.resumed")(got)


def _events(got):
    return {"C": _us(got, got["events"]), "C.added": got["p50_us"], "C.p99": got["p99_us"]}


def _mib_in(name):
    def read(got):
        mib = got["bytes_in"] / MIB
        return {name: _us(got, mib), f"{name}.rate": mib / (got["cpu_ns"] / 1e9)}
    return read


def _mib_out(got):
    return {"E": _us(got, got["bytes_out"] / MIB)}


WHOLE = "without none"
"""gatehouse with all its parts, but linked as those that lack one: not optimized as a whole"""
PARTS = ("without limits", "without meter", "without journal", "without all")
KEPT = {"connections": 64}
CPU = "us CPU/request"

LOADS = [
    Load("A", KEPT, _requests("A"), peers=(*GATEWAYS, "bare", WHOLE, *PARTS), figures={
        "A": Figure("A small request, kept connection", CPU, reach=0.78, reach_lua=0.52),
        "A.rate": Figure("A requests/s", "1/s", more_is_better=True)}),
    Load("W", {}, _requests("W"), by_wrk=True, figures={
        "W": Figure("A as wrk sees it, its handshakes included", CPU)}),
    Load("A10", KEPT, _requests("A10"), n_keys=10, figures={
        "A10": Figure("A with 10 keys", CPU, reach=0.78, reach_lua=0.52)}),
    Load("A100k", KEPT, _requests("A100k"), n_keys=100_000, figures={
        "A100k": Figure("A with 100,000 keys", CPU, reach=0.78, reach_lua=0.52)}),
    Load("L", {"connections": 32, "rate": 1000}, _at_rate, peers=(DIRECT, *GATEWAYS), figures={
        "L": Figure("A at 1000/s, added latency, median", "us"),
        "L.p99": Figure("A at 1000/s, latency with upstream, 99 %", "us"),
        "L.cpu": Figure("A at 1000/s", CPU)}),
    Load("B", {"connections": 32}, _requests("B"), peers=(*GATEWAYS, SAME_CIPHER), extra=("--fresh",), figures={
        "B": Figure("B new connection, full handshake", CPU, reach=0.88, reach_lua=0.78),
        "B.rate": Figure("B connections/s", "1/s", more_is_better=True)}),
    Load("BR", {"connections": 32}, _resumed, peers=(*GATEWAYS, SAME_CIPHER),
         extra=("--fresh", "--resume"), figures={
        "B.resumed": Figure("B new connection, resumed", CPU, reach=0.90, reach_lua=0.83),
        "B.resumed.rate": Figure("B resumed connections/s", "1/s", more_is_better=True)}),
    Load("C", {"connections": 200, "target": f"{CHAT}?pace_ms=20&content=24"}, _events, body="stream",
         extra=("--events",), peers=(DIRECT, *GATEWAYS, WHOLE, "without meter", "without journal", "without all"), figures={
             "C": Figure("C paced stream", "us CPU/event", reach=0.88, reach_lua=0.58),
             "C.added": Figure("C added latency of an event, median", "us", reach=1.0),
             "C.p99": Figure("C latency of an event, 99 %", "us")}),
    Load("D", {"connections": 8, "target": f"{CHAT}?mib=8&content=24"}, _mib_in("D"), body="stream",
         peers=(*GATEWAYS, "nginx 16k", SAME_CIPHER, WHOLE, "without meter", "without all"), figures={
             "D": Figure("D unpaced stream, events of 400 bytes", "us CPU/MiB", reach=0.40, reach_lua=0.25),
             "D.rate": Figure("D MiB per CPU second", "MiB/s", more_is_better=True)}),
    Load("D4", {"connections": 8, "target": f"{CHAT}?mib=8&content=4000"}, _mib_in("D4"), body="stream",
         peers=(*GATEWAYS, "nginx 16k", SAME_CIPHER, WHOLE, "without meter"), figures={
             "D4": Figure("D unpaced stream, events of 4 KiB", "us CPU/MiB", reach=0.40, reach_lua=0.25)}),
    Load("E", {"connections": 8, "target": "/v1/audio/transcriptions"}, _mib_out, body="upload",
         peers=(*GATEWAYS, SAME_CIPHER, WHOLE, "without meter", "without all"), figures={
             "E": Figure("E 1 MiB uploads", "us CPU/MiB", reach=0.80, reach_lua=0.70)}),
]
REACH_16K = {"D": 0.75, "D4": 0.75}
"""ratio to nginx with 16 KiB buffers"""
