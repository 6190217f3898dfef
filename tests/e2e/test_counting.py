"""Usage to the token and to the billionth of a euro: every endpoint, whole, streamed, broken off or refused."""

import itertools
import json
import shutil
import signal
import urllib.request
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from canned import usage as canned
from harness import keys, procfs, raw, spent
from harness.poll import until
from harness.spent import Price, Spent
from harness.upstream import steering

PRICES = Path(__file__).with_name("prices.json")
CHAT_PRICE = Price(prompt=5003, cached=1009, written=7013, completion=9029)
DEFAULT_PRICE = Price(prompt=11, completion=17)
EMBEDDING_PRICE = Price(prompt=131)
MODEL = "gpt-oss-120b"
CHAT, COMPLETIONS, MESSAGES = "/v1/chat/completions", "/v1/completions", "/v1/messages"
NAMES = {CHAT: "chat", COMPLETIONS: "completions", MESSAGES: "messages"}

KEYS = 250
SETTINGS = {"METRICS_LISTEN": "127.0.0.1:0", "MODELS_FILE": PRICES}
ENTRIES = [keys.entry(keys.secret(f"count-{number}"), f"count-{number}") for number in range(KEYS)]
_fresh = itertools.count()


@dataclass
class Key:
    """A key that nobody has used before."""

    key_id: str

    @property
    def secret(self):
        return keys.secret(self.key_id)


@pytest.fixture
def key():
    return Key(f"count-{next(_fresh)}")


def words(target, count):
    """The fields of a prompt of so many words."""
    text = " ".join(["word"] * count)
    return {"prompt": text} if target == COMPLETIONS else {"messages": [{"role": "user", "content": text}]}


def request(key, target, said=None, model=MODEL, count=3, headers=(), **chosen):
    """The bytes of a request in JSON."""
    said = {"model": model, **words(target, count), **(said or {})}
    pairs = [("Authorization", f"Bearer {key.secret}"), ("Content-Type", "application/json"), *headers,
             *steering(**chosen).items()]
    return raw.request("POST", target, pairs, json.dumps(said).encode())


def send(house, data):
    """Its answer, over a connection of its own."""
    with house.connect() as connection:
        connection.send(data)
        return connection.answer()


def counted(house, key):
    """{(model, endpoint): Spent} of the key."""
    return spent.read(house).get(key.key_id, {})


def becomes(house, key, expected):
    """For what no client sees the end of."""
    until(f"the key counts {expected}", lambda: counted(house, key) == expected)


# --- every endpoint, whole and streamed

def openai(count, completion):
    return canned.openai(count, completion)


def anthropic(count, completion):
    return canned.anthropic(count, completion)


@pytest.mark.parametrize("target,form", [(CHAT, openai), (COMPLETIONS, openai), (MESSAGES, anthropic)])
@pytest.mark.parametrize("said", [
    {},
    {"stream": True},
    {"stream": True, "stream_options": {"include_usage": True}},
])
@pytest.mark.parametrize("chosen", [
    {"events": 0},
    {"events": 7},
    {"events": 3, "framing": "chunked", "write_bytes": 3},
    {"events": 3, "framing": "close"},
    {"events": 5, "framing": "length"},
])
def test_whole_and_streamed_answers_count_what_they_say(house, key, target, form, said, chosen):
    assert send(house, request(key, target, said, count=4, **chosen)).status == 200
    assert counted(house, key) == {(MODEL, NAMES[target]): spent.told(form(4, chosen["events"]), price=CHAT_PRICE)}


@pytest.mark.parametrize("target,form", [(CHAT, openai), (COMPLETIONS, openai), (MESSAGES, anthropic)])
@pytest.mark.parametrize("include", [True, False])
def test_usage_that_only_the_last_event_has_is_counted_and_kept_from_who_has_not_asked(
        house, key, target, form, include):
    said = {"stream": True, "stream_options": {"include_usage": include}}
    assert send(house, request(key, target, said, events=6, usage_mode="final")).status == 200
    assert counted(house, key) == {(MODEL, NAMES[target]): spent.told(form(3, 6), price=CHAT_PRICE)}


