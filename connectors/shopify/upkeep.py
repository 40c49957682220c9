"""Webhook subscriptions: listed, made, repaired. Those that other programs made with the same app are left alone.

https://shopify.dev/docs/api/admin-graphql/latest/mutations/webhookSubscriptionCreate. Shopify deletes one made here
after eight failed deliveries in a row; those of the app's own `shopify.app.toml` are not listed and not deleted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from connectors.shopify import queries
from connectors.shopify.api import Api, branch, items, missing_scope, refused
from customer_sync.errors import ConfigError, TryLater, Unavailable
from customer_sync.kit.own_hooks import OwnHooks
from customer_sync.kit.reach import Upkeep
from customer_sync.model import Json

#: What Shopify takes only from `shopify.app.toml` or the Dev Dashboard ("compliance webhooks").
PRIVACY: Final = ("customers/data_request", "customers/redact", "shop/redact")

#: What a topic begins with → the scope it needs; the first that fits.
NEEDS: Final = (
    ("customers/merge", "read_customer_merge"),
    ("customer", "read_customers"),
    ("orders/", "read_orders"),
    ("refunds/", "read_orders"),
    ("carts/", "read_orders"),
    ("checkouts/", "read_orders"),
    ("products/", "read_products"),
)

#: How a subscription must be: all fields, all records, as JSON.
WHOLE: Mapping[str, Json] = {"format": "JSON", "includeFields": [], "filter": ""}

#: How Shopify says that a scope is missing for a topic.
_FORBIDDEN = re.compile(r"permission|access|scope|with the specified topic", re.IGNORECASE)


class Hook(NamedTuple):
    """One subscription, as Shopify lists it."""

    id: str
    topic: str
    uri: str
    is_json: bool
    is_whole: bool

    def faults(self, address: str) -> str:
        """Return what is wrong with it, "" when nothing is."""
        wrong = (
            (self.uri.rstrip("/") != address.rstrip("/"), "another address"),
            (not self.is_json, "not JSON"),
            (not self.is_whole, "only some fields or records"),
        )
        return ", ".join(what for is_so, what in wrong if is_so)


def enum_of(topic: str) -> str:
    """Return what the API calls a topic: `CUSTOMERS_CREATE` for `customers/create`."""
    return topic.replace("/", "_").replace(".", "_").upper()


def scope_of(topic: str) -> str:
    """Return the scope that a topic needs, "" for none."""
    return next((scope for start, scope in NEEDS if topic.startswith(start)), "")


def subscribable(topics: Iterable[str]) -> list[str]:
    """Return the topics that can be subscribed to here."""
    return [topic for topic in topics if topic not in PRIVACY]


def listed(api: Api) -> list[Hook]:
    """Return every subscription of the app in this store.

    Raises:
        TajoError: as `Api.ask`.
    """
    found: list[Hook] = []
    after: Json = None
    while True:
        page = branch(api.ask(queries.HOOKS, after=after).data, "webhookSubscriptions")
        found += [_hook(node) for node in items(page, "nodes") if isinstance(node, dict)]
        info = branch(page, "pageInfo")
        end = info.get("endCursor")
        if not info.get("hasNextPage") or not end:
            return found
        if end == after:
            raise TryLater("Shopify gave the same page of webhooks again.")
        after = end


def ensure(api: Api, address: str, topics: Iterable[str]) -> Upkeep:
    """Make the subscriptions right; see `Connector.ensure_webhooks`.

    Raises:
        TajoError: as `Api.ask`, where nothing could be done at all.
    """
    if urlsplit(address).scheme != "https" and api.account.base_url is None:
        raise ConfigError("Shopify calls only addresses that begin with https://.", "Set TAJO_PUBLIC_URL to one.")
    own = OwnHooks(api.access.vault)
    work = _Work(api, address, [hook for hook in listed(api) if own.has(hook.id, hook.uri, address)])
    for topic in subscribable(topics):
        work.see_to(topic)
    now = listed(api) if work.created else work.ours
    own.keep(hook.id for hook in now if own.has(hook.id, hook.uri, address))
    return Upkeep(tuple(work.kept), tuple(work.created), work.repaired, work.failed, tuple(work.removed))


@dataclass(slots=True)
class _Work:
    """What is done about each topic, and what became of it."""

    api: Api
    address: str
    ours: list[Hook]
    kept: list[str] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    repaired: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)

    def see_to(self, topic: str) -> None:
        """Make one topic right; what fails is remembered and does not stop the others."""
        try:
            self._see_to(topic)
        except (ConfigError, TryLater, Unavailable) as error:
            self.failed[topic] = error.reason if isinstance(error, ConfigError) else f"not now: {error}"

    def _see_to(self, topic: str) -> None:
        found = sorted(
            (hook for hook in self.ours if hook.topic == enum_of(topic)),
            key=lambda hook: (bool(hook.faults(self.address)), hook.uri != self.address, hook.id),
        )
        if not found:
            self._create(topic)
            return
        best, *others = found
        wrong = best.faults(self.address)
        if wrong:
            self._do("webhookSubscriptionUpdate", topic, queries.HOOK_UPDATE, id=best.id, hook=self._wanted())
            self.repaired[topic] = wrong
        else:
            self.kept.append(topic)
        for other in others:
            self._do("webhookSubscriptionDelete", topic, queries.HOOK_DELETE, id=other.id)
            self.removed.append(topic)

    def _create(self, topic: str) -> None:
        hook: dict[str, Json] = {"uri": self.address, "format": "JSON"}
        try:
            self._do("webhookSubscriptionCreate", topic, queries.HOOK_CREATE, topic=enum_of(topic), hook=hook)
        except _Taken:
            self.kept.append(topic)  # another process was faster
        else:
            self.created.append(topic)

    def _wanted(self) -> dict[str, Json]:
        return {"uri": self.address, **WHOLE}

    def _do(self, name: str, about: str, query: str, /, **variables: Json) -> None:
        said = "; ".join(refused(branch(self.api.ask(query, **variables).data, name)))
        if not said:
            return
        if "already been taken" in said:
            raise _Taken(said, "Look at `tajo doctor`.")
        scope = scope_of(about)
        if scope and _FORBIDDEN.search(said):
            raise missing_scope([scope])
        raise ConfigError(said, "Make it in the app's shopify.app.toml.")


class _Taken(ConfigError):
    """There is a subscription with this topic and address already."""


def _hook(node: Mapping[str, Any]) -> Hook:
    fields = node.get("includeFields")
    return Hook(
        id=str(node.get("id")),
        topic=str(node.get("topic")),
        uri=str(node.get("uri") or ""),
        is_json=node.get("format") == "JSON",
        is_whole=not fields and not node.get("filter"),
    )
