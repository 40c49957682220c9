"""What `tajo contacts explain` says of a customer's totals."""

from __future__ import annotations

import pytest

from customer_sync.base.clock import utc_now
from customer_sync.engine.plan import commit_told
from customer_sync.model import Kind
from customer_sync.reading import Reader
from tests.cli.conftest import CONFIG
from tests.engine.test_addresses import customer
from tests.totals.shop import bought, order

MIA = "mia@example.com"
MAPPING = """      totalOrders: TOTAL_ORDERS
      total_spent: TOTAL_SPENT
      lastOrderDate: LAST_ORDER_DATE
"""


@pytest.fixture
def shop(tajo):
    """Tells of what happened in the shop."""
    text = CONFIG.replace("      city: CITY\n", "      city: CITY\n" + MAPPING) + "  order-events:\n    enabled: true\n"
    tajo.config.write_text(text)

    def tell(*events):
        line = tajo.line()
        reader = Reader(line.store, line.connectors, line.skills, line.store.now_ms())
        read, fault = reader.handed(events, utc_now(line.clock))
        assert fault is None
        commit_told(line.store, read.request.events, lambda _: None)

    return tell


def test_the_orders_that_count_and_those_that_do_not_are_shown_with_the_sums(tajo, shop):
    shop(
        customer(7, MIA, -900, source="woo", totalOrders=5),
        bought("501", -300, MIA, 100, source="woo", number="2026-17"),
        order("501", -200, kind=Kind.ORDER_REFUNDED, source="woo", refunds={"9": 30}),
        bought("502", -100, MIA, 590, source="woo", currency="MXN"),
        bought("503", -90, MIA, 20, source="woo", state="cancelled"),
    )
    tajo.line().store.set_note("commerce", {"is_on": True, "currency": "EUR", "at": 1})

    found = tajo.json("contacts", "explain", MIA)

    totals = found["totals"]
    assert (totals["currency"], totals["known"]) == ("EUR", 3)
    told = [(one["number"], one["worth"], one["counts"], one["why"]) for one in totals["orders"]]
    assert told == [
        ("503", 0, False, "It was cancelled."),
        ("502", 590, False, "It is in MXN, and Brevo shows amounts in EUR."),
        ("2026-17", 70, True, ""),
    ]
    assert totals["totals"][:2] == [
        {
            "field": "totalOrders",
            "attribute": "TOTAL_ORDERS",
            "sum": 1,
            "platform": 5,
            "source": "woo",
            "difference": -4,
        },
        {
            "field": "totalSpent",
            "attribute": "TOTAL_SPENT",
            "sum": 70,
            "platform": None,
            "source": "",
            "difference": None,
        },
    ]
    values = {one["field"]: (one["value"], one["source"]) for one in found["values"]}
    assert values["TOTAL_ORDERS"] == (5, "woo")
    assert values["TOTAL_SPENT"] == (70, "orders")
    text = tajo("contacts", "explain", MIA).stdout
    assert "Orders (3 known)" in text
    assert "Totals, in EUR" in text
    assert "5 (woo)" in text


def test_an_erasure_leaves_nothing_to_explain(tajo, shop, sandbox):
    shop(customer(7, MIA, -900, source="woo"), bought("501", -300, MIA, 100, source="woo", number="2026-17"))
    tajo("contacts", "erase", MIA, "--yes", "--wait", "0", code=1)
    tajo.work()

    client = tajo.line().store.client
    assert not [key for key in client.scan_iter("tajo:*") if b"501" in key or key.startswith(b"tajo:of:")]
    assert "2026-17" not in tajo("contacts", "explain", MIA).stdout


def test_where_no_totals_are_made_of_orders_nothing_is_said_of_them(tajo, shop):
    tajo.config.write_text(CONFIG)
    shop(customer(7, MIA, -900, source="woo"), bought("501", -300, MIA, 100, source="woo"))

    assert tajo.json("contacts", "explain", MIA)["totals"] is None


def test_the_totals_in_brevo_follow_the_webhooks_of_a_shop(tajo, shop, sandbox):
    tajo("attributes", "apply", "--yes")
    sandbox.call("POST", "/v3/ecommerce/config/displayCurrency", {"code": "EUR"})
    body = {
        "id": 501,
        "number": "501",
        "status": "completed",
        "currency": "EUR",
        "total": "100.00",
        "customer_id": 0,
        "billing": {"email": MIA},
        "date_created_gmt": "2026-11-19T10:00:00",
        "refunds": [],
    }

    def told(topic, **more):
        tajo.send({**body, **more} if "id" not in more else more, topic)
        tajo.work()
        found = sandbox.contacts()[MIA]["attributes"]
        return found["TOTAL_ORDERS"], found["TOTAL_SPENT"]

    assert told("order.created") == (1, 100)
    refund = {"refunds": [{"id": 9, "total": "-30.00"}], "date_modified_gmt": "2026-11-20T11:00:00"}
    assert told("order.updated", **refund) == (1, 70)
    assert told("order.deleted", id=501) == (0, 0)
    assert told("order.restored", **{**refund, "date_modified_gmt": "2026-11-20T12:00:00"}) == (1, 70)
