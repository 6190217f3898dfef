"""Reloads and deaths under load: nobody notices a SIGHUP, and a killed worker costs only its own connections."""

import contextlib
import os
import signal
import ssl

import pytest
from harness import certs, keys, procfs, raw, rising, streams, successors
from harness.load import Load
from harness.poll import until
from harness.upstream import steering

AUTH = {"Authorization": f"Bearer {keys.SECRET}"}
MODELS = raw.request("GET", "/v1/models", AUTH)
CHAT = raw.request("POST", "/v1/chat/completions", AUTH, b'{"model":"m","stream":true,"messages":[]}')
THREADS = 6
DEATHS = ("child_exit",)


def goes_on(load, requests=50):
    """So many more requests are answered."""
    done = load.done
    until("requests go on", lambda: load.done > done + requests)


def kill_worker(house, pid):
    os.kill(pid, signal.SIGKILL)
    until("it has a successor", lambda: len(house.workers()) == 2 and pid not in house.workers())


def serves_with(house, context):
    """Is a request served over TLS? Raises ssl.SSLCertVerificationError where the context does not trust what is shown."""
    with house.connect_tls(context) as connection:
        return connection.ask("GET", "/v1/models", AUTH).status == 200


@pytest.fixture
def own(start_house, pair):
    return start_house(tls=pair)


@pytest.mark.parametrize("data", [MODELS, CHAT], ids=["plain", "streamed"])
def test_fifty_sighups_under_load_fail_no_request(own, data):
    with Load(own.connect, data, THREADS) as load:
        for number in range(50):
            keys.write(own.key_file, keys.entry(), keys.entry(keys.secret("other"), f"other-{number}"))
            assert own.reload()["result"] == "ok"
        goes_on(load)
    assert load.broken == []
    assert set(load.statuses) == {200}


def test_a_burst_of_sighups_under_load_fails_no_request(own):
    with Load(own.connect, MODELS, THREADS) as load:
        for _ in range(50):
            own.signal(signal.SIGHUP)
        until("all are finished", lambda: (
            (now := own.status())["reloads_started"] >= 1 and now["reloads_finished"] == now["reloads_started"]))
        goes_on(load)
    assert load.broken == []
    assert set(load.statuses) == {200}


def test_a_killed_worker_under_load_costs_only_its_own_connections(own):
    own.expect(*DEATHS)
    with Load(own.connect, MODELS, THREADS) as load:
        for _ in range(3):
            victim, other = own.workers()
            broken = len(load.broken)
            kill_worker(own, victim)
            assert other in own.workers(), "the other one lives on"
            goes_on(load)
            assert len(load.broken) - broken <= THREADS, "a connection broke twice"
    assert set(load.statuses) == {200}


def test_exactly_the_streams_of_a_killed_worker_are_cut(own, standin, is_root):
    if not is_root:
        pytest.skip("only root can see which worker holds a connection")
    own.expect(*DEATHS)
    streams = {own.connect(): None for _ in range(24)}
    data = raw.request("POST", "/v1/chat/completions", {**AUTH, **steering(gate="killed-worker", events=2)},
                       b'{"model":"m","stream":true,"messages":[]}')
    for stream in streams:
        stream.send(data)
        assert stream.head().status == 200
        streams[stream] = procfs.owner(stream.sock.getsockname()[1], own.http_port, own.workers())
    assert set(streams.values()) == set(own.workers()), "both workers serve"
    victim = own.workers()[0]
    kill_worker(own, victim)
    standin.open_gate("killed-worker")
    for stream, worker in streams.items():
        assert _ending(stream) == ("cut" if worker == victim else "whole")
        stream.close()


def _ending(stream):
    """How a stream that has begun ends."""
    try:
        events = list(iter(stream.event, None))
    except raw.Broken:
        return "cut"
    return "whole" if events[-1] == b"data: [DONE]" else "cut"


def test_all_workers_killed_at_once_come_back(own):
    own.expect(*DEATHS)
    before = own.workers()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    until("they have successors", lambda: len(own.workers()) == 2 and not set(before) & set(own.workers()))
    assert own.ask("GET", "/v1/models").status == 200


def test_a_killed_admin_comes_back_and_no_request_fails(own):
    own.expect(*DEATHS)
    [before] = own.admin()
    with Load(own.connect, MODELS, THREADS) as load:
        os.kill(before, signal.SIGKILL)
        until("it has a successor", lambda: (now := own.admin()) and now != [before])
        goes_on(load)
    assert load.broken == []
    assert set(load.statuses) == {200}


