"""A shop's webhooks: listed, made, repaired.

WooCommerce never tries a delivery twice, and switches a webhook off after the seventh failure in a row, so somebody has
to look from time to time. Its API tells neither whose rights a webhook has nor with what it signs, so we remember with
which key and which secret we made each. What a change cannot mend is made anew (all seen on WooCommerce 11.0.1,
2026-11-28): the owner, who stays the user of the key that made it; the count of failures, which only a success clears,
so that one that is merely switched on again is off at the next failure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from connectors.woocommerce import auth
from connectors.woocommerce.api import WEBHOOKS, Shop
from customer_sync.errors import ConfigError
from customer_sync.kit import reach
from customer_sync.kit.reach import Upkeep, Vault
from customer_sync.model import Json

#: What WordPress leaves alone. `&`, `<` and quotes are stored as entities and decoded again, other programs may strip
#: or escape more.
_SAFE_SECRET = re.compile(r"[A-Za-z0-9]+")
_MAX_PAGES = 50

Hook = Mapping[str, Json]


class Made(NamedTuple):
    """How we made a webhook: fingerprints of the key and of the secret that it was given last; "" is not known."""

    key: str = ""
    secret: str = ""


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


def made_before(vault: Vault) -> Mapping[str, Made]:
    """Return the webhooks that we made, by number: they are ours at an older address, too."""
    made = vault.load().get(reach.WEBHOOKS)
    if isinstance(made, list):  # numbers alone, as they were kept at first
        return dict.fromkeys(map(str, made), Made())
    if not isinstance(made, dict):
        return {}
    return {number: Made(*map(str, how)) for number, how in made.items() if isinstance(how, list) and len(how) == 2}


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
    work = _Work(shop, address, secrets, made)
    for topic in topics:
        work.topic(topic, sorted((hook for hook in hooks if hook.get("topic") == topic), key=work.rank))
    left = {number: how for number, how in made.items() if any(str(hook.get("id")) == number for hook in hooks)}
    now = {number: how for number, how in {**left, **work.made}.items() if number not in work.gone}
    if now != made:
        with vault.locked():
            vault.save({**vault.load(), reach.WEBHOOKS: {number: [*how] for number, how in now.items()}})
    told = tuple(work.kept), tuple(work.created), work.repaired, work.failed, tuple(work.removed)
    return Upkeep(*told, calls=work.calls)


def is_ours(hook: Hook, address: str, made: Mapping[str, Made]) -> bool:
    """Tell whether a webhook is ours: it calls our address, by http or https, or we made it at an older one.

    A number that we remember is not enough: in another shop, or one that was set up again, somebody else has it.
    """
    called, ours = _place(hook.get("delivery_url")), _place(address)
    if called is None or ours is None:
        return False
    return called == ours or (str(hook.get("id")) in made and _source_part(called.path) == _source_part(ours.path))


class _Work:
    """What becomes of the webhooks, topic by topic."""

    def __init__(self, shop: Shop, address: str, secrets: Sequence[str], made: Mapping[str, Made]) -> None:
        self._shop, self._address, self._before = shop, address, made
        self._secret = newest_secret(secrets)
        self._refusal = _unfit(self._secret)
        self._may_write = not self._refusal
        self._how = Made(shop.fingerprint, fingerprint(self._secret))
        self.kept: list[str] = []
        self.created: list[str] = []
        self.removed: list[str] = []
        self.repaired: dict[str, str] = {}
        self.failed: dict[str, str] = {}
        self.made: dict[str, Made] = {}
        self.gone: set[str] = set()
        #: How many were made: the shop calls each of them while it is made (seen on WooCommerce 11.0.1, 2026-11-28).
        self.calls = 0

    def rank(self, hook: Hook) -> tuple[bool, bool, int]:
        """Return what the webhooks of one topic are sorted by, the best first."""
        number = hook.get("id")
        return hook.get("status") != "active", not self._is_own(hook), number if isinstance(number, int) else 0

    def topic(self, topic: str, hooks: Sequence[Hook]) -> None:
        """Keep the best webhook of a topic, repaired where it must be, and remove the others; make one if none is."""
        try:
            if not hooks:
                self._create(topic)
                return
            self._keep(topic, hooks[0])
            for hook in hooks[1:]:
                self._delete(hook)
                self.removed.append(topic)
        except ConfigError as error:
            self.failed[topic] = str(error)

    def _create(self, topic: str) -> None:
        if self._refusal:
            self.failed[topic] = self._refusal
            return
        self._make(topic)
        self.created.append(topic)

    def _make(self, topic: str) -> None:
        body: dict[str, Any] = {
            "name": f"Tajo Customer Sync: {topic}",
            "topic": topic,
            "delivery_url": self._address,
            "secret": self._secret,
            "status": "active",
        }
        made = self._shop.call("POST", WEBHOOKS, body=body).value
        self.calls += 1
        self.made[str(made.get("id")) if isinstance(made, dict) else ""] = self._how

    def _delete(self, hook: Hook) -> None:
        self._shop.call("DELETE", f"{WEBHOOKS}/{hook.get('id')}", {"force": "true"})
        self.gone.add(str(hook.get("id")))

    def _is_own(self, hook: Hook) -> bool:
        return self._before.get(str(hook.get("id")), Made()).key == self._how.key

    def _keep(self, topic: str, hook: Hook) -> None:
        is_off, is_own = hook.get("status") != "active", self._is_own(hook)
        wrong: list[str] = []
        body: dict[str, Json] = {}
        if str(hook.get("delivery_url")).rstrip("/") != self._address.rstrip("/"):
            wrong.append("it called another address")
            body["delivery_url"] = self._address
        if is_off:
            wrong.append(f"it was {_word(hook.get('status'))}")
            body["status"] = "active"
        if not is_own and self._may_write:
            wrong.append("it was not made with this key, so its owner and its secret are not known")
        elif not self._refusal and is_own and self._before[str(hook.get("id"))].secret != self._how.secret:
            wrong.append("it signed with another secret")
        if not wrong:
            self.kept.append(topic)
        elif self._refusal or (is_own and not is_off):
            self._change(hook, body)
            self.repaired[topic] = ", ".join(wrong)
        elif self._remake(topic, hook, must=bool(body)):
            self.repaired[topic] = ", ".join(wrong)
        else:
            self.kept.append(topic)

    def _change(self, hook: Hook, body: dict[str, Json]) -> None:
        number = str(hook.get("id"))
        if not self._refusal:
            body["secret"] = self._secret  # the shop never shows the secret that it has
            self.made[number] = self._before.get(number, Made())._replace(secret=self._how.secret)
        self._shop.call("PUT", f"{WEBHOOKS}/{number}", body=body)

    def _remake(self, topic: str, hook: Hook, *, must: bool) -> bool:
        """Make a webhook anew, and then delete it; return False where the key may not, and the webhook works as it is.

        Raises:
            ConfigError: the key may not, and the webhook does not work.
        """
        try:
            self._make(topic)
        except ConfigError:
            self._may_write = False
            if must:
                raise
            return False
        self._delete(hook)
        return True


def newest_secret(secrets: Sequence[str]) -> str:
    """Return the secret that webhooks are to sign with, "" without any."""
    return next((secret for secret in secrets if secret.strip()), "")


def fingerprint(secret: str) -> str:
    """Return what a secret is known by, without telling it."""
    return sha256(secret.encode()).hexdigest()[:16]


def _unfit(secret: str) -> str:
    if not secret:
        return "The source has no `webhook_secret`: set one of 32 letters and digits."
    if not _SAFE_SECRET.fullmatch(secret):
        return (
            "`webhook_secret` holds other characters than letters and digits, which WordPress may change: "
            "choose another, and keep the old one in the list until every webhook has the new one."
        )
    return ""


def _word(value: Json) -> str:
    return value if isinstance(value, str) and value in {"paused", "disabled"} else "not active"


class _Called(NamedTuple):
    """Where a webhook leads to."""

    host: str
    path: str


def _place(url: Json) -> _Called | None:
    parts = auth.split(url) if isinstance(url, str) else None
    return None if parts is None else _Called(parts.netloc.lower(), parts.path.rstrip("/"))


def _source_part(path: str) -> list[str]:
    """Return the end of a path that every address of a source has: `/webhooks/<source>`."""
    return path.split("/")[-2:]
