"""Which webhooks of a platform are those of this installation.

Another installation with a source of the same name may live on the same account, as where one tries out and one works:
its webhooks lead to the same path on another host. So an address alone tells ours only where it is the very same; at an
older address they are known by their numbers, which the vault remembers.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from customer_sync.kit.reach import WEBHOOKS, Vault
from customer_sync.model import Json


class OwnHooks:
    """The webhooks that one source has made.

    Args:
        vault: the source's.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        kept = vault.load().get(WEBHOOKS)
        ids = kept.get("ids") if isinstance(kept, dict) else None
        self._ids = frozenset(str(one) for one in ids) if isinstance(ids, list) else frozenset()

    def has(self, number: Json, url: Json, address: str) -> bool:
        """Tell whether a webhook is ours.

        A number that is remembered is not enough: on an account that was set up again, somebody else may have it.

        Args:
            number: the platform's id of it.
            url: where it leads now.
            address: where ours are to lead.
        """
        there, here = urlsplit(str(url or "")), urlsplit(address)
        if there.path.rstrip("/") != here.path.rstrip("/"):
            return False
        return there.netloc == here.netloc or str(number) in self._ids

    def keep(self, numbers: Iterable[Json]) -> None:
        """Remember these, and no others."""
        ids = sorted({str(one) for one in numbers if isinstance(one, int | str) and one != ""})
        if frozenset(ids) == self._ids:
            return
        with self._vault.locked():
            known = self._vault.load()
            kept = known.get(WEBHOOKS)
            told: dict[str, Json] = {**(kept if isinstance(kept, dict) else {}), "ids": [*ids]}
            self._vault.save({**known, WEBHOOKS: told})
