"""The worker step of `fetch:<source>`: records whose webhooks are hints are read again, many in one call.

What is read stands in the place of the hint: it arrived when the hint did, and the hint is delivered when what was read
is in Brevo.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final, NamedTuple

import redis

from customer_sync.base.clock import Clock
from customer_sync.base.log import get, place
from customer_sync.engine.attempt import Saves
from customer_sync.engine.grouped import GroupStep
from customer_sync.engine.lane import Outcome, parked
from customer_sync.errors import ConfigError, Missing, Parkable, PayloadError, TajoError, TryLater, Unavailable
from customer_sync.kit.connector import Connector
from customer_sync.kit.reach import Access
from customer_sync.kit.rescue import is_rescued
from customer_sync.kit.rest import Rejected, TooMuch
from customer_sync.model import CUSTOMERS, Event, Kind, from_ms
from customer_sync.platforms.lanes import fetch_lane
from customer_sync.store.items import Item, Settlement
from customer_sync.store.limits import Limits

log = get(__name__)

#: How long a record that was told to be there, and is not found, is looked for before it counts as deleted, in seconds:
#: some platforms show a record in their API later than they tell of it.
BELIEVED_S: Final = 60.0
#: How soon it is looked for again meanwhile, in seconds.
LOOK_AGAIN_S: Final = 15.0
#: Of so many customers that are gone at once each address is looked for, where the platform tells of a merge as of a
#: deletion: people merge a few at a time, and each question has its price. More at once is a deletion.
FIND_AT_MOST: Final = 5
#: Resource → what it means that a record of it is not there any more.
_GONE: Final[Mapping[str, Kind]] = {
    CUSTOMERS: Kind.CUSTOMER_DELETED,
    "orders": Kind.ORDER_DELETED,
    "products": Kind.PRODUCT_DELETED,
    "carts": Kind.CART_DELETED,
}


class Job(NamedTuple):
    """One record that is to be read.

    Args:
        item: the hints about it.
        resource: customers, orders, products or carts.
        id: the platform's id of the record.
        deleted_ms: when the platform says that it was deleted, where the newest hint says so.
        hinted_ms: when the platform says that something of it changed, by the newest hint.
    """

    item: Item
    resource: str
    id: str
    deleted_ms: int | None
    hinted_ms: int


class FetchHandler(GroupStep[Job, None]):
    """Reads the records of one source again.

    Args:
        source: the source.
        connector: its connector.
        access: how its platform is reached; None where there are no keys.
        limits: the shared limits.
        clock: milliseconds since 1970.
        tell: told of each failure; somebody may have to know that the platform asks for a long wait.
        address_of: the id of a customer → the address that we know of it, None where there is none.
    """

    #: A platform that does not answer holds no more threads than these.
    threads: ClassVar[int] = 2

    def __init__(  # noqa: PLR0913  # what a handler works with; made in one place
        self,
        source: str,
        connector: Connector,
        access: Callable[[], Access | None],
        limits: Limits,
        clock: Clock,
        *,
        tell: Callable[[TajoError], None] = lambda _: None,
        address_of: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        super().__init__(fetch_lane(source, connector.title), limits, _no_gate, clock)
        self._source, self._connector, self._access, self._tell = source, connector, access, tell
        self._address_of = address_of
        self._reached: Access | None = None

    def planner(self) -> Callable[[Item], Outcome | Job]:
        """Return what plans one hint.

        Raises:
            ConfigError: the platform cannot be called with these settings.
        """
        self._reached = self._access()
        if self._reached is None:
            raise ConfigError(
                f"{self._connector.title} says only that something changed; {self._source} has no keys to read it.",
                f"Add its keys below connectors.{self._source} in tajo.yaml, or run `tajo connectors connect "
                f"{self._source}`; what waits is read then.",
            )

        def plan(item: Item) -> Job:
            fields = {name: one.value for name, one in item.state.items()}
            resource, record_id = fields.get("resource"), fields.get("id")
            if not isinstance(resource, str) or not isinstance(record_id, str):
                raise Parkable("A hint without a record.", "Report it; a full sync brings the record.")
            if resource not in self._connector.fetches:
                raise Parkable(f"{self._connector.title}'s {resource} cannot be read by id.", "Drop it.")
            told = item.state.get("isDeletion")
            deleted_ms = told.at_ms if told is not None and told.value is True else None
            return Job(item, resource, record_id, deleted_ms, item.state["id"].at_ms)

        return plan

    def size(self, job: Job) -> int:  # noqa: ARG002  # as the base has it
        """Return the share of a call that a record takes, so that no more go together than the platform can read."""
        return self.most_bytes // self._connector.fetches_at_once

    def carry_out(self, job: Job, gate: None) -> Outcome:
        """Read one record."""
        return self.carry_out_all([job], gate)[0]

    def carry_out_all(self, jobs: Sequence[Job], gate: None) -> Sequence[Outcome]:  # noqa: ARG002  # nothing to wait at
        """Read records, each resource in one call."""
        found: dict[int, Outcome] = {}
        for resource in dict.fromkeys(job.resource for job in jobs):
            here = [(index, job) for index, job in enumerate(jobs) if job.resource == resource]
            outcomes = self._read(resource, [job for _, job in here])
            found |= {index: outcome for (index, _), outcome in zip(here, outcomes, strict=True)}
        return [found[index] for index in range(len(jobs))]

    def _read(self, resource: str, jobs: Sequence[Job]) -> list[Outcome]:
        assert self._reached is not None
        asked_ms = self._clock()
        try:
            answer = self._connector.fetch(resource, list(dict.fromkeys(job.id for job in jobs)), self._reached)
        except Exception as error:
            if not _is_of_one(error):
                raise
            return self._apart(jobs, error)
        faults = [one.kept() for one in answer if isinstance(one, PayloadError)]
        events = _by_id(answer)
        unasked = [one for key, found in events.items() if key not in {job.id for job in jobs} for one in found]
        if unasked and (len(jobs) == 1 or all(job.id in events for job in jobs)):
            # what belongs to a record of another id (the invoice of a charge) goes along
            events.setdefault(jobs[0].id, []).extend(one for one in unasked if one not in events.get(jobs[0].id, []))
        is_sure = not faults and (not unasked or len(jobs) == 1)
        is_broken = any(is_rescued(one) for found in events.values() for one in found)
        if not is_sure and len(jobs) > 1 and (is_broken or any(job.id not in events for job in jobs)):
            return [one for job in jobs for one in self._part([job])]
        may_live_on = self._connector.finds_customers and resource == CUSTOMERS
        may_live_on = may_live_on and sum(job.id not in events for job in jobs) <= FIND_AT_MOST
        return [self._judged(job, events.get(job.id, []), faults, asked_ms, may_live_on=may_live_on) for job in jobs]

    def _apart(self, jobs: Sequence[Job], error: Exception) -> list[Outcome]:
        """Read each half of records that cannot be read together; one that cannot be read alone is tried again."""
        if len(jobs) > 1:
            half = len(jobs) // 2
            return [one for part in (jobs[:half], jobs[half:]) for one in self._part(part)]
        if not isinstance(error, TajoError):
            # the error's text may hold personal data: log only its name and place
            log.error("record not read", lane=self.lane.name, error=type(error).__name__, place=place(error))
            error = TryLater(f"A fault of this service: {type(error).__name__}.")
        return [self._failed(jobs[0].item, TryLater(error.reason) if isinstance(error, Rejected) else error)]

    def _part(self, jobs: Sequence[Job]) -> list[Outcome]:
        try:
            return self._read(jobs[0].resource, jobs)
        except TajoError as error:
            return [self._failed(job.item, error) for job in jobs]

    def _failed(self, item: Item, error: TajoError, save: Saves | None = None) -> Outcome:
        self._tell(error)
        return super()._failed(item, error, save)

    def _judged(
        self, job: Job, events: list[Event], faults: Sequence[PayloadError], asked_ms: int, *, may_live_on: bool
    ) -> Outcome:
        is_fresh = asked_ms - job.item.since_ms < BELIEVED_S * 1000
        if not events and faults:
            # it is there, and cannot be read: nobody may take it as gone
            return self._failed(job.item, Parkable(str(faults[0]), faults[0].remedy))
        if not events and job.deleted_ms is None and is_fresh:
            why = f"{self._connector.title} does not show it yet."
            return self._failed(job.item, TryLater(why, after_s=LOOK_AGAIN_S, burns=False))
        told = [_hinted(one, job.hinted_ms) for one in events]
        if not told:
            try:
                told = [*(self._heirs(job) if may_live_on else ()), self._gone(job, asked_ms)]
            except (TryLater, Unavailable) as error:
                return self._failed(job.item, error)
        if faults and any(is_rescued(one) for one in events):
            # the withdrawal of a record that cannot be read goes on, and the record is parked
            outcome = parked(job.item, self.lane.name, Parkable(str(faults[0]), faults[0].remedy), self._clock())
        else:
            note = "read again" if events else "it is there no more"
            outcome = Outcome(job.item, Settlement(job.item.target), "delivered", note)
        return outcome._replace(events=tuple(told), is_reread=True)

    def _heirs(self, job: Job) -> list[Event]:
        """Return the customers who have the address of one that is gone: it may have been merged into one of them.

        Raises:
            TryLater: the platform is to be asked later.
            Unavailable: it does not answer.
        """
        assert self._reached is not None
        address = self._address_of(job.id)
        if address is None:
            return []
        try:
            found = self._connector.find(address, self._reached)
        except (TryLater, Unavailable):
            raise
        except TajoError as error:
            # a right that is missing, say: the deletion counts, as it does where nobody can be asked
            log.warning("nobody looked for", lane=self.lane.name, error=type(error).__name__)
            return []
        return [one for one in found if isinstance(one, Event)]

    def _gone(self, job: Job, asked_ms: int) -> Event:
        return Event(
            id=f"gone:fetch:{asked_ms}:{job.id}",
            source=self._source,
            kind=_GONE[job.resource],
            occurred_at=from_ms(asked_ms if job.deleted_ms is None else job.deleted_ms),
            record_id=job.id,
            customer_id=job.id if job.resource == CUSTOMERS else None,
            record={"id": job.id},
            topic="gone",
        )


def _hinted(event: Event, hinted_ms: int) -> Event:
    """Return what was read again; where it tells no time of its own, it is told to have changed when the hint says."""
    if event.told_at is None:
        return event
    return replace(event, told_at=max(event.told_at, from_ms(hinted_ms)))


def _is_of_one(error: Exception) -> bool:
    """Tell whether one of several records may be at fault, so that the others can be read without it."""
    if isinstance(error, Rejected):
        return error.is_of_request
    if isinstance(error, redis.RedisError):
        return False
    return not isinstance(error, TajoError) or isinstance(error, PayloadError | Missing | TooMuch | Parkable)


def _by_id(answer: Sequence[Event | PayloadError]) -> dict[str, list[Event]]:
    """Return id → what was read of it, in its order; a merge belongs to both of its records."""
    found: dict[str, list[Event]] = {}
    became: dict[str, str] = {}
    for one in answer:
        if isinstance(one, PayloadError):
            continue
        if one.kind is Kind.CUSTOMER_MERGED:
            gone, kept = str(one.record.get("deletedId")), str(one.record.get("keptId"))
            found.setdefault(gone, []).append(one)
            became[gone] = kept
        elif one.record_id is not None:
            found.setdefault(one.record_id, []).append(one)
    for gone, kept in became.items():
        found[gone] += [one for one in found.get(kept, []) if one not in found[gone]]
    return found


def _no_gate(*_: Any, **__: Any) -> None:
    """Return no gate: the source's pace is kept where its calls go out, see `customer_sync.pacing`."""
