"""The rest of what others reported of BigCommerce, through the whole line: B2, B4, B6."""

from __future__ import annotations

import json

import pytest

from connectors.bigcommerce.tests.line import Line
from connectors.bigcommerce.tests.standin import CARTS, NEWSLETTER
from connectors.bigcommerce.tests.standin import House as Store
from connectors.bigcommerce.tests.test_field_cases import ANA, refusal
from customer_sync import assembly
from customer_sync.batch.runs import step
from customer_sync.batch.starts import start
from customer_sync.errors import TajoError, TryLater
from customer_sync.kit.reach import Access, Want
from customer_sync.model import Inbound
from customer_sync.pacing import PacedHttp
from customer_sync.pipeline import deliver
from customer_sync.store import inbox
from customer_sync.store.run import RunKind, RunState
from tests.conftest import client, redis_url  # noqa: F401  # fixtures of an empty Redis
from tests.redis_time import TimedLimits


@pytest.fixture
def line(client, tmp_path, monkeypatch):  # noqa: F811  # the fixture
    found = Line(client, tmp_path, monkeypatch)
    yield found
    found.house.sandbox.close()


def leave(line, email):
    """Let somebody leave in Brevo, and do what follows."""
    house = line.house
    house.brevo("PUT", f"/contacts/{email}", {"emailBlacklisted": True})
    told = {"event": "unsubscribed", "email": email, "ts_event": int(house.time.now_s)}
    house.store.inbox.append([inbox.encode(Inbound("brevo", {}, json.dumps(told).encode(), house.now), ())])
    for _ in range(3):
        house.work()
        try:
            while deliver(house.line, "writeback:bc").did_work:
                pass
        except TajoError:
            pass
        house.pass_time(seconds=40)


def test_b2_who_leaves_in_brevo_keeps_the_consent_to_cart_mails_and_our_echo_changes_nothing(line):
    line.customer(ANA)
    line.fake.agree(ANA, [NEWSLETTER, CARTS])
    line.hear()
    line.house.pass_time(minutes=5)
    assert line.lists(ANA) == [2]
    leave(line, ANA)
    line.hear()

    assert line.fake.subscriber_of(ANA)["consents"] == [CARTS]
    assert line.is_blocked(ANA)


def test_b6_an_order_reaches_brevo_with_the_amount_in_the_currency_of_its_payment(line):
    number = line.customer(ANA)
    codes = {"currency_code": "USD", "default_currency_code": "EUR", "store_default_currency_code": "AUD"}
    order = line.fake.add_order(line.fake.customer(number), status_id=11)
    line.fake.orders.put(order["id"], {**line.fake.orders.get(order["id"]), **codes, "total_inc_tax": "100.0000"})
    other = line.fake.add_order(line.fake.customer(number), status_id=11)
    swapped = {**codes, "currency_code": "EUR", "default_currency_code": "USD"}
    line.fake.orders.put(other["id"], {**line.fake.orders.get(other["id"]), **swapped, "total_inc_tax": "70.0000"})
    line.hear()
    line.house.pass_time(minutes=5)

    # Brevo counts in EUR here; what was paid in another currency is not sent as if it were
    assert {name: row["amount"] for name, row in line.house.orders.items()} == {f"bc:{order['id']}": 100.0}


def test_b4_refusals_without_a_word_hold_all_calls_longer_each_time_and_never_for_nothing(client, monkeypatch):  # noqa: F811  # the fixture
    store, limits, waits = Store(customers=2), TimedLimits(client), []
    real = limits.hold

    def hold(bucket, reset_s=None):
        waits.append(real(bucket, reset_s))

    monkeypatch.setattr(limits, "hold", hold)
    store.answers = [refusal() for _ in range(5)]
    http = PacedHttp(store, limits, "bc", store.connector.pace)
    access = Access(http, store.vault, store.fake.clock, http.hold)
    for _ in range(5):
        with pytest.raises(TryLater):
            store.connector.pull(Want("customers", None, None), access)
        limits.time.move(waits[-1] + 1)

    assert len(waits) == 5
    assert min(waits) > 0
    assert waits[-1] > 2 * waits[0]
    assert waits == sorted(waits)


def test_b4_a_run_that_is_refused_five_times_waits_and_ends_without_a_fault(line, monkeypatch):
    house = line.house
    line.customer(ANA)
    real, refusals = line._store.send, [refusal() for _ in range(5)]
    monkeypatch.setattr(line._store, "send", lambda *a, **k: refusals.pop() if refusals else real(*a, **k))
    puller = assembly.open_puller(house.settings, house.line, house._folder)
    number = start(puller, "bc", RunKind.FULL).id
    for _ in range(30):
        step(puller, number)
        run = house.store.runs.read(number)
        if run.state is not RunState.RUNNING:
            break
        house.pass_time(seconds=5)

    assert run.state in (RunState.DELIVERING, RunState.DONE)
    assert (run.counts["read"] >= 1, run.counts["failed"], refusals) == (True, 0, [])
    assert house.store.ledger.alerts() == []
