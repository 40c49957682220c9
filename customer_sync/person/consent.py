"""Consent: what a person allows, decided by one pure function that can only make things stricter on doubt.

Consent stands in registers, each a field in which the newest wins, so the order of arrival cannot matter. A record has
its own, as its source told them; an address has those of the mailbox, for any person who has it.

| register | of | holds |
|---|---|---|
| `withdrawn` | record, address | the newest withdrawal: its method |
| `granted` | record | the newest *explicit* opt-in, an act with a time of its own: its method and the address |
| `stated` | record | the newest state of a box, which has no act behind it: its strictness, its method, the address |
| `unticked` | record | when a box was last seen without its tick |
| `ticked`, `emptied` | record | the same of a box that is empty for whoever never saw it, too: `only_after_yes` |
| `doubted` | record | up to when its opt-ins may have been given for another address: `Consent.is_doubted` |
| `bounced`, `complained` | address | Brevo's own words; no shop lifts them |
| `here` | address | when we heard that Brevo blocked the contact, and when it did: of the contact, not of the person |
| `cleared` | address | an operator's word that a bounce or a complaint is over |
| `after` | address | a withdrawal of a customer who had left this address; it holds while nobody else has it |

An `emptied` is a withdrawal where the same record was `ticked` before, and says nothing otherwise.

A withdrawal is answered only by a strictly newer explicit opt-in of the same record, or of any record here that was
given for this very address; on a tie the stricter wins, unless the platform's own finer time decides. A box never
answers one, except where the same record had it unticked after the withdrawal: then the tick is an act. Up to when a
record is `doubted`, each of its opt-ins is a mere state.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

from customer_sync.model import Channel, ConsentState
from customer_sync.person.merge import State

#: How strict a state is that was only seen; the larger number wins a tie.
STRICTNESS: Final = (ConsentState.GRANTED, ConsentState.PENDING, ConsentState.UNKNOWN, ConsentState.WITHDRAWN)

#: The field of a record that tells when it last told another address than the one that it leads to.
ELSEWHERE: Final = "elsewhere"
#: The field of a box on an order that tells whose order it is: the key of the customer's record.
OF: Final = "of"


@cache
def register(channel: Channel, name: str) -> str:
    """Return the field name of a register."""
    return f"consent.{channel}.{name}"


#: The field of what is to be told at every source, see `customer_sync.person.owed`.
EVERYWHERE: Final = register(Channel.EMAIL, "everywhere")
#: Methods of Brevo begin so.
OF_BREVO: Final = "brevo:"
#: So does the method of a withdrawal that a record took along: its own platform never told it of this record.
TAKEN_ALONG: Final = "taken along:"


def taken_along(method: str) -> str:
    """Return the method of a withdrawal as the record has it that took it along from another address."""
    return method if method.startswith((OF_BREVO, TAKEN_ALONG)) else TAKEN_ALONG + method


@lru_cache(maxsize=1024)
def label_of(address: str) -> str:
    """Return the few letters that stand for an address beside an opt-in; they tell a record's addresses apart."""
    return b2a_base64(blake2b(address.encode(), digest_size=6).digest(), newline=False).decode()


class Voice(NamedTuple):
    """One record that now leads to the address.

    Args:
        ref: the record's key.
        source: its source.
        state: its fields.
        missing: what to make of it where no consent at all is on record; `granted` is an operator's own decision
            (`options.missing_consent`).
    """

    ref: str
    source: str
    state: State
    missing: ConsentState = ConsentState.UNKNOWN


class Evidence(NamedTuple):
    """Something on record about a channel.

    Args:
        says: the state it stands for.
        register: where it stands; `deleted` for the end of the last record.
        at_ms: when.
        method: how, in the source's word.
        source: who said so.
        ref: the record that it is a part of; "" when it was said of the address.
        finer_us: the platform's own finer time, 0 when there is none.
        label: the address an opt-in was given for; "" when that is not known.
    """

    says: ConsentState
    register: str
    at_ms: int
    method: str
    source: str
    ref: str = ""
    finer_us: int = 0
    label: str = ""

    def is_newer(self, other: Evidence) -> bool:
        """Tell whether this came strictly later; of one time, whether the platform's finer time says so."""
        if self.at_ms != other.at_ms:
            return self.at_ms > other.at_ms
        return 0 < other.finer_us < self.finer_us


