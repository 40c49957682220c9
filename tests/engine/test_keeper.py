"""Leases are renewed while a worker works, and not for ever."""

from __future__ import annotations

import pytest

from customer_sync.store import keeper as module
from customer_sync.store.keeper import Keeper
from tests.reliability.servers import wait_until
from tests.toy_lane import ORDERS, order

LANE = ORDERS.name


@pytest.fixture
def held(store, monkeypatch):
    """An item that a worker has, a keeper, and the seconds that it sees."""
    monkeypatch.setattr(module, "BEAT_S", 0.02)
    store.lanes.register(LANE, keeps="records")
    order(store, "shop:1")
    seconds = [0.0]
    return store.lanes.take(LANE, 1, lease_s=0.5), Keeper(store.lanes, 180, lambda: seconds[0]), seconds


def test_a_lease_is_renewed_as_long_as_the_work_lasts(store, held):
    taken, keeper, seconds = held
    with keeper.keep(LANE, taken.token, taken.targets):
        seconds[0] += 179
        wait_until(lambda: lease_left_s(store) > 1, "the lease is renewed", 5)


def test_work_that_takes_too_long_loses_its_leases_and_a_late_settle_changes_nothing(store, held):
    taken, keeper, seconds = held
    with keeper.keep(LANE, taken.token, taken.targets):
        seconds[0] += 181
        wait_until(lambda: lease_left_s(store) < 0, "the lease ends", 5)

        again = store.lanes.take(LANE, 1)

        assert again.targets == taken.targets
        assert store.lanes.renew(LANE, taken.token, taken.targets) == 0


def lease_left_s(store) -> float:
    ends = store.client.zscore(f"tajo:lease:{LANE}", "shop:1")
    return -1.0 if ends is None else (ends - store.now_ms()) / 1000
