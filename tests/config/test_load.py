"""What a config file and the environment become."""

from __future__ import annotations

import base64
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from customer_sync.batch.cron import latest_slot
from customer_sync.config import BREVO_URL, ConfigFaults, Known, Role, Schedule, SyncOptions, load, skill_settings
from customer_sync.config.document import Text
from customer_sync.config.faults import Wrong
from customer_sync.config.settings import NOTICE_EVENTS
from customer_sync.config.values import api_key, cron
from customer_sync.kit.connector import Option
from tests.config.conftest import ANY, SYNC, ConnectorShop, find_skills

SHOP = """
    connectors:
      shopify:
        shop_url: shop.example
        api_secret: first
"""


# Which file


def test_without_a_file_everything_has_its_default(tmp_path, monkeypatch, platforms):
    monkeypatch.chdir(tmp_path)

    settings = load(None, {}, platforms, find_skills=find_skills)

    assert settings.sources == {}
    assert settings.brevo.base_url == BREVO_URL
    assert settings.brevo.is_sandbox
    assert settings.file is None
    assert [name for name, skill in settings.skills.items() if skill.enabled] == ["customer-sync"]
    assert settings.mapping_for("any") == {
        "email": "email",
        "firstName": "FIRSTNAME",
        "lastName": "LASTNAME",
        "phone": "SMS",
    }


def test_a_named_file_that_is_missing_is_a_fault(tmp_path, platforms):
    for path, env in ((tmp_path / "no.yaml", {}), (None, {"TAJO_CONFIG": str(tmp_path / "no.yaml")})):
        with pytest.raises(ConfigFaults, match=r"no\.yaml: there is no such file\. Name another with TAJO_CONFIG"):
            load(path, env, platforms, find_skills=find_skills)


def test_the_variable_names_the_file_and_an_argument_wins_over_it(tmp_path, platforms):
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text("public_url: https://one.example")
    two.write_text("public_url: https://two.example")

    assert load(None, {"TAJO_CONFIG": str(one)}, platforms, find_skills=find_skills).public_url == "https://one.example"
    assert load(two, {"TAJO_CONFIG": str(one)}, platforms, find_skills=find_skills).public_url == "https://two.example"
    assert load(two, {}, platforms, find_skills=find_skills).file == str(two)


def test_a_folder_in_the_place_of_the_file_is_a_fault(tmp_path, platforms):
    with pytest.raises(ConfigFaults, match="cannot be read"):
        load(tmp_path, {}, platforms, find_skills=find_skills)


def test_a_file_that_is_not_utf_8_names_the_line(tmp_path, platforms):
    path = tmp_path / "tajo.yaml"
    path.write_bytes(b"debug: true\npublic_url: \xff\n")

    with pytest.raises(ConfigFaults, match=r"tajo\.yaml:2: a character that is not UTF-8"):
        load(path, {}, platforms, find_skills=find_skills)


@pytest.mark.parametrize(
    "text", ["", "# only a remark\n", "---\n", "\ufeffdebug: false\n", "connectors:\nskills:\nbrevo:\n"]
)
def test_files_that_say_nothing_are_fine(read, text):
    assert read(text).sources == {}


# Sources


def test_a_source_has_its_secrets_options_and_address(read):
    settings = read(
        """
        connectors:
          shopify:
            enabled: true
            shop_url: shop.example
            apiKey: "${KEY}"
            api_secret: [new, old, new]
            webhook_secret: admin
            api_version: 2024.10
            base_url: http://127.0.0.1:9000/
            extras: {a: [1, 2.5, "3", yes, null, 007]}
        """,
        KEY="k",
    )

    source = settings.sources["shopify"]
    assert source.platform == "shopify"
    assert source.secrets == ("new", "old", "admin")
    assert source.base_url == "http://127.0.0.1:9000"
    assert source.options == {
        "shop_url": "shop.example",
        "api_key": "k",
        "api_secret": "new",
        "api_version": "2024.10",
        "extras": {"a": [1, 2.5, "3", True, None, "007"]},
    }


def test_an_alias_of_a_key_is_the_key(read):
    settings = read(
        "connectors: {shopify: {clientSecret: s, shop-url: x}, woocommerce: {webhook_secret: w, api_key: k}}"
    )

    assert settings.sources["shopify"].secrets == ("s",)
    assert settings.sources["shopify"].options == {"api_secret": "s", "shop_url": "x"}
    assert settings.sources["woocommerce"].options == {"consumer_key": "k"}


