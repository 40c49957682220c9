"""`/wc-analytics/reports/customers`: the customers report, filtered and sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from customer_sync.demo.stores.woocommerce import params
from customer_sync.demo.stores.woocommerce.answers import Answer, Row
from customer_sync.demo.stores.woocommerce.listing import Chosen, Values
from customer_sync.demo.stores.woocommerce.resource import Call
from customer_sync.demo.stores.woocommerce.stamps import shift

if TYPE_CHECKING:
    from customer_sync.demo.stores.woocommerce.store import FakeStore


def report(store: FakeStore, call: Call) -> Answer:
    """Return the customers report."""
    values = params.read(params.REPORT, call.place.query)
    call.may(store, "reports", "list")
    source = store.records.report
    source.refresh()
    view = source.registered.view(source.table)
    wanted = {name: value for name, value in values.items() if name in _NARROWING and value}
    wanted.pop("user_type", None) if values["user_type"] == "all" else None
    by = values["orderby"]
    if not wanted and by == "date_registered":
        chosen = Chosen(view, range(len(view))[::-1] if values["order"] == "desc" else range(len(view)))
    else:
        rows = [row for row in map(source.table.get, view) if row and _reported(row, values)]
        rows.sort(key=lambda row: _rank(row, by), reverse=values["order"] == "desc")
        chosen = Chosen.all_of([row["id"] for row in rows])

    def shown(number: int) -> Row | None:
        row = source.table.get(number)
        if not row or not row["user_id"]:
            return row and {**row, "_links": {}}
        at = f"{call.place.root}/wc-analytics/customers"
        return {**row, "_links": {"customer": [{"href": f"{at}/{number}"}], "collection": [{"href": at}]}}

    return store.listings.page(call.place, values, chosen, shown)


_COLUMNS: Final = {
    "registered": "date_registered_gmt",
    "last_active": "date_last_active",
    "last_order": "date_last_order",
}
_SPANS: Final = tuple(f"{span}_{side}" for span in _COLUMNS for side in ("after", "before"))
_NARROWING: Final = ("search", "customers", "users", "user_type", *_SPANS)


def _reported(row: Row, values: Values) -> bool:
    """Tell whether a row fits; times are compared as they stand, a zone is not looked at, and both ends count."""
    for span, column in _COLUMNS.items():
        at = (row[column] or "").replace(" ", "T")
        after, before = (values[f"{span}_{side}"] for side in ("after", "before"))
        if (after or before) and not at:
            return False
        if (after and at < shift(after[:19], 0)) or (before and at > shift(before[:19], 0)):
            return False
    columns = {"all": ("name", "username", "email")}.get(values["searchby"], (values["searchby"],))
    text = " ".join(row[name] for name in columns).lower()
    kind = "registered" if row["user_id"] else "guest"
    return (
        values["search"].lower() in text
        and values["user_type"] in ("all", kind)
        and (not values["customers"] or row["id"] in values["customers"])
        and (not values["users"] or row["user_id"] in values["users"])
    )


def _rank(row: Row, by: str) -> tuple[bool, Any, int]:
    value = row["state"] + row["country"] if by == "location" else row[by]
    return value is not None, value or (0 if isinstance(value, int | float) else ""), row["id"]
