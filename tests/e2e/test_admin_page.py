"""The admin page in a real browser: what a person does there holds, and is told as it is."""

import contextlib
import json
import shlex
import socket
import subprocess
from decimal import Decimal

import pytest
from harness import admin, browser, keys, raw
from harness.upstream import steering
from openai import AuthenticationError, DefaultHttpxClient, OpenAI
from playwright.sync_api import expect

SETTINGS = admin.SETTINGS
MARKED = "<script>document.title='x'</script><img src=x onerror=alert(1)>"
LABELS = [MARKED, "\"quoted' & more", "../../etc/passwd", "Zoë’s 日本語 🔑", "%2e%2e%2f", "</textarea><b>bold"]
MODEL = "gpt-oss-120b"
MANY = 10_000


@pytest.fixture(name="chromium", scope="module")
def _chromium():
    with browser.chromium() as running:
        yield running


@pytest.fixture(name="visit")
def _visit(chromium):
    """visit(house, **options) -> a Visitor, closed and judged after the test."""
    with contextlib.ExitStack() as stack:
        def visit(house, **options):
            admin.give(house)
            visitor = browser.Visitor(chromium, house, **options)
            stack.callback(visitor.close)
            return visitor
        yield visit


@pytest.fixture(name="stored", scope="module")
def _stored(chromium, module_house):
    """What a browser that has logged in to the module's house remembers."""
    admin.give(module_house)
    visitor = browser.Visitor(chromium, module_house)
    visitor.enter()
    stored = visitor.context.storage_state()
    visitor.close()
    return stored


@pytest.fixture(name="someone")
def _someone(visit, house, stored):
    """A visitor of the module's house who is logged in."""
    return visit(house, stored=stored)


@pytest.fixture(name="api")
def _api(house):
    """The same house without a browser."""
    return admin.enter(house)


def use(house, secret, times=6):
    """Statuses of requests with this key, each on a connection of its own, so of all workers."""
    return {house.ask("GET", "/v1/models", key=secret).status for _ in range(times)}


def free_port():
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def chat(house, secret):
    """One chat with the official SDK."""
    with OpenAI(base_url=house.base_url + "/v1", api_key=secret, max_retries=0,
                http_client=_client(house)) as client:
        return client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "two words"}],
                                              extra_headers=steering(events=3))


def _client(house):
    return DefaultHttpxClient(verify=house.tls_pair.client_context())


def chosen(page, text):
    """Choose one of a row of choices."""
    page.get_by_role("radio", name=text, exact=True).check()


def figures(page):
    """The plot's alternative as {series: total}, and its rows."""
    page.get_by_text("The plot as a table").click()
    table = page.locator("details table")
    names = table.locator("thead th").all_inner_texts()[1:]
    totals = table.locator("tfoot td").all_inner_texts()
    return dict(zip(names, totals, strict=True)), table.locator("tbody tr").count()


# keys


def test_first_login_to_first_chat_and_revoked_at_once(visit, start_house, pair):
    house = start_house(tls=pair, entries=[], **SETTINGS)
    someone = visit(house)
    page = someone.enter()
    expect(page.get_by_text("No keys yet")).to_be_visible()
    page.get_by_role("button", name="Create the first key").click()
    dialog = someone.dialog("Create a key")
    dialog.get_by_label("Label").fill("First of all")
    dialog.get_by_role("button", name="Create key").click()
    made = someone.dialog("Key created")
    secret = made.get_by_label("Secret", exact=True).input_value()
    line = made.get_by_role("region", name="command").inner_text()
    made.get_by_role("button", name="Done").click()

    answer = chat(house, secret)
    assert answer.choices[0].message.content
    assert secret in line
    done = subprocess.run([*shlex.split(line.replace("\\\n", " ")), "--silent", "--cacert", str(pair.cert)],
                          capture_output=True, timeout=30, check=True)
    assert json.loads(done.stdout)["object"] == "chat.completion"

    row = someone.row("First of all")
    expect(row.get_by_text("Active")).to_be_visible()
    row.get_by_role("button", name="Revoke First of all").click()
    someone.dialog("Revoke this key?").get_by_role("button", name="Revoke key").click()
    expect(row.get_by_text("Revoked")).to_be_visible()
    assert use(house, secret) == {401}
    with pytest.raises(AuthenticationError):
        chat(house, secret)

    row.get_by_role("button", name="Enable First of all").click()
    expect(row.get_by_text("Active")).to_be_visible()
    assert use(house, secret) == {200}


