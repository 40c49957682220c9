"""The orders that a store starts with, ten for every eight accounts, and how one looks in the REST API."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from connectors.woocommerce.fake.people import OPENED_S, STEP_S, guest, number_of, typed_in
from connectors.woocommerce.fake.wordpress import both, cents_of, money, php_number
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.cast import Cast, roll

#: The first order's number. Orders share their numbers with refunds and other posts, so every third is one.
FIRST_ID, ID_STEP = 5_001, 3
STATUSES: Final = ("pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed", "checkout-draft")
DRAFT: Final = "checkout-draft"
#: Whose money came.
PAID: Final = frozenset(("processing", "completed", "refunded"))
#: Place among the ten orders of a block → which of its eight accounts ordered; None is the block's guest.
_OWNERS: Final = (0, 2, 2, 1, None, 4, 6, 6, 6, None)
_MIX: Final = (
    ("completed",) * 6 + ("processing",) * 4 + ("pending", "on-hold", "cancelled", "refunded", "failed", DRAFT)
)
#: Place → in which order, and with whom in the same second, the orders of a block changed last.
_CHANGED: Final = (0, 0, 1, 0, 1, 1, 2, 3, 2, 2)
_BLOCK_S: Final = 4 * STEP_S
_SHIPPING: Final = 490
_TAX: Final = 19
_SYMBOLS: Final = {"EUR": "€", "USD": "$", "GBP": "£"}
#: What is the same in every order.
_FIXED: Final[Row] = {
    "parent_id": 0,
    "version": "11.0.1",
    "prices_include_tax": True,
    **dict.fromkeys(("discount_total", "discount_tax", "shipping_tax"), "0.00"),
    "payment_method_title": "Direct bank transfer",
    **dict.fromkeys(("customer_ip_address", "customer_user_agent", "cart_hash"), ""),
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


class Line(NamedTuple):
    """What was bought, which variation of it (0: none), and how many; the price in cents."""

    product: int
    name: str
    sku: str
    price: int
    many: int
    part: int = 0


@dataclass(slots=True)
class Order:
    """One order.

    Args:
        id: its number.
        status: one of `STATUSES`, `trash`, or a draft of the admin.
        customer_id: whose account; 0 is a guest.
        billing: the address, with e-mail and phone.
        lines: what was bought.
        created_s: when it was placed.
        modified_s: when it last changed.
        meta: the fields of plugins.
        refunds: cents given back, by the refund's number; 0 stands for one that was deleted.
        paid_s: when it was paid; None not yet.
        done_s: when it was completed.
        created_via: how it came.
        note: what the customer says to it.
        transaction_id: of the payment.
        number: what people see, where a plugin makes numbers of its own.
        currency: the buyer's, where a plugin lets buyers choose.
        method: how it is paid.
        fees: name and cents of each; a gift card is one below zero.
        was: the status before it went into the trash.
    """

    id: int
    status: str
    customer_id: int
    billing: Row
    lines: Sequence[Line]
    created_s: float
    modified_s: float
    meta: list[Row] = field(default_factory=list)
    refunds: list[tuple[int, int]] = field(default_factory=list)
    paid_s: float | None = None
    done_s: float | None = None
    created_via: str = "checkout"
    note: str = ""
    transaction_id: str = ""
    was: str = ""
    number: str = ""
    currency: str = ""
    method: str = "bacs"
    fees: list[tuple[str, int]] = field(default_factory=list)

    @property
    def total(self) -> int:
        """What it costs, in cents."""
        return self.goods + _SHIPPING + sum(cents for _, cents in self.fees)

    @property
    def goods(self) -> int:
        """What the lines cost, in cents."""
        return sum(line.price * line.many for line in self.lines)

    @property
    def back(self) -> int:
        """What was given back, in cents."""
        return sum(cents for _, cents in self.refunds)

    def row(self, offset_s: float, currency: str) -> Row:
        """Return the order as the REST API tells of it, without `_links`; fields of plugins are shown to everybody."""
        key = f"wc_order_{roll(0, self.id):016x}"[:22]
        shipping, tax = money(_SHIPPING), money(_tax(self.goods))
        return {
            **_FIXED,
            "id": self.id,
            "number": self.number or str(self.id),
            "status": self.status,
            "currency": self.currency or currency,
            "currency_symbol": _SYMBOLS.get(self.currency or currency, currency),
            "order_key": key,
            "payment_method": self.method,
            **both("date_created", self.created_s, offset_s),
            **both("date_modified", self.modified_s, offset_s),
            **both("date_paid", self.paid_s, offset_s),
            **both("date_completed", self.done_s, offset_s),
            "created_via": self.created_via,
            "customer_note": self.note,
            "transaction_id": self.transaction_id,
            "shipping_total": shipping,
            "cart_tax": tax,
            "total_tax": tax,
            "total": money(self.total),
            "customer_id": self.customer_id,
            "billing": self.billing,
            "shipping": {key: value for key, value in self.billing.items() if key != "email"},
            "meta_data": self.meta,
            "line_items": [_line(self.id * 8 + at, line) for at, line in enumerate(self.lines)],
            "tax_lines": [{**_TAX_LINE, "id": self.id * 8 + 6, "tax_total": tax}],
            "shipping_lines": [{**_SHIPPING_LINE, "id": self.id * 8 + 7, "total": shipping}],
            "refunds": [{"id": number, "reason": "", "total": "-" + money(cents)} for number, cents in self.refunds],
            "payment_url": f"https://shop.example/checkout/order-pay/{self.id}/?pay_for_order=true&key={key}",
            "fee_lines": [_fee(self.id * 8 - at, name, cents) for at, (name, cents) in enumerate(self.fees, start=1)],
            "is_editable": self.status in {"pending", "on-hold"},
            "needs_payment": self.status == "pending",
            "needs_processing": self.status not in {"completed", "refunded"},
        }


def orders(accounts: int, cast: Cast, goods: Sequence[Row]) -> Iterator[Order]:
    """Yield the orders of the start; every tenth or so is of a guest, who may come back."""
    for index in range(accounts // 8 * 10):
        block, place = divmod(index, 10)
        owner, number = _OWNERS[place], FIRST_ID + index * ID_STEP
        came_back = block if place == 4 else block - block % 3
        who = guest(cast, came_back) if owner is None else typed_in(cast, 8 * block + owner)
        created_s = OPENED_S + (block + 1) * _BLOCK_S + 14 * place
        changed_s = OPENED_S + (block + 1) * _BLOCK_S + 86_400 + 40 * _CHANGED[place]
        buyer = 0 if owner is None else number_of(8 * block + owner)
        status = _MIX[(block * 3 + place * 5) % 16]
        lines = _lines(roll(cast.seed, ~index), goods)
        order = Order(number, status, buyer, who, lines, created_s, changed_s, _meta(index, number))
        order.refunds = list(_refunds(index, order))
        order.paid_s = created_s + 60 if status in PAID else None
        order.done_s = created_s + 7_200 if status in {"completed", "refunded"} else None
        yield order


def _lines(dice: int, goods: Sequence[Row]) -> list[Line]:
    found: list[Line] = []
    for _ in range(1 + dice % 3 if goods else 0):
        dice, which = divmod(dice >> 2, len(goods))
        found.append(line_of(goods[which], 1 + dice % 2))
    return found


def line_of(product: Row, count: int, part: int = 0) -> Line:
    """Return a line of a product, or of a variation of it."""
    return Line(product["id"], product["name"], product["sku"], cents_of(product["price"] or 0), count, part)


def _fee(number: int, name: str, cents: int) -> Row:
    known = {"id": number, "name": name, "tax_class": "", "tax_status": "none", "total": money(cents)}
    return {**known, "total_tax": "0.00", "amount": money(cents), "taxes": [], "meta_data": []}


def _tax(gross: int) -> int:
    """Return the tax inside of an amount, in cents."""
    return gross * _TAX // (100 + _TAX)


def _refunds(index: int, order: Order) -> Iterator[tuple[int, int]]:
    if order.status == "refunded":
        yield order.id + 1, order.total
    elif order.status == "completed":
        if index % 11 == 0:
            yield order.id + 1, 500
        if index % 23 == 0:
            yield 0, 0


def _meta(index: int, number: int) -> list[Row]:
    found: dict[str, Any] = {}
    if index % 4 < 2:
        found = {"ws_opt_in": "01"[index % 4 == 0]}
    elif index % 12 == 2:
        found = {"_wc_other/SendinblueWoocommerce/newsletter_opt_in": "1"}
    return [{"id": number * 4 + at, "key": key, "value": value} for at, (key, value) in enumerate(found.items())]


def _line(number: int, line: Line) -> Row:
    gross = line.price * line.many
    tax = _tax(gross)
    net = gross - tax
    return {
        "id": number,
        "name": line.name,
        "product_id": line.product,
        "variation_id": line.part,
        "quantity": line.many,
        "tax_class": "",
        "subtotal": money(net),
        "subtotal_tax": money(tax),
        "total": money(net),
        "total_tax": money(tax),
        "taxes": [{"id": 1, "total": money(tax), "subtotal": money(tax)}],
        "meta_data": [{"id": number, "key": "pa_wrap", "value": "no", "display_key": "Wrap", "display_value": "no"}],
        "sku": line.sku,
        # a JSON number, alone among the amounts
        "price": php_number(net / 100 / line.many),
        "image": {"id": line.product + 500, "src": ""},
        "parent_name": None,
    }
