"""The stand-in does what the other tests rely on. Raw sockets, so that every byte of an answer is seen."""

import hashlib
import http.client
import json
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest
from canned import faults, steer, usage

HERE = Path(__file__).resolve().parent
DEADLINE = 10


def until(what, condition):
    """Poll; the value of condition once it is true."""
    end = time.monotonic() + DEADLINE
    while not (value := condition()):
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.005)
    return value


class StandIn:
    def __init__(self, folder, *options):
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, HERE / "standin.py", "--listen", "127.0.0.1:0", "--log", folder / "log",
             "--port-file", folder / "port", "--control-port-file", folder / "control", *options],
            stdout=subprocess.DEVNULL)
        until("port file", (folder / "port").exists)
        self.port = int((folder / "port").read_text())
        self.control_port = int((folder / "control").read_text())

    def log(self, event=None):
        lines = [json.loads(line) for line in (self.folder / "log").read_text().splitlines()]
        return [line for line in lines if event in (None, line["event"])]

    def control(self, method, path, said=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.control_port, timeout=DEADLINE)
        connection.request(method, path, json.dumps(said) if said is not None else None)
        answer = connection.getresponse()
        body = json.loads(answer.read())
        connection.close()
        assert answer.status == 200, body
        return body

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE)

    def ask(self, path, said=None, headers=(), method=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        body = json.dumps(said) if said is not None else None
        connection.request(method or ("POST" if body else "GET"), path, body, dict(headers))
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer, data

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(DEADLINE) == 0


@pytest.fixture
def standin(tmp_path):
    running = StandIn(tmp_path)
    yield running
    running.stop()


CHAT = {"model": "gpt-oss-120b", "messages": [{"role": "user", "content": "one two three"}]}
STREAM = {**CHAT, "stream": True}


def raw_request(path, body=b"", **steering):
    lines = [f"{'POST' if body else 'GET'} {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
    lines += [f"x-standin-{name.replace('_', '-')}: {value}" for name, value in steering.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def raw_chat(said=None, **steering):
    return raw_request("/v1/chat/completions", json.dumps(said or CHAT).encode(), **steering)


def read_all(sock):
    """Everything until the end; (bytes, whether it ended in a reset)."""
    data = b""
    try:
        while piece := sock.recv(65536):
            data += piece
    except ConnectionResetError:
        return data, True
    return data, False


def events(data):
    return [line[6:] for line in data.decode().split("\n") if line.startswith("data: ")]


def test_a_chat_has_text_and_the_usage_that_can_be_worked_out(standin):
    answer, data = standin.ask("/v1/chat/completions", CHAT)
    said = json.loads(data)
    assert answer.status == 200
    assert said["choices"][0]["message"]["content"] == "The gate is open and nobody reads along."
    assert said["usage"] == usage.openai(3, 8)
    assert said["usage"]["prompt_tokens"] == 8 and said["usage"]["completion_tokens"] == 8


def test_a_stream_carries_cumulative_usage_in_every_event_and_ends_in_done(standin):
    answer, data = standin.ask("/v1/chat/completions", STREAM, {"x-standin-events": "3"})
    said = events(data)
    assert answer.getheader("content-type") == "text/event-stream; charset=utf-8"
    assert said[-1] == "[DONE]"
    chunks = [json.loads(text) for text in said[:-1]]
    assert [chunk["usage"]["completion_tokens"] for chunk in chunks] == [0, 1, 2, 3, 3, 3]
    assert chunks[-1]["choices"] == [] and chunks[-2]["choices"][0]["finish_reason"] == "stop"


def test_usage_mode_final_has_null_in_all_events_but_the_last(standin):
    _, data = standin.ask("/v1/completions", {"prompt": "a b", "stream": True},
                          {"x-standin-events": "2", "x-standin-usage-mode": "final"})
    chunks = [json.loads(text) for text in events(data)[:-1]]
    assert [chunk["usage"] for chunk in chunks] == [None, None, None, usage.openai(2, 2)]


def test_usage_can_be_overridden_by_any_json_or_left_out(standin):
    for text, expected in (("null", None), ("[1]", [1]), ('{"prompt_tokens":-5}', {"prompt_tokens": -5})):
        _, data = standin.ask("/v1/chat/completions", CHAT, {"x-standin-usage": text})
        assert json.loads(data)["usage"] == expected
    _, data = standin.ask("/v1/chat/completions", CHAT, {"x-standin-usage": '"absent"'})
    assert "usage" not in json.loads(data)


def test_messages_stream_has_named_events_and_cumulative_usage(standin):
    _, data = standin.ask("/v1/messages", STREAM, {"x-standin-events": "2"})
    chunks = [json.loads(text) for text in events(data)]
    assert [chunk["type"] for chunk in chunks] == [
        "message_start", "content_block_start", "ping", "content_block_delta", "content_block_delta",
        "content_block_stop", "message_delta", "message_stop"]
    assert data.startswith(b"event: message_start\ndata: ")
    assert chunks[0]["message"]["usage"]["output_tokens"] == 0
    assert chunks[6]["usage"] == usage.anthropic(3, 2)


def form(**fields):
    parts = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value + b"\r\n"
             for name, value in fields.items()]
    return b"".join(parts) + b"--b--\r\n"


def upload(standin, path="/v1/audio/transcriptions", **fields):
    connection = http.client.HTTPConnection("127.0.0.1", standin.port, timeout=DEADLINE)
    connection.request("POST", path, form(**fields), {"Content-Type": "multipart/form-data; boundary=b"})
    data = connection.getresponse().read()
    connection.close()
    return data


def test_an_upload_is_measured_by_its_audio_bytes(standin):
    audio = b"\0" * 40000
    assert json.loads(upload(standin, file=audio, model=b"whisper-large-v3"))["usage"] == {
        "type": "duration", "seconds": 3}
    verbose = json.loads(upload(standin, file=audio, response_format=b"verbose_json"))
    assert verbose["duration"] == "3.0" and "usage" not in verbose
    assert upload(standin, file=audio, response_format=b"vtt").startswith(b"WEBVTT")
    assert json.loads(upload(standin, "/v1/audio/translations", file=audio))["usage"]["seconds"] == 3
    streamed = upload(standin, file=audio, stream=b"true")
    assert json.loads(events(streamed)[-2])["usage"] == usage.audio_tokens(40000, 8)


def test_the_other_routes_answer_in_their_shapes(standin):
    _, data = standin.ask("/v1/embeddings", {"input": ["a b", "c"], "model": "qwen3-embedding-4b"})
    said = json.loads(data)
    assert len(said["data"]) == 2 and said["usage"] == {"prompt_tokens": 8, "total_tokens": 8}
    _, data = standin.ask("/v1/models")
    assert json.loads(data)["data"][0]["id"] == "gpt-oss-120b"
    _, data = standin.ask("/unstructured/general/v0/general", {"x": 1})
    assert json.loads(data)[0]["type"] == "Title"
    for path, status in (("/v1/responses", 404), ("/health", 404), ("/v1/chat/completions", 405)):
        answer, data = standin.ask(path)
        assert answer.status == status and "error" in json.loads(data)


def test_body_bytes_is_exact(standin):
    for size in (1000, 70_000, 5_000_000):
        answer, data = standin.ask("/v1/chat/completions", CHAT, {"x-standin-body-bytes": str(size)})
        assert len(data) == size == int(answer.getheader("content-length"))
        assert json.loads(data)["usage"] == usage.openai(3, 8)


def test_the_log_has_headers_in_order_and_the_bodys_hash(standin):
    body = json.dumps(CHAT).encode()
    with standin.connect() as sock:
        sock.sendall(b"POST /v1/chat/completions?a=b%20c HTTP/1.1\r\nHost: h\r\nX-B: 1\r\nx-a: 2\r\nX-B: 3\r\n"
                     b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body)
        until("answer", lambda: sock.recv(65536))
    request = standin.log("request")[0]
    assert request["target"] == "/v1/chat/completions?a=b%20c"
    assert request["headers"][:4] == [["Host", "h"], ["X-B", "1"], ["x-a", "2"], ["X-B", "3"]]
    assert standin.log("body")[0]["sha256"] == hashlib.sha256(body).hexdigest()
    assert standin.log("body")[0]["bytes"] == len(body)


def test_connections_are_kept_numbered_and_pipelined(standin):
    with standin.connect() as sock:
        sock.sendall(raw_request("/v1/models") * 3)
        data = b""
        while data.count(b"HTTP/1.1 200 OK") < 3 or not data.endswith(b"}]}"):
            data += sock.recv(65536)
    until("close", lambda: standin.log("close"))
    assert [request["conn"] for request in standin.log("request")] == [1, 1, 1]
    assert standin.log("close") == [{"event": "close", "conn": 1, "by": "peer", "requests": 3}]


def test_a_gate_lets_events_pass_one_by_one(standin):
    with standin.connect() as sock:
        sock.sendall(raw_chat(STREAM, gate="g", events=3))
        seen = b""
        for number in range(1, 4):
            until("waiter", lambda: standin.control("GET", "/gate/g")["waiting"] == 1)
            assert len(standin.log("sent")) == number  # the opening event has usage too
            standin.control("POST", "/gate/g", {"add": 1})
            while seen.count(b'"content":"') < number + 1:
                seen += sock.recv(65536)
        while b"[DONE]" not in seen:
            seen += sock.recv(65536)


def test_a_bodys_reading_can_be_held_up(standin):
    body = b"a" * 3_000_000
    with standin.connect() as sock:
        sock.setblocking(False)
        data = raw_request("/v1/chat/completions", body, body_gate="b")
        sent = 0

        def push():
            nonlocal sent
            try:
                sent += sock.send(data[sent:])
            except BlockingIOError:
                return standin.control("GET", "/gate/b")["waiting"] == 1
            return sent == len(data)

        until("the gate", push)
        assert standin.log("body") == []
        standin.control("POST", "/gates", {"names": ["b"], "add": 1})
        until("all is sent", lambda: sent == len(data) or (push() and sent == len(data)))
        until("body", lambda: standin.log("body"))
    assert standin.log("body")[0]["bytes"] == len(body)


@pytest.mark.parametrize("steering", [{"gate": "never"}, {"head_gate": "never"}, {"hang": "head"}, {"hang": "body"},
                                      {"hang": "end"}], ids=str)
def test_a_client_that_leaves_is_noticed_at_once_wherever_it_was(standin, steering):
    with standin.connect() as sock:
        sock.sendall(raw_chat(STREAM, **steering))
        until("request", lambda: standin.log("request"))
    assert until("end", lambda: standin.log("end"))[0]["outcome"] == "gone"
    until("close", lambda: standin.log("close"))
    assert standin.control("GET", "/state") == {"connections": 0, "busy": 0, "sending": []}


def test_cuts_are_exact_in_place_and_manner(standin):
    with standin.connect() as sock:
        sock.sendall(raw_chat(cut="head:20"))
        assert read_all(sock) == (b"HTTP/1.1 200 OK\r\nCon", False)
    with standin.connect() as sock:
        sock.sendall(raw_chat(cut="body:10", cut_how="rst"))
        data, reset = read_all(sock)
        assert len(data.partition(b"\r\n\r\n")[2]) == 10 and reset
    with standin.connect() as sock:
        sock.sendall(raw_chat(STREAM, cut="events:2", events=5))
        data, reset = read_all(sock)
        assert len(events(data)) == 3 and b"[DONE]" not in data and not reset
        assert not data.endswith(b"0\r\n\r\n")
    assert [(end["outcome"], end["events"]) for end in standin.log("end")] == [("cut", 0), ("cut", 0), ("cut", 2)]


def test_framings(standin):
    for framing in ("length", "chunked", "close"):
        answer, data = standin.ask("/v1/chat/completions", STREAM, {"x-standin-framing": framing})
        assert events(data)[-1] == "[DONE]"
        assert (answer.getheader("transfer-encoding") == "chunked") == (framing == "chunked")
        assert (answer.getheader("content-length") is not None) == (framing == "length")


def test_interim_answers_come_before_the_head(standin):
    with standin.connect() as sock:
        sock.sendall(raw_chat(interim="103,102", close="after"))
        data, _ = read_all(sock)
    assert [line for line in data.split(b"\r\n") if line.startswith(b"HTTP/")] == [
        b"HTTP/1.1 103 Early Hints", b"HTTP/1.1 102 Processing", b"HTTP/1.1 200 OK"]


def test_expect_continue_is_answered(standin):
    body = json.dumps(CHAT).encode()
    with standin.connect() as sock:
        sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                     b"Content-Length: %d\r\n\r\n" % len(body))
        assert sock.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(body)
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 OK")


def test_chunked_requests_are_read(standin):
    with standin.connect() as sock:
        sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                     b"3;x=y\r\n{}\n\r\n0\r\nTrailer: 1\r\n\r\n")
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 OK")
    assert standin.log("body")[0]["framing"] == "chunked" and standin.log("body")[0]["bytes"] == 3


