"""`tajo connectors connect|install` with keys: tried at the platform's stand-in, then written, never as they are."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml

from connectors.woocommerce.fake.settings import KEY
from connectors.woocommerce.fake.settings import SECRET as WOO_SECRET
from customer_sync.cli import draft
from customer_sync.config.kept import FILE, KeptVariables
from customer_sync.loading import load_settings
from customer_sync.registry import proposed
from tests.stores.servers import store_server

CONFIG = """\
# Ours: do not touch.
connectors:
    eu:            # the old shop
        platform: shopify
        shop_url: eu.myshopify.com
        api_secret: "eu secret"

# what is done
skills:
    customer-sync: {enabled: yes}
"""
CLIENT, SECRET = "demo-client-id", "demo-client-secret"
SHOP = ("--shop-url", "demo.myshopify.com")
#: As the stand-in of WooCommerce knows them.
WOO = ("--consumer-key", KEY, "--consumer-secret", WOO_SECRET)


@pytest.fixture(scope="module")
def shopify():
    with store_server("shopify", "--customers", "3", "--schema", "none") as shop:
        yield shop


@pytest.fixture(scope="module")
def woocommerce():
    with store_server("woocommerce", "--customers", "3", "--report-lag", "0", "--behind-tls") as shop:
        yield shop


@pytest.fixture
def fresh(tajo, monkeypatch):
    """A new machine: no config, no Redis, nothing runs."""
    tajo.config.unlink()
    del tajo.env["TAJO_REDIS_URL"]
    return tajo


def connect(tajo, *words, verb="connect", code=0, **env):
    return tajo("connectors", verb, *words, code=code, **env)


def settings(tajo, **env):
    return load_settings(tajo.config, {**tajo.env, **env})


# what the documents say


def test_the_line_of_the_documents_connects_a_shop_on_a_new_machine(fresh, shopify):
    env = {"SHOPIFY_API_KEY": CLIENT, "SHOPIFY_API_SECRET": SECRET}
    told = connect(fresh, "shopify", *SHOP, "--api-key", CLIENT, "--base-url", shopify.address, **env).stdout

    assert yaml.safe_load(fresh.config.read_text())["connectors"] == {
        "shopify": {
            "shop_url": "demo.myshopify.com",
            "api_key": "${SHOPIFY_API_KEY}",
            "base_url": shopify.address,
            "api_secret": "${SHOPIFY_API_SECRET}",
        }
    }
    assert "ok    token: by client credentials" in told
    assert "shopify is connected by its keys." in told
    assert [line.split("tajo ")[-1].split("   ")[0] for line in told.split("Next:\n")[1].splitlines()] == [
        "run",
        "  export TAJO_PUBLIC_URL=https://...",
        "connectors install shopify",
        "connectors sync shopify --full --dry-run",
    ]
    assert SECRET not in told
    assert settings(fresh, **env).sources["shopify"].secrets == (SECRET,)


def test_install_takes_the_same_keys_and_says_what_webhooks_wait_for(fresh, shopify):
    words = ("shopify", *SHOP, "--api-key", CLIENT, "--api-secret", SECRET, "--base-url", shopify.address)

    told = json.loads(connect(fresh, *words, "--json", verb="install").stdout)

    assert told["keys"]["api_secret"] == f"${{SHOPIFY_API_SECRET}}, kept encrypted in {fresh.env['TAJO_HOME']}/{FILE}"
    assert told["address"] is None
    assert any("TAJO_PUBLIC_URL" in step for step in told["next"])
    assert SECRET not in fresh.config.read_text() + (Path(fresh.env["TAJO_HOME"]) / FILE).read_text()
    assert settings(fresh).sources["shopify"].secrets == (SECRET,)


@pytest.mark.parametrize(
    ("platform", "words"),
    [
        ("stripe", ("--api-key", "rk_test_demo")),
        ("paypal", ("--client-id", "paypal-client", "--client-secret", "paypal-secret")),
    ],
)
def test_a_platform_that_tells_its_own_webhook_secret_is_connected_without_one(fresh, platform, words):
    with store_server(platform, "--customers", "1") as stand_in:
        told = connect(fresh, platform, *words, "--base-url", stand_in.address).stdout

    assert f"{platform} is connected by its keys." in told
    assert settings(fresh).sources[platform].secrets == ()


def test_webhooks_are_made_by_the_same_line_once_the_service_knows_the_source(tajo, shopify):
    words = ("shopify", "--api-key", CLIENT, "--base-url", shopify.address)
    connect(tajo, *words, "--api-secret", SECRET)

    told = connect(tajo, *words, verb="install", TAJO_PUBLIC_URL="https://sync.example").stdout

    assert "customers/create" in told
    assert "https://sync.example/webhooks/shopify" in told


def test_woocommerce_gets_a_webhook_secret_of_its_own(fresh, woocommerce):
    connect(fresh, "woocommerce", "--shop-url", woocommerce.address, *WOO, "--base-url", woocommerce.address)

    source = settings(fresh).sources["woocommerce"]
    assert source.options["consumer_secret"] == WOO_SECRET
    assert len(source.secrets[0]) == 32
    assert 'consumer_key: "${WOOCOMMERCE_CONSUMER_KEY}"' in fresh.config.read_text()


def test_other_names_of_a_key_are_flags_too(fresh, woocommerce):
    words = ("--api-key", KEY, "--api-secret", WOO_SECRET, "--base-url", woocommerce.address)

    connect(fresh, "lamps", "--platform", "woocommerce", "--shop-url", woocommerce.address, *words)

    source = settings(fresh).sources["lamps"]
    assert (source.platform, source.options["consumer_key"]) == ("woocommerce", KEY)


# the file


def test_all_else_of_the_file_stays_byte_for_byte(tajo, shopify):
    tajo.config.write_text(CONFIG)
    tajo.config.chmod(0o640)

    connect(tajo, "shopify", *SHOP, "--api-key", CLIENT, "--api-secret", SECRET, "--base-url", shopify.address)

    added = (
        '    shopify:\n        shop_url: "demo.myshopify.com"\n        api_key: "demo-client-id"\n'
        '        api_secret: "${SHOPIFY_API_SECRET}"\n        base_url: "' + shopify.address + '"\n'
    )
    assert tajo.config.read_text().replace(added, "") == CONFIG
    assert added in tajo.config.read_text()
    assert tajo.config.stat().st_mode & 0o777 == 0o640


def test_the_same_keys_again_change_nothing(tajo, shopify):
    words = ("shopify", *SHOP, "--api-key", CLIENT, "--api-secret", SECRET, "--base-url", shopify.address)
    connect(tajo, *words)
    before = tajo.config.read_bytes()

    told = connect(tajo, *words).stdout

    assert "has shopify with these keys already" in told
    assert tajo.config.read_bytes() == before


def test_a_new_key_of_a_known_source_stands_where_the_old_one_stood(tajo, shopify):
    words = ("shopify", *SHOP, "--api-secret", SECRET, "--base-url", shopify.address)
    tajo.config.write_text("connectors:\n  shopify:\n    api_key: old # of March\n    api_secret: ${A}\n")

    connect(tajo, *words, "--api-key", CLIENT, A=SECRET)

    assert '    api_key: "demo-client-id" # of March\n    api_secret: ${A}\n' in tajo.config.read_text()


def test_secrets_stand_in_the_file_only_when_that_is_asked_for(fresh, shopify):
    words = ("shopify", *SHOP, "--api-key", CLIENT, "--api-secret", SECRET, "--base-url", shopify.address)

    connect(fresh, *words, "--plain", SHOPIFY_API_KEY=CLIENT)

    assert f'api_secret: "{SECRET}"' in fresh.config.read_text()
    assert not (Path(fresh.env["TAJO_HOME"]) / FILE).exists()


def test_a_file_that_cannot_be_replaced_is_written_in_place(tajo, shopify, monkeypatch):
    def busy(*_):
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(Path, "replace", busy)

    connect(tajo, "shopify", "--api-key", CLIENT, "--api-secret", SECRET, "--base-url", shopify.address, "--plain")

    assert f'api_secret: "{SECRET}"' in tajo.config.read_text()
    assert [one.name for one in tajo.folder.iterdir() if one.name.startswith(".tajo.yaml")] == []


def test_a_file_that_changed_meanwhile_is_left_alone(tajo, shopify, monkeypatch):
    monkeypatch.setattr(draft.KeptVariables, "put", lambda *_: tajo.config.write_text("debug: yes\n"))

    words = ("shopify", *SHOP, "--api-key", CLIENT, "--api-secret", SECRET, "--base-url", shopify.address)
    assert "changed meanwhile" in connect(tajo, *words, code=1).stderr
    assert tajo.config.read_text() == "debug: yes\n"


# what is refused


def test_wrong_keys_are_refused_and_nothing_is_written(fresh, shopify, woocommerce):
    words = ("--api-key", CLIENT, "--api-secret", "another", "--base-url", shopify.address)
    told = connect(fresh, "shopify", *SHOP, *words, code=3).stderr
    wrong = ("--consumer-key", KEY, "--consumer-secret", "cs_nobody", "--base-url", woocommerce.address)
    woo = connect(fresh, "woocommerce", "--shop-url", woocommerce.address, *wrong, code=3).stderr

    assert "Nothing was written." in told
    assert "Dev Dashboard" in told
    assert "Nothing was written." in woo
    assert not fresh.config.exists()
    assert not (Path(fresh.env["TAJO_HOME"]) / FILE).exists()


def test_a_platform_that_does_not_answer_ends_with_code_4(fresh):
    words = (*SHOP, "--api-key", "a", "--api-secret", "b", "--base-url", "http://127.0.0.1:1")

    assert "Nothing was written." in connect(fresh, "shopify", *words, code=4).stderr
    assert not fresh.config.exists()


#: Words of the command → what it says. Each row is one sentence that a person reads.
CHOICES = ", ".join(proposed())
WRONG = {
    ("shopify", "--api-key", "k"): (
        "Shopify needs api_secret, too: it proves that a webhook is genuine.\n"
        "  → Add --api-secret ..., or set SHOPIFY_API_SECRET in the environment."
    ),
    ("shopify", "--api-key", " "): (
        "Nothing stands behind --api-key.\n  → Is the variable set that the shell put there?"
    ),
    ("shopify", "--consumer-key", "k"): (
        "Shopify has no --consumer-key.\n  → Its keys: --access-token, --api-key, --api-secret, --api-version, "
        "--base-url, --scopes, --shop-url, --storefront-url, --webhook-secret."
    ),
    ("woocommerce", "--api-key", "k", "--consumer-key", "k"): (
        "--consumer-key means --consumer-key, which is given, too.\n  → Give one."
    ),
    ("lamps", "--api-key", "k"): (f"No platform is called lamps.\n  → Add --platform. Choices: {CHOICES}."),
    ("segment", "--write-key", "k"): (f"No platform is called segment.\n  → Add --platform. Choices: {CHOICES}."),
    ("lamps", "--platform", "shopfy"): (
        f"No platform is called shopfy.\n  → Did you mean shopify? Choices: {CHOICES}."
    ),
    ("woo", "--platform", "shopify"): (
        "woo is a source of woocommerce already.\n  → Choose another name for this one."
    ),
    ("off", "--shop-url", "a.myshopify.com"): ("off is disabled.\n  → Take `enabled: false` out of connectors.off."),
    ("flow", "--webhook-secret", "new"): (
        "tajo.yaml is not changed: connectors.flow.webhook_secret is no single value.\n"
        "  → Write these keys into it yourself, and run `tajo connectors connect flow` without them:\n\n"
        'connectors:\n  flow:\n    webhook_secret: "${FLOW_WEBHOOK_SECRET}"\n'
    ),
    ("taken", "--platform", "shopify", "--api-secret", "given"): (
        "TAKEN_API_SECRET is set in the environment, to another value than the one given for api_secret.\n"
        "  → Set it to this value, or unset it; --api-secret can then be left out or is kept."
    ),
    ("Bad: b", "--platform", "shopify", "--api-secret", "given"): (
        "tajo.yaml is not changed: 'Bad: b' is no name for a source.\n"
        "  → Use small letters, digits, - and _, at most 63 of them."
    ),
}
SOURCES = """\
connectors:
  woo: {platform: woocommerce, webhook_secret: s}
  off: {platform: shopify, enabled: no}
  flow:
    platform: woocommerce
    webhook_secret: [a, b]
