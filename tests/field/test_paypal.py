"""Failures that others reported of PayPal, from the signed webhook, or a run, to what Brevo has then.

The bodies are made up in the shapes that were reported; PayPal's API is the stand-in, in this process.
"""

from __future__ import annotations

import pytest

from connectors.paypal.tests.till import ANA, BOB, CONFIG, TOKEN, Till

MASKED = "0f3a9c51d2@dcc.paypal.com"


@pytest.fixture
def config():
    return CONFIG


@pytest.fixture
def till(client, tmp_path, monkeypatch, config):
    found = Till(client, tmp_path, monkeypatch, config)
    yield found
    found.house.sandbox.close()


# Y1: a made-up payer address


def kept(till, payment):
    """The state of an order as it is kept, None where it is not."""
    (found,) = till.house.store.records.all_of([("orders", f"pay:{payment.id}")])
    return found and found.state["state"].value


def left_out(till):
    return till.house.counted("tajo_orders_left_out_total", source="pay", why="no address")


def test_y1_a_payment_with_a_made_up_address_makes_no_contact_and_is_kept_counted_and_told_as_without_one(till):
    masked = till.fake.book.pay(till.payer(MASKED), value=34.0)
    till.paid(masked)

    assert till.house.contacts == {}
    assert kept(till, masked) == "paid"
    assert till.row().note == "The buyer has no address that is known."
    assert left_out(till) == 1
    assert till.orders == {}


def test_y1_the_same_by_the_report_that_a_run_reads(till):
    masked = till.fake.book.pay(till.payer(MASKED), value=34.0)
    own = till.fake.book.pay(till.payer(ANA), value=20.0)
    till.house.pull("pay", "orders")
    till.house.go_on(till.house.begin("pay"))

    assert masked.payer.reported()["email_address"] == MASKED
    assert kept(till, masked) == kept(till, own) == "paid"
    assert left_out(till) == 1
    assert till.house.store.people.count() == 1


@pytest.mark.parametrize(
    ("topic", "resource"),
    [
        ("CHECKOUT.ORDER.APPROVED", {"id": "O1", "payer": {"payer_id": "P1", "email_address": MASKED}}),
        ("BILLING.SUBSCRIPTION.ACTIVATED", {"id": "I-1", "subscriber": {"payer_id": "P1", "email_address": MASKED}}),
        ("BILLING.SUBSCRIPTION.CREATED", {"id": "I-1", "payer": {"payer_info": {"payer_id": "P1", "email": MASKED}}}),
    ],
)
def test_y1_a_payer_with_nothing_but_a_made_up_address_is_ignored_and_counted(till, topic, resource):
    till.tell(topic, resource)

    assert till.house.contacts == {}
    assert till.house.counted("tajo_events_total", source="pay", state="ignored") == 1


@pytest.mark.parametrize("way", ["webhook", "report"])
@pytest.mark.parametrize(
    "config", [CONFIG.replace("webhook_id: s", 'webhook_id: s, masked_domains: ["@Made.example.com"]')]
)
def test_y1_the_list_of_such_domains_is_extended_by_the_settings(till, way):
    made = till.fake.book.pay(till.payer("x1@cards.made.example.com"), value=5.0)
    dcc = till.fake.book.pay(till.payer(MASKED), value=5.0)
    own = till.fake.book.pay(till.payer(ANA), value=5.0)
    if way == "webhook":
        for one in (made, dcc, own):
            till.paid(one)
    else:
        till.house.pull("pay", "orders")

    assert till.house.store.people.count() == 1
    assert [kept(till, one) for one in (made, dcc, own)] == ["paid"] * 3
    assert left_out(till) == 2


# Y2: the address of a subscription changes by itself


def subscription(till):
    """The subscription `I-1` of a payer with Ana's address, paid for in May; its payer."""
    payer = till.payer(ANA)
    made, may = till.fake.book.subscribe(payer)
    till.fake.book.subscriptions["I-1"] = till.fake.book.subscriptions.pop(made.id)
    made.id = may.agreement = "I-1"
    till.tell("BILLING.SUBSCRIPTION.ACTIVATED", made.row())
    till.paid(may)
    return made, may, payer


