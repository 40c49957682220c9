"""Ways into the dashboard: ended sign-ins, whose cookie somebody may have copied, and links that sign in once.

A link holds nothing but its own name, of which only a hash is kept here. Proxies, browsers and terminals may keep the
link: it counts once and for an hour, so what they keep opens nothing later.
"""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import Final

import redis

from customer_sync.store import keys

#: How long a link can be used, in seconds.
LINK_S: Final = 3600


class Sessions:
    """What is known of sign-ins. Only an ended one is remembered, until its cookie would have ended by itself.

    Args:
        client: see `customer_sync.store.connect`.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def end(self, session: str, ttl_s: int) -> None:
        """End a sign-in for good.

        Args:
            session: its id.
            ttl_s: how long its cookie may still live, in seconds.
        """
        self._client.set(keys.ended_session(session), "1", ex=ttl_s)

    def is_ended(self, session: str) -> bool:
        """Tell whether a sign-in was ended."""
        return bool(self._client.exists(keys.ended_session(session)))

    def make_link(self) -> str:
        """Return the name of a new link, which signs one browser in."""
        link = secrets.token_urlsafe(24)
        self._client.set(_link_key(link), "1", ex=LINK_S)
        return link

    def use_link(self, link: str) -> bool:
        """Tell whether a link opens, by its name; it does once."""
        return bool(self._client.delete(_link_key(link)))


def _link_key(link: str) -> str:
    return keys.sign_in_link(sha256(link.encode(errors="replace")).hexdigest())
