"""Orders and refunds in Shopify's REST shape as canonical orders: tables first, then short functions. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from connectors.shopify import records
from customer_sync.errors import PayloadError
from customer_sync.kit.fields import (
    ABSENT,
    Field,
    Node,
    Table,
    email,
    filled,
    flag,
    maybe_id,
    moment,
    number,
    strict,
    take,
    text,
    whole,
)
from customer_sync.model import Json, OrderState

#: https://shopify.dev/docs/api/admin-graphql/latest/enums/OrderDisplayFinancialStatus; webhooks write it in small
#: letters. An order that was cancelled is cancelled, whatever stands here. `voided`: the money was never taken.
STATES: Final[Mapping[str, OrderState]] = {
    "pending": OrderState.PLACED,
    "authorized": OrderState.PLACED,
    "expired": OrderState.PLACED,
    "partially_paid": OrderState.PAID,
    "paid": OrderState.PAID,
    "partially_refunded": OrderState.PAID,
    "refunded": OrderState.REFUNDED,
    "voided": OrderState.CANCELLED,
}
#: Shopify's word → the one that we pass on. A Shopify order that waits for its money was placed, at the till or by
#: bank transfer; elsewhere `pending` is an order whose buyer is still at the till.
WORDS: Final[Mapping[str, str]] = {"pending": "unpaid"}
#: Of an order in one of these states nothing is left.
_WORTHLESS: Final = frozenset({OrderState.CANCELLED, OrderState.REFUNDED})

#: What `source_name` begins with where a subscription made the order, and nobody was at the till. Seen until 2025-09 as
#: `subscription_contract`, since 2025-10 as `subscription_contract_checkout_one`
#: (https://community.shopify.dev/t/order-paid-webhook-sourcename-property-changed-for-subscription/23868). The first
#: order of a subscription comes from `web`.
RENEWAL_SOURCE: Final = "subscription_contract"
#: The names of the cart that an order was made from.
CARTS: Final = ("checkout_token", "cart_token")
#: Tags, in small letters, by which subscription apps mark a renewal (Recharge).
RENEWAL_TAGS: Final = frozenset({"subscription recurring order"})

# What an order or a checkout tells of its customer. Without access to protected customer data the keys are absent.
BUYER: Table = {
    "email": strict(email, "customer.email", "email", "contact_email"),
    "firstName": take(text, "customer.first_name", "billing_address.first_name", "shipping_address.first_name"),
    "lastName": take(text, "customer.last_name", "billing_address.last_name", "shipping_address.last_name"),
    "phone": take(text, "customer.phone", "phone"),
    "country": take(
        text,
        "customer.default_address.country_code",
        "billing_address.country_code",
        "shipping_address.country_code",
    ),
}

BILLING: Table = {
    "address": take(text, "billing_address.address1"),
    "city": take(text, "billing_address.city"),
    "country": take(text, "billing_address.country"),
    "countryCode": take(text, "billing_address.country_code"),
    "phone": take(text, "billing_address.phone"),
    "postCode": take(text, "billing_address.zip"),
    "region": take(text, "billing_address.province"),
    "paymentMethod": take(text, "payment_gateway_names.0"),
}


def shop_money(*paths: str) -> Field:
    """Return a field of money in the shop's own currency; what stands beside it was shown to the buyer in another.

    Args:
        paths: without `_set`, as `total_price`: the plain amount is the shop's, too.
    """
    return take(number, *(place for path in paths for place in (f"{path}_set.shop_money.amount", path)))


ORDER: Table = {
    "number": take(text, "name", "order_number"),
    "email": take(email, "email", "contact_email"),
    "currency": take(text, "total_price_set.shop_money.currency_code", "currency"),
    "total": shop_money("total_price"),
    "cancelledAt": take(moment, "cancelled_at"),
    # what was sold elsewhere and loaded into the shop has its own date here
    "createdAt": take(moment, "processed_at", "created_at"),
    "updatedAt": take(moment, "updated_at"),
    "isTest": take(flag, "test"),
}

LINE: Table = {
    "productId": take(maybe_id, "product_id"),
    "variantId": take(maybe_id, "variant_id"),
    "sku": take(text, "sku"),
    "title": take(text, "title", "presentment_title"),
    "price": shop_money("price"),
}


def order(node: Node) -> dict[str, Json]:
    """Return an order; only what the body holds."""
    record: dict[str, Json] = {"id": records.own_id(node), **_standing(node), **node.pick(ORDER)}
    refunds = _refunds(node)
    if refunds is not None:
        record["refunds"] = dict(refunds)
    left = _left(node, record, refunds or {})
    if left is not None:
        record["amount"] = left
    return {**record, **_renewal(node), **_parts(node), "customer": buyer(node)}


def _parts(node: Node) -> dict[str, Json]:
    """Return what an order is made of, as far as the body holds it."""
    return {
        **({"lines": lines(node)} if "line_items" in node else {}),
        **({"coupons": _coupons(node)} if "discount_codes" in node else {}),
        **({"billing": filled(node.pick(BILLING))} if "billing_address" in node else {}),
        **({"carts": names(node, *CARTS)} if any(key in node for key in CARTS) else {}),
    }


def refund(node: Node) -> dict[str, Json]:
    """Return what a refund tells of its order: `id` is the order's, and what was paid back is all that is told."""
    record: dict[str, Json] = {"id": records.numeric(node.get("order_id"), "order_id")}
    refund_id = records.own_id(node)
    rate = _foreign_rate(node, "refund_line_items.0.subtotal_set", "total_duties_set")
    amount = _paid_back(node, rate, _currency(node, "total_duties_set", "refund_line_items.0.subtotal_set"))
    return {**record, "refunds": {refund_id: amount}} if amount else record


