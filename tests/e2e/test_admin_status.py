"""The status that the Live page asks for each second: it agrees with what was done, and never goes back."""

import json
import os
import signal

import pytest
from harness import admin, keys, raw
from harness.poll import until
from harness.upstream import steering

SETTINGS = {**admin.SETTINGS, "WORKERS": "2"}
CHAT = json.dumps({"model": "gpt-oss-120b", "messages": [{"role": "user", "content": "hi"}]}).encode()
STREAM = json.dumps({"model": "gpt-oss-120b", "messages": [{"role": "user", "content": "hi"}], "stream": True}).encode()


@pytest.fixture(name="own")
def _own(start_house):
    def start(**settings):
        house = start_house(**{**SETTINGS, **settings})
        return house, admin.enter(house)
    return start


def totals(door):
    return door.get("status")["totals"]


def test_the_house_is_as_it_is(own):
    house, door = own(entries=[keys.entry(), keys.entry("off", "off", enabled=False),
                               keys.entry("late", "late", expires_at=5)])
    seen = door.get("status")
    assert seen["pid"] == house.pid
    assert seen["version"] == house.run("version").stdout.split()[-1]
    assert {worker["pid"] for worker in seen["workers"]} == set(house.workers())
    assert {(worker["phase"], worker["slot"]) for worker in seen["workers"]} == {("ready", 0), ("ready", 1)}
    assert seen["keys"] == {"active": 1, "revoked": 1, "expired": 1}
    assert seen["draining"] is False
    assert seen["started_at"] <= seen["now"]
    assert seen["reloads"]["ok"] == 0
    door.post("keys/off/enable")
    assert door.get("status")["keys"] == {"active": 2, "revoked": 0, "expired": 1}


def test_requests_are_counted_by_class_and_refusals_by_reason(own):
    house, door = own()
    before = totals(door)
    for _ in range(3):
        assert house.ask("POST", "/v1/chat/completions", body=CHAT).status == 200
    assert house.ask("GET", "/v1/models", key="pm_wrong").status == 401
    assert house.ask("GET", "/v1/chat/completions").status == 405
    door.get("settings")  # the page's own requests are no traffic
    now = until("three requests have been counted",
                lambda: (seen := totals(door))["by_class"]["2xx"] - before["by_class"]["2xx"] == 3 and seen)
    assert now["requests"] - before["requests"] == 5
    assert now["by_class"]["4xx"] - before["by_class"]["4xx"] == 2
    assert now["refused"]["key"] - before["refused"]["key"] == 1
    assert now["local"] > before["local"]
    tokens = until("tokens are counted", lambda: (seen := totals(door))["tokens"] > before["tokens"] and seen)
    assert tokens["tokens"] == sum(row["total_tokens"] for row in door.get("usage")["rows"])
    assert tokens["cost_eur"].startswith("0.0")


def test_times_are_cumulative_and_agree_with_their_count(own):
    house, door = own()
    assert house.ask("POST", "/v1/chat/completions", body=CHAT).status == 200
    seen = until("the request's time is known", lambda: (now := door.get("status"))["latency"]["count"] > 0 and now)
    for name in ("latency", "ttfb", "overhead"):
        times = seen[name]
        assert len(times["counts"]) == len(times["bounds_seconds"]) + 1
        assert times["counts"] == sorted(times["counts"])
        assert times["counts"][-1] == times["count"]
        assert times["bounds_seconds"] == sorted(times["bounds_seconds"])
        assert times["sum_seconds"] > 0


def test_an_open_stream_is_seen_and_gone_when_its_worker_is_killed(own):
    house, door = own()
    with house.connect() as stream:
        stream.send(raw.request("POST", "/v1/chat/completions",
                                {"Authorization": f"Bearer {keys.SECRET}", **steering(gate="never")}, STREAM))
        assert stream.head().status == 200
        until("the stream is seen", lambda: door.get("status")["streams"] == 1)
        before = door.get("status")
        for pid in house.workers():
            os.kill(pid, signal.SIGKILL)
        house.expect("child_exit")
        until("workers have successors", lambda: len(
            {worker["pid"] for worker in door_status(house, door)["workers"] if worker["phase"] == "ready"}
            - {worker["pid"] for worker in before["workers"]}) == 2)
    after = door.get("status")
    assert after["streams"] == 0
    assert after["totals"]["requests"] >= before["totals"]["requests"]
    assert after["totals"]["local"] >= before["totals"]["local"]


def door_status(house, door):
    """Between two workers nobody accepts: then there is nothing to be seen yet."""
    try:
        return door.get("status")
    except (OSError, raw.Broken):
        assert house.process.poll() is None
        return {"workers": []}


def test_a_reload_and_its_reason_are_told(own):
    house, door = own()
    house.reload()
    seen = door.get("status")["reloads"]
    assert (seen["ok"], seen["refused"], seen["last_ok"]) == (1, 0, True)
    keys.write_text(house.key_file, "no keys")
    house.expect("reload")
    house.reload()
    seen = door.get("status")["reloads"]
    assert (seen["refused"], seen["last_ok"]) == (1, False)
    assert "keys.json" in seen["last_reason"]
    assert seen["last_at"] is not None
    house.expect("reload")
