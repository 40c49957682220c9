"""PayPal's payers, subscriptions, payments and refunds in canonical fields. Pure.

A payer's address is the identity of a payment, no wish for mail: nothing here tells of consent. PayPal shows the
address that was last used with a card, so one payer may come with others' addresses: each pair of payer and address is
a record of its own, and none is ever renamed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

from customer_sync.errors import PayloadError
from customer_sync.kit.fields import (
    ABSENT,
    Node,
    Table,
    email,
    filled,
    identifier,
    moment,
    number,
    strict,
    take,
    text,
    to_text,
)
from customer_sync.model import Event, Json, Kind, OrderState

#: Domains of addresses that PayPal makes up for payers who pay by card (https://github.com/nopSolutions/nopCommerce,
#: issue 7832, 2025-08-19).
MASKED: Final = ("dcc.paypal.com",)

#: A payer as subscriptions and orders of today show them, then as agreements of version 1 do, then as reports do.
_EMAIL: Final = strict(email, "email_address", "payer_info.email", "email")
_PAYER_ID: Final = take(text, "payer_id", "payer_info.payer_id", "account_id")
PAYER: Final[Table] = {
    "firstName": take(text, "name.given_name", "payer_name.given_name", "payer_info.first_name", "first_name"),
    "lastName": take(text, "name.surname", "payer_name.surname", "payer_info.last_name", "last_name"),
    "phone": take(text, "phone.phone_number.national_number", "phone_number.national_number"),
    "country": take(
        text,
        "address.country_code",
        "shipping_address.address.country_code",
        "payer_info.shipping_address.country_code",
        "country_code",
    ),
    "city": take(text, "shipping_address.address.admin_area_2", "payer_info.shipping_address.city"),
    "postcode": take(text, "shipping_address.address.postal_code", "payer_info.shipping_address.postal_code"),
}
SUBSCRIPTION: Final[Table] = {
    "subscriptionStatus": take(text, "status", "state"),
    "subscriptionPlan": take(text, "plan_id"),
    "subscriptionId": take(text, "id"),
}
#: The two styles of an amount.
_VALUE: Final = take(number, "amount.value", "amount.total")
_CURRENCY: Final = take(text, "amount.currency_code", "amount.currency")
PAYMENT: Final[Table] = {
    "currency": _CURRENCY,
    "total": _VALUE,
    "amount": _VALUE,
    "number": take(text, "invoice_id", "invoice_number"),
    "createdAt": take(moment, "create_time"),
    "updatedAt": take(moment, "update_time", "create_time"),
}
REPORTED: Final[Table] = {
    "currency": take(text, "transaction_info.transaction_amount.currency_code"),
    "total": take(number, "transaction_info.transaction_amount.value"),
    "amount": take(number, "transaction_info.transaction_amount.value"),
    "number": take(text, "transaction_info.invoice_id"),
    "createdAt": take(moment, "transaction_info.transaction_initiation_date"),
    "updatedAt": take(moment, "transaction_info.transaction_updated_date"),
}
#: What a payment of an invoice tells, and what the invoice does.
INVOICED: Final[Table] = {
    "currency": take(text, "amount.currency_code", "paid_amount.paypal.currency", "total_amount.currency"),
    "total": take(number, "amount.value", "paid_amount.paypal.value", "total_amount.value"),
    "amount": take(number, "amount.value", "paid_amount.paypal.value", "total_amount.value"),
}
_OF_INVOICE: Final[Table] = {"number": take(text, "detail.invoice_number", "number")}
_LINE: Final[Table] = {
    "sku": take(text, "item_code"),
    "title": take(text, "item_name"),
    "quantity": take(number, "item_quantity"),
    "price": take(number, "item_unit_price.value"),
}
#: The word of a capture (https://developer.paypal.com/docs/api/payments/v2/) or a sale (v1), in small letters, and the
#: letter of a report, to ours. What was paid back in part is still paid.
STATES: Final[Mapping[str, OrderState]] = {
    "completed": OrderState.PAID,
    "partially_refunded": OrderState.PAID,
    "refunded": OrderState.REFUNDED,
    "pending": OrderState.PLACED,
    "declined": OrderState.CANCELLED,
    "denied": OrderState.CANCELLED,
    "failed": OrderState.CANCELLED,
    "reversed": OrderState.PAID,
    "s": OrderState.PAID,
    "p": OrderState.PLACED,
    "d": OrderState.CANCELLED,
    "f": OrderState.CANCELLED,
    "v": OrderState.REFUNDED,
}
#: The codes of reports (https://developer.paypal.com/docs/transaction-search/transaction-event-codes/): payments that
#: came in, and what was paid back; T0002 are payments of subscriptions.
_PAYMENTS, _REFUNDS, _OF_SUBSCRIPTION = "T00", ("T11", "T12"), "T0002"


def masked_of(option: Json) -> tuple[str, ...]:
    """Return the domains of made-up addresses: those that are known and those of the settings."""
    more = option if isinstance(option, list) else [option] if option else []
    return (*MASKED, *(str(one).strip().lower().lstrip("@") for one in more))


def address(payer: Node, masked: Sequence[str]) -> str | None:
    """Return a payer's own address; None where there is none, or PayPal made it up.

    Raises:
        PayloadError: it cannot be read.
    """
    found = payer.take(_EMAIL)
    if found is ABSENT or not isinstance(found, str):
        return None
    domain = found.rpartition("@")[2].lower()
    if any(domain == one or domain.endswith(f".{one}") for one in masked):
        payer.note(PayloadError(payer.path("email_address"), "an address that PayPal made up was left out"))
        return None
    return found


def payer_key(payer: Node, found: str) -> str:
    """Return the id of a record: the payer's, and a digest of the address."""
    own = payer.take(_PAYER_ID)
    digest = sha256(found.strip().lower().encode(errors="surrogatepass")).hexdigest()[:12]
    return f"{own if isinstance(own, str) else 'guest'}/{digest}"


