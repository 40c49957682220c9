"""People: who leads to which address, what is known of each person, and what Brevo has of them.

A person is an address, under a number of ours; the text of one is in `customer_sync.store.forms`. It is written only by
whoever holds the lease of the person's item, in the same step that settles it; a record that moves is taken out by the
step that moves it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import redis

from customer_sync.person.identity import fingerprint, ref_key
from customer_sync.person.person import Person
from customer_sync.store import keys
from customer_sync.store.forms import decode_person, encode_person
from customer_sync.store.scripts import Scripts, as_text


class AttributeNames:
    """Numbers for the names of attributes, kept in Redis and remembered by each process."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        self._numbers: dict[str, int] = {}
        self._names: dict[int, str] = {}

    def number(self, name: str) -> int:
        """Return the number of an attribute; a new one gets the next.

        Raises:
            redis.RedisError: Redis cannot be reached.
        """
        if name not in self._numbers:
            self._read(name)
        return self._numbers[name]

    def name(self, number: int) -> str:
        """Return the attribute with a number; one that nobody gave is called by it.

        Raises:
            redis.RedisError: Redis cannot be reached.
        """
        if number not in self._names:
            self._read()
        return self._names.get(number, f"#{number}")

    def write_again(self) -> None:
        """Write the numbers that this process knows, should Redis have forgotten them.

        Raises:
            redis.RedisError: Redis cannot be reached.
        """
        self._read()

    def _read(self, *new: str) -> None:
        known = [(name, str(number)) for name, number in self._numbers.items()] + [(name, "") for name in new]
        raw: Any = self._scripts.run("attribute_names", *(part for pair in known for part in pair))
        texts = [as_text(one) for one in raw]
        self._numbers = {name: int(number) for name, number in zip(texts[::2], texts[1::2], strict=True) if name}
        self._names = {number: name for name, number in self._numbers.items()}


class People:
    """Finds people and reads them. Writing is the lanes' business."""

    def __init__(self, client: redis.Redis, salt: bytes, scripts: Scripts) -> None:
        self._client = client
        self._scripts = scripts
        self.salt = salt
        self.names = AttributeNames(scripts)

    def fingerprint(self, email: str) -> str:
        """Return the keyed fingerprint of a normalised address."""
        return fingerprint(email, self.salt)

    def ref(self, source: str, record_id: str) -> str:
        """Return the keyed fingerprint of (source, id)."""
        return fingerprint(ref_key(source, record_id), self.salt)

    def guest_ref(self, source: str, email: str) -> str:
        """Return the key of a buyer without an account, whom the address itself identifies."""
        return fingerprint(ref_key(source, f"@{email}"), self.salt)

    def encode(self, person: Person) -> str:
        """Return a person as stored."""
        return encode_person(person, self.names)

    def decode(self, text: str) -> Person:
        """Return the person of a stored text; nobody in particular for "".

        Raises:
            NewerForm: a newer version wrote it.
        """
        return decode_person(text, self.names)

    def find(self, email: str) -> str | None:
        """Return the number of the person with this address, None when nothing is known of it."""
        return self.find_addresses([self.fingerprint(email)])[0]

    def find_ref(self, source: str, record_id: str) -> str | None:
        """Return the number of the person that a platform's id leads to, None when there is none."""
        return self._where([f"r{self.ref(source, record_id)}"])[0] or None

    def find_many(self, pairs: Sequence[tuple[str, str]]) -> list[str | None]:
        """Return whom each (ref, fingerprint of the address) leads to: by the ref, else by the address."""
        found = self._where([one for ref, fp in pairs for one in (f"r{ref}", f"e{fp}")])
        return [known or address or None for known, address in zip(found[::2], found[1::2], strict=True)]

    def last_name(self, ref: str) -> str:
        """Return the key under which a customer goes on who was merged into another one; else the same key."""
        return self._where([f"n{ref}"])[0]

    def find_addresses(self, fps: Sequence[str]) -> list[str | None]:
        """Return the number of the person with each fingerprint of an address, None where there is none."""
        return [one or None for one in self._where([f"e{fp}" for fp in fps])]

    def formers(self, ref: str) -> list[str]:
        """Return the numbers of the people whose address a record had before."""
        return _names(self._client.hget(keys.FORMERS, ref))

    def left(self, number: str) -> list[str]:
        """Return the refs of the records that led to a person's address before, the last one first."""
        return _names(self._client.hget(keys.LEFT, number))

    def home(self, ref: str) -> str | None:
        """Return the number of the person that a record leads to, None when nobody knows it."""
        return self._where([f"h{ref}"])[0] or None

    def _where(self, asked: Sequence[str]) -> list[str]:
        """Return where fingerprints lead, see `whereis.lua`; in one round trip."""
        return [as_text(one) for one in self._scripts.run("whereis", *asked)] if asked else []

    def read(self, number: str) -> Person:
        """Return a person; nobody in particular when there is none."""
        return self.decode(as_text(self._client.get(keys.person(number))))

    def read_many(self, numbers: Sequence[str]) -> list[Person]:
        """Return many people in one round trip, in this order."""
        raw = self._client.mget([keys.person(number) for number in numbers]) if numbers else []
        return [self.decode(as_text(text)) for text in raw]

    def read_with_waits(self, lane: str, numbers: Sequence[str]) -> list[tuple[bool, Person]]:
        """Return of each person whether something waits in a lane, and the person.

        What waits is read first: who did not wait then and has an older record had no delivery under way before that.
        """
        if not numbers:
            return []
        pipe = self._client.pipeline(transaction=False)
        pipe.zmscore(keys.lane(lane, "since"), list(numbers))
        pipe.mget([keys.person(number) for number in numbers])
        since, texts = pipe.execute()
        return [(one is not None, self.decode(as_text(text))) for one, text in zip(since, texts, strict=True)]

    def are_erased(self, numbers: Sequence[str]) -> list[bool]:
        """Tell of each person whether it was erased, in one round trip."""
        pipe = self._client.pipeline(transaction=False)
        for number in numbers:
            pipe.hexists(keys.TOMB, f"p:{number}")
        return [bool(one) for one in pipe.execute()]

    def erased_at_ms(self, email: str) -> int | None:
        """Return when the person with this address was erased, None when they were not."""
        at = as_text(self._client.hget(keys.TOMB, "e:" + self.fingerprint(email)))
        return int(at.partition("|")[0]) or None if at else None

    def count(self) -> int:
        """Return how many people were ever numbered."""
        return int(self._client.get(keys.SEQ) or 0)


def _names(raw: Any) -> list[str]:
    """Return the names in `name:at,name:at`, the latest first."""
    pairs = [one.rpartition(":") for one in as_text(raw).split(",") if one]
    return [name for name, _, _ in sorted(pairs, key=lambda pair: -int(pair[2]))]
