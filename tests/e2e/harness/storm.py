"""What befalls a gatehouse in its life, at random; and which failures that excuses."""

import math
import os
import signal
import time
from collections import Counter
from dataclasses import dataclass

from . import certs, keys, procfs
from .kills import Striker, kill
from .poll import until
from .visitors import IDLE_MOST

WORKERS = 4
ALL = {"worker": 30, "keys": 12, "generation": 9, "certificate": 13, "upgrade": 7, "outage": 12, "reset": 9}
"""and how often, beside each other"""
SAME_GENERATION = {kind: ALL[kind] for kind in ("worker", "keys", "outage", "reset")}
OUTAGE_SECONDS = (0.1, 1.5)
HEALTHY_SECONDS = 61
"""A worker that has lived that long has its successor at once."""
UNHEARD_SECONDS = 0.5
"""A worker may give a POST a kept connection before it hears that this was reset. Whether upstream had the request
can't be known then, so it is not sent again."""
UPSTREAM_HOST = "127.0.0.2"
"""no connection of a client begins here, so nobody can have taken the port of one that is down"""


@dataclass
class Outage:
    """Upstream was gone, or its connections were reset: from when to when."""

    began: float
    ended: float = math.inf


class Judge:
    """Knows what has befallen, and so which failures must be."""

    def __init__(self):
        self.deaths = []
        """(when, the ports of the clients whose connections the worker held)"""
        self.outages = []
        self._judged = 0
        self.counts = Counter()
        self.faults = []

    def _was_killed(self, result):
        return any(result.opened <= when <= result.ended and result.port in ports for when, ports in self.deaths)

    def _met_an_outage(self, result, aftermath=0.0):
        return any(outage.began <= result.ended and result.began <= outage.ended + aftermath for outage in self.outages)

    def excuse(self, result):
        """How the result is called in the summary; None: there is no excuse for it."""
        errand = result.errand
        if result.outcome in ("ok", "left"):
            return result.outcome
        if result.outcome == "cut" and self._was_killed(result):
            return "killed"
        if result.outcome == "cut" and errand is not None and errand.record.status is None and result.idle > IDLE_MOST:
            return "idle too long"  # this machine has stood still
        if errand is None or not errand.needs_upstream:
            return None
        if (result.outcome == "refused" and errand.refusal.status == 502
                and self._met_an_outage(result, UNHEARD_SECONDS)):
            return "502"
        if (result.outcome == "cut" and errand.record.status == 200 and errand.is_cut_well()
                and self._met_an_outage(result)):
            return "cut upstream"
        return None

    def _what_befell(self, result):
        """For a person who looks for the reason."""
        deaths = [f"{when - result.ended:+.3f} s ({len(ports)} connections)" for when, ports in self.deaths
                  if result.opened - 1 < when < result.ended + 1]
        outages = [f"{outage.began - result.ended:+.3f} to {outage.ended - result.ended:+.3f} s" for outage in self.outages
                   if result.opened - 1 < outage.ended and outage.began < result.ended + 1]
        return f"seen from its end, deaths at {deaths}, outages from {outages}"

    def judge(self, results):
        """Look at those that have come since; returns whether there is no fault yet."""
        for result in results[self._judged:]:
            self._judged += 1
            excuse = self.excuse(result)
            self.counts[result.kind, excuse or "FAULT"] += 1
            if excuse is None:
                self.faults.append(f"{result}; {self._what_befell(result)}")
        return not self.faults


class Upstream:
    """A stand-in that dies and comes back at the same place; `lives` are all that it has had."""

    def __init__(self, start_standin, judge):
        self._start = start_standin
        self._judge = judge
        self.lives = [start_standin(listen=f"{UPSTREAM_HOST}:0")]

    @property
    def url(self):
        return self.lives[-1].url(UPSTREAM_HOST)

    def die(self):
        self._judge.outages.append(Outage(time.monotonic()))
        self.lives[-1].stop()

    def revive(self):
        self.lives.append(self._start(listen=f"{UPSTREAM_HOST}:{self.lives[-1].port}"))
        self._judge.outages[-1].ended = time.monotonic()

    def close_idle(self):
        return self.lives[-1].close_idle()

    def reset(self):
        """All connections, whatever they are doing."""
        outage = Outage(time.monotonic())
        self._judge.outages.append(outage)
        count = self.lives[-1].reset_all()
        outage.ended = time.monotonic()
        return count


