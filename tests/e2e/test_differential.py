"""Framing as two readers see it: whatever gatehouse forwards is what h11 reads in the same bytes.

Streams of requests are made from valid ones by changes that are known to divide readers. Where the two differ,
gatehouse must be the one that refuses: no forwarded request may be one that h11 does not see just so.
"""

import asyncio
import contextlib
import random
from collections import Counter

import pytest
from harness import keys
from harness.poll import until
from harness.recorder import Reader, Recorder

SEED = 11
STREAMS = 4000
TOGETHER = 200
PATIENCE = 20.0
REFUSALS = {400, 401, 404, 405, 408, 413, 414, 431, 501, 505}
VALID_SHARE = 0.2
KEY = f"Authorization: Bearer {keys.SECRET}\r\n".encode()

CODINGS = [b"chunked", b"Chunked", b"CHUNKED", b" chunked ", b"\tchunked", b"chunked,", b",chunked", b"chunked;q=1",
           b"chunked, chunked", b"gzip, chunked", b"chunked, gzip", b"identity", b"identity, chunked", b"", b"xchunked",
           b'"chunked"', b"chunked\x0b", b"\x0cchunked", b"chunked\x00", b"chu nked", b"chunke", b"chunked\xa0"]
LENGTHS = [b"0", b"1", b"3", b"5", b"007", b"+5", b"-5", b"0x5", b"5, 5", b"5,6", b"5 5", b" 5 ", b"", b"5.0", b"5e0",
           b"18446744073709551621", b"9223372036854775808", b"99999999999999999999999", b"5;", b"\xd9\xa5", b"5\x00",
           b"\x0b5", b"1_0"]
