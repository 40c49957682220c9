"""What happens in the town: people act at the platforms and in Brevo, webhooks go astray, workers die.

The journal notes who did what, and when. It knows the platforms and nothing of our code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from customer_sync.operate.erasure import request_erasure
from customer_sync.store.run import RunKind
from tests.four.sites import Site
from tests.four.town import Town

EMAILS = ("ann@one.example", "bob@two.example", "cid@three.example")
#: How far one act is from the next, in seconds: platforms know whole seconds.
APART_S = 2.0


@dataclass(frozen=True)
class Act:
    """Something that somebody does.

    Args:
        what: a word of `ACTS`.
        site: which of the platforms.
        slot: who, of those there.
        email: which address, where it needs one.
    """

    what: str
    site: int = 0
    slot: int = 0
    email: int = 0


@dataclass(frozen=True)
class Work:
    """Something that is done about it, or a trouble.

    Args:
        what: a word of `WORKS`.
        number: of what.
        more: of what else.
    """

    what: str
    number: int = 0
    more: int = 0


@dataclass
class Member:
    """A record at a platform, as long as it is there.

    Args:
        site: where.
        id: its number.
        email: the address that it has now.
        name: the name that it has now.
        named: when its name or address was given.
        changed: when anything of it changed last.
        names: every name that it had.
        homes: the addresses that it had, and since when.
        yes: the opt-ins: when, and for which address.
        no: the opt-outs.
        is_there: False once it was deleted, merged away or erased.
    """

    site: str
    id: str
    email: str
    name: str
    named: datetime
    changed: datetime
    names: set[str] = field(default_factory=set)
    homes: list[tuple[datetime, str]] = field(default_factory=list)
    yes: list[tuple[datetime, str]] = field(default_factory=list)
    no: list[tuple[datetime, str]] = field(default_factory=list)
    is_there: bool = True

    def home_at(self, when: datetime) -> str:
        """Return the address that it had at a time, "" before it was there."""
        return next((email for since, email in reversed(self.homes) if since <= when), "")


@dataclass
class Erasure:
    """Somebody was erased: when, and under which addresses and names they were known."""

    when: datetime
    emails: set[str]
    names: set[str]


@dataclass
class Journal:
    """All that was done."""

    members: list[Member] = field(default_factory=list)
    #: In Brevo: (address, when, word).
    brevo: list[tuple[str, datetime, str]] = field(default_factory=list)
    erasures: list[Erasure] = field(default_factory=list)
    #: When a record was deleted or merged away, and the addresses that it had.
    ends: list[tuple[datetime, set[str]]] = field(default_factory=list)
    #: When all that had happened was told.
    quiet: list[datetime] = field(default_factory=list)
    is_lossy: bool = False
    names: int = 0

    def of(self, site: str) -> list[Member]:
        """Return who is there at a platform."""
        return [one for one in self.members if one.is_there and one.site == site]

    def fresh(self, word: str) -> str:
        """Return a name that nobody had before."""
        self.names += 1
        return f"{word.title()}{self.names:03}x"


class Teller:
    """Lets a history happen in a town, and keeps its journal."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.journal = Journal()
        self.sites = list(town.sites.values())

    def tell(self, step: Act | Work) -> None:
        """Let the next thing happen, if it can."""
        if isinstance(step, Work):
            WORKS[step.what](self, step)
            if not self.journal.is_lossy and self.town.is_quiet():
                self.journal.quiet.append(self.town.now)
            return
        site = self.sites[step.site % len(self.sites)]
        ACTS[step.what](self, site, step)
        self.town.wait(APART_S)

    def member(self, site: Site, slot: int) -> Member | None:
        """Return one of those there; None where nobody is."""
        there = self.journal.of(site.platform)
        return there[slot % len(there)] if there else None

    def is_free(self, site: Site, email: str) -> bool:
        """Whether a record there may have an address."""
        return site.shares or not site.has(email)


# what people do -------------------------------------------------------------------------------------------------------


