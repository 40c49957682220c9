"""Which lists a contact is on; and, where the operator says so, that leaving one is not leaving everything. Pure.

Brevo tells both with the same event. Without `brevo.leaving_a_list: list` whoever leaves one list is blocked: that is
stricter than they asked. With it they are not, where the contact itself proves that one list was all they left. On any
doubt they are blocked as before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from customer_sync.brevo.contacts.leavings import left_known_ms
from customer_sync.model import Channel, ConsentState
from customer_sync.person.apart import ALONG, parts_left, wholes
from customer_sync.person.consent import EVERYWHERE, OF_BREVO, TAKEN_ALONG, Voice, decide, label_of, register
from customer_sync.person.merge import Stamped
from customer_sync.person.person import ends, voices

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from customer_sync.brevo.contacts.contact_plan import Rules, View
    from customer_sync.person.merge import State
    from customer_sync.person.person import Has, Person

_WITHDRAWN: Final = register(Channel.EMAIL, "withdrawn")
#: What a record tells of leaving; without it only its opt-ins are left.
_LEAVING: Final = frozenset((_WITHDRAWN, register(Channel.EMAIL, "emptied")))


def lists_wanted(person: Person, seen: View, has: Has, rules: Rules) -> tuple[View, tuple[int, ...]]:
    """Return what follows for the block, and the lists that the contact is to be on.

    Where all that a person left is lists, what follows is without the word about these. After a later opt-in to one of
    them the contact stays on the others that it is on: it is not that word which takes it off them.

    Args:
        person: all that is known.
        seen: what follows from it.
        has: what Brevo has.
        rules: the operator's decisions.
    """
    earned = lists_of(seen, has, rules)
    found = _without_lists_left(person, seen, has, rules)
    if found is None:
        return seen, earned
    beside, left = found
    others = [one for one in lists_of(beside, has, rules) if one not in left]
    if seen.email.state is ConsentState.WITHDRAWN:
        return beside, tuple(others)
    return seen, tuple(sorted({*earned, *(set(others) & set(has.lists))}))


def _without_lists_left(person: Person, seen: View, has: Has, rules: Rules) -> tuple[View, frozenset[int]] | None:
    """Return what follows without the word about single lists, and these lists; None where that is not all.

    A list is proven to be all where the contact is there, is not blocked, and shows every list that its person left as
    left since then. What a source with `write_back: lists` tells counts for its lists, while its record is here. Any
    other withdrawal, one that a record took along, and a consent group that was left mean everything.
    """
    if rules.apart is None or seen.word != "active" or not has.is_there or has.blocked or has.left_groups:
        return None
    email = person.email or ""
    left, heard, lists_only = set(has.left_lists), list[Voice](), set[str]()
    for voice in voices(seen.roll.living, rules.missing, label_of(email)):
        if voice.source not in rules.apart or _took_along(voice):
            heard.append(voice)
            continue
        lists_only.add(voice.source)
        if decide(Channel.EMAIL, [voice], {}, "").state is ConsentState.WITHDRAWN:
            left.update(rules.lists.get(voice.source, ()))
            heard.append(voice._replace(state={}, missing=ConsentState.UNKNOWN))
        else:
            heard.append(_yes_of(voice))
    opt_ins = [_yes_of(one) for one in voices(seen.roll.living, {}, label_of(email))]
    if not _are_all_known(person.said) or not _are_proven(person.said, has, opt_ins, email):
        return None
    said = _of_everything(person.said, lists_only)
    standing = decide(Channel.EMAIL, heard, said, email, ends(seen.roll, person.records.values()))
    return None if standing.state is ConsentState.WITHDRAWN else (seen._replace(email=standing), frozenset(left))


def is_unread(person: Person, has: Has, rules: Rules, blocked: bool | None) -> bool:  # noqa: FBT001  # as in a plan
    """Tell whether the contact is to be read, as it alone shows whether the lists that its person left were all.

    Args:
        person: all that is known.
        has: what Brevo has.
        rules: the operator's decisions.
        blocked: what the plan does with the block: before it is set the contact is read once more.
    """
    if has.blocked:
        return False
    if rules.apart is None:
        known_ms, told = left_known_ms(person.said), person.said.get(EVERYWHERE)
        return blocked is True and known_ms is not None and (told is None or told.at_ms < known_ms)
    return any(
        has.left_lists.get(number, -1) < at_ms and (blocked is True or has.at_ms < at_ms)
        for number, at_ms in parts_left(person.said).items()
    )


def _are_all_known(said: State) -> bool:
    """Tell whether the newest withdrawal is known for what it was from; one that an older version kept is not."""
    newest = said.get(_WITHDRAWN)
    known = [*parts_left(said).values(), *(one.at_ms for _, one in wholes(said))]
    return newest is None or newest.at_ms <= max(known, default=-1)


def _are_proven(said: State, has: Has, opt_ins: Collection[Voice], email: str) -> bool:
    """Tell whether the contact shows each list that was left as left since then.

    One that the person opted in to again shows nothing any more. It is no doubt if Brevo accepted the contact since:
    the proof was asked for then, and without it the contact was blocked, or taken off the other lists.
    """
    for number, at_ms in parts_left(said).items():
        if has.left_lists.get(number, -1) >= at_ms:
            continue
        word = {_WITHDRAWN: Stamped(["", ""], at_ms)}
        if has.at_ms <= at_ms or decide(Channel.EMAIL, list(opt_ins), word, email).state is ConsentState.WITHDRAWN:
            return False
    return True


def _of_everything(said: State, lists_only: Collection[str]) -> dict[str, Stamped]:
    """Return what was said of an address beside single lists: of everything, the newest."""
    words = [one for source, one in wholes(said) if source not in lists_only]
    words += [said[EVERYWHERE]] if EVERYWHERE in said else []
    beside = {name: one for name, one in said.items() if name != _WITHDRAWN}
    return {**beside, _WITHDRAWN: _newest_of(words)} if words else beside


def _newest_of(words: Iterable[Stamped]) -> Stamped:
    """Return the newest word."""
    return max(words, key=lambda one: (one.at_ms, one.seen_us, str(one.value)))


def _took_along(voice: Voice) -> bool:
    """Tell whether a record took a withdrawal along from elsewhere: that one is from everything."""
    own = voice.state.get(_WITHDRAWN)
    is_borrowed = own is not None and str(own.value).startswith((OF_BREVO, TAKEN_ALONG))
    return is_borrowed or EVERYWHERE in voice.state or ALONG in voice.state


def _yes_of(voice: Voice) -> Voice:
    return voice._replace(state={name: one for name, one in voice.state.items() if name not in _LEAVING})


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
