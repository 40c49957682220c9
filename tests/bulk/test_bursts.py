"""A burst of live changes: what is sent singly, what goes along with an import, and how many calls that saves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from customer_sync import pipeline
from customer_sync.model import Inbound, Priority
from customer_sync.pipeline import READ_AT_ONCE
from customer_sync.store import inbox, keys
from customer_sync.store.lanes import Pace
from tests.bulk.rig import EAGER, LANE, NOW, BulkRig, customer, customers

BURST = Pace().backlog + 1


@pytest.fixture
def rig(client):
    """A Brevo without a limit."""
    made = BulkRig(client, terms=replace(EAGER, pace=Pace()))
    limit(made, 0)
    yield made
    made.sandbox.close()


def limit(rig, calls_a_second):
    rig.client.hset(keys.limit("contacts"), "rps", calls_a_second)


def take(rig, count=10):
    return rig.store.lanes.take(LANE, count, which="live", bucket="contacts")


def come(rig, events):
    """Let events wait in the inbox."""
    known = rig.sources["shop"].events
    first = len(known)
    known += events
    inbounds = [Inbound("shop", {}, str(first + n).encode(), NOW) for n in range(len(events))]
    rig.store.inbox.append(inbox.encode(one) for one in inbounds)


def test_a_burst_of_new_people_goes_along_with_one_import(rig):
    rig.put(customers(BURST), Priority.LIVE)

    assert not pipeline.deliver(rig.line, LANE).did_work
    assert f"bulk:{LANE}" in rig.woken
    rig.settle()

    assert len(rig.contacts()) == BURST
    assert (rig.calls("POST", "/contacts/import"), rig.calls("POST", "/contacts")) == (1, 0)


def test_fewer_are_sent_singly_at_once(rig):
    rig.put(customers(BURST - 1), Priority.LIVE)

    assert take(rig).state == "taken"


def test_what_is_urgent_is_never_left_to_an_import(rig):
    rig.put(customers(BURST + 1), Priority.LIVE)
    rig.put([customer(1, city="Ghent")], Priority.URGENT)

    taken = take(rig)

    assert [item.priority for item in taken.items] == [Priority.URGENT]


def test_what_the_bulk_gear_gave_back_is_sent_singly_at_once(rig):
    rig.call("POST", "/v3/contacts", {"email": "p1@example.com"})
    rig.put([customer(1)], Priority.LIVE)
    rig.deliver()
    rig.put([customer(1, city="Ghent", when=-50), *customers(BURST)[1:]], Priority.LIVE)
    rig.load()
    rig.follow()
    rig.put(customers(2 * BURST)[BURST:], Priority.LIVE)

    assert [rig.store.people.read(int(item.target)).email for item in take(rig).items] == ["p1@example.com"]


@pytest.mark.parametrize("why", ["a limit", "an import runs", "it has waited"])
def test_a_burst_is_sent_singly_meanwhile_where_the_gear_cannot_have_it_at_once(rig, why):
    rig.put(customers(BURST), Priority.LIVE)
    assert take(rig).state == "left"
    if why == "a limit":
        limit(rig, 10)
    elif why == "an import runs":
        rig.imports.open(LANE)
    else:
        queue = keys.queue(LANE, Priority.LIVE)
        rig.client.zadd(queue, {rig.client.zrange(queue, 0, 0)[0]: rig.store.now_ms() - 3100})

    assert take(rig).state == "taken"


def test_a_burst_of_changes_of_people_who_are_there_is_sent_singly_once_the_gear_had_a_look(rig):
    rig.put(customers(2 * BURST), Priority.LIVE)
    rig.settle()
    rig.put(customers(BURST, city="Ghent", when=-50), Priority.LIVE)
    assert take(rig).state == "left"
    rig.load()  # all of them are given back
    rig.deliver()

    rig.put(customers(2 * BURST, city="Ghent", when=-50)[BURST:], Priority.LIVE)

    assert take(rig).state == "taken"


def test_while_many_requests_wait_to_be_read_nothing_is_sent_that_they_may_change(rig):
    rig.put([customer(0, when=-200)], Priority.LIVE)
    come(rig, [customer(n % 7, when=-90 + n / 100) for n in range(READ_AT_ONCE + 1)])
    rig.tick()
    assert take(rig).state == "left"
    rig.load()
    assert rig.calls("POST", "/contacts/import") == 0

    rig.settle()

    assert rig.calls("POST", "/contacts") == 7


def test_a_step_reads_many_requests_in_the_order_of_arrival(rig):
    come(rig, customers(2 * READ_AT_ONCE + 7))

    assert pipeline.process_inbox(rig.line)

    assert rig.store.inbox.depth()[0] == 0
    assert rig.store.lanes.depth(LANE)[0] == 2 * READ_AT_ONCE + 7
    first, last = (rig.store.people.find(f"p{number}@example.com") for number in (1, 2 * READ_AT_ONCE))
    assert int(first) < int(last)
    assert not pipeline.process_inbox(rig.line)


def test_what_redis_did_not_take_while_more_was_read_is_read_again(rig, monkeypatch):
    come(rig, customers(READ_AT_ONCE + 1))
    real, fails = rig.store.commit, [ConnectionError("away")]
    monkeypatch.setattr(rig.store, "commit", lambda *given: real(*given) if not fails else raising(fails.pop()))

    with pytest.raises(ConnectionError):
        pipeline.process_inbox(rig.line)
    monkeypatch.setattr(inbox, "CLAIM_AFTER_MS", 0)
    rig.read()

    assert rig.store.lanes.depth(LANE)[0] == READ_AT_ONCE + 1


def raising(error):
    raise error


# a person whose row would lack a phone -------------------------------------------------------------------------------


def quick(client, calls_a_second):
    rig = BulkRig(client, terms=replace(EAGER, quick_s=60.0))
    limit(rig, calls_a_second)
    return rig


def waiting(rig, monkeypatch, count):
    monkeypatch.setattr(rig.store.lanes, "depth", lambda _: (count, 0))


@pytest.mark.parametrize(("rate", "count"), [(0, 10**6), (10, 600)])
def test_a_single_call_carries_all_of_a_person_with_a_phone_where_calls_are_quick(client, monkeypatch, rate, count):
    rig = quick(client, rate)
    rig.put([customer(1, phone="+32470123451"), customer(2)])
    with monkeypatch.context() as patch:
        waiting(rig, patch, count)
        rig.load()

    rig.settle()

    assert rig.contacts()["p1@example.com"]["attributes"] == {"FIRSTNAME": "Jane 1", "SMS": "32470123451"}
    assert "tajo_import_rows_total|without phone" not in rig.counted()
    assert (rig.calls("POST", "/contacts"), rig.counted()["tajo_import_rows_total|sent"]) == (1, 1)


def test_where_single_calls_take_longer_everybody_is_there_first_and_phones_follow(client, monkeypatch):
    rig = quick(client, 10)
    rig.put([customer(1, phone="+32470123451"), customer(2)])
    with monkeypatch.context() as patch:
        waiting(rig, patch, 601)
        rig.load()
    rig.follow()
    assert set(rig.contacts()) == {"p1@example.com", "p2@example.com"}

    rig.settle()

    assert rig.counted()["tajo_import_rows_total|without phone"] == 1
    assert "SMS" in rig.contacts()["p1@example.com"]["attributes"]
