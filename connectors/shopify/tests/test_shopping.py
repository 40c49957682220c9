"""Orders and products by pull: the same records as webhooks tell, in pages and out of a file, however many lines."""

import json
from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.shopify import bulk, jsonl, queries
from connectors.shopify.findings import OLD_ORDERS
from connectors.shopify.shopping import Reader
from connectors.shopify.tests.standin import StandIn, access, connector, error, graph, reply
from connectors.shopify.tests.test_bulk import file, listed, started, told
from connectors.shopify.tests.test_shopify import connector as webhooks
from connectors.shopify.tests.test_shopify import inbound
from customer_sync.errors import PayloadError, TryLater
from customer_sync.kit.reach import Want
from customer_sync.model import Kind

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SINCE = datetime(2026, 11, 20, 10, tzinfo=UTC)
BERLIN = timezone(timedelta(hours=1))


def money(amount):
    return {"shopMoney": {"amount": amount, "currencyCode": "EUR"}}


def page(*found, end=None):
    return {"pageInfo": {"hasNextPage": end is not None, "endCursor": end}, "nodes": [*found]}


def line(number=1, **more):
    return {
        "id": f"gid://shopify/LineItem/{number}",
        "title": "Paper lantern",
        "sku": "LAN-S",
        "quantity": 3,
        "currentQuantity": 3,
        "product": {"id": "gid://shopify/Product/7701"},
        "variant": {"id": "gid://shopify/ProductVariant/7702"},
        "originalUnitPriceSet": money("40.0"),
        **more,
    }


def order(number=1, **more):
    return {
        "id": f"gid://shopify/Order/{number}",
        "updatedAt": "2026-11-21T11:40:02Z",
        "name": "#1042",
        "createdAt": "2026-11-21T11:40:00Z",
        "processedAt": "2026-11-21T11:40:00Z",
        "cancelledAt": None,
        "test": False,
        "tags": [],
        "sourceName": "web",
        "email": "ann@example.com",
        "phone": None,
        "cartToken": "c1",
        "checkoutToken": "k1",
        "currencyCode": "EUR",
        "discountCodes": ["WELCOME"],
        "displayFinancialStatus": "PARTIALLY_REFUNDED",
        "displayFulfillmentStatus": "UNFULFILLED",
        "paymentGatewayNames": ["visa"],
        "totalPriceSet": money("129.9"),
        "currentTotalPriceSet": money("129.9"),
        "billingAddress": {"firstName": "Ann", "city": "Lyon", "countryCodeV2": "FR", "zip": "69003"},
        "shippingAddress": None,
        "customer": {
            "id": "gid://shopify/Customer/5",
            "firstName": "Ann",
            "lastName": None,
            "defaultEmailAddress": {"emailAddress": "ann@example.com"},
            "defaultPhoneNumber": None,
            "defaultAddress": {"countryCodeV2": "FR"},
        },
        "refunds": [{"id": "gid://shopify/Refund/9", "totalRefundedSet": money("30.0")}],
        "lineItems": page(line()),
        **more,
    }


def variant(number, **more):
    return {
        "id": f"gid://shopify/ProductVariant/{number}",
        "title": f"No. {number}",
        "sku": None,
        "price": "40.00",
        "compareAtPrice": None,
        "inventoryQuantity": 2,
        "image": None,
        **more,
    }


def product(number=1, **more):
    return {
        "id": f"gid://shopify/Product/{number}",
        "updatedAt": "2026-11-21T11:40:02Z",
        "title": "Paper lantern",
        "handle": "paper-lantern",
        "descriptionHtml": "<p>Folded by hand.</p>",
        "status": "ACTIVE",
        "vendor": "Lumen",
        "productType": "Lamps",
        "createdAt": "2026-10-01T08:00:00Z",
        "publishedAt": "2026-10-01T08:00:00Z",
        "featuredMedia": {"preview": {"image": {"url": "https://cdn.example.com/1.jpg"}}},
        "priceRangeV2": {"minVariantPrice": {"currencyCode": "EUR"}},
        "variants": page(variant(1, image={"url": "https://cdn.example.com/2.jpg"})),
        **more,
    }


def read(resource, node, zone=None):
    return Reader("lamps", resource, NOW, zone, "https://lamps.example").read(node)


def of_webhook(topic, body):
    (event,) = webhooks(storefront_url="https://lamps.example").parse(inbound(topic, body))
    return event


