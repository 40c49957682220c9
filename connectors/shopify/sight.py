"""What the app may see of a customer, found out by looking at ten: nulls that mean nothing must empty nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import tzinfo
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.shopify import queries
from connectors.shopify.api import PROTECTED_REASON, PROTECTED_REMEDY, Answer, Api, Cost, TooCostly, branch, items
from customer_sync.model import Json

#: How many of the customers that changed last are looked at.
SAMPLE: Final = 10


class Sight(NamedTuple):
    """What the app may see.

    Args:
        denied: fields that Shopify refuses; they are not asked for again.
        hidden: fields that were null in the whole sample: null tells nothing until somebody has them.
    """

    denied: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()

    @classmethod
    def read(cls, cursor: Mapping[str, Json]) -> Sight:
        """Return what a cursor keeps of it."""
        return cls(*(_names(cursor.get(key)) for key in ("denied", "hidden")))

    def write(self) -> dict[str, Json]:
        """Return what a cursor keeps of it."""
        return {"denied": list[Json](sorted(self.denied)), "hidden": list[Json](sorted(self.hidden))}

    def after(self, nodes: Iterable[Any]) -> Sight:
        """Return it as it is once these customers were seen: what one of them has is not hidden."""
        if not self.hidden:
            return self
        seen = [node for node in nodes if isinstance(node, dict)]
        found = {name for name in self.hidden if any(node.get(name) is not None for node in seen)}
        return self._replace(hidden=self.hidden - found)


class Look(NamedTuple):
    """What a look at the sample brought.

    Args:
        sight: what the app may see.
        sampled: how many customers were in the sample.
        cost: what one of them costs, in points; None when Shopify does not tell.
        bucket: the bucket as the look left it.
        zone: the name of the store's own zone, "" when Shopify does not tell.
    """

    sight: Sight
    sampled: int
    cost: float | None
    bucket: Cost | None
    zone: str = ""


def look(api: Api) -> Look:
    """Look at the customers that changed last.

    Raises:
        TajoError: as `Api.ask`.
    """
    answer = _sample(api)
    nodes = [node for node in items(branch(answer.data, "customers"), "nodes") if isinstance(node, dict)]
    denied = answer.denied & set(queries.CUSTOMER)
    hidden = {
        name for name in queries.PROTECTED if nodes and name not in denied and all(n.get(name) is None for n in nodes)
    }
    cost = answer.cost
    each = cost.requested / SAMPLE if cost else None
    return Look(Sight(denied, frozenset(hidden)), len(nodes), each, cost, zone_name(answer.data))


def zone_name(data: Mapping[str, Any]) -> str:
    """Return the store's zone as an answer tells it, "" when it does not."""
    shop = data.get("shop")
    name = shop.get("ianaTimezone") if isinstance(shop, dict) else None
    return name if isinstance(name, str) else ""


def zone_of(name: str) -> tzinfo | None:
    """Return a zone by its name; None for UTC, and for one that this machine does not know."""
    try:
        return None if name in ("", "UTC", "Etc/UTC") else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def explain(sight: Sight) -> str:
    """Return what the operator should know about fields that cannot be seen, "" when all is well."""
    protected = sorted(sight.denied & set(queries.PROTECTED))
    if protected or "defaultEmailAddress" in sight.hidden:
        unseen = ", ".join(protected or sorted(sight.hidden))
        return f"{PROTECTED_REASON} These fields stay unknown: {unseen}. {PROTECTED_REMEDY}"
    if sight.denied:
        return f"Shopify does not let the app see {', '.join(sorted(sight.denied))}; a scope is missing."
    return ""


def _sample(api: Api) -> Answer:
    try:
        return api.ask(queries.changes(), first=SAMPLE, after=None, query=None, reverse=True)
    except TooCostly:
        return api.ask(queries.changes(), first=1, after=None, query=None, reverse=True)


def _names(value: Json) -> frozenset[str]:
    return frozenset(str(one) for one in value) if isinstance(value, list) else frozenset()
