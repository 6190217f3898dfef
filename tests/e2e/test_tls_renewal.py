"""Certificates that are renewed, and those that end: by file change and SIGHUP, with nobody noticing."""

import re
import shutil
import socket
import ssl
import threading

import pytest
from harness import certs, raw
from harness.poll import until

SWAPS = 20


class Visitor(threading.Thread):
    """Opens connection after connection; keeps what went wrong, and which certificates it was shown."""

    def __init__(self, port, context, resumes):
        super().__init__(daemon=True)
        self.port, self.context, self.resumes = port, context, resumes
        self.leave = threading.Event()
        self.failures, self.serials, self.visits, self.resumed = [], set(), 0, 0
        self.session = None

    def run(self):
        while not self.leave.is_set() and not self.failures:
            try:
                self.visit()
            except (OSError, AssertionError) as error:
                self.failures.append(repr(error))

    def visit(self):
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        with self.context.wrap_socket(sock, server_hostname="localhost", session=self.session) as tls:
            tls.sendall(raw.request("GET", "/health", {"Connection": "close"}))
            answer = b""
            while piece := tls.recv(65536):
                answer += piece
            assert answer.startswith(b"HTTP/1.1 200 "), answer[:40]
            self.visits += 1
            self.resumed += tls.session_reused
            self.serials.add(tls.getpeercert()["serialNumber"])
            if self.resumes:
                self.session = tls.session


def wait_for_visits(visitors, more):
    """Until each has come so many times more, or one has failed."""
    then = [visitor.visits for visitor in visitors]
    until("everybody has come again, or failed", lambda: any(v.failures for v in visitors) or all(
        visitor.visits >= count + more for visitor, count in zip(visitors, then, strict=True)))


@pytest.mark.timeout(400)
def test_renewals_under_load_cost_no_handshake(start_house, folder):
    place = folder / "renewed"
    place.mkdir()
    authority = certs.make_authority(place)
    pair = certs.issue(authority, place, "server")
    renewals = [certs.issue(authority, place, f"renewal-{number}") for number in range(SWAPS)]
    house = start_house(tls=pair, RELOAD_DRAIN_TIMEOUT="1s")
    visitors = []
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for resumes in (False, True):
            context = authority.client_context()
            context.minimum_version = context.maximum_version = version
            visitors.append(Visitor(house.https_port, context, resumes))
    for visitor in visitors:
        visitor.start()
    try:
        wait_for_visits(visitors, 1)
        for new in renewals:
            certs.put(pair, new)
            assert house.reload()["result"] == "ok"
            wait_for_visits(visitors, 2)  # the one that is under way now may have begun before
    finally:
        for visitor in visitors:
            visitor.leave.set()
        for visitor in visitors:
            visitor.join(40)
    assert [visitor.failures for visitor in visitors] == [[]] * len(visitors)
    full = [visitor for visitor in visitors if not visitor.resumes]
    assert all(len(visitor.serials) == SWAPS + 1 and visitor.resumed == 0 for visitor in full)
    # a ticket outlives the certificate that it was given under
    assert all(visitor.resumed == visitor.visits - 1 for visitor in visitors if visitor.resumes)


def test_a_pair_that_does_not_match_changes_nothing(start_house, folder):
    place = folder / "mismatched"
    place.mkdir()
    pair, other = certs.make(place, "server"), certs.make(place, "other")
    trusted = pair.client_context()
    house = start_house(tls=pair)
    shutil.copyfile(other.key, pair.key)
    house.expect("reload")
    last = house.reload()
    assert last["result"] == "refused" and "does not belong" in last["reason"]
    with house.connect_tls(trusted) as connection:
        assert connection.ask("GET", "/health").status == 200
    house.check_log()


def warnings(house):
    return [line.msg for line in house.lines(event="certificate", level="warn")]


def test_a_certificate_of_the_last_two_weeks_is_warned_of(start_house, folder):
    place = folder / "ending"
    place.mkdir()
    later = certs.make(place, "later", days=20)
    soon = certs.make(place, "soon", days=13)
    pair = certs.Pair(place / "served.crt", place / "served.key")
    certs.put(pair, later)
    house = start_house(tls=pair)
    assert warnings(house) == []
    certs.put(pair, soon)
    assert house.reload()["result"] == "ok"
    until("it is said", lambda: warnings(house))
    # 12 whole days, as soon as a second has passed
    assert len(warnings(house)) == 1 and re.search(r"served\.crt expires in 1[23] days$", warnings(house)[0])
    certs.put(pair, later)
    assert house.reload()["result"] == "ok"
    assert len(warnings(house)) == 1


def test_a_start_with_such_a_certificate_says_so(start_house, folder):
    place = folder / "started"
    place.mkdir()
    house = start_house(tls=certs.make(place, "soon", days=13))
    until("it is said", lambda: warnings(house))
    assert str(place / "soon.crt") in warnings(house)[0]