def test_a_pulled_order_is_the_one_that_a_webhook_tells():
    body = {
        "id": 1,
        "name": "#1042",
        "created_at": "2026-11-21T12:40:00+01:00",
        "updated_at": "2026-11-21T12:40:02+01:00",
        "processed_at": "2026-11-21T12:40:00+01:00",
        "cancelled_at": None,
        "test": False,
        "tags": "",
        "source_name": "web",
        "email": "ann@example.com",
        "phone": None,
        "cart_token": "c1",
        "checkout_token": "k1",
        "currency": "EUR",
        "discount_codes": [{"code": "WELCOME"}],
        "financial_status": "partially_refunded",
        "fulfillment_status": None,
        "payment_gateway_names": ["visa"],
        "total_price": "129.90",
        "current_total_price": "129.90",
        "billing_address": {"first_name": "Ann", "city": "Lyon", "country_code": "FR", "zip": "69003"},
        "customer": {"id": 5, "first_name": "Ann", "email": "ann@example.com"},
        "refunds": [{"id": 9, "transactions": [{"kind": "refund", "status": "success", "amount": "30.00"}]}],
        "line_items": [
            {
                "product_id": 7701,
                "variant_id": 7702,
                "sku": "LAN-S",
                "title": "Paper lantern",
                "price": "40.00",
                "quantity": 3,
                "current_quantity": 3,
            }
        ],
    }
    pulled, heard = read("orders", order(), BERLIN), of_webhook("orders/updated", body)

    assert pulled.record == heard.record
    assert (pulled.occurred_at, pulled.record_id, pulled.customer_id) == (heard.occurred_at, "1", "5")
    assert (pulled.kind, pulled.topic) == (Kind.ORDER_UPDATED, "pull")
    assert pulled.record["amount"] == 99.9


def test_a_pulled_product_is_the_one_that_a_webhook_tells():
    picture = {"id": 2, "src": "https://cdn.example.com/2.jpg"}
    body = {
        "id": 1,
        "title": "Paper lantern",
        "handle": "paper-lantern",
        "body_html": "<p>Folded by hand.</p>",
        "status": "active",
        "vendor": "Lumen",
        "product_type": "Lamps",
        "created_at": "2026-10-01T08:00:00Z",
        "updated_at": "2026-11-21T11:40:02Z",
        "published_at": "2026-10-01T08:00:00Z",
        "image": {"id": 1, "src": "https://cdn.example.com/1.jpg"},
        "images": [picture],
        "variants": [
            {"id": 1, "title": "No. 1", "sku": None, "price": "40.00", "inventory_quantity": 2, "image_id": 2}
        ],
    }
    pulled, heard = read("products", product()).record, of_webhook("products/update", body).record

    assert {name: value for name, value in pulled.items() if name != "currency"} == heard
    assert pulled["currency"] == "EUR"


@pytest.mark.parametrize("node", [None, "order", {"id": None}, {"id": 1.5, "updatedAt": "x"}])
@pytest.mark.parametrize("resource", ["orders", "products"])
def test_what_is_no_record_is_a_fault_with_its_path(resource, node):
    found = read(resource, node)

    assert isinstance(found, PayloadError)
    assert found.path


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["orders", "products"]), st.data())
def test_whatever_stands_in_a_place_the_rest_is_read_or_a_fault_is_told(resource, data):
    node = order() if resource == "orders" else product()
    name = data.draw(st.sampled_from(sorted(node)))
    found = read(resource, {**node, name: data.draw(json_values)}, BERLIN)

    assert isinstance(found, PayloadError) or found.record_id


def pull(http, resource, since=SINCE):
    """Return the pages of a pull, each cursor as it comes out of a store."""
    pages, cursor = [], None
    while True:
        found = connector().pull(Want(resource, cursor, since), access(http))
        pages.append(found)
        if found.cursor is None:
            return pages
        cursor = json.loads(json.dumps(found.cursor))


def listing(resource, *found, end=None):
    return {resource: page(*found, end=end), "shop": {"ianaTimezone": "UTC"}}


def test_pages_are_as_large_as_the_points_allow():
    tens = [order(number) for number in range(10)]
    http = StandIn(
        Orders=[
            graph(listing("orders", *tens, end="a"), requested=600.0, maximum=2000.0),
            graph(listing("orders", order(11)), requested=600.0, maximum=2000.0),
        ]
    )
    pull(http, "orders")

    assert [call.variables["first"] for call in http.asked("Orders")] == [10, 15]
    assert http.asked("Orders")[0].variables["query"] == "updated_at:>='2026-11-19T10:00:00Z'"


def test_what_is_older_than_wanted_is_dropped_by_its_own_time():
    old = order(1, updatedAt="2026-11-20T09:59:59Z")
    found = pull(StandIn(Orders=listing("orders", old, order(2))), "orders")

    assert [event.record_id for one in found for event in one.events] == ["2"]


def test_an_order_of_many_lines_has_them_all():
    first = order(lineItems=page(*(line(n) for n in range(10)), end="a"))
    more = [
        {"node": {"lineItems": page(*(line(n) for n in range(10, 110)), end="b")}},
        {"node": {"lineItems": page(line(110))}},
    ]
    http = StandIn(Orders=listing("orders", first), More=more)
    (found,) = pull(http, "orders")

    assert len(found.events[0].record["lines"]) == 111
    assert [call.variables["after"] for call in http.asked("More")] == ["a", "b"]


