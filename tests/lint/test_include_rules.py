"""include_rules.py finds each kind of wrong include and passes a right tree."""

import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import include_rules

ORDER = {
    "common": ["err", "log", "config"],
    "worker": ["http1.h", "http1_scan", "http1", "route", "worker"],
    "admin": ["ledger", "cli_keys", "admin"],
    "master": ["listen", "main"],
}
TREE = {
    "common/err.h": "#include <stdint.h>\n",
    "common/err.c": '#include "common/err.h"\n\n#include <errno.h>\n',
    "common/log.h": '#include "common/err.h"\n',
    "common/log.c": '#include "common/log.h"\n#include "common/err.h"\n',
    "common/config.h": '#include "common/log.h"\n',
    "common/config.c": '#include "common/config.h"\n\n#include <jansson.h>\n',
    "worker/http1.h": '#include "common/err.h"\n',
    "worker/http1.c": '#include "worker/http1.h"\n#include <llhttp.h>\n#include "worker/http1_scan.h"\n',
    "worker/http1_scan.h": '#include "worker/http1.h"\n',
    "worker/http1_scan.c": '#include "worker/http1_scan.h"\n',
    "worker/route.h": '#include "worker/http1.h"\n',
    "worker/worker.h": '#include "common/config.h"\n',
    "worker/worker.c": '#include "worker/worker.h"\n#include "worker/route.h"\n',
    "admin/ledger.h": "",
    "admin/ledger.c": '#include "admin/ledger.h"\n#include <db.h>\n',
    "admin/cli_keys.h": "",
    "admin/admin.h": '#include "common/config.h"\n',
    "master/listen.h": "",
    "master/main.c": '#include "master/listen.h"\n#include "worker/worker.h"\n#include "admin/admin.h"\n'
    '#include "admin/cli_keys.h"\n',
}
# what is put where, and what must be said about it
WRONG = {
    "common knows worker": ("common/log.c", '#include "worker/worker.h"', 'common must not know "worker/worker.h"'),
    "common knows admin": ("common/log.h", '#include "admin/admin.h"', 'common must not know "admin/admin.h"'),
    "worker knows admin": ("worker/worker.c", '#include "admin/admin.h"', 'worker must not know "admin/admin.h"'),
    "admin knows worker": ("admin/ledger.c", '#include "worker/worker.h"', 'admin must not know "worker/worker.h"'),
    "worker knows master": ("worker/worker.c", '#include "master/listen.h"', 'worker must not know "master/listen.h"'),
    "master knows route": ("master/main.c", '#include "worker/route.h"', 'master must not know "worker/route.h"'),
    "later in the order": ("common/err.h", '#include "common/log.h"', '"common/log.h" stands below err in'),
    "later in the order, .c": ("worker/http1.c", '#include "worker/route.h"', '"worker/route.h" stands below http1 in'),
    "itself": ("common/log.h", '#include "common/log.h"', "includes itself"),
    "db.h elsewhere": ("admin/admin.h", "#include <db.h>", "<db.h> is for admin/ledger.c"),
    "llhttp.h elsewhere": ("worker/route.h", "#include <llhttp.h>", "<llhttp.h> is for worker/http1*.c"),
    "llhttp.h twice": ("worker/http1_scan.c", "# include <llhttp.h>", "already included by worker/http1.c"),
    "jansson in worker": ("worker/worker.c", "#include <jansson.h>", "must not include <jansson.h>"),
    "jansson through a header": (
        "common/config.h",
        "#include <jansson.h>",
        "must not include <jansson.h> (through common/config.h)",
    ),
    "not from the root": ("common/log.c", '#include "err.h"', 'is no "folder/name.h"'),
    "missing header": ("common/log.c", '#include "common/nowhere.h"', 'is no "folder/name.h"'),
}


def write_tree(root, tree):
    """Put the files on disk."""
    for name, text in tree.items():
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def findings_of(root):
    """What is found about the tree."""
    return include_rules.Checker(root, ORDER).check()


def test_a_right_tree_has_no_findings(tmp_path):
    write_tree(tmp_path, TREE)
    assert findings_of(tmp_path) == []


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_include_is_found(tmp_path, case):
    name, line, expected = WRONG[case]
    write_tree(tmp_path, TREE | {name: TREE[name] + line + "\n"})
    assert any(expected in finding for finding in findings_of(tmp_path))


def test_a_finding_names_file_and_line(tmp_path):
    write_tree(tmp_path, TREE | {"common/log.h": '\n#include "admin/admin.h"\n'})
    assert 'common/log.h:2: common must not know "admin/admin.h"' in findings_of(tmp_path)


def test_the_own_header_must_come_first(tmp_path):
    write_tree(tmp_path, TREE | {"common/log.c": '#include <stdio.h>\n#include "common/log.h"\n'})
    assert findings_of(tmp_path) == ['common/log.c:1: includes "common/log.h" not first']


def test_a_file_that_leaves_its_header_out_is_found(tmp_path):
    write_tree(tmp_path, TREE | {"common/log.c": "int x;\n"})
    assert findings_of(tmp_path) == ['common/log.c:1: includes "common/log.h" not first']


def test_a_header_of_the_same_module_may_stand_for_the_own_one(tmp_path):
    write_tree(tmp_path, TREE | {"worker/http1.c": '#include "worker/http1_scan.h"\n'})
    assert findings_of(tmp_path) == []


def test_a_module_without_a_place_is_found(tmp_path):
    write_tree(tmp_path, TREE | {"common/new.h": ""})
    assert findings_of(tmp_path) == ["common/new.h:1: give new its place in tests/lint/include_order.txt"]


def test_a_name_that_is_gone_is_found(tmp_path):
    write_tree(tmp_path, {name: text for name, text in TREE.items() if name != "admin/cli_keys.h"})
    assert "tests/lint/include_order.txt: there is no admin/cli_keys" in findings_of(tmp_path)


def test_the_order_file_is_read_by_folder(tmp_path):
    path = tmp_path / "order"
    path.write_text("# why\n\n[common]\nerr\nlog  # what\n\n[worker]\nhttp1.h\n")
    assert include_rules.read_order(path) == {"common": ["err", "log"], "worker": ["http1.h"]}


def test_the_program_exits_1_with_findings_and_0_without(tmp_path):
    command = [sys.executable, include_rules.__file__, tmp_path]
    order = tmp_path / include_rules.ORDER_FILE
    order.parent.mkdir(parents=True)
    order.write_text("".join(f"[{folder}]\n" + "\n".join(names) + "\n" for folder, names in ORDER.items()))
    write_tree(tmp_path, TREE)
    assert subprocess.run(command, check=False).returncode == 0
    write_tree(tmp_path, {"common/err.h": '#include "worker/worker.h"\n'})
    assert subprocess.run(command, check=False).returncode == 1
