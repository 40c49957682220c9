"""Changes that no webhook told of: which run finds which, and that nothing else is sent."""

from __future__ import annotations

import pytest

from tests.hybrid.stores import account_of, brevo_says, rows_of, shopify_says

pytestmark = pytest.mark.slow


def test_500_changes_that_shopify_did_not_tell_of_are_healed_by_the_next_incremental_run(house, big, told):
    assert house.sync("big", "full").counts["read"] == 3_000
    house.rest()
    people = [row for row in rows_of(big) if row["email"]]
    agreed = [row["id"] for row in people if row["emailState"] == "SUBSCRIBED"]
    renamed = [row["id"] for row in people if row["id"] not in agreed[:40]][:450]
    before = house.sent()

    big.post("/fake/customers/change", {"ids": renamed, "fields": {"lastName": "Missed"}, "silent": True})
    big.post("/fake/customers/consent", {"ids": agreed[:40], "state": "UNSUBSCRIBED", "silent": True})
    big.post("/fake/customers", {"count": 10})
    run = house.sync("big")

    told(f"missed changes, Shopify: 500 of 3,010 found and healed, {house.sent().all - before.all} contacts sent")
    assert (str(run.kind), run.counts["read"], run.counts["changed"]) == ("incremental", 500, 500)
    assert run.counts["sent"] == 500
    assert house.sent().all - before.all == 500
    assert shopify_says(big) == brevo_says(house.sandbox.contacts())


def test_what_woocommerce_did_not_tell_of_is_found_by_orders_by_new_ids_and_the_rest_by_the_compare(house, woo, told):
    house.sync("woo", "full")
    house.rest()  # as after an import of which nothing was found yet
    numbers = [account_of(index) for index in range(200) if index % 97 != 13][:150]
    bought, edited = numbers[:50], numbers[50:]
    for number in numbers:
        change = {"first_name": f"Seen{number}", "silent": True}
        woo.http.request("PATCH", f"{woo.address}/fake/customers/{number}", json=change)
    new = [woo.post("/fake/customers", {"email": f"new{n}@mail.example"})["email"] for n in range(30)]
    guests = [woo.post("/fake/orders", order(email=f"guest{n}@mail.example"))["billing"]["email"] for n in range(20)]
    for number in bought:
        woo.post("/fake/orders", order(customer_id=number))
    at_first = house.sent().all

    quick = house.sync("woo")
    by_quick, sent_quick = seen_in(house), house.sent().all - at_first
    night = house.sync("woo", "compare")
    by_night, sent_night = seen_in(house), house.sent().all - at_first - sent_quick

    told(
        f"missed changes, WooCommerce: 200 of 1,000; {sent_quick} by the incremental run in {quick.counts['pages']} "
        f"pages (30 new ids, 50 accounts and 20 guests by their orders), {sent_night} edited profiles by the compare"
    )
    assert by_quick == {f"Seen{number}" for number in bought}
    assert {*new, *guests} <= set(house.sandbox.contacts())
    assert by_night == {f"Seen{number}" for number in [*bought, *edited]}
    assert (str(quick.kind), sent_quick, sent_night) == ("incremental", 100, 100), sent_by(house, quick, night)
    assert night.counts["updates"] == 100


def order(**more: object) -> dict[str, object]:
    return {"status": "processing", **more}


def sent_by(house, *runs) -> object:
    """What a person wants to see where more was sent than changed."""
    return house.sent(), [run.counts for run in runs], [one["totals"] for one in house.store.receipts.recent()]


def seen_in(house) -> set[str]:
    """The marks that were set as first names, as far as Brevo has them."""
    names = (one["attributes"].get("FIRSTNAME", "") for one in house.sandbox.contacts().values())
    return {name for name in names if name.startswith("Seen")}
