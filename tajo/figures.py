"""The figures of an installation, as types. Made from the service's OpenAPI document by `make format`.

Nothing is converted: an answer is the JSON as it came, and a newer service may add to it.
"""

from __future__ import annotations

from typing import Literal, TypedDict

from tajo.answers import Alert


class Calls(TypedDict):
    """Calls to Brevo: made, and not needed."""

    made: int
    merged: int
    unchanged: int
    saved: int


class Latency(TypedDict):
    """How long events took to Brevo's yes."""

    average_s: float | None
    p50_s: float | None
    p99_s: float | None
    events: int


class Limit(TypedDict):
    """One rate limit."""

    bucket: str
    rate_per_s: float | None
    hour_headroom: float | None
    destination: str
    holds: Literal["", "rate", "hour", "refused"]


class Pause(TypedDict):
    """A lane that waits."""

    lane: str
    kind: Literal["unavailable", "config"]
    reason: str
    remedy: str
    since: str
    destination: str


class Queue(TypedDict):
    """One line of waiting work."""

    name: str
    waiting: int
    oldest_age_s: float | None
    later: int


class Rates(TypedDict):
    """What ended in a span of time."""

    success_rate: float | None
    error_rate: float | None
    delivered: int
    failed: int


class Redis(TypedDict):
    """How Redis is."""

    is_up: bool
    memory_bytes: int | None
    memory_limit_bytes: int
    aof: Literal["on", "off", "failing", "unknown"]
    reason: str
    remedy: str
    is_wrong: bool


class Status(TypedDict):
    """The figures of the whole installation."""

    at: str
    verdict: Verdict
    findings: list[Verdict]
    success_rate: float | None
    error_rate: float | None
    rates: dict[str, Rates]
    latency: Latency
    pulled_latency: Latency
    waiting: int
    oldest_age_s: float | None
    queues: list[Queue]
    events: dict[str, int]
    sources: dict[str, dict[str, int]]
    parked: int
    people: int
    limits: list[Limit]
    pauses: list[Pause]
    calls: Calls
    redis: Redis
    in_sync: dict[str, float]
    in_sync_ratio: float | None
    compared_at: str | None
    worker_seen_s: float | None
    brevo: Literal["sandbox", "account"]
    brevo_looked_at: str | None
    alerts: list[Alert]


class Verdict(TypedDict):
    """Something that was found: that all is well, or what is wrong."""

    level: Literal["ok", "busy", "look", "down"]
    text: str
    remedy: str
    code: str
    source: str
    about: str
