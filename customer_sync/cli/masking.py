"""Hides what is personal in a payload and leaves its shape: names of fields, types, lengths, times."""

from __future__ import annotations

import json
import re
from typing import Final

from customer_sync.model import Json

#: Keys whose values say what happened and nothing of the person.
SHOWN_KEYS: Final = frozenset(
    {"currency", "event", "financial_status", "kind", "marketing_opt_in_level", "role", "state", "status", "topic"}
)
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}([T ][\d:.,]+(Z|[+-]\d{2}:?\d{2})?)?")
_LARGEST_SHOWN: Final = 10_000


def mask(value: Json, key: str = "") -> Json:
    """Return JSON with every personal value replaced by what it is.

    Shown are field names, true, false and null, times, small numbers, and the values of `SHOWN_KEYS`.

    Args:
        value: any JSON.
        key: the key it stands below.
    """
    if isinstance(value, dict):
        return {name: mask(child, name) for name, child in value.items()}
    if isinstance(value, list):
        return [mask(child, key) for child in value]
    if isinstance(value, str):
        return value if key.lower() in SHOWN_KEYS or _TIME.fullmatch(value) else _shape(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= _LARGEST_SHOWN:
        return f"({len(str(value))} digits)"
    return value


def mask_bytes(body: bytes) -> str:
    """Return a body with every personal value hidden; of one that is not JSON only its length and its first sign."""
    try:
        value: Json = json.loads(body)
    except (ValueError, RecursionError):
        first = body.lstrip()[:1].decode("ascii", "replace")
        return f"({len(body)} bytes, not JSON, beginning with {first!r})"
    return json.dumps(mask(value), indent=2, ensure_ascii=False)


def _shape(text: str) -> str:
    if not text:
        return text
    return f"(address, {len(text)} characters)" if "@" in text else f"(text, {len(text)} characters)"
