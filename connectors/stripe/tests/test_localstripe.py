"""The connector reads customers out of localstripe, a stand-in of other people (github.com/adrienverge/localstripe).

It is run as it stands. It has no `/v1/events`, no webhook endpoints, no permissions, answers a deleted customer with
404, takes only `sk_` keys, and lists the oldest first.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
import stripe

from connectors.stripe import api
from connectors.stripe.connector import StripeConnector
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.outbound import HttpClient
from customer_sync.kit.reach import Access, Want, Withdrawal, Written
from customer_sync.model import Channel
from tests.contract.cases import RECEIVED_AT
from tests.contract.trial import MemoryVault

pytestmark = pytest.mark.slow
KEY = "sk_test_12345"


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    command = [sys.executable, "-m", "localstripe", "--port", str(port), "--from-scratch"]
    folder = tmp_path_factory.mktemp("localstripe")
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + 60
            while time.monotonic() < end:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with closing(HttpClient()) as found:
        yield found


def test_everybody_whom_the_vendor_s_client_makes_there_comes_and_an_opt_out_is_kept(address, http, monkeypatch):
    monkeypatch.setattr(api, "PAGE_SIZE", 3)
    client = stripe.StripeClient(KEY, base_addresses={"api": address})
    made = [
        client.v1.customers.create(
            {"email": f"ana{at}@example.com", "name": f"Ana {at}", "metadata": {"newsletter": "no"}}
        )
        for at in range(8)
    ]
    options = {"api_key": KEY, "consent_metadata": "newsletter"}
    connector = StripeConnector(SourceSettings("pay", "stripe", (), options, address))
    access, found, cursor, pages = Access(http, MemoryVault()), {}, None, 0
    while pages == 0 or cursor is not None:
        page = connector.pull(Want("customers", cursor), access)
        found |= {one.record_id: one for one in page.events}
        cursor, pages = page.cursor, pages + 1
    out = Withdrawal(made[0].id, Channel.EMAIL, "ana0@example.com", RECEIVED_AT)

    assert pages == 3
    assert {one: found[one].record["email"] for one in found} == {one.id: one.email for one in made}
    assert {found[one].record["lastName"] for one in found} == {str(at) for at in range(8)}
    assert {str(seen.state) for one in found.values() for seen in one.consents} == {"withdrawn"}
    assert connector.write_consent(out, access) is Written.WRITTEN
    assert connector.write_consent(out, access) is Written.UNCHANGED
    assert client.v1.customers.retrieve(made[0].id).metadata["brevo_email_optout"] == "true"
    client.v1.customers.delete(made[1].id)
    assert connector.fetch("customers", [made[1].id], access) == []
