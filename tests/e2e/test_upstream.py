"""Upstreams of every kind, well and unwell."""

import json
import os
import signal
import socket

import pytest
from canned import faults
from harness import certs, gatehouse, keys, procfs, raw
from harness.poll import until
from harness.upstream import steering

AUTH = {"Authorization": f"Bearer {keys.SECRET}"}
CHAT = json.dumps({"model": "gpt-oss-120b", "messages": []}).encode()
TEXT = "The gate is open and nobody reads along."


def ask_chat(house, **chosen):
    return house.ask("POST", "/v1/chat/completions", steering(**chosen), CHAT)


def assert_502(answer, retry):
    assert answer.status == 502
    assert answer.json()["error"]["message"]
    assert answer.get("x-should-retry") == retry


@pytest.mark.parametrize("name", faults.HEADS)
def test_an_answer_that_cannot_be_understood_is_a_502(house, standin, name):
    assert_502(ask_chat(house, malformed=name), "false")
    assert len(standin.requests()) == 1, "a POST never runs twice"


@pytest.mark.parametrize("name", faults.BODIES)
def test_an_answer_that_goes_wrong_in_its_body_is_seen_as_broken(house, name):
    with house.connect() as connection:
        connection.send(raw.request("POST", "/v1/chat/completions", {**AUTH, **steering(malformed=name)}, CHAT))
        try:
            answer = connection.answer()
        except raw.Broken:
            return
        assert answer.status == 502, "if it was whole, it was an error made here"


def test_garbage_of_one_client_reaches_no_other(house):
    assert_502(ask_chat(house, malformed="length-and-chunked"), "false")
    for _ in range(10):
        assert ask_chat(house).json()["choices"][0]["message"]["content"] == TEXT


def test_a_unix_socket(start_house, start_standin, folder):
    path = folder / "upstream.sock"
    start_standin(unix=path)
    house = start_house(upstream=f"unix:{path}")
    assert ask_chat(house).status == 200
    for _ in range(3):
        assert house.ask("GET", "/v1/models").status == 200


def test_a_unix_socket_that_is_not_there(start_house, folder):
    house = start_house(upstream=f"unix:{folder}/nobody.sock")
    assert_502(ask_chat(house), "true")


@pytest.fixture
def tls_standin(start_standin, pair):
    return start_standin(tls=pair)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_https_with_a_verified_certificate(start_house, tls_standin, pair, host):
    house = start_house(upstream=tls_standin.url(host), UPSTREAM_CA_FILE=pair.cert, WORKERS=1)
    for _ in range(3):
        assert ask_chat(house).status == 200
    assert ask_chat(house, body_bytes=3_000_000).status == 200
    assert len({request["conn"] for request in tls_standin.requests()}) == 1, "the connection is kept"


def test_https_with_another_authority_is_a_502(start_house, tls_standin, folder):
    other = certs.make(folder, "other")
    house = start_house(upstream=tls_standin.url("localhost"), UPSTREAM_CA_FILE=other.cert)
    assert_502(ask_chat(house), "true")
    assert tls_standin.requests() == []


def test_https_trusts_other_authorities_after_a_reload(start_house, tls_standin, pair, folder):
    authorities = folder / f"authorities-{os.getpid()}.pem"
    authorities.write_bytes(certs.make(folder, f"outdated-{os.getpid()}").cert.read_bytes())
    house = start_house(upstream=tls_standin.url("localhost"), UPSTREAM_CA_FILE=authorities)
    assert house.ask("GET", "/v1/models").status == 502
    authorities.write_bytes(pair.cert.read_bytes())
    assert house.reload()["result"] == "ok"
    assert house.status()["generation"] == 2
    assert house.ask("GET", "/v1/models").status == 200
    assert house.reload()["result"] == "ok"
    assert house.status()["generation"] == 2, "nothing has changed"


