"""One answer on its way out: head, framing, pacing, and breaking off where it was asked to."""

import asyncio
from http import HTTPStatus

from .wire import PeerGone


class Cut(Exception):
    """The place has been reached where the answer was to break off."""


def _reason(status):
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def interim_heads(statuses):
    """The bytes of 1xx answers."""
    return b"".join(
        f"HTTP/1.1 {status} {_reason(status)}\r\n".encode()
        + (b"Link: </style.css>; rel=preload\r\n" if status == 103 else b"") + b"\r\n"
        for status in statuses)


class Outlet:
    """Progress of one answer; what it counts goes into the log when it ends."""

    def __init__(self, wire, chosen, gates, log):
        self._wire = wire
        self._chosen = chosen
        self._gates = gates
        self._log = log
        self._chunked = False
        self._pending = b""
        self.events = 0
        self.body_bytes = 0
        self.usage = None

    async def send(self, head, answer, close):
        """The whole answer. Raises Cut, PeerGone."""
        if self._chosen.hang == "head":
            await asyncio.Event().wait()
        if self._chosen.head_gate is not None:
            await self._gates[self._chosen.head_gate].wait()
        await asyncio.sleep(self._chosen.delay_ms / 1000)
        await self._send_head(head, answer, close)
        if head.method == "HEAD" or answer.status in (204, 304):
            await self._write(b"")
            return
        if self._chosen.hang == "body":
            await self._write(b"")
            await asyncio.Event().wait()
        for piece in answer.pieces:
            await self._send_piece(piece)
        if self._chosen.hang == "end":
            await asyncio.Event().wait()
        if self._chunked:
            await self._write(b"0\r\n\r\n")

    def closes(self, answer):
        """Does the body's end need the connection's end?"""
        return self._framing(answer) == "close"

    def _framing(self, answer):
        return self._chosen.framing or ("chunked" if answer.length is None else "length")

    async def _send_head(self, head, answer, close):
        framing = self._framing(answer)
        lines = [f"HTTP/1.1 {answer.status} {_reason(answer.status)}"]
        if answer.content_type is not None:
            lines.append(f"Content-Type: {answer.content_type}")
        if answer.status != 204 and framing == "length":
            if answer.length is None:
                answer.pieces = list(answer.pieces)
                answer.length = sum(len(piece.data) for piece in answer.pieces)
            lines.append(f"Content-Length: {answer.length}")
        if framing == "chunked":
            lines.append("Transfer-Encoding: chunked")
            self._chunked = head.method != "HEAD"
        lines += [f"{name}: {value}" for name, value in (*answer.headers, *self._chosen.headers)]
        if close:
            lines.append("Connection: close")
        self._log("head", status=answer.status)
        raw = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        if self._cut_at("head") is not None:
            await self._write(raw[:self._cut_at("head")])
            raise Cut
        self._pending = interim_heads(self._chosen.interim) + raw
        if answer.length is None:
            await self._write(b"")  # a stream's head does not wait for its first event

    def _cut_at(self, where):
        cut = self._chosen.cut
        return cut[1] if cut is not None and cut[0] == where else None

    async def _send_piece(self, piece):
        if piece.event:
            await self._pace()
        self._note(piece)
        data = piece.data
        limit = self._cut_at("body")
        cut = limit is not None and self.body_bytes + len(data) >= limit
        kept = data[:limit - self.body_bytes] if cut else data
        size = f"{len(data):x}\r\n".encode() if self._chunked and data else b""
        await self._write(size + kept + (b"\r\n" if size and not cut else b""))
        self.body_bytes += len(kept)
        if cut or (piece.event and self.events == self._cut_at("events")):
            raise Cut

    async def _pace(self):
        if self.events == self._cut_at("events"):
            raise Cut
        if self._chosen.gate is not None:
            await self._gates[self._chosen.gate].wait()
        if self._chosen.gap_ms:
            await asyncio.sleep(self._chosen.gap_ms / 1000)

    def _note(self, piece):
        if piece.event:
            self.events += 1
        if piece.usage is not None:
            self.usage = piece.usage
        if piece.event or piece.usage is not None:
            self._log("sent", events=self.events, body_bytes=self.body_bytes + len(piece.data), usage=self.usage)

    async def _write(self, data):
        """Write data after the head, if that is still to go: a whole answer leaves in one piece."""
        data, self._pending = self._pending + data, b""
        size = self._chosen.write_bytes or len(data)
        for start in range(0, len(data), max(1, size)):
            await self._wire.send(data[start:start + size])


__all__ = ["Cut", "Outlet", "PeerGone", "interim_heads"]
