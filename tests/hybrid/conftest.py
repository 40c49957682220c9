"""One installation that all tests share, empty for each of them: processes take seconds to start.

Nothing is scheduled and nothing is heard by webhook, unless a test says so.
"""

from __future__ import annotations

import time

import pytest

from customer_sync.base.embedded import free_port
from tests.hybrid.house import NEVER, House, shopify, woocommerce
from tests.sandbox_server import sandbox_server
from tests.stores.servers import store_server

#: No waiting for points: how the connector keeps to them is tested elsewhere.
RICH = ("--bucket", "20000", "--restore", "20000", "--bulk-seconds", "0.1")
#: The small WooCommerce.
CORNER = ("--customers", "150", "--report-lag", "0", "--behind-tls")
#: Small fakes that a test starts itself, each at the address that the config names: Shopifys, and one WooCommerce.
PLACES = ("denied", "nulls", "scopeless", "corner")


@pytest.fixture(scope="session")
def places():
    return {name: free_port() for name in PLACES}


@pytest.fixture(scope="session")
def everything(redis_url, tmp_path_factory, places):
    """The installation and its stores, as (house, big, shop, woo)."""
    del redis_url  # skips with a sentence where no Redis can be had
    with (
        sandbox_server("--plan", "none") as sandbox,
        store_server("shopify", "--customers", "3000", *RICH) as big,
        store_server("shopify", "--customers", "1000", "--unsubscribed", "0.05", *RICH) as shop,
        store_server("woocommerce", "--customers", "1000", "--report-lag", "0", "--behind-tls") as woo,
    ):
        sources = {
            "big": shopify(big.address),
            "shop": shopify(shop.address),
            "woo": woocommerce(woo.address),
            **{name: shopify(f"http://127.0.0.1:{port}") for name, port in places.items()},
            # the first slot of the upkeep is at once; the beat of the one test that has one finds nothing else to do
            "corner": woocommerce(f"http://127.0.0.1:{places['corner']}", schedule={**NEVER, "webhooks": "11 * * * *"}),
        }
        made = House(tmp_path_factory.mktemp("house"), sandbox, sources)
        try:
            made.worker = made.start_worker()
            yield made, big, shop, woo
        finally:
            made.close()


@pytest.fixture
def house(everything):
    """An empty installation with a worker; stores as they were at the start."""
    made, *stores = everything
    made.reset()
    for store in stores:
        store.delete("/fake/faults")
        store.post("/fake/reset")
    return made


@pytest.fixture
def big(everything):
    """A Shopify of 3,000 customers."""
    return everything[1]


@pytest.fixture
def shop(everything):
    """A Shopify of 1,000 customers, of whom one in twenty left."""
    return everything[2]


@pytest.fixture
def woo(everything):
    """A WooCommerce of 1,000 accounts."""
    return everything[3]


@pytest.fixture
def corner(house, places):
    """A WooCommerce of 150 accounts, empty of webhooks, that a test may kill."""
    with store_server("woocommerce", *CORNER, port=places["corner"]) as made:
        yield made


@pytest.fixture
def told(capsys):
    """Say the figures of a test aloud: what the documentation takes them from."""
    began = time.monotonic()

    def say(text: str) -> None:
        with capsys.disabled():
            print(f"\n  {text} ({time.monotonic() - began:.1f} s)", end="")

    return say
