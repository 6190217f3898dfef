"""Usage and models over the admin API: the command line's numbers, ranges, zones, CSV that no spreadsheet runs."""

import csv
import io
import json
from decimal import Decimal

import pytest
from harness import admin, gatehouse, keys

SETTINGS = {**admin.SETTINGS, "MODELS_FILE": gatehouse.ROOT / "etc/models.json"}
FORMULA = "=HYPERLINK(\"http://x\",\"y\")"
NAMES = ["-1+1", "@SUM(A1)", "+1", FORMULA, 'a,"b"', "Schlüssel"]
SECRETS = {"e2e": keys.SECRET, **{name: keys.secret(f"usage-{number}") for number, name in enumerate(NAMES)}}
ENTRIES = [keys.entry(secret, name) for name, secret in SECRETS.items()]
CHAT = json.dumps({"model": "gpt-oss-120b", "messages": [{"role": "user", "content": "hi"}]}).encode()


@pytest.fixture(name="door", scope="module")
def _door(module_house):
    """A session in a house in which each key has been used once, and the first once more."""
    door = admin.enter(module_house)
    for secret in SECRETS.values():
        assert module_house.ask("POST", "/v1/chat/completions", body=CHAT, key=secret).status == 200
    assert module_house.ask("POST", "/v1/embeddings", body=b'{"model": "qwen3-embedding-4b", "input": "x"}').status == 200
    return door


@pytest.mark.parametrize("by", ["key", "model", "endpoint", "key,model,endpoint", "hour,key", "day", ""])
def test_it_says_what_the_command_line_says(door, house, by):
    options = ["--by", by] if by else ["--by", ""]
    said = json.loads(house.run("usage", "--format", "json", *options).stdout)
    shown = door.get("usage", by=by)
    assert shown == said
    assert shown["total"]["requests"] == len(ENTRIES) + 1
    assert sum(Decimal(row["cost_eur"]) for row in shown["rows"]) == Decimal(shown["total"]["cost_eur"])


def test_csv_is_the_command_lines_and_comes_as_a_file(door, house):
    answer = door.call("GET", "usage", format="csv", by="key")
    assert answer.get("content-type") == "text/csv; charset=utf-8"
    assert answer.get("content-disposition") == 'attachment; filename="gatehouse-usage.csv"'
    assert answer.body.decode() == house.run("usage", "--format", "csv").stdout


def test_no_cell_of_the_csv_is_a_formula(door):
    rows = list(csv.DictReader(io.StringIO(door.call("GET", "usage", format="csv", by="key").body.decode())))
    found = {row["key_id"] for row in rows}
    assert found == {"e2e", "'-1+1", "'@SUM(A1)", "'+1", f"'{FORMULA}", 'a,"b"', "Schlüssel"}
    for row in rows:
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values())
    assert {row["key_id"] for row in door.get("usage", by="key")["rows"]} == {entry["key_id"] for entry in ENTRIES}


@pytest.mark.parametrize("period", ["today", "7d", "30d", "year", "all"])
def test_periods_hold_what_was_used_now(door, period):
    shown = door.get("usage", period=period, tz="Europe/Berlin", by="day")
    assert shown["total"]["requests"] == len(ENTRIES) + 1
    assert shown["zone"] == "Europe/Berlin"
    assert (shown["since"] is None) == (period == "all")
    if period != "all":
        assert "T00:00:00+0" in shown["since"]


def test_a_zone_is_the_questions_own(door):
    assert door.get("usage", tz="Asia/Tokyo", since="today", by="hour")["since"].endswith("T00:00:00+09:00")
    assert door.get("usage", since="today", by="hour")["since"].endswith("T00:00:00Z")
    assert door.get("audit", limit=1)["records"][0]["at"].endswith("Z")


def test_a_range_that_is_over_is_empty(door):
    shown = door.get("usage", since="2020-01-01", until="2020-02-01")
    assert shown["rows"] == []
    assert (shown["since"], shown["until"]) == ("2020-01-01T00:00:00Z", "2020-02-01T00:00:00Z")


@pytest.mark.parametrize(("query", "param"), [
    ({"since": "soon"}, "since"), ({"until": "never"}, "until"), ({"since": "2021-01-01", "until": "2020-01-01"}, "since"),
    ({"by": "team"}, "by"), ({"by": "key,key"}, "by"), ({"by": "hour,day"}, "by"), ({"format": "xml"}, "format"),
    ({"format": "table"}, "format"), ({"tz": "Mars/Olympus"}, "tz"), ({"tz": "../../etc/passwd"}, "tz"),
    ({"period": "week"}, "period"), ({"period": "7d", "since": "today"}, "period"),
])
def test_a_parameter_that_makes_no_sense_is_named(door, query, param):
    assert door.fault("GET", "usage", **query) == (400, "invalid_value", param)


def test_models_have_prices_for_a_million_tokens(door):
    shown = door.get("models")
    listed = {model["id"]: model for model in shown["models"]}
    configured = json.loads((gatehouse.ROOT / "etc/models.json").read_text())
    assert set(listed) == {model["id"] for model in configured["models"]}
    assert (shown["currency"], shown["unit"]) == ("EUR", "per 1,000,000 tokens")
    chat = listed["gpt-oss-120b"]
    assert chat["kind"] == "chat"
    assert "openai/gpt-oss-120b" in chat["aliases"]
    assert chat["prices"][0] == {"from": None, "input": "5.00", "cache_read": "5.00", "cache_write": "5.00",
                                 "output": "5.00", "mib": "0.00", "second": "0.00"}
    assert shown["default"]["prices"][0]["input"] == "5.00"
