"""The people of the store, each made from (seed, index) when somebody asks: accounts, and guests who only ordered."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from customer_sync.demo.countries import COUNTRIES
from customer_sync.demo.people import COMPANIES, DOMAINS, plain
from customer_sync.demo.stores.woocommerce.answers import Row
from customer_sync.demo.stores.woocommerce.dice import roll
from customer_sync.demo.stores.woocommerce.stamps import both

#: When the first account was made (2020-06-01), and how far two pairs of accounts are apart, in seconds.
OPENED_S, STEP_S = 1_590_969_600, 37
#: The first account's number; every tenth number was somebody who is gone.
FIRST_ID: Final = 11
#: The roles of a store with nothing but WooCommerce.
ROLES: Final = ("administrator", "editor", "author", "contributor", "subscriber", "customer", "shop_manager")
#: What a form filled in by hand makes of a phone number.
_PHONES = (
    "{home}",
    "{home}",
    "+{dial} {mobile}",
    "00{dial} {mobile}",
    "({trunk}) {mobile}",
    "{home} / mobil",
    "",
    "n/a",
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
_NUMBER = re.compile(r"\.(g?)(\d{1,9})@")


class _Place(NamedTuple):
    code: str
    dial: str
    trunk: str
    mobile: str
    first: tuple[str, ...]
    last: tuple[str, ...]
    streets: tuple[str, ...]
    cities: tuple[str, ...]


_PLACES = tuple(
    _Place(
        one.code,
        one.dial,
        one.trunk,
        one.mobile,
        *(tuple(texts.split(", ")) for texts in (one.first_names, one.last_names, one.streets, one.cities)),
    )
    for one in COUNTRIES
)
_PLAIN = {name: plain(name) for place in _PLACES for name in (*place.first, *place.last)}


class Who(NamedTuple):
    """Somebody, as a checkout form knows them."""

    first: str
    last: str
    company: str
    street: str
    city: str
    postcode: str
    country: str
    phone: str
    email: str

    def address(self) -> Row:
        """Return the address as WooCommerce keeps it, without e-mail and phone."""
        return {
            "first_name": self.first,
            "last_name": self.last,
            "company": self.company,
            "address_1": self.street,
            "address_2": "",
            "city": self.city,
            "state": "",
            "postcode": self.postcode,
            "country": self.country,
        }

    def billing(self) -> Row:
        """Return the billing address."""
        return {**self.address(), "email": self.email, "phone": self.phone}

    def shipping(self) -> Row:
        """Return the shipping address."""
        return {**self.address(), "phone": ""}


NOBODY: Final = Who("", "", "", "", "", "", "", "", "")


class People:
    """The accounts with the indexes 0 to `count` - 1, and the guests.

    Args:
        count: how many accounts.
        seed: the same number makes the same people.
        offset_s: the site's zone, seconds east of UTC.
    """

    def __init__(self, count: int, seed: int, offset_s: float) -> None:
        self.count = count
        self._seed = seed
        self._offset_s = offset_s

    def id_of(self, index: int) -> int:
        """Return an account's number."""
        return FIRST_ID + index + index // 9

    def index_of(self, number: int) -> int | None:
        """Return which account has a number; None when none was born with it."""
        tens, ones = divmod(number - FIRST_ID, 10)
        index = tens * 9 + ones
        return index if ones < 9 and 0 <= index < self.count else None

    def role(self, index: int) -> str:
        """Return the role: mostly customer."""
        return {3: "subscriber", 17: "shop_manager"}.get(index % 40, "customer")

    def registered_s(self, index: int) -> int:
        """Return when the account was made; two at a time, in the order of their numbers."""
        return OPENED_S + index // 2 * STEP_S

    def email(self, index: int) -> str:
        """Return the account's address, no two the same; a few have none, some are in capitals."""
        return "" if index % 97 == 13 else self.who(index).email

    def find(self, email: str) -> int | None:
        """Return the index of the account with an address, whatever its case."""
        match = _NUMBER.search(email)
        index = int(match[2]) if match and not match[1] else self.count
        found = index < self.count and self.email(index).lower() == email.lower()
        return index if found else None

    def who(self, index: int) -> Who:
        """Return the person behind an account."""
        return self._make(roll(self._seed, 2 * index), str(index), is_shouting=index % 20 == 0)

    def guest(self, block: int) -> Who:
        """Return a guest; every seventh has the address of an account, in other letters, and every ninth none."""
        who = self._make(roll(self._seed, 2 * block + 1), f"g{block}", is_shouting=False)
        if block % 7 == 2:
            return who._replace(email=self.email(8 * block + 1).upper())
        return who._replace(email="") if block % 9 == 5 else who

    def row(self, index: int) -> Row:
        """Return the customer as the REST API tells of it, without `_links`."""
        who = self.who(index)
        email = "" if index % 97 == 13 else who.email
        number, created_s = self.id_of(index), self.registered_s(index)
        changed_s = None if index % 4 == 0 else created_s + 3_600 + roll(self._seed, -index) % 2_592_000
        address = NOBODY if index % 50 == 11 else who._replace(email=self._billing_email(index, email))
        return {
            "id": number,
            **both("date_created", created_s, self._offset_s),
            **both("date_modified", changed_s, self._offset_s),
            "email": email,
            "first_name": who.first,
            "last_name": who.last,
            "role": self.role(index),
            "username": f"{_PLAIN.get(who.first, 'user')}{number}",
            "billing": address.billing(),
            "shipping": (NOBODY if index % 3 else address).shipping(),
            "is_paying_customer": index % 8 in {0, 1, 2, 4, 6},
            "avatar_url": f"https://secure.gravatar.example/avatar/{number:032x}?s=96&d=mm&r=g",
            "meta_data": _meta(index, number),
        }

    def _billing_email(self, index: int, email: str) -> str:
        if index % 50 == 7:
            return self.email(index - 1)  # two accounts, one billing address
        return "" if index % 50 == 9 else email

    def _make(self, dice: int, number: str, *, is_shouting: bool) -> Who:
        dice, which = divmod(dice, len(_PLACES))
        place = _PLACES[which]
        dice, which = divmod(dice, len(place.first))
        first = place.first[which]
        dice, which = divmod(dice, len(place.last))
        last = place.last[which]
        dice, which = divmod(dice, len(place.streets))
        street = place.streets[which]
        dice, house = divmod(dice, 180)
        dice, which = divmod(dice, len(place.cities))
        city, _, postcode = place.cities[which].partition("|")
        dice, which = divmod(dice, len(_PHONES))
        phone = _PHONES[which]
        dice, domain = divmod(dice, len(DOMAINS))
        email = f"{_PLAIN[first]}.{_PLAIN[last]}.{number}@{DOMAINS[domain]}"
        if phone and phone != "n/a":
            digits = iter(f"{dice % 10**8:08d}")
            mobile = "".join(next(digits, "0") if one == "#" else one for one in place.mobile)
            phone = phone.format(home=place.trunk + mobile, mobile=mobile, dial=place.dial, trunk=place.trunk or "0")
        return Who(
            first=first,
            # the older half of a shop's records went through a filter that escapes
            last=last.replace("'", "&#039;") if dice % 2 else last,
            company=COMPANIES[dice % len(COMPANIES)].replace("&", "&amp;") if dice % 10 == 0 else "",
            street=street.format(n=house + 1),
            city=city,
            postcode=postcode,
            country=place.code,
            phone=phone,
            email=email.title() if is_shouting else email,
        )


def _meta(index: int, number: int) -> list[Row]:
    """Return what plugins keep of a customer: the value may be any JSON."""
    found = [] if index % 10 not in _BOXES else [_BOXES[index % 10]]
    if index % 30 == 21:
        found.append(("ws_opt_in", "0"))  # two plugins, two fields of one name
    if index % 6 == 0:
        found.append(("loyalty", {"points": index % 900, "tiers": ["gold"] if index % 12 else []}))
    return [{"id": number * 4 + at, "key": key, "value": value} for at, (key, value) in enumerate(found)]
