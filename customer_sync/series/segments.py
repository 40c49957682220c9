"""Segments of buyers: VIP, new, repeat; pure."""

from __future__ import annotations

from decimal import Decimal

from customer_sync.series.options import Segment, Vip


def segment_of(orders: int | None, spent: Decimal | None, vip: Vip) -> Segment | None:
    """Return a person's segment, None where it is not known how many orders they have.

    Args:
        orders: how many of the person's orders count.
        spent: what these are worth.
        vip: what makes a VIP; any one of its limits does.
    """
    if vip.min_orders is not None and orders is not None and orders >= vip.min_orders:
        return Segment.VIP
    if vip.min_total_spent is not None and spent is not None and spent >= vip.min_total_spent:
        return Segment.VIP
    if orders is None:
        return None
    return Segment.REPEAT if orders else Segment.NEW
