"""The line with the lanes of products and events, and its sandbox."""

from __future__ import annotations

import pytest

from tests.shop.rig import ShopRig


@pytest.fixture
def rig(client):
    """The line, with a sandbox without limits in which eCommerce is on."""
    found = ShopRig(client)
    yield found
    found.sandbox.close()