def test_a_product_of_130_variants_has_them_all_and_one_price():
    first = product(variants=page(*(variant(n) for n in range(10)), end="a"))
    rest = page(*(variant(n, price="8.00" if n == 129 else "40.00") for n in range(10, 130)))
    (found,) = pull(StandIn(Products=listing("products", first), More={"node": {"variants": rest}}), "products")
    record = found.events[0].record

    assert (len(record["variants"]), record["hasAllVariants"], record["price"]) == (130, True, 8.0)


def test_a_product_that_is_deleted_while_it_is_read_has_the_variants_that_came():
    first = product(variants=page(variant(1), end="a"))
    (found,) = pull(StandIn(Products=listing("products", first), More={"node": None}), "products")

    assert found.events[0].record["hasAllVariants"] is False


def test_a_page_of_lines_that_repeats_is_tried_again_later():
    first = order(lineItems=page(line(), end="a"))
    http = StandIn(Orders=listing("orders", first), More={"node": {"lineItems": page(line(2), end="a")}})

    with pytest.raises(TryLater):
        pull(http, "orders")


def test_a_field_that_the_app_may_not_see_is_not_asked_for_again():
    denied = error("ACCESS_DENIED", "no", ["orders", "nodes", 0, "customer"])
    http = StandIn(
        Orders=[
            graph(listing("orders", order(customer=None), end="a"), denied),
            graph(listing("orders", order(customer=None), end="a"), denied),
            listing("orders", order(2)),
        ]
    )
    first, _ = pull(http, "orders")

    assert first.events[0].record["customer"] == {
        "email": "ann@example.com",
        "firstName": "Ann",
        "country": "FR",
    }
    assert " customer {" not in http.asked("Orders")[-1].body["query"]


def scopes(*handles):
    return {"currentAppInstallation": {"accessScopes": [{"handle": one} for one in handles]}}


def grouped(*families):
    return b"".join(
        orjson.dumps({key: value for key, value in node.items() if key != name})
        + b"\n"
        + b"".join(orjson.dumps({**child, "__parentId": node["id"]}) + b"\n" for child in node[name]["nodes"])
        for node, name in families
    )


def full(resource, data, count, *handles):
    return StandIn(
        Installation=scopes("read_orders", *handles),
        **{resource.capitalize(): listing(resource)},
        Operations=listed(),
        Start=started(),
        Operation=told(objectCount=str(count), rootObjectCount=str(count)),
        file=file(data),
    )


@pytest.mark.parametrize("piece", [300, 2_000, 1_000_000])
def test_a_file_is_read_family_by_family_wherever_its_pieces_end(monkeypatch, piece):
    monkeypatch.setattr(bulk, "PIECE_BYTES", piece)
    nodes = [order(n, lineItems={"nodes": [line(m) for m in range(n % 4)]}) for n in range(1, 30)]
    http = full("orders", grouped(*((one, "lineItems") for one in nodes)), len(nodes))
    pages = pull(http, "orders", None)
    events = [event for one in pages for event in one.events]

    assert [(event.record_id, len(event.record["lines"])) for event in events] == [
        (str(n), n % 4) for n in range(1, 30)
    ]
    assert http.asked("Start")[0].variables["grouped"] is True
    assert not any("holds" in note for one in pages for note in one.notes)


def test_a_full_pull_of_products_has_their_variants():
    data = grouped((product(1), "variants"), (product(2), "variants"))
    pages = pull(full("products", data, 2), "products", None)

    assert [event.record["price"] for one in pages for event in one.events] == [40.0, 40.0]


@pytest.mark.parametrize(("handles", "is_told"), [((), True), (("read_all_orders",), False)])
def test_a_full_pull_says_when_it_sees_the_orders_of_60_days_only(handles, is_told):
    pages = pull(full("orders", b"", 0, *handles), "orders", None)

    assert any(OLD_ORDERS in note for one in pages for note in one.notes) is is_told


def test_customers_are_exported_as_before():
    assert "lineItems" not in queries.everybody()


@given(st.lists(st.integers(0, 4), min_size=1, max_size=8), st.integers(1, 400))
def test_a_piece_never_ends_inside_a_family(sizes, end):
    nodes = [order(n, lineItems={"nodes": [line(m) for m in range(size)]}) for n, size in enumerate(sizes)]
    data = grouped(*((one, "lineItems") for one in nodes))
    piece = jsonl.cut_families(data[: end * len(data) // 400], is_last=False)

    assert data[: piece.size_bytes].count(b"\n") == len(piece.lines)
    rest = jsonl.cut_families(data[piece.size_bytes :], is_last=True)
    assert b"__parentId" not in rest.lines[0]


def test_a_reply_that_is_a_page_is_tried_again_later():
    with pytest.raises(TryLater):
        pull(StandIn(Orders=reply(200, b"<html>")), "orders")
