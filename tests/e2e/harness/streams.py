"""Streams that a test holds: begun, and read to their end."""

import json

from . import keys, raw
from .upstream import steering

AUTH = {"Authorization": f"Bearer {keys.SECRET}"}
BODY = json.dumps({"model": "m", "stream": True, "messages": []}).encode()


def begin(house, connect=None, **chosen):
    """
    A stream of which the first event is here.

    connect  how to reach the house; None: its plain port
    chosen   how the stand-in is steered: a gate holds the rest back
    """
    connection = (connect or house.connect)()
    connection.send(raw.request("POST", "/v1/chat/completions", {**AUTH, **steering(**chosen)}, BODY))
    assert connection.head().status == 200
    assert connection.event() is not None
    return connection


def is_whole(stream):
    """Whether it ends as a complete one does."""
    return list(iter(stream.event, None))[-1] == b"data: [DONE]"


def ends_whole(stream):
    """The same of one that may have been cut."""
    try:
        return is_whole(stream)
    except raw.Broken:
        return False
