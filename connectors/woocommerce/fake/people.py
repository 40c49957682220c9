"""The accounts and guests that a store starts with, and how an account looks in the REST API."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from connectors.woocommerce.fake.settings import Settings
from connectors.woocommerce.fake.wordpress import both
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.cast import Cast, Who, roll
from customer_sync.kit.invented.countries import COUNTRIES
from customer_sync.kit.invented.people import Person, plain

#: When the first account was made (2020-06-01), and how far two pairs of accounts are apart, in seconds.
OPENED_S, STEP_S = 1_590_969_600, 37
#: The first account's number; every tenth number was somebody who is gone.
FIRST_ID: Final = 11
#: The roles of a store with nothing but WooCommerce.
ROLES: Final = ("administrator", "editor", "author", "contributor", "subscriber", "customer", "shop_manager")
_ADDRESS: Final = (
    "first_name",
    "last_name",
    "company",
    "address_1",
    "address_2",
    "city",
    "state",
    "postcode",
    "country",
)
#: What a form filled in by hand makes of a phone number.
_PHONES: Final = (
    *("{home}", "{home}", "+{dial} {mobile}", "00{dial} {mobile}", "({trunk}) {mobile}", "{home} / mobil", "", "n/a"),
)
#: Newsletter boxes of plugins, by the last digit of the index; the others were never asked.
_BOXES: Final[dict[int, tuple[str, Any]]] = {
    0: ("ws_opt_in", "1"),
    1: ("ws_opt_in", "1"),
    2: ("ws_opt_in", "0"),
    3: ("_wc_other/SendinblueWoocommerce/newsletter_opt_in", "1"),
    4: ("mailchimp_woocommerce_is_subscribed", "1"),
    5: ("mailchimp_woocommerce_is_subscribed", "0"),
}


@dataclass(slots=True)
class Account:
    """One account.

    Args:
        id: its number.
        email: the account's address; "" for a few.
        first: given name.
        last: family name.
        billing: the address with e-mail and phone.
        shipping: the address with phone.
        created_s: when it was made.
        modified_s: when it last changed; None never.
        role: see `ROLES`.
        username: what it is called.
        is_paying: whether an order of it was paid.
        meta: the fields of plugins; a key may stand twice.
        active_s: when it was last seen; None never.
        box: the checkout's box as it was left the last time; None when it never was there.
    """

    id: int
    email: str
    first: str
    last: str
    billing: Row
    shipping: Row
    created_s: float
    modified_s: float | None = None
    role: str = "customer"
    username: str = ""
    is_paying: bool = False
    meta: list[Row] = field(default_factory=list)
    active_s: float | None = None
    box: bool | None = None

    def row(self, offset_s: float, *, is_administrator: bool) -> Row:
        """Return the customer as the REST API tells of it, without `_links`.

        Only an administrator sees the fields of plugins, and nobody the protected ones, whose keys begin with `_`;
        for a shop manager the key `meta_data` itself is missing (seen on WooCommerce 9.8.3 and 11.0.1, 2026-11-28).
        """
        row: Row = {
            "id": self.id,
            **both("date_created", self.created_s, offset_s),
            **both("date_modified", self.modified_s, offset_s),
            "email": self.email,
            "first_name": self.first,
            "last_name": self.last,
            "role": self.role,
            "username": self.username,
            "billing": self.billing,
            "shipping": self.shipping,
            "is_paying_customer": self.is_paying,
            "avatar_url": f"https://secure.gravatar.example/avatar/{self.id:032x}?s=96&d=mm&r=g",
        }
        if is_administrator:
            row["meta_data"] = [one for one in self.meta if not str(one["key"]).startswith("_")]
        return row


def accounts(settings: Settings, cast: Cast) -> Iterator[Account]:
    """Yield the accounts of the start, with the faults of real ones."""
    for index in range(settings.customers):
        who, email = cast.who(index), email_of(cast, index)
        number, created_s = number_of(index), OPENED_S + index // 2 * STEP_S
        billed = email_of(cast, index - 1) if index % 50 == 7 else "" if index % 50 == 9 else email
        last = who.last.replace("'", "&#039;") if who.dice % 2 else who.last  # escaped in the older half
        billing = empty_billing() if index % 50 == 11 else billing_of(who, billed, last)
        yield Account(
            number,
            email,
            who.first,
            last,
            billing,
            empty_shipping() if index % 3 else {**{name: billing[name] for name in _ADDRESS}, "phone": ""},
            created_s,
            None if index % 4 == 0 else created_s + 3_600 + roll(settings.seed, -index) % 2_592_000,
            {3: "subscriber", 17: "shop_manager"}.get(index % 40, "customer"),
            f"{plain(who.first)}{number}",
            index % 8 in {0, 1, 2, 4, 6},
            _meta(index, number),
        )


def number_of(index: int) -> int:
    """Return an account's number."""
    return FIRST_ID + index + index // 9


def email_of(cast: Cast, index: int) -> str:
    """Return an account's address; a few have none, some are in capitals."""
    email = cast.who(index).email
    return "" if index % 97 == 13 else email.title() if index % 20 == 0 else email


def guest(cast: Cast, block: int) -> Row:
    """Return the address of a guest; every seventh has the e-mail of an account, in other letters, every ninth none."""
    who = cast.who(block, "g")
    email = email_of(cast, 8 * block + 1).upper() if block % 7 == 2 else "" if block % 9 == 5 else who.email
    return billing_of(who, email, who.last)


def typed_in(cast: Cast, index: int) -> Row:
    """Return what somebody with an account types in at the checkout."""
    who = cast.who(index)
    return billing_of(who, who.email.title() if index % 20 == 0 else who.email, who.last)


def billing_of(who: Who, email: str, last: str) -> Row:
    """Return somebody's billing address as WooCommerce keeps it: HTML is escaped, the phone as it was typed."""
    country = COUNTRIES[who.place]
    words = {"home": who.national, "mobile": who.mobile, "dial": country.dial, "trunk": country.trunk or "0"}
    return {
        "first_name": who.first,
        "last_name": last,
        "company": who.company.replace("&", "&amp;"),
        "address_1": who.street,
        "address_2": "",
        "city": who.city,
        "state": "",
        "postcode": who.postcode,
        "country": who.country,
        "email": email,
        "phone": _PHONES[who.dice % len(_PHONES)].format(**words),
    }


def billing_of_person(person: Person) -> Row:
    """Return the billing address of somebody who acts by themselves."""
    told = (person.first, person.last, person.company, person.street, "", person.city, "", person.postcode)
    billing = dict(zip(_ADDRESS, (*told, person.country.code), strict=True))
    return {**billing, "email": person.email, "phone": person.national}


def empty_billing() -> Row:
    """Return a billing address of which nothing is known."""
    return dict.fromkeys((*_ADDRESS, "email", "phone"), "")


def empty_shipping() -> Row:
    """Return a shipping address of which nothing is known."""
    return dict.fromkeys((*_ADDRESS, "phone"), "")


def _meta(index: int, number: int) -> list[Row]:
    """Return what plugins keep of a customer: the value may be any JSON."""
    found = [] if index % 10 not in _BOXES else [_BOXES[index % 10]]
    if index % 30 == 21:
        found.append(("ws_opt_in", "0"))  # two plugins, two fields of one name
    if index % 6 == 0:
        found.append(("loyalty", {"points": index % 900, "tiers": ["gold"] if index % 12 else []}))
    return [{"id": number * 4 + at, "key": key, "value": value} for at, (key, value) in enumerate(found)]
