"""A lock that one process holds: the system frees it when the process ends, however it ends."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from customer_sync.base.private import touch


class Taken(Exception):
    """Another process holds the lock.

    Args:
        note: what that process left of itself; empty where it has not written it yet.
    """

    def __init__(self, note: dict[str, str]) -> None:
        super().__init__("the lock is taken")
        self.note = note


@contextmanager
def alone(file: Path, **note: str) -> Iterator[None]:
    """Hold the lock while the block lasts. The file stays: whoever removed it would remove somebody else's.

    Args:
        file: the lock; its folder must be there.
        note: what others are told of this process.

    Raises:
        Taken: another process holds it.
        OSError: the file cannot be written.
    """
    touch(file)
    with file.open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Taken(_read(lock.read())) from error
        lock.truncate()
        lock.write(json.dumps(note))
        lock.flush()
        yield


def _read(text: str) -> dict[str, str]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}
