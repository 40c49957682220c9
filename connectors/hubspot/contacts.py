"""A contact as HubSpot's API gives it, in canonical fields, with what it tells of consent.

https://developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/guide. All properties are texts, or null
where nothing was entered; only those that were asked for are there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Final

from connectors.hubspot.account import Account
from connectors.hubspot.api import MERGED
from customer_sync.errors import PayloadError
from customer_sync.kit.fields import (
    ABSENT,
    Field,
    Node,
    Table,
    email,
    identifier,
    maybe_id,
    moment,
    number,
    strict,
    take,
    text,
)
from customer_sync.kit.rescue import ConsentReader, Subject, hear
from customer_sync.model import Channel, Consent, ConsentState, Event, Json, Kind

ADDRESSES: Final = "hs_additional_emails"
_COUNTRY: Final = re.compile(r"[A-Za-z]{2}")


def country(value: Json, path: str) -> str | None:
    """Return a country's code; `country` itself is free text, and is not read."""
    found = text(value, path)
    if found is None or _COUNTRY.fullmatch(found):
        return found.upper() if found else None
    raise PayloadError(path, "expected a country's code of two letters")


def _of(name: str) -> str:
    return f"properties.{name}"


CONTACT: Final[Table] = {
    "email": strict(email, _of("email")),
    "firstName": take(text, _of("firstname")),
    "lastName": take(text, _of("lastname")),
    "phone": take(text, _of("phone"), _of("mobilephone")),
    "country": take(country, _of("hs_country_region_code")),
    "company": take(text, _of("company")),
    "city": take(text, _of("city")),
    "postcode": take(text, _of("zip")),
    "language": take(text, _of("hs_language")),
    "totalSpent": take(number, _of("total_revenue")),
    "lastOrderDate": take(moment, _of("recent_deal_close_date")),
    "lifecycleStage": take(text, _of("lifecyclestage")),
    "createdAt": take(moment, "createdAt", _of("createdate")),
    "updatedAt": take(moment, "updatedAt", _of("lastmodifieddate")),
}


class Contacts:
    """Reads the contacts of one account.

    Args:
        account: which properties mean what.
        now: when they are read, UTC.
    """

    def __init__(self, account: Account, now: datetime) -> None:
        self._account, self._now = account, now

    @cached_property
    def properties(self) -> tuple[str, ...]:
        """The properties that are asked for."""
        read = [keys[1] for one in CONTACT.values() for keys in one.places if keys[0] == "properties"]
        own = (ADDRESSES, MERGED, *self._account.opt_outs, self._account.opt_in, *self._account.properties)
        return tuple(dict.fromkeys(one for one in (*read, *own) if one))

    @cached_property
    def subject(self) -> Subject:
        """Where a contact tells of consent."""
        readers: list[ConsentReader] = [partial(_opt_out, name) for name in self._account.opt_outs]
        if self._account.opt_in:
            readers.append(partial(opt_in, self._account.opt_in, self._account.opt_outs))
        return Subject(
            customer_id=lambda node: maybe_id(node.get("id"), node.path("id")),
            email=lambda node: _text(node.take(CONTACT["email"])),
            at=lambda node: node.instant("updatedAt"),
            consents=tuple(readers),
        )

    def event(self, row: Mapping[str, Json]) -> list[Event | PayloadError]:
        """Return the event of a contact; where it cannot be read, its withdrawals and then the fault."""
        node = Node(row)
        key = f"{row.get('id')}:{row.get('updatedAt')}"
        outline = Event(f"hubspot:contact:{key}", self._account.source, Kind.CUSTOMER_UPDATED, self._now, topic="read")
        return hear(partial(self._read, node, outline), node, self.subject, outline)

    def _read(self, node: Node, outline: Event) -> Event:
        record_id = identifier(node.get("id"), node.path("id"))
        at = node.instant("updatedAt") or outline.occurred_at
        own: dict[str, Field] = {
            name: take(text, _of(name)) for name in self._account.properties if name not in CONTACT
        }
        record = {"id": record_id, **node.pick(own), **node.pick(CONTACT)}
        return Event(
            id=outline.id,
            source=outline.source,
            kind=outline.kind,
            occurred_at=at,
            record_id=record_id,
            customer_id=record_id,
            record=record,
            consents=self.subject.told(node, at),
            topic=outline.topic,
        )


def is_yes(value: Json, path: str) -> bool:
    """Tell whether a yes/no property is set; properties are texts.

    Raises:
        PayloadError: it holds something else.
    """
    if value is None or value is False or value in ("", "false"):
        return False
    if value is True or value == "true":
        return True
    raise PayloadError(path, "expected true or false")


def _opt_out(name: str, node: Node, at: datetime) -> tuple[Consent, ...]:
    """Read a property that means "no e-mail". Where it is false or empty, nothing was said: it is never an opt-in.

    It counts as an act, so that no box answers it, and nobody who clears it.
    """
    value = node.take(strict(_as_it_is, _of(name)))
    if value is ABSENT or not is_yes(value, node.path(_of(name))):
        return ()
    return (Consent(Channel.EMAIL, ConsentState.WITHDRAWN, at, name, explicit=True),)


def opt_in(name: str, outs: tuple[str, ...], node: Node, _at: datetime) -> tuple[Consent, ...]:
    """Read the date on which somebody agreed; nothing where one of the opt-outs is set, whose time nobody tells.

    Where a contact has, or had, several addresses (`hs_additional_emails`, a merge), nobody tells which of them the act
    was for: then it lifts no withdrawal.
    """
    if any(_opt_out(one, node, _at) for one in outs):
        return ()
    value = node.take(strict(_instant, _of(name)))
    if not isinstance(value, str):
        return ()
    said = datetime.fromisoformat(value)
    has_one_address = all(node.take(take(_as_it_is, _of(one))) in (ABSENT, None, "") for one in (ADDRESSES, MERGED))
    return (Consent(Channel.EMAIL, ConsentState.GRANTED, said, name, explicit=has_one_address),)


def _instant(value: Json, path: str) -> str | None:
    """Return a time of a date property: a date, an ISO time or milliseconds; of a day, its beginning counts."""
    if value is None or value == "":
        return None
    found = moment_of_ms(value)
    if found is not None:
        return found.isoformat()
    written = moment(value, path)
    return None if written is None else datetime.fromisoformat(written).astimezone(UTC).isoformat()


def moment_of_ms(value: Json) -> datetime | None:
    """Return the time of milliseconds since 1970, as a number or as digits; None where it is none."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and 11 <= len(value) <= 15:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 253_402_300_799_000:
        return None
    return datetime.fromtimestamp(value / 1000, tz=UTC)


def _as_it_is(value: Json, _path: str) -> Json:
    return value


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
