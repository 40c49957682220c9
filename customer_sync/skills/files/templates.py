"""Templates of skill files: `{{ contact.firstName }}`. Paths alone, no language. Pure.

The roots are `contact`, `cart`, `order`, `product` (what the event tells, in canonical fields; of `contact` also the
attributes of the mapping, as `FIRSTNAME`) and `event` (`kind`, `time`, `source`). What the event does not tell is left
out: a text has nothing in its place, a value that is one template alone is absent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from customer_sync.config.faults import Wrong, choose
from customer_sync.model import Event, Json, Kind

ROOTS: Final = ("contact", "cart", "order", "event")
_HOLE: Final = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_PATH: Final = re.compile(r"[A-Za-z]\w*(\.\w+){1,5}", re.ASCII)
_OF_EVENT: Final = ("kind", "time", "source")

_CARTS: Final = frozenset({Kind.CART_UPDATED, Kind.CART_DELETED, Kind.CART_ABANDONED, Kind.CART_RECOVERED})
_ORDERS: Final = frozenset({Kind.ORDER_PLACED, Kind.ORDER_UPDATED, Kind.ORDER_REFUNDED, Kind.ORDER_DELETED})
_CUSTOMERS: Final = frozenset(
    {Kind.CUSTOMER_CREATED, Kind.CUSTOMER_UPDATED, Kind.CUSTOMER_DELETED, Kind.CONSENT_CHANGED}
)


def check(text: str, kinds: frozenset[Kind]) -> None:
    """Return when the templates of a text can be filled by events of these kinds.

    Raises:
        Wrong: what stands between the braces is no path, or of a root that an event does not have.
    """
    for path in paths(text):
        root, _, rest = path.partition(".")
        if not _PATH.fullmatch(path):
            raise Wrong(f"found '{{{{ {path[:60]} }}}}'", "Write a path, such as {{ contact.firstName }}.")
        if root not in ROOTS:
            raise Wrong(f"found '{{{{ {path[:60]} }}}}'", choose(root, ROOTS))
        if root == "event" and rest not in _OF_EVENT:
            raise Wrong(f"found '{{{{ {path[:60]} }}}}'", choose(rest, _OF_EVENT))
        wanted = {"cart": _CARTS, "order": _ORDERS}.get(root)
        if wanted is not None and not kinds & wanted:
            remedy = f"Only events of {'carts' if root == 'cart' else 'orders'} tell of it: use contact or event."
            raise Wrong(f"found '{{{{ {path[:60]} }}}}'", remedy)


def paths(text: str) -> Iterator[str]:
    """Yield what stands between the braces of a text."""
    return (found[1] for found in _HOLE.finditer(text))


def scope(event: Event, attributes: Mapping[str, str]) -> Mapping[str, Any]:
    """Return what the templates of an event can name.

    Args:
        event: the event.
        attributes: canonical field → attribute, the mapping of its source.
    """
    known = _contact(event)
    named = {attribute: known[field] for field, attribute in attributes.items() if field in known}
    return {
        "contact": {**named, **known},
        "cart": event.record if event.kind in _CARTS else {},
        "order": event.record if event.kind in _ORDERS else {},
        "event": {"kind": str(event.kind), "time": event.occurred_at.isoformat(), "source": event.source},
    }


def _contact(event: Event) -> dict[str, Any]:
    """Return what an event tells of its person.

    Where another address was typed into a cart than that of the account, the person is who has that address: nothing
    of the account is told there.
    """
    told = event.record if event.kind in _CUSTOMERS else event.record.get("customer")
    known: dict[str, Any] = dict(told) if isinstance(told, Mapping) else {}
    typed = event.record.get("email")
    if not isinstance(typed, str):
        return known
    account = known.get("email")
    is_another = _folded(account) != _folded(typed) if account else event.customer_id is not None
    return {"email": typed} if is_another and event.kind in _CARTS else {"email": typed, **known}


def _folded(address: Json) -> str:
    return address.strip().lower() if isinstance(address, str) else ""


def fill(value: Json, names: Mapping[str, Any]) -> Json:
    """Return a value with its templates filled, at every depth; None for what the event does not tell."""
    if isinstance(value, Mapping):
        filled = {name: fill(child, names) for name, child in value.items()}
        return {name: one for name, one in filled.items() if one is not None}
    if isinstance(value, list):
        return [one for child in value if (one := fill(child, names)) is not None]
    if not isinstance(value, str):
        return value
    whole = _HOLE.fullmatch(value.strip())
    if whole is not None:
        return _named(whole[1], names)
    return _HOLE.sub(_filler(names), value)


def _filler(names: Mapping[str, Any]) -> Callable[[re.Match[str]], str]:
    def text(found: re.Match[str]) -> str:
        value = _named(found[1], names)
        if isinstance(value, bool):
            return "yes" if value else "no"
        return str(value) if isinstance(value, str | int | float) else ""

    return text


def _named(path: str, names: Mapping[str, Any]) -> Json:
    value: Json | Mapping[str, Any] = names
    for part in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value if not isinstance(value, Mapping) else dict(value)
