"""The query parameters of the listings: what each takes, its default, and WordPress's words for what it does not take.

Unknown parameters are ignored without a word, as WordPress does. See
https://developer.wordpress.org/reference/functions/rest_validate_value_from_schema/ for the rules and the sentences.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from connectors.woocommerce.fake.orders import STATUSES
from connectors.woocommerce.fake.people import ROLES
from connectors.woocommerce.fake.wordpress import TIME, WpError

#: A query: name → text, or a list where the name ended in `[]`.
Query = Mapping[str, "str | list[str]"]
Values = dict[str, Any]
#: How a parameter is read, and what it means when it is not given.
Param = tuple[Callable[[str, Any], Any], Any]


class _Fault(Exception):
    """A value that is not taken: WordPress's code and sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = f"rest_{code}"


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


def read(params: Mapping[str, Param], query: Mapping[str, Any]) -> Values:
    """Return the value of every parameter.

    Raises:
        WpError: 400 that names every value that is not taken.
    """
    found, faults = {}, {}
    for name, (read_value, default) in params.items():
        try:
            found[name] = read_value(name, query[name]) if name in query else default
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
        raise _Fault("invalid_type", f"{name} is not of type string.")
    return value


def _email(name: str, value: Any) -> str:
    if "@" not in _text(name, value).strip("@"):
        raise _Fault("invalid_email", "Invalid email address.")
    return str(value)


def _number(least: int, most: int | None = None) -> Callable[[str, Any], int]:
    def read_number(name: str, value: Any) -> int:
        if not isinstance(value, str) or not re.fullmatch(r"\s*-?\d+\s*", value):
            raise _Fault("invalid_type", f"{name} is not of type integer.")
        found = int(value)
        if most is not None and not least <= found <= most:
            raise _Fault("out_of_bounds", f"{name} must be between {least} (inclusive) and {most} (inclusive)")
        if found < least:
            raise _Fault("out_of_bounds", f"{name} must be greater than or equal to {least}")
        return found

    return read_number


def _flag(name: str, value: Any) -> bool:
    """Read `rest_is_boolean`, from a query or from JSON: `True` is one too, which WooCommerce's Python client sends."""
    known = {"1": True, "true": True, "0": False, "false": False, "": False}
    text = str(value).lower()
    if text not in known:
        raise _Fault("invalid_type", f"{name} is not of type boolean.")
    return known[text]


def _ids(_name: str, value: Any) -> list[int]:
    """Read `wp_parse_id_list`: whatever is no number becomes 0, doubles go."""
    texts = value if isinstance(value, list) else re.split(r"[\s,]+", value.strip()) if value else []
    numbers = [re.match(r"\s*-?\d+", text) for text in texts]
    return list(dict.fromkeys(abs(int(match[0])) if match else 0 for match in numbers))


def _moment(_name: str, value: Any) -> str:
    if not isinstance(value, str) or not TIME.fullmatch(value):
        raise _Fault("invalid_date", "Invalid date.")
    return value


def _choice(*choices: str) -> Callable[[str, Any], str]:
    listed = f"{', '.join(choices[:-1])}, and {choices[-1]}" if len(choices) > 2 else " and ".join(choices)

    def read_choice(name: str, value: Any) -> str:
        if value not in choices:
            raise _Fault("not_in_enum", f"{name} is not one of {listed}.")
        return str(value)

    return read_choice


def _choices(*choices: str) -> Callable[[str, Any], list[str]]:
    one = _choice(*choices)

    def read_choices(name: str, value: Any) -> list[str]:
        texts = value if isinstance(value, list) else str(value).split(",")
        return [one(f"{name}[{at}]", text.strip()) for at, text in enumerate(texts)]

    return read_choices


def _names(_name: str, value: Any) -> list[str]:
    return value if isinstance(value, list) else str(value).split(",")


_PAGING: Final[Mapping[str, Param]] = {
    "page": (_number(1), 1),
    "per_page": (_number(1, 100), 10),
    "offset": (_number(0), 0),
    "search": (_text, ""),
    "include": (_ids, ()),
    "exclude": (_ids, ()),
    "_fields": (_names, ()),
}
#: Of what is sent of a customer.
CUSTOMER: Final[Mapping[str, Param]] = {"email": (_email, "")}
#: Of deleting.
FORCE: Final[Mapping[str, Param]] = {"force": (_flag, False)}
_NEWEST: Final = (_choice("asc", "desc"), "desc")
_POSTS: Final[Mapping[str, Param]] = {
    **_PAGING,
    "order": _NEWEST,
    "orderby": (_choice("date", "id", "include", "title", "slug", "modified"), "date"),
    **dict.fromkeys(("after", "before", "modified_after", "modified_before"), (_moment, None)),
    "dates_are_gmt": (_flag, False),
}
CUSTOMERS: Final[Mapping[str, Param]] = {
    **_PAGING,
    "order": (_choice("asc", "desc"), "asc"),
    "orderby": (_choice("id", "include", "name", "registered_date"), "name"),
    "email": (_email, ""),
    "role": (_choice("all", *ROLES), "customer"),
}
ORDERS: Final[Mapping[str, Param]] = {
    **_POSTS,
    "status": (_choices("any", "trash", *STATUSES), ("any",)),
    "customer": (_number(0), None),
}
PRODUCTS: Final[Mapping[str, Param]] = {
    **_POSTS,
    "status": (_choice("any", "draft", "pending", "private", "publish", "trash"), "any"),
    "sku": (_text, ""),
}
VARIATIONS: Final[Mapping[str, Param]] = {
    **PRODUCTS,
    "orderby": (_choice("date", "id", "include", "title", "slug"), "id"),
}
WEBHOOKS: Final[Mapping[str, Param]] = {
    **_PAGING,
    "order": _NEWEST,
    "orderby": (_choice("date", "id", "title"), "date"),
    "status": (_choice("all", "active", "paused", "disabled"), "all"),
}
_RANKED: Final = (
    *("username", "name", "first_name", "last_name", "location", "country", "city", "state", "postcode"),
    *("date_registered", "date_last_active", "orders_count", "total_spend", "avg_order_value"),
)
_SPANS: Final = ("registered", "last_active", "last_order")
REPORT: Final[Mapping[str, Param]] = {
    **_PAGING,
    "order": _NEWEST,
    "orderby": (_choice(*_RANKED, "email"), "date_registered"),
    **{f"{span}_{side}": (_moment, None) for span in _SPANS for side in ("after", "before")},
    "searchby": (_choice("name", "username", "email", "all"), "name"),
    "customers": (_ids, ()),
    "users": (_ids, ()),
    "user_type": (_choice("all", "registered", "guest"), "all"),
}
#: That of WooCommerce 9.8.3, which cannot be ordered by the address (2026-11-28).
OLD_REPORT: Final = {**REPORT, "orderby": (_choice(*_RANKED), "date_registered")}
