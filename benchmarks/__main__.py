"""`python -m benchmarks [name...]`; `--help` tells what may follow."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterable

from benchmarks import (
    beside,
    calls,
    carts,
    catalogue,
    changed,
    ingress,
    latency,
    memory,
    pages,
    start,
    storm,
    sync,
    throughput,
    totals,
)
from benchmarks.report import Others, Report, heading, say, wait_for_quiet

BENCHMARKS: dict[str, Callable[[argparse.Namespace], Report | Iterable[list[Report]]]] = {
    "ingress": lambda options: ingress.run(quick=options.quick, variants=options.variants),
    "latency": lambda options: latency.run(quick=options.quick),
    "throughput": lambda options: throughput.run(quick=options.quick),
    "storm": lambda options: storm.run(quick=options.quick, people=options.people),
    "beside": lambda options: beside.run(quick=options.quick),
    "calls": lambda options: calls.run(quick=options.quick),
    "carts": lambda options: carts.run(quick=options.quick, carts=options.carts),
    "memory": lambda options: memory.run(quick=options.quick, people=options.people),
    "pages": lambda options: pages.run(quick=options.quick, people=options.people),
    "start": lambda options: start.run(quick=options.quick),
    "catalogue": lambda options: catalogue.run(quick=options.quick),
    "totals": lambda options: totals.run(quick=options.quick),
    "sync": lambda options: sync.run(
        quick=options.quick, customers=options.customers, cases=options.case, import_phones=options.import_phones
    ),
    "changed": lambda options: changed.run(
        changed.Options(
            options.customers or (changed.QUICK_CUSTOMERS if options.quick else changed.CUSTOMERS),
            withdraw=options.withdraw,
            lifts=options.lifts,
            kills=options.kills,
            live=options.live,
            minutes=options.minutes,
            import_s=options.import_s,
        )
    ),
}


def main() -> int:
    """Run benchmarks and print a table for each; return the exit code."""
    options = _parser().parse_args()
    # a SIGTERM takes the way of an exception, so that every stack is taken down
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(heading() + "\n", flush=True)
    for name in options.names or list(BENCHMARKS):
        started = time.monotonic()
        wait_for_quiet()
        others = Others()
        found = BENCHMARKS[name](options)
        for group in [[found]] if isinstance(found, Report) else found:
            # what our own processes used is known now that they have ended
            group[-1].notes.append(others.text())
            print("\n".join(report.text() for report in group), flush=True)
            others = Others()
        say(f"{name}: {time.monotonic() - started:.0f} s")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("benchmarks", description="Measures speed and memory; a table for each benchmark.")
    parser.add_argument("names", nargs="*", choices=list(BENCHMARKS), metavar="name", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="shorter and less exact")
    parser.add_argument("--variants", action="store_true", help="ingress: more workers and threads of granian")
    parser.add_argument(
        "--people",
        type=int,
        help="storm: how many customers (default 300); memory, pages: how many people (20,000; 1,000,000)",
    )
    parser.add_argument("--carts", type=int, help="carts: how many (1,000)")
    parser.add_argument("--customers", type=int, help="sync, changed: how many customers the shop has (50,000)")
    parser.add_argument(
        "--case", action="append", choices=sync.CASES, help="sync: only this one, may be repeated (default all)"
    )
    parser.add_argument(
        "--import-phones", action="store_true", help="sync: imports carry phones (`brevo.import_phones`)"
    )
    parser.add_argument("--withdraw", type=int, default=0, help="changed: how many withdraw while imports run")
    parser.add_argument(
        "--lifts", action="store_true", help="changed: imports lift blocks, after they were proven not to"
    )
    parser.add_argument("--kills", type=int, default=0, help="changed: how often a worker is killed")
    parser.add_argument("--live", type=float, default=5.0, help="changed: webhooks a second beside it (default 5)")
    parser.add_argument(
        "--minutes", type=float, default=changed.MINUTES, help="changed: then the rest is computed (default 30)"
    )
    parser.add_argument(
        "--import-s", type=float, default=changed.IMPORT_S, help="changed: how long an import takes in Brevo at least"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
