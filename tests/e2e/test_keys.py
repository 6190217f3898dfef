"""The key file: every promised form, and a new set for all workers at once without a connection touched."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from harness import keys
from harness.poll import until

PLAIN = keys.secret("plain")
OTHER = keys.secret("other")


def status(house, key=keys.SECRET):
    return house.ask("GET", "/v1/models", key=key).status


def info(house, key=keys.SECRET):
    answer = house.ask("GET", "/auth/key-info", key=key)
    assert answer.status == 200, answer
    return answer.json()


def iso(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


NOW = datetime.now(UTC)
FUTURE = NOW + timedelta(days=1)
PAST = NOW - timedelta(days=1)


@pytest.mark.parametrize("fields,expected", [
    ({"key": OTHER, "key_id": "a"}, 200),
    ({"api_key": OTHER, "name": "of the README", "created_at": "2024-01-01T00:00:00", "expires_at": None}, 200),
    (keys.entry(OTHER, "a", expires_at=FUTURE.timestamp()), 200),
    (keys.entry(OTHER, "a", expires_at=PAST.timestamp()), 401),
    (keys.entry(OTHER, "a", expires_at=iso(FUTURE)), 200),
    (keys.entry(OTHER, "a", expires_at=iso(FUTURE) + "Z"), 200),
    (keys.entry(OTHER, "a", expires_at=iso(FUTURE) + ".250+02:00"), 200),
    (keys.entry(OTHER, "a", expires_at=iso(PAST)), 401),
    (keys.entry(OTHER, "a", expires_at=0), 200),
    (keys.entry(OTHER, "a", expires_at=None), 200),
    (keys.entry(OTHER, "a", enabled=True), 200),
    (keys.entry(OTHER, "a", enabled=False), 401),
    (keys.entry(OTHER, "a", description="it has a field of tomorrow", tomorrow={"x": [1]}), 200),
])
def test_entries_of_every_promised_form(start_house, fields, expected):
    house = start_house(entries=[keys.entry(), fields], WORKERS=1)
    assert status(house, OTHER) == expected
    assert status(house) == 200


def test_an_entry_without_an_id_has_the_start_of_its_hash(start_house):
    entry = keys.entry(OTHER)
    del entry["key_id"]
    house = start_house(entries=[entry], WORKERS=1)
    assert info(house, OTHER)["key_id"] == entry["key_hash"][:8]


def test_of_two_entries_with_one_hash_the_last_holds(start_house):
    house = start_house(entries=[keys.entry(key_id="first"), keys.entry(key_id="last")], WORKERS=1)
    assert info(house)["key_id"] == "last"


def test_keys_of_the_environment_come_in_addition_and_stay(start_house):
    house = start_house(API_KEYS=f"{PLAIN},{OTHER}")
    assert info(house, OTHER)["key_id"] == "env_key_1"
    assert status(house) == 200
    assert house.reload()["result"] == "ok"
    assert status(house, PLAIN) == 200


def test_a_missing_key_file_is_an_empty_one(start_house):
    house = start_house(API_KEYS_FILE="/nonexistent/keys.json")
    assert status(house) == 401


def test_rotation_with_grace(start_house):
    def entry(until_when):
        old, new = keys.entry(PLAIN)["key_hash"], keys.entry(OTHER)["key_hash"]
        return {"key_hash": new, "key_id": "rotated", "previous_hash": old, "previous_expires_at": until_when}

    house = start_house(entries=[entry(FUTURE.timestamp())])
    assert [info(house, key)["key_id"] for key in (PLAIN, OTHER)] == ["rotated", "rotated"]
    keys.write(house.key_file, entry(PAST.timestamp()))
    assert house.reload()["result"] == "ok"
    assert (status(house, PLAIN), status(house, OTHER)) == (401, 200)


def test_a_key_expires_between_two_requests_without_a_reload(start_house):
    house = start_house(entries=[keys.entry(expires_at=time.time() + 3), keys.entry(OTHER, "other")], WATCH="off")
    with house.connect() as connection:
        headers = {"Authorization": f"Bearer {keys.SECRET}"}
        assert connection.ask("GET", "/v1/models", headers).status == 200
        until("it expires", lambda: connection.ask("GET", "/v1/models", headers).status == 401)
    assert status(house, OTHER) == 200


class TestReload:
    @pytest.fixture
    def own(self, start_house):
        return start_house(WATCH="off")

    def test_a_new_set_holds_at_once_on_kept_connections_of_all_workers(self, own):
        with_old = {"Authorization": f"Bearer {keys.SECRET}"}
        with_new = {"Authorization": f"Bearer {OTHER}"}
        kept = [own.connect() for _ in range(16)]
        for connection in kept:
            assert connection.ask("GET", "/v1/models", with_old).status == 200
            assert connection.ask("GET", "/v1/models", with_new).status == 401
        workers = own.workers()
        keys.write(own.key_file, keys.entry(OTHER, "other"))
        assert own.reload()["result"] == "ok"
        for connection in kept:
            assert connection.ask("GET", "/v1/models", with_new).status == 200
            assert connection.ask("GET", "/v1/models", with_old).status == 401
            connection.close()
        assert sorted(own.workers()) == sorted(workers), "keys are data: no worker is restarted"

    @pytest.mark.parametrize("entry,field", [
        ({"key_id": "broken-entry"}, "key_hash"),
        ({"key_hash": "Not-A-Hash", "key_id": "broken-entry"}, "key_hash"),
        (keys.entry(OTHER, "broken-entry", expires_at="tomorrow"), "expires_at"),
        (keys.entry(OTHER, "broken-entry", rate_limit=-1), "rate_limit"),
        (keys.entry(OTHER, "broken-entry", rate_limit="many"), "rate_limit"),
        (keys.entry(OTHER, "broken-entry", enabled="perhaps"), "enabled"),
        (keys.entry(OTHER, "broken-entry", previous_hash="Not-A-Hash"), "previous_hash"),
    ])
    def test_a_file_with_a_fault_is_refused_whole_by_entry_and_field(self, own, entry, field):
        own.expect("reload")
        keys.write(own.key_file, keys.entry(OTHER, "other"), entry)
        outcome = own.reload()
        assert outcome["result"] != "ok"
        assert field in outcome["reason"]
        assert "broken-entry" in outcome["reason"] or "2" in outcome["reason"]
        assert (status(own), status(own, OTHER)) == (200, 401), "the old keys stay, none of the new is let in"
        assert entry.get("key_hash", "no hash") not in own.log_text()

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"keys": {}}', '{"keys": [1]}', '{"keys": [', "\x00"])
    def test_a_file_that_is_no_key_file_is_refused(self, own, text):
        own.expect("reload")
        keys.write_text(own.key_file, text)
        outcome = own.reload()
        assert outcome["result"] != "ok" and outcome["reason"]
        assert status(own) == 200

    def test_a_good_file_after_a_bad_one_is_taken(self, own):
        own.expect("reload")
        keys.write_text(own.key_file, "{")
        assert own.reload()["result"] != "ok"
        keys.write(own.key_file, keys.entry(), keys.entry(OTHER, "other"))
        assert own.reload()["result"] == "ok"
        assert status(own, OTHER) == 200


class TestWatch:
    @pytest.fixture
    def own(self, start_house):
        return start_house()

    def test_a_replaced_file_is_noticed_without_a_signal(self, own):
        keys.write(own.key_file, keys.entry(OTHER, "other"))
        until("the new key holds", lambda: status(own, OTHER) == 200)
        until("the old one does not", lambda: status(own) == 401)

    def test_a_file_rewritten_in_place_is_noticed(self, own):
        own.key_file.write_text(json.dumps({"keys": [keys.entry(OTHER, "other")]}))
        until("the new key holds", lambda: status(own, OTHER) == 200)

    def test_a_file_that_is_half_written_for_a_while_costs_nothing(self, own):
        own.key_file.write_text('{"keys": [')
        assert status(own) == 200
        own.key_file.write_text(json.dumps({"keys": [keys.entry(OTHER, "other")]}))
        until("the new key holds", lambda: status(own, OTHER) == 200)

    def test_a_file_that_stays_bad_is_named_once_and_the_old_keys_stay(self, own):
        own.expect("reload")
        keys.write_text(own.key_file, "{")
        until("an error line says so", lambda: own.lines(level="error"))
        assert status(own) == 200

    def test_nothing_is_noticed_when_it_is_off(self, start_house):
        house = start_house(WATCH="off")
        keys.write(house.key_file, keys.entry(OTHER, "other"))
        assert house.run("status").returncode == 0
        assert status(house, OTHER) == 401
        assert house.reload()["result"] == "ok"
        assert status(house, OTHER) == 200


class TestAtStart:
    def test_faulty_entries_are_named_and_left_out(self, start_house):
        house = start_house(entries=[keys.entry(), keys.entry(OTHER, "broken-entry", expires_at="tomorrow")])
        assert (status(house), status(house, OTHER)) == (200, 401)
        named = [line for line in house.lines() if "expires_at" in line.msg and line.level in ("warn", "error")]
        assert len(named) == 1
        house.expect(named[0].event)

    def test_hundred_thousand_keys_load_and_are_found(self, start_house):
        entries = [keys.entry(keys.secret(f"n{number}"), f"key-{number}") for number in range(100_000)]
        house = start_house(entries=entries)
        for number in (0, 1, 50_000, 99_999):
            assert info(house, keys.secret(f"n{number}"))["key_id"] == f"key-{number}"
        assert status(house, keys.secret("n100000")) == 401
        assert house.reload()["result"] == "ok"
