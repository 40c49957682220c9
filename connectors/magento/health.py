"""What is well with a shop: keys, resources, the newsletter's flag, what it tells by itself, its version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from connectors.magento import hooks
from connectors.magento.api import Row, Shop
from connectors.magento.auth import is_bearer, remedy_of
from connectors.magento.customers import row_flag
from connectors.magento.proof import KEY_HOST, read_keys
from customer_sync.errors import ConfigError, TajoError
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.reach import Access, Finding, shut_out
from customer_sync.kit.rest import Rejected, TooMuch

#: What is read → the resource to tick in the integration.
RESOURCES: Final = {
    "/customers/search": "Customers > All Customers",
    "/orders": "Sales > Operations > Orders",
    "/creditmemos": "Sales > Operations > Credit Memos",
    "/products": "Catalog > Inventory > Products",
    "/carts/search": "Carts > Manage carts",
}
_AGAIN: Final = "Try again in some minutes; is the shop in maintenance?"
_POLLED: Final = "nothing: it is polled, and the newsletter compared each night"


def check(settings: SourceSettings, topics: Sequence[str], access: Access) -> list[Finding]:
    """Return the findings; see `Connector.check`."""
    try:
        shop = Shop(settings, access)
        views = shop.rows("/store/storeViews")
    except TajoError as error:
        return [shut_out("keys", error, _AGAIN)]
    told = "the access token alone opens the API" if is_bearer(settings.options) else "they open the API"
    found = [Finding("keys", "ok", f"{told} of {len(views)} store views")]
    for path, name in RESOURCES.items():
        found += _resource(shop, path, name)
    return [*found, *_webhooks(shop, topics), *_io_keys(settings, access), *_version(shop)]


def _resource(shop: Shop, path: str, name: str) -> list[Finding]:
    word = path.split("/")[1]
    try:
        rows = shop.search(path, (), ("entity_id",), 1).rows
    except Rejected as error:
        fix = f"Tick {name} in the integration and save it: {remedy_of(shop.settings.options)}"
        return [Finding(word, "fail", error.reason, fix)]
    except TooMuch:
        return [Finding(word, "warn", "the first one breaks its page", "A run names it.")]
    except ConfigError as error:
        return [Finding(word, "fail", error.reason, error.remedy)]
    except TajoError as error:
        return [Finding(word, "fail", str(error), _AGAIN)]
    return [Finding(word, "ok", "can be read"), *(_flag(shop, rows) if path == "/customers/search" else ())]


def _flag(shop: Shop, rows: Sequence[Row]) -> list[Finding]:
    try:
        account = shop.one(f"/customers/{rows[0].get('id')}") if rows else None
    except TajoError as error:
        return [Finding("newsletter", "fail", str(error), _AGAIN)]
    if account is None or row_flag(account) is not None:
        return [Finding("newsletter", "ok", "accounts tell whether they have it")]
    return [
        Finding("newsletter", "warn", "accounts do not tell whether they have it", "Update Magento (2.3 or later).")
    ]


def _webhooks(shop: Shop, topics: Sequence[str]) -> list[Finding]:
    try:
        there = {str(row.get("topic")) for row in hooks.listed(shop) if row.get("is_active") is True}
    except Rejected as error:
        return [Finding("webhooks", "warn", error.reason, "Tick the module's resource in the integration.")]
    except ConfigError as error:
        return [Finding("webhooks", "warn", _POLLED, error.remedy)]
    except TajoError as error:
        return [Finding("webhooks", "fail", str(error), _AGAIN)]
    missing = [topic for topic in topics if topic not in there]
    if missing:
        return [Finding("webhooks", "warn", f"{len(missing)} topics have none", "Run `tajo connectors install`.")]
    return [Finding("webhooks", "ok", f"the module tells of {len(there)} topics")]


def _io_keys(settings: SourceSettings, access: Access) -> list[Finding]:
    """Compare the keys of the config with those that Adobe has below the one host that is believed."""
    try:
        keys = read_keys(settings.options.get("io_keys"))
    except ConfigError as error:
        return [Finding("io keys", "fail", error.reason, error.remedy)]
    found = []
    for path, key in keys.items():
        fix = "Look at the headers of a delivery in Adobe's console (Debug Tracing), and write the new path and key."
        try:
            reply = access.http.send("GET", f"{KEY_HOST}{path}", headers={})
            theirs = read_keys({path: reply.body.decode(errors="replace")})[path] if reply.status == 200 else None
        except ConfigError:
            theirs = None
        except TajoError as error:
            found.append(Finding("io keys", "warn", f"Adobe's key cannot be compared: {error}", _AGAIN))
            continue
        is_same = theirs is not None and theirs.public_numbers() == key.public_numbers()
        what = "is Adobe's" if is_same else "is not Adobe's any more"
        found.append(
            Finding("io keys", "ok" if is_same else "warn", f"the key of {path} {what}", "" if is_same else fix)
        )
    return found


def _version(shop: Shop) -> list[Finding]:
    """Return what the shop says it is: a page for everybody, which many switch off."""
    try:
        reply = shop.access.http.send("GET", f"{shop.address}/magento_version", headers={})
    except TajoError:
        return []
    text = reply.body[:60].decode(errors="replace")
    is_told = reply.status == 200 and text.startswith("Magento/") and text.isprintable()
    return [Finding("version", "ok", text)] if is_told else []
