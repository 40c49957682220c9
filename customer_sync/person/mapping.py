"""How a customer's fields become Brevo attributes: one table of types, one function.

Pure, and on the path of every record of a full sync, so a mapping is made into a plan once and each field costs about
a microsecond. A value that does not fit its type is refused with a reason and left out: Brevo drops it without a word
or, for a bad phone number, refuses the whole contact.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final, Literal

import phonenumbers

from customer_sync.model import Json, kind_of

#: The longest phone number, its `+` included: ITU-T E.164.
MAX_E164: Final = 16
#: Attribute types of Brevo that can be proposed.
AttributeType = Literal["text", "float", "date", "boolean"]
#: How a canonical field's value is read.
FieldType = Literal["text", "phone", "whole", "number", "date", "flag", "list"]

#: The mapping where the config says nothing.
DEFAULT_MAPPING: Final[Mapping[str, str]] = {
    "email": "email",
    "firstName": "FIRSTNAME",
    "lastName": "LASTNAME",
    "phone": "SMS",
}

#: Canonical field → how its value is read. A field that is not here is a platform's own and passes as it is.
FIELD_TYPES: Final[Mapping[str, FieldType]] = {
    "id": "text",
    "email": "text",
    "firstName": "text",
    "lastName": "text",
    "phone": "phone",
    "country": "text",
    "company": "text",
    "city": "text",
    "postcode": "text",
    "language": "text",
    "currency": "text",
    "acceptsMarketing": "flag",
    "totalOrders": "whole",
    "totalSpent": "number",
    "averageOrderValue": "number",
    "firstOrderDate": "date",
    "lastOrderDate": "date",
    "customerTier": "text",
    "tags": "list",
    "note": "text",
    "createdAt": "date",
    "updatedAt": "date",
}

#: Fields that a platform works out from other records. Their record's own time says little about them: of two readings
#: the later one counts. Where no platform tells them they are summed up, see `customer_sync.person.totals`.
TOTALS: Final = frozenset({"totalOrders", "totalSpent", "averageOrderValue", "firstOrderDate", "lastOrderDate"})

_ATTRIBUTE_TYPES: Final[Mapping[FieldType, AttributeType]] = {
    "text": "text",
    "phone": "text",
    "whole": "float",
    "number": "float",
    "date": "date",
    "flag": "boolean",
    "list": "text",
}

#: Fields that steer the sync and are never attributes: the identity, and the consent (see
#: `customer_sync.person.consent`).
NEVER_ATTRIBUTES: Final = frozenset({"email", "acceptsMarketing"})
#: Brevo's own attributes for phones: one bad number in them and the whole contact is refused.
PHONE_ATTRIBUTES: Final = frozenset({"SMS", "WHATSAPP", "LANDLINE_NUMBER"})


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a mapping made of a record.

    Args:
        attributes: Brevo attribute → value; None means known to be empty.
        refused: field → why its value was left out, without the value.
    """

    attributes: dict[str, Json]
    refused: dict[str, str]


def map_customer(record: Mapping[str, Json], mapping: Mapping[str, str]) -> Mapped:
    """Return a record's fields as Brevo attributes.

    Args:
        record: canonical fields; `first_name` is found for `firstName` too. `country` reads the phone number.
        mapping: field → attribute. A dotted field (`address.city`, `lines.0.sku`) reaches into nested values.

    An absent field gives no attribute. None, "" and an empty list give None: known to be empty. When two fields are
    mapped to one attribute, the later one wins if it is present.
    """
    attributes: dict[str, Json] = {}
    refused: dict[str, str] = {}
    for step in _plan(tuple(mapping.items())):
        value = _find(record, step)
        if isinstance(value, _Absent):
            continue
        if value is None or value in _EMPTY:
            attributes[step.attribute] = None
            continue
        try:
            attributes[step.attribute] = step.convert(value, record)
        except _Misfit as misfit:
            refused[step.field] = str(misfit)
    return Mapped(attributes, refused)


