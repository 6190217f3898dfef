"""A system call that a role's filter refuses, made by a process that serves: it dies, and nobody else notices.

The calls are made by ptrace (harness/tracer.py), in the release build, for one with sanitizers has no filter.
"""

import pytest
from harness import admin, gatehouse, spent, streams, tracer
from harness.poll import until

STREAMS_MAX = 64
EVENTS = 3

pytestmark = pytest.mark.skipif(gatehouse.release_binary() is None, reason="needs the release build")


@pytest.fixture
def own(start_house, is_root):
    if not is_root:
        pytest.skip("needs root: workers and admin can't be traced by others")
    house = start_house(program=gatehouse.release_binary(), ADMIN_PASSWORD=admin.PASSWORD)
    missing = house.lines(event="sandbox", level="warn")
    if missing:
        pytest.skip(missing[0].msg)
    admin.give(house)
    return house


def intrude(pid, call, thread=0):
    """The process makes a call that its role has no business to make."""
    try:
        tracer.make_call(tracer.threads(pid)[thread], call)
    except tracer.NotPermittedError as error:
        pytest.skip(str(error))


def room_of(house):
    """Somebody who is logged in."""
    room = admin.Admin(house)
    until("the admin process serves", lambda: room.login().status == 200)
    return room


def streams_by_worker(room):
    return {row["pid"]: row["streams"] for row in room.get("status")["workers"]}


def begin_on_both(house, room, gate):
    """Streams that are held at this gate: each worker has one at least."""
    begun = []

    def each_has_one():
        if len(begun) < STREAMS_MAX:
            begun.append(streams.begin(house, gate=gate, events=EVENTS))
        counts = streams_by_worker(room)
        return sum(counts.values()) == len(begun) and all(counts.values()) and counts

    return begun, until("each worker has a stream", each_has_one)


def assert_told(house, pid, role, call):
    """The master has one line of its death, with who it was and what it did."""
    [line] = until("the master tells it", lambda: house.lines("child_exit", "error"))
    assert line.role == "master"
    assert line.msg.startswith(role) and f"pid {pid}" in line.msg, line.msg
    assert f"signal SIGSYS, the filter refused the system call {call}, unexpected" in line.msg


def counted(house):
    """Requests and those cut, of all keys."""
    rows = [row for of_key in spent.read(house).values() for row in of_key.values()]
    return sum(row.requests for row in rows), sum(row.requests_cut for row in rows)


class TestWorker:
    @pytest.mark.parametrize("call", ["openat", "execve", "io_uring_setup"])
    def test_it_dies_alone_and_its_streams_are_counted(self, own, standin, call):
        own.expect("child_exit")
        room = room_of(own)
        begun, counts = begin_on_both(own, room, call)
        victim, other = own.workers()
        others = own.admin()
        intrude(victim, call)
        assert_told(own, victim, "worker", call)
        until("another is there", lambda: len(now := own.workers()) == 2 and victim not in now)
        assert other in own.workers() and own.admin() == others
        standin.open_gate(call)
        assert sum(streams.ends_whole(stream) for stream in begun) == counts[other] == len(begun) - counts[victim]
        for _ in range(10):
            assert own.ask("GET", "/v1/models").status == 200
        until("each is in the ledger, the cut ones as such",
              lambda: counted(own) == (len(begun) + 10, counts[victim]))
        assert own.status()["worker_restarts"] == 1
        assert room.get("session")["kind"] == "session"


class TestAdmin:
    @pytest.mark.parametrize(("call", "thread"), [("execve", 0), ("ptrace", 0), ("execve", -1)])
    def test_it_dies_alone_and_neither_counts_nor_logins_are_lost(self, own, standin, call, thread):
        """thread -1: the last of its threads, which do the slow work."""
        own.expect("child_exit")
        room = room_of(own)
        key = room.post("keys", {"key_id": "made-before"}, 201)
        gate = f"admin-{call}-{thread}"
        stream = streams.begin(own, gate=gate, events=EVENTS)
        [victim], workers = own.admin(), own.workers()
        intrude(victim, call, thread)
        assert_told(own, victim, "admin", call)
        for _ in range(10):
            assert own.ask("GET", "/v1/models", key=key["secret"]).status == 200
        standin.open_gate(gate)
        assert streams.is_whole(stream)
        until("another is there", lambda: (now := own.admin()) and victim not in now)
        until("it serves those who were logged in", lambda: room.call("GET", "session").status == 200)
        assert own.workers() == workers
        until("each is in the ledger", lambda: counted(own) == (11, 0))
        assert own.run("audit", "verify").returncode == 0
        assert [record["target"] for record in room.audit("key.create")] == ["made-before"]
