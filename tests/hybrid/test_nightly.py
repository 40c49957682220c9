"""The nightly compare, end to end: who is gone at the shop leaves, but not too many at once."""

from __future__ import annotations

import pytest

from customer_sync.store import keys
from tests.hybrid.house import LIST
from tests.hybrid.stores import rows_of
from tests.stores.servers import StoreClient

pytestmark = pytest.mark.slow


def test_who_was_deleted_at_the_shop_is_blocked_and_off_the_lists_and_too_many_at_once_need_force(house, shop, told):
    house.sync("shop", "full")
    agreed = [row for row in rows_of(shop) if row["emailState"] == "SUBSCRIBED" and row["email"]]
    few, many = agreed[:40], agreed[40:100]

    delete(shop, few)
    first = house.sync("shop", "compare")
    house.wait_until(lambda: receipts(house))
    gone = state_of(house, few)
    before = house.sent()
    delete(shop, many)
    stopped = house.sync("shop", "compare", ends="stopped")
    untouched, sent = state_of(house, many), house.sent()
    house.tajo("runs", "resume", stopped.id, "--force", "--yes")
    house.wait_for(stopped.id, "done")
    house.wait_until(lambda: len(receipts(house)) == 2)
    receipt = receipts(house)[0]

    told(
        f"nightly compare: 40 gone left Brevo, then 60 more: {stopped.reason} Forced: {house.sent().all - sent.all} "
        f"contacts written; Brevo's side in sync {receipt['in_sync']} of {receipt['totals']['in_brevo']}"
    )
    assert gone == {(True, False)}
    assert first.counts["blocks"] == 40
    assert "--force" in stopped.remedy
    assert "60 contacts" in stopped.reason
    assert untouched == {(False, True)}
    assert sent == before
    assert state_of(house, many) == {(True, False)}
    assert receipt["heal"]
    assert (receipt["in_sync"], receipt["totals"]["drifted"]) == (1.0, 0)
    # the run before tells what the source says otherwise
    by_source = receipt["by_source"]["shop"]
    assert (by_source["source"]["in_sync"], by_source["source"]["read"] > 0) == (1.0, True)
    assert not house.client.exists(keys.RECONCILE_DUE)
    assert house.sandbox.mailable() == []


def delete(shop: StoreClient, rows: list[dict]) -> None:
    shop.post("/fake/customers/delete", {"ids": [row["id"] for row in rows], "silent": True})


def state_of(house, rows: list[dict]) -> set[tuple[bool, bool]]:
    """Whether each is blocked, and on our list."""
    contacts = house.sandbox.contacts()
    found = (contacts[row["email"].lower()] for row in rows)
    return {(one["emailBlacklisted"], LIST in one["listIds"]) for one in found}


def receipts(house) -> list[dict]:
    """The receipts that were kept, newest first."""
    return house.tajo("reconcile", "show", "--json")["items"]
