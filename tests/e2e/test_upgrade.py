"""SIGUSR2: the master becomes the executable on disk, and nobody who is being served notices."""

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess

import pytest
from harness import certs, gatehouse, keys, procfs, raw, rising, streams, successors
from harness.load import Load
from harness.poll import settled, until
from harness.program import Program

MODELS = raw.request("GET", "/v1/models", streams.AUTH)


@pytest.fixture
def own(start_house, pair):
    return start_house(tls=pair, METRICS_LISTEN="127.0.0.1:0", WATCH="off")


@pytest.fixture
def installed(standin, start_house, folder):
    """A gatehouse started from a file of its own, by a link: (house, file, link)."""
    place = folder / f"installed-{os.getpid()}-{len(list(folder.iterdir()))}"
    place.mkdir()
    file, link = place / "gatehouse-1", place / "gatehouse"
    shutil.copy(gatehouse.binary(), file)
    link.symlink_to(file.name)
    return start_house(program=link), file, link


class TestUnderLoad:
    def test_three_hundred_open_streams_are_finished_on_the_old_workers(self, own, standin):
        pid, workers = own.pid, own.workers()
        begun = [streams.begin(own, own.connect_tls if i % 2 else own.connect, gate="upgrade", events=3)
                 for i in range(300)]
        assert standin.state()["busy"] == 300
        successors.upgrade(own)
        assert own.pid == pid and procfs.is_alive(pid)
        assert set(workers) <= set(own.workers()), "old workers stay for their streams"
        assert len(own.workers()) == 4
        assert own.ask("GET", "/v1/models").status == 200
        standin.open_gate("upgrade")
        assert all([streams.is_whole(stream) for stream in begun])
        for stream in begun:
            stream.close()
        successors.renewed(own, workers)
        until("each is in the ledger", lambda: sum(row["requests"] for row in successors.usage(own)["rows"]) == 301)

    def test_requests_under_load_do_not_fail_and_usage_adds_up(self, own, standin):
        with Load(own.connect, MODELS, 6) as load:
            for _ in range(3):
                before = own.workers()
                successors.upgrade(own)
                successors.renewed(own, before)
            done = load.done
            until("requests go on", lambda: load.done > done + 50)
        assert load.broken == []
        assert set(load.statuses) == {200}
        until("all is in the ledger", lambda: sum(row["requests"] for row in successors.usage(own)["rows"]) == load.done)

    def test_session_tickets_hold_across_it(self, own):
        context = own.tls_pair.client_context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # the ticket comes with the handshake
        with own.connect_tls(context) as connection:
            session = connection.sock.session
        successors.upgrade(own)
        with (socket.create_connection(("127.0.0.1", own.https_port), 20) as plain,
              context.wrap_socket(plain, server_hostname="localhost", session=session) as again):
            assert again.session_reused


