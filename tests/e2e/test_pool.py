"""The pool of upstream connections: kept, reused, and never a POST run twice."""

import json
import os
import signal

import pytest
from harness import keys, raw
from harness.poll import until
from harness.upstream import steering

SETTINGS = {"WORKERS": "1"}
AUTH = {"Authorization": f"Bearer {keys.SECRET}"}
CHAT = json.dumps({"model": "gpt-oss-120b", "messages": []}).encode()


def ask(house, method, **chosen):
    target = "/v1/chat/completions" if method == "POST" else "/v1/models"
    return house.ask(method, target, steering(**chosen), CHAT if method == "POST" else b"")


def no_connections_are_left(standin):
    until("no idle ones are left", lambda: standin.close_idle() == 0 and standin.state()["connections"] == 0)


def test_requests_of_many_clients_share_a_connection(house, standin):
    for method in ("GET", "POST", "POST", "GET"):
        assert ask(house, method).status == 200
    assert len({request["conn"] for request in standin.requests()}) == 1


def test_concurrent_requests_have_connections_of_their_own(house, standin):
    clients = [house.connect() for _ in range(5)]
    for client in clients:
        client.send(raw.request("GET", "/v1/models", {**AUTH, **steering(head_gate="together")}))
    until("all are upstream", lambda: len(standin.requests()) == 5)
    assert len({request["conn"] for request in standin.requests()}) == 5
    standin.open_gate("together")
    for client in clients:
        assert client.answer().status == 200
        client.close()


def test_each_of_many_that_ask_at_once_has_its_own_answer(house, standin):
    """More than go out together at the end of one turn of the worker's loop, both ways."""
    [worker] = house.workers()
    clients = [house.connect() for _ in range(50)]
    for client in clients:
        assert client.ask("GET", "/v1/models", AUTH).status == 200
    seen = len(standin.requests())
    for _ in range(3):
        os.kill(worker, signal.SIGSTOP)
        try:
            for i, client in enumerate(clients):
                client.send(raw.request("POST", "/v1/chat/completions", {**AUTH, "X-Request-Id": f"mine-{i}"}, CHAT))
        finally:
            os.kill(worker, signal.SIGCONT)
        for i, client in enumerate(clients):
            answer = client.answer()
            assert (answer.status, answer.get("x-request-id")) == (200, f"mine-{i}")
            assert answer.json()["usage"]["total_tokens"] > 0
    assert len(standin.requests()) == seen + 150
    for client in clients:
        client.close()
    no_connections_are_left(standin)


@pytest.mark.parametrize("how", ["after", "silent"])
def test_a_connection_that_upstream_closes_is_not_used_again(house, standin, how):
    for method in ("POST", "GET", "POST"):
        assert ask(house, method, close=how).status == 200
        until("it is closed", lambda: standin.state()["busy"] == 0)
    assert ask(house, "POST").status == 200


def test_idle_connections_that_upstream_closes_are_noticed(house, standin):
    assert ask(house, "GET").status == 200
    until("they are closed", standin.close_idle)
    until("gatehouse has closed its side", lambda: standin.state()["connections"] == 0)
    assert ask(house, "POST").status == 200


@pytest.mark.parametrize("how", ["next", "next-rst"])
def test_a_get_on_a_connection_gone_stale_is_sent_once_more(house, standin, how):
    assert ask(house, "GET", close=how).status == 200
    assert ask(house, "GET").status == 200
    ends = until("three ends", lambda: len(ends := standin.log("end")) == 3 and ends)
    assert [end["outcome"] for end in ends] == ["complete", "dropped", "complete"]


@pytest.mark.parametrize("how", ["next", "next-rst"])
def test_a_post_on_a_connection_gone_stale_never_runs_twice(house, standin, how):
    assert ask(house, "GET", close=how).status == 200
    answer = ask(house, "POST")
    assert answer.status == 502
    assert answer.get("x-should-retry") == "false"
    assert [request["method"] for request in standin.requests()] == ["GET", "POST"]
    assert ask(house, "POST").status == 200


@pytest.mark.parametrize("leave", ["reset_all", "close_idle"])
def test_a_large_upload_is_not_sent_on_a_connection_that_upstream_has_left(house, standin, leave):
    [worker] = house.workers()
    body = bytes(1_000_000)
    with house.connect() as client:
        assert client.ask("GET", "/v1/models", AUTH).status == 200
        until("the stand-in has nothing left to do", lambda: standin.state()["busy"] == 0)
        os.kill(worker, signal.SIGSTOP)
        try:
            # the worker will hear of the request before it hears of the end
            client.send(raw.request("POST", "/unstructured/general", AUTH, body)[:100_000])
            assert getattr(standin, leave)() > 0
            until("they are closed", lambda: standin.state()["connections"] == 0)
        finally:
            os.kill(worker, signal.SIGCONT)
        client.send(raw.request("POST", "/unstructured/general", AUTH, body)[100_000:])
        assert client.answer().status == 200
    assert standin.log("body")[-1]["bytes"] == len(body)


def test_a_get_that_fails_on_a_new_connection_is_not_repeated(house, standin):
    no_connections_are_left(standin)
    answer = ask(house, "GET", cut="head:0")
    assert answer.status == 502
    assert len(standin.requests()) == 1


def test_bytes_behind_an_answer_do_not_poison_the_next(house):
    assert ask(house, "GET", malformed="one-answer-too-many").status == 200
    for _ in range(3):
        assert ask(house, "GET").json()["object"] == "list"


def test_a_connection_is_dropped_when_the_client_leaves_in_mid_answer(house, standin):
    with house.connect() as connection:
        connection.send(raw.request("GET", "/v1/models", {**AUTH, **steering(hang="end", framing="chunked")}))
        number = standin.one_request()["conn"]
    assert standin.end()["outcome"] == "gone"
    until("the connection is closed", lambda: standin.log("close", conn=number))
    assert ask(house, "GET").status == 200
