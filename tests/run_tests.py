#!/usr/bin/env python3
"""Runs the tests that `make test` has built and adds up their results.

  --unit BIN     a cmocka binary; its own summary lines are counted
  --replay BIN   a fuzz target; its corpus (tests/fuzz/corpus/NAME) is replayed
  --pytest DIR   a folder of pytest files; counted from the JUnit report

Unit tests and replays run side by side, each in a process group of its own with a
deadline and an empty TMPDIR; pytest then runs with its own workers. A crash, a
sanitizer's report, a deadline passed or a binary that ran no test counts as a failure.
The last line is `N passed, N failed`; the exit code is 0 only if nothing failed and
something passed. Output of unit tests and replays is kept in build/test/.
"""

import argparse
import concurrent.futures
import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import xml.etree.ElementTree

OUT = pathlib.Path("build/test")
CORPUS = pathlib.Path("tests/fuzz/corpus")
VENV_PYTHON = pathlib.Path("build/venv/bin/python")
UNIT_SECONDS = 180
REPLAY_SECONDS = 300
PYTEST_SECONDS = 1800
SANITIZER_EXIT = 99
SANITIZER_REPORT = re.compile(r"ERROR: (Address|Leak)Sanitizer|: runtime error: ")
# cmocka before 1.1.6 leaves the group's name out
RUNNING = re.compile(r"^\[==========\] (?:.*: )?Running (\d+) test\(s\)", re.M)
PASSED = re.compile(r"^\[  PASSED  \] (?:.*: )?(\d+) test\(s\)", re.M)
SKIPPED = re.compile(r"^\[  SKIPPED \] (?:.*: )?(\d+) test\(s\), listed", re.M)
FAILED = re.compile(r"^\[  FAILED  \] (?:.*: )?(\d+) test\(s\), listed", re.M)
ONE_OK = re.compile(r"^\[       OK \] (\S+)", re.M)
ONE_FAILED = re.compile(r"^\[  FAILED  \] (\w+)$", re.M)


@dataclasses.dataclass
class Result:
    """What one binary or one pytest run came to."""

    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    why: str = ""
    log: str = ""


def sanitizer_environment():
    """The environment in which a sanitizer's report can't be missed."""
    env = dict(os.environ)
    env["ASAN_OPTIONS"] = f"exitcode={SANITIZER_EXIT}:detect_leaks=1:strict_string_checks=1"
    env["UBSAN_OPTIONS"] = f"exitcode={SANITIZER_EXIT}:print_stacktrace=1:halt_on_error=1"
    return env


def kill_group(process):
    """End the process and whatever it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def run_logged(name, command, seconds):
    """Run the command; returns its exit code (None: out of time) and its output."""
    tmp = (OUT / "tmp" / name).absolute()
    shutil.rmtree(tmp, ignore_errors=True)
    tmp.mkdir(parents=True)
    env = sanitizer_environment()
    env["TMPDIR"] = str(tmp)
    log_path = OUT / f"{name}.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, start_new_session=True
        )
        try:
            code = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            code = None
        kill_group(process)  # also ends children that a test has left behind
    return code, log_path.read_text(errors="replace")


def ending(code, seconds):
    """Why a process did not end well, in words; empty for exit code 0."""
    if code is None:
        return f"not finished after {seconds} s"
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    if code == SANITIZER_EXIT:
        return "sanitizer report"
    return f"exit code {code}" if code else ""


def total(pattern, text):
    """The sum of the numbers that the pattern finds."""
    return sum(int(number) for number in pattern.findall(text))


def judge_unit(name, code, log):
    """Count a cmocka binary's results from its output and the way it ended."""
    result = Result(name, log=log)
    result.passed, result.failed, result.skipped = (
        total(pattern, log) for pattern in (PASSED, FAILED, SKIPPED)
    )
    end = ending(code, UNIT_SECONDS)
    started = total(RUNNING, log)
    if result.passed + result.failed + result.skipped != started:
        # no summary: count what can be seen, and the test that it died in
        failed = set(ONE_FAILED.findall(log))
        result.passed = len(set(ONE_OK.findall(log)) - failed)
        result.failed = len(failed) + 1
        result.why = f"{end or 'ended early'} in a test, {started} announced"
    elif SANITIZER_REPORT.search(log):
        result.failed += 1
        result.why = "sanitizer report"
    elif end and not result.failed:
        result.failed = 1
        result.why = end
    elif not started:
        result.failed = 1
        result.why = "ran no test"
    return result


