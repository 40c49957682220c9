"""What the contract tests share: the fixtures of every connector, and what must hold of whatever `parse` gives."""

import importlib
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from customer_sync.errors import PayloadError
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Channel, ConsentState, Event, Inbound, Kind

REPO = Path(__file__).parents[2]
PLATFORMS = sorted(path.parent.name for path in (REPO / "connectors").glob("*/connector.py"))
RECEIVED_AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECRETS = ("newest-secret", "older-secret", "oldest-secret")


class Case:
    """One fixture file."""

    def __init__(self, path):
        self.platform, self.name = path.parents[1].name, path.stem
        self.path, self.doc = path, json.loads(path.read_text(encoding="utf-8"))
        self.request, self.expect = self.doc["request"], self.doc["expect"]
        self.connector = connector_of(self.platform, self.doc.get("options", {}))

    def inbound(self, body=None):
        raw = self.request["body"] if body is None else body
        if not isinstance(raw, bytes):
            raw = raw.encode() if isinstance(raw, str) else json.dumps(raw).encode()
        headers = {name.lower(): value for name, value in self.request["headers"].items()}
        return Inbound(self.platform, headers, raw, RECEIVED_AT, path=self.request.get("path", ""))

    def events(self):
        return self.expect.get("events") or []


def connector_of(platform, options=None):
    found = importlib.import_module(f"connectors.{platform}.connector").CONNECTOR
    return found(SourceSettings(platform, platform, SECRETS, options or {}))


CASES = [
    Case(path) for platform in PLATFORMS for path in sorted((REPO / "connectors" / platform).glob("fixtures/*.json"))
]
EVENTFUL = {
    platform: [c for c in CASES if c.platform == platform and c.events() and "error" not in c.expect]
    for platform in PLATFORMS
}

every_platform = pytest.mark.parametrize("platform", PLATFORMS)
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.platform}/{case.name}")


def as_json(event):
    return {
        "id": event.id,
        "kind": str(event.kind),
        "occurred_at": iso(event.occurred_at),
        **seen_at(event),
        "record_id": event.record_id,
        "customer_id": event.customer_id,
        "record": event.record,
        "consents": [
            {
                "channel": str(seen.channel),
                "state": str(seen.state),
                "at": iso(seen.at),
                **seen_at(seen),
                "method": seen.method,
                "explicit": seen.explicit,
            }
            for seen in event.consents
        ],
        **({"notes": list(event.notes)} if event.notes else {}),
    }


def seen_at(one):
    return {} if one.seen_at is None else {"seen_at": iso(one.seen_at)}


def iso(at):
    return at.isoformat().replace("+00:00", "Z")


def outcome(connector, inbound):
    """Return what `parse` gives, PayloadErrors as (path, found); any other exception fails the test."""
    try:
        return [(one.path, one.found) if isinstance(one, PayloadError) else one for one in connector.parse(inbound)]
    except PayloadError as error:
        return [(error.path, error.found)]


def assert_sound(inbound, outcomes):
    for one in outcomes:
        if isinstance(one, tuple):
            path, found = one
            assert path
            assert found
            assert not has_address(path + found), "an error message may hold an address"
            continue
        assert_event_sound(one, inbound.source)


def assert_event_sound(one, source):
    assert isinstance(one, Event)
    assert isinstance(one.kind, Kind)
    assert one.id
    assert one.source == source
    finer = [seen.seen_at for seen in (one, *one.consents) if seen.seen_at is not None]
    for at in (one.occurred_at, *(seen.at for seen in one.consents), *finer):
        assert at.utcoffset() == timedelta(0)
    for seen in one.consents:
        assert (Channel(seen.channel), ConsentState(seen.state)) == (seen.channel, seen.state)
        assert not (seen.explicit and not seen.method)
    json.dumps(dict(one.record), ensure_ascii=False, allow_nan=False).encode()
    assert_ids_are_text({"record_id": one.record_id, "customer_id": one.customer_id, **one.record})
    assert one.record_id != ""
    assert all(": " in note and not has_address(note) and len(note) < 200 for note in one.notes[:20])
    assert len(one.notes) <= 21


def has_address(message):
    return re.search(r"\S@\S", message.replace("name@example.com", "")) is not None


def assert_ids_are_text(value, key=""):
    if isinstance(value, dict):
        for name, child in value.items():
            assert_ids_are_text(child, name)
    elif isinstance(value, list):
        for child in value:
            assert_ids_are_text(child, key)
    elif key in ("id", "orders") or key.endswith(("Id", "_id", "Token")):
        assert value is None or isinstance(value, str), f"{key} is {type(value).__name__}"


class Proof(NamedTuple):
    """A piece of a request that proves who sent it: a header, or what stands from `start` to `end` of another part."""

    part: str
    header: str
    start: int
    end: int

    def of(self, inbound):
        """Return the text of the part, and the piece of it."""
        text = inbound.headers[self.header] if self.header else getattr(inbound, self.part)
        text = text.decode("latin-1") if isinstance(text, bytes) else text
        return text, text[self.start : self.end]

    def changed(self, inbound, piece):
        """Return the request with another piece; None takes a header away."""
        text, _ = self.of(inbound)
        if self.header:
            kept = {name: value for name, value in inbound.headers.items() if name != self.header}
            return replace(inbound, headers=kept if piece is None else {**kept, self.header: piece})
        whole = text[: self.start] + (piece or "") + text[self.end :]
        return replace(inbound, **{self.part: whole.encode("latin-1") if self.part == "body" else whole})


def signed(platform, secret=SECRETS[0]):
    """Return a genuine request, the connector that checks it, and what proves it: where it differs from a bare one."""
    case = EVENTFUL[platform][0]
    bare = case.inbound()
    inbound = case.connector.sign(bare, secret)
    proofs = [
        Proof("headers", name, 0, len(value))
        for name, value in inbound.headers.items()
        if value != bare.headers.get(name)
    ]
    for part in ("path", "query", "body"):
        proofs += differing(part, getattr(bare, part), getattr(inbound, part))
    return inbound, case.connector, proofs


def differing(part, bare, signed):
    """Return the piece of a part that signing put in."""
    if bare == signed:
        return []
    start = same(bare, signed)
    tail = same(bare[start:][::-1], signed[start:][::-1])
    return [Proof(part, "", start, len(signed) - tail)]


def same(one, other):
    """Return how many of the first characters are equal."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def places(value, path=()):
    """Yield the path of everything in a body."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))
