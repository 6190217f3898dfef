"""P-256 certificates, made with the openssl command: self-signed, or signed by an authority of the tests."""

import os
import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

NAMES = "DNS:localhost,IP:127.0.0.1,IP:::1"
_LEAF = ("basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature", "extendedKeyUsage=serverAuth")
_AUTHORITY = ("basicConstraints=critical,CA:TRUE,pathlen:0", "keyUsage=critical,keyCertSign,cRLSign")


@dataclass(frozen=True)
class Pair:
    cert: Path
    key: Path

    def client_context(self):
        """Trusts this certificate and nothing else."""
        return ssl.create_default_context(cafile=str(self.cert))


def _request(pair, name, days, extensions, *more):
    """Make both files of the pair. The key stays the same where it exists."""
    key = ["-key", pair.key] if pair.key.exists() else [
        "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", pair.key]
    added = [word for extension in extensions for word in ("-addext", extension)]
    subprocess.run(["openssl", "req", "-x509", *key, "-days", str(days), "-subj", f"/CN={name}", *added, *more,
                    "-out", pair.cert], check=True, capture_output=True)
    pair.cert.chmod(0o644)
    pair.key.chmod(0o600)
    return pair


def _pair(folder, name):
    return Pair(folder / f"{name}.crt", folder / f"{name}.key")


def make(folder, name, names=NAMES, days=90):
    """A new self-signed pair NAME.crt and NAME.key in the folder; the certificate is readable to all."""
    pair = _pair(folder, name)
    pair.key.unlink(missing_ok=True)
    return _request(pair, name, days, [f"subjectAltName={names}"])


def make_authority(folder, name="authority"):
    """A root that signs what issue() makes."""
    return _request(_pair(folder, name), name, 365, _AUTHORITY)


def issue(authority, folder, name, names=NAMES, days=90):
    """A pair that a public authority could have issued: a leaf for the names, with a list of revocations named."""
    pair = _pair(folder, name)
    pair.key.unlink(missing_ok=True)
    where = "crlDistributionPoints=URI:http://crl.gatehouse.invalid/tests.crl"
    return _request(pair, name, days, [*_LEAF, f"subjectAltName={names}", where],
                    "-CA", authority.cert, "-CAkey", authority.key)


def der(pair):
    """The certificate as a peer sends it."""
    return ssl.PEM_cert_to_DER_cert(pair.cert.read_text())


def put(pair, new):
    """As certbot does: both files are new inodes, one after the other."""
    for source, target in ((new.cert, pair.cert), (new.key, pair.key)):
        fresh = target.with_suffix(target.suffix + ".new")
        shutil.copyfile(source, fresh)
        fresh.chmod(0o600)
        os.replace(fresh, target)
