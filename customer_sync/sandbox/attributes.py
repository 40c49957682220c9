"""The account's contact attributes, and which values each of them takes.

Brevo drops what it does not know or like without a word: "values that don't match the attribute type will be ignored",
"these attributes must be present in your account" (the description of `POST /contacts`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from functools import partial
from math import isfinite
from typing import Final, Literal

from customer_sync.model import Json
from customer_sync.sandbox import times
from customer_sync.sandbox.answers import Row, invalid, missing, not_found
from customer_sync.sandbox.identifiers import LANDLINE, SMS, WHATSAPP
from customer_sync.sandbox.journal import Journal, Table

CATEGORIES = ("normal", "transactional", "category", "calculated", "global")
#: category → the types it may have.
TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    "normal": ("text", "date", "float", "boolean", "multiple-choice", "user"),
    "transactional": ("text", "date", "float", "boolean", "id"),
}
#: Names that are identifiers and not values: they are kept elsewhere.
RESERVED = frozenset({"EMAIL", "EXT_ID", SMS, WHATSAPP, LANDLINE})
#: What a new account in English has (an account in French has PRENOM and NOM).
DEFAULTS: Final[tuple[Row, ...]] = (
    {"name": "BLACKLIST", "category": "calculated", "calculatedValue": "COUNT[BLACKLISTED,BLACKLISTED,<,NOW()]"},
    {"name": "EMAIL", "category": "normal", "type": "text"},
    {"name": "LASTNAME", "category": "normal", "type": "text"},
    {"name": "FIRSTNAME", "category": "normal", "type": "text"},
    {"name": "SMS", "category": "normal", "type": "text"},
    {"name": "EXT_ID", "category": "normal", "type": "text"},
    {"name": "WHATSAPP", "category": "normal", "type": "text"},
    {"name": "LANDLINE_NUMBER", "category": "normal", "type": "text"},
    {"name": "CONTACT_TIMEZONE", "category": "normal", "type": "text"},
    {"name": "JOB_TITLE", "category": "normal", "type": "text"},
    {"name": "LINKEDIN", "category": "normal", "type": "text"},
    {
        "name": "DOUBLE_OPT-IN",
        "category": "category",
        "enumeration": [
            {"value": 1, "label": "Yes", "valueStr": "1"},
            {"value": 2, "label": "No", "valueStr": "2"},
        ],
    },
)
#: Words that make a boolean in an import file.
WORDS: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("true", "yes", "1"), True),
    **dict.fromkeys(("false", "no", "0"), False),
}
_MAX_LABEL = 200


class Fate(Enum):
    """What becomes of a value that does not fit."""

    DROPPED = "dropped"


DROPPED: Final = Fate.DROPPED
#: A value, or the sign that Brevo drops it without a word.
Taken = Json | Literal[Fate.DROPPED]
#: Turns a value that is not empty into what Brevo keeps.
Taker = Callable[[Json], Taken]
#: Where a value comes from: a call, or an import that drops JSON booleans, or one that takes them, or one that drops
#: booleans that are written as text, too.
Source = Literal["call", "import", "import_with_booleans", "import_without_booleans"]


class Attributes:
    """The attributes of one account.

    Args:
        journal: where changes are written.
    """

    def __init__(self, journal: Journal) -> None:
        self.table = Table("attributes", journal, {str(row["name"]): row for row in DEFAULTS})

    def all(self) -> list[Json]:
        """Return the attributes as `GET /contacts/attributes` lists them."""
        return list(self.table.rows.values())

    def get(self, name: str) -> Row | None:
        """Return one attribute by name, or None."""
        return self.table.rows.get(name.upper())

    def create(self, category: str, name: str, body: Mapping[str, Json]) -> None:
        """Add an attribute.

        Raises:
            ApiError: 400 when the name is taken or the body does not fit the category.
        """
        _check_category(category)
        if self.get(name):
            raise invalid("Attribute name must be unique")
        row: Row = {"name": name.upper(), "category": category}
        row.update(_definition(category, body))
        self.table.put(name.upper(), row)

    def update(self, category: str, name: str, body: Mapping[str, Json]) -> None:
        """Change the options or the formula of an attribute; a type never changes.

        Raises:
            ApiError: 404 when there is none, 400 when the body changes nothing this category has.
        """
        row = self._existing(category, name)
        if row.get("type") == "multiple-choice" and "multiCategoryOptions" in body:
            row = {**row, "multiCategoryOptions": _options(body)}
        elif category == "category" and "enumeration" in body:
            row = {**row, "enumeration": _enumeration(body)}
        elif category in ("calculated", "global") and "value" in body:
            row = {**row, "calculatedValue": str(body["value"])}
        else:
            raise invalid("Attribute can not be updated")
        self.table.put(name.upper(), row)

    def delete(self, category: str, name: str) -> None:
        """Delete an attribute; the contacts' values are the caller's to delete.

        Raises:
            ApiError: 404 when there is none.
        """
        self._existing(category, name)
        self.table.drop(name.upper())

    def delete_option(self, name: str, option: str) -> None:
        """Delete one option of a multiple-choice attribute.

        Raises:
            ApiError: 404 when there is none.
        """
        row = self._existing("normal", name)
        options = row.get("multiCategoryOptions")
        if not isinstance(options, list) or option not in options:
            raise not_found("Attribute option not found")
        self.table.put(name.upper(), {**row, "multiCategoryOptions": [one for one in options if one != option]})

    def accept(self, values: Mapping[str, Json]) -> Row:
        """Return the values Brevo keeps of a call, by upper-case name; None stands for a value that is emptied.

        Args:
            values: as sent; identifiers among them are left out.
        """
        kept: Row = {}
        for name, value in values.items():
            taker = self.taker(name)
            if taker is None:
                continue
            taken = None if value == "" else taker(value)
            if taken is not DROPPED:
                kept[name.upper()] = taken
        return kept

    def taker(self, name: str, source: Source = "call") -> Taker | None:
        """Return what reads the values of an attribute; None for identifiers and what contacts do not hold.

        Args:
            name: the attribute's name in any spelling.
            source: an import reads numbers and booleans from text, and may not apply booleans.
        """
        upper = name.upper()
        row = self.table.rows.get(upper)
        if row is None or upper in RESERVED or row["category"] in ("calculated", "global", "transactional"):
            return None
        if row["category"] == "category":
            return partial(_category_value, row)
        kind = str(row.get("type"))
        read = partial(_choice_value, row) if kind == "multiple-choice" else _TAKERS.get(kind, _text_value)
        before = _READERS[source].get(kind)
        return (lambda value: read(before(value))) if before else read

    def transactional(self, values: Mapping[str, Json]) -> Row:
        """Return the transactional values of one order or booking.

        Raises:
            ApiError: 400 when the account's transactional `id` attribute is not among them.
        """
        rows = {name.upper(): self.table.rows.get(name.upper()) for name in values}
        found = [row for row in rows.values() if row and row["category"] == "transactional"]
        if found and not any(row.get("type") == "id" for row in found):
            raise invalid("Transactional attribute as primary Key is missing")
        names = {row["name"] for row in found}
        return {name.upper(): value for name, value in values.items() if name.upper() in names}

    def _existing(self, category: str, name: str) -> Row:
        _check_category(category)
        row = self.get(name)
        if row is None or row["category"] != category:
            raise not_found("Attribute not found")
        return row


def _check_category(category: str) -> None:
    if category not in CATEGORIES:
        raise invalid("Invalid attribute category")


def _definition(category: str, body: Mapping[str, Json]) -> Row:
    if category == "category":
        return {"enumeration": _enumeration(body)}
    if category in ("calculated", "global"):
        if not isinstance(body.get("value"), str):
            raise missing("Attribute value is missing")
        return {"calculatedValue": body["value"]}
    kind = body.get("type")
    if kind not in TYPES[category]:
        raise invalid("Attribute type is invalid")
    return {"type": kind, "multiCategoryOptions": _options(body)} if kind == "multiple-choice" else {"type": kind}


def _options(body: Mapping[str, Json]) -> list[Json]:
    options = body.get("multiCategoryOptions")
    if not isinstance(options, list) or not all(isinstance(one, str) for one in options):
        raise missing("multiCategoryOptions is missing")
    return options


def _enumeration(body: Mapping[str, Json]) -> list[Json]:
    entries = body.get("enumeration")
    if not isinstance(entries, list) or not entries:
        raise missing("enumeration is missing")
    return [_enumeration_entry(entry) for entry in entries]


def _enumeration_entry(entry: Json) -> Json:
    if not isinstance(entry, dict) or not isinstance(entry.get("label"), str):
        raise invalid("enumeration is invalid")
    if not isinstance(entry.get("value"), int) or len(str(entry["label"])) > _MAX_LABEL:
        raise invalid("enumeration is invalid")
    return {"value": entry["value"], "label": entry["label"], "valueStr": str(entry["value"])}


def _text_value(value: Json) -> Taken:
    return value if isinstance(value, str) else DROPPED


def _float_value(value: Json) -> Taken:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else DROPPED


def _boolean_value(value: Json) -> Taken:
    return value if isinstance(value, bool) else DROPPED


def _date_value(value: Json) -> Taken:
    return value if isinstance(value, str) and times.is_day(value) else DROPPED


#: type → what reads its values; the others are text.
_TAKERS: Final[Mapping[str, Taker]] = {"float": _float_value, "boolean": _boolean_value, "date": _date_value}


def _choice_value(row: Row, value: Json) -> Taken:
    options = row.get("multiCategoryOptions")
    if not isinstance(value, list) or not isinstance(options, list):
        return DROPPED
    return [one for one in value if one in options]


def _category_value(row: Row, value: Json) -> Taken:
    """Labels and numbers are taken, the number is read back."""
    entries = row.get("enumeration")
    for entry in entries if isinstance(entries, list) and not isinstance(value, bool) else ():
        if isinstance(entry, dict) and value in (entry["value"], entry["label"], entry["valueStr"]):
            return entry["value"]
    return DROPPED


def _boolean_of_text(value: Json) -> Json:
    return WORDS.get(value.strip().lower()) if isinstance(value, str) else None


def _float_of_text(value: Json) -> Json:
    if not isinstance(value, str):
        return value
    try:
        number = float(value)
    except ValueError:
        return None
    return number if isfinite(number) else None


def _choices_of_text(value: Json) -> Json:
    return [one.strip() for one in value.strip("[]").split(",")] if isinstance(value, str) else value


#: source → type → the value as it is meant; None is dropped for every type.
_READERS: Final[Mapping[Source, Mapping[str, Callable[[Json], Json]]]] = {
    "call": {},
    "import": {"boolean": _boolean_of_text, "float": _float_of_text, "multiple-choice": _choices_of_text},
    "import_with_booleans": {
        "boolean": lambda value: value if isinstance(value, bool) else _boolean_of_text(value),
        "float": _float_of_text,
        "multiple-choice": _choices_of_text,
    },
    "import_without_booleans": {
        "boolean": lambda _: None,
        "float": _float_of_text,
        "multiple-choice": _choices_of_text,
    },
}
