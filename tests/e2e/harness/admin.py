"""A client of the admin API: a session with its cookie and CSRF token, or a bearer token."""

import json
import os
import pwd
import urllib.parse

from . import raw

PASSWORD = "correct horse battery staple"
SETTINGS = {"ADMIN_PASSWORD": PASSWORD}
API = "/admin/api/v1/"
COOKIE = "gatehouse_session"


def give(house):
    """Let the admin process, which a root master runs as nobody, replace files in the folder."""
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        for path in (house.folder, house.key_file, house.folder / "settings.json"):
            if path.exists():
                os.chown(path, nobody.pw_uid, nobody.pw_gid)


def cookie_of(answer):
    """The session cookie that an answer sets: (value, attributes); (None, []) if it sets none."""
    for value in answer.all("set-cookie"):
        parts = [part.strip() for part in value.split(";")]
        name, _, content = parts[0].partition("=")
        if name == COOKIE:
            return content, parts[1:]
    return None, []


class Admin:
    """
    Speaks to a gatehouse that has PASSWORD as its ADMIN_PASSWORD. Paths are those behind the API's prefix.

    token  an admin token; None: whoever logs in
    connect  how to reach it; None: its plain port
    """

    def __init__(self, house, token=None, connect=None):
        self.house = house
        self.connect = connect or house.connect
        self.token = token
        self.cookie = None
        self.csrf = None

    def headers(self, method):
        """Those that say who this is."""
        if self.token is not None:
            return [("Authorization", f"Bearer {self.token}")]
        pairs = []
        if self.cookie is not None:
            pairs.append(("Cookie", f"{COOKIE}={self.cookie}"))
        if self.csrf is not None and method not in ("GET", "HEAD"):
            pairs.append(("X-CSRF-Token", self.csrf))
        return pairs

    def send(self, method, target, headers=(), body=b""):
        """One request with just these headers, on a connection of its own."""
        with self.connect() as connection:
            return connection.ask(method, target, list(headers), body)

    def _request(self, method, path, body, headers, query):
        pairs = self.headers(method) + list(headers)
        data = b""
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            pairs.append(("Content-Type", "application/json"))
        return method, API + path + ("?" + urllib.parse.urlencode(query) if query else ""), pairs, data

    def call(self, method, path, body=None, headers=(), **query):
        """A request to the API as who this is. body: an object, sent as JSON; bytes go as they are."""
        return self.send(*self._request(method, path, body, headers, query))

    def request(self, method, path, body=None):
        """The bytes of the same, for a connection that the test holds."""
        return raw.request(*self._request(method, path, body, (), {}))

    def get(self, path, **query):
        """The JSON of an answer that must be 200."""
        return self._done("GET", path, None, 200, query)

    def post(self, path, body=None, status=200):
        """The JSON of a change that must be answered with this status; so for the next two."""
        return self._done("POST", path, {} if body is None else body, status)

    def patch(self, path, body, status=200):
        return self._done("PATCH", path, body, status)

    def delete(self, path, status=204, **query):
        return self._done("DELETE", path, None, status, query)

    def _done(self, method, path, body, status, query=None):
        answer = self.call(method, path, body, **(query or {}))
        assert answer.status == status, (answer.status, answer.body)
        return answer.json() if answer.body else None

    def fault(self, method, path, body=None, **query):
        """(status, code, param) of a refusal."""
        answer = self.call(method, path, body, **query)
        said = error(answer)
        return answer.status, said["code"], said["param"]

    def audit(self, action):
        """The records of an action, newest first."""
        return [record for record in self.get("audit", limit=1000)["records"] if record["action"] == action]

    def login(self, password=PASSWORD):
        """Log in; the answer."""
        answer = self.call("POST", "session", {"password": password})
        if answer.status == 200:
            self.cookie = cookie_of(answer)[0]
            self.csrf = answer.json()["csrf_token"]
        return answer

    def make_token(self, *scopes, name="made by a test", **fields):
        """A client that has a new admin token of these scopes, and the token's public part."""
        made = self.post("tokens", {"name": name, "scopes": list(scopes), **fields}, 201)
        return Admin(self.house, made["secret"], self.connect), made["token"]


def logged_in(house, **options):
    """A client that has logged in."""
    client = Admin(house, **options)
    answer = client.login()
    assert answer.status == 200, (answer.status, answer.body)
    return client


def enter(house):
    """A client that has logged in to a house whose files the admin process may edit."""
    give(house)
    return logged_in(house)


def error(answer):
    """The `error` of an answer, which must have the agreed shape."""
    said = answer.json()["error"]
    assert {"message", "type", "param", "code"} <= said.keys(), said
    assert said["message"], said
    return said
