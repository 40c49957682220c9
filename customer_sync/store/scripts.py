"""The Lua scripts of this folder, each preceded by the shared parts, loaded once per process."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import redis

#: Scripts that run although Redis is full: they are how it gets room again. Such flags need Redis 7.
MAKE_ROOM = frozenset(
    {
        "take",
        "settle",
        "renew",
        "compact",
        "count",
        "sweep",
        "wake",
        "claim",
        "parked_trim",
        "limiter",
        "run_move",
        "run_lease",
        "import_turn",
        "import_send",
        "import_lose",
        "run_forget",
        "allowance",  # the counts are few and end by themselves
        "ledger_index",
        "ledger_forget",
        "attribute_names",
    }
)
#: Scripts that know people: which record leads to which address.
KNOW_PEOPLE = frozenset(
    {"commit", "settle", "read_note", "replay", "run_lookup", "run_known", "whereis", "whose", "orders_of", "mails"}
)


@cache
def source(name: str) -> str:
    """Return the whole text of a script: the shared parts that it needs and `<name>.lua`."""
    folder = files(__package__)
    flags = "#!lua flags=allow-oom\n" if name in MAKE_ROOM else ""
    shared = ["_lib", "_people"] if name in KNOW_PEOPLE else ["_lib"]
    return flags + "\n".join((folder / f"{part}.lua").read_text() for part in [*shared, name])


class Scripts:
    """Runs scripts by name on one client; Redis keeps their text, a restart reloads it."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._loaded: dict[str, Any] = {}

    def run(self, name: str, *args: str | float | bytes) -> Any:
        """Run `<name>.lua` and return its answer.

        Raises:
            redis.RedisError: Redis is away, full or read-only.
        """
        script = self._loaded.get(name)
        if script is None:
            script = self._loaded[name] = self._client.register_script(source(name))
        return script(args=args)


def as_text(raw: bytes | str | None) -> str:
    """Return an answer of Redis as text, "" when there was none."""
    return raw.decode() if isinstance(raw, bytes) else raw or ""
