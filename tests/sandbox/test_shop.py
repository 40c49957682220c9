from __future__ import annotations

import pytest

AT = "2026-11-21T10:00:00.000Z"
ORDER = {
    "id": "o1",
    "createdAt": AT,
    "updatedAt": AT,
    "status": "completed",
    "amount": 20.5,
    "products": [{"productId": "p1", "price": 20.5, "quantity": 1}],
    "identifiers": {"email_id": "ann@example.com"},
}
EVENT = {"event_name": "cart_updated", "identifiers": {"email_id": "ann@example.com"}}


def test_an_order_is_kept_changed_and_given_to_its_contact(brevo):
    number = brevo.create(email="ann@example.com")

    assert brevo.call("POST", "/orders/status", ORDER).status_code == 204
    assert brevo.call("POST", "/orders/status", {**ORDER, "status": "refunded"}).status_code == 204

    [row] = brevo.call("GET", "/orders").json["orders"]
    assert (row["status"], row["contact_id"]) == ("refunded", number)


@pytest.mark.parametrize("name", ["id", "createdAt", "updatedAt", "status", "amount", "products"])
def test_an_order_needs_its_keys(brevo, name):
    order = {key: value for key, value in ORDER.items() if key != name}

    answer = brevo.call("POST", "/orders/status", order, wrong=True)

    assert answer.json == {"code": "missing_parameter", "message": f"{name} is missing"}


@pytest.mark.parametrize(
    "more",
    [
        {"createdAt": "today"},
        {"amount": "20"},
        {"products": [{"productId": "p1", "price": 1, "quantity": 1.5}]},
        {"products": [{"price": 1}]},
        {"products": [{"productId": "p1", "price": 1}]},
        {"products": [{"productId": "p1", "price": 1, "quantity": 1, "quantityFloat": 1.5}]},
        {"id": 7},
        {"identifiers": "ann"},
        {"identifiers": {"email_id": None}},
        {"storeId": 1},
        {"coupons": "SPRING"},
        {"coupons": [None]},
        {"billing": {"city": None}},
        {"metaInfo": {"rate": 1.5}},
        {"metaInfo": {"number": None}},
        {"products": [{"productId": "p1", "price": 1, "quantity": 1, "variantId": None}]},
    ],
)
def test_an_order_with_wrong_values_is_refused(brevo, more):
    assert brevo.call("POST", "/orders/status", {**ORDER, **more}, wrong=True).status_code == 400


def test_a_batch_takes_a_thousand_orders_and_tells_no_single_failure(brevo):
    answer = brevo.call(
        "POST", "/orders/status/batch", {"orders": [ORDER, {**ORDER, "id": "o2", "amount": "x"}]}, wrong=True
    )
    many = [{**ORDER, "id": f"o{number}"} for number in range(1001)]

    assert (answer.status_code, answer.json["count"]) == (202, 2)
    assert brevo.call("GET", "/orders").json["count"] == 1
    assert brevo.call("POST", "/orders/status/batch", {"orders": many}).status_code == 400


@pytest.mark.parametrize("kind", ["products", "categories"])
def test_products_and_categories_are_created_and_updated_only_when_allowed(brevo, kind):
    row = {"id": "a", "name": "A"}

    created = brevo.call("POST", f"/{kind}", row)
    refused = brevo.call("POST", f"/{kind}", row)
    updated = brevo.call("POST", f"/{kind}", {"id": "a", "name": "B", "updateEnabled": True})
    batch = brevo.call("POST", f"/{kind}/batch", {kind: [row, {"id": "b", "name": "B"}], "updateEnabled": True})

    assert (created.status_code, refused.status_code, updated.status_code) == (201, 400, 204)
    assert (batch.status_code, batch.json) == (201, {"createdCount": 1, "updatedCount": 1})
    assert brevo.call("GET", f"/{kind}/a").json["name"] == "A"
    assert brevo.call("GET", f"/{kind}").json["count"] == 2
    assert brevo.call("GET", f"/{kind}/nope").status_code == 404


