"""The log of what the stand-in received and sent: one JSON object a line, each in a single write.

open     conn, peer
request  conn, id, method, target, version, headers [[name, value], ...] in order
body     id, bytes, sha256, framing, complete
head     id, status: the answer's head is about to be written
sent     id, events, body_bytes, usage: written just before the event is, so whatever a peer can
         have seen stands here
end      id, outcome (complete, cut, gone, dropped, bad), events, body_bytes, usage
close    conn, by (peer, standin), requests
"""

import json
import os


class Record:
    def __init__(self, path):
        self._fd = None
        if path is not None:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(self, event, **fields):
        if self._fd is None:
            return
        line = json.dumps({"event": event, **fields}, separators=(",", ":")) + "\n"
        os.write(self._fd, line.encode())
