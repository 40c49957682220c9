"""What each of Shopify's webhook bodies tells: one short function for each shape. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from connectors.shopify import records
from customer_sync.errors import PayloadError
from customer_sync.fields import Node, as_object, instant, number, pick, take, text, whole
from customer_sync.model import Channel, Consent, Event, Json, Kind


@dataclass(frozen=True, slots=True)
class Hook:
    """What the headers of one webhook tell.

    Args:
        event_id: the key against repeats.
        source: the source's name.
        topic: Shopify's word for what happened.
        kind: ours.
        triggered_at: when Shopify saw it; the time of arrival where the header is missing.
        received_at: when it arrived.
    """

    event_id: str
    source: str
    topic: str
    kind: Kind
    triggered_at: datetime
    received_at: datetime

    def event(
        self,
        record: Mapping[str, Json],
        *,
        record_id: str | None = None,
        customer_id: str | None = None,
        at: datetime | None = None,
        consents: tuple[Consent, ...] = (),
    ) -> Event:
        """Return the event; no time in it is later than the time of arrival, whatever the shop's clock says."""
        return Event(
            id=self.event_id,
            source=self.source,
            kind=self.kind,
            occurred_at=min(at or self.triggered_at, self.received_at),
            record_id=record_id,
            customer_id=customer_id,
            record=record,
            consents=tuple(replace(seen, at=min(seen.at, self.received_at)) for seen in consents),
            topic=self.topic,
        )

    def of_customer(
        self,
        customer_id: str,
        record: Mapping[str, Json],
        *,
        at: datetime | None = None,
        consents: tuple[Consent, ...] = (),
    ) -> Event:
        """Return an event whose record is a customer."""
        return self.event(record, record_id=customer_id, customer_id=customer_id, at=at, consents=consents)


#: Turns a body into its event; None when it tells of nothing that happened.
Reading = Callable[[Hook, Node], Event | None]


def customer(hook: Hook, body: Node) -> Event:
    """Read a customer; consent only where an app of an API version before 2025-01 still gets it."""
    record = records.customer(body)
    at = instant(body, "updated_at", "created_at")
    seen_at = at or hook.triggered_at
    told = records.consents(body, "email_marketing_consent", Channel.EMAIL, seen_at)
    told = told or records.checkbox(body, seen_at)
    told += records.consents(body, "sms_marketing_consent", Channel.SMS, seen_at)
    return hook.of_customer(str(record["id"]), {**record, **records.accepts(told)}, at=at, consents=told)


def deleted_customer(hook: Hook, body: Node) -> Event:
    """Read the end of a customer: since 2025-10 an id and nothing else."""
    customer_id = records.own_id(body)
    return hook.of_customer(customer_id, {"id": customer_id})


def merged_customers(hook: Hook, body: Node) -> Event | None:
    """Read a merge; one that failed, or has only begun, is none."""
    status = text(body.get("status"), "status")
    if status is None:
        raise PayloadError("status", "expected the state of the merge, found nothing")
    if status.lower() != "completed":
        return None
    kept, gone = (
        records.numeric(body.get(key), key)
        for key in ("admin_graphql_api_customer_kept_id", "admin_graphql_api_customer_deleted_id")
    )
    return hook.of_customer(kept, {"id": kept, "keptId": kept, "deletedId": gone})


def purchasing_summary(hook: Hook, body: Node) -> Event:
    """Read the totals that left the customer's body in 2025-01."""
    customer_id = records.numeric(body.get("customerId"), "customerId")
    totals = pick(
        body,
        {
            "totalOrders": take(whole, "numberOfOrders"),
            "totalSpent": take(number, "amountSpent.amount"),
            "currency": take(text, "amountSpent.currencyCode"),
        },
    )
    return hook.of_customer(customer_id, {"id": customer_id, **totals}, at=instant(body, "occurredAt"))


def tags_added(hook: Hook, body: Node) -> Event:
    """Read tags that were added; they are not the whole list."""
    return _tags(hook, body, "tagsAdded")


def tags_removed(hook: Hook, body: Node) -> Event:
    """Read tags that were removed; the others are not told."""
    return _tags(hook, body, "tagsRemoved")


