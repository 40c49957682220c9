"""One person, explained: where each value comes from, what was decided and why, what Brevo has, what waits.

`explain` reads and never writes; the command line, the API and the dashboard show the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

from customer_sync.brevo.contacts.contact_plan import Plan, Rules, View, make_plan, view
from customer_sync.brevo.contacts.contact_values import sums
from customer_sync.brevo.contacts.refusals import reason_of
from customer_sync.brevo.lanes import ORDERS
from customer_sync.brevo.rules import currency_of
from customer_sync.brevo.rules import rules_of as operator_rules
from customer_sync.config import Settings
from customer_sync.model import PEOPLE, Channel, ConsentState, Json, from_ms
from customer_sync.operate.order_totals import Totals, totals_of_person
from customer_sync.operate.write_backs import WriteBack, is_our_word, write_backs
from customer_sync.person import consent
from customer_sync.person.consent import Standing
from customer_sync.person.merge import Stamped, is_empty
from customer_sync.person.person import WEAK_MS, Part, Person, apply, attributes
from customer_sync.store import Store
from customer_sync.store.forms import EventRef
from customer_sync.store.ledger import Row

#: Who says a total that is summed up.
FROM_ORDERS = "orders"
#: How many of the newest events are shown, and how many are searched for the origin of a value.
SHOWN_EVENTS, SEARCHED_EVENTS = 10, 200


class Value(NamedTuple):
    """One value that is known of a person.

    Args:
        field: the Brevo attribute, or our own word (`email`, `status`).
        value: what is known; "" or None is known to be empty.
        source: who said so.
        at_ms: when it was set at the source.
        event: the event that brought it; None when the history no longer tells for certain.
        waits: whether it is not delivered yet.
    """

    field: str
    value: Json
    source: str
    at_ms: int
    event: str | None
    waits: bool


class Evidence(NamedTuple):
    """Something on record about a channel's consent.

    Args:
        register: where it stands, see `customer_sync.person.consent`; `deleted` for the end of the last record.
        says: the state it stands for.
        source: who said so; "" where nobody remembers.
        at_ms: when.
        method: how, in the source's word.
        of: `record` or `address`: what it was said of.
    """

    register: str
    says: str
    source: str
    at_ms: int
    method: str
    of: str


class Link(NamedTuple):
    """One customer record of the person.

    Args:
        source: the source.
        id: the platform's id; None for a buyer without an account.
        state: `living`; `displaced`, because another customer of the source told the address later; `deleted`.
    """

    source: str
    id: str | None
    state: str


class ChannelConsent(NamedTuple):
    """What a person allows on one channel, the evidence that decides, and what else is on record."""

    channel: str
    state: str
    why: str
    evidence: Evidence | None
    losing: tuple[Evidence, ...]


class BrevoHas(NamedTuple):
    """What Brevo has, as last accepted; `next` is what the next delivery would do, and why nothing where it is nothing.

    `email` is None when there is no contact.
    """

    email: str | None
    at_ms: int
    blocked: bool
    sms_blocked: bool
    lists: tuple[int, ...]
    next: str
    why: str


class Waiting(NamedTuple):
    """The person's item in the contacts lane, where there is one; `due_ms` is None while a worker has it."""

    changes: int
    since_ms: int | None
    due_ms: int | None
    tries: int
    paused: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that is known of a person.

    Args:
        email: the address that was asked for.
        person: our number of the person; None when nobody is known.
        address: the address that is explained; another one than `email` where nobody has that any more and whoever
            had it last is known.
        erased_at_ms: when the person was erased; None when they were not.
        values: what is known, by field.
        consents: what the person allows, by channel.
        refused: attribute → why it is left out.
        brevo: what Brevo has; None when nobody is known.
        waiting: what waits; None when nothing does.
        totals: what their orders come to; None where no totals are made of orders.
        links: the records that lead to the address.
        write_backs: where the person left in Brevo, what became of that at the platforms.
        parked: ids of parked things of this person.
        events: the newest events, newest first.
    """

    email: str
    person: str | None = None
    address: str | None = None
    erased_at_ms: int | None = None
    values: tuple[Value, ...] = ()
    consents: tuple[ChannelConsent, ...] = ()
    refused: Mapping[str, str] | None = None
    brevo: BrevoHas | None = None
    waiting: Waiting | None = None
    totals: Totals | None = None
    links: tuple[Link, ...] = ()
    write_backs: tuple[WriteBack, ...] = ()
    parked: tuple[str, ...] = ()
    events: tuple[Row, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON; times are ISO 8601 in UTC and end in `_at`."""
        raw: dict[str, Any] = {name: _plain(getattr(self, name)) for name in self.__dataclass_fields__}
        found: dict[str, Any] = _with_times(raw)
        return found


