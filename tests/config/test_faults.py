"""Faults come all at once, with their places, and never with a secret."""

from __future__ import annotations

import base64
import pickle
from contextlib import suppress

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customer_sync.config import ConfigFaults, Fault, Known, Settings, load, skill_settings
from customer_sync.config.document import MAX_NODES
from tests.config.conftest import SYNC, find_skills

MANY = """
connectors:
  shopify:
    api_secret: s
    options:
      sync_mode: realtme
  shopfy:
    api_secret: s
skills:
  customer-sync:
    debug: maybe
debgu: true
"""


def test_all_faults_come_at_once_in_the_order_of_the_file(read):
    with pytest.raises(ConfigFaults) as caught:
        read(MANY, TAJO_DEBUG="maybe")

    assert [(fault.file, fault.line, fault.path) for fault in caught.value.faults] == [
        ("environment", None, "TAJO_DEBUG"),
        ("tajo.yaml", 6, "connectors.shopify.options.sync_mode"),
        ("tajo.yaml", 7, "connectors.shopfy"),
        ("tajo.yaml", 11, "skills.customer-sync.debug"),
        ("tajo.yaml", 12, "debgu"),
    ]
    block = str(caught.value).splitlines()
    assert block[0] == "The settings have 5 faults:"
    assert block[2] == (
        "  tajo.yaml:6: connectors.shopify.options.sync_mode: found 'realtme'. Did you mean realtime? "
        "Choices: realtime, batch, hybrid."
    )
    assert len(block) == 6


def test_a_fault_holds_its_parts():
    fault = Fault("tajo.yaml", 3, "debug", "found 'x'", "Write true or false.")

    assert str(fault) == "tajo.yaml:3: debug: found 'x'. Write true or false."
    assert str(ConfigFaults([fault])) == f"The settings have 1 fault:\n  {fault}"


SECRET = "xkeysib-5f2e91c7-71bea20d55c8e6f1"
CODED = base64.b64encode(SECRET.encode()).decode()
WITH_SECRETS = f"""
api_key: {SECRET}
secret_key: {SECRET}
redis_url: redis://:{SECRET}@host/0
brevo: {{api_key: {SECRET}, webhook_secret: [{SECRET}]}}
notifications: {{webhook_url: 'https://me:{SECRET}@host.example/{SECRET}', webhook_secret: {CODED}}}
connectors:
  shopify: {{shop_url: x, api_key: {SECRET}, api_secret: [{SECRET}, two], webhook_secret: {SECRET}}}
"""


def test_no_secret_is_in_the_repr_of_the_settings(read):
    settings = read(WITH_SECRETS)

    assert settings.sources["shopify"].secrets == (SECRET, "two")
    assert SECRET not in repr(settings)
    assert CODED not in repr(settings)
    assert SECRET not in str(settings)
    assert SECRET not in f"{settings.sources} {settings.brevo} {settings.notifications} {settings.skills}"


def test_settings_can_go_to_another_process(read):
    settings = read(WITH_SECRETS)

    assert pickle.loads(pickle.dumps(settings)) == settings


@pytest.mark.parametrize(
    "text",
    [
        f"api_key: [{SECRET}]",
        f"api_key: {{{SECRET}: 1}}",
        f"redis_url: {SECRET}",
        f"redis_url: http://{SECRET}@host",
        f"public_url: https://me:{SECRET}@host",
        f"public_url: ftp://me:{SECRET}@host",
        f"notifications: {{webhook_url: {SECRET}}}",
        f"brevo: {SECRET}",
        f"brevo: [{SECRET}]",
        f"brevo: {{api_keyy: {SECRET}}}",
        f"api_key: *{SECRET}",
        f"api_key: &{SECRET} a\nsecret_key: &{SECRET} b",
        f"api_key: {SECRET[:15]}",
        f"api_key: '{SECRET} {SECRET}'",
        f"secret_key: {SECRET[:15]}",
        f"secret_key: '{SECRET},{SECRET[:15]}'",
        f"api_key: !{SECRET} a",
        f"api_key: !{SECRET}!x a",
        f'api_key: "{SECRET}\\q"',
        f"api_key: '{SECRET}",
        f"api_key: {SECRET}: x",
        f"api_key: %{SECRET}",
        f"brevo: {{api_key: {SECRET}",
        f"connectors: {{shopify: {{webhook_secret: {{a: {SECRET}}}}}}}",
        f"connectors: {{shopify: {{webhook_secret: s, api_key: [{SECRET}]}}}}",
        f"{SECRET}",
        "log_level: ${KEY}",
        "connectors: {shopify: {webhook_secret: s, options: {list_id: '${KEY}'}}}",
        "api_key: ${KEY",
        f"api_key: ${{KEY {SECRET}}}",
        f"api_key: ${{NO_SUCH}}{SECRET}",
    ],
)
def test_no_secret_is_in_a_fault(faults, text):
    assert SECRET[:15] not in "\n".join(faults(text, KEY=SECRET))


