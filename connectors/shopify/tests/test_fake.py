"""The Admin API of the fake shop: what an app sees of customers, and what stands in its way."""

from __future__ import annotations

import base64
import json

import pytest

from connectors.shopify.fake.population import COLUMNS
from connectors.shopify.fake.schema import ANSWERED, platform_schema
from connectors.shopify.tests.caller import (
    CUSTOMERS,
    EMAIL_CONSENT,
    NODE,
    PLENTY,
    SCHEMA,
    Caller,
    caller,
    recorded_queries,
)

SOME = "{ customers(first: 3) { nodes { id } } }"
DELETE = """mutation($input: CustomerDeleteInput!) { customerDelete(input: $input) {
  deletedCustomerId userErrors { field message } } }"""
SMS_CONSENT = """mutation Sms($input: CustomerSmsMarketingConsentUpdateInput!) {
  customerSmsMarketingConsentUpdate(input: $input) {
    customer { id defaultPhoneNumber { smsMarketingConsent { state } } } userErrors { field message code } } }"""


@pytest.fixture
def app():
    with caller(**PLENTY) as found:
        yield found


def ids(nodes) -> list[str]:
    return [node["id"] for node in nodes]


def somebody(app: Caller, **wanted) -> dict:
    """Return the facts of a customer who is as wanted."""
    found = app.fake("customers?limit=1000")["customers"]
    return next(one for one in found if all(one[name] == value for name, value in wanted.items()))


# Who may come in


@pytest.mark.parametrize("token", [None, "", "shpat_wrong"])
def test_a_wrong_token_is_refused(app, token):
    app.token = token

    answer = app.raw(SOME)

    assert (answer.status_code, answer.get_json()["errors"][:5]) == (401, "[API]")


@pytest.mark.parametrize(
    ("asked", "answered"), [("2026-10", "2026-10"), ("2026-01", "2026-01"), ("2024-04", "2026-01"), ("2027-01", None)]
)
def test_a_version_that_is_too_old_falls_forward_and_one_to_come_is_not_found(app, asked, answered):
    answer = app.raw(SOME, version=asked)

    assert answer.headers.get("X-Shopify-API-Version") == answered
    assert answer.status_code == (200 if answered else 404)


def test_a_missing_scope_is_an_access_denied_in_a_200():
    with caller(scopes=("read_products",)) as app:
        answer = app.call(SOME)

    assert answer["data"] is None  # `customers` must not be null, so that its parent is
    assert answer["errors"][0]["extensions"]["code"] == "ACCESS_DENIED"
    assert (answer["errors"][0]["path"], answer["errors"][0]["locations"]) == (
        ["customers"],
        [{"line": 1, "column": 3}],
    )
    assert "read_customers" in answer["errors"][0]["message"]


def test_without_protected_data_personal_fields_are_null():
    with caller(protected_data="nulls") as app:
        node = next(app.pages(5))[0]

    assert node["defaultEmailAddress"] is node["firstName"] is node["defaultAddress"] is None
    assert node["numberOfOrders"].isdigit()


def test_without_any_approval_customers_cannot_be_read():
    with caller(protected_data="denied") as app:
        answer = app.call(SOME)

    assert "not approved to access the Customer object" in answer["errors"][0]["message"]


def test_the_app_sees_its_scopes_and_the_shop(app):
    found = app.data("{ shop { myshopifyDomain } currentAppInstallation { accessScopes { handle } } }")

    assert found["shop"]["myshopifyDomain"] == "demo.myshopify.com"
    assert {"handle": "read_customers"} in found["currentAppInstallation"]["accessScopes"]


# GraphQL


def test_aliases_fragments_variables_and_directives_work(app):
    query = """query($id: ID!, $yes: Boolean = true, $no: Boolean!) {
      first: customer(id: $id) { ...Name ... on Customer @include(if: $yes) { tags } note @skip(if: $no) }
      second: node(id: $id) { __typename id ... on Customer { firstName } ... on Order { name } } }
      fragment Name on Customer { given: firstName lastName @include(if: $no) }"""
    wanted = somebody(app)

    found = app.data(query, id=wanted["id"], no=False)

    assert found["first"] == {"given": wanted["firstName"], "tags": wanted["tags"], "note": wanted["note"]}
    assert found["second"] == {"__typename": "Customer", "id": wanted["id"], "firstName": wanted["firstName"]}


