"""A shop's whole history under the hourly limit of Brevo's General plan, in a time that the test moves.

3,000 orders in batches of 30 make as many calls as 100,000 in batches of 1,000. The whole size, with its figures:

    TAJO_ORDERS=100000 pytest -n0 -s tests/orders/test_hours.py
"""

from __future__ import annotations

import os
import time
from datetime import timedelta

import pytest

from customer_sync.batch.runs import step
from customer_sync.model import from_ms
from customer_sync.pipeline import deliver
from customer_sync.sandbox.limits import PLANS
from customer_sync.skills.order_events import OrderEvents
from customer_sync.store import scripts
from customer_sync.store.limits import Limits
from customer_sync.store.run import RunState
from tests.orders.test_history import HistoryRig, past
from tests.redis_time import _CLOCK, _READ, StandingTime

ORDERS = int(os.environ.get("TAJO_ORDERS", "3000"))
BATCH = max(10, ORDERS // 100)
#: The General plan's calls an hour for all that has no limit of its own.
ALLOWED = 100


class Time(StandingTime):
    """The scripts of a whole store, at a time that the test moves."""

    def run(self, name, *args):
        if name not in self._loaded:
            text = scripts.source(name).replace(_CLOCK, _READ)
            self._loaded[name] = self._client.register_script(text)
        return super().run(name, *args)


class HourRig(HistoryRig):
    """A shop, and a sandbox under the General plan, by one clock that stands still between two moves."""

    def __init__(self, client):
        self.time = None
        super().__init__(client, plan="general")
        self.people = self.line.skills[0]
        self.line.skills = [OrderEvents()]  # the lane of people has limits and tests of its own
        self.http._spec = None  # every single call was checked by the other tests
        self.handler.most = BATCH
        # at the beginning of one of the sandbox's hours: the longest wait for the next
        self.time = Time(client, (self.clock() // 3_600_000 + 1) * 3600.0)
        client.time = lambda: (int(self.time.now_s), int(self.time.now_s % 1 * 1e6))
        for part in vars(self.store).values():
            if hasattr(part, "_scripts"):
                part._scripts = self.time
        self.store.scripts = self.time
        self.handler._clock = self.line.clock = self.clock = lambda: int(self.time.now_s * 1000)
        object.__setattr__(self.handler._desk, "clock", self.clock)
        self.store.hosts.now_ms = self.clock

    def meanwhile(self):
        """What happens when time has passed."""

    def run_whole(self):
        """Do a whole run and let the time pass that it waits; return how many hours that took."""
        run, began = self.begin(), self.time.now_s
        while self.read_run(run).state is not RunState.DONE:
            while step(self.puller, run.id).did_work and self.waits() < 2 * BATCH:
                pass
            self.again(run)
            rest = deliver(self.line, "orders")
            if not rest.did_work:
                self.time.move(min(60.0, max(0.05, rest.wait_s or 0.5)))
                self.meanwhile()
            assert self.time.now_s - began < 4 * 3600, f"{self.waits()} wait"
        return (self.time.now_s - began) / 3600


class Open:
    """A gate that lets every call through: real time does not move the limit of a time that stands."""

    def wait(self):
        """The call may be made."""


@pytest.fixture
def rig(client, monkeypatch):
    monkeypatch.setattr(Limits, "learn", _always(Limits.learn))
    monkeypatch.setattr("tests.orders.test_history.PAGE", 250 if ORDERS <= 10_000 else 1000)
    found = HourRig(client)
    yield found
    del client.time


def _always(learn):
    """Tell Redis of each answer: within a moment of real time much time passes here."""

    def told(self, bucket, *facts, **more):
        self._told.clear()
        learn(self, bucket, *facts, **more)

    return told


def test_a_history_is_sent_within_the_hourly_limit_and_only_what_changed_is_sent_again(rig):
    now = from_ms(rig.clock())
    for n in range(ORDERS):
        rig.history[n] = past(str(n), created=now - timedelta(days=700))
    began = time.monotonic()
    hours = rig.run_whole()
    took_s = time.monotonic() - began
    first = rig.called("/orders/status/batch")
    for n in range(0, ORDERS, 100):
        rig.history[n] = past(str(n), when=60, created=now - timedelta(days=700), amount=10.0)
    again_hours = rig.run_whole()
    again = rig.called("/orders/status/batch")[len(first) :]

    sent_again = sum(len(body["orders"]) for body in again)
    fired = rig.sandbox.automations.counts["orders"]
    print(
        f"\n{ORDERS:,} orders: {len(first)} batches, {hours:.2f} h, {fired} automations, {took_s:.0f} s of work; "
        f"1 % changed: {sent_again:,} orders in {len(again)} batches, {again_hours:.2f} h"
    )
    assert sum(len(body["orders"]) for body in first) == len(rig.orders) == ORDERS
    assert len(first) <= 1.1 * ALLOWED
    assert hours <= 70 / 60
    assert sent_again <= 0.011 * ORDERS
    assert fired == 0
    assert rig.called("/orders/status") == []
    assert rig.account._limits.holds("other") != "refused"  # no call was answered with 429


def test_a_history_whose_contacts_come_by_and_by_takes_no_more_batches(rig, monkeypatch):
    monkeypatch.setattr("customer_sync.engine.flow.FLOW_S", 0.0)  # one batch of contacts each time
    people = rig.line.handlers["contacts"]
    monkeypatch.setattr(people, "batch_size", lambda: 10)
    monkeypatch.setattr(people, "_gate", lambda *_, **__: Open())
    monkeypatch.setitem(PLANS["general"], "contacts", (None, None))
    rig.line.skills = [rig.people, OrderEvents()]
    rig.sandbox.switches.unknown_person = "create"
    looks = []
    plan = rig.handler._to_buyer
    rig.handler._to_buyer = lambda item, told: (looks.append(1), plan(item, told))[1]

    def contacts_come():
        rig.time.move(1.5)  # as many contacts as the sandbox takes at one moment
        deliver(rig.line, "contacts")

    rig.meanwhile = contacts_come
    for n in range(3000):
        rig.history[n] = past(str(n), created=from_ms(rig.clock()) - timedelta(days=700))
    hours = rig.run_whole()
    batches = rig.called("/orders/status/batch")

    print(f"\n{len(batches)} batches, {hours:.2f} h, {len(looks):,} looks")
    assert len(rig.orders) == 3000
    assert all("contact_id" in one for one in rig.orders.values())
    assert len(rig.sandbox.contacts.roll.choose(None, None)[:]) == 3000
    assert len(batches) <= 1.15 * ALLOWED
    assert hours <= 90 / 60
    assert len(looks) <= 60 * 3000
