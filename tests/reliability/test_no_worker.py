"""Without a worker wake-ups do not pile up."""

from __future__ import annotations

import pytest
from celery import Celery

from customer_sync.base.redis_url import read_redis_url
from customer_sync.worker import app as worker
from tests.redises import Server

QUEUE = "tajo:celery:wakeups"


@pytest.fixture
def sender(redis_url, client, monkeypatch):
    """The sender of wake-ups over this Redis."""
    worker._broker.cache_clear()
    monkeypatch.setenv("TAJO_REDIS_URL", redis_url)
    celery = Celery("sender")
    celery.config_from_object("celeryconfig")
    celery.conf.broker_url = read_redis_url(redis_url).broker().url
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


def test_wake_ups_go_out_to_a_redis_on_a_socket(sender, monkeypatch, tmp_path):
    path = tmp_path / "s"
    server, url = Server(tmp_path / "socket", f"unixsocket {path}"), f"unix://{path}"
    monkeypatch.setenv("TAJO_REDIS_URL", url)
    sender.app.conf.broker_url = read_redis_url(url).broker().url
    try:
        sender.wake("inbox")

        with server.client() as there:
            assert there.llen(QUEUE) == 1
    finally:
        server.close()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("sentinel://h:26379/mine/2", {"db": 2}),
        ("rediss://h/0?ssl_ca_certs=/ca.pem", {"ssl_ca_certs": "/ca.pem"}),
    ],
)
def test_queues_are_looked_at_by_the_address_that_was_written(monkeypatch, url, told):
    monkeypatch.setenv("TAJO_REDIS_URL", url)
    worker._broker.cache_clear()

    found = worker._broker().connection_pool.connection_kwargs

    worker._broker.cache_clear()
    assert told.items() <= found.items()
