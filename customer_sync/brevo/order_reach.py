"""Whether an order may name its buyer: only a contact that Brevo has; for one that is about to be there, orders wait.

Brevo does not say whether an order for an address that it does not know makes a contact, and such a contact would be
mailable. An order that names nobody belongs to nobody in Brevo, until it is sent again.
"""

from __future__ import annotations

from typing import Final, Literal

from customer_sync.base import retry
from customer_sync.brevo.contacts.contact_plan import Rules, heard, is_gone, view
from customer_sync.model import ConsentState
from customer_sync.person.person import Person

#: For how long an order waits for its contact, in ms: one that happens now, and history. Then it names nobody.
LIVE_MS: Final = 60_000
HISTORY_MS: Final = 3_600_000
#: How soon it is looked again, in ms, at first and at most; the longer it waits already, the later.
_LIVE_SOON_MS, _LIVE_MOST_MS = 25, 2_000
_SOON_MS, _MOST_MS = 1_000, 300_000
#: How soon an order that named nobody is looked at again, in ms, at first and at most.
_AGAIN_MS, _AGAIN_MOST_MS = 60_000, 3_600_000

#: `there`: Brevo has the contact, and it may be named; `comes`: the contact's own changes wait for Brevo; `missing`:
#: there should be a contact, and nothing is under way, as when it is parked; `nobody`: no customer leads to the
#: address; `left`: somebody withdrew or was deleted.
Reach = Literal["there", "comes", "missing", "nobody", "left"]


def reach(person: Person, rules: Rules, *, is_waiting: bool) -> Reach:
    """Return how an order reaches its buyer.

    Args:
        person: the buyer, with an address, and with the changes that wait.
        rules: the operator's.
        is_waiting: whether changes of the buyer wait for Brevo.
    """
    seen, has = view(person, rules), heard(person)
    has_left = seen.email.state is ConsentState.WITHDRAWN
    if has.is_there and (has.blocked or not has_left):
        return "there"
    if has_left or seen.word == "deleted" or is_gone(person, has, seen):
        return "comes" if is_waiting else "left"
    if seen.word != "active":
        return "nobody"
    return "comes" if is_waiting else "missing"


def wait_ms(waited_ms: int, *, is_history: bool) -> int | None:
    """Return how long to wait for a contact until the next look, in ms; None where the order waited long enough.

    A person who is new is in Brevo within milliseconds where they come by webhook, and with the import of a first run
    within minutes: so history is looked at ever more rarely, about twenty times in its hour.
    """
    if waited_ms >= (HISTORY_MS if is_history else LIVE_MS):
        return None
    soon, most = (_SOON_MS, _MOST_MS) if is_history else (_LIVE_SOON_MS, _LIVE_MOST_MS)
    return min(max(soon, waited_ms // 2), most)


def look_ms(since_ms: int, now_ms: int) -> int | None:
    """Return when to look again at an order that names nobody since `since_ms`; None after 72 hours."""
    over_ms = now_ms - since_ms
    if over_ms >= retry.HORIZON_S * 1000:
        return None
    return now_ms + min(max(_AGAIN_MS, over_ms // 2), _AGAIN_MOST_MS)
