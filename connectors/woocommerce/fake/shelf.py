"""The store's products and their variations, and what happens to them; each act raises its webhooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from connectors.woocommerce.fake import goods
from connectors.woocommerce.fake.settings import Settings
from connectors.woocommerce.fake.wordpress import WpError, both, cents_of, money
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.table import Table

#: What a request may set of a new product, beside name, stock number and price.
_GIVEN: Final = ("type", "status", "catalog_visibility", "description", "short_description", "images", "stock_quantity")


class Shelf:
    """The products of one store. The caller holds the store's lock.

    Args:
        settings: how many there are from the start.
        clock: seconds since 1970.
        tell: (topic, number): a webhook is due.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float], tell: Callable[[str, int], None]) -> None:
        self._clock, self._tell = clock, tell
        self._was: dict[int, str] = {}
        self._offset_s = settings.utc_offset_h * 3_600
        self.products = Table((one["id"], one) for one in goods.products(settings.products, self._offset_s))
        parents = [one for one in self.products.values() if one["variations"]]
        self.parts = Table((part["id"], part) for one in parents for part in goods.variations(one))

    def row(self, number: int, status: int = 404) -> Row:
        """Return a product as the API tells of it; a variation too, as its webhooks do.

        Raises:
            WpError: there is none.
        """
        row = self.products.get(number) or self.parts.get(number)
        if row is None:
            raise WpError(status, "woocommerce_rest_product_invalid_id", "Invalid ID.")
        return row

    def parts_of(self, number: int) -> list[Row]:
        """Return the variations of a product, by number.

        Raises:
            WpError: 404; there is no such product.
        """
        self.row(number)
        return sorted(
            (one for one in self.parts.values() if one["parent_id"] == number), key=lambda one: int(one["id"])
        )

    def put(self, number: int | None, body: Row) -> Row:
        """Add a product, or change one; a variation is changed in the same way.

        Raises:
            WpError: 400; there is no such product.
        """
        return self._add(body) if number is None else self._change(number, body)

    def add_part(self, number: int, body: Row) -> Row:
        """Add a variation to a product; both tell of it.

        Raises:
            WpError: 404; there is no such product.
        """
        parent, made = self.row(number), max(goods.FIRST_PART + 90_000, self.parts.next_number())
        size = str(body.get("size") or f"size {made}")
        self.parts.put(made, goods.variation(parent, made, size, cents_of(body.get("regular_price") or 1)))
        self._tell("product.created", made)
        self._change(number, {"type": "variable", "variations": [*parent["variations"], made]})
        return self.row(made)

    def delete(self, number: int, *, force: bool) -> Row:
        """Put a product into the trash, or delete it for good; only the trash raises a webhook.

        Read in class-wc-webhook.php, 2026-11: `product.deleted` hangs on `wp_trash_post`.

        Raises:
            WpError: 404; and 410, it is in the trash already.
        """
        row = self.row(number)
        if row["status"] == "trash" and not force:
            raise WpError(410, "woocommerce_rest_already_trashed", "The product has already been deleted.")
        if not force:
            self._was[number] = row["status"]
            self.products.put(number, {**row, **self._now(), "status": "trash"})
            self._tell("product.deleted", number)
            return row
        self.products.delete(number)
        for part in [one["id"] for one in self.parts.values() if one["parent_id"] == number]:
            self.parts.delete(part)
        return row

    def restore(self, number: int) -> Row:
        """Take a product out of the trash.

        Raises:
            WpError: 400; it is not there.
        """
        row = self.row(number, 400)
        if row["status"] != "trash":
            raise WpError(400, "woocommerce_rest_product_invalid_id", "Invalid ID.")
        row = self.products.put(number, {**row, **self._now(), "status": self._was.pop(number)})
        self._tell("product.restored", number)
        return row

    def _add(self, body: Row) -> Row:
        number, now_s = self.products.next_number(), self._clock()
        times = {**both("date_created", now_s, self._offset_s), **both("date_modified", now_s, self._offset_s)}
        price = body.get("regular_price", 1)
        name, sku = str(body.get("name") or "Product"), str(body.get("sku") or "")
        row = goods.product(number, name, cents_of(price or 0), sku, times)
        row |= {key: body[key] for key in _GIVEN if key in body}
        row |= {"price": "", "regular_price": ""} if price == "" else {}
        self.products.put(number, row)
        self._tell("product.created", number)
        return row

    def _change(self, number: int, body: Row) -> Row:
        row = {**self.row(number, 400), **self._now()}
        row |= {key: value for key, value in body.items() if key in row and key != "id"}
        row["price"] = row["sale_price"] or body.get("regular_price", row["price"])
        if number in self.parts:
            self.parts.put(number, row)
            self._reprice(row["parent_id"])
        else:
            self.products.put(number, row)
        self._tell("product.updated", number)
        return row

    def _now(self) -> Row:
        return both("date_modified", self._clock(), self._offset_s)

    def _reprice(self, number: int) -> None:
        """Give a product the lowest price of its variations; its own date stays as it was."""
        prices = [
            cents_of(one["price"]) for one in self.parts_of(number) if one["price"] and one["status"] == "publish"
        ]
        if prices:
            self.products.put(number, {**self.row(number), "price": money(min(prices))})
