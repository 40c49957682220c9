"""The steps of one pass: new lists and a new D, three imports, each followed and read, and two reads more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from customer_sync.brevo.client import NoList
from customer_sync.brevo.contacts.import_rows import import_body
from customer_sync.brevo.proof import canaries
from customer_sync.brevo.proof.before import STAYS
from customer_sync.brevo.proof.canaries import FULL, PLACES, TEXT, Role, role_of
from customer_sync.brevo.proof.course import PASSES, Course, Pass, Sight, View
from customer_sync.brevo.proof.doors import PHONES
from customer_sync.brevo.proof.hands import is_unfinished
from customer_sync.brevo.proof.verdicts import LEFT_ALONE, UPDATED, can_pass, faults_in, is_late, is_settled
from customer_sync.brevo.proof.walk import Ended, Walk
from customer_sync.errors import ConfigError, FieldRefused, Missing, Parkable, TajoError, TryLater
from customer_sync.model import Json

#: Does one step; how long it must wait before it can go on, in seconds, or None when it is done.
Step = Callable[[Walk], float | None]

#: How long Brevo may need to show the canaries as they were made, and how often it is looked, in seconds.
SHOWN_S, SHOWN_LOOK_S = 120.0, 3.0
#: How long after the end of an import the first read may still lack what it wrote, and how often it is looked.
SETTLE_S, SETTLE_LOOK_S = 20.0, 3.0
#: When the canaries are read after the end of the last import, in seconds.
READS_S: Final[Mapping[str, float]] = {"minute": 60.0, "ten": 600.0}
#: How long an import may take, in seconds.
PATIENCE_S: Final = 1200.0
#: The longest wait between two looks at a running import, in seconds: 100 an hour are allowed to all.
LOOK_S: Final = 30.0
#: How soon it is looked again whether another import has ended, in seconds.
BUSY_S: Final = 5.0
#: How long after a crash Brevo may need to list an import, in seconds.
UNSURE_S: Final = 10.0
#: How often a pass may begin anew after a crash.
RESTARTS: Final = 5

#: The first step of a pass: the canaries are brought back to what they have to be.
START: Final = "make"
#: The lists that are new in each pass.
PASSING_LISTS: Final = ("second", "third")
#: The imports of a pass, in their order.
IMPORTS: Final = ("updates", "creates", "phones")


def begin(walk: Walk) -> float | None:
    """Begin a pass: make its lists and its canary D, and choose what its imports write."""
    course, hands = walk.course, walk.hands
    if not course.passes or course.now.is_ready:
        course.passes.append(Pass())
    one = course.now
    one.has_phones = has_phones(course, course.passes[:-1])
    one.values = {name: canaries.new_values(course.imports + at) for at, name in enumerate(IMPORTS)}
    one.fresh = {name: canaries.new_value(name, course.taken) for name in course.unique} if one.has_phones else {}
    course.imports += 1
    _tidy(walk)
    there = {place.name: place.number for place in hands.lists(course.folder)}
    for name in PASSING_LISTS:
        title = walk.title(name)
        if title in there:
            hands.delete_list(there[title])
        one.lists[name] = hands.make_list(title, course.folder)
    for letter in canaries.passing(course.unique if one.has_phones else ()):
        course.made.append(walk.name(letter))
    walk.save()
    hands.create(course.emails["D"], {**walk.marks(), FULL: STAYS}, [course.lists["home"]])
    one.is_ready = True
    return None


def has_phones(course: Course, passes: Sequence[Pass]) -> bool:
    """Tell whether rows with values that only one contact may have are still to be tried."""
    return bool(course.unique) and PHONES in can_pass(passes, course.unique)


def before(walk: Walk) -> float | None:
    """Read the canaries as they are before the imports, once Brevo shows them as they were made."""
    views = walk.views()
    unique = walk.course.unique if walk.course.now.has_phones else ()
    for letter in (*canaries.standing(unique, with_click=walk.course.with_click), "D"):
        if letter.startswith("R"):
            continue
        view, role = views.get(letter), role_of(letter)
        lists = {walk.course.lists[name] for name in role.lists}
        if view is None or (letter != "F" and not _is_so(view, role, lists)):
            if walk.waited_s() < SHOWN_S:
                return SHOWN_LOOK_S
            walk.need_lists()
            raise Ended("unclear", f"Brevo does not show canary {letter} as it was made.")
    walk.course.now.before = views
    return None


def _is_so(view: View, role: Role, lists: set[int]) -> bool:
    flags = (view.is_blocked, view.is_sms_blocked)
    return flags == (role.is_blocked, role.is_sms_blocked) and lists <= {*view.lists}


def _send(walk: Walk, which: str) -> float | None:
    """Send an import, unless another one runs; then D is blocked at once."""
    course, one = walk.course, walk.course.now
    if which == "phones" and not one.has_phones:
        return None
    if one.is_sending:
        return _after_crash(walk)
    if not walk.store.proofs.begin_import(course.id):
        return BUSY_S
    body = _body(walk, which)
    one.is_sending = True
    walk.save()
    try:
        one.process = walk.hands.send(body)
    except NoList as error:
        walk.need_lists()
        raise Ended("unclear", "Brevo does not know a list of the proof.", error.remedy) from error
    except (ConfigError, Parkable, FieldRefused, Missing) as error:
        raise _refused(error) from error
    except TryLater as error:
        one.is_sending = error.burns  # a 429 was taken by nobody
        walk.save()
        raise
    if which == "updates":
        walk.hands.change(course.emails["D"], {"emailBlacklisted": True})
    one.is_sending, one.sent_ms = False, walk.clock()
    walk.note(f"pass {len(course.passes)}: import {which} sent")
    return None


def _refused(error: TajoError) -> Ended:
    if isinstance(error, ConfigError | Parkable):
        return Ended("unclear", f"Brevo takes no imports: {error.reason}", error.remedy)
    return Ended("unclear", f"Brevo takes no imports: {error}")


def _after_crash(walk: Walk) -> float | None:
    """Begin the pass anew, once Brevo works on no import that may be ours."""
    if walk.waited_s() < UNSURE_S:
        return UNSURE_S
    if walk.hands.is_importing():
        if walk.waited_s() > PATIENCE_S:
            raise Ended("unclear", "An import in Brevo does not end.")
        return UNSURE_S
    course = walk.course
    course.restarts += 1
    if course.restarts > RESTARTS:
        raise Ended("unclear", f"A pass was interrupted {course.restarts} times.")
    walk.store.proofs.end_import()
    course.passes.pop()
    course.step = START
    walk.note("the pass was interrupted, and begins anew")
    return None


def _body(walk: Walk, which: str) -> bytes:
    course, one = walk.course, walk.course.now
    values = one.values[which]
    named: Mapping[str, Json] = {TEXT: values[TEXT], **walk.marks()}
    home = course.lists["home"]
    if which == "updates":
        rows: dict[str, dict[str, Json]]
        rows = {letter: {**values, FULL: ""} for letter in UPDATED if letter in course.emails}
        lists = [one.lists["second"], home]
    elif which == "creates":
        rows = {letter: {**values, **walk.marks()} for letter in (*LEFT_ALONE, "Y")}
        rows |= {"Z": {**named, **one.fresh}} if one.has_phones else {}
        rows |= _shared(walk, "X", named)
        lists = [one.lists["third"], home]
    else:
        rows = {"E": {TEXT: values[TEXT], **course.numbers["E"]}}
        rows |= _shared(walk, "H", {TEXT: values[TEXT]}) | _shared(walk, "U", named)
        lists = [home]
    texts = [canaries.row(course.emails[letter], row) for letter, row in rows.items()]
    return import_body(texts, lists, walk.notify_url, updates=which != "creates")


def _shared(walk: Walk, letter: str, values: Mapping[str, Json]) -> dict[str, dict[str, Json]]:
    """Return rows that carry a value of G, one for each attribute that only one contact may have."""
    if not walk.course.now.has_phones:
        return {}
    own = walk.course.numbers["G"]
    return {f"{letter}{PLACES[name]}": {**values, name: own[name]} for name in walk.course.unique}


def _follow(walk: Walk, which: str) -> float | None:
    """Wait for the end of an import."""
    one = walk.course.now
    if which == "phones" and not one.has_phones:
        return None
    age_s = (walk.clock() - one.sent_ms) / 1000
    status = walk.hands.process(one.process or 0)
    if is_unfinished(status):
        if age_s > PATIENCE_S:
            raise Ended("unclear", "An import of the proof does not end in Brevo.")
        return min(LOOK_S, max(2.0, age_s))
    walk.store.proofs.end_import()
    if status != "completed":
        raise Ended("unclear", f"Brevo says that an import of the proof is {status or 'in no state'}.")
    one.ended_ms = walk.clock()
    return None


def _read(walk: Walk, which: str) -> float | None:
    """Read the canaries at the end of an import, or some minutes later."""
    one = walk.course.now
    if which == "phones" and not one.has_phones:
        return None
    wait_s = READS_S.get(which, 0.0) - (walk.clock() - one.ended_ms) / 1000
    if which in READS_S and is_settled(walk.course.passes, walk.course.unique):
        return None
    if wait_s > 0:
        return wait_s
    sight = Sight(which, walk.views())
    if is_late(one, sight) and which in IMPORTS and walk.clock() - one.ended_ms < SETTLE_S * 1000:
        return SETTLE_LOOK_S
    if any(faults_in(one, sight, walk.course.unique)):
        walk.need_lists()  # a list that somebody deleted would look like one that an import took
    one.sights.append(sight)
    return None


def end(walk: Walk) -> float | None:
    """End a pass: delete what it made; the next one begins while a door may still be opened."""
    course = walk.course
    _tidy(walk)
    for number in course.now.lists.values():
        walk.hands.delete_list(number)
    walk.note(f"pass {len(course.passes)} ended")
    if len(course.passes) < PASSES and can_pass(course.passes, course.unique):
        course.step = START
    return None


def _tidy(walk: Walk) -> None:
    """Delete the contacts that passes made."""
    course = walk.course
    for email in list(course.made):
        walk.hands.delete(email)
        course.made.remove(email)
        walk.save()
    for letter in canaries.passing(course.unique):
        course.emails.pop(letter, None)


def _imports() -> Iterator[tuple[str, Step]]:
    for which in IMPORTS:
        yield f"send {which}", partial(_send, which=which)
        yield f"follow {which}", partial(_follow, which=which)
        yield f"read {which}", partial(_read, which=which)


#: The steps of a pass, in their order; the last one leads to `START` or ends the passes.
STEPS: Final[Mapping[str, Step]] = {
    "begin": begin,
    "before": before,
    **dict(_imports()),
    "minute": partial(_read, which="minute"),
    "ten": partial(_read, which="ten"),
    "end": end,
}