def deleted(node: Node) -> dict[str, Json]:
    """Return the end of an order: its id is all that comes."""
    return {"id": records.own_id(node), "state": str(OrderState.DELETED)}


def buyer(node: Node, table: Table = BUYER) -> dict[str, Json]:
    """Return what an order or a checkout tells of its customer; without `id` for a guest, without what is empty."""
    known = node.child("customer")
    return {**({"id": records.own_id(known)} if known.body else {}), **filled(node.pick(table))}


def lines(node: Node) -> list[Json]:
    """Return what is left of the lines; what was taken out of the order, or paid back, is not in it."""
    return [line for one in node.children("line_items") if (line := _line(one))]


def names(node: Node, *keys: str) -> list[Json]:
    """Return the tokens by which a cart may be known, each once."""
    found = [node.read(maybe_id, key) for key in keys]
    return list(dict.fromkeys(one for one in found if one is not None))


def _line(node: Node) -> dict[str, Json]:
    quantity = node.read(whole, "current_quantity" if "current_quantity" in node else "quantity")
    if quantity == 0:
        return {}
    line = node.pick(LINE)
    is_gone = node.get("product_exists") is False
    for key in ("productId", "variantId"):
        if line.get(key, "") is None or is_gone:
            line.pop(key, None)
    return line if quantity is None else {**line, "quantity": quantity}


def _standing(node: Node) -> dict[str, Json]:
    """Return the state of an order and the word that people see; nothing where the body tells of neither."""
    if node.get("cancelled_at"):
        return {"state": str(OrderState.CANCELLED), "status": "cancelled"}
    word, sent = node.take(take(text, "financial_status")), node.read(text, "fulfillment_status")
    if word is ABSENT:
        return {}
    paid = word.lower() if isinstance(word, str) else "pending"
    state = STATES.get(paid)
    if state is None:
        node.note(PayloadError("financial_status", "a word that is not known; the order counts as not paid"))
        state = OrderState.PLACED
    is_sent = isinstance(sent, str) and sent.lower() == "fulfilled" and state not in _WORTHLESS
    return {"state": str(state), "status": "fulfilled" if is_sent else WORDS.get(paid, paid)}


def _left(node: Node, record: Mapping[str, Json], refunds: Mapping[str, float]) -> float | None:
    """Return what is left of an order: after edits as Shopify tells it, and no more than its total without refunds."""
    if record.get("state") in _WORTHLESS:
        return 0.0
    current, total = node.take(shop_money("current_total_price")), record.get("total")
    paid_back = sum((_exact(one) for one in refunds.values()), Decimal(0))
    left = [_exact(current)] if isinstance(current, float) else []
    left += [_exact(total) - paid_back] if isinstance(total, float) else []
    return float(max(min(left), Decimal(0))) if left else None


def _refunds(node: Node) -> dict[str, float] | None:
    """Return what each refund paid back, None where the body knows of none."""
    if not isinstance(node.get("refunds"), list):
        return None
    rate, currency = _foreign_rate(node, "total_price_set"), _currency(node, "total_price_set")
    found = {}
    for one in node.children("refunds"):
        try:
            amount = _paid_back(one, rate, currency)
            if amount:
                found[records.own_id(one)] = amount
        except PayloadError as fault:
            node.note(fault)
    return found


def _paid_back(node: Node, rate: Decimal | None, currency: str | None) -> float:
    """Return what the transactions of a refund really paid back, in the shop's currency; 0.0 for none.

    A transaction is in the currency that the buyer paid in. Where that is another one, the rate of the order's own
    amounts turns it; without a rate it is left out, and the order tells what is left of it.
    """
    total = Decimal(0)
    for one in node.children("transactions"):
        if (one.get("kind"), one.get("status")) != ("refund", "success"):
            continue
        amount, paid_in = one.read(number, "amount"), one.read(text, "currency")
        if not isinstance(amount, float):
            continue
        if currency and paid_in and paid_in != currency:
            if rate is None:
                one.note(
                    PayloadError(one.path("amount"), "in another currency than the shop's: the refund is left out")
                )
                return 0.0
            total += (_exact(amount) * rate).quantize(Decimal("0.01"))
        else:
            total += _exact(amount)
    return float(abs(total))


def _foreign_rate(node: Node, *keys: str) -> Decimal | None:
    """Return how much of the shop's currency one of the buyer's is, None where no two amounts tell."""
    for key in keys:
        shop, shown = (node.take(take(number, f"{key}.{side}.amount")) for side in ("shop_money", "presentment_money"))
        if isinstance(shop, float) and isinstance(shown, float) and shop > 0 and shown > 0:
            return _exact(shop) / _exact(shown)
    return None


def _currency(node: Node, *keys: str) -> str | None:
    """Return the shop's currency, None where nothing tells it."""
    found = node.take(take(text, *(f"{key}.shop_money.currency_code" for key in keys), "currency"))
    return found if isinstance(found, str) else None


def _coupons(node: Node) -> list[Json]:
    found = [one.read(text, "code") for one in node.children("discount_codes")]
    return [one for one in found if one]


def _renewal(node: Node) -> dict[str, Json]:
    """Tell whether a subscription made the order; nothing where the body tells neither its source nor its tags."""
    if "source_name" not in node and "tags" not in node:
        return {}
    source, tags = node.read(text, "source_name"), node.read(records.tag_list, "tags")
    is_marked = isinstance(tags, list) and any(str(tag).lower() in RENEWAL_TAGS for tag in tags)
    return {"isRenewal": is_marked or (isinstance(source, str) and source.startswith(RENEWAL_SOURCE))}


def _exact(amount: float) -> Decimal:
    return Decimal(str(amount))
