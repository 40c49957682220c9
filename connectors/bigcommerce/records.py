"""BigCommerce's customers and newsletter subscribers as canonical customers: tables, then short functions. Pure.

A subscriber is a row of its own with an id of its own, for guests and customers alike, and nothing links the two but
the address. So each is a record: a customer by its number, a subscriber as `subscriber:<number>`. Where both lead to
one address they are one person; a number is never taken for one of the other kind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

from connectors.bigcommerce.rows import CHANGED, own_id
from customer_sync.errors import PayloadError
from customer_sync.kit.fields import Node, Table, as_object, email, filled, maybe_id, moment, strict, take
from customer_sync.kit.fields import text as words
from customer_sync.kit.rescue import Subject, hear
from customer_sync.model import Channel, Consent, ConsentState, Event, Json, Kind, kind_of

#: What stands before the number of a subscriber.
SUBSCRIBER: Final = "subscriber:"
#: The one consent that is about marketing; `abandoned_cart` is set by the same tick, and is about carts.
NEWSLETTER: Final = "marketing_newsletter"
#: The word for what a subscriber's row tells.
METHOD: Final = "consents"

# https://developer.bigcommerce.com/docs/rest-management/customers
_CUSTOMER: Table = {
    "email": strict(email, "email"),
    "firstName": take(words, "first_name", "addresses.0.first_name"),
    "lastName": take(words, "last_name", "addresses.0.last_name"),
    "phone": take(words, "phone", "addresses.0.phone"),
    "company": take(words, "company", "addresses.0.company"),
    "city": take(words, "addresses.0.city"),
    "postcode": take(words, "addresses.0.postal_code"),
    "country": take(words, "addresses.0.country_code"),
    "customerGroupId": take(maybe_id, "customer_group_id"),
    "createdAt": take(moment, "date_created"),
    "updatedAt": take(moment, "date_modified"),
}
# https://developer.bigcommerce.com/docs/rest-management/subscribers
_SUBSCRIBER: Table = {
    "email": strict(email, "email"),
    "firstName": take(words, "first_name"),
    "lastName": take(words, "last_name"),
}


def customer(row: Json, source: str, now: datetime) -> list[Event | PayloadError]:
    """Return the event of a customer's row."""
    return _read(row, source, now, _customer, None)


def subscriber(row: Json, source: str, now: datetime) -> list[Event | PayloadError]:
    """Return the event of a subscriber's row, its consent with it."""
    return _read(row, source, now, _subscriber, SUBJECT)


def consents(node: Node, at: datetime) -> tuple[Consent, ...]:
    """Return what a subscriber's row tells of marketing e-mails.

    An empty list is no withdrawal by itself: shoppers who never ticked the box have one, too (bigcommerce/docs PR 273,
    2024-05). It takes back the yes of the same row, where one was seen. No act with a time of its own stands behind
    either: the row's time is that of its last change.

    Raises:
        PayloadError: they cannot be read.
    """
    told = node.get("consents")
    if told is None:
        return ()
    if not isinstance(told, list):
        raise PayloadError(node.path("consents"), f"expected a list, found {kind_of(told)}")
    state = ConsentState.GRANTED if NEWSLETTER in told else ConsentState.WITHDRAWN
    return (Consent(Channel.EMAIL, state, at, METHOD, only_after_yes=True),)


def _customer(node: Node) -> dict[str, Json]:
    return {"id": own_id(node), **node.pick(_CUSTOMER)}


def _subscriber(node: Node) -> dict[str, Json]:
    # what is empty there says nothing of the customer who has the address
    return {"id": f"{SUBSCRIBER}{own_id(node)}", **filled(node.pick(_SUBSCRIBER))}


#: Where a subscriber's row tells of a person.
SUBJECT: Final = Subject(
    customer_id=lambda node: f"{SUBSCRIBER}{own_id(node)}",
    email=lambda node: email(node.get("email"), node.path("email")),
    at=lambda node: node.instant(*CHANGED),
    consents=(consents,),
)


def _read(
    row: Json,
    source: str,
    now: datetime,
    read: Callable[[Node], dict[str, Json]],
    subject: Subject | None,
) -> list[Event | PayloadError]:
    try:
        node = Node(as_object(row, "data"))
    except PayloadError as fault:
        return [fault]
    at = node.instant(*CHANGED) or now
    outline = Event(f"bc:{source}:{at.isoformat()}", source, Kind.CUSTOMER_UPDATED, at)
    return hear(partial(_event, node, outline, read, subject), node, subject, outline)


def _event(node: Node, outline: Event, read: Callable[[Node], dict[str, Json]], subject: Subject | None) -> Event:
    record = read(node)
    found = str(record["id"])
    told = subject.told(node, outline.occurred_at) if subject else ()
    name = f"{outline.id}:customer:{found}"
    return replace(outline, id=name, record_id=found, customer_id=found, record=record, consents=told)
