"""Who a stand-in's customers are: each made from (seed, index) when somebody asks, the same every time.

A million of them take no memory, one more changes nothing about those there are, and an address leads back to its
index.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from customer_sync.kit.invented.countries import COUNTRIES
from customer_sync.kit.invented.people import COMPANIES, DOMAINS, plain

_MASK: Final = (1 << 64) - 1
_NUMBER: Final = re.compile(r"\.([a-z]?)(\d{1,9})@")


class Who(NamedTuple):
    """Somebody, as a checkout form knows them.

    Args:
        first: given name.
        last: family name.
        company: "" for most.
        street: street and house number.
        city: the city.
        postcode: the postcode.
        country: ISO 3166 code.
        mobile: the mobile number without trunk and calling code, with its spaces.
        email: at a domain that is reserved for examples; no two indexes have the same.
        place: the index of the country in `invented.countries.COUNTRIES`.
        dice: chance that is left, for what only one platform knows.
    """

    first: str
    last: str
    company: str
    street: str
    city: str
    postcode: str
    country: str
    mobile: str
    email: str
    place: int
    dice: int

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first} {self.last}"

    @property
    def phone(self) -> str:
        """The number as +491711234567."""
        return f"+{COUNTRIES[self.place].dial}{self.mobile.replace(' ', '')}"

    @property
    def national(self) -> str:
        """The number as people type it at home."""
        return COUNTRIES[self.place].trunk + self.mobile


class _Place(NamedTuple):
    first: tuple[tuple[str, str], ...]
    last: tuple[tuple[str, str], ...]
    streets: tuple[str, ...]
    cities: tuple[tuple[str, str], ...]
    mobile: tuple[str, ...]


class Cast:
    """Everybody who may come along.

    Args:
        seed: the same number makes the same people.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def who(self, index: int, kind: str = "") -> Who:
        """Return somebody.

        Args:
            index: which one.
            kind: a letter for people who are counted apart, such as guests.
        """
        dice = roll(self.seed + sum(map(ord, kind)), index)
        dice, place = divmod(dice, len(_PLACES))
        here = _PLACES[place]
        dice, at = divmod(dice, len(here.first))
        first, mailbox = here.first[at]
        dice, at = divmod(dice, len(here.last))
        last, surname = here.last[at]
        dice, at = divmod(dice, len(here.cities))
        city, postcode = here.cities[at]
        dice, house = divmod(dice, 180)
        street = here.streets[house % len(here.streets)].format(n=house + 1)
        digits = f"{dice % 10**8:08d}"
        mobile = "".join([piece + digits[at % 8] for at, piece in enumerate(here.mobile[:-1])]) + here.mobile[-1]
        company = COMPANIES[dice % len(COMPANIES)] if dice % 10 == 0 else ""
        email = f"{mailbox}.{surname}.{kind}{index}@{DOMAINS[dice % len(DOMAINS)]}"
        code = COUNTRIES[place].code
        return Who(first, last, company, street, city, postcode, code, mobile, email, place, dice)

    def find(self, email: str, kind: str = "") -> int | None:
        """Return the index of somebody with an address, whatever its case; None when nobody has it."""
        match = _NUMBER.search(email.lower())
        if match is None or match[1] != kind:
            return None
        index = int(match[2])
        return index if self.who(index, kind).email == email.lower() else None


def roll(seed: int, index: int) -> int:
    """Return 64 bits that look random and are the same each time; SplitMix64 (Steele, Lea, Flood 2014)."""
    z = (seed * 0xD1342543DE82EF95 + (index + 1) * 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def _named(names: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, plain(name)) for name in names.split(", "))


_PLACES: Final = tuple(
    _Place(
        _named(one.first_names),
        _named(one.last_names),
        tuple(one.streets.split(", ")),
        tuple((city, code) for city, _, code in (pair.partition("|") for pair in one.cities.split(", "))),
        tuple(one.mobile.split("#")),
    )
    for one in COUNTRIES
)
