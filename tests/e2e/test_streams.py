"""Streams: event by event, many at once, never complete when cut, cancelled when the client leaves."""

import json

import pytest
from canned import usage
from harness import keys, raw
from harness.upstream import steering

AUTH = {"Authorization": f"Bearer {keys.SECRET}"}
STREAMS = 100
EVENTS = 5
PACED = 60
TRIES = 10


def body(**fields):
    return json.dumps({"model": "gpt-oss-120b", "stream": True, "messages": [{"role": "user", "content": "hi"}],
                       **fields}).encode()


def chat(target="/v1/chat/completions", said=None, **chosen):
    return raw.request("POST", target, {**AUTH, **steering(**chosen)}, said or body())


def payload(event):
    return json.loads(event.partition(b"data: ")[2])


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_hundred_concurrent_streams_arrive_event_by_event(house, standin, scheme):
    connect = house.connect if scheme == "http" else house.connect_tls
    gates = [f"{scheme}-{number}" for number in range(STREAMS)]
    streams = [connect() for _ in gates]
    for stream, gate in zip(streams, gates, strict=False):
        stream.send(chat(gate=gate, events=EVENTS))
    for stream in streams:
        assert stream.head().status == 200
    for number in range(EVENTS + 1):
        for stream in streams:
            # it must be here although upstream holds everything after it back
            assert payload(stream.event())["usage"]["completion_tokens"] == number
        if number < EVENTS:
            standin.let_pass(*gates)
    for stream in streams:
        rest = list(iter(stream.event, None))
        assert rest[-1] == b"data: [DONE]"
        stream.close()


def test_the_usage_only_chunk_is_left_out_for_who_did_not_ask(house):
    with house.connect() as connection:
        connection.send(chat(events=2))
        events = [json.loads(event) for event in connection.answer().events()[:-1]]
    assert [event["usage"]["completion_tokens"] for event in events] == [0, 1, 2, 2], "usage elsewhere is left alone"
    assert all(event["choices"] for event in events)


@pytest.mark.parametrize("options", [
    {"stream_options": {"include_usage": True}}, {"stream_options": {"include_usage": True, "x": "include_usage"}}])
def test_the_usage_only_chunk_is_there_for_who_asked(house, options):
    with house.connect() as connection:
        connection.send(chat(said=body(**options), events=2))
        events = connection.answer().events()
    last = json.loads(events[-2])
    assert last["choices"] == [] and last["usage"] == usage.openai(1, 2)


def test_a_stream_has_the_headers_that_proxies_and_sdks_need(house):
    with house.connect() as connection:
        connection.send(chat())
        answer = connection.answer()
    assert answer.get("content-type").startswith("text/event-stream")
    assert answer.get("cache-control") == "no-cache"
    assert answer.get("x-accel-buffering") == "no"
    assert answer.get("content-length") is None


def test_a_client_that_leaves_cancels_upstream_at_once(house, standin):
    for leave in ("close", "reset"):
        standin.mark()
        connection = house.connect()
        connection.send(chat(gate=f"leave-{leave}", events=5))
        standin.let_pass(f"leave-{leave}", times=2)
        assert connection.head().status == 200
        for _ in range(3):
            connection.event()
        assert standin.log("end") == []
        getattr(connection, leave)()
        end = standin.end()
        assert (end["outcome"], end["events"]) == ("gone", 2)


def test_a_client_that_leaves_before_the_head_cancels_upstream_too(house, standin):
    connection = house.connect()
    connection.send(chat(head_gate="never"))
    standin.one_request()
    connection.close()
    assert standin.end()["outcome"] == "gone"


def test_a_client_that_leaves_in_the_middle_of_its_body_runs_nothing(house, standin):
    connection = house.connect()
    head = raw.request("POST", "/unstructured/x", AUTH, b"a" * 1_000_000)
    connection.send(head[:500_000])
    standin.one_request()
    connection.close()
    assert standin.end()["outcome"] == "gone"
    assert standin.log("body", complete=True) == []


# a FIN is how a body without a length ends: nothing is cut then
@pytest.mark.parametrize("how,framing", [("fin", "chunked"), ("fin", "length"), ("rst", "chunked"), ("rst", "length"),
                                         ("rst", "close")])
