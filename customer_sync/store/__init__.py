"""All that Redis holds: keys, scripts and the objects that speak of them. `Store` opens everything at once."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from customer_sync.errors import ConfigError
from customer_sync.store import keys
from customer_sync.store.attempts import Attempts
from customer_sync.store.breaker import Breakers
from customer_sync.store.compares import Compares
from customer_sync.store.counters import Counters
from customer_sync.store.forms import VERSION
from customer_sync.store.imports import Imports
from customer_sync.store.inbox import Inbox
from customer_sync.store.lanes import Lanes
from customer_sync.store.ledger import LEDGER_ROWS, Ledger
from customer_sync.store.limits import Limits
from customer_sync.store.parked import ParkedStore
from customer_sync.store.people import People
from customer_sync.store.receipts import Receipts
from customer_sync.store.records import Records
from customer_sync.store.runs import Runs
from customer_sync.store.scripts import Scripts, as_text
from customer_sync.store.sessions import Sessions
from customer_sync.store.vault import RedisVault, SecretKey
from customer_sync.store.wrong_keys import WrongKeys

#: How long Redis may take to answer before it counts as away, in seconds. A frozen Redis answers never.
REDIS_TIMEOUT_S = 3.0


def connect(url: str, *, timeout_s: float = REDIS_TIMEOUT_S, connections: int = 32) -> redis.Redis:
    """Return a client of the Redis at a URL; it connects on first use.

    Args:
        url: `redis://host:port/db`, `rediss://` or `unix://`.
        timeout_s: for connecting and for each answer.
        connections: the most that are open at once.
    """
    pool = redis.ConnectionPool.from_url(
        url,
        max_connections=connections,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        # one more try on a fresh connection: after a restart of Redis every pooled one is dead
        retry=Retry(NoBackoff(), 1),
    )
    return redis.Redis(connection_pool=pool)


def folder_of(url: str, *, timeout_s: float = 1.0) -> Path | None:
    """Return the folder in which the Redis at a URL keeps its data, None when it does not tell in time."""
    client = connect(url, timeout_s=timeout_s)
    try:
        return Path(client.config_get("dir").get("dir") or "")
    except redis.RedisError:
        return None
    finally:
        client.close()


class Store:
    """Everything that Redis holds, behind one door.

    Args:
        client: see `connect`.

    Raises:
        redis.RedisError: Redis cannot be reached; the salt of the fingerprints is read at once.
    """

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self.scripts = Scripts(client)
        self.inbox = Inbox(client)
        self.lanes = Lanes(client, self.scripts)
        self.people = People(client, _salt(client), self.scripts)
        self.ledger = Ledger(client)
        self.parked = ParkedStore(client, self.scripts)
        self.limits = Limits(client, self.scripts)
        self.breakers = Breakers(client)
        self.counters = Counters(client)
        self.runs = Runs(client, self.scripts)
        self.records = Records(client, self.scripts, self.people)
        self.sessions = Sessions(client)
        self.wrong_keys = WrongKeys(client, self.people.salt)
        self.imports = Imports(client, self.scripts)
        self.receipts = Receipts(client)
        self.compares = Compares(client)
        self.attempts = Attempts(client)

    def commit(self, entries: list[dict[str, Any]], compact_at: int, page: str = "") -> dict[str, Any]:
        """Run the one step between inbox (or a run's page) and lanes; see `commit.lua` for the form of all three."""
        text = orjson.dumps(entries)
        answer: dict[str, Any] = orjson.loads(
            self.scripts.run("commit", text, keys.SEEN_TTL_S, LEDGER_ROWS, compact_at, page)
        )
        return answer

    def vault(self, source: str, key: SecretKey) -> RedisVault:
        """Return the stored credentials of a source; the key encrypts them."""
        return RedisVault(self.client, source, key)

    def has_vault(self, source: str) -> bool:
        """Tell whether credentials of a source are stored; needs no key."""
        return bool(self.client.exists(keys.vault(source)))

    def ping(self) -> bool:
        """Tell that Redis answers.

        Raises:
            redis.RedisError: it does not.
        """
        return bool(self.client.ping())

    def info(self, section: str) -> dict[str, Any]:
        """Return what Redis tells of itself in one section: `server`, `memory`, `persistence`, ..."""
        found: dict[str, Any] = self.client.info(section)
        return found

    def now_and_info(self, *sections: str) -> tuple[int, list[dict[str, Any]]]:
        """Return the time as `now_ms` does, and each section as `info` does, in one round trip."""
        pipe = self.client.pipeline(transaction=False)
        pipe.time()
        for section in sections:
            pipe.info(section)
        time, *found = pipe.execute()
        return _ms(time), found

    def has_messages(self, queues: Sequence[str]) -> bool:
        """Tell whether a message waits in one of Celery's queues, each by its whole key."""
        pipe = self.client.pipeline(transaction=False)
        for queue in queues:
            pipe.llen(queue)
        return any(pipe.execute())

    def now_ms(self) -> int:
        """Return the time by Redis' clock, which is the same for every host, in whole milliseconds since 1970."""
        return _ms(self.client.time())

    def wake(self, what: str) -> bool:
        """Tell whether a wake-up must be sent; False when one is on its way."""
        return bool(self.client.set(keys.wake(what), "1", nx=True, px=1000))

    def woken(self, what: str) -> None:
        """Take note that a wake-up arrived: from now on a new one is needed."""
        self.client.delete(keys.wake(what))

    def awake(self, what: str) -> None:
        """Tell that somebody is at it: for a second no wake-up is needed."""
        self.client.set(keys.wake(what), "1", px=1000)

    def put_to_sleep(self, what: str, seconds: float) -> None:
        """Let nobody send a wake-up for something for a while."""
        self.client.set(keys.wake(what), "1", px=int(seconds * 1000))

    def is_first(self, name: str, slot: int, ttl_s: int) -> bool:
        """Tell whether this is the first call for a slot of time; it is remembered for so many seconds."""
        return bool(self.client.set(keys.slot(name, slot), "1", nx=True, ex=ttl_s))

    def sweep(self, hold_ms: int) -> list[str] | None:
        """Return what needs a wake-up; None when another worker looks after it."""
        flag, *names = self.scripts.run("sweep", hold_ms)
        if not flag:
            return None
        # Redis may have been emptied, or put back to an older day, under living workers
        self.client.set(keys.SALT, self.people.salt, nx=True)
        self.client.set(keys.FORMAT, VERSION, nx=True)
        self.lanes.register_again()
        self.people.names.write_again()
        return [as_text(name) for name in names]

    def note(self, what: str) -> Any:
        """Return what the processes told each other under a name, None when nothing."""
        raw = self.client.get(keys.note(what))
        return json.loads(raw) if raw else None

    def set_note(self, what: str, value: Any, *, ttl_s: int | None = None) -> None:
        """Tell the other processes something."""
        self.client.set(keys.note(what), json.dumps(value), ex=ttl_s)


def _ms(time: tuple[int, int]) -> int:
    seconds, micros = time
    return int(seconds) * 1000 + int(micros) // 1000


def _salt(client: redis.Redis) -> bytes:
    if client.set(keys.SALT, secrets.token_bytes(32), nx=True):
        client.set(keys.FORMAT, VERSION)
    elif not client.exists(keys.FORMAT) and client.exists(keys.SEQ):
        raise ConfigError(
            "Redis holds people in a form from before version 0.1.0 was released.",
            "Begin with an empty database (another number in `redis_url`), then run a full sync of each source.",
        )
    salt = client.get(keys.SALT)
    assert isinstance(salt, bytes)
    return salt
