"""How a worker looks for garbage."""

from __future__ import annotations

import subprocess
import sys

#: In a process of its own: these settings stay as they are until its end.
TRIAL = """
import gc
from customer_sync.worker.garbage import OBJECTS, look_seldom

searches = []
gc.callbacks.append(lambda phase, info: searches.append(phase))
look_seldom()
assert gc.get_freeze_count() > 1_000, "what is loaded is looked at again"
searches.clear()
kept = [[number] for number in range(OBJECTS - 5_000)]
assert not searches, f"{len(searches)} searches during a batch"
circles = [[] for _ in range(10_000)]
for one in circles:
    one.append(one)
circles.clear()
kept += [[number] for number in range(OBJECTS)]
assert searches, "garbage is never looked for"
"""


def test_a_batch_is_read_without_a_search_for_garbage():
    subprocess.run([sys.executable, "-c", TRIAL], check=True)
