"""The verdict is a pure function: no flip anywhere passes, nor does anything that was not seen."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.brevo.proof import canaries
from customer_sync.brevo.proof.course import Course, Pass, Sight, View
from customer_sync.brevo.proof.doors import DOORS, LISTS, PHONES, UPDATES
from customer_sync.brevo.proof.verdicts import STAGES, UPDATED, can_pass, covers_left, judge

UNIQUE = ("SMS",)
HOME, FIRST, SECOND, THIRD = 3, 4, 5, 6
STANDING = (*UPDATED, "C", "G", "Hs")


def view(letter: str, number: int) -> View:
    """A canary as it was made."""
    role = canaries.role_of(letter)
    values: dict[str, Any] = {canaries.FULL: "stays", canaries.MARK: canaries.MARKED}
    values |= {"SMS": f"44770090000{number}"} if role.has else {}
    lists = [HOME, FIRST] if letter == "B" else [HOME]
    left = [9] if letter == "F" else []
    return View(number, True, role.is_blocked or letter == "F", role.is_sms_blocked, lists, left, [], values)


def updated(was: View, letter: str, values: dict[str, Any]) -> View:
    """The same after an import that updates."""
    shown = {**values, canaries.KIND: canaries.LABELS.index(values[canaries.KIND]) + 1}
    return was._replace(
        values={**was.values, **shown}, lists=sorted({*was.lists, SECOND}), is_blocked=was.is_blocked or letter == "D"
    )


def good() -> list[Pass]:
    """Three passes that showed all that was to be seen."""
    return [_good(turn) for turn in range(3)]


def _good(turn: int) -> Pass:
    values = {name: canaries.new_values(3 * turn + at) for at, name in enumerate(("updates", "creates", "phones"))}
    before = {letter: view(letter, at) for at, letter in enumerate(STANDING, 1)}
    one = Pass(True, True, values, {"SMS": "+447700900777"}, {"second": SECOND, "third": THIRD}, dict(before))
    for stage in STAGES:
        views: dict[str, View | None] = dict(before)
        views |= {letter: updated(before[letter], letter, values["updates"]) for letter in UPDATED}
        if stage != "updates":
            made = View(50, True, False, False, [HOME, THIRD], [], [], dict(values["creates"]))
            views |= {"Y": made, "Z": made._replace(values={canaries.TEXT: "x", "SMS": "447700900777"})}
        if stage not in {"updates", "creates"}:
            e = views["E"]
            assert e is not None
            views["E"] = e._replace(values={**e.values, canaries.TEXT: values["phones"][canaries.TEXT]})
        one.sights.append(Sight(stage, views))
    return one


def words(passes: list[Pass]) -> dict[str, str]:
    return {door: told.word for door, told in judge(passes, UNIQUE).items()}


def spoil(passes: list[Pass], at: int, stage: str, letter: str, **change: Any) -> None:
    """Change what a canary showed at one read."""
    views = next(sight.views for sight in passes[at].sights if sight.stage == stage)
    now = views[letter]
    assert now is not None
    views[letter] = now._replace(**change)


passes_at = st.integers(0, 2)
stages = st.sampled_from(STAGES)


def test_what_is_as_it_has_to_be_passes():
    assert words(good()) == dict.fromkeys(DOORS, "passed")
    assert covers_left(good())
    assert can_pass(good(), UNIQUE) == frozenset(DOORS)


@given(passes_at, stages, st.sampled_from(UPDATED))
def test_no_flip_of_a_block_passes(at, stage, letter):
    passes = good()
    now = next(sight for sight in passes[at].sights if sight.stage == stage).views[letter]
    assert now is not None
    spoil(passes, at, stage, letter, is_blocked=not now.is_blocked)

    assert words(passes)[UPDATES] == "failed"
    assert UPDATES not in can_pass(passes[: at + 1], UNIQUE)


@given(passes_at, stages, st.sampled_from(UPDATED))
def test_no_flip_of_a_block_for_sms_passes(at, stage, letter):
    passes = good()
    spoil(passes, at, stage, letter, is_sms_blocked=letter != "E")

    assert words(passes)[UPDATES] == "failed"


@given(
    passes_at,
    stages,
    st.sampled_from(UPDATED),
    st.sampled_from(["lists", "left", "groups", "values", "number", "is_own"]),
)
def test_nothing_else_that_changed_passes(at, stage, letter, what):
    passes = good()
    changed = {
        "lists": [77],
        "left": [1, 9],
        "groups": [[1, "unsubscribed"]],
        "values": {},
        "number": 999,
        "is_own": False,
    }
    spoil(passes, at, stage, letter, **{what: changed[what]})

    assert words(passes)[UPDATES] == "failed"


@given(passes_at, stages, st.sampled_from(UPDATED), st.sampled_from(canaries.NONCES))
def test_what_has_not_arrived_does_not_pass(at, stage, letter, name):
    passes = good()
    views = next(sight.views for sight in passes[at].sights if sight.stage == stage)
    now = views[letter]
    assert now is not None
    spoil(passes, at, stage, letter, values={key: value for key, value in now.values.items() if key != name})

    assert words(passes)[UPDATES] == "unclear"


@given(passes_at, stages, st.sampled_from([*UPDATED, "C", "G", "Hs"]))
def test_a_contact_that_is_gone_passes_nothing_of_its_door(at, stage, letter):
    passes = good()
    next(sight.views for sight in passes[at].sights if sight.stage == stage)[letter] = None

    found = words(passes)
    assert (found[PHONES] if letter in {"G", "Hs"} else found[UPDATES]) in {"failed", "unclear"}


@given(passes_at, stages, st.sampled_from(["G", "Hs"]), st.sampled_from(["is_blocked", "is_own", "number", "values"]))
def test_who_shares_a_phone_stays_as_it_is(at, stage, letter, what):
    passes = good()
    changed = {"is_blocked": False, "is_own": False, "number": 999, "values": {"SMS": "447700900555"}}
    spoil(passes, at, stage, letter, **{what: changed[what]})

    assert words(passes)[PHONES] == "failed"


@given(passes_at, st.sampled_from(STAGES), st.sampled_from(["A", "B"]))
def test_who_was_there_joins_no_list_of_an_import_that_creates(at, stage, letter):
    passes = good()
    now = next(sight for sight in passes[at].sights if sight.stage == stage).views[letter]
    assert now is not None
    spoil(passes, at, stage, letter, lists=[*now.lists, THIRD])

    assert words(passes)[LISTS] == "failed"


@given(passes_at, stages)
def test_a_control_that_changed_leaves_all_unclear(at, stage):
    passes = good()
    spoil(passes, at, stage, "C", is_blocked=False)

    assert words(passes) == dict.fromkeys(DOORS, "unclear")


@given(passes_at, stages)
def test_a_read_that_is_missing_leaves_it_unclear(at, stage):
    passes = good()
    passes[at].sights = [sight for sight in passes[at].sights if sight.stage != stage]

    assert words(passes)[PHONES if stage == "phones" else UPDATES] == "unclear"


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_passes_are_unclear(count):
    assert words(good()[:count]) == dict.fromkeys(DOORS, "unclear")


FLIPS = st.tuples(passes_at, stages, st.sampled_from(UPDATED), st.booleans(), st.booleans())


@given(st.lists(FLIPS, max_size=6, unique_by=lambda flip: flip[:3]))
def test_one_more_fault_never_opens_a_door(faults):
    passes = good()
    before = words(passes)
    for at, stage, letter, block, sms in faults:
        spoil(passes, at, stage, letter, is_blocked=block, is_sms_blocked=sms)
        after = words(passes)
        assert all(after[door] != "passed" or before[door] == "passed" for door in DOORS)
        before = after


def test_a_click_that_did_not_hold_covers_nobody():
    passes = good()
    spoil(passes, 1, "ten", "F", left=[])

    assert not covers_left(passes)


def test_what_is_stored_is_what_is_read():
    course = Course("me@example.com", "m", 1, UNIQUE, passes=good())

    stored = copy.deepcopy(course.to_json())

    assert Course.of(stored) == course
