"""Keys over the admin API: what is answered is in force, nobody's work is lost, no secret is kept."""

import fcntl
import hashlib
import json
import os
import signal
import threading
import urllib.parse

import pytest
from harness import admin, certs, gatehouse, keys, raw
from harness.keys import use
from harness.poll import until

SETTINGS = {**admin.SETTINGS, "WORKERS": "3"}
ODD_IDS = ['"quoted\'', "<img src=x onerror=alert(1)>", "..", ".", "a/b/../c", "~YWJj", "Schlüssel für 100 % 🔑",
           "/" * 128, "ü" * 64, "env_key_7", "-", " blank ", "a?b=c&d#e"]


@pytest.fixture(name="door")
def _door(house):
    """A session in the module's house."""
    return admin.enter(house)


@pytest.fixture(name="own")
def _own(start_house):
    """start(**settings) -> a house of the test's own and a session in it."""
    def start(**settings):
        house = start_house(**{**SETTINGS, "UPSTREAM_HEADERS": None, **settings})
        return house, admin.enter(house)
    return start


def create(door, **fields):
    made = door.post("keys", fields, 201)
    return made["key"], made["secret"]


def entries(house):
    return json.loads(house.key_file.read_text())["keys"]


def ids(house):
    return [entry["key_id"] for entry in entries(house)]


def path_of(key, rest=""):
    return f"keys/{key['ref']}{rest}"


# each change is in force when it is answered


def test_a_new_key_works_at_once_and_its_secret_is_kept_nowhere(house, door):
    key, secret = create(door, description="n8n", rate_limit=500, expires_in_days=30)
    assert use(house, secret) == {200}
    assert key["status"] == "active"
    assert (key["description"], key["rate_limit"], key["source"]) == ("n8n", 500, "file")
    assert key["expires_at"] is not None
    shown = door.get(path_of(key))
    assert shown == key
    everything = json.dumps([shown, door.get("keys"), door.get("audit", limit=1000)]) + house.key_file.read_text()
    entry = next(entry for entry in entries(house) if entry["key_id"] == key["key_id"])
    assert secret not in everything
    assert entry["key_hash"] not in json.dumps([shown, door.get("keys"), door.get("audit", limit=1000)])
    house.log_never_has(secret, entry["key_hash"])


def test_a_revoked_key_is_refused_by_every_worker_from_the_next_request_on(house, door):
    key, secret = create(door)
    with house.connect() as kept:
        ask = raw.request("GET", "/v1/models", {"Authorization": f"Bearer {secret}"})
        kept.send(ask)
        assert kept.answer().status == 200
        for _ in range(5):
            assert door.post(path_of(key, "/revoke"))["status"] == "revoked"
            kept.send(ask)
            assert kept.answer().status == 401
            assert use(house, secret) == {401}
            assert door.post(path_of(key, "/enable"))["enabled"] is True
            kept.send(ask)
            assert kept.answer().status == 200


def test_a_change_is_in_force_with_the_watch_off(own):
    house, door = own(WATCH="off")
    key, secret = create(door)
    assert use(house, secret) == {200}
    door.post(path_of(key, "/revoke"))
    assert use(house, secret) == {401}
    door.delete(path_of(key))
    assert use(house, secret) == {401}


def test_nothing_else_that_is_broken_on_disk_keeps_a_revoked_key_in_force(own, folder, tmp_path):
    pair = certs.make(folder, "to-be-broken")
    models = tmp_path / "models.json"
    models.write_text((gatehouse.ROOT / "etc/models.json").read_text())
    house, door = own(tls=pair, MODELS_FILE=models, WATCH="off")
    key, secret = create(door)
    pair.cert.write_text("no certificate")
    models.write_text("no list")
    (house.folder / "settings.json").write_text("no settings")
    assert door.post(path_of(key, "/revoke"))["status"] == "revoked"
    assert use(house, secret) == {401}
    assert "refused" in house.reload()["result"]
    house.expect("reload")
    assert use(house, secret) == {401}


def test_a_rotation_with_grace_keeps_the_old_secret_for_its_time(house, door):
    key, first = create(door, description="rotates", rate_limit=77)
    second = door.post(path_of(key, "/rotate"), {"grace_seconds": 3600})
    assert second["key"]["previous_expires_at"] is not None
    assert {name: second["key"][name] for name in ("key_id", "description", "rate_limit")} == {
        "key_id": key["key_id"], "description": "rotates", "rate_limit": 77}
    assert use(house, first) == use(house, second["secret"]) == {200}
    third = door.post(path_of(key, "/rotate"))
    assert use(house, first) == use(house, second["secret"]) == {401}
    assert use(house, third["secret"]) == {200}


