"""Double opt-in: somebody is asked by mail, and is on the lists only after the click.

Whether the contact is there before the click is not documented; here it is not.
"""

from __future__ import annotations

from customer_sync.sandbox.account import Account
from customer_sync.sandbox.answers import Row, missing, not_found
from customer_sync.sandbox.contact import Contact, Write
from customer_sync.sandbox.contact_body import list_ids
from customer_sync.sandbox.identifiers import EMAIL, clean_email
from customer_sync.sandbox.mailable import Cause

#: What the click sets where the account has the attribute, as every new account has.
_CONFIRMED: Row = {"DOUBLE_OPT-IN": "1"}


def ask(account: Account, body: Row) -> bool:
    """Send the mail with the link; returns whether the address is a contact already. The caller holds the lock.

    Raises:
        ApiError: 400.
    """
    for name in ("email", "includeListIds", "redirectionUrl", "templateId"):
        if not body.get(name):
            raise missing(f"{name} is missing")
    email = clean_email(body["email"])
    account.lists.check((*list_ids(body, "includeListIds"), *list_ids(body, "excludeListIds")))
    account.mails.need_active(body["templateId"], is_optin=True)
    link: Row = {"DOIurl": f"https://sandbox.example/optin/{email}"}
    mail: Row = {"to": [{"email": email}], "templateId": body["templateId"], "params": link}
    account.mails.send(mail, account.now_ms())
    account.optins.put(email, body)
    return account.contacts.find(EMAIL, email) is not None


def person(account: Account, email: str, by: str) -> Contact:
    """Return the contact of an address that was asked; makes it when it is new. The caller holds the lock.

    Raises:
        ApiError: 404 when nobody asked this address.
    """
    if email not in account.optins.rows:
        raise not_found("Nobody asked this address for an opt-in")
    known = account.contacts.find(EMAIL, email)
    if known:
        return known
    write = Write({EMAIL: email}, add_groups=account.groups.automatic())
    return account.contacts.create(write, account.now_ms(), by)


def confirm(account: Account, contact: Contact, by: str) -> tuple[int, ...]:
    """Let somebody click on the link: no block, on the lists; returns those that were joined."""
    body = account.optins.rows[contact.email]
    account.optins.drop(contact.email)
    left_out = list_ids(body, "excludeListIds")
    lists = account.lists.known(one for one in list_ids(body, "includeListIds") if one not in left_out)
    values = body.get("attributes")
    sent = values if isinstance(values, dict) else {}
    joined = tuple(one for one in lists if one not in contact.list_ids)
    contact.list_unsubscribed = tuple(one for one in contact.list_unsubscribed if one not in lists)
    write = Write({}, account.attributes.accept({**sent, **_CONFIRMED}), email_blacklisted=False, add_lists=lists)
    account.contacts.update(contact, write, account.now_ms(), Cause("confirmed", by))
    return joined
