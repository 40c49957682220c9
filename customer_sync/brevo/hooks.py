"""Brevo's webhook that leads here: looked for, made, put right; see `customer_sync.brevo.webhooks` for what it brings.

Sources: https://developers.brevo.com/reference/create-webhook and Brevo's OpenAPI document (2026-10). Without `type`
the list shows the transactional ones alone. An account has room for 40 of both sorts. The bucket is "everything else"
in https://developers.brevo.com/docs/api-limits: 100 calls an hour with the General plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from customer_sync.brevo.answers import WEBHOOKS
from customer_sync.brevo.client import Brevo
from customer_sync.brevo.webhooks import OWN_HEADER, SOURCE
from customer_sync.config import Settings
from customer_sync.errors import Missing
from customer_sync.kit.own_hooks import place_of
from customer_sync.kit.reach import Upkeep
from customer_sync.model import Json

#: What is asked for: people who leave, complain, bounce or are deleted; as they are registered.
EVENTS: Final = ("unsubscribed", "spam", "hardBounce", "contactDeleted")
#: How our webhook is called in Brevo's list.
DESCRIPTION: Final = "Tajo Customer Sync"
#: Where `tajo run` keeps the token that it made, in its folder.
KEPT_AT: Final = "brevo-webhook-secret"
BUCKET: Final = "other"
_ROUTE: Final = "/webhooks"
_ONE: Final = "/webhooks/{webhookId}"


class Hook(NamedTuple):
    """A webhook of the account that leads to an address of ours.

    Args:
        id: Brevo's number of it.
        events: what it tells of.
        carried: what it shows where a token may be; none where Brevo does not show it.
    """

    id: int
    events: tuple[str, ...]
    carried: tuple[str, ...]

    def carries(self, *tokens: str) -> bool | None:
        """Tell whether it carries one of these tokens; None where Brevo does not show what it carries."""
        return any(one in self.carried for one in tokens) if self.carried else None


def address_of(public_url: str) -> str:
    """Return where Brevo is to call, from the address at which the ingress is reached."""
    return f"{public_url.rstrip('/')}/webhooks/{SOURCE}"


def token_of(settings: Settings, home: Path) -> str:
    """Return the token of Brevo's webhook: the newest of the settings, else that which `tajo run` made, else ""."""
    if settings.brevo.webhook_secrets:
        return settings.brevo.webhook_secrets[0]
    try:
        return (home / KEPT_AT).read_text().strip()
    except OSError:
        return ""


def hooks_at(brevo: Brevo, address: str) -> list[Hook]:
    """Return the webhooks for marketing mails that lead to an address, the oldest first.

    Raises:
        TajoError: as `Brevo.call`.
    """
    path = f"{_ROUTE}?type=marketing&sort=asc"
    try:
        found = brevo.call("GET", path, bucket=BUCKET, answers=WEBHOOKS, endpoint=_ROUTE).json()
    except Missing:  # an account without any
        return []
    listed = found.get("webhooks") if isinstance(found, dict) else None
    rows = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    here = [row for row in rows if place_of(str(row.get("url"))) == place_of(address)]
    return [_hook(row) for row in here if row.get("channel") in {None, "email"}]


def missing_events(hooks: Sequence[Hook], *tokens: str) -> list[str]:
    """Return what none of these webhooks tells of with one of these tokens, though it is needed."""
    told = {event for hook in hooks if hook.carries(*tokens) is not False for event in hook.events}
    return [event for event in EVENTS if event not in told]


def ensure_webhook(brevo: Brevo, address: str, token: str) -> Upkeep:
    """Let one webhook tell an address of all that is needed; webhooks to other addresses are not touched.

    Where Brevo does not show what a webhook carries, the token is written again.

    Args:
        brevo: the account.
        address: see `address_of`.
        token: what the webhook is to carry, as bearer token.

    Raises:
        TajoError: as `Brevo.call`.
    """
    hooks = hooks_at(brevo, address)
    sign_in: Json = {"type": "bearer", "token": token}
    if not hooks:
        body: dict[str, Json] = {
            "type": "marketing",
            "channel": "email",
            "url": address,
            "events": list(EVENTS),
            "description": DESCRIPTION,
            "auth": sign_in,
        }
        brevo.call("POST", _ROUTE, body, bucket=BUCKET, answers=WEBHOOKS)
        return Upkeep(created=EVENTS)
    lost = missing_events(hooks, token)
    repaired: dict[str, str] = {}
    for hook in hooks:
        is_first, has_token = hook is hooks[0], hook.carries(token)
        added = [event for event in EVENTS if event in lost and event not in hook.events] if is_first else []
        if not added and has_token:
            continue
        change: Json = {"url": address, "events": [*hook.events, *added], "auth": sign_in}
        path = f"{_ROUTE}/{hook.id}"
        brevo.call("PUT", path, change, bucket=BUCKET, answers=WEBHOOKS, endpoint=_ONE)
        repaired |= dict.fromkeys(
            (one for one in hook.events if one in EVENTS and has_token is False), "it had another token"
        )
        repaired |= dict.fromkeys(added, "it was not told of")
    return Upkeep(kept=tuple(one for one in EVENTS if one not in repaired), repaired=repaired)


def _hook(row: dict[str, Any]) -> Hook:
    events = row.get("events")
    carried = tuple(str(value) for value in _carried(row) if value)
    return Hook(int(row["id"]), tuple(events) if isinstance(events, list) else (), carried)


def _carried(row: dict[str, Any]) -> Iterator[Any]:
    """Yield what a webhook shows where a token may be: bearer token, header, password of the URL."""
    auth, headers = row.get("auth"), row.get("headers")
    if isinstance(auth, dict):
        yield auth.get("token")
    for one in headers if isinstance(headers, list) else ():
        if isinstance(one, dict) and str(one.get("key")).lower() == OWN_HEADER:
            yield one.get("value")
    yield unquote(urlsplit(str(row.get("url"))).password or "")
