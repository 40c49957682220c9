"""PayPal's webhooks, and what is well with an app."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from connectors.paypal.api import KEYS, Api
from connectors.paypal.pull import TRANSACTIONS
from customer_sync.errors import TajoError
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.fields import Node
from customer_sync.kit.own_hooks import OwnHooks, told_secret
from customer_sync.kit.reach import Access, Finding, Upkeep, shut_out
from customer_sync.kit.rest import TooMuch
from customer_sync.model import Json

WEBHOOKS: Final = "/v1/notifications/webhooks"


def ensure(api: Api, address: str, topics: Sequence[str], ids: Sequence[str]) -> Upkeep:
    """Make the webhook of an address, or add the topics that it lacks.

    Its id is what signatures are made with, and PayPal chooses it: it is the secret that the settings need.

    Raises:
        TajoError: as `Connector.ensure_webhooks`.
    """
    own = OwnHooks(api.access.vault)
    there = [one for one in _listed(api) if own.has(one.get("id"), one.get("url"), address) or one.get("id") in ids]
    ours = min(there, key=lambda one: one.get("url") != address, default=None)
    if ours is None:
        made = api.call("POST", WEBHOOKS, json_body={"url": address, "event_types": _types(topics)}).object()
        number = str(made.get("id"))
        own.keep([number], number)
        return Upkeep(created=tuple(topics), secret=_new(number, ids))
    known, number = _names(ours), str(ours.get("id"))
    missing = [one for one in topics if one not in known and "*" not in known]
    repaired = dict.fromkeys(missing, "it was not sent")
    steps: list[Json] = []
    if missing:
        steps.append({"op": "replace", "path": "/event_types", "value": _types([*sorted(known), *missing])})
    if ours.get("url") != address:
        steps.append({"op": "replace", "path": "/url", "value": address})
        repaired = {one: repaired.get(one, "it was sent elsewhere") for one in topics}
    if steps:
        api.call("PATCH", f"{WEBHOOKS}/{number}", json_body=steps)
    own.keep([number], number)
    kept = tuple(one for one in topics if one not in repaired)
    return Upkeep(kept=kept, repaired=repaired, secret=_new(number, ids))


def _new(number: str, ids: Sequence[str]) -> str:
    return "" if number in ids else number


def _listed(api: Api) -> Sequence[Mapping[str, Json]]:
    return [one.body for one in Node(api.get(WEBHOOKS).object()).children("webhooks")]


def _types(topics: Sequence[str]) -> Json:
    return [{"name": one} for one in topics]


def _names(hook: Mapping[str, Json]) -> set[str]:
    return {str(one.get("name")) for one in Node(hook).children("event_types")}


def check(settings: SourceSettings, access: Access) -> Sequence[Finding]:
    """Return what is well: the token, transaction search, the webhook's id."""
    try:
        api = Api.of(settings, access)
        hooks = _listed(api)
    except TajoError as error:
        return [shut_out("token", error, KEYS)]
    found = [Finding("token", "ok", "PayPal gives one"), _search(api)]
    known = {str(one.get("id")) for one in hooks}
    ids = {one for one in (*settings.secrets, told_secret(access.vault)) if one}
    if ids and not known & ids:
        fix = "Set `webhook_id` to that of the webhook, or run `tajo connectors install`."
        found.append(Finding("webhooks", "fail", "the app has no webhook with the id of the settings", fix))
    elif ids:
        found.append(Finding("webhooks", "ok", "the app has the webhook"))
    return found


def _search(api: Api) -> Finding:
    now = datetime.fromtimestamp(api.access.now_s(), UTC).replace(microsecond=0)
    query = {
        "start_date": (now - timedelta(days=1)).isoformat().replace("+00:00", "Z"),
        "end_date": now.isoformat().replace("+00:00", "Z"),
        "page_size": "1",
        "page": "1",
    }
    try:
        api.get(TRANSACTIONS, query)
    except TooMuch:
        pass
    except TajoError as error:
        return shut_out("transaction search", error, "Try again in a minute.")
    return Finding("transaction search", "ok", "it is switched on")
