"""The figures of the installation, and what a person should know."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from customer_sync.api.filters import SpanQuery
from customer_sync.api.installation import Installation
from customer_sync.api.paging import Answer, ListAnswer, bad_cursor
from customer_sync.operate.figures import findings, iso
from customer_sync.store.paging import BadCursor


class Verdict(Answer):
    """Something that was found: that all is well, or what is wrong."""

    level: Literal["ok", "busy", "look", "down"]
    text: str
    remedy: str
    code: str = Field(description="What it is, for programs: worker_gone, webhooks_refused, ...")
    source: str = Field(description="The source that it is about; empty for the whole installation.")
    about: str = Field(description="The destination or target of notices that it is about; empty where there is none.")


class Latency(Answer):
    """How long events took to Brevo's yes."""

    average_s: float | None
    p50_s: float | None
    p99_s: float | None
    events: int


class Rates(Answer):
    """What ended in a span of time."""

    success_rate: float | None
    error_rate: float | None
    delivered: int
    failed: int


class Queue(Answer):
    """One line of waiting work."""

    name: str
    waiting: int
    oldest_age_s: float | None
    later: int = Field(description="How many are for a later time, such as carts that may still be bought: no lag.")


class Limit(Answer):
    """One rate limit."""

    bucket: str
    rate_per_s: float | None = Field(description="0: there is none; null: not known.")
    hour_headroom: float | None
    destination: str
    holds: Literal["", "rate", "hour", "refused"] = Field(
        description="What calls wait for now: the rate, the next hour, the reset after a refusal, nothing."
    )


class Pause(Answer):
    """A lane that waits."""

    lane: str
    kind: Literal["unavailable", "config"]
    reason: str
    remedy: str
    since: str
    destination: str


class Calls(Answer):
    """Calls to Brevo: made, and not needed."""

    made: int
    merged: int
    unchanged: int
    saved: int


class Redis(Answer):
    """How Redis is."""

    is_up: bool
    memory_bytes: int | None = Field(description="null: not told to this user of Redis.")
    memory_limit_bytes: int = Field(description="0: no limit.")
    aof: Literal["on", "off", "failing", "unknown"]
    reason: str = Field(description="Why it cannot be used although it answers.")
    remedy: str
    is_wrong: bool = Field(description="It can never be used.")


class Alert(Answer):
    """What a person should know."""

    at: str
    text: str
    remedy: str


class AlertList(ListAnswer):
    """Alerts, the newest first."""

    items: list[Alert]


class Status(Answer):
    """The figures of the whole installation."""

    model_config = ConfigDict(extra="forbid")

    at: str
    verdict: Verdict = Field(description="The first of the findings.")
    findings: list[Verdict] = Field(description="All that is wrong or waits, the worst first.")
    success_rate: float | None = Field(description="Delivered events of delivered and parked ones, 0 to 1.")
    error_rate: float | None = Field(description="Parked events of delivered and parked ones, 0 to 1.")
    rates: dict[str, Rates] = Field(
        description="Span (hour, day, ever) → what ended in it; replayed and dropped ones are parked no more."
    )
    latency: Latency = Field(description="Of events that came by webhook.")
    pulled_latency: Latency = Field(description="Of records that runs read, from the reading on.")
    waiting: int
    oldest_age_s: float | None
    queues: list[Queue]
    events: dict[str, int] = Field(description="State → how many events ever reached it.")
    sources: dict[str, dict[str, int]] = Field(
        description="Source → the same; `brevo`: what the account told, `tajo`: what was asked for here, as erasures."
    )
    parked: int
    people: int
    limits: list[Limit]
    pauses: list[Pause]
    calls: Calls
    redis: Redis = Field(description="While it is away only the spool is known; the rest here is empty.")
    in_sync: dict[str, float] = Field(
        description="Source → the share of its customers in sync when both sides were compared last."
    )
    in_sync_ratio: float | None = Field(description="The worst of these; null before the first comparison.")
    compared_at: str | None = Field(description="When the source was compared that was compared first.")
    worker_seen_s: float | None = Field(description="Seconds since a worker was seen; null when none was.")
    brevo: Literal["sandbox", "account"]
    brevo_looked_at: str | None = Field(description="When the account was looked at; null: not yet.")
    alerts: list[Alert]


def status(tajo: Installation) -> Status:
    """Return the figures with all that is found, the worst first."""
    figures = tajo.figures()
    found = [one._asdict() for one in findings(figures)]
    return Status.model_validate({**figures.to_json(), "verdict": found[0], "findings": found})


def list_alerts(tajo: Installation, query: SpanQuery) -> AlertList:
    """Return alerts, the newest first."""
    try:
        page = tajo.store().ledger.alerts_page(
            query.limit, cursor=query.cursor, since_ms=query.since, until_ms=query.until
        )
    except BadCursor as error:
        raise bad_cursor(error, query.cursor) from error
    items = [Alert(at=iso(one["at_ms"]), text=one["alert"], remedy=one.get("remedy", "")) for one in page.items]
    return AlertList(items=items, next_cursor=page.cursor)
