"""What each of Shopify's webhook bodies tells: one short function for each shape. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from connectors.shopify import carts, orders, products, records
from customer_sync.errors import PayloadError
from customer_sync.kit.fields import Node, email, filled, number, take, text, whole
from customer_sync.kit.rescue import ConsentReader, Subject
from customer_sync.model import Channel, Consent, Event, Json, Kind


@dataclass(frozen=True, slots=True)
class Hook:
    """What the headers of one webhook tell.

    Args:
        event_id: the key against repeats.
        source: the source's name.
        topic: Shopify's word for what happened.
        kind: ours.
        triggered_at: when Shopify saw it, to the microsecond; None where the header tells nothing.
        received_at: when it arrived.
        store: where visitors see the shop's products, as `https://lamps.example`; "" when nobody knows.
    """

    event_id: str
    source: str
    topic: str
    kind: Kind
    triggered_at: datetime | None
    received_at: datetime
    store: str = ""

    @property
    def noticed_at(self) -> datetime:
        """When it was seen: by Shopify, or else here."""
        return self.triggered_at or self.received_at

    def event(
        self,
        record: Mapping[str, Json],
        *,
        record_id: str | None = None,
        customer_id: str | None = None,
        at: datetime | None = None,
        consents: tuple[Consent, ...] = (),
    ) -> Event:
        """Return the event."""
        return Event(
            id=self.event_id,
            source=self.source,
            kind=self.kind,
            occurred_at=at or self.noticed_at,
            record_id=record_id,
            customer_id=customer_id,
            record=record,
            consents=consents,
            topic=self.topic,
            seen_at=self.triggered_at,
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


def changed_at(node: Node) -> datetime | None:
    """Return when a record was changed last; None where that cannot be read: then the time of the webhook counts."""
    is_absent = node.get("updated_at") in (None, "")
    return node.instant("created_at") if is_absent else node.instant("updated_at")


def _consent(key: str, channel: Channel) -> ConsentReader:
    return lambda node, at: records.consents(node, key, channel, at)


_EMAIL = _consent("email_marketing_consent", Channel.EMAIL)
_SMS = _consent("sms_marketing_consent", Channel.SMS)


def _feed_id(node: Node) -> str:
    return records.numeric(node.get("customer_id"), "customer_id")


def _feed_email(node: Node) -> str | None:
    return email(node.get("email_address"), "email_address")


def _nothing(_: Node) -> None:
    return None


CUSTOMER = Subject(records.own_id, records.own_email, changed_at, (_EMAIL, records.checkbox, _SMS))
EMAIL_FEED = Subject(_feed_id, _feed_email, _nothing, (_EMAIL,))
SMS_FEED = Subject(records.own_id, _nothing, _nothing, (_SMS,))


def customer(hook: Hook, node: Node) -> Event:
    """Read a customer; consent only where an app of an API version before 2025-01 still gets it."""
    record = records.customer(node)
    at = changed_at(node)
    told = CUSTOMER.told(node, at or hook.noticed_at)
    return hook.of_customer(str(record["id"]), {**record, **records.accepts(told)}, at=at, consents=told)


def deleted_customer(hook: Hook, node: Node) -> Event:
    """Read the end of a customer: since 2025-10 an id and nothing else."""
    customer_id = records.own_id(node)
    return hook.of_customer(customer_id, {"id": customer_id})


def merged_customers(hook: Hook, node: Node) -> Event | None:
    """Read a merge; one that failed, or has only begun, is none."""
    status = text(node.get("status"), "status")
    if status is None:
        raise PayloadError("status", "expected the state of the merge, found nothing")
    if status.lower() != "completed":
        return None
    kept, gone = (
        records.numeric(node.get(key), key)
        for key in ("admin_graphql_api_customer_kept_id", "admin_graphql_api_customer_deleted_id")
    )
    return hook.of_customer(kept, {"id": kept, "keptId": kept, "deletedId": gone})


def purchasing_summary(hook: Hook, node: Node) -> Event:
    """Read the totals that left the customer's body in 2025-01."""
    customer_id = records.numeric(node.get("customerId"), "customerId")
    totals = node.pick(
        {
            "totalOrders": take(whole, "numberOfOrders"),
            "totalSpent": take(number, "amountSpent.amount"),
            "currency": take(text, "amountSpent.currencyCode"),
        }
    )
    return hook.of_customer(customer_id, {"id": customer_id, **totals}, at=node.instant("occurredAt"))


def tags_added(hook: Hook, node: Node) -> Event:
    """Read tags that were added; they are not the whole list."""
    return _tags(hook, node, "tagsAdded")


def tags_removed(hook: Hook, node: Node) -> Event:
    """Read tags that were removed; the others are not told."""
    return _tags(hook, node, "tagsRemoved")


