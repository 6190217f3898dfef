"""What a client may ask for, one kind a class: how it asks, and what its answer must be."""

from dataclasses import dataclass

from canned import usage as canned

from . import keyed, keys, raw
from .accounts import NONE
from .keyed import Record
from .spent import MIB, Spent, heard

KIB = 1024
AUDIO_MODEL = "whisper-large-v3"
AUDIO_MIB_NEUR = 96_000_000
"""its price in the list that is built in"""


class Wrong(Exception):
    """An answer came whole, and is not what it must be."""


def check(holds, what):
    if not holds:
        raise Wrong(what)


def check_refusal(answer, endpoint):
    """An answer of gatehouse's own, instead of upstream's: in the client's dialect, and it says whether to retry."""
    said = answer.json()
    check(said["error"]["message"] and said["error"]["type"], f"an error without words: {said}")
    check((said.get("type") == "error") == (endpoint == "messages"), f"another dialect's error: {said}")
    check(answer.get("x-should-retry") in ("true", "false"), f"no x-should-retry: {answer}")


def bearer(secret):
    return {"Authorization": f"Bearer {secret}"}


class Talk(keyed.Ask):
    """A chat or a message, whole or as a stream, as fast as it goes or paced; some leave in the middle."""

    GAPS_MS = (0, 2, 30, 100, 300)
    needs_upstream = True

    def __init__(self, chance, key_id, request_id):
        super().__init__(chance, key_id, request_id)
        self.kind = ("stream" if self.stream else "whole") + " " + self.record.endpoint

    def run(self, connection):
        goes_on = super().run(connection)
        if self.refusal is not None:
            check_refusal(self.refusal, self.record.endpoint)
        elif self.stream and not self.record.left:
            end = b"message_stop" if self.record.endpoint == "messages" else b"data: [DONE]"
            check(end in self.last, f"a stream's last event is {self.last[:200]}")
        return goes_on

    def is_cut_well(self):
        """Upstream has broken off its answer: a stream's client is told."""
        return not self.stream or self.last is not None and b'"error"' in self.last


@dataclass
class Fixed(Record):
    """What is counted follows from the request alone."""

    worth: Spent = NONE
    cut_worth: tuple = ()
    """what else it may be when the answer did not come whole"""

    def may_count(self, _values):
        if self.worth == NONE or not self.sent or self.status not in (None, 200):
            return {NONE}
        if self.whole:
            return {self.worth}
        cut = {Spent(1, 1), self.worth, *self.cut_worth}
        return cut | {NONE} if self.status is None else cut


class Errand:
    """The others: one request, one answer that must have `status`."""

    needs_upstream = False
    status = 200

    def __init__(self, chance, key_id, request_id):
        self.refusal = None
        self.record = Fixed(key_id, request_id=request_id)
        self._headers = {**bearer(keys.secret(key_id)), "X-Request-Id": request_id}
        self.data = self._request(chance)

    def run(self, connection):
        """Returns whether the connection may carry another one. Raises Wrong, raw.Broken and OSError."""
        self.record.sent = True
        connection.send(self.data)
        answer = connection.head()
        self.record.status = answer.status
        answer.body = connection.body(answer)
        self.record.whole = True
        if answer.status == self.status:
            self._judge(answer)
        else:
            self.refusal = answer
            check_refusal(answer, self.record.endpoint)
        check(answer.get("x-request-id") == self.record.request_id, f"another request's answer: {answer}")
        return answer.get("connection") != "close"

    def is_cut_well(self):
        return True


class Health(Errand):
    kind = "health"

    def _request(self, _chance):
        return raw.request("GET", "/health", {"X-Request-Id": self.record.request_id})

    def _judge(self, answer):
        check(answer.body == b'{"status":"healthy"}', answer)


class KeyInfo(Errand):
    kind = "key-info"

    def _request(self, _chance):
        return raw.request("GET", "/auth/key-info", self._headers)

    def _judge(self, answer):
        check(answer.json()["key_id"] == self.record.key_id, answer)


class WrongKey(Errand):
    kind = "wrong key"
    status = 401

    def _request(self, chance):
        return raw.request("POST", "/v1/chat/completions", self._headers | bearer("pm_wrong"),
                           b"w" * chance.choice((0, 100, 100 * KIB)))

    def _judge(self, answer):
        check(answer.json()["error"]["code"] == "invalid_api_key", answer)


class Models(Errand):
    kind = "models"
    needs_upstream = True

    def _request(self, _chance):
        self.record.model, self.record.endpoint, self.record.worth = "none", "models", Spent(1)
        return raw.request("GET", "/v1/models", self._headers)

    def _judge(self, answer):
        check(answer.json()["data"], answer)


class Document(Errand):
    """A large body for an endpoint that counts requests alone."""

    kind = "large body"
    needs_upstream = True

    def _request(self, chance):
        self.record.model, self.record.endpoint, self.record.worth = "none", "unstructured", Spent(1)
        return raw.request("POST", "/unstructured/general", self._headers,
                           bytes(chance.choice((64 * KIB, 300 * KIB, 2 * MIB))))

    def _judge(self, answer):
        check(answer.json()[0]["type"] == "Title", answer)


class Upload(Errand):
    """Audio in a form of up to some MiB."""

    kind = "upload"
    needs_upstream = True

    def _request(self, chance):
        self.record.model, self.record.endpoint = AUDIO_MODEL, "transcriptions"
        audio = chance.choice((40_000, 300_000, MIB, 3 * MIB))
        body = raw.form({"model": AUDIO_MODEL}, bytes(audio))
        self._seconds = canned.audio_seconds(audio)
        self.record.worth = heard(len(body), self._seconds, AUDIO_MIB_NEUR)
        self.record.cut_worth = tuple(heard(len(body), seconds, AUDIO_MIB_NEUR, requests_cut=1)
                                      for seconds in (0, self._seconds))
        headers = self._headers | {"Content-Type": raw.FORM_TYPE}
        if chance.random() < 0.5:
            return raw.request("POST", "/v1/audio/transcriptions", headers, body)
        return raw.request_chunked("POST", "/v1/audio/transcriptions", headers, body[:1000], body[1000:])

    def _judge(self, answer):
        check(answer.json()["usage"]["seconds"] == self._seconds, answer)


KINDS = {Talk: 60, Models: 6, KeyInfo: 6, Health: 6, WrongKey: 5, Document: 6, Upload: 5}
"""and how often, beside each other"""
