"""A record becomes ours by the mapping of its resource: strict on identity and consent, lenient on the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import Final

from customer_sync.custom import entries, fields, transforms
from customer_sync.custom.form import Resource, Rule
from customer_sync.errors import PayloadError
from customer_sync.kit.fields import (
    ABSENT,
    Absent,
    Node,
    Reader,
    email,
    flag,
    identifier,
    maybe_id,
    moment,
    number,
    real,
    text,
)
from customer_sync.kit.rescue import ConsentReader, Subject, hear
from customer_sync.model import Channel, Consent, ConsentState, Event, Json, Kind, kind_of

#: The states that a `map` of a consent may give.
STATES: Final = tuple(ConsentState)
_TYPES: Final[Mapping[str, Reader]] = {"text": text, "number": number, "boolean": flag, "date": moment}
#: The id of an event that tells the withdrawals of a record which itself is left out.
WITHDRAWN: Final = ":withdrawn"
#: Digits that count milliseconds since 1970, and not seconds.
_MILLISECONDS: Final = 100_000_000_000
_DIGITS: Final = re.compile(r"\d{9,14}")
_NO_ID: Final = "set primary_key of the resource to the key that holds the id, then replay"
#: When nothing is known to have happened yet.
_NEVER: Final = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Records:
    """Reads the records of one resource.

    Args:
        platform: whose they are.
        resource: what the file says of them.
        kind: what they are in our words: contact, order, product or cart.
    """

    platform: str
    resource: Resource
    kind: str
    _rules: Mapping[str, Rule] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Find the rules by our names, once."""
        rules = {fields.canonical(name): rule for name, rule in self.resource.mapping.items()}
        object.__setattr__(self, "_rules", {fields.ID: Rule(path=self.resource.primary_key), **rules})

    @property
    def target(self) -> fields.Target:
        """What they are for the engine."""
        return fields.TARGETS[self.kind]

    def id_of(self, node: Node) -> str:
        """Return a record's id.

        Raises:
            PayloadError: it has none.
        """
        where = self._rules[fields.ID]
        value, path = value_of(where, node), where.path.path(node.at)
        if value is ABSENT:
            raise PayloadError(path, "expected an id, found nothing", _NO_ID)
        return identifier(value, path)

    def is_gone(self, node: Node) -> bool:
        """Tell whether the platform says that a record is deleted.

        Raises:
            PayloadError: `delete_when` does not fit it.
        """
        when = self.resource.delete_when
        return when is not None and when.says(dict(node.body), node.at)

    def time_of(self, node: Node) -> datetime | None:
        """Return when a record changed, as it says itself; None where it does not or nobody can (0 is none)."""
        step, rule = self.resource.incremental, self._rules.get("updatedAt")
        try:
            if rule is not None and isinstance(found := self._read("updatedAt", rule, moment, node), str):
                return real(datetime.fromisoformat(found).astimezone(UTC))
            if step is not None and (value := step.cursor.get(dict(node.body), node.at)) not in (None, ""):
                return real(transforms.read_moment(value, step.format, step.cursor.path(node.at)))
        except PayloadError as fault:
            node.note(fault)
        return None

    def exploded(self, node: Node) -> Iterator[Node]:
        """Return a record, or one for each entry of the list that `explode` names: the entry stands in its place."""
        return entries.exploded(self.resource, node)

    def has_address(self, node: Node) -> bool:
        """Tell whether an address stands where one is looked for, whatever it is; true where none is looked for."""
        rule = self._rules.get("email")
        try:
            return rule is None or self.kind != "contact" or value_of(rule, node) not in (ABSENT, None, "")
        except PayloadError:
            return True

    def is_let_in(self, node: Node) -> bool:
        """Tell whether every filter lets a record in.

        Raises:
            PayloadError: one does not fit it.
        """
        filters = (step.filter for step in self.resource.transform)
        return all(one is None or one.says(dict(node.body), node.at) for one in filters)

    def outline(self, node: Node, source: str, at: datetime, topic: str) -> Event:
        """Return the event of a record before it is read: its id tells one state of the record from another."""
        told = f"{self.kind}|{entries.state_of(node)}"
        name = f"{self.platform}:{sha256(told.encode()).hexdigest()[:32]}"
        changed_at = self.time_of(node)
        told_at = self._made_at(node) if changed_at is None else None
        return Event(name, source, self.target.changed, changed_at or at, topic=topic, told_at=told_at)

    def _made_at(self, node: Node) -> datetime:
        """Return when a record was made, as it says itself; the beginning of time where it does not."""
        rule = self._rules.get("createdAt")
        with suppress(PayloadError):
            if rule is not None and isinstance(found := self._read("createdAt", rule, moment, node), str):
                return datetime.fromisoformat(found).astimezone(UTC)
        return _NEVER

    def events(self, node: Node, outline: Event) -> list[Event | PayloadError]:
        """Return the event of a record; its withdrawals are heard whatever is wrong with the rest."""
        found = hear(partial(self.event, node, outline), node, self.subject, outline)
        is_gone = len(found) == 1 and isinstance(found[0], Event) and found[0].kind is self.target.deleted
        return self.beside(found, node, outline) if is_gone else found

    def beside(self, found: list[Event | PayloadError], node: Node, outline: Event) -> list[Event | PayloadError]:
        """Return what was made of a record, and before it the withdrawals that it tells and that are not in there.

        A deletion and a hint hold no consent: what the record says of it is an event of its own.
        """
        if len(found) != 1 or not isinstance(found[0], Event):
            return found
        # read as out of a body that is broken: each withdrawal for itself, whatever the rest is
        alone = hear(_nothing, node, self.subject, outline)[0]
        return [replace(alone, id=f"{outline.id}{WITHDRAWN}"), *found] if isinstance(alone, Event) else found

    def event(self, node: Node, outline: Event) -> Event | None:
        """Return the event of a record; None for one that is left out and withdraws nothing.

        Raises:
            PayloadError: who it is, or what it says of consent, cannot be read.
        """
        number_of = self.id_of(node)
        if self.is_gone(node):
            return self.deletion(number_of, outline)
        record, told = {"id": number_of, **self.record(node)}, self._told(node, outline.occurred_at)
        customer_id = number_of if self.kind == "contact" else _buyer_id(record)
        found = replace(outline, record_id=number_of, customer_id=customer_id, record=record, consents=told)
        if self._is_wanted(node, record):
            return found
        # what a filter leaves out may be left out because somebody withdrew
        left = tuple(one for one in told if one.state is ConsentState.WITHDRAWN)
        known = {name: value for name, value in record.items() if name in {"id", "email"} and value is not None}
        only = replace(found, id=f"{outline.id}{WITHDRAWN}", kind=Kind.CONSENT_CHANGED, record=known, consents=left)
        return only if left else None

    def deletion(self, record_id: str, outline: Event) -> Event:
        """Return the event of a record that is gone."""
        customer_id = record_id if self.kind == "contact" else None
        kind = self.target.deleted
        return replace(outline, kind=kind, record_id=record_id, customer_id=customer_id, record={"id": record_id})

    def record(self, node: Node) -> dict[str, Json]:
        """Return the fields of a record, but for its id.

        Raises:
            PayloadError: an address or the buyer's id cannot be read.
        """
        found: dict[str, Json] = {}
        for name, rule in self._rules.items():
            if name == fields.ID or name.startswith(fields.CONSENT):
                continue
            if name == fields.LINES:
                found |= {} if (lines := _lines(rule, node)) is None else {name: lines}
                continue
            value = self._lenient(name, rule, node)
            if value is ABSENT:
                continue
            if name == fields.NAME and self.kind == "contact":
                found = {**_names(value), **found}
            else:
                _put(found, name.removeprefix(fields.ATTRIBUTE), value)
        return found

    @property
    def subject(self) -> Subject | None:
        """Where a record tells of a person; None where it does not."""
        if self.kind != "contact":
            return None
        rules = self._rules
        address = rules.get("email")
        readers: list[ConsentReader] = [
            partial(_consent, Channel(name.removeprefix(fields.CONSENT)), rule)
            for name, rule in rules.items()
            if name.startswith(fields.CONSENT)
        ]
        where = self._rules[fields.ID]
        return Subject(
            customer_id=lambda node: maybe_id(_there(where, node), where.path.path(node.at)),
            email=lambda node: None if address is None else _address(address, node),
            at=self.time_of,
            consents=tuple(readers),
        )

    def _told(self, node: Node, at: datetime) -> tuple[Consent, ...]:
        subject = self.subject
        return () if subject is None else subject.told(node, at)

    def _is_wanted(self, node: Node, record: Mapping[str, Json]) -> bool:
        wanted = [name for step in self.resource.transform for name in step.drop_if_missing or ()]
        lacks = any(_dug(record, fields.canonical(name)) in (None, "") for name in wanted)
        return not lacks and self.is_let_in(node)

    def _lenient(self, name: str, rule: Rule, node: Node) -> Json | Absent:
        reader = text if name == fields.NAME else self.target.fields.get(name, fields.plain)
        try:
            return self._read(name, rule, reader, node)
        except PayloadError as fault:
            if name in fields.STRICT:
                raise
            node.note(fault)
            return ABSENT

    def _read(self, name: str, rule: Rule, reader: Reader, node: Node) -> Json | Absent:
        value, path = value_of(rule, node), rule.path.path(node.at)
        if value is ABSENT:
            return ABSENT
        if rule.type is not None and name.startswith(fields.ATTRIBUTE):
            reader = _TYPES[rule.type]
        return reader(value, path)


