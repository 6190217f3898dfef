"""What each process holds and may do, as the kernel tells it: /proc of the master, the workers and admin.

The release build, for a build with sanitizers has no filter of system calls.
"""

import json
import os
import pwd
import re
import shutil
import subprocess

import pytest
from harness import gatehouse, keys, procfs
from harness.poll import until

WORKER_USER = "www-data"
ADMIN_USER = "backup"
CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
MASTER_MAY = {"chown": 0, "dac_override": 1, "fowner": 3, "fsetid": 4, "kill": 5, "setgid": 6, "setuid": 7,
              "setpcap": 8, "net_bind_service": 10}
"""the capabilities that the master keeps, by their numbers"""

UPSTREAM_KEY = "canary-of-the-upstream-key-1f3b"
PASSWORD = "canary-of-the-admin-password-77c0"
METRICS_TOKEN = "canary-of-the-metrics-token-d41a"
ENV_KEY = keys.secret("canary-of-an-environment-key")
NEXT_KEY = "canary-of-the-next-upstream-key-90e2"
SECRETS = (UPSTREAM_KEY, PASSWORD, METRICS_TOKEN, ENV_KEY)

SETTINGS = {"WORKER_USER": WORKER_USER, "ADMIN_USER": ADMIN_USER, "METRICS_LISTEN": "127.0.0.1:0", "MAX_KEYS": 64,
            "MAX_CONNECTIONS": 300, "PRIVATEMODE_API_KEY": UPSTREAM_KEY, "ADMIN_PASSWORD": PASSWORD,
            "METRICS_TOKEN": METRICS_TOKEN, "API_KEYS": ENV_KEY}

needs_release = pytest.mark.skipif(gatehouse.release_binary() is None, reason="needs the release build")
pytestmark = needs_release


def status(pid, *names):
    return [procfs.status_field(pid, name) for name in names]


def ids(pid, name):
    return {int(number) for number in procfs.status_field(pid, name).split()}


def limit(pid, name):
    """Soft and hard limit as /proc/PID/limits has them."""
    with open(f"/proc/{pid}/limits", encoding="ascii") as file:
        for line in file:
            if line.startswith(name):
                return tuple(line[len(name):].split()[:2])
    raise KeyError(name)


def memory(pid):
    """All that a process can read of itself, mapping by mapping."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for line in maps:
            area, rights, *rest = line.split()
            if "r" not in rights or rest[-1] in ("[vvar]", "[vvar_vclock]", "[vsyscall]"):
                continue
            start, end = (int(part, 16) for part in area.split("-"))
            mem.seek(start)
            yield mem.read(end - start)


def found_in_memory(pid, texts):
    """Which of the texts (or bytes) stand in the process's memory."""
    needles = {text: text if isinstance(text, bytes) else text.encode() for text in texts}
    found = set()
    for block in memory(pid):
        found |= {text for text, needle in needles.items() if needle in block}
    return found


def private_scalar(key_file):
    """The private number of a P-256 key, as it stands in files and as a number in memory, and a line of the file."""
    text = subprocess.run(["openssl", "pkey", "-in", key_file, "-noout", "-text"], check=True, capture_output=True,
                          text=True).stdout
    digits = re.search(r"priv:\s*([0-9a-f:\s]+?)pub:", text).group(1)
    number = bytes.fromhex(re.sub(r"[:\s]", "", digits))[-32:]
    return [number, number[::-1], key_file.read_text().splitlines()[1].encode()]


def processes(house):
    return {"master": [house.pid], "worker": house.workers(), "admin": house.admin()}


def settled(house):
    """All processes in place, each with its last word on its own rights."""
    def complete():
        now = processes(house)
        return len(now["worker"]) == 2 and len(now["admin"]) == 1 and now

    return until("all processes run", complete)


@pytest.fixture(scope="module")
def own(module_standin, pair, is_root):
    if not is_root:
        pytest.skip("needs root")
    house = gatehouse.Gatehouse(module_standin, tls=pair, program=gatehouse.release_binary(), **SETTINGS)
    house.start()
    yield house
    house.stop()
    house.check()
    house.discard()


