"""One town with four platforms and Brevo: what happens there, what is told of it, and what must be so at the end.

A shop gives an address to one customer at a time. A CRM tells only that something changed, and is read again. A till
has several customers of one address. A payer is an id with an address; it knows no consent and takes none.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

import redis

from customer_sync import pipeline
from customer_sync.base.clock import utc_now
from customer_sync.errors import Unavailable
from customer_sync.kit.connector import Connector, hint
from customer_sync.kit.reach import Access, Withdrawal, Written
from customer_sync.model import CUSTOMERS, Channel, Consent, ConsentState, Event, Inbound, Json, Kind
from customer_sync.person.owed import Terms
from customer_sync.pipeline import deliver
from customer_sync.platforms.debts import Debts, Decisions
from customer_sync.platforms.fetch import FetchHandler
from customer_sync.platforms.lanes import FETCH, WRITEBACK, writeback_lane
from customer_sync.platforms.writeback import SETTLES_MS, WritebackHandler
from customer_sync.store import inbox
from tests.engine.world import Step
from tests.rig import LIST, Rig, Scripted, at

#: A way to a platform that is in memory: nothing is sent.
WAY = Access(None, None, lambda: 0.0)  # type: ignore[arg-type]  # never used
EMAILS = ("a@example.com", "b@example.com", "c@example.com")
GRANTED, WITHDRAWN = ConsentState.GRANTED, ConsentState.WITHDRAWN
#: The second at which the town's time begins: Brevo's times are believed for less than an hour.
BEGIN = -2_000
#: How far time passes at the end, in ms: longer than anything waits for its neighbour, or is looked for again.
LATER_MS = 3 * SETTLES_MS


class Killed(BaseException):
    """A worker is gone: nothing after this line is done."""


@dataclass
class Account:
    """A customer of a platform.

    Args:
        email: the address.
        name: the name, which nobody had before.
        state: what the platform has of mails; None where nobody was asked.
        said: when that was said.
        explicit: whether it was an act.
        changed: when anything of it changed last.
    """

    email: str
    name: str
    state: ConsentState | None = None
    said: datetime = field(default_factory=lambda: at(2 * BEGIN))
    explicit: bool = False
    changed: datetime = field(default_factory=lambda: at(2 * BEGIN))


class Site(Scripted):
    """A platform of the town: one customer for an address; whole records in its webhooks; takes opt-outs."""

    writes: ClassVar[tuple[Channel, ...]] = (Channel.EMAIL,)
    town: Town

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.accounts: dict[str, Account] = {}
        self.merged: dict[str, str] = {}
        self.erased: dict[str, datetime] = {}
        self.told: list[tuple[Withdrawal, Written]] = []
        self.is_down = False

    @property
    def name(self) -> str:
        """The source."""
        return self.settings.name

    def kept(self, id_: str) -> str:
        """Return what a customer became by merges."""
        while id_ in self.merged:
            id_ = self.merged[id_]
        return id_

    def write_consent(self, withdrawal: Withdrawal, access: Access) -> Written:
        """Take an opt-out, as the connectors' platforms do."""
        assert access is WAY
        if self.is_down:
            raise Unavailable("down")
        written = self._write(withdrawal)
        self.told.append((withdrawal, written))
        return written

    def _write(self, withdrawal: Withdrawal) -> Written:
        id_ = self.kept(withdrawal.record_id)
        account = self.accounts.get(id_)
        if account is None or account.email != withdrawal.address:
            return Written.GONE
        if account.state is WITHDRAWN:
            return Written.UNCHANGED
        if account.state is GRANTED and account.said > withdrawal.at:
            return Written.NEWER
        when = self.town.now()
        account.state, account.explicit = WITHDRAWN, True
        account.said = withdrawal.at if self.name == "shop" else when
        account.changed = when
        self.tell(id_, when)
        return Written.WRITTEN

    def event(self, id_: str, when: datetime, kind: Kind = Kind.CUSTOMER_UPDATED) -> Event:
        """Return what the platform says of a customer now."""
        account = self.accounts[id_]
        record: dict[str, Json] = {"id": id_, "email": account.email, "firstName": account.name}
        consents = ()
        if account.state is not None:
            consents = (Consent(Channel.EMAIL, account.state, account.said, "own", explicit=account.explicit),)
        name = f"{self.name}.{next(self.town.numbers)}"
        return Event(name, self.name, kind, when, id_, id_, record, consents, seen_at=when)

    def tell(self, id_: str, when: datetime, kind: Kind = Kind.CUSTOMER_UPDATED) -> None:
        """Send a webhook of a customer."""
        self.town.sent(self.event(id_, when, kind))

    def end(self, id_: str, when: datetime, kind: Kind, record: dict[str, Json]) -> None:
        """Send a webhook of the end of one."""
        name = f"{self.name}.{next(self.town.numbers)}"
        self.town.sent(Event(name, self.name, kind, when, id_, id_, record, seen_at=when))


