"""text_rules.py finds forbidden calls and untidy text, and nothing else."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import text_rules


@pytest.mark.parametrize("name", text_rules.FORBIDDEN)
def test_a_forbidden_call_is_found(name):
    assert list(text_rules.check_calls("a.c", f"int x;\n\tr = {name} (a, b);\n")) == [
        f"a.c:2: {name}() {text_rules.FORBIDDEN[name]}"
    ]


@pytest.mark.parametrize(
    "line",
    [
        "snprintf(p, n, x);",
        "/* strcpy(a, b) would be wrong */",
        "// gets(x)",
        'log("system(x) \\" popen(y)");',
        "my_system(x);",
        "v->system(x);",
        "char c = '\"'; strlen(\"sprintf(x)\");",
        "/*\n * strcat(a, b)\n */",
    ],
)
def test_what_only_looks_like_a_call_is_let_pass(line):
    assert not list(text_rules.check_calls("a.c", line))


def test_a_call_behind_a_quoted_quote_is_found():
    assert list(text_rules.check_calls("a.c", "char c = '\"'; system(\"x\");\n"))


@pytest.mark.parametrize("text", ["a \n", "a\t\n", "a\r\n", "a", "a\n\n"])
def test_untidy_text_is_found(text):
    assert list(text_rules.check_space("f", text))


@pytest.mark.parametrize("text", ["", "a\n", "a\n\nb\n"])
def test_tidy_text_is_let_pass(text):
    assert not list(text_rules.check_space("f", text))


def test_a_stray_file_at_the_top_is_found(tmp_path):
    (tmp_path / "Makefile").touch()
    (tmp_path / "build").mkdir()
    assert not text_rules.check(tmp_path)
    (tmp_path / "notes.txt").touch()
    assert text_rules.check(tmp_path) == ["notes.txt:1: has no place at the top level"]
