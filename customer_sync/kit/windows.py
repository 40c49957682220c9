"""Where an incremental pull stands: windows of time, with an overlap, so that nothing that appears late is missed.

A pull of what changed since S is cut into windows [from, to). A platform that sorts by the time of change may move on
within a window; one that does not moves on only when a window was read to its end. The caller keeps the state in its
cursor: `Window.encode`, `window_of`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from customer_sync.errors import ConfigError, PayloadError
from customer_sync.kit.connector import parse_time
from customer_sync.kit.reach import Cursor

#: A window is never cut below this by halving: what does not fit then is told to the operator.
SMALLEST: Final = timedelta(seconds=1)
_TIMES: Final = ("start", "end", "until")


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time that is read.

    Args:
        start: from then on, UTC.
        end: up to then, without it.
        until: where the last window ends.
        longest: how long a window may be; None: as long as it likes.
    """

    start: datetime
    end: datetime
    until: datetime
    longest: timedelta | None = None

    @property
    def next(self) -> Window | None:
        """The window after this one; None where this was the last.

        It is twice as long, up to the longest: one that was cut for a dense hour must not cut the years behind it.
        """
        if self.end >= self.until:
            return None
        wide = (self.end - self.start) * 2
        wide = wide if self.longest is None else min(wide, self.longest)
        return replace(self, start=self.end, end=min(self.end + wide, self.until))

    def halved(self) -> Window:
        """Return the first half, for a platform that refuses to list so much.

        Raises:
            ConfigError: it cannot be cut any more.
        """
        half = (self.end - self.start) / 2
        if half < SMALLEST:
            raise ConfigError(
                f"More happened in the second of {self.start.isoformat()} than the platform lists.",
                "Ask the platform for an export; everything else is read.",
            )
        return replace(self, end=self.start + half)

    def encode(self) -> Cursor:
        """Return it as it stands in a cursor."""
        longest_s = None if self.longest is None else self.longest.total_seconds()
        return {name: getattr(self, name).isoformat() for name in _TIMES} | {"longest": longest_s}


def window_of(cursor: Cursor | None) -> Window | None:
    """Return the window that stands in a cursor, None where none does."""
    if cursor is None or not all(name in cursor for name in _TIMES):
        return None
    try:
        start, end, until = (parse_time(cursor[name], name) for name in _TIMES)
    except PayloadError:
        return None
    # one of an older version does not say how long a window may be
    longest_s = cursor.get("longest", (end - start).total_seconds())
    longest = timedelta(seconds=longest_s) if isinstance(longest_s, int | float) else None
    return Window(start, end, until, longest)


def first_window(
    since: datetime,
    now_s: float,
    *,
    lookback: timedelta = timedelta(0),
    longest: timedelta | None = None,
    behind: timedelta = timedelta(0),
) -> Window:
    """Return the first window of a pull of what changed since a time.

    Args:
        since: what changed at that time or later is wanted.
        now_s: seconds since 1970.
        lookback: how much earlier is read: what was written before may have appeared after.
        longest: how long a window may be; None: there is one.
        behind: how far the platform's lists lag behind.
    """
    until = datetime.fromtimestamp(now_s, UTC) - behind
    start = min(since - lookback, until)
    return Window(start, until if longest is None else min(start + longest, until), until, longest)
