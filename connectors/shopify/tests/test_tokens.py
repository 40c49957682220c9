"""The three kinds of token: which is taken, when it is renewed, and what a refusal tells the operator."""

import pytest

from connectors.shopify.account import Account, right_address
from connectors.shopify.tests.standin import (
    KEYS,
    NOW_S,
    SHOP,
    STATIC,
    Clock,
    FakeVault,
    StandIn,
    access,
    connector,
    reply,
    token,
)
from connectors.shopify.tokens import REFUSALS, Tokens
from customer_sync.errors import ConfigError, TryLater, Unavailable
from customer_sync.kit.oauth import Token

STORED = {
    "kind": "connection",
    "shop": SHOP,
    "client_id": "client-id",
    "access_token": "shpat_stored",
    "refresh_token": "shprt_1",
    "expires_at_s": NOW_S + 3600,
    "renew_at_s": NOW_S + 2880,
}
FRESH = token("shpat_2", expires_in=3600, refresh_token="shprt_2", refresh_token_expires_in=7_776_000)


def tokens(http, vault=None, clock=None, options=KEYS):
    return Tokens(Account.of(connector(options).settings), access(http, vault, clock))


def test_a_permanent_token_goes_before_all_others_and_touches_no_vault():
    vault = FakeVault(**STORED)

    assert tokens(StandIn(), vault, options={**KEYS, **STATIC}).current().value == "shpat_static"
    assert vault.saved == []


def test_a_permanent_token_that_is_refused_cannot_be_renewed():
    http = StandIn(token=token("another"))

    with pytest.raises(ConfigError, match="refuses the access_token"):
        tokens(http, options={**KEYS, **STATIC}).renewed(Token("shpat_static", "static"))
    assert http.calls == []


def test_client_credentials_are_asked_once_and_again_at_four_fifths_of_their_life():
    http, vault, clock = StandIn(token=[token("a", expires_in=1000), token("b", expires_in=1000)]), FakeVault(), Clock()
    ours = tokens(http, vault, clock)

    assert [ours.current().value, ours.current().value] == ["a", "a"]
    clock.now_s += 799
    assert ours.current().value == "a"
    clock.now_s += 1
    assert [ours.current().value, ours.current().value] == ["b", "b"]
    asked = http.asked("token")
    assert len(asked) == 2
    assert asked[0].url == f"https://{SHOP}/admin/oauth/access_token"
    assert asked[0].body == {
        "client_id": "client-id",
        "client_secret": "client-secret",
        "grant_type": "client_credentials",
    }


def test_a_stored_connection_goes_before_client_credentials():
    assert tokens(StandIn(), FakeVault(**STORED)).current().value == "shpat_stored"


@pytest.mark.parametrize("other", [{"shop": "other.myshopify.com"}, {"client_id": "another-app"}, {"access_token": ""}])
def test_what_is_stored_of_another_store_or_app_is_not_used(other):
    vault = FakeVault(**{**STORED, **other})

    assert tokens(StandIn(token=token("mine")), vault).current().value == "mine"


def test_a_refresh_token_is_replaced_before_the_new_token_is_used():
    http, vault, clock = StandIn(token=FRESH), FakeVault(**STORED), Clock(NOW_S + 2880)

    found = tokens(http, vault, clock).current()

    assert (found.value, found.kind) == ("shpat_2", "connection")
    assert http.asked("token")[0].body["refresh_token"] == "shprt_1"
    assert (vault.kept["refresh_token"], vault.kept["expires_at_s"]) == ("shprt_2", clock.now_s + 3600)


def test_a_token_that_another_process_has_renewed_meanwhile_is_taken():
    http, vault = StandIn(), FakeVault(**STORED)
    vault.before_lock = lambda: vault.kept.update(
        access_token="theirs", renew_at_s=NOW_S + 9000, expires_at_s=NOW_S + 9999
    )

    assert tokens(http, vault, Clock(NOW_S + 2880)).current().value == "theirs"
    assert tokens(http, FakeVault(**vault.kept)).renewed(Token("shpat_stored", "connection")).value == "theirs"
    assert http.calls == []


@pytest.mark.parametrize("trouble", [Unavailable("down"), reply(502), reply(429)])
def test_while_shopify_is_away_the_old_token_is_used_as_long_as_it_lives(trouble):
    http, clock = StandIn(token=trouble), Clock(NOW_S + 2880)
    ours = tokens(http, FakeVault(**STORED), clock)

    assert ours.current().value == "shpat_stored"
    clock.now_s = NOW_S + 3600
    with pytest.raises((TryLater, Unavailable)):
        ours.current()


