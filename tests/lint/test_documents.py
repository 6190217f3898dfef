"""The manual page and the README name the settings of the program, and no others."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROW = re.compile(r'^\t\{ "([A-Z0-9_]+)", CONFIG_\w+, (.*?),\s+CONFIG_\w+, [^"]*?,\s+"', re.S | re.M)


def table():
    """The settings of config_table.c: name -> default, None if there is none."""
    settings = {}
    for name, middle in ROW.findall((ROOT / "common/config_table.c").read_text()):
        default = re.search(r'"((?:[^"\\]|\\.)*)"$', middle)
        settings[name] = default[1].removeprefix("(").removesuffix(")") if default else None
    return settings


def test_the_table_is_read_whole():
    rows = re.findall(r'^\t\{ "[A-Z]', (ROOT / "common/config_table.c").read_text(), re.M)
    assert len(rows) == len(table()) > 50


def test_the_manual_page_has_every_setting_with_its_default():
    text = (ROOT / "contrib/man/gatehouse.8").read_text()
    page = dict(re.findall(r"^\.It Ev (\w+)(?: Pq (.*))?$", text, re.M))
    assert {name: default or None for name, default in page.items()} == table()


def test_the_readme_names_no_setting_that_does_not_exist():
    text = (ROOT / "README.md").read_text()
    settings = text.partition("### Settings")[2].partition("\n### ")[0]
    rows = [row.split("|")[1] for row in settings.splitlines() if row.startswith("| `")]
    names = {name for row in rows for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", row)}
    assert names
    assert names <= table().keys()
