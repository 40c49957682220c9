"""Failures that others reported of Stripe, with a key: from the signed webhook, or a run, to Brevo and back."""

from __future__ import annotations

import json

import pytest
from flask import Flask

from connectors.stripe.tests.shop import ANA, BACK, CONFIG, Shop
from connectors.stripe.tests.standin import KEY
from customer_sync.model import Inbound
from customer_sync.store.run import RunKind
from customer_sync.web import ingress
from customer_sync.web.services import Services

LATER_S = 1574260351


@pytest.fixture
def at_s():
    return None


@pytest.fixture
def config():
    return CONFIG


@pytest.fixture
def shop(client, tmp_path, monkeypatch, config, at_s):
    found = Shop(client, tmp_path, monkeypatch, config, at_s)
    yield found
    found.house.sandbox.close()


@pytest.fixture
def post(shop, redis_url, tmp_path):
    """Sends a signed event to the web, and returns the status of the answer."""
    services = Services(shop.house.settings, tmp_path / "web", redis_url=redis_url)
    services.intake._wake = lambda _: None
    app = Flask("web")
    ingress.mount(app, services)

    def send(event):
        raw = json.dumps(event).encode()
        signed = shop.house.line.connectors["pay"].sign(Inbound("pay", {}, raw, shop.house.now), "s")
        answer = app.test_client().post("/webhooks/pay", data=raw, headers=dict(signed.headers))
        shop.work()
        return answer.status_code

    yield send
    services.intake.stop()
    services.spool.close()


def event(shop, number, kind, thing, **more):
    return {
        "id": number,
        "object": "event",
        "created": int(shop.house.time.now_s),
        "livemode": False,
        "type": kind,
        "data": {"object": thing},
        **more,
    }


def results(shop):
    """What became of the opt-outs that were told to Stripe, by result."""
    rows = [one for one in shop.house.store.counters.read() if one.name == "tajo_writebacks_total"]
    return {one.labels["result"]: int(one.value) for one in rows}


# T1: many customers, one address


@pytest.mark.parametrize("is_heard", [True, False], ids=["deletion heard", "deletion unheard"])
def test_t1_two_customers_of_one_address_are_one_contact_and_an_opt_out_reaches_the_one_that_is_left(shop, is_heard):
    first, second = (shop.account.customer(email=one) for one in (ANA, "Ana@Example.com"))
    for number in (first, second):
        shop.account.act("invoices", customer=number, amount=2000, currency="eur")
    shop.hear()
    shop.pass_time(120)
    assert shop.house.totals(ANA) == (2, 40)
    shop.account.act(f"customers/{first}", "DELETE")
    if is_heard:
        shop.hear()
    shop.pass_time(60)

    assert list(shop.house.contacts) == [ANA]
    assert shop.house.totals(ANA) == (2, 40)
    assert not shop.house.contacts[ANA]["emailBlacklisted"]
    shop.leave(ANA)
    shop.pass_time(60)
    assert shop.account.row(second)["metadata"]["brevo_email_optout"] == "true"
    assert results(shop) == ({"written": 1} if is_heard else {"written": 1, "gone": 1})
    assert shop.house.store.lanes.depth(BACK)[0] == shop.house.store.parked.count() == 0
    assert shop.house.alerts() == []


# T2: the newest seconds are not listed yet


@pytest.mark.parametrize("at_s", [LATER_S - 1_800])
@pytest.mark.parametrize("resource", ["customers", "orders"])
def test_t2_what_was_not_listed_when_a_run_read_comes_with_the_next_one_and_counts_once(shop, resource):
    house = shop.house
    number = shop.account.customer(email=ANA, name="Ana Lee")
    shop.hear()
    for one in ("customers", "orders"):
        house.store.runs.set_reach("pay", one, until_ms=1574258564_000, full_ms=1574258564_000)
    shop.account.fake.settings.lag_s = 10.0
    shop.pass_time(1_799)
    books = shop.account.fake.books
    books.change_customer(books.shelves["customers"].get(number), {"name": "Anna Lee"})
    shop.account.act("invoices", customer=number, amount=2000, currency="eur")

    def run():
        """Read what changed, and deliver it; return up to when it was read."""
        kept = house.begin("pay", RunKind.INCREMENTAL, resource)
        house.go_on(kept, seconds=0)
        for _ in range(5):
            house.work_in_bulk()
            state = house.go_on(kept, 1, seconds=1).state
        assert state == "done"
        return house.store.runs.reach("pay", resource)["until_ms"] // 1000

    def seen():
        told = house.contacts[ANA]["attributes"]
        return told["FIRSTNAME"] == "Anna" if resource == "customers" else house.totals(ANA)[1] == 20

    shop.pass_time(1)
    assert run() == LATER_S
    assert not seen(), "the event of the second before is not listed"
    shop.pass_time(10)
    assert run() > LATER_S
    assert seen()
    sent = [one for one in house.http.calls if one[0] != "GET"]
    shop.pass_time(300)
    run()
    assert [one for one in house.http.calls if one[0] != "GET"] == sent


def test_t2_an_event_that_came_by_webhook_costs_nothing_when_a_run_reads_it_too(shop):
    house = shop.house
    for one in ("customers", "orders"):
        house.store.runs.set_reach("pay", one, until_ms=house.now_ms() - 60_000, full_ms=house.now_ms() - 60_000)
    number = shop.account.customer(email=ANA)
    shop.account.act("invoices", customer=number, amount=2000, currency="eur")
    shop.hear()
    shop.pass_time(60)
    sent = [one for one in house.http.calls if one[0] != "GET"]
    for resource in ("customers", "orders"):
        done = house.go_on(house.begin("pay", RunKind.INCREMENTAL, resource))
        assert (done.counts["read"] > 0, done.counts["changed"]) == (True, 0)
    shop.told.clear()
    shop.hear()
    shop.pass_time(60)

    assert house.totals(ANA) == (1, 20)
    assert [one for one in house.http.calls if one[0] != "GET"] == sent
    assert house.counted("tajo_events_total", source="pay", state="repeated") > 0


