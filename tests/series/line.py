"""The line from a shop's events to mails, in memory: the skill, the records as the lane merges them, and `decide`.

It stands for the mail step where a test is about the rules alone: whatever `decide` says is written down, and it is
asked again when it said so or when something new is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from customer_sync.model import ConsentState, Event, Json, Kind, to_ms
from customer_sync.person.merge import State, merge, stamp
from customer_sync.series.decide import End, Ended, Other, Recipient, Seen, Send, Sent, Wait, Why, decide
from customer_sync.series.keys import read_options
from customer_sync.series.options import Options
from customer_sync.series.records import cart_of, purchase_of
from customer_sync.skills.abandoned_cart import AbandonedCart

#: A Monday. Nothing here depends on the day it is.
DAY = datetime(2026, 3, 2, tzinfo=UTC)
#: Three mails, 1 h, 24 h and 48 h apart, for carts left for half an hour.
KEYS: dict[str, Json] = {
    "sequence": [
        {"delay": "1h", "template_id": 101},
        {"delay": "24h", "template_id": 102, "include_discount": True, "discount_percent": 10},
        {
            "delay": "48h",
            "template_id": 103,
            "include_discount": True,
            "discount_percent": 15,
            "discount_expiry": "24h",
        },
    ]
}


def at(text: str) -> datetime:
    """Return a time of the first day, or of a later one: `10:00`, `2 10:00`."""
    day, _, clock = text.rpartition(" ")
    hour, minute = (int(part) for part in clock.split(":"))
    return DAY + timedelta(days=int(day or 0), hours=hour, minutes=minute)


def options(**keys: Json) -> Options:
    """Return the settings of three mails, with these keys."""
    found, faults = read_options({**KEYS, **keys})
    assert not faults
    return found


def cart(clock: str, cart_id: str = "t1", email: str | None = "kai@example.com", **more: Json) -> Event:
    """Return the event of a cart with one thing of 40.00 in it."""
    lines: list[Json] = [{"productId": "7", "title": "Mug", "quantity": 1, "price": 40.0}]
    account = more.pop("account", None)
    record: dict[str, Json] = {"id": cart_id, "carts": [cart_id], "currency": "EUR", "total": 40.0, "lines": lines}
    record |= {"url": "https://shop.example.com/c/1", "email": email, **more}
    name = f"{cart_id}-{clock}-{email}"
    return Event(name, "shop", Kind.CART_UPDATED, at(clock), cart_id, account, record)


def order(clock: str, order_id: str = "900", email: str | None = "kai@example.com", **more: Json) -> Event:
    """Return the event of a paid order."""
    account = more.pop("account", None)
    record: dict[str, Json] = {"id": order_id, "state": "paid", "status": "processing", "currency": "EUR"}
    record |= {"total": 40.0, "email": email, "createdAt": at(clock).isoformat(), **more}
    name = f"{order_id}-{clock}-{record['state']}"
    return Event(name, "shop", Kind.ORDER_UPDATED, at(clock), order_id, account, record)


@dataclass
class Mail:
    """A mail that went out."""

    at: datetime
    to: str
    cart: str
    send: Send


@dataclass
class Came:
    """An event, or a change of a person, with when it was worked off."""

    worked: datetime
    event: Event | None = None
    person: str = ""
    state: Recipient | None = None


@dataclass
class Line:
    """The line.

    Args:
        options: the settings.
        people: address → the person; one that is not named said yes.
        accounts: customer → address.
        enabled_at: since when the skill is on.
    """

    options: Options = field(default_factory=options)
    people: dict[str, Recipient | None] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    enabled_at: datetime = DAY - timedelta(days=1)
    records: dict[str, State] = field(default_factory=dict)
    owners: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    since: dict[str, datetime] = field(default_factory=dict)
    sent: dict[str, list[Sent]] = field(default_factory=dict)
    ended: dict[str, Ended] = field(default_factory=dict)
    mails: list[Mail] = field(default_factory=list)
    ends: list[tuple[datetime, str, End]] = field(default_factory=list)
    left: dict[str, datetime] = field(default_factory=dict)
    due: dict[str, datetime] = field(default_factory=dict)
    came: list[Came] = field(default_factory=list)

    def says(self, address: str, clock: str, **changes: object) -> None:
        """Plan a change of a person: `consent`, `has_left_list`; `erased=True` forgets the person."""
        when = at(clock)
        found = None if changes.pop("erased", False) else replace(self.person(address), **changes)  # type: ignore[arg-type, type-var]  # a person is there
        self.came.append(Came(when, person=address, state=found))

    def tells(self, event: Event, *, arrives: str = "") -> None:
        """Plan an event: when it comes; without that at once."""
        self.came.append(Came(at(arrives) if arrives else event.occurred_at, event))

    def person(self, address: str) -> Recipient | None:
        """Return a person."""
        return self.people.setdefault(address, Recipient(address, ConsentState.GRANTED))

    def run(self, until: str, *, asleep: tuple[str, str] | None = None) -> Line:
        """Work off everything up to a time; nothing happens while the program stands still."""
        stop = (at(asleep[0]), at(asleep[1])) if asleep else None
        waiting = sorted(self.came, key=lambda one: one.worked)
        for _ in range(10_000):
            times = [_awake(one.worked, stop) for one in waiting[:1]] + [_awake(one, stop) for one in self.due.values()]
            if not times or min(times) > at(until):
                return self
            now = min(times)
            while waiting and _awake(waiting[0].worked, stop) <= now:
                self._take(waiting.pop(0))
            for target in sorted(self.due):
                if target in self.due and self.due[target] <= now:
                    self._look(target, now)
        raise AssertionError("the line never came to rest")

    def _take(self, one: Came) -> None:
        if one.event is None:
            self.people[one.person] = one.state
            return
        for says in AbandonedCart(self.options.inactivity_threshold).intent(one.event).steps:
            state = stamp(says.fields, to_ms(says.at))
            self.records[says.id] = merge([self.records.get(says.id, {}), state])
            if says.who is not None and says.at >= self.owners.get(says.id, (DAY - timedelta(days=999), ""))[0]:
                self.owners[says.id] = says.at, says.who.email if says.who.id is None else f"#{says.who.id}"
            if says.id.startswith("order:"):
                self.due |= {name: one.worked for name in self.records if name.startswith("cart:")}
            else:
                self.due[says.id] = says.due.at if says.due.at is not None else one.worked

    def _note_purchases(self) -> None:
        """Keep since when orders are purchases, as it is at the first look at them."""
        for target in self.records:
            found = purchase_of(target, self.fields(target)) if target.startswith("order:") else None
            if found is not None:
                self.since.setdefault(target, found.at)

    def fields(self, target: str) -> dict[str, Json]:
        """Return the fields of a record."""
        return {name: one.value for name, one in self.records[target].items()}

    def owner(self, target: str) -> str:
        """Return the address that a record belongs to now."""
        found = self.owners.get(target, (DAY, ""))[1]
        return self.accounts.get(found[1:], "") if found.startswith("#") else found

    def seen(self, target: str, now: datetime) -> Seen | None:
        """Return what is known of a cart; None where only an order named it."""
        found = cart_of(self.fields(target))
        if found is None:
            return None
        address = self.owner(target)
        mine = [name for name in self.records if name != target and self.owner(name) == address and address]
        carts = [(name, cart_of(self.fields(name))) for name in mine if name.startswith("cart:")]
        bought = [
            purchase_of(name, self.fields(name), self.since.get(name)) for name in mine if name.startswith("order:")
        ]
        return Seen(
            now,
            target,
            found,
            self.person(address) if address else Recipient(None, ConsentState.UNKNOWN),
            tuple(self.sent.get(target, ())),
            self.ended.get(target),
            tuple(Other(name, one.touched_at, one.is_emptied) for name, one in carts if one is not None),
            tuple(one for one in bought if one is not None),
            tuple(one.at for one in self.mails if one.to == address),
            self.enabled_at,
        )

    def _look(self, target: str, now: datetime) -> None:
        self._note_purchases()
        seen = self.seen(target, now)
        del self.due[target]
        if seen is None:
            return
        said = decide(seen, self.options)
        if said.left_at is not None:
            self.left.setdefault(target, now)
        if isinstance(said, Wait):
            assert said.until > now, "it would be asked again and again"
            self.due[target] = said.until
        elif isinstance(said, Send):
            self.sent.setdefault(target, []).append(Sent(said.step, now, said.variant))
            self.mails.append(Mail(now, self.owner(target), target.removeprefix("cart:"), said))
            self.due[target] = now
        else:
            old = self.ended.get(target)
            is_same = old is not None and (old.why, old.order) == (said.why, said.order)
            if not is_same or (said.why is not Why.BOUGHT and old.touched_at != seen.cart.touched_at):
                self.ended[target] = Ended(said.why, now, said.order, seen.cart.touched_at)
                self.ends.append((now, target.removeprefix("cart:"), said))

    def told(self) -> list[tuple[str, str, int]]:
        """Return the mails: day and time, the cart, and the step."""
        return [(f"{(one.at - DAY).days} {one.at:%H:%M}", one.cart, one.send.step) for one in self.mails]


def _awake(when: datetime, stop: tuple[datetime, datetime] | None) -> datetime:
    return stop[1] if stop is not None and stop[0] <= when < stop[1] else when


def line(*events: Event | Iterable[Event], **more: object) -> Line:
    """Return a line to which these events come as they happen."""
    found = Line(**more)  # type: ignore[arg-type]  # the fields of the class
    for one in events:
        for event in [one] if isinstance(one, Event) else one:
            found.tells(event)
    return found
