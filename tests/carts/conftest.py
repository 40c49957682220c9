"""A world with one clock for each test."""

from __future__ import annotations

import pytest

from tests.carts.world import World


@pytest.fixture
def make_world(client):
    """Make a world whose skill has further keys."""
    made = []

    def make(**extra):
        made.append(World(client, **extra))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def world(make_world):
    """A world in which Ann wants mails."""
    found = make_world()
    found.customer()
    return found
