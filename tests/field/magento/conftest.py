"""A shop of Magento and an installation that it is connected to, for each test."""

from __future__ import annotations

import pytest

from connectors.magento.tests.standin import Standin
from tests.field.magento.house import MagentoHouse


@pytest.fixture
def shop():
    return Standin(customers=0, products=2)


@pytest.fixture
def made(client, tmp_path, monkeypatch, shop):
    """Make a house; it is closed at the end."""
    houses = []

    def make(more="", **given):
        houses.append(MagentoHouse(client, tmp_path, monkeypatch, shop, more, **given))
        return houses[-1]

    yield make
    for one in houses:
        one.sandbox.close()


@pytest.fixture
def house(made):
    return made()
