"""Both clients, and a server that answers what a test says."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.clients.hands import Hands, NodeHands, PythonHands
from tests.clients.scripted import Scripted, serving
from tests.clients.service import Service
from tests.clients.service import service as running

#: What both clients would take from the environment.
OURS = ("TAJO_API_KEY", "TAJO_URL", "BREVO_API_KEY")


@pytest.fixture(scope="module", params=["python", "node"])
def hands(request: pytest.FixtureRequest) -> Iterator[Hands]:
    """Each of both clients, with an environment that says nothing."""
    if request.param == "node":
        node = NodeHands({name: value for name, value in os.environ.items() if name not in OURS})
        yield node
        node.close()
        return
    with pytest.MonkeyPatch.context() as patch:
        for name in OURS:
            patch.delenv(name, raising=False)
        yield PythonHands()


@pytest.fixture(scope="session")
def _scripted() -> Iterator[Scripted]:
    with serving() as server:
        yield server


@pytest.fixture
def server(_scripted: Scripted) -> Scripted:
    """A server that answers what the test says."""
    _scripted.script()
    return _scripted


@pytest.fixture(scope="module")
def service(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A running service; what it knows stays from test to test of the module."""
    with running(redis_url, tmp_path_factory.mktemp("service")) as found:
        yield found
