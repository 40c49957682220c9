"""What a shop tells by itself: bodies of the companion module and of Adobe I/O Events. Pure.

Both hold the model of an observer, with values as the database writes them (numbers as text); a record that changed is
a hint, because a model is a part of the record. What needs no read is told at once: a deletion, an erasure, and what
somebody says of the newsletter, which is an act with a time of its own (`change_status_at`), also for guests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Final, NamedTuple

from connectors.magento.customers import Erased
from customer_sync.errors import PayloadError
from customer_sync.kit.connector import hint, json_object
from customer_sync.kit.fields import Node, email, identifier, maybe_id, take
from customer_sync.kit.rescue import Subject, hear
from customer_sync.model import Channel, Consent, ConsentState, Event, Inbound, Json, Kind, kind_of


class Topic(NamedTuple):
    """What an observer's event is about.

    Args:
        kind: what happened.
        resource: of which list.
        key: where the id of the record stands.
    """

    kind: Kind
    resource: str
    key: str


#: Observer's event → what it says. Adobe I/O has `*_save_after` and `*_save_commit_after`; both are the first here.
TOPICS: Final[Mapping[str, Topic]] = {
    "customer_save_after": Topic(Kind.RECORD_CHANGED, "customers", "id"),
    "customer_delete_after": Topic(Kind.CUSTOMER_DELETED, "customers", "id"),
    "newsletter_subscriber_save_after": Topic(Kind.CONSENT_CHANGED, "customers", "customer_id"),
    "newsletter_subscriber_delete_after": Topic(Kind.CONSENT_CHANGED, "customers", "customer_id"),
    "sales_order_save_after": Topic(Kind.RECORD_CHANGED, "orders", "id"),
    "sales_order_invoice_save_after": Topic(Kind.RECORD_CHANGED, "orders", "order_id"),
    "sales_order_creditmemo_save_after": Topic(Kind.RECORD_CHANGED, "orders", "order_id"),
    "catalog_product_save_after": Topic(Kind.RECORD_CHANGED, "products", "id"),
    "catalog_product_delete_after": Topic(Kind.PRODUCT_DELETED, "products", "id"),
}
#: `subscriber_status` of the table newsletter_subscriber; 2 waits for a click in a mail, 4 for the shop.
STATES: Final[Mapping[str, ConsentState]] = {
    "1": ConsentState.GRANTED,
    "2": ConsentState.PENDING,
    "3": ConsentState.WITHDRAWN,
    "4": ConsentState.PENDING,
}
_OBSERVER: Final = "observer."
_STATUS: Final = "subscriber_status"


@dataclass(frozen=True, slots=True)
class Told:
    """A body, whoever sent it.

    Args:
        topic: the observer's event, without `_commit`; "" for another.
        id: unique for one event, the same when it is sent again.
        node: the model.
        at: when it was sent; None where the body does not tell.
        websites: number and code of the website it is of; empty where the body does not tell.
    """

    topic: str
    id: str
    node: Node
    at: datetime | None
    websites: frozenset[str] = frozenset()


def told(inbound: Inbound) -> Told:
    """Return what a body tells.

    Raises:
        PayloadError: it is no event.
    """
    body = Node(json_object(inbound))
    if "recipient_client_id" not in body:
        store = body.get("store")
        told = store if isinstance(store, dict) else {}
        websites = frozenset(str(one) for key in ("website_id", "website") if (one := told.get(key)) is not None)
        number = _id(body.get("id"), inbound)
        return Told(_topic(body.get("topic")), number, body.child("data"), body.instant("sent_at"), websites)
    # Adobe delivers the event as it is (CloudEvents), or wrapped in `event`
    event = body.child("event") if isinstance(body.get("event"), dict) else body
    topic = _topic(event.get("type") or body.get("type"))
    at = event.instant("time") or body.instant("time")
    key = body.get("event_id") or event.get("id")
    return Told(topic, _id(key, inbound), event.child("data").child("value"), at)


def parse(
    inbound: Inbound, erased: Erased, website: str = "", *, is_per_website: bool = False
) -> list[Event | PayloadError]:
    """Return the events of a verified request.

    Args:
        inbound: the request.
        erased: addresses that an erasure made up.
        website: the one website that is wanted; "" wants all. What tells no website is taken.
        is_per_website: who leaves the newsletter leaves the lists of this source only.

    Raises:
        PayloadError: the body is no event.
    """
    found = told(inbound)
    topic = TOPICS.get(found.topic)
    if topic is None or (website and found.websites and website not in found.websites):
        return []
    node = found.node
    if topic.kind is Kind.CONSENT_CHANGED:
        no = ConsentState.UNKNOWN if is_per_website else ConsentState.WITHDRAWN
        address, account = node.get("subscriber_email"), node.get("customer_id")
        if erased.fits(address) or erased.is_odd(address, number=account):
            return _of_nobody(inbound, found, topic, no)
        return _newsletter(inbound, found, topic, no)
    number = identifier(_number(node, topic.key), node.path(topic.key))
    at = node.instant("updated_at") or found.at or inbound.received_at
    if topic.kind is Kind.RECORD_CHANGED:
        if topic.resource == "customers" and erased.fits(node.get("email")):
            return [_erased(inbound, found, topic, number, at)]
        return [hint(inbound, topic.resource, number, at, id=found.id, topic=found.topic)]
    outline = replace(_outline(inbound, found, topic), record_id=number, record={"id": number})
    outline = replace(outline, occurred_at=found.at or inbound.received_at)
    return [replace(outline, customer_id=number) if topic.resource == "customers" else outline]


def _newsletter(inbound: Inbound, found: Told, topic: Topic, no: ConsentState) -> list[Event | PayloadError]:
    """Return what a row of the newsletter tells.

    A guest's row that was deleted is a withdrawal. That of an account may be gone together with the account, which is
    no act of anybody: the account is read again.
    """
    node, outline = found.node, _outline(inbound, found, topic)
    is_gone = found.topic == "newsletter_subscriber_delete_after"
    subject = _subject(is_gone=is_gone, no=no)
    if is_gone and node.get("customer_id") not in (None, "", 0, "0"):
        try:
            number = identifier(node.get("customer_id"), node.path("customer_id"))
        except PayloadError as fault:
            node.note(fault)
        else:
            return [hint(inbound, topic.resource, number, outline.occurred_at, id=found.id, topic=found.topic)]
    return hear(partial(_consent, node, subject, outline), node, subject, outline)


def _of_nobody(inbound: Inbound, found: Told, topic: Topic, no: ConsentState) -> list[Event | PayloadError]:
    """Return what a row of the newsletter tells that has an address which an erasure made up.

    Nobody is made or moved there. The account is read again, and says what became of it; that it left counts at once.
    """
    node, outline = found.node, _outline(inbound, found, topic)
    number = maybe_id(node.get("customer_id"), node.path("customer_id"))
    if number in (None, "0"):
        return []
    again = hint(inbound, topic.resource, number, outline.occurred_at, id=found.id, topic=found.topic)
    subject = _subject(is_gone=False, no=no)._replace(email=lambda _: None)
    outline = replace(outline, id=f"{found.id}:left")
    told = hear(partial(_consent, node, subject, outline), node, subject, outline)
    return [again, *(one for one in told if isinstance(one, PayloadError) or _leaves(one))]


def _leaves(event: Event) -> bool:
    return any(said.state is ConsentState.WITHDRAWN for said in event.consents)


def _erased(inbound: Inbound, found: Told, topic: Topic, number: str, at: datetime) -> Event:
    """Return the erasure of somebody whose address a privacy module replaced; the module tells the one before."""
    node = found.node
    record: dict[str, Json] = {"id": number}
    before = node.pick({"email": take(email, "old_email")}).get("email")
    if before and before != node.get("email"):
        record["email"] = before
    outline = replace(_outline(inbound, found, topic), kind=Kind.CUSTOMER_ERASED, occurred_at=at)
    return replace(outline, record_id=number, customer_id=number, record=record)


def _outline(inbound: Inbound, found: Told, topic: Topic) -> Event:
    return Event(found.id, inbound.source, topic.kind, found.at or inbound.received_at, topic=found.topic)


def _consent(node: Node, subject: Subject, outline: Event) -> Event | None:
    customer_id, address = subject.customer_id(node), subject.email(node)
    seen = subject.told(node, subject.at(node) or outline.occurred_at)
    if customer_id is None and address is None:
        raise PayloadError(node.path("subscriber_email"), "expected the address or the account of a subscriber")
    record: dict[str, Json] = {"id": customer_id, "email": address}
    known = {name: value for name, value in record.items() if value is not None}
    if not seen:
        return None
    at = max(one.at for one in seen)
    return replace(outline, occurred_at=at, record_id=customer_id, customer_id=customer_id, record=known, consents=seen)


def _subject(*, is_gone: bool, no: ConsentState) -> Subject:
    """Return where a row of the table newsletter_subscriber tells of a person; one that was deleted is a withdrawal."""
    return Subject(
        customer_id=lambda node: maybe_id(node.get("customer_id"), node.path("customer_id")),
        email=lambda node: email(node.get("subscriber_email"), node.path("subscriber_email")),
        at=lambda node: None if is_gone else node.instant("change_status_at"),
        consents=(_gone(no) if is_gone else _status(no),),
    )


def _status(no: ConsentState) -> Callable[[Node, datetime], tuple[Consent, ...]]:
    def read(node: Node, at: datetime) -> tuple[Consent, ...]:
        value = node.get(_STATUS)
        if value is None:
            return ()
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise PayloadError(node.path(_STATUS), f"expected a status from 1 to 4, found {kind_of(value)}")
        state = STATES.get(str(value), ConsentState.UNKNOWN)
        state = no if state is ConsentState.WITHDRAWN else state
        has_time = node.instant("change_status_at") is not None
        is_act = has_time and state in {ConsentState.GRANTED, ConsentState.WITHDRAWN}
        return (Consent(Channel.EMAIL, state, at, f"{_STATUS}:{str(value)[:10]}", explicit=is_act),)

    return read


def _gone(no: ConsentState) -> Callable[[Node, datetime], tuple[Consent, ...]]:
    def read(node: Node, at: datetime) -> tuple[Consent, ...]:
        del node
        return (Consent(Channel.EMAIL, no, at, "subscriber_deleted", explicit=no is ConsentState.WITHDRAWN),)

    return read


def _number(node: Node, key: str) -> Json:
    """Return the id of a record; models of products and orders call their own `entity_id`."""
    return node.get("entity_id") if key == "id" and node.get("id") is None else node.get(key)


def _topic(value: Json) -> str:
    """Return the observer's event in `com.adobe.commerce.observer.customer_save_commit_after` or alone."""
    if not isinstance(value, str):
        return ""
    name = value.rpartition(_OBSERVER)[2] if _OBSERVER in value else value
    return name.replace("_commit_after", "_after")


def _id(value: Json, inbound: Inbound) -> str:
    """Return the key against repeats; a body without one is known by its bytes."""
    is_good = isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable()
    return f"magento:{inbound.source}:{value if is_good else sha256(inbound.body).hexdigest()}"
