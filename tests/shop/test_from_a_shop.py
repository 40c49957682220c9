"""The catalogue of a shop's stand-in, read as the shop tells of it, is Brevo's."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connectors.woocommerce.tests.caller import NOW_S, Woo
from connectors.woocommerce.tests.deliveries import connector, inbound


class Keeper:
    """Who keeps a shop, and the line that hears of it."""

    def __init__(self, rig):
        self.rig, self.woo, self._turn = rig, Woo(), 0
        self.woo.clock.offset_s = rig.clock() / 1000 - NOW_S - 3_600

    def act(self, path, body=None, method="PATCH", topic="product.updated"):
        """Let something happen a minute later, and be heard of."""
        self.woo.clock.offset_s += 60
        self._turn += 1
        row = self.woo.fake(method, path, body or {})
        told = {"id": row["id"]} if topic.endswith("deleted") else row
        arrived_at = datetime.fromtimestamp(NOW_S + self.woo.clock.offset_s, tz=UTC)
        for event in connector().parse(replace(inbound(topic, told), received_at=arrived_at)):
            self.rig.send(replace(event, source="woo", id=f"{event.id}:{self._turn}"))
        self.rig.settle()
        return row

    def sees(self, number):
        return self.rig.products().get(f"woo:{number}")


@pytest.fixture
def keeper(rig):
    return Keeper(rig)


def test_a_product_is_there_while_it_is_published_and_marked_deleted_when_it_is_not(keeper):  # field case 18
    keeper.act("products/101", {"status": "draft"})
    before = keeper.sees(101)
    keeper.act("products/101", {"status": "publish"})
    published = keeper.sees(101)["isDeleted"]
    keeper.act("products/101", {"status": "private"})
    private = keeper.sees(101)["isDeleted"]
    keeper.act("products/101", {"status": "publish", "catalog_visibility": "hidden"})

    assert before is None
    assert (published, private, keeper.sees(101)["isDeleted"]) == (False, True, False)


def test_a_new_price_of_a_variation_arrives_by_its_own_webhook(keeper):  # field case 16
    parent = keeper.woo.get("products/108")
    small = parent["variations"][0]
    keeper.act(f"products/{parent['id']}")
    keeper.act(f"products/{small}", {"regular_price": "9.00"})
    keeper.act(f"products/{small}", {"regular_price": "8.00"})

    assert keeper.rig.products()[f"woo:{parent['id']}:{small}"]["price"] == 8.0
    assert keeper.sees(parent["id"])["price"] == 8.0


def test_a_variation_that_is_switched_off_is_deleted_and_comes_back(keeper):
    parent = keeper.woo.get("products/108")
    small = parent["variations"][0]
    keeper.act(f"products/{parent['id']}")
    seen = []
    for status in ("publish", "private", "publish"):
        keeper.act(f"products/{small}", {"status": status})
        seen.append(keeper.rig.products()[f"woo:{parent['id']}:{small}"]["isDeleted"])

    assert seen == [False, True, False]


def test_a_product_without_a_price_has_none_in_brevo(keeper):  # field case 20
    made = keeper.act("products", {"name": "Made to measure", "regular_price": ""}, "POST", "product.created")

    assert "price" not in keeper.sees(made["id"])


def test_a_product_in_the_trash_is_marked_deleted_and_lives_again(keeper):
    keeper.act("products/101")
    keeper.act("products/101", None, "DELETE", "product.deleted")
    gone = keeper.sees(101)["isDeleted"]
    keeper.act("products/101/restore", None, "POST", "product.restored")

    assert (gone, keeper.sees(101)["isDeleted"]) == (True, False)


def test_the_number_of_an_order_that_was_thrown_away_makes_no_product(keeper):
    keeper.act("orders/5004", None, "DELETE", "product.deleted")

    assert keeper.rig.products() == {}