def test_a_stream_that_tells_no_usage_is_a_request_without_tokens(house, key):
    assert send(house, request(key, CHAT, {"stream": True}, usage_mode="never")).status == 200
    assert counted(house, key) == {(MODEL, "chat"): Spent(1)}


def test_embeddings_count_their_prompt(house, key):
    data = request(key, "/v1/embeddings", {"input": ["two words", "and three more"]}, "qwen3-embedding-4b")
    assert send(house, data).status == 200
    expected = spent.told({"prompt_tokens": canned.prompt_tokens(5 + 3)}, price=EMBEDDING_PRICE)
    assert counted(house, key) == {("qwen3-embedding-4b", "embeddings"): expected}


def test_what_names_no_model_is_counted_without_tokens(house, key):
    for method, target in (("GET", "/v1/models"), ("HEAD", "/v1/models"), ("POST", "/unstructured/general")):
        assert house.ask(method, target, key=key.secret).status == 200
    assert counted(house, key) == {("none", "models"): Spent(2), ("none", "unstructured"): Spent(1)}


def test_requests_on_one_connection_are_counted_one_by_one(house, key):
    other = Key(f"count-{next(_fresh)}")
    with house.connect() as connection:
        for number in range(10):
            connection.send(request(key if number % 3 else other, CHAT, {"stream": number % 2 == 0}, events=number))
            assert connection.answer().status == 200
    mine = sum((spent.told(openai(3, number), price=CHAT_PRICE) for number in range(10) if number % 3), Spent())
    its = sum((spent.told(openai(3, number), price=CHAT_PRICE) for number in range(0, 10, 3)), Spent())
    assert counted(house, key) == {(MODEL, "chat"): mine}
    assert counted(house, other) == {(MODEL, "chat"): its}


# --- shapes of usage

