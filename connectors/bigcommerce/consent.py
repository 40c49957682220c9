"""An opt-out is told to BigCommerce: the subscriber's row is looked at, and loses its newsletter consent, and no more.

https://developer.bigcommerce.com/docs/rest-management/subscribers#update-a-subscriber. The row's other consents stay.
No row is ever deleted: `DELETE /v3/customers/subscribers` without a filter would delete every subscriber of the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from connectors.bigcommerce.account import Shop, rows_of
from connectors.bigcommerce.pull import CUSTOMERS, SUBSCRIBERS
from connectors.bigcommerce.records import NEWSLETTER, SUBSCRIBER
from customer_sync.errors import Missing, Parkable, PayloadError, TryLater
from customer_sync.kit.connector import parse_time
from customer_sync.kit.reach import Withdrawal, Written
from customer_sync.kit.rest import Rejected
from customer_sync.model import Json

#: How soon to look again where somebody else changed the row meanwhile, in seconds.
LOOK_AGAIN_S: Final = 30.0
_CONFLICT: Final = 409

Row = Mapping[str, Any]


def withdraw(shop: Shop, withdrawal: Withdrawal) -> Written:
    """Tell BigCommerce of an opt-out; see `Connector.write_consent`.

    Raises:
        Parkable: the consent is there as before, though the call was taken.
        TryLater: somebody else changed the row meanwhile.
        TajoError: as `Shop.get`.
    """
    number = withdrawal.record_id.removeprefix(SUBSCRIBER)
    if not (number.isascii() and number.isdigit()):
        return Written.GONE
    if withdrawal.record_id.startswith(SUBSCRIBER):
        rows = [row for row in _subscriber(shop, number) if withdrawal.is_for(row.get("email"))]
        if not rows:
            return Written.GONE
    else:
        written = _address_of(shop, number)
        if not withdrawal.is_for(written):
            return Written.GONE
        rows = _by_address(shop, withdrawal, {withdrawal.address, str(written).strip().lower()})
    given = [row for row in rows if NEWSLETTER in _consents(row)]
    if not given:
        return Written.UNCHANGED
    older = [row for row in given if not _is_newer(row, withdrawal)]
    done = {_write(shop, row) for row in older}
    if len(older) < len(given):
        return Written.NEWER
    return Written.WRITTEN if Written.WRITTEN in done else Written.GONE


def _write(shop: Shop, row: Row) -> Written:
    kept = [one for one in _consents(row) if one != NEWSLETTER]
    try:
        answer = shop.put(f"{SUBSCRIBERS}/{int(row['id'])}", {"consents": list[Json](kept)})
    except Missing:
        return Written.GONE
    except Rejected as refused:
        if refused.status != _CONFLICT:
            raise
        raise TryLater("The subscriber's row was changed meanwhile (409).", after_s=LOOK_AGAIN_S) from refused
    now = answer.object().get("data")
    if not isinstance(now, dict) or NEWSLETTER in _consents(now):
        raise Parkable(
            "BigCommerce took the opt-out and kept the newsletter consent.",
            "Open the subscriber in the control panel (Marketing > Newsletter subscribers) and take it off.",
        )
    return Written.WRITTEN


def _is_newer(row: Row, withdrawal: Withdrawal) -> bool:
    """Tell whether the row's consent was given after the opt-out: the row did not exist then.

    That it was changed since proves nothing: an edited name changes it, too, and an opt-out must not be lost for that.
    """
    try:
        return parse_time(row.get("date_created"), "date_created") > withdrawal.at
    except PayloadError:
        return False


def _address_of(shop: Shop, number: str) -> Json:
    """Return the address of a customer as it is written; None where there is no such customer."""
    rows = rows_of(shop.get(CUSTOMERS, {"id:in": number, "limit": "1"}))
    return next((row.get("email") for row in rows if isinstance(row, dict) and str(row.get("id")) == number), None)


def _subscriber(shop: Shop, number: str) -> list[Row]:
    try:
        found = shop.get(f"{SUBSCRIBERS}/{number}").object().get("data")
    except Missing:
        return []
    return [found] if isinstance(found, dict) else []


def _by_address(shop: Shop, withdrawal: Withdrawal, spellings: set[str]) -> list[Row]:
    rows = [
        row
        for one in sorted(spellings)
        for row in rows_of(shop.get(SUBSCRIBERS, {"email": one, "limit": "50"}))
        if isinstance(row, dict) and withdrawal.is_for(row.get("email"))
    ]
    return list({str(row.get("id")): row for row in rows}.values())


def _consents(row: Row) -> list[str]:
    found = row.get("consents")
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
