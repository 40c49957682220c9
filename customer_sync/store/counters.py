"""Counters in Redis: one hash, written in one step at the end of each unit of work, read on request.

A field is `name|label=value|...`; the labels stand in the order of the catalogue.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple

import redis

from customer_sync.base.clock import system_clock
from customer_sync.base.metrics import BY_NAME, LATENCY_BUCKETS_S
from customer_sync.store import keys
from customer_sync.store.scripts import Scripts, as_text

#: How an event came: by a webhook, or read by a run.
Way = Literal["webhook", "pull"]
#: How an event ended, as `customer_sync.base.metrics` says it.
End = Literal["in_time", "late", "parked"]


class Sample(NamedTuple):
    """One value of one metric with its labels."""

    name: str
    labels: dict[str, str]
    value: float


def field_name(name: str, **labels: str) -> str:
    """Return the hash field of a metric with its labels.

    Raises:
        KeyError: the metric is not in the catalogue or a label is missing.
    """
    metric = BY_NAME[name]
    return "|".join([name, *(f"{label}={labels[label]}" for label in metric.labels)])


class Tally:
    """Counts of one unit of work, kept in memory until `Counters.add` writes them. Threads may share one."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def count(self, name: str, by: int = 1, **labels: str) -> None:
        """Add to a counter."""
        if by:
            self._add({field_name(name, **labels): by})

    def observe_latency(self, seconds: float, *, source: str, way: Way) -> None:
        """Add one latency to the histogram of a source."""
        bound = next((str(bound) for bound in LATENCY_BUCKETS_S if seconds <= bound), "+Inf")
        name = field_name("tajo_event_latency_seconds", source=source, way=way)
        self._add({f"{name}|le={bound}": 1, f"{name}|sum_us": int(seconds * 1_000_000)})

    def empty(self) -> dict[str, int]:
        """Return all that was counted and start again at nothing."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        return counts

    def _add(self, counts: dict[str, int]) -> None:
        with self._lock:
            for name, by in counts.items():
                self._counts[name] += by


class Rate(NamedTuple):
    """Events that ended in one span of time: delivered, and parked and not taken out since by a replay or a drop."""

    delivered: int = 0
    failed: int = 0

    @property
    def success(self) -> float | None:
        """The share of those delivered; None when none ended."""
        ended = self.delivered + self.failed
        return self.delivered / ended if ended else None

    @property
    def error(self) -> float | None:
        """The share of those that failed; None when none ended."""
        ended = self.delivered + self.failed
        return self.failed / ended if ended else None


#: Span → the size of its slots and the whole, in seconds. A span ends with the present slot, so it covers between the
#: whole less one slot and the whole.
SPANS: Final[Mapping[str, tuple[int, int]]] = {"hour": (300, 3600), "day": (3600, 86_400)}
#: How long the slots of the longest span are kept, in seconds.
_KEPT_S: Final = 2 * 86_400
#: The states in which an event has ended, for the rates.
_ENDS: Final = frozenset({"delivered", "parked"})


class Counters:
    """The counters of the whole installation."""

    def __init__(self, client: redis.Redis, scripts: Scripts) -> None:
        self._client = client
        self._scripts = scripts

    def add(self, tally: Tally, now_ms: int | None = None) -> None:
        """Write a unit of work's counts, into a full Redis, too; the tally is empty afterwards.

        Args:
            tally: what was counted.
            now_ms: when the events ended, for the rates; None for now.
        """
        counts = tally.empty()
        if not counts:
            return
        args = [*_group(keys.METRICS, 0, counts)]
        states = _ended(counts)
        for size_s, key in _slots(system_clock() if now_ms is None else now_ms) if states else ():
            args += _group(key, size_s + 86_400, states)
        self._scripts.run("count", *args)

    def took_out(self, sources: Mapping[str, int], since_ms: int, how: str) -> None:
        """Count events that are parked no more: they fail no longer, in the span in which they were parked, too.

        Args:
            sources: source → how many.
            since_ms: when they were parked.
            how: replayed or dropped.
        """
        names = {
            field_name("tajo_parked_taken_out_total", source=source, how=how): by for source, by in sources.items()
        }
        args = [*_group(keys.METRICS, 0, names)]
        for size_s, key in _slots(since_ms) if since_ms > system_clock() - _KEPT_S * 1000 else ():
            args += _group(key, size_s + 86_400, {"parked": -sum(sources.values())})
        self._scripts.run("count", *args)

    def rates(self, now_ms: int) -> dict[str, Rate]:
        """Return span → what ended in it: `hour`, `day`."""
        pipe = self._client.pipeline(transaction=False)
        slots = [(span, size_s, back) for span, (size_s, whole_s) in SPANS.items() for back in range(whole_s // size_s)]
        for _, size_s, back in slots:
            pipe.hmget(keys.ended(size_s, now_ms // 1000 // size_s - back), "delivered", "parked")
        found: dict[str, list[int]] = {span: [0, 0] for span in SPANS}
        for (span, _, _), values in zip(slots, pipe.execute(), strict=True):
            for index, value in enumerate(values):
                found[span][index] += int(value or 0)
        return {span: Rate(max(0, delivered), max(0, parked)) for span, (delivered, parked) in found.items()}

    def read(self) -> list[Sample]:
        """Return every counter that was ever written, the parts of histograms too."""
        samples = []
        for raw_name, value in sorted(self._client.hgetall(keys.METRICS).items()):
            name, *labels = as_text(raw_name).split("|")
            pairs = (label.partition("=") for label in labels)
            samples.append(Sample(name, {key: text for key, _, text in pairs}, float(value)))
        return samples


def _ended(counts: Mapping[str, int]) -> Counter[str]:
    """Return state → how many events ended in it."""
    found: Counter[str] = Counter()
    for name, by in counts.items():
        if name.startswith("tajo_events_total|"):
            state = name.rpartition("state=")[2]
            found[state] += by if state in _ENDS else 0
    return +found


def _slots(at_ms: int) -> Iterator[tuple[int, str]]:
    """Yield the slots of a time: size in seconds, key. Each is forgotten once no span reaches back to it."""
    for size_s, _ in SPANS.values():
        yield size_s, keys.ended(size_s, at_ms // 1000 // size_s)


def _group(key: str, kept_s: int, counts: Mapping[str, int]) -> Iterator[str | int]:
    """Yield what the script is to add to one hash, which is kept so many seconds, 0 for good."""
    yield from (key, kept_s, len(counts))
    for name, by in counts.items():
        yield from (name, by)
