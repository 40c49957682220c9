"""Amounts: whole numbers of a currency's smallest unit. Pure.

https://docs.stripe.com/currencies
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from customer_sync.errors import PayloadError
from customer_sync.kit.fields import Node, text, whole
from customer_sync.model import Json

#: The smallest unit is the currency itself. ISK, HUF, TWD and UGX are written with two decimals, which are zero.
_NONE: Final = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
)
#: The smallest unit is a thousandth.
_THREE: Final = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])


def currency(value: Json, path: str) -> str | None:
    """Return a currency's code in capitals; Stripe writes it in small letters.

    Raises:
        PayloadError: it is no code.
    """
    found = text(value, path)
    if found is not None and not (len(found) == 3 and found.isascii() and found.isalpha()):
        raise PayloadError(path, "expected a currency of three letters")
    return found.upper() if found else None


def decimals(code: str) -> int:
    """Return how many decimals an amount has."""
    return 0 if code in _NONE else 3 if code in _THREE else 2


def amount(node: Node, key: str, code: str | None) -> Decimal | None:
    """Return an amount in its currency; None where it, or its currency, cannot be read."""
    units = node.read(whole, key)
    if code is None or not isinstance(units, int):
        return None
    return Decimal(units).scaleb(-decimals(code))
