"""The alert rules and the dashboard ask for metrics and labels that there are, in queries that Prometheus takes."""

import json
import re

import pytest
from harness import gatehouse, keys
from harness.poll import until
from harness.prometheus import Prometheus

ROOT = gatehouse.ROOT
MODEL = "gpt-oss-120b"
CHAT = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "two words"}]}).encode()
PROMETHEUS_LABELS = {"instance", "job", "le"}
NAME = re.compile(r"\b((?:gatehouse|process)_\w+)\b(?:\{([^}]*)\})?")
GROUPED = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")
SUFFIX = re.compile(r"_(bucket|sum|count)$")
NOT_HERE = {"gatehouse_upstream_process_restarts_total"}
"""families that this test's gatehouse has no reason to emit: it runs no UPSTREAM_COMMAND"""


def rules():
    """The expressions of the alert rules."""
    text = (ROOT / "contrib/prometheus/gatehouse.rules.yml").read_text()
    blocks = re.findall(r"^        expr: (?:\|\n((?:          .*\n)+)|(.*)\n)", text, re.M)
    found = [" ".join((many or one).split()) for many, one in blocks]
    assert len(found) == text.count("- alert: ")
    return found


def dashboard():
    return json.loads((ROOT / "contrib/grafana/gatehouse.json").read_text())


def expressions(node):
    """All of the dashboard, wherever they stand."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "expr" or (name == "query" and isinstance(value, str) and "gatehouse_" in value):
                yield value
            else:
                yield from expressions(value)
    elif isinstance(node, list):
        for value in node:
            yield from expressions(value)


def filled(expression):
    """As Grafana fills in its variables."""
    variable = re.fullmatch(r"label_values\((.*), \w+\)", expression)
    text = variable[1] if variable else expression
    for name, value in (("$__rate_interval", "1m"), ("$__range", "1h"), ("$instance", ".*"), ("$job", "gatehouse")):
        text = text.replace(name, value)
    assert "$" not in text, text
    return text


def families():
    """All that the program can emit."""
    return set(re.findall(r'^\t\{ "(\w+)", PROM_', (ROOT / "admin/metrics.c").read_text(), re.M))


ALL = [*rules(), *expressions(dashboard())]


@pytest.fixture(scope="module")
def asked(module_standin, pair, tmp_path_factory):
    """A Prometheus with a gatehouse that has seen traffic of every kind."""
    house = gatehouse.Gatehouse(module_standin, tls=pair, METRICS_LISTEN="127.0.0.1:0", FORCE_HTTPS="false",
                                MODELS_FILE=ROOT / "etc/models.json").start()
    prometheus = Prometheus(tmp_path_factory.mktemp("prometheus"),
                            int(house.status()["metrics_listen"][0].rpartition(":")[2]))
    try:
        assert house.ask("POST", "/v1/chat/completions", body=CHAT).status == 200
        assert house.ask("GET", "/v1/models", key=keys.secret("wrong")).status == 401
        until("all is scraped", lambda: prometheus.query("gatehouse_key_requests_total")
              and prometheus.query("gatehouse_refused_total") and prometheus.query("gatehouse_cost_euros_total"))
        yield prometheus
    finally:
        prometheus.stop()
        house.stop()
        house.discard()


def test_there_is_something_to_look_at():
    assert len(rules()) > 10
    assert len(list(expressions(dashboard()))) > 25
    assert len(families()) > 25


def test_every_metric_is_one_that_the_program_can_emit():
    used = {SUFFIX.sub("", name) for text in ALL for name, _ in NAME.findall(text)}
    assert used <= families()
    # and what is promised to be watched is watched
    assert {"gatehouse_tls_certificate_expiry_seconds", "gatehouse_upstream_up", "gatehouse_cost_euros_total"} <= used


@pytest.mark.parametrize("expression", ALL)
def test_prometheus_takes_the_query(asked, expression):
    answer = until("it answers", lambda: asked.ask(filled(expression)))
    assert answer["status"] == "success", answer


@pytest.mark.parametrize("expression", ALL)
def test_the_labels_exist(asked, expression):
    seen = set()
    for name, selector in NAME.findall(expression):
        if SUFFIX.sub("", name) in NOT_HERE:
            continue
        have = {label for series in until(f"{name} is there", lambda name=name: asked.query(name))
                for label in series["metric"]}
        seen |= have
        assert set(re.findall(r'(\w+)\s*(?:=~|!=|!~|=)\s*"', selector)) <= have | PROMETHEUS_LABELS, name
    grouped = {label.strip() for group in GROUPED.findall(expression) for label in group.split(",") if label.strip()}
    assert grouped <= seen | PROMETHEUS_LABELS


def test_the_dashboard_is_one():
    board = dashboard()
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    places = [panel["gridPos"] for panel in board["panels"]]
    assert all(0 <= place["x"] and place["x"] + place["w"] <= 24 for place in places)
    for number, one in enumerate(places):
        for other in places[number + 1:]:
            assert (one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
                    or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]), (one, other)
