"""The catalogue: what Brevo has of products, variants and categories, and how many calls that takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from customer_sync.kit.outbound import Reply
from customer_sync.model import Kind
from customer_sync.pipeline import deliver
from tests.shop.rig import product


def tell(rig, *events):
    for one in events:
        rig.send(one)
    rig.settle()


def variant(key, price, **more):
    return {"id": key, "title": f"No. {key}", "price": price, **more}


def test_a_product_its_variants_and_its_categories_are_there_under_names_of_the_source(rig):
    cups = {"id": "9", "name": "Cups", "url": "https://shop.example/cups"}
    tell(rig, product(-9, url="https://shop.example/mug", categories=[cups], variants=[variant("31", 10.0, stock=4)]))

    assert set(rig.products()) == {"shop:30", "shop:30:31"}
    assert rig.products()["shop:30:31"]["parentId"] == "shop:30"
    assert rig.products()["shop:30:31"]["name"] == "Mug - No. 31"
    assert rig.products()["shop:30:31"]["stock"] == 4
    assert rig.products()["shop:30"]["categories"] == ["shop:9"]
    assert rig.categories()["shop:9"]["name"] == "Cups"


def test_products_of_two_sources_with_one_id_stay_apart(rig):
    tell(rig, product(-9), product(-8, source="woo"))

    assert set(rig.products()) == {"shop:30", "woo:30"}


def test_a_variant_with_the_id_of_a_product_overwrites_no_product(rig):
    tell(rig, product(-9, variants=[variant("30", 10.0)]))

    assert rig.products()["shop:30"]["name"] == "Mug"


def test_the_price_of_a_product_is_the_lowest_of_its_variants(rig):  # field case 16
    tell(rig, product(-9, price=99.0, variants=[variant("31", 10.0), variant("32", 14.0)], hasAllVariants=True))
    before = rig.products()["shop:30"]["price"]
    tell(rig, product(-5, price=99.0, variants=[variant("31", 8.0), variant("32", 14.0)], hasAllVariants=True))

    assert before == 10.0
    assert rig.products()["shop:30:31"]["price"] == 8.0
    assert rig.products()["shop:30"]["price"] == 8.0


def test_a_single_variant_that_is_told_alone_moves_the_price_of_its_product(rig):
    tell(rig, product(-9, variants=[variant("31", 10.0), variant("32", 14.0)], hasAllVariants=True))
    tell(rig, product(-5, variants=[variant("32", 7.0)], hasAllVariants=False))

    assert rig.products()["shop:30"]["price"] == 7.0
    assert rig.products()["shop:30:31"]["isDeleted"] is False


def test_a_variant_keeps_its_whole_name_when_a_body_does_not_tell_that_of_its_product(rig):
    tell(rig, product(-9, variants=[variant("31", 10.0)]))
    tell(rig, replace(product(-5), record={"id": "30", "variants": [variant("31", 8.0)], "hasAllVariants": False}))

    assert rig.products()["shop:30:31"]["name"] == "Mug - No. 31"
    assert rig.products()["shop:30"]["name"] == "Mug"


def test_a_variant_without_a_picture_has_that_of_its_product(rig):  # field case 17, this side of it
    one, two = "https://shop.example/1.png", "https://shop.example/2.png"
    tell(rig, product(-9, imageUrl=one, variants=[variant("31", 1, imageUrl=two), variant("32", 1, imageUrl=None)]))

    assert rig.products()["shop:30:31"]["imageUrl"] == two
    assert rig.products()["shop:30:32"]["imageUrl"] == one


def test_without_any_picture_the_key_is_left_out(rig):
    tell(rig, product(-9, imageUrl=None, variants=[variant("31", 1)]))

    assert all("imageUrl" not in one for one in rig.products().values())


def test_a_draft_is_not_made_and_what_is_taken_back_is_marked_as_deleted(rig):  # field case 18
    tell(rig, product(-9, isPublished=False, variants=[variant("31", 1)]))
    as_draft = rig.products()
    tell(rig, product(-8, isPublished=True, variants=[variant("31", 1)]))
    published = {name: one["isDeleted"] for name, one in rig.products().items()}
    tell(rig, product(-7, isPublished=False, variants=[variant("31", 1)]))
    private = {name: one["isDeleted"] for name, one in rig.products().items()}
    tell(rig, product(-6, isPublished=True, isHidden=True, variants=[variant("31", 1)]))

    assert as_draft == {}
    assert published == {"shop:30": False, "shop:30:31": False}
    assert private == {"shop:30": True, "shop:30:31": True}
    assert {one["isDeleted"] for one in rig.products().values()} == {False}
    assert rig.products()["shop:30"]["metaInfo"] == {"visibility": "hidden"}


def test_a_missing_price_stays_away_and_harms_none_of_the_others(rig):  # field case 20
    tell(rig, *(product(-100 + n, key=str(n), price=None if n == 50 else 5.0) for n in range(100)))

    assert len(rig.products()) == 100
    assert "price" not in rig.products()["shop:50"]
    assert rig.products()["shop:51"]["price"] == 5.0
    assert [len(one["products"]) for one in rig.sent("/products/batch")] == [100]


def test_a_free_product_costs_nothing(rig):
    tell(rig, product(-9, price=0))

    assert rig.products()["shop:30"]["price"] == 0


def test_a_hundred_and_thirty_variants_all_arrive_and_no_id_twice_in_a_call(rig):  # field case 21
    variants = [variant(str(n), 1.0 + n) for n in range(130)]
    tell(rig, product(-9, variants=variants[:100], hasAllVariants=False))
    tell(rig, product(-8, variants=variants, hasAllVariants=True))

    children = [one for one in rig.products().values() if one.get("parentId") == "shop:30"]
    assert len(children) == 130
    assert not any(one["isDeleted"] for one in children)
    for body in rig.sent("/products/batch"):
        ids = [one["id"] for one in body["products"]]
        assert len(ids) == len(set(ids)) <= 100
        assert body["updateEnabled"] is True


def test_variants_are_ended_only_by_a_body_that_has_all_of_them(rig):
    both = [variant("31", 10.0), variant("32", 14.0)]
    tell(rig, product(-9, variants=both, hasAllVariants=True))
    tell(rig, product(-8, variants=both[1:], hasAllVariants=False))
    after_part = rig.products()["shop:30:31"]["isDeleted"]
    tell(rig, product(-7, variants=both[1:], hasAllVariants=True))

    assert after_part is False
    assert rig.products()["shop:30:31"]["isDeleted"] is True
    assert rig.products()["shop:30:32"]["isDeleted"] is False
    assert rig.products()["shop:30"]["price"] == 14.0


def test_a_variant_that_comes_back_is_there_again_and_goes_again(rig):
    both = [variant("31", 10.0), variant("32", 14.0)]
    states = []
    for n, listed in enumerate([both, both[1:], both, both[1:]]):
        tell(rig, product(-9 + n, variants=listed, hasAllVariants=True))
        states.append(rig.products()["shop:30:31"]["isDeleted"])

    assert states == [False, True, False, True]


def test_a_deleted_product_takes_its_variants_along(rig):
    tell(rig, product(-9, variants=[variant("31", 10.0)], hasAllVariants=True))
    tell(rig, product(-8, kind=Kind.PRODUCT_DELETED))

    assert {one["isDeleted"] for one in rig.products().values()} == {True}
    assert rig.products()["shop:30"]["deletedAt"]


def test_a_variant_that_tells_of_itself_brings_no_deleted_product_back(rig):
    tell(rig, product(-9, variants=[variant("31", 10.0)], hasAllVariants=True, isPublished=True))
    tell(rig, product(-8, kind=Kind.PRODUCT_DELETED))
    tell(rig, product(-7, variants=[variant("31", 8.0)], hasAllVariants=False))

    assert rig.products()["shop:30"]["isDeleted"] is True


def test_an_older_word_about_a_deleted_product_brings_nothing_back(rig):
    tell(rig, product(-8, variants=[variant("31", 1)], hasAllVariants=True), product(-5, kind=Kind.PRODUCT_DELETED))
    tell(rig, product(-6, name="Old mug", variants=[variant("31", 1)], hasAllVariants=True))

    assert {one["isDeleted"] for one in rig.products().values()} <= {True}


def test_what_brevo_has_already_costs_no_call(rig):
    tell(rig, product(-9, price=5.0))
    calls = len(rig.web.calls)
    tell(rig, product(-8, price=5.0))

    assert len(rig.web.calls) == calls


def test_a_price_in_another_currency_is_left_out_with_a_word_about_both(rig):
    tell(rig, product(-9, price=590.0, currency="MXN"))

    assert "price" not in rig.products()["shop:30"]
    assert "MXN" in rig.store.ledger.events()[0].note
    assert "EUR" in rig.store.ledger.events()[0].note


def test_a_refused_picture_is_left_out_and_the_product_goes_all_the_same(rig):
    refused = Reply(400, {}, b'{"code":"invalid_parameter","message":"Image URL is invalid"}')
    rig.web.answers["/products"] = [refused]
    tell(rig, product(-9, imageUrl="https://shop.example/1.png"))
    tell(rig, product(-8, imageUrl="https://shop.example/1.png", price=5.0))

    first, second, third = rig.sent("/products")
    assert "imageUrl" in first
    assert "imageUrl" not in {**second, **third}
    assert rig.products()["shop:30"]["price"] == 5.0


def test_a_new_picture_is_tried_although_the_old_one_was_refused(rig):
    rig.web.answers["/products"] = [Reply(400, {}, b'{"code":"invalid_parameter","message":"imageUrl is invalid"}')]
    tell(rig, product(-9, imageUrl="https://shop.example/1.png"))
    tell(rig, product(-8, imageUrl="https://shop.example/2.png"))

    assert rig.products()["shop:30"]["imageUrl"] == "https://shop.example/2.png"


def test_one_bad_product_among_a_hundred_is_parked_and_the_others_are_there(rig):
    rig.sandbox.switches.products_refused = "shop:50"
    tell(rig, *(product(-100 + n, key=str(n)) for n in range(100)))

    assert len(rig.products()) == 99
    assert rig.store.parked.count() == 1


def test_no_meta_info_has_more_than_twenty_keys(rig):
    tell(rig, product(-9, isHidden=True))

    assert len(rig.products()["shop:30"]["metaInfo"]) <= 20


def test_a_few_products_go_singly_and_leave_the_hour_s_calls_to_others(rig):
    tell(rig, *(product(-100 + n, key=str(n)) for n in range(9)))

    assert (len(rig.sent("/products")), len(rig.sent("/products/batch"))) == (9, 0)


def test_products_wait_while_ecommerce_is_off(rig):
    rig.currency(None)
    rig.send(product(-9))
    rig.read()
    deliver(rig.line, "products")

    assert rig.products() == {}
    assert rig.store.lanes.depth("products")[0] == 1
    assert rig.store.breakers.read("products") is not None


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
def test_whatever_order_the_words_arrive_in_the_end_is_the_same(rig, order):
    words = [
        product(-9, variants=[variant("31", 10.0), variant("32", 14.0)], hasAllVariants=True),
        product(-8, variants=[variant("32", 12.0)], hasAllVariants=True),
        product(-7, variants=[variant("32", 11.0)], hasAllVariants=False),
    ]
    for one in order:
        tell(rig, words[one])

    shown = {name: (one["isDeleted"], one.get("price")) for name, one in rig.products().items()}
    assert shown.pop("shop:30:31", (True, None))[0] is True
    assert shown == {"shop:30": (False, 11.0), "shop:30:32": (False, 11.0)}
