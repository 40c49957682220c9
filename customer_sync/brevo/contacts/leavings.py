"""What a contact that was read in Brevo tells of a person who left: blocks, lists, groups, and the times of acts.

`GET /contacts/{identifier}` has a flag for each block, without a time, and `statistics` with the times of
unsubscriptions, hard bounces and spam complaints of the last 90 days (Brevo's specification, 2026-11). It tells no time
of a block that a call of the API set, none of a list or group that was left, and nothing but the flag about SMS.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Final

from customer_sync.model import Channel, Json, to_ms
from customer_sync.person.apart import parts_left
from customer_sync.person.consent import EVERYWHERE, register
from customer_sync.person.merge import Stamped
from customer_sync.person.owed import BREVO, LIST_LEFT

FOUND_BLOCKED, FOUND_UNSUBSCRIBED = "brevo:found_blocked", LIST_LEFT

_DAY_MS: Final = 24 * 3600 * 1000
#: How far back the statistics of a contact reach, in milliseconds: 90 days, less one for time zones.
REACH_BACK_MS: Final = 89 * _DAY_MS
#: How far the clocks of Brevo and of this host may differ, in milliseconds.
SKEW_MS: Final = 60_000
#: How long after it happened Brevo may tell of a block, in milliseconds: the last of its tries is 11 h 10 min after the
#: first (https://developers.brevo.com/docs/retry-mechanism, 2026-11).
LATE_MS: Final = 12 * 3600 * 1000

_WITHDRAWN: Final = register(Channel.EMAIL, "withdrawn")


def words_of(found: Mapping[str, Json], call_ms: int, opt_in_ms: int | None, now_ms: int) -> dict[str, Stamped]:
    """Return what Brevo itself tells of leaving, with its times: registers of the address; for a blocked contact.

    Args:
        found: the contact.
        call_ms: when Brevo last accepted a call of ours. Whether it counts a block that a call sets as an
            `adminUnsubscription` is not documented: one up to this time may be our own block, and tells nothing new.
        opt_in_ms: when the opt-in was given that is to lift the block; None where no block is to be lifted. Only later
            bounces count: an earlier one may be that of another mailbox, which the contact had before.
        now_ms: the time; stands for a time that cannot be read: the later one is the stricter.
    """
    statistics = _object(found.get("statistics"))
    leavings = _object(statistics.get("unsubscriptions"))
    by_hand = [one for one in _times(leavings.get("adminUnsubscription"), now_ms) if one > call_ms + SKEW_MS]
    bounces = _times(statistics.get("hardBounces"), now_ms) if opt_in_ms is not None else []
    told = (
        ("withdrawn", "brevo:unsubscribed", _times(leavings.get("userUnsubscription"), now_ms)),
        ("withdrawn", FOUND_BLOCKED, by_hand),
        ("bounced", "brevo:hard_bounce", [one for one in bounces if one > (opt_in_ms or 0)]),
        ("complained", "brevo:spam", _times(statistics.get("complaints"), now_ms)),
    )
    words: dict[str, Stamped] = {}
    for name, method, times in told:
        known = words.get(register(Channel.EMAIL, name))
        if times and (known is None or max(times) > known.at_ms):
            words[register(Channel.EMAIL, name)] = Stamped([method, BREVO], max(times))
    return words


def undated(opt_in_ms: int, now_ms: int) -> dict[str, Stamped]:
    """Return the withdrawal that a block stands for where the opt-in is older than Brevo's statistics reach.

    Nobody can tell then which of the two was first, so the block is not lifted.
    """
    edge_ms = now_ms - REACH_BACK_MS
    return {_WITHDRAWN: Stamped([FOUND_BLOCKED, BREVO], edge_ms)} if opt_in_ms <= edge_ms else {}


def news(words: Mapping[str, Stamped], said: Mapping[str, Stamped]) -> dict[str, Stamped]:
    """Return the words that are newer than what is on record."""
    return {name: one for name, one in words.items() if name not in said or said[name].at_ms < one.at_ms}


def left_known_ms(said: Mapping[str, Stamped], *, is_apart: bool = False) -> int | None:
    """Return when the person left a list, where that is the withdrawal on record; None where it is not.

    The record holds no list. A list that is found left, and was not known to be, is then taken for that one.

    Args:
        said: what was said of the address.
        is_apart: whether a list is a consent of its own: then a later word of another kind does not hide it.
    """
    if is_apart:
        return max(parts_left(said).values(), default=None)
    known = said.get(_WITHDRAWN)
    method = known.value[0] if known is not None and isinstance(known.value, list) else ""
    return known.at_ms if known is not None and method == FOUND_UNSUBSCRIBED else None


def when_left(left: Collection[int], known: Mapping[int, int], left_ms: int | None, seen_ms: int) -> dict[int, int]:
    """Return when each list was left: who left lists once more is taken to have left all of them then.

    Args:
        left: the lists that the contact shows as left.
        known: list → when it was left, as known before.
        left_ms: when the person was heard to leave lists, where this read was made for that; None: it was not.
        seen_ms: when the contact was read.
    """
    return {one: max(known.get(one, 0), left_ms or 0) or seen_ms for one in sorted(left)}


def everything_left(said: Mapping[str, Stamped], stated: Mapping[str, Stamped]) -> dict[str, Stamped]:
    """Return what a block means that was found where the person is known to have left lists: they left everything.

    Args:
        said: what was said of the address.
        stated: what is returned where no such leaving is on record.
    """
    known = said.get(_WITHDRAWN)
    if left_known_ms(said) is None or known is None:
        return dict(stated)
    return {EVERYWHERE: known._replace(value=["brevo:unsubscribed", BREVO])}


#: Parts of the words that may mean "left the consent group"; the words of `status` are not documented (2026-11).
_LEFT: Final = ("unsub", "opted_out", "opt_out", "optout", "withdr", "revoked", "left")


def groups_left(found: Mapping[str, Json]) -> frozenset[int]:
    """Return the consent groups that a person left.

    With these groups on, a one-click unsubscription leaves the group of that campaign and sets no block
    (https://help.brevo.com article 33595674951314, beta in 2026).
    """
    groups = found.get("consentGroups")
    left: set[int] = set()
    for one in groups if isinstance(groups, list) else []:
        number, word = (one.get("id"), str(one.get("status")).lower()) if isinstance(one, dict) else (None, "")
        if isinstance(number, int) and any(part in word for part in _LEFT):
            left.add(number)
    return frozenset(left)


def numbers(value: Json) -> frozenset[int]:
    """Return the whole numbers of a list; none of anything else."""
    return frozenset(one for one in value if isinstance(one, int)) if isinstance(value, list) else frozenset()


def _object(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


def _times(entries: Json, now_ms: int) -> list[int]:
    """Return when each entry happened; whole seconds end with the second, as those of Brevo's webhooks do."""
    found = entries if isinstance(entries, list) else []
    return [_ms(one.get("eventTime") if isinstance(one, dict) else None, now_ms) for one in found]


def _ms(text: Json, now_ms: int) -> int:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return now_ms
    at_ms = to_ms(at if at.tzinfo else at.replace(tzinfo=UTC))
    return at_ms + 999 if at_ms % 1000 == 0 else at_ms
