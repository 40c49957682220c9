"""Which fields each kind of record has, in our words, and how each is read. The names are those of `model`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from customer_sync.errors import PayloadError
from customer_sync.kit.canonical import CUSTOMER, texts
from customer_sync.kit.fields import Reader, email, flag, maybe_id, moment, number, text
from customer_sync.model import CUSTOMERS, Json, Kind, OrderState
from customer_sync.person.mapping import canonical_field


def state(value: Json, path: str) -> Json:
    """Return where an order stands; a word of the platform's own is left to `map`."""
    word = text(value, path)
    if word is not None and str(word).lower() not in tuple(OrderState):
        raise PayloadError(path, f"expected one of {', '.join(OrderState)}: name it in `map`")
    return None if word is None else str(word).lower()


def plain(value: Json, path: str) -> Json:
    """Return a value of the platform's own: a text, a number, true or false, or a list of texts."""
    if isinstance(value, list):
        return texts(value, path)
    if isinstance(value, dict):
        raise PayloadError(path, "expected a single value, found an object")
    return value if value is None or isinstance(value, bool) else number_or_text(value, path)


def number_or_text(value: Json, path: str) -> Json:
    """Return a text as a text and a number as a number."""
    return text(value, path) if isinstance(value, str) else number(value, path) if isinstance(value, float) else value


_PERSON: Final[Mapping[str, Reader]] = {"email": email, **CUSTOMER}
_ORDER: Final[Mapping[str, Reader]] = {
    "number": text,
    "state": state,
    "status": text,
    "email": email,
    "currency": text,
    "total": number,
    "amount": number,
    "coupons": texts,
    "carts": texts,
    "isRenewal": flag,
    "isTest": flag,
    "createdAt": moment,
    "updatedAt": moment,
    "cancelledAt": moment,
}
_PRODUCT: Final[Mapping[str, Reader]] = {
    "name": text,
    "description": text,
    "url": text,
    "imageUrl": text,
    "sku": text,
    "brand": text,
    "currency": text,
    "price": number,
    "compareAtPrice": number,
    "stock": number,
    "isPublished": flag,
    "isHidden": flag,
    "createdAt": moment,
    "updatedAt": moment,
}
_CART: Final[Mapping[str, Reader]] = {
    "email": email,
    "carts": texts,
    "currency": text,
    "total": number,
    "url": text,
    "isLoggedIn": flag,
    "completedAt": moment,
    "createdAt": moment,
    "updatedAt": moment,
}
ORDER_STATES: Final = tuple(map(str, OrderState))
#: The fields of a line of an order or a cart.
LINE: Final[Mapping[str, Reader]] = {
    "productId": maybe_id,
    "variantId": maybe_id,
    "sku": text,
    "title": text,
    "quantity": number,
    "price": number,
    "url": text,
    "imageUrl": text,
}
#: What is read strictly: a record whose address cannot be read is parked, never mended.
STRICT: Final = frozenset({"email", "customer.email", "customerId"})
#: The buyer of an order or a cart, by id; what else is known of the buyer stands below `customer.`.
BUYER: Final = "customerId"
LINES: Final = "lines"
NAME: Final = "name"
ATTRIBUTE: Final = "attributes."
CONSENT: Final = "consent."
ID: Final = "id"


class Target(NamedTuple):
    """What a resource's records are.

    Args:
        resource: the engine's word for them.
        fields: our field → its reader.
        changed: what an event of one is, and what the first one is.
        created: the same of a new one.
        deleted: the same of one that is gone.
    """

    resource: str
    fields: Mapping[str, Reader]
    changed: Kind
    created: Kind
    deleted: Kind


_WITH_BUYER: Final = {BUYER: maybe_id, **{f"customer.{name}": read for name, read in _PERSON.items()}}
TARGETS: Final[Mapping[str, Target]] = {
    "contact": Target(CUSTOMERS, _PERSON, Kind.CUSTOMER_UPDATED, Kind.CUSTOMER_CREATED, Kind.CUSTOMER_DELETED),
    "order": Target("orders", {**_ORDER, **_WITH_BUYER}, Kind.ORDER_UPDATED, Kind.ORDER_PLACED, Kind.ORDER_DELETED),
    "product": Target("products", _PRODUCT, Kind.PRODUCT_UPDATED, Kind.PRODUCT_UPDATED, Kind.PRODUCT_DELETED),
    "cart": Target("carts", {**_CART, **_WITH_BUYER}, Kind.CART_UPDATED, Kind.CART_UPDATED, Kind.CART_DELETED),
}
#: Names of the vocabulary → our field.
_SPELLINGS: Final = {"external_id": ID, "externalId": ID, "customer_id": BUYER}


def canonical(name: str) -> str:
    """Return our field for a name of a mapping: `first_name` and `firstName` are one."""
    return _SPELLINGS.get(name) or (name if name.startswith((ATTRIBUTE, CONSENT)) else canonical_field(name))


def choices(target: str) -> tuple[str, ...]:
    """Return the names that a mapping to a target may have."""
    found = ["external_id", *TARGETS[target].fields]
    if target == "contact":
        found += [NAME, "attributes.NAME", "consent.email", "consent.sms"]
    return tuple(found + ([LINES] if target in {"order", "cart"} else []))


def is_field(target: str, name: str) -> bool:
    """Tell whether a mapping to a target may have a field, by our name."""
    if name == ID or name in TARGETS[target].fields:
        return True
    if target == "contact":
        attribute = name.removeprefix(ATTRIBUTE)
        return name in {NAME, "consent.email", "consent.sms"} or (
            name != attribute and attribute.replace("_", "").isalnum() and attribute.isascii() and len(attribute) <= 100
        )
    return name == LINES and target in {"order", "cart"}
