"""Work that takes its time: a process is queued, runs and is completed, or fails."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from customer_sync.model import Json
from customer_sync.sandbox import imports, times
from customer_sync.sandbox.account import Account
from customer_sync.sandbox.answers import Row
from customer_sync.sandbox.exports import Export
from customer_sync.sandbox.import_run import ImportRun
from customer_sync.sandbox.imports import Import

#: The part of its time that a process is `queued` before it is `in_process`.
_QUEUED_PART: Final = 1 / 3


class Processes:
    """The processes of one account.

    Args:
        account: the account.
        wake: called when something is due sooner than before.
    """

    def __init__(self, account: Account, wake: Callable[[], None]) -> None:
        self._account = account
        self._wake = wake
        self._imports: list[Import] = []
        self._exports: list[Export] = []
        #: What became of the rows of all imports: created, updated, untouched, ignored, refused.
        self.rows: Counter[str] = Counter()

    def clear(self) -> None:
        """Forget what runs, and the counts."""
        self._imports.clear()
        self._exports.clear()
        self.rows.clear()

    def begin(self, job: Import) -> None:
        """Queue an import; the caller holds the lock."""
        ways = self._account.switches
        job.is_stuck = bool(self._imports) and ways.import_parallel == "stick"
        job.is_emptying = job.is_emptying or ways.import_empties != "as_told"
        if ways.import_blocks == "lift_new":
            everyone = self._account.contacts.roll.all
            mail = frozenset(one.id for one in everyone if one.email_blacklisted)
            job.blocked = (mail, frozenset(one.id for one in everyone if one.sms_blacklisted))
        self._queue(job.process_id, "IMPORTUSER")
        self._imports.append(job)
        self._wake()

    def begin_export(self, job: Export) -> None:
        """Queue an export; the caller holds the lock."""
        self._queue(job.process_id, "CONTACT_EXPORT")
        self._exports.append(job)
        self._wake()

    def show(self, process_id: int) -> Row | None:
        """Return a process as the API shows it, or None; the caller holds the lock."""
        row = self._account.processes.rows.get(process_id)
        if row and row["status"] == "queued":
            waited_s = self._account.clock() - times.parse(str(row["created_at"]), "created_at") / 1000
            if waited_s > self._account.switches.import_delay_s * _QUEUED_PART:
                return {**row, "status": "in_process"}
        return row

    def next_due(self) -> float | None:
        """Return when the next one is due, None when none waits; the caller holds the lock."""
        dues = [job.due for job in self._imports if not self._is_stuck(job)]
        return min([*dues, *(job.due for job in self._exports)], default=None)

    def hurry(self) -> None:
        """Let all that waits be due now."""
        for job in self._imports:
            job.due = 0.0
        for export in self._exports:
            export.due = 0.0

    def run_due(self) -> bool:
        """Carry out what is due; returns whether anything was."""
        now = self._account.clock()
        due = [one for one in self._imports if one.due <= now and not self._is_stuck(one)]
        for job in due:
            self._import(job)
        for export in [one for one in self._exports if one.due <= now]:
            self._export(export)
        return bool(due)

    def end_lost(self) -> None:
        """End what was running when the sandbox itself ended."""
        for key, row in self._account.processes.rows.items():
            if row["status"] == "queued":
                self._account.processes.load(key, {**row, "status": "failed", "error": "the sandbox was restarted"})

    def _is_stuck(self, job: Import) -> bool:
        return job.is_stuck and self._account.switches.import_parallel == "stick"

    def _queue(self, process_id: int, name: str) -> None:
        at = times.iso(self._account.now_ms())
        row: Row = {"id": process_id, "name": name, "status": "queued", "created_at": at}
        self._account.processes.put(process_id, row)

    def _import(self, job: Import) -> None:
        account = self._account
        run = ImportRun(job, account)
        failure = ""
        try:
            if job.file_url:
                job.rows = imports.fetch_rows(job.file_url)
            for one in imports.prepare(job, account.attributes, booleans=account.switches.import_booleans):
                run.add(one)
        except OSError as error:
            failure = str(error)
        with account.lock:
            if job not in self._imports:
                return
            failure = failure or self._failure(job)
            if failure:
                self._imports.remove(job)
                self._end(job.process_id, "failed", {"error": failure}, job.notify_url)
                return
        self._carry_out(job, run)

    def _failure(self, job: Import) -> str:
        account = self._account
        if account.faults.take(("import_fails",), "POST", "/contacts/import"):
            return "the import failed"
        is_gone = len(account.lists.known(job.list_ids)) < len(job.list_ids)
        return "a list does not exist" if is_gone and account.switches.import_list_gone == "fail" else ""

    def _carry_out(self, job: Import, run: ImportRun) -> None:
        is_more = True
        while is_more:
            with self._account.lock:
                if job not in self._imports:
                    return
                is_more = run.settle(self._account.now_ms())
            # another thread that waits for the lock gets it before this one takes it again
            time.sleep(0)
        with self._account.lock:
            if job not in self._imports:
                return
            run.finish(self._account.now_ms())
            self.rows.update(run.counts())
            info: dict[str, Json] = dict.fromkeys(imports.REPORTS)
            for report, text in run.refused.files().items():
                info[report] = self._keep(f"{job.process_id}-{report}.csv", text, job.base_url)
            self._imports.remove(job)
            self._end(job.process_id, "completed", {"info": {"import": info}}, job.notify_url)

    def _export(self, job: Export) -> None:
        with self._account.lock:
            contacts = job.choice.take(self._account)
        text = job.text(contacts)
        with self._account.lock:
            if job not in self._exports:
                return
            self._exports.remove(job)
            url = self._keep(f"{job.process_id}-contacts.csv", text, job.base_url)
            export: Row = {"total_records": len(contacts), "file_size": len(text.encode())}
            self._end(job.process_id, "completed", {"info": {"export": export}, "export_url": url}, job.notify_url)

    def _keep(self, name: str, text: str, base_url: str) -> str:
        self._account.files.put(name, {"text": text})
        return f"{base_url}sandbox/files/{name}"

    def _end(self, process_id: int, status: str, more: Row, notify_url: str) -> None:
        processes = self._account.processes
        row = {**processes.rows[process_id], "status": status, **more}
        processes.put(process_id, {**row, "completed_at": times.iso(self._account.now_ms())})
        if notify_url:
            self._account.webhooks.call(notify_url)
            self._wake()
