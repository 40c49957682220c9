"""For connector authors: reads the fields of a JSON body by table, our name ← a reader and where the platform keeps it.

```
CUSTOMER: Table = {
    "email": strict(email, "email"),
    "firstName": take(text, "first_name", "billing.first_name"),  # the first that is not empty
    "totalSpent": take(number, "total_spent"),
}
node = Node(json_object(inbound))
record = {"id": identifier(node.get("id"), "id"), **node.pick(CUSTOMER)}
```

An absent key stays absent (unknown); null, "" and an empty place on the way become None (known to be empty).

Reading is strict on identity and consent, and lenient on other fields: a value of an unexpected type is a
`PayloadError` that names its path where the field is `strict`; elsewhere it is left out, as if it were unknown, and
noted (`Node.notes`). A reader of your own is any function from a value and its path to the canonical value, None where
it is empty, or a `PayloadError`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Final, NamedTuple

from customer_sync.errors import MappingError, PayloadError
from customer_sync.kit.connector import id_text, parse_time
from customer_sync.kit.json_text import UNREADABLE
from customer_sync.kit.times import written_time
from customer_sync.model import Json, kind_of
from customer_sync.person.identity import normalize_email

#: Turns a value and its path into the canonical value.
Reader = Callable[[Json, str], Json]

#: The longest id that is believed; a longer one is an attack or a fault.
MAX_ID = 255
#: Whole numbers beyond this are no counts.
MAX_WHOLE = 2**53
#: More notes of one body tell nobody anything.
MAX_NOTES = 20
_MORE = "more was left out"
#: Until then times are how programs write that there is none: 0, 1970-01-01 in any zone, 0001-01-01.
_NEVER: Final = datetime(1970, 1, 2, tzinfo=UTC)


class Absent(Enum):
    """The one value that says: there is no such key."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


class Field(NamedTuple):
    """How a field is read, the places where it may stand (the first that is not empty wins), and how strictly.

    Where `needs_all` is set, the field is known to be empty only where every place is there.
    """

    read: Reader
    places: tuple[tuple[str, ...], ...]
    is_strict: bool = False
    needs_all: bool = False


Table = Mapping[str, Field]


def take(read: Reader, *paths: str) -> Field:
    """Return a field of a table: `take(text, "first_name", "billing.first_name")`; a number reaches into a list."""
    return Field(read, tuple(tuple(path.split(".")) for path in paths))


def any_of(read: Reader, *paths: str) -> Field:
    """Return a field whose places a platform may hide one by one: a hidden one may hold what the others lack."""
    return take(read, *paths)._replace(needs_all=True)


def strict(read: Reader, *paths: str) -> Field:
    """Return a field without which the record cannot be used when it cannot be read: an id, an address."""
    return take(read, *paths)._replace(is_strict=True)