class TestWhatStays:
    def test_windows_hold(self, start_house):
        house = start_house(entries=[keys.entry(rate_limit=5)], WATCH="off", RATE_LIMIT_WINDOW="600s")
        assert [house.ask("GET", "/v1/models").status for _ in range(4)] == [200] * 4
        successors.upgrade(house)
        assert [house.ask("GET", "/v1/models").status for _ in range(3)] == [200, 429, 429]

    def test_counters_never_go_back(self, own):
        for _ in range(20):
            assert own.ask("GET", "/v1/models").status == 200
        assert own.ask("GET", "/v1/models", key="pm_wrong").status == 401
        before = successors.totals(successors.metrics(own))
        assert before['gatehouse_requests_total{endpoint="models",code="200"}'] == 20
        successors.upgrade(own)
        after = successors.totals(until("the new admin serves", lambda: successors.metrics_or_none(own)))
        assert {name: after.get(name) for name in before} == before

    def test_the_status_goes_on(self, own):
        own.reload()
        before = own.status()
        successors.upgrade(own)
        after = own.status()
        for name in ("pid", "started", "reloads_started", "reloads_finished", "listen", "metrics_listen", "data_dir",
                     "worker_restarts", "last_reload"):
            assert after[name] == before[name], name
        assert after["generation"] == before["generation"] + 1
        assert after["state"] == "ready"

    def test_commands_work_on(self, own):
        old_admin = own.admin()
        successors.upgrade(own)
        until("admin is a new one", lambda: (now := own.admin()) and now != old_admin)
        assert own.run("reload").returncode == 0
        assert own.run("keys", "create", "--id", "another").returncode == 0
        assert own.run("status").returncode == 0
        assert until("the ledger is served", lambda: own.run("usage").returncode == 0)
        assert own.run("stop").returncode == 0
        assert own.wait() == 0

    def test_a_dead_worker_is_replaced_and_settled_by_the_new_program(self, own, standin):
        own.expect("child_exit")
        stream = streams.begin(own, gate="settled", events=2)
        old = own.workers()
        successors.upgrade(own)
        for pid in own.workers():
            os.kill(pid, signal.SIGKILL)
        until("they have successors", lambda: len(now := own.workers()) == 2 and not set(now) & set(old))
        until("none is a zombie", lambda: not procfs.zombies(own.pid))
        standin.open_gate("settled")
        stream.close()
        until("the cut stream is counted", lambda: sum(row["requests"] for row in successors.usage(own)["rows"]) == 1)
        assert own.ask("GET", "/v1/models").status == 200

    def test_five_of_them_leave_no_descriptor_and_no_process_behind(self, own):
        def held():
            return sorted(re.sub(r"\d+", "N", target) for target in procfs.open_files(own.pid))

        def all_is_well():
            return len(own.workers()) == 2 and len(own.admin()) == 1

        until("all run", all_is_well)
        before = settled("descriptors", lambda: tuple(held()), 5)
        for _ in range(5):
            workers = own.workers()
            successors.upgrade(own)
            successors.renewed(own, workers)
            until("all run", all_is_well)
        until("the same are open", lambda: tuple(held()) == before)
        assert len(procfs.children(own.pid)) == 3

    def test_the_program_of_upstream_command_stays(self, start_house, folder):
        program = Program(folder / f"upgraded-{os.getpid()}")
        house = start_house(upstream=program.url, UPSTREAM_COMMAND=program.command())
        until("it runs", lambda: program.report("started"))
        until("it serves", lambda: house.ask("GET", "/health/ready", key=None).status == 200)
        before = house.status()["upstream_process"]
        successors.upgrade(house)
        assert house.status()["upstream_process"] == before
        house.expect("upstream_exit")
        os.kill(before["pid"], signal.SIGKILL)
        until("the new master starts it again", lambda: house.status()["upstream_process"]["restarts"] == 1
              and len(program.report("started")) == 2)
        until("it serves again", lambda: (program.folder / "socket").exists())
        house.stop()
        assert len(program.report("interrupted")) == 1


class TestTheExecutable:
    def test_what_lies_at_the_path_now_is_what_runs(self, installed):
        house, file, link = installed
        second = file.with_name("gatehouse-2")
        shutil.copy(gatehouse.binary(), second)
        new_link = link.with_name("new")
        new_link.symlink_to(second.name)
        os.replace(new_link, link)
        file.unlink()
        successors.upgrade(house)
        assert os.readlink(f"/proc/{house.pid}/exe") == str(second)
        successors.upgrade(house)
        assert house.ask("GET", "/v1/models").status == 200

    @pytest.mark.parametrize("text", [None, "no program", "#!/bin/false\n", "#!/bin/sh\nkill -SEGV $$\n",
                                      "#!/bin/sh\necho 'fault: it is too old' >&2\nexit 1\n"])
    def test_one_that_does_not_pass_its_check_changes_nothing(self, installed, text):
        house, file, _ = installed
        workers, generation = house.workers(), house.status()["generation"]
        house.expect("upgrade", "upgrade")
        file.unlink()
        if text is not None:
            file.write_text(text)
            file.chmod(0o755)
        reason = successors.upgrade(house, "refused")
        assert reason
        if text is not None and "too old" in text:
            assert reason == "it is too old"
        assert house.workers() == workers and house.status()["generation"] == generation
        assert len(house.lines("upgrade", "error")) == 1
        shutil.copy(gatehouse.binary(), file)
        successors.upgrade(house)

    def test_one_that_dies_as_the_master_costs_no_running_stream(self, installed, standin):
        house, file, _ = installed
        stream = streams.begin(house, gate="dies", events=2)
        file.unlink()
        file.write_text('#!/bin/sh\n[ "$1" = check ]\n')
        file.chmod(0o755)
        house.signal(signal.SIGUSR2)
        assert house.process.wait(20) == 1
        standin.open_gate("dies")
        assert streams.is_whole(stream), "its worker drains"
        stream.close()
        until("all have left", lambda: not procfs.session_members(house.pid))

    def test_one_asked_for_while_it_starts_is_done(self, installed):
        house, _, _ = installed
        house.stop()
        house.spawn()
        until("it has begun", lambda: house.status().get("pid") == house.pid)
        house.signal(signal.SIGUSR2)
        until("it is done", lambda: house.status()["upgrades_finished"] == 1)
        assert house.status()["last_upgrade"]["result"] == "ok"
        until("it is ready", lambda: house.status()["state"] == "ready")

    def test_faulty_configuration_is_refused_by_name(self, start_house, standin, folder):
        path = folder / f"upgrade-{os.getpid()}.json"
        path.write_text("{}")
        house = start_house(GATEHOUSE_CONFIG=path)
        house.expect("upgrade")
        path.write_text('{"max_body": "nonsense"}')
        workers = house.workers()
        assert "max_body" in successors.upgrade(house, "refused")
        assert house.workers() == workers

    def test_changed_configuration_holds_and_what_needs_a_restart_stays(self, start_house, folder):
        path = folder / f"changed-{os.getpid()}.json"
        path.write_text("{}")
        house = start_house(GATEHOUSE_CONFIG=path, WORKERS=None, LISTEN="http://127.0.0.1:0", MAX_BODY=None)
        path.write_text(json.dumps({"workers": house.status()["workers"] + 1, "max_body": 10}))
        successors.upgrade(house)
        until("as many serve as before", lambda: house.status()["workers"] == len(house.workers()))
        assert [line for line in house.lines("upgrade", "warn") if "WORKERS" in line.msg]
        answer = house.ask("POST", "/v1/chat/completions", {"Content-Type": "application/json"}, b'{"model":"much"}')
        assert answer.status == 413


