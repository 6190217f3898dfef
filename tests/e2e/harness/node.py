"""Scripts with the official OpenAI SDK for Node."""

import json
import os
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
MODULES = Path(os.environ.get("GATEHOUSE_NODE_MODULES", HERE.parents[1] / "build/node/node_modules"))


def run(script, service, *arguments, key=None):
    """What node/SCRIPT printed: one JSON value."""
    assert (MODULES / "openai").is_dir(), f"no openai package in {MODULES}: run `make node`"
    environment = {
        "PATH": os.environ["PATH"],
        "NODE_PATH": str(MODULES),
        "BASE_URL": service.base_url + "/v1",
        "API_KEY": key or service.key,
    }
    if service.ca_file is not None:
        environment["NODE_EXTRA_CA_CERTS"] = str(service.ca_file)
    done = subprocess.run(["node", HERE / "node" / script, *map(str, arguments)], env=environment, timeout=50,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
