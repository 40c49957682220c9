"""Receipts in the API and on the dashboard."""

from __future__ import annotations

import pytest

from customer_sync.store.receipts import Drift, Receipt, Receipts, Share, SourceDrift

from .calls import call


@pytest.fixture
def receipt(store):
    made = Receipt(sources=("lumen",), is_healing=True, started_ms=1_795_000_000_000, ended_ms=1_795_000_004_000)
    made.in_brevo, made.ours, made.equal, made.drifted, made.healed = 1000, 990, 980, 10, 9
    made.everybody, made.shares = Share(990, 980), {"lumen": Share(990, 980)}
    made.by_field = {"FIRSTNAME": Drift(8, ["17", "23"])}
    made.mailable = {"email": Drift(2, ["5"])}
    made.refused["deleted in Brevo"] = 1
    made.notes.append("something else writes FIRSTNAME in Brevo")
    Receipts(store.client).keep(made)
    return made


def test_receipts_are_told_by_the_api(web, receipt):
    assert call(web, "get", "/api/v1/receipts")["items"][0]["id"] == receipt.id
    found = call(web, "get", "/api/v1/receipts/{receipt_id}", receipt_id=receipt.id)
    assert found["by_field"]["FIRSTNAME"]["count"] == 8
    assert "no such receipt" in call(web, "get", "/api/v1/receipts/{receipt_id}", 404, receipt_id="r0")["detail"]


def test_the_page_of_runs_lists_them_and_each_has_a_page(web, receipt):
    assert f'href="/receipts/{receipt.id}"' in web.get("/runs").text

    page = web.get(f"/receipts/{receipt.id}").text

    for words in ("98.9", "FIRSTNAME", "#17", "could be reached", "deleted in Brevo", "Something else writes"):
        assert words in page


def test_the_page_says_the_worst_figure_with_both_sides_beside_it(web, store, receipt):
    receipt.source_drift["lumen"] = drift = SourceDrift(read=400, customers=400, differ=21)
    drift.by_field["consent.email.withdrawn"] = 21
    Receipts(store.client).keep(receipt)

    page = web.get(f"/receipts/{receipt.id}").text
    told = call(web, "get", "/api/v1/receipts/{receipt_id}", receipt_id=receipt.id)

    assert "94.7\u00a0% in sync before the mending" in page
    assert "lumen, at the source, 379 of 400 customers" in page
    assert "consent.email.withdrawn: 21." in page
    assert "Sent is not in sync yet: the next comparison tells." in page
    assert (told["in_sync"], told["by_source"]["lumen"]["in_sync"]) == (0.9475, 0.9475)
    assert Receipts(store.client).in_sync() == {"lumen": 0.9475}


def test_the_page_of_a_mended_receipt_tells_what_was_found_since(web, store, receipt):
    later = Receipt(sources=("lumen",), started_ms=receipt.ended_ms + 1, ended_ms=receipt.ended_ms + 2)
    later.everybody = Share(10, 10)
    Receipts(store.client).keep(later)

    page = web.get(f"/receipts/{receipt.id}").text

    assert f'Since then: <a href="/receipts/{later.id}">100' in page
