"""The codes of all findings that are not simply good news, for those who watch by code: metrics and alert rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from customer_sync.operate.figures.faults import Level

#: How much a level matters, as a number; from `LOOK` on a person has something to do.
GRAVITY: Final[Mapping[Level, int]] = {"ok": 0, "busy": 1, "look": 2, "down": 3}
LOOK: Final = GRAVITY["look"]

#: Every code that `customer_sync.operate.figures.faults` gives.
CODES: Final[frozenset[str]] = frozenset(
    {
        *("nothing_kept", "redis_away", "redis_refused", "disk_fails", "disk_off", "worker_gone", "schedule_stopped"),
        *("brevo_key", "brevo_away", "clock", "attributes_missing", "list_missing", "lane_paused", "host_clock"),
        "template_missing",
        *("run_stopped", "run_braked", "run_paused", "run_hindered"),
        *("source_unserved", "source_complains", "source_silent", "webhooks_refused", "webhooks_broken"),
        *("errors", "mailable", "drift", "imports_closed", "notices_not_taken", "parked", "backlog"),
    }
)
