"""The receipt of a reconciliation: what was compared, what differed, what was done. No personal data, only numbers."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

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
        read: records that the source gave; one customer may have several.
        customers: the customers among them, and records that could not be read.
        differ: those of whom at least one record says something else than what is known here.
        by_field: field → how many records differ in it.
        missing_here: customers of the source who are not known here.
        gone_at_source: people who have an id of the source that the source did not show.
        harmful: records that would block, delete or empty something.
        healed: customers whose records were put into the line.
        refused: why a record that differs is not mended → how many; known once it was tried.
        notes: what the operator should know.
        is_by_record: whether `customers` counts records, of which one customer may have several; see `narrow`.
    """

    read: int = 0
    customers: int = 0
    differ: int = 0
    by_field: Counter[str] = field(default_factory=Counter)
    missing_here: int = 0
    gone_at_source: int = 0
    harmful: int = 0
    healed: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    notes: tuple[str, ...] = ()
    is_by_record: bool = False

    def narrow(self, people: Share) -> None:
        """Count no more customers than the source has people, where only records were counted: no share is too high."""
        if self.is_by_record and people.compared:
            self.customers = max(self.differ, min(self.customers, people.compared))

    @property
    def equal(self) -> int:
        """The customers who are known here as they are there."""
        return self.customers - self.differ

    @property
    def compared(self) -> int:
        """The customers of either side: the source's, and those known here whom the source did not show."""
        return self.customers + self.gone_at_source

    @property
    def in_sync(self) -> float | None:
        """The share of the source's customers who are known here as they are there; None when there are none."""
        return self.equal / self.compared if self.compared else None

    def to_json(self) -> dict[str, Json]:
        """Return it as stored."""
        return {
            "in_sync": _ratio(self.in_sync),
            "read": self.read,
            "customers": self.customers,
            "equal": self.equal,
            "differ": self.differ,
            "by_field": dict(self.by_field),
            "missing_here": self.missing_here,
            "gone_at_source": self.gone_at_source,
            "harmful": self.harmful,
            "healed": self.healed,
            "refused": dict(self.refused),
            "notes": [*self.notes],
        }


@dataclass(slots=True)
class Share:
    """Of the people who should be in Brevo: how many there are, and how many are there as they should be."""

    compared: int = 0
    equal: int = 0

    @property
    def in_sync(self) -> float | None:
        """The share of those who are as they should be; None when there are none."""
        return self.equal / self.compared if self.compared else None

    def add(self, *, is_equal: bool) -> None:
        """Count one person."""
        self.compared += 1
        self.equal += is_equal


class Side(NamedTuple):
    """One number of a receipt: of whom, on which side, and how many of how many are in sync."""

    source: str
    side: Literal["at the source", "in Brevo"]
    equal: int
    compared: int

    @property
    def in_sync(self) -> float:
        """The share of those who are the same on both sides."""
        return self.equal / self.compared


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
        everybody: all who should be in Brevo. Not as they should be are those who drifted, those who are not mended
            (see `refused`), those who have no contact although they should have one, and those for whom a change waits:
            what is only on its way is not in sync yet.
        by_field: attribute, `lists` or `contact` (not there, or there again) → who differs.
        mailable: channel → people who withdrew and are still mailable in Brevo: the most serious difference.
        left: channel → people who are blocked in Brevo, or left a list there, without our knowledge.
        deleted: whose contact was deleted in Brevo.
        refused: why something that differs is not mended → how many people.
        not_in_brevo: why people have no contact → how many.
        under_way: people with a change that waits, who count as not in sync, or with one that was delivered during the
            comparison, who do not count.
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
    everybody: Share = field(default_factory=Share)
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

    def count(self, sources: Iterable[str], *, is_equal: bool) -> None:
        """Count one person who should be in Brevo, for everybody and for each of their sources."""
        self.everybody.add(is_equal=is_equal)
        for source in sources:
            self.shares.setdefault(source, Share()).add(is_equal=is_equal)

    def sides(self) -> list[Side]:
        """Return every known number, the worst first: of each source on each side; without one, of everybody."""
        found = [Side(name, "at the source", one.equal, one.compared) for name, one in self.source_drift.items()]
        found += [Side(name, "in Brevo", self.shares[name].equal, self.shares[name].compared) for name in self._told()]
        if not any(one.compared for one in found):
            found = [Side("", "in Brevo", self.everybody.equal, self.everybody.compared)]
        return sorted((one for one in found if one.compared), key=lambda one: one.in_sync)

    def _told(self) -> list[str]:
        """Return the compared sources that have people in Brevo; sources that left the config may have some, too."""
        return [name for name in self.sources if name in self.shares]

    @property
    def in_sync(self) -> float | None:
        """The one figure: the worst of all sources on both sides; None when nobody was compared."""
        return next((one.in_sync for one in self.sides()), None)

    def in_sync_of(self, source: str) -> float | None:
        """Return the worst of both sides of one source; None when none of its people were compared."""
        return next((one.in_sync for one in self.sides() if one.source == source), None)

    @property
    def left_mailable(self) -> int:
        """How many people, on one channel at least, withdrew, are mailable and were not handed over to be mended."""
        is_mended = self.is_healing and not self.stopped
        return 0 if is_mended else max((drift.count for drift in self.mailable.values()), default=0)

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
            "worst": _side(self.sides()),
            "totals": {
                "in_brevo": self.in_brevo,
                "ours": self.ours,
                "compared": self.everybody.compared,
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
                    "in_brevo": _ratio(self.shares.get(source, Share()).in_sync),
                    "compared": self.shares.get(source, Share()).compared,
                    "equal": self.shares.get(source, Share()).equal,
                    "source": self.source_drift[source].to_json() if source in self.source_drift else None,
                }
                for source in self.sources
            },
            "calls": self.calls,
            "notes": [*self.notes],
        }


