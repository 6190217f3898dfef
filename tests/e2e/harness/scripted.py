"""An upstream whose every byte the test itself writes, when it wants to."""

import socket
import struct

TIMEOUT = 20.0
SEGS_IN = 140
"""where tcpi_segs_in lies in struct tcp_info (linux/tcp.h), which only ever grows at its end"""


class Peer:
    """gatehouse's connection to the scripted upstream."""

    def __init__(self, sock):
        sock.settimeout(TIMEOUT)
        if sock.family == socket.AF_INET:  # as upstream's program has it, being written in Go
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.seen = b""

    def until(self, mark):
        """Receive until mark has come; everything received so far."""
        while mark not in self.seen:
            data = self.sock.recv(65536)
            assert data, f"gatehouse has closed; what came: {self.seen[-200:]!r}"
            self.seen += data
        return self.seen

    def read(self, size):
        """The next so many bytes, of those that are not in seen yet."""
        pieces, got = [], 0
        while got < size:
            data = self.sock.recv(min(size - got, 1 << 20))
            assert data, f"gatehouse has closed after {got} of {size} bytes"
            pieces.append(data)
            got += len(data)
        return b"".join(pieces)

    def send(self, data):
        self.sock.sendall(data)

    def packets(self):
        """How many have come from gatehouse, those that say no more than that ours have arrived included."""
        info = self.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, SEGS_IN + 4)
        return struct.unpack_from("I", info, SEGS_IN)[0]

    def is_closed(self):
        """Waits until gatehouse has closed; what it still sends is thrown away."""
        try:
            while self.sock.recv(65536):
                pass
        except ConnectionResetError:
            pass
        return True

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()


class Upstream:
    """Listens; nothing is accepted or answered unless the test does it."""

    def __init__(self, receive_buffer=None, unix=None, backlog=64):
        self._listener = socket.socket(socket.AF_INET if unix is None else socket.AF_UNIX)
        if receive_buffer is not None:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._unix = unix
        self._listener.bind(("127.0.0.1", 0) if unix is None else str(unix))
        if unix is not None:
            unix.chmod(0o777)
        self._listener.listen(backlog)
        self._listener.settimeout(TIMEOUT)
        self._peers = []

    def url(self):
        if self._unix is not None:
            return f"unix:{self._unix}"
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def accept(self):
        """The next connection on which a request comes; a few probes are left aside."""
        for _ in range(3):
            peer = Peer(self._listener.accept()[0])
            self._peers.append(peer)
            if peer.sock.recv(1, socket.MSG_PEEK):
                return peer
        raise AssertionError("no request comes")

    def stop(self):
        for peer in self._peers:
            peer.close()
        self._listener.close()
