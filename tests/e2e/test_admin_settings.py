"""Settings over the admin API: limits in force at once, what is shown, the live look at upstream."""

import fcntl
import json
import socket
import threading

import pytest
from harness import admin, certs, keys, procfs
from harness.poll import until

SETTINGS = admin.SETTINGS
FIELDS = {"rate_limit_requests": 1000000, "rate_limit_window": 60,
          "ip_rate_limit_requests": 1000000, "ip_rate_limit_window": 60}


@pytest.fixture(name="own")
def _own(start_house):
    """start(**settings) -> a house of the test's own and a session in it."""
    def start(**settings):
        house = start_house(**{**admin.SETTINGS, **settings})
        return house, admin.enter(house)
    return start


def limits(door):
    return {name: (limit["value"], limit["source"], limit["configured"])
            for name, limit in door.get("settings")["limits"].items()}


def settings_file(house):
    return house.folder / "settings.json"


def statuses(house, times):
    return [house.ask("GET", "/v1/models").status for _ in range(times)]


def test_limits_are_in_force_in_every_worker_when_they_are_answered(own):
    house, door = own(WATCH="off", WORKERS="3")
    assert limits(door) == {name: (value, "configuration", value) for name, value in FIELDS.items()}
    shown = door.patch("settings", {"rate_limit_requests": 3})
    assert shown["limits"]["rate_limit_requests"] == {"value": 3, "source": "settings", "configured": 1000000}
    assert statuses(house, 6) == [200, 200, 200, 429, 429, 429]
    door.patch("settings", {"rate_limit_requests": 5})
    assert statuses(house, 4) == [200, 200, 429, 429]
    assert json.loads(settings_file(house).read_text()) == {"rate_limit_requests": 5}
    door.patch("settings", {"rate_limit_requests": None, "rate_limit_window": 61})
    assert limits(door)["rate_limit_requests"] == (1000000, "configuration", 1000000)
    assert limits(door)["rate_limit_window"] == (61, "settings", 60)
    assert statuses(house, 4) == [200] * 4


def test_an_address_limit_holds_at_once(own):
    house, door = own(WATCH="off")
    door.patch("settings", {"ip_rate_limit_requests": 4, "ip_rate_limit_window": 3600})
    assert statuses(house, 6) == [200] * 4 + [429] * 2


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("value", [0, -1, 1.5, "5", True, [1], 2**40])
def test_a_limit_that_makes_no_sense_is_named_and_changes_nothing(house, name, value):
    door = admin.enter(house)
    before = limits(door)
    assert door.fault("PATCH", "settings", {name: value}) == (400, "invalid_value", name)
    assert limits(door) == before


def test_only_the_four_can_be_changed(house):
    door = admin.enter(house)
    assert door.fault("PATCH", "settings", {"admin_password": "x"}) == (400, "unknown_field", "admin_password")
    assert door.fault("PATCH", "settings", {})[:2] == (400, "invalid_value")


def test_each_change_is_audited_with_old_and_new(own):
    _, door = own()
    door.patch("settings", {"rate_limit_requests": 50, "ip_rate_limit_window": 70})
    door.patch("settings", {"rate_limit_requests": None})
    newest, oldest = door.audit("settings.set")
    assert oldest["detail"] == {"rate_limit_requests": [None, 50], "ip_rate_limit_window": [None, 70]}
    assert newest["detail"] == {"rate_limit_requests": [50, None]}
    assert newest["actor"]["kind"] == "session"


def test_a_settings_file_with_a_fault_is_named_and_left_alone(own):
    house, door = own(WATCH="off")
    text = '{"rate_limit_requests": 5, "colour": "green"}'
    settings_file(house).write_text(text)
    settings_file(house).chmod(0o644)
    assert door.fault("PATCH", "settings", {"rate_limit_requests": 6})[:2] == (409, "settings_file")
    assert settings_file(house).read_text() == text
    settings_file(house).write_text("{")
    assert door.fault("PATCH", "settings", {"rate_limit_requests": 6})[:2] == (409, "settings_file")
    assert any("no valid JSON" in warning for warning in door.get("settings")["warnings"])
    assert limits(door)["rate_limit_requests"][0] == 1000000
    assert "settings.set.refused" in {record["action"] for record in door.get("audit")["records"]}


def test_a_broken_key_file_does_not_hold_up_the_limits(own):
    house, door = own(WATCH="off")
    keys.write_text(house.key_file, "no keys")
    assert door.patch("settings", {"rate_limit_requests": 9})["limits"]["rate_limit_requests"]["value"] == 9
    assert statuses(house, 1) == [200]


