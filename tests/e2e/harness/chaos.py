"""Clients that do everything that clients do, well-behaved or not, and know what each answer must be."""

import asyncio
import contextlib
import ssl
from collections import Counter
from dataclasses import dataclass, field

from . import echo, keys

PATIENCE = 30.0
"""for each answer; nothing may take that long"""
UNWELL = (502, 503, 504)


@dataclass
class Request:
    """What is sent, and what may come back."""

    raw: bytes
    method: str
    statuses: tuple
    body: bytes | None = None
    """of a 2xx; None: not looked at"""
    needs_continue: bytes = b""
    """sent once 100 Continue has come"""
    cut: bool = False
    """upstream breaks the answer off: it must not come whole"""
    version: str = "1.1"


class Cut(Exception):
    """The connection ended in the middle."""


@dataclass
class Tally:
    answers: Counter = field(default_factory=Counter)
    cut: int = 0
    faults: list = field(default_factory=list)


class Maker:
    """Random requests of all kinds."""

    def __init__(self, rng, tally):
        self._rng = rng
        self._tally = tally
        self._number = 0

    def request(self):
        kind = self._rng.choices(("echo", "health", "key-info", "wrong-key", "unknown", "too-large"),
                                 (70, 8, 8, 5, 5, 2))[0]
        return getattr(self, "_" + kind.replace("-", "_"))()

    def _head(self, method, target, *lines, version="1.1"):
        return "\r\n".join([f"{method} {target} HTTP/{version}", "Host: localhost", *lines, "", ""]).encode()

    def _health(self):
        return Request(self._head("GET", "/health"), "GET", (200,), b'{"status":"healthy"}')

    def _key_info(self):
        return Request(self._head("GET", "/auth/key-info", f"X-API-Key: {keys.SECRET}"), "GET", (200,))

    def _unknown(self):
        return Request(self._head("GET", "/nowhere"), "GET", (404,))

    def _wrong_key(self):
        said = b"w" * self._rng.choice((0, 10, 100_000))
        head = self._head("POST", "/v1/chat/completions", "Authorization: Bearer wrong", f"Content-Length: {len(said)}")
        return Request(head + said, "POST", (401,))

    def _too_large(self):
        head = self._head("POST", "/unstructured/large", f"Authorization: Bearer {keys.SECRET}",
                          "Content-Length: 3000000")
        return Request(head + b"l" * self._rng.choice((0, 1000, 70_000)), "POST", (413,))

    def _echo(self):
        rng = self._rng
        self._number += 1
        marker = f"m{id(self):x}-{self._number}-{rng.getrandbits(48):x}"
        method = rng.choices(("GET", "POST", "HEAD"), (30, 60, 10))[0]
        status = rng.choices((200, 204, 304, 400, 500), (80, 3, 3, 7, 7))[0]
        plan = self._plan(status)
        said = rng.randbytes(rng.choice((0, 1, 100, 5000, 65536, 65537, 300_000))) if method == "POST" else b""
        version = "1.0" if rng.random() < 0.05 else "1.1"
        lines = [f"Authorization: Bearer {keys.SECRET}", f"X-Request-Id: {marker}"]
        if version == "1.0" and rng.random() < 0.5:
            lines.append("Connection: keep-alive")
        chunked = method == "POST" and version == "1.1" and rng.random() < 0.4
        if method == "POST":
            lines.append("Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(said)}")
        wire = self._chunked(said) if chunked else said
        waits = method == "POST" and version == "1.1" and wire and rng.random() < 0.15
        if waits:
            lines.append("Expect: 100-continue")
        head = self._head(method, echo.target(marker, status=status, **plan), *lines, version=version)
        expected = echo.body_for(marker, said, plan["size"], status)
        return Request(head if waits else head + wire, method, (status,),
                       None if "early" in plan else b"" if method == "HEAD" else expected,
                       wire if waits else b"", "cut" in plan, version)

    def _plan(self, status):
        rng = self._rng
        plan = {"size": rng.choice((0, 10, 3000, 20_000, 70_000, 400_000)), "pieces": rng.choice((1, 1, 2, 5, 20)),
                "frame": rng.choice(("length", "chunked", "chunked", "sse", "close"))}
        if status in echo.SIZELESS:
            plan["frame"] = "length"
        if rng.random() < 0.15:
            plan["interim"] = rng.choice((1, 3))
        if rng.random() < 0.15:
            plan["gap"] = rng.choice((0, 1, 5))
        if rng.random() < 0.05:
            plan["stale"] = 1
        if rng.random() < 0.04:
            plan["early"] = 1
        elif rng.random() < 0.1:
            # a FIN is the proper end of a body that nothing else delimits
            plan |= {"cut": rng.choice((0, 1, 20, 120)),
                     "how": "rst" if plan["frame"] == "close" else rng.choice(("fin", "rst"))}
        return plan

    def _chunked(self, said):
        pieces = []
        while said:
            size = self._rng.choice((1, 100, 4000, 70_000, 70_000))
            pieces.append(b"%x;x=y\r\n%s\r\n" % (len(said[:size]), said[:size]))
            said = said[size:]
        return b"".join(pieces) + self._rng.choice((b"0\r\n\r\n", b"0\r\nX-Trailer: t\r\n\r\n"))