@pytest.mark.parametrize("usage,expected", [
    ({"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}, (10, 0, 0, 4)),
    ({"prompt_tokens": 10, "completion_tokens": 4, "prompt_tokens_details": None}, (10, 0, 0, 4)),
    ({"prompt_tokens": 10, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": None}}, (10, 0, 0, 4)),
    ({"prompt_tokens": 10, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 10}}, (10, 10, 0, 4)),
    ({"completion_tokens": 4, "completion_tokens_details": {"reasoning_tokens": 4}}, (0, 0, 0, 4)),
    ({"input_tokens": 10, "output_tokens": 4, "input_tokens_details": {"cached_tokens": 3}}, (10, 3, 0, 4)),
    ({}, (0, 0, 0, 0)),
    (None, (0, 0, 0, 0)),
    ([10, 4], (0, 0, 0, 0)),
    ("absent", (0, 0, 0, 0)),
    ({"prompt_tokens": "10", "completion_tokens": True}, (0, 0, 0, 0)),
])
@pytest.mark.parametrize("stream", [True, False])
def test_usage_of_every_shape_is_counted_as_what_it_means(house, key, usage, expected, stream):
    assert send(house, request(key, CHAT, {"stream": stream}, usage=usage)).status == 200
    figures = Spent(1, 0, *expected)
    assert counted(house, key) == {(MODEL, "chat"): Spent(1, 0, *expected, cost_neur=CHAT_PRICE.of(figures))}


@pytest.mark.parametrize("usage,expected", [
    ({"input_tokens": 10, "output_tokens": 4}, (10, 0, 0, 4)),
    ({"input_tokens": 10, "output_tokens": 4, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 7},
     (22, 5, 7, 4)),
    ({"input_tokens": 10, "output_tokens": 4, "cache_read_input_tokens": None}, (10, 0, 0, 4)),
])
@pytest.mark.parametrize("stream", [True, False])
def test_anthropics_cached_tokens_stand_beside_the_others(house, key, usage, expected, stream):
    assert send(house, request(key, MESSAGES, {"stream": stream}, usage=usage)).status == 200
    figures = Spent(1, 0, *expected)
    assert counted(house, key) == {(MODEL, "messages"): Spent(1, 0, *expected, cost_neur=CHAT_PRICE.of(figures))}


def test_a_count_that_makes_no_sense_is_not_counted_and_that_is_logged(house):
    for number in ("-1", "1.5", "1e400", "1000000001", "99999999999999999999999"):
        key = Key(f"count-{next(_fresh)}")
        body = f'{{"usage":{{"prompt_tokens":{number},"completion_tokens":4}}}}'
        assert send(house, request(key, CHAT, body=body, content_type="application/json")).status == 200
        assert counted(house, key) == {(MODEL, "chat"): Spent(1, completion_tokens=4, cost_neur=4 * 9029)}
    assert house.lines("usage", "warn")


def test_a_usage_that_is_content_is_not_counted(house, key):
    body = json.dumps({"choices": [{"message": {"content": '"usage":{"prompt_tokens":5}', "usage": {"prompt_tokens": 6}}}],
                       "tools": {"usage": {"completion_tokens": 7}}, "usage": {"prompt_tokens": 1}})
    assert send(house, request(key, CHAT, body=body, content_type="application/json")).status == 200
    assert counted(house, key) == {(MODEL, "chat"): Spent(1, prompt_tokens=1, cost_neur=5003)}


# --- audio

def form(key, target, model="whisper-large-v3", audio=40_000, framing="length", fields=(), **chosen):
    """The bytes of an upload, and how many of them are its body."""
    body = raw.form([("model", model), *fields], bytes(audio))
    headers = {"Authorization": f"Bearer {key.secret}", "Content-Type": raw.FORM_TYPE, **steering(**chosen)}
    if framing == "length":
        return raw.request("POST", target, headers, body), len(body)
    return raw.request_chunked("POST", target, headers, body[:1000], body[1000:]), len(body)


@pytest.mark.parametrize("endpoint", ["transcriptions", "translations"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("kind,seconds", [("json", 3), ("verbose_json", 3), ("text", 0), ("srt", 0), ("vtt", 0)])
def test_audio_counts_its_bytes_and_its_seconds_and_costs_by_the_byte(house, key, endpoint, framing, kind, seconds):
    data, size = form(key, f"/v1/audio/{endpoint}", framing=framing, fields=[("response_format", kind)])
    assert send(house, data).status == 200
    assert counted(house, key) == {("whisper-large-v3", endpoint): spent.heard(size, seconds, mib_neur=96_000_001)}


@pytest.mark.parametrize("audio", [0, 1, 70_000, 3_000_000])
def test_audio_of_any_size_costs_to_the_billionth(house, key, audio):
    data, size = form(key, "/v1/audio/transcriptions", audio=audio)
    assert send(house, data).status == 200
    expected = spent.heard(size, canned.audio_seconds(audio), mib_neur=96_000_001)
    assert counted(house, key) == {("whisper-large-v3", "transcriptions"): expected}


@pytest.mark.parametrize("body,seconds", [
    ('{"text":"x","usage":{"type":"duration","seconds":2.5}}', 2.5),
    ('{"text":"x","duration":"7.25"}', 7.25),
    ('{"text":"x","duration":7.251}', Decimal("7.251")),
    ('{"text":"x","duration":9,"usage":{"type":"duration","seconds":2}}', 2),
])
def test_a_model_may_be_priced_by_the_second(house, key, body, seconds):
    data, size = form(key, "/v1/audio/transcriptions", "whisper-by-the-second", body=body)
    assert send(house, data).status == 200
    expected = spent.heard(size, seconds, second_neur=1_234_567)
    assert counted(house, key) == {("whisper-by-the-second", "transcriptions"): expected}


def test_a_streamed_transcription_counts_tokens_too(house, key):
    data, size = form(key, "/v1/audio/transcriptions", fields=[("stream", "true")], events=6)
    assert send(house, data).status == 200
    told = canned.audio_tokens(40_000, 6)
    assert counted(house, key) == {("whisper-large-v3", "transcriptions"): spent.heard(
        size, mib_neur=96_000_001, prompt_tokens=told["input_tokens"], completion_tokens=told["output_tokens"])}


def test_audio_that_upstream_refuses_costs_nothing(house, key):
    data, _ = form(key, "/v1/audio/transcriptions", status=400)
    assert send(house, data).status == 400
    assert counted(house, key) == {("whisper-large-v3", "transcriptions"): Spent(1)}


# --- answers that do not come to their end

@pytest.mark.parametrize("target,form", [(CHAT, openai), (COMPLETIONS, openai)])
@pytest.mark.parametrize("leave", ["close", "reset"])
@pytest.mark.parametrize("events", [1, 4])
def test_a_client_that_leaves_is_counted_with_the_last_cumulative_usage(
        house, standin, key, target, form, leave, events):
    gate = f"leave-{key.key_id}"
    connection = house.connect()
    connection.send(request(key, target, {"stream": True}, gate=gate, events=9))
    standin.let_pass(gate, times=events)
    assert connection.head().status == 200
    for _ in range(events + (target == CHAT)):  # a chat begins with an event without content
        connection.event()
    getattr(connection, leave)()
    end = standin.end()
    assert (end["outcome"], end["events"]) == ("gone", events), "upstream's work is cancelled"
    becomes(house, key, {(MODEL, NAMES[target]): spent.told(form(3, events), cut=True, price=CHAT_PRICE)})


def test_a_client_that_leaves_a_message_is_counted_with_what_message_start_said(house, standin, key):
    connection = house.connect()
    connection.send(request(key, MESSAGES, {"stream": True}, gate=f"leave-{key.key_id}"))
    assert connection.head().status == 200
    for _ in range(3):
        connection.event()
    connection.close()
    assert standin.end()["outcome"] == "gone"
    becomes(house, key, {(MODEL, "messages"): spent.told(anthropic(3, 0), cut=True, price=CHAT_PRICE)})


def test_a_client_that_leaves_before_the_answer_counts_nothing(house, standin, key):
    connection = house.connect()
    connection.send(request(key, CHAT, head_gate="never"))
    standin.one_request()
    connection.close()
    assert standin.end()["outcome"] == "gone"
    assert send(house, request(key, COMPLETIONS)).status == 200
    assert counted(house, key).keys() == {(MODEL, "completions")}


@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_a_stream_that_upstream_breaks_off_counts_what_it_had_told(house, standin, key, framing):
    with house.connect() as connection:
        connection.send(request(key, CHAT, {"stream": True}, cut="events:4", events=9, framing=framing))
        connection.head()
        connection.rest()
    becomes(house, key, {(MODEL, "chat"): spent.told(openai(3, 4), cut=True, price=CHAT_PRICE)})


def test_a_whole_answer_that_upstream_breaks_off_is_a_cut_request(house, key):
    with house.connect() as connection:
        connection.send(request(key, CHAT, body_bytes=100_000, cut="body:50000"))
        assert connection.head().status == 200
        connection.rest()
    becomes(house, key, {(MODEL, "chat"): Spent(1, 1)})


# --- errors and names

@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
@pytest.mark.parametrize("error", ["json", "text", "empty"])
def test_an_error_answer_is_a_request_without_tokens(house, key, status, error):
    assert send(house, request(key, CHAT, status=status, error=error)).status == status
    assert counted(house, key) == {(MODEL, "chat"): Spent(1)}


def test_what_never_came_to_an_answer_of_upstream_is_not_counted(house, standin, key):
    wrong = Key("count-nobody-has-it")
    assert send(house, request(wrong, CHAT)).status == 401
    assert house.ask("GET", CHAT, key=key.secret).status == 405
    assert house.ask("GET", "/nowhere", key=key.secret).status == 404
    assert send(house, request(key, CHAT, malformed="status-of-letters")).status == 502
    assert counted(house, key) == {} and counted(house, wrong) == {}


def test_a_name_that_upstream_has_not_vouched_for_counts_as_other(house, key):
    name = f"made-up-{key.key_id}"
    with house.connect() as connection:
        for chosen, said in (({"status": 404}, "other"), ({}, name), ({"status": 404}, name)):
            before = counted(house, key).get((said, "chat"), Spent())
            connection.send(request(key, CHAT, model=name, events=2, **chosen))
            assert connection.answer().status == chosen.get("status", 200)
            usage = None if chosen else openai(3, 2)
            assert counted(house, key)[said, "chat"] == before + spent.told(usage, price=DEFAULT_PRICE)
    assert counted(house, key).keys() == {("other", "chat"), (name, "chat")}


@pytest.mark.parametrize("name", ["m" * 64, "m" * 5000, "", "modèle", "two\nlines"])
def test_a_name_that_no_model_can_have_counts_as_other(house, key, name):
    assert send(house, request(key, CHAT, model=name, events=2)).status == 200
    assert counted(house, key) == {("other", "chat"): spent.told(openai(3, 2), price=DEFAULT_PRICE)}


@pytest.mark.parametrize("name", ["m" * 63, 'a"quote\\back', "with space"])
def test_a_name_may_be_any_printable_text_that_upstream_has_answered_for(house, key, name):
    assert send(house, request(key, CHAT, model=name, events=2)).status == 200
    assert counted(house, key) == {(name, "chat"): spent.told(openai(3, 2), price=DEFAULT_PRICE)}


@pytest.mark.parametrize("alias", ["openai/gpt-oss-120b", "oss"])
def test_an_alias_counts_and_costs_as_the_model_that_it_stands_for(house, key, alias):
    assert send(house, request(key, CHAT, model=alias, events=2)).status == 200
    assert counted(house, key) == {(MODEL, "chat"): spent.told(openai(3, 2), price=CHAT_PRICE)}


def test_the_price_of_the_day_holds(house, key):
    assert send(house, request(key, CHAT, model="dated", events=2)).status == 200
    assert counted(house, key) == {("dated", "chat"): spent.told(openai(3, 2), price=Price(29, 31))}


# --- over time

def test_new_prices_hold_from_the_next_request_and_change_nothing_that_was_counted(start_house, standin, folder, key):
    prices = folder / f"prices-{key.key_id}.json"
    shutil.copy(PRICES, prices)
    house = start_house(entries=ENTRIES, MODELS_FILE=prices)
    assert send(house, request(key, CHAT, events=2)).status == 200
    first = spent.told(openai(3, 2), price=CHAT_PRICE)
    with house.connect() as connection:
        connection.send(request(key, COMPLETIONS, {"stream": True}, gate="priced", events=3))
        standin.let_pass("priced")
        assert connection.head().status == 200
        connection.event()
        said = json.loads(PRICES.read_text())
        said["models"][0]["prices"] = [{"from": "1970-01-01", "prompt_token_neur": 43, "completion_token_neur": 47}]
        prices.write_text(json.dumps(said))
        assert house.reload()["result"] == "ok"
        assert counted(house, key)[MODEL, "chat"] == first
        standin.open_gate("priced")
        assert list(iter(connection.event, None))
    assert counted(house, key)[MODEL, "completions"] == spent.told(openai(3, 3), price=CHAT_PRICE), "as it had begun"
    assert send(house, request(key, CHAT, events=2)).status == 200
    assert counted(house, key)[MODEL, "chat"] == first + spent.told(openai(3, 2), price=Price(43, 47))


@pytest.fixture
def own(start_house):
    return start_house(entries=ENTRIES, MODELS_FILE=PRICES)


def test_usage_survives_a_restart(own, key):
    expected = Spent()
    for _ in range(3):
        assert send(own, request(key, CHAT, events=2)).status == 200
        expected += spent.told(openai(3, 2), price=CHAT_PRICE)
        assert counted(own, key) == {(MODEL, "chat"): expected}
        own.stop()
        assert counted(own, key) == {(MODEL, "chat"): expected}
        own.start()
        assert counted(own, key) == {(MODEL, "chat"): expected}


def test_a_stream_that_ends_while_draining_counts_whole(own, standin, key):
    with own.connect() as connection:
        connection.send(request(key, CHAT, {"stream": True}, gate="drained", events=3))
        standin.let_pass("drained")
        assert connection.head().status == 200
        connection.event()
        own.signal(signal.SIGTERM)
        until("it is told", lambda: own.status()["state"] == "draining")
        standin.open_gate("drained")
        assert list(iter(connection.event, None))
    assert own.wait() == 0
    assert counted(own, key) == {(MODEL, "chat"): spent.told(openai(3, 3), price=CHAT_PRICE)}


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGQUIT])
def test_a_stream_that_a_stop_cuts_counts_what_it_had_told(start_house, standin, key, stop):
    house = start_house(entries=ENTRIES, MODELS_FILE=PRICES, DRAIN_TIMEOUT="1s")
    with house.connect() as connection:
        connection.send(request(key, CHAT, {"stream": True}, gate="stopped", events=3))
        standin.let_pass("stopped", times=2)
        assert connection.head().status == 200
        for _ in range(3):
            connection.event()
        house.signal(stop)
        assert house.wait() == 0
    assert counted(house, key) == {(MODEL, "chat"): spent.told(openai(3, 2), cut=True, price=CHAT_PRICE)}


def test_a_stream_of_an_old_generation_counts_with_those_of_the_new_one(start_house, standin, folder, key):
    settings = folder / f"settings-{key.key_id}.json"
    settings.write_text(json.dumps({"upstream_idle_timeout": "300s"}))
    house = start_house(entries=ENTRIES, MODELS_FILE=PRICES, GATEHOUSE_CONFIG=settings)
    old = set(house.workers())
    with house.connect() as connection:
        connection.send(request(key, CHAT, {"stream": True}, gate="old", events=3))
        standin.let_pass("old")
        assert connection.head().status == 200
        connection.event()
        settings.write_text(json.dumps({"upstream_idle_timeout": "301s"}))
        assert house.reload()["result"] == "ok"
        until("new workers have come", lambda: len(set(house.workers()) - old) == 2)
        assert send(house, request(key, CHAT, events=5)).status == 200
        assert counted(house, key) == {(MODEL, "chat"): spent.told(openai(3, 5), price=CHAT_PRICE)}
        standin.open_gate("old")
        assert list(iter(connection.event, None))
    both = spent.told(openai(3, 5), price=CHAT_PRICE) + spent.told(openai(3, 3), price=CHAT_PRICE)
    assert counted(house, key) == {(MODEL, "chat"): both}
    until("the old ones have left", lambda: not any(procfs.is_alive(pid) for pid in old))
    journal = house.folder / "data/journal"
    until("their arenas are taken in", lambda: len(list(journal.glob("*.arena"))) == 2)
    assert counted(house, key) == {(MODEL, "chat"): both}


# --- /metrics

def metrics(house):
    """{sample with labels: Decimal}"""
    port = house.status()["metrics_listen"][0].rpartition(":")[2]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        lines = answer.read().decode().splitlines()
    return {name: Decimal(number) for name, _, number in
            (line.rpartition(" ") for line in lines if line and not line.startswith("#"))}


def as_metrics(usage):
    """What /metrics must say of this usage."""
    found = Counter()
    for key_id, rows in usage.items():
        for (model, endpoint), row in rows.items():
            who = f'key_id="{key_id}",model={json.dumps(model)}'  # quotes and backslashes stand there as in JSON
            found[f'gatehouse_key_requests_total{{{who},endpoint="{endpoint}"}}'] += row.requests
            kinds = {"input": row.prompt_tokens - row.cached_tokens - row.cache_write_tokens,
                     "cache_read": row.cached_tokens, "cache_write": row.cache_write_tokens,
                     "output": row.completion_tokens}
            for kind, number in kinds.items():
                found[f'gatehouse_tokens_total{{{who},kind="{kind}"}}'] += number
            found[f"gatehouse_cost_euros_total{{{who}}}"] += Decimal(row.cost_neur) / 10**9
    return {name: number for name, number in found.items() if number}


def test_metrics_say_what_the_ledger_says(house, key):
    assert send(house, request(key, CHAT, {"stream": True}, events=3)).status == 200
    assert send(house, request(key, MESSAGES, usage={"input_tokens": 1, "output_tokens": 2,
                                                     "cache_creation_input_tokens": 3})).status == 200
    data, _ = form(key, "/v1/audio/transcriptions")
    assert send(house, data).status == 200
    expected = as_metrics(spent.read(house))
    families = {name.partition("{")[0] for name in expected}
    assert families == {"gatehouse_key_requests_total", "gatehouse_tokens_total", "gatehouse_cost_euros_total"}
    said = {name: number for name, number in metrics(house).items() if name.partition("{")[0] in families}
    said = {name: number for name, number in said.items() if 'key_id="-"' not in name}
    assert said == expected
