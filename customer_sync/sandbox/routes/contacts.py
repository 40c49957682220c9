"""`/contacts`: create, change, read, list and delete."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from flask import Response, request

from customer_sync.model import Json
from customer_sync.sandbox import contact_body, paging
from customer_sync.sandbox.answers import (
    ApiError,
    Row,
    as_json,
    body_object,
    invalid,
    not_found,
    nothing,
    object_of,
    raw_json,
)
from customer_sync.sandbox.contact import Contact, Write, page_of
from customer_sync.sandbox.contacts import duplicate
from customer_sync.sandbox.identifiers import EMAIL, EXT_ID, SMS, TYPES
from customer_sync.sandbox.mailable import Cause
from customer_sync.sandbox.routes import Route, this_call
from customer_sync.sandbox.state import Sandbox

_FILTER = re.compile(r'equals\(\s*([\w-]+)\s*,\s*(?:"(.*)"|([^"]*?))\s*\)')
#: Attribute names whose value is an identifier under another name.
_SPELLINGS: Final = {"EXT_ID": EXT_ID}
_MAX_IDS = 20


def create(sandbox: Sandbox) -> Response:
    """Create a contact, or change it with `updateEnabled`: 201 with the id, 204 without a body."""
    body = body_object()
    write = contact_body.for_create(body, sandbox.attributes)
    may_update = bool(contact_body.flag(body, "updateEnabled"))
    with sandbox.lock:
        sandbox.lists.check(write.add_lists)
        known = sandbox.contacts.locate(write)
        collisions = sandbox.contacts.collisions(write, known if may_update else None)
        if collisions and not write.force_merge:
            raise duplicate(collisions, "update" if known and may_update else "create")
        if collisions:
            known = _merge(sandbox, known, collisions)
        if known is None:
            write.add_groups = sandbox.groups.automatic()
            contact = sandbox.contacts.create(write, sandbox.now_ms(), this_call())
            _tell_lists(sandbox, contact, write.add_lists)
            return as_json({"id": contact.id}, 201)
        _update(sandbox, known, write, body)
        return as_json({"id": known.id}, 201) if contact_body.flag(body, "getId") else nothing()


def update(sandbox: Sandbox, identifier: str) -> Response:
    """Change a contact: 204 without a body."""
    body = body_object()
    write = contact_body.for_update(body, sandbox.attributes)
    with sandbox.lock:
        contact = _existing(sandbox, identifier)
        sandbox.lists.check((*write.add_lists, *write.remove_lists))
        collisions = sandbox.contacts.collisions(write, contact)
        if collisions and not write.force_merge:
            raise duplicate(collisions, "update")
        if collisions:
            contact = _merge(sandbox, contact, collisions)
        _update(sandbox, contact, write, body)
    return nothing()


def batch(sandbox: Sandbox) -> Response:
    """Refuse: the endpoint ended on 2026-10-30; `/contacts/import` is its successor."""
    raise ApiError(sandbox.switches.batch_status, "document_not_found", "This endpoint has been deprecated")


def delete(sandbox: Sandbox, identifier: str) -> Response:
    """Delete a contact: 204; 405 for the account's own address."""
    with sandbox.lock:
        contact = _existing(sandbox, identifier)
        if contact.email == sandbox.settings.account_email:
            text = "You're not allowed to delete registered email contact with Brevo"
            raise ApiError(405, "method_not_allowed", text)
        sandbox.contacts.delete(contact)
        lists: list[Json] = list(contact.list_ids)
        sandbox.emit("contactDeleted", contact, list_id=lists)
    return nothing()


def read(sandbox: Sandbox, identifier: str) -> Response:
    """Return one contact with its statistics."""
    with sandbox.lock:
        contact = _existing(sandbox, identifier, is_read=True)
        text = sandbox.shower()(contact)
        if text is None:
            raise not_found("Contact does not exist")
        return as_json({**object_of(text), "statistics": sandbox.acts.statistics(contact.id, contact.transactional)})


def read_statistics(sandbox: Sandbox, identifier: str) -> Response:
    """Return the statistics of one contact."""
    with sandbox.lock:
        contact = _existing(sandbox, identifier, is_read=True)
        return as_json(sandbox.acts.statistics(contact.id, contact.transactional))


def list_all(sandbox: Sandbox) -> Response:
    """Return a page of contacts, newest first unless `sort=asc`."""
    page = paging.page(50, 1000)
    with sandbox.lock:
        rows = _chosen(sandbox)
        contacts, count, show = page.of(rows), len(rows), sandbox.shower()
        everyone = rows[:] if "filter" in request.args else ()
    if "filter" in request.args:
        rows = _filtered(sandbox, everyone, request.args["filter"])
        contacts, count = page.of(rows), len(rows)
    return _contacts(contacts, count, show)


def list_members(sandbox: Sandbox, list_id: int) -> Response:
    """Return a page of the contacts of one list."""
    page = paging.page(50, 500)
    with sandbox.lock:
        sandbox.lists.list(list_id)
        rows = sandbox.contacts.roll.choose(None, paging.since("modifiedSince"), list_id)
        contacts, count, show = page.of(rows), len(rows), sandbox.shower()
    return _contacts(contacts, count, show)


def list_segments(_sandbox: Sandbox) -> Response:
    """Return no segments: they are made by hand in Brevo's pages."""
    paging.page(10, 50)
    return as_json({"segments": [], "count": 0})


def _contacts(contacts: Sequence[Contact], count: int, show: Callable[[Contact], bytes | None]) -> Response:
    """Turn many contacts into JSON; needs no lock, and would hold up every other call."""
    return raw_json(page_of(contacts, count, show))


