"""A skill file at work: an event that a trigger waits for becomes the steps of its actions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from hashlib import blake2b
from typing import Any, Final

from customer_sync.config import Settings
from customer_sync.engine.plan import Due, RecordSays, Says, Step, Who
from customer_sync.model import Event, Json, Kind, OrderState, to_iso, to_ms
from customer_sync.skills import Intent
from customer_sync.skills.customer_sync import CustomerSync
from customer_sync.skills.definition import Definition
from customer_sync.skills.files.form import (
    CARTS,
    CREATE,
    DELETE,
    MAIL,
    REMIND,
    TRACK,
    UPDATE,
    Action,
    SkillFile,
    Trigger,
)
from customer_sync.skills.files.templates import fill, scope
from customer_sync.skills.shopping import address_of

_MAIL_LANE: Final = "mail"
#: Action → the lane of what it asks for.
LANES: Final[Mapping[str, str]] = {MAIL: _MAIL_LANE, TRACK: "events"}


class FileSkill:
    """The behaviour that a skill file describes.

    Args:
        file: what it says.
        mapping_for: source → the field mapping, canonical field → attribute.
    """

    def __init__(self, file: SkillFile, mapping_for: Callable[[str], Mapping[str, str]]) -> None:
        self.name = file.name
        self.file = file
        self.mapping_for = mapping_for

    @property
    def digest(self) -> str:
        """What stands for all that the file says: another file has another one."""
        return blake2b(repr(self.file).encode(), digest_size=12).hexdigest()

    def terms(self, source: str) -> Json:
        """Return what the intents for a source depend on: the file, and the mapping."""
        return [self.digest, [[name, attribute] for name, attribute in self.mapping_for(source).items()]]

    def intent(self, event: Event) -> Intent:
        """Return what should change because of an event: nothing where no trigger's conditions hold."""
        fits = [
            one
            for one in self.file.triggers
            if one.event is event.kind and all(condition.holds(event) for condition in one.conditions)
        ]
        off = list(self._called_off(event))
        if not fits:
            return Intent(off)
        trigger = min(fits, key=lambda one: one.wait_s)
        steps: list[Step] = off
        notes: list[str] = []
        for number, action in enumerate(self.file.actions):
            if action.word in (CREATE, UPDATE, DELETE):
                told = self._contact(event, action)
                steps += told.steps
                notes += [told.note] if told.note else []
            elif not event.is_pulled:  # what a run only read is no news to write to anybody about
                steps += self._later(event, trigger, number, action)
        return Intent(steps, "; ".join(notes))

    def _called_off(self, event: Event) -> Iterator[Step]:
        """Yield what calls off the mails that remind of carts which were bought or emptied."""
        reminds = not REMIND.isdisjoint(self.file.kinds)
        mails = [number for number, one in enumerate(self.file.actions) if one.word == MAIL]
        for cart in carts_over(event) if reminds else ():
            for number in mails:
                name, fields = self._record(number, cart), {"calledOff": True}
                yield RecordSays(_MAIL_LANE, event.source, name, event.occurred_at, fields, seen_at=event.seen_at)

    def _record(self, number: int, of: str) -> str:
        """Return the id of the record of an action that is about a record or an event."""
        return f"skill:{self.name}:{number}:{of}"

    def _contact(self, event: Event, action: Action) -> Intent:
        """Return what an action makes of the event's customer: what customer-sync does, with other attributes."""
        told = CustomerSync(cache(self.mapping_for)).intent(event)
        wanted = action.terms.get("attributes")
        steps: list[Step] = []
        for step in told.steps:
            one = step
            if isinstance(one, Says) and isinstance(wanted, Mapping) and not one.is_of_address:
                values = fill(dict(wanted), scope(event, self.mapping_for(event.source)))
                one = replace(one, fields=values if isinstance(values, dict) else {})
            if isinstance(one, Says) and action.word == UPDATE:
                one = replace(one, who=replace(one.who, only_known=True))
            steps.append(one)
        return Intent(steps, told.note, told.refused)

    def _later(self, event: Event, trigger: Trigger, number: int, action: Action) -> Iterator[Step]:
        """Yield the record of a mail or an event that is to be sent once, when nothing else happens to the record."""
        who = _person(event)
        if who is None:
            return
        names = scope(event, self.mapping_for(event.source))
        # a wait is for the record: what happens to it meanwhile moves the mail; without one each event has its own
        of = event.record_id if trigger.wait_s and event.record_id else event.id
        at = event.occurred_at + timedelta(seconds=trigger.wait_s)
        fields = wish(self.name, action, names, event.occurred_at)
        if action.word == MAIL and event.kind in REMIND and event.record_id:
            fields["reminds"] = self._record(number, event.record_id)
        yield RecordSays(
            LANES[action.word],
            event.source,
            self._record(number, of),
            event.occurred_at,
            fields,
            who,
            seen_at=event.seen_at,
            due=Due(at, is_moved=True) if trigger.wait_s else Due(),
        )


