"""The sandbox as it runs: the account, its processes, its webhooks, and the clockwork that moves them."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from customer_sync.model import Json
from customer_sync.sandbox.account import Account, Settings
from customer_sync.sandbox.contact import Contact
from customer_sync.sandbox.processes import Processes
from customer_sync.sandbox.webhooks_out import Delivery

__all__ = ["Sandbox", "Settings"]

#: How long the clockwork sleeps at most; what is due is never later than this.
_NAP_S = 0.5
_SENDERS = 4
_SWITCH_S = 0.0005
#: How many new objects start a search for garbage; an import makes hundreds of thousands, and no garbage.
_GARBAGE = 100_000


class Sandbox(Account):
    """A Brevo account in memory that runs.

    Args:
        settings: how it starts.
        clock: seconds since 1970.

    Without `start` nothing runs by itself: whoever passes the clock calls `run_due`, and every request does.
    """

    def __init__(self, settings: Settings | None = None, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(settings or Settings(), clock)
        self._wake = threading.Event()
        self._senders: ThreadPoolExecutor | None = None
        self.jobs = Processes(self, self._wake.set)
        self.replay()
        self.jobs.end_lost()

    def reset(self) -> None:
        """Go back to a new account."""
        with self.lock:
            self.jobs.clear()
            self.empty()

    def emit(self, registered: str, contact: Contact, ago_s: float = 0.0, **more: Json) -> None:
        """Tell the webhooks of something that happened to a contact so long ago; the caller holds the lock."""
        if self.webhooks.table.rows:
            self.webhooks.emit(registered, contact.email, more, ago_s)
            self._wake.set()

    def start(self) -> None:
        """Let imports and webhooks run by themselves, in threads that end with the process.

        The process is ours from now on: while an import is read, threads with a call take turns sooner than Python's
        five milliseconds, and garbage is looked for less often.
        """
        sys.setswitchinterval(_SWITCH_S)
        gc.set_threshold(_GARBAGE, 10, 10)
        self._senders = ThreadPoolExecutor(_SENDERS, thread_name_prefix="webhooks")
        threading.Thread(target=self._run, name="clockwork", daemon=True).start()

    def close(self) -> None:
        """Close the journal and the connections that are kept open."""
        self.journal.close()

    @property
    def is_started(self) -> bool:
        """Whether imports and webhooks run by themselves."""
        return self._senders is not None

    def run_due(self) -> None:
        """Carry out the processes and make the webhook calls that are due."""
        if self.jobs.run_due() and self.is_started:
            # a collection that walks through every contact would stop all calls for a tenth of a second
            gc.freeze()
        with self.lock:
            deliveries = self.webhooks.take_due()
        for delivery in deliveries:
            if self._senders:
                self._senders.submit(self._deliver, delivery)
            else:
                self._deliver(delivery)

    def _run(self) -> None:
        while True:
            self._wake.wait(self._nap_s())
            self._wake.clear()
            self.run_due()

    def _nap_s(self) -> float:
        with self.lock:
            dues = [due for due in (self.jobs.next_due(), self.webhooks.next_due()) if due is not None]
        return min([_NAP_S, *(max(due - self.clock(), 0.0) for due in dues)])

    def _deliver(self, delivery: Delivery) -> None:
        status = self.webhooks.send(delivery)
        with self.lock:
            self.webhooks.settle(delivery, status)
