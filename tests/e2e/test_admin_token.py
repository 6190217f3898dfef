"""`gatehouse admin-token`: made, listed and revoked; the secret once, in no list and no file."""

import json

import pytest


def tokens(house):
    done = house.run("admin-token", "list", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["tokens"]


def create(house, *options):
    done = house.run("admin-token", "create", *options, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def own(start_house):
    return start_house()


def test_a_token_is_shown_once_and_kept_as_a_hash(own):
    made = create(own, "-n", "ci", "-s", "admin,metrics", "-e", "30")
    assert made["secret"].startswith("gha_") and len(made["secret"]) == 47
    assert made["token"]["scopes"] == ["admin", "metrics"]
    assert [t["name"] for t in tokens(own)] == ["ci"]
    for place in (own.folder / "data").rglob("*"):
        assert not place.is_file() or made["secret"].encode() not in place.read_bytes(), place
    everything = own.run("admin-token", "list").stdout + own.run("audit", "--json").stdout
    assert made["secret"] not in everything


def test_the_least_is_granted_unless_more_is_asked_for(own):
    assert create(own, "-n", "looker")["token"]["scopes"] == ["read"]


def test_a_token_is_revoked_by_its_id_or_its_name(own):
    first, _, third = (create(own, "-n", name)["token"]["id"] for name in ("one", "two", "two"))
    assert own.run("admin-token", "revoke", "one").returncode == 0
    ambiguous = own.run("admin-token", "revoke", "two")
    assert ambiguous.returncode == 1 and ambiguous.stderr.startswith("gatehouse admin-token: ")
    assert own.run("admin-token", "revoke", third).returncode == 0
    assert [t["name"] for t in tokens(own)] == ["two"]
    assert own.run("admin-token", "revoke", first).returncode == 1


def test_what_was_done_is_in_the_audit(own):
    made = create(own, "-n", "ci")["token"]
    assert own.run("admin-token", "revoke", made["id"]).returncode == 0
    found = [json.loads(line) for line in own.run("audit", "--json").stdout.splitlines()]
    assert [(r["action"], r["target"], r["detail"]["name"]) for r in found] == [
        ("token.create", made["id"], "ci"), ("token.revoke", made["id"], "ci")]


def test_commands_work_where_no_gatehouse_runs(own):
    own.stop()
    made = create(own, "-n", "later")["token"]
    assert [t["id"] for t in tokens(own)] == [made["id"]]
    assert own.run("admin-token", "revoke", made["id"]).returncode == 0
    assert tokens(own) == []


@pytest.mark.parametrize("words,status,said", [
    (["create"], 2, "--name"), (["create", "-n", "x", "-s", "root"], 2, "--scope"), (["revoke"], 2, "revoke ID"),
    (["create", "-n", "x", "-e", "0"], 2, "--expires-days"), (["create", "-n", "x", "--expires", "soon"], 2, "--expires"),
    (["create", "-n", "x", "--expires", "2020-01-01"], 1, "in the past"), (["list", "-n", "x"], 2, "for create"),
    (["create", "-n", "a\nb"], 1, "name"), (["create", "-n", "x" * 129], 1, "too long"), (["bake"], 2, "create, list"),
])
def test_wrong_usage_is_named(house, words, status, said):
    done = house.run("admin-token", *words)
    assert done.returncode == status
    assert said in done.stderr
