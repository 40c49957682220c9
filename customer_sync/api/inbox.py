"""Events that programs tell: the documents' three bodies, checked as a whole, then into the inbox like any webhook.

They belong to the source `api`, which is always there. What is wrong with any of them is said at once, and then none
is taken.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final, Literal

import redis
from pydantic import ConfigDict, Field, ValidationError
from pydantic.config import JsonDict

from customer_sync.api.installation import Installation
from customer_sync.api.paging import Answer, Body
from customer_sync.api.problem import TOO_MANY, Fault, Problem, conflict, invalid
from customer_sync.api.skills import need_skill
from customer_sync.base.clock import utc_now
from customer_sync.base.log import get
from customer_sync.config import API_SOURCE, Settings
from customer_sync.errors import MappingError, PayloadError
from customer_sync.kit.connector import Connector, parse_time
from customer_sync.model import ConsentState, Event, Inbound, Kind
from customer_sync.operate.refresh import person_now
from customer_sync.operate.settings_book import settings_now
from customer_sync.person.identity import normalize_email
from customer_sync.store import inbox

log = get(__name__)

#: The most events in one call.
MOST_EVENTS: Final = 1_000
#: The longest body of a call, in bytes.
MAX_BYTES: Final = 1024 * 1024
#: What may be told.
KINDS: Final = ("customer_created", "customer_updated", "customer_deleted")
#: How soon to come again where nothing can be kept, in seconds.
AGAIN_S: Final = 5
_REMEDY: Final = "Correct them and send all of it again: nothing was taken."
#: The header in which a connector finds what stands for a body.
_MARK: Final = "webhook-id"
_SEVERAL: Final = "Several customers have this address: say which one with `data.id`."
_EXAMPLE: Final[JsonDict] = {
    "event": "customer_updated",
    "timestamp": "2026-11-21T10:00:00Z",
    "id": "any text of yours",
    "data": {"id": "cust_12345", "email": "ann@example.com", "changes": {"firstName": {"old": "An", "new": "Ann"}}},
}


class EventBody(Body):
    """One event."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    event: Literal["customer_created", "customer_updated", "customer_deleted"]
    timestamp: str | None = Field(
        default=None, description="When it happened, ISO 8601; without a zone it is UTC, without a time it is now."
    )
    data: dict[str, Any] = Field(
        description="The customer: `id` and `email` tell who, then fields in either spelling, or `changes` of them."
    )
    id: str | int | None = Field(default=None, description="The same again, with the same content, is one event.")
    source: Literal["api"] | None = Field(default=None, description="Only `api`: what comes here belongs to it.")


