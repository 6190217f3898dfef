"""SIGUSR2 to a version whose shared memory, or whose journal, is laid out in another way."""

import os
import shutil
import signal
import struct
from pathlib import Path

import pytest
from harness import gatehouse, keys, procfs, raw, rising, streams, successors
from harness.admin import PASSWORD, Admin
from harness.poll import until

LAYOUT_AT = 8  # bytes of a region before the hash of its layout


def make_stale(house):
    """The master's regions look as if another version had laid them out."""
    for entry in Path(f"/proc/{house.pid}/fd").iterdir():
        if "memfd:gatehouse-" in os.readlink(entry):
            with entry.open("r+b", buffering=0) as region:
                region.seek(LAYOUT_AT)
                [layout] = struct.unpack("<Q", region.read(8))
                region.seek(LAYOUT_AT)
                region.write(struct.pack("<Q", layout ^ 1))


@pytest.fixture
def own(start_house, pair):
    return start_house(tls=pair, METRICS_LISTEN="127.0.0.1:0", WATCH="off")


class TestAnotherLayout:
    """A version whose shared memory looks different: sockets and counts stay, windows begin anew."""

    def test_streams_and_counts_stay_and_windows_begin_anew(self, start_house, standin):
        house = start_house(entries=[keys.entry(rate_limit=4)], WATCH="off", METRICS_LISTEN="127.0.0.1:0",
                            RATE_LIMIT_WINDOW="600s")
        assert [house.ask("GET", "/v1/models").status for _ in range(4)] == [200] * 4
        assert house.ask("GET", "/v1/models").status == 429
        before = successors.totals(successors.metrics(house))
        make_stale(house)
        successors.upgrade(house)
        assert [line for line in house.lines("upgrade", "warn") if "windows" in line.msg]
        after = successors.totals(until("the new admin serves", lambda: successors.metrics_or_none(house)))
        assert {name: after.get(name) for name in before} == before
        stream = streams.begin(house, gate="stale", events=2)
        assert house.ask("GET", "/v1/models").status == 200
        make_stale(house)
        old = house.workers()
        successors.upgrade(house)
        standin.open_gate("stale")
        assert streams.is_whole(stream)
        stream.close()
        successors.renewed(house, old)
        successors.upgrade(house)
        assert house.ask("GET", "/v1/models").status == 200

    def test_the_page_goes_on_saying_when_it_was_started_and_how_the_last_reload_went(self, start_house):
        house = start_house(ADMIN_PASSWORD=PASSWORD)
        house.expect("reload")
        keys.write_text(house.key_file, "{")
        assert house.reload()["result"] == "refused"
        keys.write(house.key_file, keys.entry())
        before = stayed(house)
        assert before["started_at"] > "2026" and before["last_reason"]
        make_stale(house)
        successors.upgrade(house)
        assert stayed(house) == before

    def test_a_stop_right_after_one_is_heard_by_the_old_workers_too(self, own, standin):
        stream, port = streams.begin(own, gate="old", events=2), own.http_port
        make_stale(own)
        successors.upgrade(own)
        own.signal(signal.SIGTERM)
        until("nobody accepts", lambda: raw.refuses(port))
        standin.open_gate("old")
        assert streams.is_whole(stream)
        assert own.wait() == 0


