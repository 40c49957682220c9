"""A Redis of one test's own, to kill, freeze and restart. Only processes that were started here are touched."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import redis

from customer_sync.base import embedded


class OwnRedis:
    """An embedded Redis in a folder of its own.

    Args:
        folder: where it keeps everything.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running = embedded.ensure(folder)
        self.url = self._running.url

    def kill(self) -> None:
        """End it without a word."""
        os.kill(self._running.pid, signal.SIGKILL)
        wait_until(lambda: not embedded.is_alive(self._running), "the end of Redis")

    def start(self) -> None:
        """Start it again at its address."""
        self._running = embedded.ensure(self._folder, url=self.url)

    def freeze(self) -> None:
        os.kill(self._running.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._running.pid, signal.SIGCONT)

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url, socket_timeout=5)

    def flush(self) -> None:
        """Empty it for good: a kill right afterwards brings nothing back."""
        with self.client() as client:
            client.config_set("appendfsync", "always")
            client.flushall()
            client.config_set("appendfsync", "everysec")

    def fill(self) -> None:
        """Let it refuse every write that needs room."""
        with self.client() as client:
            client.set("ballast", b"x" * 2_000_000)
            client.config_set("maxmemory", "1mb")

    def empty(self) -> None:
        """Give it room again."""
        with self.client() as client:
            client.config_set("maxmemory", "0")
            client.delete("ballast")

    def make_replica(self) -> None:
        """Let it refuse every write: a replica of nobody."""
        with self.client() as client:
            client.replicaof("127.0.0.1", "1")

    def make_primary(self) -> None:
        with self.client() as client:
            client.replicaof("NO", "ONE")

    def close(self) -> None:
        if embedded.is_alive(self._running):
            self.thaw()
            embedded.stop(self._running)


def wait_until(condition: Callable[[], object], what: str | Callable[[], object], patience_s: float = 60.0) -> float:
    """Wait for something and return how long it took, in seconds.

    The longer it takes, the more seldom it looks: what looks is often a call, and takes time from what is waited for.
    """
    started = time.monotonic()
    while not condition():
        waited = time.monotonic() - started
        assert waited < patience_s, f"not within {patience_s} s: {what() if callable(what) else what}"
        time.sleep(min(0.02 + waited / 20, 0.2))
    return time.monotonic() - started
