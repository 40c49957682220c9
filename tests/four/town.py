"""A whole installation with several platforms at once, each its own stand-in with its real connector, on one clock.

Nothing arrives, nobody works and no time passes but as a history says: webhooks wait at the stand-ins that made them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from werkzeug.test import Client as Caller

from customer_sync import assembly, pipeline
from customer_sync.batch.runs import step
from customer_sync.batch.starts import start
from customer_sync.errors import TajoError, Unavailable
from customer_sync.kit.fakes import hooks
from customer_sync.kit.fakes.clock import Clock
from customer_sync.kit.fakes.hooks import Answer
from customer_sync.kit.fakes.hooks import Delivery as Hook
from customer_sync.model import CUSTOMERS
from customer_sync.sandbox.webhooks_out import Delivery as BrevoHook
from customer_sync.store import inbox
from customer_sync.store.run import RunKind, RunState
from customer_sync.web.ingress import Ingress
from tests.field.house import House
from tests.four.sites import ADDRESS, SITES, Site

LIST = 2
TOKEN = "a-token-of-brevos-webhook"  # of no account
#: How far the time is moved in one step of a drain, in seconds, and how often at most.
STEPS_S = (*([20.0] * 6), *([61.0] * 8), *([900.0] * 8), *([4_000.0] * 20))
#: What opens a paused lane to a platform again: longer than any breaker waits, in seconds.
PULL_STEP_S = 61.0
MAX_PULL_STEPS = 60


class Killed(BaseException):
    """A worker is gone: nothing after this line is done."""


class Town:
    """The installation; see the module. Made once, and begun anew for each history.

    Args:
        client: Redis.
        folder: an empty folder.
        platforms: those that there are.
    """

    def __init__(self, client: redis.Redis, folder: Path, platforms: Sequence[str]) -> None:
        self.client, self._folder = client, folder
        self._house: House | None = None
        self._patch = pytest.MonkeyPatch()
        self._clock = Clock(self._now_s(), self._now_s)
        self.sites: dict[str, Site] = {name: SITES[name](self._clock) for name in platforms}
        self._fuse: int | None = None
        self._is_dead = False
        self.is_brevo_down = False

    def begin(self) -> None:
        """Begin anew: nobody is anywhere, nothing is known, every source was read once."""
        self.end()
        self.client.flushall()
        self._fuse, self._is_dead, self.is_brevo_down = None, False, False
        self._patch = pytest.MonkeyPatch()
        for site in self.sites.values():
            site.reset(self._patch)
        sources = {name: site.config for name, site in self.sites.items()}
        skill = {
            "enabled": True,
            "field_mapping": {"email": "email", "firstName": "FIRSTNAME"},
            "options": {"list_id": LIST},
        }
        config = {
            "brevo": {"webhook_secret": TOKEN},
            "connectors": sources,
            "skills": {"customer-sync": skill, "order-events": {"enabled": True}},
        }
        hosts = {f"{name}.example.com": site.client for name, site in self.sites.items()}
        self._house = house = House(self.client, self._folder, self._patch, hosts=hosts, config=json.dumps(config))
        self._patch.setattr(hooks, "_post", self._receive)
        self._patch.setattr(inbox, "CLAIM_AFTER_MS", 0)
        self._take_due = house.sandbox.webhooks.take_due
        self._patch.setattr(house.sandbox.webhooks, "take_due", list)
        told = {"url": ADDRESS + "brevo", "type": "marketing", "auth": {"type": "bearer", "token": TOKEN}}
        house.brevo("POST", "/webhooks", {**told, "events": ["unsubscribed", "spam", "hardBounce"]})
        self._told_by_brevo: list[BrevoHook] = []
        self._guard()
        self._hire()
        now_ms = house.now_ms()
        for name in self.sites:
            # as the word for its first full run leaves it, with nobody there
            house.store.runs.set_reach(name, CUSTOMERS, until_ms=now_ms, full_ms=now_ms)
        self.forget_calls()

    def end(self) -> None:
        """Give back what a history took."""
        if self._house is not None:
            self._house.sandbox.close()
            self._house = None
        self._patch.undo()  # also what a beginning took that failed

    # time

    def _now_s(self) -> float:
        return 1_790_000_000.0 if self._house is None else self._house.time.now_s

    @property
    def house(self) -> House:
        assert self._house is not None
        return self._house

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self._now_s(), UTC)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.house.time.move(seconds)

    # webhooks

    @property
    def waiting(self) -> list[tuple[Site | None, Hook | BrevoHook]]:
        """What is under way: from whom (None: Brevo), and what, in the order in which it was told."""
        self._told_by_brevo += self._take_due()
        found: list[tuple[Site | None, Hook | BrevoHook]] = [(None, one) for one in self._told_by_brevo]
        for site in self.sites.values():
            found += [(site, one) for one in site.waiting]
        return found

    def arrive(self, place: int, *, again: bool = False, lost: bool = False) -> None:
        """Let one of the webhooks that are under way arrive; `again`: it comes once more; `lost`: it never comes."""
        waiting = self.waiting
        if not waiting:
            return
        site, told = waiting[place % len(waiting)]
        if isinstance(told, BrevoHook):
            if not again:
                self._told_by_brevo.remove(told)
            if not lost:
                self._post("brevo", told.headers, told.body)
        else:
            assert site is not None
            site.lose(told) if lost else site.send(told, again=again)

    def lose_all(self) -> None:
        """Let no webhook that is under way ever come."""
        for site, told in self.waiting:
            if site is not None and not isinstance(told, BrevoHook):
                site.lose(told)

    def repeat(self) -> int:
        """Let everything that was ever told come once more, and return how much that was."""
        done = 0
        for site in self.sites.values():
            assert site.fake.sender is not None
            for told in list(site.fake.sender.log):
                site.send(told, again=True)
                done += 1
        for told in list(self.house.sandbox.webhooks.log):
            self._post("brevo", told.headers, told.body)
            done += 1
        return done

    def _receive(self, delivery: Hook, _timeout_s: float, *, is_old: bool) -> Answer:
        """Take a webhook from a stand-in in the place of the network."""
        del is_old
        return self._post(delivery.url.removeprefix(ADDRESS), delivery.headers, delivery.body)

    def _post(self, place: str, headers: Any, body: bytes) -> Answer:
        found = self._caller.post(f"/webhooks/{place}", base_url=ADDRESS[:20], data=body, headers=dict(headers))
        assert found.status_code < 300, (place, found.status_code, found.get_data())
        return Answer(found.status_code, found.get_data())

    def recover(self) -> None:
        """Let every trouble be over."""
        self.is_brevo_down = False
        for site in self.sites.values():
            site.client.is_down = site.client.is_expired = False

    # workers

    def _hire(self) -> None:
        """Start a worker, and the web process that stands before it."""
        self._is_dead = False
        self.line = self.house.another()
        intake = SimpleNamespace(
            append=lambda raw, _source: self.house.store.inbox.append([raw]), greet=lambda _: None, refuse=_refuse
        )
        services = SimpleNamespace(
            connectors=self.line.connectors,
            settings=self.house.settings,
            intake=intake,
            clock=self.house.now_ms,
            told_secrets=SimpleNamespace(known=lambda _: (), newer=lambda _: ()),
        )
        self._caller = Caller(Ingress(services, _nothing))  # type: ignore[arg-type]  # what it uses of them

    def _guard(self) -> None:
        """Let each step in Redis, and each call, be one before which a worker can die."""
        self._wrap(self.house.time, "run")
        self._wrap(self.house.http, "send")
        for site in self.sites.values():
            self._wrap(site.client, "send")

    def _wrap(self, thing: Any, name: str) -> None:
        real = getattr(type(thing), name).__get__(thing)

        def guarded(*arguments: Any, **named: Any) -> Any:
            if self._fuse is not None:
                self._fuse -= 1
                self._is_dead = self._is_dead or self._fuse < 0
            if self._is_dead:
                raise Killed
            if thing is self.house.http and self.is_brevo_down:
                raise Unavailable("nobody answers")
            return real(*arguments, **named)

        self._patch.setattr(thing, name, guarded)

    @contextmanager
    def mortal(self, fuse: int | None) -> Iterator[None]:
        """Let a worker die after so many more steps; another one comes after the block."""
        self._fuse = fuse
        try:
            yield
        except Killed:
            pass
        finally:
            self._fuse = None
            if self._is_dead:
                self._hire()

    @property
    def lanes(self) -> list[str]:
        """Every lane, in the order in which one leads to another."""
        order = ("fetch", "contacts", "orders", "writeback")
        return sorted(
            (one for one in self.line.handlers if one.partition(":")[0] in order),
            key=lambda one: (order.index(one.partition(":")[0]), one),
        )

    def read(self) -> None:
        """Read what arrived."""
        while pipeline.process_inbox(self.line):
            pass

    def deliver(self, lane: str) -> None:
        """Do what is due in a lane, as far as its destination lets it."""
        with suppress(TajoError):
            self._until_idle(lambda: pipeline.deliver(self.line, lane))
        if lane in self.line.gears:
            with suppress(TajoError):
                self._until_idle(lambda: pipeline.bulk(self.line, lane))
                self._until_idle(lambda: pipeline.single(self.line, lane))

    def work(self) -> None:
        """Do all that can be done now."""
        for _ in range(3):
            self.read()
            for lane in self.lanes:
                if self.client.zcard(f"tajo:since:{lane}"):
                    self.deliver(lane)
        if self.house.store.imports.ids():
            with suppress(TajoError):
                pipeline.follow(self.line)

    @staticmethod
    def _until_idle(act: Callable[[], pipeline.StepResult]) -> None:
        while act().did_work:
            pass

    def pull(self, name: str, kind: RunKind, resource: str = CUSTOMERS) -> None:
        """Read a source, and deliver what it tells."""
        puller = assembly.open_puller(self.house.settings, self.line, self._folder)
        try:
            run = start(puller, name, kind, resource=resource, is_forced=True)
        except TajoError:
            return
        for _ in range(MAX_PULL_STEPS):
            for _ in range(10):
                if not step(puller, run.id).did_work:
                    break
            self.work()
            found = self.house.store.runs.read(run.id)
            assert found is not None
            if found.state is RunState.DONE:
                return
            if found.state is RunState.STOPPED:
                self.house.store.runs.resume(found)  # as an operator does who mended what stopped it
            self.wait(PULL_STEP_S)
        raise AssertionError(f"the run of {name} is {found.state}: {found.reason}, {self.open()}")

    def is_quiet(self) -> bool:
        """Whether nothing is under way and nothing waits."""
        return not self.waiting and not self.open()

    def open(self) -> dict[str, int]:
        """How much waits, by place; nothing that is 0."""
        found = {lane: self.client.zcard(f"tajo:since:{lane}") for lane in self.lanes}
        found["inbox"] = self.client.xlen("tajo:inbox")
        return {name: count for name, count in found.items() if count}

    def settle(self) -> None:
        """Let everything arrive, and time pass until nothing is left to be done."""
        for seconds in STEPS_S:
            for _ in range(200):
                if not self.waiting:
                    break
                self.arrive(0)
            self.work()
            if self.is_quiet():
                return
            self.wait(seconds)
        raise AssertionError(f"there is no end: {self.open()}, {self.house.notes()}")

    # what came of it

    @property
    def calls(self) -> int:
        """How often Brevo and the platforms were called."""
        return len(self.house.http.calls) + sum(len(site.client.calls) for site in self.sites.values())

    def forget_calls(self) -> None:
        self.house.http.calls.clear()
        for site in self.sites.values():
            site.client.calls.clear()

    def opt_out_told(self, source: str, record_id: str) -> str:
        """What became of an opt-out in Brevo at a platform, "" where none was to be told."""
        (kept,) = self.house.store.records.all_of([(f"writeback:{source}", f"{source}:{record_id}")])
        return "" if kept is None else str(kept.has.get("result") or "")


def _refuse(source: str, error: Exception) -> None:
    raise AssertionError(f"{source}: {error}")


def _nothing(*_: Any) -> tuple[bytes, ...]:
    return ()
