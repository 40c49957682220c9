"""A stack that the tests of one module share: a worker takes seconds to start, and must survive every fault anyway."""

from __future__ import annotations

import pytest

from tests.reliability.stack import Stack
from tests.sandbox_server import sandbox_server


@pytest.fixture(scope="module")
def shared_stack(redis_url, tmp_path_factory):
    with sandbox_server("--plan", "none") as sandbox:
        made = Stack(tmp_path_factory.mktemp("stack"), sandbox)
        try:
            made.start_worker()
            yield made
        finally:
            made.close()


@pytest.fixture
def stack(shared_stack):
    """A worker, a Redis and a sandbox without limits, all as new."""
    shared_stack.sandbox.limits("none")
    shared_stack.reset()
    yield shared_stack
    shared_stack.sandbox.clear_faults()
    shared_stack.look_again()


@pytest.fixture
def measured(capsys):
    """Say a figure aloud: what the numbers of the documentation are taken from."""

    def say(what: str, value: float) -> None:
        with capsys.disabled():
            print(f"\n  measured: {what} = {value:.2f}", end="")

    return say
