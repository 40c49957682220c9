"""The oracle of automations: what would start a workflow, and so perhaps a mail to a customer.

An order starts workflows unless it was sent as historical; every event does.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

from customer_sync.sandbox import times
from customer_sync.sandbox.answers import Row
from customer_sync.sandbox.contact import Contact

#: How many single ones are kept; the counts are never cut.
_KEPT = 10_000


class Automations:
    """What fired. The caller holds the sandbox's lock.

    Args:
        now_ms: the time, ms since 1970.
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self.clear()

    def clear(self) -> None:
        """Start counting afresh."""
        self._newest: deque[Row] = deque(maxlen=_KEPT)
        self.counts: Counter[str] = Counter()

    def fire(self, kind: str, name: str, reference: str, contact: Contact | None, by: str) -> None:
        """Note that something starts workflows.

        Args:
            kind: `orders` or `events`.
            name: the status of the order, the name of the event.
            reference: the order's id; "" for an event.
            contact: whose it is; None for nobody.
            by: the call.
        """
        self.counts[kind] += 1
        who: Row = {"contact_id": contact.id, "email": contact.email} if contact else {"contact_id": None}
        at = times.iso(self._now_ms())
        self._newest.append({"kind": kind, "name": name, "reference": reference, **who, "by": by, "at": at})

    def newest(self, limit: int) -> list[Row]:
        """Return the newest, the newest first."""
        return list(self._newest)[::-1][:limit]
