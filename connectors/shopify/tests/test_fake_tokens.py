"""Tokens: every way to get one, and how each ends."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.shopify.fake.app import FakeShop
from connectors.shopify.fake.settings import Settings
from customer_sync.kit.fakes.clock import Clock

APP = {"client_id": "demo-client-id", "client_secret": "demo-client-secret"}
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
OFFLINE = "urn:shopify:params:oauth:token-type:offline-access-token"
BACK = "http://127.0.0.1:9000/callback"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def shop(clock):
    found = FakeShop(Settings(customers=3, refresh_s=1000, schema="none"), clock)
    yield found
    found.close()


@pytest.fixture
def ask(shop):
    client = shop.app.test_client()

    def send(status: int = 200, **form: str):
        answer = client.post("/admin/oauth/access_token", json={**APP, **form})
        assert answer.status_code == status, answer.data
        return answer.get_json()

    return send


def works(shop: FakeShop, token: str) -> bool:
    headers = {"X-Shopify-Access-Token": token}
    answer = shop.app.test_client().post(
        "/admin/api/2026-10/graphql.json", json={"query": "{ shop { id } }"}, headers=headers
    )
    return answer.status_code == 200


def code(shop: FakeShop, **query: str) -> dict[str, str]:
    """Return what the callback of an authorization gets."""
    asked = {"client_id": APP["client_id"], "redirect_uri": BACK, "state": "ab12", "scope": "read_customers", **query}
    answer = shop.app.test_client().get("/admin/oauth/authorize", query_string=asked)
    assert answer.status_code == 302, answer.data
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def session(shop: FakeShop, **claims) -> str:
    """Return a session token as the admin gives embedded apps."""
    values = {"aud": APP["client_id"], "dest": f"https://{shop.settings.shop}", "exp": shop.clock() + 60, **claims}
    parts = [
        base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in ({"alg": "HS256"}, values)
    ]
    digest = hmac.new(APP["client_secret"].encode(), ".".join(parts).encode(), hashlib.sha256).digest()
    return ".".join([*parts, base64.urlsafe_b64encode(digest).decode().rstrip("=")])


def test_client_credentials_give_a_token_for_a_day(shop, ask, clock):
    answer = ask(grant_type="client_credentials")

    assert answer["expires_in"] == 86_399
    assert "write_customers" in answer["scope"].split(",")
    assert works(shop, answer["access_token"])
    clock.offset_s = 86_400
    assert not works(shop, answer["access_token"])


def test_a_form_is_taken_as_well_as_json(shop):
    answer = shop.app.test_client().post("/admin/oauth/access_token", data={**APP, "grant_type": "client_credentials"})

    assert answer.get_json()["access_token"].startswith("shpat_")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"client_id": "another", "grant_type": "client_credentials"}, "invalid_client"),
        ({"client_secret": "wrong", "grant_type": "client_credentials"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"code": "0" * 32}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "shprt_0"}, "invalid_grant"),
        ({"grant_type": EXCHANGE, "subject_token": "a.b.c", "subject_token_type": ID_TOKEN}, "invalid_subject_token"),
        ({"grant_type": EXCHANGE, "subject_token": "shpat_0", "subject_token_type": OFFLINE}, "invalid_subject_token"),
    ],
)
def test_a_refusal_names_its_reason(ask, form, error):
    assert ask(400, **form)["error"] == error


def test_an_app_that_is_not_installed_is_refused_as_often_as_asked(shop, ask):
    shop.app.test_client().post("/fake/faults", json={"kind": "oauth", "error": "app_not_installed"})

    assert ask(400, grant_type="client_credentials")["error"] == "app_not_installed"
    assert ask(grant_type="client_credentials")["access_token"]


def test_the_owner_agrees_and_the_answer_is_signed(shop):
    answer = code(shop)

    signed = "&".join(f"{name}={value}" for name, value in sorted(answer.items()) if name != "hmac")
    digest = hmac.new(APP["client_secret"].encode(), signed.encode(), hashlib.sha256).hexdigest()
    assert answer["hmac"] == digest
    assert (answer["state"], answer["shop"]) == ("ab12", "demo.myshopify.com")
    assert set(answer) == {"code", "hmac", "host", "shop", "state", "timestamp"}


def test_a_code_is_worth_one_token_of_the_scopes_that_were_asked_for(shop, ask):
    answer = code(shop)

    token = ask(code=answer["code"])

    assert token["scope"] == "read_customers"
    assert "expires_in" not in token
    assert ask(400, code=answer["code"])["error"] == "invalid_request"


def test_refresh_tokens_follow_one_another(shop, ask):
    first = ask(code=code(shop)["code"], expiring="1")
    second = ask(grant_type="refresh_token", refresh_token=first["refresh_token"])
    third = ask(grant_type="refresh_token", refresh_token=second["refresh_token"])

    assert first["expires_in"] == 3600
    assert works(shop, third["access_token"])
    assert ask(400, grant_type="refresh_token", refresh_token=first["refresh_token"])["error"] == "invalid_grant"


def test_the_old_refresh_token_lives_until_the_new_one_is_used(shop, ask):
    old = ask(code=code(shop)["code"], expiring="1")["refresh_token"]

    ask(grant_type="refresh_token", refresh_token=old)  # the answer got lost
    again = ask(grant_type="refresh_token", refresh_token=old)["refresh_token"]
    ask(grant_type="refresh_token", refresh_token=again)

    assert ask(400, grant_type="refresh_token", refresh_token=old)["error"] == "invalid_grant"


def test_a_refresh_token_ends_when_nobody_uses_it(shop, ask, clock):
    old = ask(code=code(shop)["code"], expiring="1")["refresh_token"]
    clock.offset_s = 1001

    assert ask(400, grant_type="refresh_token", refresh_token=old)["error"] == "invalid_grant"


def test_a_session_token_is_exchanged(shop, ask):
    form = {"grant_type": EXCHANGE, "subject_token_type": ID_TOKEN, "expiring": "1"}

    token = ask(subject_token=session(shop), **form)

    assert works(shop, token["access_token"])
    for wrong in ({"aud": "another"}, {"dest": "https://other.myshopify.com"}, {"exp": 1}):
        assert ask(400, subject_token=session(shop, **wrong), **form)["error"] == "invalid_subject_token"


def test_a_permanent_token_is_exchanged_once_for_one_that_expires(shop, ask):
    form = {"grant_type": EXCHANGE, "subject_token_type": OFFLINE, "expiring": "1"}

    token = ask(subject_token="shpat_demo", **form)

    assert token["refresh_token_expires_in"] == 1000
    assert not works(shop, "shpat_demo")
    assert ask(400, subject_token="shpat_demo", **form)["error"] == "invalid_subject_token"


def test_all_tokens_can_be_ended(shop, ask):
    token = ask(grant_type="client_credentials")["access_token"]
    client = shop.app.test_client()

    client.post("/fake/tokens/expire", json={})
    assert (works(shop, token), works(shop, "shpat_demo")) == (False, True)
    client.post("/fake/tokens/expire", json={"permanent": True})
    assert not works(shop, "shpat_demo")


def test_authorizing_another_app_is_refused(shop):
    answer = shop.app.test_client().get("/admin/oauth/authorize", query_string={"client_id": "another"})

    assert answer.get_json()["error"] == "invalid_client"
