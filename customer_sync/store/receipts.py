"""The receipt of a reconciliation: what was compared, what differed, what was done. No personal data, only numbers."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import redis

from customer_sync.model import Json, to_iso
from customer_sync.store import keys
from customer_sync.store.scripts import as_text

#: How many receipts are kept.
KEPT = 50
#: How many people are named as examples, by their numbers.
EXAMPLES = 5


@dataclass(slots=True)
class Drift:
    """How many people differ in one thing, and the numbers of the first few."""

    count: int = 0
    people: list[str] = field(default_factory=list)

    def add(self, number: str) -> None:
        """Count one person."""
        self.count += 1
        if len(self.people) < EXAMPLES:
            self.people.append(number)

    def to_json(self) -> dict[str, Json]:
        """Return it as stored."""
        return {"count": self.count, "people": [*self.people]}


@dataclass(slots=True)
class SourceDrift:
    """How a source's customers and what is known here differ.

    Args:
        read: records that the source gave.
        equal: those that would change nothing.
        by_field: field → how many records would change it.
        missing_here: customers of the source who are not known here.
        gone_at_source: people who have an id of the source that the source did not show.
        harmful: records that would block, delete or empty something.
        healed: records that were put into the line.
        notes: what the operator should know.
    """

    read: int = 0
    equal: int = 0
    by_field: Counter[str] = field(default_factory=Counter)
    missing_here: int = 0
    gone_at_source: int = 0
    harmful: int = 0
    healed: int = 0
    notes: tuple[str, ...] = ()

    @property
    def in_sync(self) -> float | None:
        """The share of the source's customers who are known here as they are there; None when there are none."""
        return self.equal / self.read if self.read else None

    def to_json(self) -> dict[str, Json]:
        """Return it as stored."""
        return {
            "read": self.read,
            "equal": self.equal,
            "by_field": dict(self.by_field),
            "missing_here": self.missing_here,
            "gone_at_source": self.gone_at_source,
            "harmful": self.harmful,
            "healed": self.healed,
            "notes": [*self.notes],
        }


@dataclass(slots=True)
class Share:
    """Of a source's people who were compared with their contacts: how many, and how many were equal."""

    compared: int = 0
    equal: int = 0

    @property
    def in_sync(self) -> float | None:
        """The share of those who were equal; None when nobody was compared."""
        return self.equal / self.compared if self.compared else None


