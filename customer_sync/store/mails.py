"""What a mail is decided on, read in one step; and the word that it is about to be sent.

The word is written before the call, and only where nothing of what was read has changed, no request waits to be read,
and the lease is still ours. A worker that is killed between the call and its settlement leaves the word behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import redis

from customer_sync.person.merge import State, merge, whom_of
from customer_sync.person.person import Part
from customer_sync.store import keys
from customer_sync.store.forms import Kept, decode_kept, decode_part, encode_part
from customer_sync.store.items import Item, Whose
from customer_sync.store.scripts import Scripts, as_text

#: The answers of the script that stand for no result, see `mails.lua`.
Word = Literal["said", "behind", "changed", "lost"]


class Sight(NamedTuple):
    """Everything that a mail is decided on, as it was at one moment.

    Args:
        digest: stands for all of it.
        state: the record's fields, waiting changes included.
        kept: what the lane keeps of the record.
        whose: the person to whom it belongs; None where the person is unknown or being erased.
        is_erased: whether the person is being erased.
        others: target → what is known of the person's other records of the lane.
    """

    digest: str
    state: State
    kept: Kept
    whose: Whose | None
    is_erased: bool
    others: Mapping[str, Kept]


class Mails:
    """The lane of mails, as far as sending needs more than any lane has."""

    def __init__(self, client: redis.Redis, scripts: Scripts) -> None:
        self._client = client
        self._scripts = scripts

    def look(self, lane: str, item: Item, *, must_be_read: bool = True) -> Sight | Word:
        """Return what is known now; a word where nothing can be decided now.

        Args:
            lane: the lane.
            item: the record's item, leased to us.
            must_be_read: whether nothing may wait in the inbox.

        Raises:
            NewerForm: a newer version wrote a part of it.
        """
        state, *found = self._run(lane, item, *([] if must_be_read else ["any"]))
        if not found:
            word: Word = as_text(state)  # type: ignore[assignment]  # one of the script's words
            return word
        digest, number, text, waits, erased, record, changes, others, whoms = found
        kept = decode_kept(as_text(record))
        state = merge([kept.state, *(one.state for one in _parts(changes))])
        is_erased = max((one.at_ms for one in state.values()), default=0) <= int(erased)
        whose = None
        if number and not is_erased:
            whose = Whose(as_text(number), as_text(text), tuple(_parts(waits)))
        return Sight(
            as_text(digest),
            state,
            kept,
            whose,
            is_erased,
            _others(others, {as_text(one) for one in whoms}, int(erased)),
        )

    def say(self, lane: str, item: Item, sight: Sight, part: Part) -> Word:
        """Write that a mail is about to be sent; the mail may be sent where the answer is `said`."""
        word: Word = as_text(self._run(lane, item, sight.digest, encode_part(part))[0])  # type: ignore[assignment]  # see above
        return word

    def take_back(self, lane: str, item: Item, part: Part) -> None:
        """Take back that word: for certain no mail was sent."""
        self._run(lane, item, "back", encode_part(part))

    def _run(self, lane: str, item: Item, *more: str) -> list[Any]:
        found: list[Any] = self._scripts.run("mails", lane, item.target, item.token, whom_of(item.state), *more)
        return found

    def uptime_s(self) -> float:
        """Return for how long Redis has been up; a long time where Redis does not tell."""
        try:
            return float(self._client.info("server").get("uptime_in_seconds", _LONG_S))
        except redis.exceptions.NoPermissionError:
            return _LONG_S

    def report(self, skill: str) -> dict[str, float]:
        """Return what was counted of a skill's mails: field → number."""
        raw: Any = self._client.hgetall(keys.report(skill))
        return {as_text(name): float(value) for name, value in raw.items()}


_LONG_S = 1e9


def _parts(changes: list[bytes]) -> list[Part]:
    return [decode_part(as_text(text))[0] for text in changes if text]


def _others(raw: list[Any], whoms: set[str], erased_ms: int) -> dict[str, Kept]:
    """Return the person's other records, without what is somebody else's by now, or an erasure is about to forget."""
    found: dict[str, Kept] = {}
    for target, record, changes in zip(raw[::3], raw[1::3], raw[2::3], strict=True):
        kept = decode_kept(as_text(record))
        state = merge([kept.state, *(one.state for one in _parts(changes))])
        if whom_of(state) in whoms and any(one.at_ms > erased_ms for one in state.values()):
            found[as_text(target)] = Kept(state, kept.has)
    return found
