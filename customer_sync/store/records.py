"""Records of lanes other than that of people: what an erasure forgets of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from hashlib import sha1
from typing import Any, Final

import redis

from customer_sync.base.log import get
from customer_sync.person.merge import State, merge, whom_of
from customer_sync.store import keys
from customer_sync.store.forms import Kept, NewerForm, decode_kept, decode_part, encode_kept, encode_part
from customer_sync.store.people import People
from customer_sync.store.scripts import Scripts, as_text

log = get(__name__)

#: How often a record is tried that changes while it is being forgotten.
_TRIES: Final = 10


class Records:
    """What lanes keep of orders, products and carts, and what waits for them."""

    def __init__(self, client: redis.Redis, scripts: Scripts, people: People) -> None:
        self._client = client
        self._scripts = scripts
        self._people = people

    def of(self, whoms: Collection[str], lane: str) -> dict[str, Kept]:
        """Return the records of a lane that belong to a person, by target, with what waits for them; two round trips.

        Args:
            whoms: the keys of the person's records, and `#` with the person's number.
            lane: the lane.
        """
        names = sorted(whoms)
        pipe = self._client.pipeline(transaction=False)
        for whom in names:
            pipe.smembers(keys.records_of(whom))
        places = {as_text(one) for found in pipe.execute() for one in found} if names else set()
        targets = sorted(one.partition("|")[2] for one in places if one.startswith(f"{lane}|"))
        pipe = self._client.pipeline(transaction=False)
        for target in targets:
            pipe.get(keys.record(lane, target))
            pipe.lrange(keys.changes(lane, target), 0, -1)
        answers = pipe.execute() if targets else []
        found = zip(targets, map(_whole, answers[::2], answers[1::2]), strict=True)
        return {target: kept for target, kept in found if kept is not None and self._is_of(whom_of(kept.state), whoms)}

    def state(self, lane: str, target: str) -> State:
        """Return the fields of one record with what waits for it; none where nothing is known, or it cannot be read."""
        pipe = self._client.pipeline()
        pipe.get(keys.record(lane, target))
        pipe.lrange(keys.changes(lane, target), 0, -1)
        found = _whole(*pipe.execute())
        return {} if found is None else found.state

    def all_of(self, places: Sequence[tuple[str, str]]) -> list[Kept | None]:
        """Return what lanes know of records with what waits for them, each (lane, target), in one round trip.

        None stands for what a newer version wrote.
        """
        pipe = self._client.pipeline(transaction=False)
        for lane, target in places:
            pipe.get(keys.record(lane, target))
            pipe.lrange(keys.changes(lane, target), 0, -1)
        answers = pipe.execute() if places else []
        return list(map(_whole, answers[::2], answers[1::2]))

    def _is_of(self, whom: str, whoms: Collection[str]) -> bool:
        return whom in whoms or self._people.last_name(whom) in whoms

    def forget(self, whoms: Collection[str], at_ms: int) -> int:
        """Forget what is not newer than an erasure of everything that belongs to a person; return of how many records.

        Args:
            whoms: the keys of the person's records, and `#` with the person's number.
            at_ms: the time of the erasure.
        """
        count = 0
        for whom in sorted(whoms):
            found: Any = self._client.smembers(keys.records_of(whom))
            for place in sorted(as_text(one) for one in found):
                lane, _, target = place.partition("|")
                count += self._forget(whom, whoms, lane, target, at_ms)
        return count

    def _forget(self, whom: str, whoms: Collection[str], lane: str, target: str, at_ms: int) -> bool:
        for _ in range(_TRIES):
            raw: Any = self._client.get(keys.record(lane, target)) or b""
            changes: Any = self._client.lrange(keys.changes(lane, target), 0, -1)
            try:
                kept, waiting = decode_kept(as_text(raw)), [decode_part(as_text(one)) for one in changes]
            except NewerForm as error:
                log.warning("a record is left alone", lane=lane, reason=str(error))
                return False
            owner = whom_of(merge([kept.state, *(part.state for part, _ in waiting)]))
            if self._people.last_name(owner) not in whoms:  # it is somebody else's by now
                self._client.srem(keys.records_of(whom), f"{lane}|{target}")
                return False
            state = _newer(kept.state, at_ms)
            parts = [(part._replace(state=_newer(part.state, at_ms)), events) for part, events in waiting]
            left = [encode_part(part, events) for part, events in parts if part.state]
            record = encode_kept(Kept(state)) if state else ""
            digest = sha1(raw + b"".join(changes), usedforsecurity=False).hexdigest()
            if self._scripts.run("record_forget", whom, lane, target, digest, record, *left):
                return True
        log.error("a record could not be forgotten: it changes all the time", lane=lane)
        return False


def _newer(state: State, at_ms: int) -> dict[str, Any]:
    return {name: one for name, one in state.items() if one.at_ms > at_ms}


def _whole(raw: bytes | None, changes: list[bytes]) -> Kept | None:
    """Return a record with what waits for it, None where a newer version wrote some of it."""
    try:
        kept = decode_kept(as_text(raw or b""))
        return Kept(merge([kept.state, *(decode_part(as_text(one))[0].state for one in changes)]), kept.has)
    except NewerForm:
        return None