def email_consent(hook: Hook, node: Node) -> Event:
    """Read the consent feed for e-mail. Its address may be null: then the person is found by the id alone."""
    customer_id, address = _feed_id(node), _feed_email(node)
    known: dict[str, Json] = {"id": customer_id} if address is None else {"id": customer_id, "email": address}
    told = _told(hook, node, EMAIL_FEED, "email_marketing_consent")
    return hook.of_customer(customer_id, {**known, **records.accepts(told)}, at=told[0].at, consents=told)


def sms_consent(hook: Hook, node: Node) -> Event:
    """Read the consent feed for SMS; the customer's id is called `id` here."""
    customer_id = records.own_id(node)
    told = _told(hook, node, SMS_FEED, "sms_marketing_consent")
    record = {"id": customer_id, **node.pick({"phone": take(text, "phone")})}
    return hook.of_customer(customer_id, record, at=told[0].at, consents=told)


def privacy_request(hook: Hook, node: Node) -> Event:
    """Read a request to hand out or to erase what is known of a person; the id or the address is enough."""
    person = node.child("customer")
    known = filled(person.pick({"id": take(records.maybe_numeric, "id"), "email": take(email, "email")}))
    if not known:
        raise PayloadError("customer.id", "expected an id or an e-mail address, found neither")
    phone = person.pick({"phone": take(text, "phone")})
    found = node.pick({"orders": take(records.id_list, "orders_to_redact", "orders_requested")})
    customer_id = str(known["id"]) if "id" in known else None
    record = {**known, **phone, "orders": found.get("orders") or []}
    return hook.event(record, record_id=customer_id, customer_id=customer_id)


def uninstalled(hook: Hook, _node: Node) -> Event:
    """Read that the app was removed: nothing more will come."""
    return _alert(
        hook,
        "The app was uninstalled from the Shopify store; no more webhooks will come.",
        "Install the app again and run `tajo connectors install`, or remove the source from the config.",
    )


def shop_erased(hook: Hook, _node: Node) -> Event:
    """Read Shopify's demand, 48 hours after the app was removed, to erase what came from the store."""
    return _alert(
        hook,
        "Shopify asks to erase what came from this store: its app was removed two days ago.",
        "Erase the store's people with `tajo contacts erase`, then remove the source from the config.",
    )


def order(hook: Hook, node: Node) -> Event:
    """Read an order. Its consent flags are history and are not used."""
    return _shopping(hook, node, orders.order(node))


def cart(hook: Hook, node: Node) -> Event:
    """Read a cart or a checkout."""
    return _shopping(hook, node, carts.cart(node))


def refund(hook: Hook, node: Node) -> Event:
    """Read a refund: the record is the order it belongs to."""
    record = orders.refund(node)
    return hook.event(record, record_id=str(record["id"]), at=node.instant("processed_at", "created_at"))


def product(hook: Hook, node: Node) -> Event:
    """Read a product."""
    record = products.product(node, hook.store)
    return hook.event(record, record_id=str(record["id"]), at=changed_at(node))


def deleted_order(hook: Hook, node: Node) -> Event:
    """Read the end of an order."""
    record = orders.deleted(node)
    return hook.event(record, record_id=str(record["id"]))


def deleted_product(hook: Hook, node: Node) -> Event:
    """Read the end of a product: an id and nothing else."""
    record_id = records.own_id(node)
    return hook.event({"id": record_id}, record_id=record_id)


def _tags(hook: Hook, node: Node, name: str) -> Event:
    customer_id = records.numeric(node.get("customerId"), "customerId")
    changed = node.pick({name: take(records.tag_list, "tags")})
    return hook.of_customer(customer_id, {"id": customer_id, **changed}, at=node.instant("occurredAt"))


def _told(hook: Hook, node: Node, feed: Subject, key: str) -> tuple[Consent, ...]:
    """Return the consent that the feed is about; without it the delivery tells nothing, which is a fault.

    The time of such a delivery is Shopify's finer time of the act itself.
    """
    told = feed.told(node, hook.noticed_at)
    if not told:
        raise PayloadError(key, "expected the state of the consent, found nothing")
    return tuple(replace(seen, seen_at=hook.triggered_at) for seen in told)


def _shopping(hook: Hook, node: Node, record: Mapping[str, Json]) -> Event:
    buyer = record["customer"]
    customer_id = buyer.get("id") if isinstance(buyer, dict) else None
    return hook.event(
        record,
        record_id=str(record["id"]),
        customer_id=None if customer_id is None else str(customer_id),
        at=changed_at(node),
    )


def _alert(hook: Hook, message: str, remedy: str) -> Event:
    return hook.event({"message": message, "remedy": remedy})


#: Who reads a body → where that body tells of a person, for those that may hold a withdrawal.
SUBJECTS: Mapping[Reading, Subject] = {customer: CUSTOMER, email_consent: EMAIL_FEED, sms_consent: SMS_FEED}
