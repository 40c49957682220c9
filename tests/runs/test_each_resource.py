"""A source's resources are read together: one word, a run for each, and counts that tell of every lane."""

from __future__ import annotations

from dataclasses import replace

import pytest

from customer_sync.batch.known import KnownRecords
from customer_sync.batch.puller import FirstSyncWaits
from customer_sync.batch.starts import start_each
from customer_sync.batch.upkeep import catch_up, catch_up_due
from customer_sync.errors import ConfigError, Parkable
from customer_sync.skills import Steady
from customer_sync.store.run import Busy, RunKind, RunState
from tests.engine.toy_orders import LANE
from tests.runs.test_resources import OrderRunRig, _finish


@pytest.fixture
def rig(client, monkeypatch):
    rig = OrderRunRig(client)
    monkeypatch.setattr(type(rig.sources["shop"]), "pulls", ("customers", "orders"))
    rig.puller.wanted = lambda _: ("customers", "orders")
    rig.shop.add(5)
    rig.orders = {key: (key, 1) for key in range(1, 6)}
    return rig


def each(rig, kind=RunKind.FULL, **more):
    return start_each(rig.puller, "shop", kind, **more)


def done(rig, kind=RunKind.FULL, **more):
    return [_finish(rig, run) for run in each(rig, kind, **more).runs]


def test_one_word_begins_the_first_run_of_every_resource(rig):
    with pytest.raises(FirstSyncWaits, match="shop was never read in full"):
        each(rig, RunKind.INCREMENTAL)
    runs = done(rig)

    assert [(run.resource, run.state) for run in runs] == [("customers", RunState.DONE), ("orders", RunState.DONE)]
    assert [(run.resource, run.kind) for run in each(rig, RunKind.INCREMENTAL).runs] == [
        ("customers", RunKind.INCREMENTAL),
        ("orders", RunKind.INCREMENTAL),
    ]


def test_a_resource_that_is_needed_since_waits_for_a_word_of_its_own(rig):
    rig.puller.wanted = lambda _: ("customers",)
    done(rig)
    rig.puller.wanted = lambda _: ("customers", "orders")
    started = each(rig, RunKind.INCREMENTAL)

    assert [run.resource for run in started.runs] == ["customers"]
    assert "`tajo connectors sync shop --full --resource orders` begins" in started.notes[0]
    with pytest.raises(FirstSyncWaits, match="The orders of shop were never read"):
        each(rig, RunKind.INCREMENTAL, resource="orders")
    assert [run.kind for run in each(rig, resource="orders").runs] == [RunKind.FULL]


def test_a_resource_that_is_needed_since_begins_by_itself_where_the_config_says_auto(rig):
    rig.puller.wanted = lambda _: ("customers",)
    done(rig)
    rig.puller.wanted, rig.puller.may_begin = lambda _: ("customers", "orders"), lambda _: True

    kinds = {run.resource: run.kind for run in each(rig, RunKind.INCREMENTAL).runs}
    assert kinds == {"customers": RunKind.INCREMENTAL, "orders": RunKind.FULL}


def test_what_is_being_read_is_left_out_and_all_of_it_is_busy(rig):
    first = each(rig, resource="orders").runs[0]
    started = each(rig)

    assert [run.resource for run in started.runs] == ["customers"]
    assert started.notes == [f"The orders are being read by run {first.id}, which is running."]
    with pytest.raises(Busy):
        each(rig)


def test_what_nobody_needs_and_what_cannot_be_pulled_is_refused_with_the_reason(rig):
    rig.puller.wanted = lambda _: ("customers",)
    with pytest.raises(ConfigError, match=r"no skill that is on needs them, or sync\.orders is false"):
        each(rig, resource="orders")
    with pytest.raises(ConfigError, match="The products of shop cannot be pulled"):
        each(rig, resource="products")


def test_a_compare_is_about_customers(rig):
    done(rig)

    assert [run.resource for run in each(rig, RunKind.COMPARE).runs] == ["customers"]
    with pytest.raises(ConfigError, match="A compare is about customers"):
        each(rig, RunKind.COMPARE, resource="orders")


def test_a_dry_run_counts_records_and_contacts_apart_and_sends_nothing(rig):
    done(rig)
    rig.orders |= {2: (99, 1), 9: (9, 8)}
    _, orders = (rig.read_all(run) for run in each(rig, is_dry=True).runs)
    counts = orders.counts

    assert (counts["read"], counts["unchanged"]) == (6, 4)
    assert (counts["record_creates"], counts["record_updates"], counts["creates"]) == (1, 1, 1)
    assert rig.store.lanes.depth(LANE)[0] == 0


def test_a_record_is_counted_where_its_person_is_written_too(rig):
    rig.orders = {1: (1, 8)}
    rig.destination.faults["shop:1"] = Parkable("no such product", "Add it.")
    (run,) = done(rig, resource="orders")

    assert (run.counts["sent"], run.counts["failed"]) == (1, 1)


def test_orders_whose_copy_of_the_customer_is_old_tell_nothing_false(rig):
    done(rig)
    real = rig.order

    def order(key):
        found = real(key)
        customer = {"email": "c1@example.com", "firstName": "Of long ago"}
        return replace(found, record={**found.record, "customer": customer})

    rig.order = order
    (run,) = done(rig, resource="orders")

    assert (run.counts["disputed"], run.differing) == (0, {})
    assert rig.brevo.contacts["c1@example.com"].attributes["FIRSTNAME"] == "Name 1"


def test_imprints_are_of_customers_alone(rig):
    rig.line.skills = [one for one in rig.line.skills if isinstance(one, Steady)]
    customers, orders = each(rig).runs

    assert KnownRecords.of(rig.line, rig.rules, customers) is not None
    assert KnownRecords.of(rig.line, rig.rules, orders) is None


def test_what_was_missed_while_webhooks_were_off_is_read_of_every_resource(rig):
    done(rig)
    busy = each(rig, RunKind.INCREMENTAL, resource="orders").runs[0]
    told = catch_up(rig.puller, "shop", by="webhooks")
    assert f"What was missed is pulled after run {busy.id}." in told

    _finish(rig, busy)
    _finish(rig, rig.store.runs.open_run("shop"))
    catch_up_due(rig.puller, "shop")
    assert rig.store.runs.open_run("shop", "orders").kind is RunKind.INCREMENTAL
    assert rig.store.runs.open_run("shop") is None


def test_a_run_of_what_nobody_needs_any_more_stops_and_counts_nothing_as_read(rig):
    (run,) = each(rig, resource="orders").runs
    rig.puller.wanted = lambda _: ("customers",)
    stopped = rig.read_all(run)

    assert stopped.state is RunState.STOPPED
    assert stopped.reason == "No skill that is on needs the orders of shop, or its sync: leaves them out."
    assert rig.store.runs.reach("shop", "orders") == {}

    rig.puller.wanted = lambda _: ("customers", "orders")
    rig.store.runs.resume(stopped)
    assert _finish(rig, stopped).state is RunState.DONE
