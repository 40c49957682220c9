"""Lanes: a take is a lease, a late settle changes nothing, and no interleaving loses a change."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from customer_sync.merge import stamp
from customer_sync.model import Inbound, Priority
from customer_sync.person import Part
from customer_sync.plan import Group, Planned, PlannedPut, Request, commit
from customer_sync.store import Store, connect, inbox, keys
from customer_sync.store.forms import EventRef
from customer_sync.store.items import Settlement
from customer_sync.store.lanes import COMPACT_AT
from tests.explore import look
from tests.rig import NOW

LANE = "test"
RAW = inbox.encode(Inbound("shop", {}, b"body", NOW))


def put(store, target, fields, *, prio=Priority.LIVE, event="e", at_ms=1):
    part = Part("", "", None, stamp(fields, at_ms))
    one = PlannedPut(LANE, part, at_ms, prio, [EventRef(event, "shop", at_ms)], target=target)
    return commit(store, [Request("", [Planned([Group(puts=[one])], row=["e", event])])], lambda _: None)


def names(items):
    return [item.target for item in items]


def test_what_is_taken_is_not_taken_again_while_the_lease_lasts(store):
    put(store, "a", {"x": 1})

    first, second = store.lanes.take(LANE, 10), store.lanes.take(LANE, 10)

    assert names(first.items) == ["a"]
    assert second.state == "empty"


def test_what_a_dead_worker_held_is_due_again_when_the_lease_ends(store, client):
    put(store, "a", {"x": 1})
    store.lanes.take(LANE, 10)
    end_lease(client, "a")

    assert names(store.lanes.take(LANE, 10).items) == ["a"]


def test_a_renewed_lease_is_kept(store, client):
    put(store, "a", {"x": 1})
    taken = store.lanes.take(LANE, 10)
    end_lease(client, "a")

    assert store.lanes.renew(LANE, taken.token, ["a"]) == 1
    assert store.lanes.take(LANE, 10).state == "empty"


def test_a_late_settle_changes_nothing(store, client):
    put(store, "a", {"x": 1})
    late = store.lanes.take(LANE, 10)
    end_lease(client, "a")
    store.lanes.take(LANE, 10)

    stale, _ = store.lanes.settle(LANE, late.token, [Settlement("a", record="{}")])

    assert stale == {"a"}
    assert store.lanes.depth(LANE)[0] == 1
    assert client.get(keys.person("a")) is None


def test_settle_removes_what_was_taken_and_keeps_what_came_meanwhile(store):
    put(store, "a", {"x": 1})
    taken = store.lanes.take(LANE, 10)
    put(store, "a", {"y": 2})

    store.lanes.settle(LANE, taken.token, [Settlement("a")])

    (item,) = store.lanes.take(LANE, 10).items
    assert list(item.state) == ["y"]


def test_urgent_goes_before_live_and_live_before_bulk(store):
    put(store, "bulk", {"x": 1}, prio=Priority.BULK)
    put(store, "live", {"x": 1})
    put(store, "urgent", {"x": 1}, prio=Priority.URGENT)

    order = [names(store.lanes.take(LANE, 1).items)[0] for _ in range(3)]

    assert order == ["urgent", "live", "bulk"]


def test_bulk_gets_a_tenth_while_live_waits_and_all_the_rest_otherwise(store):
    for n in range(30):
        put(store, f"bulk{n}", {"x": 1}, prio=Priority.BULK)
        put(store, f"live{n}", {"x": 1})

    first = names(store.lanes.take(LANE, 20).items)

    assert sum(name.startswith("bulk") for name in first) == 2
    assert sum(name.startswith("live") for name in first) == 18


def test_an_urgent_change_makes_a_waiting_item_urgent(store):
    put(store, "a", {"x": 1})
    put(store, "b", {"x": 1})
    put(store, "b", {"y": 1}, prio=Priority.URGENT)

    assert names(store.lanes.take(LANE, 1).items) == ["b"]


def test_an_urgent_change_that_comes_during_a_lease_is_urgent_afterwards(store):
    put(store, "a", {"x": 1})
    taken = store.lanes.take(LANE, 1)
    put(store, "b", {"x": 1})
    put(store, "a", {"y": 1}, prio=Priority.URGENT)
    store.lanes.settle(LANE, taken.token, [Settlement("a")])

    assert names(store.lanes.take(LANE, 1).items) == ["a"]


def test_a_failed_item_waits_and_new_data_does_not_make_it_hot(store):
    put(store, "a", {"x": 1})
    taken = store.lanes.take(LANE, 1)
    store.lanes.settle(LANE, taken.token, [Settlement("a", "again", due_in_s=60, burns=True)])

    put(store, "a", {"y": 1})

    answer = store.lanes.take(LANE, 1)
    assert answer.state == "empty"
    assert 55 < answer.wait_s <= 60


def test_tries_are_counted_and_forgotten_after_success(store, client):
    put(store, "a", {"x": 1})
    for _ in range(3):
        taken = store.lanes.take(LANE, 1)
        store.lanes.settle(LANE, taken.token, [Settlement("a", "again", burns=True)])
    taken = store.lanes.take(LANE, 1)
    assert taken.items[0].tries == 3

    store.lanes.settle(LANE, taken.token, [Settlement("a")])

    assert client.hlen(keys.lane(LANE, "tries")) == 0


def test_an_item_that_grows_is_compacted_and_loses_nothing(store, client):
    for n in range(COMPACT_AT + 1):
        put(store, "a", {f"f{n}": n}, event=f"e{n}")

    assert client.llen(keys.changes(LANE, "a")) == 1
    (item,) = store.lanes.take(LANE, 1).items
    assert len(item.state) == len(item.events) == COMPACT_AT + 1


def test_a_compaction_that_was_held_up_replaces_nothing_that_came_since(store, client, monkeypatch):
    for n in range(3):
        put(store, "a", {"x": n}, at_ms=n)
    real = store.lanes._scripts.run

    def held_up(name, *args):
        if name == "compact":  # meanwhile it is delivered, and as many changes come again
            store.lanes.settle(LANE, store.lanes.take(LANE, 1).token, [Settlement("a")])
            for n in range(3):
                put(store, "a", {"x": 10 + n}, at_ms=10 + n)
        return real(name, *args)

    monkeypatch.setattr(store.lanes._scripts, "run", held_up)
    assert not store.lanes.compact(LANE, "a")

    (item,) = store.lanes.take(LANE, 1).items
    assert item.state["x"].value == 12


def test_a_leased_item_is_not_compacted(store):
    put(store, "a", {"x": 1})
    put(store, "a", {"y": 1})
    store.lanes.take(LANE, 1)

    assert not store.lanes.compact(LANE, "a")


def test_nothing_is_left_behind_by_an_item_that_is_done(store, client):
    put(store, "a", {"x": 1}, prio=Priority.URGENT)
    taken = store.lanes.take(LANE, 1)
    store.lanes.settle(LANE, taken.token, [Settlement("a")])

    left = {key for key in client.keys("tajo:*") if not key.startswith((b"tajo:ledger", b"tajo:lanes", b"tajo:wake"))}
    assert left == {b"tajo:format", b"tajo:salt", b"tajo:tokens"}


def test_a_commit_that_runs_twice_counts_once(store, client):
    store.inbox.create()
    store.inbox.append([RAW])
    (entry,) = store.inbox.read(1)
    one = PlannedPut(LANE, Part("", "", None, stamp({"x": 1}, 1)), 1, Priority.LIVE, target="a")
    plan = [Request(entry.id, [Planned([Group(puts=[one])], "k", ["e", "1"])])]

    first, second = (commit(store, plan, lambda _: None) for _ in range(2))

    assert (first.states, second.states) == (["pending"], ["skipped"])
    assert client.llen(keys.changes(LANE, "a")) == 1


def test_a_request_that_a_dead_worker_left_is_taken_up_again(store, monkeypatch):
    monkeypatch.setattr("customer_sync.store.inbox.CLAIM_AFTER_MS", 0)
    store.inbox.create()
    store.inbox.append([RAW])
    store.inbox.read(1)

    (again,) = store.inbox.read(1)

    assert again.inbound.body == b"body"
    assert again.claims == 1


def test_the_inbox_makes_its_group_again_after_redis_was_emptied(store, client):
    store.inbox.create()
    client.flushall()
    store.inbox.append([RAW])

    assert len(store.inbox.read(1)) == 1


def test_the_sweep_finds_expired_leases_and_waiting_requests_once_for_all_workers(store, client):
    put(store, "a", {"x": 1})
    store.lanes.take(LANE, 1)
    end_lease(client, "a")
    client.delete(f"tajo:wake:deliver:{LANE}")
    store.inbox.append([b"x"])

    assert sorted(store.sweep(900)) == ["inbox", LANE]
    assert store.sweep(900) is None


def end_lease(client, target):
    client.zadd(keys.lane(LANE, "lease"), {target: 0})


class Interleavings(RuleBasedStateMachine):
    """Puts, takes, crashes and settles in any order; every change must be delivered in the end."""

    url = ""

    def __init__(self):
        super().__init__()
        self.client = connect(self.url)
        self.client.flushall()
        self.store = Store(self.client)
        self.put_names, self.delivered, self.held = set(), set(), []

    @rule(whose=st.sampled_from("abc"), prio=st.sampled_from(list(Priority)))
    def put(self, whose, prio):
        name = f"f{len(self.put_names)}"
        self.put_names.add(name)
        put(self.store, whose, {name: 1}, prio=prio, event=name)

    @rule(count=st.integers(1, 3))
    def take(self, count):
        taken = self.store.lanes.take(LANE, count)
        if taken.items:
            self.held.append(taken)

    @rule(whose=st.sampled_from("abc"))
    def crash(self, whose):
        self._end(whose)

    def _end(self, whose):
        if self.client.zscore(keys.lane(LANE, "lease"), whose) is not None:
            end_lease(self.client, whose)

    @rule(index=st.integers(0, 5), verdict=st.sampled_from(["done", "done", "again"]))
    def settle(self, index, verdict):
        if self.held:
            self._settle(self.held.pop(index % len(self.held)), verdict)

    @rule(whose=st.sampled_from("abc"))
    def compact(self, whose):
        self.store.lanes.compact(LANE, whose)

    def _settle(self, taken, verdict):
        settlements = [Settlement(item.target, verdict, burns=True) for item in taken.items]
        stale, _ = self.store.lanes.settle(LANE, taken.token, settlements)
        for item in taken.items:
            if verdict == "done" and item.target not in stale:
                assert {event.event_id for event in item.events} == set(item.state)
                self.delivered |= set(item.state)

    @invariant()
    def nothing_waits_unseen(self):
        waiting = {t.decode() for t in self.client.zrange(keys.lane(LANE, "since"), 0, -1)}
        lists = {k.decode().rpartition(":")[2] for k in self.client.keys(f"tajo:c:{LANE}:*")}
        assert waiting == lists

    def teardown(self):
        for whose in "abc":
            self._end(whose)
        while (taken := self.store.lanes.take(LANE, 10)).items:
            self._settle(taken, "done")
        assert self.delivered == self.put_names
        self.client.close()


@pytest.fixture
def machine(redis_url):
    Interleavings.url = redis_url
    return Interleavings


def test_no_interleaving_of_put_take_crash_settle_and_compact_loses_a_change(machine):
    relaxed = look(100, stateful_step_count=30, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(machine, settings=relaxed)