def test_a_stream_that_upstream_breaks_off_ends_in_an_error_and_no_clean_end(house, how, framing):
    with house.connect() as connection:
        connection.send(chat(cut="events:2", cut_how=how, events=5, framing=framing))
        head = connection.head()
        assert head.status == 200
        data, _ = connection.rest()
    assert not data.endswith(b"0\r\n\r\n"), "a cut answer never looks complete"
    assert b"[DONE]" not in data
    if framing != "length":
        last = data.rstrip(b"\r\n").rpartition(b"data: ")[2]
        assert json.loads(last)["error"]["message"]


def test_a_message_that_upstream_breaks_off_ends_in_anthropics_error_event(house):
    with house.connect() as connection:
        connection.send(chat("/v1/messages", cut="events:2", events=5))
        connection.head()
        data, _ = connection.rest()
    assert not data.endswith(b"0\r\n\r\n")
    event = data.rpartition(b"event: error\n")[2]
    said = json.loads(event.rstrip(b"\r\n").partition(b"data: ")[2])
    assert said["type"] == "error" and said["error"]["message"]


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("how", ["fin", "rst"])
def test_an_answer_that_upstream_breaks_off_is_seen_as_broken(house, framing, how):
    with house.connect() as connection:
        connection.send(chat(said=body(stream=False), body_bytes=100_000,
                             cut="body:50000", cut_how=how, framing=framing))
        with pytest.raises(raw.Broken):
            connection.answer()


@pytest.mark.parametrize("target", ["/v1/chat/completions", "/v1/messages"])
def test_upstreams_malformed_error_events_are_put_right(house, target):
    with house.connect() as connection:
        connection.send(chat(target, error="pair", events=1))
        data = connection.answer().body
    assert b"event: error\n\n" not in data
    assert b"the canned model is gone" in data
    last = data.strip().rpartition(b"\n\n")[2]
    assert b"data: {" in last
    json.loads(last.partition(b"data: ")[2])


def test_a_silent_stream_is_kept_alive_with_comments(start_house, standin):
    house = start_house(SSE_KEEPALIVE="1s", WORKERS=1)
    with house.connect() as connection:
        connection.send(chat(gate="silent", events=1))
        connection.head()
        assert payload(connection.event())["choices"]
        assert connection.chunk().startswith(b":")
        assert connection.chunk().startswith(b":")
        standin.open_gate("silent")
        assert list(iter(connection.event, None))[-1] == b"data: [DONE]"


def test_no_comment_before_upstreams_head_has_come(start_house):
    house = start_house(SSE_KEEPALIVE="1s", UPSTREAM_TIMEOUT="3s", WORKERS=1)
    with house.connect() as connection:
        connection.send(chat(hang="head"))
        assert connection.answer().status == 504


def test_a_stream_of_ten_thousand_events_arrives_whole(house):
    with house.connect_tls() as connection:
        connection.send(chat(said=body(stream_options={"include_usage": True}), events=10_000))
        events = connection.answer().events()
    assert len(events) == 10_004
    assert json.loads(events[-2])["usage"]["completion_tokens"] == 10_000


def packets_for_events(connection, upstream):
    """A stream of EVENTS small events, each sent when the last has arrived: what upstream was sent meanwhile."""
    event = b"data: {}"
    connection.send(chat())
    peer = upstream.accept()
    peer.until(body())
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    connection.head()
    before = peer.packets()
    for _ in range(PACED):
        peer.send(b"%x\r\n%b\n\n\r\n" % (len(event) + 2, event))
        assert connection.event() == event
    packets = peer.packets() - before
    peer.send(b"0\r\n\r\n")
    assert connection.event() is None
    peer.close()
    return packets


def test_events_are_acknowledged_together(upstream, start_house):
    # Where the machine stands still for 40 ms the kernel goes back to a packet for each event: then another is tried.
    house = start_house(upstream=upstream.url(), WORKERS=1)
    packets = []
    while not packets or packets[-1] >= PACED * 3 / 4:
        assert len(packets) < TRIES, f"for {PACED} events each came so many packets: {packets}"
        with house.connect() as connection:
            packets.append(packets_for_events(connection, upstream))
