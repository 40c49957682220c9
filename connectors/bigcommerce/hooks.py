"""The store's webhooks: one for each topic, found again by the secret header that it carries.

https://developer.bigcommerce.com/docs/integrations/webhooks. Only the webhooks of the same API account are shown. One
is switched off after two days of failures, and after 90 days without an event: it is switched on again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from connectors.bigcommerce.account import Shop, rows_of
from connectors.bigcommerce.pull import pages_of
from customer_sync.errors import ConfigError
from customer_sync.kit.reach import Upkeep
from customer_sync.kit.signatures import is_same, live
from customer_sync.model import Json

PATH: Final = "/v3/hooks"
#: The header that BigCommerce sends with each delivery because we set it, as we write it.
HEADER: Final = "X-Tajo-Hook-Secret"
#: The most webhooks for one scope that BigCommerce takes from one API account.
MOST: Final = 10


@dataclass(frozen=True, slots=True)
class Hook:
    """One webhook.

    Args:
        id: its number.
        scope: what it is about; `store/customer/*` is about all that begins so.
        destination: where it calls.
        is_active: whether it is on.
        secret: what our header holds, "" where there is none.
    """

    id: int
    scope: str
    destination: str
    is_active: bool
    secret: str = field(repr=False)

    def is_about(self, topic: str) -> bool:
        """Tell whether it tells of a topic."""
        return self.scope == topic or (self.scope.endswith("/*") and topic.startswith(self.scope[:-1]))


def hooks_of(shop: Shop) -> list[Hook]:
    """Return all webhooks of this API account.

    Raises:
        TajoError: as `Shop.get`.
    """
    found: list[Hook] = []
    number: int | None = 1
    while number is not None:
        answer = shop.get(PATH, {"limit": "250", "page": str(number)})
        found += [hook for row in rows_of(answer) if (hook := _hook(row)) is not None]
        number = number + 1 if number < pages_of(answer) else None
    return found


def is_ours(hook: Hook, secrets: Sequence[str]) -> bool:
    """Tell whether a webhook carries one of our secrets."""
    return bool(hook.secret) and any(is_same(hook.secret, one) for one in secrets)


def ensure(shop: Shop, topics: Sequence[str], address: str, secrets: Sequence[str]) -> Upkeep:
    """Make one active webhook for each topic that calls the address with the newest secret, and repair the others.

    Args:
        shop: the store.
        topics: what is to be told.
        address: where.
        secrets: every live secret, newest first.

    Raises:
        ConfigError: there is no secret.
        TajoError: as `Shop.get`.
    """
    if not [one for one in secrets if one.strip()]:
        raise ConfigError("This source has no webhook secret.", "Set webhook_secret to a long random text.")
    usable = live(secrets)
    there: dict[str, list[Hook]] = defaultdict(list)
    everything = hooks_of(shop)
    for hook in everything:
        if is_ours(hook, usable) or hook.destination == address:
            for topic in topics:
                if hook.is_about(topic):
                    there[topic].append(hook)
    kept, created, removed = [], [], []
    repaired: dict[str, str] = {}
    failed: dict[str, str] = {}
    for topic in topics:
        try:
            if not there[topic]:
                _make(shop, topic, address, usable[0], everything)
                created.append(topic)
                continue
            best = min(there[topic], key=lambda one: (one.destination != address, one.scope != topic, one.id))
            if wrong := _wrong(best, address, usable[0]):
                shop.put(f"{PATH}/{best.id}", _body(best.scope, address, usable[0]))
                repaired[topic] = wrong
            else:
                kept.append(topic)
            removed += [topic for one in there[topic] if _is_spare(one, best, usable) and _remove(shop, one)]
        except ConfigError as error:
            failed[topic] = error.reason
    return Upkeep(tuple(kept), tuple(created), repaired, failed, tuple(removed))


def _make(shop: Shop, topic: str, address: str, secret: str, everything: Sequence[Hook]) -> None:
    if sum(one.scope == topic for one in everything) >= MOST:
        raise ConfigError(
            f"BigCommerce takes {MOST} webhooks for one scope, and {topic} has them.",
            "Delete those of programs that are gone, by the API account that made them.",
        )
    shop.post(PATH, _body(topic, address, secret))


def _body(scope: str, address: str, secret: str) -> dict[str, Json]:
    return {"scope": scope, "destination": address, "is_active": True, "headers": {HEADER: secret}}


def _wrong(hook: Hook, address: str, secret: str) -> str:
    if hook.destination != address:
        return "it called another address"
    if not hook.is_active:
        return "it was switched off"
    return "" if is_same(hook.secret, secret) else "it had another secret"


def _is_spare(hook: Hook, best: Hook, secrets: Sequence[str]) -> bool:
    """Tell whether a webhook is a second one of ours for the same scope."""
    return hook.id != best.id and hook.scope == best.scope and is_ours(hook, secrets)


def _remove(shop: Shop, hook: Hook) -> bool:
    shop.remove_hook(hook.id)
    return True


def _hook(row: Json) -> Hook | None:
    if not isinstance(row, dict) or not isinstance(number := row.get("id"), int):
        return None
    headers = row.get("headers")
    given = headers if isinstance(headers, dict) else {}
    secret = next((value for name, value in given.items() if name.lower() == HEADER.lower()), "")
    return Hook(
        number,
        str(row.get("scope") or ""),
        str(row.get("destination") or ""),
        row.get("is_active") is True,
        secret if isinstance(secret, str) else "",
    )
