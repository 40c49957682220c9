"""Whose opt-in it is: who took in another record, by a merge or a conversion, may have that of the other's address.

Merges and conversions bring fields along, and nothing at the record that is left tells so. What it took in tells: a
converted lead names its contact, and a merged record, as long as it is in the bin, who was kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from connectors.salesforce.account import OPT_OUT, Account
from connectors.salesforce.api import Api, Part, found_in, is_id, quoted
from connectors.salesforce.objects import CONTACT, LEAD, STAMP, SObject, soql
from customer_sync.errors import PayloadError
from customer_sync.kit.connector import parse_time
from customer_sync.kit.fields import Node
from customer_sync.kit.reach import Withdrawal
from customer_sync.kit.rest import Answer, Rejected
from customer_sync.model import CUSTOMERS, Channel, Json

#: For how many records at once is asked.
AT_ONCE: Final = 200
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
        sign: the field that is set.
        kept: the field that names who is left.
        when: the field that tells when.
    """

    sobject: SObject
    sign: str
    kept: str
    when: str


_CONVERTED: Final = _Way(LEAD, "IsConverted", "ConvertedContactId", "ConvertedDate")
_MERGED: Final = {one.name: _Way(one, "IsDeleted", "MasterRecordId", STAMP) for one in (CONTACT, LEAD)}


def foreign(api: Api, sobject: SObject, rows: Sequence[Row]) -> frozenset[str]:
    """Return the ids of the rows whose opt-in is not newer than what they took in from a record of another address.

    Where that cannot be seen, it is all whose opt-in has a time: nobody knows which address it was given for.

    Raises:
        TajoError: as `Api.together`.
    """
    acts = {str(row["Id"]): act for row in rows if (act := _act(api.account, sobject, row)) is not None}
    ids = list(acts)
    parts = [ids[at : at + AT_ONCE] for at in range(0, len(ids), AT_ONCE)]
    return frozenset(one for part in parts for one in _of(api, sobject, {each: acts[each] for each in part}))


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


def _of(api: Api, sobject: SObject, acts: Mapping[str, _Act]) -> Iterator[str]:
    ways = [_MERGED[sobject.name], *([_CONVERTED] if sobject is CONTACT else [])]
    answers = api.together(*(Part("GET", "/queryAll", {"q": _asked(way, list(acts))}) for way in ways))
    for way, answer in zip(ways, answers, strict=True):
        rows = _rows(api, answer)
        if rows is None:
            yield from acts
            return
        for row in rows:
            act = acts.get(str(row.get(way.kept)))
            if act is not None and _is_foreign(act, row, way):
                yield str(row[way.kept])


def _asked(way: _Way, ids: Sequence[str]) -> str:
    where = f"{way.sign} = true AND {way.kept} IN ({', '.join(map(quoted, ids))})"
    return soql(way.sobject, ("Id", "Email", way.kept, way.when), where)


def _rows(api: Api, answer: Answer) -> Sequence[Row] | None:
    """Return what was found; None where the user does not see it, or not all of it."""
    try:
        found = found_in(api.judged(answer))
    except Rejected as error:
        if error.word not in {"INVALID_FIELD", "INVALID_TYPE"}:
            raise
        return None
    return found.rows if found.is_whole else None


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
