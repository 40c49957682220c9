"""Where the figures come from. Everything is read where it is kept already: counters, lengths, breakers, limits.

Nothing is walked through, so reading costs a few milliseconds however much waits.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal, TypeVar

import redis

from customer_sync.base.clock import system_clock
from customer_sync.base.log import get
from customer_sync.base.metrics import IN_TIME_S, LATENCY_BUCKETS_S
from customer_sync.brevo.proof.doors import DOORS, DoorBook
from customer_sync.config import Settings
from customer_sync.destinations import LANES, described, is_of_notices
from customer_sync.model import EventState, to_ms
from customer_sync.operate.figures.parts import (
    Alert,
    Calls,
    Figures,
    Group,
    Latency,
    Limit,
    Paused,
    Queue,
    RedisHealth,
)
from customer_sync.operate.figures.watched import Watched, read_watched
from customer_sync.store import LOOKED_AT, Store, inbox, server
from customer_sync.store.counters import Rate, Sample, Way
from customer_sync.store.lanes import Waiting
from customer_sync.store.parked import Parked

log = get(__name__)

_Read = TypeVar("_Read")

#: How many alerts are told.
ALERTS = 20
#: How many parked things are put into groups, the newest first.
GROUPED = 1000
#: The note in which the workers say every few seconds that one lives: `{"at": seconds since 1970}`.
WORKER_NOTE = "worker_seen"
#: The name of the histogram among the counters.
LATENCY = "tajo_event_latency_seconds"


def read_figures(
    store: Store,
    settings: Settings,
    home: Path,
    *,
    alerts: Sequence[Mapping[str, Any]] | None = None,
    samples: Sequence[Sample] | None = None,
) -> Figures:
    """Return the figures of this moment.

    Args:
        store: all that Redis holds.
        settings: the config; its sources are told of even before their first event.
        home: the folder with the spools of this machine.
        alerts: the newest alerts where the caller keeps them; None reads them.
        samples: the counters where the caller has just read them; None reads them.

    Raises:
        redis.RedisError: Redis does not answer; see `figures_without_redis`.
    """
    now_ms, (memory, persistence) = store.now_and_info("memory", "persistence")
    samples = store.counters.read() if samples is None else samples
    lanes = store.lanes.names()
    sources = _sources(samples, settings)
    events = {str(state): sum(states[state] for states in sources.values()) for state in EventState}
    seen = store.note(WORKER_NOTE)
    doors = DoorBook(settings, store, lambda: now_ms).read()
    return Figures(
        at_ms=now_ms,
        redis=_redis(memory, persistence),
        brevo=_brevo(settings),
        rates={**store.counters.rates(now_ms), "ever": _ever(events, samples)},
        latency=_latency(samples, "webhook"),
        pulled_latency=_latency(samples, "pull"),
        queues=(
            _queue("inbox", store.inbox.depth(), now_ms),
            _queue("spool", spool_depth(home), now_ms),
            *(_lane_queue(lane, store.lanes.queue(lane, now_ms), now_ms) for lane in lanes),
        ),
        events=events,
        sources=sources,
        parked=store.parked.count(),
        people=store.people.count(),
        limits=_limits(store),
        pauses=tuple(
            Paused(lane, *pause, destination=described(lane).destination)
            for lane in lanes
            if (pause := store.breakers.read(lane)) is not None
        ),
        calls=_calls(samples),
        compared={name: one for name, one in store.receipts.newest().items() if name in settings.sources},
        worker_seen_s=None if seen is None else max(0.0, now_ms / 1000 - float(seen["at"])),
        alerts=tuple(
            Alert(int(one["at_ms"]), str(one["alert"]), str(one.get("remedy", "")))
            for one in (store.ledger.alerts(ALERTS) if alerts is None else alerts)
        ),
        watched=read_watched(store, settings, now_ms),
        doors={door: doors.door(door).is_open for door in DOORS},
        overdue={
            **store.overdue(IN_TIME_S, [one for one in lanes if not is_of_notices(one)]),
            "spool": spool_overdue(home, now_ms),
        },
    )


def figures_without_redis(
    settings: Settings, home: Path, error: redis.RedisError | None = None, *, keeps_requests: bool | None = None
) -> Figures:
    """Return what is known while Redis does not answer: that it does not, why, and how much waits in the spool.

    Args:
        settings: the config.
        home: the folder with the spools of this machine.
        error: what Redis answered; None where nobody asked.
        keeps_requests: whether the spool takes more; None where the caller does not know.
    """
    cause = None if error is None else server.told(error)
    health = RedisHealth(is_up=False)
    if cause is not None:
        is_wrong = isinstance(cause, server.WrongServer)
        health = health._replace(reason=cause.reason, remedy=cause.remedy, is_wrong=is_wrong)
    now_ms = system_clock()
    spool = _queue("spool", spool_depth(home), now_ms)
    watched = Watched(keeps_requests=keeps_requests)
    overdue = {"spool": spool_overdue(home, now_ms)}
    return Figures(now_ms, health, _brevo(settings), queues=(spool,), watched=watched, overdue=overdue)


def parked_groups(store: Store) -> tuple[Group, ...]:
    """Return the newest `GROUPED` parked things by reason, the largest group first.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    groups: dict[tuple[str, str], list[Parked]] = {}
    for one in store.parked.briefs(GROUPED):
        groups.setdefault((one.reason, one.remedy), []).append(one)
    found = [Group(reason, remedy, tuple(members)) for (reason, remedy), members in groups.items()]
    return tuple(sorted(found, key=lambda group: -len(group.members)))


