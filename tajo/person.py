"""One person, explained, as types. Made from the service's OpenAPI document by `make format`.

Nothing is converted: an answer is the JSON as it came, and a newer service may add to it.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict


class BrevoHas(TypedDict):
    """What Brevo has, as it last accepted it."""

    email: str | None
    at: str | None
    blocked: bool
    sms_blocked: bool
    lists: list[int]
    next: str
    why: str


class ChannelConsent(TypedDict):
    """What a person allows on one channel."""

    channel: str
    state: str
    why: str
    evidence: Evidence | None
    losing: list[Evidence]


class Contact(TypedDict):
    """All that is known of a person: where each value comes from, what was decided and why, what waits."""

    email: str
    person: str | None
    address: str | None
    erased_at: str | None
    values: list[Value]
    consents: list[ChannelConsent]
    refused: dict[str, str] | None
    brevo: BrevoHas | None
    waiting: Waiting | None
    totals: Totals | None
    links: list[Link]
    write_backs: list[WriteBack]
    parked: list[str]
    events: list[ContactEvent]


class ContactEvent(TypedDict):
    """One of the person's newest events."""

    event_id: str
    source: str
    kind: str
    topic: str
    state: str
    person: str
    at: str | None
    settled_at: str | None
    note: str
    steps: list[ContactStep]


class ContactStep(TypedDict):
    """One state of an event."""

    state: str
    at: str | None
    note: str


class Evidence(TypedDict):
    """Something on record about a channel's consent: where it stands, and the state that it stands for."""

    register: str
    says: str
    source: str
    at: str | None
    method: str
    of: Literal["record", "address"]


class Link(TypedDict):
    """One customer record of the person."""

    source: str
    id: str | None
    state: Literal["living", "displaced", "deleted"]


class Order(TypedDict):
    """One order of the person."""

    source: str
    id: str
    number: str
    state: str | None
    currency: str | None
    worth: float | None
    created: str | None
    counts: bool
    why: str


class Total(TypedDict):
    """One total of the person: the sum over the orders, and what a platform tells, which wins."""

    field: str
    attribute: str
    sum: float | str | None
    platform: float | str | None
    source: str
    difference: float | None


class Totals(TypedDict):
    """What the person's orders come to."""

    currency: str | None
    known: int
    orders: list[Order]
    totals: list[Total]


class Value(TypedDict):
    """One value that is known of a person."""

    field: str
    value: Any
    source: str
    at: str | None
    event: str | None
    waits: bool


class Waiting(TypedDict):
    """What waits to be delivered."""

    changes: int
    since_at: str | None
    due_at: str | None
    tries: int
    paused: str


class WriteBack(TypedDict):
    """What became of the person's opt-out at the platform of one record."""

    source: str
    id: str | None
    state: str
    said_at: str | None
    at: str | None
    why: str
    tries: int
    is_open: bool
