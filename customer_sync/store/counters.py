"""Counters in Redis: one hash, written in one command at the end of each unit of work, read on request.

A field is `name|label=value|...`; the labels stand in the order of the catalogue.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import NamedTuple

import redis

from customer_sync.base.metrics import BY_NAME, LATENCY_BUCKETS_S
from customer_sync.store import keys
from customer_sync.store.scripts import as_text


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

    def observe_latency(self, seconds: float) -> None:
        """Add one latency to the histogram."""
        bound = next((str(bound) for bound in LATENCY_BUCKETS_S if seconds <= bound), "+Inf")
        name = "tajo_event_latency_seconds"
        self._add({f"{name}|le={bound}": 1, f"{name}|sum_us": int(seconds * 1_000_000)})

    def empty(self) -> dict[str, int]:
        """Return all that was counted and start again at nothing."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        return counts

    def _add(self, counts: dict[str, int]) -> None:
        with self._lock:
            self._counts.update(counts)


class Counters:
    """The counters of the whole installation."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def add(self, tally: Tally) -> None:
        """Write a unit of work's counts; the tally is empty afterwards."""
        counts = tally.empty()
        if not counts:
            return
        pipe = self._client.pipeline(transaction=False)
        for name, by in counts.items():
            pipe.hincrby(keys.METRICS, name, by)
        pipe.execute()

    def read(self) -> list[Sample]:
        """Return every counter that was ever written, the parts of histograms too."""
        samples = []
        for raw_name, value in sorted(self._client.hgetall(keys.METRICS).items()):
            name, *labels = as_text(raw_name).split("|")
            pairs = (label.partition("=") for label in labels)
            samples.append(Sample(name, {key: text for key, _, text in pairs}, float(value)))
        return samples
