"""The admin page's doors and switches in a real browser: logging in and out, limits, upstream, tokens."""

import pytest
from harness import admin, keys
from playwright.sync_api import expect

SETTINGS = admin.SETTINGS


# sessions


def test_wrong_passwords_lock_out_even_the_right_one(visit, start_house, pair):
    house = start_house(tls=pair, **admin.SETTINGS)
    someone = visit(house)
    page = someone.page
    page.goto("/admin/settings")
    someone.expect_refusals(6)
    for left in (4, 3, 2, 1):
        someone.login("wrong")
        expect(page.get_by_role("alert")).to_contain_text(f"{left} attempt")
    someone.login("wrong")
    expect(page.get_by_role("alert")).not_to_contain_text("1 attempt")
    if page.get_by_role("button", name="Log in").is_enabled():
        someone.login(admin.PASSWORD)
    expect(page.get_by_role("alert")).to_contain_text("Too many wrong passwords")
    expect(page.get_by_role("button", name="Log in")).to_be_disabled()
    assert admin.Admin(house).login().status == 429


def test_an_ended_session_leads_to_login_and_back(visit, house):
    someone = visit(house)
    page = someone.enter()
    page.get_by_role("link", name="Usage & costs").click()
    someone.heading("Usage & costs")
    someone.choose("7 days")
    someone.context.clear_cookies()
    someone.expect_refusals(3)
    page.get_by_role("link", name="Audit").click()
    expect(page.get_by_text("Your session has ended.")).to_be_visible()
    someone.login()
    someone.heading("Audit")


@pytest.mark.parametrize("elsewhere", ["https://example.com/", "//example.com", "/admin/login", "javascript:alert(1)"])
def test_login_leads_nowhere_but_into_the_page(visit, house, elsewhere):
    someone = visit(house)
    someone.page.goto(f"/admin/login?next={elsewhere}")
    someone.login()
    someone.heading("API keys")


def test_logging_out_everywhere_ends_every_session(visit, start_house, pair):
    house = start_house(tls=pair, **admin.SETTINGS)
    one, other = visit(house), visit(house)
    one.enter()
    other.enter()
    page = one.open("/admin/settings", "Settings")
    page.get_by_role("button", name="Log out everywhere").click()
    one.dialog("Log out everywhere?").get_by_role("button", name="Log out everywhere").click()
    expect(page.get_by_label("Administrator’s password")).to_be_visible()
    other.expect_refusals(3)
    other.page.get_by_role("link", name="Settings").click()
    expect(other.page.get_by_text("Your session has ended.")).to_be_visible()
    other.login()
    other.heading("Settings")
    other.page.get_by_role("button", name="Log out", exact=True).click()
    expect(other.page.get_by_label("Administrator’s password")).to_be_visible()
    other.page.goto("/admin/usage")
    expect(other.page.get_by_label("Administrator’s password")).to_be_visible()


def test_without_a_password_the_page_says_that_it_is_off(visit, start_house, pair):
    house = start_house(tls=pair)
    someone = visit(house)
    someone.expect_refusals(2)
    someone.page.goto("/admin")
    expect(someone.page.locator("body")).to_contain_text("ADMIN_PASSWORD")


# settings


def test_limits_saved_in_the_page_hold_from_the_next_request_on(visit, start_house, pair):
    house = start_house(tls=pair, **admin.SETTINGS)
    someone = visit(house)
    someone.enter()
    page = someone.open("/admin/settings", "Settings")
    group = page.get_by_role("group", name="All keys together")
    expect(page.locator("#upstream").get_by_text("Reachable")).to_be_visible()
    group.get_by_label("Requests").fill("3")
    page.get_by_role("button", name="Save limits").click()
    expect(group.get_by_text("Set here; the configuration says 1000000.")).to_be_visible()
    statuses = [house.ask("GET", "/v1/models").status for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    group.get_by_label("Requests").fill("0")
    page.get_by_role("button", name="Save limits").click()
    expect(group.get_by_label("Requests")).to_have_attribute("aria-invalid", "true")
    page.get_by_role("button", name="Back to the configuration").click()
    expect(group.get_by_label("Requests")).to_have_value("1000000")
    assert keys.use(house, keys.SECRET) == {200}


def test_upstream_that_is_gone_is_told(visit, start_house, start_standin, pair):
    upstream = start_standin()
    house = start_house(upstream=upstream, tls=pair, **admin.SETTINGS)
    someone = visit(house)
    someone.enter()
    page = someone.open("/admin/settings", "Settings")
    state = page.locator("#upstream")
    expect(state.get_by_text("Reachable")).to_be_visible()
    upstream.stop()
    page.get_by_role("button", name="Check now").click()
    expect(state.get_by_text("Unreachable")).to_be_visible()
    expect(state).to_contain_text("refused")


def test_tokens_are_made_shown_once_and_revoked(someone, house):
    page = someone.open("/admin/settings", "Settings")
    page.get_by_role("button", name="Create token").click()
    dialog = someone.dialog("Create an admin token")
    dialog.get_by_label("Name").fill("prometheus <b>")
    dialog.get_by_role("button", name="Create token").click()
    made = someone.dialog("Token created")
    secret = made.locator("#secret").input_value()
    made.get_by_role("button", name="Done").click()

    def ask():
        return admin.Admin(house, secret).call("GET", "status").status

    assert secret.startswith("gha_")
    assert ask() == 200
    page.get_by_role("button", name="Revoke token prometheus <b>").click()
    someone.dialog("Revoke this token?").get_by_role("button", name="Revoke token").click()
    expect(page.get_by_role("button", name="Revoke token prometheus <b>")).to_have_count(0)
    assert ask() == 401
