"""What is well with a shop and what is not, for `tajo doctor`: each check finds something, none raises."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal

from connectors.woocommerce import auth
from connectors.woocommerce.answers import Rejected
from connectors.woocommerce.api import (
    CURRENCY,
    CUSTOMERS,
    IMPORTS,
    ORDERS,
    PRODUCTS,
    REMINDER,
    REPORT,
    SYSTEM,
    WEBHOOKS,
    Shop,
)
from connectors.woocommerce.auth import Way
from connectors.woocommerce.hooks import Made, every_hook, fingerprint, made_before, newest_secret
from customer_sync.errors import ConfigError, TajoError, TryLater
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.reach import Access, Finding, shut_out
from customer_sync.model import Json

#: `modified_after` came with it; from here on an incremental pull sees changed orders.
_OLDEST = (5, 8)
_OTHERS = "Before you enable `abandoned-cart`, switch off the reminders of other plugins: they cannot be seen here."
_LATER = "Try again; if it stays, look at the shop's firewall and log."
_VERSION = re.compile(r"(\d+)\.(\d+)[0-9A-Za-z.-]{0,20}")
_PROOFS: Mapping[Way, str] = {
    Way.BASIC: "HTTP Basic",
    Way.QUERY: "the query string",
    Way.OAUTH1: "an OAuth 1 signature",
}


def check(settings: SourceSettings, topics: Sequence[str], access: Access) -> list[Finding]:
    """Return what is well with a source and what is not. The first failure that hides the rest ends it."""
    try:
        shop = Shop(settings, access)
    except TajoError as error:
        return [_failed("settings", error)]
    try:
        accounts = shop.listing(CUSTOMERS, per_page="1").rows
    except ConfigError as error:
        return [shut_out("keys", error, "")]
    except TajoError as error:
        return [shut_out("store", error, _LATER)]
    checks: Sequence[tuple[str, Callable[[], Finding]]] = (
        ("permissions", partial(_permissions, shop)),
        ("orders, products", partial(_reads, shop)),
        ("webhooks", partial(_webhooks, shop, settings, topics, access)),
        ("analytics", partial(_analytics, shop)),
        ("cart mails", partial(_cart_mails, shop)),
        ("version", partial(_version, shop)),
    )
    return [
        Finding("store", "ok", "It answers."),
        *_keys(shop, settings),
        _boxes(accounts),
        *(_safely(name, one) for name, one in checks),
    ]


def _keys(shop: Shop, settings: SourceSettings) -> list[Finding]:
    if shop.address.startswith("http://") and shop.way is not Way.OAUTH1 and not auth.is_near(shop.address):
        keys = Finding("keys", "warn", "They travel unencrypted.", "Use https, or set `auth: oauth1`.")
    elif shop.way is Way.QUERY and auth.chosen_way(settings) is not Way.QUERY:
        cause = "A proxy takes HTTP Basic away; the query string works, and ends up in the server's log."
        keys = Finding("keys", "warn", cause, "Pass Authorization on (Apache: CGIPassAuth On), or set `auth: query`.")
    elif shop.way is Way.OAUTH1_AS_HTTP:
        cause = "WordPress believes that it is called by http (is_ssl() is false); OAuth 1 works."
        keys = Finding("keys", "warn", cause, "Pass X-Forwarded-Proto on, and let wp-config.php set HTTPS by it.")
    else:
        keys = Finding("keys", "ok", f"They are accepted by {_PROOFS[shop.way]}.")
    if not shop.by_query:
        return [keys, Finding("permalinks", "ok", "/wp-json/ answers.")]
    fix = "Choose any other than Plain in Settings > Permalinks: connecting in a browser needs it."
    return [keys, Finding("permalinks", "warn", "They are plain; ?rest_route= is used.", fix)]


def _boxes(accounts: Sequence[Mapping[str, Json]]) -> Finding:
    """Look whether an account shows its plugins' fields: WooCommerce keeps them from all but administrators.

    Read in class-wc-rest-customers-v2-controller.php ("Security update 242", 2023-01), seen in 9.8.3 and 11.0.1.
    """
    if not accounts:
        return Finding("newsletter boxes", "ok", "Not known yet: the shop has no customers.")
    if any("meta_data" in account for account in accounts):
        return Finding("newsletter boxes", "ok", "The key sees the plugins' fields of accounts.")
    cause = "The key's user is no administrator: boxes of accounts (`meta_data`), and withdrawals in them, are hidden."
    fix = "Make the key as an administrator; with it `tajo connectors install` makes the webhooks anew."
    return Finding("newsletter boxes", "warn", cause, fix)


def _permissions(shop: Shop) -> Finding:
    """Ask for a change of a webhook that does not exist: WooCommerce looks at the key first, and nothing can happen."""
    fix = "In WooCommerce > Settings > Advanced > REST API give the key Read/Write, and an administrator as its user."
    try:
        shop.call("PUT", f"{WEBHOOKS}/0", body={})
    except Rejected as refusal:
        if refusal.status == 403:
            return Finding("permissions", "warn", "The key's user may not manage webhooks.", fix)
    except ConfigError:
        return Finding("permissions", "warn", "The key may read and not write: webhooks are made by hand.", fix)
    return Finding("permissions", "ok", "The key may read and write.")


def _webhooks(shop: Shop, settings: SourceSettings, topics: Sequence[str], access: Access) -> Finding:
    source, made = settings.name, made_before(access.vault)
    there = every_hook(shop)
    # those at another address may be another installation's: where we made some, they alone are ours
    ours = [hook for hook in there if str(hook.get("id")) in made] or [
        hook for hook in there if str(hook.get("delivery_url")).rstrip("/").endswith(f"/webhooks/{source}")
    ]
    active = {str(hook.get("topic")) for hook in ours if hook.get("status") == "active"}
    fix = f"Run `tajo connectors install {source}`."
    if off := sorted({str(hook.get("topic")) for hook in ours} - active):
        return Finding("webhooks", "fail", f"WooCommerce switched off: {', '.join(off)}.", fix)
    if not active:
        return Finding("webhooks", "fail", "There are none of ours.", fix)
    hows = [made.get(str(hook.get("id")), Made()) for hook in ours]
    told = _foreign(hows, shop, settings)
    missing = [topic for topic in topics if topic not in active]
    if missing and (told is None or told[0] == "warn"):
        return Finding("webhooks", "warn", f"Missing: {', '.join(missing)}.", fix)
    if told is not None:
        return Finding("webhooks", *told, fix)
    return Finding("webhooks", "ok", f"All {len(topics)} are active.")


def _foreign(hows: Sequence[Made], shop: Shop, settings: SourceSettings) -> tuple[Literal["warn", "fail"], str] | None:
    """Return what is wrong with how webhooks were made: another secret, or rights of somebody unknown."""
    newest, live = fingerprint(newest_secret(settings.secrets)), {fingerprint(one) for one in settings.secrets}
    given = {how.secret for how in hows if how.secret}
    if refused := sum(how.secret not in live for how in hows if how.secret):
        return "fail", f"{refused} sign with a secret that `webhook_secret` does not hold: what they send is refused."
    if given - {newest}:
        return "warn", "They sign with an older secret than the first of `webhook_secret`."
    if foreign := sum(how.key != shop.fingerprint for how in hows):
        cause = f"{foreign} were not made with this key: nobody knows whether their owner still has the rights."
        return "warn", cause
    return None


def _analytics(shop: Shop) -> Finding:
    try:
        total = shop.listing(REPORT, per_page="1").total
    except Rejected as refusal:
        cause = f"It does not answer ({refusal.status}): no order totals, and a full pull reads every order for guests."
        return Finding("analytics", "warn", cause, "Switch it on in WooCommerce > Settings > Advanced > Features.")
    known = "It answers." if total is None else f"It knows {total} customers and guests."
    if _is_scheduled(shop):
        cause = f"{known} It is filled every 12 hours only: totals and guests of a pull are up to half a day old."
        return Finding(
            "analytics", "warn", cause, "In Analytics > Settings let WooCommerce update the data immediately."
        )
    return Finding("analytics", "ok", known)


def _is_scheduled(shop: Shop) -> bool:
    """Tell whether the report is filled every 12 hours, as new shops do since 10.5 (seen on 11.0.1, 2026-11-28)."""
    try:
        return shop.get(IMPORTS).get("mode") == "scheduled"
    except (Rejected, TryLater):
        return False


def _reads(shop: Shop) -> Finding:
    """Look whether the key's user may read what runs read beside customers, and the currency of prices."""
    barred = [name for name, route in (("orders", ORDERS), ("products", PRODUCTS)) if not _may_list(shop, route)]
    fix = "In WooCommerce > Settings > Advanced > REST API give the key an administrator as its user."
    if barred:
        return Finding("orders, products", "warn", f"The key's user may not read {' and '.join(barred)}.", fix)
    try:
        shop.get(CURRENCY)
    except Rejected:
        cause = "The key's user may not see the shop's settings: products come without their currency."
        return Finding("orders, products", "warn", cause, fix)
    return Finding("orders, products", "ok", "The key may read them.")


