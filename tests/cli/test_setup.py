"""`init`, `check`, `connectors`, `skills`, `attributes`: setting up."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from customer_sync.assembly import brevo_of
from customer_sync.brevo.attributes import Proposal, apply
from customer_sync.cli.init import config_text
from customer_sync.cli.output import paint
from customer_sync.kit.connector import Connector, Option
from customer_sync.loading import load_settings
from customer_sync.registry import platforms, proposed
from customer_sync.store.breaker import Pause
from customer_sync.store.counters import Tally
from customer_sync.store.doors import Refusals
from customer_sync.store.run import RunKind, RunState
from customer_sync.store.vault import SecretKey
from tests.own_skills import add_skill

# init


@pytest.fixture
def fresh(tajo):
    """A folder without a config."""
    tajo.config.unlink()
    return tajo


def test_init_writes_a_config_that_check_accepts(fresh):
    fresh("init", "--platform", "shopify", "--shop-url", "a.myshopify.com", "--list-id", "7", "--yes")

    [source] = fresh.json("check", SHOPIFY_API_SECRET="x")["sources"]
    assert (source["name"], source["lists"]) == ("shopify", [7])


def test_init_writes_no_secret_but_names_variables_and_says_so(fresh):
    told = fresh("init", "--platform", "woocommerce", "--yes").stdout

    assert yaml.safe_load(fresh.config.read_text())["connectors"]["woocommerce"] == {
        "webhook_secret": "${WOOCOMMERCE_WEBHOOK_SECRET}"
    }
    assert "export WOOCOMMERCE_WEBHOOK_SECRET=" in told
    assert "connectors/woocommerce/README.md" in told


def test_init_asks_for_what_is_not_given(fresh):
    fresh("init", given="shopify\nb.myshopify.com\n9\n")

    written = yaml.safe_load(fresh.config.read_text())
    assert written["connectors"]["shopify"]["shop_url"] == "b.myshopify.com"
    assert written["skills"]["customer-sync"]["options"]["list_id"] == 9


def test_init_takes_no_answer_for_later(fresh):
    fresh("init", "--platform", "shopify", given="\n\n")

    written = yaml.safe_load(fresh.config.read_text())
    assert "shop_url" not in written["connectors"]["shopify"]
    assert "list_id" not in written["skills"]["customer-sync"]["options"]


def test_init_never_writes_over_a_file(tajo):
    before = tajo.config.read_text()

    told = tajo("init", "--platform", "shopify", "--yes", code=2).stderr

    assert "--force" in told
    assert tajo.config.read_text() == before


def test_init_writes_over_a_file_when_told_to(tajo):
    tajo("init", "--platform", "woocommerce", "--yes", "--force")

    assert "woocommerce:" in tajo.config.read_text()


def test_init_writes_where_it_is_told_to(fresh):
    fresh("init", "--platform", "woocommerce", "--yes", "--file", "deep/er/x.yaml")
    fresh("init", "--platform", "woocommerce", "--yes", TAJO_CONFIG="y.yaml")

    assert Path("deep/er/x.yaml").exists()
    assert Path("y.yaml").exists()
    assert not fresh.config.exists()


def test_init_that_is_told_nothing_and_asks_nothing_writes_all_platforms_as_comments(fresh):
    told = fresh("init", "-y").stdout

    assert "take the `# ` away from the lines of your platform" in told
    assert fresh.json("check")["sources"] == []


@pytest.mark.parametrize("platform", proposed())
def test_a_platform_is_switched_on_by_taking_its_comment_signs_away(fresh, platform):
    fresh("init", "-y")
    head, *blocks = re.split(r"(?m)^(?=  # \w+:$)", fresh.config.read_text())
    rest = blocks[-1].partition("\nskills:")
    blocks[-1] = rest[0] + "\n"
    chosen = next(block for block in blocks if block.startswith(f"  # {platform}:"))

    fresh.config.write_text(head + re.sub(r"(?m)^  # ", "  ", chosen) + "".join(rest[1:]))

    secrets = dict.fromkeys(re.findall(r"\$\{(\w+)\}", chosen), "a-secret")
    assert [one["name"] for one in fresh.json("check", **secrets)["sources"]] == [platform]


def test_init_refuses_a_platform_that_it_does_not_know_and_an_address_of_none(fresh):
    assert "Did you mean shopify?" in fresh("init", "--yes", "--platform", "shopfy", code=2).stderr
    choices = ", ".join(proposed())
    assert f"Choices: {choices}" in fresh("init", "--yes", "--shop-url", "a.example", code=2).stderr


def test_init_leaves_nothing_behind_when_what_was_given_makes_no_config(fresh):
    told = fresh("init", "--platform", "shopify", "--shop-url", "${NO", "--yes", code=2).stderr

    assert "connectors.shopify.shop_url" in told
    assert list(fresh.folder.glob("*.yaml")) == []


@pytest.mark.parametrize("platform", sorted(platforms()))
def test_the_config_of_every_platform_is_accepted(platform, tmp_path):
    path = tmp_path / "tajo.yaml"
    path.write_text(config_text(platforms()[platform], list_id=3))
    names = {part.partition("}")[0] for part in path.read_text().split("${")[1:]}

    settings = load_settings(path, dict.fromkeys(names, "x"))

    assert list(settings.sources) == [platform]
    assert settings.warnings == ()


def test_a_secret_that_is_no_option_of_the_platform_is_written_too():
    class Pay(Connector):
        platform, title, options = "pay", "Pay", (Option("account", "The account."),)
        verify = parse = None

    text = config_text(Pay)

    assert '    webhook_secret: "${PAY_WEBHOOK_SECRET}"' in text
    assert '    # account: "..."' in text


# check


def test_check_lists_every_fault_with_code_2(tajo):
    tajo.config.write_text("connectors: {shopify: {api_secret: x, shop: y}, etsy: {}}\n")

    told = tajo("check", code=2).stderr
    faults = tajo.json("check", code=2)

    assert "2 faults" in told
    assert {fault["line"] for fault in faults["faults"]} == {1}
    assert faults["ok"] is False


def test_check_sums_up_what_the_config_says(tajo):
    told = tajo("check").stdout

    assert "ok: tajo.yaml" in told
    assert "Source   woo (woocommerce): hybrid, deletes soft, lists: 2" in told
    assert "city → CITY" in told
    assert "Brevo    the sandbox" in told


def test_check_reads_the_file_it_is_given(tajo):
    Path("other.yaml").write_text("connectors: {woocommerce: {webhook_secret: x}}\n")

    assert [one["name"] for one in tajo.json("check", "other.yaml")["sources"]] == ["woocommerce"]


def test_check_tells_what_is_disabled_and_what_wants_a_look(tajo):
    tajo.config.write_text(tajo.config.read_text().replace("  woo:\n", "  woo:\n    enabled: false\n"))
    tajo.config.write_text(tajo.config.read_text() + "      missing_consent: granted\n")

    told = tajo("check").stdout

    assert "Disabled woo" in told
    assert "warn: tajo.yaml:" in told


def test_what_a_skill_needs_and_a_source_does_not_give_is_told(tajo):
    add_skill(tajo.folder, "vip", resources=("carts", "orders"))
    told = "woo gives no orders: connectors.woo.sync switches them off."
    written = tajo.config.read_text().replace("  woo:\n", "  woo:\n    sync: {orders: false}\n")
    tajo.config.write_text(written.replace("skills:\n", "skills:\n  vip: {enabled: true, source: woo}\n"))

    assert f"skills.vip: {told}" in tajo("check").stdout
    assert f"look: {told}" in tajo("skills", "list").stdout
    assert told in tajo("skills", "enable", "vip").stdout


def test_check_tells_when_a_skill_leaves_a_source_alone(tajo):
    tajo.config.write_text(tajo.config.read_text().replace("enabled: true", "enabled: true\n    source: shopify"))

    assert "customer-sync does not act on it" in tajo("check").stdout


def test_check_of_nothing_says_where_to_start(fresh):
    assert "tajo init" in fresh("check").stdout


def test_no_command_shows_a_secret(tajo):
    shown = tajo("check").output + tajo("check", "--json").output + tajo("connectors", "list", "--json").output

    assert "shopify-secret" not in shown
    assert "woo-secret" not in shown


# connectors


def test_connectors_are_listed_with_the_addresses_of_the_sources(tajo):
    told = tajo("connectors", "list", TAJO_PUBLIC_URL="https://sync.example").stdout

    assert "shopify      Shopify" in told
    assert "https://sync.example/webhooks/woo" in told
    assert "https://sync.example/webhooks/brevo" in told


def test_without_a_public_address_only_the_path_is_told(tajo):
    woo = tajo.json("connectors", "list")["items"][1]

    assert {name: woo[name] for name in ("name", "platform", "connected", "webhooks", "webhook_url")} == {
        "name": "woo",
        "platform": "woocommerce",
        "connected": "no",
        "webhooks": "never looked at",
        "webhook_url": "/webhooks/woo",
    }
    assert "TAJO_PUBLIC_URL" in tajo("connectors", "list").stdout


def test_a_disabled_source_is_listed_as_such(tajo):
    tajo.config.write_text(tajo.config.read_text().replace("  woo:\n", "  woo:\n    enabled: false\n"))

    states = {one["name"]: one["state"] for one in tajo.json("connectors", "list")["items"]}
    assert states["woo"] == "disabled"
    assert "disabled" in tajo("connectors", "list").stdout


def test_no_source_is_told_with_a_way_to_start(fresh):
    assert "tajo init" in fresh("connectors", "list").stdout
    assert "tajo init" in fresh("connectors", "status").stdout


def state_of(tajo, name):
    return next((one["state"], one["why"]) for one in tajo.json("connectors", "status")["items"] if one["name"] == name)


def test_a_source_without_an_event_is_quiet(tajo):
    assert state_of(tajo, "woo")[0] == "quiet"


def test_a_source_whose_events_arrive_is_healthy(tajo, sandbox):
    tajo.send({"id": 7, "email": "jane@example.com"})
    tajo.work()

    [_, woo, *_] = tajo.json("connectors", "status")["items"]
    assert (woo["state"], woo["events"]["delivered"]) == ("healthy", 1)
    assert woo["last_event_at"].endswith("Z")
    assert "healthy" in tajo("connectors", "status").stdout


def test_a_source_whose_history_was_erased_is_still_healthy(tajo, sandbox, store):
    tajo.send({"id": 7, "email": "jane@example.com"})
    tajo.work()
    store.client.delete("tajo:ledger")

    assert state_of(tajo, "woo")[0] == "healthy"


def test_a_source_with_parked_requests_wants_a_look(tajo, sandbox):
    tajo.send({"email": "jane@example.com"})
    tajo.work()

    assert state_of(tajo, "woo") == ("look", "1 parked: `tajo parked list --source woo`")


@pytest.mark.parametrize("good_before", [False, True])
def test_a_source_whose_webhooks_are_refused_is_down_even_after_good_ones(tajo, store, good_before):
    store.doors.write(["woo"] if good_before else [], {})
    store.doors.write([], {"woo": Refusals(3, "wrong", "The signature does not fit the secret.")})

    state, why = state_of(tajo, "woo")

    assert state == "down"
    assert "The signature does not fit the secret. Give connectors.woo the secret" in why


def test_a_key_that_brevo_refuses_stops_every_source(tajo, store):
    store.lanes.register("contacts", keeps="people")
    store.breakers.trip("contacts", Pause("config", "The key is wrong.", "Make a new one.", 1))

    assert state_of(tajo, "woo") == ("down", "The key is wrong. Make a new one.")


def test_a_run_that_stopped_is_told_with_its_source(tajo, store):
    run = store.runs.start("shopify", RunKind.FULL)
    store.runs.move(run, (RunState.RUNNING,), RunState.STOPPED, reason="A page is broken.", remedy="Resume it.")

    assert state_of(tajo, "shopify") == ("down", "Run 1 of shopify stopped: A page is broken. Resume it.")


def test_what_concerns_the_whole_installation_stands_below_the_sources(tajo, store):
    assert "No worker is at work." in tajo("connectors", "status").stdout


@pytest.mark.parametrize("written", ["demo", "https://admin.shopify.com/store/demo"])
def test_an_address_of_a_shop_that_would_refuse_every_webhook_is_a_fault_of_the_config(tajo, written):
    tajo.config.write_text(tajo.config.read_text().replace("demo.myshopify.com", written))

    told = tajo("check", code=2).stderr

    assert f"connectors.shopify.shop_url: found '{written}'. Write demo.myshopify.com" in told


# skills


def test_skills_are_listed_with_the_sources_they_act_on(tajo):
    found = {one["name"]: one for one in tajo.json("skills", "list")["items"]}

    assert found["customer-sync"]["acts_on"][:2] == ["shopify", "woo"]
    assert (found["customer-sync"]["enabled"], found["customer-sync"]["set_by"]) == (True, "file")
    assert found["customer-sync"]["origin"] == "built-in"


def test_skills_that_cannot_be_used_are_listed(tajo):
    (tajo.folder / "skills").mkdir()
    (tajo.folder / "skills" / "odd.py").write_text("1 / 0")
    tajo.config.write_text(tajo.config.read_text().replace("skills:\n", "skills:\n  odd: {enabled: true}\n"))

    told = tajo("skills", "list").stdout

    assert "broken: odd: ZeroDivisionError: division by zero" in told
    assert "skills.odd: this skill cannot be loaded" in tajo("check").stdout


# attributes


def test_the_plan_tells_what_is_missing_and_changes_nothing(tajo, sandbox):
    plan = {one["name"]: one["verdict"] for one in tajo.json("attributes", "plan")}

    assert plan == {"CITY": "create", "FIRSTNAME": "ok", "LASTNAME": "ok", "SMS": "ok"}
    assert "tajo attributes apply" in tajo("attributes", "plan").stdout
    assert sandbox.count("POST", "/contacts/attributes/{category}/{name}") == 0


def test_apply_creates_what_is_missing_and_nothing_twice(tajo, sandbox, store):
    store.set_note("attributes", {"at": 2**40, "found": {}})

    assert tajo.json("attributes", "apply", "--yes")["created"] == ["CITY"]
    assert store.note("attributes") is None
    assert "Nothing is missing." in tajo("attributes", "apply").stdout


def test_more_attributes_than_a_second_allows_are_all_created(tajo, sandbox, store):
    sandbox.limits("none", contacts=(10, None))
    settings = load_settings(tajo.config, tajo.env)
    missing = [Proposal(f"A{number}", "text", None, "create") for number in range(16)]

    created = apply(brevo_of(settings, store, Tally()), missing)

    assert created == [one.name for one in missing]
    assert sandbox.count("POST", "/contacts/attributes/{category}/{name}") == 16


def test_apply_asks_first(tajo, sandbox):
    tajo("attributes", "apply", given="n\n", code=1)

    assert tajo.json("attributes", "plan")[0]["verdict"] == "create"


def test_a_wrong_type_is_told_with_what_to_do(tajo, sandbox):
    sandbox.call("POST", "/v3/contacts/attributes/normal/CITY", {"type": "date"})

    told = tajo("attributes", "plan").stdout

    assert "wrong type" in told
    assert told.count("Map the field to another attribute") == 1
    assert "CITY: Brevo has it as date, the mapping gives text" in told


def test_a_refused_key_ends_with_code_3(tajo, sandbox):
    sandbox.fault("wrong_key")

    assert "settings/keys/api" in tajo("attributes", "plan", code=3).stderr


def test_without_a_source_the_default_mapping_is_planned(fresh, sandbox):
    assert {one["name"] for one in fresh.json("attributes", "plan")} == {"FIRSTNAME", "LASTNAME", "SMS"}


# colours


@pytest.mark.parametrize(
    ("no_color", "is_terminal", "is_painted"), [("", True, True), ("1", True, False), ("", False, False)]
)
def test_colours_are_for_terminals_without_no_color(monkeypatch, no_color, is_terminal, is_painted):
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal, raising=False)

    assert ("\x1b" in paint("ok", "ok")) == is_painted


@pytest.mark.parametrize(("kind", "words"), [("client_credentials", "by keys"), ("connection", "in a browser")])
def test_a_token_that_the_keys_of_the_file_were_exchanged_for_is_no_connection_in_a_browser(tajo, store, kind, words):
    tajo.config.write_text(tajo.config.read_text().replace("    api_secret:", "    api_key: id\n    api_secret:"))
    store.vault("shopify", SecretKey(None, Path(tajo.env["TAJO_HOME"]))).save({"kind": kind, "access_token": "x"})

    [shopify, *_] = tajo.json("connectors", "status")["items"]

    assert shopify["connected"] == words
