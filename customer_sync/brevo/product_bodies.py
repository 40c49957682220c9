"""What Brevo should have of one record of the catalogue: a pure function of its fields.

Rules: what is not known is left out, and a missing price is never 0. The price of a product with variants is the lowest
of those that are there. What visitors cannot see is never created, and marked as deleted where it was; what only those
with its link see stays, and `metaInfo.visibility` says `hidden`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from customer_sync.brevo.names import category_id, product_id, variant_id
from customer_sync.model import Json, to_iso
from customer_sync.person.merge import Stamped, State

#: Our field → Brevo's, for texts. https://developers.brevo.com/reference/create-update-product
_TEXTS: Final[Mapping[str, str]] = {
    "url": "url",
    "imageUrl": "imageUrl",
    "sku": "sku",
    "brand": "brand",
    "description": "description",
}
#: Our field → Brevo's, for money.
_MONEY: Final[Mapping[str, str]] = {"price": "price", "compareAtPrice": "alternativePrice"}
_CHILD: Final = "child:"
#: What Shopify calls the only variant of a product without variants.
_NO_TITLE: Final = frozenset({"Default Title", "Default"})


class Wanted(NamedTuple):
    """What Brevo should have of a record.

    Args:
        route: where it is sent: `products` or `categories`.
        body: as sent, without `updateEnabled`; None where nothing is to be there.
        notes: what was left out and why; never values of a customer.
    """

    route: str
    body: dict[str, Json] | None
    notes: tuple[str, ...] = ()

    @property
    def is_ending(self) -> bool:
        """Whether it marks something as deleted."""
        return self.body is not None and self.body["isDeleted"] is True


class Gone(NamedTuple):
    """A variant that is not there any more: its id, the stamp with which it was told last, and that of its end."""

    id: str
    told_ms: int
    end: Stamped


def source_of(target: str) -> str:
    """Return the source of a record; no source's name holds a colon."""
    return target.partition(":")[0]


def kind_in(target: str) -> str:
    """Return what a record is: `p` a product, `v` a variant, `c` a category."""
    return target.split(":", 2)[1]


def wanted(target: str, state: State, *, is_there: bool, currency: str | None) -> Wanted:
    """Return what Brevo should have of a record.

    Args:
        target: the record.
        state: its fields.
        is_there: whether Brevo has it.
        currency: that of the account; an amount in another one is left out. None: unknown, and amounts are sent.
    """
    is_category = kind_in(target) == "c"
    route = "categories" if is_category else "products"
    named = _named(target, state)
    if named is None:
        return Wanted(route, None, ("it has no id",))
    text = _name(state)
    if text is not None:
        named["name"] = text
    end = ended(state)
    if end is not None:
        gone: dict[str, Json] = {**named, "isDeleted": True, "deletedAt": to_iso(end.at_ms)}
        return Wanted(route, gone) if is_there else Wanted(route, None, ("it is not for sale, and Brevo has it not",))
    if text is None and not is_there:
        return Wanted(route, None, ("it has no name, and Brevo makes nothing without one",))
    if is_category:
        more = {"url": url} if (url := _text(state, "url")) else {}
        return Wanted(route, {**named, "isDeleted": False, **more})
    fields, notes = _fields(target, state, currency)
    return Wanted(route, {**named, "isDeleted": False, **fields}, notes)


def ended(state: State) -> Stamped | None:
    """Return the newest word that visitors cannot see it; None where they can."""
    words = [state.get("isDeleted"), state.get("isPublished")]
    over = [one for one, is_over in zip(words, (True, False), strict=True) if one is not None and one.value is is_over]
    return max(over, key=lambda one: (one.at_ms, one.seen_us), default=None)


def gone(state: State) -> Iterator[Gone]:
    """Yield the variants of a product that are not there any more, by what was told of the product.

    Those that a whole body did not name, and all of a product that ended; a variant that was told of at that time or
    later speaks for itself.
    """
    whole, end = state.get("children"), ended(state)
    listed = whole.value if whole is not None and isinstance(whole.value, list) else []
    for name, one in state.items():
        if not name.startswith(_CHILD):
            continue
        number = name.removeprefix(_CHILD)
        ends = [stamp for stamp in (whole if number not in listed else None, end) if stamp is not None]
        later = [stamp for stamp in ends if (stamp.at_ms, stamp.seen_us) > (one.at_ms, one.seen_us)]
        if later:
            yield Gone(number, one.at_ms, max(later, key=lambda stamp: (stamp.at_ms, stamp.seen_us)))


def _named(target: str, state: State) -> dict[str, Json] | None:
    source, own, parent = source_of(target), _text(state, "id"), _text(state, "parent")
    if own is None:
        return None
    kind = kind_in(target)
    if kind != "v":
        return {"id": category_id(source, own) if kind == "c" else product_id(source, own)}
    if parent is None:
        return None
    return {"id": variant_id(source, parent, own), "parentId": product_id(source, parent)}


def _name(state: State) -> str | None:
    """Return the name: of a variant that of its product and its own, since mails show one without the other."""
    title = _text(state, "title")
    words = [one for one in (_text(state, "name"), None if title in _NO_TITLE else title) if one]
    return " - ".join(words) or None


def _fields(target: str, state: State, currency: str | None) -> tuple[dict[str, Json], tuple[str, ...]]:
    """Return the fields of a product or variant that is there."""
    found: dict[str, Json] = {}
    notes: list[str] = []
    for name, theirs in _TEXTS.items():
        text = _text(state, name)
        if text is not None:
            found[theirs] = text
    amounts = {theirs: _number(state, name) for name, theirs in _MONEY.items()}
    amounts["price"] = _lowest(state, amounts["price"])
    money = {name: amount for name, amount in amounts.items() if amount is not None and amount >= 0}
    told = _text(state, "currency")
    if money and currency and told and told.upper() != currency:
        notes.append(f"its price is in {told.upper()}, the account counts in {currency}: left out")
    else:
        found |= money
    if (stock := _number(state, "stock")) is not None:
        found["stock"] = stock
    categories = state.get("categories")
    if categories is not None and isinstance(categories.value, list):
        found["categories"] = [category_id(source_of(target), str(one)) for one in categories.value]
    hidden = state.get("isHidden")
    found["metaInfo"] = {"visibility": "hidden" if hidden is not None and hidden.value is True else "visible"}
    return found, tuple(notes)


def _lowest(state: State, own: float | None) -> float | None:
    """Return the lowest price of the variants that are there; the product's own where none of them tells any."""
    away = {one.id for one in gone(state)}
    children = {name.removeprefix(_CHILD): name for name in state if name.startswith(_CHILD)}
    prices = [_number(state, name) for number, name in children.items() if number not in away]
    known = [one for one in prices if one is not None]
    return min(known) if known else own


def _text(state: State, name: str) -> str | None:
    found = state.get(name)
    return found.value if found is not None and isinstance(found.value, str) and found.value else None


def _number(state: State, name: str) -> int | float | None:
    found = state.get(name)
    value = None if found is None else found.value
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
