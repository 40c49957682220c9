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
        has_token: whether it carries the token; None where Brevo does not show what it carries.
    """

    id: int
    events: tuple[str, ...]
    has_token: bool | None


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


def hooks_at(brevo: Brevo, address: str, token: str) -> list[Hook]:
    """Return the webhooks for marketing mails that lead to an address, the oldest first.

    Raises:
        TajoError: as `Brevo.call`.
    """
    body = brevo.call("GET", f"{_ROUTE}?type=marketing&sort=asc", bucket=BUCKET, answers=WEBHOOKS, endpoint=_ROUTE)
    found = body.json()
    listed = found.get("webhooks") if isinstance(found, dict) else None
    rows = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return [_hook(row, token) for row in rows if _leads_to(row, address) and row.get("channel", "email") == "email"]


def missing_events(hooks: Sequence[Hook]) -> list[str]:
    """Return what none of these webhooks tells of, though it is needed."""
    told = {event for hook in hooks if hook.has_token is not False for event in hook.events}
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
    hooks = hooks_at(brevo, address, token)
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
    lost = missing_events(hooks)
    repaired: dict[str, str] = {}
    for hook in hooks:
        is_first, is_wrong = hook is hooks[0], hook.has_token is False
        added = [event for event in EVENTS if event in lost and event not in hook.events] if is_first else []
        if not added and hook.has_token:
            continue
        change: Json = {"url": address, "events": [*hook.events, *added], "auth": sign_in}
        path = f"{_ROUTE}/{hook.id}"
        brevo.call("PUT", path, change, bucket=BUCKET, answers=WEBHOOKS, endpoint=_ONE)
        repaired |= dict.fromkeys((one for one in hook.events if one in EVENTS and is_wrong), "it had another token")
        repaired |= dict.fromkeys(added, "it was not told of")
    return Upkeep(kept=tuple(one for one in EVENTS if one not in repaired), repaired=repaired)


def _hook(row: dict[str, Any], token: str) -> Hook:
    events = row.get("events")
    return Hook(int(row["id"]), tuple(events) if isinstance(events, list) else (), _has_token(row, token))


def _has_token(row: dict[str, Any], token: str) -> bool | None:
    shown = [value for value in _carried(row) if value]
    return token in shown if shown else None


def _carried(row: dict[str, Any]) -> Iterator[Any]:
    """Yield what a webhook shows where a token may be: bearer token, header, password of the URL."""
    auth, headers = row.get("auth"), row.get("headers")
    if isinstance(auth, dict):
        yield auth.get("token")
    for one in headers if isinstance(headers, list) else ():
        if isinstance(one, dict) and str(one.get("key")).lower() == OWN_HEADER:
            yield one.get("value")
    yield unquote(urlsplit(str(row.get("url"))).password or "")


def _leads_to(row: dict[str, Any], address: str) -> bool:
    return _place(str(row.get("url"))) == _place(address)


def _place(url: str) -> tuple[str, str, int | None, str]:
    parts = urlsplit(url)
    try:
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:  # no port at all
        port = None
    return parts.scheme, parts.hostname or "", port, parts.path.rstrip("/")
