"""Without eCommerce the lanes of the shop wait, say so once, and go on by themselves."""

from __future__ import annotations

import pytest

from customer_sync.brevo.commerce import ANSWER_MS, OFF_MS, Commerce, activate, commerce_of
from customer_sync.engine import pauses
from customer_sync.errors import ConfigError, Unavailable
from customer_sync.model import from_ms
from customer_sync.operate.doctor.commerce import examine_commerce
from customer_sync.operate.doctor.findings import Patient
from tests.orders.rig import OrdersRig, order
from tests.rig import at

ROUTE = "/ecommerce/config/displayCurrency"


@pytest.fixture
def off(client):
    return OrdersRig(client, ecommerce=False)


@pytest.fixture
def rig(client):
    return OrdersRig(client)


def probe(rig):
    """Let the lane look again at once."""
    rig.client.hset("tajo:brk:orders", "until", 0)
    for priority in range(3):
        for target in rig.client.zrange(f"tajo:q:orders:{priority}", 0, -1):
            rig.client.zadd(f"tajo:q:orders:{priority}", {target: 0})
    rig.deliver_orders()


def test_an_account_without_ecommerce_lets_orders_wait_with_one_alert_and_parks_none(off):
    off.tell(order("1"), order("2"))
    pauses.pause(off.store, "products", ConfigError("eCommerce is not activated in Brevo.", "x"), 1)
    probe(off)

    told = [one for one in off.store.ledger.alerts() if "eCommerce" in one["alert"]]
    assert [(one["alert"], "`tajo brevo activate`" in one["remedy"]) for one in told] == [
        ("Lane orders waits: eCommerce is not activated in Brevo.", True)
    ]
    assert (off.waits(), off.client.hlen("tajo:parked"), off.orders) == (2, 0, {})


def test_they_go_on_by_themselves_once_it_is_on(off):
    off.tell(order("1"))
    activate(off.account, off.store)
    off.clock.set(from_ms(off.clock() + 400_000))
    off.sandbox.ecommerce.set_currency({"code": "EUR"})
    probe(off)

    assert list(off.orders) == ["shop:1"]
    assert off.waits() == 0


def test_brevo_is_asked_rarely_and_more_often_while_it_is_off(off):
    def asked(after_ms):
        off.clock.set(at(0))
        off.store.set_note("commerce", None)
        commerce_of(off.handler._desk)
        before = len(off.called(ROUTE))
        off.clock.set(at(after_ms / 1000))
        commerce_of(off.handler._desk)
        return len(off.called(ROUTE)) - before

    assert (asked(OFF_MS - 5000), asked(OFF_MS + 5000)) == (0, 1)
    off.sandbox.ecommerce.table.put("activation", {"asked_ms": None, "is_first": True})
    assert (asked(ANSWER_MS - 5000), asked(ANSWER_MS + 5000)) == (0, 1)


def test_what_was_known_counts_while_brevo_does_not_answer(rig):
    first = commerce_of(rig.handler._desk)
    rig.clock.set(from_ms(rig.clock() + 3_600_000))
    rig.http.before = lambda *_: (_ for _ in ()).throw(Unavailable("down"))

    assert first == commerce_of(rig.handler._desk) == Commerce(True, "EUR")


def findings(rig):
    patient = Patient(rig.settings, None, {}, rig.store, rig.account, now_s=lambda: rig.clock() / 1000)
    return {one.name: one for one in examine_commerce(patient)}


def enable(rig, monkeypatch):
    monkeypatch.setattr(type(rig.settings), "applies", lambda self, skill, source: skill == "order-events")
    object.__setattr__(rig.settings, "sources", {"shop": None, "woo": None})


def test_the_doctor_tells_that_it_is_off(off, monkeypatch):
    enable(off, monkeypatch)
    found = findings(off)["eCommerce"]

    assert (found.verdict, "tajo brevo activate" in found.fix) == ("fail", True)


def test_the_doctor_compares_the_currencies_that_were_seen(rig, monkeypatch):
    enable(rig, monkeypatch)
    rig.tell(order("1"), order("2", source="woo", currency="MXN"))
    found = findings(rig)

    assert (found["eCommerce"].verdict, found["eCommerce"].cause) == ("ok", "on, it counts in EUR")
    assert found["currency"].cause == "woo sells in MXN, the account counts in EUR"


def test_the_doctor_asks_nothing_where_no_skill_needs_it(rig):
    assert findings(rig) == {}
    assert rig.called(ROUTE) == []
