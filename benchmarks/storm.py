"""Twenty updates of each customer in any order, while Brevo allows ten calls a second; against the plain recipe."""

from __future__ import annotations

import time
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from benchmarks import events, load
from benchmarks.report import Report, number, say
from benchmarks.stack import SECRET, Stack, until

UPDATES = 20
#: What the general plan allows.
ALLOWED = 10.0
#: How long the plain recipe runs, in seconds, before the rest is reckoned.
PLAIN_S = 40.0


class Outcome(NamedTuple):
    """What it took: seconds until all was done, calls, calls answered with 429, calls that counted."""

    seconds: float
    calls: int
    refused: int
    done: int


def run(*, quick: bool, people: int | None) -> Report:
    """Measure a storm of updates."""
    people = people or (50 if quick else 300)
    some = events.customers(people, UPDATES)
    Random(1).shuffle(some)
    total = len(some)
    report = Report(
        f"Storm: {UPDATES} updates each of {people:,} customers in any order, 10 calls/s allowed",
        ("way", "seconds", "calls", "429s", "calls/s that counted"),
        notes=[
            f"{total:,} signed webhooks, sent to the web process at full speed. The goal speaks of 5,000 customers.",
        ],
    )
    say("storm: ours")
    ours = _ours([notice for _, notice in some], people)
    say("storm: plain")
    seen = _plain([notice for _, notice in some], 15.0 if quick else PLAIN_S)
    share = total / max(1, seen.done)
    plain = Outcome(seen.seconds * share, round(seen.calls * share), round(seen.refused * share), total)
    for way, one in (("ours", ours), ("plain, measured", seen), ("plain, reckoned to its end", plain)):
        cells = (number(one.calls), number(one.refused), number(one.done / one.seconds))
        report.rows.append((way, f"{one.seconds:.1f}", *cells))
    report.notes.append(
        f"The plain recipe was stopped after {seen.seconds:.0f} s with {seen.done:,} of {total:,} events done; "
        f"the last row multiplies by {share:.1f}."
    )
    report.goal("429s of ours", ours.refused, 0, at_most=True)
    report.goal("fewer calls", plain.calls / ours.calls, 10, " x")
    report.goal("sooner done", plain.seconds / ours.seconds, 10, " x")
    report.goal("share of the allowed rate used", ours.done / ours.seconds / ALLOWED, 0.95)
    return report


def _ours(notices: Sequence[events.Notice], people: int) -> Outcome:
    with Stack(plan="general") as stack:
        _, port = stack.start_web()
        stack.start_worker()
        started = time.monotonic()
        load.run(events.requests(notices, port), port)
        store = stack.store()

        def is_done() -> bool:
            return store.inbox.depth()[0] == 0 and store.lanes.depth("contacts")[0] == 0

        until(lambda: stack.writes() > 0, 20)
        if not until(is_done, 60 + people / 4, every_s=0.2):
            raise RuntimeError(f"not done: {stack.calls()['totals']}")
        seconds = time.monotonic() - started
        return Outcome(seconds, stack.writes(), stack.writes(429), stack.writes() - stack.writes(429))


def _plain(notices: Sequence[events.Notice], seconds: float) -> Outcome:
    with Stack(plan="general", env={"PLAIN_SECRET": SECRET}) as stack:
        _, port = stack.start_web("benchmarks.plain:create_app", threads=8)
        stack.start("plain", "celery", "-A", "benchmarks.plain", "worker", "-c", "2", "--without-mingle")
        started = time.monotonic()
        load.run(events.requests(notices, port), port)
        until(lambda: False, seconds - (time.monotonic() - started), every_s=0.5)
        took = time.monotonic() - started
        calls, refused = stack.writes(), stack.writes(429)
        return Outcome(took, calls, refused, calls - refused)