class TestAnotherJournal:
    """A version whose arenas have another layout: it reads, settles and flushes those of the older one."""

    pytestmark = pytest.mark.skipif(gatehouse.release_binary() is None or gatehouse.wide_binary() is None,
                                    reason="needs the builds `release` and `wide`")

    @pytest.fixture
    def versions(self, folder):
        """(where the program is started from, a function that has another one be there)"""
        place = folder / f"journal-{os.getpid()}-{len(list(folder.iterdir()))}"
        place.mkdir()
        program = place / "gatehouse"

        def install(binary):
            file = place / f"{len(list(place.iterdir()))}"
            shutil.copy(binary, file)
            file.replace(program)

        return program, install

    def test_an_older_one_s_counts_and_open_streams_are_counted_once(self, versions, start_house, standin):
        program, install = versions
        install(gatehouse.release_binary())
        house = start_house(program=program)
        for _ in range(5):
            assert house.ask("GET", "/v1/models").status == 200
        begun = [streams.begin(house, gate="wider", events=3) for _ in range(8)]
        old, arenas = house.workers(), journal(house)
        install(gatehouse.wide_binary())
        successors.upgrade(house)
        assert set(old) <= set(house.workers()), "old workers stay for their streams"
        for _ in range(7):
            assert house.ask("GET", "/v1/models").status == 200
        house.expect("child_exit")
        os.kill(old[0], signal.SIGKILL)
        standin.open_gate("wider")
        whole = sum(streams.ends_whole(stream) for stream in begun)
        successors.renewed(house, old)
        until("each is in the ledger, the cut ones as such", lambda: [
            sum(row[name] for row in successors.usage(house)["rows"]) for name in ("requests", "requests_cut")]
            == [20, len(begun) - whole])
        until("the older version's arenas are settled, flushed and gone", lambda: not arenas & journal(house))
        assert not house.lines("journal", "error")

    def test_who_takes_an_old_worker_s_place_meanwhile_counts_in_an_arena_of_today(self, versions, start_house):
        program, install = versions
        for _ in range(30):
            install(gatehouse.release_binary())
            house = start_house(program=program, WORKERS=4)
            assert house.ask("GET", "/v1/models").status == 200
            old, arenas = house.workers(), journal(house)
            install(gatehouse.wide_binary())
            if (held := rising.hold_one(house, signal.SIGUSR2)) is not None:
                break
            house.stop()
        assert held is not None, "none could be held in time"
        house.expect("child_exit")
        forked = {successors.replaced(house, pid) for pid in old}
        assert [house.ask("GET", "/v1/models").status for _ in range(3)] == [200] * 3
        os.kill(held, signal.SIGCONT)
        until("they have left", lambda: not forked & set(procfs.own_children(house.pid)))
        until("each is in the ledger", lambda: sum(row["requests"] for row in successors.usage(house)["rows"]) == 4)
        until("the older version's arenas are gone", lambda: not arenas & journal(house))
        assert not house.lines("journal", "error")

    def test_what_an_older_one_left_when_all_was_killed_is_taken_in(self, versions, start_house, standin):
        program, install = versions
        install(gatehouse.release_binary())
        house = start_house(program=program)
        begun = [streams.begin(house, gate="never", events=3) for _ in range(4)]
        arenas = journal(house)
        kill_all(house)
        for stream in begun:
            stream.close()
        install(gatehouse.wide_binary())
        house.start()
        until("each is in the ledger", lambda: sum(row["requests_cut"] for row in successors.usage(house)["rows"]) == 4)
        until("the older version's arenas are gone", lambda: not arenas & journal(house))
        assert not house.lines("journal", "error")

    def test_an_older_one_refuses_a_newer_one_s_by_name(self, versions, start_house, standin):
        program, install = versions
        install(gatehouse.wide_binary())
        house = start_house(program=program)
        house.expect("upgrade", "journal")
        stream = streams.begin(house, gate="narrower", events=3)
        workers = house.workers()
        install(gatehouse.release_binary())
        assert "journal" in (reason := successors.upgrade(house, "refused")) and "another version" in reason
        assert house.workers() == workers
        standin.open_gate("narrower")
        assert streams.is_whole(stream)
        until("it is in the ledger", lambda: sum(row["requests"] for row in successors.usage(house)["rows"]) == 1)
        arenas = journal(house)
        kill_all(house)
        house.start()
        assert arenas <= journal(house), "what it can't read is left alone"
        named = [line.msg for line in house.lines("journal", "error")]
        assert all(any(arena in text and "another version" in text for text in named) for arena in arenas)


def kill_all(house):
    """No process has the time to put anything in order."""
    os.killpg(house.pid, signal.SIGKILL)
    until("all are gone", lambda: not procfs.session_members(house.pid))
    house.process.wait(20)


def journal(house):
    """The names of the arenas that there are."""
    return {path.name for path in (house.folder / "data/journal").glob("*.arena")}


def stayed(house):
    """What the admin page shows of the time before an upgrade."""
    room = Admin(house)
    until("the admin process serves", lambda: room.login().status == 200)
    status = room.get("status")
    return {"started_at": status["started_at"], "last_reason": status["reloads"]["last_reason"]}
