"""Imprints: what a full run last read of each person's only record, so that who told nothing new is not read again.

An imprint is eight letters that stand for the text of a record and for all that the reading of it depends on: the
settings, the rules and what the account has. A person has one where that text is what is known of them, and waits or
is delivered. Whatever else is put to the person, by whomever, takes it away in the same step (`_people.lua`), and so
does parking. A run that finds the same imprint again, while nothing waits for the person, has nothing to do for them.
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import redis

from customer_sync.store import keys
from customer_sync.store.scripts import Scripts, as_text

#: How many letters an imprint has; of two texts, those of one in 10^14 are the same.
LETTERS: Final = 8
#: How many records are asked for in one step.
STEP: Final = 1000


def imprint(text: bytes, key: bytes) -> str:
    """Return the letters that stand for a text.

    Args:
        text: the text.
        key: what the reading depends on, at most 64 bytes.
    """
    return urlsafe_b64encode(blake2b(text, key=key, digest_size=6).digest()).decode()


def new_token() -> str:
    """Return what takes the place of an imprint while a run looks at a person; no imprint begins so."""
    return f"~{secrets.token_urlsafe(6)[: LETTERS - 1]}"


class Imprints:
    """The imprints of all people, and the number of the rules that they were made with."""

    def __init__(self, client: redis.Redis, scripts: Scripts) -> None:
        self._client = client
        self._scripts = scripts

    def known(self, pairs: Sequence[tuple[str, str]]) -> list[bool]:
        """Tell of each (ref, imprint) whether the record's person has this imprint, and nothing waits for them."""
        found = ""
        for start in range(0, len(pairs), STEP):
            texts = [text for pair in pairs[start : start + STEP] for text in pair]
            found += as_text(self._scripts.run("run_known", *texts))
        return [one == "1" for one in found]

    def number_of(self, rules: str) -> str:
        """Return the number of the rules that are in force; other rules than the last ones get the next number.

        So rules that came back after others were in force are not the same: people may have been delivered by those.
        """
        number, _, known = as_text(self._client.get(keys.RULES)).partition("|")
        if known != rules:
            number = str(int(number or 0) + 1)
            self._client.set(keys.RULES, f"{number}|{rules}")
        return number
