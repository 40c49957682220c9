"""Contacts and deals as they are kept, and as the API shows them: all properties are texts, times have milliseconds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.clock import iso

Value = str | None

#: Kind → its `objectTypeId`, its word in webhooks, its property of the last change.
KINDS: Final[dict[str, tuple[str, str, str]]] = {
    "contacts": ("0-1", "contact", "lastmodifieddate"),
    "deals": ("0-3", "deal", "hs_lastmodifieddate"),
}
#: What is shown where no properties are named.
SHOWN: Final[dict[str, tuple[str, ...]]] = {
    "contacts": ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"),
    "deals": ("amount", "closedate", "createdate", "dealname", "dealstage", "hs_lastmodifieddate", "hs_object_id"),
}
#: The properties that there are; others are left out of answers without a word, and refused when they are set.
PROPERTIES: Final[dict[str, set[str]]] = {
    "contacts": {
        *SHOWN["contacts"],
        *("phone", "mobilephone", "company", "city", "zip", "country", "hs_country_region_code", "hs_language"),
        *("lifecyclestage", "total_revenue", "recent_deal_close_date", "hs_additional_emails", "hs_email_optout"),
        *("hs_merged_object_ids", "hs_email_optout_5001", "hs_email_optout_5002", "newsletter_since", "no_mail"),
        *("favourite_colour", "hs_is_unworked"),
    },
    "deals": {
        *SHOWN["deals"],
        *("deal_currency_code", "pipeline", "hs_is_closed", "hs_is_closed_won", "hs_merged_object_ids"),
    },
}
#: Those that HubSpot works out itself.
READ_ONLY: Final = {"hs_object_id", "createdate", "lastmodifieddate", "hs_lastmodifieddate", "hs_merged_object_ids"}


@dataclass(slots=True)
class Record:
    """A contact or a deal.

    Args:
        id: its number.
        kind: contacts or deals.
        values: its properties; what was never entered is absent.
        created_s: when it was made.
        updated_s: when it was changed last.
        archived_s: when it was deleted; None while it is there.
        ties: of a deal, its contacts: number → labels.
    """

    id: int
    kind: str
    values: dict[str, Value]
    created_s: float
    updated_s: float
    archived_s: float | None = None
    ties: dict[int, list[str]] = field(default_factory=dict)

    def value(self, name: str) -> Value:
        """Return a property as a text, None where nothing was entered."""
        if name == "hs_object_id":
            return str(self.id)
        if name == "createdate":
            return stamp(self.created_s)
        if name == KINDS[self.kind][2]:
            return stamp(self.updated_s)
        return self.values.get(name)

    def row(self, names: Iterable[str] = ()) -> Row:
        """Return the record as the API shows it.

        Args:
            names: the properties that were asked for; a few are always there.
        """
        known = PROPERTIES[self.kind]
        wanted = [name for name in names if name in known]
        always = ("createdate", "hs_object_id", KINDS[self.kind][2])
        shown = (*wanted, *always) if wanted else SHOWN[self.kind]
        row: Row = {
            "id": str(self.id),
            "properties": {name: self.value(name) for name in sorted(set(shown))},
            "createdAt": stamp(self.created_s),
            "updatedAt": stamp(self.updated_s),
            "archived": self.archived_s is not None,
        }
        return row if self.archived_s is None else {**row, "archivedAt": stamp(self.archived_s)}


def stamp(at_s: float) -> str:
    """Return a time as the API writes it: 2026-11-21T10:00:00.000Z."""
    ms = round(at_s * 1000)
    return f"{iso(ms // 1000)}.{ms % 1000:03d}Z"
