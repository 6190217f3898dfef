"""What refuses a start: one clear line that names it, exit 1, and nothing left behind."""

import json
import os
import socket

import pytest
from harness import certs, gatehouse, keys, procfs, raw


@pytest.fixture
def prepared(standin):
    """prepared(**settings) -> a Gatehouse that has not been started."""
    made = []

    def prepare(**options):
        made.append(gatehouse.Gatehouse(standin, **options))
        return made[-1]

    yield prepare
    for house in made:
        house.discard()


def assert_refused(house, *words):
    """`run` and `check` exit 1 with one line that has all the words."""
    done = house.run("check")
    assert done.returncode == 1, done
    for word in words:
        assert word.lower() in (done.stdout + done.stderr).lower(), done
    house.spawn()
    assert house.wait() == 1
    errors = [line for line in house.lines() if line.level == "error"]
    assert len(errors) == 1, house.log_text()
    for word in words:
        assert word.lower() in errors[0].msg.lower(), errors[0]
    house.check_sanitizers()


NONSENSE = [
    ("WORKERS", "0"), ("WORKERS", "-1"), ("WORKERS", "many"), ("WORKERS", "100000"),
    ("RATE_LIMIT_WINDOW", "0"), ("RATE_LIMIT_WINDOW", "-60"), ("IP_RATE_LIMIT_WINDOW", "0"),
    ("RATE_LIMIT_REQUESTS", "x"),
    ("UPSTREAM_URL", "localhost:8081"), ("UPSTREAM_URL", "ftp://localhost"), ("UPSTREAM_URL", "http://"),
    ("UPSTREAM_URL", "http://localhost:8081/path"), ("UPSTREAM_URL", "http://localhost:99999"),
    ("LISTEN", "nonsense"), ("LISTEN", "127.0.0.1:99999"), ("PORT", "x"), ("HEADER_TIMEOUT", "5 parsecs"),
    ("MAX_BODY", "32 MB of data"), ("TRUST_PROXY", "perhaps"), ("TRUSTED_PROXIES", "10.0.0.0/99"),
    ("LOG_LEVEL", "loud"), ("LOG_FORMAT", "xml"), ("WATCH", "sometimes"), ("METRICS_LISTEN", "here"),
    ("MAX_KEYS", "-5"), ("DRAIN_TIMEOUT", "soon"),
]


@pytest.mark.parametrize("name,value", NONSENSE)
def test_a_nonsense_value_is_refused_by_name(prepared, name, value):
    assert_refused(prepared(**{name: value}), name)


@pytest.mark.parametrize("present", ["TLS_CERT_FILE", "TLS_KEY_FILE"])
def test_half_a_tls_pair(prepared, pair, present):
    path = pair.cert if present == "TLS_CERT_FILE" else pair.key
    assert_refused(prepared(**{present: path}), "TLS_")


def test_a_certificate_that_does_not_match_its_key(prepared, pair, folder):
    other = certs.make(folder, f"mismatch-{os.getpid()}")
    assert_refused(prepared(tls=certs.Pair(pair.cert, other.key)), str(other.key.name))


@pytest.mark.parametrize("which", ["cert", "key"])
def test_a_certificate_that_cannot_be_read(prepared, pair, folder, which):
    missing = folder / "missing.pem"
    files = {"cert": pair.cert, "key": pair.key, which: missing}
    assert_refused(prepared(tls=certs.Pair(**files)), str(missing))


@pytest.mark.parametrize("which", ["cert", "key"])
def test_a_certificate_that_is_none(prepared, pair, folder, which):
    garbage = folder / "garbage.pem"
    garbage.write_text("-----BEGIN NONSENSE-----\nunmistakable\n-----END NONSENSE-----\n")
    files = {"cert": pair.cert, "key": pair.key, which: garbage}
    house = prepared(tls=certs.Pair(**files))
    assert_refused(house, str(garbage))
    house.log_never_has("unmistakable")


def test_a_port_that_is_taken(prepared):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        house = prepared(LISTEN=f"127.0.0.1:{port}")
        house.spawn()
        assert house.wait() == 1
        errors = [line for line in house.lines() if line.level == "error"]
        assert len(errors) == 1 and str(port) in errors[0].msg, errors


def test_a_port_that_another_gatehouse_has(prepared, house):
    second = prepared(LISTEN=f"http://127.0.0.1:{house.http_port}")
    second.spawn()
    assert second.wait() == 1
    errors = [line for line in second.lines() if line.level == "error"]
    assert len(errors) == 1 and str(house.http_port) in errors[0].msg, errors
    assert house.ask("GET", "/health").status == 200


