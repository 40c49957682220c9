"""A record beside what is known of it, field by field, and its words about consent that lose by their time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from customer_sync.model import Channel
from customer_sync.person.consent import register
from customer_sync.person.merge import NO_STATE, Stamped, State, is_later
from customer_sync.person.person import Part, Person


class Pair(NamedTuple):
    """A field of a record as the source tells it, what is known of it, and the state that the known one is part of."""

    name: str
    one: Stamped
    known: Stamped | None
    state: State


def side_by_side(known: Person, parts: Iterable[Part]) -> Iterator[Pair]:
    """Yield every field that a record tells of its person."""
    for part in parts:
        if not part.ref and known.email is None:
            continue  # there is no address that it could be said of
        record = known.records.get(part.ref)
        state = record.state if record is not None else NO_STATE if part.ref else known.said
        for name, one in part.state.items():
            yield Pair(name, one, state.get(name), state)


def lost_words(known: Person, parts: Iterable[Part], begun_us: int) -> list[str]:
    """Return the fields of consent in which a record is stricter than what counts, and loses by its time.

    Args:
        known: the record's person.
        parts: what the record says.
        begun_us: when the reading of the source began, in microseconds.
    """
    pairs = (pair for pair in side_by_side(known, parts) if pair.name.startswith("consent."))
    return [pair.name for pair in pairs if _is_lost(pair, begun_us)]


def _is_lost(pair: Pair, begun_us: int) -> bool:
    _, channel, word = pair.name.split(".")
    granted = pair.state.get(register(Channel(channel), "granted"))
    if word == "withdrawn":
        return granted is not None and pair.one.at_ms < granted.at_ms and not is_later(granted, begun_us)
    if word != "stated":
        return False
    milder = [one for one in (granted, pair.known) if one is not None and one.at_ms > pair.one.at_ms]
    return any(_strictness(one) < _strictness(pair.one) for one in milder) and not any(
        is_later(one, begun_us) for one in milder
    )


def _strictness(one: Stamped) -> int:
    """Return how strict a box was seen to be; an opt-in by an act is as mild as a tick."""
    return one.value[0] if isinstance(one.value, list) and isinstance(one.value[0], int) else 0
