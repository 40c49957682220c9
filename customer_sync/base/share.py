"""A share in words, the same wherever it is told."""

from __future__ import annotations

import math


def percent(share: float | None, *, blank: str = " ") -> str:
    """Return a share with one decimal. What is not all never reads as 100 %, what is not nothing never as 0 %.

    Args:
        share: of 1; None is told as a dash.
        blank: what stands before the sign.
    """
    if share is None:
        return "–"  # noqa: RUF001  # a dash as long as a number
    if share in {0.0, 1.0}:
        return f"{share * 100:.0f}{blank}%"
    if 0 < share < 0.001:
        return f"<{blank}0.1{blank}%"
    return f"{math.floor(round(share * 1000, 6)) / 10:.1f}{blank}%" if share < 0.9999 else f"99.9{blank}%"
