"""Limits over all workers: never one too many, full use, nothing taken from those that have room.

GATEHOUSE_LIMITS_SECONDS=N makes the test of random arrivals run for N seconds, with windows of up to a minute.
"""

import json
import os
import random
import re
import signal
import ssl
import time
import urllib.request
from collections import Counter
from datetime import UTC, datetime

import anthropic
import openai
import pytest
from harness import keys, procfs, raw, sdk
from harness.arrivals import Arrival, Crowd
from harness.poll import until
from harness.windows import SLACK, Window

FREE, SMALL, OTHER = keys.secret("free"), keys.secret("small"), keys.secret("other")
CHAT = b'{"model":"m","messages":[]}'
DEATHS = ("child_exit",)
LONG = float(os.environ.get("GATEHOUSE_LIMITS_SECONDS", "0"))


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def models(key, address=None):
    forwarded = {} if address is None else {"X-Forwarded-For": address}
    return raw.request("GET", "/v1/models", {**bearer(key), **forwarded})


def ask(house, key, headers=()):
    return house.ask("GET", "/v1/models", headers, key=key)


def statuses(house, key, times, headers=()):
    """How often which status was answered; each request on a connection of its own, so at some worker's."""
    return Counter(ask(house, key, headers).status for _ in range(times))


def info(house, key):
    answer = house.ask("GET", "/auth/key-info", key=key)
    assert answer.status == 200, answer
    return answer.json()


def set_limits(house, **fields):
    """Write settings.json as the admin page would."""
    keys.write_text(house.folder / "settings.json", json.dumps(fields))


def refused_total(house, reason):
    [address] = house.status()["metrics_listen"]
    with urllib.request.urlopen(f"http://{address.rpartition('/')[2]}/metrics", timeout=20) as answer:
        text = answer.read().decode()
    found = re.search(rf'^gatehouse_refused_total{{reason="{reason}"}} (\d+)$', text, re.M)
    return int(found[1]) if found else 0


class TestTheJudge:
    """The test of random arrivals must be able to fail."""

    @staticmethod
    def _at(*moments, width=0.001, **fields):
        return [Arrival(b"", sent=moment, received=moment + width, **fields) for moment in moments]

    def test_one_too_many_is_found_and_one_that_may_be_right_is_not(self):
        assert Window(2, 1.0, self._at(0.0, 0.5, 0.998)).too_many()
        assert not Window(2, 1.0, self._at(0.0, 0.5, 1.0)).too_many()
        assert not Window(2, 1.0, self._at(0.0, 0.5, 0.998, width=0.01)).too_many()
        assert not Window(3, 1.0, self._at(0.0, 0.5, 0.998)).too_many()

    def test_a_refusal_while_there_was_room_is_found(self):
        full, late = self._at(0.0, 0.1), self._at(SLACK + 0.01)
        assert Window(2, 1.0, full, late).refused_for_nothing() == late
        early = self._at(SLACK - 0.01)
        assert not Window(2, 1.0, full, early).refused_for_nothing()

    def test_a_wrong_remainder_is_found(self):
        for remaining, wrong in ((3, True), (2, False), (1, True)):
            before = self._at(0.0, 0.1, limit=5, remaining=4)
            [last] = self._at(0.2, limit=5, remaining=remaining)
            assert bool(Window(5, 1.0, [*before, last]).misreported([last])) == wrong


