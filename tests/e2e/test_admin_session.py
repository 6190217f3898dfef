"""Logging in and out: what the cookie is, who is locked out, what ends a session, and that the audit knows of it."""

import json
import os
import signal

import pytest
from harness import admin, raw
from harness.admin import Admin, error, logged_in
from harness.poll import until

SETTINGS = {**admin.SETTINGS, "TRUST_PROXY": "true", "TRUSTED_PROXIES": "127.0.0.0/8"}


def forwarded(address):
    """The header by which a trusted proxy tells the client's address."""
    return [("X-Forwarded-For", address)]


def try_password(client, password, address="127.0.0.1", **headers):
    return client.call("POST", "session", {"password": password}, forwarded(address) + list(headers.items()))


def actions(client):
    return [record["action"] for record in client.get("audit?limit=1000")["records"]]


def test_the_cookie_is_for_admin_alone_and_hidden_from_scripts(house):
    answer = Admin(house).login()
    value, attributes = admin.cookie_of(answer)
    assert len(value) == 43
    assert set(attributes) == {"Path=/admin", "HttpOnly", "SameSite=Strict", "Max-Age=86400"}
    assert answer.get("cache-control") == "no-store"
    said = answer.json()
    assert said["kind"] == "session"
    assert said["scopes"] == ["admin"]
    assert said["password_warning"] is None
    assert value not in answer.body.decode()


def test_over_tls_the_cookie_is_secure(house):
    _, attributes = admin.cookie_of(Admin(house, connect=house.connect_tls).login())
    assert "Secure" in attributes


def test_a_session_is_told_who_it_is_and_nobody_is_not(house):
    client = logged_in(house)
    said = client.get("session")
    assert said["authenticated"] is True
    assert said["csrf_token"] == client.csrf
    assert said["created_at"] < said["idle_expires_at"] < said["expires_at"]
    assert error(Admin(house).call("GET", "session"))["code"] == "no_session"


def test_two_logins_are_two_sessions_and_one_may_end(house):
    one, two = logged_in(house), logged_in(house)
    assert one.cookie != two.cookie
    assert one.csrf != two.csrf
    answer = one.call("DELETE", "session")
    assert answer.status == 204
    assert admin.cookie_of(answer) == ("", ["Path=/admin", "HttpOnly", "SameSite=Strict", "Max-Age=0"])
    assert one.call("GET", "session").status == 401
    assert two.call("GET", "session").status == 200


def test_logging_out_everywhere_ends_all(house):
    one, two = logged_in(house), logged_in(house)
    listed = one.get("sessions")["sessions"]
    assert [entry["current"] for entry in listed].count(True) == 1
    assert all(entry["from"] == "127.0.0.1" for entry in listed)
    assert one.call("DELETE", "sessions").status == 204
    assert one.call("GET", "session").status == 401
    assert two.call("GET", "session").status == 401


def test_a_login_ends_the_session_it_replaces(house):
    client = logged_in(house)
    old = Admin(house)
    old.cookie = client.cookie
    client.login()
    assert client.call("GET", "session").status == 200
    assert old.call("GET", "session").status == 401


@pytest.mark.parametrize("body", [{}, {"password": None}, {"password": 7}, {"password": "x" * 1025},
                                  {"password": admin.PASSWORD, "user": "root"}])
def test_a_login_of_another_form_is_refused(house, body):
    assert Admin(house).call("POST", "session", body).status == 400


def test_wrong_passwords_lock_their_address_alone(house):
    client = Admin(house)
    for left in (4, 3, 2, 1, 0):
        answer = try_password(client, "wrong", "192.0.2.77")
        assert answer.status == 401
        assert error(answer)["code"] == "invalid_password"
        assert error(answer)["attempts_left"] == left
        assert admin.cookie_of(answer) == (None, [])
    locked = try_password(client, admin.PASSWORD, "192.0.2.77")
    assert locked.status == 429
    assert error(locked)["code"] == "locked"
    assert 0 < int(locked.get("retry-after")) <= 300
    assert try_password(client, admin.PASSWORD, "192.0.2.78").status == 200
    records = [record for record in logged_in(house).get("audit?limit=1000")["records"]
               if record["from"] == "192.0.2.77"]
    assert [record["action"] for record in records] == ["session.refused"] * 5


def test_the_addresses_of_a_network_are_locked_as_one(house):
    client = Admin(house)
    for last in range(5):
        assert try_password(client, "wrong", f"2001:db8:77::{last + 1:x}").status == 401
    assert try_password(client, admin.PASSWORD, "2001:db8:77::ffff").status == 429
    assert try_password(client, admin.PASSWORD, "2001:db8:78::1").status == 200


def test_the_right_password_forgives_the_wrong_ones_before(house):
    client = Admin(house)
    for _ in range(3):
        for _ in range(4):
            assert try_password(client, "wrong", "192.0.2.90").status == 401
        assert try_password(client, admin.PASSWORD, "192.0.2.90").status == 200