def test_fields_that_stand_twice_are_put_together(app):
    wanted = somebody(app, emailState="SUBSCRIBED")
    query = """query($id: ID!) { customer(id: $id) { defaultEmailAddress { emailAddress }
      defaultEmailAddress { marketingState } } }"""

    found = app.data(query, id=wanted["id"])["customer"]["defaultEmailAddress"]

    assert found == {"emailAddress": wanted["email"], "marketingState": "SUBSCRIBED"}


def test_a_field_unknown_here_refuses_the_whole_query_as_the_platform_does(app):
    answer = app.call("{ shop { id } collections(first: 1) { nodes { id } } }")

    assert "data" not in answer
    assert "Field 'collections' doesn't exist on type 'QueryRoot'" in answer["errors"][0]["message"]
    assert "not part of this stand-in" in answer["errors"][0]["message"]


def test_a_field_that_may_be_null_is_alone_in_being_denied():
    with caller(scopes=("read_products",)) as app:
        answer = app.call('{ shop { id } customer(id: "gid://shopify/Customer/5") { id } }')

    assert answer["data"]["customer"] is None
    assert answer["data"]["shop"]["id"]
    assert answer["errors"][0]["path"] == ["customer"]


def test_a_query_that_is_none_is_told_in_a_200(app):
    assert "Syntax Error" in app.call("{ customers(")["errors"][0]["message"]


def test_a_variable_that_must_be_there_is_asked_for(app):
    assert "Variable $first" in app.call(CUSTOMERS)["errors"][0]["message"]


@pytest.mark.skipif(SCHEMA is None, reason="the platform's schema is not beside the checkout")
@pytest.mark.parametrize(
    "query",
    [
        "{ customers(first: 1) { nodes { emailAdress } } }",
        "{ customers(first: 1, sortKey: NEWEST) { nodes { id } } }",
        "{ customers(first: 1) { nodes { defaultEmailAddress } } }",
    ],
)
def test_what_does_not_fit_the_platforms_schema_is_refused(query):
    with caller(schema="beside", customers=3) as app:
        answer = app.call(query)

    assert "data" not in answer
    assert answer["errors"]


def test_the_queries_that_were_checked_against_the_platform_are_answered():
    queries = recorded_queries()
    with caller(schema="beside", customers=20) as app:
        for name in ("customers_incremental", "customer_by_email", "webhook_list", "shop"):
            app.data(queries[name], first=5, email="nobody@mail.example")


# Lists


@pytest.mark.parametrize("order", ["UPDATED_AT", "ID", "CREATED_AT"])
@pytest.mark.parametrize("size", [1, 7, 100])
def test_pages_hold_everybody_once_in_order(app, order, size):
    nodes = [node for page in app.pages(size, sort=order) for node in page]

    assert len(set(ids(nodes))) == len(nodes) == 100
    values = [node["updatedAt" if order == "UPDATED_AT" else "createdAt"] for node in nodes]
    assert order == "ID" or values == sorted(values)


def test_who_changes_while_pages_are_read_comes_again_at_the_end_and_nobody_is_missed(app):
    pages = app.pages(30)
    seen = ids(next(pages))
    app.fake("customers/change", {"ids": [seen[0], seen[29]], "fields": {"note": "x"}})
    gone = app.fake("customers?limit=1000")["customers"][50]["id"]
    app.fake("customers/delete", {"ids": [gone]})
    came = app.fake("customers", {"count": 2})["ids"]

    seen += [one for page in pages for one in ids(page)]

    assert {seen[0], seen[29]} <= set(seen[30:])
    assert {f"gid://shopify/Customer/{number}" for number in came} <= set(seen)
    assert len(set(seen)) >= 101


