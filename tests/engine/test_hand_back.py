"""What a lane finds out for others: its events go the way of a request's, and nothing is lost or doubled by a crash."""

from __future__ import annotations

import pytest

from customer_sync import pipeline
from customer_sync.errors import Unavailable
from customer_sync.store import keys
from tests.rig import Rig, at
from tests.toy_lane import FETCH, FetchHandler, order

JANE, BEN = "shop:customer:1", "shop:customer:2"


@pytest.fixture
def shop():
    """What the platform knows of its customers, by id."""
    return {
        "1": {"email": "jane@example.com", "firstName": "Jane", "at": at(-60).isoformat()},
        "2": {"email": "ben@example.com", "firstName": "Ben", "at": at(-60).isoformat()},
    }


@pytest.fixture
def rig(client, shop):
    """The line with a lane that reads customers by id."""
    found = Rig(client)
    found.store.lanes.register(FETCH.name, keeps="nothing")
    client.hset(keys.limit(FETCH.bucket), "rps", 0)
    handler = FetchHandler(lambda number: shop[number], found.store.limits, clock=found.clock)
    found.line.handlers = {**found.line.handlers, FETCH.name: handler}
    return found


def fetch(rig):
    while pipeline.deliver(rig.line, FETCH.name).did_work:
        pass


def names(rig):
    return {email: one.attributes.get("FIRSTNAME") for email, one in rig.brevo.contacts.items()}


def states(rig):
    """How many events are in each state, as counted."""
    rows = [one for one in rig.store.counters.read() if one.name == "tajo_events_total"]
    return {one.labels["state"]: int(one.value) for one in rows}


def test_what_was_read_goes_to_brevo(rig):
    for target in (JANE, BEN):
        order(rig.store, target, lane=FETCH.name)

    fetch(rig)
    rig.deliver()

    assert names(rig) == {"jane@example.com": "Jane", "ben@example.com": "Ben"}
    assert rig.store.lanes.depth(FETCH.name)[0] == 0


def test_the_lane_that_it_concerns_is_woken(rig):
    order(rig.store, JANE, lane=FETCH.name)

    fetch(rig)

    assert "deliver:contacts" in rig.woken


def test_the_event_is_told_like_any_other(rig):
    order(rig.store, JANE, lane=FETCH.name)

    fetch(rig)
    rig.deliver()

    told = {row.event_id: (row.source, str(row.state)) for row in rig.store.ledger.events(10)}
    assert told[f"fetch-1-{at(-60).isoformat()}"] == ("shop", "delivered")
    assert states(rig)["pending"] == 1


@pytest.mark.parametrize("step", ["commit", "settle"])
def test_a_worker_that_dies_before_or_after_handing_back_loses_and_doubles_nothing(rig, monkeypatch, step):
    order(rig.store, JANE, lane=FETCH.name)

    class Killed(BaseException):
        """The end of the worker."""

    def die(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(*((pipeline, "commit") if step == "commit" else (rig.store.lanes, "settle")), die)
        with pytest.raises(Killed):
            fetch(rig)
    rig.deliver()
    rig.client.zadd(keys.lane(FETCH.name, "lease"), {JANE: 0})
    fetch(rig)
    rig.deliver()

    assert names(rig) == {"jane@example.com": "Jane"}
    assert len([call for call in rig.brevo.calls if call[0] == "POST"]) == 1
    assert rig.store.lanes.depth(FETCH.name)[0] == 0
    assert states(rig).get("repeated", 0) == (step == "settle")


def test_what_cannot_be_used_parks_its_item_and_no_other_and_is_read_again_by_a_replay(rig, shop):
    shop["1"]["email"] = "no address"
    for target in (JANE, BEN):
        order(rig.store, target, lane=FETCH.name)

    fetch(rig)
    rig.deliver()

    assert names(rig) == {"ben@example.com": "Ben"}
    (one,) = rig.store.parked.list()
    assert (one.source, one.target) == (FETCH.name, JANE)
    assert "email" in one.reason
    shop["1"] |= {"email": "jane@example.com", "at": at(-30).isoformat()}
    rig.store.parked.replay(one)
    fetch(rig)
    rig.deliver()
    assert names(rig) == {"ben@example.com": "Ben", "jane@example.com": "Jane"}


def test_an_older_reading_that_arrives_later_changes_nothing(rig, shop):
    shop["1"] |= {"firstName": "Janet", "at": at(-10).isoformat()}
    order(rig.store, JANE, lane=FETCH.name)
    fetch(rig)
    shop["1"] |= {"firstName": "Jane", "at": at(-60).isoformat()}
    order(rig.store, JANE, lane=FETCH.name, at_ms=2)
    fetch(rig)
    rig.deliver()

    assert names(rig) == {"jane@example.com": "Janet"}


def test_a_platform_that_is_down_pauses_this_lane_and_no_other(rig, monkeypatch):
    def closed(_):
        raise Unavailable("Toyland is closed.")

    monkeypatch.setattr(rig.line.handlers[FETCH.name], "_read", closed)
    order(rig.store, JANE, lane=FETCH.name)

    with pytest.raises(Unavailable):
        fetch(rig)

    assert rig.store.breakers.read(FETCH.name).reason == "Toyland is closed."
    assert rig.store.breakers.read("contacts") is None
    assert rig.store.lanes.depth(FETCH.name)[0] == 1
