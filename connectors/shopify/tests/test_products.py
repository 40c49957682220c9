"""Products as webhooks tell them: published or not, pictures, links, prices, and whether all variants are there."""

import pytest

from connectors.shopify.tests.test_shopify import connector, inbound


def product(options=None, **body):
    (event,) = connector(shop_url="lamps.myshopify.com", **(options or {})).parse(
        inbound("products/update", {"id": 1, "title": "Lamp", "handle": "lamp", **body})
    )
    return event.record


def variant(number, **more):
    return {"id": number, "title": f"No. {number}", "price": "10.00", "inventory_quantity": 1, **more}


def gids(*numbers):
    return [{"admin_graphql_api_id": f"gid://shopify/ProductVariant/{number}"} for number in numbers]


@pytest.mark.parametrize(
    ("status", "published_at", "is_published", "is_hidden"),
    [
        ("active", "2026-11-01T10:00:00Z", True, False),
        ("active", None, False, False),
        ("draft", "2026-11-01T10:00:00Z", False, False),
        ("archived", "2026-11-01T10:00:00Z", False, False),
        ("unlisted", "2026-11-01T10:00:00Z", True, True),
        ("ACTIVE", "2026-11-01T10:00:00Z", True, False),
        ("retired", "2026-11-01T10:00:00Z", False, False),
    ],
)
def test_only_what_visitors_can_see_is_published(status, published_at, is_published, is_hidden):
    record = product(status=status, published_at=published_at)

    assert (record["isPublished"], record["isHidden"]) == (is_published, is_hidden)


def test_a_body_without_a_status_says_nothing_of_publication():
    assert not {"isPublished", "isHidden", "variants", "categories", "price"} & set(product())


def test_a_variant_has_its_own_picture_or_the_products_first_and_its_link_on_the_public_domain():
    images = [{"id": 1, "src": "https://cdn.example.com/1.jpg"}, {"id": 2, "src": "https://cdn.example.com/2.jpg"}]
    record = product(
        {"storefront_url": "https://lamps.example/"},
        image=images[0],
        images=images,
        variants=[variant(11, title="Blue", image_id=2), variant(12, title="Red", image_id=None)],
    )

    assert [one["imageUrl"].rpartition("/")[2] for one in record["variants"]] == ["2.jpg", "1.jpg"]
    assert record["url"] == "https://lamps.example/products/lamp"
    assert record["variants"][0]["url"] == "https://lamps.example/products/lamp?variant=11"


def test_without_a_public_domain_the_link_is_on_the_stores_own_which_leads_there():
    assert product()["url"] == "https://lamps.myshopify.com/products/lamp"


def test_a_product_without_a_picture_has_none():
    record = product(image=None, images=[], variants=[variant(11, image_id=None)])

    assert record["imageUrl"] is None
    assert "imageUrl" not in record["variants"][0]


def test_a_picture_that_is_not_among_the_products_is_its_first():
    image = {"id": 1, "src": "https://cdn.example.com/1.jpg"}

    assert product(image=image, images=[image], variants=[variant(11, image_id=9)])["variants"][0]["imageUrl"] == (
        "https://cdn.example.com/1.jpg"
    )


def test_the_price_is_that_of_the_cheapest_variant_with_what_it_cost_before():
    variants = [
        variant(1, price="14.00", compare_at_price="20.00"),
        variant(2, price="8.00", compare_at_price="9.00"),
        variant(3, price=None),
    ]
    record = product(variants=variants)

    assert (record["price"], record["compareAtPrice"], record["stock"]) == (8.0, 9.0, 3)


def test_a_product_without_a_price_has_none_and_not_zero():
    record = product(variants=[variant(1, price=None)])

    assert record["price"] is None
    assert record["variants"][0]["price"] is None


def test_a_stock_that_is_not_known_of_every_variant_is_not_told():
    assert "stock" not in product(variants=[variant(1), variant(2, inventory_quantity=None)])


def test_a_product_of_one_variant_has_its_sku_and_its_name():
    record = product(variants=[variant(1, title="Default Title", sku="LAMP")])

    assert record["sku"] == "LAMP"
    assert record["variants"][0]["title"] == "Lamp"


def test_of_130_variants_a_webhook_holds_a_part_and_says_so():
    part = [variant(number) for number in range(1, 101)]
    record = product(variants=part, variant_gids=gids(*range(1, 131)))

    assert (len(record["variants"]), record["hasAllVariants"]) == (100, False)
    assert not {"price", "stock"} & set(record)


@pytest.mark.parametrize(
    ("count", "more", "has_all"),
    [
        (99, {}, True),
        (100, {}, False),
        (100, {"variant_gids": "all"}, True),
        (2, {"variant_gids": gids(1, 2, 3)}, False),
        (0, {"variant_gids": []}, True),
    ],
)
def test_whether_all_variants_are_there_is_known_by_their_ids_or_by_their_number(count, more, has_all):
    part = [variant(number) for number in range(1, count + 1)]
    if more.get("variant_gids") == "all":
        more = {"variant_gids": gids(*range(1, count + 1))}

    assert product(variants=part, **more)["hasAllVariants"] is has_all


def test_a_variant_that_cannot_be_read_makes_the_rest_a_part():
    record = product(variants=[variant(1), {"id": 1.5}])

    assert ([one["id"] for one in record["variants"]], record["hasAllVariants"]) == (["1"], False)


def test_the_type_of_a_product_is_its_category():
    assert product(product_type="Desk Lamps")["categories"] == [{"id": "desk lamps", "name": "Desk Lamps"}]
    assert product(product_type="")["categories"] == []