@pytest.mark.parametrize("is_told", [True, False], ids=["update told", "payment alone"])
def test_y2_a_renewal_with_another_address_belongs_to_its_subscription_renames_nobody_and_is_shown(till, is_told):
    till.house.subscriber(ANA)
    made, may, payer = subscription(till)
    till.later(days=31)
    payer.email = BOB
    june = till.fake.book.pay(payer, agreement="I-1", value=34.0)
    if is_told:
        made.updated_s = june.at_s
        till.tell("BILLING.SUBSCRIPTION.UPDATED", made.row())
    till.paid(june)
    till.paid(june)
    (record,) = till.house.store.records.all_of([("orders", f"pay:{june.id}")])

    assert record.state["subscriptionId"].value == "I-1"
    assert (till.house.orders[f"pay:{may.id}"]["email"], till.house.orders[f"pay:{june.id}"]["email"]) == (ANA, BOB)
    assert till.plan(ANA) == "I-1"
    assert till.house.contacts[ANA]["listIds"] == [2]
    assert (till.house.contacts[BOB]["listIds"], till.house.contacts[BOB]["emailBlacklisted"]) == ([], False)
    assert till.house.alerts("I-1") == ["pay: subscriptionId I-1 came with another address than before."]


def test_y2_the_change_is_shown_where_a_run_reads_it_and_an_older_payment_that_comes_late_is_none(till):
    _, may, payer = subscription(till)
    till.later(days=31)
    payer.email = BOB
    till.fake.book.pay(payer, agreement="I-1")
    till.house.pull("pay", "orders")
    till.paid(may)

    assert len(till.house.alerts("another address")) == 1
    assert till.house.orders[f"pay:{may.id}"]["email"] == ANA


def test_y2_a_payment_that_is_told_again_after_the_address_changed_stays_whose_it_was(till):
    _, may, payer = subscription(till)
    till.later(days=31)
    payer.email = BOB
    till.paid(till.fake.book.pay(payer, agreement="I-1", value=34.0))
    till.paid(may)

    assert till.house.orders[f"pay:{may.id}"]["email"] == ANA
    assert (till.house.totals(ANA), till.house.totals(BOB)) == ((1, may.value), (1, 34))
    assert len(till.house.alerts("another address")) == 1


def test_y2_payments_with_one_address_are_no_news(till):
    *_, payer = subscription(till)
    for _ in range(3):
        till.later(days=31)
        payer.email = payer.email.swapcase()
        till.paid(till.fake.book.pay(payer, agreement="I-1"))

    assert till.house.alerts("another address") == []


def test_y2_the_former_address_keeps_its_contact_where_nothing_but_paypal_knows_it(till):
    made, _, payer = subscription(till)
    payer.email = BOB
    till.tell("BILLING.SUBSCRIPTION.UPDATED", made.row())

    assert set(till.house.contacts) == {ANA, BOB}
    assert till.house.totals(ANA)[0] == 1


# Y3: one payment, many events


def test_y3_one_sale_that_is_told_again_days_later_and_reported_is_one_order(till):
    _, sale = till.fake.book.subscribe(till.payer(ANA))
    sale.value = 34.0
    till.fake.book.payments["SALE1"] = till.fake.book.payments.pop(sale.id)
    sale.id = "SALE1"
    told = {"id": "SALE1", "amount": {"total": "34.00", "currency": "EUR"}}
    till.tell("PAYMENT.SALE.COMPLETED", told, number="WH-a")
    sent = [one for one in till.house.http.calls if one[0] == "POST"]
    till.later(days=3)
    for number in ("WH-b", "WH-a"):
        till.tell("PAYMENT.SALE.COMPLETED", told, number=number)
    assert [one for one in till.house.http.calls if one[0] == "POST"] == sent
    till.house.pull("pay", "orders")

    assert till.orders == {"pay:SALE1": 34.0}
    assert till.house.totals(ANA) == (1, 34)
    assert till.house.fired == [("paid", "pay:SALE1")]


# Y4: a partial reversal is not a cancellation