class TestRandomArrivals:
    """Four workers, random arrivals against limits of 1 to 1000, all windows at once."""

    ADDRESS, EVERYBODY = 3000, (1100, 4000)
    OWN = (1, 2, 3, 7, 20, 60, 200, 1000, None)
    SHARES = (1, 1, 1, 1, 2, 3, 4, 9, 3)
    ADDRESSES = ("192.0.2.1", "192.0.2.2")

    @staticmethod
    def _name(limit):
        return keys.secret(f"limit-{limit}")

    @pytest.fixture
    def own(self, start_house):
        entries = [keys.entry(self._name(limit), f"limit-{limit}", rate_limit=limit) for limit in self.OWN]
        return start_house(entries=entries, WORKERS=4, TRUST_PROXY="true", TRUSTED_PROXIES="127.0.0.0/8")

    def _plan(self, dice, seconds, rate):
        """Waves of arrivals: each key has its own share, and rushes come between lulls."""
        plan, moment = [], 0.0
        while moment < seconds:
            pace = rate * dice.choice((0.02, 0.3, 1, 3))
            [favourite] = dice.choices(self.OWN, self.SHARES)
            for _ in range(int(pace * dice.uniform(0.05, 0.2)) + 1):
                moment += dice.expovariate(pace)
                limit = favourite if dice.random() < 0.7 else dice.choice(self.OWN)
                address = dice.choices(self.ADDRESSES, (4, 1))[0]
                plan.append((moment, Arrival(models(self._name(limit), address), (address, limit))))
        return plan

    def _judge(self, done, seconds, everybody):
        """Whatever window it is, none lets in too many, and none refuses while there is room."""
        assert {one.status for one in done} <= {200, 429}
        stopped = {one.limit for one in done if one.status == 429}
        passed = [one for one in done if one.status == 200]
        self._faultless(Window(everybody, seconds, passed,
                               [one for one in done if one.status == 429 and one.limit == everybody],
                               [one for one in done if one.status == 429 and one.limit in self.OWN]),
                        [one for one in passed if one.about[1] is None])
        for address in self.ADDRESSES:
            came = [one for one in done if one.about[0] == address]
            let_in, refused = [], []
            for one in came:
                (refused if one.status == 429 and one.limit == self.ADDRESS else let_in).append(one)
            self._faultless(Window(self.ADDRESS, seconds, let_in, refused), [])
        for limit in self.OWN[:-1]:
            mine = [one for one in done if one.about[1] == limit]
            let_in = [one for one in mine if one.status == 200]
            refused = [one for one in mine if one.status == 429 and one.limit == limit]
            self._faultless(Window(limit, seconds, let_in, refused), let_in)
        return stopped

    @staticmethod
    def _faultless(window, told):
        which = f"{window.limit} in {window.seconds} s"
        assert not (found := window.too_many()), f"more than {which}: {found[:3]}"
        assert not (found := window.refused_for_nothing()), f"less than {which}: {found[:3]}"
        assert not (found := window.misreported(told)), f"not what is left of {which}: {found[:3]}"

    @pytest.mark.timeout(120 + 3 * LONG)
    def test_no_window_lets_in_too_many_and_none_too_few(self, own):
        seed = random.SystemRandom().randrange(1 << 32)
        print(f"seed {seed}")
        dice = random.Random(seed)
        stopped, end = set(), time.monotonic() + LONG
        rounds = list(zip((1, 2), self.EVERYBODY, strict=True))
        while rounds:
            seconds, everybody = rounds.pop(0)
            stopped |= self._round(own, dice, seconds, everybody)
            if not rounds and time.monotonic() < end:
                # another length, or the next round would begin with what this one has left
                others = [length for length in (1, 2, 5, 11, 30, 60) if length != seconds]
                rounds.append((dice.choice(others), dice.choice(self.EVERYBODY)))
        assert stopped >= {1, 2, 3, 7, 20, 60, 200}, "the arrivals have not tried the limits"

    def _round(self, house, dice, seconds, everybody):
        set_limits(house, rate_limit_requests=everybody, rate_limit_window=seconds,
                   ip_rate_limit_requests=self.ADDRESS, ip_rate_limit_window=seconds)
        assert house.reload()["result"] == "ok"
        with Crowd(house.http_port, dice.choice((8, 40, 96))) as crowd:
            done = crowd.run(self._plan(dice, 2.4 * seconds, min(2200, 6000 / seconds)))
        return self._judge(done, seconds, everybody)


