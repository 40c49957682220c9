"""What was told in notices, which imports ended, and how each target takes its notices."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal, NamedTuple

import redis

from customer_sync.store import keys
from customer_sync.store.scripts import Scripts, as_text

#: Why a target gets no notices: it said that it is gone (410), or its address is not public.
Why = Literal["", "gone", "private"]


class Told(NamedTuple):
    """What was told so far, as JSON, and as it was read: so that of two processes one writes."""

    raw: str
    value: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class TargetState:
    """How a target takes its notices.

    Args:
        taken_ms: when it took one last; 0: never.
        taken_type: what that was.
        failing_ms: since when it takes none; 0: it does, or nothing was tried.
        why: what it answered last, where it took none.
        remedy: what to do about that.
        paused: why it gets none until its address changes or a test succeeds; "" where it gets them.
        mark: stands for the address that this is about.
    """

    taken_ms: int = 0
    taken_type: str = ""
    failing_ms: int = 0
    why: str = ""
    remedy: str = ""
    paused: Why = ""
    mark: str = ""


class Refusal(NamedTuple):
    """Why a target took no notice, what to do, and whether it gets none from now on."""

    why: str
    remedy: str
    paused: Why = ""


class Notices:
    """What is kept of notices beside those that wait in the lanes.

    Args:
        client: the Redis.
        scripts: the scripts.
        salt: the key of the marks that stand for addresses.
    """

    def __init__(self, client: redis.Redis, scripts: Scripts, salt: bytes) -> None:
        self._client = client
        self._scripts = scripts
        self._salt = salt

    def told(self) -> Told:
        """Return what was told so far."""
        raw = as_text(self._client.get(keys.NOTICES_TOLD))
        return Told(raw, json.loads(raw) if raw else None)

    def tell(self, before: Told, value: Mapping[str, Any]) -> bool:
        """Write what was told; False when another process did meanwhile, then nothing is written."""
        text = json.dumps(value, sort_keys=True)
        return text == before.raw or bool(self._scripts.run("notice_swap", before.raw, text))

    def ended(self) -> list[str]:
        """Return the imports that ended and were not told of, each as JSON, the oldest first."""
        return [as_text(raw) for raw in self._client.lrange(keys.NOTICES_ENDED, 0, -1)]

    def forget_ended(self, told: Sequence[str]) -> None:
        """Forget these of them."""
        for text in told:
            self._client.lrem(keys.NOTICES_ENDED, 1, text)

    def clear(self) -> None:
        """Forget what was told and what ended: nobody is told any more."""
        self._client.delete(keys.NOTICES_TOLD, keys.NOTICES_ENDED)

    def name_of(self, *facts: str) -> str:
        """Return the id of a notice: the same for the same facts, and another one in another installation."""
        return "msg_" + blake2b("|".join(facts).encode(), key=self._salt[:32], digest_size=16).hexdigest()

    def mark_of(self, address: str) -> str:
        """Return what stands for an address, which may hold a password."""
        return blake2b(address.encode(), key=self._salt[:32], digest_size=8).hexdigest()

    # targets ----------------------------------------------------------------------------------------------------------

    def state(self, target: str, address: str) -> TargetState:
        """Return how a target takes notices; what was known of another address of it does not count."""
        raw = self._client.hgetall(keys.notice_target(target))
        facts = {as_text(name): as_text(text) for name, text in raw.items()}
        mark = self.mark_of(address)
        if facts.get("mark") != mark:
            return TargetState(mark=mark)
        return TargetState(
            taken_ms=int(facts.get("taken", 0)),
            taken_type=facts.get("type", ""),
            failing_ms=int(facts.get("failing", 0)),
            why=facts.get("why", ""),
            remedy=facts.get("remedy", ""),
            paused=facts.get("paused", ""),  # type: ignore[arg-type]  # one of the words that were written
            mark=mark,
        )

    def took(self, target: str, address: str, type_: str, at_ms: int) -> None:
        """Note that a target took a notice: whatever was wrong is over."""
        self._renew(target, address, {"taken": at_ms, "type": type_})

    def failed(self, target: str, address: str, at_ms: int, refusal: Refusal) -> bool:
        """Note that a target took no notice; return whether that is new."""
        known = self.state(target, address)
        paused = refusal.paused or known.paused
        facts: dict[str, str | int] = {"why": refusal.why, "remedy": refusal.remedy, "paused": paused}
        facts |= {"failing": known.failing_ms or at_ms, "taken": known.taken_ms, "type": known.taken_type}
        self._renew(target, address, facts)
        return not known.failing_ms or paused != known.paused

    def _renew(self, target: str, address: str, facts: Mapping[str, str | int]) -> None:
        key = keys.notice_target(target)
        written: list[str | int] = [part for pair in facts.items() for part in pair]
        pipe = self._client.pipeline()
        pipe.delete(key)
        pipe.hset(key, items=["mark", self.mark_of(address), *written])
        pipe.execute()