def _create(teller: Teller, site: Site, act: Act) -> None:
    email = EMAILS[act.email % len(EMAILS)]
    if not teller.is_free(site, email) or len(teller.journal.of(site.platform)) > 3:
        return
    name, now = teller.journal.fresh(site.platform), teller.town.now
    id_ = site.create(email, name)
    teller.journal.members.append(Member(site.platform, id_, email, name, now, now, {name}, [(now, email)]))


def _nickname(teller: Teller, site: Site, act: Act) -> None:
    one = teller.member(site, act.slot)
    if one is not None:
        name = teller.journal.fresh(site.platform)
        site.nickname(one.id, name)
        one.name, one.named, one.changed = name, teller.town.now, teller.town.now
        one.names.add(name)


def _rename(teller: Teller, site: Site, act: Act) -> None:
    one, email = teller.member(site, act.slot), EMAILS[act.email % len(EMAILS)]
    if one is not None and site.moves and email != one.email and teller.is_free(site, email):
        _moved(teller, site, one, email)


def _moved(teller: Teller, site: Site, one: Member, email: str) -> None:
    site.rename(one.id, email)
    one.email, one.named, one.changed = email, teller.town.now, teller.town.now
    one.homes.append((teller.town.now, email))


def _exchange(teller: Teller, site: Site, act: Act) -> None:
    """Two customers exchange their addresses, by a third one that nobody else has."""
    there = teller.journal.of(site.platform)
    if len(there) < 2 or not site.moves:
        return
    one, other = there[act.slot % len(there)], there[(act.slot + 1) % len(there)]
    if one.email == other.email:
        return
    first, second = one.email, other.email
    _moved(teller, site, one, f"between{act.slot % 2}@other.example")
    teller.town.wait(APART_S)
    _moved(teller, site, other, first)
    teller.town.wait(APART_S)
    _moved(teller, site, one, second)


def _touched(teller: Teller, site: Site, one: Member) -> None:
    if not site.only_after_yes:  # else the consent stands in a record of its own
        one.changed = teller.town.now


def _opt_in(teller: Teller, site: Site, act: Act) -> None:
    one = teller.member(site, act.slot)
    if one is not None and site.asks:
        site.subscribe(one.id)
        one.yes.append((teller.town.now, one.email))
        _touched(teller, site, one)


def _opt_out(teller: Teller, site: Site, act: Act) -> None:
    one = teller.member(site, act.slot)
    if one is not None and site.asks:
        site.unsubscribe(one.id)
        one.no.append((teller.town.now, one.email))
        _touched(teller, site, one)


def _delete(teller: Teller, site: Site, act: Act) -> None:
    one = teller.member(site, act.slot)
    if one is not None and site.deletes:
        site.delete(one.id)
        _end(teller, one)


def _end(teller: Teller, one: Member) -> None:
    one.is_there = False
    teller.journal.ends.append((teller.town.now, {email for _, email in one.homes}))


def _merge(teller: Teller, site: Site, act: Act) -> None:
    there = teller.journal.of(site.platform)
    if len(there) < 2 or not site.merges:
        return
    kept, gone = there[act.slot % len(there)], there[(act.slot + 1) % len(there)]
    left, now = site.merge(kept.id, gone.id), teller.town.now
    _end(teller, gone)
    if left != kept.id:
        _end(teller, kept)
        name, email, names = kept.name, kept.email, kept.names | gone.names
        made = Member(site.platform, left, email, name, now, now, names, [*kept.homes, (now, email)])
        teller.journal.members.append(made)
        kept = made
    kept.changed = now


def _buy(teller: Teller, site: Site, act: Act) -> None:
    one = teller.member(site, act.slot)
    if one is not None:
        site.buy(one.id)
        one.changed = teller.town.now


def _erase(teller: Teller, site: Site, act: Act) -> None:
    """The platform asks for an erasure."""
    one = teller.member(site, act.slot)
    if one is not None and site.erases:
        site.erase(one.id)
        _end(teller, one)
        # the address that it has, and those that it had and nobody has now
        taken = {other.email for other in teller.journal.members if other.is_there}
        _note_erasure(teller, {one.email, *({email for _, email in one.homes} - taken)}, one)


