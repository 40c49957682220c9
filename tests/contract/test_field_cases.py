"""What real shops sent that made other connectors stumble, by webhook and by pull: what becomes of each body.

Each case is a body in the shape that was reported, with its outcome by name: `synced`, `synced with a note`, `parked`,
`parked, the withdrawal heard`, `ignored`; and what the event must tell.
"""

import json
from typing import NamedTuple

import pytest

from connectors.shopify import nodes
from connectors.shopify.tests.standin import customer as pulled_customer
from connectors.woocommerce.boxes import CONSENT_META_KEYS, TRUE_VALUES, Boxes
from connectors.woocommerce.pulled import Reader
from customer_sync.errors import PayloadError
from customer_sync.model import ConsentState, Event, Inbound, Kind
from customer_sync.person.mapping import map_customer
from tests.contract.cases import RECEIVED_AT, connector_of, iso

ACT = "2026-11-20T10:00:00Z"
TIMES = {"date_created_gmt": "2026-11-20T09:00:00", "date_modified_gmt": "2026-11-20T10:00:00"}
TICKED = [{"id": 1, "key": "ws_opt_in", "value": "1"}]
LEFT = [{"id": 1, "key": "mailchimp_woocommerce_is_subscribed", "value": "0"}]


def shopify(**more):
    return {"id": 113, "email": "lea@example.com", "first_name": "Lea", "updated_at": ACT, **more}


def consent(state, at=ACT, **more):
    told = {"state": state, "opt_in_level": "single_opt_in", "consent_updated_at": at}
    return {"customer_id": 113, "email_address": "lea@example.com", "email_marketing_consent": told, **more}


def account(**more):
    own = {"email": "lia@example.com", "first_name": "Lia", "last_name": "Lee", "meta_data": []}
    billing = {"first_name": "Lia", "city": "Lyon", "country": "FR", "email": "lia@example.com", "phone": ""}
    return {"id": 208, **TIMES, **own, "billing": billing, **more}


def guest(**more):
    billing = {"first_name": "Ann", "last_name": "Lee", "city": "Lyon", "country": "FR", "email": "ann@example.com"}
    parts = {"line_items": [line()], "coupon_lines": [], "refunds": [], "meta_data": TICKED}
    return {"id": 201, "status": "processing", "customer_id": 0, **TIMES, "billing": billing, **parts, **more}


def line(**more):
    return {
        "id": 1,
        "name": "Mug",
        "product_id": 12,
        "variation_id": 0,
        "quantity": 1,
        "sku": "MUG",
        "price": 10,
        **more,
    }


class Case(NamedTuple):
    """A body, its outcome by name, and what the event tells: fields of the record, consents, where notes stand."""

    row: int
    way: str
    body: object
    outcome: str = "synced"
    record: dict = {}  # noqa: RUF012  # a test's own table, never changed
    consents: tuple = ()
    at: str = ""


EMAIL, SMS, PULL = "customers_email_marketing_consent/update", "customers_marketing_consent/update", "pull"
NOTED, PARKED, HEARD = "synced with a note", "parked", "parked, the withdrawal heard"
YES, NO, ASKED = (("granted", True),), (("withdrawn", True),), (("pending", True),)
BOX, EMPTIED = (("granted", False),), (("withdrawn", False),)

