"""A single-click app is installed: its code becomes the store's token."""

from __future__ import annotations

import json

import pytest

from connectors.bigcommerce.fake.settings import CLIENT, HASH, TOKEN
from connectors.bigcommerce.tests.standin import House
from customer_sync.errors import ConfigError, ConsentNeeded, Refused
from customer_sync.kit.reach import Callback, Invitation

BACK = "https://tajo.example/connect/bc/callback"
INVITATION = Invitation("a" * 32, f"{BACK}?state={'a' * 32}", "https://tajo.example/done")


@pytest.fixture
def house():
    found = House(customers=3)
    found.connector = found.made(access_token=None)
    return found


def answer(house, **more):
    query = {"code": house.act("codes")["code"], "context": f"stores/{HASH}", "scope": "store_v2_customers"}
    return Callback({name: one for name, one in {**query, **more}.items() if one is not None}, b"", 0.0)


def accept(house, callback):
    return house.connector.accept(callback, INVITATION, house.access)


def test_the_owner_is_sent_to_where_the_app_is_installed(house):
    assert house.connector.invite(INVITATION) == f"http://store/app/{CLIENT}/install"


@pytest.mark.parametrize("missing", ["client_id", "client_secret", "store_hash"])
def test_app_and_store_must_be_named(house, missing):
    with pytest.raises(ConfigError, match="which app") as wrong:
        house.made(**{missing: None}).invite(INVITATION)
    assert BACK in wrong.value.remedy
    assert "state" not in wrong.value.remedy


def test_the_installation_leads_back_with_a_code_and_no_state(house):
    house.act("settings", {"callback_url": BACK})
    found = house.fake.app.test_client().get(f"/app/{CLIENT}/install")

    assert found.status_code == 302
    assert f"context=stores%2F{HASH}" in found.headers["Location"]
    assert "state" not in found.headers["Location"]


def test_a_code_becomes_a_token_that_is_kept_and_opens_the_store(house):
    said = accept(house, answer(house))
    form = house.calls[-1][2].decode()
    house.pull("customers")

    assert said == f"bc is connected to the store {HASH}."
    assert "redirect_uri=https%3A%2F%2Ftajo.example%2Fconnect%2Fbc%2Fcallback&" in form
    assert "grant_type=authorization_code" in form
    assert json.loads(house.vault.text)["access_token"] in house.fake.oauth._live
    assert house.made(access_token=None).check(house.access)[0].verdict == "ok"


@pytest.mark.parametrize(
    "wrong", [{"context": "stores/other"}, {"context": None}, {"code": None}, {"code": ""}, {"state": "b" * 32}]
)
def test_an_answer_of_another_store_or_attempt_is_refused_and_no_code_is_spent(house, wrong):
    with pytest.raises(Refused):
        accept(house, answer(house, **wrong))
    assert house.calls == []
    assert house.vault.load() == {}


def test_a_code_is_good_once(house):
    callback = answer(house)
    accept(house, callback)

    with pytest.raises(ConfigError):
        accept(house, callback)


def test_scopes_that_were_not_granted_and_a_token_that_comes_first_are_named(house):
    house.fake.settings.scopes = house.fake.oauth.scopes = ("store_v2_customers", "store_v2_orders", "store_cart")
    house.connector = house.made()
    said = accept(house, answer(house))

    assert "Not granted: store_v2_products_read_only, store_v2_information_read_only." in said
    assert "access_token in tajo.yaml still comes first" in said


def test_a_token_that_was_taken_back_asks_for_the_owner(house):
    with pytest.raises(ConsentNeeded, match="not connected"):
        house.pull("customers")
    accept(house, answer(house))
    house.fake.oauth.expire(permanent=True)
    found = house.connector.check(house.access)[0]

    assert (found.verdict, found.why) == ("fail", "keys")
    assert "install the app again" in found.fix


def test_a_token_of_another_app_or_store_is_not_used(house):
    accept(house, answer(house))

    for options in ({"store_hash": "other"}, {"client_id": "other"}):
        with pytest.raises(ConsentNeeded):
            house.made(access_token=None, **options).fetch("customers", ["21"], house.access)
    assert house.made(access_token=TOKEN).fetch("customers", ["21"], house.access)
