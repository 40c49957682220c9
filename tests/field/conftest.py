"""A house for each test."""

from __future__ import annotations

import pytest

from tests.field.house import House


@pytest.fixture
def house(client, tmp_path, monkeypatch):
    found = House(client, tmp_path, monkeypatch)
    yield found
    found.sandbox.close()
