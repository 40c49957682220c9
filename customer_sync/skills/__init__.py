"""Skills: named behaviours over events. Each is one file and turns an Event into the steps of a plan, purely."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from customer_sync.engine.plan import Step
from customer_sync.errors import MappingError
from customer_sync.model import Event, Json


class Intent(NamedTuple):
    """What a skill makes of an event.

    Args:
        steps: what is to change.
        note: what a person should know, such as a field that was left out; field names and reasons, never values.
        refused: the fields that were left out.
        fault: why the rest of the event cannot be used: the request is parked; `steps` are done all the same, which is
            how a withdrawal is never parked with what stands beside it.
    """

    steps: Sequence[Step] = ()
    note: str = ""
    refused: tuple[str, ...] = ()
    fault: MappingError | None = None


class Skill(Protocol):
    """A named behaviour over events."""

    name: str

    def intent(self, event: Event) -> Intent:
        """Return what should change because of an event. Pure; what is of no interest gives nothing.

        Raises:
            MappingError: the record does not fit; the request is parked.
        """
        ...


@runtime_checkable
class Steady(Skill, Protocol):
    """A skill whose intent depends on nothing but the event and its terms.

    What it did for a record once it would do again. Where a skill is not steady, full runs read every record again.
    """

    def terms(self, source: str) -> Json:
        """Return what the intents for a source depend on beside the event, in a form that can be compared."""
        ...
