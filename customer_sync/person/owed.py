"""Which opt-outs a platform is to be told: those that were said outside of every platform, and still hold. Pure.

An opt-out in Brevo, a complaint and a bounce concern the address at every source. So does one that the API told of an
address. What a platform tells goes to Brevo, and to no other platform: shops and CRMs fill boxes by themselves.

Fields that are only of use here:

| field | of | says |
|---|---|---|
| `consent.email.everywhere` | address | the newest such act; a later one of a platform or of a list does not hide it |
| the same | record | the newest that it took along from an address that it led to |
| `left.<number>` | address | the person left this list in Brevo |
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final, NamedTuple

from customer_sync.model import Channel, Consent, ConsentState, Json, to_ms
from customer_sync.person.consent import (
    EVERYWHERE,
    OF_BREVO,
    TAKEN_ALONG,
    Ends,
    Evidence,
    Standing,
    decide,
    label_of,
    register,
)
from customer_sync.person.merge import Stamped, State, merge
from customer_sync.person.person import Person, Record, Roll, ends, roll, voices

#: Who speaks for no platform: Brevo. Its methods begin so, too.
BREVO: Final = "brevo"
#: The mailbox does not take mails. It has a register of its own, and nobody takes it along to another mailbox.
_BOUNCE: Final = "brevo:hard_bounce"
#: Somebody left a list, and not everything.
LIST_LEFT: Final = "brevo:unsubscribed_list"
#: What is said of a list that was left begins so.
LEFT: Final = "left."
_WITHDRAWN: Final = register(Channel.EMAIL, "withdrawn")
_GRANTED: Final = register(Channel.EMAIL, "granted")
_CLEARED: Final = register(Channel.EMAIL, "cleared")
_LASTING: Final = tuple(register(Channel.EMAIL, name) for name in ("bounced", "complained"))

#: What stands for an address in the name of an item holds nothing but letters and digits, `-` and `_`.
_PLAIN: Final = str.maketrans("+/", "-_", "=")


class Owed(NamedTuple):
    """An opt-out that a platform is to be told of one record.

    Args:
        record: the record; one without an id is a buyer without an account, who cannot be told of.
        at_ms: when the person said it.
        method: how, in Brevo's or the API's word.
        is_known: whether the platform itself told a withdrawal since, so that nothing is owed any more.
    """

    record: Record
    at_ms: int
    method: str
    is_known: bool = False


class Terms(NamedTuple):
    """What a source's platform is told.

    Args:
        lists: the lists in Brevo that stand for the source's own consent: leaving one is told, too.
    """

    lists: tuple[int, ...] = ()


def everywhere(consent: Consent, source: str, *, speaks: bool) -> dict[str, Stamped]:
    """Return what a withdrawal adds to what was said of its address, where it concerns the address at every source.

    Args:
        consent: what was said.
        source: who said it.
        speaks: whether the source speaks of addresses, for no platform.
    """
    is_act = consent.state is ConsentState.WITHDRAWN and consent.channel is Channel.EMAIL and consent.explicit
    if not speaks or not is_act or consent.method in {LIST_LEFT, _BOUNCE}:
        return {}
    return {EVERYWHERE: Stamped([consent.method, source], to_ms(consent.at))}


def outlasting(said: State) -> dict[str, Stamped]:
    """Return what was said of an address, with a leaving of everything in Brevo so that no later word hides it.

    A block that is found in Brevo tells of no act, and concerns the address at every source all the same. Without a
    field of its own it would be gone as soon as the first platform that was told says it again, with a later time.
    """
    known = said.get(_WITHDRAWN)
    if known is None or not isinstance(known.value, list):
        return dict(said)
    method, source = (str(one) for one in known.value)
    return merge([said, {EVERYWHERE: known}]) if source == BREVO and method != LIST_LEFT else dict(said)


def lists_left(numbers: Collection[int]) -> dict[str, Json]:
    """Return what is said of an address whose person left lists."""
    return {f"{LEFT}{number}": None for number in numbers}


def may_owe(said: State, records: Mapping[str, Record]) -> bool:
    """Tell whether anything could be owed at all: of nearly nobody it is."""
    if any(name in said for name in (_WITHDRAWN, EVERYWHERE, *_LASTING)):
        return True
    return any(EVERYWHERE in one.state or _borrowed(one) is not None for one in records.values())


def concerning(
    person: Person,
    terms: Mapping[str, Terms],
    sharing: frozenset[str],
    missing: Mapping[str, ConsentState],
    finding: frozenset[str] = frozenset(),
) -> list[Owed]:
    """Return the opt-outs of a person that concern the platforms, told already or not; what no `is_known` is owed.

    Args:
        person: all that is known.
        terms: source → what its platform is told; sources that are not here are told nothing.
        sharing: the sources whose platform lets several customers have one address.
        missing: source → what to make of a record without any consent.
        finding: the sources whose platform finds its customers by an address that no record tells of.
    """
    if not person.email or not may_owe(person.said, person.records):
        return []
    found = roll(person, sharing)
    standing = _standing(person, found, missing)
    if standing.state is not ConsentState.WITHDRAWN:
        return []
    have_accounts = {one.source for one in found.living if one.id is not None}
    told: list[Owed] = []
    for record in (*found.living, *_unlinked(person, finding)):
        is_asked = record.source in terms and (record.id is not None or record.source not in have_accounts)
        newest = _newest(person, record, standing, terms[record.source].lists) if is_asked else None
        if newest is not None:
            told.append(Owed(record, newest.at_ms, newest.method, _knows(record, newest.at_ms)))
    return told


def _unlinked(person: Person, finding: frozenset[str]) -> Iterator[Record]:
    """Yield what stands for a customer whom a platform may know by this address, though no record of it led here."""
    known = {one.source for one in person.records.values()}
    ref = label_of(person.email or "").translate(_PLAIN)
    for source in sorted(finding - known):
        yield Record(ref, source, None, {})


def _standing(person: Person, found: Roll, missing: Mapping[str, ConsentState]) -> Standing:
    label = label_of(person.email or "") if any(_GRANTED in one.state for one in found.living) else ""
    over: Ends = ends(found, person.records.values())
    return decide(Channel.EMAIL, voices(found.living, missing, label), person.said, person.email or "", over)


def _newest(person: Person, record: Record, standing: Standing, lists: tuple[int, ...]) -> Evidence | None:
    """Return the newest withdrawal that concerns a record and that no opt-in answers."""
    grants = [one for one in (standing.evidence, *standing.losing) if one is not None and one.register == "granted"]
    label = label_of(person.email or "")
    told = [*_of_address(person.said), *_of_lists(person, lists), *_of_record(record)]
    still = [one for one in told if one.register in {"bounced", "complained"} or not _is_answered(one, grants, label)]
    return max(still, key=lambda one: (one.at_ms, one.method), default=None)


def _of_address(said: State) -> Iterator[Evidence]:
    cleared = said.get(_CLEARED)
    for name in (EVERYWHERE, _WITHDRAWN, *_LASTING):
        stamped = said.get(name)
        if stamped is None or not isinstance(stamped.value, list):
            continue
        method, source = (str(one) for one in stamped.value)
        is_over = name in _LASTING and cleared is not None and cleared.at_ms >= stamped.at_ms
        is_ours = name != _WITHDRAWN or (source == BREVO and method != LIST_LEFT)
        if is_ours and not is_over:
            yield _evidence(name.rpartition(".")[2], stamped, method, source)


def _of_lists(person: Person, lists: tuple[int, ...]) -> Iterator[Evidence]:
    for number in lists:
        stamped, seen_ms = person.said.get(f"{LEFT}{number}"), person.has.left_lists.get(number)
        if stamped is not None:
            yield _evidence("left", stamped, LIST_LEFT, BREVO)
        if seen_ms is not None:
            yield _evidence("left", Stamped(None, seen_ms), LIST_LEFT, BREVO)


def _of_record(record: Record) -> Iterator[Evidence]:
    borrowed, everywhere_ = _borrowed(record), record.state.get(EVERYWHERE)
    if borrowed is not None:
        yield _evidence("withdrawn", borrowed, str(borrowed.value), record.source)._replace(ref=record.ref)
    if everywhere_ is not None and isinstance(everywhere_.value, list):
        yield _evidence("everywhere", everywhere_, str(everywhere_.value[0]), record.source)._replace(ref=record.ref)


def _borrowed(record: Record) -> Stamped | None:
    """Return the withdrawal that a record took along from the address that it had before, where Brevo told it."""
    stamped = record.state.get(_WITHDRAWN)
    method = str(stamped.value) if stamped is not None else ""
    return stamped if method.startswith(OF_BREVO) and method != LIST_LEFT else None


def _evidence(name: str, stamped: Stamped, method: str, source: str) -> Evidence:
    finer_us = max(0, stamped.seen_us)
    return Evidence(ConsentState.WITHDRAWN, name, stamped.at_ms, method, source, finer_us=finer_us)


def _is_answered(told: Evidence, grants: list[Evidence], label: str) -> bool:
    return any(one.is_newer(told) and (one.label == label or bool(told.ref and told.ref == one.ref)) for one in grants)


def _knows(record: Record, at_ms: int) -> bool:
    """Tell whether the platform itself told a withdrawal since, and no opt-in after that."""
    own, granted = record.state.get(_WITHDRAWN), record.state.get(_GRANTED)
    if own is None or str(own.value).startswith((OF_BREVO, TAKEN_ALONG)) or own.at_ms < at_ms:
        return False
    return granted is None or granted.at_ms < own.at_ms
