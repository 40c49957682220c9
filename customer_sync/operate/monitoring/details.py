"""The dashboards for a closer look, as data: one source, Brevo's limits, the workers."""

from __future__ import annotations

from typing import Final

from customer_sync.operate.figures.codes import LOOK
from customer_sync.operate.figures.faults import BACKLOG_S, ERRORS_LOOK
from customer_sync.operate.figures.parts import WORKER_GONE_S
from customer_sync.operate.monitoring import objectives
from customer_sync.operate.monitoring.alerts import HEADROOM_LOOK
from customer_sync.operate.monitoring.overview import BUDGET_NOTE, EVER, LATENCY, latency, worker_age
from customer_sync.operate.monitoring.panels import Dashboard, Panel, Query
from customer_sync.operate.monitoring.terms import gauge, rate, series

_SOURCE: Final = "=~$source"

SOURCE: Final = Dashboard(
    "source",
    "Tajo: one source",
    "What comes from a source, what becomes of it, and whether both sides agree.",
    (
        Panel(
            "Webhooks by answer",
            "reqps",
            "tajo_inbound_total",
            (Query(rate("tajo_inbound_total", "source", "answer", source=_SOURCE, **EVER), "{{source}} {{answer}}"),),
        ),
        Panel(
            "Events by state",
            "ops",
            "tajo_events_total",
            (Query(rate("tajo_events_total", "source", "state", source=_SOURCE, **EVER), "{{source}} {{state}}"),),
        ),
        Panel(
            "Latency of webhooks",
            "s",
            LATENCY,
            (Query(latency(0.5, source=_SOURCE), "p50"), Query(latency(0.99, source=_SOURCE), "p99")),
            warn=BACKLOG_S,
        ),
        Panel(
            "How events end",
            "ops",
            "tajo_event_ends_total",
            (Query(rate("tajo_event_ends_total", "way", "end", source=_SOURCE, **EVER), "{{way}} {{end}}"),),
        ),
        Panel(
            "In sync",
            "percentunit",
            "tajo_in_sync_ratio",
            (Query(f"min by (source) ({series('tajo_in_sync_ratio', source=_SOURCE, **EVER)})", "{{source}}"),),
            width=8,
            warn=objectives.IN_SYNC,
            is_low_bad=True,
        ),
        Panel(
            "Compared",
            "s",
            "tajo_compared_timestamp_seconds",
            (
                Query(
                    f"time() - {gauge('tajo_compared_timestamp_seconds', 'source', source=_SOURCE, **EVER)}",
                    "{{source}}, seconds ago",
                ),
            ),
            "stat",
            width=8,
        ),
        Panel(
            "Budget of in sync",
            "percentunit",
            "tajo_in_sync_ratio",
            (
                Query(
                    f"min by (source) (job_source:tajo_in_sync_budget:ratio{objectives.BUDGET}"
                    '{job="$job",source=~"$source"})',
                    "{{source}}",
                ),
            ),
            "stat",
            width=8,
            warn=0.25,
            is_low_bad=True,
            note=f"{BUDGET_NOTE} {objectives.IN_SYNC_TEXT}.",
        ),
        Panel(
            "Records read by runs",
            "ops",
            "tajo_run_records_total",
            (Query(rate("tajo_run_records_total", "result", source=_SOURCE, **EVER), "{{result}}"),),
        ),
        Panel(
            "Values that cannot be read",
            "ops",
            "tajo_values_left_out_total",
            (Query(rate("tajo_values_left_out_total", "source", source=_SOURCE, **EVER), "{{source}}"),),
        ),
        Panel(
            "Taken out of Parked",
            "ops",
            "tajo_parked_taken_out_total",
            (Query(rate("tajo_parked_taken_out_total", "how", source=_SOURCE, **EVER), "{{how}}"),),
        ),
        Panel(
            "Findings of the source",
            "short",
            "tajo_finding",
            (Query(f"{gauge('tajo_finding', 'code', source='=~|$source', **EVER)}", "{{code}}"),),
            "state-timeline",
            warn=LOOK,
            note="Those of the whole installation are among them.",
        ),
    ),
    {"source": "tajo_events_total"},
)

