"""UPSTREAM_COMMAND: a program that the master keeps running, with nothing of ours in its hands."""

import json
import os
import signal
import urllib.request

import pytest
from harness import gatehouse, keys, procfs, raw, streams
from harness.poll import until
from harness.program import Program

EXIT = "upstream_exit"


@pytest.fixture
def program(folder):
    return Program(folder / f"program-{os.getpid()}-{len(list(folder.iterdir()))}")


@pytest.fixture
def start(start_house, program):
    """start(*words, **settings) -> a gatehouse that keeps the program running."""
    def started(*words, **settings):
        return start_house(upstream=program.url, UPSTREAM_COMMAND=program.command(*words), **settings)

    return started


def process(house):
    return house.status()["upstream_process"]


def is_ready(house):
    return house.ask("GET", "/health/ready", key=None).status == 200


def test_it_is_not_ready_before_the_program_accepts(start, program):
    house = start("--wait", "serve")
    until("the program runs", lambda: program.report("started"))
    answer = until("it was looked for", lambda: (
        (now := house.ask("GET", "/health/ready", key=None)).status == 503 and b"upstream" in now.body and now))
    assert json.loads(answer.body)["reason"] == "upstream"
    program.touch("serve")
    until("it is ready", lambda: is_ready(house))
    program.touch("go")
    with streams.begin(house) as stream:
        assert streams.is_whole(stream)


def ignored(mask):
    """The signals of a mask, but for the two that the C library keeps for itself and lets nobody set."""
    return {number for number in range(1, 65) if int(mask, 16) >> number - 1 & 1} - {32, 33}


def test_it_gets_nothing_of_ours(start, program, is_root):
    house = start(ADMIN_PASSWORD="not for the program", https_proxy="http://10.0.0.1:3128", NO_PROXY="localhost",
                  TRUST_PROXY="true", TRUSTED_PROXIES="10.0.0.0/8")
    [facts] = until("the program runs", lambda: program.report("started"))
    variables = facts["environment"]
    variables.pop("LC_CTYPE", None)  # Python's own doing
    assert set(variables) == {"PATH", "HOME", "https_proxy", "NO_PROXY"}
    assert variables["PATH"] == house.environment["PATH"]
    assert variables["https_proxy"] == "http://10.0.0.1:3128"
    assert set(facts["files"]) == {"0", "1", "2"}
    assert facts["files"]["0"] == "/dev/null"
    assert facts["files"]["1"] == facts["files"]["2"] == str(house.log_path)
    assert facts["group"] == facts["pid"] == process(house)["pid"]
    assert int(facts["status"]["SigBlk"], 16) == 0
    # Python itself ignores SIGPIPE and SIGXFSZ
    assert ignored(facts["status"]["SigIgn"]) <= {signal.SIGPIPE, signal.SIGXFSZ}
    assert facts["status"]["NoNewPrivs"] == "1"
    assert {int(facts["status"][name], 16) for name in ("CapEff", "CapPrm", "CapAmb")} == {0}
    assert facts["uid"] != 0 if is_root else facts["uid"] == os.getuid()
    assert keys.UPSTREAM_SECRET not in json.dumps(facts)


def test_sigpipe_is_not_ignored(start_house, program):
    line = f"sh -c 'grep ^SigIgn /proc/self/status > {program.folder}/ignored; exec sleep 1000'"
    start_house(upstream=program.url, UPSTREAM_COMMAND=line)
    text = until("it was written", lambda: (
        (path := program.folder / "ignored").exists() and path.read_text().endswith("\n") and path.read_text()))
    assert ignored(text.split()[1]) == set()


def test_words_are_split_without_a_shell(start, program):
    start("--word", "$HOME; *", "--word", 'say "it"', "--word", "", "--word", "back\\slash")
    [facts] = until("the program runs", lambda: program.report("started"))
    assert facts["words"] == ["$HOME; *", 'say "it"', "", "back\\slash"]


def test_its_lines_go_to_stderr_as_they_are(start, program):
    said = json.dumps({"ts": "", "level": "info", "role": "program", "pid": 1, "event": "said", "msg": "ünïcode"})
    house = start("--say", said)
    until("it is there", lambda: said + "\n" in house.log_text())


def test_its_death_costs_a_second_and_is_counted(start, program):
    house = start(METRICS_LISTEN="127.0.0.1:0")
    house.expect(EXIT)
    until("it is ready", lambda: is_ready(house))
    first = process(house)["pid"]
    os.kill(first, signal.SIGKILL)
    until("it has a successor", lambda: (now := process(house))["pid"] not in (0, first) and now["restarts"] == 1)
    assert "again in 1000 ms" in house.lines(EXIT)[0].msg
    until("it runs again", lambda: len(program.report("started")) == 2)
    until("it is ready again", lambda: is_ready(house))
    port = house.status()["metrics_listen"][0].rpartition(":")[2]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        assert b"\ngatehouse_upstream_process_restarts_total 1\n" in answer.read()
    done = house.run("status")
    assert f"running, pid {process(house)['pid']}, restarts 1" in done.stdout


