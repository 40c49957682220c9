"""The query parameters of the listings: what each takes, its default, and WordPress's words for what it does not take.

Unknown parameters are ignored without a word, as WordPress does. See
https://developer.wordpress.org/reference/functions/rest_validate_value_from_schema/ for the rules and the sentences.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from customer_sync.demo.stores.woocommerce.answers import WpError
from customer_sync.demo.stores.woocommerce.orders import STATUSES
from customer_sync.demo.stores.woocommerce.people import ROLES
from customer_sync.demo.stores.woocommerce.stamps import TIME

#: A query: name → text, or a list where the name ended in `[]`.
Query = Mapping[str, "str | list[str]"]


class _Fault(Exception):
    """A value that is not taken: WordPress's code and sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter.

    Args:
        read: (name, value) → what it means.
        default: what it means when it is not given.
    """

    read: Callable[[str, Any], Any]
    default: Any = None


def parse_query(text: str) -> dict[str, str | list[str]]:
    """Return a query string as PHP reads it: the last of two equal names wins, `include[]=1` makes a list."""
    found: dict[str, str | list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        if match := re.fullmatch(r"(.+)\[\d*\]", name):
            before = found.get(match[1])
            found[match[1]] = [*before, value] if isinstance(before, list) else [value]
        else:
            found[name] = value
    return found


def read(params: Mapping[str, Param], query: Query) -> dict[str, Any]:
    """Return the value of every parameter.

    Raises:
        WpError: 400 that names every value that is not taken.
    """
    found, faults = {}, {}
    for name, param in params.items():
        if name not in query:
            found[name] = param.default
            continue
        try:
            found[name] = param.read(name, query[name])
        except _Fault as fault:
            faults[name] = fault
    if faults:
        texts = {name: str(fault) for name, fault in faults.items()}
        details = {name: {"code": fault.code, "message": str(fault), "data": None} for name, fault in faults.items()}
        message = f"Invalid parameter(s): {', '.join(faults)}"
        raise WpError(400, "rest_invalid_param", message, {"params": texts, "details": details})
    return found


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _Fault("rest_invalid_type", f"{name} is not of type string.")
    return value


def _email(name: str, value: Any) -> str:
    if "@" not in _text(name, value).strip("@"):
        raise _Fault("rest_invalid_email", "Invalid email address.")
    return str(value)


def _number(least: int, most: int | None = None) -> Callable[[str, Any], int]:
    def read_number(name: str, value: Any) -> int:
        if not isinstance(value, str) or not re.fullmatch(r"\s*-?\d+\s*", value):
            raise _Fault("rest_invalid_type", f"{name} is not of type integer.")
        found = int(value)
        if most is not None and not least <= found <= most:
            raise _Fault("rest_out_of_bounds", f"{name} must be between {least} (inclusive) and {most} (inclusive)")
        if found < least:
            raise _Fault("rest_out_of_bounds", f"{name} must be greater than or equal to {least}")
        return found

    return read_number


def _flag(name: str, value: Any) -> bool:
    known = {"1": True, "true": True, "0": False, "false": False, "": False}
    if not isinstance(value, str) or value.lower() not in known:
        raise _Fault("rest_invalid_type", f"{name} is not of type boolean.")
    return known[value.lower()]


def _ids(_name: str, value: Any) -> list[int]:
    """Read `wp_parse_id_list`: whatever is no number becomes 0, doubles go."""
    texts = value if isinstance(value, list) else re.split(r"[\s,]+", value.strip()) if value else []
    numbers = [re.match(r"\s*-?\d+", text) for text in texts]
    return list(dict.fromkeys(abs(int(match[0])) if match else 0 for match in numbers))


def _moment(_name: str, value: Any) -> str:
    if not isinstance(value, str) or not TIME.fullmatch(value):
        raise _Fault("rest_invalid_date", "Invalid date.")
    return value


def _choice(*choices: str) -> Callable[[str, Any], str]:
    listed = f"{', '.join(choices[:-1])}, and {choices[-1]}" if len(choices) > 2 else " and ".join(choices)

    def read_choice(name: str, value: Any) -> str:
        if value not in choices:
            raise _Fault("rest_not_in_enum", f"{name} is not one of {listed}.")
        return str(value)

    return read_choice


def _choices(*choices: str) -> Callable[[str, Any], list[str]]:
    one = _choice(*choices)

    def read_choices(name: str, value: Any) -> list[str]:
        texts = value if isinstance(value, list) else str(value).split(",")
        return [one(f"{name}[{at}]", text.strip()) for at, text in enumerate(texts)]

    return read_choices


_PAGING: Final = {
    "page": Param(_number(1), 1),
    "per_page": Param(_number(1, 100), 10),
    "offset": Param(_number(0), 0),
    "search": Param(_text, ""),
    "include": Param(_ids, ()),
    "exclude": Param(_ids, ()),
    "_fields": Param(lambda _name, value: value if isinstance(value, list) else value.split(","), ()),
}
_POSTS: Final = {
    **_PAGING,
    "order": Param(_choice("asc", "desc"), "desc"),
    "orderby": Param(_choice("date", "id", "include", "title", "slug", "modified"), "date"),
    **{name: Param(_moment) for name in ("after", "before", "modified_after", "modified_before")},
    "dates_are_gmt": Param(_flag, default=False),
}
CUSTOMERS: Final = {
    **_PAGING,
    "order": Param(_choice("asc", "desc"), "asc"),
    "orderby": Param(_choice("id", "include", "name", "registered_date"), "name"),
    "email": Param(_email, ""),
    "role": Param(_choice("all", *ROLES), "customer"),
}
ORDERS: Final = {
    **_POSTS,
    "status": Param(_choices("any", "trash", *STATUSES), ("any",)),
    "customer": Param(_number(0)),
}
PRODUCTS: Final = {
    **_POSTS,
    "status": Param(_choice("any", "draft", "pending", "private", "publish", "trash"), "any"),
    "sku": Param(_text, ""),
}
WEBHOOKS: Final = {
    **_PAGING,
    "order": Param(_choice("asc", "desc"), "desc"),
    "orderby": Param(_choice("date", "id", "title"), "date"),
    "status": Param(_choice("all", "active", "paused", "disabled"), "all"),
}
_SPANS: Final = ("registered", "last_active", "last_order")
REPORT: Final = {
    **_PAGING,
    "order": Param(_choice("asc", "desc"), "desc"),
    "orderby": Param(
        _choice(
            *("username", "name", "first_name", "last_name", "email", "location", "country", "city", "state"),
            *("postcode", "date_registered", "date_last_active", "orders_count", "total_spend", "avg_order_value"),
        ),
        "date_registered",
    ),
    **{f"{span}_{side}": Param(_moment) for span in _SPANS for side in ("after", "before")},
    "searchby": Param(_choice("name", "username", "email", "all"), "name"),
    "customers": Param(_ids, ()),
    "users": Param(_ids, ()),
    "user_type": Param(_choice("all", "registered", "guest"), "all"),
}