def _forget(teller: Teller, site: Site, act: Act) -> None:
    """An operator erases whoever has an address."""
    del site
    email, town = EMAILS[act.email % len(EMAILS)], teller.town
    request_erasure(town.house.store, email, town.now)
    _note_erasure(teller, {email})


def _note_erasure(teller: Teller, emails: set[str], one: Member | None = None) -> None:
    names = {name for member in teller.journal.members if member.email in emails for name in member.names}
    names |= one.names if one is not None else set()
    teller.journal.erasures.append(Erasure(teller.town.now, emails, names))


def _in_brevo(word: str) -> Callable[[Teller, Site, Act], None]:
    def done(teller: Teller, site: Site, act: Act) -> None:
        del site
        email, town = EMAILS[act.email % len(EMAILS)], teller.town
        contact = town.house.contacts.get(email)
        if contact is None:
            return
        body = {"email": email}
        if word == "leave_list":
            if not contact["listIds"]:
                return
            town.house.act("unsubscribe", {**body, "list_ids": contact["listIds"]})
        else:
            town.house.act(word, body)
        teller.journal.brevo.append((email, town.now, word))

    return done


ACTS: dict[str, Callable[[Teller, Site, Act], None]] = {
    "create": _create,
    "nickname": _nickname,
    "rename": _rename,
    "exchange": _exchange,
    "opt_in": _opt_in,
    "opt_out": _opt_out,
    "delete": _delete,
    "merge": _merge,
    "buy": _buy,
    "erase": _erase,
    "forget": _forget,
    "unsubscribe": _in_brevo("unsubscribe"),
    "spam": _in_brevo("spam"),
    "hard_bounce": _in_brevo("hard_bounce"),
    "leave_list": _in_brevo("leave_list"),
}


# what is done about it ------------------------------------------------------------------------------------------------


def _lose(teller: Teller, work: Work) -> None:
    """A platform's webhook never comes; Brevo's come."""
    waiting = teller.town.waiting
    if waiting and waiting[work.number % len(waiting)][0] is not None:
        teller.town.arrive(work.number, lost=True)
        teller.journal.is_lossy = True


def _deliver(teller: Teller, work: Work) -> None:
    lanes = teller.town.lanes
    teller.town.deliver(lanes[work.number % len(lanes)])


def _die(teller: Teller, work: Work) -> None:
    """A worker dies somewhere in what it does: it reads, and then works in a lane."""
    town = teller.town
    with town.mortal(work.more):
        town.read()
        _deliver(teller, work)


def _pull(teller: Teller, work: Work) -> None:
    site = teller.sites[work.number % len(teller.sites)]
    if not (site.client.is_down or teller.town.is_brevo_down):
        teller.town.pull(site.platform, RunKind.INCREMENTAL)


def _switch(teller: Teller, work: Work, *, is_down: bool) -> None:
    number = work.number % (len(teller.sites) + 1)
    if number == len(teller.sites):
        teller.town.is_brevo_down = is_down
    else:
        teller.sites[number].client.is_down = is_down


WORKS: dict[str, Callable[[Teller, Work], None]] = {
    "arrive": lambda teller, work: teller.town.arrive(work.number),
    "twice": lambda teller, work: teller.town.arrive(work.number, again=True),
    "lose": _lose,
    "read": lambda teller, work: teller.town.read(),
    "deliver": _deliver,
    "settle": lambda teller, work: teller.town.settle(),
    "work": lambda teller, work: teller.town.work(),
    "die": _die,
    "pull": _pull,
    "down": lambda teller, work: _switch(teller, work, is_down=True),
    "up": lambda teller, work: _switch(teller, work, is_down=False),
    "expire": lambda teller, work: teller.sites[work.number % len(teller.sites)].expire(),
    "wait": lambda teller, work: teller.town.wait(timedelta(seconds=20 * (1 + work.number)).total_seconds()),
}
