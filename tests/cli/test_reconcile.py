"""`tajo reconcile` as people call it."""

from __future__ import annotations

import json
import time
from urllib.parse import quote

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from customer_sync.assembly import compare_with_brevo
from customer_sync.config import Settings
from customer_sync.kit.connector import SourceSettings
from customer_sync.loading import load_settings
from customer_sync.pipeline import deliver
from customer_sync.store import keys
from customer_sync.store.receipts import Receipts
from customer_sync.store.run import RunKind, RunState
from customer_sync.web import create_app

PEOPLE = range(1, 6)


@pytest.fixture
def synced(tajo, sandbox):
    """Five customers of WooCommerce, delivered."""
    sandbox.call("POST", "/v3/contacts/attributes/normal/CITY", {"type": "text"})
    for n in PEOPLE:
        address = {"city": f"City {n}", "country": "NL"}
        tajo.send({"id": n, "email": f"c{n}@example.com", "first_name": f"Name {n}", "billing": address})
    tajo.work()
    time.sleep(0.002)  # what was delivered in the very millisecond of a look is not judged
    return tajo


def alter(sandbox, n, **body):
    sandbox.call("PUT", f"/v3/contacts/{quote(f'c{n}@example.com')}", body)


def test_both_sides_agree(synced):
    said = synced("reconcile").stdout

    assert "In sync: 100 % (woo, in Brevo: 5 of 5 customers)" in said
    assert "what differs" not in said
    assert "woo cannot be pulled: its people were compared with Brevo only." in said


def test_what_differs_is_shown_with_examples_and_nothing_is_changed(synced, sandbox):
    alter(sandbox, 2, attributes={"CITY": "By Hand"})
    alter(sandbox, 3, emailBlacklisted=True)

    said = synced("reconcile", code=6).stdout

    assert "In sync: 60.0 % (woo, in Brevo: 3 of 5 customers)" in said
    assert "CITY" in said
    assert "c2@example.com" in said
    assert "left in Brevo since (email)" in said
    assert "Nothing was changed. `tajo reconcile --heal` mends what can be mended." in said
    assert sandbox.contacts()["c2@example.com"]["attributes"]["CITY"] == "By Hand"


def test_with_heal_what_differs_waits_for_the_workers(synced, sandbox, store):
    alter(sandbox, 2, attributes={"CITY": "By Hand"})

    said = synced("reconcile", "woo", "--heal", code=6).stdout

    assert "In sync before the mending: 80.0 %" in said
    handed = "1 customer handed to the workers to mend: sent is not in sync yet. No worker runs: it is done as soon"
    assert handed in said
    assert store.lanes.depth("contacts")[0] == 1
    again = synced.json("reconcile", code=6)
    assert (again["totals"]["under_way"], again["in_sync"]) == (1, 0.8)


def test_a_healed_receipt_tells_what_was_found_since(synced, sandbox):
    alter(sandbox, 2, attributes={"CITY": "By Hand"})
    healed = synced.json("reconcile", "woo", "--heal", code=6)
    line = synced.line()
    line.gears = {}  # one by one
    while deliver(line, "contacts").did_work:
        pass
    time.sleep(0.002)
    again = synced.json("reconcile", "woo")

    said = synced("reconcile", "show", healed["id"]).stdout

    assert again["in_sync"] == 1.0
    assert f"Since then: 100 % in sync, says receipt {again['id']}." in said


def test_for_programs_it_is_the_receipt_without_an_address(synced, sandbox):
    alter(sandbox, 2, attributes={"CITY": "By Hand"})

    receipt = synced.json("reconcile", "woo", code=6)

    assert receipt["totals"]["drifted"] == 1
    assert receipt["by_field"]["CITY"]["count"] == 1
    assert receipt["by_source"]["woo"]["in_sync"] == 0.8
    assert "example.com" not in json.dumps(receipt)


def test_the_brake_fails_with_the_command_that_goes_on(synced, sandbox, monkeypatch):
    monkeypatch.setattr("customer_sync.batch.reconcile.run.BRAKE_PEOPLE", 1)
    for n in (1, 2):
        alter(sandbox, n, emailBlacklisted=True)

    stopped = synced("reconcile", "woo", "--heal", code=1)
    forced = synced("reconcile", "woo", "--heal", "--force", code=6)

    assert "2 people; without force 1 are allowed" in stopped.stderr
    assert "tajo reconcile woo --heal --force" in stopped.stderr
    assert "2 customers handed to the workers" in forced.stdout


def test_receipts_are_listed_and_shown(synced, sandbox, tajo):
    alter(sandbox, 2, attributes={"CITY": "By Hand"})
    receipt = synced.json("reconcile", code=6)

    listed = tajo("reconcile", "show").stdout
    shown = tajo("reconcile", "show", receipt["id"]).stdout

    assert receipt["id"] in listed
    assert "80.0 %" in listed
    assert "c2@example.com" in shown
    assert tajo.json("reconcile", "show", receipt["id"]) == receipt
    assert tajo.json("reconcile", "show") == {"items": [receipt], "next_cursor": None}


