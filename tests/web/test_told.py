"""A webhook secret that the platform chose counts as soon as the vault keeps it; nothing is loaded anew."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import redis

from connectors.stripe.tests.standin import Account
from customer_sync.base.secret_key import SecretKey
from customer_sync.config import Settings
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.own_hooks import OwnHooks
from customer_sync.kit.reach import Access
from customer_sync.model import Inbound
from customer_sync.store.vault import RedisVault
from customer_sync.web import told
from customer_sync.web.told import ToldSecrets
from tests.contract.trial import MemoryVault
from tests.web.door import Door

BODY = json.dumps({"id": "evt_1", "type": "customer.updated"}).encode()


@pytest.fixture
def house(client, redis_url, tmp_path, monkeypatch):
    """The ingress of two accounts of Stripe: `pay` without a secret, `shop` with one; a look is always due."""
    sources = {"pay": SourceSettings("pay", "stripe"), "shop": SourceSettings("shop", "stripe", ("whsec_shop",))}
    monkeypatch.setattr("tests.web.door.SETTINGS", Settings(sources=sources))
    monkeypatch.setattr(told, "LOOK_S", 0.0)
    made = Door(redis_url, tmp_path / "home")
    yield made
    made.close()


@pytest.fixture
def vault_of(client, tmp_path):
    return lambda source: RedisVault(client, source, SecretKey(None, tmp_path / "home"))


def send(house, source, secret):
    """Send a webhook that is signed with this secret, now; return the status of the answer."""
    now = datetime.now(UTC)
    signed = house.connector(source).sign(Inbound(source, {}, BODY, now), secret)
    return house.post(source, BODY, dict(signed.headers)).status_code


def test_what_the_platform_chose_counts_as_soon_as_the_webhook_is_made(house, vault_of):
    account = Account()
    assert send(house, "pay", "whsec_guess") == 401

    account.connector().ensure_webhooks("http://127.0.0.1:9/webhooks/pay", Access(account, vault_of("pay")))

    (endpoint,) = account.fake.books.endpoints.shelf
    assert send(house, "pay", endpoint["_secrets"][0]) == 200
    assert send(house, "pay", "whsec_guess") == 401
    assert house.kept == 1


def test_a_secret_that_was_told_opens_no_other_source(house, vault_of):
    OwnHooks(vault_of("pay")).keep(["we_1"], "whsec_pay")

    assert send(house, "shop", "whsec_pay") == 401
    assert send(house, "pay", "whsec_shop") == 401
    assert send(house, "pay", "whsec_pay") == 200


def test_a_secret_of_the_settings_stays_valid_beside_one_that_was_told(house, vault_of):
    OwnHooks(vault_of("shop")).keep(["we_1"], "whsec_told")

    assert [send(house, "shop", one) for one in ("whsec_told", "whsec_shop", "whsec_told")] == [200] * 3


def test_a_secret_that_another_one_replaced_in_the_vault_opens_nothing_more(house, vault_of):
    OwnHooks(vault_of("pay")).keep(["we_1"], "whsec_1")
    assert send(house, "pay", "whsec_1") == 200
    OwnHooks(vault_of("pay")).keep(["we_2"], "whsec_2")

    assert send(house, "pay", "whsec_2") == 200
    assert send(house, "pay", "whsec_1") == 401


def test_without_a_secret_the_cause_is_that_none_was_told(house):
    send(house, "pay", "whsec_guess")
    house.intake.tend()

    assert house.services.store().doors.read()["pay"].cause == "not told"


def test_a_vault_of_a_platform_that_tells_no_secret_is_not_asked(house, vault_of, monkeypatch):
    monkeypatch.setattr(type(house.connector("pay")), "tells_secret", False)
    OwnHooks(vault_of("pay")).keep(["we_1"], "whsec_pay")

    assert send(house, "pay", "whsec_pay") == 401


def test_strangers_make_the_vault_be_read_once_in_a_while_and_each_source_by_itself():
    asked = []

    def vault(source):
        asked.append(source)
        return MemoryVault()

    secrets = ToldSecrets(vault)
    for source in ("pay", "pay", "shop", "pay"):
        assert secrets.newer(source) == ()

    assert asked == ["pay", "shop"]


def test_a_vault_that_cannot_be_read_leaves_what_was_known(monkeypatch):
    vault = MemoryVault()
    OwnHooks(vault).keep(["we_1"], "whsec_1")
    secrets = ToldSecrets(lambda _: vault)
    monkeypatch.setattr(told, "LOOK_S", 0.0)
    assert secrets.newer("pay") == ("whsec_1",)

    def refuse() -> None:
        raise redis.TimeoutError

    monkeypatch.setattr(vault, "load", refuse)

    assert (secrets.newer("pay"), secrets.known("pay")) == ((), ("whsec_1",))
