"""Which webhooks of a platform are those of this installation.

Another installation with a source of the same name may live on the same account, as where one tries out and one works:
its webhooks lead to the same path on another host. So an address alone tells ours only where it is the very same; at an
older address they are known by their numbers, which the vault remembers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

from customer_sync.kit.reach import WEBHOOKS, Vault
from customer_sync.model import Json


class Place(NamedTuple):
    """Where an address leads, however it is written, by http or by https."""

    host: str
    port: int | None
    path: str


def place_of(url: str) -> Place:
    """Return where an address leads, whatever user, password, case of the host and usual port it is written with."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # no address at all
        return Place("", None, url)
    return Place(parts.hostname or "", None if port in {80, 443} else port, parts.path.rstrip("/"))


class OwnHooks:
    """The webhooks that one source has made.

    Args:
        vault: the source's.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        kept = vault.load().get(WEBHOOKS)
        ids = kept.get("ids") if isinstance(kept, dict) else None
        known = [
            *(ids if isinstance(ids, list) else []),
            *([kept["id"]] if isinstance(kept, dict) and "id" in kept else []),
        ]
        self._ids = frozenset(str(one) for one in known)
        self._secret = _secret_of(kept)

    def has(self, number: Json, url: Json, address: str) -> bool:
        """Tell whether a webhook is ours.

        A number that is remembered is not enough: on an account that was set up again, somebody else may have it.

        Args:
            number: the platform's id of it.
            url: where it leads now.
            address: where ours are to lead.
        """
        there, here = place_of(str(url or "")), place_of(address)
        return there == here or (there.path == here.path and self.knows(number))

    def knows(self, number: Json) -> bool:
        """Tell whether this number is remembered, wherever it leads."""
        return str(number) in self._ids

    def keep(self, numbers: Iterable[Json], secret: str = "") -> None:
        """Remember these, and no others.

        Args:
            numbers: the platform's ids of them.
            secret: the secret that the platform told, which counts at once, see `told_secret`; "" leaves it as it is.
        """
        ids = sorted({str(one) for one in numbers if isinstance(one, int | str) and one != ""})
        if frozenset(ids) == self._ids and secret in {"", self._secret}:
            return
        with self._vault.locked():
            known = self._vault.load()
            kept = known.get(WEBHOOKS)
            told: dict[str, Json] = {**(kept if isinstance(kept, dict) else {}), "ids": [*ids]}
            if secret:
                told["secret"] = secret
            self._vault.save({**known, WEBHOOKS: told})


def told_secret(vault: Vault) -> str:
    """Return the secret that the platform told when a webhook of this source was made, "" where it told none.

    Raises:
        ConfigError: the vault cannot be decrypted.
    """
    return _secret_of(vault.load().get(WEBHOOKS))


def _secret_of(kept: Json) -> str:
    found = kept.get("secret") if isinstance(kept, dict) else None
    return found if isinstance(found, str) else ""
