"""Webhooks that WooCommerce switched off are switched on again by the schedule, and what was missed is pulled."""

from __future__ import annotations

import pytest

from tests.hybrid.stores import account_of

pytestmark = pytest.mark.slow
#: The seventh failure in a row switches a webhook off.
EACH = 8


def test_disabled_webhooks_are_switched_on_again_and_what_was_missed_arrives(house, corner, told):
    web = house.start_web()
    made = house.tajo("connectors", "install", "corner", "--json")
    assert house.store.runs.recent() == [], "nobody is sent before the first full run was asked for"
    house.sync("corner", "full")
    edited, bought, later = ([account_of(20 + n + EACH * part) for n in range(EACH)] for part in range(3))
    rename(corner, later[0], "Live")
    house.wait_until(lambda: "Live" in names(house))

    house.stop(web)
    for number in [*edited, *bought]:
        rename(corner, number, f"Missed{number}")
    new = [corner.post("/fake/customers", {"email": f"new{n}@mail.example"})["email"] for n in range(EACH)]
    for number in bought:
        corner.post("/fake/orders", {"customer_id": number, "status": "processing"})
    house.wait_until(lambda: len(disabled(corner)) >= 3)
    off = disabled(corner)
    web = house.start_web()
    rename(corner, later[1], "Deaf")
    beat = house.start_beat()
    took_s = house.wait_until(lambda: not disabled(corner))
    house.wait_for("2", "done")
    house.stop(beat)
    found = names(house)
    rename(corner, later[2], "Heard")
    house.wait_until(lambda: "Heard" in names(house))
    house.stop(web)

    run = house.run("2")
    told(
        f"upkeep: {len(off)} webhooks switched off after 7 failures, on again {took_s:.1f} s after the beat began; "
        f"the catch-up run read {run.counts['read']}: {EACH} new, {EACH} who bought and {EACH + 1} edited arrived"
    )
    assert len(made["created"]) == 11
    assert {"customer.created", "customer.updated", "order.created"} <= off
    assert (run.by, str(run.kind), str(run.state)) == ("webhooks", "full", "done")
    assert set(new) <= set(house.sandbox.contacts())
    assert {f"Missed{number}" for number in [*edited, *bought]} <= found
    assert "Deaf" in found
    assert any("were repaired" in alert and "disabled" in alert for alert in house.alerts())


def rename(corner, number: int, name: str) -> None:
    corner.http.request("PATCH", f"{corner.address}/fake/customers/{number}", json={"first_name": name})


def names(house) -> set[str]:
    return {str(one["attributes"].get("FIRSTNAME")) for one in house.sandbox.contacts().values()}


def disabled(corner) -> set[str]:
    return {hook["topic"] for hook in corner.get("/fake/state")["webhooks"] if hook["status"] == "disabled"}
