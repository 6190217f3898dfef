"""The unit: valid, no more exposed than it has to be, allowed what gatehouse does, and installed where it belongs."""

import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNITS = ROOT / "contrib/systemd"
MOST_EXPOSED = 33
"""tenths: what systemd-analyze counts for a master that is root, binds ports and becomes other users"""


@pytest.fixture
def units(tmp_path):
    """The units as `make install` writes them, for the program of this tree."""
    text = (UNITS / "gatehouse.service").read_text()
    assert "@bindir@" in text
    (tmp_path / "gatehouse.service").write_text(text.replace("@bindir@/gatehouse", str(ROOT / "build/gatehouse")))
    shutil.copy(UNITS / "gatehouse.socket", tmp_path)
    return tmp_path


def setting(name):
    return re.findall(rf"^{name}=(.*)$", (UNITS / "gatehouse.service").read_text(), re.M)


def test_systemd_finds_nothing_wrong(units):
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", units / "gatehouse.service",
                           units / "gatehouse.socket"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_its_exposure_is_bounded(units):
    done = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--no-pager",
                           f"--threshold={MOST_EXPOSED}", units / "gatehouse.service"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-300:]


def test_its_filter_has_the_calls_that_gatehouse_makes():
    """What needs saying: its own sandbox, its own users, shared memory, and what a reload or an upgrade takes."""
    names, = setting("SystemCallFilter")
    allowed = set(names.split())
    groups = [name for name in allowed if name.startswith("@")]
    todo = list(groups)
    while todo:
        listed = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter", todo.pop()], capture_output=True,
                                text=True, check=True).stdout
        for name in re.findall(r"^    (@?\w[\w-]*)", listed, re.M):
            if name.startswith("@") and name not in allowed:
                todo.append(name)
            allowed.add(name)
    needed = {"seccomp", "capset", "prctl", "setresuid", "setresgid", "setgroups", "memfd_create", "fallocate",
              "close_range", "execve", "signalfd4", "fchown", "fchmod", "mlock", "mlock2", "setrlimit", "prlimit64",
              "kill", "wait4", "bind", "listen", "accept4", "epoll_wait", "flock", "renameat", "getrandom"}
    assert needed <= allowed


def test_it_keeps_the_capabilities_of_a_master_and_no_other():
    kept = set(setting("CapabilityBoundingSet")[0].split())
    assert kept == {f"CAP_{name}" for name in ("NET_BIND_SERVICE", "SETUID", "SETGID", "SETPCAP", "KILL", "CHOWN",
                                              "DAC_OVERRIDE", "FOWNER", "FSETID")}
    assert setting("NoNewPrivileges") == ["yes"]


def test_it_leaves_the_data_folder_to_its_owner():
    """systemd gives a StateDirectory back to root at each reload, and admin can't read the journal then."""
    assert setting("StateDirectory") == []
    made = (UNITS / "gatehouse.tmpfiles").read_text()
    for path in re.findall(r"-?(/\S+)", setting("ReadWritePaths")[0]):
        assert re.search(rf"^d {re.escape(path)}\s", made, re.M), path


def test_it_names_the_users_that_gatehouse_becomes():
    users = re.findall(r"^u (\S+)", (UNITS / "gatehouse.sysusers").read_text(), re.M)
    table = (ROOT / "common/config_table.c").read_text()
    for default in re.findall(r'"(?:WORKER|ADMIN)_USER".*?"(gatehouse[\w-]*)"', table, re.S):
        assert default in users
    assert users == ["gatehouse", "gatehouse-admin", "gatehouse-upstream"]


def test_stopping_leaves_time_to_drain():
    seconds = int(setting("TimeoutStopSec")[0])
    drain = re.search(r'"DRAIN_TIMEOUT".*?"(\d+) s"', (ROOT / "common/config_table.c").read_text(), re.S)
    assert seconds >= int(drain[1]) + 30
    assert setting("KillMode") == ["mixed"] and setting("OOMPolicy") == ["continue"]


def test_what_is_built_is_not_built_again():
    """A stamp that is written anew without need would have every make compile all, beside tests that use the program."""
    planned = subprocess.run(["make", "-n", "build/gatehouse"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert [line for line in planned.stdout.splitlines() if " -c -o " in line] == []


def make(target, place):
    done = subprocess.run(["make", "-s", target, "PREFIX=/usr", f"DESTDIR={place}"], cwd=ROOT, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_install_puts_all_in_place_and_uninstall_takes_it_away(tmp_path):
    make("install", tmp_path)
    lib = tmp_path / "usr/lib"
    service = lib / "systemd/system/gatehouse.service"
    assert "ExecStart=/usr/bin/gatehouse run\n" in service.read_text() and "@" not in re.sub(
        "@system-service", "", service.read_text())
    for name in ("systemd/system/gatehouse.socket", "sysusers.d/gatehouse.conf", "tmpfiles.d/gatehouse.conf"):
        assert (lib / name).stat().st_mode & 0o777 == 0o644
    make("uninstall", tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
