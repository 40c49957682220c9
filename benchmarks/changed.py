"""All customers changed, who are in Brevo already, on Brevo's General plan, in an account where imports may update.

The proof itself is not measured: its record is written with canaries that are really there, and the opening sizes are
noted as passed. Everything else is as `tajo run --workers 2` has it; see `benchmarks.sync`.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import urllib3

from benchmarks import events
from benchmarks.report import Report, number, percentile, say
from benchmarks.shop import Shop, Sum, arrived
from benchmarks.stack import Stack, until
from benchmarks.sync import OURS, Installation, memory, sent_of
from benchmarks.watch import Watch
from customer_sync import __version__
from customer_sync.base.clock import system_clock
from customer_sync.brevo.proof.doors import DOORS, OPENING, mark_of
from customer_sync.brevo.proof.ride import NONCE_ATTRIBUTE
from customer_sync.loading import load_settings
from customer_sync.model import PEOPLE
from customer_sync.store.run import Run

CUSTOMERS, QUICK_CUSTOMERS, GOAL_CUSTOMERS, GOAL_MINUTES = 50_000, 5_000, 1_000_000, 10.0
#: What Brevo allows for contacts on the General plan, calls a second.
RATE = 10
#: How long an import takes in the sandbox at least, in seconds.
IMPORT_S = 0.5
#: After so many minutes the rest is computed instead of waited for.
MINUTES = 30.0
#: The slowest that is waited for before it begins, customers a second.
FILL_RATE = 50.0
#: The share of withdrawals that the shop tells of; the others are acts in Brevo, which sends a webhook for each.
BY_SHOP = 0.02
#: How fast they come, acts a second at most, and those of the shop.
ACTS_RATE, SHOP_RATE = 100.0, 2.0
#: How long the work after a withdrawal is followed, once all were told, in seconds.
AFTER_S = 120.0
TOKEN = "benchmark-token"  # of a Brevo that does not exist
CANARIES = (("A", "canary+a@proof.example", True), ("B", "canary+b@proof.example", False))
#: What the addresses of the live customers begin with, see `events.customers`.
LIVE = "person"


@dataclass(frozen=True, slots=True)
class Options:
    """What is measured.

    Args:
        customers: how many there are.
        withdraw: how many of them withdraw while imports are under way.
        lifts: whether imports lift blocks in Brevo from the first one on.
        kills: how often a worker is killed.
        live: webhooks a second.
        minutes: after so many the rest is computed.
        import_s: how long an import takes in Brevo at least, in seconds.
    """

    customers: int
    withdraw: int = 0
    lifts: bool = False
    kills: int = 0
    live: float = 5.0
    minutes: float = MINUTES
    import_s: float = IMPORT_S


@dataclass(slots=True)
class Meanwhile:
    """What happens while it runs, each in a thread of its own.

    Args:
        filled: how many contacts there were before.
        took_s: how long it took, in seconds.
        imported_s: how long until the last import had ended, in seconds.
        over: set when the run is over.
        sent_at: address of a live customer → when its webhook was sent, Unix time.
        heard_at: address of somebody who withdrew → when we were told.
        kills: how often a worker was killed so far.
        faults: what went wrong in a thread.
    """

    filled: int
    took_s: float = 0.0
    imported_s: float = 0.0
    over: threading.Event = field(default_factory=threading.Event)
    sent_at: dict[str, float] = field(default_factory=dict)
    heard_at: dict[str, float] = field(default_factory=dict)
    kills: int = 0
    faults: list[str] = field(default_factory=list)


def run(options: Options) -> Iterator[list[Report]]:
    """Measure it; yields the reports once the processes have ended."""
    with _installation(options.customers) as one:
        say(f"changed: {options.customers:,} customers come into Brevo first, without a limit")
        one.wait(one.begin(), FILL_RATE)
        filled = one.contacts()
        _prove(one)
        changed = one.shop.change(options.customers)
        leavers = one.shop.some_open(options.withdraw) if options.withdraw else []
        _limit(one, options)
        say(f"changed: {changed:,} changed, plan general")
        yield _measure(one, options, filled, leavers)


@contextmanager
def _installation(customers: int) -> Iterator[Installation]:
    with Stack("none", env={"BREVO_WEBHOOK_SECRET": TOKEN}) as stack:
        # so that they come into Brevo sooner; afterwards the proof counts, which opens this door as well
        shop = Shop(stack, customers, import_phones=True)
        web, port = stack.start_web()
        children = {"web": web} | {f"worker {n + 1}": stack.start_worker(f"w{n + 1}", n, 2) for n in range(2)}
        children["beat"] = stack.start_beat()
        store = stack.store()
        if not until(lambda: bool(store.note("worker_seen")), 60):
            raise RuntimeError("no worker started")
        yield Installation(stack, shop, port, children)


def _prove(one: Installation) -> None:
    """Write the record of a proof, with canaries that are there, and the steps that follow it."""
    stack, store = one.stack, one.stack.store()
    _call(stack, f"/contacts/attributes/normal/{NONCE_ATTRIBUTE}", {"type": "text"})
    for _, email, is_blocked in CANARIES:
        _call(stack, "/contacts", {"email": email, "emailBlacklisted": is_blocked})
    settings = load_settings(stack.folder / "tajo.yaml", stack.env)
    found = {name: {"verdict": "passed", "text": "for the benchmark"} for name in DOORS}
    record: dict[str, Any] = {"mark": mark_of(settings, store), "version": __version__, "proven_ms": system_clock()}
    store.proofs.open(record | {"doors": found, "riders": CANARIES, "covers_left": False}, DOORS)
    for step in range(len(OPENING)):
        store.proofs.stepped(step)


def _limit(one: Installation, options: Options) -> None:
    """Let the account have the limits of the plan from now on, and tell us of who leaves."""
    stack = one.stack
    hook = {"url": f"http://127.0.0.1:{one.port}/webhooks/brevo", "type": "marketing"}
    names = ["unsubscribed", "spam", "hardBounce", "contactUpdated", "contactDeleted"]
    _call(stack, "/webhooks", hook | {"events": names, "auth": {"type": "bearer", "token": TOKEN}})
    blocks = "lift_both" if options.lifts else "keep"
    stack.ask("/sandbox/switches", "POST", {"import_blocks": blocks, "import_delay_s": options.import_s})
    stack.ask("/sandbox/limits", "POST", {"plan": "general"})
    stack.ask("/sandbox/calls", "DELETE")
    limits = stack.store().limits
    for bucket in limits.buckets():
        limits.forget(bucket)


def _call(stack: Stack, path: str, body: Any) -> None:
    """Call the account as somebody else than the installation does."""
    answer = urllib3.request("POST", f"{stack.sandbox}/v3{path}", json=body, headers={"api-key": "sandbox"})
    if answer.status >= 400:
        raise RuntimeError(f"{path}: {answer.status} {answer.data[:300]!r}")


# the run --------------------------------------------------------------------------------------------------------------


def _measure(one: Installation, options: Options, filled: int, leavers: list[Any]) -> list[Report]:
    meanwhile = Meanwhile(filled)
    before = sent_of(one.stack)
    jobs: list[Callable[[], None]] = [lambda: _live(one, options.live, meanwhile)] if options.live else []
    if options.kills:
        jobs.append(lambda: _kill(one, options, before.rows, meanwhile))
    if options.withdraw:
        jobs.append(lambda: _withdraw(one, leavers, meanwhile))
    seen = {**one.children, "sandbox": one.stack.child("sandbox"), "shop": one.shop.child}
    with Watch(one.stack, seen, lambda: (sent_of(one.stack).rows - before.rows) / options.customers) as watch:
        started = time.monotonic()
        number_ = one.begin()
        threads = [threading.Thread(target=_guarded(job, meanwhile), daemon=True) for job in jobs]
        for thread in threads:
            thread.start()
        run = _wait(one, number_, options, meanwhile)
        meanwhile.took_s = time.monotonic() - started
        meanwhile.over.set()
        for thread in threads:
            thread.join(60)
    until(lambda: not one.stack.store().lanes.is_any_due(PEOPLE, (0, 1), system_clock()), 30)
    return [_told(one, options, run, before.rows, meanwhile), memory(watch, options.customers)]


def _guarded(job: Callable[[], None], meanwhile: Meanwhile) -> Callable[[], None]:
    def guarded() -> None:
        try:
            job()
        except Exception as error:  # noqa: BLE001  # told in the report
            meanwhile.faults.append(f"{type(error).__name__}: {error}")

    return guarded


def _wait(one: Installation, number_: str, options: Options, meanwhile: Meanwhile) -> Run:
    """Wait until the run is over, or the time is; with withdrawals until some time after the last one."""
    store, began, told_at = one.stack.store(), time.monotonic(), time.monotonic()
    ends = began + options.minutes * 60
    while time.monotonic() < ends:
        run = store.runs.read(number_)
        if run is None or not run.is_open or run.state == "stopped":
            break
        if store.imports.under_way():
            meanwhile.imported_s = time.monotonic() - began
        if options.withdraw and len(meanwhile.heard_at) >= options.withdraw and not store.imports.under_way():
            ends = min(ends, time.monotonic() + AFTER_S)
        if time.monotonic() - told_at > 30:
            told_at += 30
            sent = sent_of(one.stack)
            say(f"changed: {run.state}, {run.counts['read']:,} read, {sent.rows:,} rows, {sent.singles:,} singly")
        time.sleep(0.5)
    return one.read(number_)


def _live(one: Installation, rate: float, meanwhile: Meanwhile) -> None:
    pool, url = (
        urllib3.PoolManager(maxsize=4, retries=False, timeout=30),
        f"http://127.0.0.1:{one.port}/webhooks/shopify",
    )
    due, seed = time.monotonic(), 1000
    while not meanwhile.over.is_set():
        seed += 1
        some = events.customers(50, seed=seed)
        for (email, _), inbound in zip(some, events.inbounds([notice for _, notice in some]), strict=True):
            if meanwhile.over.wait(max(0.0, due - time.monotonic())):
                return
            due += 1 / rate
            meanwhile.sent_at[email] = time.time()
            pool.request("POST", url, body=inbound.body, headers=dict(inbound.headers))


def _kill(one: Installation, options: Options, rows: int, meanwhile: Meanwhile) -> None:
    """Kill workers by turns: some while Brevo is read, the others spread over the rows."""
    rng = random.Random(1)
    while meanwhile.kills < options.kills and not meanwhile.over.is_set():
        share = max(0.0, (meanwhile.kills - 2) / options.kills)
        until(_is_sent(one, rows + share * options.customers, meanwhile), options.minutes * 60, every_s=0.2)
        if meanwhile.over.wait(rng.uniform(0.5, 5.0)):
            return
        turn = meanwhile.kills % 2
        name = OURS[1 + turn]
        one.stack.stop(one.children[name], patience_s=0)
        one.children[name] = one.stack.start_worker(f"w{1 + turn}-{meanwhile.kills}", turn, 2)
        meanwhile.kills += 1


def _is_sent(one: Installation, rows: float, meanwhile: Meanwhile) -> Callable[[], bool]:
    return lambda: meanwhile.over.is_set() or sent_of(one.stack).rows >= rows


def _withdraw(one: Installation, some: list[Any], meanwhile: Meanwhile) -> None:
    """Let people withdraw, from the first import on."""
    store = one.stack.store()
    until(lambda: bool(store.imports.under_way()) or meanwhile.over.is_set(), 3600, every_s=0.1)
    by_shop = int(len(some) * BY_SHOP)
    shop = threading.Thread(
        target=_guarded(lambda: _leave_shop(one, some[:by_shop], meanwhile), meanwhile), daemon=True
    )
    shop.start()
    due = time.monotonic()
    for customer in some[by_shop:]:
        if meanwhile.over.wait(max(0.0, due - time.monotonic())):
            break
        due += 1 / ACTS_RATE
        email = customer["email"].lower()
        one.stack.ask("/sandbox/acts/unsubscribe", "POST", {"email": email})
        meanwhile.heard_at[email] = time.time()
    shop.join(600)


def _leave_shop(one: Installation, some: list[Any], meanwhile: Meanwhile) -> None:
    pool, url = (
        urllib3.PoolManager(maxsize=2, retries=False, timeout=30),
        f"http://127.0.0.1:{one.port}/webhooks/shopify",
    )
    for customer in some:
        if meanwhile.over.wait(1 / SHOP_RATE):
            return
        now = datetime.now(UTC).replace(microsecond=0)
        at = f"{now:%Y-%m-%dT%H:%M:%S}Z"
        one.shop.leave(customer)
        facts = customer | {"emailState": "UNSUBSCRIBED", "emailAt": at, "updatedAt": at}
        [inbound] = events.inbounds([events.leaving(facts)])
        pool.request("POST", url, body=inbound.body, headers=dict(inbound.headers))
        meanwhile.heard_at[customer["email"].lower()] = time.time()


# what came of it ------------------------------------------------------------------------------------------------------


def _told(one: Installation, options: Options, run: Run, before: int, meanwhile: Meanwhile) -> Report:
    sent, calls, store = sent_of(one.stack), one.stack.calls(), one.stack.store()
    left, took_s = store.lanes.depth(PEOPLE)[0], meanwhile.took_s
    total = sum(sent.calls.values())
    report = Report(
        f"{options.customers:,} customers in Brevo, all changed, General plan (10 calls/s), imports may update",
        ("what", "figure"),
    )
    report.rows += [
        ("minutes until all were changed", f"{took_s / 60:.2f}"),
        ("minutes until the last import had ended", f"{meanwhile.imported_s / 60:.2f}"),
        ("customers of imports a second", number((sent.rows - before) / max(1.0, meanwhile.imported_s))),
        ("one call each: computed, hours", f"{options.customers / RATE / 3600:.2f}"),
        ("the run in the end", str(run.state)),
        ("left in the lane, and what they take singly, minutes", f"{left:,}; {left / RATE / 60:.1f}"),
        ("rows in imports", number(sent.rows - before)),
        ("contacts written singly", number(sent.singles)),
        ("all calls", number(total)),
        *((f"calls: {route}", number(count)) for route, count in sent.calls.items()),
        ("workers killed", str(meanwhile.kills)),
    ]
    report.notes += [f"Gone wrong in the benchmark itself: {fault}" for fault in meanwhile.faults]
    report.notes.append("Who withdrew before goes singly, last of all: by default 2 % of the shop's customers.")
    report.notes.append("Web, two worker processes, beat, Redis, sandbox and shop share this machine.")
    report.goal("429s", calls["refused429"], 0, at_most=True)
    if not options.withdraw:
        goal_s = GOAL_MINUTES * 60 * max(options.customers, 50_000) / GOAL_CUSTOMERS
        report.goal(
            "seconds of the imports (1,000,000 in 10 minutes)", meanwhile.imported_s, goal_s, " s", at_most=True
        )
    if options.kills:
        report.goal("kills while it ran", meanwhile.kills, options.kills)
    if options.live:
        _judge_live(report, one, meanwhile)
    _judge_mailable(report, one, options, meanwhile)
    if not left:
        _judge_state(report, one, meanwhile)
    for name, door in zip(DOORS, _doors(one), strict=True):
        report.rows.append((f"door {name}", door))
    return report


def _doors(one: Installation) -> list[str]:
    kept = one.stack.store().proofs.read()
    return [f"closed: {kept.closed[name].why}" if name in kept.closed else "open" for name in DOORS]


def _judge_live(report: Report, one: Installation, meanwhile: Meanwhile) -> None:
    rows = one.stack.ask(f"/sandbox/state?limit=1000000&offset={meanwhile.filled}")["contacts"]
    made = {row.get("email", ""): datetime.fromisoformat(row["createdAt"]).timestamp() for row in rows}
    waits = [(made[email] - at) * 1000 for email, at in meanwhile.sent_at.items() if email in made]
    for share in (0.5, 0.9, 0.99, 1.0):
        report.rows.append((f"live p{share * 100:.0f}", f"{number(percentile(waits, share))} ms"))
    report.goal("live webhooks that arrived", len(waits), len(meanwhile.sent_at))
    report.goal("live p99", percentile(waits, 0.99), 1000, " ms", at_most=True)


def _judge_mailable(report: Report, one: Installation, options: Options, meanwhile: Meanwhile) -> None:
    """Tell how long anybody who had left was mailable after we had heard of it."""
    found = one.stack.ask("/sandbox/mailable")["mailable"]
    if not options.lifts:
        report.goal("blocks lifted", len(found), 0, at_most=True)
    canaries = {email for _, email, _ in CANARIES}
    found = [row for row in found if row["email"] not in canaries]
    if not options.withdraw:
        return
    now = time.time()
    open_s = [_open_s(row, meanwhile.heard_at.get(row["email"]), now) for row in found]
    still = sum(row["blockedAgainAt"] is None and row["email"] in meanwhile.heard_at for row in found)
    report.rows += [
        ("withdrew meanwhile", number(len(meanwhile.heard_at))),
        ("blocks of people that an import lifted", number(len(found))),
        ("mailable after we had heard of it, seconds: p99", number(percentile(open_s, 0.99))),
        ("the same at most", number(max(open_s, default=0.0))),
        ("the same in the mean of all that withdrew", f"{sum(open_s) / max(1, len(meanwhile.heard_at)):.2f}"),
    ]
    report.goal("who withdrew and is mailable in the end", still, 0, at_most=True)


def _open_s(row: Any, heard_at: float | None, now: float) -> float:
    """Return how long somebody was mailable after we had heard that they left, in seconds."""
    began = datetime.fromisoformat(row["at"]).timestamp()
    again = row["blockedAgainAt"]
    ended = datetime.fromisoformat(again).timestamp() if again else now
    # who left before this run was known to us all the time
    return max(0.0, ended - max(began, heard_at or 0.0))


def _judge_state(report: Report, one: Installation, meanwhile: Meanwhile) -> None:
    """Compare what is in Brevo with what is in the shop: everybody, and a checksum over their fields."""
    canaries = {email for _, email, _ in CANARIES}
    wanted: Sum = one.shop.expected(meanwhile.heard_at)
    found = arrived(one.stack, lambda email: email in canaries or email in meanwhile.sent_at)
    report.goal("customers who are in Brevo", found.people, wanted.people)
    report.goal("wrong blocks", abs(found.blocked - wanted.blocked), 0, at_most=True)
    report.goal("checksum of all fields as in the shop (1: yes)", int(found.digest == wanted.digest), 1)
