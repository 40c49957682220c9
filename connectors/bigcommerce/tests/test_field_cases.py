"""Failures that others reported of BigCommerce integrations; what is about persons goes through the whole line.

X1, of one list left, is a case of the lanes that write opt-outs back: `tests/writeback`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connectors.bigcommerce import listing
from connectors.bigcommerce.orders import order
from connectors.bigcommerce.pull import since_of
from connectors.bigcommerce.tests.line import Line
from connectors.bigcommerce.tests.standin import CARTS, NEWSLETTER, NOW, House
from customer_sync.errors import TryLater
from customer_sync.kit.fields import Node
from customer_sync.kit.outbound import Reply
from customer_sync.kit.reach import Want, Written
from customer_sync.model import ConsentState
from tests.conftest import client, redis_url  # noqa: F401  # fixtures of an empty Redis

ANA = "ana@example.com"


@pytest.fixture
def line(client, tmp_path, monkeypatch):  # noqa: F811  # the fixture
    found = Line(client, tmp_path, monkeypatch)
    yield found
    found.house.sandbox.close()


# B1. A subscriber row is not a subscription: https://github.com/bigcommerce/docs/pull/273


def test_b1_a_row_that_was_never_ticked_neither_subscribes_nor_withdraws(line):
    line.customer(ANA)
    line.fake.agree(ANA, [])
    line.hear()

    assert (line.lists(ANA), line.is_blocked(ANA)) == ([], False)


def test_b1_an_opt_in_that_was_given_elsewhere_stays(line):
    line.house.subscriber(ANA)
    line.house.pass_time(minutes=5)
    line.fake.agree(ANA, [])
    line.hear()

    assert (line.lists(ANA), line.is_blocked(ANA)) == ([2], False)


def test_b1_a_tick_subscribes_and_an_emptied_row_takes_it_back(line):
    line.fake.agree(ANA, [NEWSLETTER, CARTS])
    line.hear()
    before = line.lists(ANA)
    line.house.pass_time(minutes=5)
    line.fake.agree(ANA, [])
    line.hear()

    assert (before, line.is_blocked(ANA)) == ([2], True)


def test_b1_an_emptied_row_takes_back_what_was_given_elsewhere_before(line):
    line.house.subscriber(ANA)
    line.house.pass_time(minutes=5)
    line.fake.agree(ANA, [NEWSLETTER])
    line.hear()
    line.house.pass_time(minutes=5)
    line.fake.agree(ANA, [CARTS])
    line.hear()

    assert line.is_blocked(ANA) is True


def test_b1_a_row_that_is_ticked_again_after_it_was_emptied_subscribes_again(line):
    for consents in ([NEWSLETTER], [], [NEWSLETTER]):
        line.fake.agree(ANA, consents)
        line.hear()
        line.house.pass_time(minutes=5)

    assert (line.lists(ANA), line.is_blocked(ANA)) == ([2], False)


# B2. Two consents behind one box: https://github.com/bigcommerce/checkout-sdk-js/pull/827


def test_b2_a_consent_to_cart_mails_is_none_to_the_newsletter(line):
    line.fake.agree(ANA, [CARTS])
    line.hear()

    assert (line.lists(ANA), line.is_blocked(ANA)) == ([], False)


def test_b2_an_opt_out_leaves_the_other_consent():
    house = House()
    house.ago(days=1)
    row = house.act("consent", {"email": ANA, "consents": [NEWSLETTER, CARTS]})
    house.ago(days=0)

    assert house.opt_out(f"subscriber:{row['id']}", ANA) is Written.WRITTEN
    assert house.subscriber(ANA)["consents"] == [CARTS]


# B3. Dates compared as text: https://github.com/airbytehq/airbyte/pull/8416

OLDER, NEWER = "Tue, 20 Nov 2012 00:00:00 +0000", "Fri, 18 Jan 2013 00:00:00 +0000"


def test_b3_the_later_time_is_the_later_one_and_not_the_greater_text():
    house = House(customers=2, orders=2)
    for number, written in ((101, OLDER), (102, NEWER)):
        house.fake.orders.put(number, {**house.fake.orders.get(number), "date_modified": written})
    found = house.pull("orders")

    assert max(found, key=lambda one: one.occurred_at).record_id == "102"
    assert [one.record["updatedAt"] for one in found] == ["2012-11-20T00:00:00Z", "2013-01-18T00:00:00Z"]


def test_b3_a_cursor_that_holds_such_a_text_goes_on_from_its_time():
    house = House(customers=2, orders=2)
    for number, written in ((101, OLDER), (102, NEWER)):
        house.fake.orders.put(number, {**house.fake.orders.get(number), "date_modified": written})
    page = house.connector.pull(Want("orders", {"since": NEWER}, None), house.access)

    assert since_of({"since": NEWER}, None) == datetime(2013, 1, 18, tzinfo=UTC)
    assert since_of({"since": "2013-01-18T00:00:00+00:00"}, None) == datetime(2013, 1, 18, tzinfo=UTC)
    assert "min_date_modified=2013-01-17T23%3A59%3A59Z" in house.calls[0][1]
    assert [one.record_id for one in page.events] == ["102"]
    assert page.cursor == {"since": "2013-01-18T00:00:00+00:00", "after": 102}


# B4. 429 without any header: https://github.com/bigcommerce/docs/pull/325


def refusal(**headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(429, {"content-type": "application/json", **named}, b'{"status": 429, "title": "Too many requests"}')


@pytest.mark.parametrize(
    "headers",
    [{}, {"x_rate_limit_time_reset_ms": "-20"}, {"x_rate_limit_time_reset_ms": "abc"}],
    ids=["none", "below zero", "no number"],
)
def test_b4_a_refusal_that_tells_no_time_leaves_the_wait_to_the_rule_and_costs_no_try(headers):
    house = House(customers=2)
    house.answers = [refusal(**headers) for _ in range(5)]
    for _ in range(5):
        with pytest.raises(TryLater) as later:
            house.pull("customers")
        assert later.value.after_s is None
        assert later.value.burns is False

    assert len(house.pull("customers")) >= 2


def test_b4_a_refusal_that_tells_its_time_is_believed():
    house = House()
    house.answers = [refusal(x_rate_limit_time_reset_ms="15000")]

    with pytest.raises(TryLater) as later:
        house.pull("customers")
    assert later.value.after_s == 15.0


def test_b4_the_store_itself_refuses_so():
    house = House(quota=1, bare_429=True)
    with pytest.raises(TryLater) as later:
        house.pull("customers")

    assert later.value.after_s is None


# B6. `default_currency_code` is not the store's currency: https://github.com/bigcommerce/dev-docs/pull/578


def test_b6_the_amount_has_the_currency_of_the_payment():
    codes = {"currency_code": "EUR", "default_currency_code": "USD", "store_default_currency_code": "AUD"}
    record = order(Node({"id": 1, "status_id": 11, "total_inc_tax": "100.0000", **codes}))

    assert (record["currency"], record["total"], record["amount"]) == ("USD", 100.0, 100.0)


# and besides


def test_a_rescued_fault_takes_nobody_for_gone_and_a_page_is_counted(monkeypatch):
    monkeypatch.setattr(listing, "PER_PAGE", 2)
    house = House(customers=5)
    house.act("faults", {"kind": "lose_half", "page": 2})

    with pytest.raises(TryLater, match="1 of the 2 rows"):
        house.pull("customers")


def test_a_filter_by_time_that_is_not_applied_is_noticed():
    house = House(customers=5)
    house.act("faults", {"kind": "ignore_filter"})

    with pytest.raises(TryLater, match="did not look at the time"):
        house.pull("customers", NOW - timedelta(days=1))


def test_a_guest_who_only_took_the_newsletter_is_a_contact_and_opts_out_by_the_row(line):
    row = line.fake.agree("guest@example.com", [NEWSLETTER])
    line.customer(ANA)
    line.hear()
    told = line.connector.fetch("customers", [f"subscriber:{row['id']}"], line.access)[0]

    assert [one.state for one in told.consents] == [ConsentState.GRANTED]
    assert (line.lists("guest@example.com"), line.lists(ANA)) == ([2], [])


def test_what_the_store_tells_arrives_the_same_in_the_other_order(line):
    number = line.customer(ANA)
    line.fake.change_customer(number, {"first_name": "Anna"})
    line.fake.agree(ANA, [NEWSLETTER])
    line.hear(last_first=True)

    assert line.house.contacts[ANA]["attributes"]["FIRSTNAME"] == "Anna"
    assert line.lists(ANA) == [2]
