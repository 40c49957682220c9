"""The dashboards to look at first, as data: the overview, which begins with the queue, and the queue."""

from __future__ import annotations

from typing import Final

from customer_sync.destinations import NOTIFY
from customer_sync.operate.figures.codes import LOOK
from customer_sync.operate.figures.faults import BACKLOG_S
from customer_sync.operate.figures.parts import WORKER_GONE_S
from customer_sync.operate.monitoring import objectives
from customer_sync.operate.monitoring.panels import Dashboard, Panel, Query
from customer_sync.operate.monitoring.terms import gauge, rate, series

_JOB: Final = "$job"
_LANE: Final = "=~$lane"
#: Every dashboard shows one installation.
EVER: Final = {"job": _JOB}
#: The histogram.
LATENCY: Final = "tajo_event_latency_seconds"
#: The lanes of events, and those of our own notices: no customer waits in these.
_OF_EVENTS: Final = f"!~{NOTIFY}.+"
_OF_NOTICES: Final = f"=~{NOTIFY}.+"
_ENDED: Final = "=~delivered|unchanged|parked"


def latency(quantile: float, **where: str) -> str:
    """Return a quantile of the latency; nothing, and no NaN, while nothing is delivered."""
    buckets = rate(LATENCY, "le", suffix="_bucket", way="webhook", job=_JOB, **where)
    return f"histogram_quantile({quantile}, {buckets}) >= 0"


def _record(name: str) -> str:
    return f'max ({name}{{job="$job"}})'


def worker_age() -> str:
    """Return how long ago a worker was seen."""
    return f"time() - {gauge('tajo_worker_seen_timestamp_seconds', **EVER)}"


_DEPTH: Final = Panel(
    "Queue depth",
    "short",
    "tajo_queue_depth",
    (Query(gauge("tajo_queue_depth", "lane", lane=_OF_EVENTS, **EVER), "{{lane}}"),),
    width=16,
    height=9,
)
_OLDEST: Final = Panel(
    "Oldest waiting",
    "s",
    "tajo_oldest_age_seconds",
    (Query(gauge("tajo_oldest_age_seconds", "lane", lane=_OF_EVENTS, **EVER), "{{lane}}"),),
    width=8,
    height=9,
    warn=BACKLOG_S,
)
#: What is said of a budget.
BUDGET_NOTE: Final = "What is left of the objective's budget of 30 days; below 0 the objective is missed."

