"""A full sync of a whole shop: how long it takes and what it needs; again; beside live work; with workers that die.

Everything runs on this machine: the fake Shopify, the sandbox, Redis, web, two worker processes and beat, with the
flags of `tajo run`.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from benchmarks import events, load
from benchmarks.report import Report, number, percentile, say
from benchmarks.shop import Shop, arrived
from benchmarks.stack import ROOT, Child, Stack, until
from benchmarks.watch import Watch
from customer_sync.store.run import Run

CASES = ("full", "again", "live", "kills")
CUSTOMERS, QUICK_CUSTOMERS, GOAL_CUSTOMERS = 50_000, 10_000, 1_000_000
#: Fewer for the case under Brevo's limit: who cannot go along in an import goes singly, ten a second.
LIMITED_SHARE = 0.2
#: How many webhooks a second come meanwhile, and for how long, in seconds.
LIVE_RATE, LIVE_S, QUICK_LIVE_S = 5.0, 60.0, 20.0
KILLS = 10
#: The slowest that is waited for, customers a second, and under Brevo's limit.
PATIENCE_RATE, LIMITED_RATE = 500.0, 20.0
#: How often it is told how far a run is, in seconds.
TELL_S = 60.0
#: What is part of an installation; the shop and the sandbox are not.
OURS = ("web", "worker 1", "worker 2", "beat")


@dataclass(slots=True)
class Installation:
    """Everything up and running.

    Args:
        stack: it.
        shop: the shop it reads.
        port: where webhooks go.
        children: name → process.
    """

    stack: Stack
    shop: Shop
    port: int
    children: dict[str, Child]

    def begin(self) -> str:
        """Start a full run; returns its number."""
        command = [sys.executable, "-m", "customer_sync", "connectors", "sync", "shopify"]
        command += ["--full", "--no-wait", "--json"]
        done = subprocess.run(command, env=self.stack.env, cwd=ROOT, capture_output=True, check=False, text=True)
        if done.returncode:
            raise RuntimeError(f"the run did not start: {done.stderr}")
        return str(json.loads(done.stdout)["id"])

    def read(self, number: str) -> Run:
        """Return a run as it stands."""
        run = self.stack.store().runs.read(number)
        assert run is not None
        return run

    def wait(self, number: str, rate: float = PATIENCE_RATE) -> Run:
        """Wait until a run is over.

        Args:
            number: which.
            rate: the slowest that is waited for, customers a second.
        """
        patience_s = 120 + self.shop.count / rate
        store = self.stack.store()
        told_at = time.monotonic()

        def is_over() -> bool:
            nonlocal told_at
            run = store.runs.read(number)
            if run is not None and time.monotonic() - told_at > TELL_S:
                told_at += TELL_S
                say(f"sync: {run.state}, {run.counts['read']:,} read, {run.counts['sent']:,} sent")
            return run is None or not run.is_open or run.state == "stopped"

        if not until(is_over, patience_s, every_s=0.5) or self.read(number).state != "done":
            raise RuntimeError(f"not done: {self.read(number)}")
        return self.read(number)

    def contacts(self) -> int:
        """Return how many contacts Brevo holds."""
        return int(self.stack.ask("/sandbox/state?limit=0")["count"])


@dataclass(slots=True)
class Sent:
    """What was sent to Brevo so far.

    Args:
        rows: rows of imports.
        singles: calls that wrote one contact.
        refused: those of both that Brevo refused, for a phone number that another contact has, say.
        followed: rows without a phone, which followed singly.
        again: the rest of both that was about somebody whom Brevo had already.
        calls: method and route → calls.
    """

    rows: int
    singles: int
    refused: int
    followed: int
    again: int
    calls: dict[str, int]


def run(
    *, quick: bool, customers: int | None, cases: Collection[str] | None, import_phones: bool
) -> Iterator[list[Report]]:
    """Measure full syncs; yields the reports of a case once its processes have ended."""
    customers = customers or (QUICK_CUSTOMERS if quick else CUSTOMERS)
    wanted = cases or CASES
    if "full" in wanted or "again" in wanted:
        yield _full_and_again(customers, is_again="again" in wanted, import_phones=import_phones)
    if "live" in wanted:
        limited = max(1000, int(customers * LIMITED_SHARE))
        yield [_live(limited, QUICK_LIVE_S if quick else LIVE_S, import_phones=import_phones)]
    if "kills" in wanted:
        yield [_kills(customers, import_phones=import_phones)]


@contextmanager
def _installation(plan: str, customers: int, *, import_phones: bool) -> Iterator[Installation]:
    with Stack(plan) as stack:
        shop = Shop(stack, customers, import_phones=import_phones)
        web, port = stack.start_web()
        workers = {f"worker {n + 1}": stack.start_worker(f"w{n + 1}", n, 2) for n in range(2)}
        children = {"web": web, **workers}
        children["beat"] = stack.start_beat()
        store = stack.store()
        if not until(lambda: bool(store.note("worker_seen")), 30):
            raise RuntimeError("no worker started")
        yield Installation(stack, shop, port, children)


# a full sync, and another one --------------------------------------------------------------------------------------


def _full_and_again(customers: int, *, is_again: bool, import_phones: bool) -> list[Report]:
    say(f"sync: {customers:,} customers")
    with _installation("none", customers, import_phones=import_phones) as one:
        seen = {**one.children, "sandbox": one.stack.child("sandbox"), "shop": one.shop.child}
        expected = int(customers * (1 - 0.02))
        with Watch(one.stack, seen, lambda: one.contacts() / expected) as watch:
            number_ = one.begin()
            run = one.wait(number_)
        report = _told(f"Full sync: {customers:,} customers of a Shopify, no limit", customers, run, watch, one)
        rate = customers / watch.seconds
        report.goal("customers a second (1,000,000 in 5 minutes)", rate, GOAL_CUSTOMERS / 300, "/s")
        if customers < GOAL_CUSTOMERS:
            report.notes.append("The goal speaks of 1,000,000; of fewer the first page and the last import take more.")
        _judge_memory(report, watch)
        _judge_state(report, one)
        reports = [report, memory(watch, customers)]
        if is_again:
            reports.append(_again(one, customers))
    return reports


def _told(title: str, customers: int, run: Run, watch: Watch, one: Installation) -> Report:
    sent = sent_of(one.stack)
    report = Report(title, ("what", "figure"))
    report.rows += [
        ("minutes", f"{watch.seconds / 60:.2f}"),
        ("customers/s", number(customers / watch.seconds)),
        ("read by the run", number(run.counts["read"])),
        ("rows in imports", number(sent.rows)),
        ("contacts written singly", number(sent.singles)),
        ("  of them phones that followed their row", number(sent.followed)),
        ("rows of both that Brevo refused at first", number(sent.refused)),
        ("rows of both sent more than once", number(sent.again)),
        *((f"calls: {route}", number(count)) for route, count in sent.calls.items()),
        ("Redis in the end", f"{watch.samples[-1].redis_mb:.0f} MB"),
        ("Redis at most", f"{max(look.redis_mb for look in watch.samples):.0f} MB"),
    ]
    report.notes.append("Web, two worker processes, beat, Redis, sandbox and shop share this machine.")
    return report


def _judge_memory(report: Report, watch: Watch) -> None:
    for name in OURS:
        report.goal(f"{name} at most", watch.peak_mb(name), 300, " MB", at_most=True)
    early = {name: watch.at(0.25).pss_mb[name] for name in OURS[1:3]}
    growth = max(watch.peak_mb(name) / max(1.0, size) for name, size in early.items())
    report.goal("a worker's peak against what it took at 25 %", growth, 1.25, " x", at_most=True)
    report.goal("Redis at most", max(look.redis_mb for look in watch.samples), 700, " MB", at_most=True)


def memory(watch: Watch, customers: int) -> Report:
    """Return the table of the memory and the CPU that each process took."""
    report = Report(
        "Full sync: memory and CPU by process",
        ("process", "25 %", "50 %", "75 %", "100 %", "peak MB", "CPU s", "CPU us a customer"),
    )
    looks = [watch.at(share) for share in (0.25, 0.5, 0.75, 1.0)]
    for name in watch.samples[0].pss_mb:
        cpu_s = watch.cpu_s[name]
        sizes = (f"{look.pss_mb[name]:.0f}" for look in looks)
        peak = f"{watch.peak_mb(name):.0f}"
        report.rows.append((name, *sizes, peak, f"{cpu_s:.1f}", f"{cpu_s / customers * 1e6:.1f}"))
    total_s = sum(watch.cpu_s.values())
    cpu = (f"{total_s:.1f}", f"{total_s / customers * 1e6:.1f}")
    report.rows.append(("all", *(f"{sum(look.pss_mb.values()):.0f}" for look in looks), "", *cpu))
    used = (f"{look.redis_mb:.0f}" for look in looks)
    report.rows.append(("Redis's data", *used, f"{max(look.redis_mb for look in watch.samples):.0f}", "", ""))
    report.notes.append("PSS in MB when so many of the contacts had arrived; CPU from the start to the end of the run.")
    report.notes.append(f"All of it used {total_s / watch.seconds:.2f} cores in the mean.")
    return report


def _again(one: Installation, customers: int) -> Report:
    changed = one.shop.change(customers // 100)
    say(f"sync: again, {changed:,} changed")
    before = sent_of(one.stack)
    started = time.monotonic()
    run = one.wait(one.begin())
    seconds = time.monotonic() - started
    sent = sent_of(one.stack)
    rows, singles = sent.rows - before.rows, sent.singles - before.singles
    report = Report(f"The same again, {changed:,} of {customers:,} changed", ("what", "figure"))
    report.rows += [
        ("minutes", f"{seconds / 60:.2f}"),
        ("customers/s", number(customers / seconds)),
        ("changed, says the run", number(run.counts["changed"])),
        ("unchanged, says the run", number(run.counts["unchanged"])),
        ("rows in imports", number(rows)),
        ("contacts written singly", number(singles)),
    ]
    report.goal("rows sent, of all customers", (rows + singles) / customers * 100, 1.1, " %", at_most=True)
    _judge_state(report, one)
    return report


# beside live work ---------------------------------------------------------------------------------------------------


def _live(customers: int, seconds: float, *, import_phones: bool) -> Report:
    say(f"sync: {customers:,} customers and {LIVE_RATE:.0f} webhooks a second, plan general")
    report = Report(
        f"A full sync of {customers:,} customers beside {LIVE_RATE:.0f} webhooks a second, 10 calls/s allowed",
        ("what", "figure"),
        notes=[
            "Plan general, its limits by the hour too.",
            "Each webhook is a new customer; its latency counts from sending to the contact's `createdAt`.",
        ],
    )
    some = events.customers(int(LIVE_RATE * seconds), seed=4)
    with _installation("general", customers, import_phones=import_phones) as one:
        started = time.monotonic()
        number_ = one.begin()
        requests = events.requests([notice for _, notice in some], one.port)
        seen = load.run(requests, one.port, rate=LIVE_RATE, connections=2)
        is_beside = one.read(number_).is_open
        run = one.wait(number_, LIMITED_RATE)
        took = time.monotonic() - started
        contacts = one.stack.contacts()
        waits = [
            (datetime.fromisoformat(contacts[email]["createdAt"]).timestamp() - sent_at) * 1000
            for (email, _), sent_at in zip(some, seen.sent_at, strict=True)
            if email in contacts
        ]
        refused = one.stack.calls()["refused429"]
        sent = sent_of(one.stack)
    report.rows += [
        ("run, minutes", f"{took / 60:.2f}"),
        ("run was under way until the last webhook", "yes" if is_beside else "no"),
        ("read by the run", number(run.counts["read"])),
        ("contacts written singly", number(sent.singles)),
        ("  of them phones that followed their row", number(sent.followed)),
        ("rows in imports", number(sent.rows)),
        *((f"live p{share * 100:.0f}", f"{number(percentile(waits, share))} ms") for share in (0.5, 0.9, 0.99, 1.0)),
    ]
    report.goal("live webhooks that arrived", len(waits), len(some))
    report.goal("live p50", percentile(waits, 0.5), 250, " ms", at_most=True)
    report.goal("live p99", percentile(waits, 0.99), 1000, " ms", at_most=True)
    report.goal("429s", refused, 0, at_most=True)
    return report


# workers that die ---------------------------------------------------------------------------------------------------


def _kills(customers: int, *, import_phones: bool) -> Report:
    say(f"sync: {customers:,} customers, a worker killed {KILLS} times")
    report = Report(
        f"A full sync of {customers:,} customers, one of two workers killed {KILLS} times (SIGKILL)", ("what", "figure")
    )
    rng = random.Random(1)
    with _installation("none", customers, import_phones=import_phones) as one:
        started = time.monotonic()
        number_ = one.begin()
        kills = 0
        while kills < KILLS:
            # each waits for its share of the work, so that the last one comes before the end, however fast it goes
            until(_is_read(one, number_, (kills + 1) / (KILLS + 2)), 300, every_s=0.02)
            time.sleep(rng.uniform(0, 0.3))
            if not one.read(number_).is_open:
                break
            name = OURS[1 + kills % 2]
            one.stack.stop(one.children[name], patience_s=0)
            one.children[name] = one.stack.start_worker(f"w{1 + kills % 2}-{kills}", kills % 2, 2)
            kills += 1
        run = one.wait(number_)
        took = time.monotonic() - started
        sent = sent_of(one.stack)
        report.rows += [
            ("minutes", f"{took / 60:.2f}"),
            ("kills while it ran", str(kills)),
            ("read by the run", number(run.counts["read"])),
            ("rows in imports", number(sent.rows)),
            ("contacts written singly", number(sent.singles)),
            ("  of them phones that followed their row", number(sent.followed)),
            ("rows that Brevo refused, and were sent again without what it refused", number(sent.refused)),
            ("rows sent more than once for no such reason", number(sent.again)),
        ]
        report.goal("kills while it ran", kills, KILLS)
        _judge_state(report, one)
    return report


def _is_read(one: Installation, number_: str, share: float) -> Callable[[], bool]:
    store = one.stack.store()

    def is_read() -> bool:
        run = store.runs.read(number_)
        return run is None or not run.is_open or run.counts["read"] >= share * one.shop.count

    return is_read


# what was sent, and what is there -----------------------------------------------------------------------------------


def sent_of(stack: Stack) -> Sent:
    """Return what was sent to a stack's sandbox so far."""
    imported = stack.ask("/sandbox/imports")
    singles: Counter[int] = Counter()
    calls: Counter[str] = Counter()
    for row in stack.calls()["totals"]:
        name = f"{row['method']} {row['route']}"
        calls[name] += row["calls"]
        if name in {"POST /contacts", "PUT /contacts/{identifier}"}:
            singles[row["status"]] += row["calls"]
    refused = imported["refused"] + singles[400]
    rows = [one for one in stack.store().counters.read() if one.name == "tajo_import_rows_total"]
    followed = int(sum(one.value for one in rows if one.labels["outcome"] == "without phone"))
    again = max(0, imported["updated"] + imported["untouched"] + singles[204] - followed)
    return Sent(imported["rows"], singles.total(), refused, followed, again, dict(calls.most_common()))


def _judge_state(report: Report, one: Installation) -> None:
    """Compare what is in Brevo with what is in the shop: everybody, and a checksum over their fields."""
    wanted, found = one.shop.expected(), arrived(one.stack)
    report.goal("customers who are in Brevo", found.people, wanted.people)
    report.goal("wrong blocks", abs(found.blocked - wanted.blocked), 0, at_most=True)
    report.goal("checksum of all fields as in the shop (1: yes)", int(found.digest == wanted.digest), 1)
    if found != wanted:
        report.notes.append(f"In the shop: {wanted}; in Brevo: {found}.")
