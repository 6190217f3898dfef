"""run_tests.py counts what cmocka and pytest report and misses no way of failing."""

import pathlib
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
import run_tests

RUN = "[==========] {}Running {} test(s).\n"
OK = "[ RUN      ] {0}\n[       OK ] {0}\n"
BAD = "[ RUN      ] {0}\n[  FAILED  ] {0}\n"
PASSED = "[  PASSED  ] {} test(s).\n"
FAILED = "[  FAILED  ] {}{} test(s), listed below:\n[  FAILED  ] b\n"
SKIPPED = "[  SKIPPED ] {} test(s), listed below:\n[  SKIPPED ] c\n"


def counts(code, log):
    """Passed, failed, skipped of a unit test's end."""
    result = run_tests.judge_unit("t", code, log)
    return result.passed, result.failed, result.skipped


def test_passed_tests_of_all_groups_are_added_up():
    log = RUN.format("", 2) + PASSED.format(2) + RUN.format("g: ", 3) + PASSED.format("3")
    assert counts(0, log) == (5, 0, 0)


@pytest.mark.parametrize("group", ["", "tests: "])
def test_failed_and_skipped_tests_are_counted_in_both_forms_of_cmocka(group):
    log = RUN.format(group, 3) + PASSED.format(1) + SKIPPED.format(1) + FAILED.format(group, 1)
    assert counts(1, log) == (1, 1, 1)


def test_a_crash_counts_what_was_seen_and_the_test_it_died_in():
    log = RUN.format("", 4) + OK.format("a") + BAD.format("b") + "[ RUN      ] c\n"
    assert counts(-6, log) == (1, 2, 0)


def test_output_that_a_forked_child_repeats_is_not_counted_twice():
    log = RUN.format("", 3) + OK.format("a") * 2 + "[ RUN      ] b\n"
    assert counts(-11, log) == (1, 1, 0)


@pytest.mark.parametrize("code", [None, 1, -9, run_tests.SANITIZER_EXIT])
def test_a_bad_end_after_a_good_summary_is_a_failure(code):
    assert counts(code, RUN.format("", 1) + PASSED.format(1)) == (1, 1, 0)


@pytest.mark.parametrize("report", ["ERROR: LeakSanitizer: detected", "x.c:1:2: runtime error: shift"])
def test_a_sanitizer_report_of_a_child_is_a_failure(report):
    assert counts(0, RUN.format("", 1) + report + "\n" + PASSED.format(1)) == (1, 1, 0)


def test_a_binary_that_runs_nothing_is_a_failure():
    assert counts(0, "") == (0, 1, 0)


def report_with(tmp_path, cases):
    """A JUnit report."""
    path = tmp_path / "r.xml"
    path.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    return path


def test_pytest_results_are_counted_by_test(tmp_path):
    cases = (
        '<testcase classname="m" name="a"/><testcase classname="m" name="b"><failure/></testcase>'
        '<testcase classname="m" name="b"><error/></testcase>'
        '<testcase classname="m" name="c"><skipped/></testcase>'
        '<testcase classname="m" name="d"/><testcase classname="m" name="d"><error/></testcase>'
    )
    result = run_tests.judge_pytest(1, report_with(tmp_path, cases))
    assert (result.passed, result.failed, result.skipped) == (1, 2, 1)


@pytest.mark.parametrize("code", [2, 3, 4, 5, None, -9])
def test_a_pytest_that_ends_badly_without_a_failure_is_one(tmp_path, code):
    result = run_tests.judge_pytest(code, report_with(tmp_path, '<testcase classname="m" name="a"/>'))
    assert result.failed == 1
    assert run_tests.judge_pytest(code, tmp_path / "missing.xml").failed == 1


def test_running_nothing_is_no_success(tmp_path):
    done = subprocess.run(
        [sys.executable, run_tests.__file__], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1] == "0 passed, 0 failed"
    assert done.returncode == 1


def is_alive(pid):
    """Does the process run still? A zombie does not."""
    try:
        return pathlib.Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_process_that_hangs_is_ended_with_its_children(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_tests.OUT.mkdir(parents=True)
    code, log = run_tests.run_logged("hang", ["sh", "-c", "sleep 1000 & echo $!; wait"], 3)
    assert code is None
    child = int(log)
    end = time.monotonic() + 10
    while is_alive(child) and time.monotonic() < end:
        time.sleep(0.01)
    assert not is_alive(child)