def person(payer: Node, masked: Sequence[str]) -> dict[str, Json] | None:
    """Return a payer as a customer; None without an address of their own.

    Raises:
        PayloadError: as `address`.
    """
    found = address(payer, masked)
    if found is None:
        return None
    return {"id": payer_key(payer, found), "email": found, **filled(payer.pick(PAYER))}


def subscriber(resource: Node, masked: Sequence[str], outline: Event) -> Event | None:
    """Return the event of a subscription, or of an order that is about to be paid; None for a payer without an address.

    Raises:
        PayloadError: as `address`.
    """
    payer = resource.child("subscriber") if "subscriber" in resource else resource.child("payer")
    record = person(payer, masked)
    if record is None:
        return None
    if not outline.topic.startswith("CHECKOUT."):
        record |= filled(resource.pick(SUBSCRIPTION))
    key = str(record["id"])
    return replace(outline, kind=Kind.CUSTOMER_UPDATED, record_id=key, customer_id=key, record=record)


def payment(node: Node, payer: Node | None, masked: Sequence[str], outline: Event) -> Event:
    """Return the event of a capture or a sale, with its payer where one is known.

    Raises:
        PayloadError: the id or the payer's address cannot be read.
    """
    key = identifier(node.get("id"), node.path("id"))
    word = str(node.get("status") or node.get("state") or "").lower()
    record: dict[str, Json] = {"id": key, "state": STATES.get(word, OrderState.PLACED), "status": word or None}
    record |= node.pick(PAYMENT)
    if node.get("billing_agreement_id"):
        record |= {"isRenewal": True, "subscriptionId": str(node.get("billing_agreement_id"))}
    return _placed(record, payer, masked, replace(outline, record_id=key))


def invoiced(resource: Node, masked: Sequence[str], outline: Event) -> list[Event]:
    """Return an event for each payment of an invoice by PayPal, as version 2 and version 1 write it.

    An order is the payment, here as in reports, so that it counts once. What was noted as paid elsewhere is none.

    Raises:
        PayloadError: the id of a payment, or the recipient's address, cannot be read.
    """
    body = resource.child("invoice") if "invoice" in resource else resource
    paid = body.children("payments") if isinstance(body.get("payments"), list) else _transactions(body)
    recipients = body.children("primary_recipients") or body.children("billing_info")
    payer = next((one.child("billing_info") if "billing_info" in one else one for one in recipients), None)
    found: list[Event] = []
    for one in paid:
        if one.get("method") != "PAYPAL" and one.get("type") != "PAYPAL":
            continue
        name = "payment_id" if "payment_id" in one else "transaction_id"
        key = identifier(one.get(name), one.path(name))
        # version 1 tells the amount of all payments only
        money = one if "amount" in one else body if len(paid) == 1 else Node({})
        record: dict[str, Json] = {"id": key, "state": OrderState.PAID, "status": "completed", **money.pick(INVOICED)}
        record |= {**body.pick(_OF_INVOICE), "createdAt": to_text(outline.occurred_at)}
        event = replace(outline, id=f"{outline.id}:{key}", record_id=key)
        found.append(_placed(record, payer, masked, event))
    return found


