"""Failures that others reported of Magento, as runs meet them: bad rows, guests, two websites, currencies, clocks."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest

from connectors.magento.tests.standin import account
from customer_sync.operate.explain import explain
from customer_sync.store.run import RunKind, RunState
from tests.field.magento.house import KEYS

ANA = "ana@example.com"


# M1


@pytest.mark.parametrize("kind", [RunKind.FULL, RunKind.INCREMENTAL])
def test_m1_a_row_that_breaks_its_page_is_named_in_one_alert_and_the_run_ends_and_moves_on(house, shop, kind):
    numbers = [account(shop, f"p{number}@example.com") for number in range(60)]
    if kind is RunKind.INCREMENTAL:
        house.store.runs.set_reach("magento", "customers", until_ms=house.now_ms() - 60_000)
    shop.act("bad", {"resource": "customers", "id": numbers[41]})
    before = house.store.runs.reach("magento", "customers")
    done = house.run(kind)

    assert done.state in (RunState.DELIVERING, RunState.DONE)
    assert (done.counts["read"], done.counts["refused"]) == (60, 1)
    assert house.store.runs.reach("magento", "customers") != before
    named = [one for one in house.store.ledger.alerts() if f"customers.{numbers[41]}" in one["alert"]]
    assert len(named) == 1
    assert "exception.log" in named[0]["remedy"]
    assert set(house.contacts) == {f"p{number}@example.com" for number in range(60) if number != 41}


@pytest.mark.parametrize("was_on", [True, False])
def test_m1_the_consent_of_the_row_that_cannot_be_read_stays_what_it_was(house, shop, was_on):
    bad = account(shop, subscribes=True if was_on else None)
    house.told()
    lists = house.contacts[ANA]["listIds"]
    shop.act("bad", {"resource": "customers", "id": bad})
    house.run()

    assert (house.contacts[ANA]["listIds"], house.contacts[ANA]["emailBlacklisted"]) == (lists, False)


# M2


SECOND = f"""\
connectors:
  magento: {{{{{KEYS}, website: base, newsletter_per_website: true, options: {{{{list_id: 2}}}}}}}}
  second: {{{{{KEYS}, website: second, newsletter_per_website: true, options: {{{{list_id: 3}}}}}}}}
skills:
  customer-sync: {{{{enabled: true, field_mapping: {{{{email: email, firstName: FIRSTNAME}}}}}}}}
