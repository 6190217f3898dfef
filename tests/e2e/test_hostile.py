"""What must be refused before a byte of it goes upstream, limits, and running out of what there is."""

import contextlib
import os
import signal
import socket
import time

import pytest
from harness import gatehouse, keys, procfs, raw
from harness.poll import settled, until
from harness.recorder import Recorder

KEY = b"Authorization: Bearer " + keys.SECRET.encode() + b"\r\n"
HOST = b"Host: localhost\r\n"
AUTH = {"Authorization": f"Bearer {keys.SECRET}"}
MIB = 1 << 20
CHUNKED = b"POST /v1/x HTTP/1.1\r\n" + HOST + KEY + b"Transfer-Encoding: chunked\r\n\r\n"


def get(target, host=HOST):
    return b"GET " + target + b" HTTP/1.1\r\n" + host + KEY + b"\r\n"


def post(*lines):
    return b"POST /v1/x HTTP/1.1\r\n" + HOST + KEY + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


LENGTHS = [b"2, 2", b"2,3", b"+2", b"-2", b"0x2", b"2 2", b"", b"2.0", b"2e0", b"2;", b'"2"', b"1_0",
           b"9223372036854775808", b"18446744073709551618", b"99999999999999999999999999", b"\xd9\xa2", b"2\x00", b"\x0b2"]
CODINGS = [b"chunked, chunked", b"gzip, chunked", b"chunked, gzip", b"identity", b"chunked, identity", b"chunked,",
           b",chunked", b"", b"xchunked", b"chunke", b'"chunked"', b"'chunked'", b"chunked;q=1", b"chunked;", b"\x0bchunked",
           b"chunked\x0b", b"chunked\xa0", b"chunked\x00", b"chun ked", b"cHuNkEd, x"]
FIELDS = [b"X : 1", b"X\t: 1", b" X: 1", b"\tX: 1", b": 1", b":", b"X", b"X Y: 1", b"X(): 1", b'"X": 1', b"X/: 1", b"X\x00: 1",
          b"X\xc3\xa9: 1", b"X: a\x00b", b"X: a\rb", b"X: a\nb", b"X: a\x7f", b"X: a\x1b[2J", b"X: a\r\n b", b"X: a\r\n\tb", b"X: a\r\n ",
          b"GET /admin HTTP/1.1", b"Content-Length : 2", b"Transfer-Encoding\x0b: chunked", b"Host: other", b"Host: localhost"]
HOSTS = [b"", b"Host:\r\n", b"Host: \r\n", HOST + HOST, HOST + b"Host: admin\r\n", b"Host: a b\r\n", b"Host: a,b\r\n",
         b"Host: u@a\r\n", b"Host: a/b\r\n", b"Host: a?b\r\n", b"Host: a#b\r\n", b"Host: a\\b\r\n", b"Host: http://a\r\n",
         b"Host: a%2eb\r\n", b"Host: \xc3\xa9\r\n", b"Host: a:b\r\n", b"Host: a:1:2\r\n", b"Host: a:000080\r\n", b"Host: :80\r\n",
         b"Host: [::1\r\n", b"Host: [::1]a\r\n", b"Host: []\r\n", b"Host: [a]b]\r\n", b"Host: a\x00\r\n", b"Host: a\tb\r\n",
         b"Host : a\r\n", b"Host: <script>\r\n"]