def test_a_secret_is_gone_when_its_dialog_is_closed(someone):
    page = someone.open("/admin", "API keys")
    secret = someone.create_key("shown once")
    assert len(secret) == 46
    assert secret not in page.content()
    page.reload()
    expect(someone.row("shown once")).to_be_visible()
    assert secret not in page.content()


def test_escape_closes_a_secret_only_at_the_second_time(someone):
    page = someone.open("/admin", "API keys")
    page.get_by_role("button", name="Create key").click()
    page.keyboard.type("not yet copied")
    page.keyboard.press("Enter")
    made = someone.dialog("Key created")
    page.keyboard.press("Escape")
    expect(made.get_by_text("It will not be shown again.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(made).to_have_count(0)


@pytest.mark.parametrize("allowed", [True, False], ids=["with the clipboard", "where the browser refuses it"])
def test_the_secret_can_be_copied(someone, allowed):
    someone.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = someone.page
    if not allowed:
        page.add_init_script("navigator.clipboard.writeText = () => Promise.reject(new Error('refused'))")
    someone.open("/admin", "API keys")
    page.get_by_role("button", name="Create key").click()
    someone.dialog("Create a key").get_by_role("button", name="Create key").click()
    made = someone.dialog("Key created")
    made.get_by_role("button", name="Copy secret").click()
    expect(made.get_by_text("Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == made.get_by_label("Secret", exact=True).input_value()


def test_whatever_a_label_says_is_shown_as_text(someone, api):
    made = [api.post("keys", {"description": label, "key_id": f"odd-{i}{label[:40]}"}, 201)["key"]
            for i, label in enumerate(LABELS)]
    page = someone.open("/admin", "API keys")
    page.get_by_label("Search keys").fill("odd-")
    for label, key in zip(LABELS, made, strict=True):
        row = someone.row(key["key_id"])
        assert row.locator(".key-name").text_content() == label
        assert row.locator("code").text_content() == key["key_id"]
    row = someone.row(made[0]["key_id"])
    row.get_by_role("button", name="More about").click()
    page.get_by_role("menuitem", name="Delete…").click()
    dialog = someone.dialog("Delete this key?")
    assert MARKED in dialog.inner_text()
    assert made[0]["key_id"] in dialog.inner_text()
    dialog.get_by_role("button", name="Delete key").click()
    expect(row).to_have_count(0)
    someone.open("/admin/audit", "Audit")
    expect(page.get_by_text(made[0]["key_id"]).first).to_be_visible()
    assert page.title() == "Audit · gatehouse"
    assert page.locator("main script, main img, main b").count() == 0


def test_limit_and_label_are_edited_in_place(someone, house):
    page = someone.open("/admin", "API keys")
    secret = someone.create_key("to be edited")
    row = someone.row("to be edited")
    row.get_by_role("button", name="Edit limit of to be edited").click()
    page.keyboard.type("0")
    page.keyboard.press("Enter")
    expect(row.get_by_text("0 / min")).to_be_visible()
    assert use(house, secret) == {429}, "a limit of 0 blocks the key from the next request on"
    row.get_by_role("button", name="Edit limit of").click()
    page.keyboard.press("Delete")
    page.keyboard.press("Enter")
    expect(row.get_by_role("button", name="Edit limit of")).to_be_focused()
    assert use(house, secret) == {200}
    row.get_by_role("button", name="Edit label of").click()
    page.keyboard.type("renamed")
    page.keyboard.press("Enter")
    expect(someone.row("renamed")).to_be_visible()
    someone.row("renamed").get_by_role("button", name="Edit label of").click()
    page.keyboard.type("never saved")
    page.keyboard.press("Escape")
    expect(someone.row("renamed")).to_be_visible()


def test_what_somebody_else_has_changed_meanwhile_is_shown_before_it_is_overwritten(someone, api):
    key = api.post("keys", {"description": "contested", "rate_limit": 5}, 201)["key"]
    page = someone.open("/admin", "API keys")
    row = someone.row("contested")
    row.get_by_role("button", name="Edit limit of").click()
    api.patch(f"keys/{key['ref']}", {"rate_limit": 7, "description": "contested still"})
    someone.expect_refusals(1)
    page.keyboard.type("9")
    page.keyboard.press("Enter")
    dialog = someone.dialog("Changed meanwhile")
    cells = dialog.get_by_role("row").filter(has_text="Limit").get_by_role("cell").all_inner_texts()
    assert cells == ["5", "7", "9"]
    assert api.get(f"keys/{key['ref']}")["rate_limit"] == 7
    dialog.get_by_role("button", name="Save mine all the same").click()
    expect(row.get_by_text("9 / min")).to_be_visible()
    now = api.get(f"keys/{key['ref']}")
    assert (now["rate_limit"], now["description"]) == (9, "contested still")


def test_a_new_secret_holds_beside_the_old_one_for_the_time_chosen(someone, house):
    page = someone.open("/admin", "API keys")
    old = someone.create_key("rotated")
    someone.row("rotated").get_by_role("button", name="More about rotated").click()
    page.get_by_role("menuitem", name="New secret…").click()
    dialog = someone.dialog("New secret")
    dialog.get_by_label("The secret so far ends").select_option("After an hour")
    dialog.get_by_role("button", name="Make a new secret").click()
    made = page.get_by_role("dialog", name="New secret").filter(has=page.locator("#secret"))
    new = made.locator("#secret").input_value()
    made.get_by_role("button", name="Done").click()
    assert new != old
    assert use(house, old) == use(house, new) == {200}
    expect(someone.row("rotated").get_by_text("two secrets")).to_be_visible()


def test_a_key_expires_as_the_page_was_told(someone, api):
    page = someone.open("/admin", "API keys")
    page.get_by_role("button", name="Create key").click()
    dialog = someone.dialog("Create a key")
    dialog.get_by_label("Label").fill("ends in summer")
    dialog.get_by_label("Expires").select_option("After a date…")
    dialog.get_by_label("Last day").fill("2099-07-01")
    dialog.get_by_role("button", name="Create key").click()
    someone.dialog("Key created").get_by_role("button", name="Done").click()
    expect(someone.row("ends in summer").get_by_text("1 Jul 2099")).to_be_visible()
    key = next(k for k in api.get("keys", limit=1000)["keys"] if k["description"] == "ends in summer")
    assert key["expires_at"] == "2099-07-01T21:59:59Z", "the last second of that day in Berlin"


def test_a_refused_field_is_named_and_keeps_what_was_typed(someone, api):
    api.post("keys", {"key_id": "taken", "description": "has it"}, 201)
    page = someone.open("/admin", "API keys")
    page.get_by_role("button", name="Create key").click()
    dialog = someone.dialog("Create a key")
    dialog.get_by_label("Label").fill("wants it")
    dialog.get_by_text("More", exact=True).click()
    dialog.get_by_label("Key id").fill("taken")
    someone.expect_refusals(1)
    dialog.get_by_role("button", name="Create key").click()
    expect(dialog.get_by_role("alert").filter(has_text="taken").or_(
        dialog.locator("[id$=-wrong]:not(:empty)")).first).to_be_visible()
    assert dialog.get_by_label("Label").input_value() == "wants it"
    dialog.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Create key")).to_be_focused()


def test_create_and_revoke_by_keyboard_alone(visit, start_house, pair):
    house = start_house(tls=pair, entries=[keys.entry(description="neighbour")], **SETTINGS)
    someone = visit(house)
    page = someone.page
    page.goto("/admin")
    expect(page.get_by_label("Administrator’s password")).to_be_focused()
    page.keyboard.type(admin.PASSWORD)
    page.keyboard.press("Enter")
    someone.heading("API keys")

    tab_to(page, "Create key")
    page.keyboard.press("Enter")
    someone.dialog("Create a key")
    page.keyboard.type("By hand")
    page.keyboard.press("Enter")
    made = someone.dialog("Key created")
    secret = made.locator("#secret").input_value()
    expect(made.get_by_role("button", name="Copy secret")).to_be_focused()
    tab_to(page, "Done")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Create key")).to_be_focused()
    assert use(house, secret) == {200}

    tab_to(page, "Revoke By hand")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("button", name="Revoke neighbour")).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    dialog = someone.dialog("Revoke this key?")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    tab_to(page, "Revoke key")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Enable By hand")).to_be_focused()
    assert use(house, secret) == {401}


def tab_to(page, name, most=60):
    """Press Tab until the control of that name has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("[document.activeElement.getAttribute('aria-label'),"
                         " document.activeElement.innerText].includes(" + json.dumps(name) + ")"):
            return
    raise AssertionError(f"no way to {name!r} by Tab")


def test_ten_thousand_keys_are_searched_sorted_and_scrolled(visit, start_house, pair):
    entries = [keys.entry(keys.secret(f"many-{i}"), f"many-{i:05d}", description=f"Service {i}",
                          rate_limit=i % 100, enabled=i % 4 != 0) for i in range(MANY)]
    house = start_house(tls=pair, entries=entries, **SETTINGS)
    someone = visit(house)
    page = someone.enter()
    table = page.get_by_role("table", name="API keys")
    rows = table.locator("tbody tr[data-key]")

    def bounded():
        return 0 < rows.count() < 60

    expect(table).to_have_attribute("aria-rowcount", str(MANY + 1))
    assert bounded()
    expect(rows.first).to_contain_text("Service 0")
    page.evaluate("window.scrollTo(0, document.documentElement.scrollHeight / 2)")
    expect(page.get_by_text("Service 5000", exact=True)).to_be_attached()
    assert bounded()
    page.evaluate("window.scrollTo(0, document.documentElement.scrollHeight)")
    expect(page.get_by_text("Service 9999", exact=True)).to_be_visible()
    assert bounded()
    assert rows.last.get_attribute("aria-rowindex") == str(MANY + 1)

    page.get_by_label("Search keys").fill("service 99 many")
    expect(table).to_have_attribute("aria-rowcount", str(1 + sum("99" in e["description"] for e in entries)))
    expect(rows.first).to_contain_text("Service 99")
    page.get_by_label("Search keys").fill("many-04321")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("Service 4321")
    page.get_by_label("Search keys").fill("no such key")
    expect(page.get_by_text("No key matches")).to_be_visible()

    page.get_by_label("Search keys").fill("")
    chosen(page, f"Revoked {MANY // 4:,}")
    expect(table).to_have_attribute("aria-rowcount", str(MANY // 4 + 1))
    page.get_by_role("button", name="Limit", exact=True).click()
    page.get_by_role("button", name="Limit", exact=True).click()
    expect(table.get_by_role("columnheader", name="Limit")).to_have_attribute("aria-sort", "descending")
    expect(rows.first).to_contain_text("96 / min")
    assert bounded()
    rows.first.get_by_role("button", name="Enable").click()
    expect(table).to_have_attribute("aria-rowcount", str(MANY // 4))


# sessions


def test_wrong_passwords_lock_out_even_the_right_one(visit, start_house, pair):
    house = start_house(tls=pair, **SETTINGS)
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
    chosen(page, "7 days")
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
    house = start_house(tls=pair, **SETTINGS)
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


# settings, usage, live, audit, documentation


def test_limits_saved_in_the_page_hold_from_the_next_request_on(visit, start_house, pair):
    house = start_house(tls=pair, **SETTINGS)
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
    assert use(house, keys.SECRET) == {200}


def test_upstream_that_is_gone_is_told(visit, start_house, start_standin, pair):
    upstream = start_standin()
    house = start_house(upstream=upstream, tls=pair, **SETTINGS)
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


def test_the_plot_shows_what_the_ledger_has(visit, start_house, pair):
    house = start_house(tls=pair, entries=[keys.entry(), keys.entry(keys.secret("two"), "two", description="Zwei")],
                        **SETTINGS)
    for _ in range(3):
        chat(house, keys.SECRET)
    chat(house, keys.secret("two"))
    done = house.run("usage", "--by", "key", "--format", "json")
    ledger = {row["key_id"]: row for row in json.loads(done.stdout)["rows"]}
    someone = visit(house)
    someone.enter()
    page = someone.open("/admin/usage?period=today&measure=tokens", "Usage & costs")
    totals, steps = figures(page)
    assert totals == {"e2e": f"{ledger['e2e']['total_tokens']:,}", "Zwei": f"{ledger['two']['total_tokens']:,}"}
    assert steps in (1, 2), "all of it within this hour, or two if one began meanwhile"
    drawn = page.evaluate("Object.values(Chart.instances)[0].data.datasets.map((d) => "
                          "[d.label, d.data.reduce((a, b) => a + b, 0)])")
    assert dict(drawn) == {"e2e": ledger["e2e"]["total_tokens"], "Zwei": ledger["two"]["total_tokens"]}

    chosen(page, "Spend")
    spent, _ = figures(page)
    assert {name: Decimal(text.strip("€")) for name, text in spent.items()} == {
        "e2e": Decimal(ledger["e2e"]["cost_eur"]), "Zwei": Decimal(ledger["two"]["cost_eur"])}
    for period in ("7 days", "30 days", "Year", "All"):
        chosen(page, period)
        expect(page.locator(".tile").filter(has_text="Requests").locator("dd")).to_contain_text("4")
        expect(page.locator("#plot-title")).to_be_visible()
    chosen(page, "Model")
    expect(page.get_by_role("rowheader", name=MODEL)).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    lines = download.value.path().read_text().splitlines()
    assert lines[0].startswith("day,model,requests,")
    assert lines[1].split(",")[1:3] == [MODEL, "4"]


def test_a_range_without_usage_says_so(someone):
    page = someone.open("/admin/usage?period=range&since=2001-01-01&until=2001-01-31", "Usage & costs")
    expect(page.get_by_text("Nothing was used in this time")).to_be_visible()
    page.get_by_label("From").fill("2001-02-01")
    page.get_by_label("To", exact=True).fill("2001-02-03")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**since=2001-02-01&until=2001-02-03")


def test_live_counts_what_goes_on_and_rests_when_nobody_looks(someone, house):
    page = someone.open("/admin/live", "Live")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    streams = page.locator("[data-value=streams]")
    expect(streams).to_have_text("0")
    expect(page.get_by_role("table", name="Workers").locator("tbody tr")).to_have_count(2)
    body = json.dumps({"model": MODEL, "stream": True, "messages": [{"role": "user", "content": "x"}]}).encode()
    with house.connect() as stream:
        stream.send(raw.request("POST", "/v1/chat/completions", {
            "Authorization": f"Bearer {keys.SECRET}", **steering(gate="live")}, body))
        assert stream.head().status == 200
        expect(streams).to_have_text("1")
        assert house.ask("GET", "/v1/models").status == 200
        expect(page.locator("[data-value=p50]")).to_contain_text("s")
    expect(streams).to_have_text("0")
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
                  "document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.get_by_text("Paused")).to_be_visible()
    del asked[:]
    page.evaluate("new Promise((done) => setTimeout(done, 2500))")  # more than two looks
    assert asked == []


def test_audit_tells_who_did_what_and_is_verified(someone, house):
    someone.open("/admin", "API keys")
    someone.create_key("audited")
    page = someone.open("/admin/audit", "Audit")
    first = page.get_by_role("table").locator("tbody tr").first
    expect(first).to_contain_text("key.create")
    expect(first).to_contain_text("127.0.0.1")
    expect(first).to_contain_text("session")
    page.get_by_role("button", name="Verify the chain").click()
    expect(page.get_by_text("The chain is whole")).to_be_visible()
    assert house.run("audit", "verify").returncode == 0


def test_documentation_has_this_hosts_own_address(someone, house):
    page = someone.open("/admin/about", "Documentation")
    expect(page.get_by_text(f"{house.base_url}/v1", exact=True)).to_be_visible()
    for name in ("Python", "Node", "curl", "Anthropic", "n8n"):
        page.get_by_role("tab", name=name).click()
        expect(page.get_by_role("tabpanel", name=name)).to_contain_text(house.base_url)
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Python")).to_be_focused()
    rows = page.get_by_role("table", name="Models and prices").locator("tbody tr")
    assert rows.count() == len(admin.enter(house).get("models")["models"])
    expect(rows.filter(has_text=MODEL)).to_contain_text("€5.00")


def test_with_an_address_of_its_own_the_page_names_that_of_the_models(visit, start_house, pair):
    port = free_port()
    house = start_house(tls=pair, LISTEN=f"https://127.0.0.1:{port}", ADMIN_LISTEN="https://127.0.0.1:0", **SETTINGS)
    own = house.status()["admin_listen"][0].replace("127.0.0.1", "localhost")
    someone = visit(house, base_url=own)
    someone.enter()
    page = someone.open("/admin/about", "Documentation")
    expect(page.get_by_text(f"https://localhost:{port}/v1", exact=True)).to_be_visible()