def explain(store: Store, settings: Settings, email: str) -> Explanation:
    """Return all that is known of the person with this address, or who had it last.

    Args:
        store: all that Redis holds.
        settings: the operator's decisions: lists, deletion, missing consent.
        email: the address, normalised.
    """
    erased_at_ms = store.people.erased_at_ms(email)
    number = _whose(store, email)
    if number is None:
        return Explanation(email, erased_at_ms=erased_at_ms)
    stored, (waiting,) = store.people.read(number), store.lanes.waiting(PEOPLE, [number])
    rules = rules_now(store, settings)
    orders = store.orders.read(ORDERS.name, [number])[0] if rules.sums else ()
    person = replace(apply(stored, (part for part, _ in waiting)), orders=orders)
    seen, plan = view(person, rules), make_plan(person, rules, store.hosts.now_ms())
    rows = store.ledger.events(SEARCHED_EVENTS, person=number)
    refused = plan.desired.refused if plan.desired else person.has.refused
    told = tuple(write_backs(store, settings, person))
    return Explanation(
        email=email,
        person=number,
        address=person.email,
        erased_at_ms=erased_at_ms,
        values=(*_values(seen, stored, waiting, rows), *_summed(person, seen, rules, waits=bool(waiting))),
        consents=(_consent(Channel.EMAIL, *_by_whom(seen.email, person, told)), _consent(Channel.SMS, seen.sms)),
        refused={name: reason_of(note) for name, note in refused.items()},
        brevo=_brevo(person, plan, is_waiting=bool(waiting)),
        waiting=_waiting_item(store, number, sum(bool(events) for _, events in waiting)) if waiting else None,
        totals=totals_of_person(person, seen, rules),
        links=tuple(_links(seen)),
        write_backs=told,
        parked=tuple(one.id for one in store.parked.briefs() if one.what == "item" and one.person == number),
        events=tuple(rows[:SHOWN_EVENTS]),
    )


def _whose(store: Store, email: str) -> str | None:
    """Return the person with an address, or who had it last where no record leads there now."""
    number = store.people.find(email)
    if number is None:
        return None
    (waiting,) = store.lanes.waiting(PEOPLE, [number])
    if not store.people.read(number).records and not any(part.ref and not part.is_borrowed for part, _ in waiting):
        homes = (store.people.home(ref) for ref in store.people.left(number)[:1])
        return next((home for home in homes if home), number)
    return number


def _links(seen: View) -> Iterator[Link]:
    for state in ("living", "displaced", "deleted"):
        for record in getattr(seen.roll, state):
            yield Link(record.source, record.id, state)


def rules_now(store: Store, settings: Settings) -> Rules:
    """Return the operator's decisions, with the account's attributes as the workers last read them."""
    noted = store.note("attributes")
    found = replace(operator_rules(settings), attributes=noted["found"] if noted else None)
    return replace(found, currency=currency_of(store)) if found.sums else found


