"""Failures that others reported of Magento, as runs meet them: bad rows, guests, two websites, currencies, clocks."""

from __future__ import annotations

import json
import time

import pytest

from connectors.magento.tests.standin import Standin, account
from customer_sync import assembly
from customer_sync.batch.runs import step
from customer_sync.batch.starts import start
from customer_sync.operate.explain import explain
from customer_sync.store.run import RunKind, RunState
from tests.field.test_magento import MagentoHouse

ANA = "ana@example.com"


def run(house, kind=RunKind.FULL, resource="customers", source="magento"):
    """Read a resource to its end, and return the run."""
    puller = assembly.open_puller(house.settings, house.line, house._folder)
    number = start(puller, source, kind, resource=resource).id
    for _ in range(100):
        step(puller, number)
        house.pass_time(seconds=61)
        house.shop.fake.clock.set(house.time.now_s)
        found = house.store.runs.read(number)
        if found.state is not RunState.RUNNING:
            step(puller, number)
            return found
    raise AssertionError(found.reason)


@pytest.fixture
def shop():
    return Standin(customers=0, products=2)


@pytest.fixture
def house(client, tmp_path, monkeypatch, shop):
    found = MagentoHouse(client, tmp_path, monkeypatch, shop)
    yield found
    found.sandbox.close()


# M1


@pytest.mark.parametrize("kind", [RunKind.FULL, RunKind.INCREMENTAL])
def test_m1_a_row_that_breaks_its_page_is_named_in_one_alert_and_the_run_ends_and_moves_on(house, shop, kind):
    numbers = [account(shop, f"p{number}@example.com") for number in range(60)]
    if kind is RunKind.INCREMENTAL:
        house.store.runs.set_reach("magento", "customers", until_ms=house.now_ms() - 60_000)
    shop.act("bad", {"resource": "customers", "id": numbers[41]})
    before = house.store.runs.reach("magento", "customers")
    done = run(house, kind)

    assert done.state in (RunState.DELIVERING, RunState.DONE)
    assert (done.counts["read"], done.counts["refused"]) == (60, 1)
    assert house.store.runs.reach("magento", "customers") != before
    named = [one for one in house.store.ledger.alerts() if f"customers.{numbers[41]}" in one["alert"]]
    assert len(named) == 1
    assert "exception.log" in named[0]["remedy"]


@pytest.mark.parametrize("was_on", [True, False])
def test_m1_the_consent_of_the_row_that_cannot_be_read_stays_what_it_was(house, shop, was_on):
    bad = account(shop, subscribes=True if was_on else None)
    house.told()
    lists = house.contacts[ANA]["listIds"]
    shop.act("bad", {"resource": "customers", "id": bad})
    run(house)

    assert (house.contacts[ANA]["listIds"], house.contacts[ANA]["emailBlacklisted"]) == (lists, False)


# M2


@pytest.fixture
def two(client, tmp_path, monkeypatch, shop):
    """A source for each website, with a list of its own."""
    config = houses_config(list_base=2, list_second=3)
    monkeypatch.setattr("tests.field.test_magento.CONFIG", config)
    found = MagentoHouse(client, tmp_path, monkeypatch, shop)
    yield found
    found.sandbox.close()


def houses_config(**lists):
    """Return a config with a source `magento` for the first website and `second` for the other one."""
    keys = (
        "webhook_secret: s, consumer_key: fakeconsumerkey, consumer_secret: fakeconsumersecret, "
        "access_token: fakeaccesstoken, access_token_secret: fakeaccesssecret"
    )
    rows = [
        f'  {name}: {{{{platform: magento, shop_url: "{{shop}}", {keys}, website: {website}, '
        f"newsletter_per_website: true, options: {{{{list_id: {number}}}}}}}}}\n"
        for name, website, number in (
            ("magento", "base", lists["list_base"]),
            ("second", "second", lists["list_second"]),
        )
    ]
    skills = "skills:\n  customer-sync: {{enabled: true, field_mapping: {{email: email, firstName: FIRSTNAME}}}}\n"
    return "connectors:\n" + "".join(rows) + skills


def tell_both(house):
    """Let the shop's module tell both sources what happened."""
    for one in house.shop.fake.sender.waiting:
        if one not in house.heard:
            house.heard.append(one)
            for source in ("magento", "second"):
                house._send(source, {}, json.loads(one.write().body), work=True)
    house.pass_time(minutes=2)
    house.shop.fake.clock.set(house.time.now_s)