TARGETS = [b"http://localhost/v1/x", b"HTTP://localhost/v1/x", b"https://localhost/admin", b"//localhost/v1/x", b"localhost:80",
           b"v1/x", b"?", b"*", b"#", b"/v1/../admin", b"/v1/..", b"/v1/.", b"/v1/./x", b"/v1/x/../../admin", b"/v1/%2e%2e/admin",
           b"/v1/%2E%2E/admin", b"/v1/.%2e/admin", b"/v1/%2e/x", b"/v1%2fx", b"/v1/%2Fadmin", b"/v1/..%2fadmin", b"/v1%5cx",
           b"/v1/..%5cadmin", b"/v1/..\\admin", b"/v1\\x", b"//v1/x", b"/v1//x", b"/v1/x//", b"//admin", b"/admin//x", b"/admin/..",
           b"/v1/..;/admin", b"/v1/.;/x", b"/v1;/x", b"/v1/x;a=b", b"/v1/x;", b"/;/v1/x", b"/v1/%3b/x", b"/v1/%252e%252e/admin",
           b"/v1/%25%32%65/x", b"/%76%31/x", b"/%61dmin", b"/v1/%41", b"/v1/%c0%ae%c0%ae/admin", b"/v1/%c0%af", b"/v1/%e0%80%af",
           b"/v1/%f0%80%80%af", b"/v1/%ff", b"/v1/%00", b"/v1/%0d%0aX:%201", b"/v1/%0a", b"/v1/%7f", b"/v1/%3f", b"/v1/%23",
           b"/v1/%", b"/v1/%4", b"/v1/%zz", b"/v1/%u002e", b"/v1/x#y", b"/v1/x?a#b", b"/v1/x y", b"/v1/x\ty", b"/v1/\xc3\xa9",
           b"/v1/x\x00", b"/v1/x\x7f", b"/v1/x?\x00", b"/health/../v1/x", b"/unstructured/../v1/x", b"/unstructured//x"]
CHUNKS = [b"zz\r\n{}\r\n", b"\r\n{}\r\n", b"-2\r\n{}\r\n", b"+2\r\n{}\r\n", b" 2\r\n{}\r\n", b"2 \r\n{}\r\n", b"2\t\r\n{}\r\n", b"0x2\r\n{}\r\n",
          b"2_\r\n{}\r\n", b"2,\r\n{}\r\n", b"2\x00\r\n{}\r\n", b"2\n{}\r\n", b"2\r{}\r\n", b"2\r\r\n{}\r\n", b"2\r\n{}\n", b"2\r\n{}x\r\n",
          b"2\r\n{}2\r\n{}\r\n", b"10000000000000002\r\n{}\r\n", b"00000000000000002\r\n{}\r\n", b"8000000000000000\r\n{}\r\n",
          b"ffffffffffffffff\r\n{}\r\n", b"2;" + b"e" * 300 + b"\r\n{}\r\n", b"2;a\nb\r\n{}\r\n", b"2;a\rb\r\n{}\r\n", b"2 ;a\r\n{}\r\n",
          b"2;a=\"\r\n\"\r\n{}\r\n", b"2;" + b"e" * 100_000, (b"1;" + b"e" * 250 + b"\r\na\r\n") * 200, b"0\r\nX: " + b"t" * 100_000 + b"\r\n\r\n", b"0\r\n X: 1\r\n\r\n",
          b"0\r\nX : 1\r\n\r\n", b"0\r\nX\r\n\r\n", b"0\r\nX: a\x00\r\n\r\n", b"0\r\nX: a\nY: b\r\n\r\n", b"0\r\nX: a\r\n b\r\n\r\n",
          b"0\r\nContent-Length: 2\r\n\r\n", b"0\r\nTransfer-Encoding: chunked\r\n\r\n", b"0\r\nHost: other\r\n\r\n", b"0\n\r\n", b"0\r\n\n"]

