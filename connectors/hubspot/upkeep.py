"""The webhooks of an app: one address for the app, one subscription for each word and, for changes, each property.

https://developers.hubspot.com/docs/api-reference/2026-09/webhooks/guide. The API serves apps that were made in
HubSpot's developer account; the webhooks of a project app stand in its files, those of a private app on its page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from connectors.hubspot.account import Account
from connectors.hubspot.api import RULES, rows_of, word
from customer_sync.errors import ConfigError, Missing
from customer_sync.kit.logins import bearer
from customer_sync.kit.reach import Access, Upkeep
from customer_sync.kit.rest import Rejected, Rest
from customer_sync.model import Json

#: How many deliveries HubSpot may send at once.
AT_ONCE: Final = 10
#: The properties whose changes are told; `lastmodifieddate` cannot be subscribed to.
CONTACT_PROPERTIES: Final = (
    *("email", "firstname", "lastname", "phone", "mobilephone", "company", "city", "zip", "hs_country_region_code"),
    *("hs_language", "lifecyclestage", "hs_additional_emails", "total_revenue"),
)
DEAL_PROPERTIES: Final = ("dealname", "amount", "deal_currency_code", "dealstage", "pipeline", "closedate")
#: The words without a property.
PLAIN: Final = (
    *("contact.creation", "contact.deletion", "contact.restore", "contact.merge", "contact.privacyDeletion"),
    *("deal.creation", "deal.deletion", "deal.restore", "deal.merge", "deal.associationChange"),
)
_KEYS: Final = "Set developer_token to a token that may change the app's webhooks (scope developers-write)."


class Hook(NamedTuple):
    """What is subscribed to."""

    topic: str
    name: str = ""


def wanted(account: Account) -> tuple[Hook, ...]:
    """Return all that a source needs to be told."""
    own = (*CONTACT_PROPERTIES, *account.opt_outs, account.opt_in, *account.properties)
    changes = [Hook("contact.propertyChange", name) for name in dict.fromkeys(own) if name]
    changes += [Hook("deal.propertyChange", name) for name in DEAL_PROPERTIES]
    return (*(Hook(topic) for topic in PLAIN), *changes)


def ensure(account: Account, address: str, access: Access) -> Upkeep:
    """List, make and repair; see `Connector.ensure_webhooks`.

    Raises:
        ConfigError: the keys for it are missing; the remedy says how webhooks are made by hand.
        TajoError: as `Rest.call`.
    """
    if not (account.app and account.developer_token):
        raise ConfigError("Which app sends HubSpot's webhooks is not configured.", by_hand(account, address))
    rest = _rest(account, access)
    moved = _point(rest, account, address)
    there = {_hook(row): row for row in rows_of(rest.get(_path(account, "/subscriptions")).object())}
    created: dict[str, None] = {}
    repaired: dict[str, str] = {}
    failed: dict[str, str] = {}
    for hook in wanted(account):
        try:
            done = _mend(rest, account, hook, there.get(hook))
        except Rejected as error:
            failed[hook.topic] = f"{hook.name or hook.topic}: {error.reason}"
            continue
        if done == "created":
            created[hook.topic] = None
        elif done or moved:
            repaired[hook.topic] = done or moved
    made = tuple(topic for topic in created if topic not in failed)
    mended = {topic: why for topic, why in repaired.items() if topic not in created and topic not in failed}
    topics = dict.fromkeys(hook.topic for hook in wanted(account))
    return Upkeep(
        kept=tuple(topic for topic in topics if topic not in created and topic not in mended and topic not in failed),
        created=made,
        repaired=mended,
        failed=failed,
    )


def lacking(account: Account, access: Access) -> list[Hook]:
    """Return what is not subscribed to.

    Raises:
        TajoError: as `Rest.call`.
    """
    rows = rows_of(_rest(account, access).get(_path(account, "/subscriptions")).object())
    there = {_hook(row) for row in rows if row.get("active") is True}
    return [hook for hook in wanted(account) if hook not in there]


def by_hand(account: Account, address: str = "") -> str:
    """Return how webhooks are made where no key may make them."""
    url = address or "the address that `tajo connectors install` names"
    changes = ", ".join(hook.name for hook in wanted(account) if hook.topic == "contact.propertyChange")
    return (
        f"Set the app's target URL to {url} and subscribe it to {', '.join(PLAIN)}; to contact.propertyChange of "
        f"{changes}; to deal.propertyChange of {', '.join(DEAL_PROPERTIES)}. A project app has them in its "
        f"webhooks/*-hsmeta.json, a private app on its page. Or set app_id and developer_token below "
        f"connectors.{account.source}."
    )


def _point(rest: Rest, account: Account, address: str) -> str:
    """Let the app call an address; return what was wrong before, "" when nothing was."""
    path = _path(account, "/settings")
    try:
        now = rest.get(path).object().get("targetUrl")
    except Missing:
        now = None
    if now == address:
        return ""
    throttling: Mapping[str, Json] = {"maxConcurrentRequests": AT_ONCE}
    rest.call("PUT", path, json_body={"targetUrl": address, "throttling": dict(throttling)})
    return "another address"


def _mend(rest: Rest, account: Account, hook: Hook, row: Mapping[str, Json] | None) -> str:
    """Make a subscription right; return what was done, "" for nothing."""
    path = _path(account, "/subscriptions")
    if row is None:
        asked: dict[str, Json] = {"eventType": hook.topic, "active": True}
        rest.call("POST", path, json_body=asked | ({"propertyName": hook.name} if hook.name else {}))
        return "created"
    if row.get("active") is True:
        return ""
    rest.call("PATCH", f"{path}/{row.get('id')}", json_body={"active": True})
    return "paused"


def _rest(account: Account, access: Access) -> Rest:
    account.must_be_sound()
    return Rest(access, account.root, "HubSpot", bearer(account.developer_token), RULES, _KEYS, word_of=word)


def _path(account: Account, rest: str) -> str:
    return f"/app-webhooks/{account.version}/{account.app}{rest}"


def _hook(row: Mapping[str, Json]) -> Hook:
    name = row.get("propertyName")
    return Hook(str(row.get("eventType")), name if isinstance(name, str) else "")


def topics_of(hooks: Sequence[Hook]) -> list[str]:
    """Return the words of some subscriptions, each once."""
    return list(dict.fromkeys(hook.topic for hook in hooks))
