"""Which lists a contact is on; and, where the operator says so, that leaving one is not leaving everything. Pure.

Brevo tells both with the same event. Without `brevo.leaving_a_list: list` whoever leaves one list is blocked: that is
stricter than they asked. With it they are not, where the contact itself proves that one list was all they left. On any
doubt they are blocked as before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from customer_sync.model import Channel, ConsentState
from customer_sync.person.consent import EVERYWHERE, OF_BREVO, TAKEN_ALONG, Voice, decide, label_of, register
from customer_sync.person.owed import LIST_LEFT
from customer_sync.person.person import ends, voices

if TYPE_CHECKING:
    from collections.abc import Collection

    from customer_sync.brevo.contacts.contact_plan import Rules, View
    from customer_sync.person.merge import Stamped, State
    from customer_sync.person.person import Has, Person

_WITHDRAWN: Final = register(Channel.EMAIL, "withdrawn")


def without_lists_left(person: Person, seen: View, has: Has, rules: Rules) -> tuple[View, frozenset[int]]:
    """Return what follows without the word about single lists, and these lists, where all that a person left is lists.

    A list is proven to be all where the contact is there, is not blocked, and was read after the leaving, with a list
    among those that its person left. What a source with `write_back: lists` tells counts for its lists. Any other
    withdrawal, one that a record took along, and a consent group that was left mean everything: then `seen` is as it
    was, and there are no such lists.

    Args:
        person: all that is known.
        seen: what follows from it.
        has: what Brevo has.
        rules: the operator's decisions.
    """
    as_it_was = seen, frozenset[int]()
    is_withdrawn = seen.word == "active" and seen.email.state is ConsentState.WITHDRAWN
    if rules.apart is None or not is_withdrawn or not has.is_there or has.blocked or has.left_groups:
        return as_it_was
    said = _beside_lists(person.said, has, rules.apart)
    if said is None:
        return as_it_was
    left, heard = set(has.left_lists), list[Voice]()
    for voice in voices(seen.roll.living, rules.missing, label_of(person.email or "")):
        if voice.source in rules.apart and _left_its_lists(voice):
            left.update(rules.lists.get(voice.source, ()))
            heard.append(voice._replace(state={}, missing=ConsentState.UNKNOWN))
        else:
            heard.append(voice)
    over = ends(seen.roll, person.records.values())
    email = decide(Channel.EMAIL, heard, said, person.email or "", over)
    return as_it_was if email.state is ConsentState.WITHDRAWN else (seen._replace(email=email), frozenset(left))


def _beside_lists(said: State, has: Has, apart: Collection[str]) -> dict[str, Stamped] | None:
    """Return what was said of an address beside single lists; None where that it was a list is not proven.

    A leaving of everything has a field of its own, so the newer word about a list does not hide it.
    """
    newest = said.get(_WITHDRAWN)
    if newest is None:
        return dict(said)
    method, source = (str(one) for one in newest.value) if isinstance(newest.value, list) else ("", "")
    if method == LIST_LEFT:
        if not any(at_ms >= newest.at_ms for at_ms in has.left_lists.values()):
            return None
    elif source not in apart:
        return None
    beside = {name: one for name, one in said.items() if name != _WITHDRAWN}
    return {**beside, _WITHDRAWN: said[EVERYWHERE]} if EVERYWHERE in said else beside


def _left_its_lists(voice: Voice) -> bool:
    """Tell whether a record's own platform told that its customer left, and nothing was taken along from elsewhere."""
    own = voice.state.get(_WITHDRAWN)
    if EVERYWHERE in voice.state or (own is not None and str(own.value).startswith((OF_BREVO, TAKEN_ALONG))):
        return False
    return decide(Channel.EMAIL, [voice], {}, "").state is ConsentState.WITHDRAWN


def lists_of(seen: View, has: Has, rules: Rules) -> tuple[int, ...]:
    """Return the lists that the living records earn, each by its own consent."""
    if seen.word != "active":
        return ()
    if seen.email.state is ConsentState.WITHDRAWN:
        return has.lists  # the block is enough; the lists of a blocked contact do not matter
    # a list that the person left is joined again only for a later opt-in
    act = seen.email.evidence
    act_ms = act.at_ms if act is not None and act.register == "granted" else 0
    left = {number for number, at_ms in has.left_lists.items() if at_ms >= act_ms and number not in has.lists}
    earning = {record.source for record in seen.roll.living if record.ref in seen.email.granted_by}
    return tuple(sorted({number for source in earning for number in rules.lists.get(source, ())} - left - rules.absent))
