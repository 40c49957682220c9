"""The line with its bulk gear, over a real Redis and a sandbox in this process; nothing runs by itself.

rig.put(people)    changes of bulk priority, as a run puts them
rig.load()         one round of the bulk loop
rig.follow()       follow imports until none is under way
rig.settle()       everything, until nothing waits
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from email.utils import formatdate
from typing import Any

import redis

from customer_sync import __version__, pipeline
from customer_sync.brevo.client import Brevo
from customer_sync.brevo.contacts.contact_plan import Rules
from customer_sync.brevo.contacts.gear import assemble_gear
from customer_sync.brevo.contacts.handler import ContactsHandler
from customer_sync.brevo.contacts.imports import Terms
from customer_sync.brevo.contacts.upload import Uploads
from customer_sync.brevo.proof.doors import DOORS, OPENING, DoorBook, mark_of
from customer_sync.brevo.proof.ride import NONCE_ATTRIBUTE
from customer_sync.brevo.webhooks import BrevoIntake
from customer_sync.config.settings import BrevoSettings, Settings
from customer_sync.engine.plan import Planned, Request, Says, Step, Who, commit
from customer_sync.engine.planner import Planner
from customer_sync.errors import Unavailable
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.outbound import Reply, Unreached
from customer_sync.model import Event, Inbound, Json, Kind, Priority, to_ms
from customer_sync.pipeline import Line, accept, process_inbox
from customer_sync.sandbox.app import create_app
from customer_sync.sandbox.state import Sandbox
from customer_sync.sandbox.state import Settings as SandboxSettings
from customer_sync.skills.customer_sync import CustomerSync
from customer_sync.store import Store, keys
from customer_sync.store.counters import Tally
from customer_sync.store.forms import EventRef
from customer_sync.store.imports import Imports
from customer_sync.store.keeper import Keeper
from customer_sync.store.lanes import Pace
from customer_sync.store.people import AttributeNames
from tests.rig import ATTRIBUTES, LIST, MAPPING, NOW, Clock, Scripted, at

LANE = "contacts"
#: Every item at once, however few: what the terms say about how many is tested by itself.
EAGER = Terms(min_rows=1, pace=Pace(ripe_items=1, ripe_s=0.0, backlog=10_000), quick_s=0.0)


#: The canaries: blocked, and not.
RIDERS = (("A", "canary-a@ours.example", True), ("B", "canary-b@ours.example", False))


class ReadNow:
    """Stands for the read of all contacts: what Brevo had when it was read last."""

    def __init__(self, rig: BulkRig) -> None:
        self._rig = rig
        self.steps = 0
        #: How many steps a read takes; it is fresh after them, from the start where there are none.
        self.takes = 0
        self.calls = 0
        self.is_fresh = True
        #: Up to which number people were known when it began; 0: all.
        self.known_to = 0
        self._unblocked: dict[str, bool] | None = None

    def fresh(self) -> int | None:
        return self._rig.clock() if self.is_fresh else None

    def has(self, numbers: Sequence[str]) -> list[bool]:
        if not self.is_fresh:
            return [False] * len(numbers)
        contacts = self._rig.contacts()
        people = self._rig.store.people
        found = []
        for number in numbers:
            contact = contacts.get(people.read(number).email or "") if int(number) <= self.last() else None
            is_blocked = contact is None or contact["emailBlacklisted"] or contact["smsBlacklisted"]
            found.append(not is_blocked and not contact["listUnsubscribed"])
        return found

    def last(self) -> int:
        return (self.known_to or self._rig.store.people.count()) if self.is_fresh else 0

    def step(self, last: int = 0) -> bool:
        self.steps += 1
        self.known_to = 0
        self.is_fresh = self.steps >= self.takes
        return True

    def cost(self) -> int:
        return self.calls


class LocalHttp:
    """Calls the sandbox without a network. `before` and `after` may look at each call, or break it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._app = create_app(sandbox)
        self._sandbox = sandbox
        self.before: Any = lambda *_: None
        self.after: Any = lambda *_: None
        #: (path, answer), each given once instead of a call.
        self.answers: list[tuple[str, Reply]] = []

    def send(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
        path = url.partition("://")[2].partition("/")[2]
        self.before(method, path, body)
        for planned in self.answers:
            if path.startswith(planned[0]):
                self.answers.remove(planned)
                return planned[1]
        try:
            answer = self._app.test_client().open("/" + path, method=method, headers=dict(headers), data=body)
            data = answer.data
        except ConnectionResetError as error:
            raise Unavailable("the sandbox did not answer") from error
        found = {name.lower(): value for name, value in answer.headers.items()}
        found["date"] = formatdate(self._sandbox.clock(), usegmt=True)
        reply = Reply(answer.status_code, found, data)
        self.after(method, path, reply)
        return reply


class BulkRig:
    """The line, a sandbox, and hands to feed them.

    Args:
        client: Redis; emptied.
        terms: when the gear is used.
        plan: the sandbox's rate limits.
        import_delay_s: how long an import takes.
        sources: who tells of customers.
    """

    def __init__(
        self,
        client: redis.Redis,
        *,
        terms: Terms = EAGER,
        plan: str = "none",
        import_delay_s: float = 0.0,
        sources: Sequence[str] = ("shop", "woo"),
    ) -> None:
        client.flushall()
        self.client = client
        self.store = Store(client)
        self.store.lanes.register(LANE, keeps="people", has_gear=True)
        self.clock = Clock()
        self._shift_s = 0.0
        settings = SandboxSettings(plan=plan, import_delay_s=import_delay_s)
        self.sandbox = Sandbox(settings, clock=lambda: self.clock() / 1000 + self._shift_s)
        self._add_attributes()
        self.http = LocalHttp(self.sandbox)
        self.sources = {name: Scripted(SourceSettings(name, "scripted")) for name in sources}
        self.rules = Rules(dict.fromkeys(self.sources, (LIST,)), attributes=ATTRIBUTES)
        self.woken: list[str] = []
        self.terms = terms
        self.settings = Settings(brevo=BrevoSettings(api_key="k"))
        self.reading = ReadNow(self)
        self.line = self.open_line()

    def open_line(self, *, rest_s: float = 0.0) -> Line:
        """Another worker's line over the same Redis and sandbox; the list of an import rests so long after it."""
        tally = Tally()
        self.imports = Imports(self.client, self.store.scripts, rest_s=rest_s)
        account = Brevo("http://localhost/v3", "k", self.http, self.store.limits, tally)
        uploads = Uploads("http://localhost/v3", "k", self.http, self.store.limits, tally)
        self.book = DoorBook(self.settings, self.store, self.clock)
        gear = assemble_gear(
            self.store,
            self.imports,
            account,
            uploads,
            tally=tally,
            rules=self.read_rules,
            terms=self.terms,
            book=self.book,
            reading=self.reading,
            files=self.http,
            clock=self.clock,
        )
        contacts = ContactsHandler(
            account, self.store.limits, self.store.people, self.read_rules, self.clock, under_way=self.imports.ids
        )
        return Line(
            store=self.store,
            connectors={**self.sources, "brevo": BrevoIntake(SourceSettings("brevo", "brevo", ("t",)))},
            skills=[CustomerSync(lambda _: MAPPING)],
            handlers={LANE: contacts},
            wake=self.woken.append,
            tally=tally,
            keeper=Keeper(self.store.lanes),
            rules=self.read_rules,
            gears={LANE: gear},
            clock=self.clock,
        )

    def read_rules(self) -> Rules:
        """The operator's decisions as they are now."""
        return self.rules

    def reset(self) -> None:
        """Start again with nothing, cheaply."""
        self.client.flushall()
        self.client.hset("tajo:salt", "key", self.store.people.salt)
        self.store.lanes.register(LANE, keeps="people", has_gear=True)
        self.store.people.names = AttributeNames(self.store.scripts)
        for bucket in ("contacts", "processes"):
            self.client.hset(keys.limit(bucket), "rps", 0)
        self.sandbox.reset()
        self._add_attributes()
        self.http.before = self.http.after = lambda *_: None
        self.http.answers.clear()
        for source in self.sources.values():
            source.events.clear()
        self.woken.clear()
        self.book.read(anew=True)
        self.reading.__init__(self)  # type: ignore[misc]  # as new

    def prove(self, *doors: str, step: int = len(OPENING), **more: Any) -> None:
        """Let it be proven that imports may do this; nothing: all of it. `step`: how many opening sizes were passed."""
        for _, email, is_blocked in RIDERS:
            if email not in self.contacts():
                self.call("POST", "/v3/contacts", {"email": email, "emailBlacklisted": is_blocked})
        if not self.client.exists(keys.PROOF):
            self.sandbox.attributes.create("normal", NONCE_ATTRIBUTE, {"type": "text"})
        verdicts = {door: {"verdict": "passed", "text": "proven"} for door in doors or DOORS}
        proof = {
            "mark": mark_of(self.settings, self.store),
            "version": __version__,
            "proven_ms": self.clock(),
            "doors": verdicts,
            "riders": RIDERS,
            **more,
        }
        self.store.proofs.open(proof, DOORS)
        self.client.hset(keys.PROOF, "step", step)
        self.book.read(anew=True)

    def _add_attributes(self) -> None:
        self.sandbox.attributes.create("normal", "CITY", {"type": "text"})

    # feeding

    def put(self, events: Iterable[Event], prio: Priority = Priority.BULK) -> None:
        """Put the changes of events into the lane, as a run does; all of them with this priority."""
        self._put([[step for skill in self.line.skills for step in skill.intent(one).steps] for one in events], prio)

    def put_fields(self, number: int, fields: Mapping[str, Json]) -> None:
        """Put fields of a customer into the lane as they are."""
        self._put([[Says(Who("shop", at(-90), str(number)), fields)]], Priority.BULK)

    def _put(self, each: Sequence[Sequence[Step]], prio: Priority) -> None:
        planner, behind = Planner(self.store.people, self.store.now_ms()), [EventRef("run:1", "shop", to_ms(NOW))]
        planned = [Planned(planner.groups(steps, behind, NOW)) for steps in each]
        for put in (put for one in planned for group in one.groups for put in group.puts):
            put.priority = prio
        commit(self.store, [Request("", planned)], self.woken.append)

    def send(self, event: Event) -> None:
        """Let an event come live, and read it."""
        events = self.sources[event.source].events
        events.append(event)
        accept(self.line, Inbound(event.source, {}, str(len(events) - 1).encode(), NOW))
        self.read()

    def send_brevo(self, body: bytes, path: str = "", *, received_at: datetime = NOW) -> None:
        """Let one of Brevo's own calls come, and read it."""
        accept(self.line, Inbound("brevo", {}, body, received_at, path=path))
        self.read()

    def read(self) -> None:
        """Empty the inbox."""
        while process_inbox(self.line):
            pass

    # working

    def load(self) -> None:
        """Load and send until there is nothing new; nothing goes singly."""
        self.tick()
        with suppress(Unavailable):  # the breaker is open then
            pipeline._finish(self.line, LANE, self.line.gears[LANE].load())

    def tick(self, seconds: float = 0.002) -> None:
        """Let this millisecond pass: the gear looks only at what came before it."""
        time.sleep(seconds)

    def carry_out(self) -> None:
        """Let Brevo carry out the imports that it has accepted."""
        self.sandbox.jobs.hurry()
        self.sandbox.run_due()

    def look(self) -> bool:
        """Have every import looked at now, once; True when something was settled."""
        self.client.delete(keys.FOLLOWER)
        self.imports.look_in(self.imports.ids(), 0.0)
        return pipeline.follow(self.line).did_work

    def follow(self) -> None:
        """Follow until no import is under way."""
        for _ in range(100):
            if not self.imports.ids():
                return
            self.carry_out()
            self.look()
            time.sleep(0.005)
        raise AssertionError(f"still under way: {self.imports.under_way()}")

    def deliver(self) -> None:
        """Deliver live and single items until nothing is due."""
        while pipeline.deliver(self.line, LANE).did_work:
            pass
        while pipeline._deliver(self.line, LANE, self.line.gears[LANE].single, "single").did_work:
            pass

    def hasten(self) -> None:
        """Let everything that waits for a later time be due now."""
        for prio in range(3):
            key = keys.queue(LANE, prio)
            for target, score in self.client.zrange(key, 0, -1, withscores=True):
                if score > time.time() * 1000:
                    self.client.zadd(key, {target: int(time.time() * 1000)})

    def settle(self, rounds: int = 40) -> None:
        """Do everything until nothing waits."""
        for _ in range(rounds):
            self.read()
            self.load()
            self.follow()
            self.deliver()
            if not self.store.lanes.depth(LANE)[0]:
                return
            self.hasten()
            self.sandbox_passes(5)
        raise AssertionError(f"still waiting: {self.store.lanes.depth(LANE)}")

    # looking

    def contacts(self) -> dict[str, dict[str, Any]]:
        """Every contact at Brevo by address."""
        with self.sandbox.lock:
            rows = self.call("GET", "/sandbox/state")["contacts"]
        return {row.get("email", str(row["id"])): row for row in rows}

    def calls(self, method: str, route: str) -> int:
        """How often a route was called with success."""
        totals = self.call("GET", "/sandbox/calls?limit=0")["totals"]
        fitting = [row for row in totals if (row["method"], row["route"]) == (method, route)]
        return sum(row["calls"] for row in fitting if row["status"] < 300)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call the sandbox as somebody else. Who creates a contact does so some time before the next import."""
        answer = self.http._app.test_client().open(path, method=method, json=body, headers={"api-key": "other"})
        assert answer.status_code < 400, answer.data
        if (method, path) == ("POST", "/v3/contacts"):
            self.sandbox_passes(2)
        return answer.json if answer.data else None

    def answer(self, path: str, status: int, body: Any, *, times: int = 1, reset_s: int | None = None) -> None:
        """Let Brevo answer so, instead of what it would do."""
        headers = {} if reset_s is None else {"x-sib-ratelimit-limit": "10", "x-sib-ratelimit-reset": str(reset_s)}
        self.http.answers += [(path, Reply(status, headers, json.dumps(body).encode()))] * times

    def down(self) -> None:
        """Break a call: nobody answers."""
        raise Unavailable("nobody answers")

    def no_connection(self) -> None:
        """Break a call: it never left."""
        raise Unreached("no way")

    def sandbox_passes(self, seconds: float) -> None:
        """Let time pass at Brevo."""
        self._shift_s += seconds

    def fault(self, kind: str, **options: Any) -> None:
        """Switch a fault of the sandbox on."""
        self.call("POST", "/sandbox/faults", {"kind": kind, **options})

    def counted(self) -> dict[str, int]:
        """The counters, by field."""
        return {f"{one.name}|{'|'.join(one.labels.values())}": int(one.value) for one in self.store.counters.read()}

    def has(self, email: str) -> Any:
        """What we believe Brevo has of a person."""
        number = self.store.people.find(email)
        assert number is not None
        return self.store.people.read(number).has


def customer(number: int, *, email: str | None = "", when: float = -100, **record: Any) -> Event:
    """A customer, as a platform tells of them; without a word of the address when that is None."""
    address = {} if email is None else {"email": email or f"p{number}@example.com"}
    record = {**address, "firstName": f"Jane {number}", **record}
    event_id = f"customer:{number}:{when}:{sorted(record.items())}"
    return Event(event_id, "shop", Kind.CUSTOMER_UPDATED, at(when), str(number), str(number), record)


def customers(count: int, **more: Any) -> list[Event]:
    """Several customers."""
    return [customer(number, **more) for number in range(1, count + 1)]
