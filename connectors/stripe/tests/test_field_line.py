"""The rest of what others reported of Stripe: what is counted and shown of foreign events, what proves an opt-in."""

from __future__ import annotations

import pytest

from connectors.stripe.tests.test_field_cases import ANA, CONFIG, Till
from customer_sync.operate.explain import explain
from tests.field import house as houses
from tests.field.house import House


@pytest.fixture(params=["live", "test"])
def mode(request):
    return request.param


@pytest.fixture
def till(client, tmp_path, monkeypatch, mode):
    monkeypatch.setattr(houses, "CONFIG", CONFIG.replace("mode: live", f"mode: {mode}"))
    found = House(client, tmp_path, monkeypatch)
    yield Till(found)
    found.sandbox.close()


def counted(till, **labels):
    """Return how many events of the source are counted, by state."""
    found = till.house.store.counters.read()
    rows = [one for one in found if one.name == "tajo_events_total" and labels.items() <= one.labels.items()]
    return {one.labels["state"]: int(one.value) for one in rows}


def test_t4_events_of_the_other_mode_are_counted_and_shown_once_and_those_of_this_one_come_in(till, mode):
    for number in (1, 2):
        other = mode != "live"
        till.tell("customer.created", till.customer(f"cus_{number}", "test@example.com"), livemode=other)
    till.tell("customer.created", till.customer("cus_9", ANA), livemode=mode == "live")
    alerts = [one["alert"] for one in till.house.store.ledger.alerts()]

    assert set(till.contacts) == {ANA}
    assert len([one for one in alerts if " mode" in one]) == 1, alerts
    assert sum(counted(till, source="pay").values()) >= 3


def test_t5_an_event_of_another_account_is_counted_shown_and_never_asked_about(till, mode):
    till.tell("customer.created", till.customer("cus_9", ANA), account="acct_1", livemode=mode == "live")
    before = sum(counted(till, source="pay").values())
    for _ in range(3):
        till.tell(
            "customer.updated", till.customer("cus_9", "eve@example.com"), account="acct_2", livemode=mode == "live"
        )
    alerts = [one["alert"] for one in till.house.store.ledger.alerts() if "acct_2" in one["alert"]]

    assert list(till.contacts) == [ANA]
    assert len(alerts) == 1
    assert sum(counted(till, source="pay").values()) > before
    assert till.house.line.connectors["pay"].accepted.status == 200


def test_t6_the_proof_of_an_opt_in_is_the_time_of_its_session(till, mode):
    session = till.session({"promotions": "opt_in", "terms_of_service": "accepted"}, ago_s=500)
    till.tell("checkout.session.completed", session, ago_s=400, livemode=mode == "live")
    told = explain(till.house.store, till.house.settings, ANA).to_json()

    assert till.lists() == [2]
    assert till.house.iso(-500)[:19] in str(told), told
