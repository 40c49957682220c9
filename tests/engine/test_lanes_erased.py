"""After an erasure nothing of the person is left in any lane, whatever came before it and in whatever order it came."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from customer_sync.engine.plan import Due, RecordSays, Who
from customer_sync.person.identity import normalize_email
from customer_sync.skills import Intent
from customer_sync.store import connect
from tests.engine.hands import erased, merged
from tests.engine.test_addresses import customer
from tests.engine.test_lanes import OrdersRig, bought
from tests.engine.toy_orders import KINDS
from tests.explore import look
from tests.rig import at

LANES = ("orders", "events", "mail")
ADDRESSES = ("ann@example.com", "bea@example.com", "cy@example.com")
#: A customer who shares nothing with the others, and is not erased.
STRANGER, HERS = 9, "eve@example.com"


class Everywhere:
    """Says each order and cart in three lanes; of carts two are due tomorrow only."""

    name = "everywhere"

    def intent(self, event):
        if event.kind not in KINDS:
            return Intent()
        email = normalize_email(event.record["customer"]["email"])
        who = Who(event.source, event.occurred_at, event.customer_id, email, event.seen_at, is_copy=True)
        fields, later = {"mark": event.record["mark"]}, Due(at(86_400), is_moved=True)
        return Intent(
            [
                RecordSays(lane, event.source, event.record_id, event.occurred_at, fields, who, event.seen_at, due)
                for lane, due in zip(LANES, (Due(), later, later), strict=True)
            ]
        )


class LanesRig(OrdersRig):
    """The line with three lanes of records; those without a handler keep what waits."""

    def __init__(self, client):
        super().__init__(client)
        self.line.skills[-1] = Everywhere()

    def register(self):
        for lane in LANES:
            self.store.lanes.register(lane, keeps="records")


@pytest.fixture(scope="module")
def shared(redis_url):
    return LanesRig(connect(redis_url))


def kept(rig, word):
    """The keys of Redis whose text or list holds a word."""
    found = []
    for key in rig.client.scan_iter("tajo:*"):
        kind = rig.client.type(key)
        texts = [rig.client.get(key)] if kind == b"string" else []
        texts += rig.client.lrange(key, 0, -1) if kind == b"list" else []
        found += [key.decode()] if any(word in (text or b"") for text in texts) else []
    return found


@st.composite
def histories(draw):
    """What happens to customers 1 and 2: renames, exchanged addresses, orders, a merge; each with its time."""
    events = []
    for n in range(draw(st.integers(2, 9))):
        number, email = draw(st.sampled_from([1, 2])), draw(st.sampled_from(ADDRESSES))
        when = -100 + 2 * n
        what = draw(st.sampled_from(["customer", "order", "order"]))
        if what == "customer":
            events.append(customer(number, email, when))
        else:
            found = bought(when, number, key=f"k{draw(st.integers(1, 4))}", email=email, mark=f"theirs{n}")
            events.append(replace(found, id=f"e{n}"))
    if draw(st.booleans()):
        events.append(merged(1, 2, -101 + 2 * draw(st.integers(0, 9))))
    return events


@look(25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(history=histories(), data=st.data())
def test_nothing_of_the_erased_is_left_in_any_lane_and_all_of_the_others(shared, history, data):
    shared.reset()
    hers = bought(-50, STRANGER, key="hers", email=HERS, mark="hers")
    for event in data.draw(st.permutations([*history, customer(STRANGER, HERS, -90), hers])):
        shared.send(event)
        if data.draw(st.booleans()):
            shared.settle()
    for n, email in enumerate(ADDRESSES):
        shared.send(erased(1 + n % 2, email, -4 + n))
        if data.draw(st.booleans()):
            shared.settle()
    shared.settle()

    assert kept(shared, b"theirs") == []
    for lane in LANES:
        assert shared.client.exists(f"tajo:rec:{lane}:shop:hers", f"tajo:c:{lane}:shop:hers"), lane


@pytest.mark.parametrize("by", [1, 2])
@pytest.mark.parametrize("is_merged_first", [False, True])
def test_orders_of_an_id_that_was_merged_away_are_forgotten_with_the_other(shared, by, is_merged_first):
    shared.reset()
    events = [bought(-98, 1, key="k4", email="cy@example.com", mark="theirs"), merged(1, 2, -60)]
    for event in reversed(events) if is_merged_first else events:
        shared.send(event)
    shared.settle()

    shared.send(erased(by, "cy@example.com", -4))
    shared.settle()

    assert kept(shared, b"theirs") == []