def test_a_page_can_be_read_backwards(app):
    query = """query($before: String) { customers(last: 10, before: $before, sortKey: UPDATED_AT) {
      nodes { id } pageInfo { hasPreviousPage hasNextPage startCursor } } }"""
    every = [one for page in app.pages(100) for one in ids(page)]

    last = app.data(query)["customers"]
    before = app.data(query, before=last["pageInfo"]["startCursor"])["customers"]

    assert ids(last["nodes"]) == every[-10:]
    assert ids(before["nodes"]) == every[-20:-10]


def test_a_list_can_be_reversed(app):
    query = "{ customers(first: 100, sortKey: UPDATED_AT, reverse: true) { nodes { id } } }"
    every = [one for page in app.pages(100) for one in ids(page)]

    assert ids(app.data(query)["customers"]["nodes"]) == every[::-1]


@pytest.mark.parametrize("cursor", ["nonsense", base64.b64encode(b"{}").decode()])
def test_a_cursor_that_is_none_is_refused(app, cursor):
    answer = app.call(CUSTOMERS, first=5, after=cursor)

    assert answer["errors"][0]["message"].startswith("Invalid cursor")


def test_a_cursor_of_another_order_is_refused(app):
    page = app.data(CUSTOMERS, first=5, sort="ID")["customers"]["pageInfo"]

    answer = app.call(CUSTOMERS, first=5, after=page["endCursor"], sort="UPDATED_AT")

    assert answer["errors"][0]["message"].startswith("Invalid cursor")


@pytest.mark.parametrize("arguments", ["", "(first: 251)", "(first: -1)"])
def test_a_connection_wants_a_size_it_can_give(app, arguments):
    assert app.call(f"{{ customers{arguments} {{ nodes {{ id }} }} }}")["errors"]


def test_many_are_read_by_their_ids_and_who_is_gone_is_null(app):
    wanted = ids(next(app.pages(3)))

    found = app.data(
        f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Customer {{ {NODE} }} }} }}",
        ids=[*wanted, "gid://shopify/Customer/5"],
    )["nodes"]

    assert ids(found[:3]) == wanted
    assert found[3] is None


def test_a_customer_is_found_by_address_and_by_number(app):
    wanted = somebody(app, emailState="SUBSCRIBED")
    query = "query($who: CustomerIdentifierInput!) { customerByIdentifier(identifier: $who) { id } }"
    phoned = next(one for one in app.fake("customers?limit=1000")["customers"] if one["phone"])

    assert app.data(query, who={"emailAddress": wanted["email"].upper()})["customerByIdentifier"]["id"] == wanted["id"]
    assert app.data(query, who={"phoneNumber": phoned["phone"]})["customerByIdentifier"]
    assert app.data(query, who={"emailAddress": "nobody@mail.example"})["customerByIdentifier"] is None


# The search


def test_updated_at_matches_whole_days(app):
    app.fake("customers/change", {"count": 1, "at": "2026-11-20T23:00:00Z", "fields": {"note": "late"}})
    count = {
        term: len(next(app.pages(100, query=f"updated_at:{term}")))
        for term in (">='2026-11-20T23:30:00Z'", ">='2026-11-21'", ">'2026-11-19T01:00:00Z'", "'2026-11-20'")
    }

    assert count == {
        ">='2026-11-20T23:30:00Z'": 1,  # the whole day, though the change came before
        ">='2026-11-21'": 0,
        ">'2026-11-19T01:00:00Z'": 1,
        "'2026-11-20'": 1,
    }


def test_a_shop_that_matches_seconds_can_be_had():
    with caller(whole_days=False, **PLENTY) as app:
        app.fake("customers/change", {"count": 1, "at": "2026-11-20T23:00:00Z", "fields": {"note": "late"}})

        assert len(next(app.pages(100, query="updated_at:>='2026-11-20T23:30:00Z'"))) == 0
        assert len(next(app.pages(100, query="updated_at:>='2026-11-20T22:30:00Z'"))) == 1


@pytest.mark.parametrize(
    "text", ["updated_at:>='yesterday'", "changed:>'2026-01-01'", "updated_at:>=2026-11-20T10:00:00Z"]
)
def test_a_filter_that_is_not_understood_lists_everybody_and_only_a_warning_tells(app, text):
    answer = app.call(CUSTOMERS, first=100, query=text)

    assert len(answer["data"]["customers"]["nodes"]) == 100
    assert answer["extensions"]["search"][0]["warnings"]


