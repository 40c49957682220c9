"""Removes all that proofs made in the account: canaries, lists, attributes, and the folder when nothing else is in it.

All of it is found by its name and its mark, so that nothing stays where a proof was interrupted. Both tell which Tajo
made it: others may use the account. What this Tajo made before its Redis was emptied looks like theirs.
"""

from __future__ import annotations

from typing import NamedTuple

from customer_sync.brevo.client import Brevo
from customer_sync.brevo.proof import canaries
from customer_sync.brevo.proof.hands import Hands
from customer_sync.store import Store
from customer_sync.store.counters import Tally


class Removed(NamedTuple):
    """What was removed.

    Args:
        contacts: how many canaries.
        lists: the names of the lists.
        attributes: the names of the attributes.
        folder: whether the folder was removed.
        had_proof: whether there was a proof, passed or under way: its doors are closed now.
        others: how many canaries and lists of proofs stay that this Redis does not know.
    """

    contacts: int
    lists: tuple[str, ...]
    attributes: tuple[str, ...]
    folder: bool
    had_proof: bool
    others: int = 0


def clean(store: Store, brevo: Brevo, tally: Tally, *, everyones: bool = False) -> Removed:
    """Close all doors, end the proof that is under way, and remove what proofs made. May be done twice.

    Args:
        store: where the proof is kept.
        brevo: the account.
        tally: counts the calls.
        everyones: whether what any Tajo made is removed, not only what this one is known to have made.

    Raises:
        TajoError: Brevo does not answer, or refuses; what was removed before that is removed.
    """
    proofs = store.proofs
    turn = proofs.seize_turn()  # whoever is at it does no further step
    try:
        had_proof = proofs.run() is not None or proofs.read().proof is not None
        proofs.forget()
        owner = None if everyones else proofs.known_owner()
        hands = Hands(brevo, store.limits, lambda: None, owner)
        folder = hands.folder()
        places = [] if folder is None else hands.lists(folder)
        lists = [one for one in places if canaries.is_title(one.name, owner)]
        emails = hands.find_ours([one.number for one in lists])
        store.proofs.know(store.people.fingerprint(email) for email in emails)
        contacts = sum(hands.delete(email) for email in emails)
        for one in lists:
            hands.delete_list(one.number)
        hands.owner = None
        theirs = [one.number for one in places if one not in lists and canaries.is_title(one.name, None)]
        others = len(theirs) + len(hands.find_ours(theirs))
        there = {} if others else hands.attributes()  # the canaries of another Tajo need theirs
        attributes = [name for name in canaries.ATTRIBUTES if name in there]
        for name in attributes:
            hands.delete_attribute(name)
        is_empty = folder is not None and len(lists) == len(places) and not hands.lists(folder)
        if folder is not None and is_empty:
            hands.delete_folder(folder)
    finally:
        proofs.end_turn(turn)
        store.counters.add(tally)
    return Removed(contacts, tuple(one.name for one in lists), tuple(attributes), is_empty, had_proof, others)
