"""One contact as Brevo keeps it, and what one request wants it to become."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from customer_sync.brevo.sandbox import times
from customer_sync.brevo.sandbox.answers import Row
from customer_sync.brevo.sandbox.identifiers import EMAIL, EXT_ID, SMS

#: What an SMS-only contact shows as its address.
PLACEHOLDER_DOMAIN = "mailin-sms.com"


@dataclass(slots=True)
class Contact:
    """One contact.

    Args:
        id: Brevo's number.
        identifiers: kind → value, see `identifiers.KINDS`; phones as digits. Replaced as `attributes` is.
        attributes: upper-case name → value. The dict is replaced, never changed, so that it may be read without a lock.
        email_blacklisted: no marketing mail; what this whole project must never undo.
        sms_blacklisted: the same for text messages.
        list_ids: the lists, in the order joined.
        list_unsubscribed: lists the person left by hand.
        transactional: rows of transactional attributes.
        created_ms: when it was created, ms since 1970.
        modified_ms: when it last changed.
    """

    id: int
    identifiers: dict[str, str]
    created_ms: int
    modified_ms: int
    attributes: Row = field(default_factory=dict)
    email_blacklisted: bool = False
    sms_blacklisted: bool = False
    list_ids: tuple[int, ...] = ()
    list_unsubscribed: tuple[int, ...] = ()
    transactional: tuple[Row, ...] = ()

    @property
    def email(self) -> str:
        """The address, "" when there is none."""
        return self.identifiers.get(EMAIL, "")

    def public(self) -> Row:
        """Return the contact as the API shows it."""
        attributes = dict(self.attributes)
        identifiers = dict(self.identifiers)
        email = identifiers.pop(EMAIL, None)
        ext_id = identifiers.pop(EXT_ID, None)
        attributes.update(identifiers)
        if ext_id is not None:
            attributes["EXT_ID"] = ext_id
        row: Row = {
            "id": self.id,
            "emailBlacklisted": self.email_blacklisted,
            "smsBlacklisted": self.sms_blacklisted,
            "createdAt": times.iso(self.created_ms),
            "modifiedAt": times.iso(self.modified_ms),
            "listIds": list(self.list_ids),
            "listUnsubscribed": list(self.list_unsubscribed),
            "attributes": attributes,
        }
        if email is None and SMS in identifiers:
            email = f"{identifiers[SMS]}@{PLACEHOLDER_DOMAIN}"
        if email is not None:
            row["email"] = email
        return row

    def row(self) -> Row:
        """Return the contact as the journal keeps it; defaults are left out."""
        row: Row = {"identifiers": dict(self.identifiers), "at": [self.created_ms, self.modified_ms]}
        for name, value in (
            ("attributes", self.attributes),
            ("email_blacklisted", self.email_blacklisted),
            ("sms_blacklisted", self.sms_blacklisted),
            ("list_ids", list(self.list_ids)),
            ("list_unsubscribed", list(self.list_unsubscribed)),
            ("transactional", list(self.transactional)),
        ):
            if value:
                row[name] = value  # type: ignore[assignment]  # a tuple of differing types has no better common type
        return row


def from_row(contact_id: int, row: Row) -> Contact:
    """Return the contact of a journal row."""
    values: dict[str, Any] = dict(row)
    created_ms, modified_ms = values.pop("at")
    for name in ("list_ids", "list_unsubscribed", "transactional"):
        values[name] = tuple(values.get(name, ()))
    return Contact(contact_id, created_ms=created_ms, modified_ms=modified_ms, **values)


@dataclass(slots=True)
class Write:
    """What one request wants a contact to become.

    Args:
        identifiers: kind → value; "" empties it.
        attributes: upper-case name → value; None empties it.
        email_blacklisted: None leaves it alone.
        sms_blacklisted: None leaves it alone.
        add_lists: lists to join.
        remove_lists: lists to leave.
        transactional: values of one order or booking.
        force_merge: merge contacts when an identifier collides.
    """

    identifiers: dict[str, str] = field(default_factory=dict)
    attributes: Row = field(default_factory=dict)
    email_blacklisted: bool | None = None
    sms_blacklisted: bool | None = None
    add_lists: tuple[int, ...] = ()
    remove_lists: tuple[int, ...] = ()
    transactional: Row = field(default_factory=dict)
    force_merge: bool = False
