"""What imports may do in the Brevo account, as types. Made from the service's OpenAPI document by `make format`.

Nothing is converted: an answer is the JSON as it came, and a newer service may add to it.
"""

from __future__ import annotations

from typing import Literal, TypedDict


class Door(TypedDict):
    """What imports may do beside creating contacts, or may not."""

    name: Literal["updates", "phones", "lists"]
    is_open: bool
    why: str
    text: str
    remedy: str


class Imports(TypedDict):
    """The doors, and the proof that runs."""

    doors: list[Door]
    most_rows: int
    proven_at: str | None
    proof: Proof | None


class Proof(TypedDict):
    """A proof that is under way."""

    begun_at: str
    stages: list[Stage]
    wait_s: float
    trouble: str
    calls: int


class Stage(TypedDict):
    """A part of a proof."""

    name: str
    state: Literal["done", "now", "waits"]
    text: str
