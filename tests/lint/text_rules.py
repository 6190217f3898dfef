#!/usr/bin/env python3
"""Checks what no other linter here looks at.

  tests/lint/text_rules.py [ROOT]

Prints a line a finding, `FILE:LINE: what is wrong`; exits 1 if there is one. The rules:
- C code calls none of FORBIDDEN (comments and strings may name them).
- Text files have no trailing white space, no carriage return, and end in one line feed.
- The top level holds nothing but TOP, README.md and dot-files.
"""

import os
import pathlib
import re
import sys

FORBIDDEN = {
    "strcpy": "copies without a bound",
    "strcat": "copies without a bound",
    "sprintf": "prints without a bound",
    "vsprintf": "prints without a bound",
    "gets": "reads without a bound",
    "alloca": "grows the stack without a bound",
    "system": "starts a shell",
    "popen": "starts a shell",
    "strtok": "keeps hidden state",
    "atoi": "can't say that it failed",
    "atol": "can't say that it failed",
}
TOP = {"Makefile", "master", "worker", "admin", "common", "tests", "etc", "contrib", "README.md", "LICENSE",
       "SECURITY.md"}
TOP_MADE = {"build", "run"}  # git-ignored
NOT_OURS = {"__pycache__", "node_modules", "corpus", "build", "run"}
BINARY = {".png", ".wav", ".pdf", ".bin", ".ico", ".woff2", ".mp3"}
CALL = re.compile(r"(?<![\w.>])(" + "|".join(FORBIDDEN) + r")\s*\(")
# a comment, a string or a character constant, in the order in which they begin
QUOTED = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def code_only(text):
    """The text of a C file with comments and literals blanked; lines stay where they are."""
    return QUOTED.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def check_calls(name, text):
    """Calls of functions that are not used here."""
    for number, line in enumerate(code_only(text).split("\n"), 1):
        for match in CALL.finditer(line):
            yield f"{name}:{number}: {match[1]}() {FORBIDDEN[match[1]]}"


def check_space(name, text):
    """Trailing white space, carriage returns, the end of the file."""
    for number, line in enumerate(text.split("\n"), 1):
        if line != line.rstrip():
            yield f"{name}:{number}: trailing white space"
    if text and (not text.endswith("\n") or text.endswith("\n\n")):
        yield f"{name}:{text.count(chr(10)) + 1}: must end in one line feed"


def text_files(root):
    """The text files of the tree, generated and foreign ones left out."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(d for d in folders if d == ".ci" or not (d in NOT_OURS or d.startswith(".")))
        for file in sorted(files):
            path = pathlib.Path(folder, file)
            if path.suffix not in BINARY and file != ".git":
                yield path


def check_top(root):
    """What stands at the top level."""
    for path in sorted(root.iterdir()):
        if not path.name.startswith(".") and path.name not in TOP | TOP_MADE:
            yield f"{path.name}:1: has no place at the top level"


def check(root):
    """All findings about a tree."""
    findings = list(check_top(root))
    for path in text_files(root):
        name, text = str(path.relative_to(root)), path.read_bytes().decode(errors="replace")
        findings += check_space(name, text)
        if path.suffix in (".c", ".h"):
            findings += check_calls(name, text)
    return findings


def main():
    """Returns the exit code."""
    findings = check(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "."))
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
