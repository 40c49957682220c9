"""Who follows the imports: one worker at a time."""

from __future__ import annotations

import secrets
from typing import Final

import redis

from customer_sync.store import keys
from customer_sync.store.scripts import Scripts

#: How long a turn lasts without a word from its follower, in seconds.
TURN_S = 20.0
#: How long it is remembered whose turn was the last one, in seconds: longer than any call takes.
LAST_S: Final = 3600


class Turns:
    """The turns of the followers. A turn that ran out goes on if nobody had one since: a call may take longer.

    Args:
        client: Redis.
        scripts: its scripts.
    """

    def __init__(self, client: redis.Redis, scripts: Scripts) -> None:
        self._client = client
        self._scripts = scripts

    def begin(self) -> str | None:
        """Return a token when no other worker follows the imports, else None."""
        token = secrets.token_hex(8)
        if not self._scripts.run("claim", keys.FOLLOWER, token, int(TURN_S * 1000)):
            return None
        self._client.set(keys.FOLLOWER_LAST, token, ex=LAST_S)
        return token

    def keep(self, token: str) -> bool:
        """Tell whether the turn is still ours, and lengthen it."""
        return bool(self._scripts.run("import_turn", token, int(TURN_S * 1000)))

    def end(self, token: str) -> None:
        """Give the turn back."""
        self._scripts.run("run_lease", keys.FOLLOWER, token, 0)
