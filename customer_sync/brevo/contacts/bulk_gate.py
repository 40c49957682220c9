"""The gates for bulk calls: one at a time, and few while live work waits."""

from __future__ import annotations

import time
from typing import Final

from customer_sync.brevo.gate import Gate
from customer_sync.errors import TryLater

#: How long a call for an import waits, in seconds: thousands of planned rows would be planned in vain.
PATIENCE_S: Final = 10.0
#: Where the limit says to wait longer than this at once, in seconds, there is no use in waiting here.
LONG_S: Final = 2.0


class BulkGate(Gate):
    """Hands out calls that nobody is in a hurry for; see `Limits.reserve` for what they leave to others."""

    def _reserve(self) -> float:
        now = time.monotonic()
        grant = self._limits.reserve(self._bucket, 1, is_bulk=True)
        self._starts.extend(now + offset_s for offset_s in grant.offsets_s)
        return grant.wait_s


class PatientGate(BulkGate):
    """Hands out the calls of imports."""

    def wait(self) -> None:
        """Return when the next call may be made.

        Raises:
            TryLater: not within `PATIENCE_S`, or not for long; burns no try.
        """
        give_up = time.monotonic() + PATIENCE_S
        while True:
            try:
                super().wait()
            except TryLater as error:
                if (error.after_s or 0.0) > LONG_S or time.monotonic() > give_up:
                    raise
            else:
                return