@pytest.mark.parametrize("kind", ["products", "categories"])
def test_a_batch_of_the_shop_is_all_or_nothing(brevo, kind):
    rows = [{"id": "a", "name": "A"}, {"id": "a", "name": "B"}]

    assert brevo.call("POST", f"/{kind}/batch", {kind: rows}).status_code == 400
    assert brevo.call("POST", f"/{kind}/batch", {kind: [rows[0], {"id": "b"}]}, wrong=True).status_code == 400
    many = [{"id": str(number), "name": "A"} for number in range(101)]
    assert brevo.call("POST", f"/{kind}/batch", {kind: many}).status_code == 400
    assert brevo.call("GET", f"/{kind}").json["count"] == 0


SHOP_CALLS = [
    ("POST", "/orders/status", ORDER),
    ("POST", "/orders/status/batch", {"orders": [ORDER]}),
    ("GET", "/orders", None),
    ("POST", "/products", {"id": "a", "name": "A"}),
    ("POST", "/products/batch", {"products": [{"id": "a", "name": "A"}]}),
    ("GET", "/products", None),
    ("POST", "/categories", {"id": "a", "name": "A"}),
    ("POST", "/categories/batch", {"categories": [{"id": "a", "name": "A"}]}),
    ("GET", "/categories", None),
    ("GET", "/ecommerce/config/displayCurrency", None),
    ("POST", "/ecommerce/config/displayCurrency", {"code": "EUR"}),
]


@pytest.mark.parametrize(("method", "path", "body"), SHOP_CALLS)
def test_without_ecommerce_the_shop_is_closed(make_brevo, method, path, body):
    brevo = make_brevo(ecommerce=False)

    answer = brevo.call(method, path, body)

    assert answer.status_code == 403
    assert answer.json == {"code": "permission_denied", "message": "Permission denied. eCommerce is not activated"}


@pytest.mark.parametrize("delay", [300, 2])
def test_ecommerce_is_there_some_time_after_it_was_asked_for(make_brevo, tmp_path, delay):
    brevo = make_brevo(ecommerce=False, journal=tmp_path / "j", switches={"activation_delay_s": delay})
    asked = brevo.call("POST", "/ecommerce/activate")
    statuses = []
    for wait in (0, delay - 1, 2):
        brevo.clock.sleep(wait)
        brevo.call("POST", "/ecommerce/activate")
        statuses.append(brevo.call("GET", "/orders").status_code)

    assert (asked.status_code, statuses) == (200, [403, 403, 200])
    again = make_brevo(ecommerce=False, journal=tmp_path / "j", switches={"activation_delay_s": delay})
    assert again.call("GET", "/orders").status_code == 200


def test_the_currency_is_us_dollars_until_it_is_set(brevo):
    first = brevo.call("GET", "/ecommerce/config/displayCurrency").json
    wrong = brevo.call("POST", "/ecommerce/config/displayCurrency", {"code": "EURO"})
    none = brevo.call("POST", "/ecommerce/config/displayCurrency", {}, wrong=True)
    set_to = brevo.call("POST", "/ecommerce/config/displayCurrency", {"code": "EUR"}).json

    assert (first, set_to, brevo.call("GET", "/ecommerce/config/displayCurrency").json) == (
        {"code": "USD"},
        {"code": "EUR"},
        {"code": "EUR"},
    )
    assert (wrong.status_code, none.status_code) == (422, 400)


def fired(brevo) -> tuple[int, int]:
    found = brevo.control("GET", "/automations")
    assert found["count"] == found["orders"] + found["events"] == len(found["fired"])
    return found["orders"], found["events"]


@pytest.mark.parametrize(("more", "count"), [({}, 0), ({"historical": True}, 0), ({"historical": False}, 2)])
def test_a_batch_of_orders_starts_workflows_only_when_it_is_not_historical(brevo, more, count):
    brevo.call("POST", "/orders/status/batch", {"orders": [ORDER, {**ORDER, "id": "o2"}], **more})

    assert fired(brevo) == (count, 0)


