"""Records by id, as they are now; merged and converted ones lead to the record that is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from connectors.salesforce.api import Api, full_id, is_id, is_invalid_field, quoted
from connectors.salesforce.objects import SObject, columns, of_resource, soql
from connectors.salesforce.origins import origins
from connectors.salesforce.pull import successor
from connectors.salesforce.records import Reader
from customer_sync.errors import PayloadError, TryLater
from customer_sync.kit.rest import Rejected
from customer_sync.model import CUSTOMERS, Event, Json

#: How often a record may have become a part of another one until nobody follows any more.
MAX_HOPS: Final = 20

Row = Mapping[str, Json]


def records(api: Api, resource: str, ids: Sequence[str]) -> list[Event | PayloadError]:
    """Return the records with these ids; see `Connector.fetch`.

    Raises:
        TajoError: as `Api.query`.
    """
    found: list[Event | PayloadError] = []
    asked = list(dict.fromkeys(full_id(one) for one in ids if is_id(one)))
    done: set[str] = set()
    for _ in range(MAX_HOPS):
        done.update(asked)
        following: list[str] = []
        for sobject in of_resource(resource):
            own = [one for one in asked if one.startswith(sobject.prefix)]
            here = rows(api, sobject, own) if own else ()
            reader = Reader(api.account, api.access.now_s(), origins(api, sobject, here))
            for row in here:
                kept = successor(row)
                if kept:
                    found += [*reader.last_words(row, kept), reader.merged(row, kept)]
                    following.append(kept)
                elif row.get("IsDeleted") is not True:
                    found += reader.person(row, sobject) if resource == CUSTOMERS else reader.deal(row)
                elif resource == CUSTOMERS and (left := reader.last_words(row, None)):
                    found += [*left, reader.deleted(row, sobject)]
        asked = [one for one in dict.fromkeys(following) if one not in done]
        if not asked:
            return _kept_last(found)
    raise TryLater("Salesforce leads from one merged record to the next without an end.")


def rows(api: Api, sobject: SObject, ids: Sequence[str], more: Sequence[str] = ()) -> Sequence[Row]:
    """Return the rows with these ids, those in the bin with them.

    Args:
        api: the org.
        sobject: of which object.
        ids: at most 100.
        more: the fields that are asked for where the object was described already.

    Raises:
        TryLater: rows are missing in the answer.
        TajoError: as `Api.query`.
    """
    where = f"Id IN ({', '.join(map(quoted, ids))})"
    asked = tuple(more) or columns(sobject, api.account, api.describe(sobject.name))
    try:
        found = api.query(soql(sobject, asked, where), with_deleted=True)
    except Rejected as error:
        if more or not is_invalid_field(error):
            raise
        plain = columns(sobject, api.account, api.describe(sobject.name), is_plain=True)
        found = api.query(soql(sobject, plain, where), with_deleted=True)
    if not found.is_whole or any(row.get("Id") not in ids for row in found.rows):
        raise TryLater("Salesforce gave other rows than those that were asked for.")
    return found.rows


def _kept_last(found: list[Event | PayloadError]) -> list[Event | PayloadError]:
    """Return what was found with merges and withdrawals first: who is kept comes behind what leads there."""
    first = [one for one in found if isinstance(one, Event) and one.kind not in _LIVING]
    return [*first, *(one for one in found if not isinstance(one, Event) or one.kind in _LIVING)]


_LIVING: Final = frozenset({"customer_updated", "order_updated"})
