"""Random histories of a product and of a cart, in every order of arrival: the end is that of a plain second reading."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customer_sync.brevo.event_bodies import MOST_PROPERTIES, fitting
from customer_sync.brevo.names import product_id, variant_id
from customer_sync.model import Kind
from tests.rig import at
from tests.shop.carts import MUG, bought, cart, customer, gone, tell
from tests.shop.rig import product

KEYS = ("1", "2", "3")
FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

words = st.one_of(
    st.tuples(st.just("whole"), st.sets(st.sampled_from(KEYS))),
    st.tuples(st.just("part"), st.sets(st.sampled_from(KEYS), min_size=1)),
    st.tuples(st.just("draft"), st.sets(st.sampled_from(KEYS))),
    st.tuples(st.just("deleted"), st.just(frozenset())),
)


def body(n, word, keys):
    if word == "deleted":
        return product(-100 + n, kind=Kind.PRODUCT_DELETED)
    variants = [{"id": key, "title": key, "price": float(n)} for key in sorted(keys)]
    return product(-100 + n, variants=variants, hasAllVariants=word != "part", isPublished=word != "draft")


def living(history):
    """The variants that are there at the end, by the order in which things happened; None without the product."""
    there = set()
    is_live = False
    for word, keys in history:
        there = there | keys if word == "part" else set(keys)
        is_live = word in {"whole", "part"}
        there = there if is_live else set()
    return there if is_live else None


@FEW
@given(st.data())
def test_a_product_ends_as_it_was_last_whatever_order_its_words_come_in(rig, data):
    rig.reset()
    history = data.draw(st.lists(words, min_size=1, max_size=5))
    events = [body(n, *one) for n, one in enumerate(history)]
    for one in data.draw(st.permutations(events)):
        rig.send(one)
        if data.draw(st.booleans()):
            rig.settle()
    rig.settle()

    rows = rig.products()
    shown = {name for name, row in rows.items() if not row["isDeleted"]}
    there = living(history)
    assert shown == (set() if there is None else {"shop:30", *(f"shop:30:{key}" for key in there)})


@FEW
@given(st.data())
def test_a_cart_is_never_told_after_it_was_bought_and_a_purchase_once(rig, data):
    rig.reset()
    tell(rig, customer(-10_000))
    touches = [cart(-600 + n, number=1, total=10.0 + n) for n in range(data.draw(st.integers(1, 3)))]
    order = bought(-400, carts=data.draw(st.sampled_from([["t1"], []])))
    after = [replace(order, id=f"again{n}", occurred_at=at(-390 + n)) for n in range(data.draw(st.integers(0, 2)))]
    events = [*touches, order, *after, *([gone(-300)] if data.draw(st.booleans()) else [])]
    for one in data.draw(st.permutations(events)):
        tell(rig, one, is_quiet=data.draw(st.booleans()))
    rig.ripen("events")
    rig.settle()

    told = [name for name, _ in rig.told()]
    assert told.count("order_completed") == 1
    assert "cart_updated" not in told[told.index("order_completed") :]
    assert set(told) <= {"cart_updated", "order_completed", "cart_deleted"}


@given(st.integers(0, 600), st.text(max_size=300))
def test_properties_are_cut_to_what_brevo_takes_and_count_what_is_left_out(count, text):
    items = [{**MUG, "name": f"{n}{text}"} for n in range(count)]
    told, note = fitting({"id": "cart:t1", "data": {"total": 1.0, "items": items}})

    left_out = told["data"].get("itemsLeftOut", 0)
    assert len(str(told).encode("ascii", "backslashreplace")) <= MOST_PROPERTIES * 1.2
    assert len(told["data"]["items"]) + left_out == count
    assert told["data"]["items"] == items[: count - left_out]
    assert bool(note) == bool(left_out)


ids = st.text(st.characters(exclude_characters=":"), min_size=1)


@given(st.sampled_from(["shop", "woo"]), ids, st.sampled_from(["shop", "woo"]), ids, ids)
def test_no_product_has_the_name_of_another_or_of_a_variant(one, number, two, other, variant):
    assert (product_id(one, number) == product_id(two, other)) == ((one, number) == (two, other))
    assert product_id(one, number) != variant_id(two, other, variant)
