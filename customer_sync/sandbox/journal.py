"""The journal: one JSON line per changed row, so that a restart keeps what was there.

A line is `[table, key, row]`; the row is null when it was deleted. Each write is flushed to the operating system, so
it outlives the process but not a power cut. At start the lines are replayed and the file is rewritten without the
rows that were overtaken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import orjson

from customer_sync.sandbox.answers import Row

#: How a row is found: a number Brevo gave, or a text somebody chose.
Key = int | str
#: One line of the journal.
Entry = tuple[str, Key, dict[str, Any] | None]


class Journal:
    """The file, or nothing at all when there is no path.

    Args:
        path: where the lines are kept; None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._file: IO[bytes] | None = None

    def read(self) -> Iterator[Entry]:
        """Yield the lines of the file; a last line that was cut off in mid-write is left out."""
        if self.path is None or not self.path.exists():
            return
        with self.path.open("rb") as lines:
            for line in lines:
                if line.endswith(b"\n"):
                    table, key, row = orjson.loads(line)
                    yield table, key, row

    def rewrite(self, entries: Iterable[Entry]) -> None:
        """Replace the file by these entries and keep it open for more."""
        if self.path is None:
            return
        self.close()
        fresh = self.path.with_name(self.path.name + ".new")
        fresh.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("wb") as out:
            out.writelines(_line(entry) for entry in entries)
        fresh.replace(self.path)
        self._file = self.path.open("ab")

    def write(self, entries: Iterable[Entry]) -> None:
        """Append entries and flush once."""
        if self._file is not None:
            self._file.writelines(_line(entry) for entry in entries)
            self._file.flush()

    @property
    def is_kept(self) -> bool:
        """Whether there is a file to write to."""
        return self._file is not None

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


class Table:
    """Rows of one kind by key, each change written to the journal.

    Args:
        name: the table's name in the journal.
        journal: where changes are written.
        first: what a new account has.
    """

    def __init__(self, name: str, journal: Journal, first: Mapping[Key, Row] | None = None) -> None:
        self.name = name
        self.rows: dict[Key, Row] = {}
        self.last_id = 0
        self._journal = journal
        self._first = dict(first or {})
        self.clear()

    def next_id(self) -> int:
        """Return a number that no row has had."""
        self.last_id += 1
        return self.last_id

    def put(self, key: Key, row: Row) -> None:
        """Set a row."""
        self.load(key, row)
        self._journal.write(((self.name, key, row),))

    def drop(self, key: Key) -> None:
        """Delete a row that is there."""
        del self.rows[key]
        self._journal.write(((self.name, key, None),))

    def load(self, key: Key, row: Row | None) -> None:
        """Take one line of the journal."""
        if isinstance(key, int):
            self.last_id = max(self.last_id, key)
        if row is None:
            self.rows.pop(key, None)
        else:
            self.rows[key] = row

    def entries(self) -> Iterator[Entry]:
        """Yield the journal lines that make this table again."""
        gone = [key for key in (*self._first, self.last_id) if key and key not in self.rows]
        yield from ((self.name, key, None) for key in gone)
        yield from ((self.name, key, row) for key, row in self.rows.items())

    def clear(self) -> None:
        """Go back to what a new account has; the journal is rewritten by the caller."""
        self.rows.clear()
        self.last_id = 0
        for key, row in self._first.items():
            self.load(key, row)


def _line(entry: Entry) -> bytes:
    return orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE)