def test_no_secret_of_the_environment_is_in_a_fault(faults):
    assert SECRET not in "\n".join(faults("", TAJO_REDIS_URL=SECRET, BREVO_API_URL=f"ftp://x:{SECRET}@host"))


def test_an_alias_that_points_back_to_itself_is_a_fault_and_not_a_hang(faults):
    sentence = "nested without end. Remove the alias (*name) that points back to itself."

    assert faults("skills: &a {abandoned-cart: {x: *a}}")[0].endswith(sentence)
    bomb = "\n".join(f"k{i}: &k{i} [{', '.join([f'*k{i - 1}' if i else 'x'] * 9)}]" for i in range(9))
    assert len([fault for fault in faults(bomb) if fault.endswith(sentence)]) == 1
    assert MAX_NODES < 9**9


def test_a_source_of_a_broken_connector_stands_still_and_the_others_go_on(tmp_path, platforms):
    path = tmp_path / "tajo.yaml"
    path.write_text(
        "connectors: {odd: {webhook_secret: s, anything: 1}, shop: {platform: shopify, webhook_secret: s}}\n"
        "skills: {customer-sync: {source: odd}}"
    )

    settings = load(path, {}, platforms, {"odd": "ImportError: no x"}, find_skills=find_skills)

    assert list(settings.sources) == ["shop"]
    assert settings.unserved == {"odd": "odd"}
    (warning,) = settings.warnings
    assert "tajo.yaml:1: connectors.odd: the connector for odd cannot be loaded (ImportError: no x)." in warning


KEYS = [
    *("connectors", "skills", "brevo", "notifications", "shopify", "customer-sync", "options", "schedule", "sync"),
    *("list_id", "field_mapping", "enabled", "webhook_secret", "source", "api_key", "events", "<<"),
]
CONTENT = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CONTENT)
def test_whatever_the_file_holds_it_is_settings_or_faults(tmp_path, platforms, content):
    path = tmp_path / "tajo.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")

    with suppress(ConfigFaults):
        assert isinstance(load(path, {}, platforms, find_skills=find_skills), Settings)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("conectors: {shopify: {api_secret: x, shop: y}}\n", "conectors.shopify.shop: unknown key"),
        ("connectors: {shopfy: {api_secret: x, shop: y}}\n", "connectors.shopfy.shop: unknown key"),
        ("skills: {custmer-sync: {options: {list_id: x}}}\n", "skills.custmer-sync.options.list_id: found 'x'"),
        ("brvo: {import_phones: perhaps}\n", "brvo.import_phones: found 'perhaps'"),
        ("skills: {customer-sync: {optons: {list_id: x}}}\n", "skills.customer-sync.optons.list_id: found 'x'"),
    ],
)
def test_faults_below_a_misspelt_key_are_named_together_with_it(faults, text, found):
    told = faults(text)

    assert any(found in one for one in told), told
    assert len(told) >= 2


@pytest.mark.parametrize(
    ("source", "said"),
    [("prestashop", "This version has no such platform yet."), ("segment", "This version has no such platform yet.")],
)
def test_a_word_of_the_documents_is_answered_with_what_is_here(source, said):
    with pytest.raises(ConfigFaults) as raised:
        skill_settings("customer-sync", {"source": source}, SYNC, Known(["api"], ["shopify"]))

    (fault,) = raised.value.faults
    assert fault.remedy.startswith(said)
    assert "Choices: " in fault.remedy