OVERVIEW: Final = Dashboard(
    "overview",
    "Tajo: overview",
    "What to look at first: what waits, what is wrong, and whether the two objectives hold.",
    (
        _DEPTH,
        _OLDEST,
        Panel(
            "Worst finding",
            "short",
            "tajo_finding",
            (Query(f"max ({series('tajo_finding', **EVER)})", "worst"),),
            "stat",
            width=4,
            height=5,
            warn=LOOK,
        ),
        Panel(
            "Redis",
            "bool_on_off",
            "tajo_up",
            (Query(f"min ({series('tajo_up', **EVER)})", "up"),),
            "stat",
            width=4,
            height=5,
            warn=1,
            is_low_bad=True,
        ),
        Panel(
            "Worker seen",
            "s",
            "tajo_worker_seen_timestamp_seconds",
            (Query(worker_age(), "seconds ago"),),
            "stat",
            width=4,
            height=5,
            warn=WORKER_GONE_S,
        ),
        Panel(
            "Parked",
            "short",
            "tajo_parked",
            (Query(gauge("tajo_parked", **EVER), "parked"),),
            "stat",
            width=4,
            height=5,
            warn=1,
        ),
        Panel(
            "Budget of delivery",
            "percentunit",
            "tajo_event_ends_total",
            (Query(_record(f"job:tajo_delivery_budget:ratio{objectives.BUDGET}"), "left"),),
            "stat",
            width=4,
            height=5,
            warn=0.25,
            is_low_bad=True,
            note=f"{BUDGET_NOTE} {objectives.IN_TIME_TEXT}.",
        ),
        Panel(
            "In sync",
            "percentunit",
            "tajo_in_sync_ratio",
            (Query(f"min ({series('tajo_in_sync_ratio', **EVER)})", "worst source"),),
            "stat",
            width=4,
            height=5,
            warn=objectives.IN_SYNC,
            is_low_bad=True,
        ),
        Panel(
            "Events by state",
            "ops",
            "tajo_events_total",
            (Query(rate("tajo_events_total", "state", **EVER), "{{state}}"),),
        ),
        Panel(
            "Latency of webhooks",
            "s",
            LATENCY,
            (Query(latency(0.5), "p50"), Query(latency(0.99), "p99")),
            warn=BACKLOG_S,
        ),
        Panel(
            "Events that are not in time",
            "percentunit",
            "tajo_event_ends_total",
            (Query(_record(objectives.late("5m")), "5 minutes"), Query(_record(objectives.late("1h")), "1 hour")),
            warn=objectives.budget(objectives.IN_TIME),
            note=f"{objectives.IN_TIME_TEXT}. What waits for longer counts while it waits.",
        ),
        Panel(
            "Success and errors",
            "percentunit",
            "tajo_error_ratio",
            (
                Query(f"{gauge('tajo_success_ratio', 'span', **EVER)}", "success, {{span}}"),
                Query(f"{gauge('tajo_error_ratio', 'span', **EVER)}", "errors, {{span}}"),
            ),
        ),
        Panel(
            "Notices that wait",
            "short",
            "tajo_queue_depth",
            (Query(gauge("tajo_queue_depth", "lane", lane=_OF_NOTICES, **EVER), "{{lane}}"),),
            width=24,
            note="No customer waits for these: `tajo notices list` says what each target answers.",
        ),
        Panel(
            "Findings",
            "short",
            "tajo_finding",
            (Query(gauge("tajo_finding", "code", **EVER), "{{code}}"),),
            "state-timeline",
            width=24,
            height=18,
            warn=LOOK,
        ),
    ),
    {},
)

QUEUE: Final = Dashboard(
    "queue-depth",
    "Tajo: queue depth",
    "What waits, for how long, and how fast it gets less.",
    (
        _DEPTH._replace(queries=(Query(gauge("tajo_queue_depth", "lane", lane=_LANE, **EVER), "{{lane}}"),)),
        _OLDEST._replace(queries=(Query(gauge("tajo_oldest_age_seconds", "lane", lane=_LANE, **EVER), "{{lane}}"),)),
        Panel(
            "Waiting too long",
            "short",
            "tajo_overdue",
            (Query(gauge("tajo_overdue", "lane", lane=_LANE, **EVER), "{{lane}}"),),
            warn=1,
        ),
        Panel(
            "Time until it is empty",
            "s",
            "tajo_queue_depth",
            (
                Query(
                    f"{gauge('tajo_queue_depth', 'lane', lane=_LANE, **EVER)} / on (lane) "
                    f"({rate('tajo_items_total', 'lane', lane=_LANE, outcome=_ENDED, **EVER)} > 0)",
                    "{{lane}}",
                ),
            ),
            note="At the pace of this moment, if nothing more came.",
        ),
        Panel(
            "Webhooks that come in",
            "reqps",
            "tajo_inbound_total",
            (Query(rate("tajo_inbound_total", "answer", **EVER), "{{answer}}"),),
        ),
        Panel(
            "Items that go out",
            "ops",
            "tajo_items_total",
            (Query(rate("tajo_items_total", "lane", "outcome", lane=_LANE, **EVER), "{{lane}} {{outcome}}"),),
        ),
        Panel(
            "Lanes that stand still",
            "bool_yes_no",
            "tajo_lane_paused",
            (Query(gauge("tajo_lane_paused", "lane", lane=_LANE, **EVER), "{{lane}}"),),
            "state-timeline",
            warn=1,
        ),
        Panel(
            "Records read by runs",
            "ops",
            "tajo_run_records_total",
            (Query(rate("tajo_run_records_total", "source", "result", **EVER), "{{source}} {{result}}"),),
        ),
    ),
    {"lane": "tajo_queue_depth"},
)
