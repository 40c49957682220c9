"""The orders of people, read for their totals: many people in one round trip, no question where nobody sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from customer_sync.base.log import get
from customer_sync.person.merge import merge, whom_of
from customer_sync.person.totals import Ordered, ordered
from customer_sync.store.forms import NewerForm, decode_kept
from customer_sync.store.items import part_or_none
from customer_sync.store.scripts import Scripts, as_text

log = get(__name__)

#: How many people are asked for in one step: their orders are a few megabytes, and Redis is busy for some milliseconds.
AT_ONCE = 500


class Orders:
    """The orders of people.

    Attributes:
        lane: the lane of the orders that are summed up; "" where no mapping asks for totals: then nobody has any.
    """

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        self.lane = ""

    def of(self, numbers: Sequence[str]) -> list[tuple[Ordered, ...]]:
        """Return the orders of each person, those whose changes wait too; none where totals are not asked for."""
        if not self.lane or not numbers:
            return [()] * len(numbers)
        return self.read(self.lane, numbers)

    def read(self, lane: str, numbers: Sequence[str]) -> list[tuple[Ordered, ...]]:
        """Return the orders of each person that a lane knows, whether or not totals are asked for."""
        found: list[tuple[Ordered, ...]] = []
        for start in range(0, len(numbers), AT_ONCE):
            people, names = self._scripts.run("orders_of", lane, *numbers[start : start + AT_ONCE])
            texts = [as_text(one) for one in names]
            now = dict(zip(texts[::2], texts[1::2], strict=True))
            found += [_orders(raw, now) if raw else () for raw in people]
        return found


def _orders(raw: Any, now: Mapping[str, str]) -> tuple[Ordered, ...]:
    whoms = {as_text(one) for one in raw[0]}
    found = (_order(as_text(target), record, changes, now) for target, record, changes in raw[1])
    # what is somebody else's by the newest word is left out
    return tuple(sorted((one for one in found if one is not None and one.whom in whoms), key=lambda one: one.target))


def _order(target: str, record: bytes, changes: Sequence[bytes], now: Mapping[str, str]) -> Ordered | None:
    try:
        kept = decode_kept(as_text(record))
    except NewerForm as error:
        log.warning("an order is left out of totals", reason=str(error))
        return None
    parts = [one[0] for text in changes if (one := part_or_none(as_text(text))) is not None]
    state = merge([kept.state, *(part.state for part in parts)])
    whom = whom_of(state)
    return ordered(target, state, now.get(whom, whom))
