"""The orders of the store, each made from (seed, index) when somebody asks: ten for every eight accounts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from customer_sync.demo.stores.woocommerce.answers import Row
from customer_sync.demo.stores.woocommerce.dice import roll
from customer_sync.demo.stores.woocommerce.people import OPENED_S, STEP_S, People
from customer_sync.demo.stores.woocommerce.products import Products, money, php_number
from customer_sync.demo.stores.woocommerce.stamps import both

#: The first order's number. Orders share their numbers with refunds and other posts, so every third is one.
FIRST_ID, ID_STEP = 5_001, 3
#: What a store sells on, and whether `status=any` means it.
STATUSES: Final = ("pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed", "checkout-draft")
DRAFT: Final = "checkout-draft"
#: Whose money came.
PAID: Final = frozenset(("processing", "completed", "refunded"))
#: What the reports count.
COUNTED: Final = PAID | {"on-hold"}
#: Place among the ten orders of a block → which of its eight accounts ordered; None is the block's guest.
OWNERS: Final = (0, 2, 2, 1, None, 4, 6, 6, 6, None)
#: Account of a block → the places of its orders.
PLACES: Final = {owner: tuple(at for at in range(10) if OWNERS[at] == owner) for owner in range(8)}

_MIX = ("completed",) * 6 + ("processing",) * 4 + ("pending", "on-hold", "cancelled", "refunded", "failed", DRAFT)
#: Place → in which order, and with whom in the same second, the orders of a block changed last.
_CHANGED = (0, 0, 1, 0, 1, 1, 2, 3, 2, 2)
_IN_TURN = tuple(sorted(range(10), key=lambda at: (_CHANGED[at], at)))
_BLOCK_S = 4 * STEP_S
_SHIPPING = 490
_TAX = 19


#: What was bought: product id, name, sku, price in cents, how many.
Line = tuple[int, str, str, int, int]

#: What is the same in every order.
_FIXED: Final[Row] = {
    "parent_id": 0,
    "version": "11.1.0",
    "prices_include_tax": True,
    **dict.fromkeys(("discount_total", "discount_tax", "shipping_tax"), "0.00"),
    "payment_method": "bacs",
    "payment_method_title": "Direct bank transfer",
    "created_via": "checkout",
    **dict.fromkeys(("transaction_id", "customer_ip_address", "customer_user_agent", "customer_note", "cart_hash"), ""),
    "fee_lines": [],
    "coupon_lines": [],
}
_TAX_LINE: Final[Row] = {
    "rate_code": "DE-VAT-1",
    "rate_id": 1,
    "label": "VAT",
    "compound": False,
    "shipping_tax_total": "0.00",
    "rate_percent": _TAX,
    "meta_data": [],
}
_SHIPPING_LINE: Final[Row] = {
    "method_title": "Flat rate",
    "method_id": "flat_rate",
    "instance_id": "1",
    "total_tax": "0.00",
    "taxes": [],
    "meta_data": [],
}


class InTurn(Sequence[int]):
    """The indexes of the first orders by the time of their last change.

    Args:
        count: how many orders; whole blocks.
    """

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(self._count))]
        if not 0 <= at < self._count:
            raise IndexError(at)
        block, place = divmod(at, 10)
        return block * 10 + _IN_TURN[place]


@dataclass(slots=True)
class Deal:
    """An order in short.

    Args:
        number: its id.
        status: one of `STATUSES`, or `trash`.
        customer_id: whose account; 0 is a guest.
        billing: the address, with e-mail and phone.
        lines: what was bought.
        created_s: when it was placed.
        modified_s: when it last changed.
        meta: key → value.
        refunds: cents given back, by the refund's number; 0 stands for one that was deleted.
    """

    number: int
    status: str
    customer_id: int
    billing: Row
    lines: Sequence[Line]
    created_s: float
    modified_s: float
    meta: dict[str, Any]
    refunds: Sequence[tuple[int, int]] = ()

    @property
    def total(self) -> int:
        """What it costs, in cents."""
        return sum(price * count for _, _, _, price, count in self.lines) + _SHIPPING


class Orders:
    """The orders that came with the accounts.

    Args:
        people: who orders.
        products: what they buy.
        seed: the same number makes the same orders.
        currency: ISO 4217.
        offset_s: the site's zone, seconds east of UTC.
    """

    def __init__(self, people: People, products: Products, seed: int, currency: str, offset_s: float) -> None:
        self.count = people.count // 8 * 10
        self.people = people
        self._products = products
        self._seed = seed
        self._currency = currency
        self._offset_s = offset_s

    def id_of(self, index: int) -> int:
        """Return an order's number."""
        return FIRST_ID + index * ID_STEP

    def index_of(self, number: int) -> int | None:
        """Return which order has a number; None when none was born with it."""
        index, rest = divmod(number - FIRST_ID, ID_STEP)
        return index if rest == 0 and 0 <= index < self.count else None

    def created_s(self, index: int) -> int:
        """Return when it was placed; in the order of the numbers."""
        block, place = divmod(index, 10)
        return OPENED_S + (block + 1) * _BLOCK_S + 14 * place

    def modified_s(self, index: int) -> int:
        """Return when it last changed; up to three in the same second, and not in the order of the numbers."""
        block, place = divmod(index, 10)
        return OPENED_S + (block + 1) * _BLOCK_S + 86_400 + 40 * _CHANGED[place]

    def status(self, index: int) -> str:
        """Return the status."""
        block, place = divmod(index, 10)
        return _MIX[(block * 3 + place * 5) % 16]

    def owner(self, index: int) -> int | None:
        """Return the index of the account that ordered, None for a guest."""
        block, place = divmod(index, 10)
        owner = OWNERS[place]
        return None if owner is None else 8 * block + owner

    def guest_block(self, index: int) -> int:
        """Return which guest ordered: that of the block, or one of a block before who came back."""
        block, place = divmod(index, 10)
        return block if place == 4 else block - block % 3

    def deal(self, index: int) -> Deal:
        """Return an order in short."""
        owner = self.owner(index)
        who = self.people.guest(self.guest_block(index)) if owner is None else self.people.who(owner)
        dice, status, number = roll(self._seed, ~index), self.status(index), self.id_of(index)
        deal = Deal(
            number,
            status,
            0 if owner is None else self.people.id_of(owner),
            who.billing(),
            self._lines(dice),
            self.created_s(index),
            self.modified_s(index),
            _meta(index),
        )
        deal.refunds = tuple(_refunds(index, number, status, deal.total))
        return deal

    def sums(self, index: int) -> tuple[str, int, int, float]:
        """Return an order's status, its total and what was given back in cents, and when it was placed; quickly."""
        status, lines = self.status(index), self._lines(roll(self._seed, ~index))
        total = _SHIPPING + sum(line[3] * line[4] for line in lines)
        back = sum(cents for _, cents in _refunds(index, 0, status, total))
        return status, total, back, self.created_s(index)

    def row(self, index: int) -> Row:
        """Return the order as the REST API tells of it, without `_links`."""
        return self.write(self.deal(index))

    def _lines(self, dice: int) -> list[Line]:
        found: list[Line] = []
        for _ in range(1 + dice % 3 if self._products.count else 0):
            dice, which = divmod(dice >> 2, self._products.count)
            one = self._products
            found.append((one.id_of(which), one.name(which), one.sku(which), one.price(which), 1 + dice % 2))
        return found

    def write(self, deal: Deal) -> Row:
        """Return the long form of an order."""
        total, shipping = deal.total, money(_SHIPPING)
        tax = tax_of(total - _SHIPPING)
        paid_s = deal.created_s + 60 if deal.status in PAID else None
        done_s = deal.created_s + 7_200 if deal.status in {"completed", "refunded"} else None
        return {
            **_FIXED,
            "id": deal.number,
            "number": str(deal.number),
            "status": deal.status,
            "currency": self._currency,
            "currency_symbol": {"EUR": "€", "USD": "$", "GBP": "£"}.get(self._currency, self._currency),
            "order_key": f"wc_order_{roll(self._seed, deal.number):016x}"[:22],
            **both("date_created", deal.created_s, self._offset_s),
            **both("date_modified", deal.modified_s, self._offset_s),
            **both("date_paid", paid_s, self._offset_s),
            **both("date_completed", done_s, self._offset_s),
            "shipping_total": shipping,
            "cart_tax": money(tax),
            "total_tax": money(tax),
            "total": money(total),
            "customer_id": deal.customer_id,
            "billing": deal.billing,
            "shipping": {key: value for key, value in deal.billing.items() if key != "email"},
            "meta_data": [meta(deal.number * 4 + at, *pair) for at, pair in enumerate(deal.meta.items())],
            "line_items": [_line(deal.number * 8 + at, line) for at, line in enumerate(deal.lines)],
            "tax_lines": [{**_TAX_LINE, "id": deal.number * 8 + 6, "tax_total": money(tax)}],
            "shipping_lines": [{**_SHIPPING_LINE, "id": deal.number * 8 + 7, "total": shipping}],
            "refunds": [refund(number, cents) for number, cents in deal.refunds],
            "payment_url": f"https://shop.example/checkout/order-pay/{deal.number}/",
            "is_editable": deal.status in {"pending", "on-hold"},
            "needs_payment": deal.status == "pending",
            "needs_processing": deal.status not in {"completed", "refunded"},
        }