def test_terms_are_joined_and_turned_round(app):
    everybody = app.fake("customers?limit=1000")["customers"]

    def found(text: str) -> int:
        return len(next(app.pages(100, query=text)))

    tagged = sum("vip" in one["tags"] for one in everybody)
    assert found("tag:vip") == tagged
    assert found("-tag:vip") == 100 - tagged
    assert found(f"id:{everybody[3]['legacyResourceId']} OR id:{everybody[4]['legacyResourceId']}") == 2
    assert found("tag:vip (country:DE OR country:FR)") == sum(
        "vip" in one["tags"] and one["countryCode"] in ("DE", "FR") for one in everybody
    )
    assert found(f'email:"{somebody(app, emailState="SUBSCRIBED")["email"]}"') == 1
    assert found("orders_count:>=5") == sum(int(one["numberOfOrders"]) >= 5 for one in everybody)


def test_a_range_reads_only_what_it_must_of_a_million():
    with caller(customers=1_000_000, **PLENTY) as app:
        page = app.data(CUSTOMERS, first=50, query="updated_at:>='2026-08-30'")["customers"]["nodes"]

        assert len(page) == 50
        assert page[0]["updatedAt"][:10] == "2026-08-30"
        assert app.data("{ customersCount(limit: null) { count precision } }")["customersCount"]["count"] == 1_000_000


# What it costs


def test_a_query_costs_what_the_documentation_says(app):
    query = """query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Customer { amountSpent { amount } } } }"""
    wanted = ids(next(app.pages(10)))

    listed = app.call("{ customers(first: 50) { nodes { id amountSpent { amount } } pageInfo { endCursor } } }")
    by_id = app.call(query, ids=[*wanted, "gid://shopify/Customer/5"])

    assert listed["extensions"]["cost"]["requestedQueryCost"] == 2 + 50 * 2
    assert by_id["extensions"]["cost"]["requestedQueryCost"] == 11 * 2
    assert by_id["extensions"]["cost"]["actualQueryCost"] == 10 * 2


def test_what_was_not_used_is_given_back():
    with caller(customers=5, restore=0.0) as app:
        spent = app.call("{ customers(first: 200) { edges { node { id } } } }")["extensions"]["cost"]

    assert (spent["requestedQueryCost"], spent["actualQueryCost"]) == (202, 7)
    assert spent["throttleStatus"] == {"maximumAvailable": 1000.0, "currentlyAvailable": 993, "restoreRate": 0.0}


def test_an_empty_bucket_is_throttled_inside_a_200():
    with caller(bucket=100, restore=0.0) as app:
        first = app.call("{ customers(first: 90) { nodes { id } } }")
        second = app.raw("{ customers(first: 90) { nodes { id } } }")

    answer = second.get_json()
    assert "data" in first
    assert second.status_code == 200
    assert answer["errors"][0]["extensions"]["code"] == "THROTTLED"
    assert answer["extensions"]["cost"]["throttleStatus"]["currentlyAvailable"] == 8
    assert app.shop.throttled == 1


def test_a_query_beyond_a_thousand_points_never_runs(app):
    answer = app.call(CUSTOMERS, first=250)

    assert answer["errors"][0]["extensions"]["code"] == "MAX_COST_EXCEEDED"


def test_the_price_seen_in_2025_makes_large_pages_cheap():
    with caller(cost="scaled", **PLENTY) as app:
        answer = app.call("{ customers(first: 250) { nodes { id amountSpent { amount } } } }")

    assert answer["extensions"]["cost"]["requestedQueryCost"] == 24


# Consent


def test_consent_is_written_with_its_time(app):
    who = somebody(app, emailState="SUBSCRIBED")["id"]
    consent = {"marketingState": "UNSUBSCRIBED", "consentUpdatedAt": "2026-11-20T00:00:00Z"}

    found = app.data(EMAIL_CONSENT, input={"customerId": who, "emailMarketingConsent": consent})

    found = found["customerEmailMarketingConsentUpdate"]
    assert found["userErrors"] == []
    assert found["customer"]["defaultEmailAddress"] == {
        "marketingState": "UNSUBSCRIBED",
        "marketingUpdatedAt": "2026-11-20T00:00:00Z",
    }


