"""Debian's Prometheus as a process of its own, with our rules, and its answers."""

from __future__ import annotations

import json
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from customer_sync.base.embedded import free_port
from customer_sync.operate.monitoring import Place, files
from tests.programs import need
from tests.reliability.servers import wait_until

#: What Grafana would fill in.
FILLED = {"$__rate_interval": "20s", "$job": "tajo", "$source": ".*", "$lane": ".*"}


class Prometheus:
    """The HTTP API of one that runs."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, **words: str) -> Any:
        """Return the data of an answer; a fault that it tells fails the test."""
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(words)}", timeout=10) as answer:
            told = json.load(answer)
        assert told["status"] == "success", told
        return told["data"]

    def value(self, expr: str) -> list[Any]:
        """Return the samples of an expression, Grafana's variables filled in."""
        for name, value in FILLED.items():
            expr = expr.replace(name, value)
        found: list[Any] = self.get("query", query=expr)["result"]
        return found

    def names(self) -> set[str]:
        """Return the names of all metrics that were scraped or recorded."""
        return set(self.get("label/__name__/values"))

    def targets(self) -> list[tuple[str, str, str]]:
        """Return of each target its job, health and last error."""
        found = self.get("targets")["activeTargets"]
        return [(one["labels"]["job"], one["health"], one["lastError"]) for one in found]


@contextmanager
def prometheus(folder: Path, target: str, key: str) -> Iterator[Prometheus]:
    """Run Prometheus with our files while the block lasts; it scrapes and evaluates each second.

    Args:
        folder: where it keeps everything.
        target: the web process, as host:port.
        key: the API key.
    """
    (folder / "tajo.key").write_text(key)
    made = files(Place(targets=(target,), key_file=str(folder / "tajo.key")))
    config = yaml.safe_load(made["prometheus/prometheus.yml"])
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    rules = yaml.safe_load(made["prometheus/rules/tajo.yml"])
    for group in rules["groups"]:
        group.pop("interval", None)
    (folder / "rules").mkdir()
    (folder / "rules/tajo.yml").write_text(yaml.safe_dump(rules))
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    words = [need("prometheus"), f"--config.file={folder / 'prometheus.yml'}", "--storage.tsdb.retention.time=35d"]
    words += [f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
    with (folder / "log").open("w") as log, subprocess.Popen(words, stdout=log, stderr=log) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: _is_ready(url), (folder / "log").read_text, 20)
            yield Prometheus(url)
        finally:
            process.terminate()
            process.wait(15)


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
