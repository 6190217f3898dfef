"""Everything at once, at random: who gets a whole answer gets the right one, and nothing is left behind.

GATEHOUSE_STRESS_SECONDS lengthens it, GATEHOUSE_STRESS_SEED repeats a run's choices.
"""

import asyncio
import os
import random
import time

import pytest
from harness import certs, chaos, keys, procfs, raw
from harness.echo import body_for, target
from harness.poll import until

SECONDS = float(os.environ.get("GATEHOUSE_STRESS_SECONDS", "8"))
SEED = int(os.environ.get("GATEHOUSE_STRESS_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
pytestmark = pytest.mark.timeout(SECONDS + 120)
CLIENTS = 40
"""at a time"""


def sockets_of(house):
    return [sum(link.startswith("socket:") for link in procfs.open_files(pid)) for pid in house.workers()]


async def rush(rng, tally, house, seconds, beside=None):
    """CLIENTS at a time until the seconds are over; `beside` is called now and then."""
    maker = chaos.Maker(rng, tally)
    ports = house.http_port, house.https_port
    end = time.monotonic() + seconds

    async def one_after_another():
        while time.monotonic() < end and len(tally.faults) < 5:
            await chaos.Client(rng, maker, tally, *ports).run()

    async def disturb():
        while beside is not None and time.monotonic() < end:
            await asyncio.sleep(1)
            await asyncio.to_thread(beside)

    await asyncio.gather(disturb(), *(one_after_another() for _ in range(CLIENTS)))


def assert_well(tally, echo):
    done = sum(tally.answers.values())
    unwell = sum(tally.answers[status] for status in chaos.UNWELL)
    print(f"seed {SEED}: {done} answers {dict(tally.answers)}, {tally.cut} connections cut")
    assert not tally.faults, f"seed {SEED}: {tally.faults[:3]}"
    assert not echo.faults, f"seed {SEED}: {echo.faults[:3]}"
    assert done > 100
    assert unwell < done * 0.2, f"seed {SEED}: {tally.answers}"
    twice = [marker for marker, (method, times) in echo.seen.items() if method == "POST" and times > 1]
    assert not twice, f"seed {SEED}: POSTs that ran twice: {twice[:3]}"


def assert_bodies_are_held(house, echo):
    """All memory for bodies has been given back: else a chunked body would be passed on as it comes."""
    for number in range(16):
        lines = {"Authorization": f"Bearer {keys.SECRET}", "X-Request-Id": f"held-{number}",
                 "Transfer-Encoding": "chunked"}
        with house.connect() as connection:
            request = raw.request("GET", target(f"held-{number}", size=10), lines).replace(b"GET", b"POST", 1)
            connection.send(request + raw.chunked(b"a" * 100, b"b"))
            assert connection.answer().body == body_for(f"held-{number}", b"a" * 100 + b"b", 10)
    assert not {f"held-{number}" for number in range(16)} & echo.chunked


def test_clients_and_upstreams_of_all_kinds_at_once(start_house, echo, pair):
    house = start_house(upstream=echo.url(), tls=pair, WORKERS=2, MAX_BODY=1 << 20, MAX_BUFFERED=1 << 20)
    workers, before = house.workers(), sockets_of(house)
    tally = chaos.Tally()
    asyncio.run(rush(random.Random(SEED), tally, house, SECONDS))
    assert_well(tally, echo)
    assert house.workers() == workers
    assert_bodies_are_held(house, echo)
    # what lingers until its client has seen the answer, and kept connections to upstream, end in time
    echo_connections = 256
    until("only kept connections are left", lambda: all(
        now <= then + echo_connections for now, then in zip(sockets_of(house), before, strict=True)))


def test_reloads_of_certificates_under_all_that(start_house, echo, folder):
    pairs = [certs.make(folder, f"stress-{number}") for number in range(2)]
    place = certs.make(folder, "stress")
    house = start_house(upstream=echo.url(), tls=place, WORKERS=2, MAX_BODY=1 << 20)
    turn = 0

    def reload():
        nonlocal turn
        turn += 1
        certs.put(place, pairs[turn % 2])
        house.reload()

    tally = chaos.Tally()
    asyncio.run(rush(random.Random(SEED), tally, house, SECONDS, reload))
    assert turn > 2
    assert_well(tally, echo)
