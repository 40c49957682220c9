"""The sandbox as users run it: a process, real sockets, Brevo's own client."""

from __future__ import annotations

import gzip
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import urllib3
from brevo import Brevo
from brevo.core.api_error import ApiError

from tests.sandbox_server import SandboxClient, sandbox_server

ANN = "ann@example.com"


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxClient]:
    with sandbox_server("--import-delay", "0.05", "--time-scale", "0.0001") as found:
        yield found


@pytest.fixture
def sandbox(running: SandboxClient) -> SandboxClient:
    running.reset()
    running.limits("none")
    return running


@pytest.fixture
def client(sandbox: SandboxClient) -> Iterator[Brevo]:
    with httpx.Client() as http:
        yield Brevo(api_key="test", base_url=sandbox.url, max_retries=0, httpx_client=http)


def wait_for(check, timeout_s: float = 5.0):
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        found = check()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError("it did not happen in time")


def test_brevos_own_client_creates_reads_updates_and_deletes(client, sandbox):
    created = client.contacts.create_contact(email=ANN, attributes={"FIRSTNAME": "Ann"}, list_ids=[2])
    client.contacts.update_contact(ANN, attributes={"LASTNAME": "B"})
    read = client.contacts.get_contact_info(ANN)
    listed = client.contacts.get_contacts(limit=10)
    client.contacts.delete_contact(ANN)

    assert (created.id, read.id, read.list_ids) == (1, 1, [2])
    assert listed.count == 1
    assert sandbox.contacts() == {}


def test_brevos_own_client_upserts_and_sees_errors(client):
    client.contacts.create_contact(email=ANN)
    client.contacts.create_contact(email=ANN, update_enabled=True, attributes={"FIRSTNAME": "Ann"})

    with pytest.raises(ApiError) as caught:
        client.contacts.create_contact(email=ANN)

    assert caught.value.status_code == 400


def test_brevos_own_client_imports_and_follows_the_process(client, sandbox):
    started = client.contacts.import_contacts(
        json_body=[{"email": ANN, "attributes": {"FIRSTNAME": "Ann"}}], list_ids=[2]
    )

    process = wait_for(
        lambda: (found := client.process.get_process(started.process_id)).status == "completed" and found
    )

    assert process.name == "IMPORTUSER"
    assert sandbox.contacts()[ANN]["attributes"] == {"FIRSTNAME": "Ann"}


def test_an_identifier_may_hold_signs_that_paths_use(sandbox):
    own_id = "gid://shopify/Customer/7"
    sandbox.call("POST", "/v3/contacts", {"email": "a+b/c@example.com", "ext_id": own_id})

    by_address = sandbox.call("GET", "/v3/contacts/a%2Bb%2Fc%40example.com")
    by_own_id = sandbox.call("GET", f"/v3/contacts/{quote(own_id, safe='')}?identifierType=ext_id")
    statistics = sandbox.call("GET", "/v3/contacts/a%2Bb%2Fc%40example.com/campaignStats")

    assert by_address["id"] == by_own_id["id"] == 1
    assert "unsubscriptions" in statistics


def test_webhooks_go_out_and_come_back_when_refused(sandbox):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    hook = {"url": f"http://127.0.0.1:{port}/", "type": "marketing", "events": ["unsubscribed"]}
    sandbox.call("POST", "/v3/webhooks", hook)
    sandbox.call("POST", "/v3/contacts", {"email": ANN})
    sandbox.unsubscribe(ANN)

    found = wait_for(lambda: [one for one in sandbox.deliveries() if len(one["statuses"]) >= 2])

    assert found[0]["statuses"][:2] == [0, 0]


@pytest.mark.parametrize(("kind", "is_kept"), [("down", False), ("reset_after_commit", True)])
def test_a_connection_breaks_for_real(sandbox, kind, is_kept):
    sandbox.fault(kind, count=1)
    http = urllib3.PoolManager(retries=False)

    with pytest.raises(urllib3.exceptions.HTTPError):
        http.request("POST", f"{sandbox.url}/contacts", json={"email": ANN}, headers={"api-key": "k"})

    assert (ANN in sandbox.contacts()) is is_kept


