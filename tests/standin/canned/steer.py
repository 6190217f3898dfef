"""What a request may choose of its answer: one table, read by the stand-in and by its users.

A value comes, in rising precedence, from the command line (--steer), from rules set over the control
interface, from the model's name (`standin;events=3;gap-ms=5;gpt-oss-120b`: for clients whose headers do not
get through) and from headers `x-standin-NAME`. gatehouse forwards such headers only when UPSTREAM_HEADERS
names them: HEADER_NAMES is that list.
"""

import json
from dataclasses import dataclass
from types import SimpleNamespace

PREFIX = "x-standin-"
MODEL_MARK = "standin;"


class SteeringError(ValueError):
    """A request asked for something that the table does not know."""


def _flag(text):
    if text not in ("0", "1"):
        raise ValueError("0 or 1")
    return text == "1"


def _one_of(*words):
    def parse(text):
        if text not in words:
            raise ValueError(" or ".join(words))
        return text

    return parse


def _names(text):
    return [part.strip() for part in text.split(",") if part.strip()]


def _statuses(text):
    return [int(part) for part in _names(text)]


def _cut(text):
    """`head:N`, `body:N` or `events:N` -> (where, N)."""
    where, _, count = text.partition(":")
    if where not in ("head", "body", "events"):
        raise ValueError("head:N, body:N or events:N")
    return where, int(count)


@dataclass(frozen=True)
class Row:
    name: str
    parse: object
    default: object
    help: str


TABLE = (
    # timing
    Row("delay-ms", int, 0, "wait before the head"),
    Row("gap-ms", int, 0, "wait before each event"),
    Row("body-gate", str, None, "the request's body is not read before a pass at this gate"),
    Row("head-gate", str, None, "the head waits for a pass at this gate"),
    Row("gate", str, None, "each event waits for a pass at this gate"),
    Row("hang", _one_of("head", "body", "end"), None,
        "never send the head, the body, or the body's end; only the client's leaving ends it"),
    # sizes
    Row("events", int, 8, "content events of a stream, and completion tokens of any answer"),
    Row("event-bytes", int, 0, "pad the content of each event to this many bytes"),
    Row("body-bytes", int, 0, "pad a whole answer to exactly this many bytes"),
    Row("write-bytes", int, 0, "write at most so many bytes at a time"),
    # shape
    Row("status", int, None, "status of the answer; from 400 on an error body"),
    Row("content-type", str, None, "instead of the endpoint's own"),
    Row("headers", json.loads, (), "further answer headers, a JSON list of [name, value]"),
    Row("usage", json.loads, "canned", "instead of the canned usage; \"absent\" leaves it out"),
    Row("usage-mode", _one_of("continuous", "final", "never"), "continuous",
        "which events of a stream carry usage; final: null in the others"),
    Row("framing", _one_of("length", "chunked", "close"), None, "how the body's end is told"),
    Row("interim", _statuses, (), "1xx heads to send before the head, comma-separated"),
    Row("body", str, None, "this literal body"),
    Row("error", _one_of("json", "text", "html", "empty", "list", "anthropic", "pair"), None,
        "an error body; pair: after the events, privatemode-proxy's malformed pair of error events"),
    Row("location", str, None, "a redirect to there, 307 unless status says otherwise"),
    # faults
    Row("cut", _cut, None, "break off after head:N, body:N bytes or events:N"),
    Row("cut-how", _one_of("fin", "rst", "eof"), "fin",
        "how to break off; eof: under TLS a FIN without close_notify"),
    Row("malformed", str, None, "send these malformed bytes (a name from faults.py) and close"),
    Row("ignore-body", _flag, False, "answer without reading the request's body"),
    Row("close", _one_of("after", "silent", "next", "next-rst"), None,
        "after: announce and close; silent: close unannounced; next: drop the next request on this connection"),
)

ROWS = {row.name: row for row in TABLE}
HEADER_NAMES = [PREFIX + row.name for row in TABLE]


def parse_one(name, text):
    """The value of one row. Raises SteeringError that names the row."""
    row = ROWS.get(name)
    if row is None:
        raise SteeringError(f"no steering is called {name!r}")
    try:
        return row.parse(text)
    except ValueError as error:
        raise SteeringError(f"{name}: {error}") from error


def _attribute(name):
    return name.replace("-", "_")


def from_headers(headers):
    """{name: value} of all steering headers in a list of (name, value)."""
    chosen = {}
    for name, value in headers:
        lowered = name.lower()
        if lowered.startswith(PREFIX):
            chosen[lowered[len(PREFIX):]] = parse_one(lowered[len(PREFIX):], value)
    return chosen


def from_model(model):
    """({name: value}, model without its mark)."""
    if not model.startswith(MODEL_MARK):
        return {}, model
    *pairs, plain = model[len(MODEL_MARK):].split(";")
    chosen = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        chosen[name] = parse_one(name, text)
    return chosen, plain


def combine(*layers):
    """Defaults overlaid by each layer in turn, as attributes with underscores."""
    values = {_attribute(row.name): row.default for row in TABLE}
    for layer in layers:
        values.update({_attribute(name): value for name, value in layer.items()})
    return SimpleNamespace(**values)


def document():
    """The table for people."""
    width = max(map(len, HEADER_NAMES))
    return "\n".join(f"{PREFIX + row.name:<{width}}  {row.help}" for row in TABLE)
