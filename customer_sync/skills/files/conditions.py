"""Conditions of skill files: `cart_value: "> 50"`. Pure.

A condition about something that the event does not tell, or that nobody knows of a customer, does not hold: unknown is
never more than 50.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from customer_sync.base.duration import EXAMPLE, read_duration
from customer_sync.config.faults import Wrong
from customer_sync.model import Event, Json, Kind
from customer_sync.person.orders import net

_FORM: Final = re.compile(r"(>=|<=|!=|==|=|>|<)\s*(\S.*)")
_NUMBER: Final = re.compile(r"-?\d{1,15}(\.\d{1,6})?", re.ASCII)
_COMPARE: Final[Mapping[str, Callable[[Decimal, Decimal], bool]]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
}
_CARTS: Final = (Kind.CART_UPDATED, Kind.CART_DELETED, Kind.CART_ABANDONED, Kind.CART_RECOVERED)
_ORDERS: Final = (Kind.ORDER_PLACED, Kind.ORDER_UPDATED)
#: The wait of a cart that nobody touches is a time to wait, not a fact of the event.
TIME_SINCE: Final = "time_since_activity"

Form = Literal["number", "word", "duration"]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a condition may be about.

    Args:
        form: what it is compared with.
        kinds: the events that tell of it.
        read: returns it of an event; None where the event does not tell.
    """

    form: Form
    kinds: Sequence[Kind]
    read: Callable[[Event], Decimal | str | None] = lambda _: None


def _number_of(value: Json) -> Decimal | None:
    return None if isinstance(value, bool) or not isinstance(value, int | float) else Decimal(str(value))


def _items(event: Event) -> Decimal | None:
    lines = event.record.get("lines")
    if not isinstance(lines, list):
        return None
    counts = [_number_of(one.get("quantity")) for one in lines if isinstance(one, dict)]
    return sum((one for one in counts if one is not None), Decimal(0))


def _word(name: str) -> Callable[[Event], str | None]:
    def read(event: Event) -> str | None:
        value = event.record.get(name)
        return value if isinstance(value, str) else None

    return read


#: The name of a condition → what it is about.
SUBJECTS: Final[Mapping[str, Subject]] = {
    "cart_value": Subject("number", _CARTS, lambda event: _number_of(event.record.get("total"))),
    "order_value": Subject("number", _ORDERS, lambda event: net(event.record)),
    "items_count": Subject("number", (*_CARTS, *_ORDERS), _items),
    "currency": Subject("word", (*_CARTS, *_ORDERS), _word("currency")),
    "order_state": Subject("word", _ORDERS, _word("state")),
    "source": Subject("word", tuple(Kind), lambda event: event.source),
    TIME_SINCE: Subject("duration", (Kind.CART_UPDATED,)),
}
SOURCE: Final = "source"
#: The name of a condition of a schedule → what it is compared with.
OF_CUSTOMERS: Final[Mapping[str, Form]] = {
    "total_orders": "number",
    "total_spent": "number",
    "time_since_order": "duration",
    "time_since_signup": "duration",
    SOURCE: "word",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition, as `cart_value: "> 50"`.

    Args:
        name: one of `SUBJECTS`, or of `OF_CUSTOMERS`.
        operator: how it is compared.
        value: with what: a number, a word in small letters, or seconds.
    """

    name: str
    operator: str
    value: Decimal | str

    def holds(self, event: Event) -> bool:
        """Tell whether the condition holds of an event."""
        return self.is_met(SUBJECTS[self.name].read(event))

    def is_met(self, found: Decimal | str | None) -> bool:
        """Tell whether the condition holds of what was found; of nothing it does not."""
        if found is None:
            return False
        if isinstance(found, str) or isinstance(self.value, str):
            is_equal = str(found).lower() == self.value
            return is_equal is (self.operator != "!=")
        return _COMPARE[self.operator](found, self.value)


def read_condition(name: str, text: str, form: Form | None = None) -> Condition:
    """Return a condition.

    Args:
        name: what it is about.
        text: how it is compared, and with what.
        form: of a condition about customers: what it is compared with, by any operator; None: it is about events.

    Raises:
        Wrong: it cannot be read; what was found, and what is allowed.
    """
    is_any, form, found = form is not None, form or SUBJECTS[name].form, _FORM.fullmatch(text.strip())
    if found is None:
        raise Wrong(f"found '{text[:60]}'", f'Write an operator and a value: {name}: "{_example(form)}".')
    sign, written = found[1], found[2].strip()
    if form == "number":
        if not _NUMBER.fullmatch(written):
            raise Wrong(f"found '{written[:60]}'", f'Write a number: {name}: "> 50".')
        return Condition(name, sign, Decimal(written))
    if form == "duration":
        seconds = read_duration(written)
        signs = (">", ">=", "<", "<=") if is_any else (">", ">=")
        if seconds is None or sign not in signs:
            raise Wrong(f"found '{text[:60]}'", f"Write {' or '.join(signs[::2])} and a duration: {EXAMPLE}.")
        return Condition(name, sign, Decimal(seconds))
    if sign not in ("=", "==", "!="):
        raise Wrong(f"found '{text[:60]}'", f"A word is compared with = or !=: {_example(form)}.")
    return Condition(name, sign, written.strip("'\"").lower())


def _example(form: Form) -> str:
    return {"number": "> 50", "word": "= EUR", "duration": "> 30m"}[form]