@pytest.mark.parametrize(
    ("written", "secret"),
    [
        ("0123", "0123"),
        ("12e5", "12e5"),
        ("no", "no"),
        ("2024-01-01", "2024-01-01"),
        ('" s "', "s"),
        ("|\n        s\n", "s"),
    ],
)
def test_a_secret_is_the_text_that_was_written(read, written, secret):
    text = f"connectors:\n  woocommerce:\n    webhook_secret: {written}\n"

    assert read(text).sources["woocommerce"].secrets == (secret,)


@pytest.mark.parametrize("written", ["123", "no", "1.50", "2026-11-21"])
def test_a_key_of_the_platform_is_the_text_that_was_written(read, written):
    settings = read(f"connectors: {{woocommerce: {{webhook_secret: s, api_key: {written}}}}}")

    assert settings.sources["woocommerce"].options == {"consumer_key": written}


def test_a_webhook_secret_may_stand_under_another_name_of_its_key(tmp_path, platforms):
    class ConnectorAlias(platforms["woocommerce"]):
        options = (Option("signing_key", "The key.", secret=True, aliases=("webhook_secret",)),)

    path = tmp_path / "tajo.yaml"
    path.write_text("connectors: {woocommerce: {webhook_secret: s}}")

    source = load(path, {}, {"woocommerce": ConnectorAlias}, find_skills=find_skills).sources["woocommerce"]

    assert source.secrets == ("s",)
    assert source.options == {"signing_key": "s"}


def test_two_accounts_of_one_platform_are_two_sources(read):
    settings = read(
        """
        connectors:
          shop-de: {platform: shopify, webhook_secret: a}
          shop_fr: {platform: shopify, webhook_secret: b}
        skills:
          customer-sync: {source: shopify}
          order-events: {source: shop_fr}
        """
    )

    assert [source.platform for source in settings.sources.values()] == ["shopify", "shopify"]
    assert settings.applies("customer-sync", "shop-de")
    assert settings.applies("customer-sync", "shop_fr")
    assert not settings.applies("order-events", "shop-de")
    assert settings.applies("order-events", "shop_fr")
    assert not settings.applies("cart-events", "shop_fr")
    assert not settings.applies("nonsense", "shop_fr")


def test_custom_is_what_the_documents_call_platforms_of_ones_own(read, monkeypatch):
    monkeypatch.setattr(ConnectorShop, "__module__", "connectors.shopify.connector")
    settings = read(
        """
        connectors:
          shopify: {webhook_secret: a}
          open: {}
        skills:
          customer-sync: {source: custom}
        """
    )

    assert settings.applies("customer-sync", "open")
    assert settings.applies("customer-sync", "api")
    assert not settings.applies("customer-sync", "shopify")


def test_a_source_with_only_its_webhook_secret_receives_and_needs_nothing_more(read):
    assert read("connectors: {shopify: {webhook_secret: s}}").sources["shopify"].options == {}


def test_a_source_that_only_pulls_needs_no_webhook_secret(read):
    settings = read("connectors: {shopify: {shop_url: x, options: {sync_mode: batch}}}")

    assert settings.sources["shopify"].secrets == ()


def test_a_platform_that_signs_nothing_needs_no_secret(read):
    assert read("connectors: {open: }").sources["open"].secrets == ()


def test_a_disabled_source_is_not_read_at_all(read):
    settings = read("connectors: {shopify: {enabled: off, api_secret: '${NOT_SET}', nonsense: 1}}")

    assert settings.sources == {}
    assert settings.disabled == ("shopify",)


def test_what_is_synced_is_everything_unless_it_says_no(read):
    settings = read(SHOP + "        sync: {orders: false, customers: yes}\n")

    assert settings.source_sync["shopify"].sync == {
        "customers": True,
        "orders": False,
        "products": True,
        "carts": True,
        "drafts": True,
    }
    assert settings.syncs("shopify", "customers")
    assert not settings.syncs("shopify", "orders")
    assert not settings.syncs("unknown", "customers")


@pytest.mark.parametrize(
    ("written", "schedule"),
    [
        ('"*/15 * * * *"', Schedule(pull="*/15 * * * *")),
        ("hourly", Schedule(pull="17 * * * *")),
        ("off", Schedule(pull=None, reconcile=None)),
        ("{pull: off}", Schedule(pull=None)),
        ("{reconcile: '5 4 1-7 * 0,6'}", Schedule(reconcile="5 4 1-7 * 0,6")),
        ("'0 9 l * MON-fri'", Schedule(pull="0 9 l * mon-fri")),
        ("{pull: }", Schedule(pull=None)),
        ("", Schedule()),
    ],
)
def test_a_schedule_is_a_cron_line_a_word_or_a_table(read, written, schedule):
    assert read(SHOP + f"        schedule: {written}\n").source_sync["shopify"].schedule == schedule


