"""Opt-outs go back to the store: only what is needed, only to the address they belong to, only what reads back."""

from datetime import UTC, datetime, timedelta

import pytest

from connectors.shopify.tests.standin import NOW_S, StandIn, access, connector, customers, error, graph
from customer_sync.errors import ConfigError, Parkable, TryLater
from customer_sync.kit.outbound import HttpClient
from customer_sync.kit.reach import Withdrawal, Written
from customer_sync.model import Channel
from tests.stores.servers import store_server

AT = datetime.fromtimestamp(NOW_S, tz=UTC) - timedelta(minutes=5)
BEFORE, AFTER = "2026-11-21T09:00:00Z", "2026-11-21T11:59:00Z"
EMAIL, PHONE = "ann@example.com", "+33612345678"


def node(state="SUBSCRIBED", at=BEFORE, address=EMAIL, **more):
    email = {"emailAddress": address, "marketingState": state, "marketingUpdatedAt": at}
    phone = {"phoneNumber": PHONE, "marketingState": state, "marketingUpdatedAt": at}
    return {"id": "gid://shopify/Customer/7", "defaultEmailAddress": email, "defaultPhoneNumber": phone, **more}


def done(mutation="customerEmailMarketingConsentUpdate", state="UNSUBSCRIBED", errors=()):
    return {mutation: {"customer": None if errors else node(state), "userErrors": list(errors)}}


def write(http, channel=Channel.EMAIL, record_id="7", address=None, at=AT):
    told = Withdrawal(record_id, channel, address or (EMAIL if channel is Channel.EMAIL else PHONE), at)
    return connector().write_consent(told, access(http))


def shop(found, **answers):
    return StandIn(Consent={"nodes": [found]}, **answers)


@pytest.mark.parametrize(
    ("channel", "operation", "key"),
    [(Channel.EMAIL, "EmailOptOut", "emailMarketingConsent"), (Channel.SMS, "SmsOptOut", "smsMarketingConsent")],
)
def test_an_opt_out_is_written_with_the_time_at_which_it_was_said(channel, operation, key):
    mutation = f"customer{key[0].upper()}{key[1:]}Update"
    http = shop(node(), **{operation: done(mutation)})

    assert write(http, channel) is Written.WRITTEN
    (call,) = http.asked(operation)
    assert call.variables["input"] == {
        "customerId": "gid://shopify/Customer/7",
        key: {"marketingState": "UNSUBSCRIBED", "consentUpdatedAt": "2026-11-21T11:55:00Z"},
    }


@pytest.mark.parametrize("found", [node("UNSUBSCRIBED"), node("REDACTED")])
def test_what_the_store_knows_already_is_not_written(found):
    assert write(shop(found)) is Written.UNCHANGED


@pytest.mark.parametrize(
    "found", [None, node(address="other@example.com"), node(defaultEmailAddress=None, defaultPhoneNumber=None)]
)
def test_who_is_gone_or_has_another_address_is_left_alone(found):
    assert write(shop(found, Customers=customers(node()))) is Written.GONE


def test_an_address_in_other_capitals_is_the_same():
    assert write(shop(node("UNSUBSCRIBED", address="Ann@Example.com"))) is Written.UNCHANGED


@pytest.mark.parametrize("record_id", ["", "ann@example.com", "gid://shopify/Customer/7", "²"])
def test_what_is_no_customer_of_the_store_is_not_asked_for(record_id):
    assert write(StandIn(), record_id=record_id) is Written.GONE


@pytest.mark.parametrize("state", ["SUBSCRIBED", "PENDING"])
def test_who_opted_in_after_the_opt_out_stays_in(state):
    assert write(shop(node(state, AFTER))) is Written.NEWER


@pytest.mark.parametrize("found", [node("NOT_SUBSCRIBED", AFTER), node("SUBSCRIBED", None), node("SUBSCRIBED", "soon")])
def test_on_doubt_the_opt_out_is_written(found):
    assert write(shop(found, EmailOptOut=done())) is Written.WRITTEN


def test_no_time_ahead_of_the_clock_is_sent():
    http = shop(node(), EmailOptOut=done())
    write(http, at=AT + timedelta(days=1))

    assert http.asked("EmailOptOut")[0].variables["input"]["emailMarketingConsent"]["consentUpdatedAt"] == (
        "2026-11-21T12:00:00Z"
    )


def test_an_opt_out_that_does_not_read_back_is_tried_again():
    with pytest.raises(TryLater, match="still shows"):
        write(shop(node(), EmailOptOut=done(state="SUBSCRIBED")))


def test_a_refused_opt_out_is_told_with_its_remedy_and_without_the_address():
    refusal = {"field": ["input"], "message": f"{EMAIL} is on a list", "code": "INVALID"}

    with pytest.raises(Parkable) as parked:
        write(shop(node(), EmailOptOut=done(errors=[refusal])))
    assert EMAIL not in str(parked.value)
    assert "Shopify admin" in parked.value.remedy


def test_an_address_that_the_app_may_not_see_is_not_taken_for_gone():
    hidden = node(defaultEmailAddress=None)
    refused = graph({"nodes": [hidden]}, error("ACCESS_DENIED", path=["nodes", 0, "defaultEmailAddress"]))

    with pytest.raises(ConfigError, match="protected customer data"):
        write(shop(hidden, Customers=customers(hidden)))
    with pytest.raises(ConfigError, match="protected customer data"):
        write(StandIn(Consent=refused))


@pytest.fixture(scope="module")
def store():
    with store_server("shopify", "--customers", "50", "--schema", "none") as running:
        yield running


def test_a_whole_store_takes_an_opt_out_once(store):
    one = next(row for row in store.get("/fake/customers?limit=50")["customers"] if row["email"])
    store.post("/fake/customers/consent", {"ids": [one["id"]], "state": "SUBSCRIBED", "at": "2026-09-01T00:00:00Z"})
    ours = connector({"shop_url": "demo.myshopify.com", "access_token": "shpat_demo"}, base_url=store.address)
    # the stand-in lives by this machine's clock, and takes no time of its future
    long_ago = datetime(2026, 9, 2, tzinfo=UTC)
    told = Withdrawal(one["id"].rpartition("/")[2], Channel.EMAIL, one["email"], long_ago)
    reach = access(HttpClient())

    store.fault("late_consent")
    with pytest.raises(TryLater):
        ours.write_consent(told, reach)
    assert ours.write_consent(told, reach) is Written.WRITTEN
    assert ours.write_consent(told, reach) is Written.UNCHANGED
    store.fault("scope")
    with pytest.raises(ConfigError):
        ours.write_consent(told, reach)
