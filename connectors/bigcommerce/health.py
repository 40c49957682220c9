"""What is well with a store and what is not: key, rights, webhooks, signatures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from connectors.bigcommerce import hooks, pull
from connectors.bigcommerce.account import Shop, text
from customer_sync.errors import ConfigError, Missing, TajoError
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.reach import Access, Finding, shut_out

#: Scope → the call that needs it.
_NEEDS: Final[Mapping[str, str]] = {
    "store_v2_customers": pull.CUSTOMERS,
    "store_v2_orders_read_only": "/v2/orders",
    "store_v2_products_read_only": pull.PRODUCTS,
    # carts are not listed: there is none of this id, and who may look is told so
    "store_cart_read_only": "/v3/carts/00000000-0000-0000-0000-000000000000",
}
_SCOPES: Final = "Give the API account the scope, as the README names it, and put its new token into tajo.yaml."
_INSTALL: Final = "Run `tajo connectors install`."


def check(settings: SourceSettings, topics: Sequence[str], access: Access) -> list[Finding]:
    """Return what was found; never raises."""
    try:
        shop = Shop(settings, access)
        store = shop.get("/v2/store").object()
    except TajoError as error:
        return [shut_out("token", error, "Look again when BigCommerce answers.")]
    found = [Finding("token", "ok", f"it opens a store in {store.get('currency') or 'an unknown currency'}")]
    return [*found, *_scopes(shop), *_webhooks(settings, topics, shop), _signed(settings)]


def _scopes(shop: Shop) -> list[Finding]:
    found = []
    for scope, path in _NEEDS.items():
        try:
            shop.get(path, {"limit": "1"})
        except Missing:
            continue
        except ConfigError as error:
            found.append(Finding("scopes", "fail", f"{scope} is missing: {error.reason}", _SCOPES))
        except TajoError as error:
            found.append(shut_out("scopes", error, "Look again when BigCommerce answers."))
    return found or [Finding("scopes", "ok", "customers, subscribers, orders, products and carts can be read")]


def _webhooks(settings: SourceSettings, topics: Sequence[str], shop: Shop) -> list[Finding]:
    try:
        ours = [one for one in hooks.hooks_of(shop) if hooks.is_ours(one, settings.secrets)]
    except TajoError as error:
        return [shut_out("webhooks", error, "Look again when BigCommerce answers.")]
    off = sorted({topic for topic in topics for one in ours if one.is_about(topic) and not one.is_active})
    lacking = [topic for topic in topics if not any(one.is_about(topic) for one in ours)]
    if len(lacking) == len(topics):
        return [Finding("webhooks", "warn", "there are none of this source", _INSTALL)]
    if off or lacking:
        told = [f"switched off: {', '.join(off)}"] * bool(off) + [f"missing: {', '.join(lacking)}"] * bool(lacking)
        return [Finding("webhooks", "warn", "; ".join(told), _INSTALL)]
    return [Finding("webhooks", "ok", f"{len(topics)} topics are told")]


def _signed(settings: SourceSettings) -> Finding:
    if text(settings, "client_secret"):
        return Finding("signatures", "ok", "signed deliveries are checked, and the secret header of every one")
    return Finding(
        "signatures",
        "warn",
        "only the secret header of deliveries is checked",
        "Set client_secret of the API account: BigCommerce signs deliveries with it.",
    )