def test_https_with_the_systems_authorities_does_not_trust_ours(start_house, tls_standin):
    house = start_house(upstream=tls_standin.url("localhost"))
    assert_502(ask_chat(house), "true")
    assert tls_standin.requests() == []


def test_https_with_the_wrong_name_is_a_502(start_house, start_standin, folder):
    elsewhere = certs.make(folder, "elsewhere", "DNS:elsewhere.example")
    standin = start_standin(tls=elsewhere)
    house = start_house(upstream=standin.url("localhost"), UPSTREAM_CA_FILE=elsewhere.cert)
    assert_502(ask_chat(house), "true")
    assert standin.requests() == []


def test_https_cut_without_close_notify_is_broken_where_only_the_end_tells(start_house, tls_standin, pair):
    house = start_house(upstream=tls_standin.url("localhost"), UPSTREAM_CA_FILE=pair.cert)
    assert ask_chat(house, framing="close").json()["choices"]
    with house.connect() as connection:
        connection.send(raw.request("POST", "/v1/chat/completions", {**AUTH, **steering(
            framing="close", cut="body:100", cut_how="eof")}, CHAT))
        with pytest.raises(raw.Broken):
            connection.answer()


def test_an_address_that_is_no_name_is_known_however_long_admin_takes(standin):
    house = gatehouse.Gatehouse(standin)
    try:
        house.spawn()
        admin = until("the first child, admin, is there", lambda: procfs.own_children(house.pid))[0]
        os.kill(admin, signal.SIGSTOP)
        assert house.await_ready().ask("GET", "/v1/models").status == 200
        os.kill(admin, signal.SIGCONT)
        house.stop()
        house.check()
    finally:
        house.discard()


def test_after_a_reload_another_address_is_asked_at_once(start_house, start_standin, folder):
    """Not the old one's with the new one's port, until admin has come anew: that would get our key."""
    old, new = start_standin(listen="127.0.0.2:0"), start_standin(listen="127.0.0.3:0")
    config = folder / f"address-{os.getpid()}.json"
    config.write_text(json.dumps({"upstream_url": old.url("127.0.0.2")}))
    house = start_house(UPSTREAM_URL=None, GATEHOUSE_CONFIG=config)
    assert house.ask("GET", "/v1/models").status == 200
    [admin] = house.admin()
    os.kill(admin, signal.SIGSTOP)
    config.write_text(json.dumps({"upstream_url": new.url("127.0.0.3")}))
    assert house.reload()["result"] == "ok"
    assert [house.ask("GET", "/v1/models").status for _ in range(4)] == [200] * 4
    os.kill(admin, signal.SIGCONT)
    assert (len(old.requests()), len(new.requests())) == (1, 4)


def test_after_a_reload_another_name_is_waited_for(start_house, start_standin, folder):
    """Until admin has looked it up nothing goes to the old name's addresses, whose port is the new one's now."""
    old, new = start_standin(listen="127.0.0.2:0"), start_standin(listen="127.0.0.3:0")
    config = folder / f"name-{os.getpid()}.json"
    config.write_text(json.dumps({"upstream_url": old.url("127.2")}))  # a name to us, which getaddrinfo() knows
    house = start_house(UPSTREAM_URL=None, GATEHOUSE_CONFIG=config, WORKERS=1, UPSTREAM_CONNECT_TIMEOUT="20s")
    assert house.ask("GET", "/v1/models").status == 200
    [admin] = house.admin()
    with socket.create_server(("127.0.0.2", new.port)) as trap:
        trap.setblocking(False)
        os.kill(admin, signal.SIGSTOP)
        config.write_text(json.dumps({"upstream_url": new.url("127.3")}))
        assert house.reload()["result"] == "ok"
        with house.connect() as connection:
            connection.send(raw.request("GET", "/v1/models", AUTH))
            os.kill(admin, signal.SIGCONT)
            assert connection.answer().status == 200
        with pytest.raises(BlockingIOError):
            trap.accept()
    assert (len(old.requests()), len(new.requests())) == (1, 1)