@pytest.mark.parametrize("form", ["json", "page"])
@pytest.mark.parametrize("word", REFUSALS)
def test_a_refusal_is_told_by_its_name_with_its_remedy(word, form):
    page = f"<html><title>Oauth error {word}: no.</title></html>".encode()
    answer = reply(400, {"error": word, "error_description": "no"} if form == "json" else page)

    with pytest.raises(ConfigError) as refusal:
        tokens(StandIn(token=answer)).current()
    assert word in refusal.value.reason
    assert "{" not in refusal.value.remedy


@pytest.mark.parametrize("word", ["invalid_grant", "invalid_request", "some_new_word"])
def test_a_refresh_token_that_has_ended_asks_for_the_owner(word):
    http = StandIn(token=reply(400, {"error": word}))

    with pytest.raises(ConfigError, match="tajo connectors connect lamps") as refusal:
        tokens(http, FakeVault(**STORED), Clock(NOW_S + 4000)).current()
    assert word in refusal.value.reason


def test_a_connection_that_cannot_be_refreshed_asks_for_the_owner():
    stored = {"kind": "connection", "shop": SHOP, "client_id": "client-id", "access_token": "shpat_stored"}
    ours = tokens(StandIn(), FakeVault(**stored))

    assert ours.current().expires_at_s is None
    with pytest.raises(ConfigError, match="tajo connectors connect lamps"):
        ours.renewed(ours.current())


def test_without_keys_nothing_is_asked():
    with pytest.raises(ConfigError, match="api_key"):
        tokens(StandIn(), options={"shop_url": SHOP}).current()


@pytest.mark.parametrize(
    "shop_url", ["", "shop.example.com", "evil.example/lamps.myshopify.com", "-lamps.myshopify.com"]
)
def test_a_secret_is_shown_to_nobody_but_a_store(shop_url):
    http = StandIn()

    with pytest.raises(ConfigError, match="shop_url"):
        tokens(http, options={**KEYS, "shop_url": shop_url}).current()
    assert http.calls == []


@pytest.mark.parametrize("answer", [{"access_token": ""}, {"access_token": 5}, [], "no"])
def test_an_answer_without_a_token_is_no_token(answer):
    with pytest.raises((ConfigError, TryLater)):
        tokens(StandIn(token=reply(200, answer))).current()


def test_no_secret_is_shown_in_a_message_or_a_repr():
    account = Account.of(connector({**KEYS, **STATIC}).settings)

    assert "client-secret" not in repr(account) + repr(Token("shpat_x", "static", refresh="shprt_x"))
    assert "shpat" not in repr(account) + repr(Token("shpat_x", "static", refresh="shprt_x"))


@pytest.mark.parametrize(
    ("written", "shop"), [("lamps", SHOP), ("https://Lamps.myshopify.com/admin", SHOP), (None, "")]
)
def test_a_store_may_be_written_short(written, shop):
    assert Account.of(connector({"shop_url": written}).settings).shop == shop


@pytest.mark.parametrize(
    ("options", "base_url", "can"),
    [
        (KEYS, None, True),
        (STATIC, None, True),
        ({"shop_url": SHOP, "api_secret": "s"}, None, False),
        ({"api_key": "k", "api_secret": "s"}, None, False),
        ({"api_key": "k", "api_secret": "s"}, "http://127.0.0.1:1", True),
        ({}, "http://127.0.0.1:1", False),
    ],
)
def test_a_source_can_be_pulled_when_it_has_a_store_and_keys(options, base_url, can):
    assert connector(options, base_url=base_url).can_pull() is can


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("lamps.myshopify.com", ""),
        ("https://Lamps.myshopify.com/admin", ""),
        ("lamps", "Write lamps.myshopify.com"),
        ("https://admin.shopify.com/store/lamps", "Write lamps.myshopify.com"),
        ("admin.shopify.com/store/lamps/settings", "Write lamps.myshopify.com"),
        ("lamps.com", "Write the store's own address, your-store.myshopify.com"),
        ("https://www.lamps.com", "Write the store's own address, your-store.myshopify.com"),
        ("my lamps", "Write the store's own address, your-store.myshopify.com"),
    ],
)
def test_an_address_that_is_not_the_stores_own_is_told_with_the_right_form(written, words):
    assert right_address(written).startswith(words)
    assert bool(right_address(written)) == bool(words)