def run_unit(binary):
    """Run one cmocka binary."""
    path = pathlib.Path(binary)
    name = f"{path.name}-release" if "release" in path.parts else path.name  # some run in both builds
    code, log = run_logged(name, [f"./{binary}"], UNIT_SECONDS)
    return judge_unit(name, code, log)


def run_replay(binary):
    """Run a fuzz target once over each file of its corpus."""
    name = pathlib.Path(binary).name
    corpus = CORPUS / name.removeprefix("fuzz_")
    if not corpus.is_dir() or not any(corpus.iterdir()):
        return Result(name, failed=1, why=f"no corpus in {corpus}")
    command = [f"./{binary}", "-runs=0", "-timeout=20", f"-artifact_prefix={OUT}/{name}-", str(corpus)]
    code, log = run_logged(name, command, REPLAY_SECONDS)
    why = ending(code, REPLAY_SECONDS)
    return Result(name, passed=int(not why), failed=int(bool(why)), why=why, log=log)


def judge_pytest(code, report):
    """Count pytest's results from its JUnit report and its exit code."""
    result = Result("pytest")
    if not report.exists():
        result.failed, result.why = 1, f"{ending(code, PYTEST_SECONDS) or 'no report'}"
        return result
    broken, skipped, good = set(), set(), set()
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        name = (case.get("classname"), case.get("name"))
        if case.find("failure") is not None or case.find("error") is not None:
            broken.add(name)  # a test and its clean-up may each have a line
        elif case.find("skipped") is not None:
            skipped.add(name)
        else:
            good.add(name)
    result.passed, result.failed = len(good - broken), len(broken)
    result.skipped = len(skipped - broken)
    if code != 0 and not broken:
        result.failed, result.why = 1, ending(code, PYTEST_SECONDS)
    return result


def run_pytest(folders):
    """Run pytest over the folders; its output goes straight to ours."""
    report = OUT / "pytest.xml"
    report.unlink(missing_ok=True)
    jobs = os.environ.get("PYTEST_JOBS") or str(2 * (os.cpu_count() or 1))
    command = [VENV_PYTHON, "-m", "pytest", "-q", "-n", jobs, f"--junitxml={report}", *folders]
    sys.stdout.flush()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        code = process.wait(timeout=PYTEST_SECONDS)
    except subprocess.TimeoutExpired:
        code = None
    except KeyboardInterrupt:
        kill_group(process)
        raise
    kill_group(process)
    return judge_pytest(code, report)


def show(result):
    """One line for a result, and the output of one that failed."""
    text = f"{result.passed} passed"
    if result.skipped:
        text += f", {result.skipped} skipped"
    if result.failed:
        text += f", {result.failed} FAILED"
    if result.why:
        text += f" ({result.why})"
    if result.failed and result.log:
        print(f"--- {result.name}\n{result.log.rstrip()}\n---")
    print(f"  {'FAIL' if result.failed else 'ok':4}  {result.name}: {text}", flush=True)


def run_all(args):
    """Run everything asked for; returns the results."""
    results = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(run_unit, binary) for binary in args.unit]
        jobs += [pool.submit(run_replay, binary) for binary in args.replay]
        for job in jobs:
            results.append(job.result())
            show(results[-1])
    if args.pytest:
        results.append(run_pytest(args.pytest))
        show(results[-1])
    return results


def main():
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--unit", action="append", default=[], metavar="BIN")
    parser.add_argument("--replay", action="append", default=[], metavar="BIN")
    parser.add_argument("--pytest", action="append", default=[], metavar="DIR")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    OUT.mkdir(parents=True, exist_ok=True)
    results = run_all(args)
    passed = sum(result.passed for result in results)
    failed = sum(result.failed for result in results)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
