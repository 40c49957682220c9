"""customer-sync: a customer of a platform becomes a contact in Brevo, and stays in step.

Orders are read here too, for one thing only: they tell which address belongs to a platform's id, which later deletes
need, and they are all that is ever heard of a guest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from customer_sync.consent import as_fields
from customer_sync.identity import normalize_email
from customer_sync.mapping import Mapped, map_customer
from customer_sync.model import Change, Consent, ConsentState, Event, Json, Kind, Merged, Priority, from_ms
from customer_sync.skills import Work

LANE = "contacts"

#: The stamp of what is of unknown age: it fills what is unknown and loses to everything else.
LONG_AGO = datetime.fromtimestamp(0, tz=UTC)

_DELETED = ("consent.email.withdrawn", "consent.sms.withdrawn")


class CustomerSync:
    """The skill, for all sources.

    Args:
        mapping_for: source → the field mapping, canonical field → attribute.
    """

    name = "customer-sync"

    def __init__(self, mapping_for: Callable[[str], Mapping[str, str]]) -> None:
        self._mapping_for = mapping_for
        self._readers: Mapping[Kind, Callable[[Event], Work]] = {
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

    def work(self, event: Event) -> Work:
        """Return what should change because of an event."""
        reader = self._readers.get(event.kind)
        return reader(event) if reader else Work()

    def _customer(self, event: Event) -> Work:
        email = normalize_email(event.record.get("email"))
        mapped = self._map(event.record, event.source)
        changes = [_change(event, {**mapped.attributes, "status": "active"}, email)]
        changes += _consents(event, email, is_snapshot="email" not in event.record)
        return Work(changes, _note(mapped), tuple(mapped.refused))

    def _order(self, event: Event) -> Work:
        customer = event.record.get("customer")
        if not isinstance(customer, dict):
            return Work()
        email = normalize_email(customer.get("email"))
        if email is None:
            return Work()
        if event.customer_id is not None:
            link = _change(event, {}, email, at=LONG_AGO, is_snapshot=True)
            return Work([link, *_consents(event, email, is_snapshot=True)])
        mapped = self._map(customer, event.source)
        guest = _change(event, {**mapped.attributes, "status": "active"}, email, is_snapshot=True)
        return Work([guest, *_consents(event, email, is_snapshot=True)], _note(mapped), tuple(mapped.refused))

    def _consent(self, event: Event) -> Work:
        email = normalize_email(event.record.get("email"))
        return Work(_consents(event, email, is_snapshot=False))

    def _deleted(self, event: Event) -> Work:
        fields: dict[str, Json] = {"status": "deleted", **dict.fromkeys(_DELETED, "deleted")}
        email = normalize_email(event.record.get("email"))
        return Work([_change(event, fields, email, priority=Priority.URGENT, is_snapshot=True)])

    def _erased(self, event: Event) -> Work:
        email = normalize_email(event.record.get("email"))
        return Work([_change(event, {"status": "erased"}, email, priority=Priority.URGENT, is_snapshot=True)])

    def _merged(self, event: Event) -> Work:
        kept, gone = event.record.get("keptId"), event.record.get("deletedId")
        if not isinstance(kept, str) or not isinstance(gone, str):
            return Work()
        link = replace(_change(event, {}, None), customer_id=kept)
        return Work([Merged(event.source, gone, kept, event.occurred_at), link])

    def _gone(self, event: Event) -> Work:
        email = normalize_email(event.record.get("email"))
        return Work([_change(event, {"gone": True}, email, is_snapshot=True, only_known=True)])

    def _map(self, record: Mapping[str, Json], source: str) -> Mapped:
        return map_customer(record, self._mapping_for(source))


def departed(source: str, at: datetime) -> Change:
    """Return the change of a person whom no customer leads to any more: off our lists. Not blocked, nobody said no."""
    return Change(LANE, source, at, {"status": "departed"})


def _change(  # noqa: PLR0913  # the facts of a change, most of them with a default
    event: Event,
    fields: Mapping[str, Json],
    email: str | None,
    *,
    at: datetime | None = None,
    priority: Priority = Priority.LIVE,
    is_snapshot: bool = False,
    only_known: bool = False,
) -> Change:
    return Change(
        lane=LANE,
        source=event.source,
        occurred_at=at or event.occurred_at,
        fields=fields,
        customer_id=event.customer_id,
        email=email,
        is_snapshot=is_snapshot,
        only_known=only_known,
        event_id=event.id,
        priority=priority,
    )


def _consents(event: Event, email: str | None, *, is_snapshot: bool) -> list[Change]:
    priority = Priority.URGENT if any(map(_is_withdrawal, event.consents)) else Priority.LIVE
    changes = [
        _change(event, fields, email, at=from_ms(at_ms), priority=priority, is_snapshot=is_snapshot)
        for at_ms, fields in as_fields(event.consents).items()
    ]
    # the id may have another address by now: a withdrawal holds for the address it was said with, too
    if event.customer_id and email:
        withdrawn = [one for one in changes if any(name.endswith(".withdrawn") for name in one.fields)]
        changes += [replace(one, customer_id=None) for one in withdrawn]
    return changes


def _is_withdrawal(consent: Consent) -> bool:
    return consent.state is ConsentState.WITHDRAWN


def _note(mapped: Mapped) -> str:
    return "; ".join(f"{name} left out: {reason}" for name, reason in mapped.refused.items())
