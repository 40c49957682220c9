"""The receipt of a proof: what was done and seen, step by step, without an address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customer_sync.brevo.proof.course import Course, Pass, Sight
from customer_sync.brevo.proof.verdicts import Told, faults_in
from customer_sync.model import to_iso

#: What is said of a canary that showed all that was to be seen.
AS_EXPECTED = "as expected"


def receipt_of(course: Course, told: Mapping[str, Told], now_ms: int, *, covers: bool, remedy: str) -> dict[str, Any]:
    """Return the receipt, ready for JSON."""
    return {
        "id": course.id,
        "begun": to_iso(course.begun_ms),
        "ended": to_iso(now_ms),
        "by": "schedule" if course.by_schedule else "operator",
        "doors": {door: {"verdict": one.word, "text": one.text} for door, one in told.items()},
        "covers_left": covers,
        "unique": list(course.unique),
        "weekly": course.is_weekly,
        "calls": course.calls,
        "remedy": remedy,
        "passes": [_pass(one, course) for one in course.passes],
        "log": [{"at": to_iso(at_ms), "text": text} for at_ms, text in course.log],
    }


def _pass(one: Pass, course: Course) -> list[dict[str, Any]]:
    return [{"read": sight.stage, "seen": _seen(one, sight, course)} for sight in one.sights]


def _seen(one: Pass, sight: Sight, course: Course) -> dict[str, str]:
    seen = {letter: AS_EXPECTED for letter, was in one.before.items() if was is not None}
    for fault in faults_in(one, sight, course.unique):
        seen[fault.letter] = fault.text
    return seen
