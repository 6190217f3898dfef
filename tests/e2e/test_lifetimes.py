"""Who leaves when: clients and upstreams that go, stall or speak at the worst moment."""

import contextlib
import hashlib
import json
import os
import select
import signal
import socket
import threading
import time

import pytest
from harness import gatehouse, keys, procfs, raw
from harness.poll import settled, until
from harness.scripted import Upstream

MIB = 1 << 20
AUTH = {"Authorization": f"Bearer {keys.SECRET}"}
CHAT = json.dumps({"model": "gpt-oss-120b", "messages": []}).encode()


@pytest.fixture
def own(start_house, upstream):
    """own(**settings) -> a gatehouse of one worker in front of it."""
    return lambda **settings: start_house(upstream=upstream.url(), WORKERS=1, **settings)


def post(target="/v1/chat/completions", headers=(), body=CHAT):
    return raw.request("POST", target, [*AUTH.items(), *headers], body)


def answer_of(body, status="200 OK", headers=""):
    return (f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{headers}"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


def processor_seconds(pid):
    fields = procfs.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def push_all(end, data):
    """A thread that sends data whatever becomes of the connection; to be joined."""
    def run():
        with contextlib.suppress(OSError):
            end.sock.sendall(data)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def fill(end):
    """Send until the other end takes no more."""
    end.sock.setblocking(False)
    sent = 0

    def push():
        nonlocal sent
        with contextlib.suppress(BlockingIOError):
            sent += end.sock.send(b"a" * 65536)
        return sent

    return settled("what is taken", push)


def is_reset(client):
    """Has an RST come? Under TLS one in the middle of a record reads like an end."""
    looking = select.poll()
    looking.register(client.sock, 0)
    return any(events & select.POLLERR for _, events in looking.poll(0))


def sockets_of(pid):
    return sum(link.startswith("socket:") for link in procfs.open_files(pid))


# clients that leave

def test_a_refused_upload_whose_client_is_gone_harms_nobody(own):
    house = own()
    workers = house.workers()
    refused = raw.request("POST", "/v1/chat/completions", {"Authorization": "Bearer wrong"}, b"x" * 100)
    for _ in range(20):
        os.kill(workers[0], signal.SIGSTOP)
        try:
            client = house.connect()
            client.send(refused)
            client.reset()
        finally:
            os.kill(workers[0], signal.SIGCONT)
        assert house.ask("GET", "/health").status == 200
    assert house.workers() == workers


def test_a_client_that_resets_while_upstream_does_not_read_its_body_cancels_the_request(own, upstream):
    house = own()
    [worker] = house.workers()
    client = house.connect()
    client.send(raw.request("POST", "/unstructured/x", AUTH, b"a" * (20 * MIB))[:200])
    peer = upstream.accept()
    fill(client)
    client.reset()
    assert peer.is_closed()
    spent = processor_seconds(worker)
    time.sleep(0.5)  # a span to measure over, not a wait
    assert processor_seconds(worker) - spent < 0.3


def test_a_client_that_resets_behind_many_pipelined_requests_cancels_the_first(own, upstream):
    house = own()
    [worker] = house.workers()
    client = house.connect()
    client.send(post())
    peer = upstream.accept()
    client.sock.setblocking(False)
    client.sock.send(raw.request("GET", "/health") * 4000)
    peer.until(CHAT)
    settled("the worker is idle", lambda: processor_seconds(worker), 10)
    client.reset()
    assert peer.is_closed()
    spent = processor_seconds(worker)
    time.sleep(0.5)  # a span to measure over, not a wait
    assert processor_seconds(worker) - spent < 0.3


# clients that do not read

def test_answers_that_nobody_reads_stop_the_reading_of_requests(own):
    house = own(program=gatehouse.release_binary())
    [worker] = house.workers()
    assert house.ask("GET", "/health").status == 200
    before = procfs.resident_bytes(worker)
    one = raw.request("GET", "/health")
    many = one * (256 * 1024 // len(one))
    with house.connect(receive_buffer=65536) as client:
        client.sock.setblocking(False)
        sent = 0

        def push():
            nonlocal sent
            with contextlib.suppress(BlockingIOError):
                sent += client.sock.send(memoryview(many)[sent % len(many):])
            assert sent < 64 * MIB, "requests are taken without end"
            return sent

        settled("what gatehouse takes", push)
        assert procfs.resident_bytes(worker) - before < 2 * MIB
        client.sock.settimeout(raw.TIMEOUT)
        for _ in range(sent // len(one)):
            assert client.answer().status == 200
    assert house.workers() == [worker]


# heads in pieces

@pytest.mark.parametrize("cut", [1, 20, -2, -1])
def test_a_head_in_two_pieces_is_told_to_continue_like_a_whole_one(own, upstream, cut):
    house = own()
    request = post(headers=[("Expect", "100-continue")], body=CHAT)
    head, body = request[:-len(CHAT)], CHAT
    [worker] = house.workers()
    with house.connect() as client:
        client.send(head[:cut])
        settled("the piece is read", lambda: processor_seconds(worker), 5)
        client.send(head[cut:])
        assert client.interim().status == 100
        client.send(body)
        peer = upstream.accept()
        peer.until(CHAT)
        peer.send(answer_of(b"{}"))
        assert client.answer().body == b"{}"


def test_a_client_that_sends_far_too_long_a_head_sees_why(own):
    house = own()
    for _ in range(10):
        with house.connect() as client:
            client.try_send(b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"a" * (4 * MIB))
            assert client.answer().status == 431


# answers

@pytest.mark.parametrize("status", ["500 Broken", "404 Not Found", "401 Unauthorized"])
def test_an_interim_answer_before_an_error_in_pieces_spoils_nothing(own, upstream, status):
    house = own()
    body = b'{"error":{"message":"m","type":"t","param":null,"code":null}}'
    with house.connect() as client:
        client.send(post())
        peer = upstream.accept()
        peer.until(CHAT)
        peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + answer_of(body, status)[:-5])
        settled("it is read", lambda: processor_seconds(house.workers()[0]), 5)
        peer.send(body[-5:])
        answer = client.answer()
        if status.startswith("401"):
            house.expect("upstream_auth")
            assert answer.status == 502
            return
        assert (answer.status, answer.body) == (int(status[:3]), body)
        assert answer.interim in ([], [103])


def test_a_cut_event_stream_of_known_length_is_not_filled_up(own, upstream):
    house = own()
    with house.connect() as client:
        client.send(post())
        peer = upstream.accept()
        peer.until(CHAT)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 40\r\n\r\ndata: 1\n\ndata: ")
        peer.close()
        with pytest.raises(raw.Broken):
            client.answer()


@pytest.mark.parametrize("size", [10, 20_000], ids=["short", "long"])
def test_what_came_before_a_bad_chunk_is_delivered(own, upstream, size):
    house = own()
    with house.connect() as client:
        client.send(post())
        peer = upstream.accept()
        peer.until(CHAT)
        good = raw.chunked(b"a" * size, b"b" * size).removesuffix(b"0\r\n\r\n")
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + good + b"nonsense\r\n")
        client.until(b"b" * size)
        with pytest.raises(raw.Broken):
            client.answer()


def test_a_cut_answer_to_http_1_0_is_reset_behind_a_proxy_that_ends_tls(own, upstream):
    house = own(TRUST_PROXY="true", TRUSTED_PROXIES="127.0.0.0/8", FORCE_HTTPS="true")
    request = post(headers=[("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "192.0.2.1")])
    with house.connect() as client:
        client.send(request.replace(b"HTTP/1.1", b"HTTP/1.0"))
        peer = upstream.accept()
        peer.until(CHAT)
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        client.until(b"hello")
        peer.close()
        assert client.rest()[1], "a plain end would look complete"


def test_a_client_of_http_1_1_that_closes_its_side_sees_a_plain_end(start_house, upstream):
    """What it lacks is told by the framing."""
    with start_house(upstream=upstream.url()).connect() as client:
        client.send(post())
        peer = upstream.accept()
        peer.until(CHAT)
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        client.until(b"hello")
        client.sock.shutdown(socket.SHUT_WR)
        data, reset = client.rest()
        assert not reset and not data.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_client_of_http_1_0_that_closes_its_side_sees_its_answer_reset(start_house, upstream, pair, scheme):
    """It counts as gone; it may read on all the same, and a plain end would look complete."""
    house = start_house(upstream=upstream.url(), tls=pair)
    with house.connect() if scheme == "http" else house.connect_tls() as client:
        client.send(post().replace(b"HTTP/1.1", b"HTTP/1.0"))
        peer = upstream.accept()
        peer.until(CHAT)
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        client.until(b"hello")
        client.sock.shutdown(socket.SHUT_WR)
        assert client.rest()[1], "a plain end would look complete"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_client_of_http_1_0_that_reads_too_late_is_not_left_with_a_plain_end(start_house, upstream, pair, scheme):
    """Neither when all has come from upstream and only the kernel did not take it: that would look complete."""
    house = start_house(upstream=upstream.url(), tls=pair, WORKERS=1, IDLE_TIMEOUT=1)
    port = house.http_port if scheme == "http" else house.https_port
    connect = house.connect if scheme == "http" else house.connect_tls
    said = os.urandom(8 * MIB)

    def read_late(sizes, version):
        """Whether a reset has come, and what is read, of answers of these sizes once gatehouse has given them up."""
        clients, sending = [], []
        for size in sizes:
            clients.append(connect(receive_buffer=4096))
            clients[-1].send(post().replace(b"HTTP/1.1", version))
            peer = upstream.accept()
            peer.until(CHAT)
            sending.append(push_all(peer, b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                                          + raw.chunked(said[:size])))
        for client in clients:
            until("it is given up", lambda: procfs.is_let_go(client.sock.getsockname()[1], port))
        for thread in sending:
            thread.join()
        read = [(is_reset(client), client.rest()[0]) for client in clients]
        for client in clients:
            client.close()
        return read

    [(reset, taken)] = read_late([len(said)], b"HTTP/1.1")
    assert not reset and len(taken) < len(said), "more than the kernel takes; the framing tells what is missing"
    sizes = range(len(taken) - 32 * 1024, len(taken) + 64 * 1024, 2 * 1024)
    for (reset, data), size in zip(read_late(sizes, b"HTTP/1.0"), sizes, strict=True):
        assert reset or data.endswith(said[:size])


# answers before the end of the request

UPLOAD = hashlib.shake_128(b"upload").digest(8 * MIB)


def upload(framing="length"):
    """Head and body of a long upload."""
    if framing == "length":
        request = raw.request("POST", "/unstructured/x", AUTH, UPLOAD)
        return request[:-len(UPLOAD)], UPLOAD
    head = raw.request("GET", "/unstructured/x", {**AUTH, "Transfer-Encoding": "chunked"}).replace(b"GET", b"POST", 1)
    return head, raw.chunked(*(UPLOAD[at:at + 100_000] for at in range(0, len(UPLOAD), 100_000)))


def uploaded(peer, framing, begun):
    """The body as it has come to the scripted upstream, begun included."""
    if framing == "length":
        return begun + peer.read(len(UPLOAD) - len(begun))
    came, body = bytearray(begun), bytearray()
    while True:
        while (end := came.find(b"\r\n")) < 0:
            came += peer.read(1)
        size = int(came[:end], 16)
        if len(came) < end + size + 4:
            came += peer.read(end + size + 4 - len(came))
        body += came[end + 2:end + 2 + size]
        del came[:end + size + 4]
        if size == 0:
            return bytes(body)


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("status", ["200 OK", "500 Internal Server Error"])
def test_a_body_goes_on_upstream_behind_an_answers_head(own, upstream, framing, status):
    house = own()
    head, body = upload(framing)
    said = b'{"error":{"message":"m"}}'
    with house.connect() as client:
        client.send(head)
        client.send(body[:200_000])
        peer = upstream.accept()
        begun = peer.until(b"\r\n\r\n").partition(b"\r\n\r\n")[2]
        peer.send(answer_of(said, status)[:-len(said)])
        if status.startswith("200"):
            assert client.head().status == 200
        sending = push_all(client, body[200_000:] + raw.request("GET", "/v1/models", AUTH))
        assert uploaded(peer, framing, begun) == UPLOAD
        peer.send(said)
        if status.startswith("200"):
            assert client.exactly(len(said)) == said
        else:
            assert client.answer().status == 500
        sending.join()
        # both connections are good for another request
        assert b"GET /v1/models" in peer.read(60)
        peer.send(answer_of(b"{}"))
        assert client.answer().body == b"{}"


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_an_answer_is_whole_whose_upstream_reads_no_more_of_the_request(own, upstream, framing):
    house = own()
    head, body = upload(framing)
    said = os.urandom(3 * MIB)
    with house.connect() as client:
        client.send(head)
        sending = push_all(client, body)
        peer = upstream.accept()
        peer.until(b"\r\n\r\n")
        peer.send(answer_of(said))
        assert client.answer().body == said
        assert peer.is_closed()
        sending.join()
        assert client.ask("GET", "/health").status == 200


def test_a_client_may_wait_with_its_body_while_the_answer_comes(own, upstream):
    house = own(BODY_TIMEOUT=1)
    head, body = upload()
    with house.connect() as client:
        client.send(head + body[:100_000])
        peer = upstream.accept()
        peer.until(b"\r\n\r\n")
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert client.head().status == 200
        for _ in range(12):
            time.sleep(0.25)  # three times BODY_TIMEOUT, in which no byte of the body comes
            peer.send(b"1\r\nx\r\n")
            assert client.chunk() == b"x"
        sending = push_all(client, body[100_000:])
        peer.send(b"0\r\n\r\n")
        assert client.chunk() == b""
        sending.join()


def test_a_silent_upstream_is_not_waited_for_because_the_client_is_silent_too(own, upstream):
    house = own(UPSTREAM_IDLE_TIMEOUT=1, BODY_TIMEOUT=1)
    head, body = upload()
    with house.connect() as client:
        client.send(head + body[:100_000])
        peer = upstream.accept()
        peer.until(b"\r\n\r\n")
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert client.head().status == 200
        with pytest.raises(raw.Broken):
            client.chunk()
        assert peer.is_closed()


def test_a_client_that_neither_reads_nor_is_read_is_given_up(own, upstream):
    house = own(IDLE_TIMEOUT=1, UPSTREAM_IDLE_TIMEOUT=60, BODY_TIMEOUT=60)
    with house.connect(receive_buffer=4096) as client:
        client.send(raw.request("POST", "/unstructured/x", AUTH, b"a" * (20 * MIB))[:200])
        peer = upstream.accept()
        fill(client)
        sending = push_all(peer, b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + b"a" * 100_000_000)
        sending.join(raw.TIMEOUT)
        assert not sending.is_alive(), "gatehouse waits for both of them"
    assert house.ask("GET", "/health").status == 200


# time

def test_the_time_to_the_first_byte_is_not_cut_short_behind_a_long_body(own, upstream):
    house = own(UPSTREAM_IDLE_TIMEOUT=2, UPSTREAM_TIMEOUT=30)
    body = b"a" * (20 * MIB)
    with house.connect() as client:
        client.sock.setblocking(False)
        data, sent = post("/unstructured/x", body=body), 0

        def push():
            nonlocal sent
            with contextlib.suppress(BlockingIOError):
                sent += client.sock.send(memoryview(data)[sent:])
            return sent

        settled("nothing more is taken", push)
        peer = upstream.accept()
        got = 0
        while got < len(body):
            push()
            got += len(peer.sock.recv(MIB))
        time.sleep(4)  # longer than the time between two bytes, and two ticks
        peer.send(answer_of(b"{}"))
        client.sock.settimeout(raw.TIMEOUT)
        assert client.answer().status == 200


# the end

def test_an_answer_that_its_client_is_still_reading_survives_the_drain(own, upstream):
    house = own()
    body = os.urandom(8 * MIB)
    with house.connect(receive_buffer=4096) as client:
        client.send(post())
        peer = upstream.accept()
        peer.until(CHAT)
        # behind the kernels' buffers the end of the answer waits in the worker
        peer.sock.settimeout(raw.TIMEOUT)
        head = answer_of(body)
        peer.sock.setblocking(False)
        view, sent, got = memoryview(head), 0, b""
        client.sock.settimeout(0.05)
        while sent < len(head):
            with contextlib.suppress(BlockingIOError):
                sent += peer.sock.send(view[sent:])
            if sent < len(head):
                with contextlib.suppress(TimeoutError):
                    got += client.sock.recv(65536)
        settled("the worker has read all", lambda: processor_seconds(house.workers()[0]), 20)
        house.signal(signal.SIGTERM)
        until("health says so", lambda: house.status().get("state") != "ready")
        settled("the worker has drained", lambda: len(house.workers()), 20)
        client.sock.settimeout(raw.TIMEOUT)
        client._held = got
        assert client.answer().body == body
    assert house.wait() == 0


def test_a_request_that_waits_to_be_accepted_when_the_drain_begins_is_answered(own):
    house = own()
    [worker] = house.workers()
    os.kill(worker, signal.SIGSTOP)
    clients = [house.connect() for _ in range(50)]
    for client in clients:
        client.send(raw.request("GET", "/auth/key-info", AUTH))
    house.signal(signal.SIGTERM)
    until("the master stops", lambda: house.status().get("state") != "ready")
    os.kill(worker, signal.SIGCONT)
    for client in clients:
        assert client.answer().status == 200
    for client in clients:
        assert client.is_closed_by_server()
        client.close()
    assert house.wait() == 0


def test_a_thrown_away_body_does_not_hold_up_the_drain(own):
    house = own(MAX_BODY="1MiB")
    with house.connect() as client:
        client.send(raw.request("POST", "/v1/chat/completions", (), b"x" * 1000)[:-1])
        assert client.answer().status == 401
        house.signal(signal.SIGTERM)
        until("nobody accepts", lambda: house.status().get("state") != "ready")
        client.send(b"x")
        assert client.is_closed_by_server()
    assert house.wait() == 0


# upstreams

def test_a_full_queue_of_a_unix_socket_is_waited_for(start_house, folder):
    waiting = Upstream(unix=folder / f"full-{os.getpid()}", backlog=0)
    try:
        house = start_house(upstream=waiting.url(), WORKERS=1)
        clients = [house.connect() for _ in range(6)]
        for client in clients:
            client.send(post())
        for _ in clients:
            peer = waiting.accept()
            peer.until(CHAT)
            peer.send(answer_of(b"{}"))
            peer.close()
        for client in clients:
            assert client.answer().body == b"{}"
            client.close()
    finally:
        waiting.stop()


def test_a_full_queue_of_a_unix_socket_is_not_waited_for_for_ever(start_house, folder):
    waiting = Upstream(unix=folder / f"stuck-{os.getpid()}", backlog=0)
    try:
        house = start_house(upstream=waiting.url(), WORKERS=1, UPSTREAM_CONNECT_TIMEOUT=1, UPSTREAM_TIMEOUT=1)
        clients = [house.connect() for _ in range(4)]
        for client in clients:
            client.send(post())
        told = [client.answer() for client in clients]
        assert [answer.status for answer in told] == [504] * 4
        # one or two were in the queue, and may have begun
        assert [answer.get("x-should-retry") for answer in told].count("true") >= 2
        for client in clients:
            client.close()
    finally:
        waiting.stop()


def test_an_upstream_that_resets_behind_a_paused_answer_costs_no_processor(own, upstream):
    house = own()
    [worker] = house.workers()
    with house.connect(receive_buffer=4096) as client:
        client.send(raw.request("POST", "/unstructured/x", AUTH, b"a" * (20 * MIB))[:200])
        peer = upstream.accept()
        fill(client)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        fill(peer)
        peer.reset()
        spent = processor_seconds(worker)
        time.sleep(0.5)  # a span to measure over, not a wait
        assert processor_seconds(worker) - spent < 0.3
        client.sock.settimeout(raw.TIMEOUT)
        assert client.head().status == 200
        with pytest.raises(raw.Broken):
            client.exactly(100000000)


def test_nothing_is_left_open_after_all_of_this(own, upstream):
    house = own()
    [worker] = house.workers()
    base = settled("open sockets", lambda: sockets_of(worker))
    clients = []
    for number in range(40):
        client = house.connect()
        client.send(post())
        peer = upstream.accept()
        peer.until(CHAT)
        [peer.close, peer.reset, client.close, client.reset][number % 4]()
        clients += [client, peer]
    for end in clients:
        with contextlib.suppress(OSError):
            end.sock.shutdown(socket.SHUT_RDWR)
        end.close()
    until("only what was there before is open", lambda: sockets_of(worker) <= base)