@pytest.mark.parametrize("state", ["NOT_SUBSCRIBED", "REDACTED", "INVALID"])
def test_some_states_cannot_be_written(app, state):
    who = somebody(app, emailState="SUBSCRIBED")["id"]

    found = app.data(EMAIL_CONSENT, input={"customerId": who, "emailMarketingConsent": {"marketingState": state}})

    assert found["customerEmailMarketingConsentUpdate"]["userErrors"][0]["code"] == "INVALID"


def test_consent_needs_what_it_is_about(app):
    mute = somebody(app, phone=None)["id"]
    consent = {"marketingState": "UNSUBSCRIBED"}

    sms = app.data(SMS_CONSENT, input={"customerId": mute, "smsMarketingConsent": consent})
    gone = app.data(EMAIL_CONSENT, input={"customerId": "gid://shopify/Customer/5", "emailMarketingConsent": consent})

    assert "phone number" in sms["customerSmsMarketingConsentUpdate"]["userErrors"][0]["message"]
    assert gone["customerEmailMarketingConsentUpdate"]["userErrors"][0]["field"] == ["input", "customerId"]


def test_sms_consent_is_written(app):
    who = next(one for one in app.fake("customers?limit=1000")["customers"] if one["phone"])["id"]

    found = app.data(SMS_CONSENT, input={"customerId": who, "smsMarketingConsent": {"marketingState": "SUBSCRIBED"}})

    found = found["customerSmsMarketingConsentUpdate"]
    assert found["customer"]["defaultPhoneNumber"]["smsMarketingConsent"]["state"] == "SUBSCRIBED"


# Customers


def test_customers_are_made_changed_and_deleted(app):
    made = app.data(
        """mutation($input: CustomerInput!) { customerCreate(input: $input) { customer { id email updatedAt }
           userErrors { field message } } }""",
        input={"email": "ann@mail.example", "firstName": "Ann", "tags": ["new"]},
    )["customerCreate"]
    who = made["customer"]["id"]
    changed = app.data(
        """mutation($input: CustomerInput!) { customerUpdate(input: $input) { customer { firstName tags email } } }""",
        input={"id": who, "firstName": "Anna"},
    )["customerUpdate"]["customer"]
    gone = app.data(DELETE, input={"id": who})["customerDelete"]["deletedCustomerId"]

    assert made["userErrors"] == []
    assert changed == {"firstName": "Anna", "tags": ["new"], "email": "ann@mail.example"}
    assert gone == who
    assert (
        app.data(DELETE, input={"id": who})["customerDelete"]["userErrors"][0]["message"] == "Customer can't be found"
    )


def test_an_address_belongs_to_one_customer(app):
    taken = somebody(app, emailState="SUBSCRIBED")["email"]
    create = (
        "mutation($input: CustomerInput!) { customerCreate(input: $input) { customer { id } userErrors { message } } }"
    )

    for given, words in (
        ({"email": taken.upper()}, "Email has already been taken"),
        ({"note": "x"}, "must have a name"),
    ):
        found = app.data(create, input=given)["customerCreate"]
        assert found["customer"] is None
        assert words in found["userErrors"][0]["message"]


def test_to_change_customers_needs_a_scope_of_its_own():
    with caller(scopes=("read_customers",)) as app:
        answer = app.call(DELETE, input={"id": "gid://shopify/Customer/5"})

    assert answer["data"] == {"customerDelete": None}
    assert "write_customers" in answer["errors"][0]["message"]


# The schema


@pytest.mark.skipif(SCHEMA is None, reason="the platform's schema is not beside the checkout")
def test_all_that_is_answered_is_in_the_platforms_schema_with_the_same_type():
    real = platform_schema(SCHEMA).type_map
    ours = {name: kind for name, kind in ANSWERED.type_map.items() if not name.startswith("__")}

    for name, kind in ours.items():
        assert name in real
        for part in ("fields", "values"):
            for key, field in getattr(kind, part, {}).items():
                same = getattr(real[name], part)[key]
                assert str(getattr(field, "type", None)) == str(getattr(same, "type", None)), f"{name}.{key}"
                for argument, one in getattr(field, "args", {}).items():
                    assert str(one.type) == str(same.args[argument].type), f"{name}.{key}({argument}:)"