def test_changes_by_several_at_once_are_all_kept(own):
    house, door = own()
    settings_file(house).write_text("{}")
    admin.give(house)
    wrong = []

    def change(name, first):
        for value in range(first, first + 6):
            answer = door.call("PATCH", "settings", {name: value})
            if answer.status != 200:
                wrong.append((answer.status, answer.body))

    threads = [threading.Thread(target=change, args=(name, 1000 * number + 1000)) for number, name in enumerate(FIELDS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert json.loads(settings_file(house).read_text()) == {
        name: 1000 * number + 1005 for number, name in enumerate(FIELDS)}
    with settings_file(house).open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert door.fault("PATCH", "settings", {"rate_limit_requests": 1})[:2] == (503, "settings_file_locked")


def test_what_is_shown_has_no_secret_and_tells_where_all_is(own, pair):
    house, door = own(tls=pair, METRICS_TOKEN="the-metrics-token-is-secret", API_KEYS="an-environment-key-is-secret")
    shown = door.get("settings")
    text = json.dumps(shown)
    for secret in (admin.PASSWORD, keys.UPSTREAM_SECRET, "the-metrics-token", "an-environment-key", keys.SECRET):
        assert secret not in text
    assert shown["keys_file"] == str(house.key_file)
    assert shown["data_dir"] == str(house.folder / "data")
    assert shown["settings_file"] == str(settings_file(house))
    assert shown["workers"] == 2
    assert shown["ledger"]["open"] is True
    assert shown["ledger"]["disk_free_bytes"] > 0
    certificate, = shown["certificates"]
    assert certificate["file"] == str(pair.cert)
    assert "localhost" in certificate["names"]
    assert certificate["not_after"] == shown["certificates_in_force_until"]
    assert certificate["error"] is None
    configuration = {row["name"]: row["value"] for row in shown["configuration"]}
    assert configuration["ADMIN_PASSWORD"] == configuration["PRIVATEMODE_API_KEY"] == "(set, not shown)"
    assert configuration["DATA_DIR"] == shown["data_dir"]
    checked = house.run("check").stdout.splitlines()
    assert {f"{name} = {value}" for name, value in configuration.items()} == {
        line for line in checked if not line.startswith("#")}


def test_a_certificate_that_can_not_be_read_is_said_to_be(own, folder):
    pair = certs.make(folder, "goes-away")
    _, door = own(tls=pair, WATCH="off")
    pair.cert.write_text("nothing")
    certificate, = door.get("settings")["certificates"]
    assert (certificate["not_after"], certificate["error"]) == (None, "holds no certificate")


# the live look at upstream


def check(door):
    return door.post("upstream/check")


def test_upstream_is_looked_at_live_without_a_request(own, standin):
    house, door = own()
    assert house.ask("GET", "/v1/models").status == 200
    standin.mark()
    seen = check(door)
    assert (seen["up"], seen["error"], seen["tls"]) == (True, None, False)
    assert seen["connect_ms"] >= 0
    assert standin.requests() == []
    shown = door.get("settings")["upstream"]
    assert shown["up"] is True
    assert shown["last_ok_at"] is not None
    assert shown["addresses"]


def test_an_upstream_that_is_not_there_is_refused(start_house):
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        house = start_house(upstream=f"http://127.0.0.1:{reserved.getsockname()[1]}", **admin.SETTINGS)
        seen = check(admin.enter(house))
        assert (seen["up"], seen["error"], seen["connect_ms"]) == (False, "refused", None)


def test_an_upstream_that_does_not_shake_hands_times_out_and_holds_nobody_up(start_house):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        house = start_house(upstream=f"https://127.0.0.1:{silent.getsockname()[1]}", UPSTREAM_CONNECT_TIMEOUT="2",
                            **admin.SETTINGS)
        door = admin.enter(house)
        seen = []
        asked = threading.Thread(target=lambda: seen.append(check(door)))
        asked.start()
        silent.accept()[0].setblocking(False)
        assert door.get("status")["draining"] is False
        asked.join()
        assert (seen[0]["up"], seen[0]["tls"]) == (False, True)
        assert seen[0]["error"] in {"timeout", "tls"}


def test_an_upstream_on_a_unix_socket_is_looked_at(start_house, folder):
    path = folder / "upstream-of-settings"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o777)
        listener.listen(8)
        house = start_house(upstream=f"unix:{path}", **admin.SETTINGS)
        door = admin.enter(house)
        assert check(door)["up"] is True
    assert check(door)["error"] == "refused"


def test_a_client_that_leaves_while_its_change_is_made_changes_all_the_same(own):
    house, door = own()
    path = settings_file(house)
    path.write_text("{}")
    admin.give(house)
    with path.open() as held, house.connect() as connection:
        fcntl.flock(held, fcntl.LOCK_EX)  # the change has begun, and waits for this
        connection.send(door.request("PATCH", "settings", {"rate_limit_requests": 77}))
        until("the change has begun", lambda: str(path) in procfs.open_files(house.admin()[0]))
        connection.reset()
    until("it is made", lambda: limits(door)["rate_limit_requests"][0] == 77)
    assert json.loads(path.read_text()) == {"rate_limit_requests": 77}