def _values(
    seen: View,
    stored: Person,
    waiting: Sequence[tuple[Part, tuple[EventRef, ...]]],
    rows: Sequence[Row],
) -> Iterator[Value]:
    yield Value("status", seen.word, "", 0, None, waits=seen.word != view(stored, Rules()).word)
    for name, (stamped, record) in sorted(attributes(seen.roll.living).items()):
        known = stored.records.get(record.ref)
        waits = known is None or known.state.get(name) != stamped
        bringing = [events for part, events in waiting if part.ref == record.ref and part.state.get(name) == stamped]
        came = next((events[0].event_id for events in bringing if events), None) if waits else None
        event = came or (None if waits else _event_of(stamped, record.source, rows))
        yield Value(name, stamped.value, record.source, _told_ms(stamped), event, waits)


def _told_ms(stamped: Stamped) -> int:
    """Return when a value was told: the stamps of copies are put back by `WEAK_MS`."""
    return stamped.at_ms + WEAK_MS if stamped.at_ms < -WEAK_MS // 2 else stamped.at_ms


def _summed(person: Person, seen: View, rules: Rules, *, waits: bool) -> Iterator[Value]:
    """Yield the totals that no record tells: they come from the person's orders."""
    told = {name for name, one in attributes(seen.roll.living).items() if not is_empty(one.stamped.value)}
    for name, value in sums(person, seen.roll, rules.sharing, rules.sums, rules.currency).items():
        if name not in told:
            yield Value(name, value, FROM_ORDERS, 0, None, waits)


def _event_of(stamped: Stamped, source: str, rows: Sequence[Row]) -> str | None:
    """Return the event that brought a value, where only one can have: of its source, and read after it was set."""
    could = {row.event_id for row in rows if row.source == source and row.at_ms >= stamped.at_ms}
    return could.pop() if len(could) == 1 else None


def _by_whom(standing: Standing, person: Person, told: Sequence[WriteBack]) -> tuple[Standing, str]:
    """Return how it stands with e-mails as a reader is to see it, and what is to be said of that.

    A platform that was told of an opt-out tells it to us with a time of its own. That is later, so it hides the
    person's own word, and is what an opt-in has to be newer than. What decided is that word all the same.
    """
    outside, evidence = _hidden(person), standing.evidence
    if outside is None or evidence is None:
        return standing, ""
    told = [one for one in told if one.said_at_ms == outside.at_ms]
    others = (*standing.losing, outside)
    if not is_our_word(told, evidence):
        return standing._replace(losing=others), ""
    own = [one for one in others if one.register == "withdrawn" and not is_our_word(told, one)]
    decides = max(own, key=lambda one: (one.at_ms, bool(one.ref), one.method))
    losing = (evidence, *(one for one in others if one != decides))
    note = f" What {evidence.source} says is our own word coming back; an opt-in must be newer than that, too."
    return standing._replace(evidence=decides, losing=losing), note


def _hidden(person: Person) -> consent.Evidence | None:
    """Return the newest opt-out that was said outside of every platform, where a later one hides it."""
    names = (consent.EVERYWHERE, *(consent.register(Channel.EMAIL, name) for name in ("withdrawn", "complained")))
    known, shown, complained = map(person.said.get, names)
    if known is None or not isinstance(known.value, list) or shown is None or shown.at_ms <= known.at_ms:
        return None
    if complained is not None and complained.at_ms == known.at_ms:
        return None  # it has a register of its own, or an operator cleared it
    method, source = (str(one) for one in known.value)
    return consent.Evidence(ConsentState.WITHDRAWN, "withdrawn", known.at_ms, method, source)


def _consent(channel: Channel, standing: Standing, note: str = "") -> ChannelConsent:
    evidence = _evidence(standing.evidence) if standing.evidence else None
    # what was said of a record and of its address in one breath is one thing
    told = {one._replace(of="") for one in [evidence] if one}
    losing: list[Evidence] = []
    for one in map(_evidence, standing.losing):
        if one._replace(of="") not in told:
            losing.append(one)
            told.add(one._replace(of=""))
    return ChannelConsent(str(channel), str(standing.state), _why(standing) + note, evidence, tuple(losing))


