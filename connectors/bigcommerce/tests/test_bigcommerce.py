"""What is peculiar to BigCommerce's webhooks and reads; the contract suite asks the rest."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import standardwebhooks

from connectors.bigcommerce import account, hooks, listing
from connectors.bigcommerce.fake.settings import HASH
from connectors.bigcommerce.tests.standin import ADDRESS, CARTS, CLIENT_SECRET, NEWSLETTER, NOW, House, inbound, told
from customer_sync.errors import ConfigError, PayloadError, Refused, TryLater
from customer_sync.kit.outbound import Reply
from customer_sync.kit.reach import Left, Written
from customer_sync.model import ConsentState, Kind

UPDATED = told("store/customer/updated", {"type": "customer", "id": 32})


@pytest.fixture
def house():
    return House(customers=12, orders=9, products=5)


# webhooks


@pytest.mark.parametrize(
    ("message_id", "secret", "body", "signature"),
    [
        # made with: printf '%s' "$id.1795262400.$body" | openssl dgst -sha256 -hmac "$secret" -binary | base64
        (
            "msg_2hJw1Q0aa",
            "0123456789abcdef0123",
            b'{"producer":"stores/fk7store1","scope":"store/customer/updated","data":{"type":"customer","id":32}}',
            "v1,cJIGX0vp6VUkvZ1XMk4eZcky3mdOPWOZwyymwHQXpYs=",
        ),
        (
            "msg_2hJw1Q0bb",
            "plain text",
            b'{"producer":"stores/fk7store1","scope":"store/order/created"}',
            "v1,wVr/TnSOZ1uBTCBHI3C5L6YgMhynceAbv64SwjiCQ34=",
        ),
    ],
)
def test_a_signature_is_judged_as_openssl_makes_it(house, message_id, secret, body, signature):
    headers = {"webhook_id": message_id, "webhook_timestamp": "1795262400", "webhook_signature": signature}
    at = NOW + timedelta(hours=2)
    connector = house.made(client_secret=secret)

    connector.verify(inbound(body, at=at, **headers), ("s",))
    with pytest.raises(Refused):
        connector.verify(inbound(body + b" ", at=at, **headers), ("s",))


def test_what_the_platforms_own_library_signs_is_accepted_and_it_accepts_what_we_sign(house):
    signer = standardwebhooks.Webhook(base64.b64encode(CLIENT_SECRET.encode()).decode())
    bare = inbound(UPDATED)
    proof = signer.sign("msg_1", NOW, bare.body.decode())
    stamp = str(int(NOW.timestamp()))
    signed = inbound(bare.body, webhook_id="msg_1", webhook_timestamp=stamp, webhook_signature=f"v1,old {proof}")
    ours = house.connector.sign(bare, "s").headers["webhook-signature"]

    house.connector.verify(signed, ("s",))
    assert ours == signer.sign(f"msg_{stamp}", NOW, bare.body.decode())


@pytest.mark.parametrize("gone", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_signature_that_is_begun_must_be_whole(house, gone):
    signed = house.connector.sign(inbound(UPDATED), "s")
    house.connector.verify(signed, ("s",))

    kept = {name: value for name, value in signed.headers.items() if name != gone}
    with pytest.raises(Refused):
        house.connector.verify(replace(signed, headers=kept), ("s",))


def test_the_secret_header_is_wanted_beside_a_right_signature_and_is_enough_without_one(house):
    signed = house.connector.sign(inbound(UPDATED), "s")
    bare = {name: value for name, value in signed.headers.items() if name.startswith("webhook-")}

    house.connector.verify(inbound(UPDATED), ("s",))
    for headers in (bare, {**bare, "x-tajo-hook-secret": "t"}, {}):
        with pytest.raises(Refused):
            house.connector.verify(replace(signed, headers=headers), ("s",))


@pytest.mark.parametrize("odd", ["v1", "v1,", "x", "v1,é", "v1a,abc", " "])
def test_an_odd_signature_is_refused_and_nothing_else_happens(house, odd):
    with pytest.raises(Refused):
        house.connector.verify(inbound(UPDATED, webhook_id="m", webhook_timestamp="é", webhook_signature=odd), ("s",))


def test_an_old_signature_is_a_replay(house):
    signed = house.connector.sign(inbound(UPDATED), "s")

    with pytest.raises(Refused, match="window"):
        house.connector.verify(replace(signed, received_at=NOW + timedelta(minutes=6)), ("s",))


def test_a_delivery_of_another_store_is_refused(house):
    with pytest.raises(Refused, match="another store") as refused:
        house.connector.verify(inbound({**UPDATED, "producer": "stores/other"}), ("s",))
    assert refused.value.cause == "other account"


def test_bigcommerce_is_answered_with_200(house):
    assert (house.connector.accepted.status, house.connector.accepted.body) == (200, b"")


def test_two_changes_with_one_hash_are_two_events_and_a_repeat_is_one(house):
    def ids(*bodies):
        return {house.connector.parse(inbound(body))[0].id for body in bodies}

    assert len(ids(UPDATED, {**UPDATED, "created_at": 1_795_255_181})) == 2
    assert len(ids(UPDATED, {**UPDATED, "scope": "store/customer/created"})) == 2
    assert len(ids(UPDATED, {**UPDATED, "data": {"type": "customer", "id": 33}})) == 2
    assert len(ids(UPDATED, dict(UPDATED))) == 1
    one, other = (house.connector.parse(inbound(UPDATED, webhook_id=name))[0] for name in ("m1", "m2"))
    assert one.id != other.id


def test_a_number_of_a_subscriber_is_not_that_of_a_customer(house):
    events = [
        house.connector.parse(inbound(told(f"store/{kind}/{what}", {"type": kind, "id": 21})))[0]
        for kind in ("customer", "subscriber")
        for what in ("updated", "deleted")
    ]

    assert [one.customer_id for one in events] == ["21", "21", "subscriber:21", "subscriber:21"]


# reading


def test_customers_and_guests_who_only_took_the_newsletter_all_come(house, monkeypatch):
    monkeypatch.setattr(listing, "PER_PAGE", 3)
    found = house.pull("customers")
    records = {one.record_id: one for one in found}

    guest = next(one for one in house.fake.subscribers.values() if ".g" in one["email"])
    assert len(records) == 12 + len(house.fake.subscribers)
    assert records[f"subscriber:{guest['id']}"].record == {
        "id": f"subscriber:{guest['id']}",
        "email": guest["email"],
    }
    person = records["21"].record
    assert (person["country"], person["city"]) == tuple(
        house.fake.customers.get(21)["addresses"][0][name] for name in ("country_code", "city")
    )
    assert {seen.state for seen in records["21"].consents} == set()


def test_what_is_empty_in_a_subscribers_row_says_nothing_of_the_customer(house):
    row = house.fake.add_subscriber({"email": "ann@example.com", "first_name": "Ann", "consents": [NEWSLETTER]})
    (event,) = house.fetch("customers", f"subscriber:{row['id']}")

    assert event.record == {"id": f"subscriber:{row['id']}", "email": "ann@example.com", "firstName": "Ann"}
    assert [(one.state, one.explicit) for one in event.consents] == [(ConsentState.GRANTED, False)]


@pytest.mark.parametrize("consents", ["marketing_newsletter", {"a": 1}, 5, True])
def test_consents_that_cannot_be_read_are_no_consent(house, consents):
    row = house.fake.add_subscriber({"email": "ann@example.com"})
    house.fake.subscribers.put(row["id"], {**row, "consents": consents})
    (fault,) = house.fetch("customers", f"subscriber:{row['id']}")

    assert isinstance(fault, PayloadError)
    assert fault.path == "consents"


def test_records_are_fetched_by_lists_of_ids_and_what_is_gone_is_absent(house):
    house.act("customers/22", method="DELETE")
    house.calls.clear()
    found = house.fetch("customers", "21", "22", "23", "subscriber:5", "x", "subscriber:x", "²")

    assert [one.record_id for one in found] == ["21", "23", "subscriber:5"]
    assert len(house.calls) == 2


def test_a_list_by_id_that_hides_somebody_takes_nobody_for_gone(house):
    house.act("faults", {"kind": "short_page"})

    with pytest.raises(TryLater):
        house.fetch("customers", "21", "23")


def test_a_list_that_is_too_large_is_read_in_smaller_pages(house):
    house.act("faults", {"kind": "status", "status": 413, "path": "*/customers"})
    found = house.pull("customers")

    assert len({one.record_id for one in found}) == 12 + len(house.fake.subscribers)
    assert any("limit=125" in path for _, path, _ in house.calls)


def test_orders_come_with_lines_refunds_and_their_buyer(house):
    house.act("orders/102/refunds", {"amount": 4})
    found = {one.record_id: one for one in house.pull("orders")}
    record = found["102"].record

    assert len(found) == 9
    assert (record["state"], record["refunds"]) == ("paid", {"1": 4.0})
    assert record["amount"] == pytest.approx(record["total"] - 4)
    assert record["lines"][0]["quantity"] * record["lines"][0]["price"] == record["total"]
    assert (found["102"].customer_id, record["email"]) == ("22", house.fake.customers.get(22)["email"])
    assert found["102"].occurred_at == NOW
    assert found["101"].record["refunds"] == {}


def test_no_orders_are_no_fault():
    assert House().pull("orders") == []


def test_a_list_of_orders_that_ends_too_soon_is_not_believed(house):
    house.act("faults", {"kind": "empty_page"})

    with pytest.raises(TryLater, match="counts some"):
        house.pull("orders")


def test_orders_are_read_behind_the_last_one_whoever_is_archived_meanwhile(house, monkeypatch):
    monkeypatch.setattr(listing, "PER_PAGE", 4)
    seen = house.pull("orders")
    assert [one.record_id for one in seen] == [str(number) for number in range(101, 110)]


def test_a_guests_order_names_nobody_but_the_address_that_was_typed(house):
    made = house.act("orders", {"email": "guest@example.com"})
    (event,) = house.fetch("orders", str(made["id"]))

    assert (event.customer_id, event.record["customer"]) == (None, {"email": "guest@example.com"})
    assert event.record["email"] == "guest@example.com"


def test_an_incomplete_order_is_a_draft_that_makes_nobody_a_contact(house):
    made = house.act("orders", {"email": "guest@example.com", "status_id": 0})
    (event,) = house.fetch("orders", str(made["id"]))
    house.act(f"orders/{made['id']}", {"status_id": 11}, "PATCH")
    (paid,) = house.fetch("orders", str(made["id"]))

    assert (event.record["state"], event.record["amount"], event.record["customer"]) == ("draft", 0.0, {})
    assert "email" not in event.record
    assert paid.record["state"] == "paid"


def test_an_archived_order_is_known_to_be_deleted_and_one_that_never_was_is_absent(house):
    house.fake.archive(103)
    found = house.fetch("orders", "102", "103", "104", "900")

    assert [(one.record_id, one.record["state"]) for one in found] == [
        ("102", "paid"),
        ("103", "deleted"),
        ("104", "paid"),
    ]


@pytest.mark.parametrize("odd", [{"a": 1}, [102], None, "102"])
def test_an_order_whose_id_cannot_be_read_is_asked_for_by_itself(house, odd):
    house.answers = [Reply(200, {"content-type": "application/json"}, json.dumps([{"id": odd}, {"id": 103}]).encode())]
    found = house.fetch("orders", "102", "103")

    assert [one.record_id for one in found] == ["102", "103"]


def test_products_come_with_variants_in_the_stores_currency(house):
    house.fake.settings.currency = "SEK"
    found = house.pull("products")
    record = found[0].record

    assert len(found) == 5
    assert (record["currency"], record["url"]) == ("SEK", "https://shop.example/lamp-77/")
    assert [(one["id"], one["title"], one["stock"]) for one in record["variants"]] == [
        ("770", "Blue", 10.0),
        ("771", "Red", 10.0),
    ]
    assert record["hasAllVariants"] is True
    assert house.fetch("products", "78", "5000")[0].record_id == "78"


def test_a_cart_is_read_by_its_id_and_gone_once_it_was_bought(house):
    cart = house.act("carts", {"customer_id": 21})
    (event,) = house.fetch("carts", cart["id"])
    order = house.act("carts", {"convert": cart["id"]})

    assert (event.kind, event.customer_id, event.record["isLoggedIn"]) == (Kind.CART_UPDATED, "21", True)
    assert event.record["carts"] == [cart["id"]]
    assert [one["quantity"] for one in event.record["lines"]] == [1.0]
    assert house.fetch("carts", cart["id"]) == []
    assert house.fetch("orders", str(order["id"]))[0].record["carts"] == [cart["id"]]


def test_a_guests_cart_without_an_address_finds_nobody(house):
    cart = house.act("carts", {"email": ""})
    (event,) = house.fetch("carts", cart["id"])

    assert (event.customer_id, event.record["email"], event.record["isLoggedIn"]) == (None, None, False)


@pytest.mark.parametrize("what", ["customers", "orders", "products"])
def test_what_changed_since_then_is_read_and_nothing_else(house, what):
    since = NOW - timedelta(minutes=1)
    house.act("customers/23", {"first_name": "Eva"}, "PATCH")
    house.act("orders/103", {"status_id": 5}, "PATCH")
    house.fake.products.put(78, {**house.fake.products.get(78), "date_modified": "2026-11-21T10:00:00Z"})

    assert [one.record_id for one in house.pull(what, since)] == [{"customers": "23", "orders": "103"}.get(what, "78")]


def test_the_answers_tell_how_many_calls_are_left():
    told_ = {"x-rate-limit-requests-quota": "150", "x-rate-limit-requests-left": "149"}

    assert account.tells({**told_, "x-rate-limit-time-reset-ms": "15000"}) == Left(150, 149, 15.0)
    for odd in ("-20", "abc", "", "0", "1e3"):
        assert account.tells({**told_, "x-rate-limit-time-reset-ms": odd}) is None
    assert account.tells({}) is None


# webhooks are kept


def test_a_webhook_with_an_older_secret_gets_the_newest(house):
    house.connector.ensure_webhooks(ADDRESS, house.access)
    connector = house.made()
    connector.settings = replace(connector.settings, secrets=("new", "s"))
    found = connector.ensure_webhooks(ADDRESS, house.access)

    assert set(found.repaired.values()) == {"it had another secret"}
    assert {one["headers"]["X-Tajo-Hook-Secret"] for one in house.fake.hooks.rows.values()} == {"new"}


def test_no_secret_of_a_webhook_stands_in_what_is_logged_of_it():
    hook = hooks.Hook(1, "store/order/created", ADDRESS, is_active=True, secret="the-secret")

    assert "the-secret" not in repr(hook)


def test_a_webhook_that_is_off_is_switched_on_and_a_second_one_is_taken_away(house):
    made = house.connector.ensure_webhooks(ADDRESS, house.access)
    first = next(iter(house.fake.hooks.rows))
    house.fake.hooks.rows[first]["is_active"] = False
    row = house.fake.hooks.rows[first]
    house.fake.hooks.make({**row, "is_active": True, "destination": ADDRESS + "/old"})
    found = house.connector.ensure_webhooks(ADDRESS, house.access)

    assert found.repaired == {row["scope"]: "it was switched off"}
    assert found.removed == (row["scope"],)
    assert len(house.fake.hooks.rows) == len(made.created)


def test_a_wildcard_at_our_address_tells_of_all_its_topics(house):
    hook = {"scope": "store/customer/*", "destination": ADDRESS, "headers": {"X-Tajo-Hook-Secret": "s"}}
    house.fake.hooks.make(hook)
    found = house.connector.ensure_webhooks(ADDRESS, house.access)

    assert set(found.kept) == {one for one in house.connector.topics if one.startswith("store/customer/")}
    assert not set(found.kept) & set(found.created)


def test_the_eleventh_webhook_of_a_scope_is_not_tried(house):
    for number in range(10):
        house.fake.hooks.make({"scope": "store/order/updated", "destination": f"http://127.0.0.1:8/{number}"})
    found = house.connector.ensure_webhooks(ADDRESS, house.access)

    assert list(found.failed) == ["store/order/updated"]
    assert "10 webhooks" in found.failed["store/order/updated"]
    assert len(found.created) == len(house.connector.topics) - 1


def test_without_a_secret_no_webhook_is_made(house):
    connector = house.made()
    connector.settings = replace(connector.settings, secrets=())

    with pytest.raises(ConfigError, match="no webhook secret"):
        connector.ensure_webhooks(ADDRESS, house.access)


# the doctor


def test_the_doctor_names_the_scope_that_is_missing(house):
    house.fake.oauth.add(house.fake.settings.access_token, ("store_v2_customers", "store_v2_information_read_only"))
    found = house.connector.check(house.access)

    failed = [one.cause for one in found if one.verdict == "fail"]
    named = [cause.split()[0] for cause in failed]
    assert named == ["store_v2_orders_read_only", "store_v2_products_read_only", "store_cart_read_only"]


def test_the_doctor_sees_webhooks_that_are_off_and_signatures_that_are_not_checked(house):
    house.connector.ensure_webhooks(ADDRESS, house.access)
    next(iter(house.fake.hooks.rows.values()))["is_active"] = False
    found = {one.name: one for one in house.made(client_secret=None).check(house.access)}

    assert (found["webhooks"].verdict, found["webhooks"].cause) == ("warn", "switched off: store/customer/created")
    assert (found["signatures"].verdict, "client_secret" in found["signatures"].fix) == ("warn", True)


@pytest.mark.parametrize(
    ("written", "meant"),
    [(HASH, HASH), (f"stores/{HASH}", HASH), (f"https://api.bigcommerce.com/stores/{HASH}/v3/", HASH)],
)
def test_the_hash_may_be_copied_with_what_stands_around_it(house, written, meant):
    house.made(store_hash=written).fetch("customers", ["21"], house.access)

    assert house.calls[-1][1].startswith(f"/stores/{meant}/v3/customers?")


def test_a_hash_that_cannot_be_one_is_named():
    with pytest.raises(ConfigError, match="store_hash"):
        House().made(store_hash="My Shop!")


# opt-outs


@pytest.fixture
def shop():
    """A store with ann, a customer who takes the newsletter."""
    found = House()
    found.ago(days=2)
    found.act("customers", {"email": "Ann@example.com"})
    found.act("consent", {"email": "Ann@example.com", "consents": [NEWSLETTER, CARTS]})
    found.ago(days=0)
    return found


@pytest.mark.parametrize("record_id", ["21", "subscriber:5"])
def test_an_opt_out_reaches_the_row_by_customer_and_by_subscriber_and_is_repeatable(shop, record_id):
    assert shop.opt_out(record_id, "ann@example.com") is Written.WRITTEN
    assert shop.subscriber("ann@example.com")["consents"] == [CARTS]
    assert shop.opt_out(record_id, "ann@example.com") is Written.UNCHANGED
    assert [call[2] for call in shop.writes()] == [{"consents": [CARTS]}]


@pytest.mark.parametrize("record_id", ["21", "22", "subscriber:5", "subscriber:77", "5", "x", "subscriber:"])
def test_an_opt_out_of_another_address_or_of_nobody_changes_nothing(shop, record_id):
    assert shop.opt_out(record_id, "ben@example.com") is Written.GONE
    assert shop.writes() == []


def test_of_a_customer_without_a_row_there_is_nothing_to_take_back(shop):
    made = shop.act("customers", {"email": "ben@example.com"})

    assert shop.opt_out(str(made["id"]), "ben@example.com") is Written.UNCHANGED
    assert shop.writes() == []


@pytest.mark.parametrize("row", ["Ana@Exämple.com", "ana@xn--exmple-cua.com"])
@pytest.mark.parametrize("by_customer", [True, False])
def test_an_address_of_an_international_domain_is_found_again(shop, row, by_customer):
    made = shop.act("customers", {"email": "Ana@Exämple.com"})
    number = shop.fake.add_subscriber({"email": row, "consents": [NEWSLETTER]})["id"]
    record_id = str(made["id"]) if by_customer else f"subscriber:{number}"

    assert shop.opt_out(record_id, "ana@xn--exmple-cua.com") is Written.WRITTEN
    assert shop.fake.subscribers.get(number)["consents"] == []


def test_a_row_that_came_after_the_opt_out_stays_and_one_that_was_merely_edited_does_not(shop):
    before, between = NOW - timedelta(days=3), NOW - timedelta(days=1)
    shop.fake.change_subscriber(5, {"first_name": "Anna"})

    assert shop.opt_out("subscriber:5", "ann@example.com", before) is Written.NEWER
    assert shop.opt_out("subscriber:5", "ann@example.com", between) is Written.WRITTEN


def test_a_row_that_somebody_else_changes_is_looked_at_again(shop):
    shop.act("faults", {"kind": "conflict", "method": "PUT"})

    with pytest.raises(TryLater, match="409") as later:
        shop.opt_out("21", "ann@example.com")
    assert later.value.after_s
    assert shop.opt_out("21", "ann@example.com") is Written.WRITTEN


def test_a_consent_that_stays_though_the_call_was_taken_is_told_to_a_person(shop):
    shop.act("settings", {"keeps_consent": True})

    with pytest.raises(Exception, match="kept the newsletter consent") as parked:
        shop.opt_out("21", "ann@example.com")
    assert parked.value.remedy


def test_no_opt_out_is_said_of_a_scope_that_is_missing(shop):
    scopes = ("store_v2_customers_read_only",)
    shop.fake.oauth.add(shop.fake.settings.access_token, scopes)

    with pytest.raises(ConfigError, match="403"):
        shop.opt_out("21", "ann@example.com")


def test_whatever_is_done_no_list_of_subscribers_is_ever_deleted(shop):
    shop.pull("customers")
    shop.opt_out("21", "ann@example.com")
    shop.opt_out("subscriber:5", "ann@example.com")
    shop.connector.ensure_webhooks(ADDRESS, shop.access)
    for row in [*shop.fake.hooks.rows.values()]:
        shop.fake.hooks.make({**row, "destination": ADDRESS + "/old"})
    shop.connector.ensure_webhooks(ADDRESS, shop.access)
    deletes = [path for method, path, _ in shop.calls if method == "DELETE"]

    assert deletes
    assert all(path.rpartition("/")[0].endswith("/v3/hooks") for path in deletes)
    assert (shop.act("state", method="GET")["deletedLists"], len(shop.fake.subscribers)) == (0, 1)


def test_the_client_can_delete_one_webhook_and_nothing_else():

    sources = [path.read_text() for path in Path(account.__file__).parent.glob("*.py")]
    lines = [line.strip() for text in sources for line in text.splitlines() if '"DELETE"' in line]
    assert lines == ['self._judged(self._rest.call("DELETE", f"/v3/hooks/{number}"))']


def test_a_secret_may_not_be_made_from_nothing():
    for secrets in ((), ("",), (" ",)):
        with pytest.raises(Refused):
            House().connector.verify(inbound(UPDATED, secret=""), secrets)