@dataclass(frozen=True, slots=True)
class Node:
    """An object of a body, and what had to be left out while the body was read.

    Args:
        body: the object.
        at: its path in the body, for messages; "" for the body itself.
        notes: what was left out and why; shared by all nodes of one body.
    """

    body: Mapping[str, Json]
    at: str = ""
    notes: list[str] = field(default_factory=list)

    def __contains__(self, key: str) -> bool:
        return key in self.body

    def get(self, key: str) -> Json:
        """Return a value as it stands, None when it is absent."""
        return self.body.get(key)

    def path(self, key: str) -> str:
        """Return the path of a key."""
        return join(self.at, key)

    def note(self, fault: PayloadError) -> None:
        """Remember that something was left out."""
        text = f"{fault.path}: {fault.found}"
        if text not in self.notes and len(self.notes) <= MAX_NOTES:
            self.notes.append(text if len(self.notes) < MAX_NOTES else _MORE)

    def pick(self, table: Table) -> dict[str, Json]:
        """Return the fields of a table that the object holds.

        Raises:
            PayloadError: a strict one cannot be read.
        """
        found = {name: self.take(field) for name, field in table.items()}
        return {name: value for name, value in found.items() if value is not ABSENT}

    def take(self, field: Field) -> Json | Absent:
        """Return one field; `ABSENT` where nothing stands, or nothing that can be read.

        Where one place cannot be read and the others are empty, the field is unknown, and not known to be empty.

        Raises:
            PayloadError: the field is strict and cannot be read.
        """
        found: Json | Absent = ABSENT
        is_odd = False
        for keys in field.places:
            try:
                value = self._follow(keys, field)
                if value is ABSENT:
                    is_odd = is_odd or field.needs_all
                    continue
                found = field.read(value, self.path(_way(keys)))
            except PayloadError as fault:
                if field.is_strict:
                    raise
                self.note(fault)
                is_odd = True
                continue
            if found is not None:
                self._note_dropped(value, keys)
                return found
        return ABSENT if is_odd else found

    def read(self, read: Reader, key: str) -> Json:
        """Return one value, None where nothing stands or nothing that can be read."""
        found = self.take(take(read, key))
        return None if found is ABSENT else found

    def instant(self, *keys: str) -> datetime | None:
        """Return the first time that can be read and is one, see `real`; in UTC. None when there is none."""
        for key in keys:
            value = self.get(key)
            if value is None or value == "":
                continue
            try:
                found = real(parse_time(value, self.path(key)))
            except PayloadError as fault:
                self.note(fault)
                continue
            if found is not None:
                return found
        return None

    def has_bad_time(self, key: str) -> bool:
        """Tell whether something stands at a key that is no time."""
        return self.get(key) not in (None, "") and self.instant(key) is None

    def child(self, key: str) -> Node:
        """Return the object at a key; an empty one where none stands.

        Raises:
            PayloadError: something else stands there; `pick` reaches into objects leniently.
        """
        path = self.path(key)
        return Node(as_object(self.get(key), path), path, self.notes)

    def children(self, key: str) -> list[Node]:
        """Return the objects of a list; what is no object is left out, an absent or empty list has none.

        PHP writes a list with gaps as an object; its values are meant.
        """
        value, path = self.get(key), self.path(key)
        items = list(value.values()) if isinstance(value, dict) else value
        if not isinstance(items, list):
            if value is not None:
                self.note(PayloadError(path, f"expected a list, found {kind_of(value)}"))
            return []
        found = []
        for index, item in enumerate(items):
            try:
                found.append(Node(as_object(item, f"{path}[{index}]"), f"{path}[{index}]", self.notes))
            except PayloadError as fault:
                self.note(fault)
        return found

    def _follow(self, keys: tuple[str, ...], field: Field) -> Json | Absent:
        """Return what stands at the end of a way; an empty place on the way holds an empty value.

        `false` and "" are how PHP writes an object that is not there: it is left out, whoever looks for what is in it.
        """
        here: Json | Absent = self.body.get(keys[0], ABSENT)
        for depth, key in enumerate(keys[1:], start=1):
            if here is ABSENT:
                return ABSENT
            if isinstance(here, list) and key.isdecimal():
                if int(key) >= len(here):
                    return ABSENT
                here = here[int(key)]
            elif here is None or here == []:
                return None
            elif isinstance(here, dict):
                if key not in here:
                    return ABSENT
                here = here[key]
            else:
                fault = PayloadError(self.path(".".join(keys[:depth])), f"expected an object, found {kind_of(here)}")
                if not field.is_strict or here not in (False, ""):
                    raise fault
                self.note(fault)
                return ABSENT
        return here

    def _note_dropped(self, value: Json | Absent, keys: tuple[str, ...]) -> None:
        if isinstance(value, str) and is_unfit(value):
            self.note(PayloadError(self.path(_way(keys)), "a character that cannot be read was left out"))


@cache
def _way(keys: tuple[str, ...]) -> str:
    return ".".join(keys)


