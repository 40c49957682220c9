"""Bodies as two platforms send them, through the whole line of an installation, to the sandbox's orders."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from customer_sync.assembly import open_line
from customer_sync.loading import load_settings
from customer_sync.model import Inbound
from customer_sync.pipeline import accept, deliver, process_inbox
from customer_sync.store import connect
from tests.sandbox_server import sandbox_server

CONFIG = """\
connectors:
  shopify: {shop_url: demo.myshopify.com, api_secret: s}
  woo: {platform: woocommerce, webhook_secret: s}
skills:
  customer-sync: {enabled: true}
  order-events: {enabled: true}
"""


class House:
    """An installation, and its sandbox."""

    def __init__(self, folder, redis_url, sandbox):
        (folder / "tajo.yaml").write_text(CONFIG)
        env = {"TAJO_REDIS_URL": redis_url, "BREVO_API_URL": sandbox.url, "BREVO_API_KEY": "k"}
        settings = load_settings(folder / "tajo.yaml", env)
        self.sandbox = sandbox
        self.line = open_line(settings, connect(redis_url), lambda _: None, folder)

    def tell(self, source, topic, body, delivery):
        name = "x-wc-webhook" if source == "woo" else "x-shopify"
        headers = {
            f"{name}-topic": topic,
            f"{name}-delivery-id": delivery,
            "x-shopify-webhook-id": delivery,
            "x-shopify-event-id": delivery,
            "x-shopify-shop-domain": "demo.myshopify.com",
        }
        accept(self.line, Inbound(source, headers, json.dumps(body).encode(), datetime.now(UTC)))
        while process_inbox(self.line):
            pass
        for lane in ("contacts", "orders"):
            while deliver(self.line, lane).did_work:
                pass

    def orders(self):
        rows = self.sandbox.call("GET", "/v3/orders")["orders"]
        return {row["id"]: (row["status"], row["amount"], row["email"]) for row in rows}


@pytest.fixture
def house(tmp_path, client, redis_url):
    with sandbox_server("--currency", "EUR") as sandbox:
        yield House(tmp_path, redis_url, sandbox)


def test_a_refund_in_part_and_a_deletion_of_one_platform(house):  # field cases 1 and 13
    order = {
        "id": 501,
        "number": "2026-0017-B",
        "status": "completed",
        "currency": "EUR",
        "total": "100.00",
        "date_created_gmt": "2026-11-20T09:00:00",
        "date_modified_gmt": "2026-11-20T10:00:00",
        "billing": {"email": "mia@example.com"},
        "line_items": [{"id": 1, "product_id": 60, "variation_id": 0, "quantity": 1, "price": 100, "total": "100.00"}],
        "refunds": [],
    }
    house.tell("woo", "order.created", order, "1")
    first = house.orders()
    refunded = {**order, "refunds": [{"id": 9, "total": "-30.00"}], "date_modified_gmt": "2026-11-20T11:00:00"}
    house.tell("woo", "order.updated", refunded, "2")
    second = house.orders()
    house.tell("woo", "order.deleted", {"id": 501}, "3")

    assert first == {"woo:501": ("paid", 100.0, "mia@example.com")}
    assert second == {"woo:501": ("paid", 70.0, "mia@example.com")}
    assert house.orders() == {"woo:501": ("deleted", 0.0, "mia@example.com")}


def test_an_unpaid_order_that_is_cancelled_of_another(house):  # field cases 2 and 11
    order = {
        "id": 7,
        "name": "#1007",
        "financial_status": "pending",
        "total_price": "80.00",
        "current_total_price": "80.00",
        "currency": "EUR",
        "customer": None,
        "email": "",
        "contact_email": "tove@example.com",
        "created_at": "2026-11-20T09:00:00-04:00",
        "updated_at": "2026-11-20T09:00:00-04:00",
        "line_items": [
            {"id": 1, "product_id": None, "variant_id": None, "title": "Old mug", "price": "80.00", "quantity": 1}
        ],
    }
    house.tell("shopify", "orders/create", order, "1")
    first = house.orders()
    cancelled = {**order, "cancelled_at": "2026-11-20T10:00:00-04:00", "updated_at": "2026-11-20T10:00:00-04:00"}
    house.tell("shopify", "orders/cancelled", cancelled, "2")

    assert first == {"shopify:7": ("created", 80.0, "tove@example.com")}
    assert house.orders() == {"shopify:7": ("cancelled", 0.0, "tove@example.com")}
