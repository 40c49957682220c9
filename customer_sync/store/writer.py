"""The way into the inbox: one connection and one script for many requests. This is the hottest path of the system.

The client of redis-py spends more on choosing a connection and wrapping a pipeline than Redis on the work itself, so
its connection is used directly here: it still does what concerns addresses, passwords, TLS and timeouts.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import hiredis
import redis
from redis.exceptions import NoScriptError

from customer_sync.store.scripts import source
from customer_sync.store.server import need_fit, read_hello


class InboxWriter:
    """Appends requests, many in one round trip. Threads may share one; they take turns.

    Args:
        client: its connections are used; its timeouts bound how long an append takes.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._pool = client.connection_pool
        self._lock = threading.Lock()
        self._connection: Any = None
        self._sha: bytes = b""

    def append(self, raws: Sequence[bytes], counts: Mapping[str, int]) -> bool:
        """Append encoded requests and add to counters; they are in the inbox when this returns.

        Returns:
            Whether a wake-up must be sent.

        Raises:
            redis.RedisError: Redis is away, full, read-only or of a wrong kind; none may be in the inbox, or all.
        """
        arguments: list[bytes | str | int] = [len(raws), *raws]
        for name, by in counts.items():
            arguments += (name, by)
        with self._lock:
            is_fresh = self._connection is None
            try:
                return bool(self._run(arguments))
            except (redis.ConnectionError, OSError):
                if is_fresh:
                    raise
            # the connection was an old one, and Redis may have been restarted since
            return bool(self._run(arguments))

    def _run(self, arguments: list[bytes | str | int]) -> Any:
        try:
            if self._connection is None:
                self._connect()
            if not self._sha:
                self._sha = self._send("SCRIPT", "LOAD", source("append"))
            try:
                return self._send("EVALSHA", self._sha, 0, *arguments)
            except NoScriptError:
                self._sha = self._send("SCRIPT", "LOAD", source("append"))
                return self._send("EVALSHA", self._sha, 0, *arguments)
        except redis.ResponseError:
            raise
        except BaseException:
            # what comes next on this connection would be the answer to something else
            self._let_go()
            raise

    def _connect(self) -> None:
        self._connection = self._pool.get_connection()
        try:
            self._connection.connect()
            need_fit(read_hello(self._send("HELLO")))
        except BaseException:
            self._let_go()
            raise

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.disconnect()
            self._pool.release(self._connection)
            self._connection = None

    def _send(self, *parts: bytes | str | int) -> Any:
        packed = hiredis.pack_command(parts)  # type: ignore[arg-type]  # its stub knows tuples of one part only
        self._connection.send_packed_command([packed], check_health=False)
        return self._connection.read_response()
