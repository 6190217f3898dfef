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
from harness import keys, procfs, raw
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
        assert not (found := window.too_many()), f"more than {window.limit}: {found[:3]}"
        assert not (found := window.refused_for_nothing()), f"less than {window.limit}: {found[:3]}"
        assert not (found := window.misreported(told)), f"of {window.limit}: {found[:3]}"

    @pytest.mark.timeout(120 + 3 * LONG)
    def test_no_window_lets_in_too_many_and_none_too_few(self, own):
        seed = random.SystemRandom().randrange(1 << 32)
        print(f"seed {seed}")
        dice = random.Random(seed)
        stopped, end = set(), time.monotonic() + LONG
        rounds = list(zip((2, 1), self.EVERYBODY[::-1], strict=True))
        while rounds:
            stopped |= self._round(own, dice, *rounds.pop())
            if not rounds and time.monotonic() < end:
                rounds = [(dice.choice((1, 2, 5, 11, 30, 60)), dice.choice(self.EVERYBODY))]
        assert stopped >= {1, 2, 3, 7, 20, 60, 200}, "the arrivals have not tried the limits"

    def _round(self, house, dice, seconds, everybody):
        set_limits(house, rate_limit_requests=everybody, rate_limit_window=seconds,
                   ip_rate_limit_requests=self.ADDRESS, ip_rate_limit_window=seconds)
        assert house.reload()["result"] == "ok"
        with Crowd(house.http_port, dice.choice((8, 40, 96))) as crowd:
            done = crowd.run(self._plan(dice, 2.4 * seconds, min(2200, 6000 / seconds)))
        return self._judge(done, seconds, everybody)
