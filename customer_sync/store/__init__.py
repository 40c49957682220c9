"""All that Redis holds: keys, scripts and the objects that speak of them. `Store` opens everything at once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import orjson
import redis
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError
from redis.retry import Retry

from customer_sync.base.log import get
from customer_sync.base.redis_url import read_redis_url
from customer_sync.store import keys
from customer_sync.store.allowance import Allowance
from customer_sync.store.attempts import Attempts
from customer_sync.store.breaker import Breakers
from customer_sync.store.compares import Compares
from customer_sync.store.counters import Counters, Tally
from customer_sync.store.doors import Doors
from customer_sync.store.forms import VERSION
from customer_sync.store.hosts import Hosts
from customer_sync.store.imports import Imports
from customer_sync.store.imprints import Imprints
from customer_sync.store.inbox import Inbox
from customer_sync.store.lanes import Lanes
from customer_sync.store.ledger import LEDGER_ROWS, Ledger
from customer_sync.store.limits import Limits
from customer_sync.store.mails import Mails
from customer_sync.store.notices import Notices
from customer_sync.store.orders import Orders
from customer_sync.store.parked import KEPT_S, MOST, ParkedStore
from customer_sync.store.people import People
from customer_sync.store.proofs import Proofs
from customer_sync.store.reads import Reads
from customer_sync.store.receipts import Receipts
from customer_sync.store.records import Records
from customer_sync.store.runs import Runs
from customer_sync.store.salt import Estranged, keep_salt, open_salt
from customer_sync.store.scripts import Scripts, as_text
from customer_sync.store.server import Server, ask, eviction, need_fit
from customer_sync.store.sessions import Sessions
from customer_sync.store.skill_states import SkillStates
from customer_sync.store.vault import RedisVault, SecretKey
from customer_sync.store.walks import Walks
from customer_sync.store.wrong_keys import WrongKeys

log = get(__name__)

#: How long Redis may take to answer before it counts as away, in seconds. A frozen Redis answers never.
REDIS_TIMEOUT_S = 3.0
#: How many requests and items of a line are looked at to tell how many are overdue; the rest is estimated.
LOOKED_AT: Final = 1000


def connect(url: str, *, timeout_s: float = REDIS_TIMEOUT_S, connections: int = 32) -> redis.Redis:
    """Return a client of the Redis at a URL; it connects on first use.

    Args:
        url: see `customer_sync.base.redis_url`.
        timeout_s: for connecting and for each answer.
        connections: the most that are open at once.

    Raises:
        ConfigError: the URL is none.
    """
    pool = read_redis_url(url).pool(
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


@contextmanager
def skill_states_at(url: str, *, timeout_s: float = 1.0) -> Iterator[SkillStates]:
    """Give what was said of skills at the Redis of a URL, for those who need nothing else of it."""
    client = connect(url, timeout_s=timeout_s, connections=1)
    try:
        yield SkillStates(client)
    finally:
        client.connection_pool.disconnect()


#: What is told when living processes find a Redis without what they had in it, and what to do.
LOST: Final = "Redis lost its data: it was emptied, or it is a replica that had none."
LOST_REMEDY: Final = (
    "Run `tajo connectors sync <source> --full`, then `tajo reconcile <source>`, for each source. Let Redis keep its "
    "data (`appendonly yes`), and let a replica be in step before it takes over."
)


def messages_in(client: redis.Redis, queue: str) -> int:
    """Return how many messages wait in one of Celery's queues, by its whole key."""
    return int(client.llen(queue))


