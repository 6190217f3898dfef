"""The image: what its recipe copies exists, what it says of users, ports and paths holds, its build step builds."""

import fnmatch
import os
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECIPE = ROOT / "contrib/docker/Dockerfile"
BASE = {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2", "libgcc_s.so.1"}
"""libraries that every Debian has"""


def instructions():
    """[(stage number, instruction, arguments)] with continued lines joined."""
    text = re.sub(r"\\\n\s*", "", "\n".join(
        line for line in RECIPE.read_text().splitlines() if not line.lstrip().startswith("#")))
    found, stage = [], -1
    for line in filter(None, (line.strip() for line in text.splitlines())):
        word, _, rest = line.partition(" ")
        stage += word == "FROM"
        found.append((stage, word, rest.strip()))
    return found


def last_stage(word):
    """The arguments of all such instructions of the image itself."""
    rows = instructions()
    last = max(stage for stage, _, _ in rows)
    return [rest for stage, name, rest in rows if stage == last and name == word]


def ignored():
    return [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]


def is_ignored(name):
    """As docker does: a pattern holds for what it names and all below it."""
    parts = pathlib.PurePath(name).parts
    heads = ["/".join(parts[:n]) for n in range(1, len(parts) + 1)]
    return any(fnmatch.fnmatch(head, pattern.removeprefix("**/"))
               or pattern.startswith("**/") and fnmatch.fnmatch(pathlib.PurePath(head).name, pattern[3:])
               for pattern in ignored() for head in heads)


def test_it_runs_as_uid_1000_and_listens_above_1024():
    assert last_stage("USER") == ["1000:1000"]
    assert last_stage("EXPOSE") == ["8080"]
    assert last_stage("STOPSIGNAL") == ["SIGTERM"]
    setup = " ".join(last_stage("RUN"))
    assert "groupadd --gid 1000" in setup and "useradd --uid 1000 --gid 1000" in setup


def test_pid_1_is_gatehouse_and_nothing_supervises_it():
    assert last_stage("ENTRYPOINT") == ['["gatehouse"]']
    assert last_stage("CMD") == ['["run"]']
    assert "supervisor" not in RECIPE.read_text()


def test_its_health_is_asked_without_curl():
    health, = last_stage("HEALTHCHECK")
    command = re.search(r"CMD \[(.*)\]", health)[1].replace('"', "").split(", ")
    assert command[0] == "gatehouse"
    assert not re.search(r"\b(curl|wget)\b", " ".join(last_stage("RUN")) + health)
    help_text = subprocess.run([ROOT / "build/gatehouse", "help", command[1]], capture_output=True, text=True,
                               check=True).stdout
    assert all(option in help_text for option in command[2:])


def test_what_is_copied_from_the_tree_is_there_and_not_ignored():
    sources = [word for _, name, rest in instructions() if name == "COPY" and "--from" not in rest
               for word in rest.split()[:-1]]
    assert "." in sources
    for source in sources:
        assert (ROOT / source).exists()
        assert not is_ignored(source)
    for needed in ("Makefile", "LICENSE", "master/main.c", "common/tls.c", "etc/models.json", "contrib/man/gatehouse.8",
                   "contrib/systemd/gatehouse.service"):
        assert not is_ignored(needed), needed


@pytest.mark.parametrize("secret", ["gatehouse.env", "contrib/docker/gatehouse.env", "api_keys.json", ".git/config",
                                    "secrets/api_keys.json", "run/key.pem", "build/release/gatehouse"])
def test_secrets_and_what_was_built_stay_out(secret):
    assert is_ignored(secret)


def test_its_settings_exist_and_are_those_of_the_python_proxys_image():
    table = (ROOT / "common/config_table.c").read_text()
    settings = dict(re.findall(r'(\w+)=("[^"]*"|\S+)', " ".join(last_stage("ENV"))))
    settings.pop("HOME")
    assert all(f'{{ "{name}",' in table for name in settings)
    assert settings["PORT"] == "8080"
    command = settings["UPSTREAM_COMMAND"].strip('"').split()
    assert "--port=8081" in command and "--workspace=/app/workspace" in command
    assert settings["UPSTREAM_URL"] == "http://localhost:8081"
    assert any(rest.endswith(command[0]) and "--from=proxy" in rest for rest in last_stage("COPY"))
    assert not any("key" in word.lower() or "dump" in word.lower() for word in command)
    folders = re.search(r"install -d .*?(/app/\S+(?: /app/\S+)*)", " ".join(last_stage("RUN")))[1].split()
    assert set(folders) == {"/app/secrets", "/app/data", "/app/workspace"}


def test_the_image_has_each_library_that_the_program_needs():
    needed = set(re.findall(r"^\s+NEEDED\s+(\S+)", subprocess.run(
        ["objdump", "-p", ROOT / "build/gatehouse"], capture_output=True, text=True, check=True).stdout, re.M)) - BASE
    # libevent_core-2.1.so.7 is in libevent-core-2.1-7: only letters and digits tell
    packages = [re.sub(r"[^a-z0-9]", "", word) for word in " ".join(last_stage("RUN")).split()]
    assert needed
    for library in needed - {"libcrypto.so.3"} | {"libssl.so.3"}:  # one package
        name = re.sub(r"[^a-z0-9]", "", re.sub(r"\.so(\.\d+)*$", "", library))
        assert any(re.fullmatch(rf"{name}\d*", package) for package in packages), library


@pytest.mark.timeout(900)
def test_the_build_step_builds_from_what_docker_is_given(tmp_path):
    """The same commands on a copy of the tree without what is ignored. Objects of the release are taken over."""
    context = tmp_path / "src"

    def left_out(folder, names):
        base = pathlib.Path(folder).relative_to(ROOT)
        return [name for name in names if is_ignored(str(base / name))]

    shutil.copytree(ROOT, context, ignore=left_out, symlinks=True)
    if (ROOT / "build/release").exists():
        shutil.copytree(ROOT / "build/release", context / "build/release", symlinks=True)
    steps = [rest for _, name, rest in instructions() if name == "RUN" and "make install" in rest]
    assert len(steps) == 1
    out = tmp_path / "out"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(["sh", "-c", steps[0].replace("/out", str(out))], cwd=context, env=environment,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for _, name, rest in instructions():
        if name == "COPY" and "--from=build" in rest:
            source = rest.split()[1]
            assert (out / source.removeprefix("/out/") if source.startswith("/out/")
                    else context / source.removeprefix("/src/")).exists(), source
    assert subprocess.run([out / "usr/bin/gatehouse", "version"], capture_output=True, check=True).stdout


def test_the_compose_file_names_what_there_is():
    text = (ROOT / "contrib/docker/compose.yaml").read_text()
    recipe = re.search(r"dockerfile: (\S+)", text)[1]
    assert (ROOT / recipe).exists()
    table = (ROOT / "common/config_table.c").read_text()
    names = re.findall(r"^      ([A-Z_]+):", text, re.M)
    assert names and all(f'{{ "{name}",' in table for name in names)
    assert "read_only: true" in text and "cap_drop: [ALL]" in text
