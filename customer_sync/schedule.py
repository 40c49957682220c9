"""What celery beat starts, and the guard that lets each slot run once however many beats there are."""

from __future__ import annotations

import time

from customer_sync.worker import app, line

#: How often the attributes of the account are read, in seconds.
ATTRIBUTES_EVERY_S = 600.0


def first_in_slot(name: str, every_s: float, now_s: float) -> bool:
    """Tell whether this is the first call for the slot that `now_s` falls in.

    Args:
        name: the entry of the schedule.
        every_s: how long a slot is.
        now_s: seconds since 1970.
    """
    slot = int(now_s // every_s)
    key = f"slot:{name}:{slot}"
    return bool(line().store.client.set(f"tajo:{key}", "1", nx=True, ex=int(every_s * 3) + 60))


@app.task(name="tajo.read_attributes")  # type: ignore[untyped-decorator]  # celery ships no types
def read_attributes() -> None:
    """Forget the list of attributes, so that the next delivery reads it anew."""
    if first_in_slot("attributes", ATTRIBUTES_EVERY_S, time.time()):
        line().store.set_note("attributes", None)


app.conf.beat_schedule = {
    "attributes": {"task": "tajo.read_attributes", "schedule": ATTRIBUTES_EVERY_S},
}
