"""Usage adds up whatever is killed: kill -9 at random under a mixed load, each request with a key of its own.

A client that got its whole answer: its key has exactly one request, with the stand-in's numbers. One that did
not: at most one request, with one of the cumulative values that the stand-in had sent for it, none smaller
than what the client had seen. KILL_SECONDS sets how long (`make soak-kill`), KILL_SEED repeats a run's choices.
"""

import os
import random
import secrets
from collections import Counter

import pytest
from harness import accounts, keyed, kills, spent
from harness.accounts import MODEL, NONE
from harness.keyed import Record

SECONDS = float(os.environ.get("KILL_SECONDS", "20"))
KEYS_MAX = 120_000
RATE = min(400, KEYS_MAX / SECONDS)


def summary(records, killer, seed):
    ways = Counter("refused" if record.whole and record.status != 200 else "complete" if record.whole
                   else "left" if record.left else "cut" if record.sent else "unsent" for record in records)
    return f"seed {seed}: struck {dict(killer.counts)}; {len(records)} requests: {dict(ways)}"


@pytest.mark.timeout(SECONDS + 300)
def test_usage_adds_up_whatever_is_killed(start_house, standin, folder, capsys):
    seed = int(os.environ.get("KILL_SEED", secrets.randbits(32)))
    count = int(SECONDS * RATE)
    config = folder / "kill.json"
    kills.write_config(config, 99)
    house = start_house(entries=keyed.entries(count), WORKERS=3, GATEHOUSE_CONFIG=config)
    killer = kills.Killer(house, random.Random(seed), config)
    with keyed.Load(killer.connect, seed, count, RATE) as load:
        while load.elapsed() < SECONDS and not load.failed:
            load.pause(killer.delay())
            killer.strike()
    assert not load.failed, f"seed {seed}: {load.failed}"
    killer.finish()
    house.stop()
    rows = spent.read(house)
    house.start()
    assert spent.read(house) == rows, "admin says what the ledger says"
    house.expect(*kills.EVENTS)
    told = summary(load.records, killer, seed)
    with capsys.disabled():
        print(f"\n{told}")
    wrong = accounts.faults(load.records, rows, accounts.sent_values(standin))
    assert not wrong, f"{told}; {len(wrong)} exceptions:\n" + "\n".join(wrong[:20])
    assert killer.counts["worker"] > 0 and any(record.whole for record in load.records), told
    assert any(record.sent and not record.whole and not record.left for record in load.records), told


# --- the judge itself

def openai(completion):
    return {"prompt_tokens": 9, "completion_tokens": completion, "total_tokens": 9 + completion,
            "prompt_tokens_details": {"cached_tokens": 4}}


SENT = [openai(0), openai(1), openai(2)]
WHOLE = Record("k", "chat", sent=True, status=200, whole=True, seen=openai(2))
CUT = Record("k", "chat", sent=True, status=200, seen=openai(1))
SILENT = Record("k", "chat", sent=True)


@pytest.mark.parametrize("record,row,is_good", [
    (WHOLE, spent.told(openai(2)), True),
    (WHOLE, NONE, False),
    (WHOLE, spent.told(openai(2), cut=True), False),
    (WHOLE, spent.told(openai(1)), False),
    (WHOLE, spent.told(openai(2)) + spent.told(openai(2)), False),
    (CUT, spent.told(openai(1), cut=True), True),
    (CUT, spent.told(openai(2), cut=True), True),
    (CUT, spent.told(openai(2)), True),
    (CUT, NONE, False),
    (CUT, spent.told(openai(0), cut=True), False),
    (CUT, spent.told(openai(1)), False),
    (CUT, spent.told(openai(3), cut=True), False),
    (CUT, spent.told(openai(1), cut=True) + spent.told(openai(1), cut=True), False),
    (SILENT, NONE, True),
    (SILENT, spent.told(None, cut=True), True),
    (SILENT, spent.told(openai(1), cut=True), True),
    (SILENT, spent.told(None), False),
    (Record("k", "chat", sent=True, status=503, whole=True), NONE, True),
    (Record("k", "chat", sent=True, status=503, whole=True), spent.told(None, cut=True), False),
    (Record("k", "chat"), spent.told(None, cut=True), False),
])
def test_the_judge_tells_right_from_wrong(record, row, is_good):
    rows = {"k": {(MODEL, "chat"): row}} if row != NONE else {}
    assert (accounts.faults([record], rows, {"k": SENT}) == []) == is_good


def test_the_judge_sees_other_models_and_strangers():
    good = spent.told(openai(2))
    assert accounts.faults([WHOLE], {"k": {("other", "chat"): good}}, {"k": SENT})
    assert accounts.faults([WHOLE], {"k": {(MODEL, "chat"): good}, "other": {(MODEL, "chat"): good}}, {"k": SENT})
