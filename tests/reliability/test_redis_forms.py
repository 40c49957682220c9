"""Every Redis that people have: the line from the inbox over a real worker to Brevo, on real servers of each kind."""

from __future__ import annotations

import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis

from customer_sync.store import connect
from customer_sync.store.writer import InboxWriter
from tests.programs import need
from tests.redises import HOST, Sentinels, Server, certificates
from tests.reliability.servers import wait_until
from tests.reliability.stack import AnyRedis, Stack, address
from tests.sandbox_server import SandboxClient, sandbox_server

pytestmark = pytest.mark.slow
KEY = "b7e1f0c4a96d2385e1f7c0d4"


@pytest.fixture(scope="module")
def sandbox(redis_url) -> Iterator[SandboxClient]:
    del redis_url  # skips with a sentence where no Redis can be had
    with sandbox_server("--plan", "none") as found:
        yield found


@contextmanager
def living(tmp_path, sandbox: SandboxClient, server: AnyRedis, url: str) -> Iterator[Stack]:
    """A worker on a Redis that is reached by an address."""
    sandbox.reset()
    made = Stack(tmp_path, sandbox, server=server, redis_url=url)
    try:
        made.start_worker()
        yield made
    finally:
        made.close()


def deliver(stack: Stack, numbers: range = range(5)) -> None:
    """Send customers as the web process does, and wait until Brevo has them."""
    with intake(stack.redis_url) as writer:
        writer.append([raw(stack, number) for number in numbers], {})
    wait_until(lambda: set(map(address, numbers)) <= set(stack.sandbox.contacts()), stack.told)


@contextmanager
def intake(url: str) -> Iterator[InboxWriter]:
    """The way into the inbox that the web process has."""
    client = connect(url, timeout_s=0.5)
    yield InboxWriter(client)
    client.connection_pool.disconnect()


def raw(stack: Stack, number: int) -> bytes:
    return stack.raw(number, "customers/update", datetime.now(UTC).isoformat(), {})


def test_tls_with_an_authority_and_a_certificate_of_ours(tmp_path, sandbox):
    files = certificates(tmp_path)
    asks = ("tls-auth-clients yes", "tls-replication yes", f"tls-ca-cert-file {files.authority}")
    own = (f"tls-cert-file {files.server}", f"tls-key-file {files.server_key}")
    tls = {
        "ssl_ca_certs": str(files.authority),
        "ssl_certfile": str(files.client),
        "ssl_keyfile": str(files.client_key),
    }
    server = Server(tmp_path / "redis", *asks, *own, tls=tls, program=need("redis-server"))
    query = "&".join(f"{name}={value}" for name, value in tls.items())

    with living(tmp_path, sandbox, server, f"rediss://{HOST}:{server.port}/2?{query}") as stack:
        deliver(stack)


def test_a_user_without_dangerous_commands(tmp_path, sandbox):
    user = "user tajo on >p/w@1 ~tajo:* &* +@all -@dangerous"
    server = Server(tmp_path / "redis", user)

    with living(tmp_path, sandbox, server, f"redis://tajo:p%2Fw%401@{HOST}:{server.port}/0") as stack:
        deliver(stack)
        with pytest.raises(redis.exceptions.NoPermissionError):
            stack.client.info()
        web = stack.start_web(TAJO_API_KEY=KEY)
        assert get(f"{web}/readyz") == "ready\n"
        assert "tajo_up 1.0" in get(f"{web}/metrics")
        assert "tajo_redis_aof_ok 0" not in get(f"{web}/metrics")


def get(url: str) -> str:
    asked = urllib.request.Request(url, headers={"Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(asked, timeout=5) as answer:
        return answer.read().decode()


def test_a_socket_with_a_password_and_a_database(tmp_path, sandbox):
    with tempfile.TemporaryDirectory(prefix="tajo") as folder:  # the path of a socket may have 100 letters at most
        path = Path(folder) / "redis.sock"
        server = Server(tmp_path / "redis", f"unixsocket {path}", password="p@w")
        look_at_socket(tmp_path, sandbox, server, path)


def look_at_socket(tmp_path, sandbox, server, path):
    with living(tmp_path, sandbox, server, f"unix://:p%40w@{path}?db=3") as stack:
        deliver(stack)
        with server.client() as hands:
            assert set(hands.info("keyspace")) == {"db3"}


def test_a_failover_loses_nothing_that_the_replica_had_and_service_goes_on_within_seconds(tmp_path, sandbox, measured):
    server = Sentinels(tmp_path / "redis")

    with living(tmp_path, sandbox, server, server.url) as stack, intake(server.url) as writer:
        deliver(stack)
        sandbox.fault("down", count=None)
        numbers = range(100, 160)
        writer.append([raw(stack, number) for number in numbers], {})
        with server.client() as master:
            # WAIT speaks for the connection that wrote: a write of ours now is behind all of them
            master.set("test:mark", "1")
            assert master.wait(1, 5000) == 1
        server.master.close()
        began = time.monotonic()
        wait_until(lambda: is_kept(writer, raw(stack, 200)), stack.told)
        measured("seconds until a webhook is kept again after the master's end", time.monotonic() - began)
        sandbox.clear_faults()
        wanted = set(map(address, [*range(5), *numbers, 200]))
        wait_until(lambda: stack.look_again() or wanted <= set(sandbox.contacts()), stack.told)
        measured("seconds until all are delivered", time.monotonic() - began)
        assert time.monotonic() - began < 45


def is_kept(writer: InboxWriter, one: bytes) -> bool:
    """Append as the ingress does; what fails goes to its spool and comes again."""
    try:
        writer.append([one], {})
    except (redis.RedisError, OSError):
        return False
    return True
