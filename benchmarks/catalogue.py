"""A whole catalogue on Brevo's General plan, and the same again with one product in a hundred changed.

Brevo allows 2 single products a second, and 100 batches an hour with all that has no limit of its own. Time is
simulated (see `benchmarks.simulated`): the hours are those of the limits, and not of this machine.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from benchmarks.report import Report, number, say
from benchmarks.simulated import Catalogue
from customer_sync.base import embedded
from customer_sync.model import Event, Json, Kind, from_ms
from customer_sync.skills.product_catalog import ProductCatalog
from customer_sync.store import connect

PRODUCTS, QUICK_PRODUCTS, VARIANTS, CATEGORIES = 20_000, 2_000, 3, 40
#: The share of products of the second time that changed.
CHANGED = 100


@dataclass(frozen=True, slots=True)
class Figures:
    """What it took.

    Args:
        records: products, variants and categories that were put.
        sent: how many of them were sent.
        calls: route → calls.
        refused: calls that were answered 429.
        hours: of simulated time.
    """

    records: int
    sent: int
    calls: Counter[str]
    refused: int
    hours: float


def run(*, quick: bool = False) -> Report:
    """Measure it."""
    count = QUICK_PRODUCTS if quick else PRODUCTS
    title = f"Catalogue: {count:,} products with {VARIANTS} variants each, General plan, simulated time"
    report = Report(title, ["case", "records", "sent", "batches", "singles", "429", "hours"])
    with tempfile.TemporaryDirectory(prefix="tajo-bench-") as folder:
        server = embedded.ensure(Path(folder))
        try:
            first, again = measure(server.url, count)
        finally:
            embedded.stop(server)
    for name, one in (("first time", first), ("1 % changed", again)):
        batches = one.calls["/products/batch"] + one.calls["/categories/batch"]
        singles = one.calls["/products"] + one.calls["/categories"]
        row = (f"{one.records:,}", f"{one.sent:,}", f"{batches:,}", f"{singles:,}", str(one.refused), number(one.hours))
        report.rows.append((name, *row))
    report.goal("sent again of all records", 100 * again.sent / again.records, 1.1, " %", at_most=True)
    report.goal("refused with 429", first.refused + again.refused, 0, at_most=True)
    return report


def measure(url: str, count: int, plan: str = "general") -> tuple[Figures, Figures]:
    """Return what the catalogue took the first time, and again with one product in a hundred changed.

    Args:
        url: of an empty Redis.
        count: how many products.
        plan: Brevo's plan.
    """
    shop = Catalogue(connect(url), ProductCatalog(), plan)
    try:
        first = _round(shop, [_product(shop, n) for n in range(count)], count)
        say(f"catalogue: the first time took {first.hours:.2f} simulated hours")
        changed = range(0, count, CHANGED)
        again = _round(shop, [_product(shop, n, is_changed=n in changed) for n in range(count)], count)
    finally:
        shop.close()
    return first, again


def _round(shop: Catalogue, events: list[Event], count: int) -> Figures:
    before, refused, sent = _calls(shop), _refused(shop), shop.http.records
    shop.put(events)
    seconds = shop.empty()
    calls = Counter(_calls(shop))
    calls.subtract(before)
    sent = shop.http.records - sent
    return Figures(count * (1 + VARIANTS) + CATEGORIES, sent, calls, _refused(shop) - refused, seconds / 3600)


def _calls(shop: Catalogue) -> Counter[str]:
    """Return route → calls so far."""
    found: Counter[str] = Counter()
    for method, route, _, calls in shop.sandbox.calls.totals():
        found[route.removeprefix("/v3")] += calls if method == "POST" else 0
    return found


def _refused(shop: Catalogue) -> int:
    return sum(calls for _, _, status, calls in shop.sandbox.calls.totals() if status == 429)


def _product(shop: Catalogue, n: int, *, is_changed: bool = False) -> Event:
    at = from_ms(shop.clock.ms()) - timedelta(hours=1)
    variants: list[Json] = [
        {"id": f"{n}-{one}", "title": f"Size {one}", "price": 10.0 + one, "stock": n % 7, "sku": f"S{n}-{one}"}
        for one in range(VARIANTS)
    ]
    record: dict[str, Json] = {
        "id": str(n),
        "name": f"Product {n}" + " (new)" * is_changed,
        "description": "A product that somebody described in a sentence or two.",
        "url": f"https://shop.example/products/{n}",
        "imageUrl": f"https://shop.example/pictures/{n}.jpg",
        "currency": "EUR",
        "isPublished": True,
        "categories": [{"id": str(n % CATEGORIES), "name": f"Category {n % CATEGORIES}"}],
        "variants": variants,
        "hasAllVariants": True,
    }
    return Event(f"p{n}:{is_changed}:{shop.clock.ms()}", "shop", Kind.PRODUCT_UPDATED, at, str(n), None, record)
