"""Ended sign-ins to the dashboard: their cookie, which another person may have copied, is not accepted any more."""

from __future__ import annotations

import redis

from customer_sync.store import keys


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
