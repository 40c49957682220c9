"""An opt-out is told to a shop: the newsletter boxes that plugins keep with the account are unticked.

WooCommerce has no consent of its own and knows no time of a box. So what says yes there is unticked, what says nothing
is left alone, and nothing can be called newer. An account's fields are read and written by
`/wc/v3/customers/<id>`, whose `meta_data` only an administrator's key sees
(https://woocommerce.github.io/woocommerce-rest-api-docs/#customers; seen on WooCommerce 9.8.3 and 11.0.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from connectors.woocommerce.answers import KEYS_PAGE, Rejected
from connectors.woocommerce.api import Shop
from connectors.woocommerce.boxes import Boxes
from customer_sync.errors import ConfigError, Parkable
from customer_sync.kit.reach import Withdrawal, Written
from customer_sync.model import Json

#: A ticked box → the same box without its tick, in the words of the plugin that wrote it.
_UNTICKED: Final = {"1": "0", "yes": "no", "true": "false", "on": "off", "subscribed": "unsubscribed", "pending": "no"}
#: What is written over a word of a plugin's own that means yes.
_NO: Final = "no"


def withdraw(shop: Shop, boxes: Boxes, withdrawal: Withdrawal) -> Written:
    """Tell a shop of an opt-out; see `Connector.write_consent`.

    Raises:
        ConfigError: the key may not see or change the fields of accounts.
        Parkable: the shop refuses this account, or the box is ticked again at once.
        TajoError: as `Shop.call`.
    """
    if not (withdrawal.record_id.isascii() and withdrawal.record_id.isdigit()):
        return Written.GONE
    route = f"wc/v3/customers/{withdrawal.record_id}"
    account = _account(shop, route)
    if account is None or not withdrawal.is_for(account.get("email")):
        return Written.GONE
    ticked = boxes.ticked(_fields(account))
    if not ticked:
        return Written.UNCHANGED
    unticked: list[Json] = [
        {**{name: one[name] for name in ("id", "key") if name in one}, "value": _without_tick(one["value"])}
        for one in ticked
    ]
    try:
        shop.call("PUT", route, body={"meta_data": unticked})
    except Rejected as error:
        if error.status == 404:
            return Written.GONE
        if error.status == 400:
            raise Parkable(error.reason, "Opt the customer out in the shop's admin, then drop this.") from error
        raise
    now = _account(shop, route)
    if now is None:
        return Written.GONE
    if boxes.ticked(_fields(now)):
        raise Parkable(
            "The shop took the opt-out, and the newsletter box is ticked all the same.",
            "A plugin ticks it again, or keeps it elsewhere: opt the customer out in the shop's admin, then drop this.",
        )
    return Written.WRITTEN


def _account(shop: Shop, route: str) -> Mapping[str, Json] | None:
    """Return an account, None where there is none any more."""
    try:
        return shop.get(route)
    except Rejected as error:
        if error.status == 404:
            return None
        raise


def _fields(account: Mapping[str, Json]) -> list[Mapping[str, Any]]:
    """Return the fields of plugins.

    Raises:
        ConfigError: the key may not see them: a box may be ticked there, and an opt-out must not be lost for that.
    """
    fields = account.get("meta_data")
    if not isinstance(fields, list):
        raise ConfigError(
            "The key may not see the newsletter boxes of accounts.",
            f"Give the key to an administrator in {KEYS_PAGE}: WooCommerce shows plugins' fields to nobody else.",
        )
    return [one for one in fields if isinstance(one, dict)]


def _without_tick(value: Json) -> Json:
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return 0
    return _UNTICKED.get(str(value).strip().lower(), _NO)
