"""Makes a recorded webhook new: its times become now, its ids have not been seen, and it tells the same.

Nothing here knows a platform. A value is an id of the delivery if another value gives another event id and changes
nothing else; that is tried out with the connector itself.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from customer_sync.errors import PayloadError
from customer_sync.kit.connector import Connector
from customer_sync.model import Event, Inbound

#: A time as ISO 8601 writes it: date and time, digits of the second, zone.
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2})(\.\d+)?(Z|[+-]\d{2}:?\d{2})?")
_HEX = re.compile(r"[0-9a-f]{6,}\Z")
_DIGITS = re.compile(r"[0-9]{4,}\Z")


def freshen(connector: Connector, inbound: Inbound) -> Inbound:
    """Return the request as if it had just happened; the request itself where it cannot be read.

    Args:
        connector: reads the request.
        inbound: the request; `received_at` is now.
    """
    before = _events(connector, inbound)
    if not before:
        return inbound
    moved = _move_times(inbound)
    after = _events(connector, moved)
    current = moved if _tells(after) == _tells(before) else inbound
    if _ids(_events(connector, current)).isdisjoint(_ids(before)):
        return current
    for candidate in _with_other_ids(current):
        events = _events(connector, candidate)
        if _tells(events) == _tells(before) and _ids(events).isdisjoint(_ids(before)):
            return candidate
    return current


def _events(connector: Connector, inbound: Inbound) -> list[Event]:
    try:
        return [part for part in connector.parse(inbound) if isinstance(part, Event)]
    except PayloadError:
        return []


def _ids(events: list[Event]) -> set[str]:
    return {event.id for event in events}


def _tells(events: list[Event]) -> list[tuple[str, str | None, str | None]]:
    return [(event.kind, event.record_id, event.customer_id) for event in events]


def _move_times(inbound: Inbound) -> Inbound:
    """Return the request with every time moved by the same span, so that the newest is now."""
    body = inbound.body.decode("utf-8", "replace")
    found = [_at(match) for text in (*inbound.headers.values(), body) for match in _TIME.finditer(text)]
    times = [at for at in found if at is not None]
    if not times:
        return inbound
    span = inbound.received_at - max(times)
    headers = {name: _TIME.sub(lambda match: _moved(match, span), value) for name, value in inbound.headers.items()}
    return replace(inbound, headers=headers, body=_TIME.sub(lambda match: _moved(match, span), body).encode())


def _at(match: re.Match[str]) -> datetime | None:
    try:
        at = datetime.fromisoformat(match[1] + (match[3] or "Z"))
    except ValueError:
        return None
    return at.astimezone(UTC)


def _moved(match: re.Match[str], span: timedelta) -> str:
    try:
        local = datetime.fromisoformat(match[1]) + span
    except (ValueError, OverflowError):
        return match[0]
    return local.isoformat(sep=match[1][10], timespec="seconds") + (match[2] or "") + (match[3] or "")


def _with_other_ids(inbound: Inbound) -> Iterator[Inbound]:
    """Yield the request with one value replaced: a header, a top-level value of the body, the space at its end."""
    for name, value in inbound.headers.items():
        fresh = _another(value)
        if fresh != value:
            yield replace(inbound, headers={**inbound.headers, name: fresh})
    try:
        body = json.loads(inbound.body)
    except ValueError:
        body = None
    for name, value in body.items() if isinstance(body, dict) else ():
        if isinstance(value, str) and _another(value) != value:
            yield replace(inbound, body=json.dumps({**body, name: _another(value)}, ensure_ascii=False).encode())
    # an id that is made from the bytes
    yield replace(inbound, body=inbound.body + b" " * (1 + secrets.randbelow(1000)))


def _another(value: str) -> str:
    """Return a value of the same form: the digits at its end are new ones."""
    if match := _DIGITS.search(value):
        return value[: match.start()] + "".join(secrets.choice("123456789") for _ in match[0])
    if match := _HEX.search(value):
        return value[: match.start()] + secrets.token_hex(len(match[0]))[: len(match[0])]
    return value
