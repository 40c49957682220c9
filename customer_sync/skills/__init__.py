"""Skills: named behaviours over events. Each is one file and turns an Event into Changes, purely."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from customer_sync.model import Change, Event, Merged


class Work(NamedTuple):
    """What a skill makes of an event.

    Args:
        changes: what targets should become; two customers that became one go first.
        note: what a person should know, such as a field that was left out; field names and reasons, never values.
        refused: the fields that were left out.
    """

    changes: Sequence[Change | Merged] = ()
    note: str = ""
    refused: tuple[str, ...] = ()


class Skill(Protocol):
    """A named behaviour over events."""

    name: str

    def work(self, event: Event) -> Work:
        """Return what should change because of an event. Pure; what is of no interest gives nothing.

        Raises:
            MappingError: the record does not fit; the request is parked.
        """
        ...