def totals_of(mapping: Mapping[str, str]) -> frozenset[str]:
    """Return the attributes that hold a platform's totals, see `TOTALS`."""
    return frozenset(attribute for name, attribute in mapping.items() if canonical_field(name) in TOTALS)


def sums_of(mapping: Mapping[str, str]) -> dict[str, str]:
    """Return canonical field → attribute of the totals that a mapping asks for, see `TOTALS`."""
    return {canonical_field(name): attribute for name, attribute in mapping.items() if canonical_field(name) in TOTALS}


def canonical_field(name: str) -> str:
    """Return the canonical spelling of a field name: `first_name` and `firstName` are one field.

    Only plain snake_case is turned; names such as `Tier__c` or `address_1` are a platform's own and stay. In a dotted
    path each part is turned.
    """
    return ".".join(_HUMP.sub(_upper, part) if _SNAKE.fullmatch(part) else part for part in name.split("."))


def attribute_type(field: str) -> AttributeType:
    """Return the type of Brevo attribute that holds a field; text for fields of a platform's own."""
    return _ATTRIBUTE_TYPES[FIELD_TYPES.get(canonical_field(field), "text")]


class _Misfit(Exception):
    """A value that does not fit its field."""


_Convert = Callable[[Json, Mapping[str, Json]], Json]


class _Absent:
    """The field is not in the record."""


_ABSENT: Final = _Absent()
_EMPTY: Final[tuple[Json, ...]] = ("", [])


@dataclass(frozen=True, slots=True)
class _Step:
    field: str
    attribute: str
    names: tuple[str, ...]
    path: tuple[tuple[str, ...], ...]
    convert: _Convert


_SNAKE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z][a-z0-9]*)+")
_HUMP = re.compile(r"_([a-z])")
_CAMEL = re.compile(r"[a-z][a-zA-Z0-9]*")
_CAPITAL = re.compile(r"([A-Z])")


def _upper(match: re.Match[str]) -> str:
    return match[1].upper()


@lru_cache(maxsize=256)
def _plan(mapping: tuple[tuple[str, str], ...]) -> tuple[_Step, ...]:
    steps = []
    for name, attribute in mapping:
        field = canonical_field(name)
        if field in NEVER_ATTRIBUTES or attribute.upper() == "EMAIL":
            continue
        convert = _phone if attribute in PHONE_ATTRIBUTES else _CONVERT.get(FIELD_TYPES.get(field, ""), _as_it_is)
        path = tuple(_spellings(part) for part in field.split(".")) if "." in field else ()
        steps.append(_Step(field, attribute, _spellings(field), path, convert))
    return tuple(steps)


def _spellings(name: str) -> tuple[str, ...]:
    """Return the names under which a record may hold a canonical field: its own, and the one it came from."""
    snake = _CAPITAL.sub(r"_\1", name).lower() if _CAMEL.fullmatch(name) else name
    return (name,) if snake == name else (name, snake)


def _find(record: Mapping[str, Json], step: _Step) -> Json | _Absent:
    for name in step.names:
        if name in record:
            return record[name]
    if not step.path:
        return _ABSENT
    here: Json | _Absent = _pick(record, step.path[0])
    for names in step.path[1:]:
        if isinstance(here, dict):
            here = _pick(here, names)
        elif isinstance(here, list):
            here = _item(here, names[0])
        elif here is not None:
            return _ABSENT
    return here


def _pick(record: Mapping[str, Json], names: tuple[str, ...]) -> Json | _Absent:
    return next((record[name] for name in names if name in record), _ABSENT)


def _item(items: list[Json], name: str) -> Json | _Absent:
    return items[int(name)] if name.isdecimal() and int(name) < len(items) else _ABSENT


def _text(value: Json, _record: Mapping[str, Json]) -> Json:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | list | dict):
        raise _Misfit(f"expected a text, found {_kind(value)}")
    return str(value)


