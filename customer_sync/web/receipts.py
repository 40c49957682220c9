"""Receipts of reconciliations on the dashboard: whether both sides agree, and where they did not."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from flask import Blueprint, render_template

from customer_sync.api.receipts import find_receipt
from customer_sync.model import to_ms
from customer_sync.store.receipts import handed_over
from customer_sync.web.services import Services

#: How many the page of runs lists.
LISTED: Final = 10


def add_pages(routes: Blueprint, services: Services) -> None:
    """Add the page of one receipt."""
    routes.add_app_template_filter(written_ms, "written_ms")

    @routes.get("/receipts/<receipt_id>")
    def receipt_page(receipt_id: str) -> str:
        one = find_receipt(services, receipt_id)
        after = services.store().receipts.after(one)
        return render_template("receipt.html", one=one, after=after, handed=handed_over(one))


def newest(services: Services) -> list[dict[str, Any]]:
    """Return the newest receipts, for the page of runs."""
    return services.store().receipts.recent(LISTED)


def written_ms(text: str) -> int:
    """Return a time as a receipt writes it in milliseconds, as the other filters take it."""
    return to_ms(datetime.fromisoformat(text))
