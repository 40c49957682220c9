"""The dashboards: whole, described, over metrics that there are, and readable for Grafana's own types."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard, Panel
from grafana_foundation_sdk.models.prometheus import Dataquery

from customer_sync.base.metrics import BY_NAME
from customer_sync.operate.monitoring import files, objectives
from customer_sync.operate.monitoring.written import DASHBOARDS

BOARDS = {path.rpartition("/")[2]: text for path, text in files().items() if path.endswith(".json")}
SHOWN = [(board.name, panel) for board in DASHBOARDS for panel in board.panels]
RECORDS = {rule["record"] for group in objectives.groups() for rule in group["rules"]}
UNITS = {"short", "s", "percentunit", "bytes", "ops", "reqps", "bool_yes_no", "bool_on_off"}
#: A selector: a metric's or a record's name, and its labels.
SELECTOR = re.compile(r"\b((?:tajo_|job:|job_source:)[a-z0-9_:]+)(?:\{([^}]*)\})?")


@pytest.mark.parametrize("name", BOARDS)
def test_grafanas_own_types_read_it_and_nothing_is_lost(name):
    register_default_plugins()
    told = json.loads(BOARDS[name])

    board = Dashboard.from_json(told)

    assert (board.uid, board.title) == (told["uid"], told["title"])
    assert all(isinstance(panel, Panel) for panel in board.panels)
    for panel, raw in zip(board.panels, told["panels"], strict=True):
        assert [type(target) for target in panel.targets] == [Dataquery] * len(raw["targets"])
        assert [target.expr for target in panel.targets] == [one["expr"] for one in raw["targets"]]
        assert (panel.type_val, panel.description) == (raw["type"], raw["description"])
        assert panel.field_config.defaults.unit == raw["fieldConfig"]["defaults"]["unit"]


def test_the_overview_shows_the_queue_depth_first():
    (first, *_), name = DASHBOARDS[0].panels, DASHBOARDS[0].name

    assert (name, first.title, first.metric) == ("overview", "Queue depth", "tajo_queue_depth")


@pytest.mark.parametrize(("board", "panel"), SHOWN, ids=lambda one: getattr(one, "title", one))
def test_every_panel_has_a_title_a_unit_and_a_remedy(board, panel):
    assert panel.title
    assert panel.unit in UNITS, board
    assert BY_NAME[panel.metric].remedy in panel.description


@pytest.mark.parametrize(("board", "panel"), SHOWN, ids=lambda one: getattr(one, "title", one))
def test_every_expression_names_what_there_is_with_its_labels(board, panel):
    for query in panel.queries:
        found = SELECTOR.findall(query.expr)
        assert found or "up{" in query.expr, board
        for name, labels in found:
            if name in RECORDS:
                continue
            metric = BY_NAME[re.sub("_(bucket|count|sum)$", "", name) if "latency" in name else name]
            used = set(re.findall(r"(\w+)(?:=~|!=|!~|=)\"", labels))
            assert used <= {*metric.labels, "job"}, name
        shown = set(re.findall(r"\{\{(\w+)\}\}", query.legend))
        assert shown <= set(re.findall(r"\w+", query.expr)), query.legend


def test_panels_lie_beside_one_another_and_nowhere_twice():
    for text in BOARDS.values():
        taken = set()
        for panel in json.loads(text)["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            assert at["x"] + at["w"] <= 24
            assert not taken & cells
            taken |= cells


def test_source_and_lane_can_be_chosen_where_they_matter():
    variables = {name: {one["name"] for one in json.loads(text)["templating"]["list"]} for name, text in BOARDS.items()}

    assert "source" in variables["source.json"]
    assert "lane" in variables["queue-depth.json"]
    assert all({"datasource", "job"} <= found for found in variables.values())
    for name, text in BOARDS.items():
        assert {used for used in ("source", "lane") if f"${used}" in text} <= variables[name]


def test_grafana_finds_prometheus_and_the_dashboards():
    source = yaml.safe_load(files()["grafana/provisioning/datasources/tajo.yml"])["datasources"][0]
    provider = yaml.safe_load(files()["grafana/provisioning/dashboards/tajo.yml"])["providers"][0]

    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
    assert provider["options"]["path"] == "/var/lib/grafana/dashboards"