def _number(value: Json, _record: Mapping[str, Json]) -> float:
    """Return an amount with all the decimals that it has: dinars have three, and Brevo keeps what it gets."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = math.nan
        if math.isfinite(number) and not (isinstance(value, str) and "_" in value):
            return number
    raise _Misfit(f"expected a number such as 12.50, found {_kind(value)}")


def _whole(value: Json, _record: Mapping[str, Json]) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        number = _number(value, _record)
    except _Misfit:
        number = math.nan
    if not number.is_integer():
        raise _Misfit(f"expected a whole number, found {_kind(value)}")
    return int(number)


def _date(value: Json, _record: Mapping[str, Json]) -> str:
    """Return the day as the platform wrote it: the day in the shop's zone, which its owner sees too."""
    try:
        return datetime.fromisoformat(value.strip()).date().isoformat() if isinstance(value, str) else _no_date(value)
    except ValueError:
        return _no_date(value)


def _no_date(value: Json) -> str:
    raise _Misfit(f"expected an ISO 8601 date such as 2026-11-21, found {_kind(value)}")


def _flag(value: Json, _record: Mapping[str, Json]) -> bool:
    if isinstance(value, bool):
        return value
    raise _Misfit(f"expected true or false, found {_kind(value)}")


def _as_it_is(value: Json, _record: Mapping[str, Json]) -> Json:
    if isinstance(value, dict):
        raise _Misfit("a nested object cannot be an attribute; map one of its fields, as in address.city")
    if isinstance(value, list):
        return _joined(value, _record)
    return value


def _joined(value: Json, _record: Mapping[str, Json]) -> str:
    if not isinstance(value, list):
        return str(_text(value, _record))
    if any(isinstance(item, dict | list) for item in value):
        raise _Misfit("expected a list of texts, found a nested object in it")
    return ", ".join(str(item) for item in value if item is not None)


def _phone(value: Json, record: Mapping[str, Json]) -> str:
    if isinstance(value, bool | float | list | dict) or value is None:
        raise _Misfit(f"expected a phone number, found {_kind(value)}")
    country = record.get("country")
    number, reason = _parse_phone(str(value), country.strip().upper() if isinstance(country, str) else "")
    if number is None:
        raise _Misfit(reason)
    return number


@lru_cache(maxsize=4096)
def _parse_phone(text: str, country: str) -> tuple[str | None, str]:
    """Return the number in E.164 and "", or None and why not. The cache serves the same person's repeated events.

    A number that is none in its country and begins with 00 is read as an international one: most of the world dials so.
    """
    number, reason = _read_phone(text, country)
    if number is None and (abroad := text.strip()).startswith("00"):
        number, _ = _read_phone(f"+{abroad[2:].strip()}", "")
    return number, "" if number else reason


def _read_phone(text: str, country: str) -> tuple[str | None, str]:
    try:
        number = phonenumbers.parse(text, country or None)
    except phonenumbers.NumberParseException as error:
        if error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE:
            known = f"{country} is no known country" if country else "the record has no country"
            return None, f"not an international number, and {known} to read it with"
        return None, "not a phone number"
    if not phonenumbers.is_valid_number(number):
        return None, f"no valid phone number of {phonenumbers.region_code_for_country_code(number.country_code or 0)}"
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if len(written) > MAX_E164:
        # some countries' own rules allow longer ones (+49 30 and 14 digits, phonenumbers 9.0, 2026-11)
        return None, "longer than the 15 digits of an international phone number"
    return written, ""


_CONVERT: Final[Mapping[str, _Convert]] = {
    "text": _text,
    "phone": _phone,
    "whole": _whole,
    "number": _number,
    "date": _date,
    "flag": _flag,
    "list": _joined,
}


def _kind(value: Json) -> str:
    return "another text" if isinstance(value, str) else kind_of(value)