def spool_depth(home: Path) -> tuple[int, int | None]:
    """Return how many requests wait in the spools of this machine, and since when the oldest does, in ms.

    The files are only read, beside the process that writes them.
    """
    found = _of_spools(home, lambda db: (_waiting(db), _arrivals(db, 1)))
    return sum(waiting for waiting, _ in found), min((at_ms for _, first in found for at_ms in first), default=None)


def spool_overdue(home: Path, now_ms: int) -> int:
    """Return how many requests in the spools of this machine wait for longer than an event may.

    Of each spool `LOOKED_AT` are looked at; when all of these wait so long, the rest counts as waiting so long, too.
    """
    till_ms = now_ms - IN_TIME_S * 1000

    def count(db: sqlite3.Connection) -> int:
        if not any(at_ms <= till_ms for at_ms in _arrivals(db, 1)):
            return 0
        late = [at_ms <= till_ms for at_ms in _arrivals(db, LOOKED_AT)]
        return _waiting(db) if all(late) else sum(late)

    return sum(_of_spools(home, count))


def _of_spools(home: Path, read: Callable[[sqlite3.Connection], _Read]) -> list[_Read]:
    """Return what is read of each spool; one that cannot be read is left out."""
    found = []
    for path in sorted(home.glob("spool*.sqlite")):
        try:
            with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=0.2)) as db:
                found.append(read(db))
        except sqlite3.Error as error:
            log.warning("spool not read", spool=path.name, error=type(error).__name__)
    return found