def test_a_name_that_nobody_looks_up_is_a_503_that_may_be_tried_again(start_house, standin, folder):
    config = folder / f"nobody-{os.getpid()}.json"
    config.write_text(json.dumps({"upstream_url": standin.url("127.1")}))
    house = start_house(UPSTREAM_URL=None, GATEHOUSE_CONFIG=config, WORKERS=1, UPSTREAM_CONNECT_TIMEOUT="1s")
    [admin] = house.admin()
    os.kill(admin, signal.SIGSTOP)
    config.write_text(json.dumps({"upstream_url": standin.url("127.0.1")}))
    assert house.reload()["result"] == "ok"
    with house.connect() as leaves:
        leaves.send(raw.request("GET", "/v1/models", AUTH))  # and is gone while it waits
    answer = ask_chat(house)
    assert (answer.status, answer.get("x-should-retry")) == (503, "true")
    os.kill(admin, signal.SIGCONT)
    assert until("it is looked up", lambda: ask_chat(house).status == 200)


def test_nobody_at_the_address_is_a_502_that_may_be_tried_again(start_house):
    house = start_house(upstream=f"http://127.0.0.1:{raw.free_port()}")
    assert_502(ask_chat(house), "true")
    assert house.ask("GET", "/health", key=None).status == 200
    answer = until("readiness says so", lambda: (
        (answer := house.ask("GET", "/health/ready", key=None)).status == 503 and answer))
    assert answer.json()["reason"] == "upstream"


def test_an_upstream_that_comes_back_is_used_again(start_house, start_standin):
    first = start_standin()
    house = start_house(upstream=first)
    assert ask_chat(house).status == 200
    first.stop()
    assert_502(ask_chat(house), "true")
    start_standin(listen=f"127.0.0.1:{first.port}")
    assert ask_chat(house).status == 200
    until("ready again", lambda: house.ask("GET", "/health/ready", key=None).status == 200)


def test_an_upstream_that_does_not_accept_is_a_504_that_may_be_tried_again(start_house):
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = []
        for _ in range(3):  # more than the backlog holds: the next SYN is dropped
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            fillers.append(filler)
        house = start_house(upstream=f"http://127.0.0.1:{port}", UPSTREAM_CONNECT_TIMEOUT="1s")
        answer = ask_chat(house)
        assert answer.status == 504
        assert answer.get("x-should-retry") == "true"
        for filler in fillers:
            filler.close()


def test_all_addresses_of_a_name_are_tried(start_house, start_standin):
    standin = start_standin()
    house = start_house(upstream=f"http://localhost:{standin.port}")  # also ::1, where nobody listens
    for _ in range(4):
        assert ask_chat(house).status == 200


def test_a_name_that_does_not_resolve_is_a_503_that_may_be_tried_again(start_house):
    house = start_house(upstream="http://no-such-host.invalid:80")
    answer = ask_chat(house)
    assert answer.status in (502, 503)
    assert answer.get("x-should-retry") == "true"
    assert house.ask("GET", "/health/ready", key=None).status == 503


def test_upstream_killed_in_mid_answer_is_seen_as_broken(start_house, start_standin):
    standin = start_standin()
    house = start_house(upstream=standin)
    body = json.dumps({"model": "m", "stream": True, "messages": []}).encode()
    with house.connect() as stream, house.connect() as whole:
        stream.send(raw.request("POST", "/v1/chat/completions", {**AUTH, **steering(gate="killed")}, body))
        assert stream.head().status == 200
        assert stream.event() is not None
        whole.send(raw.request("POST", "/v1/chat/completions", {**AUTH, **steering(hang="body")}, CHAT))
        assert whole.head().status == 200
        standin.stop()
        data, _ = stream.rest()
        assert b'"error"' in data and not data.endswith(b"0\r\n\r\n")
        with pytest.raises(raw.Broken):
            whole.exactly(1)
