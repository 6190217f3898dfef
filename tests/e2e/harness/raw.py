"""Byte-exact HTTP/1.1: what is sent is what the test wrote, what comes back is kept whole."""

import json
import socket
import struct
from dataclasses import dataclass, field

TIMEOUT = 20.0
"""of each wait for bytes: a deadline, nothing is measured by it"""


class Broken(Exception):
    """The connection ended before the message was complete."""


@dataclass
class Answer:
    """One message from the server."""

    status: int
    reason: str
    headers: list
    body: bytes = b""
    interim: list = field(default_factory=list)
    """statuses of 1xx answers that came before"""

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name, default=None):
        return next(iter(self.all(name)), default)

    def json(self):
        return json.loads(self.body)

    def events(self):
        return sse_data(self.body)


def sse_data(body):
    """The data lines of server-sent events."""
    return [line[6:] for line in body.decode().split("\n") if line.startswith("data: ")]


def request(method, target, headers=(), body=b"", host="localhost"):
    """The bytes of a request with a Host, and a Content-Length if there is a body."""
    pairs = list(headers.items() if isinstance(headers, dict) else headers)
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in pairs]
    if body or method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def chunked(*pieces):
    """A chunked body of these pieces."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def request_chunked(method, target, headers, *pieces):
    """The bytes of a request whose body comes in these chunks."""
    head = request(method, target, [*dict(headers).items(), ("Transfer-Encoding", "chunked")])
    return head.replace(b"Content-Length: 0\r\n", b"") + chunked(*pieces)


FORM_TYPE = "multipart/form-data; boundary=sep"


def form(fields, content):
    """The body of an upload: text fields and a file."""
    parts = [b'Content-Disposition: form-data; name="%s"\r\n\r\n%s' % (name.encode(), text.encode())
             for name, text in dict(fields).items()]
    parts.append(b'Content-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + content)
    return b"".join(b"--sep\r\n%s\r\n" % part for part in parts) + b"--sep--\r\n"


class Connection:
    """A client's connection. `tls` is an ssl context or None."""

    def __init__(self, port, tls=None, host="127.0.0.1", receive_buffer=None, server_name="localhost"):
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(TIMEOUT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect((host, port))
        self.sock = sock
        self._held = b""
        self._ended = False
        if tls is not None:
            self.start_tls(tls, server_name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def start_tls(self, context, server_name="localhost", session=None):
        """The handshake; a session of the same context is offered to be resumed."""
        self.sock = context.wrap_socket(self.sock, server_hostname=server_name, session=session)

    def close(self):
        self.sock.close()

    def reset(self):
        """Leave with an RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def end_sending(self):
        """FIN, while still reading."""
        self.sock.shutdown(socket.SHUT_WR)

    def send(self, data):
        self.sock.sendall(data)

    def try_send(self, data):
        """Send what the server takes before it closes; False when it has closed."""
        try:
            self.sock.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    # receiving

    def _more(self):
        data = b""
        if not self._ended:
            try:
                data = self.sock.recv(65536)
            except ConnectionResetError as error:
                self._ended = True
                raise Broken("reset") from error
        if not data:
            self._ended = True
            raise Broken("closed")
        self._held += data

    def _take(self, size):
        data, self._held = self._held[:size], self._held[size:]
        return data

    def until(self, mark):
        """Bytes up to and with mark."""
        while mark not in self._held:
            self._more()
        return self._take(self._held.index(mark) + len(mark))

    def exactly(self, size):
        pieces, got = [self._held], len(self._held)
        self._held = b""
        while got < size:
            self._more()
            pieces.append(self._held)
            got += len(self._held)
            self._held = b""
        data = b"".join(pieces)
        self._held = data[size:]
        return data[:size]

    def rest(self):
        """Everything until the end; (bytes, whether it ended in a reset)."""
        try:
            while True:
                self._more()
        except Broken as end:
            return self._take(len(self._held)), str(end) == "reset"

    def is_closed_by_server(self):
        """Waits for the end; nothing else may come."""
        return self.rest()[0] == b""

    def head(self):
        """The next final head, with the statuses of interim ones before it; its body is not read."""
        interim = []
        while True:
            answer = self._head()
            if answer.status >= 200:
                answer.interim = interim
                return answer
            interim.append(answer.status)

    def interim(self):
        """The next head, which must be a 1xx one."""
        answer = self._head()
        assert 100 <= answer.status < 200, answer
        return answer

    def _head(self):
        lines = self.until(b"\r\n\r\n")[:-4].decode("latin-1").split("\r\n")
        version, status, reason = lines[0].split(" ", 2)
        assert version == "HTTP/1.1", lines[0]
        pairs = [line.split(":", 1) for line in lines[1:]]
        return Answer(int(status), reason, [(name, value.strip()) for name, value in pairs])

    def answer(self, method="GET"):
        """The next whole answer. Raises Broken when it is not complete."""
        answer = self.head()
        if method != "HEAD" and answer.status not in (204, 304):
            answer.body = self.body(answer)
        return answer

    def body(self, head):
        """The whole body behind a head. Raises Broken when it is not complete."""
        if head.get("transfer-encoding") == "chunked":
            return b"".join(iter(self.chunk, b""))
        if head.get("content-length") is not None:
            return self.exactly(int(head.get("content-length")))
        data, reset = self.rest()
        if reset:
            raise Broken("reset")
        return data

    def chunk(self):
        """The data of the next chunk; empty at the body's end."""
        size = int(self.until(b"\r\n").partition(b";")[0], 16)
        data = self.exactly(size)
        if size == 0:
            while self.until(b"\r\n") != b"\r\n":
                pass
            return b""
        assert self.exactly(2) == b"\r\n"
        return data

    def event(self):
        """The next server-sent event of a chunked stream, comments left out; None at the end."""
        while True:
            while (text := getattr(self, "_events", b"")).find(b"\n\n") < 0:
                piece = self.chunk()
                if not piece:
                    return None
                self._events = text + piece
            event, _, self._events = self._events.partition(b"\n\n")
            if not event.startswith(b":"):
                return event

    def ask(self, method, target, headers=(), body=b""):
        """Send a request and read its answer."""
        self.send(request(method, target, headers, body))
        return self.answer(method)


def refuses(port):
    """Does nobody accept at the port any more?"""
    try:
        Connection(port).close()
    except (ConnectionRefusedError, ConnectionResetError):
        # reset: the listener was closed while this one stood in its queue
        return True
    return False


def free_port():
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