def _waiting(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM spool").fetchone()[0])


def _arrivals(db: sqlite3.Connection, count: int) -> list[int]:
    """Return when the first requests of a spool arrived, in ms."""
    rows = db.execute("SELECT raw FROM spool ORDER BY n LIMIT ?", [count])
    return [to_ms(inbox.decode_or_raw(bytes(raw)).received_at) for (raw,) in rows]


def quantile(counts: Sequence[int], share: float) -> float | None:
    """Return the latency below which a share of all observations lies, in seconds; None when there are none.

    Args:
        counts: observations in each of `LATENCY_BUCKETS_S`, then those above the last bound.
        share: between 0 and 1.

    Inside a bucket the observations are taken as evenly spread; above the last bound that bound is all that is known.
    The same estimate as Prometheus' `histogram_quantile`.
    """
    total = sum(counts)
    if not total:
        return None
    rank, below, lower = share * total, 0, 0.0
    for count, upper in zip(counts, LATENCY_BUCKETS_S, strict=False):
        if count and below + count >= rank:
            return min(upper, lower + (upper - lower) * (rank - below) / count)
        below, lower = below + count, upper
    return LATENCY_BUCKETS_S[-1]


def latency_counts(samples: Sequence[Sample]) -> tuple[list[int], float]:
    """Return the observations in each bucket, those above the last bound at the end, and the sum of all in seconds.

    Args:
        samples: the parts of one or more histograms; other counters are left out.
    """
    found: Counter[str] = Counter()
    for one in samples:
        if one.name == LATENCY:
            found[one.labels.get("le", "sum")] += int(one.value)
    counts = [found[bound] for bound in (*map(str, LATENCY_BUCKETS_S), "+Inf")]
    return counts, found["sum"] / 1_000_000


def _limits(store: Store) -> tuple[Limit, ...]:
    """Return each rate limit once, whichever lanes share it."""
    shared = {lane.bucket: lane.destination for lane in LANES}
    limits = store.limits
    return tuple(
        Limit(one, limits.rate(one), limits.headroom(one), to, limits.holds(one)) for one, to in shared.items()
    )


def _latency(samples: Sequence[Sample], way: Way) -> Latency:
    counts, sum_s = latency_counts([one for one in samples if one.labels.get("way", "webhook") == way])
    total = sum(counts)
    return Latency(sum_s / total if total else None, quantile(counts, 0.5), quantile(counts, 0.99), total)


def _ever(events: Mapping[str, int], samples: Sequence[Sample]) -> Rate:
    """Return what ended over all time; what was taken out of Parked does not fail any more."""
    taken_out = sum(int(one.value) for one in samples if one.name == "tajo_parked_taken_out_total")
    return Rate(events[EventState.DELIVERED], max(0, events[EventState.PARKED] - taken_out))


def _sources(samples: Sequence[Sample], settings: Settings) -> dict[str, dict[str, int]]:
    found = {name: {str(state): 0 for state in EventState} for name in settings.sources}
    for one in samples:
        if one.name == "tajo_events_total":
            states = found.setdefault(one.labels["source"], {str(state): 0 for state in EventState})
            states[one.labels["state"]] = int(one.value)
    return found


def _calls(samples: Sequence[Sample]) -> Calls:
    made = sum(int(one.value) for one in samples if one.name == "tajo_brevo_requests_total")
    saved = {one.labels["why"]: int(one.value) for one in samples if one.name == "tajo_calls_saved_total"}
    return Calls(made, saved.get("merged", 0), saved.get("unchanged", 0))


def _redis(memory: Mapping[str, Any], persistence: Mapping[str, Any]) -> RedisHealth:
    aof: Literal["on", "off", "failing", "unknown"] = "on" if persistence.get("aof_enabled") else "off"
    if "aof_enabled" not in persistence:
        aof = "unknown"
    if aof == "on" and "err" in {persistence.get(f"aof_last_{what}_status") for what in ("write", "bgrewrite")}:
        aof = "failing"
    return RedisHealth(True, memory.get("used_memory"), int(memory.get("maxmemory", 0)), aof)


def _brevo(settings: Settings) -> Literal["sandbox", "account"]:
    return "sandbox" if settings.brevo.is_sandbox else "account"


def _queue(name: str, depth: tuple[int, int | None], now_ms: int) -> Queue:
    waiting, since_ms = depth
    return Queue(name, waiting, None if since_ms is None else max(0.0, (now_ms - since_ms) / 1000))


def _lane_queue(name: str, waiting: Waiting, now_ms: int) -> Queue:
    return _queue(name, (waiting.now, waiting.since_ms), now_ms)._replace(later=waiting.later)
