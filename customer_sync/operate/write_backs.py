"""What became of a person's opt-out at each platform: told, waiting, given up, or not possible there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from customer_sync.config import Settings
from customer_sync.person.consent import Evidence
from customer_sync.person.owed import Owed
from customer_sync.person.person import Person
from customer_sync.platforms.debts import ASKED, asked_of, decisions_of, id_of, target_of
from customer_sync.platforms.lanes import WRITEBACK
from customer_sync.platforms.writeback import NOTES
from customer_sync.store import Store
from customer_sync.store.forms import Kept

#: What is said of an opt-out without a result.
_OPEN = {
    "owed": "it is put into the lane with the person's next delivery",
    "waits": "it waits in the lane",
    "parked": "it was given up: `tajo parked list` has it",
}


class WriteBack(NamedTuple):
    """The opt-out of one record at its platform.

    Args:
        source: the source.
        id: the platform's id; None for a buyer without an account.
        state: `owed` (not asked yet), `waits`, `parked`, or a result: see `customer_sync.platforms.writeback.NOTES`.
        said_at_ms: when the person left.
        at_ms: when the result came; None without one.
        why: the same for people.
        tries: how many tries have failed.
        is_open: whether the platform may still have the old consent.
    """

    source: str
    id: str | None
    state: str
    said_at_ms: int
    at_ms: int | None
    why: str
    tries: int
    is_open: bool


#: After these the platform has the opt-out, or a newer word of the person.
_SETTLED = frozenset({"written", "unchanged", "newer", "lifted", "gone"})
#: After these what the platform tells of it since takes nothing back.
_TOLD = frozenset({"written", "unchanged"})
#: How long after we wrote an opt-out a platform may date it, in ms: its clock, and work that it puts off.
_ECHO_MS = 60_000


def write_backs(store: Store, settings: Settings, person: Person) -> Iterator[WriteBack]:
    """Yield what is owed to the platforms of a person, and what became of it, told by the platform since or not."""
    owed = decisions_of(settings).concerning(person)
    places = [(WRITEBACK + one.record.source, target_of(one.record.source, id_of(one))) for one in owed]
    for told, place, kept in zip(owed, places, store.records.all_of(places), strict=True):
        found = _of(store, told, place, kept or Kept(), person.email or "")
        if not told.is_known or found.state in _TOLD:
            yield found


def is_our_word(found: Iterable[WriteBack], one: Evidence) -> bool:
    """Tell whether a withdrawal on record that a source told is what we had written there.

    The platform had a consent when we wrote, so what it dates between the opt-out and a minute after the writing is
    ours.

    Args:
        found: what became of the person's opt-outs.
        one: what stands on record, as the platform dates it.
    """
    written = [told for told in found if told.source == one.source and told.state == "written"]
    is_from_then = any(told.said_at_ms <= one.at_ms <= (told.at_ms or 0) + _ECHO_MS for told in written)
    return is_from_then and one.register == "withdrawn"


def _of(store: Store, told: Owed, place: tuple[str, str], kept: Kept, email: str) -> WriteBack:
    asked, known = asked_of(told, email), kept.state.get(ASKED)
    wait, at = store.lanes.wait_of(*place), kept.has.get("at")
    is_here = kept.has.get("of") == asked
    result = str(kept.has.get("result")) if is_here else ""
    # what was gone is asked for again once it is told of
    if result and not (result == "gone" and wait.since_ms is not None):
        state, why = result, NOTES.get(result, "")
    elif wait.since_ms is not None:
        pause = store.breakers.read(place[0])
        state, why = "waits", f"the lane waits: {pause.reason}" if pause else _OPEN["waits"]
    else:
        state = "parked" if known is not None and known.value == asked else "owed"
        why = _OPEN[state]
    at_ms = at if is_here and isinstance(at, int) else None
    is_open = state not in _SETTLED
    record = told.record
    return WriteBack(record.source, record.id, state, told.at_ms, at_ms, why, wait.tries, is_open)
