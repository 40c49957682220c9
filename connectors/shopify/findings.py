"""What `tajo doctor` asks of a Shopify source: token, API version, scopes, protected data, webhooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from connectors.shopify import queries, sight, upkeep
from connectors.shopify.account import API_VERSION, SCOPES, host_of, is_granted
from connectors.shopify.api import PROTECTED_REASON, PROTECTED_REMEDY, Api, branch, items
from connectors.shopify.tokens import KINDS
from customer_sync.errors import Parkable, TajoError
from customer_sync.kit.reach import Finding, shut_out

ALL_ORDERS: Final = "read_all_orders"
OLD_ORDERS: Final = "Shopify shows this app the orders of the last 60 days only."
OLD_ORDERS_REMEDY: Final = (
    "For older ones ask for read_all_orders in the Dev Dashboard (API access), add it and install the app again."
)
#: What a buyer who gets two reminders of one cart is spared by.
REMINDER: Final = (
    "Before `abandoned-cart` is on, switch Shopify's own abandoned checkout automation off (Marketing > Automations): "
    "otherwise a buyer gets two reminders."
)
_LATER: Final = "Try again in a minute; then see Shopify's status page."


def examine(api: Api, topics: Sequence[str]) -> list[Finding]:
    """Return what is well and what is not. Never raises: what fails is a finding with its remedy."""
    account = api.account
    if not account.can_ask:
        fix = f"To pull customers too, set shop_url, api_key and api_secret below connectors.{account.source}."
        return [Finding("token", "warn", "no keys: customers are heard of by webhook only", fix)]
    found = _safely("token", lambda: [_token(api)], is_door=True)
    if found[0].verdict == "fail":
        return found
    found += _safely("api", lambda: _installation(api), is_door=True)
    if found[-1].name == "api":
        return found
    found += _safely("protected data", lambda: [_protected(api)])
    found += _safely("webhooks", lambda: _webhooks(api, topics))
    return [
        *found,
        Finding("cart mails", "ok", "whether Shopify reminds of carts itself cannot be seen from here", REMINDER),
    ]


def _safely(name: str, look: Callable[[], Iterable[Finding]], *, is_door: bool = False) -> list[Finding]:
    try:
        return list(look())
    except Parkable as error:
        return [Finding(name, "fail", error.reason, error.remedy)]
    except TajoError as error:
        found = shut_out(name, error, _LATER)
        return [found if is_door else found._replace(why="")]
    except Exception as error:  # noqa: BLE001 - a doctor that dies of what he finds helps nobody
        return [Finding(name, "fail", f"the check itself failed: {type(error).__name__}", "Please report this.")]


def _token(api: Api) -> Finding:
    token = api.tokens.current()
    if token.expires_at_s is None:
        return Finding("token", "ok", f"{KINDS.get(token.kind, token.kind)}; it does not end")
    until = datetime.fromtimestamp(token.expires_at_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return Finding("token", "ok", f"by {KINDS.get(token.kind, token.kind)}; good until {until}, renewed before")


def _installation(api: Api) -> list[Finding]:
    data = api.ask(queries.INSTALLATION).data
    handles = items(branch(data, "currentAppInstallation"), "accessScopes")
    granted = frozenset(str(one.get("handle")) for one in handles if isinstance(one, dict))
    return [_version(api, data.get("publicApiVersions")), *_scopes(granted), *_orders(granted), *_storefront(api, data)]


def _version(api: Api, published: Any) -> Finding:
    asked = api.account.api_version
    known = [one for one in published or () if isinstance(one, dict)]
    supported = sorted(str(one.get("handle")) for one in known if one.get("supported"))
    fix = f"Set api_version to {API_VERSION}, or remove it."
    if supported and asked not in supported:
        return Finding("api version", "warn", f"{asked} is not supported; supported: {', '.join(supported)}", fix)
    if api.notes:
        return Finding("api version", "warn", api.notes[0], fix)
    return Finding("api version", "ok", asked)


def old_orders(api: Api) -> str:
    """Return that the app sees no old orders, "" where it does.

    https://shopify.dev/docs/api/usage/access-scopes#orders-permissions: without `read_all_orders`, which Shopify grants
    on request, an app sees the orders of the last 60 days.

    Raises:
        TajoError: as `Api.ask`.
    """
    handles = items(branch(api.ask(queries.INSTALLATION).data, "currentAppInstallation"), "accessScopes")
    granted = frozenset(str(one.get("handle")) for one in handles if isinstance(one, dict))
    return "" if ALL_ORDERS in granted else f"{OLD_ORDERS} {OLD_ORDERS_REMEDY}"


def _orders(granted: frozenset[str]) -> list[Finding]:
    """Tell how far back orders can be seen; nothing where there are none to be seen."""
    if not is_granted("read_orders", granted):
        return []
    if ALL_ORDERS in granted:
        return [Finding("old orders", "ok", "orders of any age can be seen")]
    return [Finding("old orders", "ok", OLD_ORDERS, OLD_ORDERS_REMEDY)]


def _storefront(api: Api, data: Mapping[str, Any]) -> list[Finding]:
    """Tell that links to products lead to another domain than the shop's own; nothing where they do not."""
    domain, ours = data, api.account.storefront()
    for key in ("shop", "primaryDomain"):
        domain = found if isinstance(found := domain.get(key), dict) else {}
    url = str(domain.get("url") or "").rstrip("/")
    if not url or host_of(url) == host_of(ours):
        return []
    fix = f"Set storefront_url: {url} below connectors.{api.account.source}, so that they lead there at once."
    return [Finding("storefront", "ok", f"links to products begin with {ours}; the shop's own domain is {url}", fix)]


