"""The listings: which records in which order, one page of them, and the headers that tell how many there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from customer_sync.demo.stores.woocommerce.answers import Answer, Row
from customer_sync.demo.stores.woocommerce.faults import Faults
from customer_sync.demo.stores.woocommerce.orders import DRAFT, STATUSES, InTurn
from customer_sync.demo.stores.woocommerce.params import Query
from customer_sync.demo.stores.woocommerce.records import Records
from customer_sync.demo.stores.woocommerce.stamps import bound, iso
from customer_sync.demo.stores.woocommerce.table import Key, Order, Table

#: What `status=any` means: everything but what a checkout has not finished.
ANY: Final = frozenset(STATUSES) - {DRAFT}
Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The numbers of the records that fit, in order: `numbers` at `places`."""

    numbers: Sequence[int]
    places: range

    @classmethod
    def all_of(cls, numbers: Sequence[int]) -> Chosen:
        """Return all of them."""
        return cls(numbers, range(len(numbers)))

    def window(self, start: int, size: int) -> list[int]:
        """Return some of the numbers."""
        return [self.numbers[place] for place in self.places[start : start + size]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a listing is asked for.

    Args:
        route: as `/wc/v3/orders`.
        query: the parameters as they came: links repeat them all, keys included.
        root: the address of the REST API, as `http://shop.example/wp-json`.
    """

    route: str
    query: Query
    root: str

    def link(self, number: int) -> str:
        """Return the address of a page."""
        query = {name: value for name, value in self.query.items() if name != "rest_route"}
        pairs = [
            (f"{name}[{at}]" if isinstance(value, list) else name, one)
            for name, value in {**query, "page": str(number)}.items()
            for at, one in enumerate(value if isinstance(value, list) else [value])
        ]
        text = "&".join(f"{quote(name, safe='[]')}={quote(one, safe=':,')}" for name, one in pairs)
        return f"{self.root}{self.route}{'&' if '?' in self.root else '?'}{text}"


class Listings:
    """Every way to list the records. The caller holds the store's lock.

    Args:
        records: the records.
        faults: what may go wrong with a page.
    """

    def __init__(self, records: Records, faults: Faults) -> None:
        self._records = records
        self._faults = faults
        self._orders: dict[tuple[str, str, Any], Order] = {}

    def customers(self, values: Values) -> Chosen:
        """Return the customers that a query means."""
        records, role = self._records, values["role"]
        table, order = records.customers, self._customer_order(values["orderby"], role)

        def fits(number: int) -> bool:
            row = table.get(number)
            return row is not None and role in ("all", row["role"]) and _holds(row, values["search"])

        if values["email"]:
            found = records.find_customer(values["email"])
            return _sorted([one for one in [found] if one is not None and fits(one)], order, table, values)
        return _pick(table, order, values, fits)

    def orders(self, values: Values, *, modified: bool) -> Chosen:
        """Return the orders that a query means.

        Args:
            values: the parameters.
            modified: whether the store knows `modified_after`.
        """
        records, status = self._records, values["status"]
        statuses = ANY if "any" in status else frozenset(status)

        def fits(number: int) -> bool:
            row = records.orders.get(number)
            return row is not None and row["status"] in statuses and _holds(row["billing"], values["search"])

        if values["customer"]:
            # 0 is nobody's number: nothing fits
            values = {**values, "include": records.report.orders_of(values["customer"], "") or [0]}
        return self._posts("orders", values, statuses, fits, modified=modified)

    def products(self, values: Values, *, modified: bool) -> Chosen:
        """Return the products that a query means."""
        table = self._records.products

        def fits(number: int) -> bool:
            row = table.get(number)
            if row is None or values["status"] not in ("any", row["status"]):
                return False
            return values["sku"] in ("", row["sku"]) and _holds({"name": row["name"]}, values["search"])

        if values["sku"] or values["status"] != "any":
            values = {**values, "include": values["include"] or list(table.ids())}
        return self._posts("products", values, None, fits, modified=modified)

    def page(self, place: Place, values: Values, chosen: Chosen, row: Callable[[int], Row | None]) -> Answer:
        """Return one page.

        Args:
            place: where it is asked for.
            values: the parameters.
            chosen: all that fit.
            row: number → record; None leaves it out of the page, though it counts.
        """
        size, total = values["per_page"], len(chosen.places)
        start = values["offset"] or (values["page"] - 1) * size
        number, pages = start // size + 1, -(-total // size)
        fault = self._faults.take(("short_page", "empty_page", "repeat_page"), "GET", place.route, number)
        kind = fault.kind if fault else ""
        shown = max(0, start - size) if kind == "repeat_page" else start
        rows = [one for one in map(row, chosen.window(shown, size)) if one is not None]
        if kind == "short_page" and fault:
            rows = rows[: max(0, len(rows) - int(fault.options.get("drop", 1)))]
        if values["_fields"]:
            wanted = {name.partition(".")[0].strip() for name in values["_fields"]}
            rows = [{name: value for name, value in one.items() if name in wanted} for one in rows]
        headers = {"X-WP-Total": str(total), "X-WP-TotalPages": str(pages)}
        links = [(min(number - 1, pages), "prev")] if number > 1 else []
        links += [(number + 1, "next")] if pages > number else []
        if links:
            headers["Link"] = ", ".join(f'<{place.link(at)}>; rel="{rel}"' for at, rel in links)
        return Answer([] if kind == "empty_page" else rows, headers=headers)

    def _posts(
        self,
        name: str,
        values: Values,
        statuses: frozenset[str] | None,
        fits: Callable[[int], bool],
        *,
        modified: bool,
    ) -> Chosen:
        table = self._records.orders if name == "orders" else self._records.products
        order = self._post_order(name, values["orderby"], statuses)
        spans = {
            "date": self._span("", values),
            "modified": self._span("modified_", values) if modified else (None, None),
        }
        spans = {by: span for by, span in spans.items() if span != (None, None)}
        if not spans or values["include"] or values["exclude"] or values["search"]:
            chosen = _pick(table, order, values, fits)
            for by, span in spans.items():
                one = self._post_order(name, by, statuses)
                chosen = Chosen.all_of(
                    [n for n in chosen.window(0, len(chosen.places)) if _within(one, table, n, span)]
                )
            return chosen
        (by, span), *others = spans.items()
        narrowed = self._post_order(name, by, statuses)
        view = narrowed.view(table)
        places = view.between(*span)
        if not others and by == values["orderby"]:
            return Chosen(view, places[::-1] if values["order"] == "desc" else places)
        numbers = [view[place] for place in places]
        for other, limits in others:
            one = self._post_order(name, other, statuses)
            numbers = [number for number in numbers if _within(one, table, number, limits)]
        return _sorted(numbers, order, table, values)

    def _span(self, prefix: str, values: Values) -> tuple[str | None, str | None]:
        after, before = (
            text and bound(text, self._records.offset_s, is_gmt=values["dates_are_gmt"])
            for text in (values[f"{prefix}after"], values[f"{prefix}before"])
        )
        return after, before

    def _customer_order(self, name: str, role: str) -> Order:
        people = self._records.people
        keys: dict[str, tuple[Callable[[int], Key], Callable[[Row], Key]]] = {
            "id": (lambda i: (people.id_of(i), 0), lambda row: (row["id"], 0)),
            "registered_date": (
                lambda i: (iso(people.registered_s(i)), people.id_of(i)),
                lambda row: (row["date_created_gmt"], row["id"]),
            ),
            "name": (
                lambda i: (" ".join(people.who(i)[:2]).lower(), people.id_of(i)),
                lambda row: (f"{row['first_name']} {row['last_name']}".lower(), row["id"]),
            ),
        }
        name = "id" if name == "include" else name
        if ("customers", name, role) not in self._orders:
            has: Callable[[int], bool] | None = None if role == "all" else lambda i: people.role(i) == role
            in_turn = None if name == "name" else lambda: range(people.count)
            order = Order(*keys[name], in_turn, has, lambda row: role in ("all", row["role"]))
            self._orders["customers", name, role] = order
        return self._orders["customers", name, role]

    def _post_order(self, table: str, name: str, statuses: frozenset[str] | None) -> Order:
        records = self._records
        base = records.deals if table == "orders" else records.goods
        name = name if name in ("date", "modified", "id") else "id"
        if (table, name, statuses) not in self._orders:
            keys: dict[str, tuple[Callable[[int], Key], Callable[[Row], Key]]] = {
                "id": (lambda i: (base.id_of(i), 0), lambda row: (row["id"], 0)),
                "date": (
                    lambda i: (iso(base.created_s(i)), base.id_of(i)),
                    lambda row: (row["date_created_gmt"], row["id"]),
                ),
                "modified": (
                    lambda i: (iso(base.modified_s(i)), base.id_of(i)),
                    lambda row: (row["date_modified_gmt"], row["id"]),
                ),
            }
            is_permuted = table == "orders" and name == "modified"
            wanted = statuses
            self._orders[table, name, statuses] = Order(
                *keys[name],
                lambda: InTurn(base.count) if is_permuted else range(base.count),
                None if wanted is None else lambda i: records.deals.status(i) in wanted,
                None if wanted is None else lambda row: row["status"] in wanted,
            )
        return self._orders[table, name, statuses]


def _pick(table: Table, order: Order, values: Values, fits: Callable[[int], bool]) -> Chosen:
    """Return what fits: by its place in an ordered view, or one by one where single records are asked for."""
    if values["include"]:
        numbers = [one for one in values["include"] if one not in values["exclude"] and fits(one)]
        return Chosen.all_of(numbers) if values["orderby"] == "include" else _sorted(numbers, order, table, values)
    if values["search"]:
        numbers = [one for one in table.ids() if one not in values["exclude"] and fits(one)]
        return _sorted(numbers, order, table, values)
    view = order.view(table)
    places = range(len(view))[::-1] if values["order"] == "desc" else range(len(view))
    if values["exclude"]:
        return Chosen.all_of([one for one in map(view.__getitem__, places) if one not in values["exclude"]])
    return Chosen(view, places)


def _sorted(numbers: list[int], order: Order, table: Table, values: Values) -> Chosen:
    ordered = sorted(numbers, key=lambda one: order.key_of(table, one), reverse=values["order"] == "desc")
    return Chosen.all_of(ordered)


def _within(order: Order, table: Table, number: int, span: tuple[str | None, str | None]) -> bool:
    """Tell whether a record's time is between two, these not included."""
    at, (after, before) = order.key_of(table, number)[0], span
    return (after is None or at > after) and (before is None or at < before)


def _holds(row: Row, search: str) -> bool:
    return not search or any(search.lower() in value.lower() for value in row.values() if isinstance(value, str))
