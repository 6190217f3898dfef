"""The out-of-band interface for tests: JSON over HTTP on a loopback port of its own, never logged.

GET  /state                                    connections, how many of them are busy, answers under way
GET  /gate/NAME                                passes given and used, and who waits
POST /gate/NAME  {"add": N} or {"open": true}  let N events, or all from now on, pass
POST /gates      {"names": [...], "add": N}     the same for many at once
POST /steer      {"set": {NAME: TEXT, ...}, "path": P or null, "times": N or null}
POST /clear                                    forget what was steered so
POST /close-idle                               close the connections that carry no request
POST /reset-all                                RST on every connection
"""

import json

from . import steer
from .wire import BadMessage, PeerGone, Wire


class Control:
    def __init__(self, server, gates):
        self._server = server
        self._gates = gates

    async def serve(self, reader, writer):
        wire = Wire(reader, writer)
        try:
            while True:
                head = await wire.read_head()
                body = await wire.read_body(head)
                status, said = await self._act(head, body.data)
                data = json.dumps(said).encode()
                await wire.send(f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
                                f"Content-Length: {len(data)}\r\n\r\n".encode() + data)
        except (PeerGone, BadMessage):
            pass
        finally:
            wire.close()

    async def _act(self, head, data):
        try:
            asked = json.loads(data) if data else {}
            return "200 OK", await self._do(f"{head.method} {head.target}", asked)
        except (ValueError, KeyError) as error:
            return "400 Bad Request", {"error": f"{type(error).__name__}: {error}"}

    async def _do(self, what, asked):
        if what == "GET /state":
            return self._server.describe()
        if what.startswith("GET /gate/"):
            return self._gates[what.removeprefix("GET /gate/")].describe()
        if what.startswith("POST /gate/"):
            return await self._pass(self._gates[what.removeprefix("POST /gate/")], asked)
        if what == "POST /gates":
            for name in asked["names"]:
                await self._gates[name].add(int(asked["add"]))
            return {}
        if what == "POST /steer":
            values = {name: steer.parse_one(name, text) for name, text in asked["set"].items()}
            self._server.add_rule(asked.get("path"), values, asked.get("times"))
            return {}
        if what == "POST /clear":
            self._server.clear_rules()
            return {}
        if what == "POST /close-idle":
            return {"closed": self._server.close_idle()}
        if what == "POST /reset-all":
            return {"reset": self._server.reset_all()}
        raise KeyError(what)

    @staticmethod
    async def _pass(gate, asked):
        if asked.get("open"):
            await gate.open()
        await gate.add(int(asked.get("add", 0)))
        return gate.describe()
