"""Self-signed P-256 certificates, made with the openssl command."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Pair:
    cert: Path
    key: Path

    def client_context(self):
        """Trusts this certificate and nothing else."""
        return ssl.create_default_context(cafile=str(self.cert))


def make(folder, name, names="DNS:localhost,IP:127.0.0.1,IP:::1"):
    """A new pair NAME.crt and NAME.key in the folder, readable to all."""
    pair = Pair(folder / f"{name}.crt", folder / f"{name}.key")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", "-addext", f"subjectAltName={names}", "-keyout", pair.key, "-out", pair.cert],
        check=True, capture_output=True)
    pair.cert.chmod(0o644)
    pair.key.chmod(0o600)
    return pair
