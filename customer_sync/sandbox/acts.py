"""What people do in Brevo, without any call of the API: readers of mails, operators on Brevo's pages.

Each act changes the contact, is written into its statistics, and fires the marketing webhooks that Brevo fires.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from customer_sync.model import Json
from customer_sync.sandbox import contact_body, optins, times
from customer_sync.sandbox.answers import Row, invalid, missing, not_found
from customer_sync.sandbox.contact import Contact, Write
from customer_sync.sandbox.identifiers import EMAIL
from customer_sync.sandbox.mailable import Cause
from customer_sync.sandbox.state import Sandbox

_SENDING_IP: Final = "198.51.100.7"
_BOUNCE: Final = "550 5.1.1 no such mailbox"
_LINK: Final = "https://shop.example/sale"


def whom(sandbox: Sandbox, body: Row) -> Contact:
    """Return the contact that a body names by `id` or `email`.

    Raises:
        ApiError: 404 when there is none.
    """
    number = body.get("id")
    if isinstance(number, int):
        found = sandbox.contacts.roll.get(number)
    else:
        found = sandbox.contacts.find(EMAIL, str(body.get("email", "")).strip().lower())
    if found is None:
        raise not_found("Contact does not exist")
    return found


class Act(NamedTuple):
    """One kind of act.

    Args:
        plays: what it is and what it changes.
        takes: what its body may have beside `email` or `id`, `ago_s` and `webhook`.
        event: the webhook that it fires, as it is registered; "" for none.
        do: carries it out; returns what is added to the body of the webhook.
        whom: finds the contact that the body names.
    """

    plays: str
    takes: tuple[str, ...]
    event: str
    do: Callable[[Sandbox, Contact, Row], Row]
    whom: Callable[[Sandbox, Row], Contact] = whom


def carry_out(sandbox: Sandbox, name: str, body: Row) -> None:
    """Let somebody do something; the caller holds the lock.

    Args:
        sandbox: where.
        name: what, one of `ALL`.
        body: who, as `email` or `id`, and what the act takes. `ago_s` says how many seconds ago it was,
            `webhook: false` that its webhook is lost.

    Raises:
        ApiError: 404 when there is no such act or contact, 400 when the body makes no sense.
    """
    if name not in ALL:
        raise not_found(f"There is no such act; there are {', '.join(ALL)}")
    act = ALL[name]
    unknown = set(body) - {"email", "id", "ago_s", "webhook", *act.takes}
    if unknown:
        raise invalid(f"{', '.join(sorted(unknown))}: not known; it takes {', '.join(act.takes) or 'nothing more'}")
    ago_s = body.get("ago_s", 0)
    if isinstance(ago_s, bool) or not isinstance(ago_s, int | float):
        raise invalid("ago_s should be a number")
    contact = act.whom(sandbox, body)
    note: Row = {"contact": contact.id, "act": name, "at": times.iso(int((sandbox.clock() - ago_s) * 1000))}
    more = act.do(sandbox, contact, body)
    sandbox.acts.add(note)
    if act.event and body.get("webhook") is not False:
        sandbox.emit(act.event, contact, ago_s=float(ago_s), **more)


def _change(sandbox: Sandbox, contact: Contact, write: Write, how: str, by: str) -> set[str]:
    touches = sandbox.switches.acts_modify
    return sandbox.contacts.update(contact, write, sandbox.now_ms(), Cause(how, f"act {by}"), touches=touches)


def _unsubscribe(sandbox: Sandbox, contact: Contact, body: Row) -> Row:
    lists = contact_body.list_ids(body, "list_ids")
    if lists:
        return _leave_list(sandbox, contact, body)
    _change(sandbox, contact, Write(email_blacklisted=True), "flag", "unsubscribe")
    return {"sending_ip": _SENDING_IP, "list_id": list(contact.list_ids)}


def _leave_list(sandbox: Sandbox, contact: Contact, body: Row) -> Row:
    lists = contact_body.list_ids(body, "list_ids")
    if not lists:
        raise missing("list_ids is missing")
    sandbox.lists.check(lists)
    sandbox.contacts.leave_lists(contact, lists, sandbox.now_ms(), touches=sandbox.switches.acts_modify)
    return {"sending_ip": _SENDING_IP, "list_id": list(lists)}


def _leave_group(sandbox: Sandbox, contact: Contact, body: Row) -> Row:
    groups = contact_body.list_ids(body, "group_ids")
    if not groups:
        raise missing("group_ids is missing")
    sandbox.groups.check(groups)
    sandbox.contacts.leave_groups(contact, groups, sandbox.now_ms(), touches=sandbox.switches.acts_modify)
    return {"sending_ip": _SENDING_IP}


def _spam(sandbox: Sandbox, contact: Contact, _body: Row) -> Row:
    _change(sandbox, contact, Write(email_blacklisted=True), "flag", "spam")
    sandbox.blocked.block(contact.email, "contactFlaggedAsSpam", sandbox.now_ms())
    return {"reason": "undesired", "sending_ip": _SENDING_IP}


def _hard_bounce(sandbox: Sandbox, contact: Contact, _body: Row) -> Row:
    _change(sandbox, contact, Write(email_blacklisted=True), "flag", "hard_bounce")
    sandbox.blocked.block(contact.email, "hardBounce", sandbox.now_ms())
    return {"reason": _BOUNCE, "sending_ip": _SENDING_IP}


def _soft_bounce(_sandbox: Sandbox, _contact: Contact, _body: Row) -> Row:
    return {"reason": "452 4.2.2 mailbox full", "sending_ip": _SENDING_IP}


def _mail(_sandbox: Sandbox, _contact: Contact, _body: Row) -> Row:
    return {"sending_ip": _SENDING_IP}


def _click(_sandbox: Sandbox, _contact: Contact, _body: Row) -> Row:
    return {"sending_ip": _SENDING_IP, "URL": _LINK}


def _join_list(sandbox: Sandbox, contact: Contact, body: Row) -> Row:
    lists = _lists_of_sign_up(sandbox, contact, body)
    _change(sandbox, contact, Write(add_lists=lists), "flag", "join_list")
    return {"list_id": list(lists)}


def _resubscribe(sandbox: Sandbox, contact: Contact, body: Row) -> Row:
    lists = _lists_of_sign_up(sandbox, contact, body)
    _change(sandbox, contact, Write(email_blacklisted=False, add_lists=lists), "resubscribed", "resubscribe")
    return {"list_id": list(lists)}


def _lists_of_sign_up(sandbox: Sandbox, contact: Contact, body: Row) -> tuple[int, ...]:
    """Return the lists of a form; the person chose them, so they are no longer lists that were left."""
    lists = contact_body.list_ids(body, "list_ids")
    sandbox.lists.check(lists)
    contact.list_unsubscribed = tuple(one for one in contact.list_unsubscribed if one not in lists)
    return lists


def _block(sandbox: Sandbox, contact: Contact, _body: Row) -> Row:
    _change(sandbox, contact, Write(email_blacklisted=True), "flag", "block")
    return {"content": []}


def _unblock(sandbox: Sandbox, contact: Contact, _body: Row) -> Row:
    _change(sandbox, contact, Write(email_blacklisted=False), "operator", "unblock")
    return {"content": []}


def _block_transactional(sandbox: Sandbox, contact: Contact, _body: Row) -> Row:
    sandbox.blocked.block(contact.email, "unsubscribedViaEmail", sandbox.now_ms())
    return {}


def _person_asked(sandbox: Sandbox, body: Row) -> Contact:
    return optins.person(sandbox, str(body.get("email", "")).strip().lower(), "act confirm")


def _confirm(sandbox: Sandbox, contact: Contact, _body: Row) -> Row:
    return {"list_id": list(optins.confirm(sandbox, contact, "act confirm"))}


def _edit(sandbox: Sandbox, contact: Contact, body: Row) -> Row:
    values = body.get("attributes")
    if not isinstance(values, dict):
        raise missing("attributes is missing")
    kept = sandbox.attributes.accept(values)
    _change(sandbox, contact, Write(attributes=kept), "flag", "edit")
    return {"content": [kept]}


def _delete(sandbox: Sandbox, contact: Contact, body: Row) -> Row:
    others = body.get("others", [])
    found = [whom(sandbox, {"email": one}) for one in others] if isinstance(others, list) else []
    for one in (contact, *found):
        sandbox.contacts.delete(one)
    emails: list[Json] = [contact.email, *(one.email for one in found)]
    return {"email": emails if found else contact.email, "list_id": list(contact.list_ids)}


#: What somebody may do, by name.
ALL: Final[Mapping[str, Act]] = {
    "unsubscribe": Act(
        "the reader clicks on the link in a mail: blocked. With `list_ids` the same as `leave_list`",
        ("list_ids",),
        "unsubscribed",
        _unsubscribe,
    ),
    "leave_list": Act(
        "the reader leaves single lists: off them, and they stand in `listUnsubscribed`; no block",
        ("list_ids",),
        "unsubscribed",
        _leave_list,
    ),
    "leave_group": Act(
        "the reader leaves consent groups: `unsubscribed` there; no block",
        ("group_ids",),
        "unsubscribed",
        _leave_group,
    ),
    "spam": Act("the reader complains: blocked, for transactional mail too", (), "spam", _spam),
    "hard_bounce": Act("there is no such mailbox: blocked, for transactional mail too", (), "hardBounce", _hard_bounce),
    "soft_bounce": Act("the mailbox is full; nothing changes", (), "softBounce", _soft_bounce),
    "delivered": Act("a mail arrives; nothing changes", (), "delivered", _mail),
    "opened": Act("the reader opens a mail; nothing changes", (), "opened", _mail),
    "click": Act("the reader clicks on a link in a mail; nothing changes", (), "click", _click),
    "join_list": Act("the contact is put on lists with a form of Brevo's", ("list_ids",), "listAddition", _join_list),
    "resubscribe": Act(
        "the person signs up again with a form of Brevo's: no block any more, on lists",
        ("list_ids",),
        "listAddition",
        _resubscribe,
    ),
    "confirm": Act(
        "the person clicks on the link of a double opt-in: a contact, no block, on the lists",
        (),
        "listAddition",
        _confirm,
        _person_asked,
    ),
    "block": Act("an operator blocks the contact by hand", (), "contactUpdated", _block),
    "unblock": Act("an operator lifts the block by hand", (), "contactUpdated", _unblock),
    "block_transactional": Act(
        "the reader leaves transactional mail alone; Brevo fires no marketing webhook", (), "", _block_transactional
    ),
    "edit": Act("an operator changes attributes by hand", ("attributes",), "contactUpdated", _edit),
    "delete": Act(
        "an operator deletes the contact by hand; with `others` (addresses) several at once, which one webhook tells",
        ("others",),
        "contactDeleted",
        _delete,
    ),
}
