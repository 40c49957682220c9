"""What Brevo says of a batch afterwards: the orders it names are parked and told, a replay sends them."""

from __future__ import annotations

import json

import pytest

from customer_sync.brevo.webhooks import BrevoIntake
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Inbound
from customer_sync.pipeline import accept
from tests.orders.test_history import HistoryRig, sizes
from tests.rig import NOW

URL = "https://tajo.example"


@pytest.fixture
def rig(client, monkeypatch):
    monkeypatch.setattr("customer_sync.brevo.orders.LOOK_MS", 100)
    return HistoryRig(client, public_url=URL)


def notice(rig, body):
    """Brevo calls the URL that it was given."""
    accept(rig.line, Inbound("brevo", {}, json.dumps(body).encode(), NOW, path="orders"))
    rig.read()
    rig.deliver_orders()


def test_brevo_is_told_where_to_say_it(rig):
    rig.fill(2)
    rig.run()

    assert rig.called("/orders/status/batch")[0]["notifyUrl"] == "https://tajo:t@tajo.example/webhooks/brevo/orders"


def test_a_refused_order_of_a_batch_is_parked_told_and_sent_again_by_a_replay(rig):
    rig.fill(3)
    rig.run()
    notice(rig, {"batchId": 1, "count": 3, "errors": [{"id": "shop:1", "code": "invalid_parameter", "message": "x"}]})
    [parked] = rig.store.parked.list()
    rig.store.parked.replay(parked)
    rig.deliver_orders()

    assert parked.reason == "Brevo refused the order: invalid_parameter."
    assert any("Brevo refused 1 orders of a batch of history: shop:1." in one for one in rig.alerts())
    assert sizes(rig) == [3, 1]
    assert (rig.waits(), rig.client.hlen("tajo:parked"), rig.fired) == (0, 0, [])


def test_a_notice_about_an_order_that_nobody_knows_parks_nothing(rig):
    notice(rig, {"errors": [{"id": "shop:99"}]})

    assert (rig.waits(), rig.client.hlen("tajo:parked"), rig.client.exists("tajo:rec:orders:shop:99")) == (0, 0, 0)


@pytest.mark.parametrize(
    "body", [{"batchId": 1, "count": 3, "errors": []}, {"status": "completed", "failed": 0}, [], {}]
)
def test_a_notice_without_a_failure_is_no_news(rig, body):
    rig.fill(3)
    rig.run()
    notice(rig, body)

    assert (rig.alerts(), rig.client.hlen("tajo:parked")) == ([], 0)


@pytest.mark.parametrize("body", [{"status": "failed"}, {"info": {"failedOrders": ["7"]}}, {"failure_count": 2}])
def test_a_failure_that_names_nobody_is_told(body):
    intake = BrevoIntake(SourceSettings("brevo", "brevo", ("t",)))
    [event] = intake.parse(Inbound("brevo", {}, json.dumps(body).encode(), NOW, path="orders"))

    assert event.record["message"] == "Brevo refused some orders of a batch of history: it names none."