def test_an_anchor_shares_lines_between_sources(read):
    settings = read(
        """
        connectors:
          shop-de: &shop {platform: shopify, webhook_secret: a, options: {list_id: 1}}
          shop-fr: {<<: *shop, webhook_secret: b}
        """
    )

    assert settings.sources["shop-fr"].secrets == ("b",)
    assert settings.options_for("shop-fr").list_ids == (1,)


@pytest.mark.parametrize("key", ["base_url", "baseUrl", "baseURL", "base-url", "BASE_URL"])
def test_a_key_may_be_spelled_in_any_case(read, key):
    settings = read(f"connectors: {{open: {{{key}: http://127.0.0.1:1}}}}")

    assert settings.sources["open"].base_url == "http://127.0.0.1:1"


def test_of_several_shared_tables_the_first_wins(read):
    settings = read(
        """
        connectors:
          shop-de: &de {platform: open, base_url: http://de.example}
          shop-fr: &fr {platform: open, base_url: http://fr.example, options: {list_id: 2}}
          shop-es: {<<: [*de, *fr]}
        """
    )

    assert settings.sources["shop-es"].base_url == "http://de.example"
    assert settings.options_for("shop-es").list_ids == (2,)


# Skills and options


def test_a_listed_skill_is_enabled_and_keeps_its_own_keys(read):
    settings = read(
        """
        skills:
          customer-sync: {enabled: false, debug: true, log_level: VERBOSE}
          abandoned-cart:
            detection: {inactivity_threshold: 30m, min_cart_value: 25, exclude_logged_out: false}
            sequence:
              - {delay: 1h, template_id: 101, subject: "Still there, ${NAME}"}
            stopOn: [cart_recovered]
        """,
        NAME="you",
    )

    assert settings.skills["customer-sync"].enabled is False
    assert settings.skills["customer-sync"].debug is True
    assert settings.skills["customer-sync"].log_level == "verbose"
    assert settings.skills["abandoned-cart"].enabled is True
    assert settings.skills["abandoned-cart"].extra == {
        "detection": {"inactivity_threshold": "30m", "min_cart_value": 25, "exclude_logged_out": False},
        "sequence": [{"delay": "1h", "template_id": 101, "subject": "Still there, you"}],
        "stop_on": ["cart_recovered"],
    }


@pytest.mark.parametrize(
    ("written", "ids"),
    [
        ("list_id: 5", (5,)),
        ('list_id: "5"', (5,)),
        ("list_ids: [5, 6, 5]", (5, 6)),
        ("listId: '${LIST}'", (7,)),
        ("listIds: []", ()),
    ],
)
def test_lists_are_one_or_many(read, written, ids):
    settings = read(f"skills: {{customer-sync: {{options: {{{written}}}}}}}", LIST="7")

    assert settings.options_for("any").list_ids == ids


def test_the_skills_options_win_over_the_sources_key_by_key(read):
    settings = read(
        SHOP
        + """
        options: {sync_mode: batch, delete_behavior: hard, list_id: 5}
    skills:
      customer-sync:
        options: {syncMode: hybrid, listIds: [6, 7]}
        """
    )

    assert settings.options_for("shopify") == SyncOptions("hybrid", "hard", (6, 7))
    assert settings.options_for("shopify", "cart-events") == SyncOptions("batch", "hard", (5,))
    assert settings.options_for("other", "cart-events") == SyncOptions()


@pytest.mark.parametrize(
    "where", ["updateEnabled: false", "options: {updateEnabled: false}", "options: {update_enabled: no}"]
)
def test_update_enabled_may_stand_in_the_skill_or_its_options(read, where):
    assert read(f"skills: {{customer-sync: {{{where}}}}}").options_for("any").update_enabled is False


def test_the_safe_choices_are_the_defaults():
    assert SyncOptions() == SyncOptions("hybrid", "soft", (), "unknown", update_enabled=True, first_sync="wait")


def test_the_first_full_run_may_begin_by_itself_where_the_file_says_so(read):
    assert read("skills: {customer-sync: {options: {firstSync: auto}}}").options_for("any").first_sync == "auto"


