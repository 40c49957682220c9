"""What becomes of WooCommerce's products and their variations."""

from datetime import UTC, datetime

import pytest

from connectors.woocommerce.products import product, with_variants
from connectors.woocommerce.tests.deliveries import parse
from customer_sync.errors import PayloadError
from customer_sync.kit.fields import Node
from customer_sync.model import Kind


def mug(**more):
    return {
        "id": 30,
        "name": "Mug &amp; lid",
        "type": "simple",
        "status": "publish",
        "catalog_visibility": "visible",
        "permalink": "https://tea.example.com/product/mug/",
        "price": "10.00",
        "regular_price": "10.00",
        "images": [{"id": 1, "src": "https://tea.example.com/mug.jpg"}],
        "categories": [{"id": 9, "name": "Tea &amp; light", "slug": "tea"}],
        "variations": [],
        "date_modified_gmt": "2026-11-21T10:00:00",
        **more,
    }


def record(**more):
    return parse("product.updated", mug(**more)).record


def part(number, price, **more):
    """Return a variation as the API lists it."""
    return {"id": number, "status": "publish", "price": price, "attributes": [{"option": "Blue"}], **more}


def test_a_simple_product_is_whole():
    told = record(brands=[{"id": 3, "name": "Lumen &amp; Co"}])

    assert (told["name"], told["brand"], told["price"]) == ("Mug & lid", "Lumen & Co", 10.0)
    assert told["categories"] == [{"id": "9", "name": "Tea & light"}]
    assert (told["variants"], told["hasAllVariants"], told["isPublished"], told["isHidden"]) == ([], True, True, False)


@pytest.mark.parametrize(
    ("body", "is_published", "is_hidden"),
    [
        ({"status": "draft"}, False, False),
        ({"status": "publish"}, True, False),
        ({"status": "private"}, False, False),
        ({"status": "pending"}, False, False),
        ({"status": "trash"}, False, False),
        ({"status": "of a plugin"}, False, False),
        ({"catalog_visibility": "hidden"}, True, True),
        ({"catalog_visibility": "search"}, True, False),
        ({"post_password": "secret"}, True, True),
    ],
)
def test_only_what_is_published_can_be_seen(body, is_published, is_hidden):
    told = record(**body)

    assert (told["isPublished"], told["isHidden"]) == (is_published, is_hidden)


def test_a_product_without_a_price_has_none_and_never_nothing():
    told = record(price="", regular_price="")

    assert (told["price"], told["compareAtPrice"]) == (None, None)


def test_a_sale_tells_the_price_before():
    assert record(price="8.00", regular_price="10.00")["compareAtPrice"] == 10.0
    assert record()["compareAtPrice"] is None


@pytest.mark.parametrize(
    ("body", "stock"),
    [
        ({"stock_quantity": 40, "stock_status": "instock"}, 40),
        ({"stock_quantity": None, "stock_status": "instock"}, None),
        ({"stock_quantity": None, "stock_status": "outofstock"}, 0),
        ({"stock_quantity": -2, "stock_status": "onbackorder"}, -2),
    ],
)
def test_the_stock_is_what_the_shop_counts(body, stock):
    assert record(**body)["stock"] == stock


def test_a_product_whose_picture_was_taken_away_has_none():
    assert record(images=[])["imageUrl"] is None


def test_a_product_with_variations_tells_that_it_holds_a_part_only():
    told = record(type="variable", variations=[31, 32])

    assert "variants" not in told
    assert told["hasAllVariants"] is False


def test_a_variation_tells_of_itself_as_a_variant_of_its_product():
    body = part(31, "8.00", type="variation", parent_id=30, sku="MUG-B", date_modified_gmt="2026-11-21T11:00:00")
    event = parse("product.updated", body)

    assert (event.kind, event.record_id) == (Kind.PRODUCT_UPDATED, "30")
    assert event.occurred_at == datetime(2026, 11, 21, 11, tzinfo=UTC)
    assert event.record == {
        "id": "30",
        "variants": [{"id": "31", "title": "Blue", "sku": "MUG-B", "price": 8.0}],
        "hasAllVariants": False,
    }


def test_a_variation_that_is_switched_off_is_gone_from_its_product():
    event = parse("product.updated", part(31, "8.00", type="variation", parent_id=30, status="private"))

    assert (event.kind, event.record_id, event.record) == (Kind.PRODUCT_DELETED, "31", {"id": "31", "parent": "30"})


def test_a_variation_without_a_product_is_named_by_its_path():
    with pytest.raises(PayloadError) as fault:
        parse("product.updated", part(31, "8.00", type="variation", parent_id=0))
    assert fault.value.path == "parent_id"


def test_the_price_of_a_product_with_variations_is_the_lowest():
    parts = [Node(part(31, "8.00")), Node(part(32, "14.00")), Node(part(33, "1.00", status="private"))]
    told = with_variants(product(Node(mug(type="variable", variations=[31, 32, 33]))), parts, is_all=True)

    assert told["price"] == 8.0
    assert [(one["id"], one["price"]) for one in told["variants"]] == [("31", 8.0), ("32", 14.0)]
    assert told["hasAllVariants"] is True


def test_variations_without_a_price_leave_the_price_of_the_product():
    told = with_variants(product(Node(mug(type="variable", variations=[31]))), [Node(part(31, ""))], is_all=True)

    assert (told["price"], told["variants"][0]["price"]) == (10.0, None)


@pytest.mark.parametrize("odd", [True, [], {}, "blue"])
def test_odd_values_are_left_out_and_noted_and_the_rest_goes(odd):
    event = parse("product.updated", mug(price=odd, variations=odd, type="simple"))

    assert event.record["name"] == "Mug & lid"
    assert "price" not in event.record
    assert [note.partition(":")[0] for note in event.notes] == ["price"]