@pytest.fixture
def roles(own):
    return settled(own)


@pytest.fixture
def children(roles):
    return roles["worker"] + roles["admin"]


class TestRights:
    """Started as root."""

    def test_each_role_is_its_own_user_without_other_groups(self, roles):
        for role, user in (("worker", WORKER_USER), ("admin", ADMIN_USER)):
            entry = pwd.getpwnam(user)
            for pid in roles[role]:
                assert ids(pid, "Uid") == {entry.pw_uid}
                assert ids(pid, "Gid") == {entry.pw_gid}
                assert status(pid, "Groups") == [""]

    def test_workers_and_admin_have_no_capability_in_any_set(self, children):
        for pid in children:
            assert {int(value, 16) for value in status(pid, *CAPABILITIES)} == {0}

    def test_the_master_keeps_what_it_needs_and_nothing_else(self, own):
        allowed = sum(1 << number for number in MASTER_MAY.values())
        inheritable, permitted, effective, bounding, ambient = (
            int(value, 16) for value in status(own.pid, *CAPABILITIES))
        assert permitted == effective == bounding
        assert permitted == allowed & int(procfs.status_field(os.getpid(), "CapPrm"), 16), "of what root has here"
        assert inheritable & ~allowed == 0
        assert ambient == 0

    def test_nobody_gains_anything_by_an_exec(self, roles):
        for pid in sum(roles.values(), []):
            assert status(pid, "NoNewPrivs") == ["1"]

    def test_workers_and_admin_have_a_filter_of_system_calls_and_the_master_none(self, own, children):
        for pid in children:
            for thread in os.listdir(f"/proc/{pid}/task"):
                assert status(f"{pid}/task/{thread}", "Seccomp") == ["2"]
        assert status(own.pid, "Seccomp") == ["0"]

    def test_nobody_of_the_same_user_can_look_inside(self, children):
        """What is not dumpable belongs to root in /proc."""
        for pid in children:
            assert os.stat(f"/proc/{pid}/mem").st_uid == 0
            assert os.stat(f"/proc/{pid}/environ").st_uid == 0

    def test_no_process_leaves_a_core(self, roles):
        for pid in sum(roles.values(), []):
            # 1 is less than any core, and forbids those that go through a pipe, which 0 does not
            assert limit(pid, "Max core file size") == ("1", "1")

    def test_limits_follow_the_role(self, roles):
        for pid in roles["worker"]:
            soft, hard = limit(pid, "Max open files")
            assert soft == hard
            assert 2 * 300 // 2 < int(soft) < 1000
            assert limit(pid, "Max processes") == ("0", "0")
            assert limit(pid, "Max locked memory") == ("0", "0")
        for pid in roles["admin"]:
            assert int(limit(pid, "Max open files")[1]) <= 4096

    def test_nothing_that_could_not_be_had_is_told(self, own):
        assert not own.lines(event="rights")
        assert not own.lines(event="sandbox")


class TestHoldings:
    """Descriptors and memory."""

    def descriptors(self, pid):
        return sorted(procfs.open_files(pid))

    def assert_only(self, pid, *patterns):
        for target in self.descriptors(pid):
            assert any(re.fullmatch(pattern, target) for pattern in patterns), target

    def test_a_worker_holds_its_sockets_its_journal_and_the_way_to_admin(self, own, roles):
        folder = re.escape(str(own.folder))
        for pid in roles["worker"]:
            self.assert_only(pid, "/dev/null", f"{folder}/log", r"socket:\[\d+\]", r"anon_inode:\[eventpoll\]", r"pipe:\[\d+\]",
                             rf"{folder}/data/journal/\d+\.arena", rf"{folder}/run/admin\.sock")
            assert sum(".arena" in target for target in self.descriptors(pid)) == 1
            # its loop has a pipe of its own: admin's, to the master, it has not
            assert not set(self.descriptors(pid)) & {
                target for target in self.descriptors(own.pid) if target.startswith("pipe:")}

    def test_admin_holds_its_sockets_the_ledger_and_a_pipe(self, own, roles):
        folder = re.escape(str(own.folder))
        for pid in roles["admin"]:
            self.assert_only(pid, "/dev/null", f"{folder}/log", r"socket:\[\d+\]", r"pipe:\[\d+\]",
                             r"anon_inode:\[event(poll|fd)\]", rf"{folder}/data/ledger(/[^/]*|\.lock)?")

    def test_what_is_published_is_mapped_read_only(self, children):
        for pid in children:
            with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
                rights = [line.split()[1] for line in maps if "gatehouse-published" in line]
            assert rights == ["r--s"]

    def test_secrets_are_locked_in_memory(self, roles):
        for pid in sum(roles.values(), []):
            assert int(status(pid, "VmLck")[0].split()[0]) > 0

    def test_no_environment_shows_a_secret(self, roles):
        for pid in sum(roles.values(), []):
            with open(f"/proc/{pid}/environ", "rb") as environ:
                seen = environ.read()
            assert not [secret for secret in SECRETS if secret.encode() in seen]

    def test_each_role_remembers_only_the_secrets_that_it_needs(self, own, roles, pair):
        own.ask("GET", "/v1/models")  # the upstream key has been in use, too
        assert_memories(roles, pair, UPSTREAM_KEY, SECRETS)