def _nothing() -> Event:
    raise PayloadError("$", "read for its withdrawals alone")


def value_of(rule: Rule, node: Node) -> Json | Absent:
    """Return what a rule finds in a record, after its transforms; `ABSENT` where nothing stands.

    Raises:
        PayloadError: an expression or a transform does not fit.
    """
    body, path = dict(node.body), rule.path.path(node.at)
    found = rule.path.find(body, node.at)
    if found is ABSENT and not any(isinstance(one, transforms.Default) for one in rule.transform):
        return found
    value = transforms.apply(rule.transform, None if found is ABSENT else found, path)
    if rule.map is not None and value not in (None, ""):
        value = transforms.mapped(rule.map, value, path)
    if rule.cents_of is not None:
        code = text(rule.cents_of.get(body, node.at), rule.cents_of.path(node.at))
        if code is None:
            raise PayloadError(rule.cents_of.path(node.at), "no currency, so nobody knows its smallest unit")
        value = transforms.from_cents(str(code), value, path)
    return value


def _there(rule: Rule, node: Node) -> Json:
    """Return what a rule finds, None where nothing stands."""
    found = value_of(rule, node)
    return None if found is ABSENT else found


def _address(rule: Rule, node: Node) -> str | None:
    return email(_there(rule, node), rule.path.path(node.at))