def _transactions(invoice: Node) -> list[Node]:
    return invoice.child("payments").children("transactions")


def reported(node: Node, masked: Sequence[str], outline: Event) -> Event | None:
    """Return the event of a line of a report: a payment or a refund; None for what is neither (fees, transfers).

    Raises:
        PayloadError: the id or the payer's address cannot be read.
    """
    told = node.child("transaction_info")
    code, key = str(told.get("transaction_event_code") or ""), identifier(told.get("transaction_id"), "transaction_id")
    total = told.take(take(number, "transaction_amount.value"))
    at = told.instant("transaction_updated_date", "transaction_initiation_date") or outline.occurred_at
    outline = replace(outline, id=f"paypal:{key}:{code}:{at.timestamp():.0f}", occurred_at=at)
    if code.startswith(_REFUNDS) and told.get("paypal_reference_id") and isinstance(total, float) and total < 0:
        return refund(str(told.get("paypal_reference_id")), key, abs(total), outline)
    if not code.startswith(_PAYMENTS) or not isinstance(total, float) or total <= 0:
        return None
    word = str(told.get("transaction_status") or "").lower()
    record: dict[str, Json] = {"id": key, "state": STATES.get(word, OrderState.PLACED), "status": word or None}
    record |= node.pick(REPORTED)
    if code == _OF_SUBSCRIPTION:
        record["isRenewal"] = True
        if told.get("paypal_reference_id_type") == "SUB":
            record["subscriptionId"] = str(told.get("paypal_reference_id"))
    lines = node.child("cart_info").children("item_details")
    if lines:
        record["lines"] = [filled(one.pick(_LINE)) for one in lines]
    return _placed(record, node.child("payer_info"), masked, replace(outline, record_id=key))


def refund(payment_id: str, refund_id: str, paid_back: float, outline: Event) -> Event:
    """Return the event of what was paid back of a payment: known by its own id, so that it counts once."""
    record: dict[str, Json] = {"id": payment_id, "refunds": {refund_id: paid_back}}
    return replace(outline, kind=Kind.ORDER_REFUNDED, record_id=payment_id, customer_id=None, record=record)


def paid_back(resource: Node, outline: Event) -> Event:
    """Return the event of the webhook of a refund or a reversal.

    Raises:
        PayloadError: its id or amount cannot be read.
    """
    own = identifier(resource.get("id"), resource.path("id"))
    value = resource.take(take(number, "amount.value", "amount.total", "total_refunded_amount.value"))
    if not isinstance(value, float):
        raise PayloadError(resource.path("amount"), "expected an amount")
    return refund(_parent(resource) or own, own, abs(value), outline)


def _parent(resource: Node) -> str | None:
    """Return the payment that a refund belongs to: by its own field, or by the link upwards."""
    for name in ("capture_id", "sale_id"):
        if isinstance(found := resource.get(name), str) and found:
            return found
    for link in resource.children("links"):
        href = link.get("href")
        if link.get("rel") in ("up", "capture", "sale") and isinstance(href, str):
            return urlsplit(href).path.rstrip("/").rpartition("/")[2] or None
    return None


def _placed(record: dict[str, Json], payer: Node | None, masked: Sequence[str], outline: Event) -> Event:
    customer = None if payer is None else person(payer, masked)
    if customer is not None:
        record |= {"email": customer["email"], "customer": customer}
    key = None if customer is None else str(customer["id"])
    return replace(outline, kind=Kind.ORDER_UPDATED, customer_id=key, record=record)


def seen(node: Node, *names: str, otherwise: datetime) -> datetime:
    """Return the first time among some fields, else another."""
    return node.instant(*names) or otherwise
