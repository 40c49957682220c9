"""What a lane's handler gives back: an outcome for each item, and why the lane should pause, if it should."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from customer_sync.errors import ConfigError, Unavailable
from customer_sync.store.lanes import Item, Settlement

Word = Literal["delivered", "unchanged", "again", "held", "parked"]


class Outcome(NamedTuple):
    """What became of one item.

    Args:
        item: the item.
        settlement: what is written to the lane.
        word: `held` is `again` without a burnt try: the limit, the destination or a setting is in the way.
        note: the destination's answer or the reason, for people.
        pause: the error that concerns the whole lane.
    """

    item: Item
    settlement: Settlement
    word: Word
    note: str = ""
    pause: Unavailable | ConfigError | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt on a batch of items.

    Args:
        outcomes: one for each item.
        pause: why the whole lane should wait, None when it should not.
    """

    outcomes: Sequence[Outcome]
    pause: Unavailable | ConfigError | None

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Delivery:
        """Return a delivery that pauses the lane for a wrong setting, or when no call at all got through.

        Where others got through, the destination is not down: the ones that did not are tried again and it counts.
        """
        errors = [outcome.pause for outcome in outcomes if outcome.pause is not None]
        config = next((error for error in errors if isinstance(error, ConfigError)), None)
        if config is not None:
            return cls(outcomes, config)
        if errors and not any(outcome.word in {"delivered", "parked"} for outcome in outcomes):
            return cls(outcomes, errors[0])
        return cls([_counted(outcome) for outcome in outcomes], None)


def _counted(outcome: Outcome) -> Outcome:
    if outcome.pause is None:
        return outcome
    outcome.settlement.burns = True
    return outcome._replace(word="again")


class Handler(Protocol):
    """The worker step of one lane."""

    lane: str

    def batch_size(self) -> int:
        """Return how many items to take at once."""
        ...

    def deliver(self, items: Sequence[Item]) -> Delivery:
        """Try to deliver the items; every one of them has an outcome."""
        ...
