"""Receipts of reconciliations on the dashboard and in the API: whether both sides agree, and where they did not."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from flask import Blueprint, Response, jsonify, render_template

from customer_sync.model import to_ms
from customer_sync.store.receipts import handed_over
from customer_sync.web.problems import Problem
from customer_sync.web.services import Services

#: How many the page of runs lists.
LISTED: Final = 10


def add_api(routes: Blueprint, services: Services) -> None:
    """Add the calls below `/api/v1/receipts`."""

    @routes.get("/receipts")
    def listed_receipts() -> Response:
        return jsonify({"receipts": services.store().receipts.recent()})

    @routes.get("/receipts/<receipt_id>")
    def shown_receipt(receipt_id: str) -> Response:
        return jsonify(_find(services, receipt_id))


def add_pages(routes: Blueprint, services: Services) -> None:
    """Add the page of one receipt."""
    routes.add_app_template_filter(written_ms, "written_ms")

    @routes.get("/receipts/<receipt_id>")
    def receipt_page(receipt_id: str) -> str:
        one = _find(services, receipt_id)
        after = services.store().receipts.after(one)
        return render_template("receipt.html", one=one, after=after, handed=handed_over(one))


def newest(services: Services) -> list[dict[str, Any]]:
    """Return the newest receipts, for the page of runs."""
    return services.store().receipts.recent(LISTED)


def written_ms(text: str) -> int:
    """Return a time as a receipt writes it in milliseconds, as the other filters take it."""
    return to_ms(datetime.fromisoformat(text))


def _find(services: Services, receipt_id: str) -> dict[str, Any]:
    found = services.store().receipts.find(receipt_id)
    if found is None:
        raise Problem(404, "There is no such receipt.", "The newest 50 are kept; /runs lists some.")
    return found