def test_a_body_can_be_ignored(standin):
    with standin.connect() as sock:
        sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n"
                     b"x-standin-ignore-body: 1\r\nx-standin-status: 413\r\n\r\n")
        data, reset = read_all(sock)
    assert data.startswith(b"HTTP/1.1 413") and b"Connection: close" in data and not reset
    assert standin.log("body") == []


@pytest.mark.parametrize("name", faults.ALL)
def test_malformed_answers_are_sent_byte_for_byte(standin, name):
    with standin.connect() as sock:
        sock.sendall(raw_chat(malformed=name))
        assert read_all(sock) == (faults.ALL[name], False)


def test_error_bodies(standin):
    for shape, content_type in (("json", "application/json"), ("text", "text/plain; charset=utf-8"),
                                ("html", "text/html"), ("empty", None), ("list", "application/json"),
                                ("anthropic", "application/json")):
        answer, _ = standin.ask("/v1/chat/completions", CHAT, {"x-standin-error": shape, "x-standin-status": "503"})
        assert (answer.status, answer.getheader("content-type")) == (503, content_type)
    answer, data = standin.ask("/v1/chat/completions", CHAT, {"x-standin-location": "http://elsewhere/"})
    assert (answer.status, answer.getheader("location")) == (307, "http://elsewhere/")
    _, data = standin.ask("/v1/chat/completions", STREAM, {"x-standin-error": "pair", "x-standin-events": "1"})
    assert b'event: error\n\ndata: {"error":{' in data and b"[DONE]" not in data


