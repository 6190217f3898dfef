"""A real Prometheus that scrapes one target every 200 ms and is asked queries."""

import json
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request

STOP_DEADLINE = 20
SERVICE_UNAVAILABLE = 503


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


class Prometheus:
    """
    folder   for its configuration, data and log
    target   the port on loopback that is scraped
    """

    def __init__(self, folder, target):
        (folder / "prometheus.yml").write_text(json.dumps({
            "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms"},
            "scrape_configs": [{"job_name": "gatehouse", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}]}))
        self.address = f"127.0.0.1:{_free_port()}"
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                 f"--web.listen-address={self.address}", f"--web.console.templates={folder}",
                 f"--web.console.libraries={folder}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def stop(self):
        self.process.kill()
        self.process.wait(STOP_DEADLINE)

    def ask(self, expression):
        """The whole answer, an error of the query's too; None while Prometheus does not serve yet."""
        url = f"http://{self.address}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error) if error.code != SERVICE_UNAVAILABLE else None
        except OSError:
            return None

    def query(self, expression):
        """The result; empty while there is none."""
        answer = self.ask(expression)
        return answer["data"]["result"] if answer is not None else []
