"""The gate for bulk calls: one at a time, and few while live work waits."""

from __future__ import annotations

import time

from customer_sync.brevo.gate import Gate


class BulkGate(Gate):
    """Hands out calls that nobody is in a hurry for; see `Limits.reserve` for what they leave to others."""

    def _reserve(self) -> float:
        now = time.monotonic()
        grant = self._limits.reserve(self._bucket, 1, is_bulk=True)
        self._starts.extend(now + offset_s for offset_s in grant.offsets_s)
        return grant.wait_s