def test_an_answer_drips(sandbox):
    sandbox.fault("drip", count=1, every_s=0.03)
    began = time.monotonic()
    answer = urllib3.request(
        "POST", f"{sandbox.url}/contacts", json={"email": ANN}, headers={"api-key": "k"}, preload_content=False
    )
    first = answer.read(1)
    seen = time.monotonic() - began
    rest = answer.read()
    took = time.monotonic() - began

    assert first + rest == b'{"id":1}'
    assert took - seen > 6 * 0.03


def test_an_answer_without_an_end_ends_when_nobody_reads_it(sandbox):
    sandbox.fault("endless", count=1, megabytes=1_000_000)
    answer = urllib3.request("GET", f"{sandbox.url}/contacts", headers={"api-key": "k"}, preload_content=False)
    found = answer.read(20_000_000)
    answer.close()

    assert found == b" " * 20_000_000
    assert sandbox.call("GET", "/v3/contacts")["count"] == 0


def test_a_small_answer_unpacks_to_a_large_one(sandbox):
    sandbox.fault("gzip_bomb", count=1, megabytes=50)
    answer = urllib3.request("GET", f"{sandbox.url}/contacts", headers={"api-key": "k"}, decode_content=False)

    assert (answer.headers["content-encoding"], len(answer.data) < 100_000) == ("gzip", True)
    assert gzip.decompress(answer.data) == b" " * 50_000_000 + b"{}"


def test_limits_hold_for_many_clients_at_once(sandbox):
    sandbox.limits("none", contacts=(None, 30))
    http = urllib3.PoolManager(maxsize=8, retries=False)

    def post(number: int) -> int:
        body = {"email": f"a{number}@example.com"}
        return http.request("POST", f"{sandbox.url}/contacts", json=body, headers={"api-key": "k"}).status

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(post, range(60)))

    assert (statuses.count(201), statuses.count(429)) == (30, 30)
    assert len(sandbox.contacts()) == sandbox.count("POST", "/contacts", 201) == 30
    assert sandbox.calls()["refused429"] == 30


def test_a_slow_call_does_not_stop_the_others(sandbox):
    sandbox.fault("slow", count=4, delay_s=0.2)
    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(sandbox.call, "POST", "/v3/contacts", {"email": f"a{n}@example.com"}) for n in range(4)]
        wait_for(lambda: not sandbox.call("GET", "/sandbox/faults")["faults"])
        seen = time.monotonic() - began
        [one.result() for one in calls]

    assert seen < 0.2


def test_the_journal_outlives_a_kill(tmp_path):
    journal = str(tmp_path / "journal")
    with sandbox_server("--journal", journal) as first:
        first.call("POST", "/v3/contacts", {"email": ANN, "emailBlacklisted": True})
        first.stop(signal.SIGKILL)
    with sandbox_server("--journal", journal) as second:
        assert second.contacts()[ANN]["emailBlacklisted"] is True


def test_the_worker_ends_when_its_parent_is_killed():
    with sandbox_server() as found:
        found.stop(signal.SIGKILL)

        def is_closed() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", int(found.address.rpartition(":")[2]))) != 0

        assert wait_for(is_closed)


def test_a_worker_that_does_not_hear_that_it_should_end_is_ended():
    with sandbox_server() as found:
        children = Path(f"/proc/{found.process.pid}/task/{found.process.pid}/children")
        if not children.exists():
            pytest.skip("who is whose child is read in /proc")
        worker = int(children.read_text().split()[-1])
        os.kill(worker, signal.SIGSTOP)

        found.process.terminate()

        assert found.process.wait(15) is not None
        assert not Path(f"/proc/{worker}").exists()


def test_a_port_in_use_is_told_and_not_shared(sandbox):
    port = sandbox.address.rpartition(":")[2]
    command = [sys.executable, "-m", "customer_sync.sandbox", "--port", port]

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20, env=dict(os.environ))

    assert done.returncode == 1
    assert "Choose another --port" in done.stderr


def test_the_server_is_light_so_that_it_starts_at_once():
    code = "import sys, customer_sync.sandbox.server; print(' '.join(sys.modules))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20)

    modules = done.stdout.split()
    assert not {"pydantic", "celery", "redis", "cryptography"} & set(modules)
    assert len(modules) < 600
