"""What is sold: products, orders, carts and their checkouts, and what happens to them; each is told of by webhook."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from random import Random
from typing import Any, Final, TypeVar

from connectors.shopify.fake import sale_bodies
from connectors.shopify.fake.sold import Checkout, Line, Order, Product, Refund, Variant
from customer_sync.kit.fakes.answers import BadRequest, Row

_Key = TypeVar("_Key")
_Found = TypeVar("_Found")
#: What an app sees of orders without `read_all_orders`, in seconds.
VISIBLE_S: Final = 60 * 86_400
STATUSES: Final = ("ACTIVE", "ARCHIVED", "DRAFT", "UNLISTED")
_GOODS: Final = ("Paper lantern", "Desk lamp", "Reading light", "Oil lamp", "Garland", "Night light", "Torch", "Shade")


class Sales:
    """Everything that is sold in a shop.

    Args:
        shop: the shop's own domain.
        emit: tells of something: topic in GraphQL's words, body, the event that several topics share.
        now: the shop's time in whole seconds.
        seed: which products and tokens.
    """

    def __init__(self, shop: str, emit: Callable[[str, Row, str], None], now: Callable[[], int], seed: int) -> None:
        self._shop, self._emit, self._now, self._dice = shop, emit, now, Random(seed)
        self._ids, self._numbers, self._events = count(6_600_000_000_001, 13), count(1001), count(1)
        self.products: dict[int, Product] = {}
        self.orders: dict[int, Order] = {}
        self.checkouts: dict[str, Checkout] = {}

    def fill(self, products: int, orders: int, buyers: Iterator[Mapping[str, Any]]) -> None:
        """Make the products and orders of the start, one order every six hours until now; nobody is told."""
        now = self._now()
        for place in range(products):
            name = _GOODS[place % len(_GOODS)]
            self.stock({"title": name if place < len(_GOODS) else f"{name} {place}"}, is_told=False)
        for place, facts in zip(range(orders), buyers, strict=False):
            at_s = now - (orders - place) * 21_600
            self.place(facts, {"at_s": at_s, "customer": int(facts["legacyResourceId"])}, is_told=False)

    # Products

    def stock(self, fields: Row, *, is_told: bool = True) -> Product:
        """Add a product. `variants` are their prices in cents; without them it has two."""
        now = self._now()
        product = Product(next(self._ids), str(fields.get("title", "Lamp")), now, now, published_s=now)
        product.picture = f"https://cdn.example.com/{product.handle}.jpg"
        prices = fields.get("variants") or [2_000 + 100 * (product.id % 37), 3_000]
        product.variants = [
            Variant(next(self._ids), f"No. {place}", f"{product.handle}-{place}", int(price))
            for place, price in enumerate(prices, 1)
        ]
        _set(product, fields)
        self.products[product.id] = product
        if is_told:
            self._emit("PRODUCTS_CREATE", sale_bodies.product(product), self._event())
        return product

    def change_product(self, number: int, fields: Row) -> Product:
        """Change a product: `title`, `status`, `picture`, `published`, `price` of its first variant."""
        product = _known(self.products, number, "product")
        _set(product, fields)
        product.updated_s = self._now()
        self._emit("PRODUCTS_UPDATE", sale_bodies.product(product), self._event())
        return product

    def drop_product(self, number: int) -> None:
        """Delete a product; lines of orders keep their title."""
        product = _known(self.products, number, "product")
        del self.products[product.id]
        self._emit("PRODUCTS_DELETE", {"id": product.id}, self._event())

    # Orders

    def place(self, buyer: Mapping[str, Any], more: Row, *, is_told: bool = True) -> Order:
        """Place an order.

        Args:
            buyer: a customer by column.
            more: `lines`, `at_s`, `customer`, and fields of `Order` by name.
            is_told: whether webhooks tell of it.
        """
        at_s = int(more.get("at_s") or self._now())
        lines = self.lines(more.get("lines"))
        order = Order(next(self._ids), next(self._numbers), at_s, at_s, lines, buyer, email=buyer.get("email"))
        for name in ("customer", "email", "is_paid", "is_test", "source", "tags", "codes", "cart", "checkout", "shown"):
            if name in more:
                setattr(order, name, more[name])
        self.orders[order.id] = order
        if is_told:
            self._tell(order, "ORDERS_CREATE", *(("ORDERS_PAID",) if order.is_paid else ()), "ORDERS_UPDATED")
        return order

    def pay(self, number: int) -> Order:
        """Let an order be paid."""
        order = self._touched(number)
        order.is_paid = True
        return self._tell(order, "ORDERS_PAID", "ORDERS_UPDATED")

    def send(self, number: int) -> Order:
        """Send all that was ordered."""
        order = self._touched(number)
        order.is_sent = True
        return self._tell(order, "ORDERS_FULFILLED", "ORDERS_UPDATED")

    def edit(self, number: int, lefts: Sequence[int]) -> Order:
        """Change how much is left of each line."""
        order = self._touched(number)
        for line, left in zip(order.lines, lefts, strict=False):
            line.left = max(0, min(left, line.quantity))
        event = self._event()
        self._emit("ORDERS_EDITED", sale_bodies.edit(order, next(self._ids)), event)
        return self._tell(order, "ORDERS_UPDATED")

    def refund(self, number: int, amount: int | None = None) -> Order:
        """Pay back an amount in cents, without an amount all that is left; the lines stay."""
        order = self._touched(number)
        rest = order.total - order.refunded
        found = Refund(next(self._ids), min(rest, rest if amount is None else amount), order.updated_s)
        order.refunds.append(found)
        self._emit("REFUNDS_CREATE", sale_bodies.refund(order, found), self._event())
        return self._tell(order, "ORDERS_UPDATED")

    def cancel(self, number: int) -> Order:
        """Cancel an order; what was paid is paid back."""
        order = self._touched(number)
        order.cancelled_s = order.updated_s
        for line in order.lines:
            line.left = 0
        if order.is_paid and order.refunded < order.total:
            self.refund(number)
        return self._tell(order, "ORDERS_CANCELLED", "ORDERS_UPDATED")

    def delete(self, number: int) -> None:
        """Delete an order."""
        del self.orders[_known(self.orders, number, "order").id]
        self._emit("ORDERS_DELETE", {"id": number}, self._event())

    # Carts and checkouts

    def touch(self, token: str | None, buyer: Mapping[str, Any], more: Row) -> Checkout:
        """Put something into a cart, or begin one; with an address it becomes a checkout, and is told of as one.

        Args:
            token: the checkout's; None begins another.
            buyer: what is known of the visitor, by column.
            more: `lines`, `email`, `customer`.
        """
        now, known = self._now(), self.checkouts.get(token or "")
        lines = self.lines(more.get("lines"))
        if known is None:
            made = [f"{self._dice.getrandbits(64):016x}" for _ in range(2)]
            known = Checkout(token or made[0], made[1], now, now, lines, buyer)
            self.checkouts[known.token] = known
            self._cart("CARTS_CREATE", known)
        else:
            known.lines, known.updated_s = lines, now
            self._cart("CARTS_UPDATE", known)
        had_address = known.email is not None
        known.email, known.customer = more.get("email", known.email), more.get("customer", known.customer)
        if known.email is not None:
            self._checkout("CHECKOUTS_UPDATE" if had_address else "CHECKOUTS_CREATE", known)
        return known

    def empty(self, token: str) -> Checkout:
        """Take everything out of a cart: only the cart tells of it."""
        found = _known(self.checkouts, token, "checkout")
        found.lines, found.updated_s = [], self._now()
        self._cart("CARTS_UPDATE", found)
        return found

    def complete(self, token: str, more: Row | None = None) -> Order:
        """Buy what is in a checkout."""
        found = _known(self.checkouts, token, "checkout")
        found.completed_s = found.updated_s = self._now()
        self._checkout("CHECKOUTS_UPDATE", found)
        bought = {"lines": found.lines, "email": found.email, "customer": found.customer}
        return self.place(found.buyer, {**bought, "cart": found.cart, "checkout": token, **(more or {})})

    def drop_checkout(self, token: str) -> None:
        """Delete a checkout."""
        found = _known(self.checkouts, token, "checkout")
        del self.checkouts[token]
        self._checkout("CHECKOUTS_DELETE", found)

    def lines(self, wanted: Any) -> list[Line]:
        """Return lines: of `{"variant" or "title", "price", "quantity"}`, or of the shop's own products by chance.

        Raises:
            BadRequest: a line is none.
        """
        if not wanted:
            goods = list(self.products.values())
            chosen = self._dice.sample(goods, min(len(goods), self._dice.choice((1, 1, 2))))
            return [self._line({}, one, one.variants[0]) for one in chosen] or [self._line({}, None, None)]
        if not isinstance(wanted, list):
            raise BadRequest("lines: a list of objects")
        return [one if isinstance(one, Line) else self._line_of(one) for one in wanted]

    def _line_of(self, wanted: Any) -> Line:
        if not isinstance(wanted, dict):
            raise BadRequest("lines: a list of objects")
        variant = str(wanted.get("variant", ""))
        for product in self.products.values():
            for one in product.variants:
                if variant == str(one.id):
                    return self._line(wanted, product, one)
        if variant:
            raise BadRequest("lines: no such variant")
        return self._line(wanted, None, None)

    def _line(self, wanted: Row, product: Product | None, variant: Variant | None) -> Line:
        quantity = int(wanted.get("quantity", 1))
        price = int(wanted.get("price", variant.price if variant else 2_000))
        title = str(wanted.get("title", product.title if product else "Old mug"))
        ids = (product.id, variant.id, variant.sku) if product and variant else (None, None, None)
        return Line(next(self._ids), title, price, quantity, quantity, *ids)

    def _touched(self, number: int) -> Order:
        order = _known(self.orders, number, "order")
        order.updated_s = self._now()
        return order

    def _tell(self, order: Order, *topics: str) -> Order:
        event = self._event()
        for topic in topics:
            self._emit(topic, sale_bodies.order(order, self._shop), event)
        return order

    def _cart(self, topic: str, found: Checkout) -> None:
        self._emit(topic, sale_bodies.cart(found), self._event())

    def _checkout(self, topic: str, found: Checkout) -> None:
        self._emit(topic, sale_bodies.checkout(found, self._shop), self._event())

    def _event(self) -> str:
        return f"5a1e0000-0000-4000-8000-{next(self._events):012d}"


def _set(product: Product, fields: Row) -> None:
    status = str(fields.get("status", product.status)).upper()
    if status not in STATUSES:
        raise BadRequest(f"status: one of {', '.join(STATUSES)}")
    product.status, product.title = status, str(fields.get("title", product.title))
    product.picture, product.kind = fields.get("picture", product.picture), str(fields.get("kind", product.kind))
    if "published" in fields:
        product.published_s = product.updated_s if fields["published"] else None
    if "price" in fields:
        product.variants[0].price = int(fields["price"])


def _known(found: Mapping[_Key, _Found], key: _Key, what: str) -> _Found:
    if key not in found:
        raise BadRequest(f"{key}: no such {what}")
    return found[key]
