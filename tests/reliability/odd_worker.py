"""A real worker with one thing wrong: `python -m tests.reliability.odd_worker <fault> <words for celery worker>`."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

from celery.concurrency.thread import TaskPool

from customer_sync import pipeline
from customer_sync.worker import app as worker

#: How soon it counts as silent here, in seconds.
SILENT_S = 2.0


def deaf() -> None:
    """It fetches wake-ups and starts none of them."""
    TaskPool.on_apply = lambda *_, **__: None


def sick() -> None:
    """Its line cannot be opened, for a reason that nobody thought of."""

    def fail() -> Any:
        raise LookupError("ann@example.com is not in the table")

    worker.line = fail


def stuck() -> None:
    """Its inbox is read for ever."""
    worker.watchdog._bounds = {"": SILENT_S}
    pipeline.process_inbox = lambda _: threading.Event().wait()


def sound() -> None:
    """Nothing is wrong with it."""


FAULTS: dict[str, Callable[[], None]] = {one.__name__: one for one in (deaf, sick, stuck, sound)}

if __name__ == "__main__":
    FAULTS[sys.argv[1]]()
    worker.watchdog._silent_s = SILENT_S
    worker.app.worker_main(["--quiet", "worker", "--without-gossip", "--without-mingle", *sys.argv[2:]])
