"""Connectors and a way to write a config, for the tests of this folder."""

from __future__ import annotations

import textwrap

import pytest

from customer_sync.config import ConfigFaults, Skills, load
from customer_sync.kit.connector import Connector, Option
from customer_sync.skills.definition import only


class ConnectorShop(Connector):
    """A shop that signs with `api_secret`, as Shopify does."""

    platform = "shopify"
    title = "Shop"
    secret_keys = ("api_secret", "webhook_secret")
    resources = ("customers", "orders", "products", "carts", "drafts")
    options = (
        Option("shop_url", "The shop's address.", required=True),
        Option("api_key", "The app's client id.", secret=True),
        Option("api_secret", "The app's client secret.", secret=True, aliases=("client_secret",)),
        Option("api_version", "The version of the API."),
        Option("extras", "Anything."),
    )

    def verify(self, inbound, secrets):
        """Accept everything."""

    def parse(self, inbound):
        """Find nothing."""
        return []


class ConnectorWoo(ConnectorShop):
    """A shop with a webhook secret only."""

    platform = "woocommerce"
    title = "Woo"
    secret_keys = ("webhook_secret",)
    options = (Option("consumer_key", "The key.", secret=True, aliases=("api_key",)),)


class ConnectorOpen(ConnectorShop):
    """A platform whose webhooks need no secret of ours."""

    platform = "open"
    title = "Open"
    secret_keys = ()
    options = ()


class Described:
    """A skill of the config alone; it takes every key."""

    def __init__(self, check=lambda keys: [], *, is_on=False):
        self.check, self.is_on = check, is_on


NAMES = ("customer-sync", "order-events", "product-catalog", "cart-events", "abandoned-cart")
ANY = Described()
SYNC = Described(only(), is_on=True)
SKILLS = Skills(dict.fromkeys(NAMES, ANY) | {"customer-sync": SYNC})


def find_skills(_folder):
    """Return the skills of these tests, whatever the user has."""
    return SKILLS


@pytest.fixture
def platforms():
    return {connector.platform: connector for connector in (ConnectorOpen, ConnectorShop, ConnectorWoo)}


@pytest.fixture
def read(tmp_path, monkeypatch, platforms):
    """Return a function that loads a config written as text; the file is called tajo.yaml."""
    monkeypatch.chdir(tmp_path)

    def read(text="", **env):
        (tmp_path / "tajo.yaml").write_text(textwrap.dedent(text), encoding="utf-8")
        return load(None, env, platforms, find_skills=find_skills)

    return read


@pytest.fixture
def faults(read):
    """Return a function that gives the faults of a config, each as its sentence."""

    def faults(text, **env):
        with pytest.raises(ConfigFaults) as caught:
            read(text, **env)
        return [str(fault) for fault in caught.value.faults]

    return faults