def assert_memories(roles, pair, upstream_key, secrets):
    """The workers know one upstream key and the certificate's, admin its own two secrets."""
    of_tls = private_scalar(pair.key)
    for pid in roles["worker"]:
        assert found_in_memory(pid, secrets) == {upstream_key}
        assert of_tls[1] in found_in_memory(pid, of_tls), "or not finding it elsewhere would prove nothing"
    for pid in roles["admin"]:
        found = found_in_memory(pid, [*secrets, *of_tls])
        assert found & {UPSTREAM_KEY, NEXT_KEY, *of_tls} == set()
        assert {PASSWORD, METRICS_TOKEN} <= found


class TestReload:
    """Secrets of files, which pass through more hands, over generations."""

    @pytest.fixture
    def reloaded(self, standin, pair, is_root):
        if not is_root:
            pytest.skip("needs root")
        in_file = {"PRIVATEMODE_API_KEY": None, "ADMIN_PASSWORD": None, "METRICS_TOKEN": None, "API_KEYS": None}
        house = gatehouse.Gatehouse(standin, tls=pair, program=gatehouse.release_binary(), **SETTINGS | in_file)
        house.environment["GATEHOUSE_CONFIG"] = str(house.folder / "gatehouse.json")
        yield house
        house.stop()
        house.check()
        house.discard()

    def configure(self, house, upstream_key):
        token = house.folder / "token"
        token.write_text(METRICS_TOKEN + "\n")
        keys.write_text(house.folder / "gatehouse.json", json.dumps({
            "privatemode_api_key": upstream_key, "admin_password": PASSWORD, "api_keys": [ENV_KEY],
            "metrics_token_file": str(token)}))

    def test_no_generation_remembers_more_than_it_needs(self, reloaded, pair):
        self.configure(reloaded, UPSTREAM_KEY)
        keys.write(reloaded.key_file, {"key": keys.SECRET, "key_id": "plain"})
        reloaded.start()
        secrets = [*SECRETS, NEXT_KEY, keys.SECRET]
        assert_memories(settled(reloaded), pair, UPSTREAM_KEY, secrets)
        before = set(reloaded.workers() + reloaded.admin())
        self.configure(reloaded, NEXT_KEY)
        assert reloaded.reload()["result"] == "ok"
        until("the old ones have left", lambda: not before & set(reloaded.workers() + reloaded.admin()))
        assert_memories(settled(reloaded), pair, NEXT_KEY, secrets)


class Ordinary(gatehouse.Gatehouse):
    """A gatehouse started by a user who is not root, from a copy of the program that he can reach."""

    limits = {}
    """of the process that starts it, as prlimit names them"""

    def __init__(self, upstream, user, **settings):
        super().__init__(upstream, program=gatehouse.release_binary(), **settings)
        self.user = pwd.getpwnam(user)
        self.program = shutil.copy(self.program, self.folder / "gatehouse")
        for path in (self.folder, *self.folder.rglob("*")):
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def spawn(self, through=()):
        limits = [f"--{name}={value}:{value}" for name, value in self.limits.items()]
        super().spawn([*through, "setpriv", f"--reuid={self.user.pw_uid}", f"--regid={self.user.pw_gid}",
                       "--clear-groups", "prlimit", *limits])


