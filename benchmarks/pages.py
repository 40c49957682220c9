"""How long the API's pages and the dashboard's take over a large installation: people, history, parked things.

The installation is written into Redis by hand, in the forms that the workers write, spread over two weeks. Then two
real web processes answer over HTTP, one request after the other; the first answer to each page counts like any other.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import urllib3

from benchmarks.report import Report, percentile, say
from benchmarks.stack import Stack
from customer_sync.model import EventState, to_iso
from customer_sync.store import Store, keys
from customer_sync.store.ledger import outcome_row
from customer_sync.store.parked import Parked, encode
from customer_sync.store.run import RunKind, RunState

PEOPLE, QUICK_PEOPLE = 1_000_000, 20_000
ROWS, QUICK_ROWS = 200_000, 20_000
PARKED, QUICK_PARKED = 20_000, 2_000
REQUESTS, QUICK_REQUESTS = 60, 10
GOAL_MS: Final = 200.0
DAY_MS: Final = 86_400_000
KEY: Final = secrets.token_hex(24)
#: A source with three events in all.
RARE: Final = "rare"


@dataclass(frozen=True, slots=True)
class Size:
    """How large the installation is, and how often each page is asked for."""

    people: int
    rows: int
    parked: int
    requests: int


def run(*, quick: bool, people: int | None) -> Report:
    """Measure pages."""
    full, small = (PEOPLE, ROWS, PARKED, REQUESTS), (QUICK_PEOPLE, QUICK_ROWS, QUICK_PARKED, QUICK_REQUESTS)
    size = Size(*(small if quick else full))
    size = Size(people or size.people, size.rows, size.parked, size.requests)
    report = Report("Pages", ("page", "p50 (ms)", "p95 (ms)", "slowest (ms)", "entries"))
    with Stack(plan=None, env={"TAJO_API_KEY": KEY}) as stack:
        store = stack.store()
        report.notes += _fill(store, size)
        rows = store.client.xlen(keys.LEDGER)
        _, port = stack.start_web(workers=2)
        http = urllib3.PoolManager(retries=False, timeout=30, headers={"Authorization": f"Bearer {KEY}"})
        worst = 0.0
        for name, path in _pages(store):
            say(f"pages: {name}")
            times, entries = _times(http, f"http://127.0.0.1:{port}{path}", size.requests)
            worst = max(worst, percentile(times, 0.95))
            figures = [f"{percentile(times, share) * 1000:.1f}" for share in (0.5, 0.95, 1.0)]
            report.rows.append((name, *figures, entries))
    report.goal("slowest page, p95", worst * 1000, GOAL_MS, " ms", at_most=True)
    report.notes.append(
        f"{size.people:,} people, {rows:,} rows of the ledger, {size.parked:,} parked things; two web processes of "
        f"granian, one request after the other over HTTP, {size.requests} for each page."
    )
    return report


def _pages(store: Store) -> Iterator[tuple[str, str]]:
    """Yield what is asked for: a name and the path."""
    week_ms = store.now_ms() - 7 * DAY_MS
    week = {"since": to_iso(week_ms), "until": to_iso(week_ms + 3_600_000)}
    yield from (("overview, /api/v1/status", "/api/v1/status"), ("overview, /", "/"))
    filters: dict[str, dict[str, Any]] = {
        "events": {},
        "events, 500 at once": {"limit": 500},
        **{f"events, state={state}": {"state": state} for state in EventState},
        "events, a kind": {"kind": "order_placed"},
        "events, a source": {"source": "shop"},
        "events, a source with three": {"source": RARE},
        "events, a source without any": {"source": "nowhere"},
        "events, a person": {"person": "4711"},
        "events, an hour a week ago": week,
        "events, parked in an hour a week ago": {**week, "state": "parked"},
        "events, no fit": {"state": "retrying", "source": RARE, "kind": "order_placed"},
    }
    for name, asked in filters.items():
        yield name, "/api/v1/events?" + urlencode(asked)
    (oldest,) = store.ledger.page(1, until_ms=week_ms).items
    yield "events, the page in the middle", "/api/v1/events?" + urlencode({"cursor": _middle(store, week_ms)})
    yield "one event", f"/api/v1/events/{oldest.event_id}"
    for name, asked in {
        "parked": {},
        "parked, 500 at once": {"limit": 500},
        "parked, a reason": {"reason": _reason(7)},
        "parked, a reason with one": {"reason": _reason(-1)},
        "parked, a source": {"source": "shop"},
        "parked, an hour a week ago": week,
    }.items():
        yield name, "/api/v1/parked?" + urlencode(asked)
    for path in ("/api/v1/runs", "/api/v1/alerts", "/api/v1/receipts", "/events", "/parked"):
        yield path, path


def _middle(store: Store, at_ms: int) -> str:
    page = store.ledger.page(1, until_ms=at_ms)
    if page.cursor is None:
        raise RuntimeError("the history is too short for a page in the middle")
    return page.cursor


def _times(http: urllib3.PoolManager, url: str, count: int) -> tuple[list[float], str]:
    """Return how long each answer took, in seconds, and how many entries the last one had."""
    times: list[float] = []
    while len(times) < count:
        began = time.perf_counter()
        answer = http.request("GET", url)
        took_s = time.perf_counter() - began
        if answer.status == 429:  # the key's own limit
            time.sleep(float(answer.headers["Retry-After"]))
            continue
        times.append(took_s)
        if answer.status != 200:
            raise RuntimeError(f"{url}: {answer.status} {answer.data[:300]!r}")
    is_json = answer.headers["Content-Type"].startswith("application/json")
    items = answer.json().get("items") if is_json else None
    return times, "" if items is None else str(len(items))


def _fill(store: Store, size: Size) -> list[str]:
    """Write the installation; return what the history costs."""
    say(f"pages: writing {size.people:,} people")
    _write_people(store, size.people)
    say(f"pages: writing {size.rows:,} rows and {size.parked:,} parked things")
    before = _used(store)
    _write_events(store, size)
    rows, history = store.client.xlen(keys.LEDGER), _used(store) - before
    began = time.perf_counter()
    steps = 1
    while not store.ledger.catch_up(1):
        steps += 1
    index_s, index = time.perf_counter() - began, _used(store) - before - history
    _write_parked(store, size.parked)
    while store.client.hlen(keys.PARKED_BRIEF) < size.parked:
        store.parked.make_briefs()
    for one in range(200):
        run = store.runs.start(f"source{one % 5}", RunKind.FULL, by="schedule")
        assert run is not None
        store.runs.move(run, (RunState.RUNNING,), RunState.DONE)
    for one in range(keys.ALERT_ROWS):
        store.ledger.alert(f"Something happened for the {one}th time.", "Look after it.")
    return [
        f"The ledger takes {history / rows:.0f} bytes a row, its index {index / rows:.0f} more.",
        f"Making the index takes {index_s / rows * 1e6:.1f} µs a row, {index_s / steps * 1000:.1f} ms a step.",
    ]


def _write_people(store: Store, people: int) -> None:
    """Write what is known of people, and the indexes that lead to them, in the size of real ones."""
    pipe = store.client.pipeline(transaction=False)
    record = "2person@example.com\n" + "x" * 160
    for one in range(1, people + 1):
        pipe.set(keys.person(str(one)), record)
        pipe.hset(f"{keys.PREFIX}em:{one % 4096:03x}", f"fingerprint{one:08}", one)
        pipe.hset(f"{keys.PREFIX}ref:{one % 4096:03x}", f"ref{one:08}", f"{one}|1700000000")
        if one % 5000 == 0:
            pipe.execute()
    pipe.set(keys.SEQ, people)
    pipe.execute()


def _write_events(store: Store, size: Size) -> None:
    """Write events of two weeks: nearly all delivered, some ignored or repeated, few parked, retried or waiting."""
    chance, count = random.Random(1), size.rows // 2
    began_ms = store.now_ms() - 14 * DAY_MS
    pipe = store.client.pipeline(transaction=False)
    for one in range(count):
        at_ms = began_ms + one * 14 * DAY_MS // count
        source = RARE if one in {5, count // 3, count - 1000} else chance.choice(("shop", "store", "brevo"))
        state = "ignored" if one % 100 == 1 else "repeated" if one % 100 == 2 else "pending"
        person = str(chance.randrange(1, size.people))
        kind = "order_placed" if one % 3 else "customer_updated"
        row: dict[Any, Any] = {"e": f"{source}:{one}", "s": source, "k": kind, "t": "orders/paid", "st": state}
        pipe.xadd(keys.LEDGER, {**row, "p": person}, id=f"{at_ms}-*")
        if state == "pending" and one != count - 100:
            for became in _became(one):
                later = outcome_row(became, person, [row["e"]], "" if became == "delivered" else "HTTP 500")
                pipe.xadd(keys.LEDGER, dict(zip(later[::2], later[1::2], strict=True)), id=f"{at_ms + 1}-*")  # type: ignore[arg-type]  # str is fine
        if one % 2000 == 0:
            pipe.execute()
    pipe.execute()


def _became(one: int) -> tuple[EventState, ...]:
    if one % 2000 == 7:
        return (EventState.RETRYING, EventState.PARKED)
    if one % 50 == 9:  # an hour of Brevo away: retried, and delivered after all
        return (EventState.RETRYING, EventState.DELIVERED)
    return (EventState.DELIVERED,)


def _write_parked(store: Store, count: int) -> None:
    began_ms = store.now_ms() - 14 * DAY_MS
    pipe = store.client.pipeline(transaction=False)
    for one in range(count):
        source, at_ms = ("shop", "store")[one % 2], began_ms + one * 14 * DAY_MS // count
        reason = _reason(-1 if one == count // 2 else one % 40)
        parked = Parked(f"p{one:010x}", "inbound", source, reason, "Mend it at the source.", "eHh4" * 700, at_ms=at_ms)
        pipe.hset(keys.PARKED, parked.id, encode(parked))
        pipe.zadd(keys.PARKED_AT, {parked.id: at_ms})
        if one % 1000 == 0:
            pipe.execute()
    pipe.execute()


def _reason(one: int) -> str:
    return f"$.customer.addresses[{one}].country: found a number; a text is allowed."


def _used(store: Store) -> int:
    return int(store.client.info("memory")["used_memory"])