class Ends(NamedTuple):
    """The ends of records that were deleted; each is a withdrawal, or may have been one.

    Args:
        last: of those that were the last to lead to the address: withdrawals.
        every: of all: each may have blocked the contact while another record was not known yet, and nothing older lifts
            that.
    """

    last: tuple[Evidence, ...] = ()
    every: tuple[Evidence, ...] = ()


NO_ENDS: Final = Ends()


class Standing(NamedTuple):
    """What may be done on a channel.

    Args:
        state: what the person allows.
        evidence: what decides it; None when nothing is on record.
        may_lift: whether a block may be lifted: every withdrawal on record is answered by an explicit opt-in.
        granted_by: the records whose own consent stands.
        losing: what else is on record.
    """

    state: ConsentState
    evidence: Evidence | None
    may_lift: bool
    granted_by: frozenset[str]
    losing: tuple[Evidence, ...] = ()


def is_yes(state: State, channel: Channel) -> bool:
    """Tell whether a change brings a yes on a channel, by an act or by a box, whatever is decided in the end."""
    voice = Voice("", "", state)
    stated = _stated(channel, voice)
    return register(channel, "granted") in state or (stated is not None and stated.says is ConsentState.GRANTED)


def decide(
    channel: Channel,
    living: Sequence[Voice],
    said: State,
    address: str,
    ends: Ends = NO_ENDS,
) -> Standing:
    """Return what the person at an address allows on a channel.

    Args:
        channel: e-mail or SMS.
        living: the records that now lead to the address.
        said: what was said of the address itself.
        address: the address, normalised.
        ends: the ends of records here, see `customer_sync.person.person.ends`.
    """
    if not ends.every and _is_silent(_KNOWN[channel], living, said):
        return _silent(living)
    label = label_of(address) if channel is Channel.EMAIL else ""
    if not ends.every and len(living) == 1 and _never_withdrew(channel, living[0], said):
        return _alone(channel, living[0], label)
    of_address = said if not _KNOWN[channel].isdisjoint(said) else {}
    shadow = list(_said(channel, of_address, "after"))
    withdrawals = [*_said(channel, of_address, "withdrawn"), *_lasting(channel, of_address), *ends.last]
    withdrawals += [one for voice in living for one in _withdrawn(channel, voice)]
    # a box on an order of the customer who had left does not speak against what they said since
    withdrawals += [] if any(OF not in voice.state for voice in living) else shadow
    own = {voice.ref: _own(channel, voice, withdrawals) for voice in living}
    grants = [one for found in own.values() for one in found.acts]
    open_ones = [one for one in withdrawals if not _is_answered(one, grants, label)]
    others = [one for one in [*withdrawals, *(one for found in own.values() for one in found.all)] if one is not None]
    if open_ones:
        return _standing(ConsentState.WITHDRAWN, _strictest(open_ones), others)
    may_lift = any(not label or one.label == label for one in grants) and all(
        _is_answered(one, grants, label) for one in (*withdrawals, *shadow, *ends.every)
    )
    last = _newest(withdrawals) if withdrawals else None
    granted = {ref: found.stands for ref, found in own.items() if found.is_granted_after(last)}
    if granted:
        seen = [one for one in granted.values() if one is not None]
        evidence = _newest(seen) if seen else None
        return _standing(ConsentState.GRANTED, evidence, others, may_lift, frozenset(granted))
    weaker = [one for found in own.values() if (one := found.stands) is not None and one.says in _WEAKER]
    pending = [one for one in weaker if one.says is ConsentState.PENDING]
    evidence = _newest(pending or weaker) if weaker else None
    return _standing(evidence.says if evidence else ConsentState.UNKNOWN, evidence, others, may_lift)