class EventsBody(Body):
    """One event, or several below `events`."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "anyOf": [
                EventBody.model_json_schema(),
                {
                    "type": "object",
                    "required": ["events"],
                    "additionalProperties": False,
                    "properties": {
                        "events": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": MOST_EVENTS,
                            "items": EventBody.model_json_schema(),
                        }
                    },
                },
            ]
        },
    )


class Accepted(Answer):
    """What was taken; workers do the rest."""

    accepted: int
    ids: list[str] = Field(description="The events' ids in the ledger, in the order of the body.")
    left_out: list[str] = Field(description="Fields that could not be read and are left out, with where and why.")


def post_events(tajo: Installation, body: EventsBody) -> Accepted:
    """Take events into the inbox.

    Raises:
        Problem: with everything that is wrong with any of them; or nothing can be kept now.
    """
    given = dict(body.model_extra or {})
    if "events" not in given:
        return _accept(tajo, [given], [""])
    events = given.pop("events")
    faults = [Fault(path=name, detail="This is not known beside `events`.", choices=["events"]) for name in given]
    if not isinstance(events, list) or not 1 <= len(events) <= MOST_EVENTS:
        faults.append(Fault(path="events", detail=f"This is no list of 1 to {MOST_EVENTS:,} events."))
        raise invalid(*faults, remedy=_REMEDY)
    return _accept(tajo, events, [f"events[{index}]" for index in range(len(events))], faults)


def trigger_skill(tajo: Installation, name: str, body: EventsBody) -> Accepted:
    """Take an event for a skill, which must be on.

    Raises:
        Problem: as `post_events`; there is no such skill, or it is off.
    """
    settings = _settings(tajo)
    need_skill(settings, name)
    if not settings.skills[name].enabled:
        raise conflict(f"The skill {name} is off.", f"Switch it on first: `tajo skills enable {name}`.")
    return post_events(tajo, body)


def _accept(tajo: Installation, bodies: Sequence[Any], places: Sequence[str], beside: Sequence[Fault] = ()) -> Accepted:
    connector = tajo.connectors.get(API_SOURCE)
    if connector is None:
        raise conflict("The source api is switched off in tajo.yaml.", "Take out connectors.api.enabled: false.")
    told = _Told(tajo, connector)
    faults = [*beside]
    faults += [fault for body, place in zip(bodies, places, strict=True) for fault in told.take(body, place)]
    faults += told.unknown()
    if faults:
        raise invalid(*faults, remedy=_REMEDY)
    if not told.withdraws_only and not _is_heard(tajo):
        raise conflict(
            "No skill that is on acts on the events of the API: nothing was taken.",
            "Switch one on, as `tajo skills enable customer-sync`; withdrawals and deletions are taken meanwhile.",
        )
    if not tajo.accept(told.raws, API_SOURCE):
        raise Problem(429, TOO_MANY, "Nothing can be kept now.", "Send it again in a while.", wait_s=AGAIN_S)
    told.remember()
    log.info("events told", source=API_SOURCE, events=len(told.ids))
    return Accepted(accepted=len(told.ids), ids=told.ids, left_out=told.left_out)


def _is_heard(tajo: Installation) -> bool:
    """Tell whether a skill acts on what is told; while Redis is away, by what was heard last."""
    settings = _settings(tajo)
    return any(settings.applies(name, API_SOURCE) for name in settings.skills)


def _settings(tajo: Installation) -> Settings:
    """Return the settings with the newest words, which this process may not have heard of yet."""
    try:
        return settings_now(tajo.settings, tajo.store().skill_states)
    except redis.RedisError:
        return tajo.settings


class _Told:
    """The bodies of one call, as they are checked one by one.

    Args:
        tajo: the installation.
        connector: reads them.
    """

    def __init__(self, tajo: Installation, connector: Connector) -> None:
        self._tajo = tajo
        self._connector = connector
        self._now = utc_now(tajo.clock)
        self._asked: list[tuple[str, str]] = []
        self._named: dict[str, set[str]] = {}
        self.raws: list[bytes] = []
        self.ids: list[str] = []
        self.left_out: list[str] = []
        self.withdraws_only = True

    def take(self, body: Any, place: str) -> Iterator[Fault]:
        """Check a body and keep it; yield what is wrong with it."""
        if not isinstance(body, dict):
            yield Fault(path=place, detail="This is no object with `event` and `data`.")
            return
        faults = {fault.path: fault for fault in _faults_of_form(body, place)}
        if isinstance(body.get("data"), dict):
            # of one time the last of a call is the newest
            at = self._now + timedelta(microseconds=len(self.raws))
            meant, several = self._with_id(body)
            inbound = Inbound(API_SOURCE, {_MARK: _mark_of(body)}, json.dumps(meant).encode(), at)
            found = [_fault(place, one) for one in self._connector.faults(inbound)]
            faults |= {fault.path: fault for fault in found}
        if faults:
            yield from faults.values()
            return
        event = next(one for one in self._connector.parse(inbound) if isinstance(one, Event))
        if several and (event.kind is Kind.CUSTOMER_DELETED or not _withdraws(event)):
            yield Fault(path=_join(place, "data.id"), detail=_SEVERAL)
            return
        self._know(event, place)
        self.withdraws_only &= _withdraws(event)
        self.left_out += [_join(place, note) for note in event.notes]
        self.raws.append(inbox.encode(inbound, self._connector.keeps))
        self.ids.append(event.id)
        if event.kind is Kind.CUSTOMER_DELETED:
            self._now += timedelta(milliseconds=1)  # of one time a deletion would win over what follows

    def _with_id(self, body: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """Return a body whose customer has an id, and whether several customers have the address instead."""
        data = dict(body["data"])
        whole = {name: one for name, one in body.items() if name != "source" and one is not None} | {"data": data}
        if data.get("id") not in (None, ""):
            return whole, False
        ids = self._ids_at(data.get("email"))
        if len(ids) == 1:
            data["id"] = next(iter(ids))
        return whole, len(ids) > 1

    def _ids_at(self, address: Any) -> set[str]:
        """Return the ids of the customers of this source who have an address, those of this call too."""
        with suppress(MappingError, redis.RedisError):
            email = normalize_email(address)
            return set() if email is None else self._named.get(email, set()) | self._ids_of(email)
        return set()

    def _ids_of(self, email: str) -> set[str]:
        """Return the ids of the customers of this source who have an address, those that wait to be read too."""
        store = self._tajo.store()
        number = store.people.find(email)
        records = person_now(store, number).records.values() if number else ()
        known = {one.id for one in records if one.source == API_SOURCE and one.id and not one.is_deleted}
        return known or {*filter(None, store.inbox.told([store.people.fingerprint(email)]))}

    def _know(self, event: Event, place: str) -> None:
        """Remember whom an event names, or that it is to be asked whether its customer is known."""
        email = normalize_email(event.record.get("email"))
        if event.customer_id is None:
            return
        if email is not None:
            self._named.setdefault(email, set()).add(event.customer_id)
        elif not any(event.customer_id in ids for ids in self._named.values()):
            self._asked.append((event.customer_id, place))

    def unknown(self) -> list[Fault]:
        """Return a fault for each customer who is named by an id alone that was never told with an address."""
        if not self._asked:
            return []
        people = self._tajo.store().people
        refs = [people.ref(API_SOURCE, one) for one, _ in self._asked]
        told = self._tajo.store().inbox.told(refs)
        return [
            Fault(path=_join(place, "data.email"), detail="An address is needed: nobody is known by this id yet.")
            for (one, place), ref, is_told in zip(self._asked, refs, told, strict=True)
            if not is_told and people.find_ref(API_SOURCE, one) is None and people.home(ref) is None
        ]

    def remember(self) -> None:
        """Note whom this call named, until a worker has read it; a note that is lost costs a caller one more try."""
        with suppress(redis.RedisError):
            store = self._tajo.store()
            store.doors.write({API_SOURCE}, {})
            people, found = store.people, dict[str, str]()
            for email, ids in self._named.items():
                for one in ids:
                    if people.find_ref(API_SOURCE, one) is None:
                        found |= {people.ref(API_SOURCE, one): one, people.fingerprint(email): one}
            store.inbox.note_told(found)


def _mark_of(body: dict[str, Any]) -> str:
    """Return what stands for a body: the same again where all that stands in it is, if it has an id or a time.

    One with neither is new each time: it may set back what another one changed in between.
    """
    told = {name: one for name, one in body.items() if name != "source" and one is not None}
    if told.keys().isdisjoint({"id", "timestamp"}):
        return secrets.token_hex(16)
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]


def _withdraws(event: Event) -> bool:
    """Tell whether an event takes something back: that is taken whether a skill is on or not."""
    return event.kind is Kind.CUSTOMER_DELETED or any(one.state is ConsentState.WITHDRAWN for one in event.consents)


def _faults_of_form(body: dict[str, Any], place: str) -> Iterator[Fault]:
    """Yield what is wrong with the envelope."""
    try:
        EventBody.model_validate(body)
    except ValidationError as error:
        for one in error.errors(include_url=False, include_input=False):
            path = _join(place, ".".join(str(part) for part in one["loc"] if part not in {"str", "int"}))
            choices = list(KINDS) if one["loc"] == ("event",) else None
            detail = _ID if path == _join(place, "id") else _WORDS.get(one["type"], f"{one['msg']}.")
            yield Fault(path=path, detail=detail, choices=choices)
    given = body.get("timestamp")
    if isinstance(given, str):
        try:
            parse_time(given, "timestamp")
        except PayloadError as fault:
            yield _fault(place, fault)


_ID: Final = "This is no text and no whole number."
_WORDS: Final = {
    "missing": "This is missing.",
    "extra_forbidden": "This is not known.",
    "literal_error": "This is none of what may stand here.",
}


def _fault(place: str, fault: PayloadError) -> Fault:
    return Fault(path=_join(place, fault.path), detail=f"{fault.found[:1].upper()}{fault.found[1:]}.")


def _join(place: str, path: str) -> str:
    return f"{place}.{path}" if place else path
