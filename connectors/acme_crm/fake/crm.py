"""The customers and deals of an Acme CRM; whatever happens to them is told by webhook."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any, ClassVar, Final

import orjson

from connectors.acme_crm.fake.settings import Settings
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.cast import Cast
from customer_sync.kit.fakes.clock import iso
from customer_sync.kit.fakes.hooks import Delivery, Message, Rules, Sender
from customer_sync.kit.fakes.table import Table
from customer_sync.kit.invented.people import Person

_DAY_S: Final = 86_400.0
#: The first number of a customer, and of a deal.
FIRST, FIRST_DEAL = 101, 5001
PLANS: Final = (" gold ", "silver", "basic")


class Refusal(Exception):
    """What is asked for cannot be done: the status and the word of the answer."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


class Crm:
    """All records of one account. The caller holds the stand-in's lock.

    Args:
        settings: how it is set up.
        clock: seconds since 1970.
        lock: the stand-in's.
    """

    #: Acts of people that it has no counterpart for.
    impossible: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, settings: Settings, clock: Callable[[], float], lock: threading.RLock) -> None:
        self._settings, self._clock, self._lock = settings, clock, lock
        self.customers: Table[Row] = Table()
        self.deals: Table[Row] = Table()
        self.hooks: Table[Row] = Table()
        #: Customers that were deleted, as lists of changes go on to tell.
        self.gone: dict[int, Row] = {}
        self.sender = Sender(clock, Rules(waits_s=(1.0, 10.0, 60.0)), seed=settings.seed)
        self._last = 0
        cast = Cast(settings.seed)
        for index in range(settings.customers):
            self.populate(cast, index)

    def populate(self, cast: Cast, index: int) -> int:
        """Let somebody be there, without a webhook."""
        who = cast.who(index)
        at_s = self._clock() - 30 * _DAY_S - index
        number = self.customers.next_number() if self.customers else FIRST
        agrees = (True, False, None)[index % 3]
        row = self._customer(number, who.email, who.first, who.last, at_s)
        row["contact"]["phone"] = who.phone
        row["address"] = {"city": who.city, "postcode": who.postcode, "country": who.country}
        row["marketing"] = {"opt_in": agrees, "changed_at": f"{iso(at_s)}Z" if agrees is not None else None}
        self.customers.put(number, row)
        if index % 3 == 0:
            self.add_deal(number, at_s, is_told=False)
        return number

    # What happens

    def create(self, contact: Row, *, agrees: bool | None = None) -> Row:
        """Let somebody become a customer.

        Raises:
            Refusal: another has the address.
        """
        if self.by_email(str(contact.get("email") or "")) is not None:
            raise Refusal(422, "email_taken")
        now_s = self._clock()
        number = self.customers.next_number() if self.customers else FIRST
        row = self._customer(number, contact.get("email"), contact.get("first_name"), contact.get("last_name"), now_s)
        if agrees is not None:
            row["marketing"] = {"opt_in": agrees, "changed_at": f"{iso(now_s)}Z"}
        self.customers.put(number, row)
        self.tell("customer.created", row)
        return row

    def change(self, number: int, contact: Row, *, agrees: bool | None = None) -> Row:
        """Change a customer.

        Raises:
            Refusal: there is none.
        """
        row = self.customer(number)
        names = ("email", "first_name", "last_name", "phone")
        row["contact"].update({name: contact[name] for name in names if name in contact})
        if agrees is not None and not (self._settings.ignores_opt_out and not agrees):
            row["marketing"] = {"opt_in": agrees, "changed_at": f"{iso(self._clock())}Z"}
        self._touch(row)
        self.tell("customer.updated", row)
        return row

    def remove(self, number: int) -> None:
        """Delete a customer.

        Raises:
            Refusal: there is none.
        """
        row = self.customer(number)
        self.customers.delete(number)
        self._touch(row)
        self.gone[number] = {**row, "deleted": True}
        self.tell("customer.deleted", {"id": number})

    def join(self, kept: int, gone: int) -> int:
        """Make two customers one.

        Raises:
            Refusal: one of them is not there.
        """
        self.customer(kept)
        row = self.customer(gone)
        self.customers.delete(gone)
        self._touch(row)
        self.tell("customer.merged", {"kept_id": kept, "gone_id": gone})
        self._touch(self.customer(kept))
        self.tell("customer.updated", self.customer(kept))
        return kept

    def add_deal(self, customer: int, at_s: float | None = None, *, is_told: bool = True) -> Row:
        """Let a deal be won."""
        made_s = self._clock() if at_s is None else at_s
        number = self.deals.next_number() if self.deals else FIRST_DEAL
        row: Row = {
            "id": number,
            "title": f"D-{number}",
            "status": "won",
            "customer": {"id": customer, "email": self.customer(customer)["contact"]["email"]},
            "currency": ("EUR", "JPY", "KWD")[number % 3],
            "value_in_cents": 12_300,
            "items": [{"product_id": 7, "name": "Anvil", "quantity": 3, "unit_price": 41}],
            "created_at": f"{iso(made_s)}Z",
            "updated_at": f"{iso(made_s)}Z",
        }
        self.deals.put(number, row)
        if is_told:
            self.tell("deal.updated", row)
        return row

    def customer(self, number: int) -> Row:
        """Return a customer.

        Raises:
            Refusal: there is none.
        """
        row = self.customers.get(number)
        if row is None:
            raise Refusal(404, "not_found")
        return row

    def by_email(self, email: str) -> Row | None:
        """Return the customer with an address, None where nobody has it."""
        return next((row for row in self.customers.values() if row["contact"]["email"] == email), None)

    # Webhooks

    def tell(self, event: str, row: Row) -> None:
        """Queue a delivery for every active webhook of an event."""
        self._last += 1
        body = orjson.dumps(
            {
                "id": f"evt_{self._last:06d}",
                "type": event,
                "created_at": f"{iso(self._clock())}Z",
                "data": {"object": deepcopy(row)},
            }
        )
        for hook in list(self.hooks.values()):
            if hook["event"] == event and hook["active"]:
                self.sender.put(Delivery(hook["url"], event, lambda hook=hook: _message(hook, body), hook["id"]))  # type: ignore[misc]  # each keeps its own webhook

    # What its people do by themselves

    def register(self, person: Person, *, agrees: bool | None) -> int:
        """Let somebody come."""
        row = self.create(_contact(person), agrees=agrees)
        return int(row["id"])

    def edit(self, who: int, person: Person) -> None:
        """Let somebody correct what is known."""
        self.change(who, _contact(person))

    def say(self, who: int, *, agrees: bool) -> None:
        """Let somebody agree or withdraw."""
        self.change(who, {}, agrees=agrees)

    def buy(self, who: int | None, person: Person) -> None:
        """Let somebody buy; a guest becomes a customer."""
        self.add_deal(self.register(person, agrees=None) if who is None else who)

    def merge(self, kept: int, gone: int) -> None:
        """Make two records of one person one."""
        self.join(kept, gone)

    def delete(self, who: int) -> None:
        """Delete a record."""
        self.remove(who)

    def erase(self, who: int) -> None:
        """Forget a person: nothing but the number is told afterwards."""
        self.remove(who)
        self.gone[who] = {"id": who, "deleted": True, "updated_at": f"{iso(self._clock())}Z"}

    def _touch(self, row: Row) -> None:
        row["updated_at"] = f"{iso(self._clock())}Z"

    def _customer(self, number: int, email: Any, first: Any, last: Any, at_s: float) -> Row:
        return {
            "id": number,
            "contact": {"email": email, "first_name": first, "last_name": last, "phone": None},
            "address": None,
            "plan": {"code": PLANS[number % len(PLANS)]},
            "marketing": {"opt_in": None, "changed_at": None},
            "tags": ["demo"],
            "member_since": int(at_s),
            "deleted": False,
            "created_at": f"{iso(at_s)}Z",
            "updated_at": f"{iso(at_s)}Z",
        }


def sign(secret: str, stamp: str, body: bytes) -> str:
    """Return the signature of a body."""
    return "sha256=" + hmac.digest(secret.encode(), stamp.encode() + b"." + body, "sha256").hex()


def since(rows: Iterable[Row], begin: str, end: str) -> list[Row]:
    """Return the rows that changed from one time on and before another, the oldest first; texts of times sort so."""
    found = [row for row in rows if begin <= row["updated_at"] and (not end or row["updated_at"] < end)]
    return sorted(found, key=lambda row: (row["updated_at"], row["id"]))


def _contact(person: Person) -> Row:
    return {"email": person.email, "first_name": person.first, "last_name": person.last}


def _message(hook: Row, body: bytes) -> Message:
    def signed(raw: bytes, at_s: float) -> Row:
        stamp = str(int(at_s))
        return {"x-acme-signature": sign(hook["secret"], stamp, raw), "x-acme-timestamp": stamp}

    return Message({"content-type": "application/json", "user-agent": "Acme-Hooks/1"}, body, signed)
