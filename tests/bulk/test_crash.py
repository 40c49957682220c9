"""A worker may die between any two steps of an import: another one goes on from what is in Redis."""

from __future__ import annotations

import itertools
import os
import time
from dataclasses import replace

import pytest

from customer_sync import pipeline
from customer_sync.config.settings import BrevoSettings, Settings
from customer_sync.model import Channel, Consent, ConsentState, Event, Kind
from customer_sync.store import keys
from tests.bulk.rig import LANE, BulkRig, at, customer, customers
from tests.rig import LIST


class Died(BaseException):
    """The worker is dead: nothing of it runs any more, no handler of errors either."""


class Steps:
    """Counts every step a worker makes outside itself, and ends it right after one of them."""

    def __init__(self, rig):
        self.rig = rig
        self.end_at = None
        self.made = []
        self._run, self._send = rig.store.scripts.run, rig.http.send
        self._execute = rig.client.execute_command
        rig.store.scripts.run = self._wrap(self._run, lambda args: args[0])
        rig.http.send = self._wrap(self._send, lambda args: f"{args[0]} {args[1]}")
        rig.client.execute_command = self._wrap(self._execute, lambda args: args[0])

    def restore(self):
        self.rig.store.scripts.run, self.rig.http.send = self._run, self._send
        self.rig.client.execute_command = self._execute

    def _wrap(self, call, name):
        def made(*args, **more):
            self.made.append(name(args))
            number = len(self.made)  # one step may make others
            answer = call(*args, **more)
            if self.end_at == number:
                raise Died
            return answer

        return made


def work(rig):
    """A worker's life: load, send, follow to the end."""
    rig.tick()
    works = rig.line.gears[LANE].load()
    settle(rig, works)
    rig.carry_out()
    for _ in range(2):  # many were not created: it looks once more
        rig.imports.look_in(rig.imports.ids(), 0.0)
        settle(rig, rig.line.gears[LANE].follow())


def settle(rig, works):
    for one in works:
        pipeline.settle(rig.line, LANE, one.token, one.delivery)


def prepare(rig):
    rig.reset()
    # one is there already, one has a phone that is taken, so that every branch is walked
    rig.call("POST", "/v3/contacts", {"email": "p2@example.com", "attributes": {"FIRSTNAME": "Old"}})
    rig.call("POST", "/v3/contacts", {"email": "other@example.com", "attributes": {"SMS": "+32470123456"}})
    rig.put([customer(1), customer(2), customer(3, phone="+32470123456"), customer(4)])


def go_on(rig):
    """What time and another worker do."""
    for target, _ in rig.client.zrange(keys.lane(LANE, "lease"), 0, -1, withscores=True):
        token = rig.client.hget(keys.lane(LANE, "tok"), target)
        if not token.startswith(b"i"):
            rig.client.zadd(keys.lane(LANE, "lease"), {target: 0})
    for import_ in rig.imports.ids():
        rig.client.hset(keys.import_key(import_), "begun", int(time.time() * 1000) - 61_000)
    rig.client.delete(keys.FOLLOWER)
    rig.line = rig.open_line()
    rig.sandbox_passes(5)
    rig.settle()


@pytest.fixture(scope="module")
def rig(redis_url):
    from customer_sync.store import connect  # beside its only use

    made = BulkRig(connect(redis_url), import_delay_s=1e9)
    yield made
    made.sandbox.close()


@pytest.mark.parametrize("with_phones", [False, True], ids=["phones follow", "phones in rows"])
def test_a_worker_that_dies_between_any_two_steps_loses_nothing_and_leaves_nothing(rig, with_phones):
    rig.settings = Settings(brevo=BrevoSettings(api_key="k", import_phones=with_phones))
    rig.line = rig.open_line()
    prepare(rig)
    steps = Steps(rig)
    work(rig)
    assert {"import_open", "import_send", "import_take", "settle", "import_close"} <= set(steps.made)
    assert any("contacts/import" in one for one in steps.made)
    steps.restore()

    for number in itertools.count(1):
        prepare(rig)
        steps = Steps(rig)
        steps.end_at = number
        died = ""
        try:
            work(rig)
        except Died:
            died = f"after step {number}, {steps.made[number - 1]}"
        steps.restore()
        if not died:
            break
        go_on(rig)

        found = {email: one["attributes"].get("FIRSTNAME") for email, one in rig.contacts().items()}
        expected = {f"p{n}@example.com": f"Jane {n}" for n in range(1, 5)} | {"other@example.com": None}
        assert found == expected, died
        for n in range(1, 5):
            assert rig.has(f"p{n}@example.com").digest, died
        assert set(rig.has("p3@example.com").refused) == {"SMS"}, died
        left = [key for key in rig.client.keys("tajo:*") if key.startswith((b"tajo:import:", b"tajo:mark"))]
        assert not left, died
        assert not rig.client.exists("tajo:imports", "tajo:imports:slots"), died
    assert number > 60


