"""Usage that adds up, whoever is killed and whatever the disk does; reading, importing, forgetting, copying it."""

import json
import os
import shlex
import shutil
import signal
from decimal import Decimal

import pytest
from canned import usage as canned
from harness import gatehouse, keys, raw
from harness.load import Load
from harness.poll import until
from harness.upstream import steering

AUTH = {"Authorization": f"Bearer {keys.SECRET}"}
MODEL = "gpt-oss-120b"
NEUR = Decimal("0.000000001")
TOKEN_NEUR = 5000
PROMPT = canned.prompt_tokens(2)
MODELS_FILE = gatehouse.ROOT / "etc/models.json"
SETTINGS = {"MODELS_FILE": MODELS_FILE}


def chat(stream=False):
    said = {"model": MODEL, "messages": [{"role": "user", "content": "two words"}]}
    return json.dumps({**said, "stream": True} if stream else said).encode()


CHAT = raw.request("POST", "/v1/chat/completions", AUTH, chat())


@pytest.fixture
def own(start_house):
    return start_house(**SETTINGS)


def report(house, *options):
    done = house.run("usage", "--format", "json", *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def total(house):
    return report(house)["total"]


def ask(house, times=1):
    for _ in range(times):
        assert house.ask("POST", "/v1/chat/completions", body=chat()).status == 200


def cost(tokens):
    return str(tokens * TOKEN_NEUR * NEUR)


# counting


def test_a_request_is_told_at_once_with_exact_numbers(own):
    ask(own)
    answer = own.ask("POST", "/v1/chat/completions", steering(events=7), chat())
    tokens = answer.json()["usage"]["completion_tokens"]
    assert tokens == 7
    rows = report(own, "--by", "key,model,endpoint")["rows"]
    assert len(rows) == 1
    assert {name: rows[0][name] for name in ("key_id", "model", "endpoint")} == {
        "key_id": "e2e", "model": MODEL, "endpoint": "chat"}
    first = rows[0]["completion_tokens"] - 7
    assert rows[0]["requests"] == 2
    assert rows[0]["requests_cut"] == 0
    assert rows[0]["prompt_tokens"] == 2 * PROMPT
    assert rows[0]["cached_tokens"] == 2 * (PROMPT // 2)
    assert rows[0]["total_tokens"] == 2 * PROMPT + first + 7
    assert Decimal(rows[0]["cost_eur"]) == rows[0]["total_tokens"] * TOKEN_NEUR * NEUR


def test_usage_is_the_same_with_no_gatehouse_running(own):
    ask(own, 3)
    running = total(own)
    own.stop()
    assert total(own) == running
    assert running["requests"] == 3
    own.start()
    ask(own)
    assert total(own)["requests"] == 4


def test_admin_killed_again_and_again_loses_nothing(own):
    with Load(own.connect, CHAT, 4) as load:
        for _ in range(6):  # each successor waits twice as long
            victims = own.admin()
            done = load.done
            until("requests go on", lambda seen=done: load.done > seen + 20)
            for pid in victims:
                os.kill(pid, signal.SIGKILL)
            until("admin has a successor", lambda gone=victims: own.admin() and own.admin() != gone)
            own.expect("child_exit")
    assert load.broken == []
    own.expect("child_exit")
    assert total(own)["requests"] == load.done
    own.stop()
    assert total(own)["requests"] == load.done
    assert total(own)["prompt_tokens"] == load.done * PROMPT


def test_everything_killed_at_once_loses_no_answered_request(own):
    answered = 0
    for _ in range(3):
        ask(own, 5)
        answered += 5
        with own.connect() as stream:
            stream.send(raw.request("POST", "/v1/chat/completions", {**AUTH, **steering(gate="never")}, chat(True)))
            assert stream.head().status == 200
            for pid in [own.pid, *own.workers(), *own.admin()]:
                os.kill(pid, signal.SIGKILL)
            own.process.wait(20)
        own.start()
    seen = total(own)
    assert seen["requests"] - seen["requests_cut"] == answered
    assert seen["requests_cut"] <= 3
    assert seen["prompt_tokens"] >= answered * PROMPT


# faults


@pytest.fixture
def on_small_disk(start_house, standin, tmp_path, is_root):
    """A gatehouse whose DATA_DIR is a disk of its own, which only its processes see."""
    if not is_root:
        pytest.skip("only root can mount")
    program = tmp_path / "small-disk"
    program.write_text(
        "#!/bin/sh\n"
        "exec unshare --mount --propagation private sh -c '"
        'mount -t tmpfs -o size=160m,mode=0777 tmpfs "$DATA_DIR" && exec '
        f"{shlex.quote(str(gatehouse.binary()))} \"$@\"' sh \"$@\"\n")
    program.chmod(0o755)
    return start_house(program=program, METRICS_LISTEN="127.0.0.1:0", **SETTINGS)


def free_bytes(folder):
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def test_a_full_disk_stops_no_request_and_loses_no_count(on_small_disk):
    house = on_small_disk
    data = f"/proc/{house.pid}/root{house.folder}/data"
    ask(house, 2)
    until("the first are in the ledger", lambda: lag(house) == 0 and total(house)["requests"] == 2)
    filler = os.path.join(data, "filler")
    with open(filler, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, free_bytes(data) - 8 * 1024 * 1024)
    house.expect("ledger")
    ask(house, 5)
    until("the fault is named", lambda: [line for line in house.lines("ledger", "error") if "32 MiB" in line.msg])
    assert total(house)["requests"] == 7
    until("it lags behind", lambda: lag(house) > 0)
    os.unlink(filler)
    until("it heals", lambda: house.lines("ledger", "info"))
    until("nothing waits", lambda: lag(house) == 0)
    assert total(house)["requests"] == 7
    assert len(house.lines("ledger", "error")) == 1


def lag(house):
    from test_metrics import page, value

    return value(page(house), "gatehouse_ledger_lag_seconds")


def test_a_corrupt_ledger_stops_no_request_and_is_gone_on_with_when_it_is_put_right(start_house):
    house = start_house(METRICS_LISTEN="127.0.0.1:0", **SETTINGS)
    ask(house, 3)
    house.stop()
    ledger, kept = house.folder / "data/ledger", house.folder / "kept"
    shutil.copytree(ledger, kept, copy_function=shutil.copy2)
    for name in ("usage.db", "marks.db"):
        (ledger / name).write_bytes(b"\xff" * 8192)
    house.start()
    house.expect("ledger")
    until("the fault is named", lambda: house.lines("ledger", "error"))
    ask(house, 2)
    done = house.run("usage")
    assert done.returncode == 1
    assert "ledger" in done.stderr
    from test_metrics import page

    assert "gatehouse_key_requests_total" not in page(house)
    assert "gatehouse_ledger_lag_seconds" in page(house)
    for name in ("usage.db", "marks.db"):
        with (ledger / name).open("wb") as file:
            file.write((kept / name).read_bytes())
    until("it is open again", lambda: house.run("usage").returncode == 0)
    assert total(house)["requests"] == 5


# reading


RECORDS = [
    {"timestamp": 1767222000.5, "key_id": "a", "model": "m", "endpoint": "chat", "prompt_tokens": 10,
     "completion_tokens": 5, "total_tokens": 15, "audio_bytes": 0, "cost_eur": 7.5e-05},
    {"timestamp": 1767225600.5, "key_id": "a", "model": "m", "endpoint": "chat", "prompt_tokens": 1,
     "completion_tokens": 0, "total_tokens": 1, "audio_bytes": 0, "cost_eur": 5e-06},
    {"timestamp": 1767225600.5, "key_id": 'b,"', "model": "whisper-large-v3", "endpoint": "transcriptions",
     "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, "audio_bytes": 1048576, "cost_eur": 0.096},
]
"""in the hours that begin 2025-12-31T23:00Z and 2026-01-01T00:00Z"""


def put_records(house, *records, name="usage.json"):
    path = house.folder / name
    path.write_text(json.dumps({"records": records}))
    path.chmod(0o644)
    return path


@pytest.fixture
def imported(own):
    assert own.run("import", put_records(own, *RECORDS)).returncode == 0
    return own


@pytest.fixture(params=["running", "stopped"])
def either(request, imported):
    """With a master to ask, and without."""
    if request.param == "stopped":
        imported.stop()
    return imported


def test_json_has_the_rows_asked_for_and_their_total(either):
    said = report(either, "--by", "endpoint,hour")
    assert said["by"] == ["endpoint", "hour"]
    assert [(row["endpoint"], row["hour"], row["requests"]) for row in said["rows"]] == [
        ("chat", "2025-12-31T23:00:00Z", 1), ("chat", "2026-01-01T00:00:00Z", 1),
        ("transcriptions", "2026-01-01T00:00:00Z", 1)]
    assert said["total"]["cost_eur"] == "0.096080000"
    assert said["total"]["audio_bytes"] == 1048576
    assert said["total"]["total_tokens"] == 16


def test_days_of_a_named_zone_are_made_of_whole_hours(either):
    assert [(row["day"], row["requests"]) for row in report(either, "--by", "day")["rows"]] == [
        ("2025-12-31", 1), ("2026-01-01", 2)]
    assert [(row["day"], row["requests"]) for row in report(
        either, "--by", "day", "--zone", "Europe/Berlin")["rows"]] == [("2026-01-01", 3)]
    assert [(row["day"], row["requests"]) for row in report(
        either, "--by", "day", "--zone", "America/New_York")["rows"]] == [("2025-12-31", 3)]
    hours = report(either, "--by", "hour", "--zone", "Asia/Kolkata")["rows"]
    assert [row["hour"] for row in hours] == ["2026-01-01T04:30:00+05:30", "2026-01-01T05:30:00+05:30"]


def test_since_and_until_bound_what_is_told(either):
    def requests(*options):
        return report(either, *options)["total"]["requests"]

    assert requests("--since", "2026-01-01") == 2
    assert requests("--until", "2026-01-01") == 1
    assert requests("--since", "2026-01-01", "--zone", "Europe/Berlin") == 3
    assert requests("--since", "2025-12-31T23:30", "--until", "2026-01-01T00:00:00Z") == 1
    assert requests("--since", "1h") == 0


def test_csv_is_for_spreadsheets(either):
    lines = either.run("usage", "--by", "key", "--format", "csv").stdout.splitlines()
    assert lines == [
        "key_id,requests,requests_cut,prompt_tokens,cached_tokens,cache_write_tokens,completion_tokens,total_tokens,"
        "audio_bytes,audio_seconds,cost_eur",
        "a,2,0,11,0,0,5,16,0,0.000,0.000080000",
        '"b,""",1,0,0,0,0,0,0,1048576,0.000,0.096000000']


def test_the_table_is_for_people(either):
    lines = either.run("usage").stdout.splitlines()
    assert lines[0].split() == [
        "KEY_ID", "REQUESTS", "CUT", "PROMPT", "CACHED", "COMPLETION", "TOTAL", "AUDIO", "BYTES", "AUDIO", "S", "EURO"]
    assert [line.split()[0] for line in lines[1:]] == ["a", 'b,"', "total"]
    assert lines[-1].split()[1:] == ["3", "0", "11", "0", "5", "16", "1048576", "0.000", "0.096080000"]
    assert len({len(line) for line in lines}) == 1


@pytest.mark.parametrize("options", [
    ["--by", "colour"], ["--by", "key,key"], ["--by", "hour,day"], ["--format", "xml"], ["--zone", "../../etc/passwd"],
    ["--zone", "Mars/Olympus"], ["--since", "soon"], ["--since", "2026-02-30"], ["--since"], ["--colour"],
    ["--since", "2026-01-02", "--until", "2026-01-01"], ["forget"], ["forget", "a", "b"], ["remember", "a"]])
def test_wrong_usage_is_exit_2_and_one_clear_line(house, options):
    done = house.run("usage", *options)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("gatehouse usage: ")


def test_a_master_that_can_not_be_asked_is_exit_3(own):
    (own.folder / "run/admin.sock").unlink()
    done = own.run("usage")
    assert done.returncode == 3
    assert "reached" in done.stderr


# importing


def test_an_import_is_taken_once_however_often_and_however_grown(either):
    assert report(either)["total"]["requests"] == 3
    assert either.run("import", put_records(either, *RECORDS)).stdout == "3 records, 0 of them new\n"
    more = {**RECORDS[0], "timestamp": 1767300000.25}
    assert either.run("import", put_records(either, *RECORDS, more, more)).stdout == "5 records, 2 of them new\n"
    assert report(either)["total"]["requests"] == 5


def test_of_a_faulty_file_nothing_is_imported(either):
    faulty = put_records(either, {**RECORDS[0], "timestamp": 1}, {**RECORDS[1], "prompt_tokens": "many"})
    done = either.run("import", faulty)
    assert done.returncode == 1
    assert "records[1]: prompt_tokens: must be a number" in done.stderr
    assert report(either)["total"]["requests"] == 3
    done = either.run("import", either.folder / "none.json")
    assert done.returncode == 1
    assert either.run("import").returncode == 2


def test_thousands_of_records_go_in(own):
    many = [{**RECORDS[0], "timestamp": 1767222000 + i, "key_id": f"k{i % 7}"} for i in range(5000)]
    assert own.run("import", put_records(own, *many)).stdout == "5000 records, 5000 of them new\n"
    assert total(own)["prompt_tokens"] == 50000


def test_the_usage_file_is_imported_at_the_first_start(start_house, tmp_path):
    path = gatehouse.make_folder() / "usage.json"
    path.write_text(json.dumps({"records": RECORDS}))
    path.chmod(0o644)
    try:
        house = start_house(USAGE_FILE=path, **SETTINGS)
        assert total(house)["requests"] == 3
        assert json.loads(path.read_text())["records"] == RECORDS
        house.stop()
        path.write_text(json.dumps({"records": [*RECORDS, {**RECORDS[0], "timestamp": 1}]}))
        house.start()
        assert total(house)["requests"] == 3
    finally:
        shutil.rmtree(path.parent)


# forgetting and copying


def test_a_forgotten_key_leaves_the_totals_as_they_are(either):
    before = report(either)["total"]
    assert either.run("usage", "forget", "a").returncode == 0
    said = report(either)
    assert [row["key_id"] for row in said["rows"]] == ['b,"', "forgotten"]
    assert said["total"] == before
    done = either.run("usage", "forget", "forgotten")
    assert done.returncode == 1


def test_a_backup_of_a_running_gatehouse_has_all_and_can_be_started_from(own, start_house):
    ask(own, 4)
    done = own.run("backup", own.folder / "copy")
    assert (done.returncode, done.stderr) == (0, "")
    assert own.run("backup", own.folder / "copy").returncode == 1
    assert not (own.folder / "data/backup").exists()
    other = start_house(**SETTINGS)
    other.stop()
    shutil.rmtree(other.folder / "data/ledger")
    owner = (other.folder / "data/journal").stat()
    shutil.copytree(own.folder / "copy/ledger", other.folder / "data/ledger")
    for path in [other.folder / "data/ledger", *(other.folder / "data/ledger").iterdir()]:
        os.chown(path, owner.st_uid, owner.st_gid)
    assert report(other)["rows"] == report(own)["rows"]
    other.start()
    ask(other)
    assert total(other)["requests"] == 5
    own.stop()
    assert own.run("backup", own.folder / "copy-at-rest").returncode == 0


def test_a_backup_holds_no_secret(own):
    ask(own)
    assert own.run("backup", own.folder / "copy").returncode == 0
    held = b"".join(path.read_bytes() for path in (own.folder / "copy/ledger").iterdir())
    for secret in (keys.SECRET, keys.UPSTREAM_SECRET, keys.entry()["key_hash"]):
        assert secret.encode() not in held


# who may ask


@pytest.mark.parametrize("target", [
    "/internal/usage?from=0&to=4294967295&by=0", "/internal/forget", "/internal/state",
    "/admin/../internal/usage?from=0&to=1&by=0", "//internal/usage?from=0&to=1&by=0",
    "/admin/%2e%2e/internal/usage?from=0&to=1&by=0"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_clients_do_not_reach_what_the_command_line_asks(house, method, target):
    answer = house.ask(method, target)
    assert answer.status in (400, 404, 405)
    assert b"[" not in answer.body
