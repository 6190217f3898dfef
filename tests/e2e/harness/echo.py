"""An upstream whose answers prove which request they belong to, and what of its body had come.

A request's target is /unstructured/MARKER?PLAN. The plan says how the answer is framed, cut or delayed; the
answer's body follows from the marker, the size asked for and the bytes of the request's body alone, so that
whoever sent the request can say every byte of it.
"""

import asyncio
import contextlib
import hashlib
import random
import socket
import struct
import threading
import urllib.parse

KEYS = ("frame", "size", "status", "interim", "cut", "how", "gap", "early", "stale", "pieces")
SIZELESS = (204, 304)


def target(marker, **plan):
    assert plan.keys() <= set(KEYS), plan
    return f"/unstructured/{marker}?{urllib.parse.urlencode(plan)}"


def body_for(marker, said, size, status=200):
    """The body of the answer to a request with that marker and the body `said`."""
    if status in SIZELESS:
        return b""
    proof = f"{marker} {len(said)} {hashlib.sha256(said).hexdigest()} "
    if status >= 400:
        return f'{{"error":{{"message":"{proof}","type":"t","param":null,"code":"{marker}"}}}}'.encode()
    start = proof.encode()
    return (start * (size // len(start) + 1))[:max(size, len(start))]


def reset_on_close(writer):
    """Leave with an RST, if the connection still stands."""
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() != -1:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class _Cut(Exception):
    """The plan ends the answer here."""


class Echo:
    """Runs in a thread of its own. `faults` are things that must never happen."""

    def __init__(self):
        self.faults = []
        self.seen = {}
        """marker -> (method, how often it came)"""
        self.chunked = set()
        """markers of requests whose body came in chunks"""
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(20)

    def url(self):
        return f"http://127.0.0.1:{self._port}"

    def stop(self):
        self._loop.call_soon_threadsafe(self._main.cancel)
        self._thread.join(20)
        assert not self._thread.is_alive()

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._main = self._loop.create_task(self._serve())
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._main)
        rest = asyncio.all_tasks(self._loop)
        for task in rest:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
        self._loop.close()

    async def _serve(self):
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0, limit=1 << 20, backlog=1024)
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await server.serve_forever()

    async def _connection(self, reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError, _Cut):
            while await self._one(reader, writer):
                pass
        writer.close()

    async def _one(self, reader, writer):
        """One request and its answer. Returns whether another may follow."""
        method, marker, plan, headers = await self._head(reader)
        rng = random.Random(marker)
        early = plan.get("early") == "1"
        said = b"" if early else await self._body(reader, headers)
        cut = int(plan["cut"]) if "cut" in plan else None
        for piece in self._pieces(rng, self._answer(method, marker, plan, said), plan):
            if cut is not None and cut <= len(piece):
                writer.write(piece[:cut])
                await writer.drain()
                if plan.get("how") == "rst":
                    reset_on_close(writer)
                raise _Cut
            cut = None if cut is None else cut - len(piece)
            writer.write(piece)
            await writer.drain()
            if "gap" in plan:
                await asyncio.sleep(int(plan["gap"]) / 1000)
        return not (early or "stale" in plan or plan.get("frame") == "close")

    async def _head(self, reader):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head[:-4].split("\r\n")
        method, where, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        path, _, query = where.partition("?")
        marker = path.rpartition("/")[2]
        if headers.get("x-request-id") != marker:
            self.faults.append(f"the head of {marker} carries the id {headers.get('x-request-id')}")
        self.seen[marker] = (method, self.seen.get(marker, (method, 0))[1] + 1)
        if "transfer-encoding" in headers:
            self.chunked.add(marker)
        return method, marker, dict(urllib.parse.parse_qsl(query)), headers

    async def _body(self, reader, headers):
        if headers.get("transfer-encoding") == "chunked":
            pieces = []
            while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
                pieces.append(await reader.readexactly(size))
                await reader.readexactly(2)
            await reader.readexactly(2)
            return b"".join(pieces)
        return await reader.readexactly(int(headers.get("content-length", 0)))

    def _answer(self, method, marker, plan, said):
        status = int(plan.get("status", 200))
        body = body_for(marker, said, int(plan.get("size", 0)), status)
        frame = plan.get("frame", "length")
        kind = "text/event-stream" if frame == "sse" else "application/json"
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nX-Marker: {marker}\r\n"
        if frame == "length" and status not in SIZELESS:
            head += f"Content-Length: {len(body)}\r\n"
        elif frame in ("chunked", "sse") and status not in SIZELESS:
            head += "Transfer-Encoding: chunked\r\n"
            rng = random.Random(marker)
            body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in _split(rng, body, 7)) + b"0\r\n\r\n"
        interim = f"HTTP/1.1 103 Early Hints\r\nX-Early: {marker}\r\n\r\n" * int(plan.get("interim", 0))
        bodyless = method == "HEAD" or status in SIZELESS
        return (interim + head + "\r\n").encode() + (b"" if bodyless else body)

    def _pieces(self, rng, data, plan):
        return _split(rng, data, int(plan.get("pieces", 1)))


def _split(rng, data, count):
    """data in up to `count` pieces, none of them empty."""
    cuts = sorted({rng.randrange(1, len(data)) for _ in range(count - 1)}) if len(data) > 1 else []
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True) if start < end]
