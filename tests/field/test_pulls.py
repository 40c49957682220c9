"""Failures that others reported in first runs: read from a shop's stand-in by its API, to what Brevo has then."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from connectors.woocommerce.tests.caller import NOW_S, Answered, Woo
from tests.field.house import House


class Api:
    """A stand-in in this process, as it is reached over HTTPS."""

    def __init__(self, woo):
        self._http = woo.http

    def send(self, method, url, *, headers, body=None):
        path = f"{urlsplit(url).path}?{urlsplit(url).query}"
        more = {"headers": headers, "data": body, "base_url": "https://shop.example.com"}
        found = self._http.open(path, method=method, **more)
        return Answered(found.status_code, {key.lower(): one for key, one in found.headers.items()}, found.get_data())


@pytest.fixture
def shop():
    return Woo(customers=0, products=100)


@pytest.fixture
def house(client, tmp_path, monkeypatch, shop):
    found = House(client, tmp_path, monkeypatch, Api(shop))
    shop.clock.offset_s = found.time.now_s - NOW_S
    yield found
    found.sandbox.close()


def test_09_an_order_has_one_id_by_webhook_and_by_run(house, shop):
    made = shop.fake("POST", "orders", {"email": "mia@example.com", "status": "processing"})
    row = {**shop.get(f"orders/{made['id']}"), "number": "2026-0017-B"}
    house.woo("order.created", row)
    house.pull("woo", "orders")

    assert list(house.orders) == [f"woo:{made['id']}"]
    assert house.fired == [("paid", f"woo:{made['id']}")]


def test_20_a_product_without_a_price_stops_no_run_and_16_a_parent_has_the_lowest(house, shop):
    made = shop.fake("POST", "products", {"name": "Made to measure", "regular_price": ""})
    house.pull("woo", "products")

    assert "price" not in house.products[f"woo:{made['id']}"]
    there = [one for one in shop.all("products") if one["status"] == "publish"]
    assert {f"woo:{one['id']}" for one in there} <= house.products.keys()
    for one in there:
        parts = [house.products[f"woo:{one['id']}:{number}"]["price"] for number in one.get("variations", ())]
        assert not parts or house.products[f"woo:{one['id']}"]["price"] == min(parts)
