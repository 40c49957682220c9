"""One question to the API: every way in which it fails, as the next step; and each query against Shopify's schema."""

import gzip
import json
from pathlib import Path

import pytest

from connectors.shopify import queries
from connectors.shopify.account import Account
from connectors.shopify.api import Api, Cost, TooCostly, branch, items, parse
from connectors.shopify.tests.standin import (
    KEYS,
    STATIC,
    FakeVault,
    StandIn,
    access,
    connector,
    cost,
    customer,
    customers,
    error,
    graph,
    reply,
    token,
)
from customer_sync.errors import ConfigError, TryLater, Unavailable
from customer_sync.kit.json_text import UNREADABLE

SCHEMAS = Path(__file__).parents[4] / "shared" / "payloads" / "shopify" / "schema"
#: What begins with a line below is a part of others.
QUERIES = {
    name: text
    for name, text in vars(queries).items()
    if name.isupper() and isinstance(text, str) and not name.startswith("_")
}
QUERIES |= {
    "changes": queries.changes(),
    "changes, some denied": queries.changes("customers", queries.PROTECTED),
    "everybody": queries.everybody(),
    **{f"changes of {one}": queries.changes(one) for one in queries.BELOW},
    **{f"all {one}": queries.everybody(one) for one in queries.BELOW},
    **{f"more of {one}": queries.more(one) for one in queries.BELOW},
    "orders, some denied": queries.changes("orders", ["customer", "email"]),
    "everybody, some denied": queries.everybody("customers", ["lastOrder", "note"]),
}


def ask(answer, options=STATIC, vault=None, **variables):
    return api(answer, options, vault).ask(queries.HOOKS, **variables)


def api(answer, options=STATIC, vault=None):
    return Api(Account.of(connector(options).settings), access(StandIn(Hooks=answer, token=token("fresh")), vault))


@pytest.fixture(scope="module", params=["2026-07", "2026-10"])
def schema(request):
    graphql = pytest.importorskip("graphql")
    path = SCHEMAS / f"admin_{request.param}.introspection.json.gz"
    if not path.exists():
        pytest.skip("Shopify's published schema is not beside the repository")
    found = json.loads(gzip.decompress(path.read_bytes()))
    return graphql.build_client_schema(
        found.get("data", found), assume_valid=True
    )  # Shopify deprecates what its interfaces do not


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_fits_the_published_schema(schema, name):
    graphql = pytest.importorskip("graphql")

    assert graphql.validate(schema, graphql.parse(QUERIES[name])) == []


def test_a_question_goes_to_the_store_with_its_token_and_version():
    http = StandIn(Hooks={"webhookSubscriptions": {}})
    Api(Account.of(connector().settings), access(http)).ask(queries.HOOKS, after="x")
    ((_, call),) = http.calls

    assert call.url == "https://lamps.myshopify.com/admin/api/2026-10/graphql.json"
    assert (call.token, call.body) == ("shpat_static", {"query": queries.HOOKS, "variables": {"after": "x"}})


def test_a_stand_in_is_asked_instead_of_the_store():
    http = StandIn(Hooks={})
    ours = connector({**STATIC, "api_version": "2026-07"}, base_url="http://127.0.0.1:9/")
    Api(Account.of(ours.settings), access(http)).ask(queries.HOOKS)

    assert http.calls[0][1].url == "http://127.0.0.1:9/admin/api/2026-07/graphql.json"


@pytest.mark.parametrize("version", ["2026-11", "latest", "../../x", "2024.10"])
def test_a_version_that_is_none_is_told(version):
    with pytest.raises(ConfigError, match="api_version"):
        ask({}, {**STATIC, "api_version": version})


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (reply(400, b"{}"), ConfigError, "400"),
        (reply(402, b"{}"), ConfigError, "bill"),
        (reply(403, b"{}"), ConfigError, "scopes"),
        (
            reply(403, {"errors": "[API] requires merchant approval for read_customers scope."}),
            ConfigError,
            "read_customers",
        ),
        (reply(404, b"{}"), ConfigError, "shop_url"),
        (reply(423, b"{}"), ConfigError, "locked"),
        (reply(301, b"", location="https://new.myshopify.com"), ConfigError, "moved"),
        (reply(418, b"{}"), ConfigError, "418"),
        (reply(429, b"{}"), TryLater, "429"),
        (reply(430, b"{}"), TryLater, "430"),
        (reply(500, b"{}"), Unavailable, "500"),
        (reply(503, b"<html>"), Unavailable, "503"),
        (reply(200, b"<!doctype html><html></html>"), TryLater, "page instead of JSON"),
        (reply(200, b""), TryLater, "page instead of JSON"),
        (reply(200, b"[]"), TryLater, "page instead of JSON"),
        (reply(200, {"data": None}), TryLater, "neither data nor an error"),
        (reply(200, {"errors": "Not here"}), ConfigError, "Not here"),
        (graph(None, error("INTERNAL_SERVER_ERROR")), TryLater, "INTERNAL_SERVER_ERROR"),
        (graph({"a": 1}, error("INTERNAL_SERVER_ERROR", path=["b"])), TryLater, "INTERNAL_SERVER_ERROR"),
        (graph(None, error("MAX_COST_EXCEEDED")), TooCostly, "costs more"),
        (graph(None, error("undefinedField", "Field 'x' doesn't exist")), ConfigError, "doesn't exist"),
        (graph(None, error("ACCESS_DENIED", "Access denied for customers field.")), ConfigError, "denies access"),
    ],
)
def test_a_failure_says_what_to_do_next(answer, kind, words):
    with pytest.raises(kind, match=words):
        ask(answer)


