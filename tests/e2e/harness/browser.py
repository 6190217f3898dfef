"""The admin page in the system's Chromium, watched: what no page of ours may do fails the test."""

import contextlib
import os
from urllib.parse import urlsplit

from playwright.sync_api import sync_playwright

from . import admin

CHROMIUM = os.environ.get("GATEHOUSE_CHROMIUM", "/usr/bin/chromium")
WIDE = {"width": 1280, "height": 860}
NARROW = {"width": 390, "height": 844}
SECONDS = 15
"""that anything on a page may take"""


@contextlib.contextmanager
def chromium():
    """A browser without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visitor:
    """
    Somebody's browser at a gatehouse: a profile of its own with one tab, `page`.

    options  of the browser's context, over ours
    stored   cookies and storage of a visitor who has logged in: its context's storage_state()
    """

    def __init__(self, browser, house, stored=None, **options):
        self.house = house
        self.context = browser.new_context(
            ignore_https_errors=True, locale="en-GB", timezone_id="Europe/Berlin", storage_state=stored,
            **{"base_url": house.base_url, "viewport": WIDE, "reduced_motion": "reduce", **options})
        self.context.set_default_timeout(SECONDS * 1000)
        self.page = self.context.new_page()
        self._origin = urlsplit(options.get("base_url", house.base_url))[:2]
        self._faults = []
        self._refusals = 0
        self._watch()

    def _watch(self):
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self._faults.append(f"exception: {error}"))
        self.context.on("request", self._request)

    def _console(self, message):
        text = message.text
        if message.type not in ("error", "warning"):
            return
        if self._refusals > 0 and "the server responded with a status of 4" in text:
            self._refusals -= 1
        else:
            self._faults.append(f"console {message.type}: {text}")

    def _request(self, request):
        if urlsplit(request.url)[:2] != self._origin:
            self._faults.append(f"leaves the host: {request.url}")

    def expect_refusals(self, count):
        """So many answers of 4xx are part of the test: the browser itself tells them on its console."""
        self._refusals += count

    def close(self):
        """No console error, no breach of the content policy, no request to elsewhere."""
        self.context.close()
        assert self._faults == [], self._faults

    # ways through the page

    def open(self, path, heading):
        """Go to an address and wait for its page."""
        self.page.goto(path)
        self.heading(heading)
        return self.page

    def heading(self, text):
        self.page.get_by_role("heading", name=text, level=1).wait_for()

    def login(self, password=admin.PASSWORD):
        """Fill the form that is shown, and send it."""
        self.page.get_by_label("Administrator’s password").fill(password)
        self.page.get_by_role("button", name="Log in").click()

    def enter(self):
        """Log in from the start, to the list of keys."""
        self.page.goto("/admin")
        self.login()
        self.heading("API keys")
        return self.page

    def dialog(self, title):
        found = self.page.get_by_role("dialog", name=title)
        found.wait_for()
        return found

    def choose(self, text):
        """One of a row of choices."""
        self.page.get_by_role("radio", name=text, exact=True).check()

    def row(self, text):
        """The row of a key whose label or id has this text."""
        return self.page.get_by_role("row").filter(has_text=text)

    def create_key(self, label, **fields):
        """Make a key in the page; its secret. fields: labels of the form's fields -> values."""
        self.page.get_by_role("button", name="Create key").first.click()
        dialog = self.dialog("Create a key")
        dialog.get_by_label("Label").fill(label)
        for name, value in fields.items():
            dialog.get_by_label(name).fill(value)
        dialog.get_by_role("button", name="Create key").click()
        made = self.dialog("Key created")
        secret = made.get_by_label("Secret", exact=True).input_value()
        made.get_by_role("button", name="Done").click()
        # a closed one has no role any more, but is in the document until its `close` is heard
        self.page.locator("dialog").wait_for(state="detached")
        return secret

    def said(self):
        """What the page has said last, as a screen reader hears it."""
        return self.page.locator("#said").inner_text()
