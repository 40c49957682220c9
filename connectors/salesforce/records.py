"""Rows of contacts, leads and opportunities as canonical records, consents and events. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Final

from connectors.salesforce.account import OPT_OUT, Account
from connectors.salesforce.objects import LEAD, OPPORTUNITY, STAMP, SObject
from connectors.salesforce.origins import OWN, Origins
from customer_sync.errors import PayloadError
from customer_sync.kit.connector import parse_time
from customer_sync.kit.fields import (
    Node,
    Table,
    any_of,
    email,
    flag,
    identifier,
    maybe_id,
    moment,
    number,
    strict,
    take,
    text,
    to_text,
)
from customer_sync.kit.rescue import Subject, hear
from customer_sync.model import Channel, Consent, ConsentState, Event, Json, Kind, OrderState

#: What pulled events show as the platform's word for what happened.
TOPIC: Final = "pull"


def country(value: Json, path: str) -> str | None:
    """Return a country's code; a name in some language is none, and left out.

    Raises:
        PayloadError: it is a name.
    """
    found = text(value, path)
    if found is None or (len(found) == 2 and found.isascii() and found.isalpha()):
        return found.upper() if found else None
    raise PayloadError(path, "expected a country's code such as DE, found a name")


# https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_contact.htm
# and ..._lead.htm; both tables in one, because each object has its own names.
PERSON: Table = {
    "email": strict(email, "Email"),
    "firstName": take(text, "FirstName"),
    "lastName": take(text, "LastName"),
    "phone": any_of(text, "MobilePhone", "Phone"),
    "jobTitle": take(text, "Title"),
    "company": take(text, "Account.Name", "Company"),
    "city": take(text, "MailingCity", "City"),
    "postcode": take(text, "MailingPostalCode", "PostalCode"),
    "country": take(country, "MailingCountryCode", "CountryCode", "MailingCountry", "Country"),
    "leadStatus": take(text, "Status"),
    "leadSource": take(text, "LeadSource"),
    "createdAt": take(moment, "CreatedDate"),
    "updatedAt": take(moment, STAMP),
}
DEAL: Table = {
    "number": take(text, "Name"),
    "status": take(text, "StageName"),
    "currency": take(text, "CurrencyIsoCode"),
    "total": take(number, "Amount"),
    "createdAt": take(moment, "CreatedDate"),
    "updatedAt": take(moment, STAMP),
}


@dataclass(frozen=True, slots=True)
class Reader:
    """Turns rows into events.

    Args:
        account: whose rows; it says which fields mean an opt-in.
        now_s: when they were read, seconds since 1970.
        origins: whose opt-ins those of the rows are.
    """

    account: Account
    now_s: float
    origins: Origins = OWN

    @property
    def subject(self) -> Subject:
        """Where a row of a contact or a lead tells of a person."""
        return Subject(
            customer_id=lambda node: maybe_id(node.get("Id"), node.path("Id")),
            email=lambda node: email(node.get("Email"), node.path("Email")),
            at=lambda node: node.instant(STAMP, "LastModifiedDate"),
            consents=(self.consents,),
        )

    def consents(self, node: Node, at: datetime) -> tuple[Consent, ...]:
        """Return what a row tells of e-mails.

        The ticked opt-out is a withdrawal, from birth on. Not ticked it says nothing: nobody agreed by that. An opt-in
        is what the fields of the settings say, and an act of the person only with a time of its own; its box is empty
        for whoever was never asked, too. Where the opt-out is hidden, nobody can tell who left: then there is no opt-in
        either.
        """
        is_out = None if OPT_OUT not in node else flag(node.get(OPT_OUT), node.path(OPT_OUT))
        if is_out:
            # an act: whoever clears the box later, the person did not agree by that
            return (Consent(Channel.EMAIL, ConsentState.WITHDRAWN, at, OPT_OUT, explicit=True),)
        name = self.account.opt_in
        is_in = node.read(flag, name) if is_out is not None and name else None
        if is_in:
            said = node.instant(self.account.opt_in_at) if self.account.opt_in_at else None
            return (self._opt_in(node, name, said, at),)
        if is_in is not None:
            # people of the company tick it, and merges and conversions do: without a time no tick answers an opt-out
            return (Consent(Channel.EMAIL, ConsentState.WITHDRAWN, at, name, explicit=True, only_after_yes=True),)
        return (Consent(Channel.EMAIL, ConsentState.UNKNOWN, at, OPT_OUT),)

    def _opt_in(self, node: Node, name: str, said: datetime | None, at: datetime) -> Consent:
        number = node.get("Id")
        if said is not None and number in self.origins.untold:
            reason = f"taken as a state and no act, as nobody can see which address it was for: {self.origins.why}"
            node.note(PayloadError(node.path(self.account.opt_in_at), reason))
        told = Consent(Channel.EMAIL, ConsentState.GRANTED, said or at, name, only_after_yes=True)
        is_act, is_foreign = said is not None and self.origins.is_own(number), number in self.origins.foreign
        return replace(told, explicit=is_act, is_doubted=is_foreign)

    def person(self, row: Mapping[str, Json], sobject: SObject) -> list[Event | PayloadError]:
        """Return the event of a contact or a lead that lives; where it cannot be read, its withdrawal and the fault."""
        node = Node(row)
        outline = self._outline(row, Kind.CUSTOMER_UPDATED)
        return hear(partial(self._customer, node, sobject, outline), node, self.subject, outline)

    def last_words(self, row: Mapping[str, Json], kept: str | None) -> list[Event]:
        """Return the withdrawal of a record that is no more: it stays with its address, and goes along to who is kept.

        Args:
            row: the record.
            kept: the id of the record that it became a part of; None for none.
        """
        if row.get(OPT_OUT) is not True:
            return []
        node, own = Node(row), str(row.get("Id"))
        outline = self._outline(row, Kind.CONSENT_CHANGED)
        said = self.consents(node, self.subject.at(node) or outline.occurred_at)
        address = node.read(email, "Email")  # one that cannot be read is in nobody's way: the id is enough
        told = replace(outline, id=f"{outline.id}:left", occurred_at=said[0].at, consents=said, notes=tuple(node.notes))
        known: dict[str, Json] = {"id": own, **({"email": address} if address else {})}
        left = replace(told, record_id=own, customer_id=own, record=known)
        if kept is None:
            return [left]
        # without an address: who is kept may have another one, and the withdrawal is the person's
        along = replace(told, id=f"{outline.id}:along", record_id=kept, customer_id=kept, record={"id": kept})
        return [left, along]

    def merged(self, row: Mapping[str, Json], kept: str) -> Event:
        """Return the event that one record became a part of another."""
        gone = str(row.get("Id"))
        outline = self._outline(row, Kind.CUSTOMER_MERGED)
        return replace(
            outline,
            id=f"{outline.id}:merged",
            occurred_at=Node(row).instant(STAMP) or outline.occurred_at,
            record_id=gone,
            customer_id=gone,
            record={"keptId": kept, "deletedId": gone},
        )

    def deleted(self, row: Mapping[str, Json], sobject: SObject) -> Event:
        """Return the event that a record was deleted."""
        is_order = sobject is OPPORTUNITY
        outline = self._outline(row, Kind.ORDER_DELETED if is_order else Kind.CUSTOMER_DELETED)
        number = str(row.get("Id"))
        return replace(
            outline,
            id=f"{outline.id}:deleted",
            occurred_at=Node(row).instant(STAMP) or outline.occurred_at,
            record_id=number,
            customer_id=None if is_order else number,
            record={"id": number},
        )

    def deal(self, row: Mapping[str, Json]) -> list[Event | PayloadError]:
        """Return the event of an opportunity: won is paid, lost is cancelled, open is a draft."""
        node = Node(row)
        outline = self._outline(row, Kind.ORDER_UPDATED)
        return hear(partial(self._order, node, outline), node, None, outline)

    def _outline(self, row: Mapping[str, Json], kind: Kind) -> Event:
        event_id = f"salesforce:pull:{str(row.get('Id'))[:40]}:{str(row.get(STAMP))[:40]}"
        return Event(event_id, self.account.source, kind, datetime.fromtimestamp(self.now_s, UTC), topic=TOPIC)

    def _customer(self, node: Node, sobject: SObject, outline: Event) -> Event:
        number = identifier(node.get("Id"), node.path("Id"))
        at = self.subject.at(node) or outline.occurred_at
        told = self.subject.told(node, at)
        record = {"id": number, **node.pick(PERSON), "isLead": sobject is LEAD, **self._extra(node)}
        return replace(outline, occurred_at=at, record_id=number, customer_id=number, record=record, consents=told)

    def _extra(self, node: Node) -> dict[str, Json]:
        """Return the fields that the settings name, as they stand, where they are plain values."""
        return {name: node.get(name) for name in self.account.fields if name in node and _is_plain(node.get(name))}

    def _order(self, node: Node, outline: Event) -> Event:
        deal = identifier(node.get("Id"), node.path("Id"))
        at = node.instant(STAMP, "LastModifiedDate") or outline.occurred_at
        record: dict[str, Json] = {"id": deal, **node.pick(DEAL)}
        is_won, is_closed = node.read(flag, "IsWon"), node.read(flag, "IsClosed")
        state = OrderState.PAID if is_won else OrderState.CANCELLED if is_closed else OrderState.DRAFT
        record |= {"state": str(state), "amount": 0.0 if state is OrderState.CANCELLED else record.get("total")}
        if not record.get("currency"):
            record["currency"] = self.account.currency or None
        closed = _closed(node, at)
        if closed and is_won:
            record["createdAt"] = closed
        elif closed and state is OrderState.CANCELLED:
            record["cancelledAt"] = closed
        buyer, address = _buyer(node)
        record |= {"email": address} if address else {}
        record |= {"customer": {"id": buyer, **({"email": address} if address else {})}} if buyer else {}
        record |= self._extra(node)
        return replace(outline, occurred_at=at, record_id=deal, customer_id=buyer, record=record)


def _buyer(node: Node) -> tuple[str | None, str | None]:
    """Return id and address of the buyer: of the first role, else the contact of the opportunity itself."""
    roles = node.child("OpportunityContactRoles").children("records") if "OpportunityContactRoles" in node else []
    for role in roles:
        found = maybe_id(role.get("ContactId"), role.path("ContactId"))
        if found:
            contact = role.child("Contact")
            return found, email(contact.get("Email"), contact.path("Email"))
    return maybe_id(node.get("ContactId"), node.path("ContactId")), None


def _closed(node: Node, at: datetime) -> str | None:
    """Return the day on which an opportunity was closed; None where it does not tell, or tells a day to come."""
    try:
        closed = parse_time(node.get("CloseDate"), node.path("CloseDate")) if node.get("CloseDate") else None
    except PayloadError as fault:
        node.note(fault)
        return None
    return to_text(closed) if closed and closed <= at else None


def _is_plain(value: Json) -> bool:
    return value is None or isinstance(value, str | int | float | bool)
