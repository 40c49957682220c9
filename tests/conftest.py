"""What every test may ask for: a real Redis, empty for each test, and a sandbox to deliver to."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from customer_sync.base import embedded
from customer_sync.errors import ConfigError
from customer_sync.store import Store, connect

# the checks that every connector shares tell what they found as tests do; other folders read them, too
pytest.register_assert_rewrite("tests.contract.cases", "tests.contract.trial")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    """Refuse every connection that leaves this machine."""
    real = socket.socket.connect

    def connect_loopback_only(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple):
            with contextlib.suppress(ValueError):
                if not ipaddress.ip_address(address[0]).is_loopback:
                    raise AssertionError(f"a test tried to reach {address[0]}")
        real(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect_loopback_only)
        yield


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Redis of our own. A missing server fails in CI and skips on a laptop."""
    try:
        running = embedded.ensure(tmp_path_factory.mktemp("redis"))
    except ConfigError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no Redis to test with: {error}")
    yield running.url
    embedded.stop(running)


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """A client of an empty Redis."""
    found = connect(redis_url)
    found.flushall()
    yield found
    found.connection_pool.disconnect()  # `close` leaves a pool alone that was given


@pytest.fixture
def store(client: redis.Redis) -> Store:
    """An empty store."""
    return Store(client)
