"""Under systemd: what it is told, the watchdog, and sockets that it has bound."""

import os
import signal
import socket
import time

import pytest
from harness import gatehouse, keys, procfs, raw, systemd
from harness.poll import until
from harness.program import Program
from harness.upstream import steering

AUTH = {"Authorization": f"Bearer {keys.SECRET}"}
MODELS = raw.request("GET", "/v1/models", AUTH)


@pytest.fixture(params=["path", "abstract"])
def notify(request, folder):
    made = systemd.NotifySocket(folder, abstract=request.param == "abstract")
    yield made
    made.close()


@pytest.fixture
def told(start_house, notify):
    """A gatehouse that tells how it goes, and what it told."""
    house = start_house(NOTIFY_SOCKET=notify.address)
    notify.await_states("READY")
    return house, notify


@pytest.fixture
def bound():
    """bound(...) -> a socket of systemd's and its address; it stays when gatehouse goes."""
    made = []

    def bind(*args, **options):
        made.append(systemd.listen(*args, **options))
        return made[-1]

    yield bind
    for one, _ in made:
        one.close()


@pytest.fixture
def activated(standin):
    """activated(*sockets, pid=None, **settings) -> a gatehouse that is not started yet."""
    houses = []

    def prepare(*sockets, pid=None, **settings):
        houses.append(gatehouse.Gatehouse(standin, **settings))
        systemd.activate(houses[-1], *sockets, pid=pid)
        return houses[-1]

    yield prepare
    for house in houses:
        try:
            if house.process is not None and house.process.returncode is None:
                house.stop()
            house.check()
        finally:
            house.discard()


