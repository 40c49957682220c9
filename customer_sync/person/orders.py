"""What an order is worth, and whether it counts: pure functions over the fields of its record, see `model.Order`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from customer_sync.model import Json, OrderState

#: What the name of a field begins with that holds what a refund paid back; the refund's id follows. Each refund is a
#: field of its own, so that the newest word about each counts, whatever came first.
REFUND: Final = "refund:"
#: A field: it happened while we listened, and may start automations; history may not.
IS_LIVE: Final = "isLive"
#: A field: Brevo took the order among many, and refused it afterwards; its value is why.
REFUSED: Final = "refused"
#: Of an order in one of these states nothing is left: Brevo counts the amount of every order, whatever its status.
_WORTHLESS: Final = frozenset({OrderState.DRAFT, OrderState.CANCELLED, OrderState.REFUNDED, OrderState.DELETED})


def net(fields: Mapping[str, Json]) -> Decimal | None:
    """Return what the shop keeps of an order, in its currency, never less than 0; None where no amount is told.

    Without refunds, what the platform calls the rest: an edit may have made it more than was ordered. Else the smaller
    of that and of the total without the refunds that are known: a refund may be told by itself, or by the order alone.
    """
    if fields.get("state") in _WORTHLESS:
        return Decimal(0)
    total, left = _money(fields.get("total")), _money(fields.get("amount"))
    refunds = [_money(value) for name, value in fields.items() if name.startswith(REFUND)]
    paid_back = sum((abs(one) for one in refunds if one is not None), Decimal(0))
    if not paid_back and left is not None:
        return max(left, Decimal(0))
    known = [one for one in (left, None if total is None else total - paid_back) if one is not None]
    return max(min(known), Decimal(0)) if known else None


def counts(fields: Mapping[str, Json]) -> bool:
    """Tell whether an order counts among its customer's orders: it is paid, and was no test."""
    return fields.get("state") == OrderState.PAID and fields.get("isTest") is not True


def _money(value: Json) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return Decimal(str(value)).quantize(Decimal("0.0001"))