def _why(standing: Standing) -> str:
    evidence, others = standing.evidence, {one.register for one in standing.losing}
    if evidence is None:
        is_granted = standing.state is ConsentState.GRANTED
        return f"Nothing is on record, and {_MISSING_IS_A_YES if is_granted else 'that is never a yes'}."
    if evidence.says is ConsentState.WITHDRAWN:
        return _why_not(evidence, others)
    if evidence.says is ConsentState.GRANTED and (evidence.register != "stated" or standing.may_lift):
        answers = standing.may_lift and others & {"withdrawn", "deleted", "after"}
        return "An explicit opt-in that is newer than the withdrawal." if answers else "The newest explicit opt-in."
    if evidence.says is not ConsentState.GRANTED and "granted" in others:
        return "A newer record says that the opt-in no longer holds."
    return "The newest state of the source's record; no act of the person is on record."


_MISSING_IS_A_YES = "options.missing_consent says granted"


def _why_not(evidence: consent.Evidence, others: AbstractSet[str]) -> str:
    if evidence.register in _WHY:
        is_one_of_two = evidence.register in {"bounced", "complained"} and "withdrawn" in others
        return _WHY[evidence.register] + (_AFTER_THAT if is_one_of_two else "")
    if "granted" in others:
        return "No explicit opt-in that was given for this address is newer than the withdrawal."
    box = " A ticked box does not." if "stated" in others else ""
    return f"The person withdrew; only a newer explicit opt-in lifts it.{box}"


#: What is said of a withdrawal beside what an operator clears.
_AFTER_THAT = " The withdrawal on record holds after that, unless an explicit opt-in is newer."
#: Withdrawals of which more is to be said.
_WHY = {
    "bounced": "Mail to this address bounced for good. No shop lifts that: `tajo contacts clear` does, or Brevo.",
    "complained": "The person complained of spam in Brevo. No shop lifts that: `tajo contacts clear` does.",
    "deleted": "The last customer record of the address was deleted; only a newer explicit opt-in lifts it.",
    "after": "A customer who had this address withdrew later, and nobody else has it now.",
}


def _evidence(one: consent.Evidence) -> Evidence:
    of = "record" if one.ref else "address"
    return Evidence(one.register, str(one.says), one.source, one.at_ms, one.method, of)


def _brevo(person: Person, plan: Plan, *, is_waiting: bool) -> BrevoHas:
    has = person.has
    why = plan.why if plan.action == "none" else "" if is_waiting else "since the last delivery the settings changed"
    email = person.email if has.is_there else None
    return BrevoHas(email, has.at_ms, has.blocked, has.sms_blocked, has.lists, plan.action, why)


def _waiting_item(store: Store, number: str, changes: int) -> Waiting:
    wait = store.lanes.wait_of(PEOPLE, number)
    pause = store.breakers.read(PEOPLE)
    return Waiting(
        changes=changes,
        since_ms=wait.since_ms,
        due_ms=wait.due_ms,
        tries=wait.tries,
        paused=pause.reason if pause else "",
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Row):
        return asdict(value) | {
            "steps": [{"state": state, "at_ms": at_ms, "note": note} for state, at_ms, note in value.steps]
        }
    if hasattr(value, "_asdict"):
        return {name: _plain(child) for name, child in value._asdict().items()}
    return [_plain(child) for child in value] if isinstance(value, tuple) else value


def _with_times(value: Any) -> Any:
    """Return JSON whose `..._ms` have become `..._at`."""
    if isinstance(value, list):
        return [_with_times(child) for child in value]
    if not isinstance(value, dict):
        return value
    turned = {}
    for name, child in value.items():
        if name.endswith("_ms"):
            stem = name.removesuffix("_ms")
            at = from_ms(child).isoformat(timespec="milliseconds").replace("+00:00", "Z") if child else None
            turned[stem if stem.endswith("at") else f"{stem}_at"] = at
        else:
            turned[name] = _with_times(child)
    return turned
