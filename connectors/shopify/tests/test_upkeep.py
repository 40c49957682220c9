"""Webhook subscriptions and the doctor's findings."""

import gzip
import json
from pathlib import Path

import pytest

from connectors.shopify import upkeep
from connectors.shopify.connector import TOPICS
from connectors.shopify.queries import PROTECTED
from connectors.shopify.tests.standin import (
    KEYS,
    NOW_S,
    STATIC,
    FakeVault,
    StandIn,
    access,
    connector,
    customer,
    customers,
    error,
    graph,
    reply,
    token,
)
from customer_sync.errors import ConfigError, TryLater, Unavailable

ADDRESS = "https://sync.example.com/webhooks/lamps"
SCHEMA = (
    Path(__file__).parents[4] / "shared" / "payloads" / "shopify" / "schema" / "admin_2026-10.introspection.json.gz"
)
WANTED = upkeep.subscribable(TOPICS)


class Hooks:
    """The subscriptions of an app: listed in pages, made, changed, removed."""

    def __init__(self, *found, said=None):
        self.found = {hook["id"]: hook for hook in found}
        self.said = said or {}

    def standin(self, **answers):
        return StandIn(Hooks=self.list, Create=self.create, Update=self.update, Delete=self.delete, **answers)

    def list(self, call):
        ids = sorted(self.found)
        start = ids.index(call.variables["after"]) + 1 if call.variables["after"] else 0
        page = ids[start : start + 2]
        more = start + 2 < len(ids)
        info = {"hasNextPage": more, "endCursor": page[-1] if page else None}
        return {"webhookSubscriptions": {"pageInfo": info, "nodes": [self.found[one] for one in page]}}

    def create(self, call):
        topic = call.variables["topic"]
        answer = self.said.get(topic)
        if answer is None or isinstance(answer, str):
            if answer is None:
                self.found[f"new/{topic}"] = hook(f"new/{topic}", topic, **call.variables["hook"])
            return {"webhookSubscriptionCreate": payload(answer)}
        return answer

    def update(self, call):
        self.found[call.variables["id"]].update(call.variables["hook"])
        return {"webhookSubscriptionUpdate": payload()}

    def delete(self, call):
        del self.found[call.variables["id"]]
        return {"webhookSubscriptionDelete": payload()}


def payload(said=None):
    return {"userErrors": [{"field": ["topic"], "message": said}] if said else []}


def hook(number, topic, uri=ADDRESS, **fields):
    return {"id": number, "topic": topic, "uri": uri, "format": "JSON", "filter": None, "includeFields": [], **fields}


def all_hooks(**fields):
    return [hook(f"h/{topic}", upkeep.enum_of(topic), **fields) for topic in WANTED]


def ensure(hooks, address=ADDRESS, *, made=(), **settings):
    """Make the webhooks right, where those with the numbers `made` are remembered as ours."""
    vault = FakeVault(webhooks={"ids": [*made]})
    return connector(STATIC, **settings).ensure_webhooks(address, access(hooks.standin(), vault))


def test_missing_webhooks_are_made_and_a_second_time_there_is_nothing_to_do():
    hooks = Hooks()
    first = ensure(hooks)
    second = ensure(hooks)

    assert (list(first.created), first.was_deaf) == (WANTED, True)
    assert (list(second.kept), second.was_deaf) == (WANTED, False)
    assert all(one["uri"] == ADDRESS and one["format"] == "JSON" for one in hooks.found.values())


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"uri": "https://old.example.com/webhooks/lamps"}, "another address"),
        ({"format": "XML"}, "not JSON"),
        ({"includeFields": ["id"]}, "only some fields or records"),
        ({"filter": "id:5"}, "only some fields or records"),
    ],
)
def test_a_webhook_that_is_wrong_is_repaired(fields, wrong):
    hooks = Hooks(*all_hooks(**fields))
    found = ensure(hooks, made=hooks.found)

    assert found.repaired == dict.fromkeys(WANTED, wrong)
    assert found.was_deaf
    assert list(ensure(hooks).kept) == WANTED


@pytest.mark.parametrize("wrong", [{"uri": "https://old.example.com/webhooks/lamps"}, {"format": "XML"}])
def test_of_two_of_ours_the_right_one_is_kept_and_the_other_removed(wrong):
    double = hook("a/older", "CUSTOMERS_CREATE", **wrong)
    hooks = Hooks(*all_hooks(), double)
    found = ensure(hooks, made=hooks.found)

    assert (found.removed, found.was_deaf) == (("customers/create",), False)
    assert "a/older" not in hooks.found


