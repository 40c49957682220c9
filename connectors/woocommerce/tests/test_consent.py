"""Opt-outs go back to the shop: the boxes that say yes are unticked, and nothing else is changed."""

from datetime import timedelta

import pytest

from connectors.woocommerce.connector import WooCommerceConnector
from connectors.woocommerce.tests.caller import Woo, connected
from connectors.woocommerce.tests.canned import NOW, REFUSED, access, in_turn, settings
from customer_sync.errors import ConfigError, Parkable, TryLater
from customer_sync.kit.reach import Withdrawal, Written
from customer_sync.model import Channel

EMAIL = "ann@example.com"
ABSENT = (404, {"code": "woocommerce_rest_invalid_id", "message": "Invalid ID.", "data": {"status": 404}})
LOYALTY = {"id": 9, "key": "loyalty", "value": {"points": 3}}


def account(*boxes, email=EMAIL, **more):
    fields = [{"id": number, "key": key, "value": value} for number, (key, value) in enumerate(boxes, 1)]
    return 200, {"id": 7, "email": email, "meta_data": [*fields, LOYALTY], **more}


def write(*answers, record_id="7", **options):
    reach = access(in_turn(*answers))
    told = Withdrawal(record_id, Channel.EMAIL, EMAIL, NOW - timedelta(minutes=5))
    written = WooCommerceConnector(settings(**options)).write_consent(told, reach)
    return written, [(one.method, one.route, one.body) for one in reach.http.calls]


@pytest.mark.parametrize(
    ("key", "yes", "no"),
    [
        ("ws_opt_in", "1", "0"),
        ("ws_opt_in", 1, 0),
        ("ws_opt_in", True, False),
        ("mailchimp_woocommerce_is_subscribed", "subscribed", "unsubscribed"),
        ("mailchimp_woocommerce_is_subscribed", "Yes", "no"),
        ("mailchimp_woocommerce_is_subscribed", "pending", "no"),
    ],
)
def test_a_ticked_box_is_unticked_in_its_plugins_own_word(key, yes, no):
    written, calls = write(account((key, yes)), account((key, no)), account((key, no)))

    assert written is Written.WRITTEN
    assert calls[1] == ("PUT", "wc/v3/customers/7", {"meta_data": [{"id": 1, "key": key, "value": no}]})


def test_each_box_that_says_yes_is_unticked_and_no_other_field_is_sent():
    boxes = ("ws_opt_in", "1"), ("mailchimp_woocommerce_is_subscribed", "0"), ("ws_opt_in", "yes")
    off = account(("ws_opt_in", "0"), ("mailchimp_woocommerce_is_subscribed", "0"), ("ws_opt_in", "no"))

    written, calls = write(account(*boxes), off, off)

    assert written is Written.WRITTEN
    assert [(one["id"], one["value"]) for one in calls[1][2]["meta_data"]] == [(1, "0"), (3, "no")]


def test_a_word_of_the_shops_own_that_means_yes_becomes_a_no():
    mine = {"consent_meta_keys": {"my_box": ["agreed"]}}

    written, calls = write(account(("my_box", "agreed")), account(), account(("my_box", "no")), **mine)

    assert (written, calls[1][2]["meta_data"][0]["value"]) == (Written.WRITTEN, "no")


@pytest.mark.parametrize("found", [account(("ws_opt_in", "0")), account(), account(("ws_opt_in", "n/a"))])
def test_an_account_where_nothing_says_yes_is_left_alone(found):
    written, calls = write(found)

    assert (written, len(calls)) == (Written.UNCHANGED, 1)


@pytest.mark.parametrize("found", [ABSENT, account(("ws_opt_in", "1"), email="other@example.com")])
def test_an_opt_out_belongs_to_its_address(found):
    written, calls = write(found)

    assert (written, len(calls)) == (Written.GONE, 1)


def test_a_guest_of_the_report_is_no_account():
    assert write(record_id="g:12") == (Written.GONE, [])


def test_an_account_that_goes_meanwhile_is_gone():
    assert write(account(("ws_opt_in", "1")), ABSENT)[0] is Written.GONE


def test_a_box_that_is_ticked_all_the_same_is_parked_and_never_called_written():
    with pytest.raises(Parkable, match="ticked all the same") as parked:
        write(*[account(("ws_opt_in", "1"))] * 3)
    assert EMAIL not in f"{parked.value}{parked.value.remedy}"


def test_a_key_that_may_not_see_the_boxes_is_told_to_the_operator():
    with pytest.raises(ConfigError, match="may not see") as told:
        write((200, {"id": 7, "email": EMAIL}))
    assert "administrator" in told.value.remedy


def test_a_key_that_may_only_read_is_told_to_the_operator():
    with pytest.raises(ConfigError, match="read-only"):
        write(account(("ws_opt_in", "1")), (401, REFUSED))


def test_an_account_that_the_shop_refuses_is_parked_alone():
    refused = (400, {"code": "rest_invalid_param", "message": "Invalid", "data": {"status": 400}})

    with pytest.raises(Parkable):
        write(account(("ws_opt_in", "1")), refused)


def test_a_firewalls_page_is_no_answer():
    with pytest.raises(TryLater):
        write((200, "<html>One moment</html>"))


def test_a_whole_shop_takes_an_opt_out_once_and_tells_of_the_account():
    woo = Woo()
    one = next(
        row
        for row in woo.all("customers?role=all")
        if row["email"] and {"ws_opt_in": "1"} in [{box["key"]: box["value"]} for box in row["meta_data"]]
    )
    ours, reach = connected(woo)
    told = Withdrawal(str(one["id"]), Channel.EMAIL, one["email"].lower(), NOW)

    assert ours.write_consent(told, reach) is Written.WRITTEN
    assert ours.write_consent(told, reach) is Written.UNCHANGED

    now = woo.get(f"customers/{one['id']}")
    assert [box["value"] for box in now["meta_data"] if box["key"] == "ws_opt_in"] == ["0"]
    others = {name: value for name, value in now.items() if not name.startswith(("meta", "date", "_"))}
    assert others == {name: one[name] for name in others}
    assert [box for box in now["meta_data"] if box["key"] == "loyalty"] == [
        box for box in one["meta_data"] if box["key"] == "loyalty"
    ]


def test_a_shop_managers_key_writes_nothing():
    woo = Woo(role="shop_manager")
    one = next(row for row in woo.all("customers?role=all") if row["email"])
    ours, reach = connected(woo)

    with pytest.raises(ConfigError, match="may not see"):
        ours.write_consent(Withdrawal(str(one["id"]), Channel.EMAIL, one["email"].lower(), NOW), reach)