def email_consent(hook: Hook, body: Node) -> Event:
    """Read the consent feed for e-mail. Its address may be null: then the person is found by the id alone."""
    customer_id = records.numeric(body.get("customer_id"), "customer_id")
    address = text(body.get("email_address"), "email_address")
    known: dict[str, Json] = {"id": customer_id} if address is None else {"id": customer_id, "email": address}
    told = _told(hook, body, "email_marketing_consent", Channel.EMAIL)
    return hook.of_customer(customer_id, {**known, **records.accepts(told)}, at=told[0].at, consents=told)


def sms_consent(hook: Hook, body: Node) -> Event:
    """Read the consent feed for SMS; the customer's id is called `id` here."""
    customer_id = records.own_id(body)
    told = _told(hook, body, "sms_marketing_consent", Channel.SMS)
    record = {"id": customer_id, **pick(body, {"phone": take(text, "phone")})}
    return hook.of_customer(customer_id, record, at=told[0].at, consents=told)


def privacy_request(hook: Hook, body: Node) -> Event:
    """Read a request to hand out or to erase what is known of a person."""
    person = as_object(body.get("customer"), "customer")
    known = pick(person, {"email": take(text, "email"), "phone": take(text, "phone")}, "customer")
    raw_id = person.get("id")
    if raw_id is None and not known.get("email"):
        raise PayloadError("customer.id", "expected an id or an e-mail address, found neither")
    customer_id = None if raw_id is None else records.numeric(raw_id, "customer.id")
    orders = records.id_list(body, "orders_to_redact") or records.id_list(body, "orders_requested")
    record = {**({"id": customer_id} if customer_id else {}), **known, "orders": orders}
    return hook.event(record, record_id=customer_id, customer_id=customer_id)


def uninstalled(hook: Hook, _body: Node) -> Event:
    """Read that the app was removed: nothing more will come."""
    return _alert(
        hook,
        "The app was uninstalled from the Shopify store; no more webhooks will come.",
        "Install the app again and run `tajo connectors install`, or remove the source from the config.",
    )


def shop_erased(hook: Hook, _body: Node) -> Event:
    """Read Shopify's demand, 48 hours after the app was removed, to erase what came from the store."""
    return _alert(
        hook,
        "Shopify asks to erase what came from this store: its app was removed two days ago.",
        "Erase the store's people with `tajo contacts erase`, then remove the source from the config.",
    )


def order(hook: Hook, body: Node) -> Event:
    """Read an order. Its consent flags are history and are not used."""
    return _shopping(hook, body, records.order(body))


def cart(hook: Hook, body: Node) -> Event:
    """Read a cart or a checkout."""
    return _shopping(hook, body, records.cart(body))


def refund(hook: Hook, body: Node) -> Event:
    """Read a refund: the record is the order it belongs to."""
    record = records.refund(body)
    return hook.event(record, record_id=str(record["id"]), at=instant(body, "processed_at", "created_at"))


def product(hook: Hook, body: Node) -> Event:
    """Read a product."""
    record = records.product(body)
    return hook.event(record, record_id=str(record["id"]), at=instant(body, "updated_at", "created_at"))


def deleted(hook: Hook, body: Node) -> Event:
    """Read the end of an order or a product: an id and nothing else."""
    record_id = records.own_id(body)
    return hook.event({"id": record_id}, record_id=record_id)


def _tags(hook: Hook, body: Node, name: str) -> Event:
    customer_id = records.numeric(body.get("customerId"), "customerId")
    changed = pick(body, {name: take(records.tag_list, "tags")})
    return hook.of_customer(customer_id, {"id": customer_id, **changed}, at=instant(body, "occurredAt"))


def _told(hook: Hook, body: Node, key: str, channel: Channel) -> tuple[Consent, ...]:
    """Return the consent that the feed is about; without it the delivery tells nothing, which is a fault."""
    told = records.consents(body, key, channel, hook.triggered_at)
    if not told:
        raise PayloadError(key, "expected the state of the consent, found nothing")
    return told


def _shopping(hook: Hook, body: Node, record: Mapping[str, Json]) -> Event:
    buyer = record["customer"]
    customer_id = buyer.get("id") if isinstance(buyer, dict) else None
    return hook.event(
        record,
        record_id=str(record["id"]),
        customer_id=None if customer_id is None else str(customer_id),
        at=instant(body, "updated_at", "created_at"),
    )


def _alert(hook: Hook, message: str, remedy: str) -> Event:
    return hook.event({"message": message, "remedy": remedy})
