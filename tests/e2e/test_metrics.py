"""The metrics page: valid for promtool, taken by a real Prometheus, counters that never go back."""

import json
import os
import re
import signal
import subprocess
import urllib.request

import pytest
from harness import gatehouse, keys, procfs, raw
from harness.poll import until
from harness.prometheus import Prometheus
from harness.upstream import steering

MODEL = "gpt-oss-120b"
SETTINGS = {"METRICS_LISTEN": "127.0.0.1:0", "MODELS_FILE": gatehouse.ROOT / "etc/models.json"}
CHAT = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "two words"}]}).encode()

ALWAYS = {
    "gatehouse_build_info", "gatehouse_workers", "gatehouse_worker_restarts_total", "gatehouse_connections",
    "gatehouse_streams", "gatehouse_upstream_up", "gatehouse_reloads_total", "gatehouse_last_reload_successful",
    "gatehouse_last_reload_timestamp_seconds", "gatehouse_keys", "gatehouse_journal_cells",
    "gatehouse_ledger_lag_seconds", "process_cpu_seconds_total",
}
WITH_TRAFFIC = {
    "gatehouse_requests_total", "gatehouse_key_requests_total", "gatehouse_tokens_total", "gatehouse_cost_euros_total",
    "gatehouse_refused_total", "gatehouse_request_duration_seconds", "gatehouse_time_to_first_byte_seconds",
    "gatehouse_overhead_seconds", "gatehouse_upstream_responses_total",
}


def port(house):
    return int(house.status()["metrics_listen"][0].rpartition(":")[2])


def page(house):
    with urllib.request.urlopen(f"http://127.0.0.1:{port(house)}/metrics", timeout=20) as answer:
        return answer.read().decode()


def value(text, sample):
    """The value of a sample with exactly these labels; None if it is not there."""
    found = re.search(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else None


def samples(text):
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


def names(text):
    return set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))


def counters(text):
    """All samples of counters and histograms."""
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    return {name: float(number) for name, number in samples(text).items()
            if kinds.get(name.partition("{")[0]) == "counter"
            or kinds.get(re.sub("_(bucket|sum|count)$", "", name.partition("{")[0])) == "histogram"}


def ask(house, times=1):
    for _ in range(times):
        assert house.ask("POST", "/v1/chat/completions", body=CHAT).status == 200


def make_traffic(house):
    ask(house, 2)
    assert house.ask("GET", "/v1/models", key=keys.secret("wrong")).status == 401


@pytest.fixture
def own(start_house):
    return start_house(**SETTINGS)


def test_promtool_finds_nothing_wrong(own):
    def check():
        return subprocess.run(["promtool", "check", "metrics"], input=page(own), capture_output=True, text=True,
                              check=False)

    for _ in range(2):
        done = check()
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        make_traffic(own)


def test_all_names_are_there_and_none_without_traffic(own):
    found = names(page(own))
    assert found >= ALWAYS - {"gatehouse_upstream_up"}
    assert not found & (WITH_TRAFFIC - {"gatehouse_upstream_responses_total"})
    make_traffic(own)
    until("all are there", lambda: names(page(own)) >= ALWAYS | WITH_TRAFFIC)


def test_what_a_key_has_used_is_exact(own):
    ask(own, 3)
    labels = f'key_id="e2e",model="{MODEL}"'
    text = until("they are counted", lambda: (
        (now := page(own)) and value(now, f'gatehouse_key_requests_total{{{labels},endpoint="chat"}}') == 3 and now))
    tokens = sum(value(text, f'gatehouse_tokens_total{{{labels},kind="{kind}"}}')
                 for kind in ("input", "cache_read", "output"))
    cost = samples(text)[f"gatehouse_cost_euros_total{{{labels}}}"]
    assert cost == f"{int(tokens) * 5000 / 1e9:.9f}"
    assert value(text, 'gatehouse_requests_total{endpoint="chat",code="200"}') == 3
    assert value(text, 'gatehouse_request_duration_seconds_count{endpoint="chat"}') == 3


