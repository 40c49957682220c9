"""Loads that wait for the end of the import before them, and keep the leases of their items meanwhile."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final, Self

from customer_sync.brevo.contacts.import_rows import Loads
from customer_sync.model import PEOPLE
from customer_sync.store.lanes import LOAD_LEASE_S, Lanes

#: How long one round goes on loading, in seconds; its leases last longer.
ROUND_S: Final = 8.0
#: How long the leases of a load that waits are good for, in seconds; from the half of it on they are renewed.
KEEP_S: Final = LOAD_LEASE_S - ROUND_S - 2.0
#: How long a load waits for the import before it, in seconds; then its rows are worked out anew.
MOST_KEPT_S: Final = 60.0


@dataclass(slots=True)
class Kept:
    """Loads that wait.

    Args:
        loads: the loads.
        ends: until when the loads may be used: their leases must last for another round.
        began: when the first of them was loaded.
        token: the token of their leases.
    """

    loads: Loads
    ends: float
    began: float
    token: str = ""

    @classmethod
    def begin(cls, loads: Loads) -> Self:
        """Return loads that begin now."""
        now = time.monotonic()
        return cls(loads, now + KEEP_S, now)

    def renew(self, lanes: Lanes) -> bool:
        """Renew the leases where it is time, and have the bulk gear woken; False: they were kept too long."""
        now = time.monotonic()
        if now >= self.ends or now - self.began > MOST_KEPT_S:
            return False
        if self.ends - now < KEEP_S / 2:
            lanes.renew(PEOPLE, self.token, self.loads.targets, lease_s=LOAD_LEASE_S)
            self.ends = now + KEEP_S
        lanes.tell_loaded(PEOPLE)
        return True
