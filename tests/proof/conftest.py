from __future__ import annotations

import pytest

from customer_sync.brevo.proof import passing, verdicts
from tests.proof.rig import ProofRig


@pytest.fixture
def rig(client):
    """A prover and an account in which everything passes."""
    made = ProofRig(client, import_shared="refuse", import_untouched_lists="leave")
    yield made
    made.sandbox.close()


@pytest.fixture
def quick(rig, monkeypatch):
    """The same with a single pass, for what does not depend on how many there are."""
    for module in (passing, verdicts):
        monkeypatch.setattr(module, "PASSES", 1)
    return rig
