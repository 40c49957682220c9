"""The files of refused rows: their addresses come from an answer, so not everything is called, nor read."""

from __future__ import annotations

import pytest

from customer_sync.brevo.contacts import refused_rows
from customer_sync.brevo.contacts.refused_rows import RefusedRows
from customer_sync.kit.proxies import proxies_of_environment
from tests.outbound.peers import answering, certificate, peer

FILE = b"EMAIL;REASON\njane@example.com;taken\n"


@pytest.fixture(autouse=True)
def _without_a_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    proxies_of_environment.cache_clear()
    yield
    proxies_of_environment.cache_clear()


def read(base_url, url):
    return RefusedRows(base_url).read({"info": {"import": {"invalid_emails": url}}})


def test_the_file_of_a_sandbox_on_this_machine_is_read():
    with peer(answering(FILE)) as server:
        assert read(f"{server.url}/v3", f"{server.url}/file.csv") == {"jane@example.com"}


def test_a_file_inside_the_own_network_is_not_called(tmp_path, trusting):
    context, trusted = certificate(tmp_path, "localhost")
    trusting(trusted)
    with peer(answering(FILE), context) as server:
        url = f"https://localhost:{server.port}/file.csv"

        assert read("https://api.brevo.example/v3", url) == frozenset()
        assert server.connections == 0
        assert read("https://localhost/v3", url) == {"jane@example.com"}


def test_a_file_that_is_larger_than_what_was_sent_is_not_read(monkeypatch):
    monkeypatch.setattr(refused_rows, "MAX_BYTES", len(FILE) - 1)
    with peer(answering(FILE)) as server:
        assert read(f"{server.url}/v3", f"{server.url}/file.csv") == frozenset()