def test_when_the_master_is_killed_everybody_leaves(own):
    children = procfs.children(own.pid)
    assert len(children) >= 3
    own.signal(signal.SIGKILL)
    assert own.process.wait(20) == -signal.SIGKILL
    until("all have left", lambda: not procfs.session_members(own.pid))


class TestCertificates:
    @pytest.fixture
    def renewable(self, start_house, folder, request):
        place = folder / f"renew-{os.getpid()}-{request.node.name}"
        place.mkdir()
        pair = certs.make(place, "renewable")
        return start_house(tls=pair), pair, place

    def test_a_renewed_certificate_is_served_after_a_reload_and_streams_go_on(self, renewable, standin):
        house, pair, place = renewable
        old_workers = house.workers()
        with house.connect_tls() as stream:
            stream.send(raw.request("POST", "/v1/chat/completions", {**AUTH, **steering(gate="renewed", events=2)},
                                    b'{"model":"m","stream":true,"messages":[]}'))
            assert stream.head().status == 200
            fresh = certs.make(place, "fresh")
            os.replace(fresh.key, pair.key)
            os.replace(fresh.cert, pair.cert)
            assert house.reload()["result"] == "ok"
            assert all(serves_with(house, pair.client_context()) for _ in range(8))
            standin.open_gate("renewed")
            assert list(iter(stream.event, None))[-1] == b"data: [DONE]"
        successors.renewed(house, old_workers)

    def test_a_renewal_under_load_fails_no_request(self, renewable):
        house, pair, place = renewable
        with Load(house.connect, MODELS, THREADS) as load:
            for number in range(3):
                fresh = certs.make(place, f"fresh-{number}")
                os.replace(fresh.key, pair.key)
                os.replace(fresh.cert, pair.cert)
                old = house.workers()
                assert house.reload()["result"] == "ok"
                successors.renewed(house, old)
        assert load.broken == []
        assert set(load.statuses) == {200}

    def test_a_certificate_that_does_not_match_its_key_is_refused_and_the_old_one_stays(self, renewable):
        house, pair, place = renewable
        house.expect("reload")
        context = pair.client_context()
        fresh = certs.make(place, "mismatched")
        os.replace(fresh.cert, pair.cert)
        outcome = house.reload()
        assert outcome["result"] != "ok" and outcome["reason"]
        with house.connect_tls(context) as connection:
            assert connection.ask("GET", "/v1/models", AUTH).status == 200


def test_who_was_told_before_a_reload_that_the_connection_stays_may_ask_once_more(start_house, standin, folder):
    pair = certs.make(folder, "kept")
    house = start_house(tls=pair, WORKERS=1)
    old_workers = house.workers()
    with house.connect_tls() as beside, streams.begin(house, house.connect_tls, gate="kept", events=2) as stream:
        certs.put(pair, certs.make(folder, "kept-fresh"))
        assert house.reload()["result"] == "ok"
        until("the old worker drains", lambda: beside.ask("GET", "/v1/models", AUTH).get("connection") == "close")
        standin.open_gate("kept")
        assert streams.is_whole(stream)
        answer = stream.ask("GET", "/v1/models", AUTH)
        assert (answer.status, answer.get("connection")) == (200, "close")
    until("the old worker has left", lambda: not set(old_workers) & set(house.workers()))


@pytest.fixture
def held_over(start_house, folder):
    """A house whose new generation serves, and one of whose old workers is stopped and has not heard of it."""
    pair = certs.make(folder, f"held-over-{len(list(folder.iterdir()))}")
    house = start_house(tls=pair)
    old = house.workers()
    certs.put(pair, certs.make(folder, f"held-over-fresh-{len(list(folder.iterdir()))}"))
    os.kill(old[0], signal.SIGSTOP)
    house.signal(signal.SIGHUP)
    until("the new ones serve", lambda: house.status()["generation"] == 2)
    yield house, old
    with contextlib.suppress(ProcessLookupError):
        os.kill(old[0], signal.SIGCONT)


def test_a_reload_is_finished_when_no_old_worker_takes_connections(held_over):
    """Else who has waited for it might still be shown the old certificate."""
    house, old = held_over
    assert house.status()["reloads_finished"] == 0
    assert house.status()["last_reload"] is None
    os.kill(old[0], signal.SIGCONT)
    until("it is finished", lambda: house.status()["reloads_finished"] == 1)
    assert house.status()["last_reload"]["result"] == "ok"
    successors.renewed(house, old)


