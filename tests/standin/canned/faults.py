"""Malformed answers, byte for byte. After any of them the stand-in closes the connection.

HEADS cannot be understood at all: a proxy owes its client a 502. BODIES begin well and go wrong:
the client must see a broken answer, never a complete one. EXTRAS are whole, and followed by too much.
"""

_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"

HEADS = {
    "bare-lf": b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
    "last-line-bare-lf": _OK + b"Content-Length: 2\n\r\n{}",
    "obs-fold": _OK + b"X-Folded: one\r\n two\r\nContent-Length: 2\r\n\r\n{}",
    "two-lengths": _OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "length-list": _OK + b"Content-Length: 2, 2\r\n\r\n{}",
    "length-and-chunked": _OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "length-with-letters": _OK + b"Content-Length: 2x\r\n\r\n{}",
    "length-negative": _OK + b"Content-Length: -2\r\n\r\n{}",
    "length-plus": _OK + b"Content-Length: +2\r\n\r\n{}",
    "length-empty": _OK + b"Content-Length:\r\n\r\n{}",
    "length-too-big": _OK + b"Content-Length: 99999999999999999999999\r\n\r\n{}",
    "space-before-colon": _OK + b"Content-Length : 2\r\n\r\n{}",
    "empty-name": _OK + b": value\r\nContent-Length: 2\r\n\r\n{}",
    "space-in-name": _OK + b"Bad Name: value\r\nContent-Length: 2\r\n\r\n{}",
    "no-colon": _OK + b"nonsense\r\nContent-Length: 2\r\n\r\n{}",
    "nul-in-value": _OK + b"X-Nul: a\0b\r\nContent-Length: 2\r\n\r\n{}",
    "cr-in-value": _OK + b"X-Cr: a\rb\r\nContent-Length: 2\r\n\r\n{}",
    "no-version": b"200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "no-head-at-all": b"{\"error\":\"this is no HTTP\"}\r\n\r\n",
    "http-2-version": b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "lower-case-version": b"http/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "status-of-two-digits": b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\n{}",
    "status-of-four-digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\n{}",
    "status-of-letters": b"HTTP/1.1 two OK\r\nContent-Length: 2\r\n\r\n{}",
    "coding-gzip-chunked": _OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "coding-chunked-twice": _OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding-identity": _OK + b"Transfer-Encoding: identity\r\n\r\n{}",
    "coding-in-1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "too-many-fields": _OK + b"X-Many: 1\r\n" * 200 + b"Content-Length: 2\r\n\r\n{}",
    "head-too-large": _OK + b"X-Large: " + b"a" * 300_000 + b"\r\nContent-Length: 2\r\n\r\n{}",
    "switching-protocols": b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
    "half-a-head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "nothing": b"",
}

BODIES = {
    "chunk-size-of-letters": _CHUNKED + b"2\r\n{}\r\nzz\r\n{}\r\n0\r\n\r\n",
    "chunk-size-empty": _CHUNKED + b"2\r\n{}\r\n\r\n{}\r\n0\r\n\r\n",
    "chunk-size-negative": _CHUNKED + b"2\r\n{}\r\n-2\r\n{}\r\n0\r\n\r\n",
    "chunk-size-0x": _CHUNKED + b"2\r\n{}\r\n0x2\r\n{}\r\n0\r\n\r\n",
    "chunk-size-too-big": _CHUNKED + b"2\r\n{}\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "chunk-without-its-end": _CHUNKED + b"2\r\n{}2\r\n{}\r\n0\r\n\r\n",
    "chunk-line-bare-lf": _CHUNKED + b"2\r\n{}\r\n2\n{}\r\n0\r\n\r\n",
    "chunk-extension-too-long": _CHUNKED + b"2\r\n{}\r\n2;" + b"e" * 4000 + b"\r\n{}\r\n0\r\n\r\n",
    "last-chunk-missing": _CHUNKED + b"2\r\n{}\r\n",
    "trailer-too-long": _CHUNKED + b"2\r\n{}\r\n0\r\nX-Long: " + b"t" * 300_000 + b"\r\n\r\n",
    "body-too-short": _OK + b"Content-Length: 10\r\n\r\n{}",
}

# whole answers, with something behind them that belongs to nobody
EXTRAS = {
    "one-answer-too-many": (_OK + b"Content-Length: 2\r\n\r\n{}") * 2,
    "bytes-behind-the-end": _OK + b"Content-Length: 2\r\n\r\n{}garbage",
}

ALL = {**HEADS, **BODIES, **EXTRAS}
