"""What the canaries prove, as a pure function: what they were, and what they showed after each import, to the doors.

A door is passed only where each pass showed, in each of its reads, all that was to be seen. What shows harm is
`failed`; what shows neither is `unclear`. Both are closed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from customer_sync.brevo.proof.canaries import FULL, NONCES, PLACES, TEXT, role_of, shows
from customer_sync.brevo.proof.course import PASSES, Pass, Sight, View
from customer_sync.brevo.proof.doors import DOORS, LISTS, PHONES, UPDATES

#: The stages of a pass, in their order; the first three are the ends of its imports.
STAGES: Final = ("updates", "creates", "phones", "minute", "ten")
#: The canaries whose rows an import that updates has.
UPDATED: Final = ("A", "B", "D", "E", "F")
#: Those of an import that creates and must leave them alone.
LEFT_ALONE: Final = ("A", "B")

_WHEN: Final = {
    "updates": "after the import that updates",
    "creates": "after the import that creates",
    "phones": "after the import with phones",
    "minute": "a minute later",
    "ten": "ten minutes later",
}
_NO_UNIQUE: Final = "The mapping uses no attribute that only one contact may have, so nothing was tried."
_PASSED: Final = {
    UPDATES: "Imports change values and nothing else: no block, no list, no other value.",
    PHONES: "Contacts stay as they are when a row carries a value of another contact.",
    LISTS: "Imports that update add lists, and imports that create put nobody on a list who is there already.",
}


class Told(NamedTuple):
    """What was found of one door.

    Args:
        word: `passed`, `failed` or `unclear`.
        text: what was seen, for people.
    """

    word: str
    text: str


class Fault(NamedTuple):
    """One thing that was not as it had to be.

    Args:
        doors: the doors that it closes.
        word: `failed` or `unclear`.
        letter: the canary.
        text: what was seen.
    """

    doors: tuple[str, ...]
    word: str
    letter: str
    text: str


def judge(passes: Sequence[Pass], unique: Sequence[str]) -> dict[str, Told]:
    """Return what the passes prove: door → verdict.

    Args:
        passes: the passes that were made.
        unique: the attributes of the mapping that only one contact may have.
    """
    faults = [fault for one in passes for fault in faults_of(one, unique)]
    return {door: _verdict(door, faults, passes, unique) for door in DOORS}


def can_pass(passes: Sequence[Pass], unique: Sequence[str]) -> frozenset[str]:
    """Return the doors that more passes may still open."""
    found = [fault for one in passes for fault in faults_of(one, unique)]
    shut = {door for fault in found for door in fault.doors}
    return frozenset(DOORS) - shut - (frozenset() if unique else {PHONES})


def is_settled(passes: Sequence[Pass], unique: Sequence[str]) -> bool:
    """Tell whether what was read closes every door, whatever else is read."""
    faults = [fault for one in passes for sight in one.sights for fault in faults_in(one, sight, unique)]
    shut = {door for fault in faults for door in fault.doors}
    return {*DOORS} <= (shut if unique else shut | {PHONES})


def covers_left(passes: Sequence[Pass]) -> bool:
    """Tell whether it was shown that whoever left a list by a click stays so: F had left one before each pass."""
    return bool(passes) and all(
        (was := one.before.get("F")) is not None and bool(was.left) and not _of_letter(one, "F") for one in passes
    )


def faults_of(one: Pass, unique: Sequence[str]) -> Iterator[Fault]:
    """Yield what was not as it had to be in a pass; a read that is missing is such a thing."""
    for sight in one.sights:
        yield from faults_in(one, sight, unique)
    seen = [sight.stage for sight in one.sights]
    for stage in STAGES:
        if stage not in seen and (stage != "phones" or one.has_phones):
            doors = (PHONES,) if stage == "phones" else DOORS
            yield Fault(doors, "unclear", "", f"The canaries were not read {_WHEN[stage]}.")


def faults_in(one: Pass, sight: Sight, unique: Sequence[str]) -> Iterator[Fault]:
    """Yield what was not as it had to be in one read of the canaries."""
    yield from _control(one, sight)
    for letter in UPDATED:
        was = one.before.get(letter)
        if was is not None:
            yield from _updated(one, sight, letter, was)
        elif letter != "F":
            yield Fault(DOORS, "unclear", letter, f"Canary {letter} was not there before.")
    yield from _created(one, sight)
    if unique and one.has_phones:
        yield from _shared(one, sight, unique)


def is_late(one: Pass, sight: Sight) -> bool:
    """Tell whether a read only lacks what the import has just written: Brevo may need seconds to show it."""
    faults = list(faults_in(one, sight, tuple(one.fresh)))
    return bool(faults) and all(fault.word == "unclear" for fault in faults)


def _of_letter(one: Pass, letter: str) -> list[Fault]:
    return [fault for sight in one.sights for fault in faults_in(one, sight, ()) if fault.letter == letter]


def _verdict(door: str, faults: Sequence[Fault], passes: Sequence[Pass], unique: Sequence[str]) -> Told:
    if door == PHONES and not unique:
        return Told("unclear", _NO_UNIQUE)
    ours = [fault for fault in faults if door in fault.doors]
    for word in ("failed", "unclear"):
        first = next((fault for fault in ours if fault.word == word), None)
        if first is not None:
            return Told(word, first.text)
    missing = len(passes) < PASSES or (door == PHONES and not all(one.has_phones for one in passes))
    if missing:
        return Told("unclear", f"Only {len(passes)} of {PASSES} passes were made.")
    return Told("passed", _PASSED[door])


def _control(one: Pass, sight: Sight) -> Iterator[Fault]:
    """C is in no import: where it changes, somebody else is at work, and nothing here tells what an import does."""
    was, now = one.before.get("C"), sight.views.get("C")
    if was is None or now != was:
        text = f"Canary C, which no import names, changed: somebody else changes contacts ({_WHEN[sight.stage]})."
        yield Fault(DOORS, "unclear", "C", text)


def _updated(one: Pass, sight: Sight, letter: str, was: View) -> Iterator[Fault]:
    """Look at a canary that the import updated."""
    now, when = sight.views.get(letter), _WHEN[sight.stage]
    both = (UPDATES, LISTS)
    if now is None or not now.is_own or now.number != was.number:
        yield Fault(both, "failed", letter, f"Canary {letter} is gone, or has another address, {when}.")
        return
    # E's row in the import with phones carries its own number: what was lost there and not before closes that door too
    since = next((read.views.get("E") for read in one.sights if read.stage == "creates"), None)
    is_late_loss = letter == "E" and _is_since(sight, "phones") and since is not None and since.is_sms_blocked
    doors = (UPDATES, PHONES) if is_late_loss else (UPDATES,)
    yield from _consent(letter, was, now, doors, when, must_be_blocked=letter == "D" or was.is_blocked)
    yield from _lists(one, letter, was, now, when)
    yield from _values(one, sight, letter, was, now)


def _consent(  # noqa: PLR0913  # what two views are compared by
    letter: str, was: View, now: View, doors: tuple[str, ...], when: str, *, must_be_blocked: bool
) -> Iterator[Fault]:
    if must_be_blocked and not now.is_blocked:
        yield Fault(doors, "failed", letter, f"An import lifted the block: canary {letter} can be mailed {when}.")
    if now.is_blocked and not must_be_blocked:
        yield Fault(doors, "failed", letter, f"Canary {letter} is blocked {when}, though nobody asked for it.")
    if was.is_sms_blocked and not now.is_sms_blocked:
        yield Fault(doors, "failed", letter, f"An import lifted the block for SMS of canary {letter} {when}.")
    if now.is_sms_blocked and not was.is_sms_blocked:
        yield Fault(doors, "failed", letter, f"Canary {letter} is blocked for SMS {when}, though nobody asked for it.")
    if now.left != was.left:
        text = f"An import changed which lists canary {letter} has left {when}."
        yield Fault((*doors, LISTS), "failed", letter, text)
    if now.groups != was.groups:
        yield Fault(doors, "failed", letter, f"An import changed the consent groups of canary {letter} {when}.")


def _lists(one: Pass, letter: str, was: View, now: View, when: str) -> Iterator[Fault]:
    second, third = one.lists.get("second"), one.lists.get("third")
    if set(was.lists) - set(now.lists):
        text = f"An import took canary {letter} off a list that it did not name {when}."
        yield Fault((UPDATES, LISTS), "failed", letter, text)
    gained = set(now.lists) - set(was.lists) - {second}
    if third in gained:
        text = f"An import that only creates put canary {letter}, who was there already, on its list {when}."
        yield Fault((LISTS,), "failed", letter, text)
    if gained - {third}:
        yield Fault((UPDATES, LISTS), "failed", letter, f"Canary {letter} is on a list that no import named {when}.")
    if letter == "B" and second not in now.lists and _arrived(one, "updates", now):
        yield Fault((LISTS,), "unclear", letter, f"An import that updates did not put canary B on its list {when}.")


def _values(one: Pass, sight: Sight, letter: str, was: View, now: View) -> Iterator[Fault]:
    when = _WHEN[sight.stage]
    others = {*was.values, *now.values} - {*NONCES}
    changed = sorted(name for name in others if was.values.get(name) != now.values.get(name))
    if changed:
        what = "emptied" if changed == [FULL] and not now.values.get(FULL) else "changed"
        text = f"An import {what} {', '.join(changed)} of canary {letter}, which its row did not set, {when}."
        yield Fault((UPDATES,), "failed", letter, text)
    if letter in LEFT_ALONE and now.values.get(TEXT) == one.values["creates"][TEXT]:
        text = f"An import that only creates changed canary {letter}, who was there already, {when}."
        yield Fault((UPDATES, LISTS), "failed", letter, text)
        return
    wrote = dict(one.values["updates"])
    if letter == "E" and one.has_phones and _is_since(sight, "phones"):
        wrote[TEXT] = one.values["phones"][TEXT]
    missing = [name for name in NONCES if not shows(name, wrote[name], now.values.get(name))]
    if missing:
        doors = _doors_of(letter, sight)
        yield Fault(doors, "unclear", letter, f"What the import wrote has not arrived at canary {letter} {when}.")


def _doors_of(letter: str, sight: Sight) -> tuple[str, ...]:
    """Return the doors that stay closed where a canary does not show what was written."""
    doors: tuple[str, ...] = (UPDATES,)
    if letter == "B":
        doors += (LISTS,)
    if letter == "E" and _is_since(sight, "phones"):
        doors += (PHONES,)
    return doors


def _created(one: Pass, sight: Sight) -> Iterator[Fault]:
    """Look at the plain new contact: it shows that the import that creates was carried out, and with its list."""
    if not _is_since(sight, "creates"):
        return
    now = sight.views.get("Y")
    if now is None or not _arrived(one, "creates", now) or one.lists.get("third") not in now.lists:
        text = f"The import that creates did not make canary Y on its list, as seen {_WHEN[sight.stage]}."
        yield Fault((LISTS,), "unclear", "Y", text)


def _shared(one: Pass, sight: Sight, unique: Sequence[str]) -> Iterator[Fault]:
    """Look at those whose values other rows carried."""
    when, doors = _WHEN[sight.stage], (PHONES,)
    for letter in ("G", *(f"H{PLACES[name]}" for name in unique)):
        was, now = one.before.get(letter), sight.views.get(letter)
        if was is None:
            yield Fault(doors, "unclear", letter, f"Canary {letter} was not there before.")
            continue
        if now is None or not now.is_own or now.number != was.number:
            text = f"An import merged or renamed canary {letter}, whose phone or id another row carried, {when}."
            yield Fault(doors, "failed", letter, text)
            continue
        yield from _consent(letter, was, now, doors, when, must_be_blocked=role_of(letter).is_blocked)
        ours = {*was.values, *now.values} - ({*NONCES} if letter != "G" else set())
        changed = sorted(name for name in ours if was.values.get(name) != now.values.get(name))
        if changed or set(was.lists) - set(now.lists):
            what = ", ".join(changed) or "lists"
            yield Fault(doors, "failed", letter, f"An import changed {what} of canary {letter} {when}.")
    if _is_since(sight, "creates"):
        yield from _fresh(one, sight)


def _fresh(one: Pass, sight: Sight) -> Iterator[Fault]:
    """Look at the new contact with values of its own: it shows that imports set such values at all."""
    now = sight.views.get("Z")
    values = {} if now is None else now.values
    missing = [name for name, value in one.fresh.items() if str(values.get(name, "")).lstrip("+") != value.lstrip("+")]
    if now is None or missing:
        what = ", ".join(missing) or "the contact"
        yield Fault((PHONES,), "unclear", "Z", f"An import did not set {what} of canary Z, {_WHEN[sight.stage]}.")


def _is_since(sight: Sight, stage: str) -> bool:
    return STAGES.index(sight.stage) >= STAGES.index(stage)


def _arrived(one: Pass, what: str, view: View) -> bool:
    return view.values.get(TEXT) == one.values[what][TEXT]
