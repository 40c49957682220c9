"""The key of all fingerprints: the same in every process, or a person would be two.

It is made once and kept in Redis: out of `TAJO_SECRET_KEY` where that is set, else by chance. A Redis may lose it (a
flush, a failover to an empty replica) while processes live that work with it: each writes back what it knows. A process
that finds another one there ends, because what it would write nobody else would find.

Version 2 of the stored forms kept it as a string. A script of that version would take people apart who are written as
now; but it reads the key first, and changes nothing where that is no string. So the first process of this version makes
it a hash.
"""

from __future__ import annotations

import secrets
from typing import Any, Final

import redis
from redis.client import Pipeline

from customer_sync.errors import ConfigError
from customer_sync.store import keys
from customer_sync.store.forms import VERSION
from customer_sync.store.vault import derived_from

_FIELD: Final = "key"


class Estranged(ConfigError):
    """Redis has another key for its fingerprints than this process: nothing of what it knows holds any more."""

    def __init__(self) -> None:
        super().__init__(
            "Redis was emptied and begun anew by another process, with another key for its fingerprints.",
            "This process ends and is started again with that key. Set TAJO_SECRET_KEY on every host, so that all come "
            "to the same one; then run `tajo reconcile` for each source.",
        )


def open_salt(client: redis.Redis, secret_key: str | None) -> bytes:
    """Return the key of the fingerprints, made where Redis has none.

    Args:
        client: Redis.
        secret_key: `TAJO_SECRET_KEY`, the newest first; None where it is not set.

    Raises:
        ConfigError: Redis holds people of a form that was never released.
    """
    salt = _read(client)
    if salt is None:
        made = derived_from(secret_key, "fingerprints") if secret_key else secrets.token_bytes(32)
        if client.hsetnx(keys.SALT, _FIELD, made):
            client.set(keys.FORMAT, VERSION, nx=True)
            return made
        salt = _read(client)
    if not client.exists(keys.FORMAT) and client.exists(keys.SEQ):
        raise ConfigError(
            "Redis holds people in a form from before version 0.1.0 was released.",
            "Begin with an empty database (another number in `redis_url`), then run a full sync of each source.",
        )
    assert isinstance(salt, bytes)
    return salt


def keep_salt(client: redis.Redis, salt: bytes) -> bool:
    """Write the key of the fingerprints back where Redis has lost it; tell whether it had.

    Raises:
        Estranged: there is another one.
    """
    _read(client)  # Redis may have been put back to a day before this version
    step = client.pipeline(transaction=True)
    step.hsetnx(keys.SALT, _FIELD, salt)
    step.set(keys.FORMAT, VERSION, nx=True)
    step.hget(keys.SALT, _FIELD)
    was_lost, _, found = step.execute()
    if found != salt:
        raise Estranged
    return bool(was_lost)


def _read(client: redis.Redis) -> bytes | None:
    try:
        found: Any = client.hget(keys.SALT, _FIELD)
    except redis.ResponseError as error:
        if not str(error).startswith("WRONGTYPE"):
            raise
        client.transaction(_shut_out, keys.SALT)
        found = client.hget(keys.SALT, _FIELD)
    return found if found is None else bytes(found)


def _shut_out(step: Pipeline) -> None:
    """Make the key of version 2 one of this version, unless another process has just done so."""
    if step.type(keys.SALT) == b"string":
        salt = step.get(keys.SALT)
        step.multi()
        step.delete(keys.SALT)
        step.hset(keys.SALT, _FIELD, salt)
    else:
        step.multi()
