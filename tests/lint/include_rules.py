#!/usr/bin/env python3
"""Checks who includes whom.

  tests/lint/include_rules.py [ROOT]

Prints a line a finding, `FILE:LINE: what is wrong`; exits 1 if there is one. The rules:
- `common` includes nothing of the other folders, `worker` and `admin` never each other,
  `master` only their entrances (MASTER_MAY).
- Within a folder a file includes only what stands before it in ORDER, so no circle can
  form. A new module gets its place there: after what it uses, before what uses it. A
  header named there with its `.h` stands apart from its .c file: the parts of a module
  that was cut into several files share its types, and the module's .c uses the parts.
- A .c file with a header of its own includes that first, or a header of the same module
  (client_state.h for client.c) that includes it.
- Some system headers belong to one file (ONLY), and some must not be reached from a
  folder, not even through another header (NEVER).
- Own headers are included as "folder/name.h" and exist.
"""

import fnmatch
import pathlib
import re
import sys

# For each folder its modules, from what knows nobody to what knows all.
ORDER = {
    "common": """
        err clock version span seqbox sb log proctitle readfile rundir cpus addr strlist
        config.h config_text config_net config_table config_number config_draft config_check
        config_default config_source config_file config_value config_print config_differs config
        keyfile_time keyfile.h keyfile_entry keyfile_doc keyfile_index keyfile keyfile_save
        keyfile_edit.h keyfile_edit_state keyfile_change keyfile_edit
        keyring.h keyring_layout keyring keyring_plan keyring_publish
        endpoint stats window addrtab shared settings usage models
        arena.h arena_layout arena_index arena_file arena_create arena_open arena_settle arena
        tls_tickets tls sandbox
    """,
    "worker": """
        http1_chars http1_judge http1.h http1_names http1_scan http1 timetext route
        reply reply_headers jsonscan wheel ipcount wire peer env gate forward
        client.h client_state client_pump client_answer client
        upstream.h upstream_conn upstream_read upstream
        meter.h meter_scan meter_text meter_number meter_params meter_pick meter_usage
        meter_events meter_form meter_format meter_request meter_answer meter
        exchange_state request_body local access answer exchange worker
    """,
    "admin": """
        acme http procstat prom metrics resolve ledger.h ledger_row ledger_format
        ledger_store ledger
        ledger_usage ledger_audit ledger_backup flush session cli_out
        cli_keys.h cli_keys_args cli_keys_print cli_keys cli_usage cli_audit cli_token
        cli_backup cli_import admin
    """,
    "master": """
        envfile identity premises inputs listen backoff ending service ctl ctl_status check
        state child admin_child crew publish status watch reload start stop master main
    """,
}
MASTER_MAY = ("worker/worker.h", "admin/admin.h", "admin/cli.h", "admin/cli_*.h")
KNOWS = {"common": (), "worker": ("common",), "admin": ("common",), "master": ("common",)}
# system header: the files that may include it
ONLY = {"db.h": ("admin/ledger.c",), "llhttp.h": ("worker/http1*.c",)}
# folder: system headers that none of its files may reach
NEVER = {"worker": ("jansson.h", "db.h"), "common": ("db.h", "llhttp.h", "event2/*")}

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')


class Checker:
    """The source files of a tree, their includes and the findings about them."""

    def __init__(self, root, order=None):
        self.root = pathlib.Path(root)
        self.order = {folder: names.split() for folder, names in (order or ORDER).items()}
        self.findings = []
        self.includes = {}
        for folder in KNOWS:
            for path in sorted((self.root / folder).glob("*.[ch]")):
                self.includes[f"{folder}/{path.name}"] = read_includes(path)

    def finding(self, name, line, text):
        """Note one."""
        self.findings.append(f"{name}:{line}: {text}")

    def check(self):
        """Check all files; returns the findings."""
        for name, includes in self.includes.items():
            self.check_place(name)
            self.check_own_first(name, includes)
            for line, system, header in includes:
                if system:
                    self.check_system(name, line, header)
                else:
                    self.check_own(name, line, header)
            self.check_never(name)
        self.check_single_users()
        return self.findings

    def place(self, name):
        """Where the file stands in the order of its folder; None: nowhere."""
        folder, module = split(name)
        for entry in (name.partition("/")[2], module):
            if entry in self.order[folder]:
                return self.order[folder].index(entry)
        return None

    def check_place(self, name):
        """Is the module in the order of its folder?"""
        module = split(name)[1]
        if self.place(name) is None:
            self.finding(name, 1, f"give {module} its place in ORDER of {pathlib.Path(__file__).name}")

    def check_own_first(self, name, includes):
        """A .c file includes its own header first."""
        own = name[:-2] + ".h"
        if not name.endswith(".c") or own not in self.includes:
            return
        first = self.first_include(name)
        through = first.startswith(name[:-2] + "_") and own in [i[2] for i in self.includes.get(first, [])]
        if first != own and not through:
            self.finding(name, includes[0][0] if includes else 1, f'includes "{own}" not first')

    def first_include(self, name):
        """The own header that a file includes first; empty if that is none."""
        includes = self.includes.get(name)
        return includes[0][2] if includes and not includes[0][1] else ""

    def check_system(self, name, line, header):
        """Some system headers are for one file."""
        users = ONLY.get(header)
        if users and not any(fnmatch.fnmatch(name, pattern) for pattern in users):
            self.finding(name, line, f"<{header}> is for {', '.join(users)}")

    def check_own(self, name, line, header):
        """Folders know only those below; modules only those before them."""
        if header not in self.includes:
            self.finding(name, line, f'"{header}" is no "folder/name.h" of this tree')
            return
        folder, other = split(name)[0], split(header)[0]
        if other != folder:
            if other not in KNOWS[folder] and not (
                folder == "master" and any(fnmatch.fnmatch(header, p) for p in MASTER_MAY)
            ):
                self.finding(name, line, f'{folder} must not know "{header}"')
            return
        here, there = self.place(name), self.place(header)
        if name == header:
            self.finding(name, line, "includes itself")
        elif here is not None and there is not None and there > here:
            self.finding(name, line, f'"{header}" stands after {split(name)[1]} in ORDER')

    def check_never(self, name):
        """What a folder must not reach, not even through other headers."""
        for header, way in self.reachable(name).items():
            for pattern in NEVER.get(split(name)[0], ()):
                if fnmatch.fnmatch(header, pattern):
                    through = f" (through {way})" if way else ""
                    self.finding(name, 1, f"must not include <{header}>{through}")

    def reachable(self, name):
        """System headers that the file reaches, each with the own header it comes by."""
        found, seen, todo = {}, set(), [(name, "")]
        while todo:
            current, way = todo.pop()
            for _, system, header in self.includes.get(current, []):
                if system:
                    found.setdefault(header, way)
                elif header not in seen:
                    seen.add(header)
                    todo.append((header, header))
        return found

    def check_single_users(self):
        """A header that belongs to one file is included by no second one."""
        for header in ONLY:
            users = [n for n, inc in self.includes.items() if (True, header) in [i[1:] for i in inc]]
            for name in users[1:]:
                self.finding(name, 1, f"<{header}> is already included by {users[0]}")


def split(name):
    """"common/log.c" -> ("common", "log")."""
    folder, file = name.split("/")
    return folder, file[:-2]


def read_includes(path):
    """The includes of a file: (line, is it a system header, header)."""
    includes = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            includes.append((number, match[1] == "<", match[2]))
    return includes


def main():
    """Returns the exit code."""
    findings = Checker(sys.argv[1] if len(sys.argv) > 1 else ".").check()
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
