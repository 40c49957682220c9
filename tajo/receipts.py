"""A comparison of both sides, as types. Made from the service's OpenAPI document by `make format`.

Nothing is converted: an answer is the JSON as it came, and a newer service may add to it.
"""

from __future__ import annotations

from typing import Literal, TypedDict


class AtSource(TypedDict):
    """How a source's customers and what is known here differ."""

    in_sync: float | None
    read: int
    customers: int
    equal: int
    differ: int
    by_field: dict[str, int]
    missing_here: int
    gone_at_source: int
    harmful: int
    healed: int
    refused: dict[str, int]
    notes: list[str]


class Drift(TypedDict):
    """How many people differ in one thing, and the numbers of the first few."""

    count: int
    people: list[str]


class OfSource(TypedDict):
    """The figures of one source on both sides."""

    in_sync: float | None
    in_brevo: float | None
    compared: int
    equal: int
    source: AtSource | None


class Receipt(TypedDict):
    """One comparison of both sides: what differed and what was mended."""

    id: str
    started: str | None
    ended: str | None
    sources: list[str]
    heal: bool
    stopped: str
    in_sync: float | None
    worst: Worst | None
    totals: dict[str, int]
    mailable_though_withdrawn: dict[str, Drift]
    left_in_brevo_since: dict[str, Drift]
    by_field: dict[str, Drift]
    deleted_in_brevo: Drift
    refused: dict[str, int]
    not_in_brevo: dict[str, int]
    by_source: dict[str, OfSource]
    calls: int
    notes: list[str]


class Worst(TypedDict):
    """Whose figure the one of a comparison is."""

    source: str
    side: Literal["at the source", "in Brevo"]
    equal: int
    compared: int
    in_sync: float
