"""The whole account in memory: every part of it, the one lock, the journal and the clockwork."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from customer_sync.brevo.sandbox import imports, times
from customer_sync.brevo.sandbox.answers import Row
from customer_sync.brevo.sandbox.attributes import Attributes
from customer_sync.brevo.sandbox.calls import CallLog
from customer_sync.brevo.sandbox.contact import Contact
from customer_sync.brevo.sandbox.contacts import Contacts
from customer_sync.brevo.sandbox.faults import Faults
from customer_sync.brevo.sandbox.imports import Import
from customer_sync.brevo.sandbox.journal import Entry, Journal, Key, Table
from customer_sync.brevo.sandbox.landing import Landing
from customer_sync.brevo.sandbox.limits import Limits
from customer_sync.brevo.sandbox.lists import Lists
from customer_sync.brevo.sandbox.mailable import MailableHistory
from customer_sync.brevo.sandbox.webhooks_out import Delivery, WebhooksOut
from customer_sync.model import Json

#: How long the clockwork sleeps at most; what is due is never later than this.
_NAP_S = 0.5
_SENDERS = 4
_SWITCH_S = 0.0005
#: How many new objects start a search for garbage; an import makes hundreds of thousands, and no garbage.
_GARBAGE = 100_000


@dataclass(frozen=True, slots=True)
class Settings:
    """How a sandbox behaves.

    Args:
        plan: the rate limits: none, general, advanced or extended.
        keys: the API keys that are accepted; empty accepts any.
        journal: the file that keeps the state over a restart; None keeps nothing.
        import_delay_s: how long an import takes before its contacts are there.
        time_scale: the waits of outgoing webhooks are multiplied by this; 0.001 makes ten minutes 0.6 s.
        unknown_list_status: the answer to unknown list ids in a contact's body, 400 or 404; not documented.
        batch_status: the answer to `POST /contacts/batch`, which ended on 2026-10-30: 404 or 410.
        max_import_status: the answer to an import above 10 MB, 400 or 413; not documented.
        lists: ids of the lists the account starts with.
        ecommerce: whether eCommerce is activated from the start.
        account_email: the account's own address; its contact cannot be deleted.
    """

    plan: str = "none"
    keys: tuple[str, ...] = ()
    journal: Path | None = None
    import_delay_s: float = 0.5
    time_scale: float = 1.0
    unknown_list_status: int = 400
    batch_status: int = 404
    max_import_status: int = 400
    lists: tuple[int, ...] = (2,)
    ecommerce: bool = True
    account_email: str = "owner@sandbox.example"


class Sandbox:
    """A Brevo account in memory.

    Args:
        settings: how it behaves.
        clock: seconds since 1970.

    Without `start` nothing runs by itself: whoever passes the clock calls `run_due`, and every request does.
    """

    def __init__(self, settings: Settings | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings or Settings()
        self.clock = clock
        self.lock = threading.RLock()
        self.journal = Journal(self.settings.journal)
        self.attributes = Attributes(self.journal)
        self.lists = Lists(self.journal, self.settings.unknown_list_status, self.settings.lists)
        self.history = MailableHistory(self.journal)
        self.contacts = Contacts(self.journal, self.history)
        self.processes = Table("processes", self.journal)
        self.files = Table("files", self.journal)
        self.shop = {name: Table(name, self.journal) for name in ("orders", "products", "categories", "events", "mail")}
        self.webhooks = WebhooksOut(self.journal, clock, self.settings.time_scale)
        self.faults = Faults(clock)
        self.limits = Limits(self.settings.plan, clock)
        self.calls = CallLog(clock)
        self.is_ecommerce_on = self.settings.ecommerce
        self._last_ms = 0
        #: What became of the rows of all imports: created, updated, untouched, refused.
        self.rows: Counter[str] = Counter()
        self._imports: list[Import] = []
        self._wake = threading.Event()
        self._senders: ThreadPoolExecutor | None = None
        self._replay()

    def now_ms(self) -> int:
        """Return the time as ms since 1970, which never goes back; the caller holds the lock."""
        self._last_ms = max(self._last_ms, int(self.clock() * 1000))
        return self._last_ms

    def reset(self) -> None:
        """Go back to a new account with no faults and no calls; the settings and the plan stay."""
        with self.lock:
            for table in self._tables():
                table.clear()
            self.contacts.clear()
            self.history.loaded()
            self.webhooks.clear()
            self.faults.clear()
            self.limits.choose(self.limits.plan)
            self.calls.clear()
            self._imports.clear()
            self.rows.clear()
            self.is_ecommerce_on = self.settings.ecommerce
            self.journal.rewrite(self._entries())

    def emit(self, registered: str, contact: Contact, **more: Json) -> None:
        """Tell the webhooks of something that happened to a contact; the caller holds the lock."""
        if self.webhooks.table.rows:
            self.webhooks.emit(registered, contact.email, more)
            self._wake.set()

    def begin_import(self, job: Import) -> None:
        """Queue an import; the caller holds the lock."""
        self.processes.put(
            job.process_id,
            {"id": job.process_id, "name": "IMPORTUSER", "status": "queued", "created_at": times.iso(self.now_ms())},
        )
        self._imports.append(job)
        self._wake.set()

    def process(self, process_id: int) -> Row | None:
        """Return a process as the API shows it, or None; the caller holds the lock."""
        row = self.processes.rows.get(process_id)
        if row and row["status"] == "queued":
            waited_s = self.clock() - times.parse(str(row["created_at"]), "created_at") / 1000
            if waited_s > self.settings.import_delay_s / 3:
                return {**row, "status": "in_process"}
        return row

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
        self.webhooks.close()

    @property
    def is_started(self) -> bool:
        """Whether imports and webhooks run by themselves."""
        return self._senders is not None

    def run_due(self) -> None:
        """Carry out the imports and make the webhook calls that are due."""
        now = self.clock()
        for job in [one for one in self._imports if one.due <= now]:
            self._import(job)
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
            dues = [job.due for job in self._imports]
            webhook = self.webhooks.next_due()
        if webhook is not None:
            dues.append(webhook)
        return min([_NAP_S, *(max(due - self.clock(), 0.0) for due in dues)])

    def _import(self, job: Import) -> None:
        landing = Landing(job, self.contacts)
        failure = ""
        try:
            if job.file_url:
                job.rows = imports.fetch_rows(job.file_url)
            for one in imports.prepare(job, self.attributes):
                landing.add(one)
        except OSError as error:
            failure = str(error)
        with self.lock:
            if job not in self._imports:
                return
            if self.faults.take(("import_fails",), "POST", "/contacts/import"):
                failure = "the import failed"
            if failure:
                self._end_import(job, "failed", {"error": failure})
                return
        self._land(job, landing)
        if self.is_started:
            # a collection that walks through every contact would stop all calls for a tenth of a second
            gc.freeze()

    def _land(self, job: Import, landing: Landing) -> None:
        is_more = True
        while is_more:
            with self.lock:
                if job not in self._imports:
                    return
                is_more = landing.settle(self.now_ms())
            # whoever waits for the lock is to have it before we take it again
            time.sleep(0)
        with self.lock:
            if job not in self._imports:
                return
            landing.finish(self.now_ms())
            self.rows.update(landing.counts())
            info: dict[str, Json] = dict.fromkeys(imports.REPORTS)
            for report, text in landing.refused.files().items():
                name = f"{job.process_id}-{report}.csv"
                self.files.put(name, {"text": text})
                info[report] = f"{job.base_url}sandbox/files/{name}"
            self._end_import(job, "completed", {"info": {"import": info}})

    def _end_import(self, job: Import, status: str, more: Mapping[str, Json]) -> None:
        self._imports.remove(job)
        row = {**self.processes.rows[job.process_id], "status": status, **more}
        self.processes.put(job.process_id, {**row, "completed_at": times.iso(self.now_ms())})
        if job.notify_url:
            self.webhooks.call(job.notify_url, {"processId": job.process_id, "status": status})
            self._wake.set()

    def _deliver(self, delivery: Delivery) -> None:
        status = self.webhooks.send(delivery)
        with self.lock:
            self.webhooks.settle(delivery, status)

    def _tables(self) -> Iterator[Table]:
        yield from (self.attributes.table, self.lists.folders, self.lists.lists, self.processes, self.files)
        yield from (self.history.table, self.history.left_table, self.webhooks.table)
        yield from self.shop.values()

    def _entries(self) -> Iterator[Entry]:
        for table in self._tables():
            yield from table.entries()
        yield from self.contacts.entries()

    def _replay(self) -> None:
        """Read the journal, end what was running when the process ended, and rewrite the file."""
        loaders: dict[str, Callable[[Key, Row | None], None]] = {table.name: table.load for table in self._tables()}
        loaders[self.contacts.name] = self.contacts.load
        for table, key, row in self.journal.read():
            loaders[table](key, row)
        self.contacts.loaded()
        self.history.loaded()
        for key, row in self.processes.rows.items():
            if row["status"] == "queued":
                self.processes.load(key, {**row, "status": "failed", "error": "the sandbox was restarted"})
        self.journal.rewrite(self._entries())
