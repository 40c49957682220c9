"""One series: everything known now is read, the rules decide, the decision is carried out and written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from customer_sync.brevo.desk import Desk
from customer_sync.brevo.gate import Gate
from customer_sync.brevo.mail import counts, recovery, told
from customer_sync.brevo.mail.courier import Courier, NotNow, Posted, Unmailable
from customer_sync.brevo.mail.letter import STEP, Letter, Tried, tried
from customer_sync.brevo.mail.seen import (
    END,
    LEFT,
    SKILL,
    end_value,
    ended,
    fields_of,
    first_names,
    mailed,
    other_carts,
    purchases,
    recipient,
    sent,
    source_of,
)
from customer_sync.engine.lane import Outcome, Word
from customer_sync.model import ConsentState, Event, Json, from_ms, to_ms
from customer_sync.person.merge import State, stamp
from customer_sync.person.person import Person, apply
from customer_sync.series.decide import End, Ended, Recipient, Seen, Send, Wait, Why, decide
from customer_sync.series.options import Options
from customer_sync.series.records import CartSeen, Purchase, cart_of
from customer_sync.store.forms import VERSION, Kept, encode_kept
from customer_sync.store.items import Item, Settlement
from customer_sync.store.mails import Sight

#: How long carts and purchases are kept after they were touched last, at least: a purchase may follow weeks later.
KEPT: Final = timedelta(days=31)
#: What is stored of a record that is forgotten.
NOTHING: Final = f"{VERSION}\n"
#: How soon a series is looked at again while its skill is off.
OFF: Final = timedelta(hours=1)
#: How soon it is looked again at the soonest, in ms.
SOON_MS: Final = 1000
#: The note that tells source → since when the skill acts on it, in ms.
ENABLED: Final = "series:enabled"


@dataclass(slots=True)
class Case:
    """One series while it is worked on.

    Args:
        item: its item.
        sight: what is known.
        cart: the cart.
        options: the skill's settings.
        person: the person; None where there is none.
        to: the same as the rules see them; None where the person is being erased.
        state: the record as it is to be stored.
        events: what other skills are to hear.
        counted: what is to be counted.
    """

    item: Item
    sight: Sight
    cart: CartSeen
    options: Options
    person: Person | None
    to: Recipient | None
    state: State
    events: list[Event] = field(default_factory=list)
    counted: list[counts.Count] = field(default_factory=list)

    @property
    def email(self) -> str | None:
        """The address of the person."""
        return self.person.email if self.person is not None else None

    def learn(self, fields: State) -> None:
        """Take in fields that are to be stored: nobody else writes them."""
        self.state = {**self.state, **fields}


class SeriesStep:
    """Works on series.

    Args:
        desk: what a handler works with.
        courier: sends mails.
    """

    def __init__(self, desk: Desk, courier: Courier) -> None:
        self._desk = desk
        self._courier = courier

    def work(self, item: Item, sight: Sight, options: Options, gate: Gate) -> Outcome:
        """Do what is to be done about a cart now.

        Raises:
            TajoError: as Brevo's answers say.
        """
        now = from_ms(self._desk.clock())
        cart = cart_of(fields_of(sight.state))
        newest = from_ms(max((one.at_ms for one in sight.state.values()), default=0))
        if (newest if cart is None else cart.touched_at) + kept(options) <= now:
            return Outcome(item, Settlement(item.target, record=NOTHING), "unchanged", "old: it is forgotten")
        if cart is None:
            return kept_until(item, sight, newest + kept(options), "an order named a cart that is not known")
        if not self._desk.settings.applies(SKILL, source_of(item.target)):
            return kept_until(item, sight, now + OFF, f"{SKILL} is off")
        case = self._case(item, sight, cart, options)
        open_one = next((one for one in tried(case.state) if one.is_open), None)
        if open_one is None:
            return self._carry_out(case, self._decide(case), gate)
        return self._after_cut(case, open_one, gate)

    def _case(self, item: Item, sight: Sight, cart: CartSeen, options: Options) -> Case:
        person, to = None, None if sight.is_erased else Recipient(None, ConsentState.UNKNOWN)
        # what was typed last may be no address: then no mail goes to what was typed before
        if sight.whose is not None and fields_of(sight.state).get("hasAddress") is not False:
            people = self._desk.store.people
            person = apply(people.decode(sight.whose.record), sight.whose.parts)
            to = recipient(person, self._desk.rules(), self._desk.settings)
        return Case(item, sight, cart, options, person, to, sight.state)

    def _decide(self, case: Case, *, without: str = "") -> Send | Wait | End:
        """Ask the rules; `without` is a mail that counts as not tried."""
        state = {name: one for name, one in case.state.items() if name != without}
        others = case.sight.others
        enabled_ms = enabled_since(self._desk).get(source_of(case.item.target))
        seen = Seen(
            now=from_ms(self._desk.clock()),
            id=case.item.target,
            cart=case.cart,
            person=case.to,
            sent=sent(state),
            ended=ended(state),
            others=other_carts(others),
            purchases=purchases(others, source_of(case.item.target)),
            mailed=mailed([state, *(kept.state for kept in others.values())]),
            enabled_at=from_ms(enabled_ms) if isinstance(enabled_ms, int) else None,
        )
        return decide(seen, case.options)

    def _carry_out(self, case: Case, decision: Send | Wait | End, gate: Gate, again: Tried | None = None) -> Outcome:
        self._note_left(case, decision.left_at)
        self._take(case, recovery.overdue(self._bought(case), decision if isinstance(decision, End) else None))
        if isinstance(decision, End):
            return self._end(case, decision, "unchanged")
        if isinstance(decision, Wait):
            return self._settled(case, decision.until, "unchanged", decision.why)
        letter = self._letter(case, decision, again)
        result = self._courier.send(case.item, case.sight, letter, gate)
        if isinstance(result, NotNow):
            return self._held(case, result)
        if isinstance(result, Unmailable):
            why = Why.NO_ADDRESS if result.is_gone else Why.UNSUBSCRIBED
            return self._end(case, End(why, result.why, left_at=decision.left_at), "unchanged")
        return self._posted(case, letter, result, f"mail {letter.step} sent")

    def _after_cut(self, case: Case, open_one: Tried, gate: Gate) -> Outcome:
        """Go on after a try of which nobody knows how it ended."""
        name = f"{STEP}{open_one.number}"
        decision = self._decide(case, without=name)
        letter = self._old_letter(case, open_one)
        if self._courier.may_repeat(open_one):
            if isinstance(decision, Send) and decision.step == open_one.step:
                return self._carry_out(case, decision, gate, open_one)
            found: Posted | None = self._courier.doubt(letter)
        else:
            found = self._courier.settle_doubt(letter, open_one) if letter.email else self._courier.doubt(letter)
        if found is not None:
            return self._posted(case, letter, found, "nobody knows whether the mail went: it is not sent again")
        case.state = {field_name: one for field_name, one in case.state.items() if field_name != name}
        return self._carry_out(case, decision, gate)

    def _letter(self, case: Case, decision: Send, again: Tried | None) -> Letter:
        number = again.number if again is not None else max([0, *(one.number for one in tried(case.state))]) + 1
        assert case.person is not None
        names = first_names(case.person, self._desk.rules(), self._desk.settings)
        params: dict[str, Json] = {**names, "cartUrl": case.cart.content.get("url") or "", **decision.params}
        return Letter(
            SKILL,
            self._key(case.item, number),
            number,
            decision.step,
            self._desk.clock() if again is None else again.at_ms,
            case.email or "",
            decision.template_id,
            decision.subject,
            decision.variant or "",
            params,
            case.options.sender,
        )

    def _old_letter(self, case: Case, one: Tried) -> Letter:
        """Return what is known of a mail that was tried before."""
        key = self._key(case.item, one.number)
        return Letter(
            SKILL, key, one.number, one.step, one.at_ms, case.email or "", one.template_id, None, one.variant, {}
        )

    def _key(self, item: Item, number: int) -> str:
        return self._desk.store.people.ref("mail", f"{item.target}:{number}")

    # what came of it

    def _posted(self, case: Case, letter: Letter, posted: Posted, note: str) -> Outcome:
        case.learn(posted.state)
        is_first = letter.number == 1
        case.counted += counts.mail(SKILL, letter.variant, letter.step, is_first=is_first, in_doubt=posted.in_doubt)
        after = self._decide(case)
        if isinstance(after, End):
            return self._end(case, after, "delivered", note)
        until = after.until if isinstance(after, Wait) else from_ms(self._desk.clock())
        return self._settled(case, until, "delivered", note)

    def _note_left(self, case: Case, left_at: datetime | None) -> None:
        """Tell once in each round that a cart counts as left."""
        if left_at is None:
            return
        known, before = case.state.get(LEFT), ended(case.state)
        if known is not None and (before is None or known.at_ms > to_ms(before.at) or left_at <= before.at):
            return
        case.learn(self._stamped(LEFT, to_ms(left_at)))
        case.events.append(told.abandoned(case.item.target, case.cart, case.email, left_at))
        case.counted.append(counts.left(SKILL))

    def _end(self, case: Case, end: End, word: Word, note: str = "") -> Outcome:
        """Write down how a series ended, once; a person who is erased leaves nothing."""
        if end.why is Why.ERASED:
            return Outcome(case.item, Settlement(case.item.target, record=NOTHING), "unchanged", end.note)
        now, before = from_ms(self._desk.clock()), ended(case.state)
        until = case.cart.touched_at + kept(case.options)
        new = Ended(end.why, now, end.order, case.cart.touched_at)
        is_said = _is_said(before, end)
        is_named = is_said and bool(end.order)
        is_same = before is not None and (before.why, before.order) == (new.why, new.order)
        # the platform's own touch of a cart that was bought begins nothing new
        is_told = is_said if new.order == "" else new.why is Why.BOUGHT
        is_same = is_same and before is not None and (is_told or before.touched_at == new.touched_at)
        if not is_same:
            case.learn(self._stamped(END, end_value(new)))
            if LEFT in case.state:
                is_replaced = before is not None and (before.touched_at == new.touched_at or is_named)
                case.counted += counts.ended(SKILL, new.why, before.why if before and is_replaced else "")
        if end.is_recovered:
            found = recovery.recovered(self._bought(case, end.order), end, now)
            self._take(case, found)
            until = found.waits_until or until
        return self._settled(case, until, word, "; ".join(filter(None, (note, end.note))))

    def _take(self, case: Case, found: recovery.Recovered) -> None:
        for name, value in found.fields.items():
            case.learn(self._stamped(name, value))
        case.events += found.events
        case.counted += found.counted

    @staticmethod
    def _bought(case: Case, order: str | None = None) -> recovery.Bought:
        known = _purchase(case, order) if order else None
        return recovery.Bought(case.item.target, case.state, case.cart, case.email, known)

    def _stamped(self, name: str, value: Json) -> State:
        now_ms = self._desk.clock()
        return stamp({name: value}, now_ms, now_ms * 1000)

    def _held(self, case: Case, result: NotNow) -> Outcome:
        settlement = Settlement(case.item.target, "again", due_in_s=result.after_s)
        if case.counted:
            settlement.record, settlement.counts = self._record(case), case.counted
        return Outcome(case.item, settlement, "held", result.why, events=tuple(case.events))

    def _settled(self, case: Case, until: datetime, word: Word, note: str) -> Outcome:
        next_ms = max(to_ms(until), self._desk.clock() + SOON_MS)
        settlement = Settlement(case.item.target, record=self._record(case), next_ms=next_ms, counts=case.counted)
        return Outcome(case.item, settlement, word, note, events=tuple(case.events))

    @staticmethod
    def _record(case: Case) -> str:
        return encode_kept(Kept(case.state, case.sight.kept.has))


def enabled_since(desk: Desk, *, is_start: bool = False) -> dict[str, int]:
    """Return for each source since when the skill acts on it, in ms: purchases before that may be unheard of.

    What is not known begins now, also where Redis lost it under living workers: so no cart from before is mailed.
    Only a worker that starts forgets sources: an older one may not have heard yet that the skill is on for them.
    """
    known: dict[str, int] = desk.store.note(ENABLED) or {}
    now_ms = desk.clock()
    since = {one: known.get(one, now_ms) for one in desk.settings.all_sources if desk.settings.applies(SKILL, one)}
    if not is_start:
        since = {**known, **since}
    if since != known:
        desk.store.set_note(ENABLED, since)
    return since


def kept(options: Options) -> timedelta:
    """Return how long carts and purchases are kept: a purchase may recover a cart for as long as a series may last."""
    return max(KEPT, 2 * options.max_age)


def kept_until(item: Item, sight: Sight, until: datetime, note: str, has: Mapping[str, Json] | None = None) -> Outcome:
    """Return the outcome of a record with which nothing is to be done before a time."""
    record = encode_kept(Kept(sight.state, sight.kept.has if has is None else has))
    return Outcome(item, Settlement(item.target, record=record, next_ms=to_ms(until)), "unchanged", note)


def _is_said(before: Ended | None, end: End) -> bool:
    """Tell whether the stored end is that by the word of the cart which ends it now, or names the order now."""
    if before is None or before.why is not Why.BOUGHT or before.order or end.completed_at is None:
        return False
    return before.at >= end.completed_at


def _purchase(case: Case, order: str) -> Purchase | None:
    found = (*purchases(case.sight.others, source_of(case.item.target)), *case.cart.bought)
    return next((one for one in found if one.order == order), None)
