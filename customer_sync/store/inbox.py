"""The inbox: webhook requests that are safe and wait to be read. A Redis Stream with a consumer group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import redis

from customer_sync.model import Inbound, from_ms, to_ms
from customer_sync.store import keys

#: An entry taken by a worker that has said nothing for this long is taken up again, in milliseconds.
CLAIM_AFTER_MS = 5_000
#: An entry that was taken up again this often has killed its worker each time: it is parked unread.
MAX_CLAIMS = 3

_CONSUMER = "worker"


class Entry(NamedTuple):
    """One waiting request: its id in the stream, the request, how often it was taken up again."""

    id: str
    inbound: Inbound
    claims: int


#: Stands between the facts of a request; no header and no quoted path can hold it.
_SEPARATOR = "\x1f"


def encode(inbound: Inbound, keeps: Sequence[str] | None = None) -> bytes:
    """Return a request as one value: a line of facts, then the raw bytes.

    Args:
        inbound: the request.
        keeps: the headers to keep, in lower case; None keeps all that it has.
    """
    headers = inbound.headers
    facts = [inbound.source, str(to_ms(inbound.received_at)), quote(inbound.path), inbound.query]
    for name in headers if keeps is None else keeps:
        value = headers.get(name)
        if value:
            facts += (name, value)
    return _SEPARATOR.join(facts).replace("\n", " ").encode() + b"\n" + inbound.body


def decode(raw: bytes) -> Inbound:
    """Return the request that `encode` wrote."""
    head, _, body = raw.partition(b"\n")
    source, received_ms, path, query, *headers = head.decode().split(_SEPARATOR)
    return Inbound(
        source=source,
        headers=dict(zip(headers[::2], headers[1::2], strict=True)),
        body=body,
        received_at=from_ms(int(received_ms)),
        path=unquote(path),
        query=query,
    )


class Inbox:
    """The line of waiting requests."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def create(self) -> None:
        """Make the consumer group when it is not there (first start, or Redis was emptied)."""
        try:
            self._client.xgroup_create(keys.INBOX, keys.INBOX_GROUP, id="0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def append(self, raws: Iterable[bytes]) -> None:
        """Append encoded requests; they are in the inbox when this returns.

        Raises:
            redis.RedisError: not all are.
        """
        pipe = self._client.pipeline(transaction=False)
        for raw in raws:
            pipe.xadd(keys.INBOX, {"r": raw})
        pipe.execute()

    def read(self, count: int) -> list[Entry]:
        """Return up to `count` requests: those a dead worker left first, then new ones."""
        try:
            return self._claim(count) or self._fresh(count)
        except redis.ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            self.create()
            return self._fresh(count)

    def _fresh(self, count: int) -> list[Entry]:
        answer: Any = self._client.xreadgroup(keys.INBOX_GROUP, _CONSUMER, {keys.INBOX: ">"}, count=count)
        if isinstance(answer, dict):
            streams = list(answer.values())
            rows = streams[0][0] if streams and streams[0] else []
        else:
            rows = answer[0][1] if answer else []
        return [_entry(row, 0) for row in rows]

    def _claim(self, count: int) -> list[Entry]:
        answer: Any = self._client.xautoclaim(
            keys.INBOX, keys.INBOX_GROUP, _CONSUMER, min_idle_time=CLAIM_AFTER_MS, start_id="0-0", count=count
        )
        rows: Sequence[Any] = [row for row in answer[1] if row[1]]
        if not rows:
            return []
        pipe = self._client.pipeline(transaction=False)
        for row in rows:
            pipe.hincrby(keys.INBOX_TRIES, row[0], 1)
        return [_entry(row, int(claims)) for row, claims in zip(rows, pipe.execute(), strict=True)]

    def depth(self) -> tuple[int, int | None]:
        """Return how many requests wait and since when the oldest does, in ms."""
        pipe = self._client.pipeline(transaction=False)
        pipe.xlen(keys.INBOX)
        pipe.xrange(keys.INBOX, count=1)
        waiting, first = pipe.execute()
        return int(waiting), int(first[0][0].split(b"-")[0]) if first else None


def _entry(row: Any, claims: int) -> Entry:
    entry_id, fields = row
    return Entry(entry_id.decode(), decode(fields[b"r"]), claims)
