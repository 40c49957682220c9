"""Whose opt-in it is: who took in another record, by a merge or a conversion, may have that of the other's address.

Merges and conversions bring fields along, and nothing at the record that is left tells so. What it took in tells: a
converted lead names its contact, and a merged record, as long as it is in the bin, who was kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from connectors.salesforce.account import OPT_OUT, Account
from connectors.salesforce.api import Api, Part, found_in, full_id, is_id, quoted
from connectors.salesforce.objects import CONTACT, LEAD, STAMP, SObject, soql
from customer_sync.errors import PayloadError, TajoError, TryLater
from customer_sync.kit.connector import parse_time
from customer_sync.kit.fields import Node
from customer_sync.kit.reach import Withdrawal
from customer_sync.model import CUSTOMERS, Channel, Json

#: For how many records at once is asked.
AT_ONCE: Final = 200
#: How often what was taken in is asked about in turn; an opt-in behind which there is still more is foreign.
MAX_DEPTH: Final = 10
#: A day of conversion has no time and no zone.
_DAY: Final = timedelta(days=2)
_LENGTH_OF_DAY: Final = len("2026-11-20")

Row = Mapping[str, Json]


class _Act(NamedTuple):
    """An opt-in with a time of its own, and the address that its record has now."""

    address: str
    at: datetime


class _Way(NamedTuple):
    """How records become a part of others.

    Args:
        sobject: what they are.
        into: what those are.
        sign: the field that is set.
        kept: the field that names who is left.
        when: the field that tells when.
    """

    sobject: SObject
    into: SObject
    sign: str
    kept: str
    when: str


_WAYS: Final = (
    *(_Way(one, one, "IsDeleted", "MasterRecordId", STAMP) for one in (CONTACT, LEAD)),
    _Way(LEAD, CONTACT, "IsConverted", "ConvertedContactId", "ConvertedDate"),
)


class Origins(NamedTuple):
    """Whose opt-ins those of some rows are.

    Args:
        foreign: the ids of those whose opt-in may have been given for another address.
        untold: the ids of those of which that could not be seen; asked again, it may be.
        why: why not.
    """

    foreign: frozenset[str] = frozenset()
    untold: frozenset[str] = frozenset()
    why: str = ""

    def is_own(self, number: Json) -> bool:
        """Tell whether the opt-in of a row is an act of its person, given for its address."""
        return number not in self.foreign and number not in self.untold


#: Where nothing was asked.
OWN: Final = Origins()


def origins(api: Api, sobject: SObject, rows: Sequence[Row]) -> Origins:
    """Return whose opt-ins those of the rows are.

    Foreign is one that is not newer than what its record, or a record in it, took in from a record of another address.
    Nothing is raised: whatever keeps this question from its answer must not keep an opt-out that stands beside it.
    """
    acts = {str(row["Id"]): act for row in rows if (act := _act(api.account, sobject, row)) is not None}
    try:
        return Origins(_foreign(api, acts))
    except TajoError as error:
        return Origins(untold=frozenset(acts), why=str(error))


def _act(account: Account, sobject: SObject, row: Row) -> _Act | None:
    """Return the opt-in of a row that lives; None where it has none that could answer a withdrawal."""
    if sobject.resource != CUSTOMERS or not (account.opt_in and account.opt_in_at):
        return None
    is_there = row.get("IsDeleted") is not True and row.get("IsConverted") is not True
    address, number = row.get("Email"), row.get("Id")
    if not is_there or row.get(account.opt_in) is not True or row.get(OPT_OUT) is not False:
        return None
    said = Node(row).instant(account.opt_in_at)
    if said is None or not isinstance(address, str) or not isinstance(number, str) or not is_id(number):
        return None
    return _Act(address, said)


def _foreign(api: Api, acts: Mapping[str, _Act]) -> frozenset[str]:
    """Return the ids of those whose opt-in is foreign, followed through what was taken in by what was taken in.

    Raises:
        TajoError: as `Api.together`; or not all that was taken in can be seen.
    """
    found: set[str] = set()
    #: What is to be asked about → the records whose opt-in it concerns.
    following = {number: {number} for number in acts}
    asked = {(number, number) for number in acts}
    for _ in range(MAX_DEPTH):
        concerned, following = following, {}
        for way, row in _taken_in(api, list(concerned)):
            number = _id_of(row, "Id")
            owners = concerned.get(_id_of(row, way.kept), set()) - found
            found.update(one for one in owners if _is_foreign(acts[one], row, way))
            new = {one for one in owners - found if (number, one) not in asked}
            asked.update((number, one) for one in new)
            if new:
                following.setdefault(number, set()).update(new)
        if not following:
            return frozenset(found)
    return frozenset(found.union(*following.values()))


def _taken_in(api: Api, ids: Sequence[str]) -> Iterator[tuple[_Way, Row]]:
    """Yield what these records took in, and how."""
    for at in range(0, len(ids), AT_ONCE):
        part = ids[at : at + AT_ONCE]
        asked = [(way, own) for way in _WAYS if (own := [one for one in part if one.startswith(way.into.prefix)])]
        answers = api.together(*(Part("GET", "/queryAll", {"q": _asked(way, own)}) for way, own in asked))
        for (way, _), answer in zip(asked, answers, strict=True):
            found = found_in(api.judged(answer))
            if not found.is_whole:
                raise TryLater("Salesforce did not give all that was merged or converted at once.")
            yield from ((way, row) for row in found.rows)


def _id_of(row: Row, name: str) -> str:
    """Return an id in a row.

    Raises:
        TryLater: there is none.
    """
    value = row.get(name)
    if not isinstance(value, str) or not is_id(value):
        raise TryLater(f"Salesforce gave a record without {name}.")
    return full_id(value)


def _asked(way: _Way, ids: Sequence[str]) -> str:
    where = f"{way.sign} = true AND {way.kept} IN ({', '.join(map(quoted, ids))})"
    return soql(way.sobject, ("Id", "Email", way.kept, way.when), where)


def _is_foreign(act: _Act, row: Row, way: _Way) -> bool:
    """Tell whether an opt-in may have come along with a record of another address."""
    if Withdrawal("", Channel.EMAIL, act.address, act.at).is_for(row.get("Email")):
        return False
    return act.at <= _until(row.get(way.when))


def _until(value: Json) -> datetime:
    """Return the latest time at which a record can have become a part of another one; the end of time for no time."""
    try:
        at = parse_time(value, "when")
    except PayloadError:
        return datetime.max.replace(tzinfo=UTC)
    return at + _DAY if len(str(value)) == _LENGTH_OF_DAY else at
