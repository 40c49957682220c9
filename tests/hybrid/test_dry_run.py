"""A dry run sends nothing and tells exactly what the real one then does."""

from __future__ import annotations

import pytest

from customer_sync.store.run import Run
from tests.hybrid.house import LIST
from tests.hybrid.stores import rows_of

pytestmark = pytest.mark.slow
#: What a dry run tells; the others are told by deliveries.
TOLD = ("read", "changed", "unchanged", "refused", "creates", "updates", "blocks", "unlists", "deletes", "empties")


def test_a_dry_run_tells_what_the_real_run_then_does_and_sends_nothing(house, shop, told):
    first = house.sync("shop", "full", dry=True)
    unsent = house.sent().all
    house.sync("shop", "full")
    people = [row for row in rows_of(shop) if row["email"]]
    agreed = [row["id"] for row in people if row["emailState"] == "SUBSCRIBED"]
    others = [row["id"] for row in people if row["emailState"] == "NOT_SUBSCRIBED"]
    shop.post("/fake/customers/change", {"ids": others[:30], "fields": {"lastName": "Dry"}, "silent": True})
    shop.post("/fake/customers/change", {"ids": others[30:40], "fields": {"firstName": None}, "silent": True})
    shop.post("/fake/customers/consent", {"ids": agreed[:15], "state": "UNSUBSCRIBED", "silent": True})
    shop.post("/fake/customers/delete", {"ids": agreed[15:35], "silent": True})
    shop.post("/fake/customers", {"count": 12})
    house.settle()  # phones follow an import singly
    before, state = house.sent(), house.sandbox.contacts()

    dry = house.sync("shop", "compare", dry=True)
    after_dry, state_after_dry = house.sent(), house.sandbox.contacts()
    real = house.sync("shop", "compare")
    written = house.sent().all - after_dry.all
    contacts = house.sandbox.contacts()

    told(
        f"dry run: {dry.counts['creates']} creates, {dry.counts['updates']} updates, {dry.counts['blocks']} "
        f"blocks told; {written} contacts then written by the real one, the counts the same"
    )
    assert first.counts["creates"] == len(state)
    assert unsent == 0
    assert (after_dry, state_after_dry) == (before, state)
    assert counts(dry) == counts(real)
    assert (dry.counts["creates"], dry.counts["updates"]) == (12, 15 + 20 + 40 - 20)
    assert (dry.counts["blocks"], dry.counts["unlists"], dry.counts["empties"]) == (35, 20, 10)
    assert written == real.counts["changed"] == 87
    assert len(contacts) == len(state) + 12
    assert sum(LIST in one["listIds"] for one in contacts.values()) == len(agreed) - 20


def test_a_first_dry_run_of_woocommerce_counts_at_most_one_in_fifty_twice(house, corner, told):
    """Somebody new is known by two records, of the accounts and of the report: what is not put is not recognised."""
    dry = house.sync("corner", "full", dry=True)
    unsent = house.sent().all
    house.sync("corner", "full")
    made = len(house.sandbox.contacts())
    again = house.sync("corner", "full", dry=True)

    told(f"dry run, WooCommerce: {dry.counts['creates']} creates told, {made} contacts made")
    assert unsent == 0
    assert made <= dry.counts["creates"] <= made * 1.02
    assert (again.counts["changed"], again.counts["creates"]) == (0, 0)


def counts(run: Run) -> dict[str, int]:
    return {name: run.counts[name] for name in TOLD}
