"""The bulk loop and the follow loop in a real worker: wake-ups, tasks, sweep."""

from __future__ import annotations

import pytest

from customer_sync.engine.plan import Planned, Request, Says, Who, commit
from customer_sync.engine.planner import Planner
from customer_sync.model import Priority
from tests.bulk.rig import NOW, at
from tests.reliability.stack import Stack, address
from tests.sandbox_server import sandbox_server


def put(store, numbers):
    """Put new people with bulk priority, as a run does."""
    planner, events = Planner(store.people, store.now_ms()), []
    for number in numbers:
        who = Who("shopify", at(-100), id=str(number), email=address(number))
        steps = [Says(who, {"FIRSTNAME": f"Jane {number}"})]
        events.append(Planned(planner.groups(steps, [], NOW, priority=Priority.BULK)))
    commit(store, [Request("", events)], lambda _: None)


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
