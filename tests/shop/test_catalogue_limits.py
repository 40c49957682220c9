"""A catalogue within Brevo's limits by the hour and by the second, in simulated time."""

from __future__ import annotations

import pytest

from benchmarks import catalogue
from benchmarks.catalogue import CATEGORIES, VARIANTS, measure
from benchmarks.simulated import Catalogue
from customer_sync.pipeline import deliver
from customer_sync.skills.product_catalog import ProductCatalog


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


def test_what_a_run_reads_page_by_page_gathers_into_full_calls(client):
    shop = Catalogue(client, ProductCatalog())
    try:
        for page in range(8):
            shop.put([catalogue._product(shop, 5 * page + n) for n in range(5)])
            while deliver(shop._line, shop.lane).did_work:
                pass
            shop.clock.go_on(0.2)
        began_s = shop.clock.now_s
        shop.empty()
        calls = catalogue._calls(shop)
    finally:
        shop.close()

    assert shop.http.records == 8 * 5 * (1 + VARIANTS) + CATEGORIES
    assert calls["/products/batch"] == 2
    assert shop.clock.now_s - began_s < 10