# What goes wrong


@pytest.mark.parametrize("status", [401, 402, 403, 423, 429, 500, 503])
def test_a_status_fault_happens_as_often_as_asked(app, status):
    app.fault("status", status=status, count=2)

    assert [app.raw(SOME).status_code for _ in range(3)] == [status, status, 200]


def test_a_fault_can_wait_and_be_for_one_field_only(app):
    app.fault("throttle", operation="customers", skip=1)
    shop = "{ shop { id } }"

    codes = ["errors" in app.call(query) for query in (shop, SOME, shop, SOME)]

    assert codes == [False, False, False, True]


def test_an_expired_token_and_a_page_of_html(app):
    app.fault("html")
    html = app.raw(SOME)
    app.fault("unauthorized")
    denied = [app.raw(SOME).status_code for _ in range(2)]

    assert (html.status_code, html.content_type[:9]) == (200, "text/html")
    assert denied == [401, 401]


def test_pages_can_be_repeated_shrunk_emptied_or_lose_people(app):
    every = [one for page in app.pages(10) for one in ids(page)]

    app.fault("repeat_page", skip=1)
    again = [one for page in app.pages(40) for one in ids(page)]
    app.fault("shrink_page")
    shrunk = [len(page) for page in app.pages(40)]
    app.fault("empty_page", skip=1)
    emptied = [len(page) for page in app.pages(40)]
    app.fault("lose_half")
    lost = [one for page in app.pages(40) for one in ids(page)]

    assert again[40:80] == again[:40] == every[:40]
    assert (shrunk, emptied) == ([20, 40, 40], [40, 0, 40, 20])
    assert len(lost) == 80


def test_the_filter_can_be_ignored_without_a_warning(app):
    app.fault("ignore_filter")

    answer = app.call(CUSTOMERS, first=100, query="updated_at:>='2030-01-01'")

    assert len(answer["data"]["customers"]["nodes"]) == 100
    assert "search" not in answer["extensions"]


def test_an_unknown_fault_is_told(app):
    assert app.http.post("/fake/faults", json={"kind": "flood"}).status_code == 400


# The control routes


def test_a_change_without_fields_is_a_purchase(app):
    before = app.fake("customers?limit=1")["customers"][0]

    app.fake("customers/change", {"ids": [before["id"]]})
    after = app.fake(f"customers?ids={before['legacyResourceId']}")["customers"][0]

    assert int(after["numberOfOrders"]) == int(before["numberOfOrders"]) + 1
    assert after["updatedAt"] > before["updatedAt"]


def test_all_customers_can_be_had_as_lines(app):
    lines = app.http.get("/fake/customers.jsonl").data.splitlines()

    assert [json.loads(line) for line in lines] == app.fake("customers?limit=1000")["customers"]
    assert tuple(json.loads(lines[0])) == COLUMNS


def test_the_clock_can_be_moved(app):
    app.fake("clock", {"offset_s": 86_400 * 400})
    app.fake("customers/change", {"count": 1})

    assert app.fake("state")["now"] > "2027-11"
    assert len(next(app.pages(100, query="updated_at:>='2027-11-01'"))) == 1


def test_calls_and_points_are_counted_until_they_are_forgotten(app):
    app.call(SOME)
    before = app.fake("state")
    app.http.delete("/fake/calls")

    assert before["calls"] == {"customers": 1}
    assert before["points"] == 5
    assert app.fake("state")["calls"] == {}


def test_a_reset_brings_the_beginning_back(app):
    app.fake("customers/delete", {"count": 10})
    assert app.fake("state")["customers"] == 90

    app.fake("reset", {})

    assert app.fake("state")["customers"] == 100


def test_a_merge_leaves_one(app):
    kept, gone = (one["id"] for one in app.fake("customers?limit=2")["customers"])

    app.fake("customers/merge", {"kept": kept, "gone": gone})

    assert app.data(f'{{ customer(id: "{gone}") {{ id }} }}')["customer"] is None
