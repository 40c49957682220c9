"""Bulk operations: a query that runs by itself and leaves a file of JSON lines.

https://shopify.dev/docs/api/usage/bulk-operations/queries. Files have no name in any folder, so that nothing is left
behind, however the shop ends.
"""

from __future__ import annotations

import os
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Any, Final

from graphql import GraphQLError

from connectors.shopify.fake.customers import Customers
from connectors.shopify.fake.export import SHELVES, Chunk, Export
from connectors.shopify.fake.filters import Filter
from connectors.shopify.fake.nodes import fault
from connectors.shopify.fake.query import Query
from connectors.shopify.fake.settings import Settings
from customer_sync.kit.fakes.clock import iso

#: How many finished operations keep their file.
_KEPT: Final = 6
_RUNNING: Final = ("CREATED", "RUNNING", "CANCELING")


@dataclass(slots=True)
class Operation:
    """One bulk operation.

    Args:
        id: its number.
        query: as it was sent.
        created_s: since when it is.
        status: as the platform says it.
        file: the descriptor of its lines; None before and after.
        error: `errorCode` of one that failed.
        ready: how many bytes may be read.
        key: what makes its address hard to guess.
    """

    id: int
    query: str
    created_s: float
    status: str = "CREATED"
    file: int | None = None
    error: str | None = None
    completed_s: float | None = None
    objects: int = 0
    roots: int = 0
    ready: int = 0
    key: str = field(default_factory=lambda: secrets.token_hex(8))
    is_stuck: bool = False
    fails_with: str | None = None

    @property
    def gid(self) -> str:
        """Its id in GraphQL."""
        return f"gid://shopify/BulkOperation/{self.id}"