def _never_withdrew(channel: Channel, voice: Voice, said: State) -> bool:
    """Tell whether no withdrawal at all is on record: that of nearly everybody who said a word."""
    names = (register(channel, "withdrawn"), register(channel, "emptied"))
    return _KNOWN[channel].isdisjoint(said) and not any(name in voice.state for name in names)


def _alone(channel: Channel, voice: Voice, label: str) -> Standing:
    """Return the same as the rest of `decide` for the only record, where nobody ever withdrew anything."""
    own = _own(channel, voice, ())
    may_lift = any(not label or one.label == label for one in own.acts)
    if own.is_granted_after(None):
        return _standing(ConsentState.GRANTED, own.stands, own.all, may_lift, frozenset((voice.ref,)))
    evidence = own.stands if own.stands is not None and own.stands.says in _WEAKER else None
    return _standing(evidence.says if evidence else ConsentState.UNKNOWN, evidence, own.all, may_lift)


#: Channel → the fields in which anything about it can stand.
_KNOWN: Final = {
    channel: frozenset(
        register(channel, name)
        for name in (
            *("withdrawn", "granted", "stated", "unticked", "ticked", "emptied"),
            *("bounced", "complained", "cleared", "after"),
        )
    )
    for channel in Channel
}


def _is_silent(known: frozenset[str], living: Sequence[Voice], said: State) -> bool:
    """Tell whether nothing at all is on record: most people never said a word."""
    if not known.isdisjoint(said):
        return False
    for voice in living:  # noqa: SIM110  # `all` costs as much as the rest of it, and this is done for everybody
        if not known.isdisjoint(voice.state):
            return False
    return True


_NOTHING: Final = Standing(ConsentState.UNKNOWN, None, may_lift=False, granted_by=frozenset())


def _silent(living: Sequence[Voice]) -> Standing:
    granted = frozenset([one.ref for one in living if one.missing is ConsentState.GRANTED])
    return _NOTHING._replace(state=ConsentState.GRANTED, granted_by=granted) if granted else _NOTHING


_WEAKER = frozenset({ConsentState.PENDING, ConsentState.UNKNOWN})


class _Own(NamedTuple):
    """A record's own consent: its opt-ins by an act, what stands of it, all on record, what a missing one means."""

    acts: tuple[Evidence, ...]
    stands: Evidence | None
    all: tuple[Evidence, ...]
    missing: ConsentState

    def is_granted_after(self, last: Evidence | None) -> bool:
        """Tell whether the record allows it, after the newest withdrawal on record (None: there is none)."""
        if self.stands is None:
            return last is None and not self.all and self.missing is ConsentState.GRANTED
        return self.stands.says is ConsentState.GRANTED and (last is None or self.stands.is_newer(last))


def _own(channel: Channel, voice: Voice, withdrawals: Sequence[Evidence]) -> _Own:
    granted, stated = _granted(channel, voice), _stated(channel, voice)
    acts = [granted] if granted and granted.register == "granted" else []
    if stated is not None and stated.says is ConsentState.GRANTED and _is_act(channel, voice, stated, withdrawals):
        acts.append(stated)
    stands = granted or stated
    if granted is not None and stated is not None:
        # a record that is not older and says less takes the opt-in back
        says_less = stated.says is not ConsentState.GRANTED
        stands = stated if (not granted.is_newer(stated) if says_less else stated.is_newer(granted)) else granted
    every = (*_withdrawn(channel, voice), *([granted] if granted else []), *([stated] if stated else []))
    return _Own(tuple(acts), stands, every, voice.missing)


def _is_act(channel: Channel, voice: Voice, tick: Evidence, withdrawals: Sequence[Evidence]) -> bool:
    """Tell whether a tick is an act: the same record had its box unticked before it, and since every withdrawal."""
    unticked = voice.state.get(register(channel, "unticked"))
    if unticked is None or unticked.at_ms >= tick.at_ms or _is_doubted(channel, voice, tick.at_ms):
        return False
    return all(one.at_ms <= unticked.at_ms for one in withdrawals)


def _is_answered(withdrawal: Evidence, grants: Iterable[Evidence], label: str) -> bool:
    if withdrawal.register in _LASTING:
        return False
    return any(
        grant.is_newer(withdrawal)
        and (not label or grant.label == label or bool(withdrawal.ref and withdrawal.ref == grant.ref))
        for grant in grants
    )


