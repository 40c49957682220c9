"""WooCommerce's bodies as canonical records and consents: tables first, then short functions. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone, tzinfo
from html.entities import html5

from customer_sync.errors import PayloadError
from customer_sync.kit.connector import parse_time
from customer_sync.kit.fields import (
    Node,
    Table,
    email,
    filled,
    maybe_id,
    moment,
    number,
    strict,
    take,
    text,
    to_text,
    whole,
)
from customer_sync.kit.times import written_time
from customer_sync.model import Json, kind_of

#: What WordPress writes in the place of a text when it erases a person, and the field that it adds to an order:
#: https://developer.wordpress.org/reference/functions/wp_privacy_anonymize_data/
_ERASED_TEXT = "[deleted]"
_ERASED_META = "_anonymized"
#: A phone number that was erased: zeros alone, parted in several ways.
_ERASED_PHONE = re.compile(r"[ ()+.-]*0[0 ()+.-]*")

#: An HTML entity, which ends with a semicolon: `&copyshop` is text.
_ENTITY = re.compile(r"&(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


def _decoded(entity: re.Match[str]) -> str:
    is_known = entity[1].startswith("#") or f"{entity[1]};" in html5
    return html.unescape(entity[0]) if is_known else entity[0]


def plain(value: Json, path: str) -> Json:
    """Return a text with its HTML entities decoded (`Tom &amp; Co`), None for one that was erased."""
    found = text(value, path)
    plain = None if found is None else text(_ENTITY.sub(_decoded, found), path)
    return None if plain is None or plain.lower() == _ERASED_TEXT else plain


def phone(value: Json, path: str) -> Json:
    """Return a phone number as it is written, None for one that was erased."""
    found = plain(value, path)
    return None if isinstance(found, str) and _ERASED_PHONE.fullmatch(found) else found


def _amount(value: Json, path: str) -> Json:
    """Return an amount that PHP added up, without the noise of its floats: no currency has more than four decimals."""
    found = number(value, path)
    return None if found is None else round(found, 6)


def is_zero_date(value: Json) -> bool:
    """Tell whether a date is the one of a draft: all zeros, or what PHP makes of them."""
    return isinstance(value, str) and value.startswith(("0000-00-00", "-0001-11-30"))


def utc(value: Json, path: str) -> Json:
    """Return a `*_gmt` time, which has no zone and is UTC; a date that MySQL holds as zeros is none."""
    return None if is_zero_date(value) else moment(value, path)


def quantity(value: Json, path: str) -> Json:
    """Return a quantity: a whole number, unless a plugin sells by weight."""
    found = number(value, path)
    return int(found) if found is not None and found.is_integer() else found


# https://woocommerce.github.io/woocommerce-rest-api-docs/#customers. `orders_count` and `total_spent` are of the older
# API versions; v3 has neither.
CUSTOMER: Table = {
    "email": strict(email, "email"),
    "firstName": take(plain, "first_name", "billing.first_name"),
    "lastName": take(plain, "last_name", "billing.last_name"),
    "phone": take(phone, "billing.phone"),
    "country": take(text, "billing.country"),
    "company": take(plain, "billing.company"),
    "city": take(plain, "billing.city"),
    "postcode": take(plain, "billing.postcode"),
    "role": take(text, "role"),
    "totalOrders": take(whole, "orders_count"),
    "totalSpent": take(_amount, "total_spent"),
    "createdAt": take(utc, "date_created_gmt"),
    "updatedAt": take(utc, "date_modified_gmt"),
}

# A guest as WooCommerce Analytics knows them: what stood in their last order. No version of it tells a phone number
# (looked at in 9.8.3, 10.5.2 and 11.0.1), and older ones tell the name only as a whole.
GUEST: Table = {
    "email": strict(email, "email"),
    "firstName": take(plain, "first_name"),
    "lastName": take(plain, "last_name"),
    "country": take(text, "country"),
    "city": take(plain, "city"),
    "postcode": take(plain, "postcode"),
}

TOTALS: Table = {
    "totalOrders": take(whole, "orders_count"),
    "totalSpent": take(_amount, "total_spend"),
}

#: What an account without an address has empty: names and billing fields. That they are empty there tells nothing.
PERSONAL = frozenset({"firstName", "lastName", "phone", "country", "company", "city", "postcode"})
#: Billing fields that somebody filled in; country and state may be the shop's own, the e-mail is the account's.
_FILLED_IN = ("first_name", "last_name", "company", "address_1", "address_2", "city", "postcode", "phone")
#: Our name → the site's own time beside the one in UTC.
_TIMES = {"createdAt": "date_created", "updatedAt": "date_modified"}
#: No zone is further from UTC; each is a multiple of a quarter of an hour.
_MAX_OFFSET, _QUARTER = timedelta(hours=14), timedelta(minutes=15)


def own_id(node: Node) -> str:
    """Return the id of a record.

    Raises:
        PayloadError: it is missing, or 0, with which WooCommerce says that there is none.
    """
    found = maybe_id(node.get("id"), "id")
    if found is None:
        raise PayloadError("id", "expected an id, found none")
    return found


def own_email(node: Node) -> str | None:
    """Return a customer's own address.

    Raises:
        PayloadError: it can be no address.
    """
    return email(node.get("email"), "email")


def customer(node: Node) -> dict[str, Json]:
    """Return a customer; only what the body tells.

    WooCommerce writes "" for what somebody removed and for what nobody ever knew. A new account has it in every name
    and billing field; taken as empty, it would wipe what the guest orders of the same person told.
    """
    found = node.pick(CUSTOMER)
    if not _had_an_address(node):
        found = {name: value for name, value in found.items() if value is not None or name not in PERSONAL}
    return {"id": own_id(node), **with_zone(node, found)}


def is_anonymised(node: Node) -> bool:
    """Tell whether WordPress erased the person of an order; the mark is the same in every language."""
    return any(
        one.get("key") == _ERASED_META and one.get("value") in ("yes", "1", 1, True) for one in plugins_fields(node)
    )


def guest(node: Node) -> dict[str, Json]:
    """Return a guest of the report; what is empty there is left out: a report is no reason to empty a field."""
    found = filled(node.pick(GUEST))
    if "first_name" not in node and (name := node.read(plain, "name")):
        first, _, last = str(name).partition(" ")
        found |= {"firstName": first, **({"lastName": last.strip()} if last else {})}
    return found


def totals(node: Node) -> dict[str, Json]:
    """Return order count and total spent of a row of the report."""
    return node.pick(TOTALS)


def modified_at(node: Node) -> datetime | None:
    """Return the record's own modification time; a customer who never changed has only the time of creation.

    `date_modified` beside it is in the site's own zone, which the body does not tell, so it is never used alone.
    """
    return _gmt(node, "date_modified_gmt") or _gmt(node, "date_created_gmt")


def stated_at(node: Node) -> datetime | None:
    """Return since when a customer's boxes are as they are, None where that cannot be read.

    A time that cannot be read is later than the creation: a withdrawal must not count from then.
    """
    key = "date_modified_gmt"
    is_bad = not is_zero_date(node.get(key)) and node.has_bad_time(key)
    return None if is_bad else modified_at(node)


def created_at(node: Node) -> datetime | None:
    """Return when the record was made."""
    return _gmt(node, "date_created_gmt")


def _gmt(node: Node, key: str) -> datetime | None:
    return None if is_zero_date(node.get(key)) else node.instant(key)


def with_zone(node: Node, found: dict[str, Json]) -> dict[str, Json]:
    """Return a record with its times in the site's zone, so that their day is the one that the shop's owner sees.

    The zone is what lies between the two spellings of one time: `date_created` and `date_created_gmt`.
    """
    for name, key in _TIMES.items():
        at, local = found.get(name), node.get(key)
        if not isinstance(at, str) or not isinstance(local, str):
            continue
        try:
            gmt, here = parse_time(at, key), parse_time(local, key)
        except PayloadError:
            continue
        offset = here - gmt
        if abs(offset) <= _MAX_OFFSET and not offset % _QUARTER:
            found[name] = to_text(gmt.astimezone(timezone(offset)))
    return found


def with_local(node: Node, found: dict[str, Json], zone: tzinfo | None) -> dict[str, Json]:
    """Return a record of `with_zone` with those times, too, of which only the site's own spelling stands in the body.

    Args:
        node: the body.
        found: the record.
        zone: the site's; None is not known, then another time of the body tells how far from UTC the site is, and
            where none does, the time stays unknown and is noted.
    """
    zone = zone or next((at.tzinfo for name, key in _TIMES.items() if (at := _paired(node, found, name, key))), None)
    for name, key in _TIMES.items():
        if found.get(name) or is_zero_date(node.get(key)) or (local := node.instant(key)) is None:
            continue
        if zone is None:
            node.note(PayloadError(node.path(key), "no time in UTC beside it, and the shop's zone is not known"))
            found.pop(name, None)
        else:
            found[name] = to_text(local.replace(tzinfo=zone))
    return found


def _paired(node: Node, found: dict[str, Json], name: str, key: str) -> datetime | None:
    """Return a time that stands in a body in both spellings, with its zone."""
    at = found.get(name)
    return written_time(at, name) if isinstance(at, str) and isinstance(node.get(key), str) else None


def told_at(record: Mapping[str, Json]) -> datetime | None:
    """Return when an order or a product last changed, in UTC; one that never did has the time of its creation."""
    at = record.get("updatedAt") or record.get("createdAt")
    return parse_time(at, "updatedAt") if isinstance(at, str) else None


def _had_an_address(node: Node) -> bool:
    """Tell whether an account ever had an address: then what is empty in it was left empty, or removed.

    Who paid an order had one, also when WordPress has erased it since.
    """
    billing = node.get("billing")
    known = billing if isinstance(billing, dict) else {}
    return node.get("is_paying_customer") is True or any(
        isinstance(value := known.get(key), str) and value.strip() for key in _FILLED_IN
    )


def plugins_fields(node: Node) -> list[Node]:
    """Return the plugins' fields of a record. False and "" are how PHP writes an empty list.

    Raises:
        PayloadError: it is no list: what it tells of consent cannot be read.
    """
    value = node.get("meta_data")
    if value is not None and value not in (False, "") and not isinstance(value, list | dict):
        raise PayloadError("meta_data", f"expected a list, found {kind_of(value)}")
    return node.children("meta_data")