class Crm(Site):
    """Its webhooks are hints; withdrawals and erasures are told beside them."""

    shares_addresses = True
    fetches = (CUSTOMERS,)

    def tell(self, id_: str, when: datetime, kind: Kind = Kind.CUSTOMER_UPDATED) -> None:
        self.hint(id_, when)

    def hint(self, id_: str, when: datetime, *, is_deletion: bool = False) -> None:
        """Send a webhook that only says that a customer changed."""
        inbound = Inbound(self.name, {}, b"", when)
        name = f"{self.name}.{next(self.town.numbers)}"
        self.town.sent(hint(inbound, CUSTOMERS, id_, when, is_deletion=is_deletion, id=name, topic="changed"))

    def fetch(self, resource: str, ids: Sequence[str], access: Access) -> list[Event]:
        """Read customers: who became another one is told before that one."""
        assert access is WAY
        if self.is_down:
            raise Unavailable("down")
        found: list[Event] = []
        for id_ in ids:
            one = id_
            while one in self.merged:
                record: dict[str, Json] = {"deletedId": one, "keptId": self.merged[one]}
                name = f"{self.name}.{next(self.town.numbers)}"
                kept = self.merged[one]
                found.append(Event(name, self.name, Kind.CUSTOMER_MERGED, self.merged_at[one], kept, kept, record))
                one = kept
            if one in self.accounts:
                event = self.event(one, self.accounts[one].changed)
                self.town.heard.append(Step(event.occurred_at, event))
                found.append(event)
        return found

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.merged_at: dict[str, datetime] = {}


class Till(Site):
    """Several customers may have one address."""

    shares_addresses = True


class Payer(Site):
    """A payer is an id with an address; no consent is known, and none is taken back."""

    shares_addresses = True
    writes: ClassVar[tuple[Channel, ...]] = ()


KINDS: dict[str, type[Site]] = {"shop": Site, "crm": Crm, "till": Till, "payer": Payer}


