"""How soon live customers are in Brevo while everything else runs: history, catalogue, a busy shop, reminders."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import datetime

from benchmarks import events, load
from benchmarks.report import Report, number, percentile, say
from benchmarks.shop import Shop
from benchmarks.stack import Stack, until

#: Live customers a second, and what the shop's own people do a second beside them.
RATE, CROWD = 5.0, 2.0
SKILLS = """\
  order-events: {enabled: true}
  product-catalog: {enabled: true}
  cart-events: {enabled: true}
  abandoned-cart:
    enabled: true
    detection: {inactivity_threshold: 1m}
    sequence: [{delay: 1m, template_id: 1}]
"""


def run(*, quick: bool) -> Report:
    """Measure live webhook → accepted by the sandbox, beside runs of customers, orders and products."""
    seconds, customers, orders, products = (20, 500, 2_000, 200) if quick else (180, 5_000, 20_000, 2_000)
    report = Report(
        f"Live customers beside everything else, General plan, {RATE:.0f}/s for {seconds} s",
        ("what", "value"),
        notes=[
            f"Full runs of {customers:,} customers, {orders:,} orders, {products:,} products begin with the first.",
            f"The shop's people do {CROWD:.0f} things a second (orders, edits, carts) that come by webhook, too.",
            "Web, two Celery worker processes, beat, the sandbox and the stand-in of Shopify share the machine.",
        ],
    )
    with Stack("general") as stack:
        flags = ["--products", str(products), "--orders", str(orders), "--live", str(CROWD)]
        shop = Shop(stack, customers, flags=flags, skills=SKILLS)
        _, port = stack.start_web()
        stack.env["TAJO_PUBLIC_URL"] = f"http://127.0.0.1:{port}"
        for one in range(2):
            stack.start_worker(f"w{one + 1}", one, 2)
        stack.start_beat()
        store = stack.store()
        until(lambda: bool(store.note("worker_seen")), 60)
        _tajo(stack, "brevo", "activate", "--currency", "EUR")
        _tajo(stack, "connectors", "install", "shopify")
        say(f"beside: {shop.count:,} customers, {orders:,} orders, {products:,} products are read")
        begun = time.monotonic()
        sync = subprocess.Popen(_command("connectors", "sync", "shopify", "--full"), env=stack.env, cwd=stack.folder)
        sent = events.customers(int(RATE * seconds), seed=7)
        seen = load.run(events.requests([notice for _, notice in sent], port), port, rate=RATE)
        until(lambda: len({email for email, _ in sent} & set(stack.contacts())) == len(sent), 60)
        took_s = time.monotonic() - begun
        sync.kill()
        contacts = stack.contacts()
        waits = [
            (datetime.fromisoformat(contacts[email]["createdAt"]).timestamp() - sent_at) * 1000
            for (email, _), sent_at in zip(sent, seen.sent_at, strict=True)
            if email in contacts
        ]
        calls = stack.calls()
        done = {f"{row['method']} {row['route']}": row["calls"] for row in calls["totals"] if row["status"] < 300}
    for share in (0.5, 0.9, 0.99, 1.0):
        report.rows.append((f"live p{share * 100:.0f}", f"{number(percentile(waits, share))} ms"))
    report.rows.append(("calls that went beside, by route", ", ".join(f"{name} {by}" for name, by in _most(done))))
    report.rows.append(("answers 429", str(calls["refused429"])))
    report.rows.append(("measured for", f"{took_s:.0f} s"))
    report.goal("live customers that arrived", len(waits), len(sent))
    report.goal("live p99", percentile(waits, 0.99), 1000, " ms", at_most=True)
    return report


def _most(done: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(((name, by) for name, by in done.items() if not name.startswith("GET")), key=lambda one: -one[1])[:8]


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "customer_sync", *words]


def _tajo(stack: Stack, *words: str) -> None:
    subprocess.run(_command(*words), env=stack.env, cwd=stack.folder, check=True, stdout=subprocess.DEVNULL)
