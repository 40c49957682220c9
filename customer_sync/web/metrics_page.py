"""`/metrics`: the whole catalogue in the text form of Prometheus.

The values live in Redis, so every web process tells the same ones; only the spool is that of the machine that is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, product
from typing import get_args

import redis
from flask import Blueprint, Response, request
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from customer_sync.base.log import get
from customer_sync.base.metrics import BY_NAME, CATALOGUE, LATENCY_BUCKETS_S
from customer_sync.model import Channel, EventState
from customer_sync.operate.figures import Figures, findings
from customer_sync.operate.figures.codes import CODES, GRAVITY
from customer_sync.operate.figures.read import latency_counts
from customer_sync.store.counters import End, Sample, Way
from customer_sync.web.api.answers import REDIS_AWAY
from customer_sync.web.guard import Denial
from customer_sync.web.services import Services
from customer_sync.web.watch import Watch

log = get(__name__)

#: The values of labels that are known beforehand: their series exist at 0, so that `rate()` sees the first of each.
#: `source`, `lane`, `target` are those of the installation; what is not here (endpoints, fields) appears when counted.
KNOWN: Mapping[str, Mapping[str, Sequence[str]]] = {
    "tajo_inbound_total": {"answer": ("accepted", "spooled", "greeted", "refused", "too_large", "busy")},
    "tajo_events_total": {"state": tuple(EventState)},
    "tajo_parked_taken_out_total": {"how": ("replayed", "dropped")},
    "tajo_event_ends_total": {"way": get_args(Way), "end": get_args(End)},
    "tajo_items_total": {"outcome": ("delivered", "unchanged", "again", "parked")},
    "tajo_run_records_total": {"result": ("changed", "unchanged", "refused")},
    "tajo_calls_saved_total": {"why": ("merged", "unchanged", "import")},
    "tajo_imports_total": {
        "outcome": ("sent", "done", "failed", "lost", "overdue", "unclear", "refused", "void", "late"),
    },
    "tajo_import_rows_total": {
        "outcome": ("sent", "updated", "without phone", "refused", "existed", "not as sent", "unproven"),
    },
    "tajo_parked_dropped_total": {"why": ("age", "number")},
    "tajo_values_left_out_total": {},
    "tajo_consent_blocked_total": {"channel": tuple(Channel)},
    "tajo_lane_pauses_total": {"why": ("unavailable", "config")},
    "tajo_leases_lost_total": {},
    "tajo_notices_total": {"result": ("delivered", "again", "parked", "paused")},
}

Series = Iterable[tuple[tuple[str, ...], float | None]]


def found_by_code(figures: Figures) -> list[tuple[tuple[str, str], float]]:
    """Return the gravity of each finding by code and source; what is not found stands at 0, without a source."""
    found: dict[tuple[str, str], float] = {(code, ""): 0.0 for code in sorted(CODES)}
    for one in findings(figures):
        if one.code in CODES:
            key = one.code, one.source
            found[key] = max(found.get(key, 0.0), float(GRAVITY[one.level]))
    return [*found.items()]


#: Gauge → its series as (label values, value), read from the figures; a value of None is left out.
GAUGES: Mapping[str, Callable[[Figures], Series]] = {
    "tajo_up": lambda now: [((), float(now.redis.is_up))],
    "tajo_queue_depth": lambda now: [((one.name,), one.waiting) for one in now.queues],
    "tajo_oldest_age_seconds": lambda now: [((one.name,), one.oldest_age_s or 0.0) for one in now.queues],
    "tajo_overdue": lambda now: [((line,), count) for line, count in now.overdue.items()],
    "tajo_success_ratio": lambda now: [((span,), rate.success) for span, rate in now.rates.items()],
    "tajo_error_ratio": lambda now: [((span,), rate.error) for span, rate in now.rates.items()],
    "tajo_in_sync_ratio": lambda now: [((source,), ratio) for source, ratio in now.in_sync.items()],
    "tajo_compared_timestamp_seconds": lambda now: [
        ((source,), one.at_ms / 1000) for source, one in now.compared.items() if one.at_ms
    ],
    "tajo_parked": lambda now: [((), now.parked)],
    "tajo_people": lambda now: [((), now.people)],
    "tajo_limit_headroom_ratio": lambda now: [((one.bucket,), one.hour_headroom) for one in now.limits],
    "tajo_lane_paused": lambda now: [
        ((lane,), float(any(pause.lane == lane for pause in now.pauses))) for lane in lanes_of(now)
    ],
    "tajo_door_open": lambda now: [((door,), float(is_open)) for door, is_open in now.doors.items()],
    "tajo_redis_memory_bytes": lambda now: [((), now.redis.memory_bytes)],
    "tajo_redis_memory_limit_bytes": lambda now: [((), now.redis.memory_limit_bytes or None)],
    "tajo_finding": found_by_code,
    "tajo_redis_aof_ok": lambda now: [((), None if now.redis.aof == "unknown" else float(now.redis.aof == "on"))],
    "tajo_worker_seen_timestamp_seconds": lambda now: [
        ((), None if now.worker_seen_s is None else now.at_ms / 1000 - now.worker_seen_s)
    ],
}
#: What can be told without Redis.
LOCAL = ("tajo_up", "tajo_queue_depth", "tajo_oldest_age_seconds", "tajo_overdue", "tajo_finding")


def blueprint(services: Services, watch: Watch) -> Blueprint:
    """Return the route `/metrics`."""
    routes = Blueprint("metrics", __name__)

    @routes.get("/metrics")
    def metrics() -> Response:
        registry = CollectorRegistry(auto_describe=False)
        look = watch.look()
        registry.register(_Collected(list(families(look.figures, look.samples, sorted(services.connectors)))))
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return Response(encode(registry), content_type=content_type)

    @routes.errorhandler(redis.RedisError)
    def away(error: redis.RedisError) -> Response:
        log.warning("scrape without Redis", error=type(error).__name__)
        return Response(f"{' '.join(REDIS_AWAY)}\n", 503, content_type="text/plain")

    return routes


def denied(denial: Denial) -> Response:
    """Tell a scraper why it is turned away."""
    text = f"{denial.error} {denial.remedy}\n"
    return Response(text, denial.status, denial.headers, content_type="text/plain; charset=utf-8")


def families(figures: Figures, samples: Sequence[Sample], sources: Iterable[str]) -> Iterator[Metric]:
    """Yield every metric of the catalogue with its values; without Redis only those that are known without it.

    Args:
        figures: the gauges are read from these.
        samples: the counters.
        sources: their series exist from the start.
    """
    for metric in CATALOGUE:
        if not figures.redis.is_up and metric.name not in LOCAL:
            continue
        if metric.type == "gauge":
            gauge = GaugeMetricFamily(metric.name, metric.meaning, labels=metric.labels)
            for labels, value in GAUGES[metric.name](figures):
                if value is not None:
                    gauge.add_metric(labels, value)
            yield gauge
        elif metric.type == "histogram":
            yield _histogram(metric.name, metric.meaning, samples, sources)
        else:
            counter = CounterMetricFamily(metric.name, metric.meaning, labels=metric.labels)
            for labels, value in _counts(metric.name, figures, samples, sources).items():
                counter.add_metric(labels, value)
            yield counter


def lanes_of(figures: Figures) -> list[str]:
    """Return the names of the lanes."""
    return [one.name for one in figures.queues if one.name not in {"inbox", "spool"}]


def _counts(
    name: str, figures: Figures, samples: Sequence[Sample], sources: Iterable[str]
) -> dict[tuple[str, ...], float]:
    labels = BY_NAME[name].labels
    counts: dict[tuple[str, ...], float] = {}
    if name in KNOWN:
        lanes = lanes_of(figures)
        targets = [one.removeprefix("notify:") for one in lanes if one.startswith("notify:")]
        known = {"source": tuple(sources), "lane": lanes, "target": targets, **KNOWN[name]}
        counts = dict.fromkeys(product(*(known[label] for label in labels)), 0.0)
    for one in samples:
        if one.name == name:
            counts[tuple(one.labels[label] for label in labels)] = one.value
    return counts


def _histogram(name: str, meaning: str, samples: Sequence[Sample], sources: Iterable[str]) -> Metric:
    """Return the histogram, a series for each source and way; sources that are not configured share one."""
    labels, known = BY_NAME[name].labels, set(sources)
    series: dict[tuple[str, str], list[Sample]] = {}
    for one in samples:
        if one.name == name:
            source, way = one.labels.get("source", ""), one.labels.get("way", "webhook")
            series.setdefault((source if source in known else "other", way), []).append(one)
    family = HistogramMetricFamily(name, meaning, labels=labels)
    for values, found in sorted(series.items()):
        counts, sum_s = latency_counts(found)
        bounds = [*map(str, LATENCY_BUCKETS_S), "+Inf"]
        buckets = [(bound, float(total)) for bound, total in zip(bounds, accumulate(counts), strict=True)]
        family.add_metric(values, buckets=buckets, sum_value=sum_s)
    return family


class _Collected(Collector):
    def __init__(self, found: Sequence[Metric]) -> None:
        self._found = found

    def collect(self) -> Iterable[Metric]:
        return self._found