SHOPIFY = [
    Case(12, EMAIL, consent("unsubscribed", email_address="lea@example"), HEARD, {"id": "113"}, NO, "email_address"),
    Case(12, EMAIL, consent("unsubscribed", customer_id=1.5), HEARD, {"email": "lea@example.com"}, NO, "customer_id"),
    Case(
        12, EMAIL, consent("unsubscribed", at="soon"), NOTED, {}, EMPTIED, "email_marketing_consent.consent_updated_at"
    ),
    Case(12, EMAIL, consent("subscribed", at="soon"), PARKED, at="email_marketing_consent.consent_updated_at"),
    Case(14, EMAIL, consent("pending"), consents=ASKED),
    Case(14, EMAIL, consent("subscribed"), consents=YES),
    Case(16, EMAIL, consent("subscribed", email_address=None), record={"id": "113"}, consents=YES),
    Case(17, EMAIL, consent("subscribed", at=None), consents=BOX),
    Case(
        18, SMS, {"id": 113, "sms_marketing_consent": {"state": "unsubscribed", "consent_updated_at": ACT}}, consents=NO
    ),
    Case(37, "customers/create", shopify(first_name="Zo\ud83d"), NOTED, {"firstName": "Zo"}, at="first_name"),
    Case(38, "customers/create", shopify(first_name="An\0n"), NOTED, {"firstName": "Ann"}, at="first_name"),
    Case(38, "customers/create", shopify(note="x\0y"), NOTED, {"firstName": "Lea"}, at="note"),
    Case(38, "customers/create", shopify(unmapped="x\0y")),
    Case(42, "customers/update", shopify(total_spent="12.345", currency="KWD"), record={"totalSpent": 12.345}),
    Case(
        43,
        "customers/create",
        shopify(created_at="2026-11-01T00:30:00+01:00"),
        record={"createdAt": "2026-11-01T00:30:00+01:00"},
    ),
    Case(48, "customers/create", shopify(email=None, phone="+33612345611"), record={"email": None}),
    Case(
        49, "orders/create", {"id": 1, "customer": {"id": 5}, "shipping_address": []}, record={"customer": {"id": "5"}}
    ),
    Case(
        52, "customers/create", shopify(phone=None, default_address={"phone": "+33612345611"}), record={"phone": None}
    ),
    Case(53, "customers/create", shopify(addresses=[{"country_code": "FR"}]), record={"country": "FR"}),
    Case(54, "customers/create", shopify(email="lea@münchen.example"), record={"email": "lea@münchen.example"}),
    Case(55, "customers/create", shopify(email="zażółć@example.com"), PARKED, at="email"),
    Case(56, "customers/create", shopify(email=" Lea+x@Example.COM "), record={"email": "Lea+x@Example.COM"}),
    Case(56, "customers/create", shopify(email="o'lea@example.com"), record={"email": "o'lea@example.com"}),
    *[
        Case(57, "customers/create", shopify(first_name=f" {name} "), record={"firstName": name})
        for name in (
            "👩‍👩‍👧",
            "مريم",
            "x" * 300,
            "<b>Lea</b>",
            "Lea\nLee",
            "e\u0301",
            "null",
            "0",
            "https://example.com",
        )
    ],
    Case(63, "customers/create", b"\xef\xbb\xbf" + json.dumps(shopify()).encode(), record={"firstName": "Lea"}),
    Case(37, PULL, pulled_customer(1, firstName="Zo\uffff"), NOTED, {"firstName": "Zo"}, (*YES, *NO), "firstName"),
    Case(38, PULL, pulled_customer(1, firstName="An\0n"), NOTED, {"firstName": "Ann"}, (*YES, *NO), "firstName"),
    Case(
        42,
        PULL,
        pulled_customer(1, amountSpent={"amount": "12.345", "currencyCode": "KWD"}),
        record={"totalSpent": 12.345},
        consents=(*YES, *NO),
    ),
    Case(48, PULL, pulled_customer(1, defaultEmailAddress=None), record={"email": None}, consents=NO),
    Case(12, PULL, pulled_customer(1, id=1.5), HEARD, {"email": "ann1@example.com"}, NO, "id"),
]
WOOCOMMERCE = [
    Case(
        13,
        "customer.updated",
        account(meta_data=LEFT, billing={"company": False}),
        NOTED,
        {},
        EMPTIED,
        "billing.company",
    ),
    Case(13, "customer.updated", account(meta_data=LEFT, email="lia@example"), HEARD, {"id": "208"}, EMPTIED, "email"),
    Case(31, "order.created", guest(line_items=[line(price="-")]), NOTED, {}, BOX, "line_items[0].price"),
    Case(32, "order.created", guest(line_items=[line(sku=12.5)]), NOTED, {}, BOX, "line_items[0].sku"),
    Case(32, "order.created", guest(line_items=[line(sku=True)]), NOTED, {}, BOX, "line_items[0].sku"),
    Case(33, "order.created", guest(currency=False), NOTED, {}, BOX, "currency"),
    Case(33, "order.created", guest(total="1,00"), NOTED, {}, BOX, "total"),
    Case(33, "order.created", guest(line_items=[line(quantity="1,5")]), NOTED, {}, BOX, "line_items[0].quantity"),
    Case(33, "order.created", guest(number=False), NOTED, {}, BOX, "number"),
    Case(34, "order.created", guest(date_paid_gmt="0"), NOTED, {}, BOX, "date_paid_gmt"),
    Case(34, "order.created", guest(date_modified_gmt=False), NOTED, {}, BOX, "date_modified_gmt"),
    Case(35, "customer.updated", account(billing=False), NOTED, {"firstName": "Lia"}, at="billing"),
    Case(35, "customer.updated", account(billing={"phone": False}), NOTED, {"firstName": "Lia"}, at="billing.phone"),
    Case(35, "customer.updated", account(last_name=False), NOTED, {"firstName": "Lia"}, at="last_name"),
    Case(35, "customer.updated", account(meta_data=False), NOTED, {"firstName": "Lia"}, at="meta_data"),
    Case(
        36,
        "customer.updated",
        account(meta_data={"0": LEFT[0], "7": {"id": 2**63 - 1, "value": [{}]}}),
        consents=EMPTIED,
    ),
    Case(36, "customer.updated", account(billing=[]), record={"firstName": "Lia"}),
    Case(36, "order.created", guest(coupon_lines={}, refunds=None), consents=BOX),
    Case(36, "customer.updated", account(role=None, first_name=123), record={"firstName": "123", "role": None}),
    Case(36, "customer.updated", account(date_modified_gmt=" 2026-11-20T10:00:00 "), record={"firstName": "Lia"}),
    Case(39, "customer.updated", account(first_name="Print&copyshop"), record={"firstName": "Print&copyshop"}),
    Case(40, "customer.updated", account(first_name="Tom &amp; O&#039;Brien"), record={"firstName": "Tom & O'Brien"}),
    Case(41, "customer.updated", account(first_name="O\\'Brien"), record={"firstName": "O\\'Brien"}),
    Case(44, "customer.updated", account(date_modified_gmt=None), record={"updatedAt": None}),
    Case(46, "order.created", guest(billing={"email": "Guest1@Example.COM"}), consents=BOX),
    Case(47, "order.created", guest(customer_id=9), consents=BOX),
    Case(63, "customer.updated", b"\xef\xbb\xbf" + json.dumps(account()).encode(), record={"firstName": "Lia"}),
    Case(65, "customer.updated", {"customer": account()}, PARKED, at="$"),
    Case(13, PULL, account(meta_data=LEFT, billing={"company": False}), NOTED, {}, EMPTIED, "billing.company"),
    Case(13, PULL, account(meta_data=LEFT, id="x" * 300), HEARD, {"email": "lia@example.com"}, EMPTIED, "customers.id"),
    Case(34, PULL, account(date_modified_gmt=True), NOTED, {"firstName": "Lia"}, at="date_modified_gmt"),
    Case(35, PULL, account(billing=False), NOTED, {"firstName": "Lia"}, at="billing"),
    Case(37, PULL, account(first_name="Zo\ud83d"), NOTED, {"firstName": "Zo"}, at="first_name"),
    Case(39, PULL, account(first_name="R&regional"), record={"firstName": "R&regional"}),
    Case(33, "pull of orders", guest(total="1,00"), record={"email": "ann@example.com"}, consents=BOX),
    Case(31, "pull of orders", guest(line_items="-"), record={"firstName": "Ann"}, consents=BOX),
]


