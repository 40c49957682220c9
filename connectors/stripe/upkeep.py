"""The webhook endpoint: one for all topics, listed, made, repaired; those of other programs are left alone.

https://docs.stripe.com/api/webhook_endpoints. Stripe tells the signing secret once, in the answer that makes the
endpoint. It is kept in the vault, encrypted, where it counts at once, beside those of the settings; the owner sees it
in the Dashboard at any time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from connectors.stripe.account import CHARGES_VERSION
from connectors.stripe.api import Api, Row
from customer_sync.errors import ConfigError
from customer_sync.kit.own_hooks import OwnHooks, told_secret
from customer_sync.kit.paging import State
from customer_sync.kit.reach import WEBHOOKS, Finding, Upkeep, Vault
from customer_sync.model import Json

PATH: Final = "/v1/webhook_endpoints"
_ALL: Final = "*"
REVEAL: Final = (
    "Reveal its signing secret in Stripe's Dashboard, under Developers > Webhooks, and set it as `webhook_secret` (a "
    "list while there are several), then start `tajo run` again."
)


def ensure(api: Api, address: str, topics: Sequence[str], secrets: Sequence[str]) -> Upkeep:
    """Make the endpoint right; see `Connector.ensure_webhooks`.

    Args:
        api: the API.
        address: the public address of this source's webhooks.
        topics: what it is to send.
        secrets: those that the settings hold.

    Raises:
        TajoError: as `Rest.call`.
    """
    if urlsplit(address).scheme != "https" and api.account.base_url.startswith("https:"):
        raise ConfigError("Stripe calls only addresses that begin with https://.", "Set TAJO_PUBLIC_URL to one.")
    own = OwnHooks(api.access.vault)
    ours = sorted(
        (one for one in listed(api) if isinstance(one.get("id"), str) and own.has(one["id"], one.get("url"), address)),
        key=lambda one: (_wrong(one, address) != "", str(one.get("id"))),
    )
    if not ours:
        number, secret = _make(api, address, topics)
        own.keep([number])
        return Upkeep(created=tuple(topics), secret=secret)
    best, *others = ours
    for other in others:
        api.rest.call("DELETE", f"{PATH}/{other['id']}")
    has, wrong = _topics(best), _wrong(best, address)
    missing = [topic for topic in topics if topic not in has and _ALL not in has]
    if wrong or missing:
        events = has if _ALL in has else [*has, *missing]
        form = [("url", address), ("disabled", "false"), *(("enabled_events[]", one) for one in events)]
        api.rest.call("POST", f"{PATH}/{best['id']}", form=form)
    own.keep([best["id"]])
    kept = tuple(topic for topic in topics if topic not in missing and not wrong)
    repaired = {topic: wrong for topic in topics if topic not in missing and wrong}
    removed = tuple(topics) if others else ()
    made = _made(api.access.vault)
    told = str(made["secret"]) if made.get("id") == best["id"] and made.get("secret") not in secrets else ""
    return Upkeep(kept, tuple(missing), repaired, removed=removed, secret=told)


def listed(api: Api) -> list[Row]:
    """Return every endpoint of the account.

    Raises:
        TajoError: as `Api.page`.
    """
    found: list[Row] = []
    state: State | None = {}
    while state is not None:
        page = api.page(PATH, (), state)
        found, state = [*found, *page.rows], page.after
    return found


def examine(api: Api, secrets: Sequence[str]) -> list[Finding]:
    """Return whether the endpoint that leads here is on, and whether a secret is known here.

    Raises:
        TajoError: as `Api.page`.
    """
    there, own = listed(api), OwnHooks(api.access.vault)
    ours = [one for one in there if own.knows(one.get("id"))]
    if ours and not any(secrets) and not told_secret(api.access.vault):
        cause = f"the endpoint {ours[0]['id']} leads here, and its signing secret is not known"
        return [Finding("signing secret", "warn", cause, REVEAL)]
    off = [one for one in there if one.get("status") == "disabled"]
    if off:
        cause = f"{len(off)} of {len(there)} endpoints are disabled: Stripe does so after days without an answer"
        return [Finding("webhooks", "warn", cause, "Run `tajo connectors install` for this source.")]
    return [Finding("webhooks", "ok", f"{len(there)} endpoints are on" if there else "no endpoint yet")]


def _make(api: Api, address: str, topics: Sequence[str]) -> tuple[Json, str]:
    """Make an endpoint, in the last version in which a charge names its invoice; keep and return its id and secret."""
    form = [("url", address), ("api_version", CHARGES_VERSION), ("description", "Tajo Customer Sync")]
    form += [("enabled_events[]", topic) for topic in topics]
    made = api.rest.call("POST", PATH, form=form).object()
    with api.access.vault.locked():
        told: dict[str, Json] = {"id": made.get("id"), "secret": made.get("secret")}
        api.access.vault.save({**api.access.vault.load(), WEBHOOKS: told})
    return made.get("id"), str(made.get("secret") or "")


def _made(vault: Vault) -> dict[str, Json]:
    found = vault.load().get(WEBHOOKS)
    return found if isinstance(found, dict) else {}


def _wrong(endpoint: Row, address: str) -> str:
    wrong = (
        (endpoint.get("url") != address, "another address"),
        (endpoint.get("status") == "disabled", "disabled"),
    )
    return ", ".join(what for is_so, what in wrong if is_so)


def _topics(endpoint: Row) -> list[str]:
    found = endpoint.get("enabled_events")
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
