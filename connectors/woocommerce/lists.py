"""Reading a shop's orders, open checkouts and products page by page; customers are read in `pull`.

orders      orders → trash: `status=any` leaves the bin out, and a webhook of a deleted order may have been missed
carts       carts: the open checkouts
products    products, and the variations of each → those in the bin

A full pull reads the same lists as an incremental one, from the beginning of time. The place is the whole memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final

from connectors.woocommerce import changes, orders, products, pulled
from connectors.woocommerce.answers import Rejected
from connectors.woocommerce.api import CURRENCY, ORDERS, PER_PAGE, PRODUCTS, Shop
from connectors.woocommerce.changes import EVER, NEWEST, Live
from connectors.woocommerce.place import Place, Step, as_cursor, read_place, text_of
from connectors.woocommerce.pulled import Found, Reader, Row, Variations
from customer_sync.errors import PayloadError, TryLater
from customer_sync.kit.reach import Page, Want

#: How far an incremental pull reaches back behind `since`, as that of customers.
OVERLAP: Final = timedelta(minutes=5)
#: How many products a page has: each may cost calls of its own, for its variations.
PRODUCTS_PER_PAGE: Final = 20
#: More variations than this nobody can choose from; WooCommerce itself warns at 50.
_MOST_PAGES: Final = 50

#: Resource → its lists, one after the other.
_PHASES: Final[Mapping[str, tuple[str, ...]]] = {
    "orders": ("orders", "trash"),
    "carts": ("carts",),
    "products": ("products", "thrown"),
}
#: Phase → which orders, or products, it reads.
_STATUS: Final[Mapping[str, str]] = {
    "orders": "any",
    "trash": "trash",
    "carts": orders.CART,
    "products": "any",
    "thrown": "trash",
}
_OLD: Final = "The shop cannot list what changed (WooCommerce before 5.8?): webhooks tell of it, and nothing else does."
_NO_BIN: Final = "The shop does not list the products in its trash: their webhooks tell of them, and nothing else does."
_NO_CURRENCY: Final = "The key's user may not see the shop's settings, so products come without their currency."


def pull(shop: Shop, reader: Reader, want: Want) -> Page:
    """Return the next page of a pull of orders, carts or products.

    Raises:
        TajoError: as `Connector.pull`.
    """
    phases = _PHASES[want.resource]
    known = (*phases, *(f"{NEWEST}{phase}" for phase in phases))
    place = read_place(want.cursor, known) if want.cursor else _first(shop, reader, want)
    zone = reader.zone or (pulled.zone_named(place.zone) if place.zone else None)
    live = _live(shop, replace(reader, zone=zone), place)
    is_newest = place.phase.startswith(NEWEST)
    step = changes.newest_first(shop, place, live) if is_newest else changes.in_turn(shop, place, live)
    following = step.place or _next(phases, place)
    notes = [*shop.notes, *step.notes]
    if want.resource == "products" and not place.currency:
        notes.append(_NO_CURRENCY)
    return Page(
        step.found, None if following is None else as_cursor(following), _total(place, step), notes=tuple(notes)
    )


def by_id(shop: Shop, reader: Reader, resource: str, ids: Sequence[str]) -> Found:
    """Return the orders or products with these numbers as they are now; who is gone is absent.

    Raises:
        TryLater: the shop answered with others: a cache that does not look at the question.
    """
    asked = [one for one in ids if one.isascii() and one.isdigit() and int(one)]
    route, status = (ORDERS, f"any,trash,{orders.CART}") if resource == "orders" else (PRODUCTS, "any")
    currency = _currency(shop) if asked and resource == "products" else ""
    found: Found = []
    for start in range(0, len(asked), PER_PAGE):
        part = asked[start : start + PER_PAGE]
        listing = shop.listing(route, status=status, include=",".join(part), orderby="id", order="asc")
        if any(str(row.get("id")) not in part for row in listing.rows):
            raise TryLater(f"the shop answered with other {resource} than those asked for")
        if resource == "orders":
            found += reader.sales(listing.rows)
        else:
            found += _with_variations(shop, reader, currency, listing.rows)
        if listing.total is None or listing.total > len(listing.rows):
            found += _unseen(resource, len(part) - len(listing.rows))
    return found


def _unseen(resource: str, missing: int) -> Found:
    """Return an error where something that was asked for may be there and not be shown."""
    if not missing:
        return []
    fault = f"{missing} {resource} that may be there, and that the key's user may not read"
    return [PayloadError(resource, fault, "give the key to an administrator, and let proxies pass X-WP-Total on")]


# from list to list --------------------------------------------------------------------------------------------------


def _first(shop: Shop, reader: Reader, want: Want) -> Place:
    since = "" if want.since is None else text_of(want.since - OVERLAP)
    currency = _currency(shop) if want.resource == "products" else ""
    zone = pulled.zone_name(shop.index()) if reader.zone is None else ""
    phase = _PHASES[want.resource][0]
    return Place(phase, text_of(reader.now), since, after=since or EVER, zone=zone, currency=currency)


def _next(phases: Sequence[str], place: Place) -> Place | None:
    at = phases.index(place.phase.removeprefix(NEWEST)) + 1
    if at == len(phases):
        return None
    blank = Place(phases[at], place.began, place.since, after=place.since or EVER)
    return replace(blank, zone=place.zone, currency=place.currency)


def _total(place: Place, step: Step) -> int | None:
    """Return how many records a full pull has, as long as its first list is read for the first time."""
    return step.total if not place.since and place.after == EVER and place.phase in _PHASES else None


# lists --------------------------------------------------------------------------------------------------------------


def _live(shop: Shop, reader: Reader, place: Place) -> Live:
    phase = place.phase.removeprefix(NEWEST)
    status = {"status": _STATUS[phase]}
    if phase in _PHASES["products"]:
        read = partial(_with_variations, shop, reader, place.currency)
        return Live(PRODUCTS, status, read, _OLD if phase == "products" else _NO_BIN, PRODUCTS_PER_PAGE)
    return Live(ORDERS, status, reader.carts if phase == "carts" else reader.sales, _OLD)


def _with_variations(shop: Shop, reader: Reader, currency: str, rows: Sequence[Row]) -> Found:
    """Return the products of a page with their variations; one that vanished meanwhile is left out."""
    found: dict[str, Variations] = {}
    gone: set[str] = set()
    for row in rows:
        number = str(row.get("id"))
        if not number.isdigit() or not products.has_variations(row):
            continue
        try:
            found[number] = _variations(shop, number)
        except Rejected as refusal:
            if refusal.status != 404:
                raise
            gone.add(number)
    return reader.products([row for row in rows if str(row.get("id")) not in gone], found, currency)


def _variations(shop: Shop, number: str) -> Variations:
    rows: dict[str, Row] = {}
    for page in range(1, _MOST_PAGES + 1):
        listing = shop.listing(f"{PRODUCTS}/{number}/variations", page=str(page), orderby="id", order="asc")
        rows |= {str(row.get("id")): row for row in listing.rows}
        if not listing.rows or (listing.pages is not None and page >= listing.pages):
            return Variations([*rows.values()], listing.total is None or listing.total == len(rows))
    return Variations([*rows.values()], is_all=False)


def _currency(shop: Shop) -> str:
    """Return the shop's one currency, in which the prices of products are; "" where the key's user may not see it."""
    try:
        told = shop.get(CURRENCY).get("value")
    except Rejected:
        return ""
    return told if isinstance(told, str) and told.isalpha() and len(told) == 3 else ""
