"""A world for each test."""

from __future__ import annotations

import pytest

from tests.writeback.world import World


@pytest.fixture
def world(client):
    """Two shops that take opt-outs back, and Brevo."""
    return World(client)
