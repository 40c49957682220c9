"""When Brevo is asked whether an import is done: most accounts may ask 100 times an hour.

An import is looked at when it is expected to be done, by how long the last one of its kind took, and then soon again,
as long as enough of the hour's calls are left; after that, the looks are spread over the hour.
"""

from __future__ import annotations

from typing import Final

from customer_sync.store.imports import Import, Imports, Kind
from customer_sync.store.limits import Limits

#: The limit that `/processes` counts against.
BUCKET: Final = "processes"
#: How soon, and how often at least, imports are looked at where no limit is known, in seconds.
FIRST_LOOK_S, LAST_LOOK_S = 0.3, 2.0
#: Where calls are limited by the hour: how soon an import is looked at of which nothing is known, in seconds.
FIRST_LIMITED_S: Final = 1.5
#: A look that found an import running is followed by the next after this share of the import's age.
AGAIN_SHARE: Final = 0.4
#: The share of the expected time after which an import is looked at first: the last one was seen late.
EARLY_SHARE: Final = 0.9
#: The share of an hourly limit that looking may use.
SHARE: Final = 0.9
#: While more than this share of an hour's calls is left, nothing is spread.
PLENTY: Final = 0.25
#: A given-up import is looked at this often, in seconds.
OVERDUE_LOOK_S: Final = 300.0
#: How often the last row of an import that updates is read, in seconds: while somebody in it withdrew, and else.
WATCHED_S, RIDER_LOOK_S = 1.0, 2.0
#: At which age Brevo is asked for an import that updates, though its last row does not show the end: so many times the
#: expected time, and not before so many seconds.
LATE_TIMES, LATE_S = 2.0, 15.0


class Looks:
    """Says when imports are looked at.

    Args:
        limits: the shared limits.
        imports: how long the last imports took.
    """

    def __init__(self, limits: Limits, imports: Imports) -> None:
        self._limits = limits
        self._imports = imports

    @property
    def is_limited(self) -> bool:
        """Whether calls are limited by the hour."""
        return bool(self._limits.per_hour(BUCKET))

    def first_s(self, kind: Kind, rows: int) -> float:
        """Return how long until the first look at an import that was just sent, in seconds."""
        expected_s = self._imports.pace_s(kind, rows)
        least_s = FIRST_LIMITED_S if self.is_limited else FIRST_LOOK_S
        if kind == "updates" and self.is_limited:
            return min(RIDER_LOOK_S, max(FIRST_LOOK_S, EARLY_SHARE * (expected_s or 0.0)))
        return max(least_s, EARLY_SHARE * (expected_s or 0.0)) if self.is_limited else least_s

    def again_s(self, import_: Import) -> float:
        """Return how long until the next look at an import that goes on, in seconds."""
        if import_.state == "overdue":
            return OVERDUE_LOOK_S
        if not self.is_limited:
            return min(LAST_LOOK_S, max(FIRST_LOOK_S, import_.age_s / 2))
        if import_.kind == "updates":
            return WATCHED_S if import_.is_watched else RIDER_LOOK_S
        return max(self._spread_s(), FIRST_LIMITED_S, AGAIN_SHARE * import_.age_s)

    def wait_s(self) -> float:
        """Return how long until Brevo may be asked, in seconds; 0.0 for now."""
        return max(0.0, self._spread_s() - self._imports.asked_s())

    def late_s(self, import_: Import) -> float:
        """Return at which age Brevo is asked for an import that updates whatever its last row shows."""
        return import_.ask_s or max(LATE_S, LATE_TIMES * (self._imports.pace_s("updates", import_.rows or 0) or 0.0))

    def _spread_s(self) -> float:
        """Return how far apart calls must be, in seconds; 0.0 without a limit, and while most of the hour is left."""
        per_hour = self._limits.per_hour(BUCKET)
        if not per_hour:
            return 0.0
        left = self._limits.headroom(BUCKET)
        return 0.0 if left is None or left > PLENTY else 3600 / (SHARE * per_hour)
