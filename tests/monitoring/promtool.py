"""Rules judged by Prometheus' own `promtool test rules`: series in, the alerts that fire out."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

from customer_sync.operate.figures.codes import CODES
from customer_sync.operate.monitoring import files
from tests.programs import need

WEB = "web:8000"
#: A series in the words of promtool: a value that stays, or `begin+step x times`.
Values = Mapping[str, str]


def named(metric: str, instance: str = WEB, **labels: str) -> str:
    """Return the name of a series as it is scraped."""
    found = {"job": "tajo", "instance": instance, **labels}
    return metric + "{" + ",".join(f'{label}="{value}"' for label, value in found.items()) + "}"


def ends(end: str, *, instance: str = WEB, way: str = "webhook") -> str:
    return named("tajo_event_ends_total", instance, source="shop", way=way, end=end)


def finding(code: str, source: str = "") -> str:
    return named("tajo_finding", code=code, source=source)


def overdue(lane: str) -> str:
    return named("tajo_overdue", lane=lane)


class Expected(NamedTuple):
    """What must be so at a time: the names of the alerts that fire, and the values of expressions."""

    at: str
    alerts: frozenset[str] = frozenset()
    values: Mapping[str, float | None] = {}


def well(minutes: int) -> dict[str, str]:
    """Return the series of an installation in which all is well and nothing happens."""
    still = {
        named("up"): "1",
        named("tajo_up"): "1",
        named("tajo_parked"): "0",
        named("tajo_in_sync_ratio", source="shop"): "1",
        named("tajo_limit_headroom_ratio", bucket="contacts"): "0.9",
        named("tajo_lane_paused", lane="contacts"): "0",
        named("tajo_redis_memory_bytes"): "1000000",
        named("tajo_redis_memory_limit_bytes"): "100000000",
        **{named("tajo_queue_depth", lane=lane): "0" for lane in ("inbox", "spool", "contacts")},
        **{overdue(lane): "0" for lane in ("inbox", "spool", "contacts")},
        **{ends(end): "10" for end in ("in_time", "late", "parked")},
        **{finding(code): "0" for code in CODES},
    }
    return {name: f"{value}x{minutes}" for name, value in still.items()}


def judge(folder: Path, minutes: int, series: Values, expected: Iterable[Expected], every: str = "1m") -> None:
    """Let promtool judge the rules over these series, a value each minute; anything unexpected fails.

    Args:
        folder: where files may be written.
        minutes: how long.
        series: what differs from an installation in which all is well; "" leaves a series out.
        expected: what must be so.
        every: how often the rules are evaluated; the times of `expected` are among these.
    """
    groups = yaml.safe_load(files()["prometheus/rules/tajo.yml"])["groups"]
    # one group, so that alerts see what was recorded at the same time
    one_group = {"name": "all", "rules": [rule for group in groups for rule in group["rules"]]}
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": [one_group]}))
    told = {name: values for name, values in {**well(minutes), **series}.items() if values}
    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in told.items()],
            "promql_expr_test": [test for one in expected for test in _tests(one)],
        }
    ]
    content = {"rule_files": ["rules.yml"], "evaluation_interval": every, "tests": tests}
    (folder / "test.yml").write_text(yaml.safe_dump(content))
    ask("test", "rules", str(folder / "test.yml"))


def ask(*words: str) -> str:
    """Call promtool and return what it says; a fault that it finds fails the test."""
    done = subprocess.run([need("promtool"), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _tests(one: Expected) -> Sequence[object]:
    firing = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(one.alerts)]
    expr = 'max by (alertname) (ALERTS{alertstate="firing"})'
    found = [{"expr": expr, "eval_time": one.at, "exp_samples": firing}]
    for wanted, value in one.values.items():
        samples = [] if value is None else [{"labels": "{}", "value": value}]
        found.append({"expr": wanted, "eval_time": one.at, "exp_samples": samples})
    return found
