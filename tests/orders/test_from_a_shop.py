"""A shop's stand-in sells, its own deliveries are read, and Brevo has the orders: nothing between is made by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.woocommerce.connector import WooCommerceConnector
from connectors.woocommerce.tests.caller import NOW_S, Woo
from customer_sync.base.clock import utc_now
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Inbound
from customer_sync.pipeline import accept
from tests.fakes.receiver import Receiver, receiving
from tests.orders.rig import OrdersRig

TOPICS = ("order.created", "order.updated", "order.deleted", "order.restored")


class Shop:
    """A shop, and the line that hears of it."""

    def __init__(self, rig: OrdersRig, receiver: Receiver) -> None:
        self.rig, self.woo, self._receiver, self._heard = rig, Woo(), receiver, 0
        self.woo.clock.offset_s = rig.clock() / 1000 - NOW_S
        connector = WooCommerceConnector(SourceSettings("tea", "woocommerce", ("s3cr3t",)))
        rig.line.connectors = {**rig.line.connectors, "tea": connector}
        for topic in TOPICS:
            self.woo.hook(topic, receiver.url)

    def act(self, path: str, body: object = None, method: str = "POST") -> dict[str, object]:
        """Let something happen in the shop a second later, and all of it reach Brevo."""
        self.woo.clock.offset_s += 1
        answer = self.woo.fake(method, path, body or {})
        self.woo.fake("POST", "deliver")
        for one in self._receiver.got[self._heard :]:
            if "x-wc-webhook-topic" in one.headers:
                inbound = Inbound("tea", one.headers, one.body, utc_now(self.rig.clock))
                self.rig.line.connectors["tea"].verify(inbound, ("s3cr3t",))
                accept(self.rig.line, inbound)
        self._heard = len(self._receiver.got)
        self.rig.read()
        self.rig.deliver_all()
        return dict(answer)

    def sees(self, number: object) -> tuple[str, float]:
        """Return the status and the amount of an order in Brevo."""
        row = self.rig.orders[f"tea:{number}"]
        return row["status"], row["amount"]


@pytest.fixture
def shop(client) -> Iterator[Shop]:
    with receiving() as receiver:
        yield Shop(OrdersRig(client), receiver)


def test_an_order_is_placed_paid_refunded_in_part_deleted_and_restored(shop):
    made = shop.act("orders", {"email": "mia@example.com", "status": "on-hold"})
    number, total = made["id"], float(made["total"])
    placed = shop.sees(number)
    shop.act(f"orders/{number}/pay")
    paid = shop.sees(number)
    shop.act(f"orders/{number}/refund", {"amount": "3.00"})
    refunded = shop.sees(number)
    shop.act(f"orders/{number}", method="DELETE")
    deleted = shop.sees(number)
    shop.act(f"orders/{number}/restore")

    assert placed[0] != paid[0]
    assert paid == ("paid", total)
    assert refunded == ("paid", pytest.approx(total - 3))
    assert deleted[1] == 0
    assert shop.sees(number) == refunded
    assert [name for name in shop.rig.orders if name.startswith("tea:")] == [f"tea:{number}"]


def test_an_order_that_is_cancelled_earned_nothing(shop):
    number = shop.act("orders", {"email": "leo@example.com", "status": "pending"})["id"]
    shop.act(f"orders/{number}/cancel")

    assert shop.sees(number) == ("cancelled", 0.0)


def test_a_checkout_that_is_open_is_no_order_and_becomes_one(shop):
    number = shop.act("carts", {"email": "ida@example.com"})["id"]
    open_ = dict(shop.rig.orders)
    bought = shop.act(f"orders/{number}/pay")

    assert open_ == {}
    assert shop.sees(number) == ("paid", float(bought["total"]))
    assert shop.rig.fired == [("paid", f"tea:{number}")]


def test_a_gift_card_pays_all_of_an_order(shop):
    fee = {"name": "Gift card", "total": "-14.80"}
    made = shop.act("orders", {"email": "noor@example.com", "status": "processing", "fee_lines": [fee]})

    assert float(made["total"]) == 0
    assert shop.sees(made["id"]) == ("paid", 0.0)


def test_an_order_with_a_product_that_is_gone_is_sent_once_and_the_next_one_follows(shop):
    gone = shop.act("orders", {"email": "a@example.com", "status": "processing", "line_items": [{"product_id": 0}]})
    after = shop.act("orders", {"email": "b@example.com", "status": "processing"})

    assert shop.sees(gone["id"]) == ("paid", float(gone["total"]))
    assert shop.sees(after["id"]) == ("paid", float(after["total"]))
    assert shop.rig.client.hlen("tajo:parked") == 0


def test_an_order_in_another_currency_is_left_out_and_the_next_one_follows(shop):
    shop.act("orders", {"email": "a@example.com", "status": "processing", "currency": "MXN"})
    after = shop.act("orders", {"email": "b@example.com", "status": "processing"})

    assert list(shop.rig.orders) == [f"tea:{after['id']}"]
    assert shop.rig.client.hlen("tajo:parked") == 0
