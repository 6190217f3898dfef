"""How the admin page looks: pictures of each page, what axe-core finds, and no scrolling sideways.

The pictures are kept in build/test/screenshots. They are for people to look at; nothing compares them.
"""

import json
import random
import time

import pytest
from harness import admin, browser, gatehouse, keys, node
from harness.poll import until
from harness.upstream import steering

SETTINGS = admin.SETTINGS
LABELS = ["n8n production", "Zoë’s laptop", "Support bot “Kiwi”", "ETL nightly", "Design team, shared",
          "<script>alert(1)</script>", "A label that goes on and on, as labels do when nobody has said how long they may be"]
DAY = 86400
ENTRIES = [keys.entry(), *(keys.entry(keys.secret(f"look-{i}"), f"look-{i}", description=label,
                                      rate_limit=(None, 60, 1000)[i % 3], enabled=i != 3,
                                      created_at=time.time() - 40 * DAY * i,
                                      expires_at=(None, time.time() + 90 * DAY, time.time() - DAY)[i % 3])
                           for i, label in enumerate(LABELS))]
PAGES = {"login": "gatehouse", "keys": "API keys", "usage": "Usage & costs", "live": "Live", "settings": "Settings",
         "audit": "Audit", "about": "Documentation"}
THEMES = ("light", "dark")
NARROWEST = {"width": 360, "height": 740}
SHOTS = gatehouse.ROOT / "build/test/screenshots"
SERIOUS = ("serious", "critical")


def history(path):
    """Forty days of the Python proxy's usage, to have something to show."""
    chance = random.Random(7)
    records = []
    for day in range(40):
        for i in range(len(LABELS)):
            prompt = chance.randint(0, 900_000) // (i + 1)
            records.append({"timestamp": time.time() - day * DAY - chance.random() * DAY, "key_id": f"look-{i}",
                            "model": chance.choice(("gpt-oss-120b", "llama-3.3-70b")), "endpoint": "chat",
                            "prompt_tokens": prompt, "completion_tokens": prompt // 3,
                            "total_tokens": prompt + prompt // 3, "audio_bytes": 0,
                            "cost_eur": (prompt + prompt // 3) * 5e-6})
    path.write_text(json.dumps({"records": records}))
    path.chmod(0o644)
    return path


@pytest.fixture(name="visitor", scope="module")
def _visitor(chromium, module_house):
    """A visitor who has logged in to a house in which something has happened."""
    house = module_house
    door = admin.enter(house)
    done = house.run("import", history(house.folder / "usage.json"))
    assert done.returncode == 0, done.stderr
    door.post("tokens", {"name": "Prometheus", "scopes": ["metrics"]}, 201)
    door.patch("keys/look-1", {"rate_limit": 120})
    for _ in range(20):
        house.ask("GET", "/v1/models", steering(delay_ms=5))
    visitor = browser.Visitor(chromium, house)
    visitor.enter()
    yield visitor
    visitor.close()


@pytest.fixture(name="stranger", scope="module")
def _stranger(chromium, module_house):
    """Somebody who has not logged in, in the same browser."""
    stranger = browser.Visitor(chromium, module_house)
    yield stranger
    stranger.close()


@pytest.fixture(name="axe", scope="session")
def _axe():
    return (node.MODULES / "axe-core/axe.min.js").read_text()


@pytest.fixture(name="shots", scope="module")
def _shots():
    SHOTS.mkdir(parents=True, exist_ok=True)
    return SHOTS


def show(visitor, stranger, name):
    """The page of that name, with all on it that comes later."""
    who = stranger if name == "login" else visitor
    paint(who.page, "light", browser.WIDE)
    page = who.open(f"/admin/{name}", PAGES[name])
    until("nothing is under way", lambda: page.locator(".loading").count() == 0)
    if name == "live":
        until("there are rates", lambda: page.locator("[data-value=requests]").inner_text() != "–")
    return page


def paint(page, theme, size):
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    page.set_viewport_size(size)


def faults(page, axe):
    """What axe-core calls serious: rule, why, and the elements."""
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [(rule["id"], rule["help"], [part["html"][:200] for part in rule["nodes"]])
            for rule in found if rule["impact"] in SERIOUS]


def sideways(page):
    """By how many pixels the page is wider than the screen."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.mark.parametrize("name", PAGES)
def test_each_page_is_accessible_and_fits_in_both_themes(visitor, stranger, axe, shots, name):
    page = show(visitor, stranger, name)
    for theme in THEMES:
        for size in (browser.WIDE, browser.NARROW):
            paint(page, theme, size)
            page.screenshot(path=shots / f"{name}-{size['width']}-{theme}.png", full_page=True)
            assert sideways(page) == 0, size
        assert faults(page, axe) == [], theme
    paint(page, "light", NARROWEST)
    assert sideways(page) == 0, NARROWEST


@pytest.mark.parametrize("theme", THEMES)
def test_dialogs_and_menus_are_accessible_and_fit(visitor, stranger, axe, shots, theme):
    page = show(visitor, stranger, "keys")
    paint(page, theme, NARROWEST)
    page.get_by_role("button", name="Menu").click()
    page.screenshot(path=shots / f"menu-{theme}.png")
    assert faults(page, axe) == []
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("button", name="Create key").click()
    dialog = visitor.dialog("Create a key")
    dialog.get_by_label("Expires").select_option("After a date…")
    dialog.get_by_text("More", exact=True).click()
    page.screenshot(path=shots / f"create-{theme}.png")
    assert faults(page, axe) == []
    dialog.get_by_role("button", name="Create key").click()
    made = visitor.dialog("Key created")
    page.screenshot(path=shots / f"secret-{theme}.png")
    assert faults(page, axe) == []
    assert sideways(page) == 0
    made.get_by_role("button", name="Done").click()
    visitor.row("n8n production").get_by_role("button", name="More about").click()
    page.screenshot(path=shots / f"more-{theme}.png")
    assert faults(page, axe) == []
    page.get_by_role("menuitem", name="Delete…").click()
    page.screenshot(path=shots / f"delete-{theme}.png")
    assert faults(page, axe) == []
    visitor.dialog("Delete this key?").get_by_role("button", name="Cancel").click()


def test_a_page_has_its_landmarks_and_one_main_heading(visitor, stranger):
    for name in PAGES:
        page = show(visitor, stranger, name)
        assert page.locator("main").count() == 1
        assert page.locator("h1").count() == 1
        assert page.title().endswith("· gatehouse")
        if name != "login":
            assert page.get_by_role("navigation", name="Main").count() == 1
            assert page.locator("#nav [aria-current=page]").count() == 1


def test_going_on_moves_the_focus_to_the_new_heading(visitor, stranger):
    page = show(visitor, stranger, "keys")
    page.get_by_role("link", name="Documentation").click()
    visitor.heading("Documentation")
    until("the heading has the focus", lambda: page.evaluate("document.activeElement.innerText") == "Documentation")
    page.go_back()
    visitor.heading("API keys")
