"""One key of fingerprints at work, whatever Redis loses: a flush, a failover to an empty replica."""

from __future__ import annotations

import pytest

from customer_sync.model import Event, Kind
from customer_sync.store import LOST, Store, keys
from customer_sync.store.salt import Estranged
from tests.rig import Rig, at

JANE = "jane@example.com"
KEY = "a key of more than sixteen letters"


@pytest.fixture
def rig(client):
    return Rig(client)


def alerts(store):
    return [one["alert"] for one in store.ledger.alerts()]


def withdraw(rig):
    rig.send_brevo({"event": "unsubscribe", "email": JANE, "ts_event": int(at(-50).timestamp())})
    rig.read()


def test_a_withdrawal_after_a_flush_is_found_by_a_process_that_starts_then(rig, client):
    rig.send(Event("1", "shop", Kind.CUSTOMER_CREATED, at(-100), "1", "1", {"email": JANE}))
    rig.settle()
    client.flushall()
    rig.store.lanes.register("contacts", keeps="people")

    withdraw(rig)

    person = Store(client).people.find(JANE)
    assert person is not None
    assert alerts(rig.store) == [LOST]


def test_a_process_that_holds_another_key_changes_nothing(rig, client):
    client.flushall()
    other = Store(client)

    with pytest.raises(Estranged):
        withdraw(rig)

    assert other.people.find(JANE) is None
    assert other.inbox.depth()[0] == 1  # it waits for a process with the right key
    assert client.hget(keys.SALT, "key") == other.people.salt


def test_what_redis_lost_is_written_back_and_told_once(client, store):
    other = Store(client)
    client.flushall()

    for one in (store, other, store):
        one.keep()

    assert client.hget(keys.SALT, "key") == store.people.salt
    assert client.exists(keys.FORMAT)
    assert alerts(store) == [LOST]


def test_a_process_that_finds_another_key_is_told_so(client, store):
    client.flushall()
    Store(client)

    with pytest.raises(Estranged, match="begun anew"):
        store.keep()


def test_with_a_secret_key_every_process_comes_to_the_same_key(client):
    first = Store(client, KEY)
    client.flushall()
    second = Store(client, KEY)

    first.keep()

    assert first.people.salt == second.people.salt


def test_a_secret_key_that_is_changed_makes_the_old_fingerprints_until_the_old_one_is_gone(client):
    salt = Store(client, KEY).people.salt
    client.flushall()

    assert Store(client, f"another long secret key,{KEY}").people.salt == salt


def test_a_redis_that_was_begun_by_chance_keeps_its_key_when_a_secret_key_is_set_later(client, store):
    assert Store(client, KEY).people.salt == store.people.salt