class Bulk:
    """The bulk operations of the shop; safe for threads.

    Args:
        settings: how long one runs, how many run at once, where files go.
        customers: who is exported.
        clock: seconds since 1970.
        finished: told of every operation that ended.
    """

    def __init__(
        self,
        settings: Settings,
        customers: Customers,
        clock: Callable[[], float],
        finished: Callable[[Operation], None],
    ) -> None:
        self._settings, self._customers, self._clock, self._finished = settings, customers, clock, finished
        self._next = count(4_046_676_525_245)
        self._is_closed = False
        self.operations: dict[int, Operation] = {}

    def run(self, text: str, query: Query, wanted: Filter, **how: Any) -> Operation:
        """Start an operation.

        Args:
            text: the query as it was sent.
            query: the same, read.
            wanted: which customers it is about.
            how: `group`, `is_redacted` (see `Export`), `fails_with`, `is_stuck`, `goods`: the orders or products.

        Raises:
            GraphQLError: the query is not fit, or too many run.
        """
        export = Export(query, is_redacted=how["is_redacted"], group=how["group"])
        if export.root.name not in ("customers", *SHELVES):
            raise fault(f"This stand-in has no `{export.root.name}` to export.", "INVALID")
        running = [one for one in self.operations.values() if one.status in _RUNNING]
        if len(running) >= self._settings.bulk_limit:
            busy = f"A bulk query operation for this app and shop is already in progress: {running[0].gid}."
            raise fault(busy, "OPERATION_IN_PROGRESS" if self._settings.bulk_limit == 1 else "LIMIT_REACHED")
        found = Operation(next(self._next), text, self._clock())
        found.fails_with, found.is_stuck = how["fails_with"], how["is_stuck"]
        self.operations[found.id] = found
        self._forget()
        threading.Thread(
            target=self._work, args=(found, self._chunks(export, wanted, how)), name="bulk", daemon=True
        ).start()
        return found

    def cancel(self, operation: Operation) -> None:
        """Ask an operation to stop."""
        if operation.status in _RUNNING:
            operation.status = "CANCELING"

    def node(self, operation: Operation, base: str) -> dict[str, Any]:
        """Return an operation as GraphQL shows it.

        Args:
            operation: which one.
            base: the shop's address, for the file's.
        """
        url = f"{base}/bulk/{operation.id}/{operation.key}.jsonl" if operation.ready else None
        is_done, has_failed = operation.status == "COMPLETED", operation.status == "FAILED"
        return {
            "__typename": "BulkOperation",
            "id": operation.gid,
            "status": operation.status,
            "type": "QUERY",
            "query": operation.query,
            "errorCode": operation.error,
            "createdAt": f"{iso(operation.created_s)}Z",
            "completedAt": None if operation.completed_s is None else f"{iso(operation.completed_s)}Z",
            "objectCount": str(operation.objects),
            "rootObjectCount": str(operation.roots),
            "fileSize": str(operation.ready) if is_done and url else None,
            "url": url if is_done else None,
            "partialDataUrl": url if has_failed else None,
        }

    def read(self, operation: Operation, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes of a file from `start` to before `end`."""
        while start < end and operation.file is not None:
            piece = os.pread(operation.file, min(1 << 18, end - start), start)
            if not piece:
                return
            start += len(piece)
            yield piece

    def close(self) -> None:
        """Stop what runs and let go of every file."""
        self._is_closed = True
        for one in self.operations.values():
            if one.status not in _RUNNING:
                _let_go(one)

    def _chunks(self, export: Export, wanted: Filter, how: dict[str, Any]) -> Iterator[Chunk]:
        """Return the lines; half of them where the operation is to fail."""
        fails, goods = how["fails_with"], how["goods"]
        if export.root.name in SHELVES:
            return export.chunks_of(goods[: len(goods) // 2] if fails else goods)
        limit = self._customers.count // 2 if fails else None
        return export.chunks(islice(_rows(self._customers, wanted), limit))

    def _work(self, operation: Operation, chunks: Iterator[Chunk]) -> None:
        due_s = time.monotonic() + self._settings.bulk_s
        time.sleep(min(0.2, self._settings.bulk_s / 5))
        with tempfile.TemporaryFile(dir=self._settings.folder) as file:
            operation.file = os.dup(file.fileno())
        if operation.status == "CREATED":
            operation.status = "RUNNING"
        try:
            written = self._write(operation, operation.file, chunks)
            self._wait(operation, due_s)
        except (GraphQLError, OSError, KeyError, TypeError, ValueError) as error:
            operation.fails_with, written = f"INTERNAL_SERVER_ERROR: {error}"[:21], 0
        self._end(operation, written)

    def _write(self, operation: Operation, file: int, chunks: Iterator[Chunk]) -> int:
        """Write every line; returns the size in bytes."""
        size = 0
        for chunk in chunks:
            os.write(file, chunk.text)
            size += len(chunk.text)
            operation.objects += chunk.objects
            operation.roots += chunk.roots
            if operation.status == "CANCELING" or self._is_closed:
                break
        return size

    def _wait(self, operation: Operation, due_s: float) -> None:
        while (time.monotonic() < due_s or operation.is_stuck) and operation.status == "RUNNING":
            if self._is_closed:
                return
            time.sleep(0.01)

    def _end(self, operation: Operation, written: int) -> None:
        operation.completed_s, operation.ready = self._clock(), written
        if operation.status == "CANCELING":
            operation.status, operation.ready = "CANCELED", 0
        elif operation.fails_with:
            operation.status, operation.error = "FAILED", operation.fails_with
        else:
            operation.status = "COMPLETED"
        if self._is_closed or not operation.ready:
            _let_go(operation)
        self._finished(operation)

    def _forget(self) -> None:
        """Let go of the oldest files; their operations are EXPIRED."""
        ended = [one for one in self.operations.values() if one.status not in _RUNNING and one.file is not None]
        for one in ended[:-_KEPT]:
            one.status, one.ready = "EXPIRED", 0
            _let_go(one)


def _rows(customers: Customers, wanted: Filter) -> Iterator[Any]:
    if wanted.is_everybody:
        return customers.export()
    low, high = wanted.low_s or 0, wanted.high_s or float("inf")

    def fits(number: int) -> bool:
        found = customers.find(number) if low <= customers.updated_s(number) < high else None
        return found is not None and wanted.test(found)

    return customers.export(fits)


def _let_go(operation: Operation) -> None:
    file, operation.file = operation.file, None
    if file is not None:
        os.close(file)
