"""The alert rules and the scrape configuration, by promtool."""

import pathlib
import re
import subprocess

import pytest

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "contrib/prometheus"


@pytest.mark.parametrize("words", [
    ["check", "rules", "gatehouse.rules.yml"],
    ["check", "config", "prometheus.yml"],
    ["test", "rules", "gatehouse.rules.test.yml"],
])
def test_promtool_agrees(words):
    done = subprocess.run(["promtool", *words], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout + done.stderr


def test_every_alert_is_seen_to_fire():
    alerts = {line.split(": ")[1] for line in (FOLDER / "gatehouse.rules.yml").read_text().splitlines()
              if "- alert: " in line}
    tested = (FOLDER / "gatehouse.rules.test.yml").read_text()
    fires = {one or other for one, other in re.findall(r'^ +- alertname: (\w+)$|labels: .*alertname="(\w+)"', tested, re.M)}
    assert alerts
    assert fires == alerts
