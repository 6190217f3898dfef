"""TLS: versions, ciphers, resumption over all workers, names, and plain HTTP beside it."""

import socket
import ssl
import subprocess

import pytest
from harness import certs, keys, raw

AUTH = {"Authorization": f"Bearer {keys.SECRET}"}


def context_for(pair, version):
    context = pair.client_context()
    context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.parametrize("version,name", [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")])
def test_both_versions_serve(house, pair, version, name):
    with house.connect_tls(context_for(pair, version)) as connection:
        assert connection.sock.version() == name
        assert connection.ask("GET", "/v1/models", AUTH).status == 200
        cipher = connection.sock.cipher()[0]
        assert "GCM" in cipher or "CHACHA20" in cipher
        assert name == "TLSv1.3" or cipher.startswith("ECDHE")


def openssl_client(house, *options):
    """`openssl s_client` against the TLS port; its output."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{house.https_port}", "-servername", "localhost", *options],
        input="", capture_output=True, text=True, timeout=20, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("options", [
    ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], ["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
    ["-tls1_2", "-cipher", "AES256-SHA256:AES128-SHA:@SECLEVEL=0"],
    ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"],
])
def test_old_versions_and_weak_ciphers_are_refused(house, options):
    said = openssl_client(house, *options)
    assert "Cipher is (NONE)" in said or "no protocols available" in said



@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_is_resumed_whichever_worker_answers(start_house, pair, version):
    house = start_house(tls=pair, WORKERS="4")
    context = context_for(pair, version)

    def visit(session=None):
        sock = socket.create_connection(("127.0.0.1", house.https_port), timeout=20)
        with context.wrap_socket(sock, server_hostname="localhost", session=session) as tls:
            tls.sendall(raw.request("GET", "/health", {"Connection": "close"}))
            while tls.recv(65536):
                pass
            return tls.session, tls.session_reused

    session, reused = visit()
    assert session is not None and not reused
    # four workers share the port: each must know the ticket
    assert all([visit(session)[1] for _ in range(40)])


def test_plain_http_on_the_tls_port_is_told_so_and_closed(house):
    with raw.Connection(house.https_port) as connection:
        connection.send(raw.request("GET", "/v1/models", AUTH))
        answer = connection.answer()
        assert answer.status == 400
        assert "HTTPS" in answer.json()["error"]["message"]
        assert connection.rest()[0] == b""


def test_garbage_on_the_tls_port_is_closed(house):
    for garbage in (b"\x16\x03\x01\xff\xff" + b"a" * 100, b"\x00" * 100, b"\x80\x2e\x01\x00\x02"):
        with raw.Connection(house.https_port) as connection:
            connection.try_send(garbage)
            connection.end_sending()
            connection.rest()
    with house.connect_tls() as connection:
        assert connection.ask("GET", "/health").status == 200


def test_hsts_is_sent_over_tls(house):
    with house.connect_tls() as connection:
        assert connection.ask("GET", "/health").get("strict-transport-security")


@pytest.fixture(scope="module")
def named_pairs(folder):
    place = folder / "names"
    place.mkdir()
    return [certs.make(place, name, f"DNS:{name}") for name in
            ("first.example", "second.example", "*.third.example", "www.third.example")]


@pytest.mark.parametrize("asked,shown", [
    ("first.example", "first.example"), ("second.example", "second.example"), ("SECOND.example", "second.example"),
    ("any.third.example", "*.third.example"), ("www.third.example", "www.third.example"),
    ("a.b.third.example", "first.example"), ("third.example", "first.example"),
    ("unknown.example", "first.example"), (None, "first.example"),
])
def test_the_name_chooses_and_the_first_one_serves_all_others(start_house, named_pairs, asked, shown):
    house = start_house(tls=named_pairs[0], TLS_CERT_FILE=",".join(str(pair.cert) for pair in named_pairs),
                        TLS_KEY_FILE=",".join(str(pair.key) for pair in named_pairs))
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    for pair in named_pairs:
        trusting.load_verify_locations(pair.cert)
    with house.connect_tls(trusting, server_name=asked) as connection:
        assert connection.sock.getpeercert()["subjectAltName"] == (("DNS", shown),)
        assert connection.ask("GET", "/health").status == 200


def test_half_a_handshake_is_not_waited_for_for_ever(start_house, pair):
    house = start_house(tls=pair, HEADER_TIMEOUT="1s")
    for begin in (b"", b"\x16\x03\x01\x02\x00\x01"):
        with raw.Connection(house.https_port) as connection:
            if begin:
                connection.send(begin)
            connection.rest()
    with house.connect_tls() as connection:
        assert connection.ask("GET", "/health").status == 200


class TestPlainPortBesideTls:
    @pytest.fixture
    def forced(self, start_house, pair):
        return start_house(tls=pair, FORCE_HTTPS=None, ADMIN_PASSWORD="a long password of the tests")

    def test_acme_challenges_are_served(self, start_house, pair, folder):
        place = folder / "acme" / ".well-known" / "acme-challenge"
        place.mkdir(parents=True)
        (place / "a-token").write_text("a-token.thumbprint")
        house = start_house(tls=pair, FORCE_HTTPS=None, ACME_WEBROOT=str(folder / "acme"))
        answer = house.ask("GET", "/.well-known/acme-challenge/a-token", key=None)
        assert (answer.status, answer.body) == (200, b"a-token.thumbprint")
        for target in ("another", "..", "%2e%2e", ".", "", "a-token/", "../acme-challenge/a-token"):
            answer = house.ask("GET", "/.well-known/acme-challenge/" + target, key=None)
            assert answer.status in (400, 403, 404), target

    def test_health_is_served_and_all_else_refused_never_redirected(self, forced, standin):
        assert forced.ask("GET", "/health", key=None).status == 200
        for method, target in (("GET", "/v1/models"), ("POST", "/v1/chat/completions"), ("GET", "/nowhere")):
            answer = forced.ask(method, target)
            assert answer.status == 403
            assert answer.get("location") is None
        assert standin.requests() == []

    def test_a_browsers_get_of_admin_is_sent_to_https(self, forced):
        answer = forced.ask("GET", "/admin", {"Accept": "text/html"}, key=None)
        assert answer.status == 308
        assert answer.get("location").startswith("https://localhost") and answer.get("location").endswith("/admin")
        assert forced.ask("POST", "/admin/login", body=b"x", key=None).status == 403
