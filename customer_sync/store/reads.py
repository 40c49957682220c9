"""Whom a whole read of Brevo's contacts showed unblocked: one bit for each person, and how far a read under way is.

The bits of a read that is under way are kept apart until it is whole, so a half read is never believed. A person whom
one answer of a read showed unblocked and another one otherwise gets no bit, in whatever order the answers came.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import redis

from customer_sync.person.merge import from_json, to_json
from customer_sync.store import keys
from customer_sync.store.scripts import Scripts, as_text

#: How long a reader's turn lasts without a word from it, in seconds.
TURN_S: Final = 30.0
#: How long the bits of a whole read are kept, in seconds; longer than anybody believes them.
KEPT_S: Final = 7_200.0
#: Where more bytes than so many would come for each bit that is asked for, single bits are.
SPARSE_BYTES: Final = 1_000
_AT, _LAST, _PROGRESS, _NEVER = "at", "last", "progress", "never:"


class OtherTurn(Exception):
    """Another worker has the turn now: this one was silent for too long."""


class Bits(NamedTuple):
    """What is known of some people.

    Args:
        at_ms: when the last whole read began; None when there is none.
        are_shown: of each person, whether that read showed them unblocked.
    """

    at_ms: int | None
    are_shown: list[bool]


class Reads:
    """The reads of all contacts.

    Args:
        client: see `customer_sync.store.connect`.
        scripts: its scripts.
    """

    def __init__(self, client: redis.Redis, scripts: Scripts) -> None:
        self._client = client
        self._scripts = scripts

    def at_ms(self) -> int | None:
        """Return when the last whole read began, in milliseconds; None when there is none."""
        raw = self._client.hget(keys.READ, _AT)
        return int(raw) if raw else None

    def last(self) -> int:
        """Return up to which number the last whole read could know people: later ones came while it ran, or since."""
        return int(self._client.hget(keys.READ, _LAST) or 0)

    def bits(self, numbers: Sequence[str]) -> Bits:
        """Return what the last whole read showed of people, in this order."""
        pipe = self._client.pipeline()
        pipe.hget(keys.READ, _AT)
        places = [int(number) for number in numbers]
        first, last = (min(places) >> 3, max(places) >> 3) if places else (0, 0)
        is_dense = last - first <= SPARSE_BYTES * len(places)
        if is_dense:
            pipe.getrange(keys.READ_BITS, first, last)
        else:
            for place in places:
                pipe.getbit(keys.READ_BITS, place)
        at, *found = pipe.execute()
        if is_dense:
            raw = found[0].ljust(last - first + 1, b"\0")
            found = [raw[(place >> 3) - first] & 128 >> (place & 7) for place in places]
        return Bits(int(at) if at else None, [bool(one) for one in found])

    # the read under way

    def take_turn(self) -> str | None:
        """Return a token when no other worker reads, else None."""
        token = secrets.token_hex(8)
        return token if self._scripts.run("claim", keys.READ_TURN, token, int(TURN_S * 1000)) else None

    def end_turn(self, token: str) -> None:
        """Give the turn back."""
        self._scripts.run("run_lease", keys.READ_TURN, token, 0)

    def progress(self) -> Any:
        """Return how far the read under way is, as it was given to `note`; None when there is none."""
        raw = as_text(self._client.hget(keys.READ, _PROGRESS))
        return from_json(raw) if raw else None

    def note(  # noqa: PLR0913  # one step of Redis
        self,
        token: str,
        progress: Any,
        shown: Sequence[str] = (),
        otherwise: Sequence[str] = (),
        *,
        begins: bool = False,
        turn_s: float = TURN_S,
    ) -> None:
        """Note what an answer showed, and how far the read is; lengthen the turn.

        Args:
            token: the turn.
            progress: whatever tells another worker where to go on, as JSON.
            shown: fingerprints of the addresses that it showed unblocked.
            otherwise: fingerprints of those that it showed otherwise.
            begins: whether a new read begins: what an unfinished one had noted is forgotten.
            turn_s: how long the turn lasts from now without a word, in seconds.

        Raises:
            OtherTurn: nothing was noted.
        """
        given = (token, int(turn_s * 1000), to_json(progress), int(begins), len(shown))
        if not self._scripts.run("read_note", *given, *shown, *otherwise):
            raise OtherTurn(token)

    def end(self, token: str, at_ms: int) -> None:
        """Let what was noted replace what the read before showed.

        Args:
            token: the turn.
            at_ms: when the read began: no answer of it is older.

        Raises:
            OtherTurn: nothing was changed.
        """
        if not self._scripts.run("read_end", token, at_ms, int(KEPT_S * 1000)):
            raise OtherTurn(token)

    # ways that lead nowhere

    def give_up(self, way: str, until_ms: int) -> None:
        """Note that a way of reading is of no use until a time."""
        self._client.hset(keys.READ, _NEVER + way, until_ms)

    def given_up(self, way: str) -> int:
        """Return until when a way of reading is of no use, in milliseconds; 0 for a time that is past."""
        return int(self._client.hget(keys.READ, _NEVER + way) or 0)
