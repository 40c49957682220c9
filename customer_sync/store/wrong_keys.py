"""How many wrong API keys were shown lately, by one caller and by all: counted in minutes, the same for every host."""

from __future__ import annotations

from typing import Final, NamedTuple

import redis

from customer_sync.person.identity import fingerprint
from customer_sync.store import keys

#: How long a count goes on, in seconds.
WINDOW_S: Final = 60
#: How many wrong keys one caller may show in that time; a program with an old key in its settings shows more.
FROM_ONE: Final = 10
#: How many all callers may show together.
FROM_ALL: Final = 100
#: How often a person is told, in seconds: an attack of days must not push the other alerts out.
ALERT_EVERY_S: Final = 24 * 3600

_ALL: Final = "all"


class Excess(NamedTuple):
    """That there are too many: how many seconds to wait, and whether this one was the first too many of a while."""

    wait_s: int
    is_new: bool


class WrongKeys:
    """The counts.

    Args:
        client: see `customer_sync.store.connect`.
        salt: the key of the fingerprints: no address of a caller is kept.
    """

    def __init__(self, client: redis.Redis, salt: bytes) -> None:
        self._client = client
        self._salt = salt

    def count(self, caller: str) -> Excess | None:
        """Count a wrong key; return None as long as there are not too many.

        Args:
            caller: the sender of the key: an address or a network.
        """
        names = (keys.wrong_keys(fingerprint(caller, self._salt)), keys.wrong_keys(_ALL))
        with self._client.pipeline() as step:
            for name in names:
                step.set(name, 0, nx=True, ex=WINDOW_S)
                step.incr(name)
                step.ttl(name)
            _, one, one_s, _, all_, all_s = step.execute()
        waits = [left_s for left_s, is_over in ((one_s, one > FROM_ONE), (all_s, all_ > FROM_ALL)) if is_over]
        if not waits:
            return None
        is_new = bool(self._client.set(keys.WRONG_KEYS_TOLD, "1", nx=True, ex=ALERT_EVERY_S))
        return Excess(max(1, *waits), is_new)