def test_closing_announced_silently_and_at_the_next_request(standin):
    for how, announced in (("after", True), ("silent", False)):
        with standin.connect() as sock:
            sock.sendall(raw_request("/v1/models", close=how))
            data, reset = read_all(sock)
            assert (b"Connection: close" in data) == announced and not reset
    with standin.connect() as sock:
        sock.sendall(raw_request("/v1/models", close="next-rst"))
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 OK")
        sock.sendall(raw_request("/v1/models"))
        assert read_all(sock) == (b"", True)
    assert standin.log("end")[-1]["outcome"] == "dropped"


def test_idle_connections_can_be_closed_and_all_be_reset(standin):
    with standin.connect() as idle, standin.connect() as busy:
        idle.sendall(raw_request("/v1/models"))
        idle.recv(65536)
        busy.sendall(raw_chat(hang="head"))
        until("request", lambda: standin.control("GET", "/state")["busy"] == 1)
        assert standin.control("POST", "/close-idle") == {"closed": 1}
        assert read_all(idle) == (b"", False)
        assert standin.control("POST", "/reset-all") == {"reset": 1}
        assert read_all(busy) == (b"", True)


def test_steering_by_model_rule_and_header_in_rising_precedence(standin):
    def completion(headers=(), model="gpt-oss-120b"):
        _, data = standin.ask("/v1/chat/completions", {**CHAT, "model": model}, headers)
        said = json.loads(data)
        assert said["model"] == "gpt-oss-120b"
        return said["usage"]["completion_tokens"]

    standin.control("POST", "/steer", {"set": {"events": "2"}, "times": 3, "path": "/v1/chat/completions"})
    assert completion() == 2
    assert completion(model="standin;events=3;gpt-oss-120b") == 3
    assert completion({"x-standin-events": "4"}, model="standin;events=3;gpt-oss-120b") == 4
    assert completion() == 8, "the rule was for three requests"


