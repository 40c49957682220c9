"""What happens in the demo's shops: each stand-in plays the whole opening, and its connector reads what it tells."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from importlib import import_module

import pytest
import yaml

from connectors.shopify.fake.app import FakeShop
from connectors.shopify.fake.settings import Settings as ShopifySettings
from connectors.woocommerce.fake.app import FakeStore
from connectors.woocommerce.fake.settings import Settings as WooCommerceSettings
from customer_sync.demo.stage import command, config, parts
from customer_sync.demo.story import OPENING, Shop
from customer_sync.kit.fakes.clock import Clock
from customer_sync.kit.fakes.crowd import WEIGHTS
from customer_sync.kit.fakes.main import parser, settings_of
from customer_sync.kit.fakes.part import SCENES
from customer_sync.loading import load_settings
from customer_sync.model import Channel, ConsentState, Event, Inbound, Kind
from customer_sync.registry import connector_for

FAKES = {"shopify": (FakeShop, ShopifySettings), "woocommerce": (FakeStore, WooCommerceSettings)}
PORTS = {"shopify": 9001, "woocommerce": 9002}
HOOK = "http://127.0.0.1:9/webhooks"


def settings(tmp_path):
    path = tmp_path / "demo.yaml"
    path.write_text(config(PORTS, "http://127.0.0.1:8000"))
    return load_settings(path, {})


def stand_in(platform):
    """The stand-in as the demo starts it, in this process."""
    kind, chosen = FAKES[platform]
    words = command(platform, parts()[platform], 9)[5:]
    return kind(settings_of(chosen, parser(kind, chosen).parse_args(words)), Clock.running())


def through(fake):
    """A client whose calls reach a stand-in of this process."""
    caller = fake.app.test_client()

    class Http:
        def send(self, method, url, *, headers, body=None):
            answer = caller.open(url.partition("9001")[2], method=method, headers=headers, data=body)
            return type("Reply", (), {"status": answer.status_code, "body": answer.data})

    return Http()


def told(platform, tmp_path):
    """What the connector reads of the opening, with the keys that the demo's config holds."""
    fake, source = stand_in(platform), settings(tmp_path).sources[platform]
    if platform == "shopify":
        for topic in connector_for(source).topics:
            group, _, act = topic.replace(".", "/").rpartition("/")
            fake.subscribe(f"{group}_{act}".upper(), HOOK)
    else:
        caller = fake.app.test_client()
        for topic in connector_for(source).topics:
            body = {"topic": topic, "delivery_url": HOOK, "secret": source.secrets[0]}
            key = {"consumer_key": fake.settings.key, "consumer_secret": fake.settings.secret}
            fake.settings.behind_tls = True
            assert caller.post("/wp-json/wc/v3/webhooks", query_string=key, json=body).status_code == 201
    shop = Shop(platform, "http://127.0.0.1:9001", parts()[platform], through(fake))
    for number in range(len(OPENING)):
        shop.opening(number)
        fake.sender.deliver(everything=True)
    connector = connector_for(source)
    for one in fake.sender.log:
        headers = {name.lower(): value for name, value in one.headers.items()}
        inbound = Inbound(platform, headers, one.body, datetime.now(UTC))
        if "webhook_id=" not in one.body.decode():
            connector.verify(inbound, source.secrets)
            yield from (event for event in connector.parse(inbound) if isinstance(event, Event))


def test_every_act_of_the_crowd_is_in_the_opening():
    assert set(OPENING) == set(WEIGHTS)


def test_every_stand_in_has_a_part_whose_options_it_knows_and_whose_scenes_are_known(tmp_path):
    assert set(parts()) == set(FAKES)
    assert set(settings(tmp_path).sources) == set(FAKES)
    for platform, part in parts().items():
        stand_in(platform)
        assert set(part.scenes) <= set(SCENES)
    assert {scene for part in parts().values() for scene in part.scenes} == set(SCENES)


@pytest.mark.parametrize(
    ("platform", "said"),
    [
        ("shopify", {ConsentState.GRANTED, ConsentState.WITHDRAWN}),
        ("woocommerce", {ConsentState.GRANTED}),  # there a box that is not ticked is no consent
    ],
)
def test_the_opening_shows_customers_and_consent_and_is_signed_with_the_key_of_the_config(platform, said, tmp_path):
    events = list(told(platform, tmp_path))

    kinds = {event.kind for event in events}
    states = {seen.state for event in events for seen in event.consents if seen.channel is Channel.EMAIL}
    assert {Kind.CUSTOMER_CREATED, Kind.CUSTOMER_UPDATED, Kind.CUSTOMER_DELETED} <= kinds
    assert said <= states


@pytest.mark.parametrize("platform", FAKES)
def test_each_scene_is_taken_by_its_stand_in(platform):
    fake = stand_in(platform)
    shop = Shop(platform, "http://127.0.0.1:9001", parts()[platform], through(fake))

    played = {scene: shop.play(scene) for scene in SCENES}

    assert played == {scene: scene in parts()[platform].scenes for scene in SCENES}


def test_the_config_points_every_source_at_this_machine(tmp_path):
    text = yaml.safe_load(config(PORTS, "http://127.0.0.1:8000"))

    assert {name: one["base_url"] for name, one in text["connectors"].items()} == {
        "shopify": "http://127.0.0.1:9001",
        "woocommerce": "http://127.0.0.1:9002",
    }
    assert settings(tmp_path).brevo.is_sandbox
    assert all(one.schedule.webhooks is None for one in settings(tmp_path).source_sync.values())


def test_the_part_of_a_stand_in_loads_nothing_of_the_stand_in_but_its_settings():
    code = "import sys; from customer_sync.demo.stage import parts; parts(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not {"graphql", "connectors.shopify.fake.app", "connectors.woocommerce.fake.app"} & set(done.stdout.split())
    assert import_module("connectors.shopify.fake.part").PART is parts()["shopify"]


def run_demo(tmp_path, text, **env):
    (tmp_path / "tajo.yaml").write_text(text)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TAJO_", "BREVO_"))}
    env = clean | {"TAJO_CONFIG": str(tmp_path / "tajo.yaml"), "TAJO_REDIS_URL": "redis://127.0.0.1:9"} | env
    words = [sys.executable, "-m", "customer_sync.demo", "--url", "http://127.0.0.1:9"]
    return subprocess.run(words, env=env, capture_output=True, text=True, check=False, timeout=30)


HERE = "http://127.0.0.1:9/v3"
REAL = "connectors: {shopify: {shop_url: mine.myshopify.com, api_secret: s}}\n"


@pytest.mark.parametrize(
    ("text", "env", "words"),
    [
        ("connectors: {}\n", {"BREVO_API_URL": HERE}, "no shop"),
        (REAL, {"BREVO_API_URL": HERE}, "not the config of a demo (shopify)"),
        ("connectors: {}\n", {"BREVO_API_KEY": "xkeysib-1"}, "sandbox only"),
        ("connectors: {}\n", {}, "sandbox only"),
        ("nonsense: 1\n", {}, "nonsense"),
    ],
)
def test_the_program_says_why_it_cannot_run(tmp_path, text, env, words):
    done = run_demo(tmp_path, text, **env)

    assert done.returncode == 2
    assert words in done.stderr