def test_a_single_order_and_every_event_start_workflows(brevo):
    number = brevo.create(email="ann@example.com")
    brevo.call("POST", "/orders/status", ORDER)
    brevo.call("POST", "/events", EVENT)
    brevo.call("POST", "/events/batch", {"events": [EVENT, EVENT]})

    assert fired(brevo) == (1, 3)
    found = brevo.control("GET", "/automations?limit=9")["fired"]
    assert [(one["kind"], one["name"], one["reference"], one["contact_id"], one["by"]) for one in found[-2:]] == [
        ("events", "cart_updated", "", number, "POST /events"),
        ("orders", "completed", "o1", number, "POST /orders/status"),
    ]
    brevo.control("POST", "/reset")
    assert fired(brevo) == (0, 0)


def test_failures_of_single_orders_are_told_to_the_notify_address_only(brevo, receiver):
    url = receiver.url.replace("http://", "http://user:pass@")
    orders = [ORDER, {**ORDER, "id": "bad", "amount": "x"}]

    answer = brevo.call("POST", "/orders/status/batch", {"orders": orders, "notifyUrl": url}, wrong=True)
    brevo.call("GET", "/contacts")

    [told] = receiver.bodies
    assert (answer.status_code, told["batchId"], told["count"]) == (202, answer.json["batchId"], 2)
    assert [(one["id"], one["message"]) for one in told["errors"]] == [("bad", "amount should be a number")]
    assert receiver.headers[0]["authorization"].startswith("Basic ")


def test_a_batch_of_orders_above_five_megabytes_is_refused(brevo):
    order = {**ORDER, "metaInfo": {"x": "y" * 5_000_000}}

    assert brevo.call("POST", "/orders/status/batch", {"orders": [order]}).status_code == 400


@pytest.mark.parametrize("way", ["nobody", "create"])
@pytest.mark.parametrize("path", ["/orders/status", "/events"])
def test_somebody_unknown_is_nobody_or_becomes_a_contact(brevo, way, path):
    brevo.switch(unknown_person=way)

    status = brevo.call("POST", path, ORDER if path == "/orders/status" else EVENT).status_code

    assert status == 204
    assert brevo.call("GET", "/contacts").json["count"] == (way == "create")
    assert brevo.control("GET", "/automations")["fired"][0]["contact_id"] == (1 if way == "create" else None)


def test_somebody_who_left_and_was_deleted_comes_back_with_an_order_where_orders_make_contacts(brevo):
    brevo.switch(unknown_person="create")
    brevo.create(email="ann@example.com", emailBlacklisted=True)
    brevo.call("DELETE", "/contacts/1")

    brevo.call("POST", "/orders/status", ORDER)

    [entry] = brevo.control("GET", "/mailable")["mailable"]
    assert (entry["how"], entry["by"]) == ("recreated", "POST /orders/status")


@pytest.mark.parametrize(
    ("identifiers", "number"),
    [
        ({"email_id": "Ann@example.com"}, 1),
        ({"ext_id": "b"}, 2),
        ({"phone_id": "+33 6 12 34 56 78"}, 3),
        ({"phone_id": "0033612345678"}, 3),
        ({"phone_id": "0612345678"}, None),
        ({"email_id": "cy@example.com", "ext_id": "b"}, 2),
        ({"contact_id": 3, "email_id": "ann@example.com"}, 3),
        ({"contact_id": 9, "email_id": "ann@example.com"}, None),
    ],
)
def test_an_event_finds_its_contact_and_brevos_number_wins(brevo, identifiers, number):
    brevo.create(email="ann@example.com")
    brevo.create(ext_id="b")
    brevo.create(attributes={"SMS": "+33612345678"})

    brevo.call("POST", "/events", {**EVENT, "identifiers": identifiers})

    assert brevo.call("GET", "/events").json["events"][0].get("contact_id") == number