MALFORMED = {
    **{f"length {value!r}": post(b"Content-Length: " + value) + b"{}" for value in LENGTHS},
    **{f"coding {value!r}": post(b"Transfer-Encoding: " + value) + b"0\r\n\r\n" for value in CODINGS},
    **{f"field {value!r}": get(b"/v1/x").replace(KEY, KEY + value + b"\r\n") for value in FIELDS},
    **{f"host {value!r}": get(b"/v1/x", value) for value in HOSTS},
    **{f"target {value!r}": get(value) for value in TARGETS},
    **{f"chunk {value[:60]!r}": CHUNKED + value for value in CHUNKS},
    "two equal lengths": post(b"Content-Length: 2", b"Content-Length: 2") + b"{}",
    "two lengths": post(b"Content-Length: 2", b"Content-Length: 3") + b"{}",
    "two lengths in other case": post(b"content-length: 2", b"CONTENT-LENGTH: 2") + b"{}",
    "two codings": post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "length, then coding": post(b"Content-Length: 2", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "coding, then length": post(b"Transfer-Encoding: chunked", b"Content-Length: 2") + b"0\r\n\r\n",
    "length and an empty coding": post(b"Content-Length: 2", b"Transfer-Encoding:") + b"{}",
    "length and identity": post(b"Content-Length: 2", b"Transfer-Encoding: identity") + b"{}",
    "a coding in HTTP/1.0": CHUNKED.replace(b"/1.1", b"/1.0") + b"0\r\n\r\n",
    "bare LFs": get(b"/v1/x").replace(b"\r\n", b"\n"),
    "bare CRs": get(b"/v1/x").replace(b"\r\n", b"\r") + b"\r\n\r\n",
    "a bare LF at the end": get(b"/v1/x")[:-2] + b"\n",
    "a CRLF first": b"\r\n" + get(b"/v1/x"),
    "a space first": b" " + get(b"/v1/x"),
    "a NUL first": b"\x00" + get(b"/v1/x"),
    "two spaces": get(b"/v1/x").replace(b"GET ", b"GET  "),
    "a tab": get(b"/v1/x").replace(b"GET ", b"GET\t"),
    "HTTP/0.9": b"GET /v1/x\r\n\r\n",
    "a space behind the version": get(b"/v1/x").replace(b"1.1\r", b"1.1 \r"),
}


@pytest.fixture(scope="module")
def recorder():
    with Recorder() as running:
        yield running


@pytest.fixture(scope="module")
def closed_house(recorder):
    """A gatehouse whose upstream keeps every byte that it gets."""
    house = gatehouse.Gatehouse(recorder.url(), WORKERS=1)
    house.start()
    yield house
    house.stop()
    house.check()
    house.discard()


@pytest.fixture
def seen(closed_house, recorder):
    """The bytes upstream has got since the test began."""
    recorder.forget()
    yield recorder
    closed_house.check()


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_malformed_or_ambiguous_is_a_400_and_no_byte_of_it_goes_upstream(closed_house, seen, name):
    with closed_house.connect() as client:
        client.try_send(MALFORMED[name] + get(b"/v1/smuggled"))
        answer = client.answer()
        assert answer.status == 400, answer
        assert answer.get("connection") == "close"
        assert "error" in answer.json()
        assert client.rest()[0] == b""
    # a request behind it, over the only worker: whatever was on its way has come by now
    assert closed_house.ask("GET", "/v1/next").status == 200
    assert [message.target for message in seen.messages] == ["/v1/next"]
    assert seen.received.count(b" HTTP/1.1\r\n") == 1


def test_the_recorder_sees_what_is_well_formed(closed_house, seen):
    for data in (get(b"/v1/x"), post(b"Content-Length: 2") + b"{}", CHUNKED + b"2\r\n{}\r\n0\r\n\r\n"):
        with closed_house.connect() as client:
            client.send(data)
            assert client.answer().status == 200
    assert [message.body for message in seen.messages] == [b"", b"{}", b"{}"]


LIMITS = {
    "a head": (431, get(b"/v1/x").replace(KEY, KEY + b"X: " + b"a" * 17_000 + b"\r\n")),
    "many fields": (431, get(b"/v1/x").replace(KEY, KEY + b"X: 1\r\n" * 99)),
    "a head without an end": (431, b"GET /v1/x HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 100_000),
    "a target": (414, get(b"/v1/" + b"a" * 9000)),
    "a target without an end": (414, b"GET /v1/" + b"a" * 100_000),
    "a body": (413, post(b"Content-Length: 2000000") + b"a" * 2_000_000),
    "a body that is not sent": (413, post(b"Content-Length: 2000000", b"Expect: 100-continue")),
    "a body of 2^62 bytes": (413, post(b"Content-Length: 4611686018427387904")),
}


@pytest.fixture(scope="module")
def narrow_house(recorder):
    house = gatehouse.Gatehouse(recorder.url(), WORKERS=1, MAX_BODY="1MiB", HEADER_TIMEOUT=1, BODY_TIMEOUT=1, IDLE_TIMEOUT=1)
    house.start()
    yield house
    house.stop()
    house.check()
    house.discard()


@pytest.mark.parametrize("name", LIMITS)
def test_what_is_too_large_is_told_by_its_status_and_stays_here(narrow_house, recorder, name):
    recorder.forget()
    status, data = LIMITS[name]
    with narrow_house.connect() as client:
        client.try_send(data)
        answer = client.answer()
        assert answer.status == status
        assert answer.interim == []
        assert "error" in answer.json()
    assert narrow_house.ask("GET", "/v1/next").status == 200
    assert [message.target for message in recorder.messages] == ["/v1/next"]


@pytest.mark.parametrize("size", [10_000, 3_000_000])
def test_a_chunked_body_that_grows_too_large_is_never_a_whole_request(narrow_house, recorder, size):
    recorder.forget()
    pieces = 2_000_000 // size + 1
    with narrow_house.connect() as client:
        client.try_send(CHUNKED + raw.chunked(*[b"a" * size] * pieces))
        assert client.answer().status == 413
    assert narrow_house.ask("GET", "/v1/next").status == 200
    assert [message.target for message in recorder.messages] == ["/v1/next"]


@pytest.mark.parametrize("data,status", [
    (b"G", 408), (b"GET /v1/x HTTP/1.1\r\nHost: ", 408), (get(b"/v1/x")[:-1], 408),
    (post(b"Content-Length: 10"), 408), (post(b"Content-Length: 10") + b"{}", 408), (CHUNKED, 408), (CHUNKED + b"2\r\n{", 408)])
def test_what_stops_coming_is_a_408(narrow_house, recorder, data, status):
    recorder.forget()
    with narrow_house.connect() as client:
        client.send(data)
        assert client.answer().status == status
        assert client.is_closed_by_server()
    assert recorder.messages == []


def test_a_head_that_trickles_has_no_longer_for_that(narrow_house):
    with narrow_house.connect() as client:
        began = time.monotonic()
        client.send(b"GET /v1/x HTTP/1.1\r\nX: ")
        client.sock.settimeout(0.1)
        data = b""
        while not data and time.monotonic() - began < 20:
            client.try_send(b"a")
            with contextlib.suppress(TimeoutError):
                data = client.sock.recv(1000)
        assert data.startswith(b"HTTP/1.1 408 ")


# upstream's answers

AMBIGUOUS = {
    "two lengths": b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "length and coding": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a space before the colon": b"Content-Length : 2\r\n\r\n{}",
    "a folded line": b"X: a\r\n b\r\nContent-Length: 2\r\n\r\n{}",
    "a header split by LF": b"X: a\nSet-Cookie: b\r\nContent-Length: 2\r\n\r\n{}",
    "a header split by CR": b"X: a\rSet-Cookie: b\r\nContent-Length: 2\r\n\r\n{}",
    "a NUL": b"X: a\x00b\r\nContent-Length: 2\r\n\r\n{}",
    "gzip, chunked": b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a length of 2^64 + 2": b"Content-Length: 18446744073709551618\r\n\r\n{}",
    "bare LFs": b"Content-Length: 2\n\n{}",
    "an endless head": b"X: " + b"a" * 200_000,
    "too many fields": b"X: 1\r\n" * 101 + b"Content-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("name", AMBIGUOUS)
def test_an_ambiguous_answer_is_a_502_and_no_byte_of_it_reaches_a_client(start_house, upstream, name, method):
    house = start_house(upstream=upstream.url(), WORKERS=1)
    with house.connect() as client:
        client.send(raw.request(method, "/v1/x", AUTH))
        peer = upstream.accept()
        peer.until(b"\r\n\r\n")
        with contextlib.suppress(OSError):
            peer.send(b"HTTP/1.1 200 OK\r\nX-Seen: upstream\r\n" + AMBIGUOUS[name])
        answer = client.answer()
        assert answer.status == 502
        assert answer.get("x-seen") is None
        assert answer.get("x-should-retry") == "false"
        assert peer.is_closed(), "nothing more of that connection is believed"
        # the client's own connection is as good as before
        client.send(raw.request("GET", "/v1/y", AUTH))
        peer = upstream.accept()
        peer.until(b"GET /v1/y ")
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        assert client.answer().status == 200


def test_interim_answers_without_end_are_a_502(start_house, upstream):
    house = start_house(upstream=upstream.url(), WORKERS=1)
    with house.connect() as client:
        client.send(raw.request("GET", "/v1/x", AUTH))
        peer = upstream.accept()
        peer.until(b"\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(10_000):
                peer.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        answer = client.answer()
        assert answer.status == 502
        assert len(answer.interim) <= 32
        assert peer.is_closed()


def test_a_length_that_a_204_may_not_have_is_not_passed_on(start_house, upstream):
    house = start_house(upstream=upstream.url(), WORKERS=1)
    with house.connect() as client:
        client.send(raw.request("GET", "/v1/x", AUTH))
        peer = upstream.accept()
        peer.until(b"\r\n\r\n")
        peer.send(b"HTTP/1.1 204 No Content\r\nContent-Length: 40\r\n\r\n")
        answer = client.answer()
        assert (answer.status, answer.get("content-length")) == (204, None)
        assert client.ask("GET", "/health").status == 200


def test_an_answer_to_nobody_on_a_kept_connection_is_told_to_nobody(start_house, upstream):
    house = start_house(upstream=upstream.url(), WORKERS=1)
    fine = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
    with house.connect() as client:
        client.send(raw.request("GET", "/v1/x", AUTH))
        first = upstream.accept()
        first.until(b"\r\n\r\n")
        first.send(fine + b"good")
        assert client.answer().body == b"good"
        first.send(fine + b"evil")
        assert first.is_closed()
        client.send(raw.request("GET", "/v1/x", AUTH))
        second = upstream.accept()
        second.until(b"\r\n\r\n")
        second.send(fine + b"fine")
        assert client.answer().body == b"fine"


def test_a_refused_key_of_ours_is_logged_once_for_many_requests(start_house, upstream):
    house = start_house(upstream=upstream.url(), WORKERS=1)
    with house.connect() as client:
        for _ in range(30):
            client.send(raw.request("GET", "/v1/x", AUTH))
            peer = upstream.accept()
            peer.until(b"\r\n\r\n")
            peer.send(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            assert client.answer().status == 502
    house.expect("upstream_auth")
    assert 1 <= len(house.lines("upstream_auth")) <= 4


# what there is only so much of

def processor_seconds(pid):
    fields = procfs.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_out_of_descriptors_accepting_pauses_without_burning_and_heals(start_house, recorder):
    house = start_house(upstream=recorder.url(), WORKERS=1, HEADER_TIMEOUT=60)
    [worker] = house.workers()
    kept = house.connect()
    assert kept.ask("GET", "/health").status == 200
    had = procfs.limit(worker, "nofile", len(procfs.open_files(worker)) + 20)
    holders = [house.connect() for _ in range(60)]
    until("it says so", lambda: house.lines("accept_paused"))
    spent = processor_seconds(worker)
    time.sleep(1.5)  # a span to measure over, not a wait
    assert processor_seconds(worker) - spent < 0.5, "a socket that can't be accepted must not wake it up"
    assert kept.ask("GET", "/health").status == 200, "who is in is served"
    for holder in holders[:50]:
        holder.close()
    assert house.ask("GET", "/health").status == 200, "it heals by itself"
    procfs.limit(worker, "nofile", had)
    for holder in holders[50:]:
        assert holder.ask("GET", "/health").status == 200, "who waited in the queue is served"
        holder.close()
    kept.close()
    assert house.workers() == [worker]


def test_clients_alone_can_never_take_the_last_descriptors(recorder):
    house = gatehouse.Gatehouse(recorder.url(), WORKERS=1, HEADER_TIMEOUT=60)
    try:
        house.start(("prlimit", "--nofile=200:200"))
        clients = [house.connect() for _ in range(250)]
        until("it says so", lambda: house.lines("accept_paused"))
        # connections to upstream are new ones: there were none before
        for client in clients[:20]:
            client.send(raw.request("GET", "/v1/x", AUTH))
        assert [client.answer().status for client in clients[:20]] == [200] * 20
        for client in clients:
            client.close()
        assert house.ask("GET", "/v1/x").status == 200
        house.stop()
        house.check()
    finally:
        house.discard()


def test_connections_over_the_cap_of_an_address_are_closed_and_others_are_not(start_house, recorder):
    house = start_house(upstream=recorder.url(), WORKERS=1, MAX_CONNECTIONS_PER_IP=20, MAX_CONNECTIONS=30)
    port = house.http_port

    def open_from(address):
        sock = socket.socket()
        sock.settimeout(raw.TIMEOUT)
        sock.bind((address, 0))
        sock.connect(("127.0.0.1", port))
        sock.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            if sock.recv(1000).startswith(b"HTTP/1.1 200 "):
                return sock
        sock.close()
        return None

    ours = [sock for sock in (open_from("127.0.0.2") for _ in range(25)) if sock]
    assert len(ours) == 20
    others = [sock for sock in (open_from("127.0.0.3") for _ in range(15)) if sock]
    assert len(others) == 10, "the cap on all"
    ours.pop().close()
    until("a place is free again", lambda: (sock := open_from("127.0.0.3")) and (others.append(sock) or True))
    assert house.lines("connection_refused")
    for sock in ours + others:
        sock.close()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_many_who_do_not_read_cost_no_more_than_the_budget(start_house, pair, upstream, scheme):
    house = start_house(upstream=upstream.url(), program=gatehouse.release_binary(), tls=pair, WORKERS=1,
                        MAX_BUFFERED="2MiB", IDLE_TIMEOUT=60)
    [worker] = house.workers()
    connect = house.connect if scheme == "http" else house.connect_tls
    count, said = 150, b"a" * (8 * MIB)
    before, clients, peers = procfs.resident_bytes(worker), [], []
    for _ in range(count):
        client = connect(receive_buffer=4096)
        client.send(raw.request("GET", "/v1/x", AUTH))
        peer = upstream.accept()
        peer.until(b"\r\n\r\n")
        peer.sock.setblocking(False)
        peer.sent = 0
        peer.said = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(said) + said
        clients.append(client)
        peers.append(peer)

    def push():
        for peer in peers:
            with contextlib.suppress(BlockingIOError):
                peer.sent += peer.sock.send(memoryview(peer.said)[peer.sent:])
        return sum(peer.sent for peer in peers)

    settled("nobody takes more", push, 10, 60)
    per_connection = 40_000 if scheme == "https" else 12_000
    assert procfs.resident_bytes(worker) - before < 2 * MIB + 2 * MIB + count * per_connection
    for end in clients + peers:
        end.close()
    assert house.workers() == [worker]


def test_a_worker_short_of_memory_ends_connections_and_not_itself(start_house):
    """Bodies that wait for an upstream that does not accept, while there is hardly any memory."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        house = start_house(upstream=f"http://127.0.0.1:{full.getsockname()[1]}", program=gatehouse.release_binary(),
                            WORKERS=1, UPSTREAM_CONNECT_TIMEOUT=3)
        [worker] = house.workers()
        size = int(procfs.status_field(worker, "VmSize").split()[0]) * 1024
        had = procfs.limit(worker, "as", size + 256 * 1024)
        clients, statuses = [], []
        for _ in range(200):
            client = house.connect()
            client.sock.settimeout(raw.TIMEOUT)
            with contextlib.suppress(OSError):
                client.sock.sendall(post(b"Content-Length: 200000") + b"a" * 60_000)
                client.sock.sendall(b"a" * 60_000)
            clients.append(client)
        for client in clients:
            try:
                statuses.append(client.answer().status)
            except raw.Broken:
                statuses.append(0)
            client.close()
        assert set(statuses) <= {0, 408, 503, 504}
        assert set(statuses) & {0, 503}, "memory was short for nobody: this test has shown nothing"
        procfs.limit(worker, "as", had)
        assert house.workers() == [worker]
        assert house.ask("GET", "/health").status == 200
        house.expect("connection_refused")
        for filler in fillers:
            filler.close()


def test_gatehouse_is_as_it_was(closed_house):
    """After all of this: the same worker, no request in flight, nothing left open."""
    assert len(closed_house.workers()) == 1
    assert not closed_house.lines("child_exit")
    closed_house.signal(signal.SIGUSR1)
    assert closed_house.ask("GET", "/health").status == 200
