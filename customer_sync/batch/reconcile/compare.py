"""Judges one person: what we want against what Brevo has. Pure.

Values are compared as Brevo stores them (`customer_sync.brevo.contacts.stored_value`), a choice by its label however it
is written. What Brevo has beside that is not ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from customer_sync.brevo.contacts.contact_plan import Desired, Rules, View, desire, heard, view
from customer_sync.brevo.contacts.leavings import FOUND_BLOCKED, FOUND_UNSUBSCRIBED, groups_left
from customer_sync.brevo.contacts.refusals import is_taken
from customer_sync.brevo.contacts.stored_value import stored
from customer_sync.errors import MappingError
from customer_sync.model import Channel, Json
from customer_sync.person.identity import normalize_email
from customer_sync.person.person import GONE, Has, Person

#: Attribute → every spelling of each of its choices → the one that stands for it.
Choices = Mapping[str, Mapping[str, str]]

#: The fields that are no attributes: the lists we keep, and whether the contact is there.
LISTS, CONTACT = "lists", "contact"

#: Why something that differs is not mended.
NO_UPDATES = "updates of existing contacts are switched off (updateEnabled)"
NO_LIFT = "an opt-in that was not delivered: reconcile lifts no block"


class Contact(NamedTuple):
    """A contact as Brevo lists it.

    Args:
        id: Brevo's number.
        email: the address, normalised; None when it has none that anybody could have.
        blocked: whether it is blocked for e-mail.
        sms_blocked: the same for SMS.
        lists: the lists it is on.
        left_lists: the lists the person unsubscribed from.
        left_groups: the consent groups that the person left.
        attributes: name in capitals → value.
    """

    id: int
    email: str | None
    blocked: bool
    sms_blocked: bool
    lists: frozenset[int]
    left_lists: frozenset[int]
    attributes: Mapping[str, Json]
    left_groups: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a person and their contact differ.

    Args:
        fields: attributes, `lists`, `contact`.
        mailable: the channels on which the person withdrew and is not blocked.
        left: field of consent → method: withdrawals found in Brevo that are not on record here.
        found: what Brevo has, as the field `drift` holds it.
        harms: whether mending blocks, takes off a list, deletes, or empties a field.
        refused: why it is not mended; "" when it is.
    """

    fields: tuple[str, ...] = ()
    mailable: tuple[Channel, ...] = ()
    left: Mapping[str, str] = field(default_factory=dict)
    found: Mapping[str, Json] = field(default_factory=dict)
    harms: bool = False
    refused: str = ""

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return not (self.fields or self.mailable or self.left or self.refused)

    @property
    def is_urgent(self) -> bool:
        """Whether it is about consent."""
        return bool(self.mailable or self.left)


def read_contact(row: Json) -> Contact | None:
    """Return a row of Brevo's list as a contact, None when it is none."""
    if not isinstance(row, dict) or not isinstance(row.get("id"), int):
        return None
    attributes = row.get("attributes")
    return Contact(
        id=int(str(row["id"])),
        email=_address(row.get("email")),
        blocked=row.get("emailBlacklisted") is True,
        sms_blocked=row.get("smsBlacklisted") is True,
        lists=_numbers(row.get("listIds")),
        left_lists=_numbers(row.get("listUnsubscribed")),
        attributes={name.upper(): one for name, one in attributes.items()} if isinstance(attributes, dict) else {},
        left_groups=groups_left(row),
    )


def read_choices(body: Json) -> Choices:
    """Return the choices of every attribute that has some, from Brevo's list of attributes.

    Brevo takes labels and gives numbers or labels back; since 2026-05 `value` is 0 where `valueStr` is no number.
    """
    found: dict[str, dict[str, str]] = {}
    listed = body.get("attributes") if isinstance(body, dict) else None
    for one in listed if isinstance(listed, list) else ():
        if not isinstance(one, dict):
            continue
        spellings: dict[str, str] = {}
        options, entries = one.get("multiCategoryOptions"), one.get("enumeration")
        for option in options if isinstance(options, list) else ():
            spellings[str(option)] = str(option)
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict):
                label = str(entry.get("label"))
                text = str(entry.get("valueStr") or entry.get("value"))
                spellings |= {text: label, label: label}
        if spellings:
            found[str(one.get("name")).upper()] = spellings
    return found


