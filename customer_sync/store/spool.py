"""The spool: where requests go while Redis refuses. A SQLite file, each commit on the disk before the answer.

It belongs to one machine. The web process that wrote it drains it, in order, when Redis is back.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from customer_sync.base.private import touch


class Spool:
    """Requests that wait for Redis.

    Args:
        path: the file; its folder must exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            with suppress(OSError):  # SQLite tells what is wrong
                touch(self.path)
            db = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None, timeout=5)
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            db.execute("CREATE TABLE IF NOT EXISTS spool (n INTEGER PRIMARY KEY AUTOINCREMENT, raw BLOB NOT NULL)")
            self._db = db
        return self._db

    def append(self, raws: Sequence[bytes]) -> None:
        """Write requests; they are on the disk when this returns.

        Raises:
            sqlite3.Error: the disk is full, read-only or away; nothing was kept.
        """
        with self._lock:
            db = self._open()
            db.execute("BEGIN IMMEDIATE")
            try:
                db.executemany("INSERT INTO spool (raw) VALUES (?)", [(raw,) for raw in raws])
                db.execute("COMMIT")
            except sqlite3.Error:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    def first(self, count: int) -> list[tuple[int, bytes]]:
        """Return the oldest requests with their numbers."""
        if not self.path.exists():
            return []
        with self._lock:
            rows = self._open().execute("SELECT n, raw FROM spool ORDER BY n LIMIT ?", (count,)).fetchall()
        return [(int(number), bytes(raw)) for number, raw in rows]

    def remove(self, numbers: Sequence[int]) -> None:
        """Forget requests that are in the inbox now."""
        with self._lock:
            db = self._open()
            db.execute("BEGIN IMMEDIATE")
            db.executemany("DELETE FROM spool WHERE n = ?", [(number,) for number in numbers])
            db.execute("COMMIT")

    def depth(self) -> int:
        """Return how many requests wait."""
        if not self.path.exists():
            return 0
        with self._lock:
            return int(self._open().execute("SELECT count(*) FROM spool").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None
