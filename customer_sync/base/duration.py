"""Durations as people write them: `30m`, `1h`, `2d`, `1h30m`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_SECONDS: Final[Mapping[str, int]] = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_FORM: Final = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?", re.ASCII)

#: How a duration is written, for people.
EXAMPLE: Final = "30m, 1h, 2d or 1h30m"


def read_duration(text: str) -> int | None:
    """Return a duration in seconds: days, hours, minutes, seconds, in this order; None where the text is none.

    A number without a unit is none: nobody can tell minutes from seconds.
    """
    found = _FORM.fullmatch(text.strip().lower().replace(" ", ""))
    if found is None or not any(found.groups()):
        return None
    return sum(int(number or 0) * seconds for number, seconds in zip(found.groups(), _SECONDS.values(), strict=True))


def write_duration(seconds: int) -> str:
    """Return a duration as it is written in a file: `1h30m`; `0s` for none."""
    parts: list[str] = []
    for unit, size in _SECONDS.items():
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
