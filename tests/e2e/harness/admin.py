"""A client of the admin API: a session with its cookie and CSRF token, or a bearer token."""

import json

from .room import PASSWORD

BASE = "/admin/api/v1/"
COOKIE = "gatehouse_session"


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
    Speaks to a gatehouse that has PASSWORD as its ADMIN_PASSWORD.

    token  an admin token; None: whoever logs in
    connect  how to reach it; None: its plain port
    """

    def __init__(self, house, token=None, connect=None):
        self.connect = connect or house.connect
        self.token = token
        self.cookie = None
        self.csrf = None

    def headers(self, method):
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

    def call(self, method, path, body=None, headers=()):
        """A request to the API as who this is. body: an object, sent as JSON; bytes go as they are."""
        pairs = self.headers(method) + list(headers)
        data = b""
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            pairs.append(("Content-Type", "application/json"))
        return self.send(method, BASE + path, pairs, data)

    def get(self, path, status=200):
        """The JSON of an answer that must have this status."""
        answer = self.call("GET", path)
        assert answer.status == status, answer.body
        return answer.json()

    def change(self, method, path, body=None, status=200):
        """The JSON of a change that must be answered with this status; None for 204."""
        answer = self.call(method, path, body)
        assert answer.status == status, answer.body
        return answer.json() if answer.body else None

    def login(self, password=PASSWORD):
        """Log in; the answer."""
        answer = self.call("POST", "session", {"password": password})
        if answer.status == 200:
            self.cookie = cookie_of(answer)[0]
            self.csrf = answer.json()["csrf_token"]
        return answer

    def make_token(self, *scopes, name="made by a test", **fields):
        """A client that has a new admin token of these scopes, and the token's public part."""
        made = self.change("POST", "tokens", {"name": name, "scopes": list(scopes), **fields}, status=201)
        client = Admin.__new__(Admin)
        client.connect, client.token, client.cookie, client.csrf = self.connect, made["secret"], None, None
        return client, made["token"]


def logged_in(house, **options):
    """A client that has logged in."""
    client = Admin(house, **options)
    answer = client.login()
    assert answer.status == 200, answer.body
    return client


def error(answer):
    """The `error` of an answer, which must have the agreed shape."""
    said = answer.json()["error"]
    assert {"message", "type", "param", "code"} <= said.keys(), said
    return said
