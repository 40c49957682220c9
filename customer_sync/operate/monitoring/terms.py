"""Expressions in Prometheus' language over the catalogue: a metric or a label that is not there cannot be written.

Every web process tells the same values, for they live in Redis. So each series is taken once, whichever processes tell
it (`max by`), before anything is added up.
"""

from __future__ import annotations

from typing import Final

from customer_sync.base.metrics import BY_NAME

#: The labels that Prometheus adds: the installation, and the process that was asked.
SCRAPED: Final = ("job", "instance")
#: The window of a rate in a dashboard: Grafana chooses one that the scrapes fit in.
RATE: Final = "$__rate_interval"


def series(metric: str, *, suffix: str = "", **where: str) -> str:
    """Return the selector of a metric's series.

    Args:
        metric: its name in the catalogue.
        suffix: `_bucket`, `_count` or `_sum` of a histogram.
        where: label → its value; one that begins with =~, != or !~ is compared so.

    Raises:
        KeyError: the metric or a label is not in the catalogue.
    """
    known = (*BY_NAME[metric].labels, *SCRAPED)
    found = []
    for label, value in where.items():
        if label not in known:
            raise KeyError(f"{metric} has no label {label}: {', '.join(known)}")
        sign = value[:2] if value[:2] in {"=~", "!=", "!~"} else "="
        found.append(f'{label}{sign}"{value.removeprefix(sign)}"')
    return f"{metric}{suffix}{{{','.join(found)}}}" if found else f"{metric}{suffix}"


def gauge(metric: str, *by: str, **where: str) -> str:
    """Return the value of a gauge, the greatest where several series share the labels.

    Args:
        metric: its name.
        by: the labels that stay.
        where: see `series`.
    """
    return f"max{_by(by)} ({series(metric, **where)})"


def rate(metric: str, *by: str, window: str = RATE, how: str = "rate", suffix: str = "", **where: str) -> str:
    """Return the sum of the rates of a counter, each series taken once.

    Args:
        metric: its name.
        by: the labels that stay.
        window: over which time.
        how: `rate` for a second, `increase` for the whole window.
        suffix: see `series`.
        where: see `series`.
    """
    labels = ("job", *BY_NAME[metric].labels, *(["le"] if suffix == "_bucket" else []))
    each = f"max by ({', '.join(labels)}) ({how}({series(metric, suffix=suffix, **where)}[{window}]))"
    return f"sum{_by(by)} ({each})"


def _by(labels: tuple[str, ...]) -> str:
    return f" by ({', '.join(labels)})" if labels else ""
