"""What people did with the mails of the account, as the statistics of a contact tell it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from customer_sync.model import Json
from customer_sync.sandbox import times
from customer_sync.sandbox.answers import Row
from customer_sync.sandbox.journal import Journal, Table

#: act → where the statistics tell it.
_PLACES: Final[Mapping[str, str]] = {
    "delivered": "delivered",
    "opened": "opened",
    "click": "clicked",
    "soft_bounce": "softBounces",
    "hard_bounce": "hardBounces",
    "spam": "complaints",
}
_NAMES: Final = ("messagesSent", *_PLACES.values())
#: Acts that are an unsubscription → whose it is.
_LEAVINGS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("unsubscribe", "leave_list", "leave_group"), "userUnsubscription"),
    "block": "adminUnsubscription",
}
_IP: Final = "203.0.113.9"
_CAMPAIGN: Final = 1
#: What some statistics have beside the campaign and the time.
_MORE: Final[Mapping[str, Row]] = {"opened": {"count": 1, "ip": _IP}, "click": {"links": []}}


class ActLog:
    """The acts of one account. The caller holds the sandbox's lock.

    Args:
        journal: where they are written.
    """

    def __init__(self, journal: Journal) -> None:
        self.table = Table("acts", journal)
        self._of: dict[int, list[Row]] = {}

    def add(self, row: Row) -> None:
        """Note an act: `contact` (its number), `act`, `at`."""
        self.table.put(self.table.next_id(), row)
        self._of.setdefault(int(str(row["contact"])), []).append(row)

    def who(self, *acts: str) -> set[int]:
        """Return the numbers of the contacts that did one of these."""
        return {int(str(row["contact"])) for row in self.table.rows.values() if row["act"] in acts}

    def statistics(self, contact_id: int, transactional: Sequence[Row]) -> Row:
        """Return the statistics of a contact, as the API shows them."""
        rows: dict[str, list[Json]] = {name: [] for name in _NAMES}
        leavings: dict[str, list[Json]] = {"userUnsubscription": [], "adminUnsubscription": []}
        for one in self._of.get(contact_id, ()):
            act, entry = str(one["act"]), _entry(one)
            if act in _PLACES:
                rows[_PLACES[act]].append({**entry, **_MORE.get(act, {})})
            if act in _LEAVINGS:
                leavings[_LEAVINGS[act]].append({**entry, "ip": _IP})
        more: Row = {"unsubscriptions": dict(leavings), "transacAttributes": list(transactional)}
        return {**rows, **more}

    def loaded(self) -> None:
        """Find again what follows from the table; called after it was loaded or cleared."""
        self._of = {}
        for row in self.table.rows.values():
            self._of.setdefault(int(str(row["contact"])), []).append(row)


class Blocked:
    """Who gets no transactional mail: not the same as the block of a contact, which is about marketing.

    Args:
        journal: where they are written.
    """

    #: The reason's code → its text, which Brevo warns not to compare.
    REASONS: Final[Mapping[str, str]] = {
        "contactFlaggedAsSpam": "Contact flagged as spam",
        "hardBounce": "Hard bounce",
        "unsubscribedViaEmail": "Unsubscribed via email",
        "adminBlocked": "Admin blocked",
    }

    def __init__(self, journal: Journal) -> None:
        self.table = Table("blocked", journal)

    def block(self, email: str, code: str, now_ms: int) -> None:
        """Block an address; the first reason stays."""
        if email and email not in self.table.rows:
            reason: Row = {"code": code, "message": self.REASONS[code]}
            self.table.put(email, {"email": email, "senderEmail": "", "reason": reason, "blockedAt": times.iso(now_ms)})

    def why(self, email: str) -> str | None:
        """Return the code of the reason why an address is blocked, None when it is not."""
        row = self.table.rows.get(email)
        reason = row["reason"] if row else None
        return str(reason["code"]) if isinstance(reason, dict) else None


def _entry(row: Row) -> Row:
    return {"campaignId": _CAMPAIGN, "eventTime": row["at"]}
