"""Which webhooks are ours: by where they lead, and by their numbers at an older address."""

from __future__ import annotations

import pytest

from customer_sync.kit.own_hooks import OwnHooks, told_secret
from tests.contract.trial import MemoryVault

HERE = "https://sync.example.com/webhooks/shop"


@pytest.fixture
def vault():
    return MemoryVault()


@pytest.mark.parametrize(
    "there",
    [
        HERE,
        f"{HERE}/",
        "http://sync.example.com/webhooks/shop",
        "https://SYNC.example.com:443/webhooks/shop",
        "https://tajo:token@sync.example.com/webhooks/shop?x=1",
    ],
)
def test_what_leads_here_is_ours_however_it_is_written(vault, there):
    assert OwnHooks(vault).has(1, there, HERE)


@pytest.mark.parametrize(
    "there",
    [
        "https://old.example.com/webhooks/shop",
        "https://sync.example.com:8443/webhooks/shop",
        "https://sync.example.com/webhooks/other",
        "http://[",
        "",
        None,
    ],
)
def test_what_leads_elsewhere_is_not(vault, there):
    assert not OwnHooks(vault).has(1, there, HERE)


def test_at_an_older_address_ours_are_known_by_their_numbers(vault):
    OwnHooks(vault).keep([1, "w2", None, ""])
    own = OwnHooks(vault)

    assert own.has(1, "https://old.example.com/webhooks/shop", HERE)
    assert own.has("w2", "https://old.example.com/webhooks/shop", HERE)
    assert not own.has(3, "https://old.example.com/webhooks/shop", HERE)
    assert not own.has(1, "https://old.example.com/another/program", HERE)


def test_what_else_the_vault_holds_of_webhooks_stays_and_a_single_number_counts(vault):
    vault.save({"webhooks": {"id": "we_1", "secret": "s"}, "access_token": "t"})
    own = OwnHooks(vault)
    assert own.has("we_1", "https://old.example.com/webhooks/shop", HERE)
    own.keep(["we_2"])

    assert vault.load() == {"webhooks": {"id": "we_1", "secret": "s", "ids": ["we_2"]}, "access_token": "t"}


def test_a_secret_that_the_platform_told_is_kept_also_beside_numbers_that_are_known(vault):
    OwnHooks(vault).keep(["w1"])
    assert told_secret(vault) == ""

    OwnHooks(vault).keep(["w1"], "s1")
    OwnHooks(vault).keep(["w2"])

    assert told_secret(vault) == "s1"
