"""What came of each source's webhooks: when the last good one came, and what was refused since.

One hash, field `source|fact`. The times are Redis' own, so that several web processes can write them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import redis

from customer_sync.errors import Cause
from customer_sync.store import keys
from customer_sync.store.scripts import as_text


class Refusals(NamedTuple):
    """Requests to one source that were refused lately: how many, and why the last of them was."""

    number: int
    cause: Cause
    why: str


class Door(NamedTuple):
    """What is known of a source's webhooks; times in ms since 1970, None where it never happened.

    Args:
        since_ms: since when the source is in the config.
        accepted_ms: the last good request, or greeting.
        refused_ms: the last refused one.
        in_a_row: how many were refused since the last good one.
        over: how many were refused in a row before the last good one that followed refused ones.
        cause: why the last refused one was.
        why: the same as a sentence.
        complaint_ms: when the platform reported a fault of its own.
        complaint: what it said.
        remedy: what to do about that.
    """

    since_ms: int | None = None
    accepted_ms: int | None = None
    refused_ms: int | None = None
    in_a_row: int = 0
    over: int = 0
    cause: str = ""
    why: str = ""
    complaint_ms: int | None = None
    complaint: str = ""
    remedy: str = ""


class Doors:
    """The doors of all sources."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def write(self, accepted: Iterable[str], refused: Mapping[str, Refusals]) -> None:
        """Note who sent a good request just now, and whose requests were refused.

        Raises:
            redis.RedisError: Redis is away, full or read-only.
        """
        now_ms, accepted = self._now_ms(), list(accepted)
        rows = [f"{source}|in_a_row" for source in accepted]
        ended = self._client.hmget(keys.DOORS, rows) if rows else []
        pipe = self._client.pipeline(transaction=False)
        for source, refusals in zip(accepted, ended, strict=True):
            pipe.hset(keys.DOORS, items=[f"{source}|accepted_ms", now_ms, f"{source}|in_a_row", 0])
            if refusals and (number := int(as_text(refusals))):
                pipe.hset(keys.DOORS, f"{source}|over", number)
        for source, one in refused.items():
            facts: list[str | int] = [f"{source}|refused_ms", now_ms]
            facts += [f"{source}|cause", one.cause, f"{source}|why", one.why]
            pipe.hset(keys.DOORS, items=facts)
            pipe.hincrby(keys.DOORS, f"{source}|in_a_row", one.number)
        pipe.execute()

    def complain(self, source: str, text: str, remedy: str) -> None:
        """Note that a platform reported a fault of its own: its app was removed, a webhook lacks a permission."""
        facts: list[str | int] = [f"{source}|complaint_ms", self._now_ms()]
        facts += [f"{source}|complaint", text, f"{source}|remedy", remedy]
        self._client.hset(keys.DOORS, items=facts)

    def know(self, sources: Iterable[str]) -> None:
        """Note since when these sources are in the config; what was noted before stays."""
        now_ms = self._now_ms()
        for source in sources:
            self._client.hsetnx(keys.DOORS, f"{source}|since_ms", now_ms)

    def read(self) -> dict[str, Door]:
        """Return what is known, by source."""
        facts: dict[str, dict[str, str]] = {}
        for name, value in self._client.hgetall(keys.DOORS).items():
            source, _, fact = as_text(name).rpartition("|")
            facts.setdefault(source, {})[fact] = as_text(value)
        return {source: _door(found) for source, found in facts.items()}

    def _now_ms(self) -> int:
        seconds, micros = self._client.time()
        return int(seconds) * 1000 + int(micros) // 1000


def _door(found: Mapping[str, str]) -> Door:
    def at(name: str) -> int | None:
        return int(found[name]) if name in found else None

    return Door(
        since_ms=at("since_ms"),
        accepted_ms=at("accepted_ms"),
        refused_ms=at("refused_ms"),
        in_a_row=at("in_a_row") or 0,
        over=at("over") or 0,
        cause=found.get("cause", ""),
        why=found.get("why", ""),
        complaint_ms=at("complaint_ms"),
        complaint=found.get("complaint", ""),
        remedy=found.get("remedy", ""),
    )