"""


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_each_mistake_has_its_sentence_and_changes_nothing(tajo, words):
    tajo.config.write_text(SOURCES)

    told = connect(tajo, *words, code=2, TAKEN_API_SECRET="other").stderr

    assert told == WRONG[words] + "\n"
    assert tajo.config.read_text() == SOURCES
    assert not (Path(tajo.env["TAJO_HOME"]) / FILE).exists()


def test_a_person_at_a_terminal_is_asked_for_the_secret(fresh, shopify, monkeypatch):
    monkeypatch.setattr(draft, "can_ask", lambda: True)
    words = ("shopify", *SHOP, "--api-key", CLIENT, "--base-url", shopify.address)

    told = fresh("connectors", "connect", *words, given=f"{SECRET}\n")

    assert SECRET not in told.output
    assert settings(fresh).sources["shopify"].secrets == (SECRET,)


# keys that are not enough


def test_where_keys_are_not_enough_the_owner_is_needed_and_the_source_is_written(fresh, shopify):
    shopify.fault("oauth", error="app_not_installed", count=1)
    words = ("shopify", *SHOP, "--api-key", CLIENT, "--api-secret", SECRET, "--base-url", shopify.address)

    told = connect(fresh, *words, code=4).stderr

    assert "The owner of the account has to agree in a browser." in told
    assert "tajo run" in told
    assert "shopify" in settings(fresh).sources


# what is kept


def test_a_variable_of_the_environment_wins_over_a_kept_one(tmp_path):
    env = {"TAJO_HOME": str(tmp_path / "home")}
    KeptVariables(env).put({"A": "kept", "B": "kept"})
    (tmp_path / "tajo.yaml").write_text("connectors: {woo: {platform: woocommerce, webhook_secret: ['${A}', '${B}']}}")

    found = load_settings(tmp_path / "tajo.yaml", {**env, "A": "set"})

    assert found.sources["woo"].secrets == ("set", "kept")
    assert (tmp_path / "home" / FILE).stat().st_mode & 0o777 == 0o600


def test_variables_that_were_kept_with_another_key_are_a_fault_with_what_to_do(tajo):
    KeptVariables({**tajo.env, "TAJO_SECRET_KEY": "k" * 16}).put({"A": "kept"})

    told = tajo("check", code=2, TAJO_SECRET_KEY="l" * 16).stderr

    assert "was encrypted with another key" in told
    assert "TAJO_SECRET_KEY" in told
    assert os.environ.get("A") is None
