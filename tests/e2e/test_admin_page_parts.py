"""The admin page's modules: what may not stand in them, and their arithmetic."""

import os
import re
import shutil
import subprocess

import pytest
from harness import gatehouse, node

WWW = gatehouse.ROOT / "admin/www"
MODULES = sorted(WWW.glob("*.js"))
SINKS = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|srcdoc|\beval\(|new Function|"
                   r"setTimeout\(['\"`]|style=|cssText|parseFromString|createContextualFragment")
IMPORT = re.compile(r"^(?:import|\}) .*from '([^']+)'|import\('([^']+)'\)", re.M)
MOST_LINES = 350


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_module_parses_and_makes_no_markup_of_text(module):
    text = module.read_text()
    parsed = subprocess.run(["node", "--input-type=module", "--check"], input=text, text=True, capture_output=True,
                            timeout=30, check=False)
    assert parsed.returncode == 0, parsed.stderr
    assert SINKS.findall(text) == []
    assert len(text.splitlines()) <= MOST_LINES
    for name in ("".join(pair) for pair in IMPORT.findall(text)):
        assert name == "./chart.js" or (module.parent / name).is_file(), name


def test_the_document_holds_no_script_style_or_foreign_address():
    page = (WWW / "index.html").read_text()
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", page) == []
    used = re.findall(r"(?:src|href)=\"([^\"]+)\"", page)
    assert used
    for address in used:
        assert address.startswith("/admin/")
        assert not address.startswith("/admin/static/") or (WWW / address.removeprefix("/admin/static/")).is_file()


def test_style_sheets_ask_nothing_of_anybody():
    sheets = list(WWW.glob("*.css"))
    assert sheets
    for sheet in sheets:
        assert re.findall(r"url\(|@import|expression\(", sheet.read_text()) == [], sheet


def test_money_times_and_rates_are_worked_out_right(tmp_path):
    shutil.copytree(WWW, tmp_path / "www")
    (tmp_path / "www/package.json").write_text('{"type": "module"}')
    shutil.copy(node.HERE / "node/page.test.mjs", tmp_path)
    done = subprocess.run(["node", "--test", "page.test.mjs"], cwd=tmp_path, capture_output=True, text=True, timeout=60,
                          env={"PATH": os.environ["PATH"], "TZ": "Europe/Berlin"}, check=False)
    assert done.returncode == 0, done.stdout
    assert re.search(r"pass [1-9]", done.stdout)
