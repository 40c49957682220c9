"""Rounds: a cart that is bought and filled again begins a new series; pure.

Platforms may keep a cart's id for years. What was sent and bought in an earlier round says nothing about this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from customer_sync.series.options import ORDER_PLACED, Experiment, Options, Variant
from customer_sync.series.records import Purchase
from customer_sync.series.seen import Ended, Seen, Sent, Why

#: A platform touches a cart once more while it is bought, and tells so after the order. A touch so soon after an order
#: that names the cart is no new shopping; after an order that does not name it, only a touch within the shorter time.
AFTERMATH: Final = timedelta(minutes=10)
SHORT_AFTERMATH: Final = timedelta(minutes=1)
#: Ends in whose place a later order is told: the series may have brought it.
_MAY_RECOVER: Final = frozenset({Why.LOST, Why.EMPTIED})
#: How long a cart that says itself that it was bought waits for the order: one that names the cart is its order also
#: later, one of the person that names no cart only in this time.
PATIENCE: Final = timedelta(days=1)


class Bought(NamedTuple):
    """An order of the person, or one that names the cart.

    Args:
        purchase: the order.
        names_it: whether it names the cart.
        completed_at: when the cart itself says that this bought it; None where it says nothing of it.
    """

    purchase: Purchase
    names_it: bool
    completed_at: datetime | None = None

    def ends(self, seen: Seen) -> bool:
        """Tell whether the cart was not touched since."""
        slack = AFTERMATH if self.names_it else SHORT_AFTERMATH
        return seen.cart.touched_at <= self.purchase.at + slack


class Round(NamedTuple):
    """How a cart's series stands.

    Args:
        sent: its mails, the earliest first.
        bought: the order that ends it now; None without one.
        stands: the stored end, where nothing has happened since.
        is_recovered: whether the order came after a mail of this series, and is this cart's own.
        completed_at: when the cart itself says that it was bought, where that ends it now.
    """

    sent: tuple[Sent, ...]
    bought: Purchase | None = None
    stands: Ended | None = None
    is_recovered: bool = False
    completed_at: datetime | None = None

    @property
    def next_step(self) -> int:
        """The number of the mail that comes next, from 1."""
        return max((one.step for one in self.sent), default=0) + 1

    def variant_in(self, experiment: Experiment) -> Variant | None:
        """Return the variant that the series had so far, where the experiment still has it."""
        named = {one.name: one for one in experiment.variants}
        return next((named[one.variant] for one in self.sent if one.variant in named), None)


def round_of(seen: Seen, options: Options) -> Round:
    """Return how a cart's series stands."""
    orders = sorted(_with_its_order(seen, [*_orders(seen, options)]), key=_in_time)
    ending = [one for one in orders if one.ends(seen)]
    completed = next((one for one in ending if one.completed_at is not None), None)
    is_unnamed = _is_unnamed(seen.ended) and completed is not None
    sent = _sent(seen, options, [one for one in orders if not one.ends(seen)], is_same=is_unnamed)
    stands = None if is_unnamed else _standing(seen, ending)
    if stands is not None:
        latest = stands.at + options.max_age
        ending = [one for one in ending if stands.why in _MAY_RECOVER and one.purchase.at <= latest]
    if not ending:
        return Round(sent, stands=stands)
    ends = completed if completed in ending else ending[0]
    is_recovered = bool(sent) and ends.purchase.at >= sent[0].at and _is_its_own(seen, ends)
    return Round(sent, ends.purchase, None, is_recovered, ends.completed_at)


def _in_time(one: Bought) -> tuple[datetime, str]:
    return one.purchase.at, one.purchase.order


def _is_unnamed(ended: Ended | None) -> bool:
    """Tell whether a series was ended by the cart's own word, and its order was not known."""
    return ended is not None and ended.why is Why.BOUGHT and ended.order == ""


def _with_its_order(seen: Seen, orders: Sequence[Bought]) -> list[Bought]:
    """Put the order into the place of the cart's own word that it was bought, at the time of that word."""
    word = next((one for one in orders if not one.purchase.order), None)
    if word is None or not word.ends(seen):
        return [*orders]
    at = word.purchase.at
    found = min((one for one in orders if one is not word and _may_be_its(one, at)), key=_nearness(at), default=word)
    return [
        *(one for one in orders if one is not word and one is not found),
        Bought(found.purchase._replace(at=at), names_it=True, completed_at=at),
    ]


def _may_be_its(one: Bought, completed_at: datetime) -> bool:
    """Tell whether an order may be that of a cart that says when it was bought."""
    at = one.purchase.at
    is_in_time = one.names_it or (not one.purchase.carts and at <= completed_at + PATIENCE)
    return is_in_time and at >= completed_at - AFTERMATH


def _nearness(completed_at: datetime) -> Callable[[Bought], tuple[bool, timedelta, str]]:
    return lambda one: (not one.names_it, abs(one.purchase.at - completed_at), one.purchase.order)


def _orders(seen: Seen, options: Options) -> Iterator[Bought]:
    """Yield the orders that may end the series, each once, those that name the cart first."""
    own = [*seen.cart.bought, *(one for one in seen.purchases if one.carts & seen.cart.names)]
    other = seen.purchases if ORDER_PLACED in options.stop_on else ()
    known: set[str] = set()
    for purchase, names_it in [*((one, True) for one in own), *((one, False) for one in other)]:
        if purchase.order not in known:
            known.add(purchase.order)
            yield Bought(_as_known(purchase, seen.ended), names_it)


def _as_known(purchase: Purchase, ended: Ended | None) -> Purchase:
    """Return an order with the time at which it ended a round, if it did: what changes in it later is no purchase."""
    has_ended = ended is not None and ended.why is Why.BOUGHT and ended.order == purchase.order
    return purchase._replace(at=min(purchase.at, ended.at)) if ended is not None and has_ended else purchase


def _standing(seen: Seen, ending: Sequence[Bought]) -> Ended | None:
    """Return the stored end, unless the cart was touched since; the aftermath of its order is no touch."""
    ended = seen.ended
    if ended is None:
        return None
    if seen.cart.touched_at <= (ended.touched_at or ended.at):
        return ended
    is_same = ended.why is Why.BOUGHT and any(one.purchase.order == ended.order for one in ending)
    return ended if is_same else None


def _sent(seen: Seen, options: Options, before: Sequence[Bought], *, is_same: bool) -> tuple[Sent, ...]:
    """Return the mails of this round: those after the last order before it, and after an end long before it.

    With `is_same` the stored end is that of this round.
    """
    starts = [one.purchase.at for one in before]
    ended, touched_at = seen.ended, seen.cart.touched_at
    if (
        ended is not None
        and not is_same
        and touched_at > ended.at
        and (ended.why is Why.BOUGHT or touched_at > ended.at + options.max_age)
    ):
        starts.append(ended.at)
    found = [one for one in seen.sent if all(one.at > start for start in starts)]
    return tuple(sorted(found, key=lambda one: (one.at, one.step)))


def _is_its_own(seen: Seen, bought: Bought) -> bool:
    """Tell whether an order is this cart's: it names the cart, or it names none and this is the person's newest."""
    if bought.names_it:
        return True
    here = (seen.cart.touched_at, seen.id)
    return not bought.purchase.carts and all((one.touched_at, one.id) < here for one in seen.others)
