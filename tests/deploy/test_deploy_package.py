"""The Debian package: what is in it, whose, and how. That it installs, serves and purges is `make deb-check`'s."""

import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    place = tmp_path_factory.mktemp("deb")
    done = subprocess.run([ROOT / "contrib/debian/build.sh", place], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(place.glob("gatehouse_*.deb"))


def ask(*words):
    return subprocess.run(["dpkg-deb", *words], capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def files(package):
    """path -> (mode, owner)"""
    rows = [line.split(None, 5) for line in ask("--contents", str(package)).splitlines()]
    return {row[5].removeprefix("."): (row[0], row[1]) for row in rows}


def test_everything_is_roots_and_secrets_are_for_root_alone(files):
    assert {owner for _, owner in files.values()} == {"root/root"}
    assert files["/etc/gatehouse/gatehouse.env"][0] == "-rw-------"
    assert files["/usr/bin/gatehouse"][0] == "-rwxr-xr-x"
    assert not [path for path, (mode, _) in files.items() if mode[5] == "w" or mode[8] == "w" or "s" in mode[1:]]


def test_it_has_program_page_unit_and_licence(files):
    for path in ("/usr/bin/gatehouse", "/usr/share/man/man8/gatehouse.8.gz", "/usr/share/doc/gatehouse/copyright",
                 "/usr/share/doc/gatehouse/SECURITY.md", "/usr/lib/systemd/system/gatehouse.service",
                 "/usr/lib/sysusers.d/gatehouse.conf", "/usr/lib/tmpfiles.d/gatehouse.conf",
                 "/usr/share/gatehouse/models.json"):
        assert path in files, path


def test_settings_are_kept_over_upgrades(package, tmp_path):
    ask("--control", str(package), str(tmp_path / "control"))
    assert (tmp_path / "control/conffiles").read_text() == "/etc/gatehouse/gatehouse.env\n"
    for name in ("postinst", "prerm", "postrm"):
        assert (tmp_path / "control" / name).stat().st_mode & 0o777 == 0o755
        assert (tmp_path / "control" / name).read_text().splitlines()[2] == "set -e"


def test_it_depends_on_the_libraries_that_it_uses(package):
    depends = ask("--field", str(package), "Depends")
    for name in ("libc6", "libssl3", "libevent-core", "libjansson4", "libdb5.3", "libseccomp2"):
        assert name in depends, depends
    assert "@" not in depends


def test_the_settings_that_it_brings_are_valid(package, tmp_path):
    """As gatehouse reads them, with folders of this test; and they open nothing to the outside."""
    ask("--extract", str(package), str(tmp_path / "root"))
    text = (tmp_path / "root/etc/gatehouse/gatehouse.env").read_text()
    settings = dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.M))
    assert settings.pop("LISTEN") == "http://127.0.0.1:8080"
    assert settings.pop("API_KEYS_FILE") == "/etc/gatehouse/keys/api_keys.json"
    assert settings == {}
    table = (ROOT / "common/config_table.c").read_text()
    for name in re.findall(r"^#([A-Z_]+)=", text, re.M):
        assert f'{{ "{name.removesuffix("_FILE") if name not in table else name}",' in table, name
    done = subprocess.run([tmp_path / "root/usr/bin/gatehouse", "check"], capture_output=True, text=True, check=False,
                          env={"PATH": "/usr/bin", "LISTEN": "http://127.0.0.1:8080", "DATA_DIR": str(tmp_path),
                               "API_KEYS_FILE": str(tmp_path / "api_keys.json")})
    assert done.returncode == 0, done.stderr