@pytest.mark.parametrize("is_first", [True, False])
def test_y4_a_reversal_of_a_part_leaves_the_rest_and_counts_once(till, is_first):
    capture = till.fake.book.pay(till.payer(ANA), value=40.0)
    up = [{"rel": "up", "href": f"https://api.paypal.com/v2/payments/captures/{capture.id}"}]
    amount = {"value": "10.00", "currency_code": "EUR"}
    back = {"id": "R1", "amount": amount, "links": up, "create_time": till.house.iso()}
    told = [lambda: till.paid(capture), lambda: till.tell("PAYMENT.CAPTURE.REVERSED", back)]
    for tell in told[:: 1 if is_first else -1]:
        tell()
    till.tell("PAYMENT.CAPTURE.REVERSED", back)

    assert till.orders == {f"pay:{capture.id}": 30.0}
    assert till.house.orders[f"pay:{capture.id}"]["status"] == "paid"
    assert till.house.totals(ANA) == (1, 30)


# Y5: a valid token is "not found in cache"


def test_y5_a_token_that_paypal_lost_is_thrown_away_another_one_fetched_and_the_call_repeated_once(till):
    till.paid(till.fake.book.pay(till.payer(ANA), value=5.0))
    till.later(minutes=20)
    till.fake.faults.add({"kind": "lost_token", "count": 1})
    before = len(till.http.asked)
    bob = till.fake.book.pay(till.payer(BOB), value=5.0)
    till.paid(bob)
    capture, order = f"/v2/payments/captures/{bob.id}", f"/v2/checkout/orders/{bob.order}"

    assert till.http.asked[before:] == [capture, TOKEN, capture, order]
    assert set(till.house.contacts) == {ANA, BOB}
    assert till.house.alerts() == []


def test_y5_while_new_tokens_are_lost_too_calls_are_rare_tokens_rarer_and_one_alert_tells(till):
    till.paid(till.fake.book.pay(till.payer(ANA), value=5.0))
    till.fake.faults.add({"kind": "lost_token", "count": None})
    before = len(till.http.asked)
    bob = till.fake.book.pay(till.payer(BOB), value=5.0)
    till.paid(bob)
    numbers = [till.house.begin("pay", resource=one) for one in ("orders", "customers")]
    for _ in range(56):  # with what was told before, an hour: a webhook and two runs that wait
        for number in numbers:
            till.house.go_on(number, 1, seconds=30)
    asked = till.http.asked[before:]

    assert asked.count(TOKEN) <= 5
    assert len(asked) - asked.count(TOKEN) <= 3 * 12 + 5, "each of the three asks every five minutes"
    assert len(till.house.alerts()) == 1
    assert "does not know the token" in till.house.alerts()[0]
    till.fake.faults.clear()
    for number in numbers:
        till.house.go_on(number, 20)
    assert till.house.contacts.keys() == {ANA, BOB}
    assert all(till.house.store.runs.read(one).reason == "" for one in numbers)


def test_a_payment_of_an_invoice_is_one_order_by_webhook_and_by_report_and_what_was_paid_in_cash_is_none(till):
    payer = till.payer(ANA)
    payment = till.fake.book.pay(payer, value=34.0)

    def part(number, method, value):
        amount = {"currency_code": "EUR", "value": value}
        return {"payment_id": number, "method": method, "type": "PAYPAL" * (method == "PAYPAL"), "amount": amount}

    transactions = [part(payment.id, "PAYPAL", "34.00"), part("EXTR-1", "CASH", "20.00")]
    recipients = [{"billing_info": {"email_address": ANA, "name": {"given_name": "Ana"}}}]
    invoice = {"id": "INV2-1", "status": "PAID", "primary_recipients": recipients}
    till.tell("INVOICING.INVOICE.PAID", {"invoice": {**invoice, "payments": {"transactions": transactions}}})
    assert till.orders == {f"pay:{payment.id}": 34.0}
    till.house.pull("pay", "orders")

    assert till.orders == {f"pay:{payment.id}": 34.0}
    assert till.house.totals(ANA) == (1, 34)
