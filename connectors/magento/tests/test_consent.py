"""Opt-outs that are told to Magento: what is written, what is not, and which mails that costs."""

from __future__ import annotations

import pytest

from connectors.magento.tests.standin import Standin, account
from customer_sync.errors import ConfigError, Parkable, TryLater, Unavailable
from customer_sync.kit.outbound import Reply
from customer_sync.kit.reach import Written


@pytest.fixture
def shop():
    return Standin(customers=0, products=1)


def filled(shop, store="default"):
    number = account(shop, store=store)
    home = {"id": 9, "country_id": "DE", "street": ["Weg 1"], "city": "Bonn", "postcode": "1", "telephone": "1"}
    fields = {"addresses": [home], "group_id": 3, "default_billing": "9"}
    shop.fake.shop.change(number, fields, silent=True)
    return number


def test_the_newsletter_goes_and_nothing_else_of_the_account(shop):
    number = filled(shop)
    before = shop.alone(number)
    assert shop.withdraw(number) is Written.WRITTEN
    after = shop.alone(number)

    assert after.pop("extension_attributes") == {"is_subscribed": False}
    assert before.pop("extension_attributes") == {"is_subscribed": True}
    assert {**after, "updated_at": ""} == {**before, "updated_at": ""}
    assert [(one["kind"], one["customer_id"]) for one in shop.fake.shop.mails] == [("unsubscribed", number)]


def test_an_address_of_an_international_domain_is_found_again(shop):
    number = account(shop, "ana@exämple.com")

    assert shop.withdraw(number, "ana@xn--exmple-cua.com") is Written.WRITTEN


def test_it_is_written_to_a_store_view_of_the_accounts_own_website(shop):
    number = filled(shop, "second_fr")
    shop.calls()

    assert shop.withdraw(number) is Written.WRITTEN
    assert [path for method, path in shop.calls() if method == "PUT"] == [f"/rest/second_fr/V1/customers/{number}"]


def test_an_account_that_an_administrator_made_is_written_to_its_website(shop):
    number = filled(shop, "second")
    shop.fake.shop.customer(number)["store_id"] = 0
    shop.calls()
    shop.withdraw(number)

    assert [path for method, path in shop.calls() if method == "PUT"] == [f"/rest/second/V1/customers/{number}"]


def test_who_has_no_newsletter_is_not_written_to_and_not_mailed(shop):
    number = account(shop, subscribes=False)
    shop.calls()

    assert shop.withdraw(number) is Written.UNCHANGED
    assert [method for method, _ in shop.calls()] == ["GET"]
    assert shop.fake.shop.mails == []


def test_twice_is_one_mail(shop):
    number = filled(shop)

    assert [shop.withdraw(number) for _ in range(2)] == [Written.WRITTEN, Written.UNCHANGED]
    assert len(shop.fake.shop.mails) == 1


def test_a_withdrawal_belongs_to_an_address_whatever_its_case(shop):
    number = filled(shop)

    assert shop.withdraw(number, email="other@example.com") is Written.GONE
    assert shop.withdraw(number, email=" ANA@example.com") is Written.WRITTEN


def test_only_the_account_that_is_meant_is_written(shop):
    first, second = filled(shop), account(shop, store="second")
    shop.withdraw(first)

    assert shop.alone(second)["extension_attributes"] == {"is_subscribed": True}


def test_a_magento_that_keeps_the_newsletter_is_not_believed(shop):
    number = filled(shop)
    shop.fake.settings.keeps_flag = True

    with pytest.raises(Parkable, match="still shows"):
        shop.withdraw(number)


def test_a_magento_that_hides_the_newsletter_is_not_written_to(shop):
    number = filled(shop)
    shop.fake.settings.hides_flag = True
    with pytest.raises(Parkable, match="does not show"):
        shop.withdraw(number)

    assert not [one for one in shop.wire.sent if one[0] == "PUT"]


def test_what_is_refused_once_is_read_again_and_twice_is_parked(shop):
    number = filled(shop)
    shop.act("faults", {"kind": "status", "status": 400, "method": "PUT"})
    assert shop.withdraw(number) is Written.WRITTEN

    other = account(shop, "bea@example.com")
    shop.act("faults", {"kind": "status", "status": 400, "method": "PUT", "count": 2})
    with pytest.raises(Parkable, match="refuses the account"):
        shop.withdraw(other)


@pytest.mark.parametrize("kind", ["down", "storm", "error", "broken", "html", "scope"])
def test_a_shop_that_does_not_answer_is_asked_again(shop, kind):
    number = filled(shop)
    shop.act("faults", {"kind": kind, "method": "PUT"})

    with pytest.raises((TryLater, Unavailable, ConfigError)):
        shop.withdraw(number)
    assert shop.withdraw(number) is Written.WRITTEN


def test_where_no_account_can_be_asked_for_none_is_taken_for_gone(shop):
    number = filled(shop)
    address = shop.alone(number)["email"]
    told = b'{"message": "Request does not match any route.", "trace": null}'
    shop.wire.send = lambda *_, **__: Reply(404, {"content-type": "application/json"}, told)

    with pytest.raises(ConfigError, match="no Magento at this address"):
        shop.withdraw(number, address)
    with pytest.raises(ConfigError, match="no Magento at this address"):
        shop.fetch("customers", number)


def test_an_account_that_goes_meanwhile_is_gone(shop):
    number = filled(shop)
    shop.act("faults", {"kind": "status", "status": 404, "method": "PUT"})
    send = shop.wire.send

    def sent(method, url, **more):
        found = send(method, url, **more)
        if method == "PUT":
            shop.act(f"customers/{number}", method="DELETE")
        return found

    shop.wire.send = sent

    assert shop.withdraw(number) is Written.GONE
