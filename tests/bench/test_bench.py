"""The benchmarks' own machinery, on gatehouse alone: what they time is of no interest here, and never asserted."""

import http.client
import json
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import bench
import loads
import memory
import peers
import report

pytestmark = pytest.mark.timeout(300)
SECONDS = 0.3


@pytest.fixture(scope="module")
def measured():
    """One short round of all loads, and of memory with few connections."""
    only = [load.name for load in loads.LOADS if not load.by_wrk]
    run = bench.Bench(only, ["gatehouse"], seconds=SECONDS, warm=0.05)
    try:
        run.run_round(0)
        run.run_memory(0, scale=0.1)
    finally:
        run.close()
    return run.results


def test_every_request_of_every_load_succeeds(measured):
    assert measured.errors == []


def test_every_figure_is_measured_and_positive(measured):
    skipped = {name for load in loads.LOADS if load.by_wrk for name in load.figures}
    for name in set(report.FIGURES) - skipped:
        value = measured.values[name]["gatehouse"][0]
        # PSS shares pages with other gatehouses of the same build, and tests beside this one start and stop some
        assert value > 0 or name in memory.FIGURES.keys() - {"F.base"}, name


def test_the_report_names_every_figure_and_its_file_holds_all_rounds(measured, tmp_path):
    lines = []
    report.show(measured, lines.append)
    for name in measured.values:
        assert any(line.startswith(f"| {report.FIGURES[name].title} ") for line in lines), name
    report.write(measured, tmp_path / "made" / "result.json")
    written = json.loads((tmp_path / "made" / "result.json").read_text())
    assert written["rounds"].keys() == measured.values.keys()
    assert written["summary"]["A"]["gatehouse"]["median"] == measured.values["A"]["gatehouse"][0]


def test_ratios_are_medians_of_the_rounds_that_both_were_measured_in():
    results = report.Results()
    for number, (ours, theirs) in enumerate([(8, 10), (6, 10), (30, 40), (5, None)]):
        results.add(number, "gatehouse", {"A": ours})
        if theirs is not None:
            results.add(number, "nginx", {"A": theirs})
    assert results.ratio("A", "gatehouse", "nginx") == 0.75
    assert results.ratio("A", "haproxy", "nginx") is None


def test_added_latency_is_what_the_direct_way_of_the_same_round_does_not_take():
    results = report.Results()
    results.add(0, loads.DIRECT, {"L": 40.0})
    results.add(0, "gatehouse", {"L": 130.0})
    results.add(1, "gatehouse", {"L": 150.0})
    assert results.series("L", "gatehouse") == {0: 90.0}


def test_a_window_in_which_nothing_was_done_is_measured_again_for_longer(monkeypatch):
    """Else a machine that stands still for a moment costs the figure."""
    run = bench.Bench(["E"], ["gatehouse"], seconds=0.25)
    asked = []

    def stands_still(_setting, _load, _peer, times):
        asked.append(times)
        done = times >= still
        return {"errors": 0, "cpu_ns": 3000 * done, "bytes_out": loads.MIB * done}

    try:
        monkeypatch.setattr(run.tools, "run", stands_still)
        monkeypatch.setattr(run, "peer", lambda *_: None)
        still = 16
        run.run_round(0)
        assert asked == [1, 4, 16] and run.results.errors == []
        assert run.results.values["E"]["gatehouse"] == {0: 3.0}
        still = 17
        run.run_round(1)
        assert run.results.errors == ["E, gatehouse, round 1: nothing was done in 4.0 s"]
    finally:
        run.close()


def test_a_request_that_fails_is_an_error_of_the_run():
    run = bench.Bench(["A"], ["gatehouse"], seconds=SECONDS, warm=0.05)
    try:
        run.setting.secrets_file(1000).write_text("pm_" + "x" * 43 + "\n")
        run.run_round(0)
    finally:
        run.close()
    assert len(run.results.errors) == 1
    assert run.results.values == {}


def test_the_upstream_answers_what_follows_an_upload_on_its_connection():
    """It sleeps until much of a body is there; of a body's end and of a head any byte has to wake it up."""
    tools = loads.Tools(SECONDS, 0.05)
    client = http.client.HTTPConnection("127.0.0.1", tools.upstream_port, timeout=30)
    try:
        for n_bytes in [128 * 1024, 100] * 10 + [loads.MIB, 0]:
            client.request("POST", loads.CHAT, body=bytes(n_bytes))
            with client.getresponse() as response:
                assert response.status == 200 and json.loads(response.read())["usage"]
    finally:
        client.close()
        tools.stop()


def test_peers_take_turns_in_being_first():
    run = bench.Bench.__new__(bench.Bench)
    run.names = ["gatehouse", "nginx", "haproxy"]
    orders = [run.wanted(("gatehouse", "nginx", "nginx+lua", "haproxy"), number) for number in range(3)]
    assert orders == [["gatehouse", "nginx", "haproxy"], ["nginx", "haproxy", "gatehouse"],
                      ["haproxy", "gatehouse", "nginx"]]
    assert set(peers.PEERS) >= set(run.names)
