"""An opt-out is told to Salesforce: looked at first, written on the record that is left, believed when it reads back.

Two calls: the look with the description of the object, the change with the look after it. A record that is not there
costs another one, which asks the bin.

The checkbox is `HasOptedOutOfEmail` of a contact or a lead; a person account has its own on the account. Two records
with one address are two records: the engine asks for each of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from connectors.salesforce.account import OPT_OUT
from connectors.salesforce.api import Api, Part, full_id, is_id
from connectors.salesforce.fetch import MAX_HOPS, rows
from connectors.salesforce.objects import CONTACT, LEAD, STAMP, SObject, wanted
from connectors.salesforce.origins import origins
from connectors.salesforce.pull import successor
from customer_sync.errors import ConfigError, Missing, Parkable, TryLater
from customer_sync.kit.fields import Node
from customer_sync.kit.reach import Withdrawal, Written
from customer_sync.kit.rest import Answer, Rejected
from customer_sync.model import Json

#: What a look asks for beside the fields of an opt-in.
_NEEDS: Final = (
    *("Email", OPT_OUT, "IsDeleted", "MasterRecordId", "IsConverted", "ConvertedContactId"),
    *("IsPersonAccount", "AccountId"),
)
#: Refusals that mean: the record became a part of another one since it was looked at.
_MOVED: Final = frozenset({"CANNOT_UPDATE_CONVERTED_LEAD", "ENTITY_IS_DELETED"})
#: Refusals that an administrator mends by a permission.
_NOT_ALLOWED: Final = frozenset(
    {
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        "INSUFFICIENT_ACCESS_OR_READONLY",
        "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
    }
)

Row = Mapping[str, Json]


class _Seen(NamedTuple):
    """A record that lives, and where it was found."""

    sobject: SObject
    row: Row


def withdraw(api: Api, withdrawal: Withdrawal) -> Written:
    """Tell Salesforce of an opt-out; see `Connector.write_consent`.

    Raises:
        ConfigError: the checkbox is hidden, or may not be changed.
        Parkable: a rule of the org refuses the change, or something took it back.
        TryLater: the record is there, and is not found where it is to be written.
        TajoError: as `Api.get`.
    """
    for _ in range(2):
        seen = _look(api, withdrawal.record_id)
        judged = None if seen is None else _judge(api, seen, withdrawal)
        if seen is None or judged is not None:
            return judged or Written.GONE
        after = _write(api, seen)
        if after is not None:
            return _read_back(api, seen, after)
    # it is in a list of records and cannot be called: "gone" would close an opt-out that nobody there knows
    raise TryLater("Salesforce does not find a record at its own address that is there.")


def _look(api: Api, record_id: str) -> _Seen | None:
    """Return the record, or the one that it became a part of; None where there is none."""
    number = full_id(record_id)
    for _ in range(MAX_HOPS):
        sobject = next((one for one in (CONTACT, LEAD) if is_id(number) and number.startswith(one.prefix)), None)
        row = _row(api, sobject, number) if sobject else None
        if sobject is None or row is None:
            return None
        kept = successor(row)
        if not kept:
            return None if row.get("IsDeleted") is True else _Seen(sobject, row)
        number = kept
    raise TryLater("Salesforce leads from one merged record to the next without an end.")


def _row(api: Api, sobject: SObject, number: str) -> Row | None:
    """Return a record, in the bin or not; None where there is none.

    Raises:
        ConfigError: the checkbox is hidden, or may not be changed.
    """
    there = Part("GET", f"/sobjects/{sobject.name}/{number}")
    description, answer = api.together(Part("GET", f"/sobjects/{sobject.name}/describe"), there)
    asked = _asked(api, sobject, api.described(sobject.name, description))
    try:
        return api.judged(answer).object()
    except Missing:  # it was deleted, or merged
        return next(iter(rows(api, sobject, [number], asked)), None)


def _asked(api: Api, sobject: SObject, seen: Mapping[str, bool]) -> tuple[str, ...]:
    """Return the fields of a look into the bin.

    Raises:
        ConfigError: the checkbox is hidden, or may not be changed.
    """
    if not seen.get(OPT_OUT):
        what = "may not change" if OPT_OUT in seen else "does not see"
        raise ConfigError(
            f"The integration user {what} {sobject.name}.{OPT_OUT}: no opt-out can be written.",
            f"Give its permission set Read and Edit on the field {OPT_OUT} (Email Opt Out) of {sobject.name}.",
        )
    boxes = {api.account.opt_in, api.account.opt_in_at}
    own = tuple(one for one in wanted(sobject, api.account) if one in seen and (one in _NEEDS or one in boxes))
    return ("Id", STAMP, *own)


def _judge(api: Api, seen: _Seen, withdrawal: Withdrawal) -> Written | None:
    """Return what becomes of an opt-out without a change; None where it is to be written."""
    account, row = api.account, seen.row
    if not withdrawal.is_for(row.get("Email")):
        return Written.GONE
    if row.get(OPT_OUT) is True:
        return Written.UNCHANGED
    if account.opt_in and account.opt_in_at and row.get(account.opt_in) is True:
        said = Node(row).instant(account.opt_in_at)
        if said is not None and said > withdrawal.at and origins(api, seen.sobject, [row]).is_own(row["Id"]):
            return Written.NEWER
    return None


def _write(api: Api, seen: _Seen) -> Answer | None:
    """Tick the checkbox; return what was read after it, None where it was not taken: the record moved meanwhile."""
    own = f"/sobjects/{seen.sobject.name}/{seen.row['Id']}"
    path, name = own, OPT_OUT
    if seen.row.get("IsPersonAccount") is True:
        path, name = f"/sobjects/Account/{seen.row.get('AccountId')}", f"Person{OPT_OUT}"
    try:
        written, after = api.together(Part("PATCH", path, body={name: True}), Part("GET", own))
        api.judged(written)
    except Missing:
        return None
    except Rejected as error:
        if error.word in _MOVED:
            return None
        if error.word in _NOT_ALLOWED:
            raise ConfigError(
                f"Salesforce does not let the integration user opt out a {seen.sobject.name} ({error.word}).",
                f"Give its permission set Modify All Records on {seen.sobject.name}, and Edit on its field {OPT_OUT}: "
                "without the first it changes only records that it owns or that are shared with it.",
            ) from error
        if error.status != 400:
            raise
        raise Parkable(
            f"Salesforce does not take the opt-out ({error.word or error.status}).",
            "Tick Email Opt Out in Salesforce; a rule of the org asks for something else first.",
        ) from error
    return after


def _read_back(api: Api, seen: _Seen, after: Answer) -> Written:
    """Return that it was written, once it reads so.

    Raises:
        Parkable: something in the org took it back.
        TajoError: as `Api.get`.
    """
    try:
        row = api.judged(after).object()
    except Missing:  # it was deleted since
        return Written.WRITTEN
    if row.get(OPT_OUT) is not True:
        raise Parkable(
            f"Salesforce took the opt-out of a {seen.sobject.name} and shows the old state.",
            "Look for a flow or trigger that clears Email Opt Out, then tick it.",
        )
    return Written.WRITTEN