def test_a_key_is_required_only_when_given(tmp_path):
    standin = StandIn(tmp_path, "--api-key", "secret")
    assert standin.ask("/v1/models")[0].status == 401
    assert standin.ask("/v1/models", headers={"Authorization": "Bearer wrong"})[0].status == 401
    assert standin.ask("/v1/models", headers={"Authorization": "Bearer secret"})[0].status == 200
    standin.stop()


def test_a_unix_socket_serves_as_well(tmp_path):
    standin = StandIn(tmp_path, "--unix", str(tmp_path / "socket"))
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(DEADLINE)
        sock.connect(str(tmp_path / "socket"))
        sock.sendall(raw_request("/v1/models", close="after"))
        assert read_all(sock)[0].startswith(b"HTTP/1.1 200 OK")
    standin.stop()


def test_large_answers_pass_over_tls(tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                    "-keyout", tmp_path / "key", "-out", tmp_path / "cert"], check=True, capture_output=True)
    standin = StandIn(tmp_path, "--tls-cert", str(tmp_path / "cert"), "--tls-key", str(tmp_path / "key"))
    context = ssl.create_default_context(cafile=str(tmp_path / "cert"))
    with context.wrap_socket(standin.connect(), server_hostname="localhost") as sock:
        sock.sendall(raw_chat(body_bytes=3_000_000, close="after"))
        assert len(read_all(sock)[0].partition(b"\r\n\r\n")[2]) == 3_000_000
    standin.stop()


def test_unknown_steering_is_refused_not_overlooked(standin):
    with standin.connect() as sock:
        sock.sendall(raw_chat(nonsense="1"))
        assert read_all(sock) == (b"", False)
    assert standin.log("bad")[0]["what"] == "no steering is called 'nonsense'"


def test_every_row_has_a_header_name():
    assert len(set(steer.HEADER_NAMES)) == len(steer.TABLE)
    assert all(name in steer.document() for name in steer.HEADER_NAMES)
