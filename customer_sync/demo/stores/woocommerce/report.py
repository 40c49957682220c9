"""The customers report of WooCommerce's analytics: what each person ordered and spent, guests included, with a lag.

The lookup tables behind it are filled by background jobs, so it shows the state before a change for a while. Rules as
read in src/Admin/API/Reports/Customers/{Controller,DataStore}.php, 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Final

from customer_sync.demo.stores.woocommerce.answers import Row
from customer_sync.demo.stores.woocommerce.orders import COUNTED, PLACES, Orders
from customer_sync.demo.stores.woocommerce.products import cents_of, php_number
from customer_sync.demo.stores.woocommerce.settings import Settings
from customer_sync.demo.stores.woocommerce.stamps import iso, seconds_of, shift
from customer_sync.demo.stores.woocommerce.table import Key, Order, Table

#: A block of eight accounts and its guest.
_BLOCK: Final = 9
_GUEST = re.compile(r"\.g(\d{1,9})@")
_NAMES: Final = {"shop_manager": "Shop manager"}


class Report:
    """The report's rows, by a number of their own. The caller holds the store's lock.

    Args:
        settings: how late it is.
        clock: seconds since 1970.
        deals: the first orders.
        customers: the accounts as they are now.
        orders: the orders as they are now.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], float],
        deals: Orders,
        customers: Table,
        orders: Table,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._people = people = deals.people
        self._deals = deals
        self._customers = customers
        self._orders = orders
        self._offset_s = settings.utc_offset_h * 3_600
        self.count = (people.count + 7) // 8 * _BLOCK
        self.table = Table(self)
        #: Guests have no date of registration: they come first.
        self.registered = Order(self._base_key, _row_key, lambda: chain(self._guests(), self._accounts()))
        self.clear()

    def clear(self) -> None:
        """Go back to what the store started with."""
        self.table.clear()
        self._due: dict[int, float] = {}
        self._late: dict[str | int, int] = {}
        self._extra: dict[int | str, set[int]] = {}

    def id_of(self, index: int) -> int:
        """Return a row's number."""
        return index + 1

    def index_of(self, number: int) -> int | None:
        """Return the index of a first row; None when there was none."""
        index = number - 1
        block, place = divmod(index, _BLOCK)
        if not 0 <= index < self.count:
            return None
        if place == _BLOCK - 1:
            return index if block < self._people.count // 8 else None
        account = 8 * block + place
        is_told = account < self._people.count and (self._people.role(account) == "customer" or self._buys(account))
        return index if is_told else None

    def row(self, index: int) -> Row:
        """Make a first row out of what the tables hold now."""
        block, place = divmod(index, _BLOCK)
        if place == _BLOCK - 1:
            return self._guest_row(index + 1, block) or {}
        row = self._user_row(index + 1, self._people.id_of(8 * block + place))
        return row or {}

    def refresh(self) -> None:
        """Let the jobs run that are due: their rows show the present from now on."""
        now = self._clock()
        for number in [one for one, at in self._due.items() if at <= now]:
            del self._due[number]
            self.table.put(number, self._fresh(number))

    def before_user(self, customer_id: int) -> None:
        """Note that an account is about to change."""
        self._freeze(self._number_of(customer_id))

    def before_order(self, row: Row) -> None:
        """Note that an order is about to change, or to come."""
        buyer: int | str = row["customer_id"] or row["billing"]["email"].lower()
        self._extra.setdefault(buyer, set()).add(row["id"])
        index = self._deals.index_of(row["id"])
        if buyer == "" and index is not None and self._deals.owner(index) is None:
            self._freeze(self._deals.guest_block(index) * _BLOCK + _BLOCK)
        else:
            self._freeze(self._number_of(buyer))

    def forget_user(self, customer_id: int) -> None:
        """Drop the row of an account that is deleted; that is done at once."""
        number = self._number_of(customer_id)
        self._due.pop(number, None)
        self.table.put(number, None)

    def orders_of(self, customer_id: int, email: str) -> list[int]:
        """Return the numbers of an account's orders, or of those that a guest placed with an address."""
        found = set(self._extra.get(customer_id or email.lower(), ()))
        index = self._people.index_of(customer_id) if customer_id else None
        if index is not None:
            found.update(self._deals.id_of(one) for one in self._first_orders(index))
        return [number for number in sorted(found) if self._is_of(number, customer_id, email.lower())]

    def _is_of(self, number: int, customer_id: int, email: str) -> bool:
        """Tell whether there is an order, and of somebody: an account, or a guest by address."""
        if number in self._orders.changed:
            row = self._orders.changed[number]
            return row is not None and (row["customer_id"], customer_id or row["billing"]["email"].lower()) == (
                customer_id,
                customer_id or email,
            )
        index = self._deals.index_of(number)
        if index is None:
            return False
        owner = self._deals.owner(index)
        if owner is None:
            return not customer_id and self._people.guest(self._deals.guest_block(index)).email.lower() == email
        return customer_id == self._people.id_of(owner)

    def _guests(self) -> Iterator[int]:
        yield from (block * _BLOCK + _BLOCK - 1 for block in range(self._people.count // 8))

    def _accounts(self) -> Iterator[int]:
        for account in range(self._people.count):
            index = account // 8 * _BLOCK + account % 8
            if self._people.role(account) == "customer" or self._buys(account):
                yield index

    def _base_key(self, index: int) -> Key:
        block, place = divmod(index, _BLOCK)
        at = "" if place == _BLOCK - 1 else iso(self._people.registered_s(8 * block + place))
        return at, index + 1

    def _buys(self, account: int) -> bool:
        return bool(PLACES[account % 8]) and account < self._people.count // 8 * 8

    def _first_orders(self, account: int) -> Iterator[int]:
        if self._buys(account):
            yield from (account // 8 * 10 + place for place in PLACES[account % 8])

    def _number_of(self, buyer: int | str) -> int:
        """Return the row's number of an account, or of a guest by address."""
        if isinstance(buyer, int):
            account = self._people.index_of(buyer)
            if account is not None:
                return account // 8 * _BLOCK + account % 8 + 1
        elif (block := self._block_of(buyer)) is not None:
            return block * _BLOCK + _BLOCK
        if buyer not in self._late:
            self._late[buyer] = self.table.next_id()
        return self._late[buyer]

    def _block_of(self, email: str) -> int | None:
        """Return the block whose guest has an address."""
        match = _GUEST.search(email)
        account = self._people.find(email)
        block = int(match[1]) if match else account // 8 if account is not None and account % 8 == 1 else None
        is_one = block is not None and block < self._people.count // 8
        return block if is_one and self._people.guest(block or 0).email.lower() == email else None

    def _freeze(self, number: int) -> None:
        if number not in self.table.changed:
            self.table.put(number, self.table.get(number))
        self._due.setdefault(number, self._clock() + self._settings.report_lag_s)

    def _fresh(self, number: int) -> Row | None:
        for buyer, late in self._late.items():
            if late == number:
                return self._user_row(number, buyer) if isinstance(buyer, int) else self._late_guest(number, buyer)
        block, place = divmod(number - 1, _BLOCK)
        if place == _BLOCK - 1:
            return self._guest_row(number, block)
        return self._user_row(number, self._people.id_of(8 * block + place))

    def _late_guest(self, number: int, email: str) -> Row | None:
        orders = self.orders_of(0, email)
        newest = self._orders.get(orders[-1]) if orders else None
        return None if newest is None else self._write(number, None, newest["billing"], orders)

    def _user_row(self, number: int, customer_id: int) -> Row | None:
        customer = self._customers.get(customer_id)
        if customer is None:
            return None
        orders = self.orders_of(customer_id, "")
        if customer["role"] != "customer" and not orders:
            return None
        return self._write(number, customer, customer["billing"], orders)

    def _guest_row(self, number: int, block: int) -> Row | None:
        guest = self._people.guest(block)
        own = guest.email.lower()
        later = range(block, min(block + 3, self._people.count // 8)) if block % 3 == 0 else ()
        numbers = {self._deals.id_of(index) for index in (block * 10 + 4, *(one * 10 + 9 for one in later))}
        numbers |= self._extra.get(own, set()) if own else set()
        orders = [one for one in sorted(numbers) if self._is_of(one, 0, own)]
        return self._write(number, None, guest.billing(), orders) if orders else None

    def _write(self, number: int, customer: Row | None, address: Row, orders: list[int]) -> Row:
        sums = [one for one in map(self._sums, orders) if one[0] in COUNTED]
        spent = sum(total - back for _, total, back, _ in sums) / 100
        last = iso(max(at for *_, at in sums) + self._offset_s) if sums else None
        who = customer or {**address, "id": 0, "username": "", "date_created": None, "date_created_gmt": None}
        active = max(filter(None, (last, who["date_created"])), default=None)
        first_name, last_name = (who[name] or address[name] for name in ("first_name", "last_name"))
        return {
            "id": number,
            "user_id": who["id"],
            "username": who["username"],
            "name": f"{first_name} {last_name}".strip(),
            "first_name": first_name,
            "last_name": last_name,
            "email": who["email"],
            "country": address["country"],
            "city": address["city"],
            "state": address["state"],
            "postcode": address["postcode"],
            "date_registered": who["date_created"],
            "date_last_active": active,
            # a raw time of the site, in the form of the database
            "date_last_order": last and last.replace("T", " "),
            "orders_count": len(sums),
            "total_spend": php_number(spent),
            "avg_order_value": php_number(spent / len(sums)) if sums else 0,
            "date_registered_gmt": who["date_created_gmt"],
            # WooCommerce adds the site's offset where it should take it away
            "date_last_active_gmt": active and shift(active, self._offset_s),
            "role": "" if customer is None else _NAMES.get(customer["role"], customer["role"].capitalize()),
            "billing_phone": address["phone"],
            "shipping_phone": "" if customer is None else customer["shipping"]["phone"],
        }

    def _sums(self, number: int) -> tuple[str, int, int, float]:
        index = self._deals.index_of(number)
        if index is not None and number not in self._orders.changed:
            return self._deals.sums(index)
        row = self._orders.changed[number] or {}
        back = sum(cents_of(one["total"]) for one in row["refunds"])
        return row["status"], cents_of(row["total"]), -back, seconds_of(row["date_created_gmt"])


def _row_key(row: Row) -> Key:
    return row["date_registered_gmt"] or "", row["id"]
