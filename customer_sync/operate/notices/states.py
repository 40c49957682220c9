"""Which faults hold: one notice when one began, one when it is over, none while it comes and goes. Pure.

The judgement is the overview's (`customer_sync.operate.figures`). A fault is told of once it has held for `HOLDS_MS`,
and its end once it has been gone for `GONE_MS`: what flickers is told once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple

from customer_sync.model import Json, to_iso
from customer_sync.operate.figures.faults import Verdict

#: How long a fault must hold before it is told, in ms.
HOLDS_MS: Final = 60_000
#: How long it must be gone before that is told, in ms.
GONE_MS: Final = 120_000
#: Of parked things it is told again when they are so many.
PARKED_STEPS: Final = (1, 10, 100, 1_000, 10_000)

#: Code of a finding → what is told when it began, and when it is over; all others are `OTHER`.
TYPES: Final[Mapping[str, tuple[str, str]]] = {
    "lane_paused": ("lane_paused", "lane_resumed"),
    "brevo_key": ("lane_paused", "lane_resumed"),
    "brevo_away": ("lane_paused", "lane_resumed"),
    "source_silent": ("source_silent", "source_heard"),
    "parked": ("parked_growing", "parked_cleared"),
    "run_braked": ("brake_stopped", "brake_released"),
    "drift": ("out_of_sync", "in_sync"),
    "mailable": ("out_of_sync", "in_sync"),
}
OTHER: Final = ("fault_began", "fault_ended")

#: rising: seen, not told yet. on: told. falling: gone, not told yet.
Phase = Literal["rising", "on", "falling"]


class Held(NamedTuple):
    """One fault as it is remembered.

    Args:
        phase: how far it is.
        since_ms: since when it is in that phase; `on` has the time at which it began.
        began_ms: when it was first seen.
        code: what it is.
        source: the source that it is about; "" for none.
        about: the lane or target that it is about; "" for none.
        level: look or down.
        text: what is so.
        remedy: what to do.
        is_quiet: whether its end is not told.
    """

    phase: Phase
    since_ms: int
    began_ms: int
    code: str
    source: str
    about: str
    level: str
    text: str
    remedy: str
    is_quiet: bool = False


class Change(NamedTuple):
    """One change of state that is to be told: its key, the fault, whether it is over, and when that was."""

    key: str
    held: Held
    is_over: bool
    at_ms: int

    @property
    def type(self) -> str:
        """The type of its notice."""
        return TYPES.get(self.held.code, OTHER)[self.is_over]

    @property
    def data(self) -> dict[str, Json]:
        """What its notice tells."""
        one = self.held
        began = to_iso(one.began_ms)
        text = f"Over: {one.text}" if self.is_over else one.text
        return {
            "text": f"{text} (since {began[:16].replace('T', ' ')} UTC)" if self.is_over else text,
            "remedy": "" if self.is_over else one.remedy,
            "code": one.code,
            "source": one.source or None,
            "about": one.about or None,
            "level": one.level,
            "began_at": began,
            "ended_at": to_iso(self.at_ms) if self.is_over else None,
        }


def held_now(findings: Iterable[Verdict], parked: int) -> dict[str, Held]:
    """Return the faults of this moment by their keys; parked things once for each step that their number reached."""
    found: dict[str, Held] = {}
    for one in findings:
        if one.level not in {"look", "down"}:
            continue
        steps = [step for step in PARKED_STEPS if step <= parked] if one.code == "parked" else [0]
        for step in steps:
            about = str(step) if step else one.about
            key = f"{one.code}|{one.source}|{about}"
            told = ("" if step else about, one.level, one.text, one.remedy, step > 1)
            found.setdefault(key, Held("rising", 0, 0, one.code, one.source, *told))
    return found


def advance(known: Mapping[str, Held], now: Mapping[str, Held], now_ms: int) -> tuple[dict[str, Held], list[Change]]:
    """Return what is remembered from now on, and what is to be told.

    Args:
        known: what was remembered.
        now: the faults of this moment.
        now_ms: the moment. What is remembered of a later one (a clock that was set back) counts from now.
    """
    after: dict[str, Held] = {}
    changes: list[Change] = []
    for key in {**known, **now}:
        held, seen = known.get(key), now.get(key)
        if held is not None and held.since_ms > now_ms:
            held = held._replace(since_ms=now_ms)
        if held is None and seen is not None:
            after[key] = seen._replace(since_ms=now_ms, began_ms=now_ms)
        elif held is not None:
            one, change = _next(key, held, seen, now_ms)
            after |= {} if one is None else {key: one}
            changes += [] if change is None else [change]
    return after, changes


def _next(key: str, held: Held, seen: Held | None, now_ms: int) -> tuple[Held | None, Change | None]:
    """Return what is remembered of one fault from now on, and what is to be told of it."""
    for_ms = now_ms - held.since_ms
    if seen is not None:
        if held.phase != "rising":
            return held._replace(phase="on", since_ms=held.began_ms), None
        if for_ms < HOLDS_MS:
            return held, None
        told = seen._replace(phase="on", since_ms=held.began_ms, began_ms=held.began_ms)
        return told, Change(key, told, is_over=False, at_ms=held.began_ms)
    if held.phase == "on":
        return held._replace(phase="falling", since_ms=now_ms), None
    if held.phase == "falling" and for_ms < GONE_MS:
        return held, None
    is_told = held.phase == "falling" and not held.is_quiet
    return None, Change(key, held, is_over=True, at_ms=held.since_ms) if is_told else None
