"""Walks through all people: where each schedule of a skill stands. A killed worker's walk goes on from here.

Who moves a walk has read where it was. Of two who read the same one moves it, and the other one changes nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import orjson
import redis

from customer_sync.store import keys
from customer_sync.store.scripts import Scripts, as_text


class Walk(NamedTuple):
    """A walk, or the last slot of a schedule.

    Args:
        file: what stands for the file that the schedule is in.
        slot_ms: the slot that was begun, or passed over, last.
        next: the number of the person who is next; 0 where no walk is under way.
        last: the number of the last person of the walk: who comes later is not in it.
        asked: for how many customers something was asked for.
    """

    file: str
    slot_ms: int
    next: int = 0
    last: int = 0
    asked: int = 0


class Walks:
    """The walks of this installation, by schedule."""

    def __init__(self, client: redis.Redis, scripts: Scripts) -> None:
        self._client = client
        self._scripts = scripts

    def all(self) -> dict[str, Walk]:
        """Return schedule → its walk."""
        return {as_text(name): Walk(*orjson.loads(text)) for name, text in self._client.hgetall(keys.WALKS).items()}

    def move(self, name: str, before: Walk | None, after: Walk | None) -> bool:
        """Write where a walk is, None to forget it; False when it is elsewhere than `before` meanwhile."""
        return bool(self._scripts.run("walk_swap", name, _text(before), _text(after)))


def _text(walk: Walk | None) -> str:
    return "" if walk is None else orjson.dumps(list(walk)).decode()