def test_an_import_whose_answer_never_came_is_found_out_by_what_it_created(rig):
    rig.reset()
    rig.http.after = lambda method, path, _: path == "v3/contacts/import" and rig.down()
    rig.put(customers(3))
    rig.load()
    rig.carry_out()
    (import_,) = rig.imports.under_way()
    assert (import_.state, import_.process) == ("sending", None)

    rig.look()  # too early to say
    assert rig.imports.ids()
    rig.client.hset(keys.import_key(import_.id), "begun", int(time.time() * 1000) - 61_000)
    rig.http.after = lambda *_: None
    rig.look()

    assert not rig.imports.ids()
    assert rig.calls("POST", "/contacts/import") == 1
    assert rig.has("p2@example.com").digest
    assert rig.store.lanes.depth(LANE)[0] == 0


def test_an_import_whose_answer_never_came_waits_while_brevo_works_on_one_that_may_be_it(rig):
    rig.reset()
    rig.http.after = lambda method, path, _: path == "v3/contacts/import" and rig.down()
    rig.put(customers(3))
    rig.load()
    rig.http.after = lambda *_: None
    (import_,) = rig.imports.ids()
    rig.client.hset(keys.import_key(import_), "begun", int(time.time() * 1000) - 61_000)

    rig.look()

    assert rig.imports.ids() == {import_}
    rig.carry_out()
    rig.look()
    assert not rig.imports.ids()


def test_an_import_that_never_reached_brevo_is_sent_again_at_once(rig):
    rig.reset()

    def no_connection(method, path, _):
        if path == "v3/contacts/import":
            rig.no_connection()

    rig.http.before = no_connection
    rig.put(customers(3))
    rig.load()

    assert not rig.imports.ids()
    assert rig.store.breakers.read(LANE).kind == "unavailable"
    assert rig.client.hlen(keys.lane(LANE, "tries")) == 0


def prepare_changes(rig):
    rig.reset()
    rig.sandbox.switches.import_blocks = "keep"
    rig.prove("updates")
    rig.put(customers(4))
    rig.settle()
    rig.sandbox_passes(10)
    rig.put([agreed(customer(number, when=-60, lastName="New")) for number in range(1, 5)])


def agreed(event):
    seen = Consent(Channel.EMAIL, ConsentState.GRANTED, at(-200), "form", explicit=True)
    return replace(event, consents=(seen,))


def work_while_people_change(rig, blocks):
    """Load and send; then somebody withdraws, somebody has a newer name; Brevo comes to the rows; follow to the end."""
    rig.tick()
    settle(rig, rig.line.gears[LANE].load())
    tell_news(rig)
    rig.deliver()
    rig.sandbox.switches.import_blocks = blocks
    rig.carry_out()
    for _ in range(2):
        rig.imports.look_in(rig.imports.ids(), 0.0)
        settle(rig, rig.line.gears[LANE].follow())
    rig.deliver()


def tell_news(rig):
    seen = Consent(Channel.EMAIL, ConsentState.WITHDRAWN, at(-50), "form", explicit=True)
    rig.send(Event("w1", "shop", Kind.CONSENT_CHANGED, at(-50), "1", "1", {}, (seen,)))
    rig.send(customer(2, email=None, when=-40, lastName="Newest"))


@pytest.mark.parametrize("blocks", ["keep", "lift_both"])
@pytest.mark.timeout(600)
def test_a_worker_that_dies_between_any_two_steps_of_an_import_that_updates_harms_nobody(rig, blocks, monkeypatch):
    monkeypatch.setattr("customer_sync.brevo.contacts.update_end.LOST_S", 0.0)
    rig.settings = Settings(brevo=BrevoSettings(api_key="k"))
    rig.line = rig.open_line()
    prepare_changes(rig)
    steps = Steps(rig)
    work_while_people_change(rig, blocks)
    assert {"import_open", "import_send", "import_take", "settle", "import_close"} <= set(steps.made)
    assert any("contacts/import" in one for one in steps.made)
    assert any("canary" in one for one in steps.made)
    steps.restore()
    lasts = len(steps.made)

    # a third of the steps, another one in each case; all of them where somebody looks hard
    for number in range(1 + ["keep", "lift_both"].index(blocks), lasts + 1, 1 if os.environ.get("TAJO_EXPLORE") else 3):
        prepare_changes(rig)
        steps = Steps(rig)
        steps.end_at = number
        died = ""
        try:
            work_while_people_change(rig, blocks)
        except Died:
            died = f"after step {number}, {steps.made[number - 1]}"
        steps.restore()
        rig.sandbox.switches.import_blocks = blocks
        tell_news(rig)  # what the inbox would bring again
        go_on(rig)

        found = {email: one for email, one in rig.contacts().items() if email.startswith("p")}
        names = [found[f"p{n}@example.com"]["attributes"].get("LASTNAME") for n in range(1, 5)]
        assert names == ["New", "Newest", "New", "New"], died
        assert [one["emailBlacklisted"] for one in found.values()] == [True, False, False, False], died
        assert all(LIST in found[f"p{n}@example.com"]["listIds"] for n in range(2, 5)), died
        mailable = rig.call("GET", "/sandbox/mailable")["mailable"]
        assert all(one["blockedAgainAt"] for one in mailable if one["email"] in found), died
        left = [key for key in rig.client.keys("tajo:*") if key.startswith((b"tajo:import:", b"tajo:mark"))]
        assert not left, died