#: The registers that no opt-in answers, the stricter one last: a bounce is lifted in Brevo, too.
_LASTING: Final = ("bounced", "complained")


def _strictest(withdrawals: Sequence[Evidence]) -> Evidence:
    """Return what takes most to lift: a complaint, else a bounce, else the newest withdrawal."""
    for name in reversed(_LASTING):
        lasting = [one for one in withdrawals if one.register == name]
        if lasting:
            return _newest(lasting)
    return _newest(withdrawals)


def _lasting(channel: Channel, said: State) -> Iterable[Evidence]:
    if not said:
        return
    cleared = said.get(register(channel, "cleared"))
    for name in _LASTING:
        for one in _said(channel, said, name):
            if cleared is None or cleared.at_ms < one.at_ms:
                yield one


def _said(channel: Channel, said: State, name: str) -> Iterable[Evidence]:
    stamped = said.get(register(channel, name))
    if stamped is not None:
        method, source = stamped.value if isinstance(stamped.value, list) else (stamped.value, "")
        yield Evidence(
            ConsentState.WITHDRAWN, name, stamped.at_ms, str(method), str(source), finer_us=max(0, stamped.seen_us)
        )


def _withdrawn(channel: Channel, voice: Voice) -> tuple[Evidence, ...]:
    """Return the newest withdrawal of a record, and that of a box which it had ticked before and has empty now."""
    names = ["withdrawn"]
    ticked, emptied = (voice.state.get(register(channel, name)) for name in ("ticked", "emptied"))
    if ticked is not None and emptied is not None and ticked.at_ms <= emptied.at_ms:
        names.append("emptied")
    return tuple(
        Evidence(ConsentState.WITHDRAWN, name, one.at_ms, str(one.value), voice.source, voice.ref, max(0, one.seen_us))
        for name in names
        if (one := voice.state.get(register(channel, name))) is not None
    )


def _granted(channel: Channel, voice: Voice) -> Evidence | None:
    stamped = voice.state.get(register(channel, "granted"))
    if stamped is None:
        return None
    assert isinstance(stamped.value, list)
    method, label, finer_us = (*stamped.value, 0)[:3]
    assert isinstance(finer_us, int)
    at_ms, was_elsewhere = stamped.at_ms, voice.state.get(ELSEWHERE)
    if was_elsewhere is not None and at_ms <= was_elsewhere.at_ms < at_ms - stamped.seen_us:
        label = ""  # told with this address, but given while the record still told another one
    name = "stated" if _is_doubted(channel, voice, at_ms) else "granted"
    return Evidence(ConsentState.GRANTED, name, at_ms, str(method), voice.source, voice.ref, finer_us, str(label))


def _is_doubted(channel: Channel, voice: Voice, at_ms: int) -> bool:
    doubted = voice.state.get(register(channel, "doubted"))
    return doubted is not None and at_ms <= doubted.at_ms


def _stated(channel: Channel, voice: Voice) -> Evidence | None:
    stamped = voice.state.get(register(channel, "stated"))
    if stamped is None:
        return None
    assert isinstance(stamped.value, list)
    strictness, method, label = (*stamped.value, "")[:3]
    says = STRICTNESS[int(str(strictness))]
    at_ms, finer_us = stamped.at_ms, max(0, stamped.seen_us)
    return Evidence(says, "stated", at_ms, str(method), voice.source, voice.ref, finer_us, str(label))


def _newest(found: Iterable[Evidence]) -> Evidence:
    return max(found, key=lambda one: (one.at_ms, one.finer_us, one.register, one.ref, one.method))


def _standing(
    state: ConsentState,
    evidence: Evidence | None,
    others: Iterable[Evidence],
    may_lift: bool = False,  # noqa: FBT001, FBT002  # a fact of the answer, in its order
    granted_by: frozenset[str] = frozenset(),
) -> Standing:
    losing = tuple([one for one in dict.fromkeys(others) if one != evidence])
    return Standing(state, evidence, may_lift, granted_by, losing)
