"""The bulk loop and the follow loop in a real worker: wake-ups, tasks, sweep."""

from __future__ import annotations

import pytest

from customer_sync.model import Change, Priority
from customer_sync.pipeline import plan_put, state_of
from customer_sync.store.lanes import COMPACT_AT
from tests.bulk.rig import NOW, at
from tests.reliability.stack import LANE, Stack, address
from tests.sandbox_server import sandbox_server


def put(store, numbers):
    """Put new people with bulk priority, as a run does."""
    events = []
    for number in numbers:
        fields = {"FIRSTNAME": f"Jane {number}", "status": "active"}
        change = Change(LANE, "shopify", at(-100), fields, customer_id=str(number), email=address(number))
        events.append({"seen": "", "puts": [{**plan_put(store, change, NOW, state_of(change)), "prio": Priority.BULK}]})
    store.commit([{"entry": "", "events": events, "parked": []}], COMPACT_AT)


@pytest.mark.slow
def test_a_worker_imports_bulk_work_and_goes_on_with_live_work(tmp_path):
    with sandbox_server("--plan", "none", "--import-delay", "0.2") as sandbox:
        stack = Stack(tmp_path, sandbox)
        try:
            stack.start_worker()
            put(stack.store, range(1000, 2200))
            stack.feed(range(3), first_name="Live")
            stack.wake()

            stack.settled()

            names = stack.names()
            assert len(names) == 1203
            assert names[address(1000)] == "Jane 1000"
            assert names[address(2)] == "Live"
            assert sandbox.count("POST", "/contacts/import") == 1
            assert sandbox.count("POST", "/contacts") == 3
        finally:
            stack.close()
