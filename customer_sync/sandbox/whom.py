"""Whom an order or an event belongs to."""

from __future__ import annotations

from customer_sync.model import Json
from customer_sync.sandbox.account import Account
from customer_sync.sandbox.answers import ApiError
from customer_sync.sandbox.contact import Contact, Write
from customer_sync.sandbox.identifiers import EMAIL, EXT_ID, PHONES, TYPES, clean_email, clean_phone


def find(account: Account, identifiers: Json, by: str) -> Contact | None:
    """Return the contact that identifiers lead to; Brevo's number wins over all. The caller holds the lock.

    Whether Brevo makes a contact of somebody it does not know is not documented: the switch `unknown_person` says.

    Args:
        account: where.
        identifiers: as sent: `email_id`, `contact_id` and so on.
        by: the call, for the oracle.
    """
    if not isinstance(identifiers, dict):
        return None
    number = identifiers.get("contact_id")
    if isinstance(number, int):
        return account.contacts.roll.get(number)
    named = _named(identifiers)
    for kind, value in named.items():
        found = account.contacts.find(kind, value)
        if found:
            return found
    if account.switches.unknown_person == "nobody" or not ({EMAIL, EXT_ID, *PHONES[:1]} & set(named)):
        return None
    write = Write(named, add_groups=account.groups.automatic())
    return account.contacts.create(write, account.now_ms(), by)


def _named(identifiers: dict[str, Json]) -> dict[str, str]:
    """Return kind → value; what is no address and no phone number leads to nobody."""
    found: dict[str, str] = {}
    for name, kind in TYPES.items():
        value = identifiers.get(name)
        if not value:
            continue
        try:
            found[kind] = clean_email(value) if kind == EMAIL else clean_phone(value) if kind in PHONES else str(value)
        except ApiError:
            continue
    return found
