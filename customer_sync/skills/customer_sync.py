"""customer-sync: a customer of a platform becomes a contact in Brevo, and stays in step.

Orders are read here too, for what they tell of people: which address belongs to a platform's id, which later deletes
need; all that is ever heard of a buyer without an account; and a box that speaks for the order's own address.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import cache
from typing import Final

from customer_sync.engine.plan import Erase, Merge, Said, Says, Step, Who
from customer_sync.errors import MappingError, PayloadError
from customer_sync.kit.connector import parse_time
from customer_sync.model import ConsentState, Event, Json, Kind
from customer_sync.person.identity import normalize_email
from customer_sync.person.mapping import Mapped, map_customer
from customer_sync.person.owed import lists_left
from customer_sync.person.person import GONE
from customer_sync.skills import Intent
from customer_sync.skills.definition import Definition


class CustomerSync:
    """The skill, for all sources.

    Args:
        mapping_for: source → the field mapping, canonical field → attribute.
    """

    name = "customer-sync"

    def __init__(self, mapping_for: Callable[[str], Mapping[str, str]]) -> None:
        self._mapping_for = mapping_for
        self._readers: Mapping[Kind, Callable[[Event], Intent]] = {
            Kind.CUSTOMER_CREATED: self._customer,
            Kind.CUSTOMER_UPDATED: self._customer,
            Kind.CUSTOMER_DELETED: self._deleted,
            Kind.CUSTOMER_ERASED: self._erased,
            Kind.CUSTOMER_MERGED: self._merged,
            Kind.CONSENT_CHANGED: self._consent,
            Kind.CONTACT_DELETED: self._gone,
            Kind.ORDER_PLACED: self._order,
            Kind.ORDER_UPDATED: self._order,
            Kind.ORDER_REFUNDED: self._order,
        }

    def intent(self, event: Event) -> Intent:
        """Return what should change because of an event."""
        reader = self._readers.get(event.kind)
        return reader(event) if reader else Intent()

    def terms(self, source: str) -> Json:
        """Return what the intents for a source depend on: its mapping, in its order."""
        return [[name, attribute] for name, attribute in self._mapping_for(source).items()]

    def _customer(self, event: Event) -> Intent:
        try:
            email = normalize_email(event.record.get("email"))
        except MappingError as error:
            return _withdrawals(event, error)
        mapped = self._map(event.record, event.source)
        who = _who(event, email, since=_created(event.record))
        return _noted([Says(who, mapped.attributes, event.consents)], mapped)

    def _order(self, event: Event) -> Intent:
        told = event.record.get("customer")
        customer = told if isinstance(told, dict) else {}
        # a buyer without an account may be known by the address on the order alone
        email = normalize_email(customer.get("email") or event.record.get("email"))
        if email is None:
            return Intent()
        mapped = self._map(customer, event.source)
        if event.customer_id is None:
            return _noted([Says(_who(event, email), mapped.attributes, event.consents)], mapped)
        copy = _who(event, email, is_copy=True)
        steps: list[Step] = [Says(copy, mapped.attributes)]
        if event.consents:
            steps.append(Says(copy, {}, event.consents, is_of_address=True))
        return _noted(steps, mapped)

    def _consent(self, event: Event) -> Intent:
        try:
            email = normalize_email(event.record.get("email"))
        except MappingError as error:
            return _withdrawals(event, error)
        who = _who(event, email)
        if who.id is None and event.source == "brevo":
            left = event.record.get("listIds")
            lists = [one for one in left if isinstance(one, int)] if isinstance(left, list) else []
            return Intent([Said(who, lists_left(lists), event.consents)])
        return Intent([Says(who, {}, event.consents)])

    def _deleted(self, event: Event) -> Intent:
        email = _address_or_none(event)
        return Intent([Says(_who(event, email, is_copy=True), is_deleted=True)])

    def _erased(self, event: Event) -> Intent:
        return Intent([Erase(_who(event, _address_or_none(event)))])

    def _merged(self, event: Event) -> Intent:
        kept, gone = event.record.get("keptId"), event.record.get("deletedId")
        if not isinstance(kept, str) or not isinstance(gone, str):
            return Intent()
        return Intent([Merge(event.source, gone, kept, event.occurred_at)])

    def _gone(self, event: Event) -> Intent:
        email = normalize_email(event.record.get("email"))
        return Intent([Said(_who(event, email, only_known=True), {GONE: True})])

    def _map(self, record: Mapping[str, Json], source: str) -> Mapped:
        return map_customer(record, self._mapping_for(source))


def _who(
    event: Event,
    email: str | None,
    *,
    is_copy: bool = False,
    only_known: bool = False,
    since: datetime | None = None,
) -> Who:
    return Who(
        source=event.source,
        at=event.occurred_at,
        id=event.customer_id,
        email=email,
        seen_at=event.seen_at,
        is_copy=is_copy,
        only_known=only_known,
        since=since,
        told_at=event.told_at,
    )


def _created(record: Mapping[str, Json]) -> datetime | None:
    with suppress(PayloadError):
        return parse_time(record.get("createdAt"), "createdAt")
    return None


def _address_or_none(event: Event) -> str | None:
    """Return the address of an event that is found by its id too: an unreadable one must not be in the way."""
    try:
        return normalize_email(event.record.get("email"))
    except MappingError:
        if event.customer_id is None:
            raise
        return None


def _withdrawals(event: Event, fault: MappingError) -> Intent:
    """Return what was withdrawn, by the id alone, of an event whose address cannot be read."""
    withdrawn = tuple(one for one in event.consents if one.state is ConsentState.WITHDRAWN)
    if event.customer_id is None or not withdrawn:
        raise fault
    return Intent([Says(_who(event, None), {}, withdrawn)], fault=fault)


def _noted(steps: list[Step], mapped: Mapped) -> Intent:
    note = "; ".join(f"{name} left out: {reason}" for name, reason in mapped.refused.items())
    return Intent(steps, note, tuple(mapped.refused))


SKILL: Final = Definition(
    CustomerSync.name,
    "A customer of a platform becomes a contact in Brevo, and stays in step.",
    lambda settings: CustomerSync(cache(settings.mapping_for)),
    modules=("customer_sync.brevo.contacts",),
    is_on=True,
)
