"""For connector authors: reads the fields of a JSON body by table, our name ← a reader and where the platform keeps it.

```
CUSTOMER: Table = {
    "firstName": take(text, "first_name", "billing.first_name"),  # the first that is not empty
    "totalSpent": take(number, "total_spent"),
}
record = {"id": identifier(body.get("id"), "id"), **pick(body, CUSTOMER)}
```

An absent key stays absent (unknown); null, "" and an empty place on the way become None (known to be empty). A value
of the wrong type is a `PayloadError` that names its path, as `billing.first_name`. A reader of your own is any function
from a value and its path to the canonical value, or None where it is empty.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from typing import Final, NamedTuple

from customer_sync.connector import id_text, parse_time
from customer_sync.errors import PayloadError
from customer_sync.model import Json

#: Turns a value and its path into the canonical value.
Reader = Callable[[Json, str], Json]
Node = Mapping[str, Json]

#: The longest id that is believed; a longer one is an attack or a fault.
MAX_ID = 255
#: Whole numbers beyond this are no counts.
MAX_WHOLE = 2**53


class Absent(Enum):
    """The one value that says: there is no such key."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


class Field(NamedTuple):
    """How a field is read, and the places where it may stand; the first that is not empty wins."""

    read: Reader
    places: tuple[tuple[str, ...], ...]


Table = Mapping[str, Field]


def take(read: Reader, *paths: str) -> Field:
    """Return a field of a table: `take(text, "first_name", "billing.first_name")`."""
    return Field(read, tuple(tuple(path.split(".")) for path in paths))


def pick(node: Node, table: Table, at: str = "") -> dict[str, Json]:
    """Return the fields of a table that a body holds.

    Args:
        node: the object to read.
        table: our name → field.
        at: the path of `node` in the body, for messages.

    Raises:
        PayloadError: a value has the wrong type.
    """
    found = {name: _find(node, field, at) for name, field in table.items()}
    return {name: value for name, value in found.items() if value is not ABSENT}


def objects(node: Node, key: str, at: str = "") -> list[tuple[Node, str]]:
    """Return the objects of a list, each with its path; an absent or empty list has none.

    PHP writes a list with gaps as an object; its values are meant.

    Raises:
        PayloadError: it is no list, or something in it is no object.
    """
    value, path = node.get(key), join(at, key)
    if value is None:
        return []
    items = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(items, list):
        raise PayloadError(path, f"expected a list, found {type(value).__name__}")
    return [(as_object(item, f"{path}[{i}]"), f"{path}[{i}]") for i, item in enumerate(items)]


def as_object(value: Json, path: str) -> Node:
    """Return an object; null and [] are an empty one, as Shopify and PHP write an address that is not there.

    Raises:
        PayloadError: it is something else.
    """
    if value is None or value == []:
        return {}
    if not isinstance(value, dict):
        raise PayloadError(path, f"expected an object, found {type(value).__name__}")
    return value


def instant(node: Node, *keys: str, at: str = "") -> datetime | None:
    """Return the first time that is not empty, None when there is none.

    Raises:
        PayloadError: one of them is no time.
    """
    for key in keys:
        value = node.get(key)
        if value is not None and value != "":
            return parse_time(value, join(at, key))
    return None


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


def text(value: Json, path: str) -> str | None:
    """Return a text without the spaces around it; a number is taken as its digits."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise PayloadError(path, f"expected a text, found {type(value).__name__}")
    # A lone surrogate (an emoji cut in half) can be no UTF-8; it becomes a question mark.
    return str(value).strip().encode(errors="replace").decode() or None


def number(value: Json, path: str) -> float | None:
    """Return an amount as a number; platforms write money as text with a dot."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise PayloadError(path, f"expected a number, found {type(value).__name__}")
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
    raise PayloadError(path, f"expected true or false, found {type(value).__name__}")


def moment(value: Json, path: str) -> str | None:
    """Return a time as ISO 8601 text in UTC."""
    if value is None or value == "":
        return None
    return parse_time(value, path).isoformat().replace("+00:00", "Z")


def _find(node: Node, field: Field, at: str) -> Json | Absent:
    found: Json | Absent = ABSENT
    for keys in field.places:
        value = _follow(node, keys, at)
        if value is ABSENT:
            continue
        found = field.read(value, join(at, ".".join(keys)))
        if found is not None:
            return found
    return found


def _follow(node: Node, keys: tuple[str, ...], at: str) -> Json | Absent:
    here = node
    for depth, key in enumerate(keys[:-1], start=1):
        if key not in here:
            return ABSENT
        value = here[key]
        if value is None or value == []:
            return None
        here = as_object(value, join(at, ".".join(keys[:depth])))
    return here.get(keys[-1], ABSENT)
