"""A shop of customers in memory that a run can pull, with a platform's usual faults on a switch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from customer_sync.base.clock import utc_now
from customer_sync.batch.puller import Puller
from customer_sync.batch.runs import step
from customer_sync.batch.starts import start
from customer_sync.kit.outbound import HttpClient
from customer_sync.kit.reach import Access, Page, Want
from customer_sync.model import Channel, Consent, ConsentState, Event, Inbound, Json, Kind
from customer_sync.store.run import Run, RunKind, RunState
from tests.rig import Rig, Scripted

PAGE = 10


def ago(seconds: float) -> datetime:
    """A whole second that long ago: a run's own times are Redis'."""
    return (utc_now() - timedelta(seconds=seconds)).replace(microsecond=0)


class DictVault:
    """Credentials in memory."""

    def __init__(self) -> None:
        self.values: dict[str, Json] = {}

    def load(self) -> dict[str, Json]:
        return dict(self.values)

    def save(self, values: Mapping[str, Json]) -> None:
        self.values = dict(values)

    def locked(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


@dataclass
class Person:
    """A customer of the shop."""

    record: dict[str, Json]
    updated: datetime
    consents: tuple[Consent, ...] = ()


@dataclass
class Shop:
    """The shop's customers, by id."""

    people: dict[int, Person] = field(default_factory=dict)
    asked: list[Want] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    #: Raised or called instead of the next page, one after the other.
    faults: list[Exception | Callable[[], None]] = field(default_factory=list)

    def add(self, count: int, *, when: float = 5000, first: int = 1) -> None:
        for n in range(first, first + count):
            self.people[n] = Person({"email": f"c{n}@example.com", "firstName": f"Name {n}"}, ago(when))

    def change(self, n: int, *, when: float = 1, **record: Json) -> None:
        known = self.people[n]
        self.people[n] = Person({**known.record, **record}, ago(when), known.consents)

    def withdraw(self, n: int, *, when: float = -10) -> None:
        no = Consent(Channel.EMAIL, ConsentState.WITHDRAWN, ago(when), "shop", explicit=True)
        self.people[n] = Person(self.people[n].record, ago(when), (no,))


class PullableShop(Scripted):
    """The connector of the shop."""

    pulls: ClassVar[tuple[str, ...]] = ("customers",)
    fetches: ClassVar[tuple[str, ...]] = ("customers",)
    shop: Shop

    def pull(self, want: Want, access: Access) -> Page:
        self.shop.asked.append(want)
        if self.shop.faults:
            fault = self.shop.faults.pop(0)
            if isinstance(fault, Exception):
                raise fault
            fault()
        after = int(str((want.cursor or {}).get("after", 0)))
        wanted = sorted(
            n for n, one in self.shop.people.items() if n > after and (want.since is None or one.updated >= want.since)
        )
        page = wanted[:PAGE]
        cursor = {"after": page[-1]} if len(wanted) > PAGE else None
        return Page([self.event(n) for n in page], cursor, total=len(self.shop.people))

    def fetch(self, resource, ids, access):
        self.shop.fetched += ids
        return [self.event(int(one)) for one in ids if int(one) in self.shop.people]

    def event(self, n: int) -> Event:
        one = self.shop.people[n]
        kind = Kind.CUSTOMER_UPDATED
        return Event(f"pull:{n}", "shop", kind, one.updated, str(n), str(n), one.record, one.consents, "pull")

    def parse(self, inbound: Inbound) -> list[Event]:
        return [self.events[int(inbound.body)]]


class RunRig(Rig):
    """The line with a shop that can be pulled."""

    def __init__(self, client) -> None:
        super().__init__(client)
        self.shop = Shop()
        connector = PullableShop(self.sources["shop"].settings)
        connector.shop = self.shop
        self.sources["shop"] = connector
        self.line.connectors = {**self.line.connectors, "shop": connector}
        access = Access(HttpClient(), DictVault())
        self.puller = Puller(self.line, lambda: self.rules, lambda source: access if source == "shop" else None)
        client.hset("tajo:lim:contacts", "rps", 0)

    def start(self, kind: RunKind = RunKind.FULL, **more: bool) -> Run:
        return start(self.puller, "shop", kind, **more)

    def steps(self, run: Run) -> Iterator[Run]:
        """Step until the run is over or waits for somebody."""
        for _ in range(1000):
            step(self.puller, run.id)
            now = self.read_run(run)
            yield now
            if now.state is RunState.DELIVERING:
                self.deliver()
                self.client.hset(f"tajo:run:{run.id}", "due", 0)
            elif now.state is not RunState.RUNNING:
                return

    def finish(self, run: Run) -> Run:
        """Do the whole run."""
        *_, last = self.steps(run)
        return last

    def read_run(self, run: Run) -> Run:
        found = self.store.runs.read(run.id)
        assert found is not None
        return found

    def again(self, run: Run) -> None:
        """Let the time pass that a run waits after a fault."""
        self.client.hset(f"tajo:run:{run.id}", "due", 0)
