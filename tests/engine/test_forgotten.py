"""What every process must agree on, also where Redis has forgotten it while the processes live."""

from __future__ import annotations

import pytest

from customer_sync.errors import ConfigError
from customer_sync.store import Store, keys


@pytest.fixture
def other(client, store):
    """The store of another process."""
    return Store(client)


def test_an_attribute_has_one_number_in_every_process(store, other):
    numbers = {name: store.people.names.number(name) for name in ("FIRSTNAME", "CITY")}

    assert {name: other.people.names.number(name) for name in ("CITY", "FIRSTNAME")} == numbers
    assert len(set(numbers.values())) == 2
    assert [other.people.names.name(number) for number in numbers.values()] == ["FIRSTNAME", "CITY"]


def test_a_number_that_nobody_gave_is_its_own_name(store):
    assert store.people.names.name(77) == "#77"


def test_numbers_that_redis_forgot_are_written_again_by_the_sweep(client, store, other):
    city = [store.people.names.number(name) for name in ("FIRSTNAME", "CITY")][1]
    client.flushall()

    store.sweep(1)

    assert other.people.names.name(city) == "CITY"
    assert other.people.names.number("LASTNAME") not in {0, city}


def test_a_number_that_was_given_to_another_attribute_meanwhile_is_given_up(client, store, other):
    store.people.names.number("FIRSTNAME")
    client.flushall()
    theirs = other.people.names.number("CITY")

    store.sweep(1)

    assert store.people.names.name(theirs) == "CITY"
    assert store.people.names.number("FIRSTNAME") == other.people.names.number("FIRSTNAME") != theirs


def test_what_a_lane_is_is_told_again_by_the_sweep(client, store):
    store.lanes.register("contacts", keeps="people", has_gear=True)
    client.flushall()

    store.sweep(1)

    assert client.hget(keys.LANES, "contacts") == b"pg"


def test_a_redis_with_people_in_a_form_that_was_never_released_is_refused(client):
    Store(client)
    client.delete(keys.FORMAT)
    Store(client)  # nobody is in it yet
    client.set(keys.SEQ, 7)

    with pytest.raises(ConfigError, match="Begin with an empty database"):
        Store(client)
