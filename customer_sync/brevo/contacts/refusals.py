"""Values that Brevo refused: why each is left out, and when it is tried again. Pure."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Final

from customer_sync.model import Json
from customer_sync.person.merge import canonical

#: How long a value that another contact has is left out before it is tried again, in milliseconds. The other contact
#: may have changed without a webhook.
RETRY_MS: Final = 6 * 3600 * 1000

#: `reason [mark]` for good, `reason [mark milliseconds]` for a value that another contact has.
_NOTE: Final = re.compile(r"(.*) \[([0-9a-f]{8})(?: (\d+))?\]", re.DOTALL)


def remember(reason: str, value: Json, taken_ms: int | None = None) -> str:
    """Return the note of a value that Brevo refused.

    Args:
        reason: why.
        value: the refused value; a different value is tried at once.
        taken_ms: when Brevo refused the value because another contact has it; None when the value itself is wrong.
    """
    mark = _mark(value)
    return f"{reason} [{mark}]" if taken_ms is None else f"{reason} [{mark} {taken_ms}]"


def is_due(note: str, value: Json, now_ms: int, freed_ms: int = 0) -> bool:
    """Tell whether a value is to be sent although a value of this attribute was refused.

    Args:
        note: what `remember` gave.
        value: the value now.
        now_ms: the time.
        freed_ms: when another contact gave up a value of this attribute, 0 when none did.
    """
    found = _NOTE.fullmatch(note)
    if found is None or found[2] != _mark(value):
        return True
    if found[3] is None:
        return False
    taken_ms = int(found[3])
    return freed_ms > taken_ms or now_ms - taken_ms >= RETRY_MS


def is_taken(note: str) -> bool:
    """Tell whether a value was refused because another contact has it."""
    found = _NOTE.fullmatch(note)
    return found is not None and found[3] is not None


def reason_of(note: str) -> str:
    """Return why a value was left out, for people."""
    found = _NOTE.fullmatch(note)
    return note if found is None else found[1]


def _mark(value: Json) -> str:
    return blake2b(canonical(value).encode(), digest_size=4).hexdigest()
