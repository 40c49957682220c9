"""A proof in plain words: what each canary is, what each step does, what was seen. For people who never heard of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from customer_sync.brevo.proof.course import PASSES, Course
from customer_sync.brevo.proof.receipt import AS_EXPECTED, receipt_of
from customer_sync.brevo.proof.verdicts import judge

#: Canary → what it is, and what it shows.
CANARIES: Final[Mapping[str, tuple[str, str]]] = {
    "A": ("blocked, as somebody who unsubscribed is", "whether an import lifts the block"),
    "B": ("not blocked, on a list", "whether an import blocks somebody, or takes a contact off a list"),
    "C": ("blocked, and in no import at all", "whether somebody else changes contacts meanwhile"),
    "D": ("blocked in the seconds after an import was sent", "whether an import that runs lifts a block that is new"),
    "E": ("blocked for text messages, with a phone number", "whether an import lifts that block"),
    "F": ("you unsubscribe it yourself, by a click in a mail", "whether an import forgets which list somebody left"),
    "G": ("blocked, with a phone number of its own", "whether a row with its number merges or deletes contacts"),
    "H": ("blocked; an import gives it the number of G", "the same, from the other side"),
    "X": ("a new contact; an import gives it the number of G", "the same, for a contact that is new"),
    "U": ("the same, in an import that changes contacts", "the same"),
    "Y": ("a new contact that an import makes", "whether the import was carried out at all"),
    "Z": ("a new contact with a number that nobody has", "whether the import takes phone numbers"),
    "R": ("two more, one blocked and one not", "they go along in every later import, and show at once if it does harm"),
}
#: Canaries that are there only where the shop's fields hold phones or ids.
_SHARED: Final = frozenset("GHXUZ")
#: When the canaries are read → the same in words.
READS: Final[Mapping[str, str]] = {
    "updates": "After the import that changes contacts",
    "creates": "After the import that only creates contacts",
    "phones": "After the import with phone numbers",
    "minute": "A minute later",
    "ten": "Ten minutes later",
}
#: Step → what is done.
_STEPS: Final[Mapping[str, str]] = {
    "ready": "making the folder, the lists and the fields that the proof needs",
    "make": "making the canaries, and setting their blocks",
    "click": "waiting for your click, for an hour at most",
    "begin": "making two fresh lists and a fresh canary",
    "before": "reading the canaries as they are before the imports",
    "send updates": "sending the import that changes contacts",
    "follow updates": "waiting until Brevo has done the import that changes contacts",
    "read updates": "reading the canaries after that",
    "send creates": "sending the import that only creates contacts",
    "follow creates": "waiting until Brevo has done the import that only creates contacts",
    "read creates": "reading the canaries after that",
    "send phones": "sending the import with phone numbers",
    "follow phones": "waiting until Brevo has done the import with phone numbers",
    "read phones": "reading the canaries after that",
    "minute": "waiting a minute, to read the canaries again",
    "ten": "waiting until ten minutes have passed, to read the canaries again",
    "end": "deleting what this pass made",
    "close": "judging what was seen",
}


class Stage(NamedTuple):
    """A part of a proof.

    Args:
        name: what it is.
        state: `done`, `now` or `waits`.
        text: what is being done, "" while nothing is.
    """

    name: str
    state: str
    text: str = ""


class Read(NamedTuple):
    """What the canaries showed at one time.

    Args:
        when: the time in words.
        canaries: how many were looked at.
        faults: (canary, what was seen) of those that did not show what they had to.
    """

    when: str
    canaries: int
    faults: tuple[tuple[str, str], ...]


def step_words(step: str) -> str:
    """Return what a step of a proof does, in words."""
    return _STEPS.get(step, step)


def kinds(unique: Sequence[str], *, with_click: bool) -> list[tuple[str, str, str]]:
    """Return (canary, what it is, what it shows) of the canaries that a proof has.

    Args:
        unique: the attributes of the mapping that only one contact may have.
        with_click: whether there is an F.
    """
    left_out = (set() if unique else _SHARED) | (set() if with_click else {"F"})
    return [(letter, *words) for letter, words in CANARIES.items() if letter not in left_out]


def stages(course: Course) -> list[Stage]:
    """Return the parts of a proof that is under way, in their order."""
    names = ["Prepare", *(f"Pass {number} of {PASSES}" for number in range(1, PASSES + 1)), "Verdict"]
    at = len(names) - 1 if course.step == "close" else len(course.passes)
    doing = step_words(course.step)
    found = [Stage(name, "done" if place < at else "waits") for place, name in enumerate(names)]
    found[at] = Stage(names[at], "now", doing)
    return found


def seen_so_far(course: Course) -> list[list[Read]]:
    """Return what each pass of a proof that is under way has shown so far."""
    told = judge(course.passes, course.unique)
    return reads(receipt_of(course, told, course.begun_ms, covers=False, remedy="")["passes"])


def reads(passes: Iterable[Iterable[Mapping[str, Any]]]) -> list[list[Read]]:
    """Return the passes of a receipt as people read them."""
    return [[_read(one) for one in sights] for sights in passes]


def _read(sight: Mapping[str, Any]) -> Read:
    seen: Mapping[str, str] = sight["seen"]
    faults = tuple((letter, text) for letter, text in seen.items() if text != AS_EXPECTED)
    return Read(READS.get(sight["read"], sight["read"]), len(seen), faults)