class Store:
    """Everything that Redis holds, behind one door.

    Args:
        client: see `connect`.
        secret_key: `TAJO_SECRET_KEY`: an empty Redis begins with fingerprints made out of it; None takes chance.

    Raises:
        Unfit: this Redis cannot be used.
        redis.RedisError: Redis cannot be reached; the salt of the fingerprints and the time are read at once.
    """

    def __init__(self, client: redis.Redis, secret_key: str | None = None) -> None:
        self.client = client
        need_fit(ask(client))
        salt = open_salt(client, secret_key)
        self.hosts = Hosts(client)
        self.hosts.measure()
        self.scripts = Scripts(client)
        self.inbox = Inbox(client)
        self.orders = Orders(self.scripts)
        self.lanes = Lanes(client, self.scripts, self.orders)
        self.people = People(client, salt, self.scripts)
        self.ledger = Ledger(client)
        self.counters = Counters(client, self.scripts)
        self.parked = ParkedStore(client, self.scripts, self.counters)
        self.limits = Limits(client, self.scripts)
        self.breakers = Breakers(client)
        self.runs = Runs(client, self.scripts)
        self.records = Records(client, self.scripts, self.people)
        self.mails = Mails(client, self.scripts)
        self.sessions = Sessions(client)
        self.wrong_keys = WrongKeys(client, self.people.salt)
        self.imports = Imports(client, self.scripts)
        self.notices = Notices(client, self.scripts, salt)
        self.imprints = Imprints(client, self.scripts)
        self.proofs = Proofs(client, self.scripts)
        self.reads = Reads(client, self.scripts)
        self.receipts = Receipts(client)
        self.compares = Compares(client)
        self.attempts = Attempts(client)
        self.doors = Doors(client)
        self.allowance = Allowance(self.scripts)
        self.skill_states = SkillStates(client, self.scripts)
        self.walks = Walks(client, self.scripts)

    def commit(self, entries: list[dict[str, Any]], compact_at: int, page: str = "") -> dict[str, Any]:
        """Run the one step between inbox (or a run's page) and lanes; see `commit.lua` for the form of all three.

        Raises:
            Estranged: Redis was begun anew with another key of fingerprints; nothing was changed.
        """
        text = orjson.dumps(entries)
        given = (keys.SEEN_TTL_S, LEDGER_ROWS, compact_at, page, self.people.salt, VERSION)
        answer: dict[str, Any] = orjson.loads(self.scripts.run("commit", text, *given))
        if answer.get("estranged"):
            raise Estranged
        if answer.get("lost"):
            self._tell_lost()
        return answer

    def keep(self) -> None:
        """Write back what every process must agree on, should Redis have lost it.

        Raises:
            Estranged: another process has begun it anew meanwhile.
        """
        if keep_salt(self.client, self.people.salt):
            self._tell_lost()

    def _tell_lost(self) -> None:
        log.error("Redis lost its data")
        self.ledger.alert(LOST, LOST_REMEDY, cause="lost")

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

    def server(self) -> Server:
        """Return what Redis says of itself to everybody: name, version, mode and role."""
        return ask(self.client)

    def need_fit(self) -> None:
        """Return where Redis can be used now; a master may have become a replica since the store was opened.

        Raises:
            Unfit: it cannot.
            redis.RedisError: it does not answer.
        """
        need_fit(ask(self.client))

    def eviction(self) -> str:
        """Return what a full Redis throws away, "" where we may not know."""
        return eviction(self.client)

    def info(self, section: str) -> dict[str, Any]:
        """Return what Redis tells of itself in one section (`memory`, `persistence`, ...), {} where we may not know."""
        try:
            found: dict[str, Any] = self.client.info(section)
        except NoPermissionError:
            return {}
        return found

    def now_and_info(self, *sections: str) -> tuple[int, list[dict[str, Any]]]:
        """Return the time as `now_ms` does, and each section as `info` does, in one round trip."""
        pipe = self.client.pipeline(transaction=False)
        pipe.time()
        for section in sections:
            pipe.info(section)
        time, *found = pipe.execute(raise_on_error=False)
        for one in (time, *found):
            if isinstance(one, Exception) and not isinstance(one, NoPermissionError):
                raise one
        return _ms(time), [{} if isinstance(one, NoPermissionError) else one for one in found]

    def has_messages(self, queues: Sequence[str]) -> bool:
        """Tell whether a message waits in one of Celery's queues, each by its whole key."""
        pipe = self.client.pipeline(transaction=False)
        for queue in queues:
            pipe.llen(queue)
        return any(pipe.execute())

    def now_ms(self) -> int:
        """Return the time by Redis' clock, which is the same for every host, in whole milliseconds since 1970."""
        return _ms(self.client.time())

    def overdue(self, longer_than_s: float, lanes: Sequence[str]) -> dict[str, int]:
        """Return how much waits for longer than a time: of the inbox, and of each lane without the items of runs."""
        found = self.scripts.run("overdue", int(longer_than_s * 1000), LOOKED_AT, *lanes)
        return {name: int(count) for name, count in zip(("inbox", *lanes), found, strict=True)}

    def wake(self, what: str) -> bool:
        """Tell whether a wake-up must be sent; False when one is on its way."""
        return bool(self.scripts.run("wake", what))

    def woken(self, what: str) -> None:
        """Take note that a wake-up arrived: from now on a new one is needed."""
        self.client.delete(keys.wake(what))

    def awake(self, what: str) -> None:
        """Tell that somebody is at it: for a second no wake-up is needed."""
        self.put_to_sleep(what, 1.0)

    def put_to_sleep(self, what: str, seconds: float) -> None:
        """Let nobody send a wake-up for something for a while."""
        ms = int(seconds * 1000)
        self.client.set(keys.wake(what), ms, px=ms)  # see `claim` in `_lib.lua`

    def is_first(self, name: str, slot: int, ttl_s: int) -> bool:
        """Tell whether this is the first call for a slot of time; it is remembered for so many seconds."""
        return bool(self.client.set(keys.slot(name, slot), "1", nx=True, ex=ttl_s))

    def sweep(self, hold_ms: int) -> list[str] | None:
        """Return what needs a wake-up; None when another worker looks after it."""
        flag, *names = self.scripts.run("sweep", hold_ms)
        if not flag:
            return None
        # Redis may have been emptied, or put back to an older day, under living workers
        self.keep()
        self.lanes.register_again()
        self.people.names.write_again()
        self._trim_parked()
        self.parked.make_briefs()
        self.ledger.catch_up()
        return [as_text(name) for name in names]

    def _trim_parked(self) -> None:
        """Keep what is parked within its bounds; what is dropped is counted, and told once an hour."""
        dropped = dict(zip(("age", "number"), self.parked.trim(), strict=True))
        if not any(dropped.values()):
            return
        tally = Tally()
        for why, count in dropped.items():
            tally.count("tajo_parked_dropped_total", by=count, why=why)
        self.counters.add(tally)
        if self.client.set(keys.note("parked_dropped"), "1", nx=True, ex=3600):
            days = int(KEPT_S / 86_400)
            text = f"Parked things were dropped: they were older than {days} days, or the oldest of more than {MOST:,}."
            remedy = "Mend what parks them: `tajo parked list` shows why. tajo_parked_dropped_total counts them."
            self.ledger.alert(text, remedy, cause="parked")

    def note(self, what: str) -> Any:
        """Return what the processes told each other under a name, None when nothing."""
        raw = self.client.get(keys.note(what))
        return json.loads(raw) if raw else None

    def set_note(self, what: str, value: Any, *, ttl_s: int | None = None) -> None:
        """Tell the other processes something."""
        self.client.set(keys.note(what), json.dumps(value), ex=ttl_s)

    def note_once(self, what: str, *, ttl_s: int) -> bool:
        """Tell the other processes that something was done; False where one of them did it in the last `ttl_s`."""
        return bool(self.client.set(keys.note(what), "1", nx=True, ex=ttl_s))


def _ms(time: tuple[int, int]) -> int:
    seconds, micros = time
    return int(seconds) * 1000 + int(micros) // 1000
