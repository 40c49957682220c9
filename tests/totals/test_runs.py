"""Runs, imports and the nightly compare work by the same totals as a single delivery does."""

from __future__ import annotations

import json

import pytest

from customer_sync.model import Kind, Priority
from customer_sync.store.run import RunKind
from tests.bulk.rig import BulkRig
from tests.bulk.rig import customer as listed
from tests.reconcile.conftest import Account, reconciled_sandbox  # noqa: F401  # the fixture of the sandbox
from tests.runs.shop import RunRig
from tests.totals.shop import LANE, TYPES, begin, bought, keep_orders, order


@pytest.fixture
def shop(client):
    """The line with a shop that can be pulled."""
    found = RunRig(client)
    keep_orders(found)
    return found


@pytest.fixture
def imports(client):
    """The line with its bulk gear, and a sandbox."""
    found = BulkRig(client)
    for name, kind in TYPES.items():
        found.sandbox.attributes.create("normal", name, {"type": kind})
    keep_orders(found)
    yield found
    found.sandbox.close()


@pytest.fixture
def account(client, reconciled_sandbox):  # noqa: F811  # the fixture of the sandbox
    """The line over a sandbox, and a compare of both."""
    reconciled_sandbox.reset()
    found = Account(client, reconciled_sandbox)
    for name, kind in TYPES.items():
        found.sandbox.call("POST", f"/v3/contacts/attributes/normal/{name}", {"type": kind})
    keep_orders(found.rig)
    return found


def settle(rig, *events):
    for event in events:
        rig.send(event)
    rig.read()
    rig.deliver()


def test_a_run_finds_buyers_unchanged_whose_totals_are_delivered(shop):
    shop.shop.add(20)
    shop.finish(shop.start())
    settle(shop, *[bought(f"o{n}", -100, f"c{n}@example.com", 10, account=n) for n in range(1, 11)])
    assert shop.brevo.contacts["c3@example.com"].attributes["TOTAL_SPENT"] == 10
    calls = len(shop.brevo.calls)

    done = shop.finish(shop.start())

    assert done.counts["changed"] == 0
    assert len(shop.brevo.calls) == calls


def test_a_refund_takes_away_no_imprint_of_what_a_run_read_of_the_customer(shop):
    shop.shop.add(1)
    shop.finish(shop.start())
    settle(shop, bought("o1", -100, "c1@example.com", 10, account=1))
    number = int(shop.store.people.find("c1@example.com"))
    shop.client.setrange("tajo:imprint:0", number * 8, "imprint!")

    settle(shop, order("o1", -50, kind=Kind.ORDER_REFUNDED, refunds={"r": 4}))

    assert shop.brevo.contacts["c1@example.com"].attributes["TOTAL_SPENT"] == 6
    assert shop.client.getrange("tajo:imprint:0", number * 8, number * 8 + 7) == b"imprint!"


def test_an_import_carries_the_totals_of_its_people(imports):
    imports.put([listed(n) for n in range(1, 31)])
    imports.put([bought(f"o{n}", -100, None, 2.5 * n, account=n) for n in range(1, 11)])
    bodies = []
    imports.http.before = lambda _, path, body: path == "v3/contacts/import" and bodies.append(json.loads(body))

    imports.settle()

    rows = {row["email"]: row["attributes"] for row in bodies[0]["jsonBody"]}
    assert (rows["p4@example.com"]["TOTAL_ORDERS"], rows["p4@example.com"]["TOTAL_SPENT"]) == (1, 10)
    assert "TOTAL_ORDERS" not in rows["p20@example.com"]
    assert imports.calls("POST", "/contacts") == 0


def test_a_buyer_who_is_imported_and_then_changed_singly_has_the_same_totals(imports):
    imports.put([listed(n) for n in range(1, 31)])
    imports.put([bought(f"o{n}", -100, None, 10, account=n) for n in range(1, 11)])
    imports.settle()

    imports.put([listed(n, when=-50) for n in range(1, 31)], Priority.LIVE)
    imports.settle()

    assert imports.counted()["tajo_items_total|contacts|unchanged"] == 30


def test_the_compare_agrees_with_what_was_delivered(account):
    account.customers(range(5))
    settle(account.rig, *[bought(f"o{n}", -50, f"c{n}@example.com", 10, account=n) for n in range(3)])

    receipt = account.reconcile()

    assert (receipt.equal, receipt.drifted) == (5, 0)


def test_a_total_that_was_changed_by_hand_in_brevo_is_found_and_mended(account):
    account.customers(range(5))
    settle(account.rig, *[bought(f"o{n}", -50, f"c{n}@example.com", 10, account=n) for n in range(3)])
    account.alter(1, attributes={"TOTAL_SPENT": 99})

    receipt = account.mend()

    assert {name: drift.count for name, drift in receipt.by_field.items()} == {"TOTAL_SPENT": 1}
    assert account.contact(1)["attributes"]["TOTAL_SPENT"] == 10


def test_orders_from_before_a_mapping_asked_for_totals_are_summed_up_by_the_next_compare(account):
    account.rig.store.orders.lane = ""
    account.rig.store.lanes.register(LANE, keeps="records")
    account.customers(range(5))
    settle(account.rig, *[bought(f"o{n}", -50, f"c{n}@example.com", 10, account=n) for n in range(3)])
    assert "TOTAL_SPENT" not in account.contact(1)["attributes"]
    begin(account.rig.store)

    receipt = account.mend()

    assert receipt.drifted == 3
    assert account.contact(1)["attributes"]["TOTAL_SPENT"] == 10
    assert account.reconcile().equal == 5


def test_a_compare_run_of_the_shop_leaves_totals_alone(shop):
    shop.shop.add(5)
    shop.finish(shop.start())
    settle(shop, bought("o1", -100, "c1@example.com", 10, account=1))

    done = shop.finish(shop.start(RunKind.COMPARE))

    assert done.counts["changed"] == 0
    assert shop.brevo.contacts["c1@example.com"].attributes["TOTAL_SPENT"] == 10
