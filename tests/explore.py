"""How hard a property looks: at few examples, the same each time; with TAJO_EXPLORE=10000 at that many new ones."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import settings


def look(few: int, **more: Any) -> settings:
    """Return the settings of a property.

    Args:
        few: how many examples are enough for every day.
        more: further settings.
    """
    many = os.environ.get("TAJO_EXPLORE", "")
    return settings(max_examples=int(many or few), **more)


#: A mark for properties that take long; new examples may take as long as they want.
PATIENT = pytest.mark.timeout(0 if os.environ.get("TAJO_EXPLORE") else 600)
