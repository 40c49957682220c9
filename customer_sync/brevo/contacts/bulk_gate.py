"""The gates for bulk calls: one at a time, and few while live work waits."""

from __future__ import annotations

import time
from typing import Final

from customer_sync.brevo.gate import Gate
from customer_sync.errors import TryLater

#: How long a call for an import waits for its turn, in seconds, before its planned rows go back to the lane.
PATIENCE_S: Final = 10.0
#: If the limiter asks for a longer wait than this, in seconds, the call gives up at once.
LONG_S: Final = 2.0


class BulkGate(Gate):
    """Lets bulk calls through; see `Limits.reserve` for the share of the limit that they leave to live work."""

    def _reserve(self) -> float:
        now = time.monotonic()
        grant = self._limits.reserve(self._bucket, 1, is_bulk=True)
        self._starts.extend(now + offset_s for offset_s in grant.offsets_s)
        return grant.wait_s


class PatientGate(BulkGate):
    """Lets the calls of imports through."""

    def wait(self) -> None:
        """Return when the next call may be made.

        Raises:
            TryLater: no call is free within `PATIENCE_S`, or the limiter asks for a long wait; it uses up no try.
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