class Client:
    """One connection: some requests, a way to send them, a way to read, a way to leave."""

    def __init__(self, rng, maker, tally, port, tls_port):
        self._rng = rng
        self._tally = tally
        self._requests = [maker.request() for _ in range(rng.choice((1, 1, 2, 3, 8)))]
        self._tls = tls_port is not None and rng.random() < 0.4
        self._port = tls_port if self._tls else port
        self._slow = rng.random() < 0.15
        self._leave_after = rng.randrange(1, 100_000) if rng.random() < 0.25 else None
        self._leave_how = rng.choice(("close", "reset", "fin"))
        self._pipelines = rng.random() < 0.5
        self._got = 0
        self._ended = False
        self._at = None
        """the request whose answer is awaited"""

    async def run(self):
        context = None
        if self._tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            self._reader, self._writer = await asyncio.open_connection(
                "127.0.0.1", self._port, ssl=context, limit=4096 if self._slow else 1 << 16)
        except ConnectionError:
            self._tally.faults.append("no connection")
            return
        try:
            await self._talk()
        except (Cut, ConnectionError, ssl.SSLError):
            self._tally.cut += 1
        except TimeoutError:
            self._tally.faults.append(f"no end of an answer: {self._where()}")
        finally:
            self._writer.transport.abort()

    async def _talk(self):
        if not self._pipelines:
            for request in self._requests:
                sending = asyncio.ensure_future(self._send(request.raw))
                try:
                    if not await self._timed(request):
                        return
                    await asyncio.wait_for(sending, PATIENCE)  # an early answer does not end the request
                finally:
                    await self._give_up(sending)
            return
        # a request that waits for 100 Continue can only be the last of a pipeline
        count = next((n for n, request in enumerate(self._requests) if request.needs_continue), len(self._requests) - 1)
        self._requests = self._requests[:count + 1]
        sending = asyncio.ensure_future(self._send(b"".join(request.raw for request in self._requests)))
        try:
            for request in self._requests:
                if not await self._timed(request):
                    return
        finally:
            await self._give_up(sending)

    async def _timed(self, request):
        self._at = request
        return await asyncio.wait_for(self._answer(request), PATIENCE)

    def _where(self):
        """For a person who looks for the reason."""
        at = self._requests.index(self._at)
        return (f"number {at} of {[request.raw[:150] for request in self._requests]}, {self._got} bytes came, "
                f"tls {self._tls}, slow {self._slow}, pipelines {self._pipelines}, "
                f"leaves {self._leave_how} after {self._leave_after}, waits {bool(self._at.needs_continue)}")

    async def _give_up(self, sending):
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError, ssl.SSLError):
            await sending

    async def _send(self, data):
        tiny = self._rng.random() < 0.1
        while data and not self._ended:
            size = self._rng.choice((1, 2, 5) if tiny and len(data) < 3000 else (10, 1000, 1 << 16, 1 << 22))
            self._writer.write(data[:size])
            data = data[size:]
            await self._writer.drain()
            await asyncio.sleep(0.002 if self._rng.random() < 0.1 else 0)

    # reading

    async def _note(self, data):
        self._got += len(data)
        if self._slow:
            await asyncio.sleep(0.002)
        if self._leave_after is not None and self._got >= self._leave_after:
            if self._leave_how == "reset":
                echo.reset_on_close(self._writer)
            elif self._leave_how == "fin" and not self._tls:
                self._ended = True
                self._writer.write_eof()
                self._leave_after = None
                return data
            raise Cut
        return data

    async def _until(self, mark):
        try:
            return await self._note(await self._reader.readuntil(mark))
        except asyncio.IncompleteReadError as error:
            raise Cut from error

    async def _exactly(self, size):
        pieces = []
        while size > 0:
            piece = await self._reader.read(min(size, 1 << 16))
            if not piece:
                raise Cut
            pieces.append(await self._note(piece))
            size -= len(piece)
        return b"".join(pieces)

    async def _head(self):
        first, *lines = (await self._until(b"\r\n\r\n")).decode("latin-1")[:-4].split("\r\n")
        assert first.startswith("HTTP/1.1 "), first
        return int(first.split(" ")[1]), {name.lower(): value.strip()
                                          for name, _, value in (line.partition(":") for line in lines)}

    async def _answer(self, request):
        """Read and judge. Returns whether the connection goes on."""
        status, headers = await self._head()
        while status < 200:
            if status == 100 and request.needs_continue:
                await self._send(request.needs_continue)
            status, headers = await self._head()
        body = await self._body(request, status, headers)
        self._tally.answers[status] += 1
        self._judge(request, status, headers, body)
        return headers.get("connection") != "close" and status != 413

    async def _body(self, request, status, headers):
        if request.method == "HEAD" or status in echo.SIZELESS:
            return b""
        if headers.get("transfer-encoding") == "chunked":
            pieces = []
            while size := int(await self._until(b"\r\n"), 16):
                pieces.append(await self._exactly(size))
                assert await self._until(b"\r\n") == b"\r\n"
            assert await self._until(b"\r\n") == b"\r\n"
            return b"".join(pieces)
        if "content-length" in headers:
            return await self._exactly(int(headers["content-length"]))
        assert request.version == "1.0", "no framing for HTTP/1.1"
        pieces = []
        while piece := await self._reader.read(1 << 16):
            pieces.append(await self._note(piece))
        return b"".join(pieces)

    def _judge(self, request, status, headers, body):
        what = f"{status} for {request.raw[:200]}"
        if status in UNWELL:
            return
        if status not in request.statuses:
            self._tally.faults.append(f"wrong status: {what}")
        elif request.cut and b"&cut=120&" not in request.raw:  # a short head may be sent whole
            self._tally.faults.append(f"a cut answer looks complete: {what}")
        elif request.body is not None and body != request.body:
            self._tally.faults.append(f"wrong body ({len(body)}, not {len(request.body)} bytes): {what}")
