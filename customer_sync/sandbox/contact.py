"""One contact as Brevo keeps it, and what one request wants it to become."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from customer_sync.sandbox import times
from customer_sync.sandbox.answers import Row
from customer_sync.sandbox.identifiers import EMAIL, EXT_ID, PHONES, SMS

#: What an SMS-only contact shows as its address.
PLACEHOLDER_DOMAIN = "mailin-sms.com"
#: The kind of identifier → its name among the attributes.
NAMES: Final[Mapping[str, str]] = {EMAIL: "EMAIL", EXT_ID: "EXT_ID", **{kind: kind for kind in PHONES}}
#: The name among the attributes that are shown → the kind of identifier.
_SHOWN: Final[Mapping[str, str]] = {name: kind for kind, name in NAMES.items() if kind != EMAIL}
#: Whether somebody is subscribed to a consent group → Brevo's word for it.
STATUSES: Final[Mapping[bool, str]] = {True: "subscribed", False: "unsubscribed"}
_TUPLES: Final = ("list_ids", "list_unsubscribed", "groups", "transactional")

#: (number of a consent group, whether the person is subscribed to it).
Groups = tuple[tuple[int, bool], ...]


@dataclass(slots=True, eq=False)
class Contact:
    """One contact. A million of them must fit into memory: attributes are kept as JSON, lists are shared.

    Args:
        id: Brevo's number.
        created_ms: when it was created, ms since 1970.
        modified_ms: when it last changed; -1 once it was deleted.
        email: the address, "" when there is none.
        shown: the `attributes` that the API shows, as a JSON object: values and all identifiers but the address.
            Replaced, never changed, so that it may be read without a lock.
        email_blacklisted: no marketing mail; what this whole project must never undo.
        sms_blacklisted: the same for text messages.
        list_ids: the lists, in the order joined.
        list_unsubscribed: lists the person left by hand.
        groups: consent group → whether the person is subscribed to it.
        transactional: rows of transactional attributes.
    """

    id: int
    created_ms: int
    modified_ms: int
    email: str = ""
    shown: bytes = b"{}"
    email_blacklisted: bool = False
    sms_blacklisted: bool = False
    list_ids: tuple[int, ...] = ()
    list_unsubscribed: tuple[int, ...] = ()
    groups: Groups = ()
    transactional: tuple[Row, ...] = ()

    @property
    def identifiers(self) -> dict[str, str]:
        """What it can be found by: kind → value, see `identifiers.KINDS`; phones as digits."""
        return identifiers_of(self.email, orjson.loads(self.shown))

    @property
    def attributes(self) -> Row:
        """Upper-case name → value, without the identifiers."""
        values: Row = orjson.loads(self.shown)
        return {name: value for name, value in values.items() if name not in _SHOWN}

    def json(self, *, with_groups: bool = False) -> bytes:
        """Return the contact as the API shows it, as JSON.

        Args:
            with_groups: whether consent groups are enabled for the account.
        """
        row = {
            "id": self.id,
            "emailBlacklisted": self.email_blacklisted,
            "smsBlacklisted": self.sms_blacklisted,
            "createdAt": times.iso(self.created_ms),
            "modifiedAt": times.iso(self.modified_ms),
            "listIds": self.list_ids,
            "listUnsubscribed": self.list_unsubscribed,
            "attributes": orjson.Fragment(self.shown),
        }
        if self.email:
            row["email"] = self.email
        elif SMS in (others := self.identifiers):
            row["email"] = f"{others[SMS]}@{PLACEHOLDER_DOMAIN}"
        if with_groups:
            row["consentGroups"] = [{"id": one, "status": STATUSES[is_in]} for one, is_in in self.groups]
        return orjson.dumps(row)

    def row(self) -> dict[str, Any]:
        """Return the contact as the journal keeps it; defaults are left out."""
        row: dict[str, Any] = {"at": (self.created_ms, self.modified_ms), "attributes": orjson.Fragment(self.shown)}
        row["identifiers"] = {EMAIL: self.email} if self.email else {}
        for name in ("email_blacklisted", "sms_blacklisted", *_TUPLES):
            value = getattr(self, name)
            if value:
                row[name] = value
        return row


def page_of(contacts: Sequence[Contact], count: int, show: Callable[[Contact], bytes | None] = Contact.json) -> bytes:
    """Return many contacts as the API lists them, as JSON.

    Args:
        contacts: those to show.
        count: how many there are.
        show: gives one contact; None leaves it out.
    """
    # a thousand at a time: what orjson 3.13 gives lies in a block of 4 KB, seen 2026-11 with tracemalloc
    parts = (contacts[start : start + 1000] for start in range(0, len(contacts), 1000))
    shown = (b",".join([text for one in part if (text := show(one)) is not None]) for part in parts)
    rows = b",".join([text for text in shown if text])
    return b'{"contacts":[%b],"count":%d}' % (rows, count)


def identifiers_of(email: str, shown: Mapping[str, Any]) -> dict[str, str]:
    """Return the identifiers among an address and the attributes as they are shown: kind → value."""
    found = {EMAIL: email} if email else {}
    found.update((kind, shown[name]) for name, kind in _SHOWN.items() if name in shown)
    return found


def as_shown(values: Mapping[str, Any]) -> bytes:
    """Return values in the form of `Contact.shown`."""
    # a copy, which takes the room it needs (see `page_of`)
    return bytes(memoryview(orjson.dumps(values)))


def from_row(contact_id: int, row: Row) -> Contact:
    """Return the contact of a journal row. Older rows hold every identifier beside the attributes."""
    values: dict[str, Any] = dict(row)
    created_ms, modified_ms = values.pop("at")
    identifiers = values.pop("identifiers")
    for name in _TUPLES:
        values[name] = tuple(values.get(name, ()))
    values["groups"] = tuple((int(one), bool(is_in)) for one, is_in in values["groups"])
    others = {name: identifiers[kind] for name, kind in _SHOWN.items() if kind in identifiers}
    shown = as_shown({**values.pop("attributes", {}), **others})
    return Contact(contact_id, created_ms, modified_ms, identifiers.get(EMAIL, ""), shown, **values)


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
        add_groups: consent groups to join.
        forgets_left: whether the lists that the person left are forgotten.
        transactional: values of one order or booking.
        force_merge: merge contacts when an identifier collides.
    """

    identifiers: dict[str, str] = field(default_factory=dict)
    attributes: Row = field(default_factory=dict)
    email_blacklisted: bool | None = None
    sms_blacklisted: bool | None = None
    add_lists: tuple[int, ...] = ()
    remove_lists: tuple[int, ...] = ()
    add_groups: tuple[int, ...] = ()
    forgets_left: bool = False
    transactional: Row = field(default_factory=dict)
    force_merge: bool = False
