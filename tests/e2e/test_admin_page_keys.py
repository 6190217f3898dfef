"""The admin page's keys in a real browser: what a person does there holds, and is told as it is."""

import json
import shlex
import subprocess

import pytest
from harness import admin, keys, sdk
from openai import AuthenticationError
from playwright.sync_api import expect

SETTINGS = admin.SETTINGS
MARKED = "<script>document.title='x'</script><img src=x onerror=alert(1)>"
LABELS = [MARKED, "\"quoted' & more", "../../etc/passwd", "Zoë’s 日本語 🔑", "%2e%2e%2f", "</textarea><b>bold"]
MANY = 10_000


def test_first_login_to_first_chat_and_revoked_at_once(visit, start_house, pair):
    house = start_house(tls=pair, entries=[], **admin.SETTINGS)
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

    answer = sdk.chat(house, secret)
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
    assert keys.use(house, secret) == {401}
    with pytest.raises(AuthenticationError):
        sdk.chat(house, secret)

    row.get_by_role("button", name="Enable First of all").click()
    expect(row.get_by_text("Active")).to_be_visible()
    assert keys.use(house, secret) == {200}


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
    assert keys.use(house, secret) == {429}, "a limit of 0 blocks the key from the next request on"
    row.get_by_role("button", name="Edit limit of").click()
    page.keyboard.press("Delete")
    page.keyboard.press("Enter")
    expect(row.get_by_role("button", name="Edit limit of")).to_be_focused()
    assert keys.use(house, secret) == {200}
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
    assert keys.use(house, old) == keys.use(house, new) == {200}
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
    house = start_house(tls=pair, entries=[keys.entry(description="neighbour")], **admin.SETTINGS)
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
    assert keys.use(house, secret) == {200}

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
    assert keys.use(house, secret) == {401}


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
    house = start_house(tls=pair, entries=entries, **admin.SETTINGS)
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
    someone.choose(f"Revoked {MANY // 4:,}")
    expect(table).to_have_attribute("aria-rowcount", str(MANY // 4 + 1))
    page.get_by_role("button", name="Limit", exact=True).click()
    page.get_by_role("button", name="Limit", exact=True).click()
    expect(table.get_by_role("columnheader", name="Limit")).to_have_attribute("aria-sort", "descending")
    expect(rows.first).to_contain_text("96 / min")
    assert bounded()
    rows.first.get_by_role("button", name="Enable").click()
    expect(table).to_have_attribute("aria-rowcount", str(MANY // 4))
