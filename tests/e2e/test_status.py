"""`gatehouse status`: one screen that says how the house stands."""

import re

from harness import keys
from harness.poll import until

CHAT = b'{"model": "gpt-oss-120b", "messages": []}'


def screen(house, **changes):
    done = house.run("status", **changes)
    assert done.returncode == 0, done.stderr
    return done.stdout


def field(text, label):
    """The line behind a label of the screen."""
    found = re.search(rf"^{label}  +(.*)$", text, re.MULTILINE)
    assert found, text
    return found[1]


def test_the_screen_counts_what_was_answered(start_house):
    """Answers by their class, and what was refused here."""
    house = start_house()
    for key in (keys.SECRET, keys.SECRET, "pm_wrong"):
        house.ask("POST", "/v1/chat/completions", body=CHAT, key=key,
                  headers=[("Content-Type", "application/json")])
    text = screen(house)
    assert field(text, "since start") == "3 answers (2xx 2, 4xx 1, 5xx 0), 1 refused here"
    assert field(text, "upstream") == "up"
    assert field(text, "open").endswith(" connections, 0 streams")
    assert f"pid {house.pid}, ready" in text.splitlines()[0]


def test_the_certificate_s_end_is_shown(start_house, pair):
    """With the days that are left; without TLS there is no such line."""
    assert re.fullmatch(r"until \S+Z, \d+ days", field(screen(start_house(tls=pair)), "certificate"))
    assert "certificate" not in screen(start_house())


def test_an_upstream_that_is_gone_is_down(start_house):
    """As the last try has found it."""
    house = start_house(UPSTREAM_URL="http://127.0.0.1:1")
    until("a connect has failed", lambda: field(screen(house), "upstream") == "down")
    house.expect("upstream")
