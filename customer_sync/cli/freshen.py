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
from functools import partial
from string import ascii_lowercase, ascii_uppercase

from customer_sync.errors import PayloadError
from customer_sync.kit.connector import Connector
from customer_sync.model import Event, Inbound

#: A time as ISO 8601 writes it: date and time, digits of the second, zone.
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2})(\.\d+)?(Z|[+-]\d{2}:?\d{2})?")
#: A time as seconds, milliseconds or microseconds since 1970, between 2017 and 2033.
_EPOCH = re.compile(r"(?<![\w.:/-])(1[5-9]\d{8})(\d{3}|\d{6})?(?![\w.:/-])")
_DIGITS = re.compile(r"[0-9]{4,}\Z")
_HEX = re.compile(r"[0-9a-f]{6,}\Z")
_LETTERS = re.compile(r"(?=[A-Za-z]*[0-9])[0-9A-Za-z]{2,}\Z")
#: An element of XML that holds text alone.
_ELEMENT = re.compile(r"<([\w:]+)>([^<>]+)</\1>")


def freshen(connector: Connector, inbound: Inbound) -> Inbound:
    """Return the request as if it had just happened; the request itself where it cannot be read.

    Args:
        connector: reads the request.
        inbound: the request; `received_at` is now.
    """
    before = _events(connector, inbound)
    if not before:
        return inbound
    current = inbound
    for patterns in ((_TIME, _EPOCH), (_TIME,)):
        moved = _move_times(inbound, patterns)
        if _tells(_events(connector, moved)) == _tells(before):
            current = moved
            break
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


def _move_times(inbound: Inbound, patterns: tuple[re.Pattern[str], ...]) -> Inbound:
    """Return the request with every time moved by the same span, so that the newest one that is past is now."""
    texts = (*inbound.headers.values(), inbound.body.decode("utf-8", "replace"))
    found = [_at(match) for text in texts for pattern in patterns for match in pattern.finditer(text)]
    times = [at for at in found if at is not None]
    if not times:
        return inbound
    newest = max([at for at in times if at <= inbound.received_at] or times)  # a subscription's end is yet to come
    span = inbound.received_at - newest
    headers = {name: _with_times_moved(value, patterns, span) for name, value in inbound.headers.items()}
    return replace(inbound, headers=headers, body=_with_times_moved(texts[-1], patterns, span).encode())


def _with_times_moved(text: str, patterns: tuple[re.Pattern[str], ...], span: timedelta) -> str:
    for pattern in patterns:
        text = pattern.sub(lambda match: _moved(match, span), text)
    return text


def _at(match: re.Match[str]) -> datetime | None:
    if match.re is _EPOCH:
        return datetime.fromtimestamp(int(match[1]), UTC)
    try:
        at = datetime.fromisoformat(match[1] + (match[3] or "Z"))
    except ValueError:
        return None
    return at.astimezone(UTC)


def _moved(match: re.Match[str], span: timedelta) -> str:
    if match.re is _EPOCH:
        return f"{int(match[1]) + int(span.total_seconds())}{match[2] or ''}"
    try:
        local = datetime.fromisoformat(match[1]) + span
    except (ValueError, OverflowError):
        return match[0]
    return local.isoformat(sep=match[1][10], timespec="seconds") + (match[2] or "") + (match[3] or "")


def _with_other_ids(inbound: Inbound) -> Iterator[Inbound]:
    """Yield the request with one thing in it replaced: a header, a field, an element, the space at its end.

    A field or an element that occurs more than once (one id for each of several events) is replaced everywhere.
    """
    for name, value in inbound.headers.items():
        if _another(value) != value:
            yield replace(inbound, headers={**inbound.headers, name: _another(value)})
    text = inbound.body.decode("utf-8", "replace")
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    for place in dict.fromkeys(_places(body)):
        yield replace(inbound, body=json.dumps(_with_another(body, place), ensure_ascii=False).encode())
    for name in dict.fromkeys(match[1] for match in _ELEMENT.finditer(text)):
        yield replace(inbound, body=_ELEMENT.sub(partial(_another_element, name), text).encode())
    # an id that is made from the bytes
    yield replace(inbound, body=inbound.body + b" " * (1 + secrets.randbelow(1000)))


def _places(value: object, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the name of every field that could be an id, with the names above it; the nearest to the top first."""
    if isinstance(value, list):
        for part in value:
            yield from _places(part, above)
    elif isinstance(value, dict):
        for name, part in value.items():
            if isinstance(part, str | int) and not isinstance(part, bool) and _another(str(part)) != str(part):
                yield (*above, name)
        for name, part in value.items():
            if isinstance(part, dict | list):
                yield from _places(part, (*above, name))


def _with_another(value: object, place: tuple[str, ...]) -> object:
    if isinstance(value, list):
        return [_with_another(part, place) for part in value]
    if isinstance(value, dict) and place and place[0] in value:
        return {**value, place[0]: _with_another(value[place[0]], place[1:])}
    if not place and isinstance(value, str | int) and not isinstance(value, bool):
        return type(value)(_another(str(value)))
    return value


def _another_element(name: str, match: re.Match[str]) -> str:
    return f"<{name}>{_another(match[2])}</{name}>" if match[1] == name else match[0]


def _another(value: str) -> str:
    """Return a value of the same form: what stands at its end is new."""
    if match := _DIGITS.search(value):
        return value[: match.start()] + "".join(secrets.choice("123456789") for _ in match[0])
    if match := _HEX.search(value):
        return value[: match.start()] + secrets.token_hex(len(match[0]))[: len(match[0])]
    if match := _LETTERS.search(value):
        return value[: match.start()] + "".join(_another_letter(letter) for letter in match[0])
    return value


def _another_letter(letter: str) -> str:
    if letter.isdigit():
        return secrets.choice("123456789")
    return secrets.choice(ascii_lowercase if letter.islower() else ascii_uppercase)