class TestNotify:
    def test_ready_when_all_workers_serve_and_stopping_at_the_stop(self, told):
        house, notify = told
        assert notify.last_line() == "2 workers serve 1 keys"
        house.stop()
        assert notify.states() == ["READY", "STOPPING"]

    @pytest.mark.parametrize("changes", [False, True])
    def test_a_reload_is_told_with_its_time_and_ready_again_after_it(self, told, changes):
        house, notify = told
        if changes:
            keys.write(house.key_file, keys.entry(), keys.entry(keys.secret("other"), "other"))
        before = time.monotonic_ns() // 1000
        house.reload()
        notify.await_states("READY", "RELOADING", "READY")
        [reloading] = [message for message in notify.messages() if "RELOADING" in message]
        assert before <= int(reloading["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
        until("the keys are told", lambda: notify.last_line() == f"2 workers serve {1 + changes} keys")

    def test_a_refused_reload_ends_in_ready_too(self, told):
        house, notify = told
        house.expect("reload")
        keys.write_text(house.key_file, "{")
        house.reload()
        notify.await_states("READY", "RELOADING", "READY")

    def test_an_upgrade_is_told_like_a_reload_by_the_same_process(self, told):
        house, notify = told
        house.signal(signal.SIGUSR2)
        notify.await_states("READY", "RELOADING", "READY")
        assert house.status()["last_upgrade"]["result"] == "ok"
        house.stop()
        assert notify.states() == ["READY", "RELOADING", "READY", "STOPPING"]

    def test_while_streams_are_finished_it_says_so(self, told, standin):
        house, notify = told
        stream = house.connect()
        stream.send(raw.request("POST", "/v1/chat/completions", {**AUTH, **steering(gate=notify.address, events=1)},
                                b'{"model":"m","stream":true,"messages":[]}'))
        assert stream.head().status == 200
        house.signal(signal.SIGTERM)
        until("it is told", lambda: notify.last_line().startswith("Stopping: 1 workers"))
        standin.open_gate(notify.address)
        assert list(iter(stream.event, None))[-1] == b"data: [DONE]"
        assert house.wait() == 0

    def test_the_watchdog_is_kept_quiet_over_an_upgrade_too(self, start_house, notify):
        def signs():
            return len([message for message in notify.messages() if "WATCHDOG" in message])

        house = start_house(NOTIFY_SOCKET=notify.address, WATCHDOG_USEC="200000")
        until("signs of life", lambda: signs() >= 3)
        house.signal(signal.SIGUSR2)
        until("it is done", lambda: house.status()["upgrades_finished"] == 1)
        count = signs()
        until("more signs of life", lambda: signs() >= count + 3)

    def test_another_process_s_watchdog_is_none_of_its_business(self, start_house, notify):
        house = start_house(NOTIFY_SOCKET=notify.address, WATCHDOG_USEC="10000", WATCHDOG_PID="1")
        house.reload()
        notify.await_states("READY", "RELOADING", "READY")
        assert not [message for message in notify.messages() if "WATCHDOG" in message]

    @pytest.mark.parametrize("address", ["relative", "/nonexistent/socket", "@", "vsock:2:1"])
    def test_a_socket_that_is_none_is_a_warning(self, start_house, address):
        house = start_house(NOTIFY_SOCKET=address)
        until("it is warned of", lambda: house.lines("notify", "warn"))
        assert len(house.lines("notify")) == 1
        assert house.ask("GET", "/v1/models").status == 200


class TestSockets:
    @pytest.mark.parametrize("family,host", [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::")])
    def test_all_workers_accept_from_a_passed_socket(self, activated, bound, family, host):
        made, address = bound(host, family)
        house = activated(made, LISTEN=f"http://{address}").start()
        assert house.status()["listen"] == [f"http://{address}"]
        connections = [house.connect() for _ in range(64)]
        for connection in connections:
            assert connection.ask("GET", "/v1/models", AUTH).status == 200
        workers = house.workers()
        assert len(workers) == 2
        if family == socket.AF_INET:
            # whoever is awake takes what is there, so that one of them may take many in a row
            until("each of them has accepted one", lambda: connections.extend(house.connect() for _ in range(8)) or {
                procfs.owner(connection.sock.getsockname()[1], house.http_port, workers)
                for connection in connections} >= set(workers))
        for connection in connections:
            connection.close()

    def test_other_addresses_are_bound_as_usual(self, activated, bound):
        made, address = bound()
        metrics, metrics_address = bound()
        house = activated(metrics, made, LISTEN=f"http://127.0.0.1:0,http://{address}",
                          METRICS_LISTEN=metrics_address).start()
        first, second = house.status()["listen"]
        assert second == f"http://{address}" and first != second
        for one in (first, second):
            with raw.Connection(int(one.rpartition(":")[2])) as connection:
                assert connection.ask("GET", "/v1/models", AUTH).status == 200
        assert house.status()["metrics_listen"] == [metrics_address]
        with raw.Connection(int(metrics_address.rpartition(":")[2])) as connection:
            assert connection.ask("GET", "/metrics").status == 200

    def test_who_comes_while_it_does_not_run_is_served_when_it_does(self, activated, bound):
        made, address = bound()
        house = activated(made, LISTEN=f"http://{address}").start()
        port = house.http_port
        house.stop()
        with raw.Connection(port) as waiting:
            waiting.send(MODELS)
            house.start()
            assert waiting.answer().status == 200

    def test_a_killed_worker_leaves_no_hole(self, activated, bound):
        made, address = bound()
        house = activated(made, LISTEN=f"http://{address}").start()
        house.expect("child_exit")
        victim = house.workers()[0]
        os.kill(victim, signal.SIGKILL)
        for _ in range(20):
            assert house.ask("GET", "/v1/models").status == 200
        until("it has a successor", lambda: len(house.workers()) == 2 and victim not in house.workers())
        house.check()

    def test_they_stay_over_an_upgrade(self, activated, bound):
        made, address = bound()
        house = activated(made, LISTEN=f"http://{address}").start()
        for number in (1, 2):
            house.signal(signal.SIGUSR2)
            until("it is done", lambda number=number: house.status()["upgrades_finished"] == number)
            assert house.status()["last_upgrade"]["result"] == "ok"
            assert house.status()["listen"] == [f"http://{address}"]
            assert house.ask("GET", "/v1/models").status == 200

    def test_the_variables_are_not_passed_on(self, activated, bound, folder, standin):
        program = Program(folder / f"activated-{len(list(folder.iterdir()))}")
        made, address = bound()
        house = activated(made, LISTEN=f"http://{address}", UPSTREAM_URL=program.url,
                          UPSTREAM_COMMAND=program.command(), NOTIFY_SOCKET="@nobody").start()
        [facts] = until("the program runs", lambda: program.report("started"))
        assert not [name for name in facts["environment"] if name.startswith(("LISTEN", "NOTIFY", "WATCHDOG"))]
        assert set(facts["files"]) == {"0", "1", "2"}
        house.stop()

    def test_those_of_another_process_are_left_alone(self, activated, bound):
        made, _ = bound()
        house = activated(made, pid=1).start()
        assert house.ask("GET", "/v1/models").status == 200

    def test_one_that_no_setting_names_is_refused_by_its_address(self, activated, bound):
        made, address = bound()
        refused(activated(made), address)

    def test_two_of_one_address_are_refused(self, activated, bound):
        made, address = bound()
        refused(activated(made, made, LISTEN=f"http://{address}"), address)

    def test_what_does_not_listen_is_refused(self, activated):
        with socket.socket() as made:
            refused(activated(made), "LISTEN_FDS")


def refused(house, word):
    """One line that has the word, exit 1."""
    house.spawn()
    assert house.wait() == 1
    house.expect("refused")
    [error] = [line for line in house.lines() if line.level == "error"]
    assert word in error.msg, error
