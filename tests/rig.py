"""A rig for the engine: the whole line in one process, over a real Redis and a Brevo in memory.

The Brevo here is a model for rules, a dict with Brevo's traps; the sandbox is for everything that needs HTTP.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from urllib.parse import unquote

import redis

from customer_sync.base.clock import system_clock, utc_now
from customer_sync.brevo.client import Brevo
from customer_sync.brevo.contacts.contact_plan import Rules
from customer_sync.brevo.contacts.handler import ContactsHandler
from customer_sync.brevo.webhooks import BrevoIntake
from customer_sync.errors import Unavailable
from customer_sync.kit.connector import Connector, SourceSettings
from customer_sync.kit.outbound import Reply
from customer_sync.model import Event, Inbound, to_ms
from customer_sync.pipeline import Line, accept, deliver, process_inbox
from customer_sync.skills.customer_sync import CustomerSync
from customer_sync.store import Store
from customer_sync.store.counters import Tally
from customer_sync.store.keeper import Keeper

#: When these tests began. Redis has a clock of its own, so this must be near the real time.
NOW = datetime.now(UTC).replace(microsecond=0)
MAPPING = {"email": "email", "firstName": "FIRSTNAME", "lastName": "LASTNAME", "phone": "SMS", "city": "CITY"}
ATTRIBUTES = {"FIRSTNAME": "text", "LASTNAME": "text", "SMS": "text", "CITY": "text"}
LIST = 2


def at(seconds: float) -> datetime:
    """A time, in seconds before `NOW` when negative."""
    return NOW + timedelta(seconds=seconds)


class Clock:
    """The one clock of a rig: it goes with Redis' own, and a test may set it, or let it stand."""

    def __init__(self) -> None:
        self._ahead_ms = 0
        self._stands_ms: int | None = None

    def __call__(self) -> int:
        return system_clock() + self._ahead_ms if self._stands_ms is None else self._stands_ms

    def set(self, when: datetime) -> None:
        """From here on it goes on from another time."""
        self._ahead_ms, self._stands_ms = to_ms(when) - system_clock(), None

    def stop(self, when: datetime) -> None:
        """Let it stand at a time."""
        self._stands_ms = to_ms(when)


class Scripted(Connector):
    """A connector whose events are put in by the test: the body is the event's number."""

    platform: ClassVar[str] = "scripted"
    title: ClassVar[str] = "Scripted"

    def __init__(self, settings: SourceSettings) -> None:
        super().__init__(settings)
        self.events: list[Event] = []

    def verify(self, inbound: Inbound, secrets: Sequence[str]) -> None:
        """Nothing is checked."""

    def parse(self, inbound: Inbound) -> list[Event]:
        return [self.events[int(inbound.body)]]


@dataclass
class Contact:
    """A contact of the Brevo in memory."""

    attributes: dict[str, object] = field(default_factory=dict)
    blocked: bool = False
    sms_blocked: bool = False
    lists: set[int] = field(default_factory=set)
    left: set[int] = field(default_factory=set)
    groups: dict[int, str] = field(default_factory=dict)
    #: What its statistics tell: (word of the webhook, time in whole seconds).
    acts: list[tuple[str, datetime]] = field(default_factory=list)

    def statistics(self) -> dict[str, object]:
        """As `GET /contacts/{identifier}` shows them."""
        times: dict[str, list[dict[str, str]]] = {}
        for word, when in self.acts:
            times.setdefault(word, []).append({"eventTime": when.strftime("%Y-%m-%dT%H:%M:%SZ")})
        leavings = {"userUnsubscription": times.get("unsubscribe", []), "adminUnsubscription": times.get("block", [])}
        others = {"hardBounces": times.get("hard_bounce", []), "complaints": times.get("spam", [])}
        return {"unsubscriptions": leavings, **others}