def judge(person: Person, contact: Contact, rules: Rules, choices: Choices, now_ms: int) -> Verdict:
    """Return how a person of ours and the contact at their address differ.

    Args:
        person: all that is known.
        contact: the contact as Brevo lists it.
        rules: the operator's decisions and the account's attributes.
        choices: the choices of attributes that have some.
        now_ms: the time: a value that another contact had is tried again in a compare.
    """
    seen, has = view(person, rules), heard(person)
    desired = desire(person, seen, replace(has, refused=_lasting(has.refused)), rules, now_ms)
    if desired.blocked is False or desired.sms_blocked is False:
        return Verdict(refused=NO_LIFT)
    mailable, left = _mailable(desired, contact), _left(desired, has, contact)
    kept = _kept_lists(seen, desired, has, rules)
    fields: list[str] = [] if has.is_there else [CONTACT]
    extra: frozenset[int] = frozenset()
    if not desired.blocked and "consent.email.withdrawn" not in left:
        extra = (kept - set(desired.lists) - rules.absent) & contact.lists
        fields += [LISTS] if extra or not set(desired.lists) <= contact.lists else []
    differing: list[str] = []
    if seen.word == "active":
        wanted = {**desired.attributes, **dict.fromkeys(desired.emptied, "")}
        differing = [name for name, one in wanted.items() if not _is_same(name, one, contact, rules, choices)]
    fields += differing
    if fields and not (desired.may_update or mailable or left):
        return Verdict(refused=NO_UPDATES)
    found: dict[str, Json] = {"b": contact.blocked, "m": contact.sms_blocked, "l": [*sorted(contact.lists & kept)]}
    if contact.left_groups:
        found["g"] = [*sorted(contact.left_groups)]
    elif left.get("consent.email.withdrawn") == FOUND_UNSUBSCRIBED:
        found["u"] = [*sorted(_newly_left(has, contact))]
    if fields:
        found["x"] = True
    is_emptied = any(name in desired.emptied for name in differing)
    harms = bool(mailable or left or extra or is_emptied or _is_to_be_deleted(seen, rules))
    return Verdict(tuple(fields), mailable, left, found, harms)


def _lasting(refused: Mapping[str, str]) -> dict[str, str]:
    """Return the refusals that do not depend on another contact."""
    return {name: note for name, note in refused.items() if not is_taken(note)}


def is_customer(person: Person) -> bool:
    """Tell whether a person is or was a customer of a source, not only somebody who unsubscribed in Brevo."""
    return bool(person.records) or person.has.is_there


def sources_of(person: Person) -> set[str]:
    """Return the sources that a person is a customer of."""
    return {record.source for record in person.records.values()}


def can_return(person: Person, rules: Rules) -> bool:
    """Tell whether a contact that is there again, though we know of none, is one to keep in step.

    Not the contact of a customer whom we deleted there: nobody leads to that one any more.
    """
    word = view(person, rules).word
    if person.has.is_there or not person.records:
        return False
    if word == "active":
        return GONE in person.said
    return word == "deleted" and person.has.digest not in {"", "deleted"}


def _is_to_be_deleted(seen: View, rules: Rules) -> bool:
    return seen.word == "deleted" and any(rules.delete.get(one.source) == "hard" for one in seen.roll.deleted)


def _mailable(desired: Desired, contact: Contact) -> tuple[Channel, ...]:
    found = [Channel.EMAIL] if desired.blocked and not contact.blocked else []
    # without a number there is nothing to send an SMS to, and the flag may not be kept
    if desired.sms_blocked and not contact.sms_blocked and contact.attributes.get("SMS"):
        found.append(Channel.SMS)
    return tuple(found)


def _left(desired: Desired, has: Has, contact: Contact) -> dict[str, str]:
    """Return the withdrawals that only Brevo knows of."""
    left: dict[str, str] = {}
    if desired.blocked is None:
        if contact.blocked and not has.blocked:
            left["consent.email.withdrawn"] = FOUND_BLOCKED
        elif _newly_left(has, contact) or contact.left_groups - {*has.left_groups}:
            left["consent.email.withdrawn"] = FOUND_UNSUBSCRIBED
    if desired.sms_blocked is None and contact.sms_blocked and not has.sms_blocked:
        left["consent.sms.withdrawn"] = FOUND_BLOCKED
    return left


def _newly_left(has: Has, contact: Contact) -> frozenset[int]:
    """Return the lists of ours that only Brevo knows the person to have left."""
    return (frozenset(has.lists) & contact.left_lists) - contact.lists


def _kept_lists(seen: View, desired: Desired, has: Has, rules: Rules) -> frozenset[int]:
    """Return the lists that are ours to keep for a person.

    A list that somebody in Brevo put a customer on is not ours; a customer who left is taken off all that we keep.
    """
    kept = set(has.lists) | set(desired.lists)
    if seen.word != "active":
        kept |= {number for one in seen.roll.deleted for number in rules.lists.get(one.source, ())}
    return frozenset(kept)


def _is_same(name: str, wanted: Json, contact: Contact, rules: Rules, choices: Choices) -> bool:
    kind = "text" if rules.attributes is None else rules.attributes.get(name, "text")
    spellings = choices.get(name)
    found = contact.attributes.get(name)
    if type(wanted) is type(found) and wanted == found:
        return True
    if kind == "category" and spellings is not None and wanted != "":
        label = spellings.get(str(wanted))
        # a choice that does not exist is dropped by Brevo, so it is no difference that could be mended
        return label is None or label == spellings.get(str(found), str(found))
    if kind == "multiple-choice" and isinstance(wanted, list):
        known = [one for one in wanted if spellings is None or str(one) in spellings]
        return stored(known, name, kind) == stored(found, name, kind)
    return stored(wanted, name, kind) == stored(found, name, kind)


def _address(value: Json) -> str | None:
    try:
        return normalize_email(value)
    except MappingError:
        return None


def _numbers(value: Json) -> frozenset[int]:
    return frozenset(one for one in value if isinstance(one, int)) if isinstance(value, list) else frozenset()
