"""HTTP/1.1 on one connection: request heads and bodies in, bytes out, and whether the peer is still there.

Not a guard: it takes what it gets and records it, so that a test sees what gatehouse really sent. A
message it cannot frame ends the connection.
"""

import asyncio
import fcntl
import hashlib
import socket
import struct
import termios
from dataclasses import dataclass

MAX_HEAD = 1 << 20
_READ = 1 << 16


class PeerGone(Exception):
    """The peer has closed or reset the connection."""


class BadMessage(Exception):
    """What the peer sent cannot be framed."""


@dataclass
class Head:
    method: str
    target: str
    version: str
    headers: list

    def get(self, name, default=""):
        """The first value of that name (lower case)."""
        return next((value for key, value in self.headers if key.lower() == name), default)

    def keeps_alive(self):
        return self.version == "HTTP/1.1" and "close" not in self.get("connection").lower()


@dataclass
class Body:
    data: bytes
    framing: str

    def sha256(self):
        return hashlib.sha256(self.data).hexdigest()


def parse_head(raw):
    lines = raw.decode("latin-1").split("\r\n")
    try:
        method, target, version = lines[0].split(" ")
        headers = [(name, value.strip(" \t")) for name, value in (line.split(":", 1) for line in lines[1:])]
    except ValueError as error:
        raise BadMessage("head") from error
    return Head(method, target, version, headers)


class Wire:
    def __init__(self, reader, writer):
        self._reader = reader
        self._writer = writer
        self._held = bytearray()
        self._gone = asyncio.Event()
        # drain() waits for the kernel to take all; with a mark of 0 asyncio's TLS never goes on
        writer.transport.set_write_buffer_limits(high=1, low=0)

    # reading

    async def _more(self):
        try:
            data = await self._reader.read(_READ)
        except (ConnectionError, OSError):
            data = b""
        if not data:
            self._gone.set()
            raise PeerGone
        self._held += data

    async def read_head(self):
        """The next request's head. Raises PeerGone at a clean end."""
        while (end := self._held.find(b"\r\n\r\n")) < 0:
            if len(self._held) > MAX_HEAD:
                raise BadMessage("head too large")
            await self._more()
        raw = bytes(self._held[:end])
        del self._held[:end + 4]
        return parse_head(raw)

    async def _line(self):
        while (end := self._held.find(b"\r\n")) < 0:
            await self._more()
        line = bytes(self._held[:end])
        del self._held[:end + 2]
        return line

    async def _exactly(self, size):
        while len(self._held) < size:
            await self._more()
        data = bytes(self._held[:size])
        del self._held[:size]
        return data

    async def read_body(self, head):
        try:
            if "chunked" in head.get("transfer-encoding").lower():
                return Body(await self._read_chunks(), "chunked")
            length = head.get("content-length")
            if not length:
                return Body(b"", "none")
            return Body(await self._exactly(int(length)), "length")
        except ValueError as error:
            raise BadMessage("body") from error

    async def _read_chunks(self):
        data = bytearray()
        while (size := int((await self._line()).partition(b";")[0], 16)) > 0:
            data += await self._exactly(size)
            if await self._line():
                raise BadMessage("chunk end")
        while await self._line():
            pass
        return bytes(data)

    # the peer's leaving

    async def watched(self, work):
        """Run work while listening for the peer's end. What it sends meanwhile is kept for later."""
        working = asyncio.ensure_future(work)
        watching = asyncio.ensure_future(self._watch())
        try:
            await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise PeerGone
            return working.result()
        finally:
            for task in (working, watching):
                task.cancel()
            await asyncio.gather(working, watching, return_exceptions=True)

    async def _watch(self):
        while len(self._held) <= MAX_HEAD:
            try:
                await self._more()
            except PeerGone:
                return
        await self._gone.wait()

    # writing

    async def send(self, data):
        """Returns once the kernel has taken it all."""
        if self._gone.is_set():
            raise PeerGone
        self._writer.write(data)
        try:
            await self._writer.drain()
        except (ConnectionError, OSError) as error:
            raise PeerGone from error
        await asyncio.sleep(0)

    # ending

    async def linger(self):
        """FIN now, if the transport can, then read what still comes until the peer ends too."""
        if self._writer.can_write_eof():
            self._writer.write_eof()
        try:
            while True:
                self._held.clear()
                await self._more()
        except PeerGone:
            return

    def close(self):
        """FIN, after close_notify under TLS."""
        self._writer.close()

    def drop(self):
        """FIN without close_notify."""
        self._writer.transport.abort()

    async def reset(self):
        """RST, once the peer's kernel has all that was sent."""
        await self._sent(self._writer.get_extra_info("socket"))
        self.reset_at_once()

    def reset_at_once(self):
        """RST, whatever is still to be sent. Not for one that is closed already."""
        sock = self._writer.get_extra_info("socket")
        if sock.fileno() != -1 and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    @staticmethod
    async def _sent(sock):
        for _ in range(500):
            try:
                waiting = struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0" * 4))[0]
            except (OSError, ValueError):  # ValueError: it is closed
                return
            if waiting == 0:
                return
            await asyncio.sleep(0.01)
