"""The inbox: webhook requests that are safe and wait to be read. A Redis Stream with a consumer group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import redis

from customer_sync.base.log import get
from customer_sync.model import Inbound, from_ms, from_us, to_us
from customer_sync.store import keys
from customer_sync.store.forms import NewerForm
from customer_sync.store.scripts import as_text

log = get(__name__)

#: An entry taken by a worker that has said nothing for this long is taken up again, in milliseconds.
CLAIM_AFTER_MS = 5_000
#: An entry that was taken up again this often has killed its worker each time: it is parked unread.
MAX_CLAIMS = 3

_CONSUMER = "worker"


class Entry(NamedTuple):
    """One waiting request.

    Args:
        id: its id in the stream.
        inbound: the request; one without anything in it where it cannot be decoded.
        claims: how often it was taken up again.
        raw: the request as it waits.
        fault: why it cannot be decoded; "" when it can.
    """

    id: str
    inbound: Inbound
    claims: int
    raw: bytes = b""
    fault: str = ""


#: Stands between the facts of a request; no header and no quoted path can hold it.
_SEPARATOR = "\x1f"
#: What a request of this form begins with; the first form had no version, its first fact was the source.
_VERSION = "2"


def encode(inbound: Inbound, keeps: Sequence[str] | None = None) -> bytes:
    """Return a request as one value: a line of facts, then the raw bytes.

    Args:
        inbound: the request.
        keeps: the headers to keep, in lower case; None keeps all that it has.
    """
    headers = inbound.headers
    facts = [_VERSION, inbound.source, str(to_us(inbound.received_at)), quote(inbound.path), inbound.query]
    for name in headers if keeps is None else keeps:
        value = headers.get(name)
        if value:
            facts += (name, value)
    return _SEPARATOR.join(facts).replace("\n", " ").encode() + b"\n" + inbound.body


def decode(raw: bytes) -> Inbound:
    """Return the request that `encode` wrote.

    Raises:
        NewerForm: a newer version wrote it.
        ValueError: nobody wrote it so.
    """
    head, _, body = raw.partition(b"\n")
    version, *facts = head.decode().split(_SEPARATOR)
    if version.isdecimal() and int(version) > int(_VERSION):
        raise NewerForm(f"form {version}, this version knows {_VERSION}")
    is_first = version != _VERSION
    source, received, path, query, *headers = [version, *facts] if is_first else facts
    return Inbound(
        source=source,
        headers=dict(zip(headers[::2], headers[1::2], strict=True)),
        body=body,
        received_at=from_ms(int(received)) if is_first else from_us(int(received)),
        path=unquote(path),
        query=query,
    )


#: Stands for a request that cannot be decoded: no source, and what waits as its body.
_NOBODY = Inbound("", {}, b"", datetime.fromtimestamp(0, tz=UTC))


def decode_or_raw(raw: bytes) -> Inbound:
    """Return the request that `encode` wrote, or one without a source whose body is all there is."""
    try:
        return decode(raw)
    except (ValueError, NewerForm):
        return replace(_NOBODY, body=raw)


class Inbox:
    """The line of waiting requests."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def note_told(self, customers: Mapping[str, str]) -> None:
        """Note whose first event waits here with id and address, for as long as an event id is remembered.

        Args:
            customers: the customer's ref, or the fingerprint of the address → the id.
        """
        pipe = self._client.pipeline(transaction=False)
        for name, number in customers.items():
            pipe.set(keys.told(name), number, ex=keys.SEEN_TTL_S)
        pipe.execute()

    def told(self, names: Sequence[str]) -> list[str]:
        """Return the id that was noted for each ref or fingerprint, "" where none was."""
        return [as_text(one) for one in self._client.mget([keys.told(name) for name in names])] if names else []

    def forget_told(self, names: Iterable[str]) -> None:
        """Forget what was noted for these refs and fingerprints."""
        found = [keys.told(name) for name in names]
        if found:
            self._client.delete(*found)

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
        return _entries(rows)

    def _claim(self, count: int) -> list[Entry]:
        answer: Any = self._client.xautoclaim(
            keys.INBOX, keys.INBOX_GROUP, _CONSUMER, min_idle_time=CLAIM_AFTER_MS, start_id="0-0", count=count
        )
        rows: Sequence[Any] = [row for row in answer[1] if row[1]]
        if not rows:
            return []
        entries = _entries(rows)
        pipe = self._client.pipeline(transaction=False)
        for one in entries:
            pipe.hincrby(keys.INBOX_TRIES, one.id, 1)
        counts = pipe.execute() if entries else []
        return [one._replace(claims=int(claims)) for one, claims in zip(entries, counts, strict=True)]

    def depth(self) -> tuple[int, int | None]:
        """Return how many requests wait and since when the oldest does, in ms."""
        pipe = self._client.pipeline(transaction=False)
        pipe.xlen(keys.INBOX)
        pipe.xrange(keys.INBOX, count=1)
        waiting, first = pipe.execute()
        return int(waiting), int(first[0][0].split(b"-")[0]) if first else None

    def pages(self, count: int) -> Iterator[list[tuple[str, bytes]]]:
        """Yield all that waits, oldest first, as pages of up to `count` pairs: id, and the request as it waits.

        What was yielded may be forgotten before the next page is asked for.
        """
        start = "-"
        while True:
            rows: Any = self._client.xrange(keys.INBOX, min=start, count=count)
            page = [(as_text(entry_id), fields[b"r"]) for entry_id, fields in rows]
            yield page
            if len(page) < count:
                return
            start = "(" + page[-1][0]

    def forget(self, ids: Sequence[str]) -> int:
        """Remove waiting requests, unread or read and not finished; return how many were there."""
        if not ids:
            return 0
        pipe = self._client.pipeline()
        pipe.xack(keys.INBOX, keys.INBOX_GROUP, *ids)
        pipe.xdel(keys.INBOX, *ids)
        pipe.hdel(keys.INBOX_TRIES, *ids)
        return int(pipe.execute()[1])


def _entries(rows: Iterable[Any]) -> list[Entry]:
    """Return the requests of the stream's rows, each for itself; those of a newer version are left where they are."""
    found: list[Entry] = []
    for entry_id, fields in rows:
        raw = fields.get(b"r", b"")
        try:
            found.append(Entry(entry_id.decode(), decode(raw), 0, raw))
        except NewerForm as error:
            log.warning("a waiting request is left alone", reason=str(error))
        except ValueError as error:
            found.append(Entry(entry_id.decode(), _NOBODY, 0, raw, type(error).__name__))
    return found
