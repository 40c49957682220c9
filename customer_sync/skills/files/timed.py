"""What a schedule makes of a customer: whether its conditions hold, and what is asked for then. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from customer_sync.engine.plan import RecordSays, Who
from customer_sync.model import Json, OrderState, from_ms, to_ms
from customer_sync.person.merge import SINCE
from customer_sync.person.person import Person, Record, attributes, roll
from customer_sync.person.totals import Ordered, Sums, add_up
from customer_sync.skills.files.conditions import SOURCE
from customer_sync.skills.files.form import Timer
from customer_sync.skills.files.skill import LANES, FileSkill, wish

#: Orders in these states are none: nothing was bought yet, or nobody knows.
_NONE_YET: Final = frozenset({None, OrderState.DRAFT})


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot of a schedule, and by what people are judged.

    Args:
        skill: the skill.
        timer: its schedule.
        at: when it is, UTC: every time is compared with it, however late somebody's turn comes.
        sources: the sources that the skill acts on.
        sharing: see `customer_sync.person.person.roll`.
        currency: what Brevo shows amounts in; None where that is not known.
    """

    skill: FileSkill
    timer: Timer
    at: datetime
    sources: Collection[str]
    sharing: AbstractSet[str] = field(default_factory=frozenset)
    currency: str | None = None

    def steps(self, number: str, person: Person, orders: Sequence[Ordered]) -> Iterator[RecordSays]:
        """Yield what is asked for of a customer: nothing where a condition does not hold, or a fact is unknown.

        Args:
            number: the person's.
            person: them.
            orders: theirs, of all sources.
        """
        of_source = [one for one in self.timer.conditions if one.name == SOURCE]
        sources = {name for name in self.sources if all(one.is_met(name) for one in of_source)}
        living = [one for one in roll(person, self.sharing).living if one.source in sources]
        theirs = [one for one in orders if one.source in sources]
        if not living or person.email is None:
            return
        sums = add_up(theirs, self.currency)
        known = self._known(living, theirs, sums)
        if all(one.is_met(known.get(one.name)) for one in self.timer.conditions if one.name != SOURCE):
            yield from self._asked(number, person.email, living, sums)

    def _known(self, living: Iterable[Record], orders: Iterable[Ordered], sums: Sums) -> Mapping[str, Decimal | None]:
        """Return what can be told of a customer; orders that cannot be added make their sums unknown."""
        values = _values(sums)
        return {
            "total_orders": _decimal(values.get("totalOrders")),
            "total_spent": _decimal(values.get("totalSpent")),
            "time_since_order": self._seconds_since(_ordered_at(orders)),
            "time_since_signup": self._seconds_since(_signed_up_at(living)),
        }

    def _seconds_since(self, at: datetime | None) -> Decimal | None:
        return None if at is None else Decimal(to_ms(self.at) - to_ms(at)) / 1000

    def _asked(self, number: str, email: str, living: Sequence[Record], sums: Sums) -> Iterator[RecordSays]:
        # an account before a box on an order, and who has been there the longest
        one = min(living, key=lambda record: (record.id is None, record.since_ms, record.ref))
        known = {name: told.stamped.value for name, told in attributes(living).items()}
        mapping = self.skill.mapping_for(one.source)
        fields = {name: known[attribute] for name, attribute in mapping.items() if attribute in known}
        names: Mapping[str, Any] = {
            "contact": {**known, **fields, **_values(sums), "email": email},
            "event": {"kind": "schedule", "time": self.at.isoformat(), "source": one.source},
        }
        who = Who(one.source, self.at, one.id, email if one.id is None else None, only_known=True)
        for place, action in enumerate(self.skill.file.actions):
            yield RecordSays(
                LANES[action.word],
                one.source,
                f"skill:{self.skill.name}:{place}:{to_ms(self.at)}:{number}",
                self.at,
                wish(self.skill.name, action, names, self.at),
                who,
            )


def _values(sums: Sums) -> Mapping[str, Json]:
    return {} if sums.left_out else sums.values


def _decimal(value: Json) -> Decimal | None:
    return Decimal(str(value)) if isinstance(value, int | float) else None


def _ordered_at(orders: Iterable[Ordered]) -> datetime | None:
    """Return when the last order was placed, whatever became of it; None without one, and where one tells no time."""
    found = [_time(one.created_at) for one in orders if one.state not in _NONE_YET and not one.is_test]
    times = [at for at in found if at is not None]
    return max(times) if times and len(times) == len(found) else None


def _signed_up_at(living: Iterable[Record]) -> datetime | None:
    """Return the earliest time that is known of an account."""
    since = [-one.state[SINCE].at_ms for one in living if one.id is not None and SINCE in one.state]
    return from_ms(min(since)) if since else None


def _time(text: str | None) -> datetime | None:
    try:
        at = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