def test_an_address_in_what_shopify_says_is_not_repeated():
    with pytest.raises(ConfigError) as refusal:
        ask(graph(None, error("other", "no customer ann@example.com here")))
    assert "@" not in str(refusal.value)


@pytest.mark.parametrize(
    ("headers", "status", "wait_s"), [({}, 429, 2.0), ({"retry_after": "7.5"}, 429, 7.5), ({}, 430, 60.0)]
)
def test_being_too_fast_costs_no_try(headers, status, wait_s):
    with pytest.raises(TryLater) as later:
        ask(reply(status, b"{}", **headers))
    assert (later.value.after_s, later.value.burns) == (wait_s, False)


def test_throttled_inside_a_200_waits_until_the_question_fits():
    throttled = graph(None, error("THROTTLED", "Throttled"), requested=602, available=102, restore=50)

    with pytest.raises(TryLater) as later:
        ask(throttled)
    assert (later.value.after_s, later.value.burns) == (10.0, False)


def test_throttled_without_figures_waits_a_little():
    with pytest.raises(TryLater) as later:
        ask(reply(200, {"errors": [{"message": "Throttled"}]}))
    assert (later.value.after_s, later.value.burns) == (2.0, False)


@pytest.mark.parametrize(
    ("cost", "next_cost", "wait_s"),
    [
        (Cost(60, 940, 1000, 100), None, 0),
        (Cost(60, 10, 1000, 100), None, 0.5),
        (Cost(60, 10, 1000, 100), 110, 1.0),
        (Cost(5000, 0, 1000, 100), None, 10.0),
        (Cost(60, 0, 1000, 0), None, 0),
        (Cost(60000, 0, 90000, 1), None, 300.0),
    ],
)
def test_the_wait_is_what_is_missing_over_what_comes_back(cost, next_cost, wait_s):
    assert cost.wait_s(next_cost) == wait_s


def test_a_refused_token_is_renewed_exactly_once():
    ours = api([reply(401), {"webhookSubscriptions": {}}], KEYS)
    ours.ask(queries.HOOKS)

    assert [name for name, _ in ours.access.http.calls] == ["token", "Hooks", "token", "Hooks"]
    with pytest.raises(ConfigError, match="just given"):
        ask(reply(401), KEYS, FakeVault())


def test_a_missing_scope_is_named():
    denied = error(
        "ACCESS_DENIED", "Access denied.", ["webhookSubscriptions"], requiredAccess="`read_customers` access scope."
    )

    with pytest.raises(ConfigError, match="lacks the scope read_customers"):
        ask(graph({"webhookSubscriptions": None}, denied))


def test_protected_data_is_called_by_its_name():
    said = "This app is not approved to access the Customer object. See https://shopify.dev/docs/apps/launch/protected-customer-data"

    with pytest.raises(ConfigError, match="protected customer data"):
        ask(graph({"webhookSubscriptions": None}, error("ACCESS_DENIED", said, ["webhookSubscriptions"])))


def test_fields_that_are_denied_are_left_out_and_named():
    node = customer(1, firstName=None, defaultAddress=None)
    where = ["customers", "nodes", 0]
    answer = ask(
        graph(
            customers(node, customer(2)),
            error("ACCESS_DENIED", path=[*where, "firstName"]),
            error("ACCESS_DENIED", path=[*where, "firstName"]),
            error("ACCESS_DENIED", path=[*where, "defaultAddress", "city"]),
        )
    )

    first, second = answer.data["customers"]["nodes"]
    assert answer.denied == {"firstName", "defaultAddress"}
    assert not {"firstName", "defaultAddress"} & set(first)
    assert first["lastName"] == "Example"
    assert second["firstName"] == "Ann"


def test_a_record_that_is_denied_is_not_taken_for_gone():
    with pytest.raises(ConfigError, match="denies"):
        ask(graph({"nodes": [None]}, error("ACCESS_DENIED", path=["nodes", 0])))


def test_another_version_than_asked_for_is_told_once():
    ours = api(reply(200, {"data": {}}, x_shopify_api_version="2027-01"))
    ours.ask(queries.HOOKS)
    ours.ask(queries.HOOKS)

    assert ours.notes == ["Shopify answered with API version 2027-01 instead of 2026-10: set api_version anew."]


def test_half_a_character_becomes_a_sign_that_readers_leave_out():
    assert parse(b'{"a": "\\ud83d!"}') == {"a": f"{UNREADABLE}!"}
    assert parse(b"no") is None
    assert parse(b"[" * 100_000) is None


@pytest.mark.parametrize("value", [None, [], {"a": None}, {"a": {"b": 1}}, "x"])
def test_an_answer_of_another_shape_is_tried_again(value):
    with pytest.raises(TryLater):
        branch(value, "a", "b")
    with pytest.raises(TryLater):
        items({"a": value if not isinstance(value, list) else None}, "a")


def test_what_a_question_costs_is_told():
    assert ask(graph({}, requested=7.0)).cost == Cost(7.0, 940.0, 1000.0, 100.0)
    assert ask(reply(200, {"data": {}})).cost is None
    assert ask(reply(200, {"data": {}, "extensions": {**cost(), "cost": []}})).cost is None
