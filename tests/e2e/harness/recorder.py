"""An upstream that keeps every byte it gets, has h11 say which requests those are, and answers them."""

import contextlib
import selectors
import socket
import threading
from dataclasses import dataclass

import h11

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@dataclass
class Message:
    """A request as h11 understands it."""

    method: str
    target: str
    headers: list
    body: bytes

    def all(self, name):
        return [value for key, value in self.headers if key == name.encode()]


def _connection():
    return h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)


def _stays(request):
    """Does HTTP/1.0 ask to be kept? (RFC 9112 section 9.3; h11 never does that.)"""
    tokens = [token.strip().lower() for name, value in request.headers if name == b"connection"
              for token in value.split(b",")]
    return request.http_version == b"1.0" and b"keep-alive" in tokens and b"close" not in tokens


class Reader:
    """h11's reading of what comes on one connection; `broken` once it refuses."""

    def __init__(self):
        self._connection = _connection()
        self._request = None
        self._pieces = []
        self.broken = False
        self.over = False
        """nothing more is expected behind the last message"""

    def feed(self, data):
        """The messages that are whole now."""
        found = []
        if self.broken or self.over:
            return found
        try:
            self._connection.receive_data(data)
            while not self.over and (message := self._next()) is not None:
                found.append(message)
        except h11.RemoteProtocolError:
            self.broken = True
        return found

    def _next(self):
        while True:
            event = self._connection.next_event()
            if isinstance(event, h11.Request):
                self._request, self._pieces = event, []
            elif isinstance(event, h11.Data):
                self._pieces.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                return self._finish()
            else:
                return None

    def _finish(self):
        head = self._request
        message = Message(head.method.decode(), head.target.decode("latin-1"), list(head.headers), b"".join(self._pieces))
        self._connection.send(h11.Response(status_code=404, headers=[("Content-Length", "0")]))
        self._connection.send(h11.EndOfMessage())
        if self._connection.our_state is h11.DONE and self._connection.their_state is h11.DONE:
            self._connection.start_next_cycle()
        elif _stays(head):
            rest = self._connection.trailing_data[0]
            self._connection = _connection()
            self._connection.receive_data(rest)
        else:
            self.over = True
        return message


class Recorder:
    """Runs in a thread of its own. Look at `messages`, `received` and `broken` when all is quiet."""

    def __init__(self):
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(1024)
        self._listener.setblocking(False)
        self._waker, self._wake = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._selector.register(self._waker, selectors.EVENT_READ, None)
        self.messages = []
        self.received = bytearray()
        self.broken = []
        """what came on connections that h11 refused"""
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._wake.send(b"x")
        self._thread.join(20)
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._selector.close()
        self._wake.close()

    def url(self):
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def forget(self):
        self.messages.clear()
        self.received.clear()

    def _run(self):
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._waker:
                    return
                if key.fileobj is self._listener:
                    sock, _ = self._listener.accept()
                    self._selector.register(sock, selectors.EVENT_READ, (Reader(), bytearray()))
                else:
                    self._read(key.fileobj, *key.data)

    def _read(self, sock, reader, seen):
        data = b""
        with contextlib.suppress(OSError):
            data = sock.recv(65536)
        if data:
            self.received += data
            seen += data
            found = reader.feed(data)
            self.messages += found
            with contextlib.suppress(OSError):
                sock.sendall(ANSWER * len(found))
        if reader.broken:
            self.broken.append(bytes(seen))
        if not data or reader.broken or reader.over:
            self._selector.unregister(sock)
            sock.close()
