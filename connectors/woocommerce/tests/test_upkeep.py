"""Webhooks at a shop that does what a running one was seen to do: owners, secrets, counts of failures."""

import pytest

from connectors.woocommerce.connector import TOPICS
from connectors.woocommerce.tests.caller import Woo, connected, signature
from connectors.woocommerce.tests.canned import Vault
from tests.fakes.receiver import receiving


@pytest.fixture
def woo():
    return Woo()


def install(woo, url, vault, **options):
    reader, access = connected(woo, vault, **options)
    return reader.ensure_webhooks(url, access)


def findings(woo, vault, **options):
    reader, access = connected(woo, vault, **options)
    return {one.name: one for one in reader.check(access)}


def delivered(woo, receiver):
    """Return what arrives when a customer logs in."""
    woo.fake("POST", "customers/11/login")
    woo.fake("POST", "deliver")
    return receiver.got[-1]


def states(woo):
    return {(one["topic"], one["status"], one["failures"]) for one in woo.fake("GET", "state")["webhooks"]}


def test_a_demoted_owner_is_seen_and_replaced_by_the_user_of_our_key(woo):
    vault = Vault()
    with receiving() as receiver:
        url = receiver.url.replace("/hook", "/webhooks/tea")
        install(woo, url, vault)
        woo.fake("POST", "settings", {"owner": "demoted"})
        other = woo.fake("POST", "keys", {})
        keys = {"consumer_key": other["key"], "consumer_secret": other["secret"]}
        broken = delivered(woo, receiver).body
        before = findings(woo, vault, **keys)["webhooks"]
        upkeep = install(woo, url, vault, **keys)
        after = findings(woo, vault, **keys)["webhooks"]
        whole = delivered(woo, receiver).body

    assert b"woocommerce_rest_cannot_view" in broken
    assert upkeep.calls == len(TOPICS)
    assert (before.verdict, before.fix) == ("warn", "Run `tajo connectors install tea`.")
    assert set(upkeep.repaired) == set(TOPICS)
    assert len(states(woo)) == len(TOPICS)
    assert (after.verdict, b"woocommerce_rest_cannot_view" in whole) == ("ok", False)


def test_a_new_secret_reaches_the_shop(woo):
    vault = Vault()
    with receiving() as receiver:
        url = receiver.url.replace("/hook", "/webhooks/tea")
        connector, access = connected(woo, vault)
        connector.ensure_webhooks(url, access)
        rotated, access = rotated_to(woo, vault, "new1", "s3cr3t")
        rotated.ensure_webhooks(url, access)
        got = delivered(woo, receiver)

    assert got.headers["x-wc-webhook-signature"] == signature(got.body, "new1")


def rotated_to(woo, vault, *secrets):
    connector, access = connected(woo, vault)
    settings = connector.settings.__class__("tea", "woocommerce", secrets, connector.settings.options)
    return type(connector)(settings), access


def test_after_a_repair_one_failure_switches_nothing_off_again(woo):
    vault = Vault()
    topic = "customer.updated"
    with receiving(*[200] * len(TOPICS), *[500] * 7, 200, 500) as receiver:
        url = receiver.url.replace("/hook", "/webhooks/tea")
        install(woo, url, vault)
        for _ in range(7):
            delivered(woo, receiver)
        off = [one for one in states(woo) if one[0] == topic]
        upkeep = install(woo, url, vault)
        delivered(woo, receiver)

    assert off == [(topic, "disabled", 6)]
    assert dict(upkeep.repaired) == {topic: "it was disabled"}
    assert [one for one in states(woo) if one[0] == topic] == [(topic, "active", 1)]