def test_a_key_file_whose_every_entry_is_faulty(prepared):
    assert_refused_at_run(prepared(entries=[{"key_id": "a"}, {"key_id": "b", "key_hash": "x"}]), "keys.json")


def test_one_faulty_entry_under_strict_keys(prepared):
    assert_refused_at_run(prepared(entries=[keys.entry(), {"key_id": "the-bad-one"}], STRICT_KEYS="on"), "keys.json")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"keys": 1}'])
def test_a_key_file_that_is_none(prepared, text):
    house = prepared()
    keys.write_text(house.key_file, text)
    assert_refused_at_run(house, "keys.json")


def assert_refused_at_run(house, word):
    """Exit 1; every error line is about the word's file."""
    assert house.run("check").returncode == 1
    house.spawn()
    assert house.wait() == 1
    errors = [line for line in house.lines() if line.level == "error"]
    assert errors and any(word in line.msg for line in errors), house.log_text()
    house.check_sanitizers()


def write_config(house, **fields):
    path = house.folder / "gatehouse.json"
    path.write_text(json.dumps(fields))
    house.environment["GATEHOUSE_CONFIG"] = str(path)
    return path


def test_an_unknown_field(prepared):
    house = prepared()
    write_config(house, worker=3)
    assert_refused(house, "worker", "gatehouse.json")


def test_a_field_of_the_wrong_type(prepared):
    house = prepared()
    write_config(house, upstream_headers={"x": 1})
    assert_refused(house, "upstream_headers", "gatehouse.json")


def test_a_configuration_that_is_no_json(prepared):
    house = prepared()
    write_config(house).write_text('{"workers": 3')
    assert_refused(house, "gatehouse.json")


def test_a_configuration_that_is_not_there(prepared):
    house = prepared()
    house.environment["GATEHOUSE_CONFIG"] = "/nonexistent/gatehouse.json"
    assert_refused(house, "/nonexistent/gatehouse.json")


def test_a_secret_given_twice(prepared):
    house = prepared()
    secret = house.folder / "upstream.key"
    secret.write_text("secret-in-a-file\n")
    house.environment["PRIVATEMODE_API_KEY_FILE"] = str(secret)
    assert_refused(house, "PRIVATEMODE_API_KEY")
    house.log_never_has("secret-in-a-file", keys.UPSTREAM_SECRET)


def test_a_secrets_file_that_is_not_there(prepared):
    house = prepared(PRIVATEMODE_API_KEY=None, PRIVATEMODE_API_KEY_FILE="/nonexistent/secret")
    assert_refused(house, "PRIVATEMODE_API_KEY_FILE")


def test_a_data_dir_that_is_in_use(prepared, house):
    second = prepared(DATA_DIR=house.environment["DATA_DIR"])
    second.spawn()
    assert second.wait() == 1
    errors = [line for line in second.lines() if line.level == "error"]
    assert len(errors) == 1 and house.environment["DATA_DIR"] in errors[0].msg, second.log_text()
    assert house.ask("GET", "/v1/models").status == 200


def test_a_data_dir_that_cannot_be(prepared):
    house = prepared()
    house.environment["DATA_DIR"] = str(house.key_file / "data")
    house.spawn()
    assert house.wait() == 1
    errors = [line for line in house.lines() if line.level == "error"]
    assert len(errors) == 1 and house.environment["DATA_DIR"] in errors[0].msg, house.log_text()


class TestCheck:
    def test_it_prints_the_configuration_with_secrets_redacted_and_starts_nothing(self, prepared):
        house = prepared(ADMIN_PASSWORD="a long secret password", METRICS_TOKEN="secret-token", WORKERS=3)
        done = house.run("check")
        assert done.returncode == 0, done
        assert "WORKERS = 3" in done.stdout
        for secret in (keys.UPSTREAM_SECRET, "a long secret password", "secret-token"):
            assert secret not in done.stdout + done.stderr
        assert house.status() == {}

    def test_it_names_every_fault_at_once(self, prepared):
        done = prepared(WORKERS="0", LOG_LEVEL="loud", UPSTREAM_URL="nowhere").run("check")
        assert done.returncode == 1
        for name in ("WORKERS", "LOG_LEVEL", "UPSTREAM_URL"):
            assert name in (done.stdout + done.stderr).upper()

    def test_the_environment_wins_over_the_file_and_the_file_over_defaults(self, prepared):
        house = prepared(WORKERS="3")
        write_config(house, workers=5, max_keys=1000, log_level="debug", upstream_headers=["x-a", "x-b"])
        done = house.run("check")
        assert done.returncode == 0, done
        assert "WORKERS = 3" in done.stdout
        assert "MAX_KEYS = 1000" in done.stdout

    def test_the_file_may_be_named_on_the_command_line(self, prepared):
        house = prepared(WORKERS=None)
        path = write_config(house, workers=7)
        del house.environment["GATEHOUSE_CONFIG"]
        done = house.run("check", "-c", str(path))
        assert done.returncode == 0 and "WORKERS = 7" in done.stdout

    def test_an_empty_variable_counts_as_unset(self, prepared):
        done = prepared(WORKERS="", LOG_LEVEL="").run("check")
        assert done.returncode == 0, done


