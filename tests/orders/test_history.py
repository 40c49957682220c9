"""Orders of a run go by the thousand as history and start no automation; what happens now does, once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from customer_sync.batch.runs import step
from customer_sync.batch.starts import start
from customer_sync.kit.outbound import Reply
from customer_sync.kit.reach import Page
from customer_sync.model import Kind, from_ms
from customer_sync.store.run import RunKind, RunState
from tests.orders.rig import OrdersRig, order
from tests.rig import at

PAGE = 300
UPDATED = Kind.ORDER_UPDATED


class HistoryRig(OrdersRig):
    """A shop whose orders can be pulled."""

    def __init__(self, client, **more):
        super().__init__(client, **more)
        self.history = {}
        self.puller.wanted = lambda _: ("customers", "orders")
        connector, customers = self.sources["shop"], self.sources["shop"].pull

        def pull(want, access):
            return customers(want, access) if want.resource == "customers" else self._page(want)

        connector.pull = pull

    def _page(self, want):
        after = int(str((want.cursor or {}).get("after", 0)))
        rows = list(self.history.values())[after : after + PAGE]
        is_last = after + PAGE >= len(self.history)
        return Page(rows, None if is_last else {"after": after + PAGE}, total=len(self.history))

    def fill(self, count, **more):
        """Let the shop have so many orders of years ago."""
        for n in range(count):
            self.history[n] = past(str(n), **more)

    def begin(self):
        return start(self.puller, "shop", RunKind.FULL, resource="orders")

    def read_all(self, run):
        """Read a run to its end, and deliver nothing."""
        while self.read_run(run).state is RunState.RUNNING:
            step(self.puller, run.id)

    def run(self):
        """Do a whole run."""
        run = self.begin()
        self.read_all(run)
        self.deliver()
        self.deliver_orders(patience_s=0.3)
        self.again(run)
        step(self.puller, run.id)
        assert self.read_run(run).state is RunState.DONE


def past(own, *, days=700, when=0, created=None, **more):
    """An order of long ago, as a run reads it."""
    told = order(own, kind=UPDATED, when=when - days * 86_400, email=f"c{own}@example.com", **more)
    created = (created or at(0) - timedelta(days=days)).isoformat()
    return type(told)(
        f"pull:{own}", "shop", UPDATED, told.occurred_at, own, None, {**told.record, "createdAt": created}
    )


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr("customer_sync.brevo.orders.LOOK_MS", 100)


@pytest.fixture
def rig(client):
    return HistoryRig(client)


def sizes(rig):
    """How many orders each batch had."""
    return [len(body["orders"]) for body in rig.called("/orders/status/batch")]


def test_a_run_sends_full_batches_of_history_and_starts_no_automation(rig):
    rig.fill(1200)
    rig.run()

    assert sizes(rig) == [1000, 200]
    assert all(body["historical"] is True for body in rig.called("/orders/status/batch"))
    assert len(rig.orders) == 1200
    assert rig.fired == []


def test_of_a_first_run_the_one_that_comes_by_webhook_starts_one_automation_though_the_run_met_it(rig):  # field case 14
    rig.fill(1200)
    rig.history[0] = past("live", days=0, when=-30, created=at(-60))
    rig.run()
    rig.tell(order("live", when=-30, email="clive@example.com"))

    assert len(rig.orders) == 1200
    assert rig.fired == [("paid", "shop:live")]


def test_the_same_where_the_webhook_is_first(rig):
    rig.fill(20)
    rig.history[0] = past("live", days=0, when=-30, created=at(-60))
    rig.tell(order("live", when=-30, email="clive@example.com"))
    rig.run()

    assert rig.fired == [("paid", "shop:live")]
    assert sizes(rig) == [19]


def test_a_second_run_sends_only_what_changed(rig):
    rig.fill(300)
    rig.run()
    rig.history[7] = past("7", when=5, amount=10.0)
    rig.run()

    assert sizes(rig) == [300, 1]
    assert rig.orders["shop:7"]["amount"] == 10.0


def test_a_note_on_an_old_order_starts_no_automation_but_its_refund_does(rig):
    rig.fill(3)
    rig.run()
    rig.tell(order("1", kind=UPDATED, when=-5, email="c1@example.com", createdAt=at(-9e7).isoformat(), coupons=["X"]))
    rig.deliver_orders(patience_s=0.3)
    quiet, coupons = list(rig.fired), rig.orders["shop:1"]["coupons"]
    rig.tell(
        order("2", kind=UPDATED, when=-4, email="c2@example.com", createdAt=at(-9e7).isoformat(), state="refunded")
    )

    assert (quiet, coupons) == ([], ["X"])
    assert rig.fired == [("refunded", "shop:2")]


def test_a_batch_is_not_sent_half_empty_while_the_run_reads(rig):
    rig.fill(900)
    run = rig.begin()
    step(rig.puller, run.id)
    rig.deliver()
    rig.deliver_orders(patience_s=0.0)
    while_reading = sizes(rig)
    rig.read_all(run)
    rig.deliver()
    rig.deliver_orders(patience_s=0.3)

    assert while_reading == []
    assert sizes(rig) == [900]


def test_a_batch_is_sent_after_half_a_minute_however_slow_the_run_is(rig):
    rig.fill(900)
    run = rig.begin()
    step(rig.puller, run.id)
    rig.deliver()
    rig.clock.set(from_ms(rig.clock() + 60_000))
    rig.deliver_orders()

    assert sizes(rig) == [300]


def test_a_batch_is_never_larger_than_brevo_takes(rig):
    rig.handler.most_bytes = 20_000
    rig.fill(100)
    rig.run()

    assert all(len(str(body)) < 25_000 for body in rig.called("/orders/status/batch"))
    assert len(rig.orders) == 100


def test_the_hourly_limit_of_batches_is_kept_and_what_is_left_waits(client):
    rig = HistoryRig(client, plan="general")
    client.hset("tajo:lim:contacts", "rps", 0)
    rig.handler.most = 10
    rig.fill(1200)
    rig.line.skills = rig.line.skills[1:]  # the lane of people has limits of its own
    rig.read_all(rig.begin())
    rig.deliver()
    rig.deliver_orders(patience_s=0.3)

    assert 90 <= len(sizes(rig)) <= 100
    assert rig.waits() == 1200 - sum(sizes(rig))
    assert client.hlen("tajo:parked") == 0


def test_one_order_that_brevo_refuses_is_found_in_few_calls_and_the_others_are_there(rig):
    rig.fill(64)
    bad = {"code": "invalid_parameter", "message": "bad"}
    real = rig.http.send

    def send(method, url, *, headers, body=None):
        if url.endswith("/batch") and b'"shop:40"' in body:
            rig.http.calls.append((method, "/orders/status/batch", {"orders": []}))
            return Reply(400, {}, str(bad).replace("'", '"').encode())
        return real(method, url, headers=headers, body=body)

    rig.http.send = send
    rig.run()

    assert len(rig.orders) == 63
    assert rig.client.hlen("tajo:parked") == 1
    assert len(sizes(rig)) < 20


def test_an_order_may_come_before_its_product(rig):  # field case 23
    rig.tell(order(lines=[{"productId": "900", "quantity": 1, "price": 45.0}]))

    assert rig.orders["shop:1001"]["products"][0]["productId"] == "shop:900"


def test_orders_that_were_left_out_for_their_currency_are_sent_by_a_run_once_it_fits(rig):
    rig.fill(3, currency="USD")
    rig.run()
    nothing = dict(rig.orders)
    rig.sandbox.ecommerce.set_currency({"code": "USD"})
    rig.store.set_note("commerce", None)
    rig.run()

    assert nothing == {}
    assert len(rig.orders) == 3
    assert any("Order #1001 is in USD, the account counts in EUR." in one for one in rig.alerts())


def test_what_was_live_long_ago_and_left_out_until_now_starts_no_automation(rig):
    days = 4 * 86_400
    rig.tell(order("9", when=-days, email="c9@example.com", currency="USD", createdAt=at(-days).isoformat()))
    rig.history[9] = past("9", days=4, created=at(-days), currency="USD")
    rig.sandbox.ecommerce.set_currency({"code": "USD"})
    rig.store.set_note("commerce", None)
    rig.run()

    assert list(rig.orders) == ["shop:9"]
    assert rig.fired == []
