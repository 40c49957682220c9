"""Judges one record: what the source says now against what is known of it. Pure.

Values are compared, whichever is newer by its stamp. Of consent it counts what the source's word would change, and a
word of the record itself that loses against a newer one: what is stricter here than at the source is no difference.
What became known while the source was being read is not compared: the read may be older.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from customer_sync.brevo.contacts.contact_plan import Rules, view
from customer_sync.engine.plan import Identity
from customer_sync.model import Channel
from customer_sync.person.consent import Standing, register
from customer_sync.person.merge import NO_STATE, Stamped, State, is_later, is_newer, is_same
from customer_sync.person.person import DELETED, Part, Person, apply


class _Told(NamedTuple):
    """A field of a record as the source tells it, what is known of it, and the state that the known one is part of."""

    name: str
    one: Stamped
    known: Stamped | None
    state: State


def differing(known: Person, who: Identity | None, parts: Sequence[Part], rules: Rules, begun_us: int) -> list[str]:
    """Return the fields in which a record and what is known of it differ, each once; the address is `email`.

    Args:
        known: the record's person, with what waits.
        who: the record's identity.
        parts: what the record says.
        rules: the operator's decisions.
        begun_us: when the reading of the source began, in microseconds.
    """
    names: list[str] = []
    for told in _told(known, parts):
        if told.known is not None and is_later(told.known, begun_us):
            continue
        if told.name.isupper():
            names += [] if told.known is not None and is_same(told.one, told.known) else [told.name]
        elif told.name == DELETED and told.known is None:
            names.append("deleted")
    names += _consents(known, parts, rules, begun_us)
    if who is not None and _is_elsewhere(known, who, begun_us):
        names.append("email")
    return list(dict.fromkeys(names))


def _told(known: Person, parts: Iterable[Part]) -> Iterator[_Told]:
    for part in parts:
        if not part.ref and known.email is None:
            continue  # there is no address that it could be said of
        record = known.records.get(part.ref)
        state = record.state if record is not None else NO_STATE if part.ref else known.said
        for name, one in part.state.items():
            yield _Told(name, one, state.get(name), state)


def _is_elsewhere(known: Person, who: Identity, begun_us: int) -> bool:
    """Tell whether a record told another address than the one that is known, and did not move since."""
    if who.ms <= 0 or not who.email or known.email == who.email:
        return False
    record = known.records.get(who.ref)
    return record is None or max(record.claim[0] * 1000, record.claim[1]) < begun_us


def _consents(known: Person, parts: Sequence[Part], rules: Rules, begun_us: int) -> Iterator[str]:
    told = [one for one in _told(known, parts) if one.name.startswith("consent.")]
    for one in told:
        if _is_lost(one, begun_us):
            yield one.name
    news = [one.name for one in told if one.known is None or is_newer(one.one, one.known)]
    if not news:
        return
    was, will = view(known, rules), view(apply(known, parts), rules)
    for channel, before, after in ((Channel.EMAIL, was.email, will.email), (Channel.SMS, was.sms, will.sms)):
        if _standing(before) != _standing(after):
            yield from (name for name in news if name.startswith(f"consent.{channel}."))


def _standing(one: Standing) -> tuple[object, ...]:
    return one.state, one.granted_by


def _is_lost(told: _Told, begun_us: int) -> bool:
    """Tell whether the source's word about consent is stricter than what counts, and loses by its time."""
    _, channel, word = told.name.split(".")
    if word == "withdrawn":
        granted = told.state.get(register(Channel(channel), "granted"))
        return granted is not None and told.one.at_ms < granted.at_ms and not is_later(granted, begun_us)
    if word != "stated":
        return False
    granted = told.state.get(register(Channel(channel), "granted"))
    milder = [one for one in (granted, told.known) if one is not None and one.at_ms > told.one.at_ms]
    return any(_strictness(one) < _strictness(told.one) for one in milder) and not any(
        is_later(one, begun_us) for one in milder
    )


def _strictness(one: Stamped) -> int:
    """Return how strict a box was seen to be; an opt-in by an act is as mild as a tick."""
    return one.value[0] if isinstance(one.value, list) and isinstance(one.value[0], int) else 0
