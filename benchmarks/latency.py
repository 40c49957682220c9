"""How long a change takes from the webhook to Brevo, at a steady rate that leaves the machine half idle."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from benchmarks import events, load
from benchmarks.report import Report, number, percentile, say
from benchmarks.stack import Stack, until
from customer_sync.store import Store

RATE = 50.0


def run(*, quick: bool) -> Report:
    """Measure event → accepted."""
    seconds = 5 if quick else 20
    count = int(RATE * seconds)
    report = Report(
        f"Latency: from the webhook to the sandbox, {RATE:.0f} events/s for {seconds} s",
        ("measured by", "events", "p50 ms", "p90 ms", "p99 ms", "max ms"),
        notes=[
            "Web, one Celery worker process and the sandbox (no limit), with the flags of `tajo run`.",
            "Each event is a new customer; 20 others go ahead to warm the processes up.",
            "Outside: from sending the request to the contact's own `createdAt` in the sandbox.",
            "Own histogram: from arrival to Brevo's answer; a bucket's bound, so the figure is at most that.",
        ],
    )
    with Stack() as stack:
        _, port = stack.start_web()
        stack.start_worker()
        say("latency: warming up")
        warm = events.customers(20, seed=2)
        load.run(events.requests([notice for _, notice in warm], port), port, rate=RATE)
        if not until(lambda: len(stack.contacts()) >= len(warm), 20):
            raise RuntimeError("the first events did not arrive")
        store = stack.store()
        before = _histogram(store)
        sent = events.customers(count, seed=3)
        seen = load.run(events.requests([notice for _, notice in sent], port), port, rate=RATE, connections=4)
        until(lambda: len(stack.contacts()) >= len(warm) + count, 20)
        contacts = stack.contacts()
        waits = [
            (datetime.fromisoformat(contacts[email]["createdAt"]).timestamp() - sent_at) * 1000
            for (email, _), sent_at in zip(sent, seen.sent_at, strict=True)
            if email in contacts
        ]
        after = _histogram(store)
    shares = (0.5, 0.9, 0.99, 1.0)
    report.rows.append(("outside", str(len(waits)), *(number(percentile(waits, share)) for share in shares)))
    own = {bound: after[bound] - before.get(bound, 0) for bound in after}
    report.rows.append(("own histogram", str(sum(own.values())), *(_bound(own, share) for share in shares)))
    report.goal("events that arrived", len(waits), count)
    report.goal("p50", percentile(waits, 0.5), 50, " ms", at_most=True)
    report.goal("p99", percentile(waits, 0.99), 500, " ms", at_most=True)
    return report


def _histogram(store: Store) -> dict[float, int]:
    """Return upper bound in ms → how many are in that bucket alone."""
    found: Counter[float] = Counter()
    for one in store.counters.read():
        if one.name == "tajo_event_latency_seconds" and one.labels.get("way") == "webhook" and "le" in one.labels:
            found[float(one.labels["le"]) * 1000] += int(one.value)
    return dict(found)


def _bound(buckets: dict[float, int], share: float) -> str:
    wanted, seen = share * sum(buckets.values()), 0
    for bound in sorted(buckets):
        seen += buckets[bound]
        if seen >= wanted:
            return f"≤ {number(bound)}"
    return "-"
