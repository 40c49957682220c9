"""Who may be told of in an event or an order: neither makes a contact, nor starts anything for somebody who left.

Brevo does not say whether an event for an address that it does not know makes a contact, and such a contact would be
mailable. So events go to contacts that are there, by what we know; for a contact that is about to be made they wait.
"""

from __future__ import annotations

from typing import Final

from customer_sync.brevo.contacts.contact_plan import heard, is_gone, view
from customer_sync.brevo.desk import Desk
from customer_sync.errors import TryLater
from customer_sync.model import ConsentState, Priority
from customer_sync.person.person import Person, apply
from customer_sync.store.items import Item

#: For how long an event waits for its contact, in ms.
PATIENCE_MS: Final = 86_400_000
#: How soon it is looked again, in seconds; the longer it waits already, the later.
SOON_S: Final = 2.0
MOST_WAIT_S: Final = 900.0
#: The same of what runs read.
BULK_S: Final = 15.0


class Unreachable(Exception):
    """There is nobody to be told of; says why."""


def person_of(desk: Desk, item: Item) -> Person | None:
    """Return the person whom a record belongs to, with what waits for Brevo; None for nobody."""
    if item.whose is None:
        return None
    return apply(desk.store.people.decode(item.whose.record), item.whose.parts)


def address(desk: Desk, item: Item, *, is_ending: bool, only_granted: bool = False) -> str:
    """Return the address of the contact that an event is about.

    Args:
        desk: what the handler works with.
        item: the record.
        is_ending: whether the event ends something, as a purchase does: then those who left are told of as well, once
            Brevo has blocked them.
        only_granted: whether nothing is started for people who did not say that they want mail.

    Raises:
        Unreachable: there is no such contact, or it left.
        TryLater: the contact is about to be made, or to be blocked: that goes first.
    """
    person = person_of(desk, item)
    if person is None or not person.email:
        raise Unreachable("nobody whom Brevo knows")
    seen = view(person, desk.rules())
    if seen.word == "deleted":
        raise Unreachable("the customer was deleted")
    has_left = seen.email.state is ConsentState.WITHDRAWN
    if has_left and not is_ending:
        raise Unreachable("the customer left: nothing is started")
    if only_granted and not is_ending and seen.email.state is not ConsentState.GRANTED:
        raise Unreachable("the customer did not agree to be mailed: only_granted")
    has = heard(person)
    if has.is_there and (has.blocked or not has_left):
        return person.email
    if is_gone(person, has, seen):
        raise Unreachable("the contact was deleted in Brevo")
    if seen.word == "active":
        let_contact_go_first(desk, item)
    raise Unreachable("no contact in Brevo, and an event makes none")


def let_contact_go_first(desk: Desk, item: Item) -> None:
    """Return when a record has waited long enough for the contact of its person.

    Raises:
        TryLater: it has not; history, of which there is much, is looked at less often.
    """
    waits_ms = desk.clock() - item.since_ms
    if waits_ms > PATIENCE_MS:
        return
    soon_s, part = (BULK_S, 2000) if item.priority is Priority.BULK else (SOON_S, 4000)
    wait_s = min(max(soon_s, waits_ms / part), MOST_WAIT_S)
    raise TryLater("The contact itself goes first.", after_s=wait_s, burns=False)