def _may_list(shop: Shop, route: str) -> bool:
    try:
        shop.listing(route, per_page="1")
    except Rejected:
        return False
    return True


def _cart_mails(shop: Shop) -> Finding:
    """Look whether WooCommerce reminds of carts itself; what other plugins send cannot be seen."""
    try:
        is_on = all(shop.get(f"{REMINDER}/{setting}").get("value") == "yes" for setting in ("enabled", "automated"))
    except Rejected as refusal:
        is_none = refusal.status == 404
        cause = "WooCommerce has none of its own." if is_none else "Whether WooCommerce sends its own is not known."
        return Finding("cart mails", "ok", f"{cause} {_OTHERS}")
    if is_on:
        cause = "WooCommerce's own cart recovery e-mail is on: with `abandoned-cart` a buyer gets two reminders."
        fix = (
            "Switch it off in WooCommerce > Settings > Emails > Abandoned cart recovery before `abandoned-cart` is on."
        )
        return Finding("cart mails", "warn", cause, fix)
    return Finding("cart mails", "ok", f"WooCommerce's own cart recovery e-mail is not sent by itself. {_OTHERS}")


def _version(shop: Shop) -> Finding:
    try:
        told = shop.get(SYSTEM, _fields="environment").get("environment")
    except Rejected:
        return Finding("version", "ok", "The key's user may not see it.")
    environment: Mapping[str, Json] = told if isinstance(told, dict) else {}
    version = _VERSION.fullmatch(str(environment.get("version")))
    if version is None:
        return Finding("version", "ok", "The shop does not tell it.")
    if (int(version[1]), int(version[2])) < _OLDEST:
        cause = f"WooCommerce {version[0]} cannot list changed orders."
        return Finding("version", "warn", cause, "Update it; until then only a full pull finds what webhooks missed.")
    if environment.get("wp_cron") is False:
        cause = f"WooCommerce {version[0]}; WP-Cron is off, and webhooks are sent by it."
        return Finding("version", "warn", cause, "Make sure that the server's own cron calls wp-cron.php each minute.")
    return Finding("version", "ok", f"WooCommerce {version[0]}.")


def _safely(name: str, one: Callable[[], Finding]) -> Finding:
    try:
        return one()
    except TajoError as error:
        return _failed(name, error)


def _failed(name: str, error: TajoError) -> Finding:
    if isinstance(error, ConfigError):
        return Finding(name, "fail", error.reason, error.remedy)
    return Finding(name, "fail", str(error), _LATER)
