"""All customers of the shop: those of the start, and over it what was changed, created and deleted since."""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator, Mapping
from itertools import takewhile
from typing import Any

import orjson

from connectors.shopify.fake.population import COLUMNS, ID_STEP, LARGE_ID, Facts, Population, Row
from connectors.shopify.fake.settings import Settings
from customer_sync.kit.fakes.clock import iso, seconds_of

#: The orders in which customers are listed; any other is treated as ID.
ORDERS = ("ID", "CREATED_AT", "UPDATED_AT")
#: What a customer is ordered by (a moment or the id), and the id.
Key = tuple[int, int]

#: What a customer is like of whom nothing is said.
_BLANK: Facts = dict.fromkeys(COLUMNS) | {
    "locale": "en",
    "state": "DISABLED",
    "tags": [],
    "numberOfOrders": "0",
    "amountSpent": "0.0",
    "currencyCode": "EUR",
}
#: What belongs to an address or a number and goes with it.
_CONSENT = {
    "email": {"emailState": "NOT_SUBSCRIBED", "emailLevel": "SINGLE_OPT_IN", "emailAt": None},
    "phone": {"smsState": "NOT_SUBSCRIBED", "smsLevel": "SINGLE_OPT_IN", "smsAt": None},
}


class Customers:
    """The customers by number (what stands in their id). The caller holds the shop's lock, except for `export`.

    Args:
        settings: see `Population`.
    """

    def __init__(self, settings: Settings) -> None:
        self.population = Population(settings)
        self._changed: dict[int, Facts] = {}
        self._created: dict[int, Facts] = {}
        self._gone: set[int] = set()
        self._fresh: dict[str, list[Key]] = {order: [] for order in ORDERS}
        self._emails: dict[str, int] = {}
        self._next = LARGE_ID + (self.population.count + 1_000_000) * ID_STEP

    @property
    def count(self) -> int:
        """How many there are."""
        return self.population.count + len(self._created) - len(self._gone)

    def find(self, number: int) -> Facts | None:
        """Return a customer as values by column, None when there is no such customer."""
        if number in self._created:
            return dict(self._created[number])
        index = self.population.index_of(number)
        if index is None or number in self._gone:
            return None
        return self.population.facts(index) | self._changed.get(number, {})

    def by_email(self, email: str) -> int | None:
        """Return whose address it is."""
        wanted = email.strip().lower()
        if wanted in self._emails:
            return self._emails[wanted]
        index = self.population.cast.find(wanted)
        if index is None or index >= self.population.count:
            return None
        number = self.population.id_of(index)
        found = self.find(number)
        return number if found and str(found["email"] or "").lower() == wanted else None

    def by_phone(self, phone: str) -> int | None:
        """Return whose number it is, the first of those who share it. Reads all customers: slow."""
        return next((n for _, n in self.walk("ID") if (self.find(n) or {})["phone"] == phone), None)

    def spread(self, count: int) -> Iterator[int]:
        """Yield every number there is, in steps so large that the first `count` are spread over all."""
        size = self.population.count
        step = max(1, size // max(1, count))
        for first in range(step):
            for index in range(first, size, step):
                number = self.population.id_of(index)
                if number not in self._gone:
                    yield number
        yield from list(self._created)

    def create(self, fields: Mapping[str, Any], at_s: int) -> int:
        """Add a customer and return the number."""
        number, self._next = self._next, self._next + ID_STEP
        facts = _BLANK | {"id": f"gid://shopify/Customer/{number}", "legacyResourceId": str(number)}
        facts |= {"addressId": f"gid://shopify/MailingAddress/{number + 500}?model_name=CustomerAddress"}
        facts |= {"createdAt": f"{iso(at_s)}Z", "updatedAt": f"{iso(at_s)}Z"}
        facts = _renewed(facts, fields)
        self._created[number] = facts
        for order in ORDERS:
            insort(self._fresh[order], self._key(order, number, facts))
        self._note_email(number, None, facts["email"])
        return number

    def change(self, number: int, fields: Mapping[str, Any], at_s: int) -> tuple[Facts, Facts] | None:
        """Change a customer; returns it as it was and as it is, None when there is no such customer."""
        before = self.find(number)
        if before is None:
            return None
        after = _renewed(before, {**fields, "updatedAt": f"{iso(at_s)}Z"})
        fresh = self._fresh["UPDATED_AT"]
        if number in self._created:
            self._created[number] = after
            _take_out(fresh, self._key("UPDATED_AT", number, before))
        else:
            if number in self._changed:
                _take_out(fresh, self._key("UPDATED_AT", number, before))
            changes = {name: value for name, value in after.items() if before[name] != value}
            self._changed[number] = self._changed.get(number, {}) | changes | {"updatedAt": after["updatedAt"]}
        insort(fresh, self._key("UPDATED_AT", number, after))
        self._note_email(number, before["email"], after["email"])
        return before, after

    def delete(self, number: int) -> Facts | None:
        """Remove a customer; returns it as it was, None when there is no such customer."""
        before = self.find(number)
        if before is None:
            return None
        orders = ORDERS if number in self._created else ("UPDATED_AT",) if number in self._changed else ()
        for order in orders:
            _take_out(self._fresh[order], self._key(order, number, before))
        if self._created.pop(number, None) is None:
            self._changed.pop(number, None)
            self._gone.add(number)
        self._note_email(number, before["email"], None)
        return before

    def walk(
        self, order: str, start: Key | None = None, *, until: Key | None = None, backwards: bool = False
    ) -> Iterator[Key]:
        """Yield the keys of all customers in an order, from just beyond `start` to before `until`."""
        fresh = self._fresh[order]
        if backwards:
            mine = iter(fresh[: len(fresh) if start is None else bisect_left(fresh, start)][::-1])
        else:
            mine = iter(fresh[0 if start is None else bisect_right(fresh, start) :])
        keys = heapq.merge(self._original(order, start, backwards=backwards), mine, reverse=backwards)
        if until is None:
            return keys
        return takewhile((lambda key: key > until) if backwards else (lambda key: key < until), keys)

    def export(self, wanted: Callable[[int], bool] | None = None) -> Iterator[Row]:
        """Yield every customer as texts, ordered by id, as they are when each is reached; needs no lock.

        Args:
            wanted: whether a number is wanted at all; None wants all.
        """
        created = sorted(self._created)
        for index in self.population.listed("ID", None, backwards=False):
            number = self.population.id_of(index)
            if number in self._gone or (wanted and not wanted(number)):
                continue
            changes = self._changed.get(number)
            yield row_of(self.population.facts(index) | changes) if changes else self.population.row(index)
        for number in created:
            facts = self._created.get(number)
            if facts and (wanted is None or wanted(number)):
                yield row_of(facts)

    def updated_s(self, number: int) -> int:
        """Return when a customer last changed, without making the rest; 0 for one who is not there."""
        facts = self._created.get(number) or self._changed.get(number)
        if facts:
            return _moment(facts["updatedAt"])
        index = self.population.index_of(number)
        return 0 if index is None else self.population.updated_s(index)

    def _original(self, order: str, start: Key | None, *, backwards: bool) -> Iterator[Key]:
        """Yield those of the start whose place is still that of the start."""
        skipped = self._changed.keys() if order == "UPDATED_AT" else ()
        for index in self.population.listed(order, start, backwards=backwards):
            key = self.population.key_of(order, index)
            if key[1] not in self._gone and key[1] not in skipped:
                yield key

    def _key(self, order: str, number: int, facts: Facts) -> Key:
        if order == "ID":
            return (number, number)
        return (_moment(facts["createdAt" if order == "CREATED_AT" else "updatedAt"]), number)

    def _note_email(self, number: int, before: Any, after: Any) -> None:
        if isinstance(before, str) and self._emails.get(before.lower()) == number:
            del self._emails[before.lower()]
        if isinstance(after, str):
            self._emails[after.lower()] = number


def _renewed(facts: Facts, fields: Mapping[str, Any]) -> Facts:
    """Return a customer with new values; consent begins and ends with the address it is about."""
    after = {**facts, **fields}
    for owner, consent in _CONSENT.items():
        if after[owner] is None:
            after |= dict.fromkeys(consent)
        elif any(after[name] is None for name in list(consent)[:1]):
            after |= consent
    first, last = after["firstName"], after["lastName"]
    names = " ".join(str(name) for name in (first, last) if name)
    after["displayName"] = names or after["email"] or after["phone"] or ""
    return after


def row_of(facts: Facts) -> Row:
    """Return a customer as texts."""
    return tuple(orjson.dumps(facts[name]).decode() for name in COLUMNS)


def _take_out(keys: list[Key], key: Key) -> None:
    place = bisect_left(keys, key)
    if place < len(keys) and keys[place] == key:
        del keys[place]


def _moment(text: Any) -> int:
    return int(seconds_of(str(text)) or 0)