def test_keys_can_be_left_out(start_house):
    house = start_house(METRICS_KEYS="off", **SETTINGS)
    ask(house)
    text = until("it is counted", lambda: (now := page(house)) and "gatehouse_key_requests_total" in now and now)
    assert "key_id" not in text
    assert value(text, f'gatehouse_key_requests_total{{model="{MODEL}",endpoint="chat"}}') == 1


def test_nothing_goes_back_whoever_is_killed(own):
    before = {}
    for round_number in range(6):
        make_traffic(own)
        now = counters(page(own))
        assert not {name: (number, now.get(name)) for name, number in before.items()
                    if not name.startswith("process_cpu") and now.get(name, -1) < number}
        before = now
        victim = (own.workers() if round_number % 2 else own.admin())[0]
        own.expect("child_exit")
        os.kill(victim, signal.SIGKILL)
        until("it has a successor", lambda gone=victim: not procfs.is_alive(gone) and len(own.workers()) == 2
              and own.admin() and own.status()["state"] == "ready")
        own.check_log()
    assert value(page(own), "gatehouse_worker_restarts_total") == 3


def test_streams_of_a_killed_worker_are_not_open_any_more(own):
    own.expect("child_exit")
    with own.connect() as stream:
        headers = {"Authorization": f"Bearer {keys.SECRET}", **steering(gate="killed-streams", events=1)}
        body = json.dumps({"model": "gpt-oss-120b", "stream": True, "messages": []}).encode()
        stream.send(raw.request("POST", "/v1/chat/completions", headers, body))
        assert stream.head().status == 200
        until("the stream is counted", lambda: value(page(own), "gatehouse_streams") == 1)
        for pid in own.workers():
            os.kill(pid, signal.SIGKILL)
        until("it is not open any more", lambda: value(page(own), "gatehouse_streams") == 0)


def test_usage_does_not_go_back_over_a_restart(own):
    ask(own, 3)
    own.stop()
    own.start()
    sample = f'gatehouse_key_requests_total{{key_id="e2e",model="{MODEL}",endpoint="chat"}}'
    assert value(page(own), sample) == 3
    ask(own)
    until("it goes on", lambda: value(page(own), sample) == 4)


def test_reloads_and_certificates_are_told(start_house, pair):
    house = start_house(tls=pair, **SETTINGS)
    text = page(house)
    assert value(text, "gatehouse_last_reload_successful") == 1
    started = value(text, "gatehouse_last_reload_timestamp_seconds")
    done = subprocess.run(["openssl", "x509", "-in", pair.cert, "-noout", "-enddate", "-dateopt", "iso_8601"],
                          capture_output=True, text=True, check=True).stdout.strip().removeprefix("notAfter=")
    from datetime import datetime

    assert value(text, "gatehouse_tls_certificate_expiry_seconds") == datetime.fromisoformat(done).timestamp()
    assert house.reload()["result"] == "ok"
    house.key_file.write_text("no JSON")
    house.expect("reload")
    assert house.reload()["result"] == "refused"
    text = page(house)
    assert value(text, 'gatehouse_reloads_total{result="ok"}') == 1
    assert value(text, 'gatehouse_reloads_total{result="refused"}') == 1
    assert value(text, "gatehouse_last_reload_successful") == 0
    assert value(text, "gatehouse_last_reload_timestamp_seconds") > started


@pytest.fixture
def prometheus(own, tmp_path):
    """Asks a Prometheus that scrapes our own gatehouse."""
    running = Prometheus(tmp_path, port(own))
    yield running.query
    running.stop()


def test_prometheus_takes_it(own, prometheus):
    make_traffic(own)
    until("it is scraped", lambda: [one["value"][1] for one in prometheus("up")] == ["1"])
    found = until("the requests are there", lambda: prometheus("gatehouse_key_requests_total"))
    assert found[0]["metric"]["key_id"] == "e2e"
    assert found[0]["metric"]["model"] == MODEL
    assert found[0]["value"][1] == "2"
    assert until("a quantile can be told", lambda: prometheus(
        "histogram_quantile(0.5, gatehouse_request_duration_seconds_bucket)"))
    assert prometheus("scrape_samples_scraped")[0]["value"][1] == str(len(samples(page(own))))
