"""The customers a shop starts with, each made from (seed, index) whenever somebody asks: a million take no memory.

A customer is a row of JSON texts, one for each of `COLUMNS`, so that an export is a matter of pasting texts together.
Every order in which customers can be listed is a formula, so that any page of any order is found at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import gcd
from typing import Any, Final

import orjson

from connectors.shopify.fake.settings import Settings
from customer_sync.kit.fakes.cast import Cast, roll
from customer_sync.kit.fakes.clock import iso
from customer_sync.kit.invented.countries import COUNTRIES

#: What is known of a customer; each is a JSON value. Names are those of the Admin API as far as it has one.
COLUMNS: Final = (
    *("id", "legacyResourceId", "createdAt", "updatedAt", "firstName", "lastName", "displayName", "locale", "state"),
    *("tags", "note", "numberOfOrders", "amountSpent", "currencyCode", "lastOrderId", "lastOrderName", "lastOrderAt"),
    *("email", "emailState", "emailLevel", "emailAt", "phone", "smsState", "smsLevel", "smsAt"),
    *("addressId", "address1", "city", "zip", "country", "countryCode", "company"),
)
#: What a customer may lack as a whole, by the column that tells; the bits of a shape.
PARTS: Final = ("email", "phone", "lastOrderId")
#: Ids outgrew what a float can hold (2^53): every fourth customer has such a one.
SMALL_ID, LARGE_ID, ID_STEP = 6_940_000_000_000, 8_100_000_000_000_000_000, 997
#: How many customers share one `updatedAt`, as an import of the shop owner's leaves them.
TIES = 3

_YEAR_S = 365 * 86_400
_NULL = "null"
_NOTHING = (_NULL, _NULL, _NULL)
_SPOKEN = {"AT": "de", "CH": "de", "GB": "en", "IE": "en", "US": "en", "CA": "en", "AU": "en", "IN": "en"}
_SPOKEN |= {"CZ": "cs", "SE": "sv", "DK": "da", "BE": "nl", "BR": "pt-BR"}
_LOCALES = tuple(f'"{_SPOKEN.get(one.code, one.code.lower())}"' for one in COUNTRIES)
_CURRENCIES = tuple(f'"{one.currency}"' for one in COUNTRIES)
_COUNTRIES = tuple(f'"{one.name}"' for one in COUNTRIES)
#: How many of 128 tell their number; where the numbers for examples are few, they would all share one.
_PHONED = tuple(70 if one.mobile.count("#") > 4 else 1 for one in COUNTRIES)
_TAGS = ("[]", '["newsletter"]', '["vip"]', '["wholesale","net-30"]', "[]", '["returns"]', '["vip","Größe M"]', "[]")
_NOTES = (_NULL, _NULL, _NULL, '"prefers mail in the morning"', '"rief an: \\"bitte klingeln\\""', _NULL, _NULL, _NULL)
_STATES = ('"DISABLED"', '"ENABLED"', '"ENABLED"', '"INVITED"')

Row = tuple[str, ...]
Facts = dict[str, Any]


class Population:
    """The customers with the indexes 0 to `count` - 1.

    Args:
        settings: how many, from which seed, how they feel about mail, and until when they have changed.
    """

    def __init__(self, settings: Settings) -> None:
        self.count = settings.customers
        self.cast = Cast(settings.seed)
        self._email_consents = _spread(
            4096, SUBSCRIBED=settings.granted, UNSUBSCRIBED=settings.unsubscribed, PENDING=settings.pending
        )
        self._sms_consents = _spread(64, SUBSCRIBED=settings.granted / 4, UNSUBSCRIBED=settings.unsubscribed)
        self._no_email = round(settings.without_email * 1024)
        self._size = size = max(self.count, 1)
        self._small = self.count - self.count // 4
        self._stride = next(step for step in range(int(size * 0.618) | 1, 2 * size + 2) if gcd(step, size) == 1)
        self._unstride = pow(self._stride, -1, size) if size > 1 else 0
        self._shift = roll(settings.seed, -1) % size
        self._updated_from = settings.until_s - 2 * _YEAR_S
        self._created_from = settings.until_s - 6 * _YEAR_S

    def row(self, index: int) -> Row:
        """Return a customer as JSON texts, one for each of `COLUMNS`."""
        who, dice = self.cast.who(index), roll(~self.cast.seed, index)
        number = (LARGE_ID if index & 3 == 3 else SMALL_ID) + index * ID_STEP
        created_s, updated_s = self.created_s(index), self.updated_s(index)
        between = f'"{iso(created_s + ((updated_s - created_s) * (dice >> 56) >> 8))}Z"'
        email, consent, phone, sms_consent, order = _NULL, _NOTHING, _NULL, _NOTHING, _NOTHING
        orders, spent = 0, "0.0"
        has_email = (dice >> 24) & 1023 >= self._no_email
        if has_email:
            email = f'"{who.email}"'
            state, level, is_told = self._email_consents[(dice >> 12) & 4095]
            consent = (state, level, between if is_told else _NULL)
        if not has_email or (dice >> 34) & 127 < _PHONED[who.place]:
            # one in 250 shares the number of a neighbour or two
            phone = f'"{who.phone}"' if (dice >> 41) & 255 else f'"+49171{index // 2000:07d}"'
            state, level, is_told = self._sms_consents[(dice >> 49) & 63]
            sms_consent = (state, level, between if is_told else _NULL)
        if dice >> 62:
            orders = 1 + (dice >> 55) % 9
            spent = f"{orders * (1 + (dice >> 20) % 120)}.{(dice >> 30) % 10}"
            order = (f'"gid://shopify/Order/{number + orders}"', f'"#{1000 + index}"', between)
        return (
            f'"gid://shopify/Customer/{number}"',
            f'"{number}"',
            f'"{iso(created_s)}Z"',
            f'"{iso(updated_s)}Z"',
            f'"{who.first}"',
            f'"{who.last}"',
            f'"{who.first} {who.last}"',
            _LOCALES[who.place],
            _STATES[(dice >> 45) & 3],
            _TAGS[(dice >> 47) & 7],
            _NOTES[(dice >> 50) & 7],
            f'"{orders}"',
            f'"{spent}"',
            _CURRENCIES[who.place],
            *order,
            email,
            *consent,
            phone,
            *sms_consent,
            f'"gid://shopify/MailingAddress/{number + 500}?model_name=CustomerAddress"',
            f'"{who.street}"',
            f'"{who.city}"',
            f'"{who.postcode}"',
            _COUNTRIES[who.place],
            f'"{who.country}"',
            f'"{who.company}"' if who.company else _NULL,
        )

    def facts(self, index: int) -> Facts:
        """Return a customer as values by column."""
        return dict(zip(COLUMNS, orjson.loads(f"[{','.join(self.row(index))}]"), strict=True))

    def id_of(self, index: int) -> int:
        """Return the number in a customer's id."""
        return (LARGE_ID if index & 3 == 3 else SMALL_ID) + index * ID_STEP

    def index_of(self, number: int) -> int | None:
        """Return the index of a customer's number, None when there is no such customer."""
        index, rest = divmod(number - (LARGE_ID if number >= LARGE_ID else SMALL_ID), ID_STEP)
        fits = not rest and 0 <= index < self.count and self.id_of(index) == number
        return index if fits else None

    def created_s(self, index: int) -> int:
        """Return when a customer came."""
        return self._created_from + index * 4 * _YEAR_S // self._size

    def updated_s(self, index: int) -> int:
        """Return when a customer last changed."""
        return self._updated_at((self._stride * index + self._shift) % self._size)

    def listed(self, order: str, start: tuple[int, int] | None, *, backwards: bool) -> Iterator[int]:
        """Yield indexes in an order, from just beyond a key (see `key_of`).

        Args:
            order: ID, CREATED_AT or UPDATED_AT.
            start: the key of the customer before; None starts at the beginning, or backwards at the end.
            backwards: from the last to the first.
        """
        at = (lambda place: self._at(order, place)) if order != "UPDATED_AT" else self._tied
        low, high = 0, self.count
        if start is not None:
            low = high = self._place(order, at, start, after=not backwards)
        places = range(high - 1, -1, -1) if backwards else range(low, self.count)
        return map(at, places)

    def key_of(self, order: str, index: int) -> tuple[int, int]:
        """Return what a customer is ordered by: the value and, among equals, the id."""
        if order == "ID":
            return (self.id_of(index), self.id_of(index))
        moment = self.created_s(index) if order == "CREATED_AT" else self.updated_s(index)
        return (moment, self.id_of(index))

    def _place(self, order: str, at: Callable[[int], int], key: tuple[int, int], *, after: bool) -> int:
        """Return the first place whose key is greater than a key (`after`), or not smaller."""
        low, high = 0, self.count
        while low < high:
            middle = (low + high) // 2
            found = self.key_of(order, at(middle))
            if found < key or (after and found == key):
                low = middle + 1
            else:
                high = middle
        return low

    def _at(self, order: str, place: int) -> int:
        if order == "CREATED_AT":
            return place
        return place + place // 3 if place < self._small else 4 * (place - self._small) + 3

    def _tied(self, place: int) -> int:
        """Return the index at a place of UPDATED_AT; those that share a time are ordered by id."""
        first = place - place % TIES
        ranks = range(first, min(first + TIES, self.count))
        tied = sorted(((rank - self._shift) * self._unstride % self._size for rank in ranks), key=self.id_of)
        return tied[place - first]

    def _updated_at(self, rank: int) -> int:
        return self._updated_from + (rank - rank % TIES) * 2 * _YEAR_S // self._size


def _spread(size: int, **shares: float) -> tuple[tuple[str, str, bool], ...]:
    """Return a table that holds each consent state as often as its share; the rest was never asked."""
    table: list[tuple[str, str, bool]] = []
    for state, share in shares.items():
        level = '"CONFIRMED_OPT_IN"' if state == "PENDING" else '"SINGLE_OPT_IN"'
        table += [(f'"{state}"', level, True)] * round(share * size)
    table += [('"NOT_SUBSCRIBED"', '"SINGLE_OPT_IN"', False)] * (size - len(table))
    return tuple(table[:size])
