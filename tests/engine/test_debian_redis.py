"""The Redis of the distribution in the place of the embedded one: the same line, the same end."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from customer_sync.base.embedded import free_port
from customer_sync.model import Event, Kind
from customer_sync.store import connect, scripts
from tests.bulk.rig import BulkRig, customers
from tests.programs import need
from tests.reliability.servers import wait_until
from tests.rig import Rig, at

JANE = "jane@example.com"
SCRIPTS = sorted(path.stem for path in Path(scripts.__file__).parent.glob("*.lua") if path.stem != "_lib")


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    port = free_port()
    words = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path_factory.mktemp("redis"))]
    with subprocess.Popen([need("redis-server"), *words], stdout=subprocess.DEVNULL) as process:
        found = f"redis://127.0.0.1:{port}/0"
        wait_until(lambda: answers(found), "redis-server")
        yield found
        process.terminate()


@pytest.fixture
def client(url) -> Iterator[redis.Redis]:
    found = connect(url)
    found.flushall()
    yield found
    found.connection_pool.disconnect()


def answers(url: str) -> bool:
    with redis.Redis.from_url(url) as client:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_can_be_loaded(client, name):
    assert client.script_load(scripts.source(name))


def test_a_customer_becomes_a_contact_leaves_and_is_erased(client):
    rig = Rig(client)
    rig.send(Event("1", "shop", Kind.CUSTOMER_CREATED, at(-100), "1", "1", {"email": JANE, "firstName": "Jane"}))
    rig.settle()
    assert rig.brevo.contacts[JANE].attributes == {"FIRSTNAME": "Jane"}

    rig.send_brevo({"event": "unsubscribe", "email": JANE, "ts_event": int(at(-50).timestamp())})
    rig.settle()
    assert rig.store.people.read(rig.store.people.find(JANE)).has.blocked

    rig.send(Event("2", "shop", Kind.CUSTOMER_ERASED, at(-10), "1", "1"))
    rig.settle()
    assert not rig.brevo.contacts
    assert rig.store.people.find(JANE) is None


def test_many_new_customers_go_in_one_import(client):
    rig = BulkRig(client)
    rig.put(customers(30))

    rig.settle()

    assert len(rig.contacts()) == 30
    assert rig.calls("POST", "/contacts/import") == 1