@pytest.mark.parametrize(
    "uri", ["https://other.example.com/hooks", "https://sync.example.com/webhooks/other", "pubsub://x:y", ""]
)
def test_the_webhooks_of_others_are_left_alone(uri):
    theirs = hook("theirs", "CUSTOMERS_CREATE", uri)
    hooks = Hooks(dict(theirs))

    assert list(ensure(hooks).created) == WANTED
    assert hooks.found["theirs"] == theirs


def test_a_slash_at_the_end_is_no_other_address():
    assert list(ensure(Hooks(*all_hooks(uri=ADDRESS + "/"))).kept) == WANTED


def test_what_fails_is_told_by_topic_and_stops_nothing_else():
    forbidden = "You cannot create a webhook subscription with the specified topic"
    hooks = Hooks(
        said={
            "CUSTOMERS_MERGE": forbidden,
            "ORDERS_CREATE": graph(None, error("ACCESS_DENIED", "Requires `read_orders` access scope.")),
            "PRODUCTS_CREATE": graph(None, error("THROTTLED"), requested=10, available=0),
            "APP_UNINSTALLED": "Something odd",
            "CUSTOMERS_CREATE": "Address for this topic has already been taken",
        }
    )
    found = ensure(hooks)

    assert found.failed == {
        "customers/merge": "The app lacks the scope read_customer_merge.",
        "orders/create": "The app lacks the scope read_orders.",
        "products/create": "not now: Shopify's limit is reached.",
        "app/uninstalled": "Something odd",
    }
    assert found.kept == ("customers/create",)
    assert len(found.created) == len(WANTED) - 5


def test_the_privacy_topics_cannot_be_made_here():
    assert set(TOPICS) - set(WANTED) == {"customers/data_request", "customers/redact", "shop/redact"}


@pytest.mark.parametrize("answer", [Unavailable("down"), TryLater("busy"), reply(503)])
def test_where_nothing_can_be_done_at_all_it_says_so(answer):
    with pytest.raises((TryLater, Unavailable)):
        connector().ensure_webhooks(ADDRESS, access(StandIn(Hooks=answer)))


def test_a_list_that_does_not_go_on_is_tried_again():
    page = {"webhookSubscriptions": {"pageInfo": {"hasNextPage": True, "endCursor": "x"}, "nodes": []}}

    with pytest.raises(TryLater, match="again"):
        connector().ensure_webhooks(ADDRESS, access(StandIn(Hooks=page)))


def test_shopify_calls_only_https_and_a_stand_in_anything():
    with pytest.raises(ConfigError, match="https"):
        ensure(Hooks(), "http://127.0.0.1:8000/webhooks/lamps")
    assert ensure(Hooks(), "http://127.0.0.1:8000/webhooks/lamps", base_url="http://127.0.0.1:9").created


def test_every_topic_but_the_privacy_ones_is_in_the_published_schema():
    if not SCHEMA.exists():
        pytest.skip("Shopify's published schema is not beside the repository")
    found = json.loads(gzip.decompress(SCHEMA.read_bytes()))
    types = found.get("data", found)["__schema"]["types"]
    enum = next(one for one in types if one["name"] == "WebhookSubscriptionTopic")
    scopes = {value["name"]: value["description"] or "" for value in enum["enumValues"]}

    assert {upkeep.enum_of(topic) for topic in WANTED} <= set(scopes)
    assert not {upkeep.enum_of(topic) for topic in upkeep.PRIVACY} & set(scopes)
    for topic in WANTED:
        assert upkeep.scope_of(topic) in scopes[upkeep.enum_of(topic)], topic


# findings


def installation(*scopes, versions=("2026-07", "2026-10")):
    return {
        "currentAppInstallation": {"accessScopes": [{"handle": scope} for scope in scopes]},
        "publicApiVersions": [
            {"handle": "2027-01", "supported": False},
            *({"handle": v, "supported": True} for v in versions),
        ],
    }


ALL = ("write_customers", "read_orders", "read_products", "read_customer_merge")


def check(options=STATIC, hooks=None, **answers):
    usual = {"Installation": installation(*ALL), "Customers": customers(customer(1))}
    http = (hooks or Hooks(*all_hooks())).standin(**{**usual, **answers})
    found = connector(options).check(access(http))
    assert all(one.fix or one.verdict == "ok" for one in found)
    return {one.name: one for one in found}


