"""Connections and their requests: read, decide on an answer, send it, log what became of it."""

import asyncio
import itertools

from . import answers, asked, errors, faults, steer, streams
from .outlet import Cut, Outlet
from .wire import BadMessage, PeerGone, Wire


class Connection:
    """What the stand-in knows of one client's connection."""

    def __init__(self, number, wire):
        self.number = number
        self.wire = wire
        self.requests = 0
        self.busy = False
        self.drop_next = None


class Server:
    def __init__(self, record, gates, defaults, api_key=None):
        self._record = record
        self._gates = gates
        self._defaults = defaults
        self._api_key = api_key
        self._connection_numbers = itertools.count(1)
        self._request_numbers = itertools.count(1)
        self._rules = []
        self._sending = {}
        self.connections = set()

    # for the control interface

    def add_rule(self, path, values, times):
        """Steer the next `times` requests (None: all) to a path (None: any)."""
        self._rules.append({"path": path, "values": values, "times": times})

    def clear_rules(self):
        self._rules.clear()

    def close_idle(self):
        idle = [connection for connection in self.connections if not connection.busy]
        for connection in idle:
            connection.wire.close()
        return len(idle)

    def reset_all(self):
        """RST on every connection, whatever it is doing."""
        all_now = list(self.connections)
        for connection in all_now:
            connection.wire.reset_at_once()
        return len(all_now)

    def describe(self):
        return {"connections": len(self.connections),
                "busy": sum(connection.busy for connection in self.connections),
                "sending": [{"id": number, "events": outlet.events, "body_bytes": outlet.body_bytes}
                            for number, outlet in self._sending.items()]}

    # connections

    async def serve(self, reader, writer):
        """One client's connection, from accept to close."""
        connection = Connection(next(self._connection_numbers), Wire(reader, writer))
        self.connections.add(connection)
        self._record.write("open", conn=connection.number)
        by = "standin"
        try:
            while await self._serve_request(connection):
                pass
        except PeerGone:
            by = "peer"
        except BadMessage as error:
            self._record.write("bad", conn=connection.number, what=str(error))
        finally:
            self.connections.discard(connection)
            self._record.write("close", conn=connection.number, by=by, requests=connection.requests)
            connection.wire.close()

    async def _serve_request(self, connection):
        """Returns whether the connection may carry another one."""
        head = await connection.wire.read_head()
        connection.busy = True
        connection.requests += 1
        number = next(self._request_numbers)
        self._record.write("request", conn=connection.number, id=number, method=head.method, target=head.target,
                           version=head.version, headers=head.headers)
        if connection.drop_next is not None:
            self._record.write("end", id=number, outcome="dropped", events=0, body_bytes=0, usage=None)
            await self._break(connection, "rst" if connection.drop_next == "next-rst" else "fin")
            return False
        kept = await self._answer(connection, head, number)
        connection.busy = False
        return kept

    @staticmethod
    async def _break(connection, how):
        if how == "rst":
            await connection.wire.reset()
        elif how == "eof":
            connection.wire.drop()
        else:
            connection.wire.close()

    # one request

    async def _answer(self, connection, head, number):
        def log(event, **fields):
            self._record.write(event, id=number, **fields)

        outcome, outlet = "gone", None
        try:
            request = await self._receive(connection.wire, head, number)
            chosen = self._steering(head, request.steering, count=True)
            outlet = self._sending[number] = Outlet(connection.wire, chosen, self._gates, log)
            kept = await connection.wire.watched(self._send(connection, head, request, chosen, outlet))
            outcome = "complete"
            if chosen.ignore_body:
                await connection.wire.linger()
        except Cut:
            outcome = "cut"
            await self._break(connection, chosen.cut_how)
            kept = False
        except BadMessage:
            outcome = "bad"
            raise
        finally:
            self._sending.pop(number, None)
            sent = (outlet.events, outlet.body_bytes, outlet.usage) if outlet is not None else (0, 0, None)
            log("end", outcome=outcome, **dict(zip(("events", "body_bytes", "usage"), sent, strict=False)))
        return kept

    async def _receive(self, wire, head, number):
        """Read the body unless it is to be ignored."""
        early = self._steering(head, {})
        if early.ignore_body:
            return asked.Asked()
        if early.body_gate is not None:
            await self._gates[early.body_gate].wait()
        if head.get("expect").lower() == "100-continue":
            await wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        return await self._read(wire, head, number)

    async def _read(self, wire, head, number):
        try:
            body = await wire.read_body(head)
        except (PeerGone, BadMessage):
            self._record.write("body", id=number, bytes=None, sha256=None, framing=None, complete=False)
            raise
        self._record.write("body", id=number, bytes=len(body.data), sha256=body.sha256(),
                           framing=body.framing, complete=True)
        return asked.read_body(head.get("content-type"), body.data)

    def _steering(self, head, by_model, count=False):
        layers = [self._defaults]
        for rule in self._rules:
            if rule["times"] == 0 or rule["path"] not in (None, head.target.partition("?")[0]):
                continue
            layers.append(rule["values"])
            if count and rule["times"] is not None:
                rule["times"] -= 1
        try:
            return steer.combine(*layers, by_model, steer.from_headers(head.headers))
        except steer.SteeringError as error:
            raise BadMessage(str(error)) from error

    async def _send(self, connection, head, request, chosen, outlet):
        """Returns whether the connection may be kept."""
        if chosen.malformed is not None:
            await connection.wire.send(faults.ALL[chosen.malformed])
            raise Cut
        answer = self._choose(head, request, chosen)
        close = (outlet.closes(answer) or chosen.close == "after" or chosen.ignore_body
                 or not head.keeps_alive())
        await outlet.send(head, answer, close)
        if chosen.close in ("next", "next-rst"):
            connection.drop_next = chosen.close
        return not close and chosen.close != "silent"

    def _choose(self, head, request, chosen):
        try:
            answer = self._canned(head, request, chosen)
        except steer.SteeringError as error:
            return errors.error(400, message=f"x-standin: {error}")
        if chosen.body is not None:
            data = chosen.body.encode("latin-1")
            answer = answers.literal(answer.status, answer.content_type, data)
        if chosen.content_type is not None:
            answer.content_type = chosen.content_type
        if chosen.status is not None:
            answer.status = chosen.status
        return answer

    def _canned(self, head, request, chosen):
        if self._api_key is not None and head.get("authorization") != f"Bearer {self._api_key}":
            return errors.error(401, message="no or wrong Bearer key")
        kind, refused = asked.endpoint(head.method, head.target)
        if kind is None:
            return errors.error(refused, message="no such route here")
        if chosen.location is not None:
            return errors.redirect(307, chosen.location)
        if chosen.error not in (None, "pair"):
            return errors.error(chosen.status or 500, chosen.error)
        if chosen.status is not None and chosen.status >= 400 and chosen.error is None:
            return errors.error(chosen.status)
        if kind in streams.STREAMING_KINDS and request.stream:
            return streams.streamed(kind, request, chosen)
        return answers.whole(kind, request, chosen)


async def start(server, sockets_and_tls):
    """Listen on every (socket, ssl context or None). Returns asyncio servers."""
    listening = []
    for sock, tls in sockets_and_tls:
        listening.append(await asyncio.start_server(server.serve, sock=sock, ssl=tls, backlog=1024))
    return listening
