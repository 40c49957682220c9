"""Failures that others reported of Magento, from the shop's module to what Brevo has then."""

from __future__ import annotations

import pytest

from connectors.magento.tests.standin import account


def test_m2_with_one_common_list_who_left_on_one_website_is_off(house, shop):
    first, second = account(shop), account(shop, store="second")
    house.told()
    assert house.contacts["ana@example.com"]["listIds"] == [2]

    shop.act(f"customers/{first}/newsletter", {"agrees": False})
    shop.act(f"customers/{second}", {"firstname": "Ann"})  # a newer record with the old yes
    house.told()

    assert house.contacts["ana@example.com"]["emailBlacklisted"] is True


def deaf_to_newsletters(shop):
    hooks = shop.fake.telling.hooks
    for row in [row for row in hooks.values() if row["topic"].startswith("newsletter_")]:
        hooks.delete(row["id"])


def test_m2_the_same_where_only_accounts_are_read(house, shop):
    deaf_to_newsletters(shop)
    first, second = account(shop), account(shop, store="second")
    for number in (first, second):
        shop.act(f"customers/{number}", {"firstname": "Ana M."})  # made before the newsletter was taken
    house.told()
    assert house.contacts["ana@example.com"]["listIds"] == [2]

    shop.act(f"customers/{first}/newsletter", {"agrees": False})
    shop.act(f"customers/{first}", {"addresses": []})  # told, though the account's time stands still
    shop.act(f"customers/{second}", {"firstname": "Ann"})
    house.told()

    assert house.contacts["ana@example.com"]["emailBlacklisted"] is True


def test_who_never_was_asked_is_on_no_list_and_not_blocked(house, shop):
    account(shop, subscribes=None)
    house.told()

    assert house.contacts["ana@example.com"]["listIds"] == []
    assert house.contacts["ana@example.com"]["emailBlacklisted"] is False


def test_m4_without_a_pattern_the_contact_keeps_its_address_and_no_consent_moves(house, shop):
    number = account(shop)
    house.told()
    shop.act(f"customers/{number}/erase")
    house.told()

    assert set(house.contacts) == {"ana@example.com"}
    assert house.contacts["ana@example.com"]["emailBlacklisted"] is True


@pytest.mark.parametrize(("status", "is_blocked"), [("1", False), ("3", True)])
@pytest.mark.parametrize("pattern", ["", ', erased_addresses: ["anon-*@deleted.example.com"]'])
def test_m4_a_row_of_the_newsletter_with_the_made_up_address_moves_nobody(made, shop, status, is_blocked, pattern):
    house = made(pattern)
    number = account(shop)
    house.told()
    row = {
        "subscriber_id": "1",
        "store_id": "1",
        "customer_id": str(number),
        "subscriber_email": f"anon-{number}@deleted.example.com",
        "subscriber_status": status,
        "change_status_at": house.now.strftime("%Y-%m-%d %H:%M:%S"),
    }
    house.tell("newsletter_subscriber_save_after", row)
    house.pass_time(minutes=3)

    assert set(house.contacts) == {"ana@example.com"}
    assert house.contacts["ana@example.com"]["emailBlacklisted"] is is_blocked


def test_m4_with_a_pattern_the_person_is_erased_through_the_whole_line(made, shop):
    house = made(', erased_addresses: ["anon-*@deleted.example.com"]')
    number = account(shop)
    house.told()
    assert set(house.contacts) == {"ana@example.com"}
    shop.act(f"customers/{number}/erase")
    house.told()

    assert house.contacts == {}


def test_a_guest_takes_and_leaves_the_newsletter_with_the_shops_module_alone(house, shop):
    shop.act("newsletter", {"email": "gina@example.com", "agrees": True})
    house.told()
    assert house.contacts["gina@example.com"]["listIds"] == [2]

    shop.act("newsletter", {"email": "gina@example.com", "agrees": False})
    house.told()

    assert house.contacts["gina@example.com"]["emailBlacklisted"] is True


def test_a_changed_address_takes_the_contact_along_and_an_account_that_is_gone_leaves_the_list(house, shop):
    number = account(shop)
    house.told()
    shop.act(f"customers/{number}", {"email": "anna@example.com"})
    house.told()
    assert {email: row["listIds"] for email, row in house.contacts.items()} == {"anna@example.com": [2]}

    shop.act(f"customers/{number}", method="DELETE")
    house.told()

    assert house.contacts["anna@example.com"]["emailBlacklisted"] is True


def test_who_leaves_in_brevo_leaves_the_shop_once_and_is_mailed_by_it_once(house, shop):
    number, other = account(shop), account(shop, "bea@example.com")
    house.told()
    house.left_in_brevo("ana@example.com")
    house.told()  # the shop's module tells of it, and nothing goes round again
    house.told()

    assert shop.alone(number)["extension_attributes"] == {"is_subscribed": False}
    assert shop.alone(other)["extension_attributes"] == {"is_subscribed": True}
    assert [one["kind"] for one in shop.fake.shop.mails] == ["unsubscribed"]
    assert house.contacts["ana@example.com"]["emailBlacklisted"] is True
    assert house.contacts["bea@example.com"]["emailBlacklisted"] is False


def test_a_guest_who_leaves_in_brevo_is_blocked_there_and_written_to_the_account_that_comes_later(house, shop):
    shop.act("newsletter", {"email": "gina@example.com", "agrees": True})
    house.told()
    house.left_in_brevo("gina@example.com")
    assert house.contacts["gina@example.com"]["emailBlacklisted"] is True
    assert shop.fake.shop.mails == []

    number = account(shop, "gina@example.com", subscribes=None)
    for row in shop.fake.shop.subscribers.values():
        row.customer_id = number  # as Magento joins the guest's newsletter to a new account
    house.told()
    house.pass_time(minutes=5)

    assert shop.alone(number)["extension_attributes"] == {"is_subscribed": False}
    assert [one["customer_id"] for one in shop.fake.shop.mails] == [number]
    assert house.contacts["gina@example.com"]["emailBlacklisted"] is True


def test_where_the_mail_of_the_shop_is_not_wanted_nothing_is_written(made, shop):
    house = made(", options: {write_back: off}")
    number = account(shop)
    house.told()
    house.left_in_brevo("ana@example.com")

    assert house.contacts["ana@example.com"]["emailBlacklisted"] is True
    assert shop.alone(number)["extension_attributes"] == {"is_subscribed": True}
    assert shop.fake.shop.mails == []