def named(cases):
    return [pytest.param(case, id=f"row {case.row}, {case.way}: {case.outcome}") for case in cases]


def webhook(platform, topic, body):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    names = {
        "shopify": ("x-shopify-topic", "x-shopify-webhook-id"),
        "woocommerce": ("x-wc-webhook-topic", "x-wc-webhook-id"),
    }
    headers = dict(zip(names[platform], (topic, "w1"), strict=True))
    try:
        return connector_of(platform).parse(Inbound(platform, headers, raw, RECEIVED_AT))
    except PayloadError as fault:
        return [fault]


def check(case, found):
    events = [one for one in found if isinstance(one, Event)]
    faults = [one for one in found if isinstance(one, PayloadError)]
    notes = [note.partition(": ")[0] for event in events for note in event.notes]
    said = {
        "synced": (1, 0, []),
        NOTED: (1, 0, [case.at]),
        PARKED: (0, 1, []),
        HEARD: (1, 1, []),
    }[case.outcome]
    assert (len(events), len(faults), notes) == said
    assert [fault.path for fault in faults] == [case.at] * len(faults)
    for event in events:
        assert {name: event.record.get(name) for name in case.record} == case.record
        assert [(str(seen.state), seen.explicit) for seen in event.consents] == list(case.consents)


@pytest.mark.parametrize("case", named(SHOPIFY))
def test_what_becomes_of_a_body_of_shopify(case):
    read = nodes.Reader("lamps", RECEIVED_AT).read
    check(case, read(case.body) if case.way == PULL else webhook("shopify", case.way, case.body))


