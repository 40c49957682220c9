"""What the figures consist of, and their form as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from customer_sync.destinations import is_of_notices
from customer_sync.model import Json, to_iso
from customer_sync.operate.figures.watched import Watched
from customer_sync.store.counters import Rate
from customer_sync.store.parked import Parked
from customer_sync.store.receipts import Compared

#: A worker that was not seen for this long counts as gone, in seconds; it tells every five that it lives.
WORKER_GONE_S = 15.0


class Latency(NamedTuple):
    """From the arrival of an event, or its reading by a run, to Brevo's yes, in seconds; None before the first.

    Over all events so far. The average is exact; the others are estimated from the buckets of the histogram.
    """

    average_s: float | None = None
    p50_s: float | None = None
    p99_s: float | None = None
    events: int = 0


class Queue(NamedTuple):
    """One line of waiting work: `inbox`, `spool` or a lane; `later` are for a later time, and no lag."""

    name: str
    waiting: int
    oldest_age_s: float | None
    later: int = 0


class Limit(NamedTuple):
    """A rate limit: calls per second (0: none, None: not known), this hour's share that is left, whose it is.

    `holds` says what calls wait for at this moment: the rate, the next hour, a refusal's reset, or "" for nothing.
    """

    bucket: str
    rate_per_s: float | None
    hour_headroom: float | None
    destination: str
    holds: Literal["", "rate", "hour", "refused"] = ""


class Paused(NamedTuple):
    """A lane that waits, why, what to do, and whom the lane calls."""

    lane: str
    kind: Literal["unavailable", "config"]
    reason: str
    remedy: str
    since_ms: int
    destination: str


class Calls(NamedTuple):
    """Calls to Brevo that were made, and those that were not needed."""

    made: int = 0
    merged: int = 0
    unchanged: int = 0

    @property
    def saved(self) -> int:
        """How many calls were not needed."""
        return self.merged + self.unchanged


class RedisHealth(NamedTuple):
    """How Redis is.

    Args:
        is_up: whether it answers and can be used.
        memory_bytes: what it uses; None where we may not know.
        memory_limit_bytes: 0: none.
        aof: whether what it holds reaches the disk.
        reason: why it cannot be used although it answers, and `remedy` what to do; "" otherwise.
        is_wrong: whether it never can be: a cluster, a version that is too old.
    """

    is_up: bool
    memory_bytes: int | None = None
    memory_limit_bytes: int = 0
    aof: Literal["on", "off", "failing", "unknown"] = "unknown"
    reason: str = ""
    remedy: str = ""
    is_wrong: bool = False


class Alert(NamedTuple):
    """Something a person should know."""

    at_ms: int
    text: str
    remedy: str


_NO_LATENCY = Latency()
_NO_CALLS = Calls()
_NOTHING = Watched()


@dataclass(frozen=True, slots=True)
class Figures:
    """The installation at one moment.

    Args:
        at_ms: the moment.
        redis: how Redis is; when it is away, all that it would tell is empty.
        brevo: whether contacts go to the built-in sandbox or to an account.
        rates: span (`hour`, `day`, `ever`) → the events that ended in it.
        latency: event → Brevo, of events that came by webhook.
        pulled_latency: the same from a run's reading on.
        queues: inbox, spool, then every lane.
        events: state → how many events ever reached it.
        sources: the same for each source, configured ones first.
        parked: how many things wait for a person.
        people: how many people are known.
        limits: the rate limits.
        pauses: the lanes that wait, and why.
        calls: to Brevo.
        compared: source → what was found when both sides were compared last; only sources of the config.
        worker_seen_s: seconds since a worker was last seen; None when none was.
        alerts: newest first.
        watched: the account, runs, webhooks and schedule.
        doors: what imports may do beside creating contacts → whether they may do it now.
        overdue: `inbox`, `spool` and each lane → how much of it waits for longer than an event may; not that of runs,
            and no notices.
    """

    at_ms: int
    redis: RedisHealth
    brevo: Literal["sandbox", "account"]
    rates: Mapping[str, Rate] = field(default_factory=dict)
    latency: Latency = _NO_LATENCY
    pulled_latency: Latency = _NO_LATENCY
    queues: tuple[Queue, ...] = ()
    events: Mapping[str, int] = field(default_factory=dict)
    sources: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    parked: int = 0
    people: int = 0
    limits: tuple[Limit, ...] = ()
    pauses: tuple[Paused, ...] = ()
    calls: Calls = _NO_CALLS
    compared: Mapping[str, Compared] = field(default_factory=dict)
    worker_seen_s: float | None = None
    alerts: tuple[Alert, ...] = ()
    watched: Watched = _NOTHING
    doors: Mapping[str, bool] = field(default_factory=dict)
    overdue: Mapping[str, int] = field(default_factory=dict)

    @property
    def success_rate(self) -> float | None:
        """Delivered events as a share of delivered ones and those that are parked, over all time; None before any."""
        return self.rates.get("ever", Rate()).success

    @property
    def error_rate(self) -> float | None:
        """The parked share of the same."""
        return self.rates.get("ever", Rate()).error

    @property
    def waiting(self) -> int:
        """How much waits, in all lines together but those of our own notices, which are told of by their targets."""
        return sum(queue.waiting for queue in self.queues if not is_of_notices(queue.name))

    @property
    def oldest_age_s(self) -> float | None:
        """How long the oldest of these has waited, in seconds; None when nothing waits."""
        ages = [queue.oldest_age_s for queue in self.queues if not is_of_notices(queue.name)]
        return max((age_s for age_s in ages if age_s is not None), default=None)

    @property
    def in_sync(self) -> dict[str, float]:
        """Source → the share of its customers in sync when both sides were compared last."""
        return {source: one.in_sync for source, one in self.compared.items()}

    @property
    def worst_in_sync(self) -> float | None:
        """The one figure: that of the worst source; None before the first comparison."""
        return min(self.in_sync.values(), default=None)

    @property
    def compared_ms(self) -> int | None:
        """When the source was compared whose comparison is the oldest; None before the first."""
        return min((one.at_ms for one in self.compared.values()), default=None)

    @property
    def being_mended(self) -> int:
        """How many customers the newest comparisons handed to the workers: not known to be in sync yet."""
        return sum(one.handed_over for one in {one.receipt: one for one in self.compared.values()}.values())

    @property
    def has_worker(self) -> bool:
        """Whether a worker was seen lately."""
        return self.worker_seen_s is not None and self.worker_seen_s < WORKER_GONE_S

    def to_json(self) -> dict[str, Json]:
        """Return the figures as the API tells them: times as ISO 8601, durations in seconds."""
        return {
            "at": iso(self.at_ms),
            "success_rate": self.success_rate,
            "error_rate": self.error_rate,
            "rates": {
                span: {"success_rate": one.success, "error_rate": one.error, **one._asdict()}
                for span, one in self.rates.items()
            },
            "latency": _json(self.latency),
            "pulled_latency": _json(self.pulled_latency),
            "waiting": self.waiting,
            "oldest_age_s": self.oldest_age_s,
            "queues": [_json(queue) for queue in self.queues],
            "events": dict(self.events),
            "sources": {name: dict(states) for name, states in self.sources.items()},
            "parked": self.parked,
            "people": self.people,
            "limits": [_json(limit) for limit in self.limits],
            "pauses": [_json(pause) for pause in self.pauses],
            "calls": {**_json(self.calls), "saved": self.calls.saved},
            "redis": _json(self.redis),
            "in_sync": {**self.in_sync},
            "in_sync_ratio": self.worst_in_sync,
            "compared_at": None if self.compared_ms is None else iso(self.compared_ms),
            "worker_seen_s": self.worker_seen_s,
            "brevo": self.brevo,
            "brevo_looked_at": None if self.watched.account_ms is None else iso(self.watched.account_ms),
            "alerts": [_json(alert) for alert in self.alerts],
        }


@dataclass(frozen=True, slots=True)
class Group:
    """Parked things with one reason, newest first."""

    reason: str
    remedy: str
    members: tuple[Parked, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources they come from; of an item whose sources nobody noted, its lane."""
        found: set[str] = set()
        for one in self.members:
            if one.what == "inbound":
                found.add(one.source)
            else:
                found.update(one.topic.split(", ") if one.topic else [f"lane {one.source}"])
        return tuple(sorted(found))


def iso(at_ms: int) -> str:
    """Return a stored stamp as ISO 8601 in UTC."""
    return to_iso(at_ms)


def _json(part: Any) -> dict[str, Json]:
    """Return a part as JSON; stamps become ISO times and lose the `_ms` of their names."""
    stamps = {"at_ms": "at", "since_ms": "since"}
    return {stamps.get(name, name): iso(value) if name in stamps else value for name, value in part._asdict().items()}
