"""How far a read of all contacts is, as every worker finds it in Redis, and the one worker's turn at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from customer_sync.base.clock import Clock
from customer_sync.store.reads import TURN_S, Reads


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a read is. All of it is in Redis, so that any worker can go on.

    Args:
        begun_ms: when it began.
        noted_ms: when it was worked on last.
        way: `pages`; or by exports: `lists`, `ask` (they are begun), `wait` (for them), `file`; `never`: by none.
        offset, before: the next page, see `Place`.
        total: how many contacts the account has.
        todo: the lists whose exports are still to be begun; 0 is the export of everybody.
        processes: process → its list.
        looks: how often Brevo was asked for them, or for a file, in vain.
        look_ms: when it is asked next.
        files: (list, address) of the files that are still to be read.
        at: where the next piece of the first of them begins, in bytes.
        head: what its first line told.
        rows, unclear: how many rows the file of everybody had so far, and how many of them were not clear.
        shown: how many contacts were shown unblocked.
        blocked, unblocked: fingerprints of some contacts of the first page, to judge the file of everybody by.
        contradicted, confirmed: how many of the one and of the other the file showed unblocked.
    """

    begun_ms: int
    noted_ms: int = 0
    way: str = "pages"
    offset: int = 0
    before: Sequence[int] = ()
    total: int = 0
    todo: Sequence[int] = ()
    processes: Mapping[str, int] = field(default_factory=dict)
    looks: int = 0
    look_ms: int = 0
    files: Sequence[Sequence[Any]] = ()
    at: int = 0
    head: Sequence[Any] | None = None
    rows: int = 0
    unclear: int = 0
    shown: int = 0
    blocked: Sequence[str] = ()
    unblocked: Sequence[str] = ()
    contradicted: int = 0
    confirmed: int = 0


def progress_of(raw: Any) -> Progress | None:
    """Return a stored progress; None when there is none, or another version wrote it in another form."""
    try:
        return Progress(**raw) if raw else None
    except TypeError:
        return None


class Turn:
    """The turn of the worker that reads now.

    Args:
        reads: where it is kept.
        token: the turn.
        clock: milliseconds since 1970.
    """

    def __init__(self, reads: Reads, token: str, clock: Clock) -> None:
        self._reads = reads
        self._token = token
        self._clock = clock

    def begin(self) -> Progress:
        """Begin a read anew.

        Raises:
            OtherTurn: another worker has the turn now; the same for the rest.
        """
        progress = Progress(self._clock(), self._clock())
        self._reads.note(self._token, asdict(progress), begins=True)
        return progress

    def keep(self, progress: Progress, turn_s: float = TURN_S) -> Progress:
        """Note how far the read is; the turn lasts so many seconds from now without a word."""
        progress = replace(progress, noted_ms=self._clock())
        self._reads.note(self._token, asdict(progress), turn_s=turn_s)
        return progress

    def note(self, progress: Progress, shown: Sequence[str], otherwise: Sequence[str]) -> None:
        """Note whom an answer showed unblocked, and otherwise, and how far the read is, in one step."""
        self._reads.note(self._token, asdict(replace(progress, noted_ms=self._clock())), shown, otherwise)

    def end(self, progress: Progress) -> None:
        """Let what was noted replace what the read before showed."""
        self._reads.end(self._token, progress.begun_ms)

    def leave(self) -> None:
        """Give the turn back."""
        self._reads.end_turn(self._token)
