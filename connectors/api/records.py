"""How the `data` of a body is read: our canonical fields in both spellings, and whatever other fields there are.

https://tajo.io/docs/skills/customer-sync (2026-11) shows `changes: {field: {old, new}}` for updates in one place and
flat fields in another: both are read, and what changed wins. Nothing is taken from `old`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Final

from customer_sync.errors import PayloadError
from customer_sync.kit import canonical
from customer_sync.kit.fields import (
    Node,
    Table,
    email,
    flag,
    identifier,
    maybe_id,
    strict,
    take,
    text,
)
from customer_sync.kit.rescue import Subject
from customer_sync.model import Channel, Consent, ConsentState, Event, Json, kind_of

#: A box: a state that somebody's program tells.
CONSENT: Final = "acceptsMarketing"
#: What the person did, by the program's word: channel → state, when, how.
ACT: Final = "consent"
_ACTS: Final[Mapping[str, ConsentState]] = {"granted": ConsentState.GRANTED, "withdrawn": ConsentState.WITHDRAWN}
_WHEN: Final = "expected when the person did it, as 2026-11-21T10:00:00Z with its zone"
_HAS_ZONE: Final = re.compile(r"(?:[Zz]|[+-]\d\d:?\d\d)$")
#: Any time: whether something can be read does not depend on it.
_ANY: Final = datetime(2000, 1, 1, tzinfo=UTC)


def spellings(name: str) -> tuple[str, ...]:
    """Return how a canonical field may be written: `firstName`, `first_name`."""
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    return (name,) if snake == name else (name, snake)


CUSTOMER: Final[Table] = {name: take(reader, *spellings(name)) for name, reader in canonical.CUSTOMER.items()}
ADDRESS: Final[Table] = {"email": strict(email, "email")}
_OURS: Final = frozenset(
    one
    for name in (*canonical.CUSTOMER, CONSENT, ACT, "id", "email", "changes", "deletedAt")
    for one in spellings(name)
)


def changed(node: Node) -> Node:
    """Return the new values of `changes` by field, as an object of its own.

    Raises:
        PayloadError: `changes` is no object, or does not tell a new value of a field.
    """
    changes = node.child("changes")
    return Node({name: new_value(changes, name) for name in changes.body}, changes.at, node.notes)


def new_value(changes: Node, name: str) -> Json:
    """Return the new value of a field in `changes`.

    Raises:
        PayloadError: it is not told.
    """
    change = changes.get(name)
    if isinstance(change, dict) and "new" in change:
        return change["new"]
    found = "an object without new" if isinstance(change, dict) else kind_of(change)
    raise PayloadError(changes.path(name), f"expected old and new, found {found}")


def read(node: Node, outline: Event) -> Event:
    """Return the event of a customer that was made or changed.

    Raises:
        PayloadError: nobody is named, or `changes` or what is said of consent cannot be read.
    """
    new = changed(node)
    customer_id = maybe_id(node.get("id"), node.path("id"))
    record: dict[str, Json] = {} if customer_id is None else {"id": customer_id}
    for one in (node, new):
        record |= {**_others(one), **one.pick(CUSTOMER), **one.pick(ADDRESS)}
    if customer_id is None and record.get("email") is None:
        raise PayloadError(node.path("email"), "expected an e-mail address, or the id of a customer who is known")
    consents = tuple(dict.fromkeys(SUBJECT.told(node, outline.occurred_at)))
    return replace(outline, record_id=customer_id, customer_id=customer_id, record=record, consents=consents)


def deleted(node: Node, outline: Event) -> Event:
    """Return the deletion of a customer; without an id, of what was told of the address without one.

    Raises:
        PayloadError: nobody is named.
    """
    at = node.instant("deletedAt", "deleted_at") or outline.occurred_at
    customer_id = maybe_id(node.get("id"), node.path("id"))
    record: dict[str, Json] = {**({} if customer_id is None else {"id": customer_id}), **node.pick(ADDRESS)}
    if customer_id is None and record.get("email") is None:
        raise PayloadError(node.path("id"), "expected the id of a customer, or an e-mail address")
    return replace(
        outline,
        occurred_at=at,
        record_id=customer_id,
        customer_id=customer_id,
        record=record,
        notes=tuple(node.notes),
    )


def faults_in(node: Node) -> Iterator[PayloadError]:
    """Yield what is wrong with the identity, the changes and the consent, each for itself."""
    tries: list[Callable[[], object]] = [
        lambda: maybe_id(node.get("id"), node.path("id")),
        lambda: email(node.get("email"), node.path("email")),
        *(partial(one, node, _ANY) for one in SUBJECT.consents),
        lambda: changed(node).pick(ADDRESS),
    ]
    yield from _twofold(node)
    try:
        changes = node.child("changes")
        tries += [partial(new_value, changes, name) for name in changes.body]
        yield from _twofold(changes)
    except PayloadError as fault:
        yield fault
    for one in tries:
        try:
            one()
        except PayloadError as fault:
            yield fault


def _twofold(node: Node) -> Iterator[PayloadError]:
    """Yield both places of each field that is told in both spellings and differs."""
    for name in (*canonical.CUSTOMER, CONSENT, "deletedAt"):
        both = [one for one in spellings(name) if one in node]
        if len(both) > 1 and node.get(both[0]) != node.get(both[1]):
            for one, other in (both, both[::-1]):
                yield PayloadError(node.path(one), f"expected the same as {node.path(other)}, or one of them")


def _others(node: Node) -> dict[str, Json]:
    """Return the fields that are the sender's own: a mapping reaches them by name."""
    found: dict[str, Json] = {}
    for name, value in node.body.items():
        if name in _OURS or not name.isprintable():
            continue
        try:
            found[name] = _own(value, node.path(name), name)
        except PayloadError as fault:
            node.note(fault)
    return found


