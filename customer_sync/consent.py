"""Consent: what a person allows, decided by one pure function that can only make things stricter on doubt.

Three registers per channel, each a field of the state in which the newest wins, so the order of arrival cannot matter:

- `withdrawn`: the newest withdrawal, from anywhere.
- `granted`: the newest *explicit* opt-in: an act of the person with its own time.
- `stated`: the newest state of a checkbox or record, which has no act behind it.

A withdrawal is answered only by a strictly newer explicit opt-in; on a tie the stricter wins. A checkbox never lifts a
withdrawal, and what is missing is `unknown`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from customer_sync.merge import Stamped, State, canonical
from customer_sync.model import Channel, Consent, ConsentState, Json, to_ms


class Decision(NamedTuple):
    """What may be done on a channel, and the evidence: when, from which source, by which method.

    `evidence` is None when nothing is on record.
    """

    state: ConsentState
    evidence: Stamped | None


@cache
def register(channel: Channel, name: str) -> str:
    """Return the field name of a register."""
    return f"consent.{channel}.{name}"


def observe(consent: Consent) -> tuple[str, Json, int]:
    """Return what an observation sets: the register's field, its value, its stamp in milliseconds."""
    at_ms = to_ms(consent.at)
    if consent.state is ConsentState.WITHDRAWN:
        return register(consent.channel, "withdrawn"), consent.method, at_ms
    if consent.state is ConsentState.GRANTED and consent.explicit:
        return register(consent.channel, "granted"), consent.method, at_ms
    return register(consent.channel, "stated"), [str(consent.state), consent.method], at_ms


def decide(state: State, channel: Channel, missing: ConsentState = ConsentState.UNKNOWN) -> Decision:
    """Return what the person allows on a channel.

    Args:
        state: everything known of the person.
        channel: e-mail or SMS.
        missing: what to make of a person of whom nothing at all is on record; `granted` is an operator's own decision
            (`options.missing_consent`) and never answers a withdrawal, nor a record that says `unknown`.
    """
    withdrawn = state.get(register(channel, "withdrawn"))
    granted = state.get(register(channel, "granted"))
    stated = state.get(register(channel, "stated"))
    if withdrawn is not None:
        if granted is not None and granted.at_ms > withdrawn.at_ms:
            return _unless_reset(granted, stated)
        return Decision(ConsentState.WITHDRAWN, withdrawn)
    if granted is not None:
        return _unless_reset(granted, stated)
    if stated is not None:
        return Decision(_stated(stated), stated)
    return Decision(missing, None)


def may_lift(state: State, channel: Channel) -> bool:
    """Tell whether a block may be lifted: an explicit opt-in is on record, strictly newer than every withdrawal.

    A later record that says less (pending, unknown) takes the person off the lists; it does not block them again.
    """
    withdrawn = state.get(register(channel, "withdrawn"))
    granted = state.get(register(channel, "granted"))
    return withdrawn is not None and granted is not None and granted.at_ms > withdrawn.at_ms


def _unless_reset(granted: Stamped, stated: Stamped | None) -> Decision:
    """Return granted, unless a record that is not older says that it is not: then that, the stricter of the two."""
    if stated is not None and stated.at_ms >= granted.at_ms and _stated(stated) is not ConsentState.GRANTED:
        return Decision(_stated(stated), stated)
    return Decision(ConsentState.GRANTED, granted)


def _stated(stated: Stamped) -> ConsentState:
    assert isinstance(stated.value, list)
    return ConsentState(str(stated.value[0]))


def method(evidence: Stamped) -> str:
    """Return how the person said so, from a register's value."""
    value = evidence.value
    return str(value[1]) if isinstance(value, list) else str(value)


def as_fields(consents: tuple[Consent, ...]) -> Mapping[int, dict[str, Json]]:
    """Return what observations set, grouped by stamp: each group becomes one Change.

    Where two set the same register at once, the one that `merge` would let win stays.
    """
    groups: dict[int, dict[str, Json]] = {}
    for seen in consents:
        name, value, at_ms = observe(seen)
        group = groups.setdefault(at_ms, {})
        group[name] = max(group.get(name, value), value, key=canonical)
    return groups