class MemoryBrevo:
    """Answers the calls of the contacts lane, traps included, and watches every block that is lifted."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.contacts: dict[str, Contact] = {}
        self.calls: list[tuple[str, str, dict[str, object]]] = []
        self.lifted: list[str] = []
        self.taken_phones: set[str] = set()
        self.is_down = False
        self.answers: list[Reply] = []
        #: Done once, while the next call is under way: before it takes effect, or after.
        self.meanwhile: Callable[[], None] | None = None
        self.after: Callable[[], None] | None = None
        self._lock = threading.RLock()

    def send(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
        if self.is_down:
            raise Unavailable("brevo did not answer")
        path = url.partition("/v3")[2]
        data = json.loads(body) if body else {}
        with self._lock:
            self._do("meanwhile")
            reply = self._answer(method, path, data)
            self._do("after")
        return reply

    def _do(self, when: str) -> None:
        todo = getattr(self, when)
        setattr(self, when, None)
        if todo is not None:
            todo()

    def _answer(self, method: str, path: str, data: dict) -> Reply:
        self.calls.append((method, path, data))
        if self.answers:
            return self.answers.pop(0)
        if path == "/contacts":
            return self._upsert(data)
        return self._one(method, unquote(path.rpartition("/")[2]), data)

    def unsubscribe(self, email: str, *, when: datetime | None = None, word: str = "unsubscribe") -> None:
        """An act of the person in Brevo, a moment after all before: the contact is blocked at once."""
        time.sleep(0.002)
        if email in self.contacts:
            self.contacts[email].blocked = True
            self.contacts[email].acts.append((word, when or utc_now()))

    def _upsert(self, data: dict) -> Reply:
        known = data["email"] in self.contacts
        if known and not data.get("updateEnabled"):
            return _taken("email")
        if self._has_taken_phone(data["email"], data):
            return _taken("SMS")
        contact = self.contacts.setdefault(data["email"], Contact())
        self._apply(data["email"], contact, data)
        return _reply(204) if known else _reply(201, {"id": len(self.contacts)})

    def _one(self, method: str, email: str, data: dict) -> Reply:
        contact = self.contacts.get(email)
        if contact is None:
            return _reply(404, {"code": "document_not_found", "message": "Contact does not exist"})
        if method == "GET":
            shown = {"email": email, "emailBlacklisted": contact.blocked, "smsBlacklisted": contact.sms_blocked}
            groups = [{"id": number, "status": status} for number, status in contact.groups.items()]
            lists = {"listIds": [*contact.lists], "listUnsubscribed": [*contact.left], "consentGroups": groups}
            return _reply(200, {**shown, **lists, "statistics": contact.statistics()})
        if method == "DELETE":
            del self.contacts[email]
            return _reply(204)
        renamed = data.get("attributes", {}).pop("EMAIL", None)
        if renamed in self.contacts and renamed != email:
            return _taken("email")
        if self._has_taken_phone(email, data):
            return _taken("SMS")
        self._apply(email, contact, data)
        if renamed:
            self.contacts[renamed] = self.contacts.pop(email)
            contact.blocked = False  # the trap: a new address lifts the block, even one set in the same request
        return _reply(204)

    def _has_taken_phone(self, email: str, data: dict) -> bool:
        phone = data.get("attributes", {}).get("SMS")
        others = (one for address, one in self.contacts.items() if address != email)
        return bool(phone) and (phone in self.taken_phones or any(one.attributes.get("SMS") == phone for one in others))

    def _apply(self, email: str, contact: Contact, data: dict) -> None:
        contact.attributes |= data.get("attributes", {})
        contact.lists |= set(data.get("listIds", ()))
        contact.lists -= set(data.get("unlinkListIds", ()))
        if contact.blocked and data.get("emailBlacklisted") is False:
            self.lifted.append(email)
        contact.blocked = data.get("emailBlacklisted", contact.blocked)
        contact.sms_blocked = data.get("smsBlacklisted", contact.sms_blocked)


def _taken(identifier: str) -> Reply:
    metadata = {"duplicate_identifiers": [identifier]}
    return _reply(400, {"code": "duplicate_parameter", "message": "x", "metadata": metadata})


def _reply(status: int, body: object = None) -> Reply:
    return Reply(status, {}, json.dumps(body).encode() if body is not None else b"")


class Rig:
    """The line, and hands to feed it."""

    def __init__(
        self,
        client: redis.Redis,
        *,
        delete: str = "soft",
        sources: Sequence[str] = ("shop", "woo"),
        fill: Callable[[redis.Redis], object] = lambda _: None,
    ) -> None:
        client.flushall()
        fill(client)
        self.client = client
        self.clock = Clock()
        self.store = Store(client)
        self.store.lanes.register("contacts", keeps="people")
        self.brevo = MemoryBrevo()
        self.sources = {name: Scripted(SourceSettings(name, "scripted")) for name in sources}
        self.woken: list[str] = []
        tally = Tally()
        account = Brevo("http://memory/v3", "k", self.brevo, self.store.limits, tally)
        everywhere = dict.fromkeys(self.sources, (LIST,))
        self.rules = Rules(everywhere, dict.fromkeys(self.sources, delete), attributes=ATTRIBUTES)
        contacts = ContactsHandler(account, self.store.limits, self.store.people, lambda: self.rules, self.clock)
        self.line = Line(
            store=self.store,
            connectors={**self.sources, "brevo": BrevoIntake(SourceSettings("brevo", "brevo", ("t",)))},
            skills=[CustomerSync(lambda _: MAPPING)],
            handlers={"contacts": contacts},
            wake=self.woken.append,
            tally=tally,
            keeper=Keeper(self.store.lanes),
            clock=self.clock,
        )

    def reset(self) -> None:
        """Start again with nothing, cheaply."""
        self.client.flushall()
        self.client.hset("tajo:salt", "key", self.store.people.salt)
        self.client.hset("tajo:lim:contacts", "rps", 0)
        self.store.lanes.register("contacts", keeps="people")
        self.brevo.clear()
        for source in self.sources.values():
            source.events.clear()

    def send(self, event: Event, *, received: datetime | None = None) -> None:
        """Put one event into the inbox; it arrives now, unless something else is said."""
        events = self.sources[event.source].events
        events.append(event)
        accept(self.line, Inbound(event.source, {}, str(len(events) - 1).encode(), received or utc_now(self.clock)))

    def send_brevo(self, body: object, *, received: datetime | None = None) -> None:
        """Put one of Brevo's own webhooks into the inbox."""
        accept(self.line, Inbound("brevo", {}, json.dumps(body).encode(), received or utc_now(self.clock)))

    def tick(self) -> None:
        """Let this millisecond pass, here and in Redis: of two things of one millisecond neither is newer."""
        time.sleep(0.002)

    def read(self) -> None:
        """Empty the inbox."""
        while process_inbox(self.line):
            pass

    def deliver(self) -> None:
        """Deliver until nothing is due, nor soon will be: what waits for its neighbour is looked at again."""
        while True:
            rest = deliver(self.line, "contacts")
            if not rest.did_work:
                if rest.wait_s is None or rest.wait_s > 0.2:
                    return
                time.sleep(rest.wait_s + 0.001)

    def deliver_once(self) -> None:
        """Deliver what is due now, and nothing that becomes due by it."""
        deliver(self.line, "contacts")

    def settle(self) -> None:
        """Read and deliver everything."""
        self.read()
        self.deliver()

    def settle_quietly(self) -> None:
        """Read everything, and deliver as far as Brevo lets us."""
        self.read()
        with contextlib.suppress(Unavailable):
            self.deliver()

    def resume(self) -> None:
        """Let the lane go on at once that waits for Brevo, with everything in it due."""
        self.store.breakers.close("contacts")
        for priority in range(3):
            key = f"tajo:q:contacts:{priority}"
            for target in self.client.zrange(key, 0, -1):
                self.client.zadd(key, {target: 0})
