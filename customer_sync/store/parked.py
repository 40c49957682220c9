"""Parked: what a person must look at. Either a raw request that could not be read, or an item that Brevo refuses."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import asdict, dataclass
from typing import Any, Literal

import redis

from customer_sync.model import Inbound
from customer_sync.store import inbox, keys
from customer_sync.store.scripts import Scripts


@dataclass(frozen=True, slots=True)
class Parked:
    """One parked thing.

    Args:
        id: how people name it; short, starts with `p`.
        what: `inbound` (raw bytes, base64) or `item` (a change as it waited).
        source: the source of an inbound, the lane of an item.
        reason: what is wrong; equal reasons are one group.
        remedy: what to do before a replay.
        content: the raw request or the change.
        target: of an item: whose it is.
        topic: the platform's word for what happened, when known.
        at_ms: when it was parked.
    """

    id: str
    what: Literal["inbound", "item"]
    source: str
    reason: str
    remedy: str
    content: str
    target: str = ""
    topic: str = ""
    at_ms: int = 0


def new_id() -> str:
    """Return an id for a parked thing."""
    return "p" + secrets.token_hex(5)


def park_inbound(raw: bytes, source: str, reason: str, remedy: str, at_ms: int) -> Parked:
    """Return a raw request as a parked thing."""
    return Parked(new_id(), "inbound", source, reason, remedy, base64.b64encode(raw).decode(), at_ms=at_ms)


def encode(parked: Parked) -> str:
    """Return a parked thing as stored."""
    return json.dumps(asdict(parked), separators=(",", ":"), ensure_ascii=False)


class ParkedStore:
    """Lists, replays and drops what is parked."""

    def __init__(self, client: redis.Redis, scripts: Scripts) -> None:
        self._client = client
        self._scripts = scripts

    def list(self, limit: int = 1000) -> list[Parked]:
        """Return what is parked, newest first."""
        ids: Any = self._client.zrange(keys.PARKED_AT, 0, limit - 1, desc=True)
        raws = self._client.hmget(keys.PARKED, ids) if ids else []
        return [Parked(**json.loads(raw)) for raw in raws if raw]

    def count(self) -> int:
        """Return how many things are parked."""
        return int(self._client.hlen(keys.PARKED))

    def get(self, parked_id: str) -> Parked | None:
        """Return one parked thing."""
        raw = self._client.hget(keys.PARKED, parked_id)
        return Parked(**json.loads(raw)) if raw else None

    def replay(self, parked: Parked) -> None:
        """Send a parked thing through the line again: it leaves the parked ones in the same step."""
        if parked.what == "inbound":
            raw = base64.b64decode(parked.content)
            self._scripts.run("replay", parked.id, "inbox", "", raw)
        else:
            self._scripts.run("replay", parked.id, parked.source, parked.target, parked.content)

    def drop(self, parked: Parked) -> None:
        """Forget a parked thing for good."""
        pipe = self._client.pipeline()
        pipe.hdel(keys.PARKED, parked.id)
        pipe.zrem(keys.PARKED_AT, parked.id)
        pipe.execute()


def inbound_of(parked: Parked) -> Inbound:
    """Return the request of a parked inbound."""
    return inbox.decode(base64.b64decode(parked.content))
