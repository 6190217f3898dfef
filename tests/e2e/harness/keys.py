"""API keys and key files."""

import hashlib
import json
import os

SECRET = "pm_" + "e2e-".ljust(43, "A")
"""the secret that every gatehouse of the tests knows, unless told otherwise"""

UPSTREAM_SECRET = "upstream-secret-of-the-tests"
"""gatehouse's own key, PRIVATEMODE_API_KEY"""


def secret(name):
    """A well-formed secret that is told from others by its name."""
    return "pm_" + f"{name}-".ljust(43, "B")[:43]


def entry(plain=SECRET, key_id="e2e", **fields):
    """An entry of the key file, by hash."""
    return {"key_hash": hashlib.sha256(plain.encode()).hexdigest(), "key_id": key_id, **fields}


def use(house, plain, times=8):
    """Statuses of requests with this secret, each on a connection of its own, so of all workers."""
    return {house.ask("GET", "/v1/models", key=plain).status for _ in range(times)}


def write(path, *entries):
    """Replace the key file as an editor that is careful would: whole or not at all."""
    write_text(path, json.dumps({"keys": list(entries)}, indent=1))


def write_text(path, text):
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    new.chmod(0o600)
    os.replace(new, path)