class TestOrdinaryUser:
    """Not started as root: the same, but for what only root could have done, which is said."""

    @pytest.fixture
    def ordinary(self, standin, is_root):
        if not is_root:
            pytest.skip("needs root, to become somebody else")
        house = Ordinary(standin, ADMIN_USER, ADMIN_PASSWORD=PASSWORD, MAX_CONNECTIONS=300)
        house.start()
        yield house
        house.stop()
        house.check()
        house.discard()

    def test_it_serves_with_the_same_filter_and_says_what_it_lacks(self, ordinary):
        assert ordinary.ask("GET", "/v1/models").status == 200
        roles = settled(ordinary)
        for pid in sum(roles.values(), []):
            assert ids(pid, "Uid") == {ordinary.user.pw_uid}
            inheritable, permitted, effective, _, ambient = (int(value, 16) for value in status(pid, *CAPABILITIES))
            assert {inheritable, permitted, effective, ambient} == {0}
            assert status(pid, "NoNewPrivs") == ["1"]
            assert os.stat(f"/proc/{pid}/mem").st_uid == 0
        for pid in roles["worker"] + roles["admin"]:
            assert status(pid, "Seccomp") == ["2"]
        said = ordinary.lines(event="rights")
        assert len(said) == 1
        assert said[0].level == "info"
        assert "users of their own for workers and admin" in said[0].msg
        assert "bounding set" in said[0].msg

    def test_it_serves_without_locks_and_with_few_descriptors_and_says_so(self, standin, is_root):
        if not is_root:
            pytest.skip("needs root, to become somebody else")
        house = Ordinary(standin, ADMIN_USER)
        house.limits = {"memlock": 0, "nofile": 1024, "core": 0}
        try:
            house.start()
            assert house.ask("GET", "/v1/models").status == 200
            assert "all secrets locked in memory" in house.lines(event="rights")[0].msg
            assert [line.msg for line in house.lines(event="limits", level="warn")
                    if "1024" in line.msg and "MAX_CONNECTIONS" in line.msg]
            for pid in sum(settled(house).values(), []):
                assert limit(pid, "Max core file size") == ("0", "0")
            house.stop()
            house.check()
        finally:
            house.discard()

    def test_its_user_sees_the_counters_of_workers_in_status(self, ordinary):
        assert ordinary.ask("GET", "/v1/models").status == 200
        shown = subprocess.run([ordinary.program, "status"], env=ordinary.environment, cwd=ordinary.folder,
                               user=ordinary.user.pw_uid, group=ordinary.user.pw_gid, extra_groups=[],
                               capture_output=True, text=True, check=True).stdout
        rows = [line.split() for line in shown.splitlines()[-2:]]
        assert [row[3] for row in rows] == ["ready", "ready"], shown
        assert sum(int(row[-1]) for row in rows) >= 1, shown

    def test_the_secrets_of_others_are_forgotten_all_the_same(self, ordinary):
        roles = settled(ordinary)
        for pid in roles["worker"]:
            assert found_in_memory(pid, [PASSWORD, keys.UPSTREAM_SECRET]) == {keys.UPSTREAM_SECRET}
        for pid in roles["admin"]:
            assert found_in_memory(pid, [PASSWORD, keys.UPSTREAM_SECRET]) == {PASSWORD}


class TestWithSanitizers:
    """A build that can't have the filter."""

    def test_it_says_that_there_is_none(self, standin):
        program = gatehouse.ROOT / "build/asan/gatehouse"
        if not program.exists():
            pytest.skip("needs the build with sanitizers")
        house = gatehouse.Gatehouse(standin, program=program)
        try:
            house.start()
            assert [line.msg for line in house.lines(event="sandbox", level="warn")] == [
                "workers and admin run without a filter of system calls: this build has sanitizers"]
            house.stop()
        finally:
            house.discard()