def test_a_patched_limit_and_expiry_hold_from_the_next_request_on(house, door):
    key, secret = create(door)
    assert door.patch(path_of(key), {"rate_limit": 0})["rate_limit"] == 0
    assert use(house, secret) == {429}
    assert door.patch(path_of(key), {"rate_limit": None})["rate_limit"] is None
    assert use(house, secret) == {200}
    expired = door.patch(path_of(key), {"expires_at": "2020-01-01T00:00:00Z"})
    assert (expired["status"], expired["expires_at"]) == ("expired", "2020-01-01T00:00:00Z")
    assert use(house, secret) == {401}
    assert door.patch(path_of(key), {"expires_at": None, "enabled": True, "description": "x"})["status"] == "active"
    assert use(house, secret) == {200}


def test_many_changes_at_once_are_all_in_force_when_they_are_answered(house, door):
    wrong = []

    def live(number):
        try:
            key, secret = create(door, key_id=f"crowd-{number}")
            for _ in range(3):
                door.post(path_of(key, "/revoke"))
                wrong.extend([number] if use(house, secret, 2) != {401} else [])
                door.post(path_of(key, "/enable"))
                wrong.extend([number] if use(house, secret, 2) != {200} else [])
            door.delete(path_of(key))
            wrong.extend([number] if use(house, secret, 2) != {401} else [])
        except AssertionError as error:
            wrong.append(str(error))

    threads = [threading.Thread(target=live, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# versions


def test_who_has_seen_another_version_changes_nothing(house, door):
    key, _ = create(door, rate_limit=5)
    changed = door.patch(path_of(key), {"rate_limit": 6, "if_revision": key["revision"]})
    assert changed["revision"] != key["revision"]
    stale = {"rate_limit": 7, "if_revision": key["revision"]}
    assert door.fault("PATCH", path_of(key), stale) == (409, "changed", "if_revision")
    assert door.fault("POST", path_of(key, "/revoke"), {"if_revision": key["revision"]})[:2] == (409, "changed")
    assert door.get(path_of(key)) == changed


def test_a_key_file_with_another_fault_is_named_and_left_alone(own):
    house, door = own(WATCH="off")
    text = json.dumps({"keys": [keys.entry(), {"key_id": "bad", "key_hash": "nonsense"}]})
    keys.write_text(house.key_file, text)
    admin.give(house)
    answer = door.call("POST", "keys", {})
    assert answer.status == 409
    assert answer.json()["error"]["code"] == "key_file"
    assert '"bad"' in answer.json()["error"]["message"]
    assert "nonsense" not in answer.json()["error"]["message"]
    assert house.key_file.read_text() == text
    page = door.get("keys")
    assert [key["key_id"] for key in page["keys"]] == ["e2e"]
    assert len(page["faults"]) == 1
    door.delete("keys/bad")
    assert ids(house) == ["e2e"]


def test_unknown_fields_and_the_order_of_entries_survive(own):
    house, door = own(entries=[keys.entry(owner={"team": "x"}), keys.entry("other", "zz", tags=["t"])])
    key, _ = create(door)
    door.patch("keys/zz", {"rate_limit": 3})
    door.delete(path_of(key))
    now = entries(house)
    assert [entry["key_id"] for entry in now] == ["e2e", "zz"]
    assert now[0]["owner"] == {"team": "x"}
    assert now[1]["tags"] == ["t"]


def test_keys_of_the_environment_are_shown_and_can_not_be_edited(own):
    house, door = own(API_KEYS="a-secret-of-the-environment,another-one-of-these")
    shown = door.get("keys/env_key_1")
    assert shown["source"] == "environment"
    assert use(house, "another-one-of-these") == {200}
    assert door.fault("POST", "keys/env_key_1/revoke")[:2] == (409, "environment_key")
    assert door.fault("DELETE", "keys/env_key_0")[:2] == (409, "environment_key")
    assert door.fault("DELETE", "keys/env_key_2")[:2] == (404, "not_found")
    assert use(house, "another-one-of-these") == {200}
    assert [key["source"] for key in door.get("keys")["keys"]] == ["file", "environment", "environment"]


# what is asked


@pytest.mark.parametrize(("fields", "param"), [
    ({"rate_limit": -1}, "rate_limit"), ({"rate_limit": 2**32}, "rate_limit"), ({"rate_limit": 1.5}, "rate_limit"),
    ({"rate_limit": "5"}, "rate_limit"), ({"rate_limit": True}, "rate_limit"),
    ({"description": 5}, "description"), ({"description": None}, "description"),
    ({"description": "x" * 257}, "description"), ({"description": "a\nb"}, "description"),
    ({"expires_at": "tomorrow"}, "expires_at"), ({"expires_at": 5}, "expires_at"),
    ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"), ({"expires_in_days": 0}, "expires_in_days"),
    ({"expires_in_days": None}, "expires_in_days"),
    ({"expires_in_days": 1, "expires_at": "2099-01-01"}, "expires_in_days"),
    ({"key_id": ""}, "key_id"), ({"key_id": "x" * 129}, "key_id"), ({"key_id": "a\tb"}, "key_id"),
])
def test_a_field_that_makes_no_sense_is_named(house, door, fields, param):
    before = ids(house)
    assert door.fault("POST", "keys", fields) == (400, "invalid_value", param)
    assert ids(house) == before


def test_fields_that_there_are_not_and_keys_that_there_are_not(house, door):
    assert door.fault("POST", "keys", {"secret": "mine"}) == (400, "unknown_field", "secret")
    assert door.fault("PATCH", "keys/e2e", {"key_id": "other"}) == (400, "unknown_field", "key_id")
    assert door.fault("PATCH", "keys/e2e", {})[:2] == (400, "invalid_value")
    assert door.fault("POST", "keys/e2e/rotate", {"grace_seconds": -1}) == (400, "invalid_value", "grace_seconds")
    for method, path in (("GET", "keys/nobody"), ("PATCH", "keys/nobody"), ("DELETE", "keys/nobody"),
                         ("POST", "keys/nobody/revoke"), ("POST", "keys/nobody/rotate")):
        body = {"rate_limit": 1} if method == "PATCH" else {} if method == "POST" else None
        assert door.fault(method, path, body)[:2] == (404, "not_found")
    assert door.fault("POST", "keys", {"key_id": "e2e"}) == (409, "exists", "key_id")
    assert use(house, keys.SECRET) == {200}


@pytest.mark.parametrize("key_id", ODD_IDS)
def test_an_id_is_text_and_nothing_else(house, door, key_id):
    label = f"{key_id} </script>&amp;"[:80]
    key, secret = create(door, key_id=key_id, description=label)
    assert (key["key_id"], key["description"]) == (key_id, label)
    assert urllib.parse.quote(key["ref"], safe="~") == key["ref"]
    assert door.get(path_of(key)) == key
    assert [found["key_id"] for found in door.get("keys", q=label)["keys"]] == [key_id]
    assert door.patch(path_of(key), {"rate_limit": 100})["rate_limit"] == 100
    assert use(house, secret, 2) == {200}
    assert door.post(path_of(key, "/revoke"))["status"] == "revoked"
    assert use(house, secret, 2) == {401}
    assert door.audit("key.revoke")[0]["target"] == key_id
    door.delete(path_of(key))
    assert key_id not in ids(house)


# lists


def many(count):
    return [{"key_id": f"key-{number:06}", "key_hash": hashlib.sha256(b"%d" % number).hexdigest(), "description": f"team {number % 1000}",
             "enabled": number % 10 != 3, "expires_at": 1 if number % 10 == 5 else None} for number in range(1, count + 1)]


def test_ten_thousand_keys_are_one_page(own):
    house, door = own(entries=[keys.entry(), *many(9999)])
    page = door.get("keys", limit=10000)
    assert len(page["keys"]) == page["total"] == page["matched"] == 10000
    assert page["next"] is None
    assert page["counts"] == {"active": 8000, "revoked": 1000, "expired": 1000}
    assert [key["key_id"] for key in page["keys"]] == sorted(key["key_id"] for key in page["keys"])
    found = door.get("keys", q="TEAM 777", status="active")
    assert found["matched"] == len(found["keys"]) == 10
    assert {key["description"] for key in found["keys"]} == {"team 777"}
    door.post("keys/key-000001/revoke")
    assert door.get("keys", q="key-000001")["keys"][0]["status"] == "revoked"
    assert len(ids(house)) == 10000


def test_a_hundred_thousand_keys_are_leafed_through(own):
    _, door = own(program=gatehouse.release_binary(), entries=[keys.entry(), *many(99999)])
    seen, after = [], None
    while True:
        page = door.get("keys", limit=10000, **({"after": after} if after else {}))
        assert page["total"] == 100000
        seen += [key["key_id"] for key in page["keys"]]
        after = page["next"]
        if after is None:
            break
    assert len(seen) == len(set(seen)) == 100000
    assert seen == sorted(seen)
    key, secret = create(door, key_id="one-more")
    door.post(path_of(key, "/revoke"))
    assert use(door.house, secret) == {401}


def test_parameters_of_a_list_are_checked(door):
    for query, param in (({"limit": "0"}, "limit"), ({"limit": "10001"}, "limit"), ({"limit": "x"}, "limit"),
                         ({"status": "blocked"}, "status"), ({"q": "x" * 300}, "q"), ({"after": "a\nb"}, "after")):
        assert door.fault("GET", "keys", **query) == (400, "invalid_value", param)


# the audit


def test_every_change_is_audited_with_old_and_new_values(house, door):
    key, _ = create(door, description="first", rate_limit=5)
    door.patch(path_of(key), {"rate_limit": None, "description": "second"})
    rotated = door.post(path_of(key, "/rotate"), {"grace_seconds": 60})["key"]
    door.post(path_of(key, "/revoke"))
    door.delete(path_of(key))
    door.fault("DELETE", path_of(key))

    def last(action):
        record = door.audit(action)[0]
        assert record["target"] == key["key_id"]
        assert record["actor"]["kind"] == "session"
        assert record["from"] == "127.0.0.1"
        return record["detail"]

    assert last("key.create") == {"description": [None, "first"], "rate_limit": [None, 5],
                                  "expires_at": [None, None], "enabled": [None, True]}
    assert last("key.set") == {"rate_limit": [5, None], "description": ["first", "second"]}
    assert last("key.rotate") == {"secret": "new", "previous_expires_at": rotated["previous_expires_at"]}
    assert last("key.revoke") == {"enabled": [True, False]}
    assert last("key.delete")["description"] == ["second", None]
    assert "why" in last("key.delete.refused")
    assert door.get("audit/verify")["whole"] is True
    house.log_never_has("second")


def test_a_deleted_key_can_take_its_usage_with_it(house, door):
    chat = json.dumps({"model": "gpt-oss-120b", "messages": [{"role": "user", "content": "hi"}]}).encode()
    used = []
    for forget in ("false", "true"):
        key, secret = create(door, key_id=f"used-{forget}")
        assert house.ask("POST", "/v1/chat/completions", body=chat, key=secret).status == 200
        door.delete(path_of(key), forget=forget)
        used.append(key["key_id"])
    rows = {row["key_id"]: row for row in door.get("usage", by="key")["rows"]}
    assert used[0] in rows
    assert used[1] not in rows
    assert rows["forgotten"]["requests"] == 1
    assert door.audit("usage.forget")[0]["target"] == used[1]
    assert door.fault("DELETE", "keys/e2e", forget="maybe") == (400, "invalid_value", "forget")


# what goes wrong on the way


def test_a_master_that_does_not_answer_is_told_truthfully(own):
    house, door = own()
    key, secret = create(door)
    os.kill(house.pid, signal.SIGSTOP)
    try:
        answer = door.call("POST", path_of(key, "/rotate"), {})
    finally:
        os.kill(house.pid, signal.SIGCONT)
    body = answer.json()
    assert answer.status == 504
    assert body["error"]["code"] == "not_confirmed"
    until("it is in force after all", lambda: use(house, body["secret"], 1) == {200})
    assert use(house, secret) == {401}
    assert door.audit("key.rotate.not_in_force")[0]["target"] == key["key_id"]


def test_a_folder_that_admin_may_not_write_to_is_named(start_house, is_root):
    if not is_root:
        pytest.skip("only root runs admin as somebody else")
    house = start_house(**SETTINGS)
    admin.give(house)
    os.chown(house.folder, 0, 0)
    door = admin.logged_in(house)
    before = house.key_file.read_text()
    assert door.fault("POST", "keys", {})[:2] == (500, "key_file")
    assert any("API_KEYS_FILE" in warning for warning in door.get("settings")["warnings"])
    assert house.key_file.read_text() == before


CHANGES = {
    "create": lambda door, n: door.call("POST", "keys", {"key_id": f"new-{n}"}),
    "set": lambda door, n: door.call("PATCH", "keys/spare", {"description": f"round {n}", "rate_limit": 1000 + n}),
    "rotate": lambda door, _: door.call("POST", "keys/spare/rotate", {"grace_seconds": 60}),
    "revoke": lambda door, _: door.call("POST", "keys/spare/revoke", {}),
    "delete": lambda door, n: door.call("DELETE", f"keys/old-{n}"),
}
KILL_STAGES = ("written", "replaced", "sent")


@pytest.mark.parametrize("name", CHANGES)
def test_admin_killed_in_each_kind_of_change_leaves_a_whole_key_file(own, name):
    old = [keys.entry(f"old-{number}", f"old-{number}") for number in range(len(KILL_STAGES))]
    filler = many(300)  # so that writing takes its time
    house, door = own(entries=[keys.entry(), keys.entry("spare", "spare"), *old, *filler])
    for number, stage in enumerate(KILL_STAGES):
        before = {entry["key_id"]: entry for entry in entries(house)}
        victim = kill_at(stage, house, lambda at=number, by=door: attempt(CHANGES[name], by, at))
        house.expect("child_exit")
        after = {entry["key_id"]: entry for entry in entries(house)}
        differ = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        assert differ <= {"spare", f"new-{number}", f"old-{number}"}, (stage, differ)
        assert len(differ) <= 1, (stage, differ)
        assert use(house, keys.SECRET) == {200}
        until("admin has a successor", lambda gone=victim: house.admin() and house.admin() != [gone])
        door = until("one can log in again", lambda: re_enter(house))
    key, secret = create(door)
    assert use(house, secret) == {200}
    door.delete(path_of(key))
    house.expect("child_exit")


def kill_at(stage, house, change):
    """Kill admin while it makes a change: once a new version lies beside the file, or in its place, or at once."""
    victim = house.admin()[0]
    inode = os.stat(house.key_file).st_ino
    names = set(os.listdir(house.folder))
    is_time = {"sent": lambda: True, "written": lambda: set(os.listdir(house.folder)) - names,
               "replaced": lambda: os.stat(house.key_file).st_ino != inode}[stage]
    asked = threading.Thread(target=change)
    asked.start()
    while asked.is_alive() and not is_time():
        pass  # no pause: the moment is short
    os.kill(victim, signal.SIGKILL)
    asked.join()
    return victim


def attempt(change, door, number):
    try:
        change(door, number)
    except (OSError, raw.Broken):
        pass  # admin was killed: what the file says now is looked at


def re_enter(house):
    try:
        return admin.logged_in(house)
    except AssertionError:
        return None


# together


def test_api_command_line_and_a_locking_editor_lose_nothing_of_one_another(own):
    house, door = own()
    wrong = []

    def by_api():
        for number in range(12):
            create(door, key_id=f"api-{number}")
            door.patch("keys/e2e", {"rate_limit": 1000 + number})

    def by_cli():
        for number in range(6):
            done = house.run("keys", "create", "--id", f"cli-{number}")
            wrong.extend([done.stderr] if done.returncode != 0 else [])
            admin.give(house)

    def by_editor():
        for number in range(12):
            edit_under_lock(house.key_file, lambda data, n=number: data["keys"].append(
                keys.entry(f"editor-{n}", f"editor-{n}", note="by hand")))

    def guarded(work):
        try:
            work()
        except Exception as error:  # noqa: BLE001, reported below
            wrong.append(repr(error))

    threads = [threading.Thread(target=guarded, args=(work,)) for work in (by_api, by_cli, by_editor)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    expected = {"e2e", *(f"api-{n}" for n in range(12)), *(f"cli-{n}" for n in range(6)),
                *(f"editor-{n}" for n in range(12))}
    now = entries(house)
    assert {entry["key_id"] for entry in now} == expected
    assert len(now) == len(expected)
    assert next(entry for entry in now if entry["key_id"] == "e2e")["rate_limit"] == 1011
    until("the last edit is in force", lambda: use(house, "editor-11", 1) == {200})


def edit_under_lock(path, change):
    """What a careful script does: lock, look whether it is still the file, rewrite beside, rename."""
    while True:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_ino != path.stat().st_ino:
                continue
            data = json.load(file)
            change(data)
            rewrite(path, data)
            return


def rewrite(path, data):
    state = path.stat()
    new = path.with_name(".editor.new")
    new.write_text(json.dumps(data))
    new.chmod(0o600)
    os.chown(new, state.st_uid, state.st_gid)
    new.replace(path)


def test_an_editor_that_rewrites_while_the_api_waits_is_not_overwritten(own):
    house, door = own()
    answers = []
    with house.key_file.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # the API's edit waits for this file ...
        asked = threading.Thread(target=lambda: answers.append(create(door, key_id="by-api")))
        asked.start()
        data = json.load(held)
        data["keys"].append(keys.entry("by-hand", "by-hand"))
        rewrite(house.key_file, data)  # ... which is another one by then
    asked.join()
    assert answers
    assert ids(house) == ["e2e", "by-hand", "by-api"]
    assert use(house, "by-hand") == use(house, answers[0][1]) == {200}


def test_a_locked_key_file_is_told_after_a_while(own):
    house, door = own()
    with house.key_file.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert door.fault("POST", "keys", {})[:2] == (503, "key_file_locked")
        assert use(house, keys.SECRET) == {200}
    create(door)