def test_many_wrong_passwords_from_everywhere_lock_nobody_out(start_house):
    house = start_house(**SETTINGS)
    client = Admin(house)
    for last in range(60):
        assert try_password(client, "wrong", f"198.51.100.{last + 1}").status == 401
    assert try_password(client, admin.PASSWORD, "203.0.113.1").status == 200


def test_a_client_that_leaves_before_its_delayed_answer_costs_nothing(start_house):
    house = start_house(**SETTINGS)
    client = Admin(house)
    body = json.dumps({"password": "wrong"}).encode()
    for last in range(40):
        assert try_password(client, "wrong", f"198.51.100.{last + 1}").status == 401
    for last in range(40):
        with house.connect() as connection:
            connection.send(
                b"POST /admin/api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"X-Forwarded-For: 203.0.113.%d\r\nContent-Length: %d\r\n\r\n%s" % (last + 1, len(body), body))
    assert try_password(client, admin.PASSWORD, "192.0.2.1").status == 200


def test_the_client_cannot_choose_its_address(start_house):
    house = start_house(**admin.SETTINGS)
    client = Admin(house)
    for last in range(5):
        answer = client.call("POST", "session", {"password": "wrong"},
                             [("X-Gatehouse-Client", f"192.0.2.{last}"), ("X-Forwarded-For", f"192.0.2.{last}")])
        assert answer.status == 401
    assert client.login().status == 429


def test_every_attempt_is_in_the_audit(house):
    client = logged_in(house)
    before = len(actions(client))
    try_password(Admin(house), "wrong", "192.0.2.140")
    other = logged_in(house)
    other.call("DELETE", "session")
    new = actions(client)[:len(actions(client)) - before]
    assert new == ["session.logout", "session.login", "session.refused"]
    assert client.get("audit/verify")["whole"] is True


def test_no_secret_reaches_log_file_or_audit(house):
    client = logged_in(house)
    try_password(Admin(house), "Wrong-Password-Of-A-Test", "192.0.2.150")
    said = json.dumps(client.get("audit?limit=1000"))
    data = (house.folder / "data/sessions.json").read_text()
    for secret in (admin.PASSWORD, "Wrong-Password-Of-A-Test", client.cookie, client.csrf):
        house.log_never_has(secret)
        assert secret not in said
        assert secret not in data
    assert (house.folder / "data/sessions.json").stat().st_mode & 0o777 == 0o600


def test_a_session_outlives_the_admin_process(start_house):
    house = start_house(**admin.SETTINGS)
    client = logged_in(house)
    before = house.admin()
    house.expect("child_exit")
    os.kill(before[0], signal.SIGKILL)
    until("there is another admin process", lambda: house.admin() not in ([], before))
    until("it knows the session", lambda: client.call("GET", "session").status == 200)
    client.delete("session")


def test_another_password_ends_all_sessions(start_house, folder):
    path = folder / "another-password"
    path.write_text(admin.PASSWORD + "\n")
    house = start_house(ADMIN_PASSWORD_FILE=path)
    client = logged_in(house)
    path.write_text("another password altogether\n")
    assert house.reload()["result"] == "ok"
    until("the session has ended", lambda: client.call("GET", "session").status == 401)
    assert client.login().status == 401
    assert client.login("another password altogether").status == 200


def test_a_short_password_is_warned_of(start_house):
    house = start_house(ADMIN_PASSWORD="short")
    assert "12 characters" in Admin(house).login("short").json()["password_warning"]


def test_without_a_password_all_of_admin_is_off(start_house):
    house = start_house()
    client = Admin(house)
    for method, path in (("GET", "session"), ("POST", "session"), ("GET", "openapi.json"), ("DELETE", "sessions")):
        answer = client.call(method, path)
        assert answer.status == 404
        assert error(answer)["code"] == "admin_off"
    for target in ("/admin", "/admin/keys", "/admin/static/index.html", "/admin/metrics"):
        page = client.send("GET", target, [("Accept", "text/html,*/*")])
        assert page.status == 404
        assert page.get("content-type").startswith("text/html")
        assert "unsafe-inline" not in page.get("content-security-policy")
        assert b"ADMIN_PASSWORD" in page.body
        assert error(client.send("GET", target))["code"] == "admin_off"


def test_admin_listen_is_the_only_place_of_admin(start_house):
    house = start_house(**admin.SETTINGS, ADMIN_LISTEN="http://127.0.0.1:0")
    (port,) = {int(address.rpartition(":")[2]) for address in house.status()["admin_listen"]}
    inside = logged_in(house, connect=lambda: raw.Connection(port))
    assert inside.send("GET", "/admin").status == 200
    assert inside.send("GET", "/v1/models", [("Authorization", "Bearer x")]).status == 404
    outside = Admin(house)
    assert outside.send("GET", "/admin").status == 404
    assert outside.call("POST", "session", {"password": admin.PASSWORD}).status == 404
    outside.cookie = inside.cookie
    assert outside.call("GET", "session").status == 404