@pytest.mark.parametrize("case", named(WOOCOMMERCE))
def test_what_becomes_of_a_body_of_woocommerce(case):
    reader = Reader("tea", Boxes(dict.fromkeys(CONSENT_META_KEYS, TRUE_VALUES)), RECEIVED_AT)
    pulls = {PULL: reader.customers, "pull of orders": reader.orders}
    check(case, pulls[case.way]([case.body]) if case.way in pulls else webhook("woocommerce", case.way, case.body))


def test_pending_and_subscribed_with_one_time_are_told_apart_by_the_time_of_the_delivery():
    def told(state, second):
        headers = {"x-shopify-topic": EMAIL, "x-shopify-triggered-at": f"2026-11-20T10:00:0{second}.123456789Z"}
        (event,) = connector_of("shopify").parse(
            Inbound("shopify", headers, json.dumps(consent(state)).encode(), RECEIVED_AT)
        )
        return event.consents[0]

    asked, given = told("pending", 1), told("subscribed", 2)

    assert (asked.state, given.state) == (ConsentState.PENDING, ConsentState.GRANTED)
    assert asked.at == given.at
    assert asked.seen_at < given.seen_at
    assert iso(given.seen_at) == "2026-11-20T10:00:02.123456Z"


def test_an_order_of_an_account_carries_its_own_address_with_its_box_and_renames_nobody():
    (event,) = webhook("woocommerce", "order.created", guest(customer_id=9))

    assert event.kind is Kind.ORDER_PLACED
    assert event.record["customer"]["email"] == "ann@example.com"
    assert (event.customer_id, "email" in event.record) == ("9", True)


@pytest.mark.parametrize(
    ("phone", "country", "sent"),
    [
        ("+1 604-555-0199 ext. 89", None, "+16045550199"),
        ("\u202a+33 6 12 34 56 11\u202c", None, "+33612345611"),
        ("0033612345611", None, "+33612345611"),
        ("06 12 34 56 11", "FR", "+33612345611"),
        ("+5215512345678", "MX", None),
    ],
)
def test_what_is_sent_of_a_phone_number(phone, country, sent):
    mapped = map_customer({"phone": phone, "country": country}, {"phone": "SMS"})

    assert mapped.attributes.get("SMS") == sent
    assert bool(mapped.refused) == (sent is None)