def wish(skill: str, action: Action, names: Mapping[str, Any], at: datetime) -> dict[str, Json]:
    """Return the fields of a record that asks for a mail or an event.

    Args:
        skill: who asks.
        action: for what.
        names: what its templates can name.
        at: when it was asked for.
    """
    fields: dict[str, Json] = {"skill": skill, "askedAt": to_ms(at), "calledOff": False}
    if action.word == MAIL:
        subject, params = fill(action.terms.get("subject"), names), fill(action.terms.get("params") or {}, names)
        mail: dict[str, Json] = {"templateId": action.terms["template_id"], "params": params}
        fields["mail"] = {**mail, "subject": subject} if subject else mail
    else:
        properties = fill(action.terms.get("properties") or {}, names)
        fields["event"] = {"name": action.terms["event"], "date": to_iso(to_ms(at)), "properties": properties}
    return fields


def carts_over(event: Event) -> Sequence[str]:
    """Return the carts of which an event tells that nothing is to be reminded of: bought, emptied or taken away."""
    if event.kind in (Kind.ORDER_PLACED, Kind.ORDER_UPDATED):
        is_bought = event.record.get("state") in (OrderState.PLACED, OrderState.PAID)
        carts = event.record.get("carts")
        is_told = is_bought and event.record.get("isRenewal") is not True and isinstance(carts, list)
        return [one for one in carts if isinstance(one, str)] if is_told and isinstance(carts, list) else ()
    is_empty = event.kind is Kind.CART_UPDATED and event.record.get("lines") == []
    is_over = is_empty or event.kind is Kind.CART_DELETED or event.record.get("completedAt") is not None
    return [event.record_id] if event.kind in CARTS and is_over and event.record_id else ()


def _person(event: Event) -> Who | None:
    """Return whom an event is about, None where it names nobody.

    The address that was typed into a cart speaks for itself, whoever is logged in; orders belong to the account.
    """
    source, at, seen_at = event.source, event.occurred_at, event.seen_at
    typed = address_of(event.record.get("email"))
    if typed is not None and event.kind in CARTS:
        return Who(source, at, None, typed, seen_at)
    customer = event.record.get("customer")
    known = address_of(customer.get("email")) if isinstance(customer, Mapping) else None
    email = known or typed
    if email is None and event.customer_id is None:
        return None
    return Who(source, at, event.customer_id, email, seen_at, is_copy=event.customer_id is not None)


def definition_of(file: SkillFile) -> Definition:
    """Return the definition of a skill that a file describes."""

    def make(settings: Settings) -> FileSkill:
        return FileSkill(file, cache(settings.mapping_for))

    numbers = {one.terms["template_id"] for one in file.actions if one.word == MAIL}
    mailed = sorted(one for one in numbers if isinstance(one, int))
    return Definition(file.name, file.description, make, templates=lambda _: mailed)
