"""What an observation of consent sets in its record and at the address; the registers stand in `consent`. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from customer_sync.model import Channel, Consent, ConsentState, Json, to_ms, to_us
from customer_sync.person.consent import STRICTNESS, label_of, register
from customer_sync.person.merge import Stamped, State

#: Withdrawals after which Brevo has blocked the contact by itself.
BLOCKS: Final = frozenset({"brevo:unsubscribed", "brevo:spam", "brevo:hard_bounce"})
#: Methods with a register of their own.
_REGISTERS: Final = {"brevo:hard_bounce": "bounced", "brevo:spam": "complained"}


def observe(consent: Consent, told_at_ms: int, address: str | None) -> dict[str, Stamped]:
    """Return what an observation sets in the record that it is about.

    Args:
        consent: what was seen.
        told_at_ms: when the record was so that told it: of two tellings of one act the one closer to the act knows the
            address that it was given for.
        address: the address told with it, normalised; None when none was.
    """
    if consent.only_after_yes:
        return _of_box(consent, told_at_ms, address)
    at_ms = to_ms(consent.at)
    finer_us = to_us(consent.seen_at) if consent.seen_at else 0
    label = label_of(address) if address else ""
    if consent.state is ConsentState.WITHDRAWN:
        found = {register(consent.channel, "withdrawn"): Stamped(consent.method, at_ms, finer_us)}
        if not consent.explicit:
            found[register(consent.channel, "unticked")] = Stamped(None, at_ms)
        return found
    if consent.state is ConsentState.GRANTED and consent.explicit and not consent.is_doubted:
        value: list[Json] = [consent.method, label, finer_us] if finer_us else [consent.method, label]
        return {register(consent.channel, "granted"): Stamped(value, at_ms, -max(0, told_at_ms - at_ms))}
    value = [STRICTNESS.index(consent.state), consent.method]
    if consent.state is ConsentState.GRANTED:
        value.append(label)
    found = {register(consent.channel, "stated"): Stamped(value, at_ms, finer_us)}
    if consent.is_doubted:
        found[register(consent.channel, "doubted")] = Stamped(None, at_ms)
    return found


def _of_box(consent: Consent, told_at_ms: int, address: str | None) -> dict[str, Stamped]:
    """Return the same for a box that is empty for whoever never saw it, too.

    An empty one says nothing by itself, and is kept beside when it was ticked: both together are a withdrawal, in
    whatever order they were heard of.
    """
    is_empty, at_ms = consent.state is ConsentState.WITHDRAWN, to_ms(consent.at)
    state = ConsentState.UNKNOWN if is_empty else consent.state
    found = observe(replace(consent, only_after_yes=False, state=state), told_at_ms, address)
    if is_empty:
        finer_us = to_us(consent.seen_at) if consent.seen_at else 0
        found[register(consent.channel, "emptied")] = Stamped(consent.method, at_ms, finer_us)
        if not consent.explicit:
            found[register(consent.channel, "unticked")] = Stamped(None, at_ms)
    elif consent.state is ConsentState.GRANTED:
        found[register(consent.channel, "ticked")] = Stamped(None, at_ms)
    return found


def retold(state: State, known: State) -> dict[str, Stamped]:
    """Return a state that tells no time with the known times of an opt-out that stands there as it was.

    A box that is read again without its tick is no new act: else every read of it would end the opt-ins that were given
    elsewhere since it was left so.

    Args:
        state: what a record says of itself, or what is said of its address, stamped with the time of the read.
        known: what is known of the record.
    """
    found = dict(state)
    for channel in Channel:
        left = known.get(register(channel, "withdrawn"))
        told = state.get(register(channel, "withdrawn"))
        if left is None or told is None or any(at_ms >= left.at_ms for at_ms in _yeses(channel, known)):
            continue
        method = told.value[0] if isinstance(told.value, list) else told.value
        if method == left.value and left.at_ms < told.at_ms:
            for name in (register(channel, one) for one in ("withdrawn", "unticked")):
                if name in state:
                    found[name] = state[name]._replace(at_ms=left.at_ms, seen_us=left.seen_us)
    return found


def _yeses(channel: Channel, known: State) -> Iterator[int]:
    """Yield when a record said yes, in ms."""
    for name in ("granted", "ticked"):
        if (stamped := known.get(register(channel, name))) is not None:
            yield stamped.at_ms
    stated, yes = known.get(register(channel, "stated")), STRICTNESS.index(ConsentState.GRANTED)
    if stated is not None and isinstance(stated.value, list) and stated.value[0] == yes:
        yield stated.at_ms


def said_of_address(consent: Consent, source: str, heard_ms: int) -> dict[str, Stamped]:
    """Return what a withdrawal sets at the address that it was said with; nothing for any other observation.

    An SMS has a number, not an address: what is said of it stays with the record. That Brevo blocked the contact by
    itself is stamped with the time at which we heard of it, `heard_ms`: it counts only for a contact that was there by
    then.
    """
    if consent.state is not ConsentState.WITHDRAWN or consent.channel is not Channel.EMAIL or consent.only_after_yes:
        return {}  # what only a record can tell to be a withdrawal stays with the record
    finer_us = to_us(consent.seen_at) if consent.seen_at else 0
    stamped = Stamped([consent.method, source], to_ms(consent.at), finer_us)
    found = {register(consent.channel, _REGISTERS.get(consent.method, "withdrawn")): stamped}
    if consent.method in BLOCKS:
        found[register(consent.channel, "here")] = Stamped(to_ms(consent.at), heard_ms)
    return found