class Compared(NamedTuple):
    """What the newest receipt of a source says.

    Args:
        receipt: its id.
        in_sync: the figure.
        at_ms: when.
        handed_over: how many customers are mended since.
        mailable: how many of its people withdrew and are mailable in Brevo; 0 where it handed them over to be mended.
    """

    receipt: str
    in_sync: float
    at_ms: int
    handed_over: int
    mailable: int = 0


def handed_over(receipt: Mapping[str, Any]) -> int:
    """Return how many customers a receipt handed to the workers to mend; who differs on both sides counts twice."""
    sources = (one["source"] for one in receipt["by_source"].values())
    return int(receipt["totals"]["healed"]) + sum(int(one["healed"]) for one in sources if one)


class Receipts:
    """The receipts that are kept."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def keep(self, receipt: Receipt) -> None:
        """Keep a receipt; the oldest makes room."""
        told = receipt.to_json()
        text, handed = json.dumps(told, separators=(",", ":"), ensure_ascii=False), handed_over(told)
        pipe = self._client.pipeline()
        pipe.lpush(keys.RECEIPTS, text)
        pipe.ltrim(keys.RECEIPTS, 0, KEPT - 1)
        for source in receipt.sources:
            ratio = receipt.in_sync_of(source)
            if ratio is None:
                pipe.hdel(keys.NEWEST_RECEIPTS, source)
            else:
                newest = {"id": receipt.id, "in_sync": _ratio(ratio), "at_ms": receipt.ended_ms, "healed": handed}
                newest["mailable"] = receipt.left_mailable
                pipe.hset(keys.NEWEST_RECEIPTS, source, json.dumps(newest))
        pipe.execute()

    def recent(self, count: int = KEPT) -> list[dict[str, Any]]:
        """Return the newest receipts as JSON, newest first."""
        return [_read(raw) for raw in self._client.lrange(keys.RECEIPTS, 0, count - 1)]

    def find(self, receipt_id: str) -> dict[str, Any] | None:
        """Return a receipt as JSON, None when it is not kept (any more)."""
        return next((one for one in self.recent() if one["id"] == receipt_id), None)

    def after(self, receipt: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the newest receipt that compared the same people later, None when nobody did."""
        wanted = set(receipt["sources"])
        later = (one for one in self.recent() if (one["started"] or "") > (receipt["ended"] or ""))
        return next((one for one in later if wanted <= set(one["sources"])), None)

    def newest(self) -> dict[str, Compared]:
        """Return source → what its newest receipt says of it."""
        found: Mapping[Any, Any] = self._client.hgetall(keys.NEWEST_RECEIPTS)
        told = {as_text(source): json.loads(raw) for source, raw in sorted(found.items())}
        return {
            source: Compared(
                one["id"], float(one["in_sync"]), one.get("at_ms", 0), one.get("healed", 0), one.get("mailable", 0)
            )
            for source, one in told.items()
        }

    def forget_newest(self) -> None:
        """Forget what the newest receipts say of the present; the receipts stay."""
        self._client.delete(keys.NEWEST_RECEIPTS)

    def in_sync(self) -> dict[str, float]:
        """Return source → the share of its customers in sync, by its newest receipt."""
        return {source: one.in_sync for source, one in self.newest().items()}


def _read(raw: bytes | str) -> dict[str, Any]:
    """Return a stored receipt; what an older version did not count yet is not known."""
    found: dict[str, Any] = json.loads(raw)
    found.setdefault("worst", None)
    for one in found["by_source"].values():
        one.setdefault("in_brevo", None)
        if one["source"]:
            for name, unknown in (("in_sync", None), ("customers", one["source"]["read"]), ("refused", {})):
                one["source"].setdefault(name, unknown)
    return found


def _side(sides: Sequence[Side]) -> dict[str, Json] | None:
    """Return the worst number as JSON; its source is empty where it is of everybody."""
    return None if not sides else {**sides[0]._asdict(), "in_sync": _ratio(sides[0].in_sync)}


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
