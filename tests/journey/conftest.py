"""What the journeys print."""

from __future__ import annotations

import pytest


@pytest.fixture
def told(capsys):
    """Print a line of figures past the capture; the whole table is `python -m tests.journey.table`."""

    def tell(line):
        with capsys.disabled():
            print(f"\n{line}")

    return tell
