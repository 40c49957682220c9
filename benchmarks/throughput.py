"""How fast a full inbox is emptied by one worker process, against the plain recipe with the same events."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import celeryconfig
from benchmarks import events, load
from benchmarks.memory import members
from benchmarks.plain import app as plain_app
from benchmarks.plain import sync_customer
from benchmarks.report import Report, number, say
from benchmarks.stack import Stack, until
from benchmarks.watch import cpu_s
from customer_sync.store import Store, inbox

#: The slowest that is waited for, in seconds.
PATIENCE_S = 90.0

Event = tuple[str, events.Notice]
#: Whose CPU is measured: all processes of the worker, Redis, and the sandbox that stands for Brevo.
WHO = ("worker", "Redis", "sandbox")


class Spent(NamedTuple):
    """What it took to empty an inbox or a queue.

    Args:
        seconds: from the first that was taken to the last that was done.
        calls: to write a contact.
        cpu_s: of `WHO` → its CPU meanwhile.
    """

    seconds: float
    calls: int
    cpu_s: Mapping[str, float]

    @property
    def own_cpu_s(self) -> float:
        """The CPU of worker and Redis: it tells of a way's cost on a busy machine, too."""
        return self.cpu_s["worker"] + self.cpu_s["Redis"]


def run(*, quick: bool) -> Report:
    """Measure the whole line."""
    size = 1000 if quick else 5000
    cases = {
        f"{size:,} customers, 1 event each": (events.customers(size), 5),
        f"{size // 10:,} customers, 10 events each": (events.customers(size // 10, 10), 8),
    }
    report = Report(
        "Throughput: a full inbox, one worker process, no limit; against the plain recipe",
        ("events", "way", "seconds", "events/s", "calls", "calls/s", *(f"CPU us/event: {who}" for who in WHO)),
        notes=[
            f"Ours: one Celery process of {celeryconfig.worker_concurrency} threads.",
            "Plain (`benchmarks/plain.py`): a prefork worker of 2 processes.",
            "Time runs from the first request, or task, that is taken until all are in Brevo and nothing waits.",
            "Changes are of people who are in Brevo: an import only creates, so each is a single call.",
            "The sandbox is a Python server on the same machine and takes its share of it.",
        ],
    )
    for name, (some, goal) in cases.items():
        say(f"throughput: {name}")
        ours, plain = _ours(some), _plain(some)
        for way, spent in (("ours", ours), ("plain", plain)):
            report.rows.append((name, way, *_figures(len(some), spent)))
        report.goal(f"events against the plain recipe ({name})", plain.seconds / ours.seconds, goal, " x")
        report.notes.append(f"By the CPU of worker and Redis ({name}): {number(plain.own_cpu_s / ours.own_cpu_s)} x.")
    name = f"{size:,} customers, a change of each"
    say(f"throughput: {name}")
    spent = _changes(size)
    report.rows.append((name, "ours", *_figures(size, spent)))
    report.goal("single calls", spent.calls / spent.seconds, 1500, "/s")
    alone = _sandbox_alone()
    report.notes.append(f"The sandbox alone, asked the same upsert over 16 connections: {number(alone)} calls/s.")
    return report


def _figures(count: int, spent: Spent) -> list[str]:
    rates = [f"{spent.seconds:.1f}", number(count / spent.seconds)]
    rates += [number(spent.calls), number(spent.calls / spent.seconds)]
    return [*rates, *(number(spent.cpu_s[who] / count * 1e6) for who in WHO)]


def _ours(some: Sequence[Event]) -> Spent:
    with Stack() as stack:
        store = _filled(stack, some)
        stack.start_worker()
        return _empties(stack, store)


def _changes(size: int) -> Spent:
    """Return what it takes to bring a change of each of so many people who are in Brevo already."""
    some = events.customers(size, 2)
    with Stack() as stack:
        store = _filled(stack, some[:size])
        stack.start_worker()
        _empties(stack, store)
        _filled(stack, some[size:])
        return _empties(stack, store)


def _empties(stack: Stack, store: Store) -> Spent:
    return _time(stack, lambda: store.inbox.depth()[0], lambda: store.lanes.depth("contacts")[0])


def _filled(stack: Stack, some: Sequence[Event]) -> Store:
    """Return the store of a stack, with events in its inbox."""
    store = stack.store()
    store.inbox.create()
    store.inbox.append(inbox.encode(one) for one in events.inbounds([notice for _, notice in some]))
    return store


def _plain(some: Sequence[Event]) -> Spent:
    with Stack() as stack:
        plain_app.conf.broker_url = stack.redis.url
        with plain_app.connection_for_write(stack.redis.url) as connection:
            for _, notice in some:
                sync_customer.apply_async((json.loads(notice.body),), connection=connection)
        client = stack.store().client
        stack.start("worker", "celery", "-A", "benchmarks.plain", "worker", "-c", "2", "--without-mingle")
        # tasks are acknowledged when they are done
        return _time(stack, lambda: int(client.llen("celery")), lambda: int(client.hlen("unacked")))


def _time(stack: Stack, waiting: Callable[[], int], under_way: Callable[[], int]) -> Spent:
    """Return what it takes from the first that is taken of what waits, until nothing waits and nothing is under way."""
    count, calls = waiting(), stack.writes()
    if not until(lambda: waiting() < count, 30, every_s=0.005):
        raise RuntimeError("nothing was taken")
    started, before = time.monotonic(), _cpu(stack)
    if not until(lambda: not waiting() and not under_way(), PATIENCE_S, every_s=0.02):
        raise RuntimeError(f"not done after {time.monotonic() - started:.0f} s: {waiting()} wait")
    seconds = time.monotonic() - started
    used = {who: after - before[who] for who, after in _cpu(stack).items()}
    return Spent(seconds, stack.writes() - calls, used)


def _cpu(stack: Stack) -> dict[str, float]:
    pids = {who: members(stack.child(who)) for who in ("worker", "sandbox")} | {"Redis": [stack.redis.pid]}
    return {who: sum(map(cpu_s, found)) for who, found in pids.items()}


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
