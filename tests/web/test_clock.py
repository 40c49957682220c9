"""What arrives is stamped with Redis' own time, though the clock of the web host is wrong."""

from __future__ import annotations

import time

import pytest
import redis

from customer_sync.model import to_ms
from customer_sync.store import Store, inbox
from tests.web.door import Door


@pytest.fixture
def door(client, redis_url, tmp_path):
    made = Door(redis_url, tmp_path / "home")
    yield made
    made.services.hosts._client.connection_pool.disconnect()
    made.close()


@pytest.mark.parametrize("wrong_s", [-2400, 600])
def test_a_request_is_stamped_with_redis_time(door, client, monkeypatch, wrong_s):
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + wrong_s)
    door.services.tend()

    door.brevo({"event": "unsubscribe", "email": "jane@example.com"})

    [entry] = Store(client).inbox.read(1)
    assert abs(to_ms(entry.inbound.received_at) - Store(client).now_ms()) < 1000


def test_the_time_goes_on_while_redis_is_away(door, monkeypatch):
    door.services.tend()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 600)

    def refuse(*_, **__):
        raise redis.ConnectionError

    monkeypatch.setattr(door.intake._inbox, "append", refuse)
    door.brevo({"event": "unsubscribe", "email": "jane@example.com"})

    [(_, raw)] = door.spool.first(1)
    assert abs(inbox.decode_or_raw(raw).received_at.timestamp() - real()) < 1


def test_a_redis_that_was_begun_anew_is_read_with_its_own_key_from_then_on(door, client):
    before = door.services.store()
    client.flushall()
    other = Store(client)

    door.services.tend()

    assert door.services.store().people.salt == other.people.salt != before.people.salt