class Town(Rig):
    """The line with four platforms and Brevo; what is told waits until it arrives."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(client, sources=tuple(KINDS))
        self.sites = {name: kind(self.sources[name].settings) for name, kind in KINDS.items()}
        for site in self.sites.values():
            site.town = self
        self.sources = dict(self.sites)
        sharing = frozenset(name for name, kind in KINDS.items() if kind.shares_addresses)
        self.rules = replace(self.rules, sharing=sharing)
        self.decide = Decisions(dict.fromkeys(KINDS, Terms()), sharing)
        handlers: dict[str, Any] = dict(self.line.handlers)
        for name, site in self.sites.items():
            lane = writeback_lane(name, name)
            handlers[lane.name] = WritebackHandler(
                lane, site, lambda: WAY, self.store, self.decide, tally=self.line.tally, clock=self.clock
            )
        crm: Connector = self.sites["crm"]
        handlers[FETCH + "crm"] = FetchHandler("crm", crm, lambda: WAY, self.store.limits, self.clock)
        self.lanes = ("contacts", FETCH + "crm", *(WRITEBACK + name for name in KINDS))
        self.line = replace(
            self.line,
            connectors={**self.line.connectors, **self.sites},
            handlers=handlers,
            debts=Debts(self.store, self.decide),
        )
        self.begin()

    def begin(self) -> None:
        """Start with nobody."""
        self.store.lanes.register(FETCH + "crm", keeps="nothing")
        for name, site in self.sites.items():
            self.store.lanes.register(WRITEBACK + name, keeps="records")
            site.__init__(site.settings)  # type: ignore[misc]  # empty again
        self.numbers = itertools.count(1)
        self.second = BEGIN
        self.waiting: list[Callable[[], None]] = []
        #: What was said, as far as anybody here could know.
        self.heard: list[Step] = []
        #: Everything that was said.
        self.said: list[Step] = []
        #: (address, when, word) of what was done in Brevo.
        self.acts: list[tuple[str, datetime, str]] = []

    def reset(self) -> None:
        super().reset()
        self.clock.set(utc_now())
        self.begin()

    # the town's time, and its post

    def now(self) -> datetime:
        """The next second."""
        self.second += 1
        return at(self.second)

    def sent(self, event: Event) -> None:
        """A webhook is under way."""
        step = Step(event.occurred_at, event)
        if event.kind is not Kind.RECORD_CHANGED:
            self.said.append(step)

        def arrive() -> None:
            if event.kind is not Kind.RECORD_CHANGED:
                self.heard.append(step)
            self.send(event, received=event.seen_at)

        self.waiting.append(arrive)

    def arrive(self, place: int, *, doubled: bool = False) -> None:
        """One of the webhooks that are under way arrives; doubled, it comes again later."""
        if self.waiting:
            place %= len(self.waiting)
            told = self.waiting[place] if doubled else self.waiting.pop(place)
            told()

    # what can be done

    def site(self, name: str) -> Site:
        return self.sites[name]

    def name_of(self, source: str, id_: str) -> str:
        """A name that nobody had before."""
        return f"{source}.{id_}.{next(self.numbers)}"

    def step(self, lane: str, *, dies: str = "") -> None:
        """Let a lane work as far as its destination lets it; `dies`: a worker ends before that step is done."""
        with contextlib.suppress(Unavailable, Killed), dying(self, dies):
            while deliver(self.line, lane).did_work:
                pass
        if dies:
            self.end_leases(lane)

    def read_inbox(self, *, dies: bool = False) -> None:
        """Read what arrived."""
        with contextlib.suppress(Killed), dying(self, "commit" if dies else ""):
            self.read()

    def end_leases(self, lane: str) -> None:
        """The leases of a worker that is gone have ended."""
        for target in self.client.zrange(f"tajo:lease:{lane}", 0, -1):
            self.client.zadd(f"tajo:lease:{lane}", {target: 1})

    def look_again(self) -> None:
        """Everything that waits is due, and no lane is paused."""
        for lane in self.lanes:
            self.store.breakers.close(lane)
            for priority in range(3):
                key = f"tajo:q:{lane}:{priority}"
                for target in self.client.zrange(key, 0, -1):
                    self.client.zadd(key, {target: 0})

    def is_quiet(self) -> bool:
        """Whether nothing waits."""
        waits = any(self.client.zcard(f"tajo:since:{lane}") for lane in self.lanes)
        return not (self.waiting or waits or self.client.xlen("tajo:inbox"))

    def drain(self) -> None:
        """All is up again, everything arrives, and time passes until nothing is left to be done."""
        self.brevo.is_down = False
        for site in self.sites.values():
            site.is_down = False
        self.clock.set(utc_now() + timedelta(milliseconds=LATER_MS))
        for _ in range(40):
            while self.waiting:
                self.arrive(0)
            self.read()
            self.look_again()
            for lane in self.lanes:
                self.step(lane)
            if self.is_quiet():
                return
        raise AssertionError([(lane, self.client.zcard(f"tajo:since:{lane}")) for lane in self.lanes])

    @property
    def known(self) -> list[Step]:
        """All that was said, and what was read: a CRM tells when somebody opted in, and not at which address."""
        return self.said + self.heard

    def result(self, source: str, id_: str) -> Json:
        """What became of an opt-out at a platform."""
        (kept,) = self.store.records.all_of([(WRITEBACK + source, f"{source}:{id_}")])
        return kept.has.get("result") if kept is not None else None


@contextlib.contextmanager
def dying(town: Town, where: str):
    """Let a worker end before a step: `commit` what was read, `settle` what was delivered."""
    if not where:
        yield
        return
    place, name = (pipeline, "commit") if where == "commit" else (town.store.lanes, "settle")
    real = getattr(place, name)

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    setattr(place, name, die)
    try:
        yield
    finally:
        if place is pipeline:
            pipeline.commit = real
        else:
            del town.store.lanes.settle


def let_claim_at_once(patch: Any) -> None:
    """What a worker that is gone had read is taken up by the next one at once."""
    patch.setattr(inbox, "CLAIM_AFTER_MS", 0)


# what happens ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Act:
    """Something that somebody does.

    Args:
        what: a word of `DONE`.
        source: where.
        slot: who, of those there.
        email: an address, where it needs one.
    """

    what: str
    source: str
    slot: int
    email: str


def do(town: Town, act: Act) -> None:
    """Let something happen, if it can."""
    with contextlib.suppress(KeyError, IndexError):
        DONE[act.what](town, act)


def _one(town: Town, act: Act) -> tuple[Site, str]:
    site = town.site(act.source)
    ids = sorted(site.accounts)
    return site, ids[act.slot % len(ids)] if ids else ""


def _is_free(site: Site, email: str) -> bool:
    return site.shares_addresses or all(one.email != email for one in site.accounts.values())


def register(town: Town, act: Act) -> None:
    site = town.site(act.source)
    if len(site.accounts) >= 3 or not _is_free(site, act.email):
        return
    when, number = town.now(), next(town.numbers)
    id_ = f"{number}" if act.source != "payer" else f"P{act.slot}-{act.email}"
    site.accounts[id_] = Account(act.email, town.name_of(act.source, id_))
    changed(site, id_, when, Kind.CUSTOMER_CREATED)


def changed(site: Site, id_: str, when: datetime, kind: Kind = Kind.CUSTOMER_UPDATED) -> None:
    site.accounts[id_].changed = when
    site.tell(id_, when, kind)


def rename(town: Town, act: Act) -> None:
    site, id_ = _one(town, act)
    if act.source == "payer" or not id_ or not _is_free(site, act.email):
        return
    site.accounts[id_].email = act.email
    site.accounts[id_].name = town.name_of(act.source, id_)
    changed(site, id_, town.now())


def exchange(town: Town, act: Act) -> None:
    """Two customers of a platform exchange their addresses, by way of a third one."""
    site = town.site(act.source)
    ids = sorted(site.accounts)[:2]
    if act.source == "payer" or len(ids) < 2:
        return
    one, two = (site.accounts[id_] for id_ in ids)
    first, second = one.email, two.email
    for account, id_, email in ((one, ids[0], "way@example.com"), (two, ids[1], first), (one, ids[0], second)):
        account.email = email
        changed(site, id_, town.now())


def say(town: Town, act: Act, state: ConsentState, *, explicit: bool) -> None:
    site, id_ = _one(town, act)
    if act.source == "payer" or not id_:
        return
    when = town.now()
    account = site.accounts[id_]
    account.state, account.said, account.explicit, account.changed = state, when, explicit, when
    told = site.event(id_, when, Kind.CONSENT_CHANGED)
    if isinstance(site, Crm):
        if state is WITHDRAWN and explicit:
            town.sent(replace(told, record={"id": id_, "email": account.email}))
        else:
            town.said.append(Step(when, told))
        site.hint(id_, when)
    else:
        town.sent(told if explicit else replace(told, kind=Kind.CUSTOMER_UPDATED))


def order(town: Town, act: Act, state: ConsentState | None = None) -> None:
    """An order of a guest or of a customer, perhaps with a box."""
    site, id_ = _one(town, act)
    when, number = town.now(), next(town.numbers)
    email = site.accounts[id_].email if id_ else act.email
    customer: dict[str, Json] = {"email": email, "firstName": f"{act.source}.guest.{number}"}
    consents = () if state is None else (Consent(Channel.EMAIL, state, when, "box"),)
    name, record = f"{act.source}.{number}", {"id": str(number), "customer": customer}
    town.sent(
        Event(name, act.source, Kind.ORDER_PLACED, when, str(number), id_ or None, record, consents, seen_at=when)
    )


def merge(town: Town, act: Act) -> None:
    """Two customers of the CRM become one; its webhooks say that one was deleted, and one changed."""
    site = town.sites["crm"]
    assert isinstance(site, Crm)
    ids = sorted(site.accounts)
    if len(ids) < 2:
        return
    gone, kept = (ids[0], ids[1]) if act.slot % 2 else (ids[1], ids[0])
    when = town.now()
    del site.accounts[gone]
    site.merged[gone], site.merged_at[gone], site.accounts[kept].changed = kept, when, when
    site.hint(gone, when, is_deletion=True)
    site.hint(kept, when)


def delete(town: Town, act: Act) -> None:
    site, id_ = _one(town, act)
    if act.source == "payer" or not id_:
        return
    when = town.now()
    del site.accounts[id_]
    if isinstance(site, Crm):
        site.hint(id_, when, is_deletion=True)
    else:
        site.end(id_, when, Kind.CUSTOMER_DELETED, {"id": id_})


def erase(town: Town, act: Act) -> None:
    """A customer is erased at the platform; a CRM sends a last word of the change before it, too."""
    site, id_ = _one(town, act)
    if act.source == "payer" or not id_:
        return
    when = town.now()
    email = site.accounts.pop(id_).email
    site.erased[id_] = when
    site.end(id_, when, Kind.CUSTOMER_ERASED, {"id": id_, "email": email} if act.slot % 2 else {"id": id_})
    if isinstance(site, Crm):
        site.hint(id_, when)


def in_brevo(town: Town, act: Act, word: str) -> None:
    when = town.now()
    town.brevo.unsubscribe(act.email, when=when, word=word)
    town.acts.append((act.email, when, word))
    _brevo_tells(town, act.email, when, {"event": word}, Step(when, brevo=word, email=act.email))


def leave_list(town: Town, act: Act) -> None:
    """Somebody leaves our list in Brevo, and nothing else."""
    contact = town.brevo.contacts.get(act.email)
    if contact is None or LIST not in contact.lists:
        return
    when = town.now()
    contact.lists.discard(LIST)
    contact.left.add(LIST)
    town.acts.append((act.email, when, "list"))
    _brevo_tells(town, act.email, when, {"event": "unsubscribed", "list_id": [LIST]}, None)


def _brevo_tells(town: Town, email: str, when: datetime, body: dict[str, Json], step: Step | None) -> None:
    if step is not None:
        town.said.append(step)

    def arrive() -> None:
        if step is not None:
            town.heard.append(step)
        town.send_brevo({**body, "email": email, "ts_event": int(when.timestamp())})

    town.waiting.append(arrive)


DONE: dict[str, Callable[[Town, Act], None]] = {
    "register": register,
    "rename": rename,
    "exchange": exchange,
    "opt in": lambda town, act: say(town, act, GRANTED, explicit=True),
    "withdraw": lambda town, act: say(town, act, WITHDRAWN, explicit=True),
    "tick": lambda town, act: say(town, act, GRANTED, explicit=False),
    "untick": lambda town, act: say(town, act, WITHDRAWN, explicit=False),
    "order": order,
    "box": lambda town, act: order(town, act, GRANTED),
    "empty box": lambda town, act: order(town, act, WITHDRAWN),
    "merge": merge,
    "delete": delete,
    "erase": erase,
    "unsubscribe": lambda town, act: in_brevo(town, act, "unsubscribe"),
    "spam": lambda town, act: in_brevo(town, act, "spam"),
    "hard_bounce": lambda town, act: in_brevo(town, act, "hard_bounce"),
    "leave list": leave_list,
}