def test_a_batch_of_products_may_be_larger_where_brevo_raised_the_limit(brevo):
    rows = [{"id": str(number), "name": "A"} for number in range(101)]
    body = {"products": rows, "updateEnabled": True}

    before = brevo.call("POST", "/products/batch", body).status_code
    brevo.switch(products_batch_most=1000)
    plain = brevo.call("POST", "/products/batch", {"products": rows}).status_code
    after = brevo.call("POST", "/products/batch", body)

    assert (before, plain, after.status_code) == (400, 400, 201)
    assert after.json == {"createdCount": 101, "updatedCount": 0}


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", ["c", "b", "a"]),
        ("sort=asc&limit=2&offset=1", ["b", "c"]),
        ("ids=a,c", ["c", "a"]),
        ("name=shi", ["a"]),
        ("search=SKU-b", ["b"]),
        ("isDeleted=false", ["b", "a"]),
        ("isDeleted=true", ["c"]),
        ("categories=x", ["b", "a"]),
        ("price[gte]=20", ["c", "b"]),
        ("price[lt]=20", ["a"]),
        ("price[eq]=20", ["b"]),
        ("price[gt]=10&price[ne]=20", ["c"]),
        ("modifiedSince=2026-11-21T00:00:05Z", ["c", "b"]),
    ],
)
def test_products_are_found_by_what_they_are(brevo, query, ids):
    brevo.call("POST", "/products", {"id": "a", "name": "Shirt", "price": 10, "categories": ["x"]})
    brevo.clock.sleep(10)
    brevo.call("POST", "/products", {"id": "b", "name": "Hat", "price": 20, "sku": "SKU-B", "categories": ["x", "y"]})
    brevo.call("POST", "/products", {"id": "c", "name": "Coat", "price": 30.5, "isDeleted": True})

    assert [one["id"] for one in brevo.call("GET", "/products", query=query).json["products"]] == ids


@pytest.mark.parametrize(
    "more",
    [
        {"price": "10"},
        {"price": True},
        {"isDeleted": 1},
        {"categories": "x"},
        {"deletedAt": "then"},
        {"metaInfo": {str(number): "x" for number in range(21)}},
        {"metaInfo": {"x": "y" * 20_001}},
    ],
)
def test_a_product_with_wrong_values_is_refused(brevo, more):
    assert brevo.call("POST", "/products", {"id": "a", "name": "A", **more}, wrong=True).status_code == 400


@pytest.mark.parametrize("query", ["name=sh", "price[gt]=x"])
def test_a_search_that_makes_no_sense_is_refused(brevo, query):
    brevo.call("POST", "/products", {"id": "a", "name": "Shirt"})

    assert brevo.call("GET", "/products", query=query, wrong=True).status_code == 400


def test_orders_are_listed_by_their_own_times(brevo):
    for number, day in ((1, 20), (2, 22)):
        at = f"2026-11-{day}T10:00:00.000Z"
        brevo.call("POST", "/orders/status", {**ORDER, "id": f"o{number}", "createdAt": at, "updatedAt": at})

    since = brevo.call("GET", "/orders", query="modifiedSince=2026-11-21T10:00:00Z").json
    created = brevo.call("GET", "/orders", query="createdSince=2026-11-19T10:00:00Z&sort=asc").json

    assert ([one["id"] for one in since["orders"]], since["count"]) == (["o2"], 1)
    assert [one["id"] for one in created["orders"]] == ["o1", "o2"]


def test_an_alert_needs_a_product_and_a_contact(brevo):
    brevo.create(email="ann@example.com")
    brevo.call("POST", "/products", {"id": "a", "name": "A"})
    body = {"contactIdentifiers": {"email": "Ann@example.com"}}

    assert brevo.call("POST", "/products/a/alerts/back_in_stock", body).status_code == 204
    assert brevo.call("POST", "/products/b/alerts/back_in_stock", body).status_code == 404
    assert brevo.call("POST", "/products/a/alerts/back_in_stock", {}).status_code == 400


@pytest.mark.parametrize(("way", "statuses"), [("other", [202, 202, 429]), ("parent", [202, 202, 202])])
def test_batches_are_counted_with_the_rest_or_with_their_single_calls(make_brevo, way, statuses):
    brevo = make_brevo(switches={"batch_buckets": way})
    brevo.control("POST", "/limits", {"plan": "none", "buckets": {"other": [None, 2], "orders": [None, 3]}})

    found = [brevo.call("POST", "/orders/status/batch", {"orders": [ORDER]}).status_code for _ in range(3)]

    assert found == statuses
    assert brevo.call("POST", "/orders/status", ORDER).status_code == (204 if way == "other" else 429)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 2),
        ("startDate=2026-11-20T00:00:00Z", 1),
        ("startDate=2026-01-01T00:00:00Z", 3),
        ("endDate=2026-11-20T00:00:00Z&startDate=2026-01-01T00:00:00Z", 2),
        ("event_name=order_completed", 1),
        ("object_type=vehicle", 1),
        ("limit=1", 2),
    ],
)
def test_events_are_listed_by_name_date_and_object_of_six_months(brevo, query, count):
    brevo.call("POST", "/events", {**EVENT, "event_date": "2026-02-01T10:00:00+01:00"})
    brevo.call("POST", "/events", {**EVENT, "event_date": "2026-11-19T10:00:00Z", "object": {"type": "vehicle"}})
    brevo.call("POST", "/events", {**EVENT, "event_name": "order_completed"})

    assert brevo.call("GET", "/events", query=query).json["count"] == count


