"""An opt-out is told to Magento: the whole account is read, the flag taken away, and read back.

There is no call for the flag alone. A PUT replaces the account: what is not sent has been reset in released versions
(magento2 issues 14663 and 7380), so all that was read is sent back. It goes to the account's own store view, because
the newsletter is one per website. Magento mails the customer that the subscription has ended; no parameter stops it.
"""

from __future__ import annotations

import json
from typing import Final

from connectors.magento.api import Row, Shop
from connectors.magento.customers import FLAG, row_flag, yes_or_no
from customer_sync.errors import Missing, Parkable, PayloadError, TryLater
from customer_sync.kit.reach import Withdrawal, Written
from customer_sync.kit.rest import Rejected, TooMuch
from customer_sync.model import Json

#: How often the account is read anew where Magento refuses what was read before: somebody edited it meanwhile.
TRIES: Final = 2
_BY_HAND: Final = "Open the customer in Magento's admin, tab Newsletter, and take the tick away."


def withdraw(shop: Shop, withdrawal: Withdrawal) -> Written:
    """Tell Magento of an opt-out; see `Connector.write_consent`.

    Raises:
        Parkable: Magento does not show the flag, refuses the account, or keeps the old state.
        TajoError: as `Shop.call`.
    """
    number = withdrawal.record_id
    if not (number.isascii() and number.isdigit()):
        return Written.GONE
    for left in reversed(range(TRIES)):
        account = shop.one(f"/customers/{number}")
        if account is None or not withdrawal.is_for(account.get("email")):
            return Written.GONE
        if not _flag(account):
            return Written.UNCHANGED
        if _is_written(shop, number, account, is_last=not left):
            break
    after = shop.one(f"/customers/{number}")
    if after is not None and _flag(after):
        raise Parkable("Magento took the opt-out and still shows the newsletter.", _BY_HAND)
    return Written.WRITTEN if after is not None else Written.GONE


def _is_written(shop: Shop, number: str, account: Row, *, is_last: bool) -> bool:
    """Write an account back; False where Magento refuses what was read, which may be older than somebody's edit."""
    try:
        _write(shop, number, account)
    except Missing:
        return False  # gone meanwhile: it is looked at again
    except TooMuch as error:
        raise TryLater(str(error)) from error
    except Rejected as error:
        if error.status in {401, 403}:
            raise
        if is_last:
            raise Parkable(f"Magento refuses the account ({error.status} {error.word})", _BY_HAND) from error
        return False
    return True


def _write(shop: Shop, number: str, account: Row) -> None:
    changed: dict[str, Json] = json.loads(json.dumps(dict(account)))
    more = changed.get("extension_attributes")
    changed["extension_attributes"] = {**(more if isinstance(more, dict) else {}), FLAG: False}
    shop.call("PUT", f"/customers/{number}", store=_store_of(shop, account), body={"customer": changed})


def _store_of(shop: Shop, account: Row) -> str:
    """Return the code of a store view of the account's website: its own, unless an administrator made it (store 0)."""
    views = [row for row in shop.rows("/store/storeViews") if row.get("id") not in (0, "0")]
    own = [row for row in views if str(row.get("id")) == str(account.get("store_id"))]
    same = [row for row in views if str(row.get("website_id")) == str(account.get("website_id"))]
    code = next((row.get("code") for row in (*own, *same)), None)
    if not isinstance(code, str):
        raise Parkable("Magento shows no store view of the account's website.", _BY_HAND)
    return code


def _flag(account: Row) -> bool:
    """Tell whether an account has the newsletter.

    Raises:
        Parkable: it does not say so: before 2.3 the flag was left out.
    """
    try:
        found = yes_or_no(row_flag(account), FLAG)
    except PayloadError:
        found = None
    if found is None:
        raise Parkable("Magento does not show whether the account has the newsletter.", _BY_HAND)
    return found
