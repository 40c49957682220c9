"""The worker step of the lane `events`: what happened to carts, told to Brevo for its workflows.

Brevo starts a workflow for every event and knows no repeats, so that each is sent as few times as can be: a cart once
for each state that it rested in, an order once. A worker that is killed between the call and its note sends the event
again, with the very same name, date and properties: a workflow that lets a contact in once is not entered twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from customer_sync.brevo.batches import BatchStep
from customer_sync.brevo.carts import (
    CONTENT,
    HISTORY,
    OPEN,
    TOLD,
    TOUCHED,
    WAITED,
    YOUNG,
    Cart,
    cart_in,
    fields_of,
    kind_of_target,
    open_carts,
    purchase_in,
    purchases_in,
)
from customer_sync.brevo.commerce import OTHER
from customer_sync.brevo.desk import Desk
from customer_sync.brevo.event_bodies import fitting, properties
from customer_sync.brevo.event_reach import Unreachable, address, person_of
from customer_sync.brevo.gate import Gate
from customer_sync.brevo.lanes import EVENTS
from customer_sync.brevo.names import order_id
from customer_sync.brevo.shop_answers import EVENTS as ANSWERS
from customer_sync.engine.lane import Outcome, Word
from customer_sync.errors import Parkable, PayloadError, TryLater
from customer_sync.kit.outbound import Reply
from customer_sync.model import Json, to_iso, to_ms
from customer_sync.person.merge import canonical
from customer_sync.series.records import Purchase
from customer_sync.store.forms import Kept, encode_kept
from customer_sync.store.items import Item, Settlement

#: The fields of an order that are not needed any more once it was told.
_SPENT: Final = frozenset({"lines", "total", "number"})


@dataclass(slots=True)
class Job:
    """One event to be sent.

    Args:
        item: its item.
        body: the event.
        has: what the lane remembers once Brevo has it.
        note: what was left out.
    """

    item: Item
    body: dict[str, Json]
    has: Mapping[str, Json]
    note: str = ""


class EventsHandler(BatchStep[Job]):
    """The worker step.

    Args:
        desk: what it works with.
    """

    most = 200
    #: Brevo takes 512 KB.
    most_bytes = 500_000
    #: Single calls are ten a second: that is more than batches bring in an hour, unless many wait.
    few = 25
    group_bucket = OTHER

    def __init__(self, desk: Desk) -> None:
        super().__init__(EVENTS, desk.store.limits, Gate, desk.clock)
        self._desk = desk
        skill = desk.settings.skills.get("cart-events")
        self._only_granted = skill is not None and skill.extra.get("only_granted") is True

    def planner(self) -> Callable[[Item], Outcome | Job]:
        """Return what plans one record."""
        plans = {"cart": self._cart, "order": self._order}
        return lambda item: plans.get(kind_of_target(item.target), self._ready)(item)

    # what there is to tell --------------------------------------------------------------------------------------------

    def _cart(self, item: Item) -> Outcome | Job:
        """Plan a cart: told as it is, as emptied, or not at all."""
        kept = Kept(item.state, item.kept.has)
        cart = cart_in(kept)
        if cart is None:
            return _settled(item, kept.has, "an order named it; the cart itself is unknown")
        if cart.seen.is_emptied:
            return self._emptied(item, cart)
        is_live = fields_of(kept.state).get("isLive") is True
        if cart.is_open and (bought := cart.bought_by(())) is not None:
            return _settled(item, cart.ended_by(bought), "bought")
        if cart.is_same_again() or (why := cart.why_not(is_live=is_live)):
            return _settled(item, kept.has, "" if cart.is_same_again() else why)
        if (bought := cart.bought_by(self._purchases(item))) is not None:
            return _settled(item, cart.ended_by(bought), "bought")
        touched_ms = to_ms(cart.seen.touched_at)
        told: dict[str, Json] = {CONTENT: cart.digest, TOUCHED: touched_ms, OPEN: True}
        body = properties(_source_of(item), _name_of(item), cart.seen.content)
        return self._job(item, "cart_updated", touched_ms, body, told, kept.has)

    def _emptied(self, item: Item, cart: Cart) -> Outcome | Job:
        if not cart.is_open:
            return _settled(item, {})
        if cart.bought_by(self._purchases(item)) is not None:
            return _settled(item, {}, "bought")
        body = properties(_source_of(item), _name_of(item), {})
        return self._job(item, "cart_deleted", to_ms(cart.seen.touched_at), body, {}, {}, is_ending=True)

    def _order(self, item: Item) -> Outcome | Job:
        """Plan an order: told once, when somebody bought something."""
        kept = Kept(item.state, item.kept.has)
        if kept.has.get(TOLD) is True:
            return _settled(item, kept.has)
        purchase = purchase_in(item.target, kept)
        if purchase is None:
            return _settled(item, {**kept.has, WAITED: True}, "not bought, or not at the till")
        carts = self._carts_of(item, purchase)
        if carts is None:
            return _settled(item, {**kept.has, HISTORY: True}, "history: it starts nothing")
        fields = fields_of(kept.state)
        source = _source_of(item)
        more = {
            "order_id": order_id(source, purchase.order),
            "number": fields.get("number"),
            "total": fields.get("amount"),
        }
        known = {name: value for name, value in more.items() if value is not None}
        name = f"cart:{carts[0]}" if carts else f"order:{purchase.order}"
        created = fields.get("createdAt")
        at_ms = created if isinstance(created, int) else to_ms(purchase.at)
        done: dict[str, Json] = {TOLD: True}
        body = properties(source, name, fields, known)
        return self._job(item, "order_completed", at_ms, body, done, done, is_ending=True)

    def _carts_of(self, item: Item, purchase: Purchase) -> Sequence[str] | None:
        """Return the carts that a purchase ends, the most likely first; None where it is nothing to tell.

        It is told where it happened while we listened, and where it ends a cart that Brevo has as open.
        """
        is_young = self._desk.clock() - to_ms(purchase.at) <= YOUNG.total_seconds() * 1000
        is_live = fields_of(item.state).get("isLive") is True and (is_young or item.kept.has.get(WAITED) is True)
        if not is_live and not is_young:
            return None
        ended = open_carts(self._records(item), purchase)
        if item.target.endswith(":typed"):
            return ended or None
        named = [name for name in sorted(purchase.carts) if name in ended] or sorted(ended) or sorted(purchase.carts)
        return named if is_live or ended else None

    def _ready(self, item: Item) -> Outcome | Job:
        """Plan an event that is told once, as it stands."""
        fields, has = fields_of(item.state), item.kept.has
        told = fields.get("event")
        if has.get(TOLD) is True or not isinstance(told, dict):
            return _settled(item, has)
        name, date, body = told.get("name"), told.get("date"), told.get("properties")
        if not isinstance(name, str) or not isinstance(date, str):
            raise Parkable("The event has no name or no date.", "Correct the skill that makes it, then drop this.")
        content = fields.get("cart")
        if not isinstance(body, dict):
            source = _source_of(item)
            known = content if isinstance(content, dict) else {}
            body = properties(source, str(told.get("id", name)), known, _recovery(source, known))
        done: dict[str, Json] = {TOLD: True}
        is_ending = name == "cart_recovered"
        return self._job(item, name, date, body, done, {}, is_ending=is_ending)

    def _job(  # noqa: PLR0913, PLR0917  # what an event is, and what is remembered of it
        self,
        item: Item,
        name: str,
        at: int | str,
        body: dict[str, Json],
        told: Mapping[str, Json],
        untold: Mapping[str, Json],
        *,
        is_ending: bool = False,
    ) -> Outcome | Job:
        """Return an event for whom it is about, or why nobody is told; `untold` is remembered then."""
        try:
            email = address(self._desk, item, is_ending=is_ending, only_granted=self._only_granted)
        except Unreachable as error:
            return _settled(item, untold, str(error))
        fit, note = fitting(body)
        event: dict[str, Json] = {
            "event_name": name,
            "event_date": to_iso(min(at, self._clock())) if isinstance(at, int) else at,
            "identifiers": {"email_id": email},
            "event_properties": fit,
        }
        return Job(item, event, told, note)

    def _purchases(self, item: Item) -> Collection[Purchase]:
        return purchases_in(self._records(item))

    def _records(self, item: Item) -> Mapping[str, Kept]:
        """Return what this lane knows of the person of a record."""
        person = person_of(self._desk, item)
        if person is None:
            return {}
        return self._desk.store.records.of({*person.records, f"#{item.person}"}, self.lane.name)

    # calls ------------------------------------------------------------------------------------------------------------

    def size(self, job: Job) -> int:
        """Return how many bytes an event takes; one that failed before goes alone again."""
        return 0 if job.item.tries else len(canonical(job.body))

    def route(self, job: Job) -> str:  # noqa: ARG002  # there is one
        """Return where an event goes."""
        return "events"

    def carry_out(self, job: Job, gate: Gate) -> Outcome:  # noqa: ARG002  # single calls have a limit of their own
        """Send one event."""
        self.single_gate().wait()
        self._desk.brevo.call("POST", "/events", job.body, bucket=self.lane.bucket, answers=ANSWERS)
        return _settled(job.item, job.has, _sent_note(job), "delivered")

    def carry_out_all(self, jobs: Sequence[Job], gate: Gate) -> Sequence[Outcome]:
        """Send many; those that Brevo refuses among them go alone later, and the others never twice."""
        gate.wait()
        events: list[Json] = [job.body for job in jobs]
        reply = self._desk.brevo.call(
            "POST", "/events/batch", {"events": events}, bucket=self.group_bucket, answers=ANSWERS
        )
        refused = refused_in(reply)
        return [
            self._failed(job.item, TryLater(f"Brevo refused it among others: {refused[index]}."))
            if index in refused
            else _settled(job.item, job.has, _sent_note(job), "delivered")
            for index, job in enumerate(jobs)
        ]


def _recovery(source: str, known: Mapping[str, Json]) -> dict[str, Json]:
    """Return what is told of the order that recovered a cart."""
    order = known.get("orderId")
    more = {"order_amount": known.get("amount"), "order_currency": known.get("orderCurrency")}
    more |= {"order_id": order_id(source, order) if isinstance(order, str) else None}
    return {name: value for name, value in more.items() if value is not None}


def refused_in(reply: Reply) -> dict[int, str]:
    """Return the places of the events that Brevo refused, with its words; none in an answer of any other form.

    207 is in third parties' notes alone (2026-04): `errors: [{eventIndex: [0, 2], message}]`.
    """
    try:
        body = reply.json()
    except PayloadError:
        return {}
    errors = body.get("errors") if isinstance(body, dict) else None
    found: dict[int, str] = {}
    for one in errors if isinstance(errors, list) else ():
        places = one.get("eventIndex") if isinstance(one, dict) else None
        for place in places if isinstance(places, list) else ():
            if isinstance(place, int):
                found[place] = str(one.get("message", "")) if isinstance(one, dict) else ""
    return found


def _source_of(item: Item) -> str:
    return item.target.partition(":")[0]


def _name_of(item: Item) -> str:
    return item.target.split(":", 1)[1]


def _sent_note(job: Job) -> str:
    return f"{job.body['event_name']} sent; {job.note}".removesuffix("; ")


def _settled(item: Item, has: Mapping[str, Json], note: str = "", word: Word = "unchanged") -> Outcome:
    state = item.state
    if kind_of_target(item.target) == "order" and has.get(TOLD) is True:
        state = {name: one for name, one in state.items() if name not in _SPENT}
    return Outcome(item, Settlement(item.target, record=encode_kept(Kept(state, has))), word, note)
