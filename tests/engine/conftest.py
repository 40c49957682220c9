"""A lane of orders beside that of contacts; tests that need another line make their own."""

from __future__ import annotations

import pytest

from customer_sync.store import keys
from tests.rig import Rig
from tests.toy_lane import ORDERS, OrdersHandler, toyland


@pytest.fixture
def land():
    """The platform that orders go to."""
    with toyland() as found:
        yield found


@pytest.fixture
def rig(client, land):
    """The line with a lane of orders beside that of contacts."""
    found = Rig(client)
    found.store.lanes.register(ORDERS.name, keeps="records")
    client.hset(keys.limit(ORDERS.bucket), "rps", 0)
    found.orders = OrdersHandler(land.url, found.store.limits, clock=found.clock)
    found.line.handlers = {**found.line.handlers, ORDERS.name: found.orders}
    return found