def test_a_reload_does_not_wait_for_ever_for_an_old_worker_that_hangs(held_over):
    house, old = held_over
    until("it is finished", lambda: house.status()["reloads_finished"] == 1)
    assert house.status()["last_reload"]["result"] == "ok"
    os.kill(old[0], signal.SIGCONT)
    successors.renewed(house, old)


def test_a_stop_meanwhile_ends_the_reload_well(held_over):
    house, old = held_over
    house.signal(signal.SIGTERM)
    until("it is finished", lambda: house.status()["reloads_finished"] == 1)
    assert house.status()["last_reload"]["result"] == "ok"
    os.kill(old[0], signal.SIGCONT)
    assert house.wait() == 0


def begun_with(house, trusted):
    """A stream over a connection to a worker that has this certificate; None when it was another."""
    try:
        return streams.begin(house, lambda: house.connect_tls(trusted), gate="rising", events=3)
    except ssl.SSLCertVerificationError:
        return None


class TestWhileTheNewOnesRise:
    @pytest.fixture
    def risen(self, start_house, folder):
        """(house, its children of before, the new worker that is held, what trusts its siblings alone)"""
        place = folder / f"risen-{len(list(folder.iterdir()))}"
        place.mkdir()
        pair = certs.make(place, "served")
        house = start_house(tls=pair, DRAIN_TIMEOUT="10m")
        house.expect("child_exit", "reload")
        for number in range(30):
            fresh, old = certs.make(place, f"fresh-{number}"), procfs.own_children(house.pid)
            certs.put(pair, fresh)
            held = rising.hold_one(house, signal.SIGHUP)
            if held is not None:
                return house, old, held, fresh.client_context()
        raise AssertionError("none could be held in time")

    @staticmethod
    def fail(house, held):
        os.kill(held, signal.SIGKILL)
        until("the reload has failed", lambda: (
            (last := house.status()["last_reload"]) is not None and last["result"] == "failed"))

    def test_one_that_dies_costs_its_siblings_no_stream(self, risen, standin):
        house, old, held, trusted = risen
        stream = until("its sibling has a stream", lambda: begun_with(house, trusted))
        self.fail(house, held)
        standin.open_gate("rising")
        assert streams.is_whole(stream)
        stream.close()
        assert house.reload()["result"] == "ok"
        successors.renewed(house, old)

    def test_the_next_reload_does_not_wait_for_streams_of_those_that_failed(self, risen):
        house, old, held, trusted = risen
        with until("its sibling has a stream", lambda: begun_with(house, trusted)):
            self.fail(house, held)
            assert house.reload()["result"] == "ok"
        successors.renewed(house, old)

    def test_a_key_revoked_meanwhile_is_refused(self, risen):
        house, old, held, _ = risen
        keys.write(house.key_file, keys.entry(keys.secret("other"), "other"))
        until("it is refused", lambda: house.ask("GET", "/v1/models").status == 401)
        assert house.ask("GET", "/v1/models", key=keys.secret("other")).status == 200
        assert house.status()["reloads_finished"] < house.status()["reloads_started"]
        os.kill(held, signal.SIGCONT)
        successors.renewed(house, old)


class TestCommands:
    def test_reload_waits_for_the_outcome_and_tells_it(self, own):
        keys.write(own.key_file, keys.entry(), keys.entry(keys.secret("other"), "other"))
        done = own.run("reload")
        assert done.returncode == 0, done
        assert own.ask("GET", "/v1/models", key=keys.secret("other")).status == 200
        own.expect("reload")
        keys.write_text(own.key_file, "{")
        done = own.run("reload")
        assert done.returncode == 1, done
        assert "keys.json" in done.stdout + done.stderr
        assert own.ask("GET", "/v1/models").status == 200

    def test_status_of_a_running_master(self, own):
        done = own.run("status")
        assert done.returncode == 0
        assert str(own.pid) in done.stdout
        assert str(own.http_port) in done.stdout

    def test_stop_stops(self, start_house):
        house = start_house()
        done = house.run("stop")
        assert done.returncode == 0, done
        assert house.wait() == 0

    @pytest.mark.parametrize("command", ["status", "reload", "stop"])
    def test_without_a_master_they_say_so(self, start_house, command):
        house = start_house()
        house.stop()
        done = house.run(command)
        assert done.returncode == 3, done
        assert len((done.stdout + done.stderr).strip().splitlines()) == 1
