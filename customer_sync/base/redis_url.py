"""The address of Redis: read once, then told in the words of redis-py and in those of Celery's transport.

| form | what it is |
|---|---|
| `redis://name:password@host:6379/0` | one Redis; `rediss://` with TLS |
| `unix:///run/redis.sock?db=0` | a socket of this machine |
| `sentinel://name:password@host:26379,other:26379/mymaster/0` | Redis behind Sentinels; `sentinels://` with TLS |

Parameters behind `?` are redis-py's: `db`, `username`, `password` and, with TLS, those of `TLS`; for Sentinels also
`sentinel_username` and `sentinel_password`. What a password holds of `:/?#@%` is written as `%` and two digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import redis
from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.sentinel import Sentinel

from customer_sync.errors import ConfigError

#: The parameters of TLS, as redis-py calls them. Without `ssl_cert_reqs` the server's certificate and name are checked.
TLS: Final = (
    "ssl_ca_certs",
    "ssl_ca_path",
    "ssl_ca_data",
    "ssl_cert_reqs",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_password",
    "ssl_check_hostname",
)
#: What may stand before `://`, with the port that is meant without one.
PORTS: Final = {"redis": 6379, "rediss": 6379, "unix": 0, "sentinel": 26379, "sentinels": 26379}
_CREDENTIALS: Final = ("username", "password")
_OF_SENTINELS: Final = ("sentinel_username", "sentinel_password")
_EXAMPLE: Final = (
    "Write redis://host:6379/0, rediss://host:6379/0, unix:///path/of/socket?db=0 or "
    "sentinel://host:26379,other:26379/name-of-the-master/0."
)


class Broker(NamedTuple):
    """The same place in Celery's words: `broker_url`, `broker_use_ssl`, and more of `broker_transport_options`."""

    url: str
    tls: dict[str, Any] | None
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """Where Redis is.

    Args:
        hosts: (name, port) of the Redis, or of each Sentinel; none for a socket.
        socket: the path of a socket of this machine; "" for others.
        master: what the Sentinels call the master; "" without Sentinels.
        db: the number of the database.
        login: redis-py's `username` and `password` for the Redis, where they are set.
        sentinel_login: the same for the Sentinels.
        tls: redis-py's `ssl_` arguments; None without TLS.
    """

    hosts: tuple[tuple[str, int], ...]
    socket: str = ""
    master: str = ""
    db: int = 0
    login: Mapping[str, str] = field(default_factory=dict, repr=False)
    sentinel_login: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: Mapping[str, Any] | None = field(default=None, repr=False)

    def pool(self, **options: Any) -> redis.ConnectionPool:
        """Return a pool of connections; the options are redis-py's. It connects on first use."""
        to = {"db": self.db, **self.login, **(self.tls or {}), **options}
        if self.socket:
            return redis.ConnectionPool(connection_class=UnixDomainSocketConnection, path=self.socket, **to)
        if not self.master:
            host, port = self.hosts[0]
            kind = Connection if self.tls is None else SSLConnection
            return redis.ConnectionPool(connection_class=kind, host=host, port=port, **to)
        waits = {name: value for name, value in options.items() if name.startswith("socket_")}
        sentinels: Any = Sentinel(  # type: ignore[no-untyped-call]  # redis leaves it untyped
            list(self.hosts), sentinel_kwargs={**waits, **self._to_sentinels()}
        )
        pool: redis.ConnectionPool = sentinels.master_for(self.master, ssl=self.tls is not None, **to).connection_pool
        return pool

    def broker(self, **waits: Any) -> Broker:
        """Return the place in Celery's words.

        Args:
            waits: redis-py's `socket_` options, for the connections to Sentinels.
        """
        tls = None if self.tls is None else dict(self.tls)
        login = ":".join(quote(self.login.get(name, ""), safe="") for name in _CREDENTIALS)
        login = f"{login}@" if self.login else ""
        if self.socket:
            return Broker(f"redis+socket://{login}{quote(self.socket)}?virtual_host={self.db}", None, {})
        scheme = "sentinel" if self.master else "redis" if tls is None else "rediss"
        urls = [f"{scheme}://{login}{_shown(host)}:{port}/{self.db}" for host, port in self.hosts]
        if not self.master:
            return Broker(urls[0], tls, {})
        options = {"master_name": self.master, "sentinel_kwargs": {**waits, **self._to_sentinels()}}
        return Broker(";".join(urls), tls, options)

    def _to_sentinels(self) -> dict[str, Any]:
        return {**self.sentinel_login, **({} if self.tls is None else {"ssl": True, **self.tls})}