def test_a_skill_described_as_json_follows_the_rules_of_the_file():
    skill = skill_settings(
        "customer-sync", {"fieldMapping": {"total_orders": "orders"}, "options": {"listId": 5}}, SYNC
    )

    assert skill.field_mapping == {"totalOrders": "ORDERS"}
    assert skill.options == {"list_ids": (5,)}
    assert skill_settings("abandoned-cart", {"subject": "${NOT_A_VARIABLE}"}, ANY).extra == {
        "subject": "${NOT_A_VARIABLE}"
    }
    with pytest.raises(ConfigFaults, match=r"skills\.customer-sync\.options\.syncMode: found 'fast'"):
        skill_settings("customer-sync", {"options": {"syncMode": "fast"}}, SYNC)


# The rest


def test_the_environment_wins_over_the_file(read):
    settings = read(
        """
        api_key: 3f9c-file-71be-a20d-55c8
        secret_key: of-the-file-and-long
        redis_url: redis://file
        public_url: https://file.example
        log_level: info
        brevo: {api_key: "${NOT_SET}", base_url: https://file.example, webhook_secret: file}
        """,
        TAJO_API_KEY="3f9c-env-71be-a20d-55c8-e6",
        TAJO_SECRET_KEY="${env}-and-long-enough, older-and-long-enough,",
        TAJO_REDIS_URL="redis://:pw@env/1",
        TAJO_PUBLIC_URL="https://env.example/",
        TAJO_LOG_LEVEL="debug",
        TAJO_DEBUG="1",
        BREVO_API_KEY="xkeysib",
        BREVO_API_URL="http://127.0.0.1:1/v3",
        BREVO_WEBHOOK_SECRET="one, two",
    )

    assert settings.api_key == "3f9c-env-71be-a20d-55c8-e6"
    assert settings.secret_key == "${env}-and-long-enough,older-and-long-enough"
    assert settings.redis_url == "redis://:pw@env/1"
    assert settings.public_url == "https://env.example"
    assert settings.log_level == "debug"
    assert settings.debug is True
    assert settings.brevo.api_key == "xkeysib"
    assert not settings.brevo.is_sandbox
    assert settings.brevo.base_url == "http://127.0.0.1:1/v3"
    assert settings.brevo.webhook_secrets == ("one", "two")


def test_imports_carry_no_phones_unless_the_operator_says_so(read):
    assert read("").brevo.import_phones is False
    assert read("brevo: {import_phones: true}").brevo.import_phones is True


def test_an_empty_variable_is_as_good_as_none(read):
    settings = read(
        "brevo: {api_key: '${KEY:-}'}\npublic_url: https://file.example", BREVO_API_KEY="", TAJO_PUBLIC_URL=""
    )

    assert settings.brevo.is_sandbox
    assert settings.public_url == "https://file.example"


def test_debug_alone_raises_the_log_level(read):
    assert read("debug: true").log_level == "debug"
    assert read("debug: true\nlog_level: warning").log_level == "warning"


def test_notices_go_to_one_address_all_of_them_unless_it_says_which(read):
    coded = base64.b64encode(b"s" * 32).decode()
    settings = read(f"notifications: {{webhook_url: 'https://user:pw@app.example/hook', webhook_secret: {coded}}}")
    some = read("notifications: {webhookUrl: 'http://app.example', events: sync_failed}")

    (target,) = settings.notifications.targets
    assert target.address == "https://user:pw@app.example/hook"
    assert target.events == NOTICE_EVENTS
    assert target.secrets == (f"whsec_{coded}",)
    assert (target.name, target.kind) == ("webhook", "webhook")
    assert some.notifications.targets[0].events == ("sync_failed",)
    assert any("without TLS" in one for one in some.warnings)


@pytest.mark.parametrize(
    ("text", "where", "warning"),
    [
        ("{source: woocommerce}", ".source", "no woocommerce is configured under connectors: (yet)"),
        (
            "{options: {missing_consent: granted}}",
            ".options",
            "missing_consent: granted mails people who were never asked; be sure they agreed elsewhere",
        ),
        ("{field_mapping: {a: X, b: x}}", ".field_mapping", "a and b both go to X; the later wins where it is present"),
        (
            "{field_mapping: {accepts_marketing: OPT_IN}}",
            ".field_mapping",
            "acceptsMarketing is never an attribute: it decides who may be mailed",
        ),
    ],
)
def test_what_is_allowed_but_wants_a_look_is_a_warning(read, text, where, warning):
    settings = read(f"skills: {{customer-sync: {text}}}")

    assert settings.warnings == (f"tajo.yaml:1: skills.customer-sync{where}: {warning}.",)


