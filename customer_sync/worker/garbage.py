"""Garbage in a worker: Python looks for it so seldom that its search costs the work little.

Python searches what was made last for circles that nobody holds, as soon as 700 objects more were made than freed. A
batch of requests makes tens of thousands that live until the batch is committed, and are free without any search: each
was looked at several times, and with it all that the process ever loaded. That took a sixth of a worker's CPU.
"""

from __future__ import annotations

import gc
from typing import Final

#: So many objects more were made than freed when those are looked at that were made last: more than a batch makes.
OBJECTS: Final = 50_000


def look_seldom() -> None:
    """Look for garbage seldom from now on, and never again at what is loaded by now."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS, 10, 10)
