"""An account at Brevo and a line to it in which time passes only where somebody waits: hours of a limit in minutes.

Redis, the line and the sandbox are the real ones; the scripts in Redis, the sandbox's limits and the gate before each
call read one clock, which goes ahead when a call has to wait for its turn, or when nothing is due.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import redis

import customer_sync.store as store_package
from customer_sync.brevo.client import Brevo
from customer_sync.brevo.contacts.contact_plan import Rules
from customer_sync.brevo.desk import Desk
from customer_sync.brevo.gate import PATIENCE_S
from customer_sync.brevo.products import ProductsHandler
from customer_sync.config import Settings
from customer_sync.engine.plan import Planned, Request, commit
from customer_sync.engine.planner import Planner
from customer_sync.errors import TryLater
from customer_sync.kit.outbound import Reply
from customer_sync.model import Event, Priority, from_ms, to_ms
from customer_sync.pipeline import Line, deliver
from customer_sync.sandbox.app import create_app
from customer_sync.sandbox.state import Sandbox
from customer_sync.sandbox.state import Settings as SandboxSettings
from customer_sync.skills import Skill
from customer_sync.store import Store, scripts
from customer_sync.store.counters import Tally
from customer_sync.store.forms import EventRef
from customer_sync.store.keeper import Keeper
from customer_sync.store.limits import Limits
from customer_sync.store.scripts import Scripts

_KEY = "bench:now_us"
_TIME = "redis.call('TIME')"
#: What the scripts read instead of the clock: seconds and microseconds, as TIME gives them.
_READ = f"(function() local t = tonumber(redis.call('GET', '{_KEY}')); return {{math.floor(t / 1e6), t % 1e6}} end)()"
#: How many events are put in one step, as a page of a run.
PAGE = 250


class Clock:
    """The one clock: seconds since 1970, and whom it keeps the leases of.

    Args:
        client: Redis, whose scripts read it.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._lock = threading.Lock()
        self.now_s = 1_800_000_000.0
        self.held: dict[str, tuple[str, Sequence[str]]] = {}
        self.store: Store | None = None
        self.go_on(0)

    def ms(self) -> int:
        """Return the time in milliseconds since 1970."""
        return int(self.now_s * 1000)

    def go_on(self, seconds: float) -> None:
        """Let time pass, in steps in which no lease ends that somebody holds."""
        with self._lock:
            self.now_s += seconds
            self._client.set(_KEY, round(self.now_s * 1_000_000))
            for token, (lane, targets) in list(self.held.items()):
                assert self.store is not None
                self.store.lanes.renew(lane, token, targets)


class _TimedScripts(Scripts):
    """The scripts of a store, at the time of a `Clock`."""

    def run(self, name: str, *args: str | float | bytes) -> Any:
        if name not in self._loaded:
            self._loaded[name] = self._client.register_script(scripts.source(name).replace(_TIME, _READ))
        return super().run(name, *args)


class _TimedLimits(Limits):
    """The shared limit; what an answer tells is told to Redis each time, since real time hardly passes."""

    def learn(self, bucket: str, limit: float | None, remaining: float = 0.0, reset_s: float = 1.0) -> None:
        self._told.clear()
        super().learn(bucket, limit, remaining, reset_s)


class _TimedKeeper(Keeper):
    """Renews leases whenever the clock goes ahead."""

    def __init__(self, store: Store, clock: Clock) -> None:
        super().__init__(store.lanes)
        self._all = clock.held

    @contextmanager
    def keep(self, lane: str, token: str, targets: Sequence[str]) -> Iterator[None]:
        self._all[token] = (lane, targets)
        try:
            yield
        finally:
            del self._all[token]


