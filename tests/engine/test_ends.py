"""How events end, for the objective: in time, late, parked; by the way they came."""

from __future__ import annotations

from collections import Counter

import pytest

from customer_sync.base.metrics import IN_TIME_S, LATENCY_BUCKETS_S
from customer_sync.engine.lane import Outcome, count_outcomes
from customer_sync.model import Event, Kind, Priority
from customer_sync.store.counters import Tally
from customer_sync.store.forms import EventRef
from customer_sync.store.items import Item, Settlement
from customer_sync.store.run import EVENT_PREFIX
from tests.rig import at

NOW_MS = 1_795_000_000_000


def ends(word, *, ago_s=1.0, event_id="shop:1", leads=True):
    event = EventRef(event_id, "shop", NOW_MS - int(ago_s * 1000), leads)
    tally = Tally()
    outcome = Outcome(Item("1", (), (event,), 0, NOW_MS, Priority.LIVE, ""), Settlement("1", "done"), word)
    count_outcomes(tally, "contacts", [outcome], NOW_MS)
    found = Counter({name: by for name, by in tally.empty().items() if name.startswith("tajo_event_ends_total")})
    return {name.split("|", 2)[2]: by for name, by in found.items()}


def test_the_objective_is_one_of_the_buckets():
    assert IN_TIME_S in LATENCY_BUCKETS_S


@pytest.mark.parametrize(
    ("word", "ago_s", "end"),
    [
        ("delivered", 1.0, "in_time"),
        ("unchanged", IN_TIME_S, "in_time"),
        ("delivered", IN_TIME_S + 0.001, "late"),
        ("unchanged", 3600.0, "late"),
        ("parked", 1.0, "parked"),
    ],
)
def test_an_event_ends(word, ago_s, end):
    assert ends(word, ago_s=ago_s) == {f"way=webhook|end={end}": 1}


@pytest.mark.parametrize("word", ["again", "held", "back"])
def test_an_event_that_is_tried_again_has_not_ended(word):
    assert ends(word) == {}


def test_events_of_runs_are_told_apart():
    assert ends("delivered", ago_s=500, event_id=f"{EVENT_PREFIX}7") == {"way=pull|end=late": 1}


def test_an_event_of_several_lanes_counts_in_one():
    assert ends("parked", leads=False) == {}


def test_what_is_parked_when_it_is_read_counts_as_well(rig):
    rig.send(Event("shop:1", "shop", Kind.CUSTOMER_UPDATED, at(-5), "1", "1", {"email": "not an address"}))

    rig.settle()

    found = {tuple(one.labels.values()): one.value for one in rig.store.counters.read() if "event_ends" in one.name}
    assert found == {("shop", "webhook", "parked"): 1}
