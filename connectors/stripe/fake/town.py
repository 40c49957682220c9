"""What people do at a Stripe account: they are entered, edited, pay, say something at Checkout, are deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from connectors.stripe.fake.bodies import Money
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.invented.people import Person

if TYPE_CHECKING:
    from connectors.stripe.fake.books import Books


class Town:
    """The people of an account; see `crowd.World`."""

    #: Stripe merges no customers, and redacts only by hand.
    impossible: ClassVar[frozenset[str]] = frozenset({"merge", "erase"})

    def __init__(self, books: Books) -> None:
        self._books = books

    def register(self, person: Person, *, agrees: bool | None) -> str:
        """Let somebody become a customer, and say at Checkout whether they agree."""
        number = str(self._books.create_customer(_fields(person))["id"])
        if agrees is not None:
            self.say(number, agrees=agrees)
        return number

    def edit(self, who: str, person: Person) -> None:
        """Let somebody say what has changed."""
        self._books.change_customer(self._row(who), _fields(person))

    def say(self, who: str, *, agrees: bool) -> None:
        """Let somebody tick, or not, the box of Checkout."""
        row, books = self._row(who), self._books
        consent = {"promotions": "opt_in" if agrees else "opt_out", "terms_of_service": None}
        books.check_out(row["email"], row, consent, books.now())

    def buy(self, who: str | None, person: Person) -> None:
        """Let somebody pay: a guest without, a customer with an invoice."""
        if who is None:
            self._books.charge(None, Money(1_500, "usd"), {"email": person.email})
        else:
            self._books.pay(self._books.bill(self._row(who), Money(2_500, "usd")))

    def merge(self, kept: Any, gone: Any) -> None:
        """Do nothing: see `impossible`."""

    def delete(self, who: str) -> None:
        """Delete a customer."""
        self._books.delete_customer(who)

    def erase(self, who: Any) -> None:
        """Do nothing: see `impossible`."""

    def _row(self, who: str) -> Row:
        row = self._books.shelves["customers"].get(who)
        assert row is not None
        return row


def _fields(person: Person) -> Row:
    name = f"{person.first} {person.last}"
    return {"name": name, "email": person.email}