class _TimedGate:
    """Lets calls through at their turn, to which the clock goes ahead."""

    def __init__(self, limits: Limits, bucket: str, clock: Clock) -> None:
        self._limits, self._bucket, self._clock = limits, bucket, clock

    def wait(self) -> None:
        grant = self._limits.reserve(self._bucket, 1)
        while not grant.offsets_s:
            if grant.wait_s > PATIENCE_S:
                raise TryLater("The rate limit is used up for now.", after_s=grant.wait_s, burns=False)
            self._clock.go_on(grant.wait_s)
            grant = self._limits.reserve(self._bucket, 1)
        self._clock.go_on(grant.offsets_s[0])


class _InProcess:
    """Calls the sandbox of this process as a server."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._http = create_app(sandbox).test_client()
        self._lock = threading.Lock()
        #: How many records were in the calls that were taken.
        self.records = 0

    def send(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
        with self._lock:
            path = "/v3" + url.partition("/v3")[2]
            answer = self._http.open(path, method=method, data=body, headers=dict(headers))
            if method == "POST" and answer.status_code < 300:
                self.records += _records_in(body)
        return Reply(answer.status_code, {name.lower(): one for name, one in answer.headers.items()}, answer.data)


def _records_in(body: bytes | None) -> int:
    told = json.loads(body or b"{}")
    return len(told.get("products") or told.get("categories") or [told])


class Catalogue:
    """The lane of products, on Brevo's General plan.

    Args:
        client: an empty Redis.
        skill: what reads the events.
        plan: the plan.
    """

    lane = "products"

    def __init__(self, client: redis.Redis, skill: Skill, plan: str = "general") -> None:
        self.clock = Clock(client)
        with patch.object(store_package, "Scripts", _TimedScripts):
            self.store = Store(client)
        self.clock.store = self.store
        self.store.limits = _TimedLimits(client, self.store.scripts)
        self.sandbox = Sandbox(SandboxSettings(plan=plan), clock=lambda: self.clock.now_s)
        self.sandbox.ecommerce.set_currency({"code": "EUR"})
        tally = Tally()
        self.http = _InProcess(self.sandbox)
        brevo = Brevo("http://sandbox/v3", "k", self.http, self.store.limits, tally)
        desk = Desk(Settings(), brevo, self.store, Rules, tally, self.clock.ms)
        # one call at a time: time goes ahead for all of them
        with patch("customer_sync.brevo.products.Gate", self._gate), patch.object(ProductsHandler, "threads", 1):
            handler = ProductsHandler(desk)
        self.store.lanes.register(self.lane, keeps="records")
        self._skill = skill
        self._line = Line(
            store=self.store,
            connectors={},
            skills=[skill],
            handlers={self.lane: handler},
            wake=lambda _: None,
            tally=tally,
            keeper=_TimedKeeper(self.store, self.clock),
            clock=self.clock.ms,
        )

    def _gate(self, limits: Limits, bucket: str, _: int, *, urgent: bool = False) -> _TimedGate:  # noqa: ARG002  # as Gate
        return _TimedGate(limits, bucket, self.clock)

    def put(self, events: Sequence[Event]) -> None:
        """Put what a run reads into the lane, page by page."""
        seen_at = from_ms(self.clock.ms())
        planner = Planner(self.store.people, to_ms(seen_at))
        for start in range(0, len(events), PAGE):
            behind = [EventRef("run:1", "shop", to_ms(seen_at))]
            page = [
                Planned(planner.groups(self._skill.intent(one).steps, behind, seen_at, priority=Priority.BULK))
                for one in events[start : start + PAGE]
            ]
            commit(self.store, [Request("", page)], lambda _: None)

    def empty(self) -> float:
        """Deliver until nothing waits; return how long that took, in seconds of the clock."""
        began_s = self.clock.now_s
        while self._waiting():
            rest = deliver(self._line, self.lane)
            if not rest.did_work:
                self.clock.go_on(max(0.01, 0.1 if rest.wait_s is None else rest.wait_s))
        return self.clock.now_s - began_s

    def _waiting(self) -> int:
        """Return how many items wait: by this clock, for now or for later."""
        found = self.store.lanes.queue(self.lane, self.clock.ms())
        return found.now + found.later

    def close(self) -> None:
        """End the sandbox."""
        self.sandbox.close()
