"""One person, explained: where each value comes from, what was decided and why, what Brevo has, what waits.

`explain` reads and never writes; the command line, the API and the dashboard show the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from customer_sync.brevo.contact_plan import BREVO, Plan, Rules, make_plan
from customer_sync.config import Settings
from customer_sync.consent import Decision, decide, method, register
from customer_sync.merge import Stamped, State, merge
from customer_sync.model import Channel, ConsentState, Json, from_ms
from customer_sync.store import Store, keys
from customer_sync.store.lanes import Source, decode_change
from customer_sync.store.ledger import Row
from customer_sync.store.people import Has, Person, address_of, refs_of
from customer_sync.store.scripts import as_text

LANE = "contacts"
#: The registers of a channel's consent, the strictest first.
REGISTERS = ("withdrawn", "granted", "stated")
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
        register: `withdrawn`, `granted` (an explicit opt-in) or `stated` (a checkbox).
        says: the state it stands for.
        source: who said so.
        at_ms: when.
        method: how, in the source's word.
    """

    register: str
    says: str
    source: str
    at_ms: int
    method: str


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
        address: the person's address now; differs from `email` when that is one they had before.
        erased_at_ms: when the person was erased; None when they were not.
        values: what is known, by field.
        consents: what the person allows, by channel.
        refused: attribute → why it is left out.
        brevo: what Brevo has; None when nobody is known.
        waiting: what waits; None when nothing does.
        links: source → the person's id there.
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
    links: Mapping[str, str] | None = None
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
    number = store.people.find(email)
    if number is None:
        return Explanation(email, erased_at_ms=erased_at_ms)
    person, waiting = store.people.read(number), _read_waiting(store, number)
    state = merge([person.state, *(change for change, _ in waiting)])
    plan = make_plan(state, person.has, rules_of(store, settings))
    rows = store.ledger.events(SEARCHED_EVENTS, person=number)
    return Explanation(
        email=email,
        person=number,
        address=address_of(state),
        erased_at_ms=erased_at_ms,
        values=tuple(_values(state, person, waiting, rows)),
        consents=tuple(_consent(state, channel, settings) for channel in Channel),
        refused=dict(plan.desired.refused if plan.desired else person.has.refused),
        brevo=_brevo(person.has, plan, is_waiting=bool(waiting)),
        waiting=_waiting_item(store, number, sum(bool(events) for _, events in waiting)) if waiting else None,
        links=refs_of(state),
        parked=tuple(one.id for one in store.parked.list() if one.what == "item" and one.target == number),
        events=tuple(rows[:SHOWN_EVENTS]),
    )


def rules_of(store: Store, settings: Settings) -> Rules:
    """Return the operator's decisions, with the account's attributes as the workers last read them."""
    options = {name: settings.options_for(name) for name in settings.sources}
    noted = store.note("attributes")
    return Rules(
        lists={name: one.list_ids for name, one in options.items()},
        delete={name: one.delete_behavior for name, one in options.items()},
        missing={name: ConsentState(one.missing_consent) for name, one in options.items()},
        update={name: one.update_enabled for name, one in options.items()},
        attributes=noted["found"] if noted else None,
    )


def _read_waiting(store: Store, number: str) -> list[tuple[State, tuple[Source, ...]]]:
    raws: Any = store.client.lrange(keys.changes(LANE, number), 0, -1)
    return [decode_change(as_text(raw)) for raw in raws]


def _values(
    state: State, person: Person, waiting: Sequence[tuple[State, tuple[Source, ...]]], rows: Sequence[Row]
) -> list[Value]:
    found = []
    for name, stamped in sorted(state.items(), key=lambda item: (item[0].isupper(), item[0])):
        if name.startswith(("consent.", "ref.")):
            continue
        bringing = next((events for change, events in waiting if change.get(name) == stamped), None)
        waits = bringing is not None and person.state.get(name) != stamped
        event = bringing[0].event_id if bringing else _event_of(stamped, rows)
        value = stamped.value[1] if name == "email" and isinstance(stamped.value, list) else stamped.value
        found.append(Value(name, value, stamped.source, stamped.at_ms, event, waits))
    return found


def _event_of(stamped: Stamped, rows: Sequence[Row]) -> str | None:
    """Return the event that brought a value, where only one can have: of its source, and read after it was set."""
    could = {row.event_id for row in rows if row.source == stamped.source and row.at_ms >= stamped.at_ms}
    return could.pop() if len(could) == 1 else None


def _consent(state: State, channel: Channel, settings: Settings) -> ChannelConsent:
    missing = _missing(state, settings) if channel is Channel.EMAIL else ConsentState.UNKNOWN
    decision = decide(state, channel, missing)
    seen = {name: state[register(channel, name)] for name in REGISTERS if register(channel, name) in state}
    chosen = next((name for name, stamped in seen.items() if stamped is decision.evidence), None)
    return ChannelConsent(
        channel=str(channel),
        state=str(decision.state),
        why=_why(decision, chosen, seen),
        evidence=_evidence(chosen, seen[chosen]) if chosen else None,
        losing=tuple(_evidence(name, stamped) for name, stamped in seen.items() if name != chosen),
    )


def _missing(state: State, settings: Settings) -> ConsentState:
    """Return the strictest choice of all the person's sources, as the delivery decides it."""
    sources = set(refs_of(state)) or {stamped.source for stamped in state.values()} - {BREVO}
    chosen = {settings.options_for(source).missing_consent for source in sources}
    return ConsentState.GRANTED if chosen == {"granted"} else ConsentState.UNKNOWN


def _why(decision: Decision, chosen: str | None, seen: Mapping[str, Stamped]) -> str:
    if chosen is None:
        return (
            "Nothing is on record, and options.missing_consent says granted."
            if decision.state is ConsentState.GRANTED
            else "Nothing is on record, and that is never a yes."
        )
    if chosen == "withdrawn":
        if "granted" in seen:
            return "The withdrawal is not older than the opt-in; only a newer explicit opt-in lifts it."
        return "The person withdrew; only a newer explicit opt-in lifts it." + (
            " A checkbox does not." if "stated" in seen else ""
        )
    if chosen == "granted":
        return (
            "An explicit opt-in that is newer than the withdrawal."
            if "withdrawn" in seen
            else "The newest explicit opt-in."
        )
    if "granted" in seen:
        return "A newer record says that the opt-in no longer holds."
    return "The newest state of the source's record; no act of the person is on record."


def _evidence(name: str, stamped: Stamped) -> Evidence:
    says = str(stamped.value[0]) if isinstance(stamped.value, list) else name
    return Evidence(name, says, stamped.source, stamped.at_ms, method(stamped))


def _brevo(has: Has, plan: Plan, *, is_waiting: bool) -> BrevoHas:
    why = plan.why if plan.action == "none" else "" if is_waiting else "since the last delivery the settings changed"
    return BrevoHas(has.email, has.at_ms, has.blocked, has.sms_blocked, has.lists, plan.action, why)


def _waiting_item(store: Store, number: str, changes: int) -> Waiting:
    pipe = store.client.pipeline(transaction=False)
    pipe.zscore(keys.lane(LANE, "since"), number)
    pipe.hget(keys.lane(LANE, "tries"), number)
    for priority in range(3):
        pipe.zscore(keys.queue(LANE, priority), number)
    since, tries, *due = pipe.execute()
    pause = store.breakers.read(LANE)
    return Waiting(
        changes=changes,
        since_ms=int(since) if since is not None else None,
        due_ms=next((int(one) for one in due if one is not None), None),
        tries=int(tries or 0),
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
