"""The customers report of WooCommerce's analytics: what each person ordered and spent, guests included, with a lag.

The lookup tables behind it are filled by background jobs, so it shows the state before a change for a while. Rules as
read in src/Admin/API/Reports/Customers/{Controller,DataStore}.php, 2026-11; what is marked was seen on a running shop.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final

from connectors.woocommerce.fake.orders import PAID, Order
from connectors.woocommerce.fake.params import Values
from connectors.woocommerce.fake.people import Account
from connectors.woocommerce.fake.settings import Settings
from connectors.woocommerce.fake.wordpress import both, php_number, shift
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.clock import iso
from customer_sync.kit.fakes.table import Table

#: Whose row it is: an account by its number, a guest by the address, a guest without one by the order.
Owner = tuple[str, int | str]
#: What the report counts.
COUNTED: Final = PAID | {"on-hold"}
_NAMES: Final = {"shop_manager": "Shop manager"}
_COLUMNS: Final = {
    "registered": "date_registered_gmt",
    "last_active": "date_last_active",
    "last_order": "date_last_order",
}


class Report:
    """The report's rows, by a number of their own. The caller holds the store's lock.

    Args:
        settings: how late it is.
        clock: seconds since 1970.
        customers: the accounts as they are now.
        orders: the orders as they are now.
    """

    def __init__(
        self, settings: Settings, clock: Callable[[], float], customers: Table[Account], orders: Table[Order]
    ) -> None:
        self._settings, self._clock, self._customers, self._orders = settings, clock, customers, orders
        self._offset_s = settings.utc_offset_h * 3_600
        self.rows: Table[Row] = Table()
        self._numbers: dict[Owner, int] = {}
        self._due: dict[Owner, float] = {}
        self._imported: set[int] = set()
        born: list[Account | Order] = [*customers.values(), *orders.values()]
        self._due |= dict.fromkeys(map(_owner, born), clock())
        self.refresh()

    def before(self, changing: Account | Order) -> None:
        """Note that an account or an order is about to change, or to come: its owner's row will follow, late."""
        due_s, every_s = self._clock() + self._settings.report_lag_s, self._settings.report_every_s
        self._due.setdefault(_owner(changing), -(-due_s // every_s) * every_s if every_s else due_s)

    def visited(self, account: Account) -> None:
        """Show a visit: at once, before the orders that wait (seen on WooCommerce 11.0.1, 2026-11-28)."""
        number = self._numbers.get(_owner(account), 0)
        row = self.rows.get(number)
        if row is not None:
            self.rows.put(number, {**row, **self._activity(account.active_s, is_account=True)})

    def forget(self, account: Account) -> None:
        """Drop the row of an account that is deleted; that is done at once."""
        owner = _owner(account)
        self._due.pop(owner, None)
        self.rows.delete(self._numbers.get(owner, 0))

    def refresh(self) -> None:
        """Let the jobs run that are due: their rows show the present from now on."""
        now_s = self._clock()
        due = [owner for owner, at_s in self._due.items() if at_s <= now_s]
        if not due:
            return
        by_owner: dict[Owner, list[Order]] = defaultdict(list)
        for order in self._orders.values():
            by_owner[_buyer(order)].append(order)
        for owner in due:
            del self._due[owner]
            self._put(owner, by_owner[owner])

    def chosen(self, values: Values, rank: Callable[[Any, int], Any]) -> list[int]:
        """Return the numbers of the rows that a query means, in its order.

        Args:
            values: the parameters.
            rank: (value of the column, number) → what rows are ordered by: ties are broken by it.
        """
        self.refresh()
        by = values["orderby"]
        found = [row for row in self.rows.values() if self._fits(row, values)]
        found.sort(key=lambda row: rank(_column(row, by), row["id"]), reverse=values["order"] == "desc")
        return [row["id"] for row in found]

    def _fits(self, row: Row, values: Values) -> bool:
        """Tell whether a row fits; times are compared as they stand, a zone is not looked at, and both ends count."""
        for span, column in _COLUMNS.items():
            at = (row[column] or "").replace(" ", "T")
            after, before = (values[f"{span}_{side}"] for side in ("after", "before"))
            if (after or before) and not at:
                return False
            if (after and at < shift(after[:19], 0)) or (before and at > shift(before[:19], 0)):
                return False
        columns = {"all": ("name", "username", "email")}.get(values["searchby"], (values["searchby"],))
        kind = "registered" if row["user_id"] else "guest"
        return (
            values["search"].lower() in " ".join(row[name] for name in columns).lower()
            and values["user_type"] in ("all", kind)
            and (not values["customers"] or row["id"] in values["customers"])
            and (not values["users"] or row["user_id"] in values["users"])
        )

    def _put(self, owner: Owner, orders: list[Order]) -> None:
        number = self._numbers.setdefault(owner, len(self._numbers) + 1)
        account = self._customers.get(int(owner[1])) if owner[0] == "account" else None
        is_told = account.role == "customer" or orders if account else orders
        if not is_told:
            self.rows.delete(number)
            return
        for order in orders:
            # importing an order sets the last activity back to when it was placed (seen on WooCommerce 11.0.1,
            # 2026-11-28)
            if account and order.id not in self._imported:
                account.active_s = order.created_s
            self._imported.add(order.id)
        address = account.billing if account else orders[-1].billing
        self.rows.put(number, self._row(number, account, address, orders))

    def _row(self, number: int, account: Account | None, address: Row, orders: list[Order]) -> Row:
        counted = [one for one in orders if one.status in COUNTED]
        spent = sum(one.total - one.back for one in counted) / 100
        last = iso(max(one.created_s for one in counted) + self._offset_s) if counted else None
        active = account.active_s if account else max(one.created_s for one in orders)
        names = (account.first, account.last) if account else ("", "")
        first, last_name = (own or address[key] for own, key in zip(names, ("first_name", "last_name"), strict=True))
        registered = both("date_registered", account.created_s if account else None, self._offset_s)
        return {
            "id": number,
            "user_id": account.id if account else 0,
            "username": account.username if account else "",
            "name": f"{first} {last_name}".strip(),
            "first_name": first,
            "last_name": last_name,
            "email": account.email if account else address["email"],
            "country": address["country"],
            "city": address["city"],
            "state": address["state"],
            "postcode": address["postcode"],
            "date_registered": registered["date_registered"],
            **self._activity(active, is_account=account is not None),
            # a raw time of the site, in the form of the database
            "date_last_order": last and last.replace("T", " "),
            "orders_count": len(counted),
            "total_spend": php_number(spent),
            "avg_order_value": php_number(spent / len(counted)) if counted else 0,
            "date_registered_gmt": registered["date_registered_gmt"],
            "role": _NAMES.get(account.role, account.role.capitalize()) if account else "",
        }

    def _activity(self, active_s: float | None, *, is_account: bool) -> Row:
        if active_s is None:
            return {"date_last_active": None, "date_last_active_gmt": None}
        if is_account and self._settings.version == "9.8.3":
            active_s -= (active_s + self._offset_s) % 86_400  # the midnight of the day (seen on WooCommerce 9.8.3)
        # WooCommerce adds the site's offset where it should take it away
        at, gmt = iso(active_s + self._offset_s), iso(active_s + 2 * self._offset_s)
        return {"date_last_active": at, "date_last_active_gmt": gmt}


def _owner(one: Account | Order) -> Owner:
    return ("account", one.id) if isinstance(one, Account) else _buyer(one)


def _buyer(order: Order) -> Owner:
    if order.customer_id:
        return ("account", order.customer_id)
    email = order.billing["email"].lower()
    return ("guest", email) if email else ("order", order.id)


def _column(row: Row, by: str) -> Any:
    return row["state"] + row["country"] if by == "location" else row[by]
