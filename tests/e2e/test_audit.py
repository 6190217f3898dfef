"""`gatehouse audit`: what commands change is found in it, in order, whole, and without a secret."""

import json
import pwd
import os

import pytest
from harness import keys


def records(house):
    done = house.run("audit", "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def change_all(house):
    """Each kind of change once. Returns the secrets that were made."""
    made = json.loads(house.run("keys", "create", "--id", "team", "-d", "Käse", "--json").stdout)["key"]
    assert house.run("keys", "set", "team", "-r", "7").returncode == 0
    rotated = json.loads(house.run("keys", "rotate", "team", "--grace", "1h", "--json").stdout)["key"]
    for verb in ("revoke", "enable", "delete"):
        assert house.run("keys", verb, "team").returncode == 0
    return made, rotated


ACTIONS = ["key.create", "key.set", "key.rotate", "key.revoke", "key.enable", "key.delete"]


@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
def test_what_commands_change_is_in_the_audit(start_house, running):
    """Asked of admin, or written by the command itself where none runs."""
    house = start_house()
    if not running:
        house.stop()
    secrets = change_all(house)
    found = records(house)
    assert [r["action"] for r in found] == ACTIONS
    assert [r["seq"] for r in found] == list(range(1, len(ACTIONS) + 1))
    user = pwd.getpwuid(os.getuid()).pw_name
    assert all(r["actor"]["kind"] == "cli" and r["actor"]["id"].startswith(user) for r in found)
    assert all(r["target"] == "team" and r["from"] == "local" for r in found)
    assert found[0]["detail"]["description"] == [None, "Käse"]
    assert found[1]["detail"] == {"rate_limit": [None, 7]}
    assert found[3]["detail"] == {"enabled": [True, False]}
    text = house.run("audit", "--json").stdout + house.run("audit").stdout
    for secret in secrets:
        assert secret not in text
        assert keys.entry(secret)["key_hash"] not in text
    verdict = house.run("audit", "verify")
    assert (verdict.returncode, verdict.stdout) == (0, f"whole: {len(ACTIONS)} records\n")


def test_the_table_is_for_people(house):
    """A line each, and times that one may ask for."""
    assert house.run("keys", "create", "--id", "x\x1b[31m", "-d", "a").returncode != 0
    assert house.run("keys", "create", "--id", "for-people", "-d", "\x1b[31mred").returncode == 0
    text = house.run("audit", "--since", "1h").stdout
    assert "\x1b" not in text
    assert "key.create" in text and "for-people" in text
    assert "for-people" not in house.run("audit", "--since", "now").stdout
    assert "for-people" not in house.run("audit", "--until", "1h").stdout


@pytest.mark.parametrize("arguments,said", [(["--since", "soon"], "--since is no time"), (["verfy"], "no such command"),
                                            (["verify", "--since", "1h"], "takes no times"), (["--bad"], "unknown")])
def test_wrong_usage_is_said(house, arguments, said):
    """And exits 2."""
    done = house.run("audit", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
