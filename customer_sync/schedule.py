"""What celery beat starts, and the guard that lets each slot run once however many beats there are."""

from __future__ import annotations

import time

from customer_sync import assembly
from customer_sync.worker import app, line, settings

#: How often the account's attributes and lists are compared with the mapping, in seconds.
ACCOUNT_EVERY_S = 600.0
#: Workers that come up within this time share one check, in seconds.
START_EVERY_S = 5.0


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


@app.task(name="tajo.check_account")  # type: ignore[untyped-decorator]  # celery ships no types
def check_account(occasion: str = "slot") -> None:
    """Compare the mapping with the attributes and lists of the account, and say what is missing before it vanishes.

    Args:
        occasion: `start` when a worker has just come up; then it is done at once, not once per slot.
    """
    every_s = START_EVERY_S if occasion == "start" else ACCOUNT_EVERY_S
    if first_in_slot(f"account-{occasion}", every_s, time.time()):
        assembly.check_account(settings(), line().store)


app.conf.beat_schedule = {
    "account": {"task": "tajo.check_account", "schedule": ACCOUNT_EVERY_S},
}
