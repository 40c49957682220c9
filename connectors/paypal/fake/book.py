"""What the stand-in knows: payers, their payments, what was paid back, subscriptions; and how PayPal writes each."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.cast import Cast, roll
from customer_sync.kit.fakes.clock import iso

#: When the payments of the start were made: one every six hours, ending here before the stand-in's time begins.
APART_S: Final = 6 * 3600.0
_DIGITS: Final = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"


def number_of(kind: int, index: int, length: int = 17) -> str:
    """Return an id as PayPal writes them: letters and digits, the same for the same index."""
    dice, found = roll(kind, index), ""
    while len(found) < length:
        dice, at = divmod(dice, len(_DIGITS))
        found += _DIGITS[at]
        dice = dice or roll(kind + 1, index + len(found))
    return found


@dataclass(slots=True)
class Payer:
    """Somebody who pays.

    Args:
        index: which one.
        id: the payer's id.
        email: the address of the account, or the one last used with the card.
        first: given name.
        last: family name.
        country: ISO 3166 code.
        phone: the number, without the country's.
    """

    index: int
    id: str
    email: str
    first: str
    last: str
    country: str
    phone: str

    @property
    def key(self) -> str:
        """A name for payer and address together, for tests."""
        return f"{self.id}/{hashlib.sha256(self.email.lower().encode()).hexdigest()[:12]}"

    def row(self) -> Row:
        """Return the payer as orders and subscriptions show one."""
        name = {"given_name": self.first, "surname": self.last}
        return {
            "name": name,
            "email_address": self.email,
            "payer_id": self.id,
            "address": {"country_code": self.country},
        }

    def reported(self) -> Row:
        """Return the payer as reports show one."""
        name = {"given_name": self.first, "surname": self.last, "alternate_full_name": f"{self.first} {self.last}"}
        told = {"account_id": self.id, "email_address": self.email, "payer_status": "Y", "payer_name": name}
        return {**told, "country_code": self.country}


@dataclass(slots=True)
class Payment:
    """One payment.

    Args:
        id: of the capture or the sale.
        payer: who paid.
        value: how much, in EUR.
        at_s: when.
        updated_s: when it changed last.
        order: the order of a capture; "" for a sale.
        agreement: the subscription of a sale; "" for a capture.
        back: what was paid back: id → (value, when, whether it was taken back by a dispute).
    """

    id: str
    payer: Payer
    value: float
    at_s: float
    updated_s: float
    order: str = ""
    agreement: str = ""
    back: dict[str, tuple[float, float, bool]] = field(default_factory=dict)

    @property
    def left(self) -> float:
        """What is left of it."""
        return round(self.value - sum(value for value, _, _ in self.back.values()), 2)

    def row(self, url: str) -> Row:
        """Return it as its own API shows it: a capture (v2) or a sale (v1)."""
        is_part = self.back and self.left > 0
        status = "REFUNDED" if self.left <= 0 else "PARTIALLY_REFUNDED" if is_part else "COMPLETED"
        times = {"create_time": _time(self.at_s), "update_time": _time(self.updated_s)}
        if self.agreement:
            amount = {"total": f"{self.value:.2f}", "currency": "EUR"}
            link = {"rel": "self", "href": f"{url}/v1/payments/sale/{self.id}", "method": "GET"}
            told = {"id": self.id, "state": status.lower(), "amount": amount, "billing_agreement_id": self.agreement}
            return {**told, **times, "links": [link]}
        link = {"rel": "self", "href": f"{url}/v2/payments/captures/{self.id}", "method": "GET"}
        told = {"id": self.id, "status": status, "amount": _amount(self.value)}
        return {**told, **times, "supplementary_data": {"related_ids": {"order_id": self.order}}, "links": [link]}

    def told(self) -> Row:
        """Return it as the list of a subscription's payments shows it."""
        name = {"given_name": self.payer.first, "surname": self.payer.last}
        gross = {"gross_amount": _amount(self.value)}
        payer = {"payer_email": self.payer.email, "payer_name": name}
        return {"id": self.id, "status": "COMPLETED", **payer, "amount_with_breakdown": gross, "time": _time(self.at_s)}

    def lines(self) -> Iterator[tuple[float, Row]]:
        """Yield (updated at, line) as reports show it and what was paid back of it."""
        code = "T0002" if self.agreement else "T0006"
        reference = {"paypal_reference_id": self.agreement, "paypal_reference_id_type": "SUB"} if self.agreement else {}
        yield self.updated_s, self._line(self.id, code, self.value, (self.at_s, self.updated_s), reference)
        for number, (value, at_s, is_dispute) in self.back.items():
            reference = {"paypal_reference_id": self.id, "paypal_reference_id_type": "TXN"}
            code = "T1201" if is_dispute else "T1107"
            yield at_s, self._line(number, code, -value, (at_s, at_s), reference)

    def _line(self, number: str, code: str, value: float, times_s: tuple[float, float], more: Row) -> Row:
        info = {
            "paypal_account_id": self.payer.id,
            "transaction_id": number,
            "transaction_event_code": code,
            "transaction_initiation_date": _offset(times_s[0]),
            "transaction_updated_date": _offset(times_s[1]),
            "transaction_amount": _amount(value),
            "transaction_status": "S",
            **more,
        }
        item = {"item_code": "sku-1", "item_name": "A thing", "item_quantity": "1", "item_unit_price": _amount(value)}
        cart = {"item_details": [item]} if value > 0 and not self.agreement else {}
        return {"transaction_info": info, "payer_info": self.payer.reported(), "shipping_info": {}, "cart_info": cart}


