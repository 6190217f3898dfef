"""Shell completion: what a shell offers is what the program takes."""

import pathlib
import re
import subprocess

import pytest

from harness import gatehouse

ROOT = pathlib.Path(__file__).resolve().parents[2]
BASH = ROOT / "contrib/completion/gatehouse.bash"
ZSH = ROOT / "contrib/completion/_gatehouse"

BASH_ASK = r"""
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_gatehouse
printf '%s\n' "${COMPREPLY[@]}"
"""

# zsh's own completion needs a terminal: what it would be handed is printed instead.
ZSH_ASK = r"""
_describe() { local name=${@[-1]}; print -rl -- ${(P)name}; }
_arguments() { print -rl -- "$@"; }
_files() { print -r -- FILES "$@"; }
_call_program() { shift; command "$@"; }
completion=$1
shift
words=("$@")
CURRENT=$#
source $completion
"""


def run(*words, **more):
    """Run a program; its standard output."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False, **more)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def bash(*words, **more):
    """What bash offers behind words, the last of which is being written."""
    return set(run("bash", "-c", BASH_ASK, "bash", BASH, *words, **more).split())


def zsh(*words, **more):
    """What zsh's helpers are handed behind words."""
    return run("zsh", "-f", "-c", ZSH_ASK, "zsh", ZSH, *words, **more)


def commands():
    """The commands that the program knows."""
    return set(re.findall(r"^  ([a-z-]+)  ", run(gatehouse.binary(), "help"), re.MULTILINE))


def test_shells_offer_the_commands_that_there_are():
    """No more and no fewer, with the line that the program says of each."""
    assert bash("gatehouse", "") == commands()
    assert bash("gatehouse", "help", "") == commands()
    of_zsh = dict(line.split(":", 1) for line in zsh("gatehouse", "").splitlines())
    lines = dict(re.findall(r"^  ([a-z-]+)  +(.+)$", run(gatehouse.binary(), "help"), re.MULTILINE))
    assert of_zsh == lines


@pytest.mark.parametrize("command", ["keys", "usage", "audit", "admin-token"])
def test_each_option_of_the_help_is_offered(command):
    """Long options and subcommands, over all that the command has."""
    text = run(gatehouse.binary(), command, "--help")
    options = set(re.findall(r"--[a-z][a-z-]*", text))
    verbs = set(re.findall(r"^  ([a-z]+) ", text, re.MULTILINE)) | set(
        re.findall(rf"gatehouse {command} ([a-z]+)", text)
    )
    offered = bash("gatehouse", command, "")
    assert options and verbs
    assert verbs <= offered
    seen_by_zsh = zsh("gatehouse", command, "")
    for verb in verbs:
        offered |= bash("gatehouse", command, verb, "")
        seen_by_zsh += zsh("gatehouse", command, verb, "")
        assert verb in seen_by_zsh
    assert options <= offered
    assert {o for o in options if o not in seen_by_zsh} == set()


def test_values_of_options_are_offered():
    """Where there are few."""
    assert bash("gatehouse", "usage", "--format", "") == {"table", "json", "csv"}
    assert bash("gatehouse", "usage", "--format", "c") == {"csv"}
    assert bash("gatehouse", "usage", "--by", "") == {"key", "model", "endpoint", "hour", "day"}
    assert bash("gatehouse", "admin-token", "create", "--scope", "") == {"admin", "read", "metrics"}


def test_keys_are_offered_by_their_ids(tmp_path):
    """Those of the key file; one that a shell would take apart is not."""
    env = {
        "PATH": f"{tmp_path}/bin:/usr/bin:/bin",
        "API_KEYS_FILE": f"{tmp_path}/keys.json",
        "DATA_DIR": f"{tmp_path}/data",
    }
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/gatehouse").symlink_to(gatehouse.binary())
    for key_id in ("team-a", "team-b", "it's $(odd)"):
        run_quietly([gatehouse.binary(), "keys", "create", "--id", key_id], env)
    offered = bash("gatehouse", "keys", "revoke", "team", env=env)
    assert offered == {"team-a", "team-b"}
    assert "$(odd)" not in bash("gatehouse", "keys", "revoke", "", env=env)
    of_zsh = zsh("gatehouse", "keys", "revoke", "", env=env)
    assert "_gatehouse_key_ids" in of_zsh


def run_quietly(words, env):
    """Run a program that may speak to people; it has to succeed."""
    subprocess.run(words, env=env, check=True, capture_output=True, timeout=30)
