from __future__ import annotations

import pytest

from tests.bulk.rig import BulkRig


@pytest.fixture
def rig(client):
    made = BulkRig(client)
    yield made
    made.sandbox.close()