def as_object(value: Json, path: str) -> Mapping[str, Json]:
    """Return an object; null and [] are an empty one, as Shopify and PHP write an address that is not there.

    Raises:
        PayloadError: it is something else.
    """
    if value is None or value == []:
        return {}
    if not isinstance(value, dict):
        raise PayloadError(path, f"expected an object, found {kind_of(value)}")
    return value


def filled(record: Mapping[str, Json]) -> dict[str, Json]:
    """Return a record without what is empty: for copies and summaries, whose empty fields tell nothing."""
    return {name: value for name, value in record.items() if value is not None}


def join(at: str, key: str) -> str:
    """Return the path of a key below a path."""
    return f"{at}.{key}" if at else key


def identifier(value: Json, path: str) -> str:
    """Return an id as text.

    Raises:
        PayloadError: it is missing, empty, a float, too long or no text at all.
    """
    found = id_text(value, path).strip()
    if not found or len(found) > MAX_ID or not found.isprintable():
        raise PayloadError(path, f"expected an id of 1 to {MAX_ID} printable characters")
    return found


def maybe_id(value: Json, path: str) -> str | None:
    """Return an id as text, None when there is none; 0 is how WooCommerce writes none."""
    return None if value is None or value in ("", 0, "0") else identifier(value, path)


def email(value: Json, path: str) -> str | None:
    """Return an e-mail address as it is written, without the spaces around it; None for an address without a mailbox.

    Raises:
        PayloadError: it cannot be an address. It is never mended: a mended address may be another person's.
    """
    if isinstance(value, str) and is_unfit(value):
        raise PayloadError(path, "expected an e-mail address, found characters that cannot be read")
    try:
        found = normalize_email(value)
    except MappingError as fault:
        raise PayloadError(path, fault.found, fault.remedy) from fault
    return value.strip() if found is not None and isinstance(value, str) else None


def text(value: Json, path: str) -> str | None:
    """Return a text without the spaces around it; a number is taken as its digits.

    NULs and halves of characters (an emoji cut in two) are left out.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise PayloadError(path, f"expected a text, found {kind_of(value)}")
    found = str(value)
    if is_unfit(found):
        found = _UNFIT.sub("", found)
        if not found.strip():
            raise PayloadError(path, "expected a text, found what no text can hold, as 1e400")
    return found.strip() or None


def number(value: Json, path: str) -> float | None:
    """Return an amount as a number; platforms write money as text with a dot."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise PayloadError(path, f"expected a number, found {kind_of(value)}")
    try:
        found = float(value)
    except (ValueError, OverflowError) as error:
        raise PayloadError(path, "expected a number such as 19.99") from error
    if not math.isfinite(found):
        raise PayloadError(path, "expected a number such as 19.99")
    return found


def whole(value: Json, path: str) -> int | None:
    """Return a count as a whole number."""
    found = number(value, path)
    if found is None:
        return None
    if not found.is_integer() or abs(found) > MAX_WHOLE:
        raise PayloadError(path, "expected a whole number")
    return int(found)


def flag(value: Json, path: str) -> bool | None:
    """Return yes or no."""
    if value is None or isinstance(value, bool):
        return value
    raise PayloadError(path, f"expected true or false, found {kind_of(value)}")


def moment(value: Json, path: str) -> str | None:
    """Return a time as ISO 8601 text in the zone in which it is written: its day is the one that people see there."""
    if value is None or value == "":
        return None
    return to_text(written_time(value, path))


def real(at: datetime) -> datetime | None:
    """Return an aware time, None for one until 1970-01-02: a zeroed time says that nobody knows when, not how early."""
    return at if at > _NEVER else None


def to_text(at: datetime) -> str:
    """Return an aware time as ISO 8601 text with its own zone; UTC is written `Z`."""
    text = at.isoformat()
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


def is_unfit(value: str) -> bool:
    """Tell whether a text holds what no text can hold, or what stands for it."""
    return "\0" in value if value.isascii() else _UNFIT.search(value) is not None


#: What no text can hold, and what stands for it in a body that `json_body` read.
_UNFIT = re.compile(f"[\0{UNREADABLE}\ud800-\udfff]")
