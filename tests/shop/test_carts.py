"""Carts and purchases as events: what is told, once, to whom, and what is never told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from customer_sync.engine.plan import RecordSays, Who
from customer_sync.model import Channel, Consent, ConsentState, Event, Kind
from customer_sync.pipeline import deliver
from customer_sync.skills import Intent
from customer_sync.skills.cart_events import SKILL, CartEvents
from tests.rig import at
from tests.shop.carts import MUG, bought, cart, customer, gone, tell
from tests.shop.rig import ShopRig

UPDATED, DELETED, COMPLETED = "cart_updated", "cart_deleted", "order_completed"


@pytest.fixture
def ann(rig):
    """A rig in which Ann is a contact already."""
    tell(rig, customer(-1000))
    return rig


def test_a_cart_is_told_in_the_form_of_brevo_s_own_plugins(ann):  # field case 29
    tell(ann, cart(-60, number=1))

    (event,) = ann.events()
    told = event["event_properties"]
    assert event["event_name"] == UPDATED
    assert event["identifiers"] == {"email_id": "ann@example.com"}
    assert told["id"] == "cart:t1"
    assert {**told["data"], "items": []} == {
        "total": 40.0,
        "currency": "EUR",
        "url": "https://shop.example/t1",
        "items": [],
    }
    (item,) = told["data"]["items"]
    assert (item["name"], item["price"], item["quantity"]) == ("Mug", 20.0, 2)
    assert item["price"] * item["quantity"] == told["data"]["total"]


def test_products_of_an_event_have_the_ids_of_the_catalogue(ann):
    tell(ann, cart(-60, number=1, lines=[{**MUG, "variantId": "31"}]))

    (item,) = ann.events()[0]["event_properties"]["data"]["items"]
    assert (item["product_id"], item["variant_id"]) == ("shop:30", "shop:30:31")


def test_many_changes_within_a_moment_are_one_event_about_the_last_of_them(ann):
    for n in range(20):
        ann.send(cart(-60 + n / 10, number=1, total=10.0 * n))
    ann.read()
    tell(ann)

    assert [one["event_properties"]["data"]["total"] for one in ann.events()] == [190.0]


def test_a_cart_that_was_just_touched_waits_until_it_is_quiet(ann):
    tell(ann, cart(3600, number=1), is_quiet=False)

    assert ann.events() == []


def test_a_cart_that_did_not_change_is_told_once(ann):
    tell(ann, cart(-60, number=1))
    tell(ann, cart(-30, number=1))

    assert ann.told() == [(UPDATED, "cart:t1")]


def test_an_emptied_cart_is_deleted_once_and_starts_afresh_with_new_goods(ann):  # field case 24
    tell(ann, cart(-600, number=1))
    tell(ann, cart(-500, number=1, lines=[], total=0.0))
    tell(ann, cart(-490, number=1, lines=[], total=0.0))
    tell(ann, gone(-480))
    tell(ann, cart(-100, number=1))

    assert [name for name, _ in ann.told()] == [UPDATED, DELETED, UPDATED]


def test_a_cart_that_nobody_heard_of_is_not_deleted(ann):
    tell(ann, cart(-600, number=1), gone(-590))

    assert ann.told() == []


def test_an_order_that_names_its_cart_ends_it_and_is_told_once(ann):
    tell(ann, cart(-600, number=1))
    tell(ann, bought(-500, carts=["t1"]))
    tell(ann, replace(bought(-400, carts=["t1"], createdAt=at(-500).isoformat()), kind=Kind.ORDER_UPDATED))
    tell(ann, cart(-450, number=1, lines=[]))
    tell(ann, gone(-440))

    assert ann.told() == [(UPDATED, "cart:t1"), (COMPLETED, "cart:t1")]
    data = ann.events()[-1]["event_properties"]["data"]
    assert (data["order_id"], data["total"], data["currency"], len(data["items"])) == ("shop:1001", 40.0, "EUR", 1)


@pytest.mark.parametrize("carts", [{}, {"carts": ["t1"]}])
def test_a_cart_that_was_bought_before_it_was_told_is_never_told(ann, carts):
    ann.send(cart(-60, number=1))
    ann.send(bought(-55, **carts))
    ann.read()
    tell(ann)

    assert [name for name, _ in ann.told()] == [COMPLETED]


def test_a_cart_whose_word_comes_after_that_of_its_order_is_not_told(ann):
    tell(ann, bought(-55, carts=["t1"]))
    tell(ann, cart(-60, number=1))

    assert [name for name, _ in ann.told()] == [COMPLETED]


def test_a_guest_who_opens_an_account_while_buying_ends_the_own_cart(rig):  # field case 25
    tell(rig, customer(-1000, "eva@example.com", 9))
    tell(rig, cart(-600, email="eva@example.com"))
    tell(rig, customer(-520, "EVA@example.com", 5))
    tell(rig, bought(-500, email="EVA@example.com", number=5))
    tell(rig, gone(-490))

    assert rig.told() == [(UPDATED, "cart:t1"), (COMPLETED, "cart:t1")]


def test_the_address_typed_at_the_till_is_told_and_not_that_of_the_account(rig):  # field case 26
    tell(rig, customer(-1000, "anna@example.com", 1), customer(-990, "anna.work@example.com", 2))
    tell(rig, cart(-600, email="anna.work@example.com", number=1, customer={"email": "anna@example.com"}))
    order = bought(-500, email="anna@example.com", number=1)
    tell(rig, replace(order, record={**order.record, "email": "anna.work@example.com"}))

    whom = [(one["event_name"], one["identifiers"]["email_id"]) for one in rig.events()]
    assert whom[0] == (UPDATED, "anna.work@example.com")
    assert sorted(whom[1:]) == [(COMPLETED, "anna.work@example.com"), (COMPLETED, "anna@example.com")]


def test_addresses_that_are_typed_letter_by_letter_make_nobody(rig):  # field case 27
    tell(rig, customer(-1000, "lea@example.com", 3))
    for n, typed in enumerate(["lea@example", "lea@example.co", "lea@example.com"]):
        rig.send(cart(-60 + 2 * n, email=typed))
    rig.read()
    tell(rig)

    assert [one["identifiers"]["email_id"] for one in rig.events()] == ["lea@example.com"]
    assert not [key for key in rig.client.scan_iter("tajo:*") if b"lea@example.co\n" in _text(rig, key)]
    assert [one["email"] for one in rig.contacts()] == ["lea@example.com"]


def _text(rig, key):
    return (rig.client.get(key) or b"") + b"\n" if rig.client.type(key) == b"string" else b""


def test_a_cart_makes_no_contact_of_a_guest(rig):
    rig.sandbox.switches.unknown_person = "create"
    tell(rig, cart(-60, email="new@example.com"))

    assert rig.told() == []
    assert rig.contacts() == []


@pytest.mark.parametrize("email", ["john.smith-0001@storebotmail.joonix.net", "a@bots.example.org"])
def test_a_program_gets_nothing(client, email):  # field case 28
    rig = ShopRig(client, skills=[CartEvents(timedelta(seconds=1), ["bots.example.org"])])
    tell(rig, customer(-1000, email))
    tell(rig, cart(-60, number=1, customer={"email": email}), bought(-30, email=email))

    assert rig.told() == []
    rig.sandbox.close()


def test_a_renewal_is_told_as_no_purchase_and_closes_no_cart(ann):
    tell(ann, cart(-600, number=1))
    tell(ann, bought(-500, isRenewal=True))
    tell(ann, gone(-400))

    assert [name for name, _ in ann.told()] == [UPDATED, DELETED]


def test_a_draft_is_no_purchase_until_it_is_placed(ann):
    tell(ann, cart(-600, number=1))
    tell(ann, bought(-590, state="draft", carts=["t1"]))
    as_draft = ann.told()
    tell(
        ann, replace(bought(-500, state="paid", carts=["t1"], createdAt=at(-590).isoformat()), kind=Kind.ORDER_UPDATED)
    )

    assert as_draft == [(UPDATED, "cart:t1")]
    assert ann.told()[1:] == [(COMPLETED, "cart:t1")]


def test_what_a_run_reads_starts_nothing_and_the_live_order_is_told_once(ann):
    tell(ann, replace(cart(-60, number=1), is_pulled=True))
    tell(ann, *(replace(bought(-90 - n, str(n)), kind=Kind.ORDER_UPDATED, is_pulled=True) for n in range(5)))
    tell(ann, replace(bought(-90, "0"), id="its webhook"))

    assert ann.told() == [(COMPLETED, "order:0")]


def test_an_order_that_only_a_run_found_ends_the_cart_that_was_told(ann):
    tell(ann, cart(-600, number=1))
    tell(ann, replace(bought(-500), kind=Kind.ORDER_UPDATED, is_pulled=True))

    assert ann.told() == [(UPDATED, "cart:t1"), (COMPLETED, "cart:t1")]


def test_an_order_that_a_run_found_is_not_told_for_a_cart_that_another_one_ended(ann):
    tell(ann, cart(-600, number=1))
    tell(ann, bought(-500))
    tell(ann, replace(bought(-300, "1002"), kind=Kind.ORDER_UPDATED, is_pulled=True))

    assert ann.told() == [(UPDATED, "cart:t1"), (COMPLETED, "cart:t1")]


def test_an_old_order_that_somebody_edits_is_no_purchase_of_today(ann):
    old = bought(-30 * 86_400, "old")
    tell(ann, replace(old, kind=Kind.ORDER_UPDATED, occurred_at=at(-10), record={**old.record, "state": "refunded"}))

    assert ann.told() == []


def test_a_bank_transfer_of_ten_days_ago_is_a_purchase_once_and_for_all(ann):
    made = at(-10 * 86_400).isoformat()
    tell(ann, bought(-10 * 86_400, state="placed", status="pending"))
    tell(ann, replace(bought(-60, createdAt=made), kind=Kind.ORDER_UPDATED))
    tell(ann, replace(bought(-30, createdAt=made, status="completed"), kind=Kind.ORDER_UPDATED))

    assert ann.told() == [(COMPLETED, "order:1001")]


def test_only_those_who_agreed_are_told_of_where_the_config_says_so(client):
    rig = ShopRig(client, keys={"only_granted": True})
    granted = Consent(Channel.EMAIL, ConsentState.GRANTED, at(-900), "box", explicit=True)
    tell(rig, customer(-1000), replace(customer(-900, "bob@example.com", 2), consents=(granted,)))
    tell(rig, cart(-600, number=1), cart(-590, "t2", number=2))

    assert rig.told() == [(UPDATED, "cart:t2")]
    rig.sandbox.close()


def test_nobody_who_left_is_told_of_a_cart(ann):
    withdrawn = Consent(Channel.EMAIL, ConsentState.WITHDRAWN, at(-700), "box", explicit=True)
    tell(ann, replace(customer(-700), consents=(withdrawn,)))
    tell(ann, cart(-600, number=1))
    tell(ann, bought(-500))

    assert ann.told() == [(COMPLETED, "order:1001")]
    assert [one["emailBlacklisted"] for one in ann.contacts()] == [True]


def test_a_withdrawal_that_waits_for_brevo_goes_before_the_purchase(ann):
    withdrawn = Consent(Channel.EMAIL, ConsentState.WITHDRAWN, at(-700), "box", explicit=True)
    ann.send(replace(customer(-700), consents=(withdrawn,)))
    ann.send(bought(-500))
    ann.read()
    deliver(ann.line, "events")
    before = ann.told()
    tell(ann)

    assert before == []
    assert ann.told() == [(COMPLETED, "order:1001")]


@pytest.mark.parametrize("is_settled", [True, False])
def test_nobody_is_told_of_whose_contact_was_deleted_in_brevo(ann, is_settled):
    ann.tick()
    ann.send_brevo({"event": "contact_deleted", "email": "ann@example.com"})
    ann.read()
    if is_settled:
        ann.deliver()
    ann.send(bought(-500))
    ann.read()
    deliver(ann.line, "events")
    tell(ann)

    assert ann.told() == []


def test_the_purchase_of_somebody_new_waits_for_the_contact_and_is_told_then(rig):
    rig.send(bought(-500, email="new@example.com", number=None))
    rig.read()
    deliver(rig.line, "events")
    before = rig.told()
    tell(rig)

    assert before == []
    assert rig.told() == [(COMPLETED, "order:1001")]


@pytest.mark.parametrize(
    ("kind", "name"), [(Kind.CART_ABANDONED, "cart_abandoned"), (Kind.CART_RECOVERED, "cart_recovered")]
)
def test_what_became_of_a_cart_is_told_once(ann, kind, name):
    fate = Event("f1", "shop", kind, at(-60), "t1", "1", {"total": 40.0, "currency": "EUR", "lines": [MUG]})
    tell(ann, fate)
    tell(ann, replace(fate, id="f2"))

    assert ann.told() == [(str(kind), "cart:t1")]


def test_a_cart_of_more_than_fifty_kilobytes_is_cut_and_says_so(ann):
    lines = [{**MUG, "title": f"Mug {n} " + "x" * 200} for n in range(400)]
    tell(ann, cart(-60, number=1, lines=lines))

    data = ann.events()[0]["event_properties"]["data"]
    assert 0 < len(data["items"]) == 400 - data["itemsLeftOut"]
    assert "50 KB" in ann.store.ledger.events()[0].note


def test_many_events_travel_together(ann):
    tell(ann, *(cart(-600 + n, f"t{n}", number=1) for n in range(60)))

    assert len(ann.told()) == 60
    assert [len(one["events"]) for one in ann.sent("/events/batch")] == [60]
    assert ann.sent("/events") == []


def test_of_a_batch_that_was_taken_in_part_only_the_refused_go_again(ann):
    ann.web.control("POST", "/faults", {"kind": "partial", "count": 1, "events": 2})
    tell(ann, *(cart(-600 + n, f"t{n}", number=1) for n in range(60)))
    ann.ripen("events")
    ann.settle()

    assert sorted(ann.told()) == sorted((UPDATED, f"cart:t{n}") for n in range(60))
    assert (len(ann.sent("/events/batch")), len(ann.sent("/events"))) == (1, 2)


def test_an_event_that_brevo_takes_in_no_way_is_parked_and_the_others_go(ann):
    ann.line.skills.append(_Odd())
    tell(ann, *(cart(-600 + n, f"t{n}", number=1) for n in range(60)))
    ann.ripen("events")
    ann.settle()

    assert len(ann.told()) == 60
    assert ann.store.parked.count() == 1


class _Odd:
    """A skill that makes an event whose name Brevo does not take."""

    name = "odd"

    def intent(self, event):
        if event.record_id != "t0":
            return Intent()
        who = Who(event.source, event.occurred_at, "1")
        told = {"event": {"name": "no.such.name", "date": "2026-01-01T00:00:00Z", "properties": {}}}
        return Intent([RecordSays("events", event.source, "skill:odd:0:1", event.occurred_at, told, who)])


#: Keys of the config → what is told of them.
FAULTS = {
    "quite": ({"quite": "30s"}, "unknown key. Did you mean quiet?"),
    "quiet": ({"quiet": "20m"}, "found '20m'. Write a duration of at most 15m"),
    "robots": ({"robots": "x"}, "found 'x'. Write a list of domains"),
    "only_granted": ({"only_granted": "yes"}, "found 'yes'. Write true or false."),
}


@pytest.mark.parametrize("key", FAULTS)
def test_a_fault_says_what_was_found_and_what_is_allowed(key):
    keys, told = FAULTS[key]

    (fault,) = SKILL.check(keys)

    assert fault.path == key
    assert f"{fault.found}. {fault.remedy}".startswith(told)


@pytest.mark.parametrize("keys", [{"quiet": "soon"}, {"quiet": "2h"}, {"robots": "x"}, {"robots": [7]}, {"what": 1}])
def test_keys_that_mean_nothing_are_faults(keys):
    assert SKILL.check(keys)


def test_good_keys_are_no_faults():
    assert not SKILL.check({"quiet": "30s", "robots": ["bots.example.org"]})


def test_a_recovered_cart_is_told_with_its_order_and_what_that_brought(ann):
    tell(ann, cart(-600, number=1))
    more = {"orderId": "1001", "amount": 35.0, "orderCurrency": "EUR"}
    tell(ann, replace(cart(-300, number=1, **more), kind=Kind.CART_RECOVERED))

    data = ann.events()[-1]["event_properties"]["data"]
    told = (data["order_id"], data["order_amount"], data["order_currency"], data["total"])
    assert told == ("shop:1001", 35.0, "EUR", 40.0)
