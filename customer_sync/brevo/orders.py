"""The lane of orders: each order is in Brevo as it is now, with the amount that the shop keeps of it.

What happens now goes singly, and may start automations there. What is only read goes by the thousand as history, which
starts none: https://developers.brevo.com/reference/create-batch-order
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import orjson

from customer_sync.base import retry
from customer_sync.brevo.commerce import OTHER, Commerce, need_commerce, tell_currency
from customer_sync.brevo.desk import Desk
from customer_sync.brevo.gate import Gate
from customer_sync.brevo.lanes import ORDERS
from customer_sync.brevo.order_body import Told, tell_order
from customer_sync.brevo.order_reach import look_ms, reach, wait_ms
from customer_sync.brevo.shop_answers import ORDERS as ANSWERS
from customer_sync.brevo.webhooks import ORDERS_PATH, notice_url
from customer_sync.engine.grouped import GroupStep
from customer_sync.engine.lane import Outcome, parked
from customer_sync.errors import Parkable
from customer_sync.model import Json, OrderState, Priority
from customer_sync.person.orders import IS_LIVE, REFUSED
from customer_sync.person.person import Person, apply
from customer_sync.store.forms import Kept, encode_kept
from customer_sync.store.items import Item, Settlement
from customer_sync.store.run import RunState

#: How long an order waits for more to come, while a run still reads orders, in ms.
GATHER_MS: Final = 30_000
#: The same while none does. Orders that wait are looked at again together, at every multiple of this.
LOOK_MS: Final = 1_000
#: How long a batch waits to become full while orders wait for their contacts, in ms: those come by and by.
CONTACTS_MS: Final = 300_000
#: By how many looks the last of these may be late.
LATE_LOOKS: Final = 5

_ONE: Final = "/orders/status"
_MANY: Final = "/orders/status/batch"
#: Why an order is not sent, for the metrics.
Why = Literal["currency", "no address", "withdrawn", "test", "draft", "not known"]


@dataclass(slots=True)
class Job:
    """One order to be sent.

    Args:
        item: the item.
        told: the order in Brevo's words.
        is_live: whether it may start automations.
        raw: the body of the order.
        alone_ms: since when the order names nobody although there should be a contact, in ms; None where it does not.
        next_ms: when to look whether the contact is there, in ms.
    """

    item: Item
    told: Told
    is_live: bool
    raw: bytes
    alone_ms: int | None = None
    next_ms: int | None = None

    def delivered(self, note: str) -> Outcome:
        """Return its outcome once Brevo took it."""
        has: dict[str, Json] = {"d": self.told.digest, "s": self.told.status}
        if self.is_live or self.item.kept.has.get("l"):
            has["l"] = 1
        if (heard := refused_at(self.item)) is not None:
            has["r"] = heard
        if self.alone_ms is not None:
            has["u"] = self.alone_ms
            note += ", without its buyer, whose contact is not in Brevo"
        record = encode_kept(Kept(self.item.state, has))
        return Outcome(self.item, Settlement(self.item.target, record=record, next_ms=self.next_ms), "delivered", note)


class OrdersHandler(GroupStep[Job, Gate]):
    """The worker step of the lane.

    Args:
        desk: what it works with.
    """

    most = 1_000
    #: Brevo takes 5 MB.
    most_bytes = 4_500_000
    #: A batch has no limit of its own: it shares that of "everything else", 100 calls an hour.
    group_bucket = OTHER

    def __init__(self, desk: Desk) -> None:
        super().__init__(ORDERS, desk.store.limits, Gate, desk.clock)
        self._desk = desk
        self._seen: set[tuple[str, str]] = set()
        # until when history waits for contacts, and since when a batch gathers meanwhile, in ms, by this process
        self._awaits_ms = self._gathers_ms = 0
        self._notify_url = notice_url(desk.settings, ORDERS_PATH)

    def planner(self) -> Callable[[Item], Outcome | Job]:
        """Return what plans one order.

        Raises:
            ConfigError: eCommerce is off.
        """
        commerce = need_commerce(self._desk)
        return lambda item: self._plan_order(item, commerce)

    def _plan_order(self, item: Item, commerce: Commerce) -> Outcome | Job:
        refusal = self._refusal(item)
        if refusal is not None:
            return refusal
        source, _, own = item.target.partition(":")
        fields = {name: one.value for name, one in item.state.items()}
        told = tell_order(source, own, item.state, item.person)
        if told is None:
            return self._left_out(item, "not known", "Only a part of this order is known yet.")
        if fields.get("isTest") is True:
            return self._left_out(item, "test", "A test order: no money moved.", is_settled=True)
        if fields.get("state") == OrderState.DRAFT and not item.kept.has:
            return Outcome(item, Settlement(item.target), "unchanged", "The checkout page is still open.")
        currency = str(fields.get("currency") or "")
        if currency and (source, currency) not in self._seen:
            self._seen.add((source, currency))
            tell_currency(self._desk.store, source, currency)
        if (note := _other_currency(fields, commerce)) is not None:
            self._alert(source, currency, note)
            return self._left_out(item, "currency", note)
        return self._to_buyer(item, told)

    def _to_buyer(self, item: Item, told: Told) -> Outcome | Job:
        """Return the job where the order may be sent: for its buyer, or for nobody where the contact is missing."""
        person = self._person(item)
        if person is None or not person.email:
            return self._left_out(item, "no address", "The buyer has no address that is known.")
        is_waiting = item.whose is not None and bool(item.whose.parts)
        found = reach(person, self._desk.rules(), is_waiting=is_waiting)
        if found == "left":
            return self._left_out(item, "withdrawn", "The buyer left, and is no contact in Brevo.")
        if found == "there":
            return self._job(item, told, person.email)
        source, _, own = item.target.partition(":")
        # the digest tells that nobody is named: once the contact is there the order is sent again
        alone = tell_order(source, own, item.state, "") or told
        if found == "comes" and item.kept.has.get("d") != alone.digest and (waits := self._waits(item)) is not None:
            return waits
        if found == "nobody":
            return self._job(item, alone, None)
        known = item.kept.has.get("u")
        return self._job(item, alone, None, known if isinstance(known, int) else self._clock())

    def _job(self, item: Item, told: Told, email: str | None, alone_ms: int | None = None) -> Outcome | Job:
        has = item.kept.has
        next_ms = None if alone_ms is None else look_ms(alone_ms, self._clock())
        is_first = self._is_news(item) and not has.get("l")
        if has.get("d") == told.digest and not is_first:
            record = encode_kept(Kept(item.state, has))
            return Outcome(item, Settlement(item.target, record=record, next_ms=next_ms), "unchanged")
        has_changed = item.priority is not Priority.BULK and bool(has)
        is_live = is_first or (has_changed and bool(has.get("l") or has.get("s") != told.status))
        whom: dict[str, Json] = {} if email is None else {"identifiers": {"email_id": email}}
        return Job(item, told, is_live, orjson.dumps({**told.body, **whom}), alone_ms, next_ms)

    def _waits(self, item: Item) -> Outcome | None:
        """Return the outcome of an order that waits for its contact; None where it waited long enough."""
        now_ms, is_history = self._clock(), item.priority is Priority.BULK
        pause_ms = wait_ms(now_ms - item.since_ms, is_history=is_history)
        if pause_ms is None:
            return None
        due_ms = now_ms + pause_ms
        if is_history:
            due_ms += -due_ms % LOOK_MS
            self._awaits_ms = max(self._awaits_ms, due_ms)
        settlement = Settlement(item.target, "again", due_ms=due_ms, is_untried=True)
        return Outcome(item, settlement, "held", "The buyer's own changes go first.")

    def _is_news(self, item: Item) -> bool:
        """Tell whether an order happened while we listened, and did not wait for long: by then it is history."""
        told = item.state.get(IS_LIVE)
        if told is None:
            return False
        # what is looked at again was left out before, or named nobody, and does not tell since when it waits
        is_again = item.priority is Priority.BULK or "u" in item.kept.has
        since_ms = told.at_ms if is_again else item.since_ms
        return self._clock() - since_ms < retry.HORIZON_S * 1000

    def _person(self, item: Item) -> Person | None:
        if item.whose is None:
            return None
        return apply(self._desk.store.people.decode(item.whose.record), item.whose.parts)

    def _left_out(self, item: Item, why: Why, note: str, *, is_settled: bool = False) -> Outcome:
        """Return the outcome of an order that is not sent; unless that is settled, a run looks at it again."""
        has = {**item.kept.has, "w": why} if is_settled else item.kept.has
        source = item.target.partition(":")[0]
        self._desk.tally.count("tajo_orders_left_out_total", source=source, why=why)
        record = encode_kept(Kept(item.state, has))
        return Outcome(item, Settlement(item.target, record=record), "unchanged", note)

    def _alert(self, source: str, currency: str, note: str) -> None:
        """Tell a person of the first order of a currency that is left out, once a day."""
        store = self._desk.store
        if store.is_first(f"left-out:{source}:{currency[:3]}", self._clock() // 86_400_000, 2 * 86_400):
            remedy = (
                "Where all are: `tajo brevo activate --currency CODE`, then `tajo connectors sync <source> --full`."
            )
            store.ledger.alert(
                f"{source}: {note} It is left out, and so are others of its kind.", remedy, source=source
            )

    def _refusal(self, item: Item) -> Outcome | None:
        """Return the outcome of an order that Brevo refused among others, when that is news; it can be replayed."""
        heard = refused_at(item)
        if heard is None or heard == item.kept.has.get("r"):
            return None
        if item.state.keys() == {REFUSED}:
            return Outcome(item, Settlement(item.target), "unchanged", "Nobody told of this order.")
        why = Parkable(f"Brevo refused the order: {item.state[REFUSED].value}.", ANSWERS.remedy)
        # the digest is forgotten, so that a replay sends it; whether it was live is not
        record = encode_kept(Kept(item.state, {**item.kept.has, "d": "", "r": heard}))
        return parked(item, self.lane.name, why, self._clock(), record)

    def size(self, job: Job) -> int:
        """Return the bytes of an order that goes as history; 0 for one that goes alone."""
        return 0 if job.is_live else len(job.raw) + 1

    def waits_until(self, items: Sequence[Item]) -> int | None:
        """Return until when a batch waits to become full, in ms: there are a hundred of them an hour."""
        now_ms, since_ms, most_ms = self._clock(), min(item.since_ms for item in items), GATHER_MS
        comes_more = now_ms < self._awaits_ms + LATE_LOOKS * LOOK_MS
        if comes_more:  # they waited for their contacts until now, and tell nothing of when this batch began
            self._gathers_ms = self._gathers_ms or now_ms
            since_ms, most_ms = max(since_ms, self._gathers_ms), CONTACTS_MS
        waited_ms = now_ms - since_ms
        if waited_ms >= most_ms or (waited_ms >= LOOK_MS and not comes_more and not self._is_filling()):
            self._gathers_ms = 0
            return None
        return now_ms - now_ms % LOOK_MS + LOOK_MS

    def _is_filling(self) -> bool:
        """Tell whether a run is still reading orders."""
        runs = self._desk.store.runs.open_runs()
        return any(one.resource == "orders" and one.state is RunState.RUNNING and not one.is_dry for one in runs)

    def carry_out(self, job: Job, gate: Gate) -> Outcome:
        """Send one order: alone, or as a batch of one where it is history."""
        if not job.is_live:
            return self.carry_out_all([job], gate)[0]
        gate.wait()
        self._desk.brevo.send("POST", _ONE, job.raw, bucket=self.lane.bucket, answers=ANSWERS)
        return job.delivered(f"sent, {job.told.status}")

    def carry_out_all(self, jobs: Sequence[Job], gate: Gate) -> Sequence[Outcome]:
        """Send orders as history."""
        head = orjson.dumps({"historical": True} | ({"notifyUrl": self._notify_url} if self._notify_url else {}))
        gate.wait()
        raw = head[:-1] + b',"orders":[' + b",".join(job.raw for job in jobs) + b"]}"
        self._desk.brevo.send("POST", _MANY, raw, bucket=OTHER, answers=ANSWERS)
        return [job.delivered("sent as history") for job in jobs]


def refused_at(item: Item) -> int | None:
    """Return when Brevo said that it refused an order, in ms; None where it did not."""
    found = item.state.get(REFUSED)
    return None if found is None else found.at_ms


def _other_currency(fields: dict[str, Json], commerce: Commerce) -> str | None:
    """Return why an amount cannot be told in the account's currency, None where it can."""
    number, currency = fields.get("number") or fields.get("id") or "", fields.get("currency")
    order = f"Order {number}".rstrip()
    if not isinstance(currency, str) or not currency:
        return f"{order} has no currency, the account counts in {commerce.currency or 'an unknown one'}."
    if currency.upper() == commerce.currency:
        return None
    return f"{order} is in {currency.upper()}, the account counts in {commerce.currency or 'an unknown currency'}."
