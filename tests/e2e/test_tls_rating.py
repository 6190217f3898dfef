"""What testssl.sh says: nothing that is ours, and, where it gives grades, A+."""

import json
import os
import subprocess

import pytest
from harness import certs, gatehouse

PROGRAM = os.environ.get("TESTSSL", "testssl")
WORSE = {"LOW", "MEDIUM", "HIGH", "CRITICAL", "FATAL", "WARN"}
WAIVED = {
    "engine_problem": "about testssl's own openssl, which has no GOST engine",
}


def gives_grades():
    """Debian 12 has 3.0, which gives none; Debian 13 has 3.2."""
    done = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, timeout=60, check=False)
    return "--disable-rating" in done.stdout


@pytest.mark.timeout(900)
def test_testssl_finds_nothing_and_rates_a_plus(start_house, folder):
    """A whole run. No look at the DNS: the name is localhost, and its CAA record is the operator's affair."""
    authority = certs.make_authority(folder)
    pair = certs.issue(authority, folder, "rated")
    house = start_house(tls=pair, program=gatehouse.release_binary())
    report = folder / "testssl.json"
    done = subprocess.run(
        [PROGRAM, "--quiet", "--color", "0", "--warnings", "batch", "--nodns", "none", "--ip", "127.0.0.1",
         "--add-ca", authority.cert, "--jsonfile", report, f"localhost:{house.https_port}"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=840, check=False, cwd=folder)
    assert report.exists(), done.stdout + done.stderr
    findings = json.loads(report.read_text())
    known = {finding["id"]: finding["finding"] for finding in findings}
    bad = [finding for finding in findings if finding["severity"] in WORSE and finding["id"] not in WAIVED]
    assert bad == []
    assert done.returncode == 0, done.stdout + done.stderr
    # it got as far as it should
    assert {"TLS1_2", "TLS1_3", "cert_trust", "HSTS_time", "heartbleed", "LUCKY13", "cert_expirationStatus"} <= known.keys()
    assert known["TLS1_2"].startswith("offered") and known["TLS1_3"].startswith("offered")
    assert known["cert_trust"].startswith("Ok")
    assert known["cert_chain_of_trust"].startswith("passed")
    assert known["OCSP_stapling"] == "not offered"  # on purpose: see SECURITY.md
    if gives_grades():
        assert known["overall_grade"] == "A+"
