"""Panels and dashboards of Grafana: what they show, and their form as JSON.

The form is that of Grafana's own schema of dashboards: https://grafana.com/docs/grafana/latest/visualizations/dashboards/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from customer_sync.base.metrics import BY_NAME
from customer_sync.model import Json

#: The width of a dashboard, in Grafana's units.
WIDTH: Final = 24
Kind = Literal["timeseries", "stat", "bargauge", "state-timeline"]
_SOURCE: Final[Mapping[str, Json]] = {"type": "prometheus", "uid": "${datasource}"}

#: From each dashboard to the others.
_LINKS: Final[Mapping[str, Json]] = {
    "type": "dashboards",
    "title": "Tajo",
    "tags": ["tajo"],
    "asDropdown": False,
    "keepTime": True,
    "includeVars": True,
    "icon": "external link",
    "targetBlank": False,
    "tooltip": "",
    "url": "",
}


class Query(NamedTuple):
    """One expression of a panel, and what its series are called."""

    expr: str
    legend: str


class Panel(NamedTuple):
    """One panel.

    Args:
        title: what it shows.
        unit: in Grafana's words: `s`, `short`, `percentunit`, `bytes`, `ops`, `bool_yes_no`, ...
        metric: the metric of the catalogue whose meaning and remedy describe it.
        queries: what is drawn.
        kind: how.
        width: in 24ths.
        height: in Grafana's units.
        warn: from here on it is orange; None: never.
        is_low_bad: whether it is orange below `warn` instead.
        note: what is said before the metric's meaning.
    """

    title: str
    unit: str
    metric: str
    queries: tuple[Query, ...]
    kind: Kind = "timeseries"
    width: int = 12
    height: int = 8
    warn: float | None = None
    is_low_bad: bool = False
    note: str = ""

    @property
    def description(self) -> str:
        """What it means and what to do, in the words of the catalogue."""
        metric = BY_NAME[self.metric]
        return " ".join(filter(None, [self.note, metric.meaning])) + f"\n\nWhat to do: {metric.remedy}"


class Dashboard(NamedTuple):
    """One dashboard.

    Args:
        name: its file.
        title: its title.
        about: what it is for, in a sentence.
        panels: from the top left to the bottom right.
        variables: what can be chosen, beside the installation: label → the metric whose values are offered.
    """

    name: str
    title: str
    about: str
    panels: tuple[Panel, ...]
    variables: Mapping[str, str]


def dashboard_json(board: Dashboard) -> Json:
    """Return a dashboard as Grafana reads it."""
    return {
        "uid": f"tajo-{board.name}",
        "title": board.title,
        "description": board.about,
        "tags": ["tajo"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "",
        "links": [dict(_LINKS)],
        "templating": {"list": [*_common(), *(_variable(*one) for one in board.variables.items())]},
        "annotations": {"list": []},
        "panels": _placed(board.panels),
    }


def _common() -> list[Json]:
    datasource: dict[str, Json] = {"name": "datasource", "label": "Prometheus", "type": "datasource"}
    datasource |= {"query": "prometheus", "hide": 0, "regex": "", "refresh": 1, "multi": False}
    return [
        datasource,
        {**_query("job", "Installation", "label_values(tajo_up, job)"), "multi": False, "includeAll": False},
    ]


def _variable(label: str, metric: str) -> Json:
    query = f'label_values({metric}{{job="$job"}}, {label})'
    return {
        **_query(label, label.capitalize(), query),
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }


def _query(name: str, label: str, query: str) -> dict[str, Json]:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": dict(_SOURCE),
        "definition": query,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "hide": 0,
        "regex": "",
    }


def _placed(panels: tuple[Panel, ...]) -> list[Json]:
    """Return the panels side by side, a new line where one does not fit."""
    found: list[Json] = []
    x = y = height = 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > WIDTH:
            x, y, height = 0, y + height, 0
        place: dict[str, Json] = {"x": x, "y": y, "w": panel.width, "h": panel.height}
        found.append({"id": number, "gridPos": place, **_panel(panel)})
        x, height = x + panel.width, max(height, panel.height)
    return found


def _panel(panel: Panel) -> dict[str, Json]:
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": dict(_SOURCE),
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _OPTIONS[panel.kind],
        "targets": [
            {
                "refId": "ABCDEFGH"[number],
                "datasource": dict(_SOURCE),
                "expr": query.expr,
                "legendFormat": query.legend,
                "editorMode": "code",
                "range": True,
            }
            for number, query in enumerate(panel.queries)
        ],
    }


def _defaults(panel: Panel) -> Json:
    fine, look = ("orange", "green") if panel.is_low_bad else ("green", "orange")
    steps: list[Json] = [{"color": fine, "value": None}]
    if panel.warn is not None:
        steps.append({"color": look, "value": panel.warn})
    defaults: dict[str, Json] = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}}
    defaults |= {
        "color": {"mode": "palette-classic" if panel.kind == "timeseries" else "thresholds"},
        "noValue": "none",
    }
    if panel.kind == "timeseries":
        defaults["min"] = 0
        style = "line" if panel.warn is not None else "off"
        defaults["custom"] = {"lineWidth": 1, "fillOpacity": 10, "thresholdsStyle": {"mode": style}}
    return defaults


_SHOWN: Final[Json] = {"calcs": ["lastNotNull"], "fields": "", "values": False}
#: How each kind of panel is drawn.
_OPTIONS: Final[Mapping[Kind, Json]] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {"reduceOptions": _SHOWN, "colorMode": "value", "graphMode": "area", "textMode": "auto"},
    "bargauge": {"reduceOptions": _SHOWN, "orientation": "horizontal", "displayMode": "basic"},
    "state-timeline": {
        "showValue": "never",
        "mergeValues": True,
        "rowHeight": 0.9,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
        "tooltip": {"mode": "single", "sort": "none"},
    },
}