def test_workers_that_wake_up_together_let_in_exactly_the_limit(start_house):
    """Frozen workers find requests for the same keys in the same order, and race for each key's only place."""
    rounds, at_once, rivals = 30, 32, 3
    names = [f"race-{number}" for number in range(rounds * at_once)]
    house = start_house(entries=[keys.entry(keys.secret(name), name, rate_limit=1) for name in names],
                        WORKERS=4, RATE_LIMIT_WINDOW=3600)
    connections = [house.connect() for _ in range(at_once * rivals)]
    for connection in connections:
        assert connection.ask("GET", "/health").status == 200
    for first in range(0, len(names), at_once):
        requests = [models(keys.secret(name)) for name in names[first:first + at_once]]
        _freeze(house, signal.SIGSTOP)
        for number, connection in enumerate(connections):
            connection.send(requests[number // rivals])
        _freeze(house, signal.SIGCONT)
        answers = [connection.answer().status for connection in connections]
        for number in range(0, len(answers), rivals):
            assert sorted(answers[number:number + rivals]) == [200] + [429] * (rivals - 1)
    for connection in connections:
        connection.close()


def _freeze(house, number):
    for pid in house.workers():
        os.kill(pid, number)


class TestWhoTakesWhat:
    """What a refusal takes, in the order address, key, all keys together, this key."""

    def test_a_key_over_its_own_limit_costs_the_others_nothing(self, start_house):
        house = start_house(RATE_LIMIT_REQUESTS=20, entries=[keys.entry(FREE, "free", rate_limit=None),
                                                             keys.entry(SMALL, "small", rate_limit=3)])
        assert statuses(house, SMALL, 60) == {200: 3, 429: 57}
        assert statuses(house, FREE, 30) == {200: 17, 429: 13}
        assert ask(house, FREE).get("x-ratelimit-limit") == "20"

    def test_what_all_keys_together_refuse_takes_nothing_from_the_key(self, start_house):
        house = start_house(RATE_LIMIT_REQUESTS=10, entries=[keys.entry(FREE, "free"),
                                                             keys.entry(SMALL, "small", rate_limit=8)])
        assert statuses(house, FREE, 10) == {200: 10}
        for _ in range(12):
            answer = ask(house, SMALL)
            assert (answer.status, answer.get("x-ratelimit-limit")) == (429, "10")
        assert info(house, SMALL)["remaining"] == 8

    def test_wrong_missing_and_doubled_keys_count_against_the_address(self, start_house):
        house = start_house(IP_RATE_LIMIT_REQUESTS=12)
        assert statuses(house, OTHER, 3) == {401: 3}
        assert statuses(house, None, 3) == {401: 3}
        twice = [("X-API-Key", keys.SECRET)] * 2
        assert statuses(house, None, 3, twice) == {400: 3}
        assert statuses(house, keys.SECRET, 2) == {200: 2}
        assert info(house, keys.SECRET)["key_id"] == "e2e"
        for key in (keys.SECRET, OTHER, None):
            answer = ask(house, key)
            assert (answer.status, answer.get("x-ratelimit-limit")) == (429, "12")
            assert house.ask("GET", "/auth/key-info", key=key).status == 429

    def test_the_address_counts_what_it_let_in_even_if_the_key_is_refused(self, start_house):
        house = start_house(IP_RATE_LIMIT_REQUESTS=10, entries=[keys.entry(SMALL, "small", rate_limit=2)])
        told = [ask(house, SMALL).get("x-ratelimit-limit") for _ in range(14)]
        assert told == ["2"] * 10 + ["10"] * 4

    def test_what_the_address_refuses_takes_nothing_from_all_keys_and_from_the_key(self, start_house):
        house = start_house(IP_RATE_LIMIT_REQUESTS=5, RATE_LIMIT_REQUESTS=40, TRUST_PROXY="true",
                            TRUSTED_PROXIES="127.0.0.0/8", entries=[keys.entry(FREE, "free"),
                                                                    keys.entry(SMALL, "small", rate_limit=30)])
        first, second = {"X-Forwarded-For": "192.0.2.1"}, {"X-Forwarded-For": "192.0.2.2"}
        assert statuses(house, SMALL, 25, first) == {200: 5, 429: 20}
        assert ask(house, SMALL, second).get("x-ratelimit-remaining") == "24"
        assert ask(house, FREE, second).get("x-ratelimit-remaining") == "33"

    def test_only_what_needs_a_key_is_limited(self, start_house):
        house = start_house(IP_RATE_LIMIT_REQUESTS=1, RATE_LIMIT_REQUESTS=1, CORS_ORIGINS="https://app.example")
        assert statuses(house, keys.SECRET, 2) == {200: 1, 429: 1}
        origin = {"Origin": "https://app.example"}
        asked = {**origin, "Access-Control-Request-Method": "POST"}
        for _ in range(20):
            health = house.ask("GET", "/health", key=None)
            assert health.status == 200 and health.get("x-ratelimit-limit") is None
            assert house.ask("GET", "/health/ready", key=None).status == 200
            assert house.ask("OPTIONS", "/v1/chat/completions", asked, key=None).status == 204
        refused = ask(house, keys.SECRET, origin)
        assert refused.status == 429
        assert refused.get("access-control-allow-origin") == "https://app.example"
        exposed = refused.get("access-control-expose-headers").lower()
        assert all(name in exposed for name in ("retry-after", "retry-after-ms", "x-ratelimit-remaining"))

    def test_a_limit_of_0_blocks_a_key_and_none_lets_it_be(self, start_house):
        house = start_house(entries=[keys.entry(SMALL, "blocked", rate_limit=0),
                                     keys.entry(FREE, "free", rate_limit=None)])
        for _ in range(8):
            answer = ask(house, SMALL)
            assert (answer.status, answer.get("x-ratelimit-limit")) == (429, "0")
            assert (answer.get("x-ratelimit-remaining"), answer.get("x-should-retry")) == ("0", "false")
        assert (info(house, SMALL)["rate_limit"], info(house, SMALL)["remaining"]) == (0, 0)
        assert ask(house, FREE).get("x-ratelimit-limit") == "1000000"
        assert info(house, FREE)["rate_limit"] is None

    def test_a_refusal_comes_before_the_body_and_a_body_too_large_after_the_limit(self, start_house):
        house = start_house(MAX_BODY="1KiB", RATE_LIMIT_REQUESTS=2)
        large = [*bearer(keys.SECRET).items(), ("Content-Length", "100000"), ("Expect", "100-continue")]
        bytes_of_head = raw.request("GET", "/v1/files", large)
        told = []
        for _ in range(3):
            with house.connect() as connection:
                connection.send(bytes_of_head)
                answer = connection.head()
                assert answer.interim == []
                told.append((answer.status, answer.get("x-ratelimit-remaining")))
        assert told == [(413, "1"), (413, "0"), (429, "0")]


class TestHeaders:
    @pytest.fixture
    def own(self, start_house):
        entries = [keys.entry(FREE, "free"), keys.entry(SMALL, "small", rate_limit=4)]
        return start_house(RATE_LIMIT_REQUESTS=9, entries=entries)

    @staticmethod
    def _forms(answer):
        names = ("x-ratelimit-{}", "x-ratelimit-{}-requests", "anthropic-ratelimit-requests-{}")
        return [[answer.get(name.format(what)) for what in ("limit", "remaining", "reset")] for name in names]

    @staticmethod
    def _seconds(duration):
        """Of a Go duration."""
        assert re.fullmatch(r"(\d+h)?(\d+m)?(\d+(\.\d+)?(s|ms))", duration), duration
        units = {"h": 3600, "m": 60, "s": 1, "ms": 0.001}
        return sum(float(number) * units[unit] for number, unit in re.findall(r"([\d.]+)(ms|h|m|s)", duration))

    def _right(self, answer, limit, remaining, window=60):
        """Both of the forms that are always there; reset lies within the window, a sixteenth and rounding."""
        own, sdk, _ = self._forms(answer)
        assert own[:2] == sdk[:2] == [str(limit), str(remaining)]
        left = self._seconds(sdk[2])
        assert 0 < left <= window * SLACK + 0.001
        assert abs(int(own[2]) - time.time() - left) < 3

    def test_of_the_key_s_own_window_or_else_of_all_keys(self, own):
        for remaining in (3, 2, 1, 0):
            answer = ask(own, SMALL)
            assert answer.status == 200
            self._right(answer, 4, remaining)
        for remaining in (4, 3, 2, 1, 0):
            answer = ask(own, FREE)
            assert answer.status == 200
            self._right(answer, 9, remaining)
        refused = ask(own, FREE)
        assert refused.status == 429
        self._right(refused, 9, 0)

    def test_of_the_window_that_refused(self, own):
        statuses(own, SMALL, 4)
        refused = ask(own, SMALL)
        assert refused.status == 429
        self._right(refused, 4, 0)
        statuses(own, FREE, 5)
        refused = ask(own, SMALL)
        assert refused.status == 429
        self._right(refused, 9, 0)

    def test_anthropic_s_form_stands_beside_them_under_messages(self, own):
        wanted = {**bearer(SMALL), "anthropic-version": "2023-06-01"}
        for status in (200, 200, 200, 200, 429):
            answer = own.ask("POST", "/v1/messages", wanted, b'{"model":"m","max_tokens":1,"messages":[]}', key=None)
            assert answer.status == status
            seed, _, ours = self._forms(answer)
            assert ours[:2] == seed[:2]
            moment = datetime.strptime(ours[2], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
            assert moment.timestamp() == int(seed[2])
        assert answer.json()["error"]["type"] == "rate_limit_error"
        assert self._forms(ask(own, FREE))[2] == [None] * 3

    def test_each_stands_there_once_whatever_upstream_says(self, own, standin):
        standin.steer(headers=[["X-RateLimit-Limit", "7"], ["x-ratelimit-remaining-requests", "7"],
                               ["X-RateLimit-Reset", "7"], ["Retry-After", "7"]])
        answer = ask(own, SMALL)
        for name in ("limit", "remaining", "reset"):
            assert len(answer.all(f"x-ratelimit-{name}")) == len(answer.all(f"x-ratelimit-{name}-requests")) == 1
        self._right(answer, 4, 3)

    def test_who_was_not_let_in_is_told_nothing(self, own):
        ask(own, FREE)
        for answer in (ask(own, OTHER), ask(own, None), own.ask("GET", "/nowhere"), own.ask("GET", "/v1/chat/completions"),
                       own.ask("GET", "/auth/key-info", key=OTHER)):
            assert answer.status in (401, 404, 405)
            assert not [name for name, _ in answer.headers if "ratelimit" in name.lower() or "retry" in name.lower()]

    def test_streams_and_failures_of_upstream_carry_them_too(self, own, standin):
        with own.connect() as connection:
            connection.send(raw.request("POST", "/v1/chat/completions", bearer(SMALL),
                                        b'{"model":"m","stream":true,"messages":[]}'))
            head = connection.head()
            assert list(iter(connection.event, None))[-1] == b"data: [DONE]"
        self._right(head, 4, 3)
        standin.steer(status=500)
        answer = ask(own, SMALL)
        assert answer.status == 500
        self._right(answer, 4, 2)
        assert self._forms(own.ask("HEAD", "/v1/models", key=SMALL))[0][:2] == ["4", "1"]


class TestRetrying:
    def test_who_waits_as_long_as_told_is_let_in(self, start_house):
        house = start_house(RATE_LIMIT_WINDOW=2, entries=[keys.entry(SMALL, "small", rate_limit=3)])
        for _ in range(2):
            while (answer := ask(house, SMALL)).status == 200:
                pass
            told = time.monotonic()
            wait_ms = int(answer.get("retry-after-ms"))
            assert 0 < wait_ms <= 2000 * SLACK
            assert int(answer.get("retry-after")) == -(-wait_ms // 1000)
            assert answer.get("x-should-retry") == "true"
            until("the time has passed", lambda: time.monotonic() >= told + wait_ms / 1000)
            assert ask(house, SMALL).status == 200

    @pytest.mark.parametrize("window,expected", [(50, "true"), (3600, "false")])
    def test_longer_than_a_minute_is_not_worth_a_retry(self, start_house, window, expected):
        house = start_house(RATE_LIMIT_WINDOW=window, RATE_LIMIT_REQUESTS=1)
        ask(house, keys.SECRET)
        answer = ask(house, keys.SECRET)
        assert answer.get("x-should-retry") == expected
        assert 0.9 * window <= int(answer.get("retry-after")) <= window * SLACK + 1

    def test_the_sdks_see_a_rate_limit_error(self, start_house, pair):
        house = start_house(tls=pair, RATE_LIMIT_REQUESTS=1)
        assert ask(house, keys.SECRET).status == 200
        with sdk.client(house.base_url, keys.SECRET, pair.cert) as client, pytest.raises(openai.RateLimitError) as told:
            client.models.list()
        assert (told.value.status_code, told.value.code) == (429, "rate_limit_exceeded")
        assert told.value.response.headers["x-ratelimit-remaining-requests"] == "0"
        context = ssl.create_default_context(cafile=str(pair.cert))
        with anthropic.Anthropic(base_url=house.base_url, api_key=keys.SECRET, max_retries=0, timeout=30,
                                 http_client=anthropic.DefaultHttpxClient(verify=context)) as client:
            with pytest.raises(anthropic.RateLimitError) as told:
                client.messages.create(model="m", max_tokens=1, messages=[{"role": "user", "content": "x"}])
        assert told.value.body["error"]["type"] == "rate_limit_error"
        assert told.value.response.headers["anthropic-ratelimit-requests-remaining"] == "0"

    def test_the_sdk_s_own_retry_gets_in(self, start_house, pair, standin):
        house = start_house(tls=pair, RATE_LIMIT_REQUESTS=1, RATE_LIMIT_WINDOW=2)
        with sdk.client(house.base_url, keys.SECRET, pair.cert, max_retries=1) as client:
            for _ in range(2):
                assert client.models.list().data
        assert len(standin.requests()) == 2


class TestKeyInfo:
    def test_it_tells_remaining_and_reset_and_takes_nothing(self, start_house):
        house = start_house(RATE_LIMIT_REQUESTS=50, entries=[keys.entry(FREE, "free"),
                                                             keys.entry(SMALL, "small", rate_limit=4)])
        assert info(house, SMALL)["remaining"] == 4
        assert abs(info(house, SMALL)["reset"] - time.time()) < 3
        for used in range(1, 5):
            answer = ask(house, SMALL)
            for _ in range(5):
                told = info(house, SMALL)
                assert (told["rate_limit"], told["remaining"]) == (4, 4 - used)
                assert abs(told["reset"] - int(answer.get("x-ratelimit-reset"))) <= 1
        assert ask(house, SMALL).status == 429
        assert info(house, SMALL)["remaining"] == 0
        assert info(house, FREE)["remaining"] == 46


class TestChanges:
    """A new limit holds at once, a new length starts that window anew; nothing else does."""

    @pytest.mark.parametrize("watch", ["on", "off"])
    def test_settings_hold_for_all_workers_at_once(self, start_house, watch):
        house = start_house(WORKERS=3, WATCH=watch, RATE_LIMIT_REQUESTS=100)
        workers = sorted(house.workers())
        assert statuses(house, keys.SECRET, 5) == {200: 5}
        self._set(house, watch, 2, rate_limit_requests=7)
        assert statuses(house, keys.SECRET, 12) == {200: 2, 429: 10}
        self._set(house, watch, 2, rate_limit_requests=9)
        assert statuses(house, keys.SECRET, 12) == {200: 2, 429: 10}
        self._set(house, watch, 9, rate_limit_requests=9, rate_limit_window=61)
        assert statuses(house, keys.SECRET, 12) == {200: 9, 429: 3}
        assert sorted(house.workers()) == workers

    @staticmethod
    def _set(house, watch, remaining, **fields):
        set_limits(house, **fields)
        if watch == "off":
            assert house.reload()["result"] == "ok"
            assert info(house, keys.SECRET)["remaining"] == remaining
        else:
            until("the new limit holds", lambda: info(house, keys.SECRET)["remaining"] == remaining)

    def test_an_address_window_of_a_new_length_starts_anew_and_the_keys_go_on(self, start_house):
        house = start_house(IP_RATE_LIMIT_REQUESTS=6, entries=[keys.entry(SMALL, "small", rate_limit=5)])
        assert statuses(house, SMALL, 8) == {200: 5, 429: 3}
        assert house.ask("GET", "/auth/key-info", key=SMALL).status == 429
        set_limits(house, ip_rate_limit_window=30)
        assert house.reload()["result"] == "ok"
        assert info(house, SMALL)["remaining"] == 0
        set_limits(house, ip_rate_limit_window=30, ip_rate_limit_requests=50)
        assert house.reload()["result"] == "ok"
        assert statuses(house, SMALL, 3) == {429: 3}

    def test_a_bad_settings_file_leaves_the_limits_as_they_are(self, start_house):
        house = start_house(RATE_LIMIT_REQUESTS=3, WATCH="off")
        for text in ("{", '{"rate_limit_requests": -1}', '{"rate_limit_window": 0}', '{"unknown": 1}'):
            house.expect("reload")
            keys.write_text(house.folder / "settings.json", text)
            assert house.reload()["result"] != "ok"
        assert statuses(house, keys.SECRET, 5) == {200: 3, 429: 2}

    def test_a_key_s_new_limit_holds_at_once_and_its_counts_stay(self, start_house):
        house = start_house(entries=[keys.entry(SMALL, "small", rate_limit=4)])
        assert statuses(house, SMALL, 4) == {200: 4}
        for limit, expected in ((6, {200: 2, 429: 3}), (3, {429: 5}), (0, {429: 5}), (12, {200: 5}), (None, {200: 5})):
            keys.write(house.key_file, keys.entry(SMALL, "small", rate_limit=limit))
            assert house.reload()["result"] == "ok"
            assert statuses(house, SMALL, 5) == expected, limit


class TestWhatWindowsOutlive:
    """Counts are in nobody's memory but the house's."""

    @pytest.fixture
    def own(self, start_house, folder, request):
        self.config = folder / f"config-{os.getpid()}-{request.node.name}.json"
        self._configure(300)
        return start_house(GATEHOUSE_CONFIG=self.config, WORKERS=3, RATE_LIMIT_WINDOW=3600,
                           IP_RATE_LIMIT_WINDOW=3600, IP_RATE_LIMIT_REQUESTS=60,
                           entries=[keys.entry(SMALL, "small", rate_limit=12), keys.entry(FREE, "free")])

    def _configure(self, seconds):
        self.config.write_text(json.dumps({"upstream_idle_timeout": seconds}))

    def _goes_on(self, house, used):
        """Six more fit into the key's window, and the others know what was used."""
        assert statuses(house, SMALL, 12 - used + 4) == {200: 12 - used, 429: 4}
        assert ask(house, FREE).get("x-ratelimit-remaining") == str(1_000_000 - 13)
        left = 60 - (12 + 4 + 1)
        assert statuses(house, FREE, left + 3) == {200: left, 429: 3}

    def test_a_reload(self, own):
        assert statuses(own, SMALL, 5) == {200: 5}
        keys.write(own.key_file, keys.entry(OTHER, "other"), keys.entry(FREE, "free"),
                   keys.entry(SMALL, "small", rate_limit=12, description="changed"))
        assert own.reload()["result"] == "ok"
        self._goes_on(own, 5)

    def test_a_new_generation_of_workers_and_the_old_one_counts_on(self, own, standin):
        old = own.workers()
        with own.connect() as kept:
            kept.send(raw.request("POST", "/v1/chat/completions", {**bearer(SMALL), "x-standin-gate": "drained"},
                                  b'{"model":"m","stream":true,"messages":[]}'))
            assert kept.head().status == 200
            assert statuses(own, SMALL, 4) == {200: 4}
            self._configure(200)
            assert own.reload()["result"] == "ok"
            until("the new workers serve", lambda: len(set(own.workers()) - set(old)) == 3)
            self._goes_on(own, 5)
            standin.open_gate("drained")
            assert list(iter(kept.event, None))[-1] == b"data: [DONE]"

    def test_the_death_of_all_workers(self, own):
        own.expect(*DEATHS)
        assert statuses(own, SMALL, 5) == {200: 5}
        old = own.workers()
        for pid in old:
            os.kill(pid, signal.SIGKILL)
        until("they have successors", lambda: len(own.workers()) == 3 and not set(own.workers()) & set(old))
        self._goes_on(own, 5)

    def test_the_death_of_a_worker_in_mid_stream(self, own, is_root):
        if not is_root:
            pytest.skip("only root can see which worker holds a connection")
        own.expect(*DEATHS)
        with own.connect() as kept:
            kept.send(raw.request("POST", "/v1/chat/completions", {**bearer(SMALL), "x-standin-gate": "never"},
                                  b'{"model":"m","stream":true,"messages":[]}'))
            assert kept.head().status == 200
            victim = procfs.owner(kept.sock.getsockname()[1], own.http_port, own.workers())
            os.kill(victim, signal.SIGKILL)
            until("it has a successor", lambda: len(own.workers()) == 3 and victim not in own.workers())
        self._goes_on(own, 1)


class TestKeysAndTheirWindows:
    def test_a_rotated_key_keeps_its_window_and_shares_it_with_its_old_secret(self, start_house):
        house = start_house(entries=[keys.entry(SMALL, "team", rate_limit=9)])
        assert statuses(house, SMALL, 3) == {200: 3}
        done = house.run("keys", "rotate", "team", "--grace", "1h", "--json")
        assert done.returncode == 0, done
        fresh = json.loads(done.stdout)["key"]
        until("the new secret is known", lambda: house.ask("GET", "/auth/key-info", key=fresh).status == 200)
        assert statuses(house, fresh, 3) == {200: 3}
        assert ask(house, SMALL).get("x-ratelimit-remaining") == "2"
        assert statuses(house, fresh, 4) == {200: 2, 429: 2}
        assert ask(house, SMALL).status == 429

    def test_two_entries_of_one_id_share_a_window(self, start_house):
        house = start_house(entries=[keys.entry(SMALL, "team", rate_limit=6), keys.entry(OTHER, "team", rate_limit=6)])
        assert [ask(house, key).status for key in [SMALL, OTHER] * 4] == [200] * 6 + [429] * 2

    def test_a_key_in_the_place_of_a_deleted_one_begins_with_an_empty_window(self, start_house):
        house = start_house(MAX_KEYS=1024, entries=[keys.entry(SMALL, "gone", rate_limit=3)])
        assert statuses(house, SMALL, 5) == {200: 3, 429: 2}
        for number in range(6):
            name = f"next-{number}"
            keys.write(house.key_file, keys.entry(keys.secret(name), name, rate_limit=3))
            assert house.reload()["result"] == "ok"
            assert statuses(house, keys.secret(name), 5) == {200: 3, 429: 2}
        assert ask(house, SMALL).status == 401


def test_refusals_are_counted_by_reason(start_house):
    house = start_house(METRICS_LISTEN="127.0.0.1:0", IP_RATE_LIMIT_REQUESTS=20, RATE_LIMIT_REQUESTS=8,
                        entries=[keys.entry(FREE, "free"), keys.entry(SMALL, "small", rate_limit=3)])
    assert statuses(house, SMALL, 7) == {200: 3, 429: 4}
    assert statuses(house, FREE, 7) == {200: 5, 429: 2}
    assert statuses(house, OTHER, 6) == {401: 6}
    assert statuses(house, FREE, 5) == {429: 5}
    until("they are all counted", lambda: [refused_total(house, reason) for reason in ("rate", "key", "address")] == [6, 6, 5])
