"""A line with platforms that take opt-outs back, in one process, over a real Redis and a Brevo in memory."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import ClassVar

import redis

from customer_sync.base.clock import utc_now
from customer_sync.errors import TajoError
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.reach import Access, Withdrawal, Written
from customer_sync.model import Channel, Consent, ConsentState, Event, Json, Kind
from customer_sync.person.owed import Terms
from customer_sync.pipeline import StepResult, deliver
from customer_sync.platforms.debts import Debts, Decisions
from customer_sync.platforms.lanes import WRITEBACK, writeback_lane
from customer_sync.platforms.writeback import SETTLES_MS, WritebackHandler
from tests.rig import Rig, Scripted, at

ANN, BOB = "ann@example.com", "bob@example.com"
#: A way to a platform that is in memory: nothing is sent.
WAY = Access(None, None, lambda: 0.0)  # type: ignore[arg-type]  # never used


@dataclass
class Account:
    """A customer at a platform in memory."""

    email: str
    subscribed: bool = True
    changed: datetime = field(default_factory=lambda: at(-10_000))


class Platform(Scripted):
    """A platform in memory: it takes opt-outs, and sends back what they change, as shops do."""

    title: ClassVar[str] = "Tulip"
    writes: ClassVar[tuple[Channel, ...]] = (Channel.EMAIL,)

    def __init__(self, settings: SourceSettings) -> None:
        super().__init__(settings)
        self.accounts: dict[str, Account] = {}
        self.told: list[Withdrawal] = []
        self.faults: list[TajoError] = []
        #: What it would send because of what it was told.
        self.echoes: list[Event] = []
        self.is_mute = False

    def write_consent(self, withdrawal: Withdrawal, access: Access) -> Written:
        assert access is WAY
        self.told.append(withdrawal)
        if self.faults:
            raise self.faults.pop(0)
        account = self.accounts.get(withdrawal.record_id)
        if account is None or account.email != withdrawal.address:
            return Written.GONE
        if not account.subscribed:
            return Written.UNCHANGED
        if account.changed > withdrawal.at:
            return Written.NEWER
        account.subscribed, account.changed = False, withdrawal.at
        self.echoes.append(self.event(withdrawal.record_id))
        return Written.WRITTEN

    _numbers = itertools.count()

    def event(self, id_: str, kind: Kind = Kind.CUSTOMER_UPDATED, when: datetime | None = None, **more: Json) -> Event:
        """Return what the platform sends of a customer, with the consent as it stands; `when` it was so."""
        account = self.accounts[id_]
        state = ConsentState.GRANTED if account.subscribed else ConsentState.WITHDRAWN
        consent = Consent(Channel.EMAIL, state, account.changed, "shop:box", explicit=True)
        record: dict[str, Json] = {"id": id_, "email": account.email, **more}
        number = next(self._numbers)
        told_at = when or at(-9_000 + number)
        return Event(f"e{number}", self.settings.name, kind, told_at, id_, id_, record, (consent,))


class Mute(Platform):
    """A platform that takes no opt-out."""

    title: ClassVar[str] = "Rose"
    writes: ClassVar[tuple[Channel, ...]] = ()


class World(Rig):
    """The rig with lanes to its platforms.

    Args:
        client: an empty Redis.
        terms: source → what its platform is told; everything for those that are not named.
        kinds: source → its platform; `Platform` for those that are not named.
    """

    def __init__(
        self,
        client: redis.Redis,
        *,
        terms: Mapping[str, Terms | None] | None = None,
        kinds: Mapping[str, type[Platform]] | None = None,
        sources: Sequence[str] = ("shop", "woo"),
    ) -> None:
        super().__init__(client, sources=sources)
        Platform._numbers = itertools.count()  # each world tells its times from the same one on
        self.platforms = {
            name: (kinds or {}).get(name, Platform)(SourceSettings(name, "scripted")) for name in self.sources
        }
        self.sources = dict(self.platforms)
        chosen = {name: (terms or {}).get(name, Terms()) for name in self.sources}
        self.decide = Decisions({name: one for name, one in chosen.items() if one is not None}, self.rules.sharing)
        self.keys: set[str] = set(self.sources)
        told = {}
        for name, platform in self.platforms.items():
            lane = writeback_lane(name, platform.title)
            self.store.lanes.register(lane.name, keeps="records")
            told[lane.name] = WritebackHandler(
                lane,
                platform,
                lambda name=name: WAY if name in self.keys else None,
                self.store,
                self.decide,
                tally=self.line.tally,
                clock=self.clock,
            )
        self.line = replace(
            self.line,
            connectors={**self.line.connectors, **self.platforms},
            handlers={**self.line.handlers, **told},
            debts=Debts(self.store, self.decide),
        )

    def reset(self) -> None:
        """Start again with nothing, cheaply."""
        super().reset()
        Platform._numbers = itertools.count()
        self.clock.set(utc_now())
        for name, platform in self.platforms.items():
            self.store.lanes.register(WRITEBACK + name, keeps="records")
            platform.accounts.clear()
            platform.told.clear()
            platform.echoes.clear()

    def __getitem__(self, source: str) -> Platform:
        return self.platforms[source]

    def join(self, source: str, id_: str, email: str = ANN, *, subscribed: bool = True) -> None:
        """A customer registers at a platform, which tells of it."""
        self[source].accounts[id_] = Account(email, subscribed)
        self.send(self[source].event(id_, Kind.CUSTOMER_CREATED))
        self.settle()

    def guest(self, source: str, email: str = ANN) -> None:
        """Somebody without an account orders."""
        number = next(Platform._numbers)
        record: dict[str, Json] = {"id": str(number), "email": email}
        self.send(Event(f"o{number}", source, Kind.ORDER_PLACED, at(-5_000), str(number), None, record))
        self.settle()

    def leave(self, email: str = ANN, word: str = "unsubscribed", seconds: float = -60, **more: Json) -> None:
        """A person leaves in Brevo, which tells of it."""
        if word in {"unsubscribed", "spam", "hard_bounce"} and not more.pop("only_lists", False):
            self.brevo.unsubscribe(email, when=at(seconds))
        self.send_brevo({"event": word, "email": email, "ts_event": int(at(seconds).timestamp()), **more})
        self.settle()

    def write_back(self, *sources: str) -> None:
        """Let the lanes of sources deliver until nothing is due: of all, where none is named."""
        for source in sources or self.sources:
            while self.once(source).did_work:
                pass

    def once(self, source: str) -> StepResult:
        """One step of the lane of a source."""
        return deliver(self.line, WRITEBACK + source)

    def late(self) -> None:
        """A while passes: what is owed has had time to be settled, and what waits is due."""
        self.clock.set(utc_now(self.clock) + timedelta(milliseconds=2 * SETTLES_MS))
        for source in self.sources:
            for priority in range(3):
                key = f"tajo:q:{WRITEBACK}{source}:{priority}"
                for target in self.client.zrange(key, 0, -1):
                    self.client.zadd(key, {target: 0})

    def echo(self) -> int:
        """Send what the platforms have to say of what they were told; return how much that was."""
        events = [event for platform in self.platforms.values() for event in platform.echoes]
        for platform in self.platforms.values():
            platform.echoes.clear()
        for event in events:
            self.send(event)
        self.settle()
        return len(events)

    def told(self, source: str) -> list[tuple[str, str]]:
        """Whom a platform was told of: (record, address), each time."""
        return [(one.record_id, one.address) for one in self[source].told]

    def result(self, source: str, id_: str) -> Json:
        """What became of it, as the lane keeps it; None where nothing is known."""
        (kept,) = self.store.records.all_of([(WRITEBACK + source, f"{source}:{id_}")])
        return kept.has.get("result") if kept is not None else None

    def waits(self, source: str) -> int:
        """How many items wait in the lane of a source."""
        return self.client.zcard(f"tajo:since:{WRITEBACK}{source}")

    def counted(self, source: str, result: str) -> int:
        """How often a result was counted."""
        labels = {"source": source, "result": result}
        found = self.store.counters.read()
        return int(sum(one.value for one in found if one.name == "tajo_writebacks_total" and one.labels == labels))
