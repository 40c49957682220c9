"""A catalogue within Brevo's limits by the hour and by the second, in simulated time."""

from __future__ import annotations

import pytest

from benchmarks import catalogue
from benchmarks.catalogue import CATEGORIES, VARIANTS, measure


@pytest.mark.slow
def test_a_catalogue_goes_within_the_limits_and_the_same_again_hardly_at_all(redis_url, client):
    first, again = measure(redis_url, 400)

    assert first.sent == first.records == 400 * (1 + VARIANTS) + CATEGORIES
    assert first.calls["/products/batch"] <= 18
    assert again.sent <= 0.011 * again.records
    assert first.refused + again.refused == 0


@pytest.mark.slow
def test_when_batches_are_used_up_products_go_singly_and_a_quarter_of_the_hour_is_left(redis_url, client, monkeypatch):
    monkeypatch.setattr("customer_sync.brevo.products.ProductsHandler.most", 10)
    monkeypatch.setattr(catalogue, "CHANGED", 1000)
    first, _ = measure(redis_url, 260)  # 108 batches of ten, where 75 are allowed

    assert first.sent >= first.records
    assert 70 <= first.calls["/products/batch"] + first.calls["/categories/batch"] <= 76
    assert first.calls["/products"] >= 250
    assert first.hours <= 0.1
    assert first.refused == 0
