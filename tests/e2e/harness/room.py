"""The admin's room: a session over the plain port, and the rights that the admin process needs."""

import json
import os
import pwd
import urllib.parse

from . import raw

PASSWORD = "correct horse battery staple"
SETTINGS = {"ADMIN_PASSWORD": PASSWORD}
API = "/admin/api/v1/"


def give(house):
    """Let the admin process, which a root master runs as nobody, replace files in the folder."""
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        for path in (house.folder, house.key_file, house.folder / "settings.json"):
            if path.exists():
                os.chown(path, nobody.pw_uid, nobody.pw_gid)


class Room:
    """A logged-in session; `ask` takes a path behind the API's prefix."""

    def __init__(self, house, password=PASSWORD):
        self.house = house
        answer = self._send("POST", "session", {"password": password})
        assert answer.status == 200, answer.body
        self.cookie = answer.get("set-cookie").partition(";")[0]
        self.csrf = answer.json()["csrf_token"]

    def _send(self, method, path, body, headers=()):
        pairs = list(headers)
        data = b""
        if body is not None:
            pairs.append(("Content-Type", "application/json"))
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.house.ask(method, API + path, pairs, data, key=None)

    def ask(self, method, path, body=None, **query):
        headers = [("Cookie", self.cookie)]
        if method not in ("GET", "HEAD"):
            headers.append(("X-CSRF-Token", self.csrf))
        if query:
            path += "?" + urllib.parse.urlencode(query)
        return self._send(method, path, body, headers)

    def get(self, path, **query):
        answer = self.ask("GET", path, **query)
        assert answer.status == 200, (answer.status, answer.body)
        return answer.json()

    def post(self, path, body=None, status=200):
        return self._done("POST", path, {} if body is None else body, status)

    def patch(self, path, body, status=200):
        return self._done("PATCH", path, body, status)

    def delete(self, path, status=204, **query):
        answer = self.ask("DELETE", path, **query)
        assert answer.status == status, (answer.status, answer.body)
        return answer

    def _done(self, method, path, body, status):
        answer = self.ask(method, path, body)
        assert answer.status == status, (answer.status, answer.body)
        return answer.json()

    def fault(self, method, path, body=None, **query):
        """(status, code, param) of a refusal."""
        answer = self.ask(method, path, body, **query)
        error = answer.json()["error"]
        assert error["message"], error
        return answer.status, error["code"], error["param"]

    def audit(self, action):
        """The records of an action, newest first."""
        return [record for record in self.get("audit", limit=1000)["records"] if record["action"] == action]


def enter(house):
    """A session in a house whose files admin may edit."""
    give(house)
    return Room(house)


def connection_ask(connection, room, method, path, body):
    """The same on a connection that the test holds."""
    headers = [("Cookie", room.cookie), ("X-CSRF-Token", room.csrf), ("Content-Type", "application/json")]
    connection.send(raw.request(method, API + path, headers, json.dumps(body).encode()))
