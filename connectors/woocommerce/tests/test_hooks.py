"""Webhooks made and repaired, what the doctor says, and the connection in a browser. Replies are canned."""

import hashlib
import json
from urllib.parse import parse_qsl, urlsplit

import pytest

from connectors.woocommerce.api import CURRENCY, PER_PAGE, REMINDER
from connectors.woocommerce.connector import TOPICS, WooCommerceConnector
from connectors.woocommerce.tests.canned import ANONYMOUS, KEYS, NOW, OPTIONS, REFUSED, Vault, access, rows
from customer_sync.errors import ConfigError, Refused, Unavailable
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.reach import Callback, Invitation

ADDRESS = "https://sync.example.com/webhooks/tea"
STATE = "0123456789abcdef0123456789abcdef"


class Hooks:
    """A shop's webhooks, as its API shows them."""

    def __init__(self, *hooks):
        self.hooks = {hook["id"]: hook for hook in hooks}
        self.calls, self.secrets, self.refuses = [], {}, {}

    def __call__(self, call):
        if call.method == "GET":
            page = int(call.params["page"]) - 1
            shown = sorted(self.hooks.values(), key=lambda hook: hook["id"])
            return rows(shown[page * PER_PAGE : (page + 1) * PER_PAGE], len(shown), -(-len(shown) // PER_PAGE))
        self.calls.append((call.method, call.route, call.body or call.params))
        if call.method in self.refuses:
            return self.refuses[call.method]
        number = int(call.route.rpartition("/")[2]) if call.method != "POST" else max(self.hooks, default=0) + 1
        if call.method == "DELETE":
            assert call.params["force"] == "true"
            return 200, self.hooks.pop(number)
        self.secrets[number] = call.body.pop("secret", None)
        self.hooks[number] = {"id": number, **self.hooks.get(number, {}), **call.body}
        return 201, self.hooks[number]


def hook(number, topic, url=ADDRESS, status="active"):
    return {"id": number, "topic": topic, "delivery_url": url, "status": status}


def whole():
    return [hook(number, topic) for number, topic in enumerate(TOPICS, start=1)]


def known(*hooks, key=KEYS.key, secret="live1", **more):
    """Return a vault that knows that we made webhooks, with which key and which secret."""
    how = [hashlib.sha256(word.encode()).hexdigest()[:16] for word in (key, secret)]
    return Vault(webhooks={str(one["id"]): how for one in hooks}, **more)


def connector(secrets=("live1", "old2"), **options):
    return WooCommerceConnector(SourceSettings("tea", "woocommerce", secrets, {**OPTIONS, **options}))


def ensure(store, vault=None, **options):
    return connector(**options).ensure_webhooks(ADDRESS, access(store, vault))


# webhooks


def test_every_topic_gets_a_webhook_signed_with_the_newest_secret():
    store = Hooks()
    upkeep = ensure(store)

    assert set(upkeep.created) == set(TOPICS) == {one["topic"] for one in store.hooks.values()}
    assert set(store.secrets.values()) == {"live1"}
    assert {(one["delivery_url"], one["status"]) for one in store.hooks.values()} == {(ADDRESS, "active")}
    assert upkeep.was_deaf


def test_what_is_right_is_left_alone_and_what_is_of_others_too():
    others = [hook(90, "order.updated", "https://other.example.com/x", "disabled"), hook(91, "coupon.created")]
    store = Hooks(*whole(), *others)
    upkeep = ensure(store, known(*whole()))

    assert (set(upkeep.kept), store.calls, upkeep.was_deaf) == (set(TOPICS), [], False)


@pytest.mark.parametrize("status", ["disabled", "paused"])
def test_a_webhook_that_was_switched_off_is_made_anew_because_its_count_of_failures_stays(status):
    store, vault = Hooks(*whole()), known(*whole())
    store.hooks[2]["status"] = status
    upkeep = ensure(store, vault)

    assert upkeep.repaired == {"customer.updated": f"it was {status}"}
    assert [call[:2] for call in store.calls] == [("POST", "wc/v3/webhooks"), ("DELETE", "wc/v3/webhooks/2")]
    assert store.secrets == {12: "live1"}
    assert "12" in vault.values["webhooks"]
    assert "2" not in vault.values["webhooks"]
    assert upkeep.was_deaf


def test_webhooks_of_an_unknown_owner_are_made_anew_with_our_key():
    store, vault = Hooks(*whole()), known(*whole()[:10], key="ck_of_somebody_demoted")
    upkeep = ensure(store, vault)
    again = ensure(store, vault)

    assert set(upkeep.repaired) == set(TOPICS)
    assert all("not made with this key" in why for why in upkeep.repaired.values())
    assert len(store.hooks) == len(TOPICS)
    assert min(store.hooks) > len(TOPICS)
    assert (set(again.kept), again.was_deaf) == (set(TOPICS), False)


def test_a_key_that_may_only_read_leaves_working_webhooks_of_others_as_they_are_and_tries_once():
    store = Hooks(*whole())
    store.refuses["POST"] = (401, REFUSED)
    upkeep = ensure(store, Vault(webhooks=["1", "2"]))

    assert (set(upkeep.kept), upkeep.failed) == (set(TOPICS), {})
    assert [call[0] for call in store.calls] == ["POST"]


def test_another_secret_is_given_to_every_webhook_and_remembered():
    store, vault = Hooks(*whole()), known(*whole(), secret="old2")
    upkeep = ensure(store, vault)
    again = ensure(store, vault)

    assert set(upkeep.repaired.values()) == {"it signed with another secret"}
    assert set(upkeep.repaired) == set(TOPICS)
    assert set(store.secrets.values()) == {"live1"}
    assert {call[0] for call in store.calls} == {"PUT"}
    assert set(again.kept) == set(TOPICS)
    assert "live1" not in str(vault.values)


def test_a_webhook_that_we_made_follows_us_to_a_new_address_and_http_becomes_https():
    vault, store = Vault(consumer_key="kept"), Hooks()
    ensure(store, vault)
    store.hooks[1]["delivery_url"] = "https://old.example.com/webhooks/tea"
    store.hooks[2]["delivery_url"] = ADDRESS.replace("https", "http")
    upkeep = ensure(store, vault)

    assert set(upkeep.repaired) == {"customer.created", "customer.updated"}
    assert {one["delivery_url"] for one in store.hooks.values()} == {ADDRESS}
    assert upkeep.created == ()
    assert vault.values["consumer_key"] == "kept"


def test_webhooks_of_others_in_another_shop_are_left_alone_although_they_have_the_numbers_of_ours():
    vault = Vault()
    ensure(Hooks(), vault)
    others = [hook(number, topic, "https://other.example.com/x") for number, topic in enumerate(TOPICS, start=1)]
    twice = hook(12, "customer.updated", "https://other.example.com/y", "disabled")
    vault.values["webhooks"]["12"] = ["", ""]
    store = Hooks(*others, twice)
    upkeep = ensure(store, vault)

    assert (set(upkeep.created), upkeep.removed, upkeep.repaired) == (set(TOPICS), (), {})
    assert {call[0] for call in store.calls} == {"POST"}
    assert [store.hooks[number] for number in range(1, 13)] == [*others, twice]


def test_a_second_one_of_ours_is_removed_and_the_active_one_stays():
    store = Hooks(*whole(), hook(50, "customer.updated"), hook(51, "customer.created"))
    store.hooks[2]["status"] = "disabled"
    upkeep = ensure(store, known(*store.hooks.values()))

    assert set(upkeep.removed) == {"customer.updated", "customer.created"}
    assert {2, 51}.isdisjoint(store.hooks)
    assert upkeep.repaired == {}


def test_every_page_of_webhooks_is_looked_at():
    others = [hook(number, "order.updated", "https://other.example.com/x") for number in range(100, 350)]
    ours = [{**one, "id": one["id"] + 1000} for one in whole()]

    assert ensure(Hooks(*others, *ours)).created == ()


@pytest.mark.parametrize(("secrets", "words"), [((), "no `webhook_secret`"), (("a&b", "c"), "letters and digits")])
def test_a_secret_that_wordpress_may_change_makes_no_webhook(secrets, words):
    store = Hooks(hook(1, "customer.created", status="disabled"))
    upkeep = ensure(store, secrets=secrets)

    assert set(upkeep.failed) == set(TOPICS) - {"customer.created"}
    assert all(words in why and "a&b" not in why for why in upkeep.failed.values())
    assert upkeep.repaired == {"customer.created": "it was disabled"}
    assert store.secrets == {1: None}


def test_what_cannot_be_made_is_told_topic_by_topic():
    store = Hooks()
    store.refuses["POST"] = (401, REFUSED)

    assert set(ensure(store).failed) == set(TOPICS)
    assert "Read/Write" in ensure(store).failed["order.updated"]


def test_a_shop_whose_webhooks_cannot_be_listed_raises():
    with pytest.raises(ConfigError, match="may not do this"):
        ensure(lambda _: (403, {"code": "woocommerce_rest_cannot_view"}))


# the doctor


class Whole(Hooks):
    """A shop that answers every question of the doctor."""

    def __init__(self, *hooks, **answers):
        super().__init__(*hooks)
        self.answers = {
            "wc/v3/customers": rows([{"id": 1, "meta_data": []}]),
            "wc-analytics/reports/customers": rows([], total=12),
            "wc-analytics/imports/status": (404, {"code": "rest_no_route"}),
            "wc/v3/webhooks/0": (400, {"code": "woocommerce_rest_shop_webhook_invalid_id"}),
            "wc/v3/system_status": (200, {"environment": {"version": "11.1.0", "wp_cron": True}}),
            **{route: rows([]) for route in ("wc/v3/orders", "wc/v3/products")},
            CURRENCY: (200, {"id": "woocommerce_currency", "value": "EUR"}),
            f"{REMINDER}/enabled": (200, {"id": "enabled", "value": "yes"}),
            f"{REMINDER}/automated": (200, {"id": "automated", "value": "no"}),
            **answers,
        }

    def __call__(self, call):
        return self.answers[call.route] if call.route in self.answers else super().__call__(call)


def findings(store, vault=None, **options):
    return {one.name: one for one in connector(**options).check(access(store, vault))}


def test_a_shop_in_order_is_well():
    found = findings(Whole(*whole()), known(*whole()))

    assert {one.verdict for one in found.values()} == {"ok"}
    assert set(found) == {
        *("store", "keys", "permalinks", "newsletter boxes", "permissions", "webhooks", "analytics", "version"),
        *("orders, products", "cart mails"),
    }
    assert "HTTP Basic" in found["keys"].cause
    assert "12" in found["analytics"].cause
    assert "11.1.0" in found["version"].cause


REFUSAL = (403, {"code": "woocommerce_rest_cannot_view"})
SICK = {
    "read only": ({"wc/v3/webhooks/0": (401, REFUSED)}, "permissions", "warn", "may read and not write"),
    "no manager": ({"wc/v3/webhooks/0": REFUSAL}, "permissions", "warn", "may not manage"),
    "no analytics": ({"wc-analytics/reports/customers": REFUSAL}, "analytics", "warn", "403"),
    "late analytics": ({"wc-analytics/imports/status": (200, {"mode": "scheduled"})}, "analytics", "warn", "12 hours"),
    "prompt analytics": ({"wc-analytics/imports/status": (200, {"mode": "immediate"})}, "analytics", "ok", "12 cust"),
    "old": ({"wc/v3/system_status": (200, {"environment": {"version": "5.6.2"}})}, "version", "warn", "5.6.2"),
    "no cron": (
        {"wc/v3/system_status": (200, {"environment": {"version": "11.1", "wp_cron": False}})},
        "version",
        "warn",
        "WP-Cron",
    ),
    "no boxes": ({"wc/v3/customers": rows([{"id": 1}])}, "newsletter boxes", "warn", "no administrator"),
    "no accounts": ({"wc/v3/customers": rows([])}, "newsletter boxes", "ok", "no customers"),
    "hidden version": ({"wc/v3/system_status": REFUSAL}, "version", "ok", "may not see"),
    "odd version": ({"wc/v3/system_status": (200, {"environment": {"version": "<b>"}})}, "version", "ok", "not tell"),
    "slow status": ({"wc/v3/system_status": Unavailable("no answer")}, "version", "fail", "no answer"),
    "no orders": ({"wc/v3/orders": REFUSAL}, "orders, products", "warn", "may not read orders."),
    "no settings": ({CURRENCY: REFUSAL}, "orders, products", "warn", "without their currency"),
    "own reminder": ({f"{REMINDER}/automated": (200, {"value": "yes"})}, "cart mails", "warn", "two reminders"),
    "no own reminder": ({f"{REMINDER}/enabled": (404, {"code": "x"})}, "cart mails", "ok", "none of its own"),
    "hidden reminder": ({f"{REMINDER}/enabled": REFUSAL}, "cart mails", "ok", "not known"),
    "away": ({"wc/v3/customers": Unavailable("no answer")}, "store", "fail", "no answer"),
    "captcha": ({"wc/v3/customers": (200, "<html>")}, "store", "fail", "firewall"),
    "bad keys": ({"wc/v3/customers": (401, REFUSED)}, "keys", "fail", "refused"),
    "unseen keys": ({"wc/v3/customers": ANONYMOUS}, "keys", "fail", "did not recognise"),
}


@pytest.mark.parametrize("name", SICK)
def test_each_trouble_has_its_finding(name):
    answers, check, verdict, words = SICK[name]
    found = findings(Whole(*whole(), **answers))

    assert (found[check].verdict, words in found[check].cause) == (verdict, True)
    assert bool(found[check].fix) is (verdict != "ok")
    assert not any("cs_hidden" in text for one in found.values() for text in one)


@pytest.mark.parametrize(
    ("made", "verdict", "words"),
    [
        ({"secret": "gone3"}, "fail", "11 sign with a secret"),
        ({"secret": "old2"}, "warn", "older secret"),
        ({"key": "ck_of_another"}, "warn", "11 were not made with this key"),
    ],
)
def test_the_doctor_says_what_the_shop_does_not_tell_of_its_webhooks(made, verdict, words):
    found = findings(Whole(*whole()), known(*whole(), **made))["webhooks"]

    assert (found.verdict, words in found.cause, found.fix) == (verdict, True, "Run `tajo connectors install tea`.")


def test_the_doctor_leaves_another_installation_of_the_same_shop_alone():
    others = [hook(900 + n, topic, "https://other.example.com/webhooks/tea") for n, topic in enumerate(TOPICS)]

    found = findings(Whole(*whole(), *others), known(*whole()))["webhooks"]

    assert found.verdict == "ok"


@pytest.mark.parametrize(
    ("hooks", "verdict", "words"),
    [
        ([], "fail", "none"),
        (whole()[:-1], "warn", "product.deleted"),
        ([*whole()[:-1], hook(99, "product.deleted", status="disabled")], "fail", "product.deleted"),
        ([hook(1, "order.updated", "https://sync.example.com/webhooks/other")], "fail", "none"),
    ],
)
def test_the_doctor_counts_only_our_active_webhooks(hooks, verdict, words):
    found = findings(Whole(*hooks))["webhooks"]

    assert (found.verdict, words in found.cause) == (verdict, True)


@pytest.mark.parametrize(
    ("learned", "options", "check", "verdict"),
    [
        ({"way": "query"}, {}, "keys", "warn"),
        ({}, {"auth": "query"}, "keys", "ok"),
        ({"way": "oauth1-as-http"}, {}, "keys", "warn"),
        ({"route": "query"}, {}, "permalinks", "warn"),
        ({}, {"shop_url": "http://shop.example.com", "auth": "basic"}, "keys", "warn"),
        ({}, {"shop_url": "http://127.0.0.1:80", "auth": "basic"}, "keys", "ok"),
        ({}, {"shop_url": "http://shop.example.com"}, "keys", "ok"),
    ],
)
def test_the_doctor_says_how_the_keys_travel(learned, options, check, verdict):
    vault = known(*whole(), learned={"shop": "https://shop.example.com", "at_s": int(NOW.timestamp()), **learned})

    assert findings(Whole(*whole()), vault, **options)[check].verdict == verdict


@pytest.mark.parametrize(
    "options", [{"shop_url": None}, {"shop_url": "ftp://x"}, {"consumer_key": None}, {"calls_per_s": 0}]
)
def test_the_doctor_names_settings_that_are_missing_and_calls_nobody(options):
    found = connector(**options).check(access(lambda _: pytest.fail("called")))

    assert [(one.name, one.verdict, bool(one.fix)) for one in found] == [("settings", "fail", True)]


# connecting


def invitation(callback="https://sync.example.com/connect/tea"):
    return Invitation(STATE, callback, "https://sync.example.com/connected")


def posted(**more):
    fields = {"key_id": 1, "user_id": STATE, "consumer_key": "ck_new", "consumer_secret": "cs_new"}
    return Callback({}, json.dumps({**fields, "key_permissions": "read_write", **more}).encode(), NOW.timestamp())


def accept(callback, answer=(200, []), vault=None, **options):
    blank = {"consumer_key": None, "consumer_secret": None, **options}
    reach = access(lambda _: answer, vault)
    return connector(**blank).accept(callback, invitation(), reach), reach


def test_the_owner_is_sent_to_the_shop_with_the_state_as_user_id():
    url = urlsplit(connector().invite(invitation()))

    assert f"{url.scheme}://{url.netloc}{url.path}" == "https://shop.example.com/wc-auth/v1/authorize"
    assert dict(parse_qsl(url.query)) == {
        "app_name": "Tajo Customer Sync",
        "scope": "read_write",
        "user_id": STATE,
        "return_url": "https://sync.example.com/connected",
        "callback_url": "https://sync.example.com/connect/tea",
    }


LOOPBACK = ["http://127.0.0.1:8000/c", "http://localhost/c", "http://[::1]/c"]


@pytest.mark.parametrize("callback", LOOPBACK)
def test_only_a_stand_in_posts_keys_to_the_loopback_without_https(callback):
    stand_in = WooCommerceConnector(SourceSettings("tea", "woocommerce", (), OPTIONS, "http://127.0.0.1:9"))

    assert "wc-auth" in stand_in.invite(invitation(callback))


@pytest.mark.parametrize("callback", [*LOOPBACK, "http://sync.example.com/c", "http://10.0.0.1/c", "x", ""])
def test_a_callback_without_https_is_refused_with_the_other_way(callback):
    with pytest.raises(ConfigError, match="consumer_key"):
        connector().invite(invitation(callback))


def test_without_the_shops_address_nobody_can_be_sent_there():
    with pytest.raises(ConfigError, match="shop_url"):
        connector(shop_url=None).invite(invitation())


def test_a_posted_key_is_tried_and_then_kept():
    vault = Vault(webhooks=["1"])
    said, reach = accept(posted(), vault=vault)

    assert [call.route for call in reach.http.calls] == ["wc/v3/customers"]
    assert vault.values == {
        "webhooks": ["1"],
        "consumer_key": "ck_new",
        "consumer_secret": "cs_new",
        "key_permissions": "read_write",
        "shop_url": "https://shop.example.com",
    }
    assert "Connected" in said
    assert "cs_new" not in said


def test_the_kept_key_is_the_one_that_is_used():
    vault = Vault()
    accept(posted(), vault=vault)
    reach = access(lambda _: rows([]), vault)
    connector(consumer_key=None, consumer_secret=None).fetch("customers", ["1"], reach)

    assert reach.http.calls[0].headers["Authorization"] == "Basic Y2tfbmV3OmNzX25ldw=="


def test_the_owner_is_told_what_a_lesser_key_cannot_do_and_which_key_comes_first():
    assert "nothing written" in accept(posted(key_permissions="read"))[0]
    assert "tajo.yaml" in accept(posted(), **OPTIONS)[0]


def test_an_owner_who_is_no_administrator_is_told_what_stays_hidden():
    assert "Let an administrator agree" in accept(posted(), rows([{"id": 1}]))[0]
    assert "administrator" not in accept(posted(), rows([{"id": 1, "meta_data": []}]))[0]


@pytest.mark.parametrize(
    "callback",
    [
        posted(user_id="fedcba9876543210fedcba9876543210"),
        posted(user_id=""),
        posted(user_id=STATE.upper()),
        posted(user_id=None),
        posted(consumer_key="pk_1"),
        posted(consumer_secret=None),
        Callback({}, b"", 0),
        Callback({}, b"[]", 0),
        Callback({}, b"{" * 5000, 0),
        posted(padding="x" * 20_000),
        Callback({"user_id": STATE, "success": "1"}, b"user_id=1", 0),
    ],
)
def test_what_is_not_the_answer_to_this_invitation_is_refused_before_anybody_is_called(callback):
    reach = access(lambda _: pytest.fail("called"), vault := Vault())

    with pytest.raises(Refused):
        connector().accept(callback, invitation(), reach)
    assert vault.values == {}


def test_an_empty_state_proves_nothing():
    with pytest.raises(Refused):
        connector().accept(posted(user_id=""), Invitation("", "https://x.example", "https://x.example"), access(None))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [((401, REFUSED), Refused), (ANONYMOUS, Refused), (REFUSAL, Refused), (Unavailable("away"), Unavailable)],
)
def test_a_key_that_does_not_open_the_shop_is_not_kept(answer, kind):
    vault = Vault()

    with pytest.raises(kind) as fault:
        accept(posted(), answer, vault)
    assert "consumer_key" not in vault.values
    assert "cs_new" not in str(fault.value)