def test_a_store_that_is_well_has_only_good_findings():
    found = check()

    assert list(found) == [
        "token",
        "api version",
        "scopes",
        "old orders",
        "protected data",
        "webhooks",
        "privacy webhooks",
        "cart mails",
    ]
    assert {one.verdict for one in found.values()} == {"ok"}
    assert "shopify.app.toml" in found["privacy webhooks"].fix
    assert "two reminders" in found["cart mails"].fix


@pytest.mark.parametrize(
    ("scopes", "words"),
    [(ALL, "60 days only"), ((*ALL, "read_all_orders"), "any age"), (("read_customers",), None)],
)
def test_it_tells_how_far_back_orders_can_be_seen(scopes, words):
    found = check(Installation=installation(*scopes)).get("old orders")

    assert (found is None) is (words is None)
    assert found is None or words in found.cause


@pytest.mark.parametrize(
    ("options", "is_told"),
    [(STATIC, True), ({**STATIC, "storefront_url": "https://lamps.example/"}, False)],
)
def test_it_tells_the_shops_own_domain_where_links_do_not_lead_there(options, is_told):
    told = {**installation(*ALL), "shop": {"primaryDomain": {"url": "https://lamps.example"}}}
    found = check(options, Installation=told)

    assert ("storefront" in found) is is_told
    assert not is_told or "storefront_url: https://lamps.example" in found["storefront"].fix


@pytest.mark.parametrize("shop", [None, 5, {}, {"primaryDomain": None}, {"primaryDomain": {"url": None}}])
def test_a_domain_that_is_not_told_is_no_finding(shop):
    assert "storefront" not in check(Installation={**installation(*ALL), "shop": shop})


def test_it_tells_which_token_it_has_and_until_when():
    assert "permanent" in check()["token"].cause
    found = check(KEYS, token=token("x", expires_in=3600))["token"].cause

    assert found == "by client credentials; good until 2026-11-21 13:00 UTC, renewed before"
    assert NOW_S % 3600 == 0


@pytest.mark.parametrize(
    ("answers", "name", "verdict", "words"),
    [
        ({"Installation": installation("read_orders")}, "scopes", "fail", "read_customers: no customers"),
        ({"Installation": installation("read_customers")}, "scopes", "warn", "read_orders: no orders"),
        ({"Installation": installation(*ALL, versions=("2027-01",))}, "api version", "warn", "not supported"),
        ({"Installation": reply(403)}, "api", "fail", "403"),
        ({"Installation": reply(500)}, "api", "fail", "500"),
        ({"Installation": Unavailable("no")}, "api", "fail", "no"),
        ({"Installation": {"currentAppInstallation": 5}}, "api", "fail", "currentAppInstallation"),
        (
            {
                "Customers": graph(
                    {"customers": None},
                    error("ACCESS_DENIED", "not approved to access the Customer object", ["customers"]),
                )
            },
            "protected data",
            "fail",
            "protected",
        ),
        (
            {
                "Customers": graph(
                    customers(customer(1, defaultEmailAddress=None)),
                    error("ACCESS_DENIED", path=["customers", "nodes", 0, "defaultEmailAddress"]),
                )
            },
            "protected data",
            "fail",
            "defaultEmailAddress",
        ),
        (
            {"Customers": customers(customer(1, **dict.fromkeys(PROTECTED)))},
            "protected data",
            "warn",
            "none of the 1 customers",
        ),
        ({"Customers": customers()}, "protected data", "ok", "not known yet"),
        ({"hooks": Hooks()}, "webhooks", "warn", f"{len(WANTED)} without one: customers/create"),
        ({"hooks": Hooks(*all_hooks(format="XML"))}, "webhooks", "warn", f"{len(WANTED)} without one"),
    ],
)
def test_what_is_not_well_is_named_with_its_remedy(answers, name, verdict, words):
    found = check(**answers)[name]

    assert (found.verdict, words in found.cause) == (verdict, True), found


def test_a_token_that_cannot_be_had_ends_the_check():
    found = check(KEYS, token=reply(400, {"error": "app_not_installed"}))

    assert list(found) == ["token"]
    assert "Install app" in found["token"].fix


def test_a_source_that_only_receives_is_told_how_to_pull():
    found = check({"api_secret": "s"})

    assert (found["token"].verdict, "shop_url" in found["token"].fix) == ("warn", True)


def test_a_check_that_fails_itself_is_a_finding():
    found = check(Installation=KeyError("x"))

    assert "KeyError" in found["api"].cause
