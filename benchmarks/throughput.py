"""How fast a full inbox is emptied by one worker process, against the plain recipe with the same events."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from datetime import datetime

import celeryconfig
from benchmarks import events, load
from benchmarks.plain import app as plain_app
from benchmarks.plain import sync_customer
from benchmarks.report import Report, number, say
from benchmarks.stack import Stack, is_write, until
from customer_sync.store import inbox

#: The slowest that is waited for, in seconds.
PATIENCE_S = 90.0

Event = tuple[str, events.Notice]


def run(*, quick: bool) -> Report:
    """Measure the whole line."""
    size = 1000 if quick else 5000
    cases = {
        f"{size:,} customers, 1 event each": events.customers(size),
        f"{size // 10:,} customers, 10 events each": events.customers(size // 10, 10),
    }
    report = Report(
        "Throughput: a full inbox, one worker process, no limit; against the plain recipe",
        ("events", "way", "seconds", "events/s", "calls", "calls/s"),
        notes=[
            f"Ours: one Celery process of {celeryconfig.worker_concurrency} threads.",
            "Plain (`benchmarks/plain.py`): a prefork worker of 2 processes.",
            "Time runs from the first to the last call that the sandbox saw.",
            "The sandbox is a Python server on the same machine and takes its share of it.",
        ],
    )
    for name, some in cases.items():
        say(f"throughput: {name}")
        ours, plain = _ours(some), _plain(some)
        for way, (seconds, calls) in (("ours", ours), ("plain", plain)):
            rates = (number(len(some) / seconds), number(calls), number(calls / seconds))
            report.rows.append((name, way, f"{seconds:.1f}", *rates))
        if len({email for email, _ in some}) == len(some):
            report.goal("single calls", ours[1] / ours[0], 500, "/s")
        report.goal(f"events against the plain recipe ({name})", plain[0] / ours[0], 5, " x")
    alone = _sandbox_alone()
    report.notes.append(f"The sandbox alone, asked the same upsert over 16 connections: {number(alone)} calls/s.")
    return report


def _ours(some: Sequence[Event]) -> tuple[float, int]:
    with Stack() as stack:
        store = stack.store()
        store.inbox.create()
        store.inbox.append(inbox.encode(one) for one in events.inbounds([notice for _, notice in some]))
        stack.start_worker()
        return _time(stack, lambda: store.inbox.depth()[0] == 0 and store.lanes.depth("contacts")[0] == 0)


def _plain(some: Sequence[Event]) -> tuple[float, int]:
    with Stack() as stack:
        plain_app.conf.broker_url = stack.redis.url
        with plain_app.connection_for_write(stack.redis.url) as connection:
            for _, notice in some:
                sync_customer.apply_async((json.loads(notice.body),), connection=connection)
        stack.start("plain", "celery", "-A", "benchmarks.plain", "worker", "-c", "2", "--without-mingle")
        return _time(stack, lambda: stack.writes(201) + stack.writes(204) >= len(some))


def _time(stack: Stack, is_done: Callable[[], bool]) -> tuple[float, int]:
    """Return seconds from the first to the last call, and how many there were."""
    started = time.time()
    if not until(lambda: stack.writes() > 0, 30):
        raise RuntimeError("no call was made")
    if not until(is_done, PATIENCE_S, every_s=0.2):
        raise RuntimeError(f"not done after {time.time() - started:.0f} s: {stack.calls()['totals']}")
    rows = [row for row in stack.calls(20_000)["calls"] if is_write(row["method"], row["path"])]
    times = [datetime.fromisoformat(row["at"]).timestamp() for row in rows]
    return max(times) - min(times), stack.writes()


def _sandbox_alone() -> float:
    with Stack() as stack:
        port = int(stack.sandbox.rpartition(":")[2])
        requests = []
        for number_ in range(2000):
            body = json.dumps({"email": f"p{number_}@mail.example", "updateEnabled": True, "attributes": {}}).encode()
            head = f"POST /v3/contacts HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\napi-key: sandbox\r\n"
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            requests.append(head.encode() + body)
        return load.run(requests, port, connections=16).rate