@dataclass(slots=True)
class Receipt:
    """One reconciliation.

    Args:
        id: how people name it; starts with `r`.
        sources: whose people were compared.
        is_healing: whether what differs was to be mended.
        started_ms: when it began.
        ended_ms: when it ended.
        in_brevo: contacts read.
        ours: customers known here.
        equal: people whose contact is as it should be.
        drifted: people whose contact is not.
        healed: people whose mending was put into the lane; the workers do it.
        by_field: attribute, `lists` or `contact` (not there, or there again) → who differs.
        mailable: channel → people who withdrew and are still mailable in Brevo: the most serious difference.
        left: channel → people who are blocked in Brevo, or left a list there, without our knowledge.
        deleted: whose contact was deleted in Brevo.
        refused: why something that differs is not mended → how many people.
        not_in_brevo: why people have no contact → how many.
        under_way: people with a change that waits or was delivered during the comparison; not compared.
        not_ours: contacts without a known customer; not changed.
        calls: calls to Brevo that the reading took.
        shares: source → its people.
        source_drift: source → how it differs from what is known here.
        stopped: why nothing was mended, when the brake stopped it.
        notes: what the operator should know.
    """

    id: str = field(default_factory=lambda: "r" + secrets.token_hex(5))
    sources: tuple[str, ...] = ()
    is_healing: bool = False
    started_ms: int = 0
    ended_ms: int = 0
    in_brevo: int = 0
    ours: int = 0
    equal: int = 0
    drifted: int = 0
    healed: int = 0
    by_field: dict[str, Drift] = field(default_factory=dict)
    mailable: dict[str, Drift] = field(default_factory=dict)
    left: dict[str, Drift] = field(default_factory=dict)
    deleted: Drift = field(default_factory=Drift)
    refused: Counter[str] = field(default_factory=Counter)
    not_in_brevo: Counter[str] = field(default_factory=Counter)
    under_way: int = 0
    not_ours: int = 0
    calls: int = 0
    shares: dict[str, Share] = field(default_factory=dict)
    source_drift: dict[str, SourceDrift] = field(default_factory=dict)
    stopped: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def in_sync(self) -> float | None:
        """The share of compared people whose contact is as it should be; None when nobody was compared."""
        compared = self.equal + self.drifted
        return self.equal / compared if compared else None

    def in_sync_of(self, source: str) -> float | None:
        """Return the share of a source's customers who are the same at the source, here and in Brevo.

        A customer who differs on both sides counts twice: the share is never higher than the truth.
        """
        share, drift = self.shares.get(source, Share()), self.source_drift.get(source, SourceDrift())
        known = [part for part in (share.in_sync, drift.in_sync) if part is not None]
        return max(0.0, 1.0 - sum(1.0 - part for part in known)) if known else None

    def note(self, text: str) -> None:
        """Add a note, once."""
        if text not in self.notes:
            self.notes.append(text)

    def to_json(self) -> dict[str, Any]:
        """Return it as stored, and as programs get it."""
        return {
            "id": self.id,
            "started": _iso(self.started_ms),
            "ended": _iso(self.ended_ms),
            "sources": [*self.sources],
            "heal": self.is_healing,
            "stopped": self.stopped,
            "in_sync": _ratio(self.in_sync),
            "totals": {
                "in_brevo": self.in_brevo,
                "ours": self.ours,
                "equal": self.equal,
                "drifted": self.drifted,
                "healed": self.healed,
                "under_way": self.under_way,
                "not_ours": self.not_ours,
                "deleted_in_brevo": self.deleted.count,
            },
            "mailable_though_withdrawn": _drifts(self.mailable),
            "left_in_brevo_since": _drifts(self.left),
            "by_field": _drifts(self.by_field),
            "deleted_in_brevo": self.deleted.to_json(),
            "refused": dict(self.refused),
            "not_in_brevo": dict(self.not_in_brevo),
            "by_source": {
                source: {
                    "in_sync": _ratio(self.in_sync_of(source)),
                    "compared": self.shares.get(source, Share()).compared,
                    "equal": self.shares.get(source, Share()).equal,
                    "source": self.source_drift[source].to_json() if source in self.source_drift else None,
                }
                for source in self.sources
            },
            "calls": self.calls,
            "notes": [*self.notes],
        }


class Receipts:
    """The receipts that are kept."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def keep(self, receipt: Receipt) -> None:
        """Keep a receipt; the oldest makes room."""
        text = json.dumps(receipt.to_json(), separators=(",", ":"), ensure_ascii=False)
        pipe = self._client.pipeline()
        pipe.lpush(keys.RECEIPTS, text)
        pipe.ltrim(keys.RECEIPTS, 0, KEPT - 1)
        for source in receipt.sources:
            ratio = receipt.in_sync_of(source)
            if ratio is not None:
                pipe.hset(keys.NEWEST_RECEIPTS, source, json.dumps({"id": receipt.id, "in_sync": _ratio(ratio)}))
        pipe.execute()

    def recent(self, count: int = KEPT) -> list[dict[str, Any]]:
        """Return the newest receipts as JSON, newest first."""
        return [json.loads(raw) for raw in self._client.lrange(keys.RECEIPTS, 0, count - 1)]

    def find(self, receipt_id: str) -> dict[str, Any] | None:
        """Return a receipt as JSON, None when it is not kept (any more)."""
        return next((one for one in self.recent() if one["id"] == receipt_id), None)

    def in_sync(self) -> dict[str, float]:
        """Return source → the share of its customers in sync, by its newest receipt."""
        found: Mapping[Any, Any] = self._client.hgetall(keys.NEWEST_RECEIPTS)
        return {as_text(source): float(json.loads(raw)["in_sync"]) for source, raw in sorted(found.items())}


def _drifts(drifts: Mapping[str, Drift]) -> dict[str, Json]:
    """Return drifts as JSON, the largest first."""
    return {name: one.to_json() for name, one in sorted(drifts.items(), key=lambda pair: -pair[1].count)}


def _ratio(value: float | None) -> float | None:
    """Return a share to six digits, never rounded up to 1: one among a million shows."""
    if value is None:
        return None
    return value if value == 1.0 else min(round(value, 6), 0.999999)


def _iso(at_ms: int) -> str | None:
    return to_iso(at_ms) if at_ms else None