@dataclass(slots=True)
class Subscription:
    """One subscription."""

    id: str
    payer: Payer
    status: str
    at_s: float
    updated_s: float

    def row(self, *, is_brief: bool = False) -> Row:
        """Return it as its API shows it; the list leaves the subscriber out."""
        told = {"id": self.id, "plan_id": "P-5ML4271244454362WXNWU5NQ", "status": self.status}
        told |= {"status_update_time": _time(self.updated_s), "create_time": _time(self.at_s)}
        return told if is_brief else {**told, "update_time": _time(self.updated_s), "subscriber": self.payer.row()}


class Book:
    """Everything that the stand-in knows. The caller holds its lock.

    Args:
        clock: seconds since 1970.
        seed: makes the people.
        count: how many payers there are at the start.
    """

    def __init__(self, clock: Callable[[], float], seed: int, count: int) -> None:
        self._clock, self._cast = clock, Cast(seed)
        self.payers: dict[int, Payer] = {}
        self.payments: dict[str, Payment] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.orders: dict[str, Payment] = {}
        self._paid = self._backs = 0
        begin_s = clock() - 60.0
        for index in range(count):
            payer = self.come(index)
            at_s = begin_s - (count - index) % 4_000 * APART_S
            if index % 3 == 0:
                self.subscribe(payer, at_s)
            else:
                self.pay(payer, at_s)

    def come(self, index: int | None = None) -> Payer:
        """Return a new payer."""
        index = max(self.payers, default=-1) + 1 if index is None else index
        who = self._cast.who(index)
        made = Payer(index, number_of(11, index, 13), who.email, who.first, who.last, who.country, who.mobile)
        return self.payers.setdefault(index, made)

    def pay(self, payer: Payer, at_s: float | None = None, *, agreement: str = "", value: float = 0.0) -> Payment:
        """Let somebody pay, in a checkout or for a subscription."""
        self._paid += 1
        at_s = self._clock() if at_s is None else at_s
        value = value or 10 + roll(13, self._paid) % 9_000 / 100
        order = "" if agreement else number_of(15, self._paid)
        # a later change of the payer's address does not change what was paid with the earlier one
        made = Payment(number_of(12, self._paid), _copy(payer), value, at_s, at_s, order, agreement)
        self.payments[made.id] = made
        if order:
            self.orders[order] = made
        return made

    def subscribe(self, payer: Payer, at_s: float | None = None) -> tuple[Subscription, Payment]:
        """Let somebody subscribe, and pay for the first time."""
        at_s = self._clock() if at_s is None else at_s
        made = Subscription(f"I-{number_of(14, payer.index, 12)}", payer, "ACTIVE", at_s, at_s)
        self.subscriptions[made.id] = made
        return made, self.pay(payer, at_s, agreement=made.id)

    def pay_back(self, payment: Payment, value: float, *, is_dispute: bool = False) -> str:
        """Pay a part back, and return its id."""
        self._backs += 1
        number = number_of(16, self._backs)
        payment.updated_s = self._clock()
        payment.back[number] = (round(min(value, payment.left), 2), payment.updated_s, is_dispute)
        return number

    def shown(self) -> list[Payer]:
        """Return every payer as somebody paid or subscribed."""
        return [*(one.payer for one in self.payments.values()), *(one.payer for one in self.subscriptions.values())]

    def emails(self) -> list[str]:
        """Return every address that was paid with, or that somebody subscribed with."""
        return sorted({one.email for one in self.shown()})

    def keys(self) -> list[str]:
        """Return a name for each pair of payer and address, without those that PayPal made up."""
        return sorted({one.key for one in self.shown() if not one.email.endswith("@dcc.paypal.com")})

    def people(self) -> dict[str, Row]:
        """Return who is behind each of `keys`, by it."""
        named = {one.key: {"email": one.email, "first": one.first, "last": one.last} for one in self.shown()}
        return {key: named[key] for key in self.keys()}

    def lines(self, start_s: float, end_s: float, seen_s: float) -> list[Row]:
        """Return the report of a window, as far as it has come: what was updated by `seen_s`, the oldest first."""
        found = [one for payment in self.payments.values() for one in payment.lines()]
        here = [(at_s, row) for at_s, row in found if start_s <= at_s <= end_s and at_s <= seen_s]
        return [row for _, row in sorted(here, key=lambda one: (one[0], one[1]["transaction_info"]["transaction_id"]))]


def _copy(payer: Payer) -> Payer:
    return Payer(payer.index, payer.id, payer.email, payer.first, payer.last, payer.country, payer.phone)


def _amount(value: float) -> Row:
    return {"currency_code": "EUR", "value": f"{value:.2f}"}


def _time(at_s: float) -> str:
    return f"{iso(at_s)}Z"


def _offset(at_s: float) -> str:
    """Return a time as reports write it: the offset without a colon."""
    return f"{iso(at_s)}+0000"
