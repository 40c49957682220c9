"""Invoices, and payments without one, as canonical orders: tables first, then short functions. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from connectors.stripe.money import amount, currency
from connectors.stripe.records import first_name, last_name, moment, own_id, reference
from customer_sync.errors import PayloadError
from customer_sync.kit.fields import Node, Table, email, filled, number, take, text
from customer_sync.model import Json, OrderState

#: https://docs.stripe.com/billing/invoices/workflow: Stripe's word → ours. `uncollectible`: nobody expects the money.
STATES: Final[Mapping[str, OrderState]] = {
    "draft": OrderState.DRAFT,
    "open": OrderState.PLACED,
    "paid": OrderState.PAID,
    "uncollectible": OrderState.CANCELLED,
    "void": OrderState.CANCELLED,
}
#: `billing_reason` of invoices at which nobody was at the till.
RENEWALS: Final = frozenset({"subscription_cycle", "subscription_threshold"})
_NOTHING: Final = Decimal(0)

INVOICE: Table = {
    "number": take(text, "number"),
    "email": take(email, "customer_email"),
    "currency": take(currency, "currency"),
    "createdAt": take(moment, "status_transitions.paid_at", "status_transitions.finalized_at", "created"),
    # since 2025-03-31.basil below `parent`
    "subscriptionId": take(reference, "parent.subscription_details.subscription", "subscription"),
}
PAYER: Table = {
    "id": take(reference, "customer"),
    "email": take(email, "customer_email"),
    "firstName": take(first_name, "customer_name"),
    "lastName": take(last_name, "customer_name"),
    "phone": take(text, "customer_phone"),
    "country": take(text, "customer_address.country", "customer_shipping.address.country"),
}
LINE: Table = {
    "productId": take(reference, "pricing.price_details.product", "price.product", "plan.product"),
    "variantId": take(reference, "pricing.price_details.price", "price", "plan"),
    "title": take(text, "description"),
    "quantity": take(number, "quantity"),
}

CHARGE: Table = {
    "number": take(text, "receipt_number"),
    "email": take(email, "billing_details.email", "receipt_email"),
    "currency": take(currency, "currency"),
    "createdAt": take(moment, "created"),
}
CARDHOLDER: Table = {
    "id": take(reference, "customer"),
    "email": take(email, "billing_details.email", "receipt_email"),
    "firstName": take(first_name, "billing_details.name"),
    "lastName": take(last_name, "billing_details.name"),
    "phone": take(text, "billing_details.phone"),
    "country": take(text, "billing_details.address.country", "shipping.address.country"),
}


def invoice(node: Node) -> dict[str, Json] | None:
    """Return an invoice as an order, None for one that asks for nothing: that of a trial, or of a credit.

    Raises:
        PayloadError: the id cannot be read.
    """
    record: dict[str, Json] = {"id": own_id(node), **node.pick(INVOICE)}
    code = _code(record)
    asked = amount(node, "total", code)
    if asked is not None and asked <= _NOTHING:
        return None
    word = node.read(text, "status")
    state = STATES.get(str(word))
    if state is None:
        node.note(PayloadError(node.path("status"), "a word that is not known; the order counts as not paid"))
        state = OrderState.PLACED
    record |= {"state": str(state), "status": word, "isRenewal": node.read(text, "billing_reason") in RENEWALS}
    paid = amount(node, "amount_paid", code)
    total = paid if state is OrderState.PAID else asked
    if total is not None:
        credit = amount(node, "post_payment_credit_notes_amount", code) or _NOTHING
        left = _NOTHING if state is OrderState.CANCELLED else max(total - credit, _NOTHING)
        record |= {"total": float(total), "amount": float(left)}
    lines = node.child("lines") if isinstance(node.get("lines"), dict) else None
    if lines is not None:
        record["lines"] = [_line(one, code) for one in lines.children("data")]
    return {**record, "customer": filled(node.pick(PAYER))}


def charge(node: Node) -> dict[str, Json] | None:
    """Return a payment as an order of its own, None for one that failed.

    Raises:
        PayloadError: the id cannot be read.
    """
    word = node.read(text, "status")
    record: dict[str, Json] = {"id": own_id(node), **node.pick(CHARGE)}
    if word == "failed":
        return None
    code = _code(record)
    is_taken = word == "succeeded" and node.get("captured") is not False
    total = amount(node, "amount_captured", code) if is_taken else amount(node, "amount", code)
    if total is None:
        total = amount(node, "amount", code)
    back = amount(node, "amount_refunded", code) or _NOTHING
    state = OrderState.PAID if is_taken else OrderState.PLACED
    if node.get("refunded") is True:
        state = OrderState.REFUNDED
    record |= {"state": str(state), "status": "refunded" if node.get("refunded") is True else word, "isRenewal": False}
    if total is not None:
        record |= {"total": float(total), "amount": float(max(total - back, _NOTHING))}
    if back:
        record["refunds"] = {own_id(node): float(back)}
    return {**record, "customer": filled(node.pick(CARDHOLDER))}


def part_of(node: Node, invoice_id: str) -> dict[str, Json] | None:
    """Return what a payment of an invoice tells of it: what was paid back; None where nothing was.

    The charge stands for all its refunds: newer versions of the API do not list them in it.
    """
    back = amount(node, "amount_refunded", currency_of(node))
    return {"id": invoice_id, "refunds": {own_id(node): float(back)}} if back else None


def no_order(node: Node) -> dict[str, Json]:
    """Return the answer about a payment that is none of its own, because its invoice is the order."""
    return {"id": own_id(node), "state": str(OrderState.DRAFT), "status": "part of an invoice"}


def currency_of(node: Node) -> str | None:
    """Return the currency of an object."""
    found = node.read(currency, "currency")
    return found if isinstance(found, str) else None


def _code(record: Mapping[str, Json]) -> str | None:
    found = record.get("currency")
    return found if isinstance(found, str) else None


def _line(node: Node, code: str | None) -> Json:
    line = filled(node.pick(LINE))
    whole, pieces = amount(node, "amount", code), line.get("quantity")
    if whole is None:
        return line
    return {**line, "price": float(whole / Decimal(str(pieces)) if isinstance(pieces, float) and pieces > 0 else whole)}
