"""What a withdrawal was from: one list, or everything. Kept beside the register that holds the newest of all. Pure.

The register `withdrawn` of an address holds one word, the newest. Where a list may be left alone, a word about a list
must not hide one about everything: so each kind has fields of its own, and in each the newest wins.

| field | of | says |
|---|---|---|
| `whole.<source>` | address | the newest withdrawal that this source told, and that names no list |
| `part.<number>` | address | the newest leaving of this list in Brevo |
| `consent.email.along` | record | the newest withdrawal that it took along from an address that it led to |

They can only show that a word was about a list; one that has no such field is from everything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from customer_sync.model import Channel
from customer_sync.person.consent import register
from customer_sync.person.merge import Stamped, State

#: The fields of an address begin so.
WHOLE, PART = "whole.", "part."
_WITHDRAWN: Final = register(Channel.EMAIL, "withdrawn")
#: The field of a record.
ALONG: Final = register(Channel.EMAIL, "along")
#: What is kept of an erased person: that they withdrew, what answers that no more, or that the mailbox is none.
_KEPT: Final = ("withdrawn", "ticked", "emptied", "doubted", "bounced", "complained")
_KEPT_IN_ERASURE: Final = frozenset(register(one, name) for one in Channel for name in _KEPT)


def told_apart(said: State, lists: Collection[int] = ()) -> dict[str, Stamped]:
    """Return what a withdrawal sets beside the register of the newest; nothing where there is no withdrawal.

    Args:
        said: what the withdrawal sets at its address.
        lists: the lists that were left; without any it is one from everything.
    """
    known = said.get(_WITHDRAWN)
    if known is None:
        return {}
    if lists:
        return {f"{PART}{number}": known._replace(value=None) for number in lists}
    source = known.value[1] if isinstance(known.value, list) else ""
    return {f"{WHOLE}{source}": known}


def is_apart(name: str) -> bool:
    """Tell whether a field says what a withdrawal was from."""
    return name == ALONG or name.startswith((WHOLE, PART))


def is_kept(name: str) -> bool:
    """Tell whether a field is kept of an erased person: that they withdrew, or that the mailbox is none."""
    return name in _KEPT_IN_ERASURE or is_apart(name)


def state_of_address(state: State, source: str) -> dict[str, Stamped]:
    """Return a record's withdrawals as what was said of its address, once nothing else is kept of it."""
    kept = {name: one for name, one in state.items() if name in _KEPT_IN_ERASURE}
    told = {name: one._replace(value=[str(one.value), source]) for name, one in kept.items()}
    along = {WHOLE: state[ALONG]._replace(value=[str(state[ALONG].value), ""])} if ALONG in state else {}
    return {**told, **told_apart(told), **along}


def parts_left(said: State) -> dict[int, int]:
    """Return the lists that were left in Brevo, each with the time, in milliseconds."""
    return {int(name.removeprefix(PART)): one.at_ms for name, one in said.items() if name.startswith(PART)}


def wholes(said: State) -> Iterator[tuple[str, Stamped]]:
    """Yield what was said of everything: (source, its newest word)."""
    for name, one in said.items():
        if name.startswith(WHOLE):
            yield name.removeprefix(WHOLE), one