def meta(number: int, key: str, value: Any) -> Row:
    """Return one field of a plugin."""
    return {"id": number, "key": key, "value": value}


def refund(number: int, cents: int) -> Row:
    """Return what an order tells of a refund: a negative text. A deleted one is `{"id": 0, "total": "-0.00"}`."""
    return {"id": number, "reason": "", "total": "-" + money(cents)}


def tax_of(gross: int) -> int:
    """Return the tax inside of an amount, in cents."""
    return gross * _TAX // (100 + _TAX)


def _refunds(index: int, number: int, status: str, total: int) -> Iterator[tuple[int, int]]:
    if status == "refunded":
        yield number + 1, total
    elif status == "completed":
        if index % 11 == 0:
            yield number + 1, 500
        if index % 23 == 0:
            yield 0, 0


def _meta(index: int) -> dict[str, Any]:
    if index % 4 < 2:
        return {"ws_opt_in": "01"[index % 4 == 0]}
    return {"_wc_other/SendinblueWoocommerce/newsletter_opt_in": "1"} if index % 12 == 2 else {}


def _line(number: int, line: Line) -> Row:
    product, name, sku, price, count = line
    tax = tax_of(price * count)
    net = price * count - tax
    return {
        "id": number,
        "name": name,
        "product_id": product,
        "variation_id": 0,
        "quantity": count,
        "tax_class": "",
        "subtotal": money(net),
        "subtotal_tax": money(tax),
        "total": money(net),
        "total_tax": money(tax),
        "taxes": [{"id": 1, "total": money(tax), "subtotal": money(tax)}],
        "meta_data": [{"id": number, "key": "pa_wrap", "value": "no", "display_key": "Wrap", "display_value": "no"}],
        "sku": sku,
        # a JSON number, alone among the amounts
        "price": php_number(net / 100 / count),
        "image": {"id": product + 500, "src": ""},
        "parent_name": None,
    }
