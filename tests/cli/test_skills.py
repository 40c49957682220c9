"""`tajo skills enable|disable|reset|trigger` and `tajo contacts sync`: the same functions and models as the API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal

import pytest

from customer_sync.brevo.mail import counts
from customer_sync.skills.found import definitions
from customer_sync.store import connect, keys
from tests.web.calls import check, schema_of

JANE = "jane@example.com"
SKILL = "/api/v1/skills/{name}"


def test_a_skill_is_switched_off_on_and_back_to_the_file(tajo):
    off = tajo.json("skills", "disable", "customer-sync")
    on = tajo.json("skills", "enable", "customer-sync", "--source", "woo")
    back = tajo.json("skills", "reset", "customer-sync")

    for verb, told in (("disable", off), ("enable", on), ("reset", back)):
        check(told, schema_of(f"{SKILL}/{verb}", "post", 200))
    assert [one["enabled"] for one in (off, on, back)] == [False, True, True]
    assert [one["set_by"] for one in (off, on, back)] == ["api", "api", "file"]
    assert on["acts_on"] == ["woo", "api"]
    check(tajo.json("skills", "list"), schema_of("/api/v1/skills", "get", 200))


def test_the_line_of_the_documents_switches_customers_on(tajo):
    told = tajo("skills", "enable", "customer-sync").stdout

    assert told.startswith("customer-sync is on.\nIt acts on: shopify, woo")


def test_keys_are_set_by_words_and_by_a_file(tajo):
    keys = tajo.folder / "skill.yaml"
    keys.write_text("skills:\n  customer-sync:\n    enabled: true\n    field_mapping: {firstName: VORNAME}\n")

    words = ("--set", "options.list_id=7", "--set", "field_mapping.city=null", "--file", str(keys))
    told = tajo("skills", "enable", "customer-sync", *words).stdout

    assert '  field_mapping.firstName: "VORNAME"' in told
    assert "  options.list_ids: [7]" in told
    configs = {one["name"]: one["config"] for one in tajo.json("skills", "list")["items"]}
    assert configs["customer-sync"]["field_mapping"] == {"firstName": "VORNAME", "city": None}
    assert "a command or a call" in tajo("skills", "list").stdout


def test_what_a_new_config_leaves_out_is_told(tajo):
    first = ("--source", "woo", "--set", "options.list_id=7", "--set", "field_mapping.city=CITY")
    tajo("skills", "enable", "customer-sync", *first)

    told = tajo("skills", "enable", "customer-sync", "--set", "field_mapping.firstName=FIRSTNAME")
    again = tajo.json("skills", "enable", "customer-sync", "--set", "field_mapping.firstName=FNAME")

    assert "options.list_ids 7 falls away: nobody is on a list of ours any more" in told.stdout
    assert "source woo falls away: the skill acts on every source" in told.stdout
    assert "field_mapping.city CITY falls away: `enable` replaces all keys" in told.stdout
    assert "firstName FIRSTNAME falls" not in told.stdout
    assert not [one for one in again["warnings"] if "falls away" in one]


def test_a_skill_is_told_of_a_customer_in_each_way(tajo, sandbox):
    data = tajo.folder / "jane.json"
    data.write_text(json.dumps({"email": JANE, "firstName": "Jane"}))
    words = ("skills", "trigger", "customer-sync")

    one = tajo.json(*words, "--event", "customer_created", "--data", f"@{data}")
    tajo(*words, "--event", "customer_updated", "--data", "-", given=json.dumps({"email": JANE, "lastName": "Roe"}))
    whole = {"event": "customer_updated", "data": {"email": JANE, "city": "Bern"}}
    told = tajo(*words, "--data", json.dumps(whole)).stdout
    tajo.work()

    check(one, schema_of(f"{SKILL}/trigger", "post", 202))
    assert told.startswith("1 event taken: ")
    contact = sandbox.contacts()[JANE]["attributes"]
    assert (contact["FIRSTNAME"], contact["LASTNAME"]) == ("Jane", "Roe")


NO_JSON = """\
--data holds no JSON at line 1, column 2.
  → Write it as --data '{"email": "ann@example.com"}', in single quotes for the shell.