def test_m2_who_leaves_the_newsletter_of_one_website_stays_on_the_list_of_the_other(two, shop):
    first, second = account(shop), account(shop, store="second")
    tell_both(two)
    assert sorted(two.contacts[ANA]["listIds"]) == [2, 3]

    shop.act(f"customers/{first}/newsletter", {"agrees": False})
    shop.act(f"customers/{second}", {"firstname": "Ann"})  # a newer record with its own yes
    tell_both(two)

    assert (two.contacts[ANA]["listIds"], two.contacts[ANA]["emailBlacklisted"]) == ([3], False)


# M3


def test_m3_an_opt_out_of_a_guest_who_only_ordered_ends_as_no_account_and_is_told_to_a_later_one(house, shop):
    gina = "gina@example.com"
    shop.act("orders", {"email": gina})
    house.told()
    house.left_in_brevo(gina)
    calls = len(shop.wire.sent)
    house.pass_time(hours=48)

    (told,) = explain(house.store, house.settings, gina).write_backs
    assert (told.state, told.is_open) == ("no_account", True)
    counted = {
        one.labels["result"]: int(one.value)
        for one in house.store.counters.read()
        if one.name == "tajo_writebacks_total"
    }
    assert counted == {"no_account": 1}
    assert house.contacts[gina]["emailBlacklisted"] is True
    assert len(shop.wire.sent) == calls, "nothing is tried again"

    number = account(shop, gina, subscribes=True)
    shop.act(f"customers/{number}", {"firstname": "Gina"})
    house.told()
    house.pass_time(minutes=5)

    (told,) = explain(house.store, house.settings, gina).write_backs
    assert told.state in {"written", "newer"}


# M4


def test_m4_without_a_pattern_somebody_is_told_of_the_made_up_address_and_nobody_is_made_there(house, shop):
    number = account(shop)
    house.told()
    fields = {"email": f"anon-{number}@deleted.example.com", "firstname": "Anonymous", "lastname": "Anonymous"}
    shop.act(f"customers/{number}", fields)
    house.told()

    assert set(house.contacts) == {ANA}
    assert house.contacts[ANA]["attributes"]["FIRSTNAME"] == "Ana"
    assert [one.reason for one in house.store.parked.briefs() if "made up by an erasure" in one.reason]
    for _ in range(2):
        run(house)
    told = [one for one in house.store.ledger.alerts() if "made up by an erasure" in one["alert"]]
    assert len(told) == 1
    assert "erased_addresses" in told[0]["remedy"]


# M5


def test_m5_a_total_over_orders_of_two_currencies_is_of_one_currency_or_is_not_sent(
    client, tmp_path, monkeypatch, shop
):
    monkeypatch.setattr("tests.field.test_magento.CONFIG", MONEY)
    house = MagentoHouse(client, tmp_path, monkeypatch, shop)
    number = account(shop)
    house.told()
    first = shop.act("orders", {"customer_id": number})
    house.told()
    second = shop.act("orders", {"customer_id": number})
    row = shop.fake.shop.orders.get(second["entity_id"])
    row |= {"base_currency_code": "EUR", "base_grand_total": 10.0, "base_total_paid": 10.0}
    for one in (first, second):
        shop.act(f"orders/{one['entity_id']}/state", {"state": "processing"})
    house.told()

    assert {row["amount"] for row in house.orders.values()} == {10.0}, "Brevo's currency is EUR; DKK is not sent as EUR"
    assert house.totals(ANA)[1] in {None, 10}
    house.sandbox.close()


MONEY = """\
connectors:
  magento:
    {{platform: magento, shop_url: "{shop}", webhook_secret: s, consumer_key: fakeconsumerkey,
     consumer_secret: fakeconsumersecret, access_token: fakeaccesstoken, access_token_secret: fakeaccesssecret{more}}}
skills:
  customer-sync:
    enabled: true
    field_mapping: {{email: email, firstName: FIRSTNAME, totalOrders: ORDERS, totalSpent: SPENT}}
    options: {{list_id: 2}}
  order-events: {{enabled: true}}
"""

# M6


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "UTC"])
def test_m6_the_second_of_two_runs_brings_the_order_between_them_at_any_zone_of_the_host(
    house, shop, monkeypatch, zone
):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        run(house, resource="orders")
        house.pass_time(minutes=5)
        shop.fake.clock.set(house.time.now_s)
        shop.act("orders", {"email": "gina@example.com"})
        house.pass_time(minutes=5)
        shop.fake.clock.set(house.time.now_s)
        done = run(house, RunKind.INCREMENTAL, "orders")
    finally:
        monkeypatch.undo()
        time.tzset()

    assert done.counts["read"] == 1
    assert not done.counts["refused"]
