"""How objects look: kept in the newest generation, shown in the one that is asked for.

Shapes after https://docs.stripe.com/api and github.com/stripe/openapi, `spec/fixtures3.json` (2026-10). What begins
with an underscore is not shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, Final, NamedTuple

from connectors.stripe.fake.settings import BASIL
from customer_sync.kit.fakes.answers import Row


class Money(NamedTuple):
    """An amount in the smallest unit of its currency."""

    units: int
    currency: str


_NO_ADDRESS: Final = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
#: What can be set of a customer → what it is when nothing is said.
CUSTOMER_FIELDS: Final[Mapping[str, Any]] = {
    "address": None,
    "business_name": None,
    "description": None,
    "email": None,
    "individual_name": None,
    "name": None,
    "phone": None,
    "preferred_locales": [],
    "shipping": None,
    "tax_exempt": "none",
}


def customer(number: str, at_s: int, *, livemode: bool, fields: Row) -> Row:
    """Return a customer."""
    address = fields.get("address")
    given = {**fields, "address": {**_NO_ADDRESS, **address} if isinstance(address, dict) else None}
    return {
        "id": number,
        "object": "customer",
        "balance": 0,
        "created": at_s,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "discount": None,
        "invoice_prefix": number[-8:].upper(),
        "invoice_settings": {"custom_fields": None, "default_payment_method": None, "footer": None},
        "livemode": livemode,
        "metadata": {},
        "next_invoice_sequence": 1,
        "test_clock": None,
        **deepcopy(dict(CUSTOMER_FIELDS)),
        **given,
    }


def subscription(number: str, at_s: int, owner: Row, plan: str, money: Money) -> Row:
    """Return a subscription by the month."""
    price = {"id": f"price_{plan}", "object": "price", "active": True, "currency": money.currency, "nickname": plan}
    price |= {"lookup_key": None, "product": f"prod_{plan}", "type": "recurring", "unit_amount": money.units}
    price |= {"recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"}}
    item = {"id": f"si_{number[4:]}", "object": "subscription_item", "created": at_s, "price": price, "quantity": 1}
    item |= {"current_period_start": at_s, "current_period_end": at_s + 2_592_000, "subscription": number}
    return {
        "id": number,
        "object": "subscription",
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "collection_method": "charge_automatically",
        "created": at_s,
        "currency": money.currency,
        "customer": owner["id"],
        "ended_at": None,
        "items": _list([item], f"/v1/subscription_items?subscription={number}"),
        "livemode": owner["livemode"],
        "metadata": {},
        "start_date": at_s,
        "status": "active",
        "trial_end": None,
        "trial_start": None,
    }


def invoice(number: str, at_s: int, owner: Row, money: Money, subscription: str = "") -> Row:
    """Return an open invoice of one line."""
    units, currency = money
    line = {"id": f"il_{number[3:]}", "object": "line_item", "amount": units, "currency": currency, "quantity": 1}
    line |= {"description": "Lamp oil, a month", "invoice": number, "livemode": owner["livemode"], "metadata": {}}
    line |= {"pricing": {"type": "price_details", "price_details": {"price": "price_oil", "product": "prod_oil"}}}
    details = {"metadata": {}, "subscription": subscription}
    parent = {"type": "subscription_details", "quote_details": None, "subscription_details": details}
    return {
        "id": number,
        "object": "invoice",
        "amount_due": units,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_remaining": units,
        "attempt_count": 0,
        "billing_reason": "subscription_cycle" if subscription else "manual",
        "collection_method": "charge_automatically",
        "created": at_s,
        "currency": currency,
        "customer": owner["id"],
        "customer_address": owner["address"],
        "customer_email": owner["email"],
        "customer_name": owner["name"],
        "customer_phone": owner["phone"],
        "lines": _list([line], f"/v1/invoices/{number}/lines"),
        "livemode": owner["livemode"],
        "metadata": {},
        "number": f"{owner['invoice_prefix']}-{number[-4:]}",
        "parent": parent if subscription else None,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "status": "open",
        "status_transitions": {
            "finalized_at": at_s,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "subtotal": units,
        "total": units,
        "_charge": None,
    }


def charge(number: str, at_s: int, owner: Row | None, money: Money, payer: Row) -> Row:
    """Return a payment that succeeded; `owner` is None for a guest."""
    units, currency = money
    return {
        "id": number,
        "object": "charge",
        "amount": units,
        "amount_captured": units,
        "amount_refunded": 0,
        "billing_details": {
            "address": _NO_ADDRESS,
            "email": None,
            "name": None,
            "phone": None,
            "tax_id": None,
            **payer,
        },
        "captured": True,
        "created": at_s,
        "currency": currency,
        "customer": owner["id"] if owner else None,
        "description": None,
        "disputed": False,
        "failure_code": None,
        "livemode": bool(owner and owner["livemode"]),
        "metadata": {},
        "paid": True,
        "payment_intent": f"pi_{number[3:]}",
        "receipt_email": None,
        "receipt_number": None,
        "refunded": False,
        "shipping": None,
        "status": "succeeded",
        "_invoice": None,
    }


def session(number: str, began_s: int, email: str, owner: Row | None, consent: Row | None) -> Row:
    """Return a Checkout Session that was completed."""
    details: Row = {"email": email, "name": None, "phone": None, "tax_exempt": "none", "tax_ids": [], "address": None}
    return {
        "id": number,
        "object": "checkout.session",
        "amount_total": 2_000,
        "consent": consent,
        "consent_collection": {"promotions": "auto", "terms_of_service": "none"},
        "created": began_s,
        "currency": "usd",
        "customer": owner["id"] if owner else None,
        "customer_details": details,
        "customer_email": None,
        "livemode": False,
        "metadata": {},
        "mode": "payment",
        "payment_status": "paid",
        "status": "complete",
    }


def _old_charge(row: Row, shown: Row) -> Row:
    return {**shown, "invoice": row["_invoice"]}


def _old_invoice(row: Row, shown: Row) -> Row:
    details = (row["parent"] or {}).get("subscription_details") or {}
    del shown["parent"]
    for line in shown["lines"]["data"]:
        price = line.pop("pricing")["price_details"]
        line["price"] = {"id": price["price"], "object": "price", "product": price["product"]}
    is_paid = row["status"] == "paid"
    return {**shown, "subscription": details.get("subscription"), "charge": row["_charge"], "paid": is_paid}


def _old_subscription(_row: Row, shown: Row) -> Row:
    (item,) = shown["items"]["data"]
    return {**shown, **{name: item.pop(name) for name in ("current_period_start", "current_period_end")}}


_OLD: Final[Mapping[str, Callable[[Row, Row], Row]]] = {
    "charge": _old_charge,
    "invoice": _old_invoice,
    "subscription": _old_subscription,
}


def shown(row: Row, version: str) -> Row:
    """Return an object as a version shows it."""
    found = {name: deepcopy(value) for name, value in row.items() if not name.startswith("_")}
    old = _OLD.get(str(row.get("object"))) if version < BASIL else None
    return found if old is None else old(row, found)


def event(row: Row, version: str) -> Row:
    """Return an event as a version shows it."""
    data = {"object": shown(row["_object"], version), **({"previous_attributes": p} if (p := row["_previous"]) else {})}
    return {**{name: value for name, value in row.items() if name[0] != "_"}, "api_version": version, "data": data}


def _list(rows: list[Row], url: str) -> Row:
    return {"object": "list", "data": rows, "has_more": False, "total_count": len(rows), "url": url}
