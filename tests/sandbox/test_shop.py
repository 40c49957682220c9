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
MAIL = {
    "sender": {"email": "shop@example.com"},
    "to": [{"email": "ann@example.com"}],
    "subject": "Hi",
    "textContent": "Hello",
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


def test_without_ecommerce_the_shop_is_closed(make_brevo):
    brevo = make_brevo(ecommerce=False)

    before = brevo.call("POST", "/orders/status", ORDER)
    brevo.call("POST", "/ecommerce/activate")

    assert (before.status_code, before.json["code"]) == (403, "permission_denied")
    assert brevo.call("POST", "/orders/status", ORDER).status_code == 204


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
        {"event_properties": {"a": "x" * 50_001}},
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


def test_a_mail_is_kept_once_per_idempotency_key(brevo):
    mail = {**MAIL, "headers": {"idempotencyKey": "k1"}}

    sent, again = brevo.call("POST", "/smtp/email", mail), brevo.call("POST", "/smtp/email", mail)
    later = brevo.call("POST", "/smtp/email", {**MAIL, "scheduledAt": AT})

    assert (sent.status_code, again.status_code, later.status_code) == (201, 400, 202)
    assert again.json["code"] == "duplicate_parameter"
    assert brevo.control("GET", "/shop/mail")["count"] == 2


@pytest.mark.parametrize("name", ["sender", "to", "subject", "textContent"])
def test_a_mail_needs_its_keys_but_a_template_brings_most(brevo, name):
    mail = {key: value for key, value in MAIL.items() if key != name}

    assert brevo.call("POST", "/smtp/email", mail).status_code == 400
    status = brevo.call("POST", "/smtp/email", {**mail, "templateId": 1}).status_code
    assert status == (400 if name == "to" else 201)


def test_the_account_says_whose_it_is(brevo):
    assert brevo.call("GET", "/account").json["email"] == "owner@sandbox.example"


def test_segments_are_empty_and_consent_groups_are_off(brevo):
    assert brevo.call("GET", "/contacts/segments").json["count"] == 0
    assert brevo.call("GET", "/contacts/consent-groups").json["code"] == "CONSENT_GROUP_NOT_ENABLED"