LIMITS: Final = Dashboard(
    "brevo-limits",
    "Tajo: Brevo's limits",
    "How many calls Brevo gets, what they answer, what is left of the hour, and what was not needed.",
    (
        Panel(
            "Left of this hour's calls",
            "percentunit",
            "tajo_limit_headroom_ratio",
            (Query(gauge("tajo_limit_headroom_ratio", "bucket", **EVER), "{{bucket}}"),),
            warn=HEADROOM_LOOK,
            is_low_bad=True,
        ),
        Panel(
            "Calls by status",
            "reqps",
            "tajo_brevo_requests_total",
            (Query(rate("tajo_brevo_requests_total", "status", **EVER), "{{status}}"),),
        ),
        Panel(
            "Calls by endpoint",
            "reqps",
            "tajo_brevo_requests_total",
            (Query(rate("tajo_brevo_requests_total", "endpoint", **EVER), "{{endpoint}}"),),
        ),
        Panel(
            "Share of calls that Brevo refused",
            "percentunit",
            "tajo_brevo_requests_total",
            (
                Query(
                    f"({rate('tajo_brevo_requests_total', 'job', status='=~4..', **EVER)} or "
                    f"{rate('tajo_brevo_requests_total', 'job', **EVER)} * 0) / on (job) "
                    f"({rate('tajo_brevo_requests_total', 'job', **EVER)} > 0)",
                    "4xx",
                ),
            ),
            warn=ERRORS_LOOK,
        ),
        Panel(
            "Calls saved",
            "ops",
            "tajo_calls_saved_total",
            (Query(rate("tajo_calls_saved_total", "why", **EVER), "{{why}}"),),
        ),
        Panel(
            "Imports",
            "short",
            "tajo_imports_total",
            (Query(rate("tajo_imports_total", "outcome", how="increase", **EVER), "{{outcome}}"),),
        ),
        Panel(
            "Contacts in imports",
            "short",
            "tajo_import_rows_total",
            (Query(rate("tajo_import_rows_total", "outcome", how="increase", **EVER), "{{outcome}}"),),
        ),
        Panel(
            "What imports may do",
            "bool_yes_no",
            "tajo_door_open",
            (Query(gauge("tajo_door_open", "door", **EVER), "{{door}}"),),
            "state-timeline",
        ),
        Panel(
            "Fields refused",
            "ops",
            "tajo_fields_refused_total",
            (Query(rate("tajo_fields_refused_total", "field", **EVER), "{{field}}"),),
        ),
        Panel(
            "Withdrawals upheld",
            "ops",
            "tajo_consent_blocked_total",
            (Query(rate("tajo_consent_blocked_total", "channel", **EVER), "{{channel}}"),),
        ),
    ),
    {},
)

WORKERS: Final = Dashboard(
    "workers",
    "Tajo: workers and Redis",
    "Whether workers work, whether Redis holds, and whether Prometheus sees both.",
    (
        Panel(
            "Worker seen",
            "s",
            "tajo_worker_seen_timestamp_seconds",
            (Query(worker_age(), "seconds ago"),),
            warn=WORKER_GONE_S,
        ),
        Panel(
            "Items by outcome",
            "ops",
            "tajo_items_total",
            (Query(rate("tajo_items_total", "outcome", **EVER), "{{outcome}}"),),
        ),
        Panel(
            "Leases lost",
            "ops",
            "tajo_leases_lost_total",
            (Query(rate("tajo_leases_lost_total", "lane", **EVER), "{{lane}}"),),
        ),
        Panel(
            "Pauses of lanes",
            "short",
            "tajo_lane_pauses_total",
            (Query(rate("tajo_lane_pauses_total", "lane", "why", how="increase", **EVER), "{{lane}} {{why}}"),),
        ),
        Panel(
            "Memory of Redis",
            "bytes",
            "tajo_redis_memory_bytes",
            (Query(gauge("tajo_redis_memory_bytes", **EVER), "used"),),
            width=8,
        ),
        Panel(
            "Limit of Redis' memory",
            "bytes",
            "tajo_redis_memory_limit_bytes",
            (Query(gauge("tajo_redis_memory_limit_bytes", **EVER), "limit"),),
            "stat",
            width=8,
        ),
        Panel(
            "On the disk of Redis",
            "bool_yes_no",
            "tajo_redis_aof_ok",
            (Query(gauge("tajo_redis_aof_ok", **EVER), "safe"),),
            "state-timeline",
            width=8,
            warn=1,
            is_low_bad=True,
        ),
        Panel(
            "People known",
            "short",
            "tajo_people",
            (Query(gauge("tajo_people", **EVER), "people"),),
        ),
        Panel(
            "Spools",
            "short",
            "tajo_queue_depth",
            (Query(f"sum by (instance) ({series('tajo_queue_depth', lane='spool', **EVER)})", "{{instance}}"),),
            warn=1,
        ),
        Panel(
            "Parked things dropped",
            "short",
            "tajo_parked_dropped_total",
            (Query(rate("tajo_parked_dropped_total", "why", how="increase", **EVER), "{{why}}"),),
        ),
        Panel(
            "Web processes that Prometheus sees",
            "short",
            "tajo_up",
            (Query('sum(up{job="$job"})', "up"), Query('count(up{job="$job"})', "all")),
        ),
    ),
    {},
)