class Storm(Striker):
    """
    Strikes one gatehouse with everything that it must bear.

    entries   the keys that always hold
    renewals  certificates to be put into the place of the house's, in turn
    trust     the context that knows who has signed them
    """

    def __init__(self, house, chance, config_path, visitors, *, entries, renewals, trust, upstream, judge):
        super().__init__(house, chance, ALL, config_path)
        self._entries = entries
        self._pair = house.tls_pair
        self._renewals = renewals
        self._trust = trust
        self._upstream = upstream
        self._judge = judge
        self._visitors = visitors
        self._pause = visitors.pause
        self._first_round = chance.sample(sorted(ALL), len(ALL))
        self._guests = 0
        self._spared = set()
        self.unsure = 0
        """reloads one of whose new workers may have been killed"""

    def rage(self, until_when, delay):
        """Strike until then (each kind at least once), or until a visitor has met what nothing excuses."""
        while ((time.monotonic() < until_when or self._first_round) and self._judge.judge(self._visitors.results)
               and not self._visitors.failed):
            self._pause(self._chance.uniform(*delay))
            self.strike()

    def _choose(self):
        return self._first_round.pop() if self._first_round else super()._choose()

    def settle_down(self):
        """
        From now on the generation stays, and one of its workers: returns its pid. The others are not killed so
        often that the master waits before it starts another, which would leave all clients to that one.
        """
        self.wait_for_calm()
        elder = self._chance.choice(sorted(self._house.workers()))
        self._kinds = SAME_GENERATION
        self._spared = {elder}
        return elder

    def wait_for_calm(self):
        """One generation, complete."""
        def is_calm():
            now = self._house.status()
            return now["reloads_finished"] == now["reloads_started"] and len(self._house.workers()) == WORKERS

        until("the old generations have left, the new one is complete", is_calm, 60)

    def _wait_for_room(self):
        """At most two generations: a fourth's coming would hurry the first."""
        until("there is room for a generation", lambda: len(self._house.workers()) <= 2 * WORKERS, 60)

    # the kinds

    def _worker(self):
        victims = sorted(set(self._house.workers()) - self._spared)
        if self._spared:
            victims = [pid for pid in victims if procfs.age(pid) > HEALTHY_SECONDS]
        if not victims:
            return False
        victim = self._chance.choice(victims)
        try:
            # held, so that its connections are known to the last one when it dies
            os.kill(victim, signal.SIGSTOP)
            state = until("it is held, or gone", lambda: (now := procfs.state(victim)) in "TZX" and now)
            ports = procfs.peers(victim, self._house.https_port)
        except (ProcessLookupError, FileNotFoundError):
            return False  # it had drained
        if state != "T":
            return False
        self._judge.deaths.append((time.monotonic(), ports))
        return kill(victim)

    def _keys(self):
        """Another guest: let in at once, and the last one no more."""
        before, self._guests = f"guest-{self._guests}", self._guests + 1
        now = f"guest-{self._guests}"
        keys.write(self._house.key_file, *self._entries, keys.entry(keys.secret(now), now))
        last = self._house.reload()
        assert last["result"] == "ok", last
        for guest, status in ((now, 200), (before, 401)):
            answer = self._ask("/auth/key-info", {"Authorization": f"Bearer {keys.secret(guest)}"})
            assert answer.status == status, (guest, answer)
        return True

    def _ask(self, target, headers=()):
        with self._house.connect() as connection:
            return connection.ask("GET", target, headers)

    def _generation(self):
        """Other configuration; half of the new generations are struck while they rise."""
        self._wait_for_room()
        self._change_config()
        if self._chance.random() < 0.5:
            last = self._house.reload()
            assert last["result"] == "ok", last
        else:
            self._house.signal(signal.SIGHUP)
            self._pause(self._chance.uniform(0, 0.1))
            self.unsure += 1
            if self._worker():
                self.counts["worker"] += 1
        return True

    def _certificate(self):
        self._wait_for_room()
        certs.put(self._pair, self._renewals[self.counts["certificate"] % len(self._renewals)])
        last = self._house.reload()
        assert last["result"] == "ok", last
        with self._house.connect_tls(self._trust) as connection:
            assert connection.sock.getpeercert(True) == certs.der(self._pair), "an old worker still takes connections"
        return True

    def _upgrade(self):
        self._wait_for_room()
        last = self._house.upgrade()
        assert last["result"] == "ok", last
        return True

    def _outage(self):
        """Upstream dies and comes back; sometimes a worker is killed meanwhile."""
        self._upstream.die()
        self._pause(self._chance.uniform(*OUTAGE_SECONDS))
        if self._chance.random() < 0.3 and self._worker():
            self.counts["worker"] += 1
        self._upstream.revive()
        return True

    def _reset(self):
        return self._upstream.reset() > 0
