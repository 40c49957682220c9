"""What every test may ask for: a real Redis, empty for each test, and a sandbox to deliver to."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from customer_sync.errors import ConfigError
from customer_sync.store import Store, connect
from customer_sync.web.intake import Intake
from tests.remembered import remember

# the checks that every connector shares tell what they found as tests do; other folders read them, too
pytest.register_assert_rewrite("tests.contract.cases", "tests.contract.trial")

remember()

SHARED = Path(__file__).resolve().parents[2] / "shared"
#: Of the Redis that most tests share.
PASSWORD = "of-the-tests"


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    """Refuse every connection that leaves this machine."""
    real = socket.socket.connect

    def connect_loopback_only(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple):
            with contextlib.suppress(ValueError):
                if not ipaddress.ip_address(address[0]).is_loopback:
                    raise AssertionError(f"a test tried to reach {address[0]}")
        real(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect_loopback_only)
        yield


@pytest.fixture(scope="session")
def _drains() -> Iterator[list[Intake]]:
    """What looks into a spool once a second, in the order in which it began."""
    begun: list[Intake] = []
    start = Intake.start

    def start_and_tell(intake: Intake) -> None:
        begun.append(intake)
        start(intake)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Intake, "start", start_and_tell)
        yield begun


@pytest.fixture(autouse=True)
def _nobody_drains_on(_drains: list[Intake]) -> Iterator[None]:
    """End what a web process of the test began: it would go on asking the Redis of all later tests."""
    before = len(_drains)
    yield
    while len(_drains) > before:
        _drains.pop().stop()


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The address of a Redis of our own. A missing server fails in CI and skips on a laptop.

    It is that of a socket: a round trip costs half of one to a port, and most tests make hundreds. What `tajo` starts
    itself listens on a port, as the Redis of every test that runs it does.
    """
    from tests.redises import Server  # it needs more than the shared checks of a connector, which need no Redis

    with tempfile.TemporaryDirectory(prefix="tajo-") as folder:  # the path of a socket has at most 103 characters
        path = Path(folder) / "redis.sock"
        lines = (f"unixsocket {path}", "unixsocketperm 700", "appendonly yes", "maxmemory-policy noeviction")
        try:
            server = Server(Path(folder), *lines, password=PASSWORD)
        except ConfigError as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"no Redis to test with: {error}")
        yield f"unix://:{PASSWORD}@{path}?db=0"
        server.close()


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
