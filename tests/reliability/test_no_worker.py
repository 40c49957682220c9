"""Without a worker wake-ups do not pile up."""

from __future__ import annotations

import pytest
from celery import Celery

from customer_sync.worker import app as worker

QUEUE = "tajo:celery:wakeups"


@pytest.fixture
def sender(redis_url, client, monkeypatch):
    """The sender of wake-ups over this Redis."""
    worker._broker.cache_clear()
    monkeypatch.setenv("TAJO_REDIS_URL", redis_url)
    celery = Celery("sender")
    celery.config_from_object("celeryconfig")
    celery.conf.broker_url = redis_url
    monkeypatch.setattr(worker, "app", celery)
    monkeypatch.setattr(worker, "MOST_MESSAGES", 5)
    yield worker
    worker._broker().close()
    worker._broker.cache_clear()
    celery.close()


def test_so_many_wake_ups_wait_in_a_queue_and_no_more(sender, client):
    for _ in range(20):
        sender.wake("inbox")

    assert client.llen(QUEUE) == 5
    client.delete(QUEUE)
    sender.wake("inbox")
    assert client.llen(QUEUE) == 1


def test_a_full_queue_stops_no_other(sender, client):
    for _ in range(20):
        sender.wake("inbox")
    sender.wake("pull:1")

    assert client.llen("tajo:celery:reads") == 1
