"""The webhooks of the companion module: it takes them by a route of its own, `/V1/tajo/webhooks`.

What the module is stands in the README. Adobe I/O's registrations are made in Adobe's console and not from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from connectors.magento.api import Row, Shop
from customer_sync.errors import ConfigError, Missing
from customer_sync.kit.own_hooks import OwnHooks
from customer_sync.kit.reach import Upkeep
from customer_sync.model import Json

ROUTE: Final = "/tajo/webhooks"
_INSTALL: Final = (
    "Install the module that the README describes, or register Adobe I/O Events; without either the newsletter is "
    "compared each night, and deletions are found then."
)
NO_MODULE: Final = ("The shop has no companion module: it tells of nothing by itself, and is polled.", _INSTALL)
_NO_SECRET: Final = ("There is no webhook secret.", "Set `webhook_secret`, a long random text.")


def listed(shop: Shop) -> list[Row]:
    """Return the module's webhooks.

    Raises:
        ConfigError: there is no module.
        TajoError: as `Shop.call`.
    """
    try:
        value = shop.call("GET", ROUTE)
    except Missing as error:
        raise ConfigError(*NO_MODULE) from error
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def ensure(shop: Shop, topics: Sequence[str], address: str, secrets: Sequence[str]) -> Upkeep:
    """Make one active webhook for each topic, with the newest secret, and repair the others of ours.

    The module tells no secret, only the first digits of its digest, so a changed one is noticed.

    Raises:
        ConfigError: no module, or no secret.
        TajoError: as `Shop.call`.
    """
    secret = next((one for one in secrets if one.strip()), "")
    if not secret:
        raise ConfigError(*_NO_SECRET)
    own = OwnHooks(shop.access.vault)
    ours: dict[str, list[Row]] = {}
    there = listed(shop)
    for row in there:
        if own.has(row.get("id"), row.get("address"), address):
            ours.setdefault(str(row.get("topic")), []).append(row)
    kept, created, removed, repaired = [], [], [], {}
    for topic in topics:
        rows = sorted(ours.get(topic, ()), key=lambda row: row.get("address") != address)
        wanted: dict[str, Json] = {"topic": topic, "address": address, "is_active": True, "secret": secret}
        for extra in rows[1:]:
            shop.call("DELETE", f"{ROUTE}/{extra.get('id')}")
            removed.append(topic)
        if not rows:
            shop.call("POST", ROUTE, body={"webhook": wanted})
            created.append(topic)
        elif wrong := _wrong(rows[0], address, secret):
            shop.call("PUT", f"{ROUTE}/{rows[0].get('id')}", body={"webhook": wanted})
            repaired[topic] = wrong
        else:
            kept.append(topic)
    now = listed(shop) if created else there
    own.keep(row.get("id") for row in now if own.has(row.get("id"), row.get("address"), address))
    return Upkeep(tuple(kept), tuple(created), repaired, removed=tuple(removed))


def _wrong(row: Row, address: str, secret: str) -> str:
    if row.get("address") != address:
        return "another address"
    if row.get("is_active") is not True:
        return "switched off"
    return "another secret" if row.get("secret_hint") != secret_hint(secret) else ""


def secret_hint(secret: str) -> str:
    """Return the part of a secret's digest that the module shows of it."""
    return sha256(secret.encode(errors="surrogatepass")).hexdigest()[:8]