"""
#: Words → code and what is said.
WRONG = {
    ("enable", "nothing"): (5, f"There is no such skill.\n  → There are: {', '.join(definitions())}.\n"),
    ("enable", "customer-sync", "--set", "list_id"): (
        2,
        "--set list_id: this is no KEY=VALUE.\n  → Write it as --set options.list_id=5.\n",
    ),
    ("enable", "customer-sync", "--set", "options=1", "--set", "options.list_id=5"): (
        2,
        "--set options.list_id=5: options is a single value already.\n  → Give each key once.\n",
    ),
    ("trigger", "customer-sync", "--data", "{}"): (
        2,
        "What happened is not said.\n  → Add --event customer_created | customer_updated | customer_deleted.\n",
    ),
    ("trigger", "customer-sync", "--event", "customer_created", "--data", "{email: x}"): (2, NO_JSON),
    ("trigger", "customer-sync", "--event", "customer_created", "--data", "@nowhere.json"): (
        2,
        "nowhere.json cannot be read: No such file or directory.\n  → Name a file that holds JSON.\n",
    ),
}


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_each_mistake_has_its_sentence(tajo, words):
    code, told = WRONG[words]

    assert tajo("skills", *words, code=code).stderr == told


def test_all_faults_of_a_skill_and_of_an_event_are_told_at_once(tajo):
    words = ("--set", "options.sync_mode=hourly", "--set", "options.list_id=x", "--set", "colour=red")
    told = tajo("skills", "enable", "customer-sync", *words, code=2).stderr
    event = ("--event", "customer_created", "--data", '{"email": "no address"}', "--timestamp", "soon")
    both = tajo("skills", "trigger", "customer-sync", *event, code=2).stderr

    assert all(path in told for path in ("options.sync_mode", "options.list_id", "colour"))
    assert "/api/v1" not in told
    assert told.count("Choices: realtime") == 1
    assert all(path in both for path in ("data.email", "timestamp"))


def test_a_skill_that_is_off_is_not_told_of_anybody(tajo):
    tajo("skills", "disable", "customer-sync")

    told = tajo(
        "skills", "trigger", "customer-sync", "--event", "customer_created", "--data", f'{{"email": "{JANE}"}}', code=1
    ).stderr

    assert "`tajo skills enable customer-sync`" in told


def test_a_file_without_the_skill_is_refused(tajo):
    keys = tajo.folder / "skill.yaml"
    keys.write_text("skills: {other: {}}\n")
    assert (
        "holds no keys of customer-sync"
        in tajo("skills", "enable", "customer-sync", "--file", str(keys), code=2).stderr
    )
    keys.write_text("a: [\n")
    assert (
        "cannot be read as YAML in line 2"
        in tajo("skills", "enable", "customer-sync", "--file", str(keys), code=2).stderr
    )


# contacts


def test_a_person_is_explained_and_synced_as_the_api_does(tajo, sandbox):
    tajo.send({"id": 7, "email": JANE, "first_name": "Jane"})
    tajo.work()

    check(tajo.json("contacts", "explain", JANE), schema_of("/api/v1/contacts/{address}", "get", 200))
    check(tajo.json("contacts", "sync", JANE), schema_of("/api/v1/contacts/{address}/sync", "post", 202))
    told = tajo("contacts", "sync", JANE).stdout
    assert "woo     7" in told
    assert "Brevo: " in told
    assert "Nobody with this address" in tajo("contacts", "sync", "who@example.com", code=5).stderr
    erased = tajo.json("contacts", "erase", JANE, "--yes", "--wait", "0", code=1)
    check(erased, schema_of("/api/v1/contacts/{address}", "delete", 200))


def test_connectors_are_told_as_the_api_tells_them(tajo):
    for verb in ("list", "status"):
        check(tajo.json("connectors", verb), schema_of("/api/v1/connectors", "get", 200))


def test_a_command_prints_its_answer_and_keeps_no_log(tajo):
    done = [tajo("skills", verb, "customer-sync") for verb in ("disable", "enable", "reset")]

    assert [one.stderr for one in done] == ["", "", ""]
    assert not any(" info " in one.stdout for one in done)


def test_a_file_that_cannot_be_loaded_is_told_by_the_list_with_what_to_do_and_by_no_log(tajo):
    (tajo.folder / "skills").mkdir()
    (tajo.folder / "skills" / "odd.py").write_text("answer = 42")
    said = subprocess.run(
        [sys.executable, "-m", "customer_sync", "skills", "list"],
        cwd=tajo.folder,
        env={**os.environ, **tajo.env},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "broken: odd: it names no SKILL. Mend the file skills/odd.py, or take it away" in said.stdout
    assert said.stderr == ""


def test_who_switches_cart_mails_on_is_told_which_switch_of_the_shop_to_turn_off(tajo):
    keys = tajo.folder / "carts.yaml"
    keys.write_text("sequence: [{delay: 1h, template_id: 1}]\n")
    told = tajo.json("skills", "enable", "abandoned-cart", "--file", str(keys))

    asked = [one for one in told["warnings"] if "turn off" in one]
    assert [one.partition(":")[0] for one in asked] == ["shopify", "woo"]
    assert "turn off the abandoned checkout automation" in asked[0]
    assert not [one for one in tajo.json("skills", "enable", "customer-sync")["warnings"] if "cart" in one]


def test_who_switches_cart_mails_off_or_on_again_is_told_which_carts_are_reminded_of_no_more(tajo):
    keys = tajo.folder / "carts.yaml"
    keys.write_text("sequence: [{delay: 1h, template_id: 1}]\nshop_mails_are_off: true\n")
    first = tajo.json("skills", "enable", "abandoned-cart", "--file", str(keys))["warnings"]
    again = tajo.json("skills", "enable", "abandoned-cart")["warnings"]
    off = tajo("skills", "disable", "abandoned-cart").stdout
    still_off = tajo.json("skills", "disable", "abandoned-cart")["warnings"]
    on = tajo("skills", "enable", "abandoned-cart").stdout
    by_the_file = tajo.json("skills", "reset", "abandoned-cart")["warnings"]

    assert "Open series end" in off
    assert "Carts that were touched before now are not reminded of" in on
    assert (len(first), again, still_off, len(by_the_file)) == (1, [], [], 1)
    assert tajo.json("skills", "disable", "customer-sync")["warnings"] == []


def count_carts(redis_url):
    """Three carts of a test of two variants, one of them bought."""
    made = [
        counts.left("abandoned-cart"),
        *counts.mail("abandoned-cart", "a", 1, is_first=True, in_doubt=False),
        *counts.mail("abandoned-cart", "b", 1, is_first=True, in_doubt=False),
        *counts.mail("abandoned-cart", "b", 1, is_first=True, in_doubt=True),
        *counts.recovered("abandoned-cart", "b", Decimal("40.50"), "EUR"),
        *counts.ended("abandoned-cart", "bought"),
    ]
    client = connect(redis_url)
    for skill, field, by in made:
        client.hincrbyfloat(keys.report(skill), field, by)
    client.connection_pool.disconnect()


def test_the_report_tells_of_each_variant_what_it_brought(tajo, redis_url):
    count_carts(redis_url)

    told = tajo("skills", "report", "abandoned-cart").stdout
    found = tajo.json("skills", "report", "abandoned-cart")

    check(found, schema_of(f"{SKILL}/report", "get", 200))
    assert [(one["name"], one["carts"], one["recovered"], one["in_doubt"]) for one in found["variants"]] == [
        ("a", 1, 0, 0),
        ("b", 2, 1, 1),
    ]
    assert found["variants"][1]["revenue"] == [
        {
            "currency": "EUR",
            "orders": 1,
            "total": 40.5,
            "mean_per_cart": 20.25,
            "standard_error": 20.25,
            "low": -19.44,
            "high": 59.94,
        }
    ]
    for words in ("1 cart left", "1 (50.0%)", "40.50 EUR", "20.25 (-19.44 to 59.94)", "ended, bought: 1", "1 mail may"):
        assert words in told


def test_a_skill_that_never_sent_a_mail_has_an_empty_report_and_an_unknown_one_none(tajo):
    assert tajo("skills", "report", "customer-sync").stdout == "customer-sync: 0 carts left.\n"
    assert "There is no such skill" in tajo("skills", "report", "nope", code=5).output
