"""Receipts in the API and on the dashboard."""

from __future__ import annotations

import pytest

from customer_sync.store.receipts import Drift, Receipt, Receipts

from .test_api import call


@pytest.fixture
def receipt(store):
    made = Receipt(sources=("lumen",), is_healing=True, started_ms=1_795_000_000_000, ended_ms=1_795_000_004_000)
    made.in_brevo, made.ours, made.equal, made.drifted, made.healed = 1000, 990, 980, 10, 9
    made.by_field = {"FIRSTNAME": Drift(8, ["17", "23"])}
    made.mailable = {"email": Drift(2, ["5"])}
    made.refused["deleted in Brevo"] = 1
    made.notes.append("something else writes FIRSTNAME in Brevo")
    Receipts(store.client).keep(made)
    return made


def test_receipts_are_told_by_the_api(web, receipt):
    assert call(web, "get", "/api/v1/receipts")["receipts"][0]["id"] == receipt.id
    found = call(web, "get", "/api/v1/receipts/{receipt_id}", receipt_id=receipt.id)
    assert found["by_field"]["FIRSTNAME"]["count"] == 8
    assert "no such receipt" in call(web, "get", "/api/v1/receipts/{receipt_id}", 404, receipt_id="r0")["error"]


def test_the_page_of_runs_lists_them_and_each_has_a_page(web, receipt):
    assert f'href="/receipts/{receipt.id}"' in web.get("/runs").text

    page = web.get(f"/receipts/{receipt.id}").text

    for words in ("98.9", "FIRSTNAME", "#17", "could be reached", "deleted in Brevo", "Something else writes"):
        assert words in page