# T3: deleted, but 200


@pytest.mark.parametrize("names_address", [True, False])
@pytest.mark.parametrize(
    ("config", "is_hard"), [(CONFIG, False), (CONFIG.replace("list_id: 2", "list_id: 2, delete_behavior: hard"), True)]
)
def test_t3_a_deleted_customer_that_a_late_event_leads_to_is_gone_empties_nothing_and_comes_back_by_none(
    shop, is_hard, names_address
):
    number = shop.account.customer(email=ANA)
    shop.account.act("subscriptions", customer=number)
    shop.hear()
    shop.pass_time(60)
    assert shop.house.contacts[ANA]["attributes"]["PLAN"] == "active"
    shop.account.act(f"customers/{number}", "DELETE")
    answer = shop.account.http.get(f"/v1/customers/{number}", headers={"Authorization": f"Bearer {KEY}"})
    assert (answer.status_code, answer.json) == (200, {"id": number, "object": "customer", "deleted": True})
    bill = {"id": "in_1", "object": "invoice", "customer": number, "status": "paid", "total": 2000, "currency": "eur"}
    bill |= {"amount_paid": 2000, "created": int(shop.house.time.now_s), "billing_reason": "subscription_cycle"}
    bill |= {"customer_email": ANA if names_address else None}
    told = [
        event(shop, "evt_late", "customer.subscription.updated", {"id": "sub_1", "customer": number}),
        event(shop, "evt_paid", "invoice.paid", bill),
    ]
    for one in told:
        shop.house._send("pay", {}, one, work=True)
        shop.pass_time(90)

    contacts = shop.house.contacts
    assert set(contacts) == (set() if is_hard else {ANA})
    if not is_hard:
        assert contacts[ANA]["attributes"]["PLAN"] == "active"
        assert (contacts[ANA]["listIds"], contacts[ANA]["emailBlacklisted"]) == ([], True)


# T4: test events at the live address


@pytest.mark.parametrize(("config", "is_live"), [(CONFIG, False), (CONFIG.replace("rk_test_", "rk_live_"), True)])
def test_t4_events_of_the_other_mode_are_answered_with_200_not_synced_counted_and_shown_once(shop, post, is_live):
    other, own = not is_live, is_live
    sent = len(shop.account.sent)
    person = {"id": "cus_1", "object": "customer", "email": "test@example.com"}
    told = [event(shop, f"evt_{n}", "customer.created", person, livemode=other) for n in (1, 2, 3)]

    assert [post(one) for one in told] == [200, 200, 200]
    assert shop.house.contacts == {}
    assert len(shop.account.sent) == sent
    assert len(shop.house.alerts(" mode arrive")) == 1
    counted = [shop.house.counted("tajo_events_total", source="pay", state=one) for one in ("ignored", "repeated")]
    assert counted == [1, 2]
    assert post(event(shop, "evt_9", "customer.created", {**person, "id": "cus_9", "email": ANA}, livemode=own)) == 200
    assert set(shop.house.contacts) == {ANA}


# T5: an event of another account


@pytest.mark.parametrize("config", [CONFIG.replace("webhook_secret: s", "webhook_secret: s, account_id: acct_1")])
def test_t5_an_event_of_another_account_is_answered_with_200_counted_shown_and_never_taken_for_a_deletion(shop, post):
    mine = {"id": "cus_9", "object": "customer", "email": ANA, "name": "Ana"}
    assert post(event(shop, "evt_0", "customer.created", mine, account="acct_1")) == 200
    asked = len(shop.account.sent)
    kinds = ("customer.updated", "customer.subscription.updated", "customer.deleted", "charge.refunded")
    for number, kind in enumerate(kinds, 1):
        thing = {"id": "cus_9", "customer": "cus_9", "email": "eve@example.com"}
        assert post(event(shop, f"evt_{number}", kind, thing, account="acct_2")) == 200
    shop.pass_time(120)

    assert len(shop.account.sent) == asked, "our key is not asked: it would answer 404"
    assert set(shop.house.contacts) == {ANA}
    assert not shop.house.contacts[ANA]["emailBlacklisted"]
    assert len(shop.house.alerts("acct_2")) == 1
    counted = [shop.house.counted("tajo_events_total", source="pay", state=one) for one in ("ignored", "repeated")]
    assert counted == [1, len(kinds) - 1]


# T6: there is a consent in Checkout


@pytest.mark.parametrize(
    ("consent", "lists", "is_blocked"),
    [
        ({"promotions": "opt_in", "terms_of_service": "accepted"}, [2], False),
        ({"promotions": "opt_out", "terms_of_service": "accepted"}, [], True),
        ({"promotions": None, "terms_of_service": "accepted"}, None, None),
        (None, None, None),
    ],
)
def test_t6_a_guest_at_checkout_says_yes_or_no_or_nothing(shop, post, consent, lists, is_blocked):
    session = {"id": "cs_1", "object": "checkout.session", "created": int(shop.house.time.now_s) - 60}
    session |= {"customer": None, "customer_details": {"email": ANA}, "consent": consent}

    assert post(event(shop, "evt_1", "checkout.session.completed", session)) == 200
    found = shop.house.contacts.get(ANA, {})
    assert (found.get("listIds"), found.get("emailBlacklisted")) == (lists, is_blocked)