def test_an_event_is_kept_and_changes_its_contact(brevo):
    number = brevo.create(email="ann@example.com")

    assert brevo.call("POST", "/events", {**EVENT, "contact_properties": {"FIRSTNAME": "Ann"}}).status_code == 204

    [row] = brevo.call("GET", "/events").json["events"]
    assert (row["event_name"], row["contact_id"]) == ("cart_updated", number)
    assert brevo.read(number)["attributes"] == {"FIRSTNAME": "Ann"}


@pytest.mark.parametrize(
    "more",
    [
        {"event_name": "checkout.created"},
        {"event_name": "two words"},
        {"event_name": "x" * 256},
        {"identifiers": {}},
        {"event_date": "today"},
        {"event_properties": {"a b": 1}},
        {"event_properties": {"a": {"b": [{"c d": 1}]}}},
        {"event_properties": {"a": "x" * 50_001}},
        {"contact_properties": ["FIRSTNAME"]},
    ],
)
def test_an_event_that_makes_no_sense_is_refused(brevo, more):
    assert brevo.call("POST", "/events", {**EVENT, **more}, wrong=True).status_code == 400


def test_a_batch_of_events_needs_its_wrapper_and_can_succeed_in_part(brevo):
    bad = {**EVENT, "event_name": "a.b"}

    whole = brevo.call("POST", "/events/batch", {"events": [EVENT, EVENT]})
    part = brevo.call("POST", "/events/batch", {"events": [EVENT, bad, bad]})
    none = brevo.call("POST", "/events/batch", {"events": [bad]})
    bare = brevo.call("POST", "/events/batch", {"event": EVENT}, wrong=True)

    assert (whole.status_code, whole.json["count"]) == (202, 2)
    assert (part.status_code, part.json["failed_events"], part.json["status"]) == (207, 2, "partial_success")
    assert part.json["errors"] == [{"eventIndex": [1, 2], "message": "event_name is invalid"}]
    assert (none.status_code, bare.status_code) == (400, 400)
    assert brevo.control("GET", "/shop/events")["count"] == 3


def test_the_account_says_whose_it_is(brevo):
    assert brevo.call("GET", "/account").json["email"] == "owner@sandbox.example"


def test_segments_are_empty(brevo):
    assert brevo.call("GET", "/contacts/segments").json["count"] == 0


@pytest.mark.parametrize("count", [0, 201])
def test_a_batch_has_one_to_two_hundred_events_and_half_a_megabyte(brevo, count):
    large = {**EVENT, "event_properties": {"a": "x" * 45_000}}

    assert brevo.call("POST", "/events/batch", {"events": [EVENT] * count}).status_code == 400
    assert brevo.call("POST", "/events/batch", {"events": [large] * 12}).status_code == 400
    assert brevo.call("POST", "/events/batch", {"events": [EVENT] * 200}).status_code == 202


def test_a_change_of_a_contact_by_an_event_is_told(brevo, receiver):
    hook = {"url": receiver.url, "events": ["contactUpdated"], "type": "marketing"}
    brevo.call("POST", "/webhooks", hook)
    brevo.create(email="ann@example.com")

    for _ in range(2):
        brevo.call("POST", "/events", {**EVENT, "contact_properties": {"FIRSTNAME": "Ann", "NOPE": 1}})
    brevo.call("GET", "/contacts")

    assert [one["content"] for one in receiver.bodies] == [[{"FIRSTNAME": "Ann"}]]
