"""PyMagento, the best-known client of Magento 2, takes the stand-in for a shop.

It knows the token alone (no OAuth 1.0a), and no newsletter: `is_subscribed` is written by its raw calls.
"""

from __future__ import annotations

import pytest
from magento import Magento
from magento.exceptions import MagentoException

from connectors.magento.tests.standin import Standin
from tests.stores.servers import store_server


@pytest.fixture(scope="module")
def server():
    with store_server("magento", "--customers", "30", "--bearer") as found:
        yield found


@pytest.fixture
def client(server):
    server.post("/fake/reset")
    server.post("/fake/settings", {"bearer": True, "max_page_size": 0})
    return Magento(base_url=server.address, token="fakeaccesstoken", scope="all", batch_page_size=7)


def test_it_lists_everybody_over_several_pages(client, server):
    found = [row["id"] for row in client.get_customers()]

    assert sorted(map(str, found), key=int) == [str(one) for one in server.get("/fake/customers")["ids"]]


def test_it_searches_changes_and_deletes(client, server):
    (order,) = client.get_orders(limit=1)
    assert order["entity_id"]
    at = "searchCriteria[filter_groups][0][filters][0]"
    (found,) = client.get_customers(query={f"{at}[field]": "entity_id", f"{at}[value]": 5})
    assert found["id"] == 5
    client.put_json_api("/V1/customers/5", json={"customer": {**found, "firstname": "Judged"}})
    assert server.get("/fake/customers/5")["firstname"] == "Judged"
    assert client.delete_json_api("/V1/customers/5") is True
    assert client.get_json_api("/V1/customers/5", none_on_404=True) is None


def test_it_reads_products_and_carts(client):
    assert client.get_product("LAMP-1")["name"] == "Lamp 1"
    assert list(client.get_products())
    assert list(client.get_carts())


def test_its_pages_are_too_large_where_the_shop_limits_them(server):
    server.post("/fake/settings", {"bearer": True, "max_page_size": 300})
    client = Magento(base_url=server.address, token="fakeaccesstoken", scope="all")
    with pytest.raises(MagentoException, match="pageSize is 300"):
        list(client.get_customers())


def test_the_token_alone_is_refused_where_the_switch_is_off(server):
    server.post("/fake/settings", {"bearer": False})
    client = Magento(base_url=server.address, token="fakeaccesstoken", scope="all")
    with pytest.raises(MagentoException, match="isn't authorized to access"):
        list(client.get_customers())


def test_the_stand_in_of_this_process_is_the_same(server):
    assert len(Standin(customers=30).fake.shop.customers) == len(server.get("/fake/customers")["ids"])