def _consent(channel: Channel, rule: Rule, node: Node, at: datetime) -> tuple[Consent, ...]:
    """Return what a record says of a channel. A box is a state; only what has a time of its own is an act."""
    value, path = value_of(rule, node), rule.path.path(node.at)
    if value is ABSENT or value is None or value == "":
        return ()
    if rule.map is None:
        agrees = flag(value, path)
        state = ConsentState.GRANTED if agrees else ConsentState.WITHDRAWN
    else:
        state = ConsentState(str(value))
    if state is ConsentState.UNKNOWN:
        return ()
    said = _said_at(rule, node)
    is_act = said is not None and state in {ConsentState.GRANTED, ConsentState.WITHDRAWN}
    return (Consent(channel, state, said or at, rule.method or f"{fields.CONSENT}{channel}", explicit=is_act),)


def _said_at(rule: Rule, node: Node) -> datetime | None:
    """Return when the person said so; None where that cannot be read, or is 0 or the like: then it is no act."""
    if rule.at is None:
        return None
    try:
        value = rule.at.get(dict(node.body), node.at)
        if value in (None, ""):
            return None
        is_unix = isinstance(value, int | float) or (isinstance(value, str) and _DIGITS.fullmatch(value))
        seconds = number(value, rule.at.path(node.at)) if is_unix else None
        form = "rfc3339" if seconds is None else "unix_ms" if float(str(seconds)) >= _MILLISECONDS else "unix"
        return real(transforms.read_moment(value, form, rule.at.path(node.at)))
    except PayloadError as fault:
        node.note(fault)
        return None


def _lines(rule: Rule, node: Node) -> Json:
    """Return the lines of an order or a cart, None where nobody can read them."""
    try:
        rows = value_of(rule, node)
    except PayloadError as fault:
        node.note(fault)
        return None
    if rows is ABSENT:
        return None
    if not isinstance(rows, list):
        if rows is not None:
            node.note(PayloadError(rule.path.path(node.at), f"expected a list, found {kind_of(rows)}"))
        return [] if rows is None else None
    found: list[Json] = []
    for index, row in enumerate(rows):
        at = f"{rule.path.path(node.at)}[{index}]"
        if isinstance(row, dict):
            found.append(dict(_line(rule, Node(row, at, node.notes))))
        else:
            node.note(PayloadError(at, f"expected an object, found {kind_of(row)}"))
    return found


def _line(rule: Rule, row: Node) -> Iterator[tuple[str, Json]]:
    for name, where in (rule.fields or {}).items():
        try:
            value = where.find(dict(row.body), row.at)
            field = fields.canonical(name)
            read = None if value is ABSENT else fields.LINE[field](value, where.path(row.at))
        except PayloadError as fault:
            row.note(fault)
            continue
        if value is not ABSENT and not (read is None and field in {"productId", "variantId", "quantity", "price"}):
            yield field, read


def _names(value: Json) -> dict[str, Json]:
    """Return first and last name of a whole one: what stands before the first space is the first name."""
    if not isinstance(value, str):
        return {"firstName": None, "lastName": None}
    first, _, last = value.partition(" ")
    return {"firstName": first, "lastName": last.strip() or None}


def _put(record: dict[str, Json], name: str, value: Json) -> None:
    if name == fields.BUYER:
        record["customer"] = {**_table(record.get("customer")), "id": value} if value is not None else {}
    elif name.startswith("customer."):
        record["customer"] = {**_table(record.get("customer")), name.removeprefix("customer."): value}
    else:
        record[name] = value


def _table(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _dug(record: Mapping[str, Json], name: str) -> Json:
    name, _, below = name.removeprefix(fields.ATTRIBUTE).partition(".")
    return _table(record.get(name)).get(below) if below else record.get(name)


def _buyer_id(record: Mapping[str, Json]) -> str | None:
    found = _table(record.get("customer")).get("id")
    return None if found is None else str(found)
