"""Pages that are not what they should be: the run ends right, and says at its end what it met."""

from __future__ import annotations

import pytest

from tests.hybrid.stores import brevo_says, rows_of, shopify_says

pytestmark = pytest.mark.slow
OFF = "A page was put off: "
#: Fault of the fake Shopify, after how many calls, how often. The first call of a run is a look at ten customers.
SHOPIFY = (("html", 1, 1), ("repeat_page", 3, 1), ("empty_page", 5, 1), ("lose_half", 7, 1), ("shrink_page", 9, 2))
#: Fault of the fake WooCommerce in the list of accounts, and the page it narrows it to.
WOOCOMMERCE = {"html": {}, "junk": {}, "repeat_page": {"page": 2}}


def test_whatever_shopify_answers_the_run_ends_right_and_says_so(house, shop, told):
    house.sync("shop", "full")
    people = [row["id"] for row in rows_of(shop)]
    shop.fault("ignore_filter", count=None)
    shop.post("/fake/customers/change", {"ids": people[:20], "fields": {"lastName": "Unfiltered"}, "silent": True})
    unfiltered = house.sync("shop")
    shop.delete("/fake/faults")
    shop.post("/fake/customers/change", {"ids": people, "fields": {"lastName": "Paged"}, "silent": True})
    for kind, skip, count in SHOPIFY:
        shop.fault(kind, skip=skip, count=count)
    run = house.sync("shop")

    told(f"bad pages of Shopify: {len(SHOPIFY)} faults in one run of {run.counts['read']}, and an ignored filter")
    assert [note.removeprefix(OFF)[:30] for note in run.notes] == [
        "Shopify answered with a page i",
        "Shopify gave the same page aga",
        "Shopify gave an empty page alt",
        "Shopify gave shorter pages tha",
    ]
    assert (run.counts["read"], run.counts["changed"]) == (1_000, 1_000)
    assert "Shopify ignored the filter on updated_at" in unfiltered.notes[0]
    assert (unfiltered.counts["read"], unfiltered.counts["changed"]) == (20, 20)
    assert set(shop.get("/fake/state")["faults"]) == {"ignore_filter", *(kind for kind, _, _ in SHOPIFY)}
    assert brevo_says(house.sandbox.contacts()) == shopify_says(shop)


def test_whatever_woocommerce_answers_the_run_ends_right_and_says_so(house, corner, told):
    for kind, options in WOOCOMMERCE.items():
        corner.fault(kind, path="/wc/v3/customers*", **options)
    run = house.sync("corner", "full")
    again = house.sync("corner", "full", dry=True)
    corner.fault("ignore_filter", count=None)
    for n in range(3):
        corner.post("/fake/orders", {"email": f"guest{n}@mail.example", "status": "processing"})
    unfiltered = house.sync("corner")

    told(
        f"bad pages of WooCommerce: {', '.join(WOOCOMMERCE)} in one run of {run.counts['read']}, and an ignored filter"
    )
    # what is read without faults is as much, and nothing of it is new
    assert again.counts["unchanged"] == again.counts["read"] == run.counts["read"]
    assert [note.removeprefix(OFF)[:33] for note in run.notes] == [
        "The shop answered 200 with a PHP ",
        "the same page came twice: a cache",
    ]
    assert "The shop ignores `modified_after`" in unfiltered.notes[0]
    assert {f"guest{n}@mail.example" for n in range(3)} <= set(house.sandbox.contacts())
