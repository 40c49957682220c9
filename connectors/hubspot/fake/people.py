"""What people do by themselves: they fill forms, are edited, buy, agree, leave, are merged, deleted, forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from connectors.hubspot.fake.preferences import Status
from connectors.hubspot.fake.records import stamp
from connectors.hubspot.fake.settings import NEWSLETTER
from customer_sync.kit.invented.people import Person

if TYPE_CHECKING:
    from connectors.hubspot.fake.portal import Portal


class People:
    """Acts of the crowd in one account; the number of a contact stands for somebody.

    Args:
        portal: the account.
    """

    impossible: ClassVar[frozenset[str]] = frozenset({"buy_as_guest"})

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._became: dict[int, int] = {}

    def register(self, person: Person, *, agrees: bool | None) -> int:
        """Let somebody fill a form."""
        known = self._portal.by_address(person.email)
        number = (known or self._portal.create("contacts", _values(person), "FORM")).id
        if agrees is not None:
            self.say(number, agrees=agrees)
        self._portal.apps.flush()
        return number

    def edit(self, who: int, person: Person) -> None:
        """Let somebody's record be edited; an address that another contact has stays out of it."""
        contact = self._portal.must("contacts", self._now(who))
        values = _values(person)
        if self._portal.by_address(person.email) not in (None, contact):
            del values["email"]
        self._portal.change(contact, values)
        self._portal.apps.flush()

    def say(self, who: int, *, agrees: bool) -> None:
        """Let somebody subscribe to the newsletter by a form, or leave everything."""
        portal = self._portal
        contact = portal.must("contacts", self._now(who))
        address = str(contact.values.get("email"))
        if agrees:
            said = Status("SUBSCRIBED", portal.clock(), "Form", "CONSENT_WITH_NOTICE", "They ticked the box.")
            portal.say(address, NEWSLETTER, said, "FORM")
            portal.change(contact, {"newsletter_since": stamp(portal.clock())}, "FORM")
        else:
            portal.leave(address, "EMAIL")
        portal.apps.flush()

    def buy(self, who: int, person: Person) -> None:
        """Let a deal be won."""
        del person
        portal = self._portal
        deal = portal.create("deals", {"dealname": "Order", "amount": "49.90", "deal_currency_code": "EUR"})
        flags = {"dealstage": "closedwon", "hs_is_closed_won": "true", "hs_is_closed": "true"}
        portal.change(deal, {**flags, "closedate": stamp(portal.clock())})
        portal.tie(deal, self._now(who), ["deal_to_contact"])
        portal.apps.flush()

    def merge(self, kept: int, gone: int) -> None:
        """Make two contacts one, which may be a third."""
        portal = self._portal
        pair = [self._now(one) for one in (kept, gone)]
        left = portal.merge(*(portal.must("contacts", one) for one in pair))
        self._became |= {one: left.id for one in pair if one != left.id}
        portal.apps.flush()

    def delete(self, who: int) -> None:
        """Delete a contact."""
        self._portal.archive(self._portal.must("contacts", self._now(who)))
        self._portal.apps.flush()

    def erase(self, who: int) -> None:
        """Forget a contact."""
        self._portal.erase(self._portal.must("contacts", self._now(who)))
        self._portal.apps.flush()

    def _now(self, who: int) -> int:
        """Return the contact that somebody is now."""
        while who in self._became:
            who = self._became[who]
        return who


def _values(person: Person) -> dict[str, str]:
    known = {"email": person.email, "firstname": person.first, "lastname": person.last, "phone": person.international}
    return known | {"city": person.city, "zip": person.postcode, "hs_country_region_code": person.country.code}
