"""For connector authors: a withdrawal of consent is heard whatever is wrong with the rest of its body.

A connector says once, in a `Subject`, where a kind of body tells of a person: the readers of its consents, and by what
the person is found. Reading the whole body uses them; where the body cannot be read, `hear` tries each of them alone
and gives what is left of the withdrawals as an event of its own, beside the fault for the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple, TypeVar

from customer_sync.errors import PayloadError
from customer_sync.kit.fields import Node
from customer_sync.model import Consent, ConsentState, Event, Json, Kind

#: Reads the consents at one place of a body. The time is for a state that has none of its own; a withdrawal whose own
#: time cannot be read has it too.
ConsentReader = Callable[[Node, datetime], tuple[Consent, ...]]

#: What the id of an event ends with that holds the withdrawals of a body alone.
ALONE = ":consents"

Found = TypeVar("Found")


class Subject(NamedTuple):
    """Where a kind of body tells of a person.

    Args:
        customer_id: reads the customer's id.
        email: reads the customer's own address.
        at: reads when the body was so, None where it does not tell.
        consents: one reader for each place, so that a fault at one of them costs no other.
    """

    customer_id: Callable[[Node], str | None]
    email: Callable[[Node], str | None]
    at: Callable[[Node], datetime | None]
    consents: tuple[ConsentReader, ...]

    def told(self, node: Node, at: datetime) -> tuple[Consent, ...]:
        """Return what a body tells of consent.

        Args:
            node: the body.
            at: the time of a state that has none of its own.

        Raises:
            PayloadError: one of them cannot be read.
        """
        return tuple(seen for read in self.consents for seen in read(node, at))


def hear(
    read: Callable[[], Event | None], node: Node, subject: Subject | None, outline: Event
) -> list[Event | PayloadError]:
    """Return the event of a body; where it cannot be read, the withdrawals in it and then the fault.

    Args:
        read: reads the whole body; None when it tells of nothing that happened.
        node: the body; its notes go along with the event.
        subject: where it tells of a person; None where it never tells of consent.
        outline: the event without what the body tells; `occurred_at` is when it was seen.
    """
    try:
        event = read()
    except PayloadError as fault:
        withdrawn = None if subject is None else _withdrawals(node, subject, outline)
        return [fault] if withdrawn is None else [withdrawn, fault]
    if event is None:
        return []
    return [replace(event, notes=tuple(node.notes)) if node.notes or event.notes else event]


def is_rescued(event: Event) -> bool:
    """Tell whether an event holds the withdrawals of a body that could not be read: its fault comes right behind."""
    return event.id.endswith(ALONE)


def _withdrawals(node: Node, subject: Subject, outline: Event) -> Event | None:
    """Return the withdrawals of a body alone; None when there are none, or nobody whose they are.

    Its id is its own: the rest of the body, replayed after a fix, is another event and not a repetition.
    """
    at = subject.at(node) or outline.occurred_at
    told = [seen for read in subject.consents for seen in _tried(read, node, at) or ()]
    seen = tuple(one for one in told if one.state is ConsentState.WITHDRAWN)
    customer_id, email = _tried(subject.customer_id, node), _tried(subject.email, node)
    if not seen or (customer_id is None and email is None):
        return None
    known: dict[str, Json] = {"id": customer_id, "email": email}
    return replace(
        outline,
        id=f"{outline.id}{ALONE}",
        kind=Kind.CONSENT_CHANGED,
        occurred_at=max(one.at for one in seen),
        record_id=customer_id,
        customer_id=customer_id,
        record={name: value for name, value in known.items() if value is not None},
        consents=seen,
        notes=tuple(node.notes),
    )


def _tried(read: Callable[..., Found | None], *args: object) -> Found | None:
    try:
        return read(*args)
    except PayloadError:
        return None
