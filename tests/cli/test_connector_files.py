"""Connector files from the command line: checked with samples, listed, written anew; and one source of one at work."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from customer_sync import registry
from customer_sync.api.connectors import install_webhooks
from customer_sync.api.installation import Installation
from customer_sync.api.problem import Problem
from customer_sync.cli import source_keys
from customer_sync.cli.adopt import next_steps
from customer_sync.cli.draft import Draft
from customer_sync.cli.run import _hearing
from customer_sync.loading import load_settings
from customer_sync.model import Inbound
from customer_sync.pipeline import accept
from customer_sync.worker.schedule import entries
from tests.custom.test_own_files import CONFIG, LAMPS

ANSWER = {"data": [{"id": 7, "email": "ann@example.com", "tier": "gold"}, {"id": None}]}


@pytest.fixture
def lamps(tajo, monkeypatch):
    """An installation with a connector file of its own."""
    monkeypatch.setattr(registry, "_OWN", registry._Own())
    tajo.config.write_text(CONFIG)
    (tajo.folder / "connectors").mkdir()
    (tajo.folder / "connectors" / "lamps.yaml").write_text(LAMPS)
    return tajo


def test_the_files_beside_the_config_are_checked(lamps):
    said = lamps("connectors", "check").stdout
    told = lamps.json("connectors", "check")

    assert said.splitlines()[0].startswith("ok  ")
    assert said.splitlines()[0].endswith("connectors/lamps.yaml")
    assert (told["ok"], [one["faults"] for one in told["files"]], told["events"]) == (True, [[]], [])


def test_every_fault_is_told_and_the_command_fails(lamps):
    bad = lamps.folder / "bad.yaml"
    bad.write_text(LAMPS.replace("endpoint", "endpont").replace("api_key", "apikey"))

    result = lamps("connectors", "check", str(bad), code=2)

    assert "bad.yaml:5: auth.type: found 'apikey'. Did you mean api_key?" in result.stdout
    assert "resources.customers.endpont: unknown key. Did you mean endpoint?" in result.stdout
    faults = lamps.json("connectors", "check", str(bad), code=2)["files"][0]["faults"]
    assert {"auth.type", "resources.customers.endpont", "resources.customers.endpoint"} == {
        one["path"] for one in faults
    }


def test_what_becomes_of_an_answer_and_of_a_webhook_is_shown(lamps):
    answer, body = lamps.folder / "answer.json", lamps.folder / "body.json"
    answer.write_text(json.dumps(ANSWER))
    body.write_text(json.dumps(ANSWER["data"][0]))

    file = str(lamps.folder / "connectors" / "lamps.yaml")
    made = lamps.json("connectors", "check", file, "--answer", str(answer), "--webhook", str(body), code=1)["events"]

    assert made[0]["record"] == {"id": "7", "email": "ann@example.com", "TIER": "gold"}
    assert made[1] == {"fault": "customers[1].id", "found": "expected an id, found nothing"}
    assert (made[2]["kind"], made[2]["record"]) == ("customer_updated", made[0]["record"])
    assert '"TIER": "gold"' in lamps("connectors", "check", file, "--answer", str(answer), code=1).stdout
    lamps("connectors", "check", file, "--answer", str(answer), "--resource", "lamps", code=5)


def tried(lamps, answer, said=LAMPS, code=0):
    """Return what `check --answer` tells of an answer, read by a file with this text."""
    sample, file = lamps.folder / "answer.json", lamps.folder / "connectors" / "lamps.yaml"
    sample.write_text(json.dumps(answer))
    file.write_text(said)
    return lamps.json("connectors", "check", str(file), "--answer", str(sample), code=code)["events"]


ANN = {"id": 7, "email": "ann@example.com"}


def test_an_answer_with_nothing_where_the_list_is_looked_for_names_what_is_there(lamps):
    wrong = LAMPS.replace("pagination", "records: results\n    pagination")

    assert tried(lamps, {"id": "request-1", "result": [ANN], "total": 1}, wrong, code=1) == [
        {
            "fault": "customers",
            "found": "nothing stands at `results`; the answer has id, result, total",
            "remedy": "Write `records: result`.",
        }
    ]


def test_an_answer_without_a_list_where_lists_often_stand_names_what_is_there(lamps):
    (fault,) = tried(lamps, {"people": {"rows": [ANN]}}, code=1)

    assert fault["found"] == (
        "no list stands at customers, data, items, results, records or value; the answer has people"
    )
    assert fault["remedy"] == "Write `records:` and the path of the list."


def test_one_record_alone_is_taken_for_a_list_of_one(lamps):
    (event,) = tried(lamps, ANN, LAMPS.replace("pagination", "records: data\n    pagination"))

    assert event["record_id"] == "7"


def test_a_record_without_its_id_is_told_which_key_names_it(lamps):
    assert tried(lamps, [{"uuid": "a1", "email": "ann@example.com"}], code=1) == [
        {
            "fault": "customers[0].id",
            "found": "expected an id, found nothing",
            "remedy": "set primary_key of the resource to the key that holds the id, then replay",
        }
    ]


TOWN = LAMPS.replace("attributes.TIER: tier", "attributes.TIER: tier, first_name: first, city: town")


def test_the_answer_shows_which_fields_have_an_attribute_and_which_have_none(lamps):
    (event,) = tried(lamps, [{**ANN, "tier": "gold", "first": "Ann", "town": "Utrecht"}], TOWN)

    assert event["attributes"] == {"TIER": "TIER", "firstName": "FIRSTNAME", "city": None}


def test_a_field_that_a_source_maps_has_its_attribute(lamps):
    lamps.config.write_text(CONFIG.replace("api_key: key", "api_key: key\n    field_mapping: {city: TOWN}"))

    (event,) = tried(lamps, [{**ANN, "town": "Utrecht"}], TOWN)

    assert event["attributes"] == {"city": "TOWN"}


def test_a_field_without_an_attribute_is_named_below_the_answer(lamps):
    sample, file = lamps.folder / "answer.json", lamps.folder / "connectors" / "lamps.yaml"
    sample.write_text(json.dumps([{**ANN, "town": "Utrecht"}]))
    file.write_text(TOWN)

    said = lamps("connectors", "check", str(file), "--answer", str(sample)).stdout

    assert said.splitlines()[-1] == (
        "No attribute in Brevo takes city: name one in field_mapping of the source, or map it as attributes.NAME."
    )


def test_a_sample_with_a_fault_is_not_ok(lamps):
    sample, file = lamps.folder / "answer.json", lamps.folder / "connectors" / "lamps.yaml"
    sample.write_text("[{}]")

    result = lamps("connectors", "check", str(file), "--answer", str(sample), code=1)

    assert result.stdout.splitlines()[0].startswith("fail  ")
    assert "Not every record of the sample can be read." in result.stderr
    told = lamps.json("connectors", "check", str(file), "--answer", str(sample), code=1)
    assert (told["ok"], told["files"][0]["ok"]) == (False, True)


def test_without_a_file_it_is_said_where_they_lie(tajo, monkeypatch):
    monkeypatch.setattr(registry, "_OWN", registry._Own())

    assert "There is no connector file" in tajo("connectors", "check").stdout


def test_the_platform_is_listed_and_its_keys_are_flags(lamps):
    assert "Lamps" in lamps("connectors", "list").stdout
    # the flags of a process are made once, at the first call of the command
    flags = {flag.opts[0]: flag.help for flag in source_keys._flags()}
    assert "[lamps] Fills auth.value of the connector file." in flags["--api-key"]


def test_a_file_at_fault_is_listed_with_what_to_do(lamps):
    (lamps.folder / "connectors" / "lamps.yaml").write_text(LAMPS.replace("api_key", "apikey"))
    registry._found_with.cache_clear()

    said = " ".join(lamps("connectors", "list").stdout.split())

    assert "broken: lamps: lamps.yaml:5: auth.type: found 'apikey'." in said
    assert ".. Mend" not in said
    assert "Mend the file connectors/lamps.yaml (`tajo connectors check` names its faults)" in said


def test_the_schema_is_printed(tajo):
    assert json.loads(tajo("schema").stdout)["title"] == "Form"


def test_a_new_file_is_written_and_is_right(tajo, monkeypatch):
    monkeypatch.setattr(registry, "_OWN", registry._Own())
    tajo("new-connector", "chair_shop", "--yaml")
    file = tajo.folder / "connectors" / "chair_shop.yaml"

    assert "ok  " in tajo("connectors", "check", str(file)).stdout
    assert "is there already" in tajo("new-connector", "chair_shop", "--yaml", code=2).stderr
    assert "There is a connector for shopify already" in tajo("new-connector", "shopify", code=2).stderr
    assert "is no name for a connector" in tajo("new-connector", "Chair-Shop", code=2).stderr
    assert "holds no connectors in Python" in tajo("new-connector", "chairs", code=2).stderr


@pytest.fixture
def pulled(lamps):
    """An installation whose connector file has no webhooks."""
    lamps.config.write_text(CONFIG.replace("    webhook_secret: secret\n", ""))
    (lamps.folder / "connectors" / "lamps.yaml").write_text(LAMPS.partition("webhooks:")[0])
    registry._found_with.cache_clear()
    lamps.env["TAJO_PUBLIC_URL"] = "https://sync.example.com"
    return lamps


def with_webhooks(tajo):
    """Write the webhooks into the file again, and their secret into the config."""
    tajo.config.write_text(CONFIG)
    (tajo.folder / "connectors" / "lamps.yaml").write_text(LAMPS)
    registry._found_with.cache_clear()


def test_install_says_of_a_file_without_webhooks_that_it_is_pulled(pulled):
    said = pulled("connectors", "install", "shop", code=3).stderr

    assert "Lamps has no webhooks: it is only pulled." in said
    assert "admin" not in said


def test_the_doctor_does_not_ask_for_a_secret_that_nothing_needs(pulled):
    (found,) = [one for one in pulled.json("doctor", code=4) if one["name"] == "webhook secret of shop"]

    assert (found["verdict"], found["cause"], found["fix"]) == (
        "ok",
        "not needed: it has no webhooks, and is pulled",
        "",
    )


def test_a_source_without_webhooks_has_no_address_for_them(pulled):
    (shop,) = [one for one in pulled.json("connectors", "list")["items"] if one["name"] == "shop"]

    assert (shop["webhook_url"], shop["webhooks"]) == (None, "none: it is pulled")
    assert "/webhooks/shop" not in pulled("connectors", "list").stdout


def test_run_prints_addresses_for_those_that_have_webhooks(pulled):
    assert _hearing(pulled.env) == []
    with_webhooks(pulled)
    assert _hearing(pulled.env) == ["shop"]


def test_nothing_is_scheduled_for_webhooks_that_a_platform_has_not(pulled):
    def scheduled():
        settings = load_settings(pulled.config, pulled.env)
        return [one.name for one in entries(settings, lambda _: ("customers",)) if one.what == "webhooks"]

    assert scheduled() == []
    with_webhooks(pulled)
    assert scheduled() == ["webhooks:shop"]


def test_the_api_makes_no_webhooks_of_a_platform_that_has_none(pulled):
    tajo = Installation(load_settings(pulled.config, {}), pulled.folder, lambda: pulled.line().store)

    with pytest.raises(Problem, match="Lamps has no webhooks"):
        install_webhooks(tajo, "shop")


def test_the_next_steps_of_a_source_without_webhooks_make_none(pulled):
    settings = load_settings(pulled.config, {})

    said = "\n".join(next_steps(Draft(pulled.config, "shop", "", "", settings, {})))

    assert "connectors sync shop" in said
    assert "connectors install" not in said
    assert "TAJO_PUBLIC_URL" not in said


def test_a_webhook_of_a_platform_of_ones_own_reaches_brevo(lamps, sandbox):
    sandbox.call("POST", "/v3/contacts/attributes/normal/TIER", {"type": "text"})
    line = lamps.line()
    body = json.dumps(ANSWER["data"][0]).encode()
    accept(line, Inbound("shop", {}, body, datetime.now(UTC), path="customer"))
    lamps.work()

    assert sandbox.contacts()["ann@example.com"]["attributes"]["TIER"] == "gold"