class TestCommand:
    def test_it_waits_for_the_outcome_and_tells_it(self, installed):
        house, file, _ = installed
        done = house.run("upgrade")
        assert done.returncode == 0 and "upgrade ok: gatehouse" in done.stdout, done
        house.expect("upgrade")
        house.program = gatehouse.binary()
        file.unlink()
        done = house.run("upgrade")
        assert done.returncode == 1 and "upgrade refused" in done.stderr, done
        assert house.ask("GET", "/v1/models").status == 200
        assert "last upgrade" in house.run("status").stdout

    def test_without_a_master_it_says_so(self, start_house):
        house = start_house()
        house.stop()
        done = house.run("upgrade")
        assert done.returncode == 3, done

    def test_a_check_by_hand_is_a_check(self, own):
        assert own.run("check", "--upgrade").returncode == 0
        done = own.run("check", "--upgrade", WORKERS="0")
        assert done.returncode == 1 and "WORKERS" in done.stderr

    def test_a_handover_that_is_none_is_refused(self, own):
        with (own.folder / "forged").open("w+b") as file:
            file.write(b'{"handover":1}')
            file.flush()
            done = subprocess.run([own.program, "check", "--upgrade"], pass_fds=[file.fileno()], check=False,
                                  env={**own.environment, "GATEHOUSE_HANDOVER": str(file.fileno())},
                                  capture_output=True, text=True, timeout=30)
        assert done.returncode == 1 and "handed over" in done.stderr, done