def _own(value: Json, path: str, name: str, depth: int = 0) -> Json:
    if isinstance(value, list | dict) and depth > 1:
        raise PayloadError(path, "nested too deep for a field")
    if isinstance(value, list):
        return [_own(item, f"{path}[{index}]", name, depth + 1) for index, item in enumerate(value)]
    if isinstance(value, dict):
        return {key: _own(child, f"{path}.{key}", key, depth + 1) for key, child in value.items() if key.isprintable()}
    if value is not None and (name in {"id", "orders"} or name.endswith(("Id", "_id", "Token"))):
        return identifier(value, path)
    if isinstance(value, str):
        return text(value, path)
    if isinstance(value, float) and not math.isfinite(value):
        raise PayloadError(path, "expected a number such as 19.99")
    return value


def _box(value: Json, path: str, at: datetime) -> tuple[Consent, ...]:
    """Return what a box says. A tick is no act, whatever the box said before: the caller chooses the times."""
    agrees = flag(value, path)
    if agrees is None:
        return ()
    state = ConsentState.GRANTED if agrees else ConsentState.WITHDRAWN
    # a withdrawal is an act of its own: no later tick is taken for the person's answer to it
    return (Consent(Channel.EMAIL, state, at, CONSENT, explicit=not agrees),)


def _flat(name: str, node: Node, at: datetime) -> tuple[Consent, ...]:
    """Return what the box beside the other fields says in one spelling, unless `changes` says it anew."""
    changes = node.get("changes")
    is_anew = isinstance(changes, dict) and any(one in changes for one in spellings(CONSENT))
    return () if is_anew else _box(node.get(name), node.path(name), at)


def _of_changes(name: str, node: Node, at: datetime) -> tuple[Consent, ...]:
    """Return what the new value of the box says in one spelling; whatever else stands in `changes`."""
    changes = node.child("changes")
    return _box(new_value(changes, name), changes.path(name), at) if name in changes else ()


def _act(channel: Channel, node: Node, at: datetime) -> tuple[Consent, ...]:
    """Return what the person did on a channel, by the program's word."""
    acts = node.child(ACT)
    act = acts.child(channel)
    if not act.body:
        return ()
    said = act.get("state")
    state = _ACTS.get(said) if isinstance(said, str) else None
    if state is None:
        raise PayloadError(act.path("state"), "expected granted or withdrawn")
    given = act.get("at")
    told_at = act.instant("at") if isinstance(given, str) and _HAS_ZONE.search(given) else None
    if told_at is None and (state is ConsentState.GRANTED or given is not None):
        if state is ConsentState.GRANTED:
            raise PayloadError(act.path("at"), _WHEN)
        act.note(PayloadError(act.path("at"), _WHEN))
    try:
        method = text(act.get("method"), act.path("method"))
    except PayloadError as fault:
        act.note(fault)
        method = None
    return (Consent(channel, state, told_at or at, str(method or ACT), explicit=True),)


def _unknown_acts(node: Node, _: datetime) -> tuple[Consent, ...]:
    """Return nothing.

    Raises:
        PayloadError: something stands beside the channels, or beside what is said of one.
    """
    acts, changes = node.child(ACT), node.get("changes")
    if isinstance(changes, dict) and ACT in changes:
        raise PayloadError(f"{node.path('changes')}.{ACT}", f"expected {ACT} beside changes: it has a time of its own")
    for name in acts.body:
        if name not in tuple(Channel):
            raise PayloadError(acts.path(name), f"expected {' or '.join(Channel)}")
        act = acts.child(name)
        for key in act.body:
            if key not in {"state", "at", "method"}:
                raise PayloadError(act.path(key), "expected state, at or method")
    return ()


def _email(node: Node) -> str | None:
    """Return the address: the new one where it changed."""
    try:
        new = changed(node)
    except PayloadError:
        new = Node({})
    return email(new.get("email") if "email" in new else node.get("email"), node.path("email"))


SUBJECT: Final = Subject(
    customer_id=lambda node: maybe_id(node.get("id"), node.path("id")),
    email=_email,
    at=lambda _: None,
    consents=(
        *(partial(_flat, one) for one in spellings(CONSENT)),
        *(partial(_of_changes, one) for one in spellings(CONSENT)),
        *(partial(_act, one) for one in Channel),
        _unknown_acts,
    ),
)
