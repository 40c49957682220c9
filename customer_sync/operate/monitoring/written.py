"""The files for Prometheus and Grafana, as texts."""

from __future__ import annotations

import json
from typing import Final, NamedTuple

import yaml

from customer_sync.model import Json
from customer_sync.operate.monitoring import alerts, objectives
from customer_sync.operate.monitoring.details import LIMITS, SOURCE, WORKERS
from customer_sync.operate.monitoring.overview import OVERVIEW, QUEUE
from customer_sync.operate.monitoring.panels import dashboard_json

#: What stands above the files that can hold a comment.
HEAD: Final = "# Made by `tajo monitoring write`: what is changed here is lost when it is written again.\n"
#: How wide the lines of YAML are, in characters.
_WIDTH: Final = 118
#: Every dashboard.
DASHBOARDS: Final = (OVERVIEW, QUEUE, SOURCE, LIMITS, WORKERS)


class Place(NamedTuple):
    """Where things are in the installation that is watched.

    Args:
        targets: the web processes, as host:port seen from Prometheus.
        key_file: the file with the API key, seen from Prometheus.
        alertmanagers: as host:port; none: alerts are shown by Prometheus and Grafana only.
        prometheus_url: where Grafana reaches Prometheus.
        dashboards: the folder of the dashboards, seen from Grafana.
        runbooks: the page with a section for each alert.
    """

    targets: tuple[str, ...] = ("web:8000",)
    key_file: str = "/etc/prometheus/tajo.key"
    alertmanagers: tuple[str, ...] = ()
    prometheus_url: str = "http://prometheus:9090"
    dashboards: str = "/var/lib/grafana/dashboards"
    runbooks: str = "docs/running.md"


def files(place: Place | None = None) -> dict[str, str]:
    """Return path → text of each file.

    Args:
        place: where things are; None takes the names of `deploy/`.
    """
    place = place or Place()
    found = {
        "prometheus/prometheus.yml": _yaml(_prometheus(place)),
        "prometheus/rules/tajo.yml": _yaml({"groups": [*objectives.groups(), alerts.group(place.runbooks)]}),
        "grafana/provisioning/datasources/tajo.yml": _yaml(_datasource(place)),
        "grafana/provisioning/dashboards/tajo.yml": _yaml(_provider(place)),
    }
    boards = {f"grafana/dashboards/{one.name}.json": dashboard_json(one) for one in DASHBOARDS}
    return found | {path: json.dumps(board, indent=2, ensure_ascii=False) + "\n" for path, board in boards.items()}


def _prometheus(place: Place) -> Json:
    scrape: dict[str, Json] = {
        "job_name": "tajo",
        "authorization": {"credentials_file": place.key_file},
        "static_configs": [{"targets": [*place.targets]}],
    }
    config: dict[str, Json] = {
        "global": {"scrape_interval": "15s", "evaluation_interval": "15s"},
        "rule_files": ["rules/*.yml"],
        "scrape_configs": [scrape],
    }
    if place.alertmanagers:
        config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [*place.alertmanagers]}]}]}
    return config


def _datasource(place: Place) -> Json:
    source: dict[str, Json] = {
        "name": "Tajo Prometheus",
        "uid": "tajo",
        "type": "prometheus",
        "access": "proxy",
        "url": place.prometheus_url,
        "isDefault": True,
        "jsonData": {"timeInterval": "15s", "httpMethod": "POST"},
    }
    return {"apiVersion": 1, "datasources": [source]}


def _provider(place: Place) -> Json:
    provider: dict[str, Json] = {
        "name": "tajo",
        "folder": "Tajo",
        "type": "file",
        "disableDeletion": True,
        "allowUiUpdates": False,
        "options": {"path": place.dashboards},
    }
    return {"apiVersion": 1, "providers": [provider]}


def _yaml(content: Json) -> str:
    return HEAD + str(yaml.safe_dump(content, sort_keys=False, width=_WIDTH, allow_unicode=True))