def test_a_variable_that_is_nearly_ours_is_a_warning(read):
    warning = "environment: the variable BREVO_APIKEY is not read. Did you mean BREVO_API_KEY?"

    assert read("", BREVO_APIKEY="x").warnings == (warning,)


@pytest.mark.parametrize(
    "env", [{"BREVO_API_KEY": "x"}, {"TAJO_HOST": "x"}, {"BREVO_APIKEY": "x", "BREVO_API_KEY": "y"}]
)
def test_variables_that_are_ours_or_nothing_like_ours_give_no_warning(read, env):
    assert read("", **env).warnings == ()


def test_a_variable_that_the_file_uses_gives_no_warning(read):
    assert read("brevo: {api_key: '${BREVO_APIKEY}'}", BREVO_APIKEY="x").warnings == ()


def test_the_file_of_the_settings_page_can_be_loaded(read):
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
    example = page.split("```yaml\n")[1].split("```")[0]

    settings = read(example, BREVO_API_KEY="b", SHOPIFY_API_KEY="k", SHOPIFY_API_SECRET="s")

    assert settings.warnings == ()
    assert settings.options_for("shopify").list_ids == (5,)


@given(st.lists(st.text("0123456789*,-/#lwmonjan", min_size=1, max_size=6), min_size=5, max_size=5))
@example(["9" * 5000, "*", "*", "*", "*"])
@example(["0", "0", "*/31", "2", "1l"])
def test_whatever_is_written_a_schedule_that_is_taken_comes_sometime(fields):
    try:
        line = cron(Text("schedule", 1, " ".join(fields)), {})
    except Wrong:
        return

    assert line is not None
    assert latest_slot(line, datetime(2026, 11, 21, tzinfo=UTC)) is not None


def test_a_thousand_keys_of_openssl_are_taken():
    draw = random.Random(7)

    for _ in range(1000):
        key = draw.randbytes(16).hex()
        assert api_key(Text("api_key", 1, key), {}) == key


def test_a_weak_key_in_the_environment_is_named_and_not_shown(faults):
    told = faults("", TAJO_API_KEY="hunter2-hunter2")

    assert len(told) == 1
    assert told[0].startswith("environment: TAJO_API_KEY: a key of fewer than 24 characters. Make a long one, ")
    assert "hunter2" not in told[0]


def test_a_token_of_the_environment_that_no_header_carries_is_named_and_not_shown(faults):
    told = faults("", BREVO_WEBHOOK_SECRET="8f2a77c1,clé-ß")

    assert len(told) == 1
    assert told[0].startswith("environment: BREVO_WEBHOOK_SECRET: a secret with letters beyond ASCII, ")
    assert "clé" not in told[0]


def test_an_empty_api_key_is_the_same_as_none(read):
    assert read("api_key: ''").api_key is None
    assert read("", TAJO_API_KEY="").api_key is None


def test_further_keys_of_the_api_have_names_and_roles(read):
    text = "api: {keys: [{name: grafana, key: '${K}', role: read}], rate_per_minute: 60}"

    settings = read(text, K="Zq7mXv2LpTn8RkWb4HsYc9Ud")

    (key,) = settings.api.keys
    assert (key.name, key.role, settings.api.rate_per_minute) == ("grafana", Role.READ, 60)
    assert key.key not in repr(settings)
    assert read("").api.rate_per_minute == 600


def test_a_skill_by_the_api_has_no_lines_and_names_what_its_source_may_be():
    config = {"source": "shop", "options": {"listId": 1, "list_id": 2}, "field_mapping": {"city": "A", "City": "B"}}

    with pytest.raises(ConfigFaults) as faults:
        skill_settings("customer-sync", config, SYNC, Known(["lumen"], ["shopify"]))

    found = {one.path: f"{one.found}. {one.remedy}" for one in faults.value.faults}
    told = "found 'shop'. Did you mean shopify? Choices: custom, lumen, shopify."
    assert found["skills.customer-sync.source"] == told
    assert found["skills.customer-sync.options.list_id"].startswith("the same key as listId above.")


def test_what_mails_people_who_were_never_asked_only_the_file_may_say():
    with pytest.raises(ConfigFaults, match=r"Only tajo\.yaml may say this"):
        skill_settings("customer-sync", {"options": {"missingConsent": "granted"}}, SYNC)


def test_the_name_of_the_built_in_source_is_taken(faults):
    (fault,) = faults("connectors: {api: {platform: shopify, api_secret: x}}")

    assert "no source may be called api" in fault
