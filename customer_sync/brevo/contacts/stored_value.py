"""Values as Brevo stores them, so that what was sent can be compared with what a contact shows.

A phone number is its digits, a number a number, a date a day, "" nothing, a list its elements in any order.
"""

from __future__ import annotations

import unicodedata

from customer_sync.brevo.attributes import Refused, fit
from customer_sync.model import Json
from customer_sync.person.mapping import PHONE_ATTRIBUTES


def stored(value: Json, name: str, kind: str) -> object:
    """Return a value in the one form in which both sides can be compared.

    Args:
        value: what was sent, or what is shown.
        name: the attribute.
        kind: its type in the account.
    """
    if value is None or value in ("", []):
        return ""
    if name in PHONE_ATTRIBUTES:
        return "".join(sign for sign in str(value) if sign.isdecimal()).removeprefix("00")
    fitted = fit(value, kind)
    if isinstance(fitted, Refused):
        return str(value)
    if isinstance(fitted, list):
        return frozenset(map(str, fitted))
    return unicodedata.normalize("NFC", fitted).strip() if isinstance(fitted, str) else fitted
