"""What the tests of the client share."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from customer_sync.kit import transport


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Trust the certificates of a file, as `SSL_CERT_FILE` lets a process do at its start."""

    def trust(path: str) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", path)
        transport.trust.cache_clear()

    yield trust
    transport.trust.cache_clear()


@pytest.fixture
def peak() -> Callable[[], object]:
    """How much memory Python took at most while a block ran."""

    @contextmanager
    def measured() -> Iterator[SimpleNamespace]:
        used = SimpleNamespace(bytes=0)
        tracemalloc.start()
        try:
            yield used
        finally:
            used.bytes = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()

    return measured
