"""The scripts for Azure and certbot, with the programs that they call replaced; and the firewall's lines."""

import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
AZURE = ROOT / "contrib/azure"
HOOK = ROOT / "contrib/certbot/deploy-hook.sh"
OURS = {"LC_ALL": "C"}


@pytest.fixture
def fake(tmp_path):
    """fake(name, script) puts a program of that name before all others; each notes its calls."""
    (tmp_path / "bin").mkdir()
    calls = tmp_path / "calls"
    calls.touch()

    class Fake:
        environment = {**OURS, "PATH": f"{tmp_path}/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(tmp_path)}

        def put(self, name, script="exit 0"):
            path = tmp_path / "bin" / name
            path.write_text(f'#!/bin/sh\nprintf "%s\\n" "{name} $*" >>"{calls}"\n{script}\n')
            path.chmod(0o755)
            return path

        def calls(self):
            return calls.read_text().splitlines()

    return Fake()


def run(script, fake, *words, **more):
    return subprocess.run([script, *words], env={**fake.environment, **more}, capture_output=True, text=True,
                          check=False, timeout=60)


def test_the_vm_is_a_confidential_one_and_opens_no_port(fake, tmp_path):
    fake.put("az")
    (tmp_path / "id.pub").write_text("ssh-ed25519 AAAA test")
    done = run(AZURE / "1-vm.sh", fake, SSH_KEY=str(tmp_path / "id.pub"))
    assert done.returncode == 0, done.stderr
    made, = [call for call in fake.calls() if call.startswith("az vm create")]
    for words in ("--security-type ConfidentialVM", "--os-disk-security-encryption-type DiskWithVMGuestState",
                  "--enable-vtpm true", "--enable-secure-boot true", "--nsg-rule NONE", "--authentication-type ssh"):
        assert words in made
    assert re.search(r"--size Standard_[DE]C\d+\w*s_v5", made)
    assert run(AZURE / "1-vm.sh", fake, SSH_KEY="/nonexistent").returncode != 0


def test_the_firewall_opens_443_and_80_to_all_and_ssh_to_one_network(fake):
    fake.put("az")
    done = run(AZURE / "2-firewall.sh", fake, SSH_FROM="203.0.113.7/32")
    assert done.returncode == 0, done.stderr
    rules = [call for call in fake.calls() if "nsg rule create" in call]
    ports = {re.search(r"--source-address-prefixes (\S+)", rule)[1]:
             re.search(r"--destination-port-ranges ([\d ]+?) --", rule)[1] for rule in rules}
    assert ports == {"Internet": "443 80", "203.0.113.7/32": "22"}


@pytest.mark.parametrize("network", ["", "*", "0.0.0.0/0", "Internet", "::/0"])
def test_ssh_is_never_opened_to_everybody(fake, network):
    fake.put("az")
    assert run(AZURE / "2-firewall.sh", fake, SSH_FROM=network).returncode != 0
    assert not [call for call in fake.calls() if "rule create" in call]


def test_the_name_gets_its_address_and_its_issuer(fake):
    fake.put("az", 'case "$*" in *"public-ip show"*) echo 203.0.113.9 ;; esac')
    done = run(AZURE / "3-dns.sh", fake, DNS_ZONE="example.org", DNS_NAME="gate")
    assert done.returncode == 0 and "gate.example.org is 203.0.113.9" in done.stdout
    assert [call for call in fake.calls() if "--ipv4-address 203.0.113.9" in call]
    assert [call for call in fake.calls() if "--tag issue --value letsencrypt.org" in call]
    assert "CAA" in run(AZURE / "3-dns.sh", fake).stdout


@pytest.mark.parametrize("line,confirmed", [
    ("[    0.9] Memory Encryption Features active: AMD SEV SEV-ES SEV-SNP", True),
    ("[    0.0] Hyper-V: Isolation Config: Group A 0x1, Group B 0xba2", True),
    ("[    0.9] Memory Encryption Features active: AMD SEV", False),
    ("[    0.0] Hyper-V: Isolation Config: Group A 0x0, Group B 0x0", False),
    ("[    0.0] Linux version 6.1", False),
])
def test_the_check_believes_only_sev_snp(fake, tmp_path, line, confirmed):
    (tmp_path / "dmesg").write_text(f"[    0.0] Booting\n{line}\n")
    done = run(AZURE / "4-check-snp.sh", fake, ROOT=str(tmp_path), DMESG=str(tmp_path / "dmesg"))
    assert (done.returncode == 0) is confirmed, done.stdout
    assert ("NOT confirmed" in done.stderr) is not confirmed


@pytest.mark.parametrize("status,expected", [(0, 0), (1, 1), (3, 0)])
def test_the_deploy_hook_reloads_and_tells_a_refusal(fake, status, expected):
    """3: no gatehouse runs, so there is none to reload."""
    fake.put("gatehouse", f"exit {status}")
    assert run(HOOK, fake).returncode == expected
    assert fake.calls() == ["gatehouse reload"]


def test_obtain_asks_for_webroot_ecdsa_and_no_stapling(fake, tmp_path):
    fake.put("certbot")
    fake.put("install")
    done = run(ROOT / "contrib/certbot/obtain.sh", fake, "gate.example.org", "a@example.org",
               ACME_WEBROOT=str(tmp_path / "acme"))
    assert done.returncode == 0, done.stderr
    call, = [call for call in fake.calls() if call.startswith("certbot")]
    assert f"--webroot --webroot-path {tmp_path}/acme" in call and "--key-type ecdsa" in call
    assert "must-staple" not in call and "--dry-run" not in call
    assert "TLS_KEY_FILE=/etc/letsencrypt/live/gate.example.org/privkey.pem" in done.stdout
    assert run(ROOT / "contrib/certbot/obtain.sh", fake).returncode == 2


def may_filter():
    """May this process have a network namespace and filter packets in it? Many containers may not."""
    return subprocess.run(["unshare", "--net", "nft", "list", "ruleset"], capture_output=True, check=False).returncode == 0


def nft(text, *words):
    return subprocess.run(["nft", *words, "-f", "-"], input=text, capture_output=True, text=True, check=False)


def firewall():
    """With users that every machine has in place of gatehouse's."""
    return (ROOT / "contrib/nftables/gatehouse.nft").read_text().replace('"gatehouse", "gatehouse-admin"',
                                                                         '"daemon", "nobody"')


@pytest.mark.skipif(not may_filter(), reason="nft asks the kernel, which wants CAP_NET_ADMIN")
def test_the_firewalls_lines_are_valid():
    done = nft(firewall(), "-c")
    assert done.returncode == 0, done.stderr
    assert nft(firewall().replace("dport 8081", "dport nonsense"), "-c").returncode != 0


CLOSED = """
set -e
ip link set lo up 2>/dev/null || "$1" -c '
import fcntl, socket, struct
s = socket.socket()
fcntl.ioctl(s, 0x8914, struct.pack("16sH14s", b"lo", 0x49, b""))'
nft -f "$2"
nft -f "$2"
exec "$1" - <<'END'
import os, socket
server = socket.create_server(("127.0.0.1", 8081))
def reaches(uid):
    pid = os.fork()
    if pid == 0:
        os.setuid(uid)
        try:
            socket.create_connection(("127.0.0.1", 8081), timeout=5).close()
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0
print(reaches(0), reaches(1), reaches(65534), reaches(12345))
END
"""


@pytest.mark.skipif(not may_filter(), reason="needs a network namespace and its packet filter")
def test_port_8081_is_closed_to_all_but_gatehouses_users(tmp_path):
    """In a network of its own, loaded twice: root, daemon and nobody get through, another user does not."""
    lines = tmp_path / "gatehouse.nft"
    lines.write_text(firewall())
    done = subprocess.run(["unshare", "--net", "sh", "-c", CLOSED, "sh", "/usr/bin/python3", lines],
                          capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.split() == ["True", "True", "True", "False"], done.stdout + done.stderr
