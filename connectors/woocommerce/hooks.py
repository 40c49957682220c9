"""A shop's webhooks: listed, made, repaired.

WooCommerce never tries a delivery twice, and switches a webhook off after the seventh failure in a row, so somebody has
to look from time to time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.woocommerce import auth
from connectors.woocommerce.api import WEBHOOKS, Shop
from customer_sync.errors import ConfigError
from customer_sync.kit.reach import Upkeep, Vault
from customer_sync.model import Json

#: What WordPress leaves alone. `&`, `<` and quotes are stored as entities and decoded again, other programs may strip
#: or escape more.
_SAFE_SECRET = re.compile(r"[A-Za-z0-9]+")
#: In the vault: the numbers of the webhooks that we made, so that they are ours at an older address, too.
_MADE = "webhooks"
_MAX_PAGES = 50

Hook = Mapping[str, Json]


def every_hook(shop: Shop) -> list[Hook]:
    """Return all webhooks of a shop.

    Raises:
        TajoError: as `Shop.call`.
    """
    found: list[Hook] = []
    for page in range(1, _MAX_PAGES + 1):
        listing = shop.listing(WEBHOOKS, page=str(page), orderby="id", order="asc")
        found += listing.rows
        if not listing.rows or (listing.pages is not None and page >= listing.pages):
            break
    return found


def made_before(vault: Vault) -> frozenset[str]:
    """Return the numbers of the webhooks that we made."""
    made = vault.load().get(_MADE)
    return frozenset(map(str, made)) if isinstance(made, list) else frozenset()


def ensure(shop: Shop, topics: Sequence[str], address: str, secrets: Sequence[str], vault: Vault) -> Upkeep:
    """Make a shop's webhooks right; see `Connector.ensure_webhooks`.

    Args:
        shop: where.
        topics: what is to be heard of.
        address: where to.
        secrets: the source's live secrets, newest first.
        vault: remembers which webhooks are ours.

    Raises:
        TajoError: the webhooks cannot be listed, or the shop went away.
    """
    made = made_before(vault)
    hooks = [hook for hook in every_hook(shop) if is_ours(hook, address, made)]
    work = _Work(shop, address, secrets)
    for topic in topics:
        work.topic(topic, sorted((hook for hook in hooks if hook.get("topic") == topic), key=_rank))
    now = sorted({*(str(hook.get("id")) for hook in hooks), *work.ids} - work.gone)
    if frozenset(now) != made:
        with vault.locked():
            vault.save({**vault.load(), _MADE: list(now)})
    return Upkeep(tuple(work.kept), tuple(work.created), work.repaired, work.failed, tuple(work.removed))


def is_ours(hook: Hook, address: str, made: frozenset[str]) -> bool:
    """Tell whether a webhook is ours: it calls our address, by http or https, or we made it."""
    return str(hook.get("id")) in made or _place(hook.get("delivery_url")) == _place(address)


class _Work:
    """What becomes of the webhooks, topic by topic."""

    def __init__(self, shop: Shop, address: str, secrets: Sequence[str]) -> None:
        self._shop, self._address = shop, address
        self._secret = next((secret for secret in secrets if secret.strip()), "")
        self._refusal = _unfit(self._secret)
        self.kept: list[str] = []
        self.created: list[str] = []
        self.removed: list[str] = []
        self.repaired: dict[str, str] = {}
        self.failed: dict[str, str] = {}
        self.ids: set[str] = set()
        self.gone: set[str] = set()

    def topic(self, topic: str, hooks: Sequence[Hook]) -> None:
        """Keep the best webhook of a topic, repaired where it must be, and remove the others; make one if none is."""
        try:
            if not hooks:
                self._create(topic)
                return
            self._keep(topic, hooks[0])
            for hook in hooks[1:]:
                self._shop.call("DELETE", f"{WEBHOOKS}/{hook.get('id')}", {"force": "true"})
                self.gone.add(str(hook.get("id")))
                self.removed.append(topic)
        except ConfigError as error:
            self.failed[topic] = str(error)

    def _create(self, topic: str) -> None:
        if self._refusal:
            self.failed[topic] = self._refusal
            return
        body: dict[str, Any] = {
            "name": f"Tajo Customer Sync: {topic}",
            "topic": topic,
            "delivery_url": self._address,
            "secret": self._secret,
            "status": "active",
        }
        made = self._shop.call("POST", WEBHOOKS, body=body).value
        self.ids.add(str(made.get("id")) if isinstance(made, dict) else "")
        self.created.append(topic)

    def _keep(self, topic: str, hook: Hook) -> None:
        wrong: dict[str, str] = {}
        body: dict[str, Json] = {}
        if str(hook.get("delivery_url")).rstrip("/") != self._address.rstrip("/"):
            wrong["address"] = "it called another address"
            body["delivery_url"] = self._address
        if hook.get("status") != "active":
            wrong["status"] = f"it was {_word(hook.get('status'))}"
            body["status"] = "active"
        if not wrong:
            self.kept.append(topic)
            return
        if not self._refusal:
            body["secret"] = self._secret  # the shop never shows the secret that it has
        self._shop.call("PUT", f"{WEBHOOKS}/{hook.get('id')}", body=body)
        self.repaired[topic] = ", ".join(wrong.values())


def _unfit(secret: str) -> str:
    if not secret:
        return "The source has no `webhook_secret`: set one of 32 letters and digits."
    if not _SAFE_SECRET.fullmatch(secret):
        return (
            "`webhook_secret` holds other characters than letters and digits, which WordPress may change: "
            "choose another, and keep the old one in the list until every webhook has the new one."
        )
    return ""


def _rank(hook: Hook) -> tuple[bool, int]:
    found = hook.get("id")
    return hook.get("status") != "active", found if isinstance(found, int) else 0


def _word(value: Json) -> str:
    return value if isinstance(value, str) and value in {"paused", "disabled"} else "not active"


def _place(url: Json) -> tuple[str, str] | None:
    parts = auth.split(url) if isinstance(url, str) else None
    return None if parts is None else (parts.netloc.lower(), parts.path.rstrip("/"))
