"""What the service answers, as types. Made from the service's OpenAPI document by `make format`.

Nothing is converted: an answer is the JSON as it came, and a newer service may add to it.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict


class Accepted(TypedDict):
    """What was taken; workers do the rest."""

    accepted: int
    ids: list[str]
    left_out: list[str]


class Alert(TypedDict):
    """What a person should know."""

    at: str
    text: str
    remedy: str


class AskedSource(TypedDict):
    """What came of asking a source for one of the person's records."""

    source: str
    id: str | None
    result: Literal["read", "gone", "not_asked", "failed"]
    why: str


class ComparedContact(TypedDict):
    """What the look at Brevo gave."""

    result: Literal["equal", "differs", "waits", "absent", "not_asked", "failed"]
    fields: list[str]
    why: str


class ConnectorList(TypedDict):
    """The sources, the platforms, and the connectors that cannot be loaded (platform → why)."""

    items: list[Source]
    platforms: list[Platform]
    broken: dict[str, str]


class DoorCost(TypedDict):
    """What one door is about in a run."""

    door: Literal["updates", "phones", "lists"]
    is_open: bool
    why: str
    people: int
    calls: int
    seconds: float | None
    proven_calls: int | None
    proven_seconds: float | None
    text: str


class Dropped(TypedDict):
    """How many parked things are gone for good."""

    dropped: int


class ErasureReport(TypedDict):
    """What an erasure did here. The contact in Brevo is deleted by a worker."""

    was_known: bool
    is_done: bool
    asked_at: str
    removed: Removed


class Event(TypedDict):
    """An event of the ledger."""

    id: str
    source: str
    kind: str
    topic: str
    state: EventState
    person: str
    at: str
    settled_at: str
    note: str


class EventDetail(TypedDict):
    """An event with every state that it was in."""

    id: str
    source: str
    kind: str
    topic: str
    state: EventState
    person: str
    at: str
    settled_at: str
    note: str
    steps: list[Step]


#: The one state an event is in; ledger, metrics and dashboard use these six words.
EventState = Literal["ignored", "repeated", "pending", "delivered", "retrying", "parked"]


class Installed(TypedDict):
    """What became of a source's webhooks."""

    source: str
    address: str
    kept: list[str]
    created: list[str]
    repaired: dict[str, str]
    failed: dict[str, str]
    removed: list[str]
    is_unheard: bool
    was_deaf: bool
    next: str


class Outlook(TypedDict):
    """How many calls a run takes, door by door, and how many a proof can save."""

    calls: int
    seconds: float | None
    rate_per_s: float
    rate_is_assumed: bool
    doors: list[DoorCost]


class Parked(TypedDict):
    """A parked thing, without what it holds of people."""

    id: str
    what: Literal["inbound", "item"]
    source: str
    topic: str
    person: str
    reason: str
    remedy: str
    at: str
    size_bytes: int


class ParkedDetail(TypedDict):
    """A parked thing, with what it holds where that was asked for."""

    id: str
    what: Literal["inbound", "item"]
    source: str
    topic: str
    person: str
    reason: str
    remedy: str
    at: str
    size_bytes: int
    content: dict[str, Any] | None


class Platform(TypedDict):
    """A platform that there is a connector for."""

    platform: str
    title: str
    resources: list[str]
    topics: list[str]
    keys: list[str]
    secret_keys: list[str]
    pulls: list[str]
    writes: list[str]
    shares_addresses: bool
    origin: str
    auth: str
    proof: str
    judges: str


class Removed(TypedDict):
    """What was removed, in numbers."""

    inbox: int
    spool: int
    parked: int
    ledger: int
    shared: list[str]


class Replayed(TypedDict):
    """How many parked things go through the line again."""

    replayed: int


class Run(TypedDict):
    """One run, as it stands."""

    id: str
    source: str
    resource: str
    kind: RunKind
    state: RunState
    by: str
    dry_run: bool
    forced: bool
    braked: bool
    since: str | None
    total: int | None
    counts: dict[str, int]
    differing: dict[str, int]
    rate_per_s: float
    share: float | None
    left_s: float | None
    phase: str
    reason: str
    remedy: str
    notes: list[str]
    outlook: Outlook | None
    started_at: str
    updated_at: str
    ended_at: str | None


#: What a run reads.
RunKind = Literal["full", "incremental", "compare"]

#: The state of a run. All but the last three hold the lock of the source.
RunState = Literal["running", "paused", "stopped", "delivering", "done", "cancelled"]


class SentTest(TypedDict):
    """What a target answered to a test."""

    target: str
    is_taken: bool
    answer: str
    remedy: str
    id: str
    seconds: float


class SentTests(TypedDict):
    """What all tested targets answered."""

    items: list[SentTest]


class Skill(TypedDict):
    """One skill, as it is now."""

    name: str
    summary: str
    resources: list[str]
    origin: str
    version: str | None
    enabled: bool
    set_by: Literal["file", "api"]
    acts_on: list[str]
    lacking: list[str]
    config: dict[str, Any]
    warnings: list[str]


class SkillList(TypedDict):
    """Every skill, and those that cannot be used (skill → why, and what to do)."""

    items: list[Skill]
    broken: dict[str, str]


class SkillReport(TypedDict):
    """What came of a skill's mails since it was first on."""

    skill: str
    carts_left: int
    ended: dict[str, int]
    variants: list[SkillVariant]


class SkillRevenue(TypedDict):
    """What the carts of one variant brought in one currency; amounts of two currencies are never added."""

    currency: str
    orders: int
    total: float
    mean_per_cart: float
    standard_error: float | None
    low: float | None
    high: float | None


class SkillVariant(TypedDict):
    """One variant of a skill's test of mails."""

    name: str | None
    carts: int
    mails: dict[str, int]
    in_doubt: int
    recovered: int
    recovered_share: float | None
    revenue: list[SkillRevenue]


class Source(TypedDict):
    """One source, and how it does."""

    name: str
    platform: str | None
    state: Literal["healthy", "quiet", "look", "down", "disabled", "stands still"]
    why: str
    connected: str
    webhooks: str
    webhooks_at: str | None
    webhook_url: str | None
    first_sync: str
    last_event_at: str | None
    refused: int
    events: dict[str, int]
    findings: list[str]


class Step(TypedDict):
    """A state that an event was in."""

    state: EventState
    at: str
    note: str


class Synced(TypedDict):
    """What was asked, and what was found; workers send what differs."""

    person: str
    sources: list[AskedSource]
    brevo: ComparedContact


class Target(TypedDict):
    """One receiver of notices."""

    name: str
    kind: Literal["webhook", "slack", "email"]
    host: str
    events: list[str]
    state: Literal["ready", "new", "failing", "paused"]
    waiting: int
    taken_at: str | None
    taken_type: str | None
    failing_since: str | None
    why: str
    remedy: str


class TargetList(TypedDict):
    """All receivers of notices."""

    items: list[Target]
