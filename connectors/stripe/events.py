"""Stripe's events as ours: one table, then a reader for each kind of object. Pure.

The same events come by webhook and from `GET /v1/events`, with the same ids. An event holds the object as it was then,
in the version of the webhook endpoint or, in the list, of the time when it happened: both generations are read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Final

from connectors.stripe import consent, orders, records
from connectors.stripe.account import Account
from connectors.stripe.records import instant, is_deleted, own_id, reference
from customer_sync.errors import PayloadError
from customer_sync.kit.connector import hint
from customer_sync.kit.fields import Node, identifier
from customer_sync.kit.rescue import Subject, hear
from customer_sync.model import CUSTOMERS, Event, Inbound, Json, Kind

ORDERS: Final = "orders"

#: https://docs.stripe.com/api/events/types: word → what happened. Any other word is ignored: `charge.failed` because
#: nothing was bought, `invoice.payment_succeeded` because `invoice.paid` comes with it.
TOPICS: Final[Mapping[str, Kind]] = {
    "customer.created": Kind.CUSTOMER_CREATED,
    "customer.updated": Kind.CUSTOMER_UPDATED,
    "customer.deleted": Kind.CUSTOMER_DELETED,
    "customer.subscription.created": Kind.CUSTOMER_UPDATED,
    "customer.subscription.updated": Kind.CUSTOMER_UPDATED,
    "customer.subscription.deleted": Kind.CUSTOMER_UPDATED,
    "customer.subscription.paused": Kind.CUSTOMER_UPDATED,
    "customer.subscription.resumed": Kind.CUSTOMER_UPDATED,
    "customer.subscription.trial_will_end": Kind.CUSTOMER_UPDATED,
    "checkout.session.completed": Kind.CONSENT_CHANGED,
    "invoice.finalized": Kind.ORDER_PLACED,
    "invoice.paid": Kind.ORDER_PLACED,
    "invoice.payment_failed": Kind.ORDER_UPDATED,
    "invoice.voided": Kind.ORDER_UPDATED,
    "invoice.marked_uncollectible": Kind.ORDER_UPDATED,
    "charge.succeeded": Kind.ORDER_PLACED,
    "charge.captured": Kind.ORDER_UPDATED,
    "charge.refunded": Kind.ORDER_REFUNDED,
}
#: Which of them a pull asks for.
OF: Final[Mapping[str, tuple[str, ...]]] = {
    CUSTOMERS: tuple(one for one in TOPICS if one.startswith(("customer.", "checkout."))),
    ORDERS: tuple(one for one in TOPICS if one.startswith(("invoice.", "charge."))),
}
#: Stripe tells whole seconds, and an invoice is often made and paid in one. Which of two states of one second is the
#: later, by the end of the word; the others stand at 1.
RANKS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("created", "finalized", "succeeded"), 0),
    **dict.fromkeys(("paid", "refunded"), 2),
    **dict.fromkeys(("deleted", "voided", "marked_uncollectible"), 3),
}
#: What the words of thin events begin with that tell of objects of the first version.
THIN: Final = "v1."
_THIN_OBJECT: Final = "v2.core.event"
_THIN_FOUND: Final = "Thin events arrive that hold neither a person nor a consent: they are ignored."
_THIN_REMEDY: Final = "In Stripe's Dashboard choose the payload style `snapshot` for this event destination."

#: When nothing is known to have happened yet.
_NEVER: Final = datetime.fromtimestamp(0, UTC)

Found = list[Event | PayloadError]


@dataclass(frozen=True, slots=True)
class Reader:
    """Turns events and objects of a source into events of ours.

    Args:
        source: the source's name.
        account: its settings.
        at: when they arrived or were read, UTC.
    """

    source: str
    account: Account
    at: datetime

    def event(self, body: Mapping[str, Json], raw: bytes = b"") -> Found:
        """Return what an event of Stripe tells: one event, a withdrawal and a fault, or nothing.

        Args:
            body: the event.
            raw: its bytes, for an event whose own id cannot be read.
        """
        node = Node(body)
        is_thin = node.get("object") == _THIN_OBJECT
        topic = node.get("type") if isinstance(node.get("type"), str) else ""
        topic = str(topic).removeprefix(THIN) if is_thin else str(topic)
        if topic not in TOPICS:
            return []
        at = node.instant("created") if is_thin else instant(node, "created")
        outline = Event(self._event_id(node, raw), self.source, TOPICS[topic], at or self.at, topic=topic)
        if at is not None:
            outline = replace(outline, seen_at=at + timedelta(microseconds=RANKS.get(topic.rpartition(".")[2], 1)))
        alert = self._of_others(node)
        if alert:
            return [replace(outline, id=f"stripe:{alert['id']}", kind=Kind.SOURCE_ALERT, record=alert)]
        if is_thin:
            return self._thin(node, outline)
        return self._whole(node, outline)

    def customers(self, rows: list[Mapping[str, Json]]) -> Found:
        """Return an event for each customer that was read; who is deleted is absent."""
        found: Found = []
        subject = consent.of_customer(self.account)
        for row in rows:
            node = Node(row)
            if not is_deleted(node):
                outline = self._read("customers", row, Kind.CUSTOMER_UPDATED)
                found += hear(partial(self._customer, node, outline, subject), node, subject, outline)
        return found

    def invoices(self, rows: list[Mapping[str, Json]]) -> Found:
        """Return an event for each invoice that was read, without drafts and those that ask for nothing."""
        found: Found = []
        for row in rows:
            if row.get("status") != "draft":
                node, outline = Node(row), self._read("invoices", row, Kind.ORDER_UPDATED)
                found += hear(partial(self._invoice, node, outline), node, None, outline)
        return found

    def charge(self, row: Mapping[str, Json], invoice_id: str | None, *, must_answer: bool = False) -> Found:
        """Return what a payment that was read tells.

        Args:
            row: the charge.
            invoice_id: of the invoice that it was for.
            must_answer: whether somebody asked for this very id: then it is told that it is no order of its own.
        """
        node, outline = Node(row), self._read("charges", row, Kind.ORDER_UPDATED)
        found = hear(partial(self._charge, node, outline, invoice_id), node, None, outline)
        if must_answer and invoice_id is not None:
            told = replace(outline, id=f"{outline.id}:part", record=orders.no_order(node), record_id=own_id(node))
            found.append(told)
        return found

    # one event

    def _event_id(self, node: Node, raw: bytes) -> str:
        try:
            return f"stripe:{identifier(node.get('id'), 'id')}"
        except PayloadError as fault:
            node.note(fault)
            return f"stripe:{sha256(raw).hexdigest()}"

    def _read(self, name: str, row: Mapping[str, Json], kind: Kind) -> Event:
        """Return the outline of what was read just now: no object tells when it changed last, only when it was made."""
        number = row.get("id")
        named = number if isinstance(number, str) else "?"
        made = f"stripe:{name}:{named}:{self.at.timestamp():.0f}"
        return Event(made, self.source, kind, self.at, topic="pull", told_at=_told_at(Node(row)))

    def _of_others(self, node: Node) -> dict[str, Json]:
        """Return the alert about an event of the other mode, or of another account; {} for one of ours."""
        is_live = node.get("livemode")
        mode = "live" if is_live is True else "test"
        if isinstance(is_live, bool) and self.account.mode not in ("", mode):
            return {
                "id": f"{self.source}:of {mode} mode",
                "message": f"Events of Stripe's {mode} mode arrive, and this source is of {self.account.mode} mode: "
                "they are ignored.",
                "remedy": f"In Stripe's Dashboard take this address out of the webhooks of {mode} mode, or set a key "
                "of that mode (without a key: `mode`).",
            }
        other = node.get("account") or node.get("context")
        if isinstance(other, str) and other and other != self.account.account_id:
            name = other if len(other) < 40 and other.isprintable() and "@" not in other else "another one"
            return {
                "id": f"{self.source}:of account {name}",
                "message": f"Events of the account {name} arrive, and this source is another one: they are ignored.",
                "remedy": "If that is the account of the key, set `account_id` to it; else take this address out of "
                "the webhooks for connected accounts.",
            }
        return {}

    def _thin(self, node: Node, outline: Event) -> Found:
        """Return a hint: a thin event names the object and holds nothing of it."""
        if not self.account.key or outline.topic.startswith(("customer.subscription.", "checkout.")):
            # the id is that of a subscription or of a session, and not a person's; or nothing can be read
            told = {"id": f"{self.source}:thin", "message": _THIN_FOUND, "remedy": _THIN_REMEDY}
            return [replace(outline, id=f"stripe:{told['id']}", kind=Kind.SOURCE_ALERT, record=told)]
        related = node.child("related_object")
        number = identifier(related.get("id"), related.path("id"))
        return [self._hint(CUSTOMERS if outline.topic.startswith("customer.") else ORDERS, number, outline)]

    def _hint(self, resource: str, number: str, outline: Event) -> Event:
        inbound, is_gone = Inbound(self.source, {}, b"", self.at), outline.kind is Kind.CUSTOMER_DELETED
        at, named = outline.occurred_at, {"id": outline.id, "topic": outline.topic}
        return hint(inbound, resource, number, at, is_deletion=is_gone, **named)

    def _whole(self, node: Node, outline: Event) -> Found:
        thing = node.child("data").child("object")
        family = outline.topic.rpartition(".")[0]
        if family == "customer":
            return self._of_customer(node, thing, outline)
        if family == "checkout.session":
            return hear(partial(self._session, thing, outline), thing, consent.SESSION, outline)
        readers: Mapping[str, Callable[[], Event | None]] = {
            "customer.subscription": partial(self._subscription, thing, outline),
            "invoice": partial(self._invoice, thing, outline),
            "charge": partial(self._payment, thing, outline),
        }
        return hear(readers[family], thing, None, outline)

    def _of_customer(self, node: Node, thing: Node, outline: Event) -> Found:
        if outline.kind is Kind.CUSTOMER_DELETED or is_deleted(thing):
            number = own_id(thing)
            gone = replace(outline, kind=Kind.CUSTOMER_DELETED, record_id=number, customer_id=number)
            return [replace(gone, record={"id": number})]
        data = node.child("data")
        if consent.is_echo(data.get("previous_attributes"), thing, self.account):
            return []
        subject = consent.of_customer(self.account)
        return hear(partial(self._customer, thing, outline, subject), thing, subject, outline)

    @staticmethod
    def _customer(node: Node, outline: Event, subject: Subject) -> Event:
        record = records.customer(node)
        told = subject.told(node, outline.occurred_at)
        number = str(record["id"])
        return replace(outline, record_id=number, customer_id=number, record=record, consents=told)

    def _subscription(self, node: Node, outline: Event) -> Event | None:
        """Return a hint, because the customer may have others; what this one tells where nothing can be asked."""
        number = reference(node.get("customer"), node.path("customer"))
        if number is None:
            return None
        if self.account.key:
            return self._hint(CUSTOMERS, number, outline)
        record = {"id": number, **records.subscribed(node)}
        return replace(outline, record_id=number, customer_id=number, record=record)

    def _session(self, node: Node, outline: Event) -> Event | None:
        """Return what was said of promotions at Checkout, for the address that was typed there; None for nothing."""
        told = consent.SESSION.told(node, outline.occurred_at)
        address = consent.typed_address(node)
        if not told:
            return None
        if address is None:
            raise PayloadError(node.path("customer_details.email"), "expected the address that the consent is for")
        return replace(outline, record={"email": address}, consents=told)

    def _invoice(self, node: Node, outline: Event) -> Event | None:
        record = orders.invoice(node)
        return None if record is None else _order(record, outline)

    def _payment(self, node: Node, outline: Event) -> Event | None:
        """Return a payment; a hint where the version of the event does not say whether it was for an invoice."""
        if "invoice" in node:
            return self._charge(node, outline, reference(node.get("invoice"), node.path("invoice")))
        return self._hint(ORDERS, own_id(node), outline) if self.account.key else None

    def _charge(self, node: Node, outline: Event, invoice_id: str | None) -> Event | None:
        if invoice_id is not None:
            part = orders.part_of(node, invoice_id)
            return None if part is None else _order(part, replace(outline, kind=Kind.ORDER_REFUNDED))
        record = orders.charge(node)
        return None if record is None else _order(record, outline)


def _order(record: Mapping[str, Json], outline: Event) -> Event:
    """Return the event of an order, with its buyer."""
    buyer = record.get("customer")
    owner = buyer.get("id") if isinstance(buyer, dict) else None
    return replace(
        outline,
        record=record,
        record_id=str(record["id"]),
        customer_id=owner if isinstance(owner, str) else None,
    )


def _told_at(node: Node) -> datetime:
    """Return the last time that an object tells: when it was made, and of an invoice, when it was finalised or paid."""
    steps = node.child("status_transitions") if isinstance(node.get("status_transitions"), dict) else node
    found = [instant(node, "created"), *(instant(steps, one) for one in ("finalized_at", "paid_at", "voided_at"))]
    return max((one for one in found if one is not None), default=_NEVER)