class TestMeetings:
    """What happens when several things are asked for at once."""

    def test_one_asked_for_during_a_reload_follows_it_and_the_other_way_round(self, own):
        keys.write(own.key_file, keys.entry(), keys.entry(keys.secret("other"), "other"))
        for first, second in ((signal.SIGHUP, signal.SIGUSR2), (signal.SIGUSR2, signal.SIGHUP)):
            before = own.status()
            own.signal(first)
            own.signal(second)
            after = until("both are finished", lambda before=before: (
                (now := own.status())["upgrades_finished"] > before["upgrades_finished"]
                and now["reloads_finished"] > before["reloads_finished"] and now), 60)
            assert after["last_upgrade"]["result"] == after["last_reload"]["result"] == "ok"

    def test_it_is_finished_when_no_old_worker_takes_connections(self, own):
        old = own.workers()
        os.kill(old[0], signal.SIGSTOP)
        own.signal(signal.SIGUSR2)
        until("the new ones serve", lambda: own.status()["generation"] == 2)
        assert own.status()["upgrades_finished"] == 0
        os.kill(old[0], signal.SIGCONT)
        until("it is finished", lambda: own.status()["upgrades_finished"] == 1)
        assert own.status()["last_upgrade"]["result"] == "ok"
        successors.renewed(own, old)

    def test_several_during_one_are_one_more_after_it(self, own):
        own.signal(signal.SIGUSR2)
        until("it has begun", lambda: own.status()["upgrades_started"] == 1)
        for _ in range(4):
            own.signal(signal.SIGUSR2)
        status = until("both are finished", lambda: (now := own.status())["upgrades_finished"] == 2 and now, 60)
        assert status["last_upgrade"]["result"] == "ok" and status["upgrades_started"] == 2
        assert own.ask("GET", "/v1/models").status == 200

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
    def test_a_stop_during_one_wins(self, own, standin, number):
        own.expect("upgrade")
        stream = streams.begin(own, gate=f"wins-{number}", events=2)
        own.signal(signal.SIGUSR2)
        until("it has begun", lambda: own.status()["upgrades_started"] == 1)
        own.signal(number)
        if number == signal.SIGTERM:
            until("it drains", lambda: own.status()["state"] == "draining")
            standin.open_gate(f"wins-{number}")
            assert streams.is_whole(stream)
        assert own.wait() == 0
        own.expect("upgrade")

    def test_a_stop_during_one_leaves_upstream_s_program_to_the_last_stream(self, start_house, folder):
        program = Program(folder / f"stopped-{os.getpid()}")
        house = start_house(upstream=program.url, UPSTREAM_COMMAND=program.command())
        until("it serves", lambda: house.ask("GET", "/health/ready", key=None).status == 200)
        stream = streams.begin(house)
        house.signal(signal.SIGUSR2)
        until("it has begun", lambda: house.status()["upgrades_started"] == 1)
        house.signal(signal.SIGTERM)
        until("it drains", lambda: house.status()["state"] == "draining")
        assert not program.report("interrupted")
        program.touch("go")
        assert streams.is_whole(stream)
        assert house.wait() == 0
        assert len(program.report("interrupted")) == 1
        house.expect("upgrade")

    def test_a_stop_right_after_one_lets_streams_of_both_generations_end(self, own, standin):
        old = streams.begin(own, gate="both", events=2)
        successors.upgrade(own)
        new = streams.begin(own, gate="both", events=2)
        own.signal(signal.SIGTERM)
        until("it drains", lambda: own.status()["state"] == "draining")
        standin.open_gate("both")
        assert streams.is_whole(old) and streams.is_whole(new)
        assert own.wait() == 0

    def test_a_second_sigterm_after_one_hurries_both_generations(self, own):
        begun = [streams.begin(own, gate="never", events=2)]
        successors.upgrade(own)
        begun.append(streams.begin(own, gate="never", events=2))
        own.signal(signal.SIGTERM)
        until("it drains", lambda: own.status()["state"] == "draining")
        own.signal(signal.SIGTERM)
        assert own.wait() == 0
        for stream in begun:
            stream.close()


class TestWhileTheNewOnesRise:
    """Both generations share what the new program has read."""

    @pytest.fixture
    def risen(self, start_house, folder):
        """(house, one of its workers that serve, the one that is held)"""
        house = start_house(tls=certs.make(folder, f"risen-{len(list(folder.iterdir()))}"), WATCH="off", WORKERS=4)
        house.expect("child_exit", "roll", "upgrade")
        for _ in range(30):
            workers = house.workers()
            if (held := rising.hold_one(house, signal.SIGUSR2)) is not None:
                return house, workers[0], held
        raise AssertionError("none could be held in time")

    def test_who_is_forked_then_for_the_old_generation_leaves_in_order(self, risen):
        house, worker, held = risen
        forked = [successors.replaced(house, worker), successors.replaced(house, house.admin()[0])]
        until("admin serves again", lambda: [line for line in house.lines("admin_start")
                                             if line.fields["pid"] == forked[1] and "serves" in line.msg])
        os.kill(held, signal.SIGCONT)
        until("they have left", lambda: not set(forked) & set(procfs.own_children(house.pid)))
        ends = [line.msg for line in house.lines("child_exit") if any(f"pid {pid})" in line.msg for pid in forked)]
        assert len(ends) == 2 and all(end.endswith("exit status 0") for end in ends), ends

    def test_one_that_failed_does_not_stand_in_the_way_of_a_reload(self, risen, folder):
        house, _, held = risen
        old = house.workers()
        os.kill(held, signal.SIGKILL)
        until("it has failed", lambda: (
            (last := house.status()["last_upgrade"]) is not None and last["result"] == "failed"))
        certs.put(house.tls_pair, certs.make(folder, f"after-{len(list(folder.iterdir()))}"))
        last = house.reload()
        assert last["result"] == "ok", last
        until("the old generation has left", lambda: not set(old) & set(house.workers()))
        house.stop()

    def test_a_stop_then_ends_the_master_in_order(self, risen):
        house, _, held = risen
        house.signal(signal.SIGTERM)
        until("it drains", lambda: house.status()["state"] == "draining")
        os.kill(held, signal.SIGKILL)
        assert house.wait() == 0