def _scopes(granted: frozenset[str]) -> list[Finding]:
    missing = [scope for scope in SCOPES if not is_granted(scope, granted)]
    if not missing:
        return [Finding("scopes", "ok", ", ".join(sorted(granted)))]
    without = "; ".join(f"{scope}: no {SCOPES[scope]}" for scope in missing)
    fix = f"Add {', '.join(missing)} in the Dev Dashboard, release the version and install the app again."
    return [Finding("scopes", "fail" if "read_customers" in missing else "warn", f"missing: {without}", fix)]


def _protected(api: Api) -> Finding:
    found = sight.look(api)
    denied = sorted(found.sight.denied & set(queries.PROTECTED))
    if denied:
        return Finding("protected data", "fail", f"{PROTECTED_REASON} Not seen: {', '.join(denied)}", PROTECTED_REMEDY)
    if "defaultEmailAddress" in found.sight.hidden:
        cause = f"none of the {found.sampled} customers that changed last shows an e-mail address"
        return Finding("protected data", "warn", cause, PROTECTED_REMEDY)
    if not found.sampled:
        return Finding("protected data", "ok", "not known yet: the store has no customers")
    return Finding("protected data", "ok", "names, e-mail, phone and address can be seen")


def _webhooks(api: Api, topics: Sequence[str]) -> list[Finding]:
    """Look at each topic's subscription. The public address is not known here, so whose it is cannot be told."""
    made = {hook.topic for hook in upkeep.listed(api) if hook.is_json and hook.is_whole}
    wanted = upkeep.subscribable(topics)
    missing = [topic for topic in wanted if upkeep.enum_of(topic) not in made]
    told = f"Set {', '.join(upkeep.PRIVACY)} in shopify.app.toml: Shopify takes them from nowhere else."
    privacy = Finding("privacy webhooks", "ok", "they cannot be seen from here", told)
    if not missing:
        return [Finding("webhooks", "ok", f"all {len(wanted)} topics"), privacy]
    fix = f"Run `tajo connectors install {api.account.source}`; those set in shopify.app.toml cannot be seen here."
    return [Finding("webhooks", "warn", f"{len(missing)} without one: {', '.join(missing)}", fix), privacy]
