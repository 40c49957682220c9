"""Celery's beat with a sign of life: a beat that hangs looks like one that has nothing to do."""

from __future__ import annotations

from typing import Any

from celery.beat import PersistentScheduler

from customer_sync.base.alive import tell_alive


class Scheduler(PersistentScheduler):  # type: ignore[misc]  # celery ships no types
    """Sends what is due, at least every `beat_max_loop_interval` seconds, and tells so each time."""

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        """Send what is due; return how long to wait, in seconds."""
        wait_s = super().tick(*args, **kwargs)
        tell_alive()
        return wait_s
