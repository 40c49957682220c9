"""A Redis as version 2 of the stored forms left it, made out of what this version holds.

The forms are written here once more, as `docs/decisions/0041-what-a-known-person-takes.md` tells them.
"""

from __future__ import annotations

import re

import redis

from customer_sync.person.merge import pack, to_json
from customer_sync.person.person import Has, Person
from customer_sync.store.forms import REF, decode_part, encode_part
from customer_sync.store.people import People


def turn_old(client: redis.Redis, people: People) -> None:
    """Write everything that is known of people as version 2 did; no process of this version may be at work."""
    for key in client.keys("tajo:p:*"):
        client.set(key, person(people.decode(client.get(key).decode()), people))
    for key in client.keys("tajo:c:contacts:*"):
        for place, raw in enumerate(client.lrange(key, 0, -1)):
            if raw:
                client.lset(key, place, change(raw.decode()))
    for index in ("em", "ref"):
        for key in client.keys(f"tajo:{index}:*"):
            letters, found = key.decode().rpartition(":")[2][:2], client.hgetall(key)
            client.delete(key)
            for field, value in found.items():
                name = field.decode()
                fingerprint = name if len(name) == REF else letters + name
                client.hset(f"tajo:{index}:{fingerprint[:3]}", fingerprint, entry(value.decode()))
    client.delete("tajo:split", "tajo:salt")
    client.set("tajo:salt", people.salt)
    client.set("tajo:format", "2")


def entry(value: str) -> str:
    """An entry of an index: a stamp is in ms and µs."""
    found = re.fullmatch(r"(\d+)\|(\d+)\+(\d+)", value)
    if found is None:
        return value
    number, seconds, after_us = found.groups()
    return f"{number}|{int(seconds) * 1000}|{int(seconds) * 1_000_000 + int(after_us)}"


def change(text: str) -> str:
    """A waiting change has the same form in both, but for a record that was moved as it stood."""
    return "2" + encode_part(*decode_part(text))[1:]


def person(one: Person, people: People) -> str:
    """A person: what Brevo has is an object, a record `[source, id, at, seen, {field: value}, {field: stamp}]`."""
    lines = [f"2{one.email or ''}", has(one.has, people)]
    lines += [f"@{to_json(pack(one.said))}"] if one.said else []
    for ref, record in sorted(one.records.items()):
        lines.append(f"{ref}{to_json([record.source, record.id, *pack(record.state)])}")
    return "\n".join(lines)


def has(one: Has, people: People) -> str:
    """What Brevo has, by its letters."""
    if one == Has():
        return ""
    kept = {
        "d": one.digest if one.is_there else one.digest or None,
        "x": None if one.is_there else 1,
        "a": one.at_ms or None,
        "b": 1 if one.blocked else None,
        "m": 1 if one.sms_blocked else None,
        "l": list(one.lists) or None,
        "w": one.left_ms or None,
        "r": dict(one.refused) or None,
        "f": f"{sum(1 << people.names.number(name) for name in one.filled):x}" if one.filled else None,
        "k": 1 if one.is_read else None,
        "g": list(one.left_groups) or None,
        "u": [[number, at_ms] for number, at_ms in one.left_lists.items()] or None,
    }
    return to_json({letter: value for letter, value in kept.items() if value is not None})