def test_one_that_ends_at_once_is_started_ever_later(start, program):
    house = start("--fail")
    house.expect(*[EXIT] * 9)
    until("it ended three times", lambda: len(house.lines(EXIT)) >= 3)
    pauses = [line.msg.rpartition("again in ")[2] for line in house.lines(EXIT)]
    assert pauses[:3] == ["1000 ms", "2000 ms", "4000 ms"]
    assert house.ask("GET", "/health", key=None).status == 200
    house.stop()
    house.expect(*[EXIT] * 9)


def test_what_it_leaves_behind_ends_with_it(start, program):
    house = start("--child")
    house.expect(EXIT)
    [line] = until("the program runs", lambda: program.report("child"))
    until("it serves", lambda: is_ready(house))
    os.kill(process(house)["pid"], signal.SIGKILL)
    until("its child is gone", lambda: not procfs.is_alive(line["child"]))


class TestStop:
    def test_it_is_interrupted_when_the_last_stream_has_ended(self, start, program):
        house = start()
        until("it is ready", lambda: is_ready(house))
        stream, port = streams.begin(house), house.http_port
        house.signal(signal.SIGTERM)
        until("nobody accepts", lambda: raw.refuses(port))
        assert procfs.is_alive(process(house)["pid"]) and not program.report("interrupted")
        program.touch("go")
        assert streams.is_whole(stream)
        assert house.wait() == 0
        assert len(program.report("interrupted")) == 1

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
    def test_in_a_hurry_one_that_ignores_it_is_killed(self, start, program, number):
        house = start("--deaf")
        until("it is ready", lambda: is_ready(house))
        stream, port = streams.begin(house), house.http_port
        if number == signal.SIGTERM:
            house.signal(signal.SIGTERM)
            until("nobody accepts", lambda: raw.refuses(port))
        house.signal(number)
        assert house.wait() == 0
        stream.close()
        assert [line for line in house.lines("upstream") if "killed" in line.msg]

    def test_when_the_master_is_killed_it_is_interrupted(self, start, program):
        house = start()
        until("it is ready", lambda: is_ready(house))
        house.signal(signal.SIGKILL)
        house.process.wait(20)
        until("it was told", lambda: program.report("interrupted"))
        until("all have left", lambda: not procfs.session_members(house.pid))


class TestReload:
    @pytest.fixture
    def configured(self, start_house, program):
        """A gatehouse whose command stands in its file, and a function that writes that."""
        path = program.folder / "gatehouse.json"

        def write(*words):
            path.write_text(json.dumps({"upstream_command": program.command(*words)} if words else {}))

        write("--word", "first")
        return start_house(upstream=program.url, GATEHOUSE_CONFIG=path), write

    def test_an_unchanged_command_keeps_its_process(self, configured, program):
        house, _ = configured
        until("it runs", lambda: program.report("started"))
        before = process(house)
        assert house.reload()["result"] == "ok"
        assert process(house) == before

    def test_a_changed_command_replaces_it_and_no_command_ends_it(self, configured, program):
        house, write = configured
        until("it runs", lambda: program.report("started"))
        write("--word", "second")
        assert house.reload()["result"] == "ok"
        until("the second runs", lambda: [line["words"] for line in program.report("started")] == [["first"], ["second"]])
        until("it is ready", lambda: is_ready(house))
        assert len(program.report("interrupted")) == 1
        assert process(house)["restarts"] == 0
        write()
        assert house.reload()["result"] == "ok"
        until("it has gone", lambda: len(program.report("interrupted")) == 2)
        until("it is known", lambda: process(house) is None)

    def test_a_command_that_is_not_there_is_refused_and_the_old_one_runs_on(self, configured, program):
        house, _ = configured
        house.expect("reload")
        until("it runs", lambda: program.report("started"))
        before = process(house)
        (program.folder / "gatehouse.json").write_text('{"upstream_command": "/nonexistent/program"}')
        outcome = house.reload()
        assert outcome["result"] == "refused" and "UPSTREAM_COMMAND" in outcome["reason"]
        assert process(house) == before


@pytest.mark.parametrize("line", ["/nonexistent/program --port 1", "no-such-program-anywhere", "sleep 'for ever",
                                  "/etc/passwd"])
def test_a_command_that_cannot_run_refuses_the_start(standin, line):
    house = gatehouse.Gatehouse(standin, UPSTREAM_COMMAND=line)
    try:
        done = house.run("check")
        assert done.returncode == 1 and "UPSTREAM_COMMAND" in done.stderr
        house.spawn()
        assert house.wait() == 1
        [error] = [found for found in house.lines() if found.level == "error"]
        assert "UPSTREAM_COMMAND" in error.msg
    finally:
        house.discard()