class TestUsage:
    def test_version_and_help(self, prepared):
        house = prepared()
        assert house.run("version").returncode == 0
        done = house.run("help")
        assert done.returncode == 0 and "reload" in done.stdout

    @pytest.mark.parametrize("arguments", [[], ["frobnicate"], ["run", "--nonsense"], ["check", "-c"]])
    def test_wrong_usage_is_exit_2(self, prepared, arguments):
        assert prepared().run(*arguments).returncode == 2


class TestUnprivileged:
    """Started as root, nobody who talks to the network is."""

    @pytest.fixture(autouse=True)
    def _root_only(self, is_root):
        if not is_root:
            pytest.skip("not started as root")

    def test_workers_and_admin_have_other_ids_and_no_capabilities(self, start_house):
        house = start_house(WORKER_USER="nobody")
        assert procfs.status_field(house.pid, "Uid").split()[0] == "0"
        children = house.workers() + house.admin()
        assert len(children) == 3
        for pid in children:
            assert "0" not in procfs.status_field(pid, "Uid").split()
            assert "0" not in procfs.status_field(pid, "Gid").split()
            assert procfs.status_field(pid, "Groups") in ("", procfs.status_field(pid, "Gid").split()[0])
            for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
                assert int(procfs.status_field(pid, name), 16) == 0, name
            assert procfs.status_field(pid, "NoNewPrivs") == "1"

    def test_a_user_that_does_not_exist_is_replaced_with_a_warning(self, start_house):
        house = start_house(WORKER_USER="no-such-user")
        assert any("useradd" in line.msg for line in house.lines(level="warn"))
        for pid in house.workers():
            assert "0" not in procfs.status_field(pid, "Uid").split()

    def test_a_worker_keeps_no_file_open_but_what_it_serves_with(self, start_house):
        house = start_house()
        for pid in house.workers():
            files = {link for link in procfs.open_files(pid) if link.startswith("/") and not link.startswith("/dev/")}
            allowed = {str(house.log_path), str(house.folder / "run/admin.sock")}
            strange = [link for link in files - allowed if not link.startswith(("/memfd:", str(house.folder / "data")))]
            assert strange == [], strange


def test_processes_are_named(house):
    assert "master" in procfs.title(house.pid)
    assert len(house.workers()) == 2
    assert len(house.admin()) == 1
    for secret in (keys.UPSTREAM_SECRET, keys.SECRET):
        for pid in [house.pid, *procfs.children(house.pid)]:
            assert secret not in procfs.title(pid)


def test_the_log_is_one_json_object_a_line(house):
    lines = house.lines()
    assert lines
    for line in lines:
        assert line.fields["ts"].endswith("Z")
        assert line.level in ("error", "warn", "info", "debug")
        assert line.role in ("master", "worker", "admin", "gatehouse", "cli")


def test_the_wildcard_address_serves_ipv4_and_ipv6(start_house):
    house = start_house(LISTEN="[::]:0")
    port = int(house.status()["listen"][0].rpartition(":")[2])
    for host in ("127.0.0.1", "::1"):
        with raw.Connection(port, host=host) as connection:
            assert connection.ask("GET", "/health").status == 200


def test_several_addresses_are_served(start_house):
    house = start_house(LISTEN="127.0.0.1:0, http://127.0.0.1:0")
    ports = [int(address.rpartition(":")[2]) for address in house.status()["listen"]]
    assert len(set(ports)) == 2
    for port in ports:
        with raw.Connection(port) as connection:
            assert connection.ask("GET", "/v1/models", {"Authorization": f"Bearer {keys.SECRET}"}).status == 200


def test_placeholder_secrets_are_warned_of(start_house):
    house = start_house(ADMIN_PASSWORD="short")
    assert any("password" in line.msg.lower() for line in house.lines(level="warn"))
