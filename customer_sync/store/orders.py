"""The orders of people, read for their totals: many people in one round trip, no question where nobody sums."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from customer_sync.base.log import get
from customer_sync.model import Json
from customer_sync.person.merge import WHOM, merge
from customer_sync.person.totals import Ordered, ordered
from customer_sync.store.forms import NewerForm, decode_kept, kept_values
from customer_sync.store.items import Item, part_or_none
from customer_sync.store.scripts import Scripts, as_text

log = get(__name__)

#: How many people are asked for in one step: their orders are a few megabytes, and Redis is busy for some milliseconds.
AT_ONCE = 500

#: The refs of the records in a person's stored text, see `_people.lua`.
_REFS = re.compile(r"\n([a-z2-7]{16})\[")


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

    def of_items(self, items: Sequence[Item]) -> list[tuple[Ordered, ...]]:
        """Return the same for people whose items were taken: their records are known."""
        return self.of([_asked(item) for item in items])

    def read(self, lane: str, asked: Sequence[str]) -> list[tuple[Ordered, ...]]:
        """Return the orders of each person that a lane knows, whether or not totals are asked for.

        Args:
            lane: the lane.
            asked: their numbers; behind one may stand the refs of its records, see `orders_of.lua`.
        """
        found: list[tuple[Ordered, ...]] = [()] * len(asked)
        for start in range(0, len(asked), AT_ONCE):
            people, names = self._scripts.run("orders_of", lane, *asked[start : start + AT_ONCE])
            texts = [as_text(one) for one in names]
            now = dict(zip(texts[::2], texts[1::2], strict=True))
            for place, whoms, records in people:
                found[start + int(place) - 1] = _orders({as_text(one) for one in whoms}, records, now)
        return found


def _asked(item: Item) -> str:
    refs = {*_REFS.findall(item.record), *(part.ref for part in item.parts if part.ref)}
    return f"{item.target}:{' '.join(refs)}"


def _orders(whoms: set[str], records: Any, now: Mapping[str, str]) -> tuple[Ordered, ...]:
    found = (_order(as_text(target), as_text(record), changes, now) for target, record, changes in records)
    # what is somebody else's by the newest word is left out
    return tuple(sorted((one for one in found if one is not None and one.whom in whoms), key=lambda one: one.target))


def _order(target: str, record: str, changes: Sequence[bytes], now: Mapping[str, str]) -> Ordered | None:
    try:
        fields = _fields(record, changes)
    except NewerForm as error:
        log.warning("an order is left out of totals", reason=str(error))
        return None
    whom = str(fields.get(WHOM) or "")
    return ordered(target, fields, now.get(whom, whom))


def _fields(record: str, changes: Sequence[bytes]) -> dict[str, Json]:
    """Return the fields of an order; stamps are looked at only where changes wait."""
    if not changes:
        return kept_values(record)
    parts = [one[0] for text in changes if (one := part_or_none(as_text(text))) is not None]
    state = merge([decode_kept(record).state, *(part.state for part in parts)])
    return {name: stamped.value for name, stamped in state.items()}
