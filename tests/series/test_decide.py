"""What is decided beside the field cases: timing, discounts, variants, exclusions, order of reasons."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from customer_sync.model import ConsentState
from customer_sync.series.decide import End, Ended, Recipient, Seen, Send, Sent, Wait, Why, decide
from customer_sync.series.options import Experiment, Variant
from customer_sync.series.records import CartSeen, Purchase, cart_of, purchase_of
from customer_sync.series.variants import variant_of
from tests.series.line import DAY, at, cart, line, options, order

KAI = Recipient("kai@example.com", ConsentState.GRANTED)
TIMING = {
    "vip_customers": {"first_email": "30m", "discount_threshold": 0},
    "new_customers": {"first_email": "2h", "discount_threshold": 50},
    "repeat_customers": {"discount_threshold": 40},
}


def mails(event=None, *, person=KAI, until="9 0:00", **keys):
    """Return the mails about a cart that was left."""
    found = line(event or cart("10:00"), people={"kai@example.com": person}, options=options(**keys))
    return found.run(until).mails


def ends(*events, person=KAI, **keys):
    found = line(*events, people={"kai@example.com": person}, options=options(**keys)).run("9 0:00")
    return [one.why for _, name, one in found.ends if name == "t1"]


@pytest.mark.parametrize(
    ("orders", "first"),
    [(5, "11:00"), (0, "12:30"), (1, "11:30"), (None, "11:30")],
    ids=["VIP", "new", "repeat", "not known"],
)
def test_a_segment_has_its_own_first_mail(orders, first):
    found = mails(person=replace(KAI, orders=orders), timing=TIMING)

    assert found[0].at == at(first)
    assert found[1].at == at(first) + timedelta(days=1)


def test_what_makes_a_vip_is_one_limit_or_the_other():
    vip = {"vip": {"min_total_spent": 100, "min_orders": 9}}
    found = mails(person=replace(KAI, orders=1, spent=Decimal(100)), timing=TIMING, segments=vip)

    assert found[0].at == at("11:00")


@pytest.mark.parametrize(
    ("orders", "offered"),
    [(5, [2, 3]), (0, []), (1, [2, 3]), (None, [2, 3])],
    ids=["VIP: always", "new: from 50", "repeat: from 40", "not known: always"],
)
def test_a_discount_is_for_carts_of_a_value(orders, offered):
    found = mails(person=replace(KAI, orders=orders), timing=TIMING)

    assert [one.send.step for one in found if "discount" in one.send.params] == offered


def test_a_cart_without_a_known_value_gets_no_discount_that_asks_for_one():
    unknown = cart("10:00", total=None, lines=[{"title": "Mug", "quantity": 1}])

    assert not [
        one for one in mails(unknown, person=replace(KAI, orders=1), timing=TIMING) if "discount" in one.send.params
    ]


def test_the_template_gets_percent_code_and_expiry():
    found = mails(discount_code={"10": "TEN", "15": "LAST"})

    assert [one.send.params.get("discount") for one in found] == [
        None,
        {"percent": 10, "code": "TEN"},
        {"percent": 15, "code": "LAST", "expiresAt": "2026-03-06T11:30:00+00:00"},
    ]


def test_without_a_code_the_template_has_its_own():
    assert mails()[1].send.params["discount"] == {"percent": 10}


VARIANTS = [{"name": "a", "subject": "A", "template_id": 7}, {"name": "b"}]


def test_a_series_keeps_its_variant_and_only_the_mail_under_test_differs():
    for name in ("t1", "t2", "t3", "t4"):
        found = mails(cart("10:00", name), ab_testing={"enabled": True, "variants": VARIANTS})
        variant = found[0].send.variant

        assert {one.send.variant for one in found} == {one.send.params["variant"] for one in found} == {variant}
        first = (7, "A") if variant == "a" else (101, None)
        assert [(one.send.template_id, one.send.subject) for one in found] == [first, (102, None), (103, None)]


def test_another_mail_may_be_under_test():
    found = mails(
        cart("10:00"), ab_testing={"enabled": True, "mail": 3, "variants": [VARIANTS[0], {"name": "c", "subject": "A"}]}
    )

    assert [one.send.subject for one in found] == [None, None, "A"]


def test_a_series_keeps_the_variant_that_it_began_with_when_weights_change():
    two = {"enabled": True, "variants": [{"name": "a", "weight": 1}, {"name": "b", "weight": 0}]}
    found = line(cart("10:00"), options=options(ab_testing=two)).run("1 0:00")
    found.options = options(ab_testing={**two, "variants": [{"name": "a", "weight": 0}, {"name": "b", "weight": 1}]})

    assert [one.send.variant for one in found.run("9 0:00").mails] == ["a", "a", "a"]


def test_variants_have_their_shares_whatever_their_order():
    three = (Variant("a", 50), Variant("b", 30), Variant("c", 20), Variant("d", 0))
    one, other = Experiment(three), Experiment(three[::-1])
    found = [variant_of(f"shop:cart:{number}", one).name for number in range(4000)]

    assert found == [variant_of(f"shop:cart:{number}", other).name for number in range(4000)]
    shares = Counter(found)
    assert [round(shares[name] / 4000, 1) for name in "abcd"] == [0.5, 0.3, 0.2, 0.0]


def test_another_experiment_divides_the_carts_anew():
    one, other = Experiment((Variant("a", 1), Variant("b", 1))), Experiment((Variant("a", 1), Variant("c", 1)))
    same = [variant_of(str(number), one).name == "a" for number in range(400)]
    again = [variant_of(str(number), other).name == "a" for number in range(400)]

    assert 100 < sum(left == right for left, right in zip(same, again, strict=True)) < 300


@pytest.mark.parametrize(
    ("event", "keys", "why"),
    [
        (cart("10:00"), {"detection": {"min_cart_value": 40.01}}, Why.SMALL),
        (cart("10:00", total=None, lines=[{"title": "Mug"}]), {"detection": {"min_cart_value": 1}}, Why.SMALL),
        (cart("10:00"), {"detection": {"exclude_logged_out": True}}, Why.LOGGED_OUT),
        (cart("10:00", isLoggedIn=False), {"detection": {"exclude_logged_out": True}}, Why.LOGGED_OUT),
        (cart("10:00"), {"exclusions": {"tags": ["staff"]}}, Why.EXCLUDED),
        (cart("10:00"), {"exclusions": {"products": [7]}}, Why.EXCLUDED),
        (
            cart("10:00", lines=[{"sku": "Gift-1", "price": 40, "quantity": 1}]),
            {"exclusions": {"products": "GIFT-1"}},
            Why.EXCLUDED,
        ),
        (cart("10:00"), {"exclusions": {"bought_within": "30d"}}, Why.EXCLUDED),
        (cart("10:00"), {"exclusions": {"domains": "example.com"}}, Why.EXCLUDED),
    ],
)
def test_carts_that_are_left_alone(event, keys, why):
    person = replace(KAI, tags=frozenset({"Staff "}), last_bought_at=DAY - timedelta(days=20))

    assert ends(event, person=person, **keys) == [why]


@pytest.mark.parametrize(
    ("event", "keys"),
    [
        (cart("10:00"), {"detection": {"min_cart_value": 40}}),
        (cart("10:00", total=None), {"detection": {"min_cart_value": 40}}),
        (cart("10:00", isLoggedIn=True), {"detection": {"exclude_logged_out": True}}),
        (cart("10:00"), {"exclusions": {"tags": ["vip"], "products": [8], "domains": "ample.com"}}),
        (cart("10:00"), {"exclusions": {"bought_within": "10d"}}),
    ],
)
def test_carts_that_are_mailed_about(event, keys):
    person = replace(KAI, tags=frozenset({"Staff"}), last_bought_at=DAY - timedelta(days=20))

    assert ends(event, person=person, **keys) == [Why.LOST]


def test_a_cart_that_grows_above_the_least_value_is_mailed_about():
    grown = cart("11:00", total=90.0)

    assert ends(cart("10:00"), grown, detection={"min_cart_value": 50}) == [Why.SMALL, Why.LOST]


def test_without_order_placed_only_an_order_that_names_the_cart_ends_it():
    keys = {"stop_on": ["cart_recovered", "unsubscribe"]}

    assert ends(cart("10:00"), order("10:30"), **keys) == [Why.LOST]
    assert ends(cart("10:00"), order("10:30", carts=["t1"]), **keys) == [Why.BOUGHT]


def test_an_order_that_names_the_cart_ends_it_whoever_placed_it():
    assert ends(cart("10:00"), order("10:30", email="friend@example.com", carts=["t1"])) == [Why.BOUGHT]


def test_an_order_that_is_heard_of_before_its_cart_ends_it():
    found = line()
    found.tells(order("10:30", email="friend@example.com", carts=["t1"]))
    found.tells(cart("10:00"), arrives="10:31")

    assert found.run("9 0:00").told() == []


def test_an_order_before_the_cart_was_touched_last_ends_nothing():
    assert ends(order("9:00"), cart("10:00")) == [Why.LOST]


def test_what_a_platform_changes_in_a_cart_just_after_its_order_is_no_shopping():
    assert ends(cart("10:00"), order("10:10", carts=["t1"]), cart("10:19")) == [Why.BOUGHT]


def test_a_cart_that_says_itself_that_it_was_bought_is_not_mailed():
    assert ends(cart("10:00"), cart("10:20", completedAt=at("10:20").isoformat())) == [Why.BOUGHT]


def test_a_later_change_of_an_order_does_not_end_the_next_cart():
    made = order("10:20")
    shipped = order("20:00", status="completed", createdAt=made.record["createdAt"])

    assert ends(cart("10:00"), made, cart("15:00"), shipped) == [Why.BOUGHT, Why.LOST]


def test_an_order_of_long_ago_that_changes_now_ends_nothing():
    old = order("10:40", createdAt=(DAY - timedelta(days=30)).isoformat())

    assert ends(cart("10:00"), old) == [Why.LOST]


def test_a_cart_that_is_bought_after_its_last_mail_is_recovered_in_place_of_lost():
    found = line(cart("10:00"), order("5 10:00")).run("20 0:00")

    assert [(one.why, one.is_recovered) for _, _, one in found.ends] == [(Why.LOST, False), (Why.BOUGHT, True)]


def test_an_order_long_after_the_last_mail_is_no_work_of_the_series():
    found = line(cart("10:00"), order("30 10:00")).run("40 0:00")

    assert [one.why for _, _, one in found.ends] == [Why.LOST]


def test_an_order_that_names_another_cart_recovers_none_of_the_others():
    found = line(cart("10:00"), order("12:00", carts=["other"])).run("9 0:00")

    assert [(one.why, one.is_recovered) for _, _, one in found.ends] == [(Why.BOUGHT, False)]


def test_a_withdrawal_is_told_as_the_reason_before_the_next_mail_is_due():
    found = line(cart("10:00"))
    found.says("kai@example.com", "11:00", consent=ConsentState.WITHDRAWN)
    found.run("9 0:00")

    assert [(when, one.why) for when, _, one in found.ends] == [(at("11:30"), Why.UNSUBSCRIBED)]


def test_whoever_opts_in_again_is_mailed_about_what_they_do_then():
    found = line(cart("10:00"))
    found.says("kai@example.com", "11:00", consent=ConsentState.WITHDRAWN)
    found.says("kai@example.com", "15:00", consent=ConsentState.GRANTED)
    found.tells(cart("16:00"))

    assert found.run("1 0:00").told() == [("0 17:30", "t1", 1)]


def test_a_moment_with_little_known_is_decided_too():
    seen = line(cart("10:00")).run("10:01").seen("cart:t1", at("12:00"))

    bare = replace(seen, cart=CartSeen(at("10:00")), enabled_at=None)
    assert decide(bare, options()).params == {"step": 1, "cart": {}}
    assert decide(replace(bare, now=at("11:29")), options()).until == at("11:30")


def test_records_of_any_shape_are_read():
    assert cart_of({}) is None
    assert cart_of({"touchedAt": True}) is None
    odd = cart_of({"touchedAt": 1, "cart": [1], "carts": "t1", "order:9": "x", "order:8": {"state": 5}})
    assert odd == CartSeen(odd.touched_at)
    assert cart_of({"touchedAt": 1, "cart": {"lines": [1, {"price": "3"}], "total": "5"}}).total is None


@pytest.mark.parametrize(
    "fields",
    [
        {"state": "draft"},
        {"state": "placed", "status": "pending"},
        {"state": "placed", "status": "FAILED"},
        {"state": "cancelled"},
        {"state": "deleted"},
        {"state": "paid", "isRenewal": True},
        {"state": None},
        {},
    ],
)
def test_orders_that_are_no_purchase(fields):
    assert purchase_of("9", {"changedAt": 5, "createdAt": 5, **fields}) is None


@pytest.mark.parametrize("fields", [{"state": "placed", "status": "on-hold"}, {"state": "paid"}, {"state": "refunded"}])
def test_orders_that_are_a_purchase(fields):
    assert purchase_of("9", {"changedAt": 5, "createdAt": 5, **fields}) is not None


def test_what_was_a_purchase_stays_one_from_the_time_that_was_known():
    assert purchase_of("9", {"state": "cancelled", "changedAt": 5}, at("10:00")).at == at("10:00")


def moment(clock="12:00", touched="10:00", **more):
    """Return a moment of a cart of kai@example.com."""
    cart_keys = {name: more.pop(name) for name in ("names", "bought", "is_emptied") if name in more}
    return Seen(at(clock), "shop:cart:t1", CartSeen(at(touched), **cart_keys), KAI, **more)


def test_before_the_threshold_a_cart_does_not_count_as_left():
    assert decide(moment("10:29"), options()) == Wait(at("10:30"), "The cart does not count as left yet.")


def test_a_cap_holds_back_the_mail_that_would_be_one_too_many():
    found = line(cart("10:00"), options=options(frequency_cap={"mails": 2, "per": "5d"})).run("6 0:00")

    assert found.told() == [("0 11:30", "t1", 1), ("1 11:30", "t1", 2), ("5 11:30", "t1", 3)]


def test_a_newer_cart_that_is_empty_is_no_newer_cart():
    found = line(cart("10:00"), cart("10:10", "t2", lines=[])).run("0 23:00")

    assert found.told() == [("0 11:30", "t1", 1)]


def test_of_two_carts_touched_at_one_time_one_is_mailed_about():
    found = line(cart("10:00", "t1"), cart("10:00", "t2")).run("0 23:00")

    assert found.told() == [("0 11:30", "t2", 1)]


def test_a_mail_that_is_late_goes_out_when_the_quiet_hours_are_over():
    quiet = {"from": "22:00", "to": "08:00", "time_zone": "UTC"}
    found = line(cart("10:00"), options=options(quiet_hours=quiet)).run("1 12:00", asleep=("0 10:10", "0 23:00"))

    assert found.told() == [("1 08:00", "t1", 1)]


def test_where_it_is_always_quiet_somewhere_nobody_is_mailed():
    quiet = {"from": "14:00", "to": "12:00", "time_zone": "UTC"}
    people = {"kai@example.com": replace(KAI, country="US")}
    found = line(cart("10:00"), people=people, options=options(quiet_hours=quiet))

    assert found.run("20 0:00").told() == []
    assert [one.why for _, _, one in found.ends] == [Why.TOO_OLD]


def test_an_order_that_names_no_cart_ends_one_that_was_touched_seconds_later():
    bought = (Purchase("9", at("10:00") - timedelta(seconds=50)),)

    assert decide(moment(purchases=bought), options()).why is Why.BOUGHT
    assert isinstance(decide(moment(touched="10:01", purchases=bought), options()), Send)


def test_a_later_change_of_an_order_of_somebody_else_does_not_end_the_next_round():
    made = order("10:20", email="friend@example.com", carts=["t1"])
    shipped = replace(made, id="shipped", occurred_at=at("20:00"))

    assert ends(cart("10:00"), made, cart("15:00"), shipped) == [Why.BOUGHT, Why.LOST]


def test_a_cart_that_was_lost_and_is_touched_long_after_that_has_a_new_series():
    found = line(cart("10:00"), cart("30 10:00")).run("40 0:00")

    assert [step for _, _, step in found.told()] == [1, 2, 3, 1, 2, 3]


def test_a_cart_that_was_lost_and_is_touched_soon_has_no_further_mail():
    found = line(cart("10:00"), cart("5 10:00")).run("40 0:00")

    assert [step for _, _, step in found.told()] == [1, 2, 3]


FIRST = (Sent(1, at("11:30")),)


def test_a_round_begins_after_a_purchase_whose_record_is_gone():
    over = Ended(Why.BOUGHT, at("12:00"), "9", at("10:00"))

    assert decide(moment("18:00", "15:00", sent=FIRST, ended=over), options()).step == 1


def test_a_round_begins_after_a_purchase_that_ended_nothing():
    bought = (Purchase("9", at("12:00")),)

    assert decide(moment("18:00", "15:00", sent=FIRST, purchases=bought), options()).step == 1


def test_what_a_platform_changes_after_the_end_recovers_nothing_again():
    over = Ended(Why.BOUGHT, at("12:00"), "9", at("10:00"))
    seen = moment("12:30", "12:05", sent=FIRST, ended=over, bought=(Purchase("9", at("12:00")),))

    assert decide(seen, options()) == End(Why.BOUGHT, "The series has ended before.", "9")


def test_a_touch_that_was_not_known_at_the_end_counts_as_one_after_it():
    over = Ended(Why.SMALL, at("12:00"), None, at("10:00"))

    assert isinstance(decide(moment("18:00", "11:59", ended=over), options()), Send)
    assert isinstance(decide(moment("18:00", "10:00", ended=over), options()), End)


def test_a_cart_is_recovered_though_the_platform_touches_it_while_it_is_bought():
    found = line(cart("10:00"), cart("12:05"))
    found.tells(order("12:00", carts=["t1"]), arrives="12:06")

    assert [(one.why, one.is_recovered) for _, _, one in found.run("9 0:00").ends] == [(Why.BOUGHT, True)]


def test_an_order_of_two_records_is_one_order():
    assert purchase_of("9:account", {"order": "9", "state": "paid", "changedAt": 5}).order == "9"


def test_whoever_bought_lately_is_excluded_by_their_orders_too():
    found = line(order("9:00"), cart("10:00"), options=options(exclusions={"bought_within": "2d"})).run("9 0:00")

    assert [one.why for _, _, one in found.ends] == [Why.EXCLUDED]
