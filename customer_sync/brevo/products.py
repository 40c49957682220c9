"""The worker step of the lane `products`: products, variants and categories, each as Brevo should have it.

What Brevo has already costs no call. A batch that Brevo refuses is made again in smaller ones, so that one bad product
holds up no other. A field that Brevo refuses (a picture that it cannot load) is left out for as long as its value is
the same, so that it spoils no batch again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b

from customer_sync.brevo.batches import BatchStep
from customer_sync.brevo.commerce import OTHER, Commerce, need_commerce
from customer_sync.brevo.desk import Desk
from customer_sync.brevo.gate import Gate
from customer_sync.brevo.lanes import PRODUCTS
from customer_sync.brevo.product_bodies import Gone, Wanted, gone, kind_in, source_of, wanted
from customer_sync.brevo.shop_answers import PRODUCTS as ANSWERS
from customer_sync.engine.lane import Outcome, Word
from customer_sync.errors import FieldRefused
from customer_sync.model import Event, Json, Kind, from_ms, from_us
from customer_sync.person.merge import State, canonical
from customer_sync.store.forms import Kept, encode_kept
from customer_sync.store.items import Item, Settlement

#: What the lane remembers of a record: the digest of what Brevo has, whether it is there, what was refused of it
#: (field → digest of the value), the variants that were ended (id → when it was told of last).
DIGEST, IS_THERE, REFUSED, ENDED = "d", "is", "no", "gone"


@dataclass(slots=True)
class Job:
    """One record to be sent.

    Args:
        item: its item.
        state: its fields.
        wanted: what is sent.
        has: what the lane remembers of it.
        refused: field → digest of the value that Brevo refused.
        notes: what was left out.
    """

    item: Item
    state: State
    wanted: Wanted
    has: Mapping[str, Json]
    refused: dict[str, Json]
    notes: list[str] = field(default_factory=list)

    @property
    def body(self) -> dict[str, Json]:
        """What is sent: without the values that Brevo refused."""
        body = self.wanted.body or {}
        away = {name for name, mark in self.refused.items() if name in body and digest(body[name]) == mark}
        return {name: value for name, value in body.items() if name not in away} if away else body

    def refuse(self, fields: Sequence[str]) -> bool:
        """Leave fields out from now on; False where none of them is sent."""
        body = self.body
        found = {name: digest(body[name]) for name in fields if name in body and name not in {"id", "name"}}
        self.refused |= found
        self.notes += [f"{name} left out: Brevo refused it" for name in found]
        return bool(found)


class ProductsHandler(BatchStep[Job]):
    """The worker step.

    Args:
        desk: what it works with.
    """

    most = 100
    group_bucket = OTHER
    #: Not more than the two calls a second that the smallest plan allows: the first answer tells the limit.
    threads = 2

    def __init__(self, desk: Desk) -> None:
        super().__init__(PRODUCTS, desk.store.limits, Gate, desk.clock)
        self._desk = desk

    def planner(self) -> Callable[[Item], Outcome | Job]:
        """Return what plans one record.

        Raises:
            ConfigError: eCommerce is off in the account: the lane waits.
        """
        return partial(self._planned, need_commerce(self._desk))

    def _planned(self, commerce: Commerce, item: Item) -> Outcome | Job:
        state, has = item.state, item.kept.has
        one = wanted(item.target, state, is_there=has.get(IS_THERE) is True, currency=commerce.currency)
        refused = has.get(REFUSED)
        job = Job(item, state, one, has, dict(refused) if isinstance(refused, dict) else {}, [*one.notes])
        job.refused = {name: mark for name, mark in job.refused.items() if digest((one.body or {}).get(name)) == mark}
        if one.body is None:
            return _settled(job, "unchanged", has)
        return _settled(job, "unchanged", has) if digest(job.body) == has.get(DIGEST) else job

    def size(self, job: Job) -> int:
        """Return how many bytes a record takes; one that failed alone before goes alone again."""
        return 0 if job.item.tries else len(canonical(job.body))

    def route(self, job: Job) -> str:
        """Return where a record goes: products and categories do not mix."""
        return job.wanted.route

    def carry_out(self, job: Job, gate: Gate) -> Outcome:  # noqa: ARG002  # single calls have a limit of their own
        """Send one record; again without what Brevo refuses of it."""
        while True:
            self.single_gate().wait()
            try:
                self._post(f"/{job.wanted.route}", {**job.body, "updateEnabled": True}, self.lane.bucket)
            except FieldRefused as error:
                if not job.refuse(error.fields):
                    raise
                continue
            return _sent(job)

    def carry_out_all(self, jobs: Sequence[Job], gate: Gate) -> Sequence[Outcome]:
        """Send up to a hundred records of one route."""
        gate.wait()
        route = jobs[0].wanted.route
        bodies: list[Json] = [job.body for job in jobs]
        self._post(f"/{route}/batch", {route: bodies, "updateEnabled": True}, self.group_bucket)
        return [_sent(job) for job in jobs]

    def _post(self, path: str, body: Json, bucket: str) -> None:
        self._desk.brevo.call("POST", path, body, bucket=bucket, answers=ANSWERS)


def digest(value: Json) -> str:
    """Return what stands for a value in what is remembered."""
    return blake2b(canonical(value).encode(), digest_size=9).hexdigest()


def _sent(job: Job) -> Outcome:
    has: dict[str, Json] = {DIGEST: digest(job.body), IS_THERE: True}
    return _settled(job, "delivered", has | ({REFUSED: {**job.refused}} if job.refused else {}))


def _settled(job: Job, word: Word, has: Mapping[str, Json]) -> Outcome:
    """Return the outcome of a record, with the ends of the variants that are gone: each is told of once."""
    events: list[Event] = []
    if kind_in(job.item.target) == "p":
        known = job.has.get(ENDED)
        ended = known if isinstance(known, dict) else {}
        lost = list(gone(job.state))
        events = [_end(job, one) for one in lost if ended.get(one.id) != one.told_ms]
        has = {**has, ENDED: {one.id: one.told_ms for one in lost}} if lost else _without_ends(has)
    settlement = Settlement(job.item.target, record=encode_kept(Kept(job.state, has)))
    return Outcome(job.item, settlement, word, "; ".join(job.notes), events=tuple(events))


def _without_ends(has: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in has.items() if name != ENDED}


def _end(job: Job, variant: Gone) -> Event:
    """Return the event that ends a variant; sent twice it is the same event."""
    product = job.state["id"].value
    at, seen_at = from_ms(variant.end.at_ms), from_us(variant.end.seen_us) if variant.end.seen_us else None
    return Event(
        f"gone:{product}:{variant.id}:{variant.end.at_ms}",
        source_of(job.item.target),
        Kind.PRODUCT_DELETED,
        at,
        variant.id,
        record={"id": variant.id, "parent": product},
        topic="variant gone",
        seen_at=seen_at,
    )
