"""Who is subscribed to what: by address and subscription type, and for an address as a whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from connectors.hubspot.fake.records import stamp
from connectors.hubspot.fake.settings import NEWSLETTER, OFFERS
from customer_sync.kit.fakes.answers import Row

TYPES: Final = {NEWSLETTER: "Newsletter", OFFERS: "Offers"}
BASES: Final = ("LEGITIMATE_INTEREST_PQL", "LEGITIMATE_INTEREST_CLIENT", "CONSENT_WITH_NOTICE", "NON_GDPR")


@dataclass(slots=True)
class Status:
    """What is known of one address and one type."""

    state: str
    at_s: float
    source: str
    basis: str | None = None
    why: str | None = None


@dataclass(slots=True)
class Preferences:
    """All statuses. The caller holds the stand-in's lock.

    Args:
        made_s: since when the account is there.
    """

    made_s: float
    of_type: dict[tuple[str, int], Status] = field(default_factory=dict)
    out: dict[str, float] = field(default_factory=dict)

    def rows(self, address: str, reason: str | None = None) -> list[Row]:
        """Return the status of an address in each type."""
        return [self.row(address, one, reason) for one in TYPES]

    def row(self, address: str, subscription: int, reason: str | None = None) -> Row:
        """Return one status as the API shows it."""
        key = address.lower()
        known = self.of_type.get((key, subscription)) or Status("NOT_SPECIFIED", self.made_s, "Not specified")
        at_s = self.out.get(key)
        if at_s is not None:
            known = Status("UNSUBSCRIBED", at_s, "Unsubscribed from all email")
        return {
            "businessUnitId": 0,
            "channel": "EMAIL",
            "subscriberIdString": address,
            "subscriptionId": subscription,
            "status": known.state,
            "source": known.source,
            "legalBasis": known.basis,
            "legalBasisExplanation": known.why,
            "setStatusSuccessReason": reason,
            "timestamp": stamp(known.at_s),
        }

    def wide(self, address: str) -> list[Row]:
        """Return the opt-out of an address as a whole; nothing where there is none."""
        at_s = self.out.get(address.lower())
        if at_s is None:
            return []
        told = {"channel": "EMAIL", "subscriberIdString": address, "wideStatusType": "PORTAL_WIDE"}
        return [{**told, "businessUnitId": 0, "status": "UNSUBSCRIBED", "timestamp": stamp(at_s)}]

    def leave(self, address: str, now_s: float) -> bool:
        """Opt an address out of everything; tell whether it was in."""
        if address.lower() in self.out:
            return False
        self.out[address.lower()] = now_s
        return True

    def put(self, address: str, subscription: int, status: Status) -> bool:
        """Set a status; tell whether it was another one. Who agrees again is no longer out of everything."""
        key = (address.lower(), subscription)
        before = self.row(address, subscription)["status"]
        if status.state == "SUBSCRIBED":
            self.out.pop(address.lower(), None)
        self.of_type[key] = status
        return bool(before != status.state)


def definitions(made_s: float) -> list[Row]:
    """Return the subscription types."""
    return [
        {
            "businessUnitId": 0,
            "id": str(number),
            "name": name,
            "description": f"{name} by e-mail.",
            "purpose": "Marketing",
            "communicationMethod": "Email",
            "isActive": True,
            "isDefault": False,
            "isInternal": False,
            "createdAt": stamp(made_s),
            "updatedAt": stamp(made_s),
        }
        for number, name in TYPES.items()
    ]
