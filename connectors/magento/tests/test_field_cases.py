"""What people reported of connections to Magento, each as a test; `tests/field/magento` has the whole line."""

from __future__ import annotations

import pytest

from connectors.magento.tests.standin import NOW, Standin, account, consent_of
from customer_sync.errors import ConfigError
from customer_sync.kit.reach import Written
from customer_sync.model import Kind


@pytest.fixture
def shop():
    return Standin(customers=0, products=2)


# M1


@pytest.mark.parametrize("mode", ["full", "changes"])
def test_m1_one_customer_breaks_a_page_and_all_others_come(mode):
    shop = Standin(customers=200)
    since = None
    if mode == "changes":
        since = NOW
        for number in range(1, 201):
            shop.act(f"customers/{number}", {"firstname": f"N{number}"})
    shop.act("bad", {"resource": "customers", "id": 137})
    events, faults = shop.pull(since=since)

    assert set(events) == {str(number) for number in range(1, 201)} - {"137"}
    (fault,) = faults
    assert fault.path == "customers.137"
    assert "exception.log" in fault.remedy


def test_m1_the_same_for_orders():
    shop = Standin(customers=40)
    shop.act("bad", {"resource": "orders", "id": 5})
    events, faults = shop.pull("orders")

    assert len(events) == len(shop.fake.shop.orders) - 1
    assert [fault.path for fault in faults] == ["orders.5"]


# M2


def test_m2_with_a_list_for_each_website_the_other_one_stays(shop):
    first, second = account(shop), account(shop, store="second")
    shop.act(f"customers/{first}/newsletter", {"agrees": False})
    shop.act(f"customers/{second}", {"firstname": "Ann"})
    one, _ = shop.pull(website="base", newsletter_per_website=True)
    other, _ = shop.pull(website="second", newsletter_per_website=True)

    assert {number: consent_of(event) for number, event in one.items()} == {str(first): "unknown"}
    assert {number: consent_of(event) for number, event in other.items()} == {str(second): "granted"}


# M3


def test_m3_a_guest_has_no_account_so_nothing_is_written_and_an_account_of_later_is(shop):
    shop.act("orders", {"email": "gina@example.com"})
    assert shop.withdraw("gina@example.com", email="gina@example.com") is Written.GONE
    assert shop.withdraw(999, email="gina@example.com") is Written.GONE
    assert shop.fake.shop.mails == []

    later = account(shop, "gina@example.com")
    assert shop.withdraw(later) is Written.WRITTEN


# M4


def test_m4_a_made_up_address_of_a_known_pattern_erases_the_person(shop):
    number = account(shop)
    shop.act(f"customers/{number}/erase")
    patterns = ["anon-*@deleted.example.com"]
    events, faults = shop.pull(erased_addresses=patterns)
    fetched = shop.fetch("customers", number, erased_addresses=patterns)

    for event in (events[str(number)], *fetched):
        assert (event.kind, event.record, event.consents) == (Kind.CUSTOMER_ERASED, {"id": str(number)}, ())
    assert faults == []


def test_m4_orders_of_somebody_erased_are_nobodys(shop):
    number = account(shop)
    order = shop.act("orders", {"customer_id": number})
    shop.act(f"customers/{number}/erase")
    for patterns in (["anon-*@deleted.example.com"], []):
        (event,) = shop.fetch("orders", order["entity_id"], erased_addresses=patterns)
        assert event.record["customer"] == {"id": str(number)}
        assert event.record["email"] is None


@pytest.mark.parametrize("email", ["dele.ted@example.com", "anonymous@example.com", "anna-55@example.com"])
def test_m4_a_real_address_that_only_sounds_like_it_is_a_rename(shop, email):
    number = account(shop)
    shop.act(f"customers/{number}", {"email": email})

    assert shop.fetch("customers", number)[0].record["email"] == email


def test_m4_a_pattern_that_would_erase_everybody_is_refused(shop):
    for pattern in ("*", "*@*", "anon*@?"):
        with pytest.raises(ConfigError, match="names no domain"):
            shop.connector(erased_addresses=[pattern])


# M5


def test_m5_an_amount_goes_with_the_code_of_its_own_currency(shop):
    order = shop.act("orders", {"customer_id": account(shop)})
    (event,) = shop.fetch("orders", order["entity_id"])

    assert (order["base_currency_code"], order["order_currency_code"]) == ("DKK", "EUR")
    assert (event.record["total"], event.record["currency"]) == (order["base_grand_total"], "DKK")
    assert order["grand_total"] not in (event.record["total"], event.record["amount"])