"""


@pytest.fixture
def two(made):
    """A source for each website, with a list of its own."""
    return made(config=SECOND)


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


def leave_one_and_edit_the_other(shop, first, second):
    """Let Ana leave the newsletter of one website; then her other account is edited, and both are listed as changed."""
    shop.act(f"customers/{first}/newsletter", {"agrees": False})
    shop.act(f"customers/{first}", {"firstname": "Anna"})
    shop.fake.clock.set(shop.fake.clock() + 300)
    shop.act(f"customers/{second}", {"firstname": "Ann"})


def test_m2_a_run_that_brings_both_accounts_takes_ana_off_the_list_of_one_website_only(two, shop):
    first, second = account(shop), account(shop, store="second")
    for source in ("magento", "second"):
        two.run(source=source)
    assert sorted(two.contacts[ANA]["listIds"]) == [2, 3]

    leave_one_and_edit_the_other(shop, first, second)
    two.move(600)
    for source in ("magento", "second"):
        two.run(RunKind.INCREMENTAL, source=source)

    assert (two.contacts[ANA]["listIds"], two.contacts[ANA]["emailBlacklisted"]) == ([3], False)


def test_m2_with_one_common_list_a_run_that_brings_both_accounts_takes_ana_off(house, shop):
    first, second = account(shop), account(shop, store="second")
    house.run()
    assert house.contacts[ANA]["listIds"] == [2]

    leave_one_and_edit_the_other(shop, first, second)
    house.move(600)
    done = house.run(RunKind.INCREMENTAL)

    assert done.counts["read"] == 2
    assert house.contacts[ANA]["emailBlacklisted"] is True


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
        house.run()
    told = [one for one in house.store.ledger.alerts() if "made up by an erasure" in one["alert"]]
    assert len(told) == 1
    assert "erased_addresses" in told[0]["remedy"]


# M5


def test_m5_an_order_is_told_with_the_amount_of_its_own_currency_and_by_no_other(made, shop):
    codes = {"base_currency_code": "DKK", "base_grand_total": 275.18, "base_total_paid": 275.18}
    codes |= {"order_currency_code": "EUR", "grand_total": 36.82, "total_paid": 36.82}
    house = made(currency="DKK")
    order = shop.act("orders", {"customer_id": account(shop)})
    shop.fake.shop.orders.get(order["entity_id"]).update(codes)
    shop.act(f"orders/{order['entity_id']}/state", {"state": "processing"})
    house.told()

    assert [row["amount"] for row in house.orders.values()] == [275.18]
    assert house.totals(ANA) == (1, 275.18)


def test_m5_a_total_over_orders_of_two_currencies_is_of_one_currency_or_is_not_sent(house, shop):
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


# M6


@pytest.fixture
def host(monkeypatch):
    """Put this host into a time zone."""

    def be_at(name):
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield be_at
    monkeypatch.undo()
    time.tzset()


def asked_since(shop):
    """Return the times from which the shop was asked for orders, as it was asked, and forget all calls."""
    queries = [dict(parse_qsl(query)) for _, path, query in shop.wire.sent if path.endswith("/V1/orders")]
    shop.wire.sent.clear()
    field = "searchCriteria[filter_groups][0][filters][0]"
    return {one[f"{field}[value]"] for one in queries if one[f"{field}[condition_type]"] == "gteq"}


#: When the first of two runs begins; the second follows ten minutes later, the order comes between them.
RUNS = {
    "in winter": datetime(2026, 11, 20, 10, tzinfo=UTC),
    "in summer": datetime(2026, 7, 1, 10, tzinfo=UTC),
    "the first time of Berlin's hour that repeats": datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    "as Berlin's clock goes back": datetime(2026, 10, 25, 0, 55, tzinfo=UTC),
    "the second time of Berlin's hour": datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    "the first time of New York's hour that repeats": datetime(2026, 11, 1, 5, 30, tzinfo=UTC),
    "as New York's clock goes back": datetime(2026, 11, 1, 5, 55, tzinfo=UTC),
    "as Berlin's clock goes on": datetime(2026, 3, 29, 0, 55, tzinfo=UTC),
}


@pytest.mark.parametrize("begins", RUNS.values(), ids=RUNS)
@pytest.mark.parametrize(
    "zones",
    [
        ("Europe/Berlin", "America/New_York"),
        ("America/New_York", "Europe/Berlin"),
        ("Pacific/Kiritimati", "America/New_York"),
        ("UTC", "Pacific/Kiritimati"),
    ],
)
def test_m6_the_second_of_two_runs_brings_the_order_between_them_at_any_zone(made, shop, host, zones, begins):
    host(zones[0])
    shop.fake.settings.timezone = zones[1]
    house = made(at=begins, currency="DKK")
    house.run(resource="orders")
    asked_since(shop)
    house.move(300 - (house.now - begins).total_seconds())
    order = shop.act("orders", {"email": "gina@example.com"})
    house.move(300)
    done = house.run(RunKind.INCREMENTAL, "orders")
    asked = asked_since(shop)

    came = begins + timedelta(minutes=5)
    assert order["updated_at"] == f"{came:%Y-%m-%d %H:%M:%S}"
    # ten minutes of overlap, and five more for what appears behind its time
    assert asked == {f"{begins - timedelta(minutes=15):%Y-%m-%d %H:%M:%S}"}
    assert (done.counts["read"], done.counts["refused"]) == (1, 0)
    (told,) = house.orders.values()
    assert datetime.fromisoformat(told["updatedAt"]) == came
