"""An order as Brevo takes it, as a pure function of the record, see `model.Order`.

https://developers.brevo.com/reference/create-order
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Final, NamedTuple

from customer_sync.brevo.names import order_id, product_id, variant_id
from customer_sync.errors import PayloadError
from customer_sync.kit.connector import parse_time
from customer_sync.model import Json, OrderState, to_iso, to_ms
from customer_sync.person.merge import WHOM, State, canonical
from customer_sync.person.orders import REFUSED, net

#: Our state → the status in Brevo. The words are those of Brevo's own shop plugins as far as they have one; which of
#: them count as revenue is a setting of the account, and by default all do: so the amount of what earns nothing is 0.
STATUSES: Final[Mapping[str, str]] = {
    OrderState.DRAFT: "draft",
    OrderState.PLACED: "created",
    OrderState.PAID: "paid",
    OrderState.REFUNDED: "refunded",
    OrderState.CANCELLED: "cancelled",
    OrderState.DELETED: "deleted",
}
#: Our field → the name among the order's `metaInfo`.
_META: Final[Mapping[str, str]] = {
    "number": "number",
    "currency": "currency",
    "status": "shopStatus",
    "isRenewal": "isRenewal",
}
_BILLING: Final = ("address", "city", "country", "countryCode", "phone", "postCode", "region", "paymentMethod")
#: What stands for no id at all where a platform's products are gone.
_NO_ID: Final = frozenset({"", "0", "null", "None"})
#: What is no word of the shop.
_OURS: Final = frozenset({WHOM, REFUSED})
#: Whole numbers beyond this are no counts.
_MOST: Final = 2**53


class Told(NamedTuple):
    """An order in Brevo's words.

    Args:
        body: the order, without whom it belongs to.
        digest: what stands for what matters of it: a newer date alone is no reason for a call.
    """

    body: dict[str, Json]
    digest: str

    @property
    def status(self) -> str:
        """The status in Brevo."""
        return str(self.body["status"])


def tell_order(source: str, own: str, state: State, person: str) -> Told | None:
    """Return an order in Brevo's words; None where too little is known of it (a refund of an order nobody told of).

    Args:
        source: the source.
        own: the platform's id.
        state: its fields.
        person: the number of the person whose it is, "" where the order names nobody; a part of the digest.
    """
    fields = {name: one.value for name, one in state.items()}
    status, amount = STATUSES.get(str(fields.get("state"))), net(fields)
    if status is None or amount is None or not {"total", "createdAt"} & fields.keys():
        return None
    body: dict[str, Json] = {
        "id": order_id(source, own),
        "createdAt": _created(fields, state),
        "status": status,
        "amount": float(amount),
        "products": list(_lines(source, fields.get("lines"))),
        "storeId": source,
    }
    coupons, billing = fields.get("coupons"), fields.get("billing")
    if isinstance(coupons, list) and (codes := [one for one in coupons if isinstance(one, str) and one]):
        body["coupons"] = list[Json](codes)
    if isinstance(billing, dict):
        told: dict[str, Json] = {name: one for name in _BILLING if isinstance(one := billing.get(name), str) and one}
        body |= {"billing": told} if told else {}
    meta: dict[str, Json] = {to: one for name, to in _META.items() if (one := fields.get(name)) not in (None, "")}
    body["metaInfo"] = {name: one for name, one in meta.items() if isinstance(one, str | int)}
    digest = blake2b(f"{person}{canonical(body)}".encode(), digest_size=9).hexdigest()
    return Told({**body, "updatedAt": to_iso(_newest_ms(state))}, digest)


def _created(fields: Mapping[str, Json], state: State) -> str:
    """Return when it was ordered, in UTC; where the platform does not tell, when it was first heard of."""
    try:
        return to_iso(to_ms(parse_time(fields.get("createdAt"), "createdAt")))
    except PayloadError:
        return to_iso(min(one.at_ms for name, one in state.items() if name not in _OURS))


def _newest_ms(state: State) -> int:
    return max(one.at_ms for name, one in state.items() if name not in _OURS)


def _lines(source: str, lines: Json) -> Iterator[dict[str, Json]]:
    """Yield the lines that are products; a fee, or a product that is gone, adds to the amount only."""
    for line in lines if isinstance(lines, list) else ():
        if not isinstance(line, dict):
            continue
        product, price, count = line.get("productId"), line.get("price"), line.get("quantity", 1)
        if not _is_id(product) or not _is_number(price) or not _is_number(count) or not float(str(count)) > 0:
            continue
        found: dict[str, Json] = {"productId": product_id(source, str(product)), "price": price}
        variant = line.get("variantId")
        if _is_id(variant):
            found["variantId"] = variant_id(source, str(product), str(variant))
        is_whole = float(str(count)).is_integer() and abs(float(str(count))) < _MOST
        yield {**found, **({"quantity": int(float(str(count)))} if is_whole else {"quantityFloat": count})}


def _is_id(value: Json) -> bool:
    return isinstance(value, str) and value not in _NO_ID


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
