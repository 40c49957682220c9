"""The recording rules: two objectives with the share of errors over several windows, and what is left of their budget.

The windows and burn rates are those of the Google SRE Workbook, chapter 5 ("Alerting on SLOs", multiwindow and
multi-burn-rate): https://sre.google/workbook/alerting-on-slos/
"""

from __future__ import annotations

from typing import Final, NamedTuple

from customer_sync.base.metrics import IN_TIME_S
from customer_sync.destinations import NOTIFY
from customer_sync.model import Json
from customer_sync.operate.figures.faults import ERRORS_LEAST, IN_SYNC_LEAST
from customer_sync.operate.monitoring.terms import gauge, rate, series

#: The share of events by webhook that Brevo is to have in time, and that of customers that is to be in sync: the one
#: below which the overview says so. Both over `BUDGET`.
IN_TIME: Final = 0.995
IN_SYNC: Final = IN_SYNC_LEAST
#: What the objectives are told in.
IN_TIME_TEXT: Final = f"{IN_TIME:.1%} of the events that come by webhook are in Brevo within {IN_TIME_S:.0f} s"
IN_SYNC_TEXT: Final = f"{IN_SYNC:.0%} of each source's customers are in sync"
#: Over which time an objective is to hold.
BUDGET: Final = "30d"


class Burn(NamedTuple):
    """How fast the budget may be used up: so many times as fast as it lasts, seen over a long and a short window."""

    times: float
    long: str
    short: str


FAST: Final = (Burn(14.4, "1h", "5m"), Burn(6, "6h", "30m"))
SLOW: Final = (Burn(1, "3d", "6h"),)
#: Windows that change slowly are looked at once a minute.
LONG: Final = ("6h", "3d", BUDGET)
WINDOWS: Final = ("5m", "30m", "1h", *LONG)

#: What waits too long at this moment. A spool is a host's own, so spools add up.
OVERDUE: Final = "job:tajo_overdue:sum"
SYNC: Final = "job_source:tajo_in_sync:ratio"


def bad(window: str) -> str:
    """Return the name of the record of the events that came late, were parked, or wait for too long."""
    return f"job:tajo_delivery_bad:increase{window}"


def ended(window: str) -> str:
    """Return the name of the record of all events that ended, or wait for too long."""
    return f"job:tajo_delivery_ended:increase{window}"


def late(window: str) -> str:
    """Return the name of the record of the share of events that were not in time; 0 where there were none."""
    return f"job:tajo_delivery_errors:ratio{window}"


def apart(window: str) -> str:
    """Return the name of the record of the share of a source's customers who were not in sync."""
    return f"job_source:tajo_out_of_sync:ratio{window}"


def left(errors: str, objective: float) -> str:
    """Return what is left of a budget, as an expression: 1 all, 0 nothing, below 0 the objective is missed."""
    return f"1 - {errors} / {budget(objective)}"


def budget(objective: float) -> float:
    """Return the share of errors that an objective allows."""
    return round(1 - objective, 6)


def groups() -> list[Json]:
    """Return the groups of recording rules."""
    now = [
        _rule(OVERDUE, f"sum by (job) ({_overdue()})"),
        _rule(SYNC, f"min by (job, source) ({series('tajo_in_sync_ratio')})"),
    ]
    short = [rule for window in WINDOWS if window not in LONG for rule in _of(window)]
    long = [rule for window in LONG for rule in _of(window)]
    long += [
        _rule(f"job:tajo_delivery_budget:ratio{BUDGET}", left(late(BUDGET), IN_TIME)),
        _rule(f"job_source:tajo_in_sync_budget:ratio{BUDGET}", left(apart(BUDGET), IN_SYNC)),
    ]
    return [
        {"name": "tajo_objectives", "rules": [*now, *short]},
        {"name": "tajo_objectives_long", "interval": "1m", "rules": long},
    ]


def _overdue() -> str:
    # our own notices are no events: an older process may still tell of their lanes
    lines = gauge("tajo_overdue", "job", "lane", lane=f"!~spool|{NOTIFY}.+")
    return f"{lines} or sum by (job, lane) ({series('tajo_overdue', lane='spool')})"


def _of(window: str) -> list[Json]:
    ends = "tajo_event_ends_total"
    all_ends = rate(ends, "job", window=window, how="increase", way="webhook")
    bad_ends = rate(ends, "job", window=window, how="increase", way="webhook", end="!=in_time")
    return [
        # what waits too long is bad while it waits; without Redis the counters are not told, and the spool is
        _rule(bad(window), f"({bad_ends} + on (job) {OVERDUE}) or {OVERDUE}"),
        _rule(ended(window), f"({all_ends} + on (job) {OVERDUE}) or {OVERDUE}"),
        # where nothing ended there is no error: 0, never 0/0
        _rule(late(window), f"{bad(window)} / ({ended(window)} > 0) or {ended(window)} * 0"),
        # a comparison holds until the next one
        _rule(apart(window), f"1 - avg_over_time({SYNC}[{window}])"),
    ]


def _rule(record: str, expr: str) -> dict[str, Json]:
    return {"record": record, "expr": expr}


def burns(burn: tuple[Burn, ...], objective: float, errors: str, *, least: bool = False) -> str:
    """Return the condition that a budget is used up too fast.

    Args:
        burn: the pairs of windows, any of which is enough.
        objective: the objective.
        errors: `late` or `apart`, as the name that its records begin with, up to the window.
        least: whether so few bad events that they prove no rate are no reason.
    """
    found = []
    for one in burn:
        limit = f"({one.times:g} * {budget(objective)})"
        text = f"{errors}{one.long} > {limit} and {errors}{one.short} > {limit}"
        # an increase is extrapolated to its window, so it is a little off the count
        found.append(f"({text} and {bad(one.long)} > {ERRORS_LEAST - 0.5})" if least else f"({text})")
    return " or ".join(found)