def test_the_gauge_and_the_status_tell_the_newest_ratio(synced, sandbox, store, tmp_path, monkeypatch):
    alter(sandbox, 2, attributes={"CITY": "By Hand"})
    synced("reconcile", code=6)
    monkeypatch.setenv("TAJO_HOME", str(tmp_path))
    app = create_app(Settings(sources={"woo": SourceSettings("woo", "woocommerce", ("s",))}))
    app.extensions["tajo"]._store = store
    web = app.test_client()
    web.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {(tmp_path / 'api.key').read_text().strip()}"

    samples = [sample for family in parse(web.get("/metrics").text) for sample in family.samples]

    found = {sample.labels["source"]: sample.value for sample in samples if sample.name == "tajo_in_sync_ratio"}
    assert found == {"woo": 0.8}
    status = web.get("/api/v1/status").json
    assert (status["in_sync"], status["in_sync_ratio"]) == ({"woo": 0.8}, 0.8)
    assert status["compared_at"]
    assert "80.0\u00a0%" in web.get("/").text


def test_the_calls_are_counted(synced, store):
    def calls():
        found = {tuple(one.labels.items()): one.value for one in store.counters.read()}
        return found.get((("endpoint", "GET /contacts"), ("status", "200")), 0)

    synced("reconcile")

    assert calls() == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nowhere",), 5, "There is no source nowhere."),
        (("--force",), 2, "--force without --heal does nothing."),
        (("show", "r0"), 5, "There is no receipt r0."),
    ],
)
def test_what_cannot_be_done_says_why(synced, words, code, said):
    assert said in synced("reconcile", *words, code=code).stderr


def test_one_at_a_time(synced, store):
    store.client.set(keys.RECONCILE_LOCK, "another")

    assert "running already" in synced("reconcile", code=1).stderr


def test_without_a_brevo_it_says_what_to_do(tajo):
    assert "There is no Brevo to ask" in tajo("reconcile", code=4).stderr


def test_before_the_first_there_are_no_receipts(tajo, store):
    assert "Nothing was reconciled yet." in tajo("reconcile", "show").stdout
    assert Receipts(store.client).in_sync() == {}


def test_the_command_may_be_left_out_and_help_tells_of_it(tajo):
    said = tajo("reconcile", "--help").stdout

    assert "tajo reconcile run [SOURCE]" in said
    assert "show" in said


def test_mending_a_source_that_was_never_read_in_full_would_send_everybody_and_waits_for_the_word(tajo, sandbox):
    tajo.config.write_text(
        "connectors: {shopify: {shop_url: demo.myshopify.com, api_key: key, api_secret: shopify-secret}}"
    )

    said = tajo("reconcile", "--heal", code=2).stderr

    assert "Mending would send everybody of shopify" in said
    assert "`tajo connectors sync shopify --full` begins" in said


def test_a_compare_that_was_asked_for_on_the_page_looks_and_mends_nothing(synced, sandbox, store):
    alter(sandbox, 2, attributes={"CITY": "By Hand"})
    store.compares.add("woo", looks=True)
    settings = load_settings(synced.config, synced.env)

    receipt = compare_with_brevo(settings, store, synced.folder, lambda _: None)

    assert (receipt.drifted, receipt.healed, receipt.is_healing) == (1, 0, False)
    assert store.compares.due(looks=True) == []
    synced.work()
    assert sandbox.contacts()["c2@example.com"]["attributes"]["CITY"] == "By Hand"


def test_what_the_last_compare_run_left_counts_however_many_runs_there_were_since(synced, sandbox, store):
    compared = store.runs.start("woo", RunKind.COMPARE)
    store.runs.count(compared.id, {"read": 3, "disputed": 1, "differs.FIRSTNAME": 1})
    store.runs.move(compared, (RunState.RUNNING,), RunState.DONE)
    for _ in range(25):
        store.runs.cancel(store.runs.start("woo", RunKind.INCREMENTAL, is_dry=True))
    store.compares.add("woo")

    receipt = compare_with_brevo(load_settings(synced.config, synced.env), store, synced.folder, lambda _: None)

    assert receipt.source_drift["woo"].by_field == {"FIRSTNAME": 1}


def test_a_customer_whom_a_run_read_in_several_records_makes_nobody_else_count_twice(synced, store):
    compared = store.runs.start("woo", RunKind.COMPARE)
    store.runs.count(compared.id, {"read": 500, "disputed": 1, "differs.FIRSTNAME": 1})
    store.runs.move(compared, (RunState.RUNNING,), RunState.DONE)
    store.compares.add("woo")

    receipt = compare_with_brevo(load_settings(synced.config, synced.env), store, synced.folder, lambda _: None)

    assert receipt.in_sync == 0.8
    assert receipt.source_drift["woo"].in_sync == 0.8
