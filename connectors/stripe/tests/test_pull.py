"""What a pull of Stripe reads: lists, events with their overlap and their memory, orders, subscriptions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connectors.stripe import api, pull
from connectors.stripe.fake.params import StripeError
from connectors.stripe.tests.standin import Account
from customer_sync.errors import ConfigError, PayloadError, TryLater
from customer_sync.kit.reach import Want
from customer_sync.model import Event, Kind


@pytest.fixture
def account():
    return Account()


def at(account, seconds=0):
    return datetime.fromtimestamp(account.clock() + seconds, UTC)


def ids(events):
    return [one.record_id for one in events]


def test_an_event_that_is_listed_late_comes_with_the_next_pull(account):
    """T2: the mark of a run lies behind an event that was not listed yet."""
    account.fake.settings.lag_s = 10.0
    late = account.customer(email="late@example.com")
    first = account.pull(since=at(account, -3600))
    mark = at(account)
    account.clock.offset_s += 15
    second = account.pull(since=mark)
    third = account.pull(since=at(account))

    assert first == []
    assert ids(second) == [late]
    assert [one.id for one in third] == [one.id for one in second]


def test_an_event_has_the_same_id_by_webhook_and_by_pull(account):
    account.connector().ensure_webhooks("http://127.0.0.1:9/webhooks/pay", account.access)
    account.customer()
    (pulled,) = account.pull(since=at(account))
    account.act("deliver")
    (told,) = account.http.get("/fake/deliveries").get_json()["deliveries"]

    assert f'"id": "{pulled.id.removeprefix("stripe:")}"' in told["body"]


def test_what_is_older_than_the_memory_of_events_is_read_in_full_and_said(account):
    page = account.connector().pull(Want("customers", None, at(account, -40 * 86_400)), account.access)

    assert page.notes == (pull.FORGOTTEN,)
    assert len(page.events) == 5
    assert account.connector().pull(Want("customers", None, at(account, -20 * 86_400)), account.access).notes == ()


def test_a_list_goes_on_where_its_last_customer_is_deleted_meanwhile(account, monkeypatch):
    monkeypatch.setattr(api, "PAGE_SIZE", 2)
    first = account.connector().pull(Want("customers"), account.access)
    account.act(f"customers/{first.events[-1].record_id}", "DELETE")
    second = account.connector().pull(Want("customers", first.cursor), account.access)

    assert not set(ids(second.events)) & set(ids(first.events))
    assert len(second.events) == 2
    assert "created%5Blte%5D" in account.sent[-1][1]


def test_a_deleted_customer_comes_as_deleted_with_the_changes(account):
    number = account.customer()
    account.act(f"customers/{number}", "DELETE")

    assert [one.kind for one in account.pull(since=at(account))] == [Kind.CUSTOMER_CREATED, Kind.CUSTOMER_DELETED]


def test_what_is_read_counts_as_of_the_time_of_the_answer(account):
    account.clock.offset_s += 86_400
    assert {one.occurred_at for one in account.pull()} == {at(account)}


def test_the_best_of_several_subscriptions_tells(account):
    number = account.customer()
    first = account.act("subscriptions", customer=number, plan="oil")
    account.act("subscriptions", customer=number, plan="wick")
    (event,) = account.connector().fetch("customers", [number], account.access)
    account.fake.books.shelves["subscriptions"].newest_first()[0]["status"] = "past_due"
    (then,) = account.connector().fetch("customers", [number], account.access)

    assert (event.record["subscriptionStatus"], event.record["subscriptionPlan"]) == ("active", "wick")
    assert (then.record["subscriptionStatus"], then.record["subscriptionPlan"]) == ("active", "oil")
    assert then.record["subscriptionId"] == first["id"]
    assert str(then.record["subscriptionPeriodEnd"]).startswith("2026-12-21")


def test_the_end_of_a_subscription_empties_its_fields_where_there_is_no_other(account):
    number = account.customer()
    made = account.act("subscriptions", customer=number)
    account.clock.offset_s += 3600
    account.act(f"subscriptions/{made['id']}", "DELETE")
    events = account.pull(since=at(account))

    assert ids(events) == [number]
    assert events[0].record["subscriptionStatus"] is None
    assert events[0].record["email"]


def test_a_payment_and_its_invoice_are_one_order(account):
    number = account.customer()
    bill = account.act("invoices", customer=number, amount=2000, currency="eur")
    alone = account.act("charges", customer=number, amount=1500, currency="jpy")
    expected = {bill["id"]: ("paid", 20.0, 20.0, None), alone["id"]: ("paid", 1500.0, 1500.0, None)}

    assert account.states(account.pull("orders")) == expected
    assert account.states(account.pull("orders", since=at(account))) == expected


@pytest.mark.parametrize("is_incremental", [False, True])
def test_a_refund_reaches_the_order_that_was_paid(account, is_incremental):
    number = account.customer()
    bill = account.act("invoices", customer=number, amount=2000, currency="kwd")
    alone = account.act("charges", email="guest@example.com", amount=1500)
    account.act(f"charges/{bill['charge']}/refund", amount=500)
    account.act(f"charges/{alone['id']}/refund")
    found = account.pull("orders", since=at(account) if is_incremental else None)
    refunds = [one for one in found if one.record.get("refunds") and one.record_id == bill["id"]]
    whole = account.states([one for one in found if one.record_id == alone["id"]])

    assert refunds[0].record["refunds"] == {bill["charge"]: 0.5}
    assert whole == {alone["id"]: ("refunded", 15.0, 0.0, {alone["id"]: 15.0})}


def test_a_hint_about_the_payment_of_an_invoice_is_answered_and_makes_no_order(account):
    bill = account.act("invoices", customer=account.customer())
    (event,) = account.connector().fetch("orders", [bill["charge"]], account.access)

    assert (event.record_id, event.record["state"]) == (bill["charge"], "draft")
    assert account.connector().fetch("orders", ["in_nothing", "ch_nothing"], account.access) == []


def test_a_renewal_is_one_and_an_open_invoice_is_no_revenue(account):
    number = account.customer()
    renewal = account.act("invoices", customer=number, subscription="sub_1")
    account.act("invoices", customer=number, then="failed")
    account.act("invoices", customer=number, then="void")
    found = [one for one in account.pull("orders") if str(one.record_id).startswith("in_")]

    assert sorted(one.record["state"] for one in found) == ["cancelled", "paid", "placed"]
    assert [one.record_id for one in found if one.record["isRenewal"]] == [renewal["id"]]
    assert {one.record_id: one.record["subscriptionId"] for one in found}[renewal["id"]] == "sub_1"


def test_both_generations_of_the_api_tell_the_same(account):
    number = account.customer()
    account.act("subscriptions", customer=number)
    account.act("invoices", customer=number, subscription="sub_1")

    def told(version):
        found = [*account.pull(api_version=version), *account.pull("orders", api_version=version)]
        return {one.record_id: dict(one.record) for one in found}

    assert told("2025-02-24.acacia") == told("2026-10-28.endive")


def test_an_event_that_cannot_be_read_leaves_a_fault_in_its_place(account):
    number = account.customer()
    account.fake.books.shelves["events"].newest_first()[0]["_object"]["email"] = "nobody"
    (fault,) = account.pull(since=at(account))

    assert isinstance(fault, PayloadError)
    assert number
    assert fault.path == "data.object.email"


def test_a_wrong_key_and_a_missing_permission_say_what_to_do(account):
    with pytest.raises(ConfigError, match="api_key"):
        account.connector(api_key="rk_test_other").pull(Want("customers"), account.access)
    account.fake.settings.permissions = ("customer_read",)
    with pytest.raises(ConfigError, match="rak_event_read"):
        account.connector().pull(Want("customers", None, at(account)), account.access)


def test_a_limit_is_waited_out_and_no_try_counts(account):
    account.fake.settings.calls_per_s = 1
    account.connector().fetch("customers", ["cus_1"], account.access)
    with pytest.raises(TryLater, match="rate_limit") as later:
        account.connector().fetch("customers", ["cus_1"], account.access)

    assert not later.value.burns


def test_a_customer_of_the_other_mode_is_not_taken_for_gone(account, monkeypatch):
    said = "No such customer: 'cus_1'; a similar object exists in live mode, but a test mode key was used."

    def refused(*_):
        raise StripeError(404, said, "resource_missing", "id")

    monkeypatch.setattr(account.fake, "_get", refused)
    with pytest.raises(ConfigError, match="other mode"):
        account.connector().fetch("customers", ["cus_1"], account.access)


def test_a_charge_is_asked_for_its_invoice_in_a_version_that_says_it(account):
    account.act("charges", email="guest@example.com")
    account.pull("orders")
    versions = {headers["Stripe-Version"] for _, path, headers, _ in account.sent if path.startswith("/v1/charges")}

    assert versions == {"2025-02-24.acacia"}
    assert all(isinstance(one, Event) for one in account.pull("orders"))


def test_a_source_without_a_key_says_so():
    account = Account()
    with pytest.raises(ConfigError, match="no key"):
        account.connector(api_key="").pull(Want("customers"), account.access)


def test_the_overlap_is_minutes():
    assert timedelta(minutes=2) <= pull.OVERLAP <= timedelta(hours=1)