ENDS = [b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n ", b"\r\n\t", b"\r\n\r\n", b"\x00\r\n", b"\x0b\r\n", b"", b"\n\n"]
SIZES = [b"0x5", b"+5", b"-5", b" 5", b"5 ", b"5\t", b"05", b"0000000000000005", b"00000000000000005", b"5;x", b"5;x=y",
         b"5 ;x", b"5;", b'5;x="a;b"', b'5;x="\r\n"', b"", b"G", b"5g", b"10000000000000005", b"ffffffffffffffff", b"5\r",
         b"5\n", b"5\x00", b"5_0", b"5," b"5", b"5;" + b"e" * 300]


class Made:
    """One request in the making: lines and body apart, so that changes can aim."""

    def __init__(self, chance, close=False):
        self._chance = chance
        self.target = b"/v1/d/%012x" % chance.getrandbits(48)
        self.method = chance.choice((b"GET", b"POST", b"POST", b"PUT", b"DELETE", b"PATCH"))
        self.version = b"HTTP/1.0" if chance.random() < 0.05 and not close else b"HTTP/1.1"
        self.fields = [b"Host: localhost", KEY[:-2]]
        self.fields += chance.sample((b"Accept: */*", b"Content-Type: application/json", b"X-Odd:", b"X-Long: " + b"l" * 200,
                                      b"Cookie: a=b; c=d", b"Connection: keep-alive", b"TE: trailers"), chance.randint(0, 3))
        self.body = b""
        said = chance.choice((b"", b"{}", b"hello", b"0\r\n\r\n", b"GET /v1/smuggled HTTP/1.1\r\nHost: a\r\n\r\n", b"x" * 700))
        framing = chance.choice(("none", "length", "chunked"))
        if framing == "chunked" and self.version == b"HTTP/1.1":
            self.fields.append(b"Transfer-Encoding: chunked")
            self.body = self._chunked(said)
        elif framing == "length":
            self.fields.append(b"Content-Length: %d" % len(said))
            self.body = said
        chance.shuffle(self.fields)
        if close:
            self.fields.append(b"Connection: close")

    def _chunked(self, said):
        pieces = []
        while said:
            size = self._chance.randint(1, len(said))
            extension = self._chance.choice((b"", b"", b";a=b", b";a"))
            pieces.append(self._chance.choice((b"%x%s\r\n%s\r\n", b"%X%s\r\n%s\r\n")) % (size, extension, said[:size]))
            said = said[size:]
        return b"".join(pieces) + self._chance.choice((b"0\r\n\r\n", b"0\r\n\r\n", b"00\r\n\r\n", b"0\r\nX-T: 1\r\n\r\n"))

    def bytes(self):
        return b"\r\n".join([b" ".join((self.method, self.target, self.version)), *self.fields, b"", self.body])


def another_length(chance, made):
    made.fields.insert(chance.randint(0, len(made.fields)), b"Content-Length: " + chance.choice(LENGTHS))


def another_coding(chance, made):
    name = chance.choice((b"Transfer-Encoding", b"transfer-encoding", b"TRANSFER-ENCODING", b"Transfer_Encoding",
                          b"Transfer-Encoding ", b" Transfer-Encoding", b"Transfer-Encoding\t", b"X: 1\rTransfer-Encoding",
                          b"X: 1\nTransfer-Encoding"))
    made.fields.insert(chance.randint(0, len(made.fields)), name + b": " + chance.choice(CODINGS))


def other_value(chance, made):
    """Another value for what frames it already."""
    for at, field in enumerate(made.fields):
        name, colon, _ = field.partition(b":")
        if name == b"Content-Length":
            made.fields[at] = name + colon + b" " + chance.choice(LENGTHS)
        elif name == b"Transfer-Encoding":
            made.fields[at] = name + colon + b" " + chance.choice(CODINGS)


def odd_line(chance, made):
    line = chance.choice((b" folded", b"\tfolded", b"no colon", b": empty", b"X : 1", b"X\t: 1", b"X\x00: 1", b"X: \x00", b"X: a\rb",
                          b"X: \x7f", b"X(: 1", b"Host: other", b"Expect: 100-continue", b"Expect: other", b"Upgrade: h2c",
                          b"Connection: upgrade", b"Connection: close", b"Trailer: X-T", b"X: \xff", b"Host:", b"X: " + b"l" * 17000))
    made.fields.insert(chance.randint(0, len(made.fields)), line)


def odd_first_line(chance, made):
    change = chance.randrange(5)
    if change == 0:
        made.version = chance.choice((b"HTTP/1.2", b"HTTP/2.0", b"http/1.1", b"HTTP/1.1 ", b"HTTP/01.1", b"HTTP/0.9", b""))
    elif change == 1:
        made.method = chance.choice((b"get", b"POST ", b" POST", b"CONNECT", b"TRACE", b"P\x00ST", b"POST\t", b"", b"HEAD"))
    elif change == 2:
        made.target = chance.choice((b"http://localhost", b"*", b"/v1/a b", b"//v1", b"", b"localhost:80", b"/v1/\xe9")) + made.target
    elif change == 3:
        made.target += chance.choice((b"#x", b"?a=b c", b"?x", b";a", b"%00", b"\t", b"?\x80"))
    else:
        made.version = b"HTTP/1.0"


def odd_end(chance, data, at=None):
    """Another line end in place of one."""
    places = [at for at in range(len(data) - 1) if data[at:at + 2] == b"\r\n"]
    at = chance.choice(places)
    return data[:at] + chance.choice(ENDS) + data[at + 2:]


def odd_size(chance, data):
    """Another size for a first chunk."""
    head, end, body = data.partition(b"\r\n\r\n")
    _, line_end, rest = body.partition(b"\r\n")
    return head + end + chance.choice(SIZES) + line_end + rest


def odd_byte(chance, data):
    at = chance.randrange(len(data))
    change = chance.randrange(3)
    byte = bytes([chance.choice((0, 9, 10, 11, 13, 32, 48, 58, 59, 127, 128, 255, chance.randrange(256)))])
    return data[:at] + (byte, byte + data[at:at + 1], b"")[change] + data[at + 1:]


def shorter(chance, data):
    return data[:chance.randrange(len(data))]


AIMED = (another_length, another_coding, other_value, odd_line, odd_first_line)
BLIND = (odd_end, odd_size, odd_byte, shorter)


def one_stream(chance):
    """(bytes, how many requests, is it as valid as it was made)"""
    count = chance.randint(1, 4)
    valid = chance.random() < VALID_SHARE
    chosen = None if valid else chance.randrange(count)
    parts = []
    for number in range(count):
        made = Made(chance)
        if number != chosen:
            parts.append(made.bytes())
            continue
        changes = chance.sample(AIMED + BLIND, chance.choice((1, 1, 1, 2, 3)))
        for change in changes:
            if change in AIMED:
                change(chance, made)
        data = made.bytes()
        for change in changes:
            if change in BLIND and data.count(b"\r\n"):
                data = change(chance, data)
        parts.append(data)
    parts.append(Made(chance, close=True).bytes())
    return b"".join(parts), count + 1, valid


def statuses(data):
    """Of the final answers in what came back, which all have a length; None: not read to the end."""
    found = []
    while data:
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            return None
        status = int(head[9:12])
        if status == 100:
            data = rest
            continue
        lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        found.append(status)
        # HEAD's answers have none of what they announce
        size = int(lines.get(b"content-length", 0))
        data = rest if rest.startswith(b"HTTP/1.1 ") else rest[size:]
    return found


async def ask(port, data, slots):
    """All that gatehouse says to these bytes, to the end of the connection."""
    async with slots:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(data)
            with contextlib.suppress(ConnectionError):
                return await asyncio.wait_for(reader.read(), PATIENCE)
            return b""
        finally:
            writer.transport.abort()


async def ask_all(port, streams):
    slots = asyncio.Semaphore(TOGETHER)
    return await asyncio.gather(*(ask(port, data, slots) for data, _, _ in streams))


@pytest.fixture
def recorder():
    with Recorder() as running:
        yield running


@pytest.mark.timeout(300)
def test_what_is_forwarded_is_what_h11_reads_in_the_same_bytes(start_house, recorder):
    house = start_house(upstream=recorder.url(), UPSTREAM_HEADERS=None, HEADER_TIMEOUT=3, BODY_TIMEOUT=3, IDLE_TIMEOUT=3)
    chance = random.Random(SEED)
    streams = [one_stream(chance) for _ in range(STREAMS)]
    assert sum(count for _, count, _ in streams) >= 10_000
    expected, by_stream = {}, []
    for data, _, _ in streams:
        by_stream.append(Reader().feed(data))
        expected |= {message.target: message for message in by_stream[-1]}
    answers = asyncio.run(ask_all(house.http_port, streams))
    until("nothing more comes", lambda: house.ask("GET", "/health").status == 200)
    assert recorder.broken == [], "h11 refuses what gatehouse has forwarded"
    forwarded = Counter(message.target for message in recorder.messages)
    assert max(forwarded.values()) == 1
    for message in recorder.messages:
        assert message.target in expected, f"h11 sees no such request: {message}"
        seen = expected[message.target]
        assert (message.method, message.body) == (seen.method, seen.body)
        lengths, codings = message.all("content-length"), message.all("transfer-encoding")
        assert (lengths, codings) in (([], []), ([], [b"chunked"]), ([b"%d" % len(message.body)], []))
    kinds = Counter()
    for (data, count, valid), answer, seen in zip(streams, answers, by_stream, strict=True):
        told = statuses(answer)
        assert told is not None, (data, answer)
        assert set(told) <= REFUSALS | {200}, (data, told)
        assert told.count(200) == sum(forwarded[message.target] for message in seen), (data, told)
        if valid:
            assert told[-1] == 200, (data, told)
            assert told.count(200) == len(seen), (data, told)
        kinds["all through" if told.count(200) == count else "refused" if told and told[-1] != 200 else "in part"] += 1
        kinds["h11 refuses"] += len(seen) < count
    assert kinds["all through"] > STREAMS // 5
    assert kinds["refused"] > STREAMS // 5
    assert kinds["h11 refuses"] > STREAMS // 10
    print(dict(kinds), "forwarded", len(recorder.messages))
