"""What kind of server Redis is, and what its errors mean: each told once, with what to do.

Neither `INFO` nor `CONFIG` is needed, which users of a shared Redis often lack: `HELLO`, which everybody may ask, tells
version, mode and role.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final, Literal, NamedTuple

import redis
from redis.exceptions import (
    AuthenticationError,
    AuthenticationWrongNumberOfArgsError,
    NoPermissionError,
    ReadOnlyError,
    ResponseError,
)
from redis.sentinel import MasterNotFoundError

from customer_sync.errors import ConfigError

#: `XAUTOCLAIM` and `ZADD LT` need it.
OLDEST: Final = (6, 2)
#: How long a look at a port takes at most, in seconds.
LOOK_S: Final = 2.0


class Server(NamedTuple):
    """What a Redis says of itself to everybody.

    Args:
        name: `redis` or `valkey`.
        version: as `7.0.15`.
        mode: `standalone`, `cluster` or `sentinel`.
        role: `master` or `replica`.
    """

    name: str
    version: str
    mode: str
    role: str


class Unfit(ConfigError, redis.RedisError):
    """Redis refuses what it is told, or cannot be written to: it answers, and a person must change something."""


class WrongServer(Unfit):
    """This server can never be used: a cluster, a Sentinel, one that is too old."""


class Fault(NamedTuple):
    """What is wrong with a server that answers.

    Args:
        kind: what was looked at.
        reason: what was found.
        remedy: what to do.
        is_fatal: whether nothing works with it.
    """

    kind: Literal["cluster", "sentinel", "version", "role", "eviction"]
    reason: str
    remedy: str
    is_fatal: bool = True


def ask(client: redis.Redis) -> Server:
    """Return what the server is.

    Raises:
        Unfit: it refuses what it is told; see `told`.
        redis.RedisError: it does not answer.
    """
    try:
        return read_hello(client.execute_command("HELLO"))  # type: ignore[no-untyped-call]  # redis leaves it untyped
    except redis.RedisError as error:
        if isinstance(error, ResponseError) and "unknown command" in str(error).lower():
            raise WrongServer(*_too_old("before 6.0")) from error
        found = told(error, client)
        if found is None:
            raise
        raise found from error


def read_hello(raw: Any) -> Server:
    """Return the server out of its answer to `HELLO`."""
    pairs = raw.items() if isinstance(raw, dict) else zip(raw[::2], raw[1::2], strict=False)
    facts = {_text(name): _text(value) for name, value in pairs}
    return Server(
        facts.get("server", "redis"),
        facts.get("version", ""),
        facts.get("mode", "standalone"),
        facts.get("role", "master"),  # a Sentinel tells none
    )


def faults(client: redis.Redis) -> Iterator[Fault]:
    """Yield what is wrong with a server that answers, the worst first.

    Raises:
        Unfit: it refuses what it is told.
        redis.RedisError: it does not answer.
    """
    server = ask(client)
    yield from faults_of(server)
    policy = eviction(client)
    if policy not in {"noeviction", ""}:
        yield Fault(
            "eviction",
            f"Redis throws away what waits when it is full: maxmemory-policy is {policy}.",
            "Set `maxmemory-policy noeviction`; share no Redis with a cache.",
            is_fatal=False,
        )


def faults_of(server: Server) -> Iterator[Fault]:
    """Yield what makes a server unusable, the worst first."""
    if server.mode == "cluster":
        yield Fault("cluster", *_CLUSTER)
    if server.mode == "sentinel":
        yield Fault("sentinel", *_SENTINEL)
        return
    version = re.match(r"(\d+)\.(\d+)", server.version)  # what another make tells is its own affair
    if version is not None and tuple(map(int, version.groups())) < OLDEST:
        yield Fault("version", *_too_old(server.version))
    if server.role != "master":
        yield Fault("role", *_REPLICA)


def need_fit(server: Server) -> None:
    """Return where a server can be used.

    Raises:
        Unfit: it cannot; a `WrongServer` never can.
    """
    for one in faults_of(server):
        raise (Unfit if one.kind == "role" else WrongServer)(one.reason, one.remedy)


def eviction(client: redis.Redis) -> str:
    """Return what a full Redis throws away (`maxmemory-policy`), "" where this user may not know."""
    with suppress(ResponseError):
        return str(client.info("memory").get("maxmemory_policy", ""))
    with suppress(ResponseError):
        return _text(client.config_get("maxmemory-policy").get("maxmemory-policy") or "")
    return ""


def told(error: BaseException, client: redis.Redis | None = None) -> Unfit | None:
    """Return what an error of Redis means where the cause is known and does not pass by itself, else None.

    Args:
        error: what was raised.
        client: whose error it is: a port that hangs up is looked at once. None looks at nothing.
    """
    if isinstance(error, Unfit):
        return error
    if isinstance(error, MasterNotFoundError):
        return _without_master(str(error))
    for one in _causes(error):
        for kind, has, (reason, remedy) in _TOLD:
            if isinstance(one, kind) and has.lower() in str(one).lower():
                return Unfit(reason.format(error=_line(one)), remedy)
    return None if client is None else _hung_up(error, client)


def _hung_up(error: BaseException, client: redis.Redis) -> Unfit | None:
    """Return that a port speaks TLS and we do not, or the other way round: it only hangs up, or says nothing."""
    if not isinstance(error, redis.ConnectionError | redis.TimeoutError):
        return None
    given = client.connection_pool.connection_kwargs
    if any(name.startswith("ssl_") for name in given):
        if _speaks(client, _plainly):
            return Unfit(*_NO_TLS)
        # TLS 1.3 tells who shows no certificate only after the handshake, and may hang up before that is read
        has_own = "ssl_certfile" in given
        return None if has_own or not _speaks(client, _by_tls) else Unfit(*_NO_CERTIFICATE)
    return Unfit(*_TLS) if _speaks(client, _by_tls) else None


def _without_master(text: str) -> Unfit | None:
    """Return what it means that no Sentinel names the master; None where none of them answers."""
    if "Authentication" in text:
        return Unfit(*_SENTINEL_PASSWORD)
    return Unfit(*_NO_MASTER) if " : " not in text else None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _speaks(client: redis.Redis, way: Callable[[socket.socket, str], bool]) -> bool:
    """Tell whether a port answers in another way than it was spoken to; nothing secret is sent."""
    to = client.connection_pool.connection_kwargs
    if "host" not in to:
        return False
    try:
        with socket.create_connection((to["host"], int(to.get("port", 6379))), LOOK_S) as opened:
            return way(opened, str(to["host"]))
    except OSError:
        return False


def _plainly(opened: socket.socket, _: str) -> bool:
    opened.sendall(b"PING\r\n")
    return opened.recv(1) in {b"+", b"-"}


def _by_tls(opened: socket.socket, host: str) -> bool:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with context.wrap_socket(opened, server_hostname=host):
            return True
    except ssl.SSLError as error:
        # it wants a certificate of ours first: it speaks TLS all the same
        return "alert" in str(error).lower()


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _line(error: BaseException) -> str:
    return str(error).partition("\n")[0].rstrip(".")


Told = tuple[str, str]

_CLUSTER: Final[Told] = (
    "This Redis is a cluster, and one step here changes keys of many slots at once.",
    "Use one Redis or Valkey without cluster mode; with Sentinels (`sentinel://`) it survives the loss of a host.",
)
_SENTINEL: Final[Told] = (
    "This is a Sentinel and not the Redis that it watches.",
    "Write sentinel://host:26379/name-of-the-master/0.",
)
_REPLICA: Final[Told] = (
    "This Redis is a replica: nothing can be written.",
    "Name its master, or the Sentinels that know it: sentinel://host:26379/name-of-the-master/0.",
)
_NO_TLS: Final[Told] = (
    "This port of Redis speaks no TLS.",
    "Write redis:// instead of rediss://, or name its TLS port.",
)
_NO_MASTER: Final[Told] = (
    "The Sentinels name no master that works under this name.",
    "Compare the name in sentinel://host:26379/name-of-the-master/0 with `SENTINEL MASTERS`.",
)
_NO_CERTIFICATE: Final[Told] = (
    "Redis asks for a certificate of ours.",
    "Name its files: rediss://...?ssl_certfile=/path/me.pem&ssl_keyfile=/path/me.key.",
)
_SENTINEL_PASSWORD: Final[Told] = (
    "The Sentinels do not let us in.",
    "Add their login: sentinel://.../mymaster/0?sentinel_password=...",
)
_TLS: Final[Told] = ("This port of Redis speaks TLS.", "Write rediss:// instead of redis://.")
_PASSWORD: Final[Told] = (
    "Redis does not know this user with this password.",
    "Write redis://user:password@host:6379/0, the user where there is one; :/?#@% in a password as % and two digits.",
)
_PERMISSION: Final[Told] = (
    "The user of Redis may not do all that is needed: {error}.",
    "Allow it: ACL SETUSER <user> ~tajo:* &* +@all -@dangerous.",
)
_CERTIFICATE: Final[Told] = (
    "The certificate of Redis is not trusted: {error}.",
    "Name the file of its authority: rediss://host:6379/0?ssl_ca_certs=/path/ca.pem; its name must be the host's.",
)


def _too_old(version: str) -> Told:
    return f"This Redis is too old: {version}.", "Use Redis 6.2 or newer, or Valkey."


#: The class, what stands in the text, what it means.
_TOLD: Final[tuple[tuple[type[BaseException], str, Told], ...]] = (
    (AuthenticationError, "", _PASSWORD),
    (AuthenticationWrongNumberOfArgsError, "", _PASSWORD),
    (ResponseError, "WRONGPASS", _PASSWORD),
    (ResponseError, "NOAUTH", _PASSWORD),
    (ResponseError, "Authentication required", _PASSWORD),
    (NoPermissionError, "", _PERMISSION),
    (ReadOnlyError, "", _REPLICA),
    (ResponseError, "cluster mode", _CLUSTER),
    (ResponseError, "CLUSTERDOWN", _CLUSTER),
    (ResponseError, "MOVED", _CLUSTER),
    (ResponseError, "CROSSSLOT", _CLUSTER),
    (
        ResponseError,
        "DB index is out of range",
        ("This Redis has no database of that number.", "Choose a smaller one, as in redis://host:6379/0."),
    ),
    (ssl.SSLCertVerificationError, "", _CERTIFICATE),
    (redis.ConnectionError, "certificate verify failed", _CERTIFICATE),
    (redis.ConnectionError, "certificate required", _NO_CERTIFICATE),
)
