"""What an idle installation takes, and what Redis needs for each event that waits and each person who is known."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks import events
from benchmarks.report import Report, number, say
from benchmarks.stack import Child, Stack, until
from customer_sync import assembly, loading, pipeline
from customer_sync.brevo.contacts.handler import ContactsHandler
from customer_sync.config import Settings
from customer_sync.kit.outbound import Reply
from customer_sync.pipeline import Line
from customer_sync.store import Store, inbox, keys
from customer_sync.store.scripts import as_text

#: How long the idle processes are left alone before they are weighed, in seconds.
SETTLE_S = 6.0


def run(*, quick: bool, people: int | None) -> Report:
    """Measure memory."""
    report = Report("Memory", ("what", "figure"))
    say("memory: idle processes")
    _processes(report)
    people = people or (2_000 if quick else 20_000)
    say(f"memory: {people:,} people in Redis")
    _redis(report, people)
    return report


def _processes(report: Report) -> None:
    with Stack() as stack:
        web, _ = stack.start_web()
        worker, platforms, beat = stack.start_worker(), stack.start_platforms(), stack.start_beat()
        until(lambda: all("ready" in one.log.read_text() for one in (worker, platforms)), 20)
        time.sleep(SETTLE_S)
        children = {"web": web, "worker": worker, "worker for platforms": platforms, "beat": beat}
        parts = {name: pss_mb(child) for name, child in children.items()}
        parts["embedded Redis"] = one_pss_mb(stack.redis.pid)
    for name, size in parts.items():
        report.rows.append((f"{name}, idle", f"{size:.0f} MB"))
    total = sum(parts.values())
    report.rows.append(("whole stack, idle", f"{total:.0f} MB"))
    report.goal("whole stack, idle", total, 230, " MB", at_most=True)
    report.notes.append("Processes are weighed by PSS (shared pages by their share); the sandbox is not counted.")


def _redis(report: Report, people: int) -> None:
    some = events.customers(people)
    raws = [inbox.encode(one, events.connector().keeps) for one in events.inbounds([notice for _, notice in some])]
    with Stack(plan=None) as stack:
        store = stack.store()
        line = _line(stack, store)
        store.inbox.create()
        empty = _used(store)
        for start in range(0, people, 1000):
            store.inbox.append(raws[start : start + 1000])
        in_inbox = _used(store) - empty
        while pipeline.process_inbox(line):
            pass
        say("memory: delivering")
        in_lane = _used(store) - empty
        while pipeline.deliver(line, "contacts").did_work:
            pass
        if store.lanes.depth("contacts")[0]:
            raise RuntimeError("not everything was delivered")
        delivered = _used(store) - empty
        seen = delivered - _without(store, empty, lambda: _drop(store, keys.PREFIX + "seen:*"))
        ledger = delivered - seen - _without(store, empty, lambda: store.client.delete(keys.LEDGER))
        sizes = {key: _bytes(store, pattern) for key, pattern in _PARTS.items()}
    history = (seen + ledger) / people
    figures = {
        "waiting in the inbox, per event": in_inbox / people,
        "waiting in a lane, per event and person, with history": in_lane / people,
        "known person, all that stays": (delivered - seen - ledger) / people,
        **{f"  of it {name}": size / people for name, size in sizes.items()},
        "history, per event (50 h: seen ids; the newest 200,000 rows: ledger)": history,
    }
    report.rows += [(name, f"{number(size)} bytes") for name, size in figures.items()]
    body = sum(len(notice.body) for _, notice in some) / people
    report.notes.append(f"{people:,} new customers of one event each; bodies of {body:.0f} bytes in the mean.")
    report.goal("per waiting event, inbox", in_inbox / people, 1536, " bytes", at_most=True)
    report.goal("per waiting event, lane", in_lane / people, 1536, " bytes", at_most=True)
    known = (delivered - seen - ledger) / people
    report.goal("per known person", known, 410, " bytes", at_most=True)


_PARTS = {"records": "p:*", "index of ids": "ref:*", "index of addresses": "em:*"}


class _Nowhere:
    """An account that takes everything and keeps nothing."""

    def call(self, *_: Any, **__: Any) -> Reply:
        return Reply(201, {}, b"{}")


def _line(stack: Stack, store: Store) -> Line:
    settings: Settings = loading.load_settings(stack.folder / "tajo.yaml", stack.env)
    line = assembly.open_line(settings, store.client, lambda _: None)
    store.limits.learn("contacts", None)
    account: Any = _Nowhere()
    rules = assembly.RulesBook(settings, store, account)
    store.set_note("attributes", {"at": time.time(), "found": {"FIRSTNAME": "text", "LASTNAME": "text", "SMS": "text"}})
    handler = ContactsHandler(account, store.limits, store.people, rules.read)
    line.handlers = {"contacts": handler}
    line.gears = {}  # else the burst would be left to imports, of which this account knows nothing
    return line


def _without(store: Store, empty: int, drop: Callable[[], object]) -> int:
    drop()
    return _used(store) - empty


def _drop(store: Store, pattern: str) -> None:
    pipe = store.client.pipeline(transaction=False)
    for key in store.client.scan_iter(pattern, count=5000):
        pipe.delete(key)
    pipe.execute()


def _bytes(store: Store, pattern: str) -> int:
    """Return what all keys of a pattern take, as Redis itself reckons it."""
    pipe = store.client.pipeline(transaction=False)
    for key in store.client.scan_iter(keys.PREFIX + pattern, count=5000):
        pipe.memory_usage(as_text(key), samples=0)
    return sum(size or 0 for size in pipe.execute())


def _used(store: Store) -> int:
    """Return what Redis uses, once it has freed what was deleted: it does so in the background."""
    until(lambda: store.client.info("memory")["lazyfree_pending_objects"] == 0, 10, every_s=0.02)
    time.sleep(0.2)
    return int(store.client.info("memory")["used_memory"])


def pss_mb(child: Child) -> float:
    """Return what a process and all that it started take."""
    return sum(one_pss_mb(pid) for pid in members(child))


def members(child: Child) -> list[int]:
    """Return a process and all that it started."""
    group = _group(child.process.pid)
    everybody = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [pid for pid in everybody if group and _group(pid) == group]


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def one_pss_mb(pid: int) -> float:
    """Return what one process takes; 0 when it has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0
