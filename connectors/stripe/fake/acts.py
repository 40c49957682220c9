"""What can be done below `/fake`: things that happen at Stripe without a call of a program.

| route | does |
|---|---|
| `GET /fake/customers` | `{"ids": [...]}`, the oldest first |
| `POST /fake/customers` | `{"count": 1, "fields": {"email": ...}}`: somebody becomes a customer |
| `POST /fake/customers/populate` | `{"count": 1000}`: they are there, and no event tells |
| `POST /fake/customers/change` | `{"count": 60}`: so many edit their profile |
| `DELETE /fake/customers/<id>` | a customer is deleted |
| `POST /fake/checkout` | `{"email", "customer", "promotions", "terms_of_service", "ago_s"}`: a Checkout Session ends |
| `POST /fake/invoices` | `{"customer", "amount", "currency", "subscription", "then"}`; then: paid, failed, void |
| `POST /fake/charges` | `{"customer", "amount", "currency", "email"}`: a payment without an invoice |
| `POST /fake/charges/<id>/refund` | `{"amount": 500}`, or all of it |
| `POST /fake/subscriptions` | `{"customer", "plan"}` |
| `DELETE /fake/subscriptions/<id>` | it ends |
| `POST /fake/roll` | the secrets of the endpoints are rolled; both sign |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from connectors.stripe.fake import bodies
from connectors.stripe.fake.bodies import Money
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.fake import Act

if TYPE_CHECKING:
    from connectors.stripe.fake.app import FakeStripe
    from connectors.stripe.fake.books import Books


def acts_of(fake: FakeStripe) -> Sequence[Act]:
    """Return the control routes of an account; its books are other ones after a reset."""
    return (
        ("GET", "customers", lambda _: {"ids": [row["id"] for row in fake.books.shelves["customers"]]}),
        ("POST", "customers", lambda body: _grow(fake.books, body)),
        ("POST", "customers/populate", lambda body: {"ids": fake.books.populate(int(body["count"]))}),
        ("POST", "customers/change", lambda body: _change(fake.books, int(body["count"]))),
        ("DELETE", "customers/<number>", lambda _, number: fake.books.delete_customer(number)),
        ("POST", "checkout", lambda body: _check_out(fake.books, body)),
        ("POST", "invoices", lambda body: _bill(fake.books, body)),
        ("POST", "charges", lambda body: _charge(fake.books, body)),
        (
            "POST",
            "charges/<number>/refund",
            lambda body, number: fake.books.refund(_get(fake.books, "charges", number), body.get("amount")),
        ),
        ("POST", "subscriptions", lambda body: _subscribe(fake.books, body)),
        (
            "DELETE",
            "subscriptions/<number>",
            lambda _, number: bodies.shown(fake.books.end(_get(fake.books, "subscriptions", number)), "9"),
        ),
        ("POST", "roll", lambda _: {"secrets": [_roll(fake.books, row) for row in fake.books.endpoints.shelf]}),
    )


def _get(books: Books, name: str, number: Any) -> Row:
    row = books.shelves[name].get(str(number))
    if row is None:
        raise ValueError(f"{name}: there is no {number}")
    return row


def _owner(books: Books, body: Row) -> Row | None:
    return _get(books, "customers", body["customer"]) if body.get("customer") else None


def _grow(books: Books, body: Row) -> Row:
    return {"ids": [books.somebody(dict(body.get("fields", {})))["id"] for _ in range(int(body.get("count", 1)))]}


def _change(books: Books, count: int) -> Row:
    rows = list(books.shelves["customers"])[:count]
    for at, row in enumerate(rows):
        books.change_customer(row, {"description": f"changed {at} {books.now()}"})
    return {"ids": [row["id"] for row in rows]}


def _check_out(books: Books, body: Row) -> Row:
    owner = _owner(books, body)
    promotions, terms = body.get("promotions"), body.get("terms_of_service")
    consent = {"promotions": promotions, "terms_of_service": terms} if promotions or terms else None
    email = str(body.get("email") or (owner or {}).get("email"))
    return books.check_out(email, owner, consent, books.now() - int(body.get("ago_s", 0)))


def _bill(books: Books, body: Row) -> Row:
    owner = _get(books, "customers", body.get("customer"))
    units, currency = int(body.get("amount", 2_000)), str(body.get("currency", "usd"))
    row = books.bill(owner, Money(units, currency), str(body.get("subscription", "")))
    endings = {"paid": books.pay, "failed": books.fail, "void": books.void}
    then = body.get("then", "paid")
    if then:
        endings[then](row)
    return {**bodies.shown(row, "9"), "charge": row["_charge"]}


def _charge(books: Books, body: Row) -> Row:
    units, currency = int(body.get("amount", 2_000)), str(body.get("currency", "usd"))
    payer = {"email": body["email"]} if body.get("email") else {}
    return bodies.shown(books.charge(_owner(books, body), Money(units, currency), payer), "9")


def _subscribe(books: Books, body: Row) -> Row:
    owner = _get(books, "customers", body.get("customer"))
    return bodies.shown(books.subscribe(owner, plan=str(body.get("plan", "oil"))), "9")


def _roll(books: Books, row: Row) -> str:
    return books.endpoints.roll(row)
