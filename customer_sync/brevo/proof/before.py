"""The steps before the first pass: what the proof needs in the account, the canaries that stay, and the click."""

from __future__ import annotations

from typing import Final

from customer_sync.brevo.proof import canaries
from customer_sync.brevo.proof.canaries import role_of
from customer_sync.brevo.proof.course import View
from customer_sync.brevo.proof.doors import PHONES
from customer_sync.brevo.proof.verdicts import can_pass
from customer_sync.brevo.proof.walk import Ended, Walk, foreign
from customer_sync.errors import FieldRefused
from customer_sync.model import Json

#: How long a click is waited for, and how often it is looked, in seconds.
CLICK_S, CLICK_LOOK_S = 3600.0, 15.0
#: How often it is looked whether an import that updates has ended, in seconds.
RIDER_S: Final = 15.0
#: How many numbers are tried until one is nobody's.
TRIES: Final = 8
#: The value of `FULL` that no import may empty.
STAYS: Final = "stays"


def ready(walk: Walk) -> float | None:
    """Make the folder, the lists and the attributes of the proof, where they are missing.

    Raises:
        Ended: the account has consent groups, or an attribute of another type.
    """
    course, hands = walk.course, walk.hands
    if hands.has_groups():
        walk.store.set_note("consent_groups", True)
        raise Ended("unclear", "The account has consent groups, which no import can be trusted with.")
    walk.store.set_note("consent_groups", None)
    course.folder = hands.folder() or hands.make_folder()
    there = {one.name: one.number for one in hands.lists(course.folder)}
    for name in ("home", "first", *(("click",) if course.with_click else ())):
        title = walk.title(name)
        course.lists[name] = there.get(title) or hands.make_list(title, course.folder)
    _attributes(walk)
    walk.note("folder, lists and attributes are there")
    return None


def _attributes(walk: Walk) -> None:
    found = walk.hands.attributes()
    for name, (category, body) in canaries.ATTRIBUTES.items():
        if name not in found:
            walk.hands.make_attribute(name)
        elif found[name] != (category, str(body.get("type") or found[name][1])):
            text = f"The attribute {name} in Brevo is {' '.join(found[name])}, and the proof needs {category}."
            raise Ended("unclear", text, "Delete it at https://app.brevo.com/contact/attributes, then begin again.")


def make(walk: Walk) -> float | None:
    """Bring every canary that stays to what it has to be before an import, one after the other.

    Those that ride along wait for the end of an import that updates: mended earlier, they would hide what it did.

    Raises:
        Ended: one of them was changed while it rides along; or Brevo refuses what it needs.
    """
    course = walk.course
    unique = course.unique if PHONES in can_pass(course.passes, course.unique) else ()
    for letter in canaries.standing(unique, with_click=course.with_click):
        if letter.startswith("R") and course.was_open:
            _need_rider(walk, letter)
        elif letter.startswith("R") and not walk.store.proofs.may_mend_riders():
            return RIDER_S
        else:
            _ensure(walk, letter)
            walk.save()
    walk.note("the canaries are there")
    return None


def _need_rider(walk: Walk, letter: str) -> None:
    """Look whether a canary that rides along is as it was; it is not mended: an import may be under way with it."""
    view = walk.view(letter) if letter in walk.course.emails else None
    if view is None or view.is_blocked != role_of(letter).is_blocked:
        raise Ended("failed", f"Canary {letter[1:]}, which rides along in imports, is not as it was.")


def _ensure(walk: Walk, letter: str) -> None:
    course, role = walk.course, role_of(letter)
    if letter not in course.emails:
        walk.name(letter)
        walk.save()
    email = course.emails[letter]
    found = walk.hands.read(email)
    if found is not None and not canaries.is_ours(found, walk.owner):
        raise foreign()
    view = None if found is None else View.of(found, email)
    if view is not None and _is_spoiled(letter, view):
        # a block is never lifted, not even of a canary: it gets another address
        course.old.append(email)
        del course.emails[letter]
        _ensure(walk, letter)
        return
    if view is None:
        values = {**walk.marks(), canaries.FULL: STAYS}
        lists = [course.lists[name] for name in role.lists]
        walk.hands.create(email, values, lists)
        view = View(0, is_own=True, is_blocked=False, is_sms_blocked=False, lists=lists, left=[], groups=[], values={})
        course.numbers.pop(letter, None)
    _mend(walk, letter, view)


def _is_spoiled(letter: str, view: View) -> bool:
    role = role_of(letter)
    if letter == "F":
        return False
    return (view.is_blocked and not role.is_blocked) or (view.is_sms_blocked and not role.is_sms_blocked)


def _mend(walk: Walk, letter: str, view: View) -> None:
    """Set singly what a canary lacks: its values that only one contact may have, its block, its lists."""
    course, role, email = walk.course, role_of(letter), walk.course.emails[letter]
    wanted = {"one": ("SMS",), "all": course.unique}.get(role.has, ())
    for name in wanted:
        if not view.values.get(name) or name not in course.numbers.get(letter, {}):
            _number(walk, letter, name)
    flags: dict[str, bool] = {}
    if role.is_blocked and not view.is_blocked:
        flags["emailBlacklisted"] = True
    if role.is_sms_blocked and not view.is_sms_blocked:
        flags["smsBlacklisted"] = True
    if flags:
        walk.hands.change(email, flags)
    lists = [course.lists[name] for name in role.lists if course.lists[name] not in view.lists]
    if lists and letter != "F":
        walk.hands.change(email, {"listIds": list[Json](lists)})
    if view.values and view.values.get(canaries.FULL) != STAYS:
        walk.hands.change(email, {"attributes": {canaries.FULL: STAYS}})


def _number(walk: Walk, letter: str, name: str) -> None:
    """Give a canary a value of its own; of numbers that somebody has already another one is taken."""
    for _ in range(TRIES):
        value = canaries.new_value(name, walk.course.taken)
        try:
            walk.hands.change(walk.course.emails[letter], {"attributes": {name: value}})
        except FieldRefused as error:
            if error.is_taken:
                continue
            raise Ended("unclear", f"Brevo does not take a value of {name} for canary {letter}: {error}") from error
        walk.course.numbers.setdefault(letter, {})[name] = value
        walk.save()
        return
    raise Ended("unclear", f"No value of {name} is free for canary {letter}.")


def click(walk: Walk) -> float | None:
    """Wait until F has left by a click; where nobody clicks, go on without F."""
    if not walk.course.with_click:
        return None
    view = walk.view("F")
    if view is not None and (view.is_blocked or view.left):
        walk.note("canary F has left")
        return None
    if view is not None and walk.waited_s() < CLICK_S:
        return CLICK_LOOK_S
    walk.note("nobody clicked: the proof goes on without canary F")
    walk.course.old.append(walk.course.emails.pop("F"))
    walk.course.with_click = False
    return None
