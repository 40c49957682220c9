"""Tokens of every stand-in: each grant, and the four ways in which refresh tokens follow one another."""

from __future__ import annotations

import base64

import pytest

from customer_sync.kit.fakes.clock import Clock
from customer_sync.kit.fakes.oauth import OAuth, OAuthError, Terms, back_to

APP = {"client_id": "app", "client_secret": "secret"}
BACK = "https://app.example/callback?a=1"


@pytest.fixture
def clock():
    return Clock()


def made(clock, rotation="strict", **terms) -> OAuth:
    return OAuth(clock, ("app", "secret"), ("read", "write"), Terms(60.0, 1000.0, rotation, **terms))


def code(oauth, **query) -> str:
    return oauth.authorize({"client_id": "app", "redirect_uri": BACK, "state": "s", **query})["code"]


def refusal(oauth, **form) -> str:
    with pytest.raises(OAuthError) as refused:
        oauth.grant({**APP, **form})
    assert refused.value.body()["error"] == refused.value.error
    return refused.value.error


def test_client_credentials_give_a_token_that_ends(clock):
    oauth = made(clock, names=("at", "rt"))
    token = oauth.grant({**APP, "grant_type": "client_credentials"})

    assert (token.value[:3], token.scopes, token.refresh) == ("at_", ("read", "write"), None)
    assert oauth.find(token.value) is token
    clock.offset_s = 60
    assert oauth.find(token.value) is None
    assert oauth.given == {"client_credentials": 1}


def test_the_app_may_show_itself_by_basic(clock):
    header = "Basic " + base64.b64encode(b"app:secret").decode()

    assert made(clock).grant({"grant_type": "client_credentials"}, header)


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"client_id": "another"}, "invalid_client"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"code": "0"}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "0"}, "invalid_grant"),
        ({"grant_type": "refresh_token"}, "invalid_grant"),
    ],
)
def test_a_refusal_names_its_reason(clock, form, error):
    assert refusal(made(clock), **form) == error


def test_a_refusal_can_be_ordered(clock):
    oauth = made(clock)
    oauth.refusal = "app_not_installed"

    assert refusal(oauth, grant_type="client_credentials") == "app_not_installed"


def test_a_code_is_worth_one_token_of_what_was_asked_for_and_ends(clock):
    oauth = made(clock)
    first, second = code(oauth, scope="read"), code(oauth)

    assert oauth.grant({**APP, "code": first}).scopes == ("read",)
    assert refusal(oauth, code=first) == "invalid_request"
    clock.offset_s = 300
    assert refusal(oauth, code=second) == "invalid_request"


def test_another_app_or_no_way_back_is_refused(clock):
    for query in ({"client_id": "another"}, {"redirect_uri": "javascript:1"}):
        with pytest.raises(OAuthError):
            code(made(clock), **query)


def test_the_way_back_keeps_its_own_query():
    assert back_to(BACK, {"code": "1", "state": "a b"}) == f"{BACK}&code=1&state=a+b"


@pytest.mark.parametrize(
    ("rotation", "old_before", "old_after"),
    [
        ("none", "works", "works"),
        ("strict", "fails", "fails"),
        ("grace", "works", "fails"),
        ("revoke", "fails", "fails"),
    ],
)
def test_refresh_tokens_follow_one_another(clock, rotation, old_before, old_after):
    def use(value):
        try:
            return oauth.grant({**APP, "grant_type": "refresh_token", "refresh_token": value}).refresh
        except OAuthError:
            return None

    oauth = made(clock, rotation)
    old = oauth.grant({**APP, "code": code(oauth)}).refresh
    new = use(old)
    again = use(old)
    third = use(again or new)

    assert (new == old) is (rotation == "none")
    assert (again is not None) is (old_before == "works")
    assert (third is not None) is (rotation != "revoke")
    assert (use(old) is not None) is (old_after == "works")


def test_an_old_refresh_token_may_end_every_token(clock):
    oauth = made(clock, "revoke")
    first = oauth.grant({**APP, "code": code(oauth)})
    second = oauth.grant({**APP, "grant_type": "refresh_token", "refresh_token": first.refresh})
    assert oauth.find(second.value)

    assert refusal(oauth, grant_type="refresh_token", refresh_token=first.refresh) == "invalid_grant"

    assert oauth.find(second.value) is None


def test_a_refresh_token_ends_when_nobody_uses_it(clock):
    oauth = made(clock)
    old = oauth.grant({**APP, "code": code(oauth)}).refresh
    clock.offset_s = 1000

    assert refusal(oauth, grant_type="refresh_token", refresh_token=old) == "invalid_grant"


def test_tokens_are_ended_one_by_one_or_all(clock):
    oauth = made(clock)
    permanent, passing, other = oauth.add("shown"), oauth.access(("read",)), oauth.access(("read",))

    assert oauth.revoke(other.value) is other
    assert oauth.find(other.value) is None
    oauth.expire()
    assert (oauth.find(passing.value), oauth.find("shown")) == (None, permanent)
    oauth.expire(permanent=True)
    assert oauth.find("shown") is None
