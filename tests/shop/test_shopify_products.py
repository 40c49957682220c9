"""What becomes of Shopify's own bodies of products and checkouts in Brevo's catalogue and events."""

from __future__ import annotations

import json

from connectors.shopify.connector import ShopifyConnector
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Inbound
from tests.rig import at

OPTIONS = {"shop_url": "lamps.myshopify.com", "storefront_url": "https://lamps.example"}
SHOPIFY = ShopifyConnector(SourceSettings("shop", "shopify", ("s",), OPTIONS))


def variant(number, **more):
    return {"id": number, "title": f"No. {number}", "price": "10.00", **more}


def product(when=-10, **more):
    return {
        "id": 30,
        "title": "Lamp",
        "handle": "lamp",
        "status": "active",
        "published_at": at(-3600).isoformat(),
        "updated_at": at(when).isoformat(),
        "variants": [variant(31)],
        **more,
    }


def tell(rig, topic, body):
    headers = {"x-shopify-topic": topic, "x-shopify-webhook-id": f"{topic}:{body.get('updated_at')}"}
    for event in SHOPIFY.parse(Inbound("shop", headers, json.dumps(body).encode(), at(0))):
        rig.send(event)
    rig.settle()


def test_a_variant_has_its_picture_and_its_link_on_the_public_domain(rig):  # field case 17
    images = [{"id": 1, "src": "https://cdn.example.com/1.jpg"}, {"id": 2, "src": "https://cdn.example.com/2.jpg"}]
    variants = [variant(31, image_id=2), variant(32, image_id=None)]
    tell(rig, "products/create", product(image=images[0], images=images, variants=variants))
    found = rig.products()

    assert [found[f"shop:30:{number}"]["imageUrl"] for number in (31, 32)] == [images[1]["src"], images[0]["src"]]
    assert found["shop:30:31"]["url"] == "https://lamps.example/products/lamp?variant=31"


def test_a_product_without_a_picture_is_sent_without_one(rig):  # field case 17
    tell(rig, "products/create", product(image=None, images=[]))

    assert "imageUrl" not in json.dumps(rig.sent("/products") + rig.sent("/products/batch"))


def test_a_product_is_there_while_visitors_can_see_it(rig):  # field case 18
    seen = []
    for when, status in enumerate(("draft", "active", "archived", "active"), -10):
        tell(rig, "products/update", product(when, status=status))
        row = rig.products().get("shop:30")
        seen.append(None if row is None else row["isDeleted"])

    assert seen == [None, False, True, False]


def test_of_130_variants_those_that_a_webhook_holds_are_there_and_none_is_taken_out(rig):  # field case 21
    gids = [{"admin_graphql_api_id": f"gid://shopify/ProductVariant/{number}"} for number in range(1, 131)]
    part = [variant(number) for number in range(1, 101)]
    tell(rig, "products/create", product(variants=part, variant_gids=gids))
    tell(rig, "products/update", product(-5, variants=part[:50], variant_gids=gids))
    rows = [row for name, row in rig.products().items() if name != "shop:30"]

    assert len(rows) == 100
    assert not any(row["isDeleted"] for row in rows)
    for body in rig.sent("/products/batch"):
        ids = [one["id"] for one in body["products"]]
        assert len(ids) <= 100
        assert len(set(ids)) == len(ids)


def test_a_deleted_product_is_marked_as_deleted(rig):
    tell(rig, "products/create", product())
    tell(rig, "products/delete", {"id": 30})

    assert rig.products()["shop:30"]["isDeleted"] is True


def test_a_product_without_a_price_has_none(rig):  # field case 20
    tell(rig, "products/create", product(variants=[variant(31, price=None)]))

    assert '"price"' not in json.dumps(rig.sent("/products") + rig.sent("/products/batch"))


def test_a_checkout_is_an_event_with_prices_of_one_piece(rig):  # field case 29
    email = "kai@example.com"
    line = {"product_id": 30, "variant_id": 31, "title": "Lamp", "price": "20.00", "quantity": 2}
    body = {"token": "k1", "cart_token": "c1", "email": email, "currency": "EUR", "total_price": "40.00"}
    customer = {"id": 5, "email": email, "updated_at": at(-60).isoformat()}
    tell(rig, "customers/create", customer)
    tell(rig, "checkouts/create", {**body, "updated_at": at(-10).isoformat(), "line_items": [line]})
    rig.ripen("events")
    rig.settle()
    told = json.dumps(rig.events())

    assert "cart_updated" in told
    assert "20.0" in told
    assert "40.0" in told
