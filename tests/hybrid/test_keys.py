"""Keys that end, are wrong or allow too little: the run goes on by itself, or stops and says what to do."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.hybrid.conftest import RICH
from tests.hybrid.stores import brevo_says, rows_of, shopify_says
from tests.stores.servers import StoreClient, store_server

pytestmark = pytest.mark.slow


@pytest.fixture
def reconfigured(house):
    """Give the workers another config, as (config of one source); afterwards the old one again."""

    def restart(**changed: object) -> None:
        house.write(house.sources | {"shop": house.sources["shop"] | changed})
        house.worker.kill()
        house.worker.wait()
        house.worker = house.start_worker()

    yield restart
    restart()


def test_tokens_that_expire_are_renewed_once_and_a_wrong_secret_stops_the_run_where_it_stands(
    house, shop, reconfigured, told
):
    house.sync("shop", "full")
    people = [row["id"] for row in rows_of(shop)]
    shop.post("/fake/customers/change", {"ids": people, "fields": {"lastName": "Renewed"}, "silent": True})
    shop.fault("slow", delay_s=0.4, count=None)
    given = tokens_of(shop)

    number = house.begin("shop")
    house.wait_until(lambda: house.run(number).counts["pages"] >= 1)
    shop.post("/fake/tokens/expire")
    house.wait_until(lambda: house.run(number).counts["pages"] >= 3)
    renewed = tokens_of(shop) - given
    reconfigured(api_secret="another")
    shop.post("/fake/tokens/expire")
    stopped = house.wait_for(number, "stopped")
    findings = house.tajo("doctor", "--json", code=1)
    reconfigured()
    house.tajo("runs", "resume", number)
    run = house.wait_for(number, "done")

    named = [one["cause"] for one in findings if one["name"].startswith("shop: ") and one["verdict"] == "fail"]
    told(
        f"expired token: renewed {renewed} times within a run; wrong secret: stopped after "
        f"{stopped.counts['read']} of 1,000 ({stopped.reason}), resumed there, {run.counts['read']} read in all"
    )
    assert renewed == 1
    assert 0 < stopped.counts["read"] < 1_000
    assert "api_key and api_secret" in stopped.reason
    assert f"tajo runs resume {number}" in stopped.remedy
    assert any(f"Run {number} of shop stopped" in alert for alert in house.alerts())
    assert named == [stopped.reason]
    # each page was read once: who came before the stop was not read again
    assert (run.counts["read"], run.counts["changed"]) == (1_000, 1_000)
    assert shopify_says(shop) == brevo_says(house.sandbox.contacts())


def tokens_of(shop: StoreClient) -> int:
    """How many tokens were given out."""
    return sum(shop.get("/fake/state")["tokens"].values())


def test_what_the_app_may_not_see_is_named_by_the_doctor_and_by_the_run(house, places, told):
    limits = {
        "denied": ("--protected-data", "denied"),
        "nulls": ("--protected-data", "nulls"),
        "scopeless": ("--scopes", "read_products"),
    }
    with ExitStack() as running:
        for name, words in limits.items():
            made = store_server("shopify", "--customers", "40", *words, *RICH, port=places[name])
            running.enter_context(made)
        findings = house.tajo("doctor", "--json", code=1)
        numbers = {name: house.begin(name, "full") for name in limits}
        runs = {
            name: house.wait_for(number, "done" if name == "nulls" else "stopped") for name, number in numbers.items()
        }

    causes = {one["name"]: (one["verdict"], one["cause"], one["fix"]) for one in findings}
    told(f"too few rights: {', '.join(f'{name} {run.state}' for name, run in runs.items())}, each named by the doctor")
    assert causes["scopeless: scopes"][0] == "fail"
    assert "read_customers: no customers" in causes["scopeless: scopes"][1]
    assert "read_customers" in runs["scopeless"].reason
    assert "Dev Dashboard" in runs["scopeless"].remedy
    assert causes["denied: protected data"][0] == "fail"
    assert (runs["denied"].reason, runs["denied"].counts["read"]) == (causes["denied: protected data"][1], 0)
    assert "Protected customer data" in runs["denied"].remedy
    assert causes["nulls: protected data"][0] == "warn"
    assert "These fields stay unknown" in runs["nulls"].notes[0]
    assert runs["nulls"].counts["read"] == runs["nulls"].counts["same"] == 40
    assert house.sent().all == 0