def read_redis_url(text: str) -> RedisUrl:
    """Return where an address leads.

    Raises:
        ConfigError: it is none, or has a parameter that nothing reads. Neither text shows any of it: it may hold a
            password.
    """
    try:
        parts = urlsplit(text.strip())
    except ValueError as error:
        raise ConfigError("The address of Redis is none.", _EXAMPLE) from error
    if parts.scheme not in PORTS:
        known = ", ".join(f"{one}://" for one in PORTS)
        raise ConfigError(f"The address of Redis begins with none of {known}.", _EXAMPLE)
    login, _, place = parts.netloc.rpartition("@")
    name, _, password = login.partition(":")
    given = _parameters(parts.query, parts.scheme)
    found = {"username": unquote(name), "password": unquote(password)} | given
    rest = [unquote(one) for one in parts.path.strip("/").split("/") if one]
    more: dict[str, Any] = {}
    if parts.scheme == "unix":
        if not parts.path.startswith("/"):
            raise ConfigError("The address of Redis names no socket.", _EXAMPLE)
        more = {"hosts": (), "socket": unquote(parts.path)}
        rest = []
    elif parts.scheme.startswith("sentinel"):
        if not rest:
            raise ConfigError("The address of Redis does not say what the Sentinels call the master.", _EXAMPLE)
        more = {"master": rest.pop(0)}
    if parts.scheme != "unix":
        more["hosts"] = tuple(_host(one, PORTS[parts.scheme]) for one in place.split(","))
        if len(more["hosts"]) > 1 and "master" not in more:
            raise ConfigError("The address of Redis names several hosts.", "Only Sentinels are several: sentinel://...")
    return RedisUrl(
        db=_db([*rest, *([given["db"]] if "db" in given else [])]),
        login={one: found[one] for one in _CREDENTIALS if found.get(one)},
        sentinel_login={one: given[f"sentinel_{one}"] for one in _CREDENTIALS if given.get(f"sentinel_{one}")},
        tls=_tls(given) if parts.scheme in {"rediss", "sentinels"} else None,
        **more,
    )


def _parameters(query: str, scheme: str) -> dict[str, str]:
    allowed = ["db", *_CREDENTIALS]
    allowed += _OF_SENTINELS if scheme.startswith("sentinel") else ()
    allowed += TLS if scheme in {"rediss", "sentinels"} else ()
    given = dict(parse_qsl(query, keep_blank_values=True))
    if scheme == "unix" and "virtual_host" in given:  # as Celery writes it
        given.setdefault("db", given.pop("virtual_host"))
    unknown = sorted(set(given) - set(allowed))
    if unknown:
        hint = f"With {scheme}:// these are read: {', '.join(allowed)}."
        raise ConfigError(f"The address of Redis has a parameter that nothing reads: {', '.join(unknown)}.", hint)
    return given


def _host(text: str, port: int) -> tuple[str, int]:
    try:
        one = urlsplit(f"//{text}")
        return unquote(one.hostname or "127.0.0.1"), one.port or port
    except ValueError as error:
        raise ConfigError("The address of Redis has a port that is none.", _EXAMPLE) from error


def _db(told: list[str]) -> int:
    if any(not (one.isascii() and one.isdigit()) for one in told) or len(set(told)) > 1:
        raise ConfigError("The address of Redis does not name one database by its number.", _EXAMPLE)
    return int(told[0]) if told else 0


def _tls(given: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {name: given[name] for name in TLS if name in given}
    found.setdefault("ssl_cert_reqs", "required")
    if found["ssl_cert_reqs"] not in {"required", "optional", "none"}:
        raise ConfigError("ssl_cert_reqs in the address of Redis is unknown.", "Write required, optional or none.")
    checks = str(found.get("ssl_check_hostname", "")).lower()
    if checks not in {"", "true", "false"}:
        raise ConfigError("ssl_check_hostname in the address of Redis is unknown.", "Write true or false.")
    found["ssl_check_hostname"] = found["ssl_cert_reqs"] != "none" if not checks else checks == "true"
    return found


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else quote(host)
