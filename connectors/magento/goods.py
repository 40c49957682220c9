"""Magento's products and carts as canonical records: tables, then short functions. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from connectors.magento.customers import TIMES, Erased, yes_or_no
from customer_sync.errors import PayloadError
from customer_sync.kit.fields import Node, Table, email, filled, identifier, maybe_id, number, take, text
from customer_sync.model import Event, Json, Kind

_PRODUCT: Table = {"name": take(text, "name"), "sku": take(text, "sku"), **TIMES}
#: Types whose price stands at their parts: the API writes 0.
_COMPOSITE: Final = frozenset({"configurable", "grouped", "bundle"})
#: `status` of what is for sale, `visibility` of what is seen only as a part of another.
_ENABLED: Final = "1"
_NOT_ALONE: Final = "1"
_LINE: Table = {
    "sku": take(text, "sku"),
    "title": take(text, "name"),
    "quantity": take(number, "qty"),
    "price": take(number, "price"),
}
_ACCOUNT: Table = {"firstName": take(text, "customer.firstname"), "lastName": take(text, "customer.lastname")}


@dataclass(frozen=True, slots=True)
class Place:
    """What a store's settings tell.

    Args:
        url: its address for visitors, with a slash at the end; "" is not known.
        media: the address of its pictures, the same.
        currency: the base currency, in which prices are.
    """

    url: str = ""
    media: str = ""
    currency: str = ""

    @classmethod
    def of(cls, row: Mapping[str, Json]) -> Place:
        """Return it as `/V1/store/storeConfigs` tells of a store."""
        node = Node(row)
        found = [node.read(text, key) for key in ("secure_base_url", "secure_base_media_url", "base_currency_code")]
        return cls(*(one if isinstance(one, str) else "" for one in found))


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads products and carts of one source.

    Args:
        source: its name.
        now: when they are read.
        place: what the store's settings tell.
        erased: addresses that belong to nobody any more.
    """

    source: str
    now: datetime
    place: Place
    erased: Erased

    def product(self, row: Mapping[str, Json]) -> list[Event | PayloadError]:
        """Return the event of a product, or its fault."""
        node = Node(row)
        try:
            product_id = identifier(node.get("id"), "id")
        except PayloadError as fault:
            return [fault]
        more = _attributes(node)
        found = {"id": product_id, **node.pick(_PRODUCT), **self._addresses(more)}
        description = more.read(text, "short_description") or more.read(text, "description")
        found |= {"description": description} if description else {}
        found |= {"currency": self.place.currency} if self.place.currency else {}
        found["isPublished"] = str(node.get("status")) == _ENABLED
        found["isHidden"] = str(node.get("visibility")) == _NOT_ALONE
        is_composite = str(node.get("type_id")) in _COMPOSITE
        price, sale = node.read(number, "price"), more.read(number, "special_price")
        if isinstance(sale, float) and isinstance(price, float) and 0 < sale < price and self._is_now(more):
            found |= {"price": sale, "compareAtPrice": price}
        else:
            found["price"] = None if is_composite and not price else price
        stock = node.pick({"stock": take(number, "extension_attributes.stock_item.qty")})
        found |= {} if is_composite else stock
        found |= {"variants": [], "hasAllVariants": True}
        return [self._event(Kind.PRODUCT_UPDATED, "products", product_id, found, node)]

    def cart(self, row: Mapping[str, Json]) -> list[Event | PayloadError]:
        """Return the event of a cart, or its fault."""
        node = Node(row)
        try:
            cart_id = identifier(node.get("id"), "id")
            customer_id = None if node.get("customer_is_guest") is True else node.child("customer").read(maybe_id, "id")
            is_active = yes_or_no(node.get("is_active"), "is_active")
        except PayloadError as fault:
            return [fault]
        lines = [dict[str, Json](one.pick(_LINE)) for one in node.children("items")]
        typed = node.pick({"email": take(email, "billing_address.email")}).get("email")
        own = node.pick({"email": take(email, "customer.email")}).get("email")
        typed, own = (None if self.erased.fits(one) or self.erased.is_odd(one) else one for one in (typed, own))
        account: dict[str, Json] = {"id": customer_id, "email": own, **node.pick(_ACCOUNT)} if customer_id else {}
        found: dict[str, Json] = {
            "id": cart_id,
            "email": typed or own,
            "carts": [cart_id],
            "currency": node.pick({"code": take(text, "currency.quote_currency_code")}).get("code"),
            "total": _total(lines),
            "lines": list[Json](lines),
            "isLoggedIn": bool(customer_id),
            "customer": filled(account),
            **node.pick(TIMES),
        }
        found |= {"url": f"{self.place.url}checkout/cart/"} if self.place.url else {}
        if is_active is False:
            # bought, or put together with another cart of the same person: it is over either way
            found["completedAt"] = node.pick({"at": take(text, "converted_at")}).get("at") or found.get("updatedAt")
        event = self._event(Kind.CART_UPDATED, "carts", cart_id, found, node)
        return [replace(event, customer_id=str(customer_id)) if customer_id else event]

    def _event(self, kind: Kind, resource: str, record_id: str, record: Mapping[str, Json], node: Node) -> Event:
        return Event(
            f"magento:{resource}:{record_id}:{record.get('updatedAt')}",
            self.source,
            kind,
            node.instant("updated_at", "created_at") or self.now,
            record_id=record_id,
            record=record,
            topic="pull",
            notes=tuple(node.notes),
            is_pulled=True,
        )

    def _addresses(self, more: Node) -> dict[str, Json]:
        key, image = more.read(text, "url_key"), more.read(text, "image")
        found: dict[str, Json] = {}
        if key and self.place.url:
            found["url"] = f"{self.place.url}{key}.html"
        if isinstance(image, str) and self.place.media and image != "no_selection":
            found["imageUrl"] = f"{self.place.media}catalog/product/{image.lstrip('/')}"
        return found

    def _is_now(self, more: Node) -> bool:
        """Tell whether a special price holds today; its days are those of the shop, and ends are days included."""
        begins, ends = more.instant("special_from_date"), more.instant("special_to_date")
        return (begins is None or begins <= self.now) and (ends is None or (self.now - ends).days < 1)


def _attributes(node: Node) -> Node:
    """Return the attributes that a list of code and value holds, as an object."""
    found: dict[str, Json] = {}
    for one in node.children("custom_attributes"):
        code = one.read(text, "attribute_code")
        if isinstance(code, str):
            found[code] = one.get("value")
    return Node(found, "custom_attributes", node.notes)


def _total(lines: list[dict[str, Json]]) -> float:
    found = 0.0
    for line in lines:
        many, price = line.get("quantity"), line.get("price")
        if isinstance(many, int | float) and isinstance(price, int | float):
            found += many * price
    return round(found, 4)