def _merge(sandbox: Sandbox, own: Contact | None, collisions: dict[str, Contact]) -> Contact:
    """Merge all into the one that changed last, as `forceMerge` is described."""
    contacts = {one for one in (own, *collisions.values()) if one}
    survivor, *others = sorted(contacts, key=lambda one: (one.modified_ms, one.id), reverse=True)
    sandbox.contacts.merge(survivor, others, sandbox.now_ms(), this_call())
    return survivor


def _update(sandbox: Sandbox, contact: Contact, write: Write, body: Mapping[str, Json]) -> None:
    before = contact.list_ids
    how = "null" if body.get("emailBlacklisted", False) is None else "flag"
    changed = sandbox.contacts.update(contact, write, sandbox.now_ms(), Cause(how, this_call()))
    if changed:
        sandbox.emit("contactUpdated", contact, content=[_content(contact, changed)])
    _tell_lists(sandbox, contact, tuple(one for one in contact.list_ids if one not in before))


def _content(contact: Contact, changed: set[str]) -> Row:
    """Return what changed, as a webhook tells it; null stands for a value that was emptied."""
    values: Row = {"EMAIL": contact.email, **object_of(contact.shown)}
    return {name: values.get(name) for name in sorted(changed) if name.isupper()}


def _tell_lists(sandbox: Sandbox, contact: Contact, joined: tuple[int, ...]) -> None:
    if joined:
        lists: list[Json] = list(joined)
        sandbox.emit("listAddition", contact, list_id=lists)


def _existing(sandbox: Sandbox, identifier: str, *, is_read: bool = False) -> Contact:
    contact = _find(sandbox, identifier, request.args.get("identifierType"), is_read=is_read)
    if contact is None:
        raise not_found("Contact does not exist")
    return contact


def _find(sandbox: Sandbox, identifier: str, kind: str | None, *, is_read: bool) -> Contact | None:
    """Without a type PUT and DELETE take an address or Brevo's number; GET takes a phone number too."""
    contacts = sandbox.contacts
    if kind is None and "@" in identifier:
        return contacts.find(EMAIL, identifier.strip().lower())
    if kind in (None, "contact_id") and identifier.isdecimal():
        found = contacts.roll.get(int(identifier))
        return contacts.find(SMS, identifier) if found is None and kind is None and is_read else found
    if kind not in TYPES:
        raise invalid("Invalid identifierType" if kind else "Invalid email or contact id")
    value = identifier.strip().lower() if kind == "email_id" else identifier
    return contacts.find(
        TYPES[kind], value.lstrip("+") if kind.endswith(("phone_id", "app_id", "number_id")) else value
    )


def _chosen(sandbox: Sandbox) -> Sequence[Contact]:
    args = request.args
    if "listIds" in args and "segmentId" in args:
        raise invalid("Either listIds or segmentId can be passed")
    if "segmentId" in args:
        raise not_found("Segment does not exist")
    created, modified = paging.since("createdSince"), paging.since("modifiedSince")
    roll = sandbox.contacts.roll
    lists = set(paging.numbers("listIds"))
    if "ids" not in args and len(lists) == ("listIds" in args):
        return roll.choose(created, modified, *lists)
    if "ids" in args:
        ids = paging.numbers("ids")
        if len(ids) > _MAX_IDS:
            raise ApiError(400, "out_of_range", f"Maximum {_MAX_IDS} ids can be passed")
        found = (roll.get(one) for one in sorted(set(ids)))
        rows = [one for one in found if one and ("listIds" not in args or not lists.isdisjoint(one.list_ids))]
    else:
        rows = roll.union(lists)
    after = [one for one in rows if created is None or one.created_ms > created]
    return [one for one in after if modified is None or one.modified_ms > modified]


def _filtered(sandbox: Sandbox, rows: Sequence[Contact], text: str) -> list[Contact]:
    """Apply `equals(NAME,"value")`, the one operator there is."""
    found = _FILTER.fullmatch(text.strip())
    attribute = sandbox.attributes.get(found[1]) if found else None
    if found is None or attribute is None:
        raise invalid("Invalid filter")
    value = found[2] if found[2] is not None else found[3]
    wanted = {value.lower()}
    entries = attribute.get("enumeration")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and entry["label"] == value:
            wanted.add(str(entry["value"]))
    if attribute.get("type") == "multiple-choice":
        options = {one.strip() for one in value.split(",")}
        return [one for one in rows if options <= set(_values(one, found[1]))]
    return [one for one in rows if any(str(each).lower() in wanted for each in _values(one, found[1]))]


def _values(contact: Contact, name: str) -> list[Json]:
    upper = name.upper()
    known: Row = {**contact.attributes, **contact.identifiers, "EMAIL": contact.email}
    value = known.get(_SPELLINGS.get(upper, upper))
    if value in (None, ""):
        return []
    return value if isinstance(value, list) else [value]


# An identifier may hold slashes (`gid://shopify/Customer/7`), which arrive decoded; fixed paths go first all the same.
ROUTES: Final[tuple[Route, ...]] = (
    ("GET", "/contacts", list_all),
    ("POST", "/contacts", create),
    ("POST", "/contacts/batch", batch),
    ("GET", "/contacts/segments", list_segments),
    ("GET", "/contacts/<path:identifier>", read),
    ("PUT", "/contacts/<path:identifier>", update),
    ("DELETE", "/contacts/<path:identifier>", delete),
    ("GET", "/contacts/<path:identifier>/campaignStats", read_statistics),
    ("GET", "/contacts/lists/<int:list_id>/contacts", list_members),
)
