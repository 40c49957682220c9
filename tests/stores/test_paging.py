"""Pages of the ledger, of what is parked, of runs and alerts: none shows a thing twice, none leaves one out."""

from __future__ import annotations

import base64

import pytest

from customer_sync.store import keys
from customer_sync.store.paging import BadCursor, to_cursor
from customer_sync.store.parked import Parked, encode, park_inbound
from customer_sync.store.run import RunKind, RunState


def walk(page, limit, **filters):
    """Return the items of all pages."""
    found, cursor = [], None
    while True:
        items, cursor = page(limit, cursor=cursor, **filters)
        assert len(items) <= limit
        found += items
        if cursor is None:
            return found


def put_run(store, source, *, kind=RunKind.FULL, state=RunState.DONE):
    run = store.runs.start(source, kind)
    if state is not RunState.RUNNING:
        assert store.runs.move(run, (RunState.RUNNING,), state)
    return run.id


def test_runs_come_in_pages_and_by_filter(store):
    ids = [put_run(store, f"shop{n % 3}", kind=list(RunKind)[n % 2]) for n in range(12)]

    assert [one.id for one in walk(store.runs.page, 5)] == ids[::-1]
    assert [one.id for one in walk(store.runs.page, 1, source="shop1")] == ids[1::3][::-1]
    assert [one.id for one in walk(store.runs.page, 2, kind=RunKind.FULL)] == ids[::2][::-1]
    assert walk(store.runs.page, 2, state=RunState.PAUSED) == []


def test_a_run_that_starts_between_two_pages_is_not_on_the_second(store):
    ids = [put_run(store, "shop") for _ in range(4)]
    first, cursor = store.runs.page(2)
    put_run(store, "shop")
    second, end = store.runs.page(2, cursor=cursor)

    assert [one.id for one in first + second] == ids[::-1]
    assert end is None


def test_alerts_come_in_pages(store):
    for number in range(7):
        store.ledger.alert(f"text {number}", "do this")

    assert [one["alert"] for one in walk(store.ledger.alerts_page, 3)] == [f"text {n}" for n in reversed(range(7))]
    at_ms = store.ledger.alerts(1)[0]["at_ms"]
    assert walk(store.ledger.alerts_page, 3, since_ms=at_ms + 1) == []
    assert walk(store.ledger.alerts_page, 3, until_ms=0) == []
    assert len(walk(store.ledger.alerts_page, 3, until_ms=at_ms + 1)) == 7


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "none", "é", "a" * 5000, to_cursor("r", "one"), to_cursor("z", "1"), to_cursor("r", "1") + "=",
     to_cursor("p", 1), base64.urlsafe_b64encode(b"\xff\xfe").decode().rstrip("=")],
)  # fmt: skip
@pytest.mark.parametrize("name", ["ledger", "alerts", "parked", "runs"])
def test_a_cursor_that_is_none_is_refused_with_a_reason(store, name, cursor):
    page = {
        "ledger": store.ledger.page,
        "alerts": store.ledger.alerts_page,
        "parked": store.parked.page,
        "runs": store.runs.page,
    }[name]

    with pytest.raises(BadCursor, match="Take `next_cursor` of the page before"):
        page(10, cursor=cursor)


def park(store, count, *, first=0, at_ms=1_000_000):
    """Park things of two sources for two reasons, three of them in each millisecond."""
    pipe = store.client.pipeline()
    for number in range(first, first + count):
        one = Parked(f"p{number:04}", "inbound", f"shop{number % 2}", f"reason {number % 3}", "Drop it.", "x" * 40)
        pipe.hset(keys.PARKED, one.id, encode(one))
        pipe.zadd(keys.PARKED_AT, {one.id: at_ms + number // 3})
    pipe.execute()


def names(found):
    return [one.id for one in found]


@pytest.mark.parametrize("read_at_once", [2000, 10])
def test_parked_things_come_in_pages_and_by_filter(store, monkeypatch, read_at_once):
    monkeypatch.setattr("customer_sync.store.parked._BRIEFS", read_at_once)
    park(store, 50)
    numbers = list(reversed(range(50)))

    def those(fits):
        return [f"p{n:04}" for n in numbers if fits(n)]

    assert names(walk(store.parked.page, 7)) == those(lambda _: True)
    assert names(walk(store.parked.page, 4, source="shop1")) == those(lambda n: n % 2 == 1)
    assert names(walk(store.parked.page, 4, reason="reason 2")) == those(lambda n: n % 3 == 2)
    assert names(walk(store.parked.page, 4, reason="reason 2", source="shop0")) == those(lambda n: n % 6 == 2)
    assert walk(store.parked.page, 4, reason="another") == []
    span = {"since_ms": 1_000_002, "until_ms": 1_000_005}
    assert names(walk(store.parked.page, 2, **span)) == those(lambda n: 2 <= n // 3 < 5)
    assert {one.content for one in walk(store.parked.page, 7)} == {""}


def test_what_is_parked_or_replayed_between_two_pages_moves_nothing_else(store):
    park(store, 30)
    first, cursor = store.parked.page(10)
    park(store, 5, first=30)
    store.parked.drop(store.parked.get(first[-1].id))  # the place of the cursor itself
    store.parked.drop(store.parked.get("p0004"))
    rest, cursor = store.parked.page(100, cursor=cursor)

    assert names([*first, *rest]) == [f"p{n:04}" for n in reversed(range(30)) if n != 4]
    assert cursor is None


@pytest.mark.parametrize("raw", [b"", b"a", b"ab", b"abc", b"abcd", "é{}".encode() * 33])
def test_a_parked_thing_tells_how_much_it_holds(store, raw):
    one = park_inbound(raw, "shop", "reason", "remedy", 1)
    store.client.hset(keys.PARKED, one.id, encode(one))
    store.client.zadd(keys.PARKED_AT, {one.id: 1})

    assert store.parked.get(one.id).size_bytes == len(raw)
    assert [(brief.size_bytes, brief.content) for brief in store.parked.page(5).items] == [(len(raw), "")]
    assert b"size_bytes" not in store.client.hget(keys.PARKED, one.id)  # an older program reads it, too


def test_a_brief_goes_with_its_thing_however_that_leaves(store, monkeypatch):
    def sweep():
        store.client.delete(keys.wake("sweep"))
        store.sweep(900)

    park(store, 9, at_ms=store.now_ms())
    sweep()
    assert store.client.hlen(keys.PARKED_BRIEF) == 9
    store.parked.drop(store.parked.get("p0008"))
    store.parked.replay(store.parked.get("p0007"))
    assert store.client.hlen(keys.PARKED_BRIEF) == 7
    monkeypatch.setattr("customer_sync.store.parked.MOST", 5)
    sweep()
    left = store.client.hlen(keys.PARKED)
    assert store.client.hlen(keys.PARKED_BRIEF) == left < 7
    store.client.hdel(keys.PARKED, "p0006")  # an older program does not know briefs
    sweep()

    assert store.client.hlen(keys.PARKED_BRIEF) == left - 1


def test_a_full_redis_lists_what_is_parked(store):
    park(store, 9)
    store.client.config_set("maxmemory", 1)
    try:
        assert len(store.parked.page(5).items) == 5
        assert len([*store.parked.briefs()]) == 9
    finally:
        store.client.config_set("maxmemory", 0)
