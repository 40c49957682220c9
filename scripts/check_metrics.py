"""Check that the catalogue of metrics is true: every metric is counted or set by some code, and nothing else is."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from customer_sync.base.metrics import CATALOGUE, Metric
from customer_sync.web.metrics_page import GAUGES

PACKAGE = Path(__file__).resolve().parent.parent / "customer_sync"
#: What is called with the name of a metric as its first argument.
COUNTING = frozenset({"count", "field_name"})
#: What is called without one → the metric that it observes.
OBSERVING: Mapping[str, str] = {"observe_latency": "tajo_event_latency_seconds"}


def counted(tree: ast.AST) -> Iterator[str]:
    """Yield the name of every metric that a module counts or observes."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in OBSERVING:
            yield OBSERVING[called]
        first = node.args[0] if node.args else None
        if called in COUNTING and isinstance(first, ast.Constant) and str(first.value).startswith("tajo_"):
            yield str(first.value)


def faults(catalogue: tuple[Metric, ...], used: set[str], gauges: set[str]) -> Iterator[str]:
    """Yield a line for each metric that is declared and never has a value, or has one and is not declared.

    Args:
        catalogue: what is declared.
        used: the counters and histograms that some code writes.
        gauges: the gauges that the page of the metrics sets.
    """
    for metric in catalogue:
        if metric.name not in (gauges if metric.type == "gauge" else used):
            yield f"{metric.name}: no code gives it a value, so it is 0 for ever: do, or take it out of the catalogue"
    for name in sorted((used | gauges) - {metric.name for metric in catalogue}):
        yield f"{name}: is not in the catalogue of customer_sync/base/metrics.py"


def main() -> int:
    """Print every fault; return the exit code."""
    trees = (ast.parse(path.read_text(encoding="utf-8"), str(path)) for path in sorted(PACKAGE.rglob("*.py")))
    found = list(faults(CATALOGUE, {name for tree in trees for name in counted(tree)}, set(GAUGES)))
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
