"""A real worker with lanes to a toy platform: `python -m tests.reliability.toy_worker <words for celery worker>`.

`TOY_URL` is where the platform is, `TOY_LANES` how many lanes lead there, `TOY_QUEUE` the queue of their wake-ups.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from customer_sync import assembly
from customer_sync.engine.lane import PLATFORMS, LaneDescription
from customer_sync.pipeline import Line
from customer_sync.worker import app as worker
from tests.toy_lane import OrdersHandler


def toy_lanes(count: int, queue: str = PLATFORMS) -> list[LaneDescription]:
    """The lanes to the platform; each has a limit of its own, as each source has."""
    return [
        LaneDescription(f"toy:{n}", keeps="record", bucket=f"toy:{n}", destination="Toyland", queue=queue)
        for n in range(count)
    ]


def open_line(*arguments: Any, **more: Any) -> Line:
    """Return the line with the lanes to the platform beside its own."""
    line = plain(*arguments, **more)
    for lane in toy_lanes(int(os.environ["TOY_LANES"]), os.environ.get("TOY_QUEUE", PLATFORMS)):
        line.store.lanes.register(lane.name, keeps="records")
        handler = OrdersHandler(os.environ["TOY_URL"], line.store.limits, lane)
        line.handlers = {**line.handlers, lane.name: handler}
    return line


if __name__ == "__main__":
    plain, assembly.open_line = assembly.open_line, open_line
    worker.app.worker_main(["--quiet", "worker", "--without-gossip", "--without-mingle", *sys.argv[1:]])
