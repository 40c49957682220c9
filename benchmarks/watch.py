"""Watches the processes of a stack while something is measured: memory, CPU, and how far the work is."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import redis

from benchmarks.memory import members, one_pss_mb, pss_mb
from benchmarks.stack import Child, Stack

EVERY_S = 1.0


class Sample(NamedTuple):
    """One look.

    Args:
        at: when, in seconds since the start.
        share: how much of the work was done, 0 to 1.
        pss_mb: process → what it took.
        redis_mb: what Redis said that it used.
    """

    at: float
    share: float
    pss_mb: Mapping[str, float]
    redis_mb: float


class Watch:
    """Looks once a second, in a thread, while the block lasts.

    Args:
        stack: whose Redis is looked at.
        children: name → process.
        done: tells how much of the work is done, 0 to 1.
    """

    def __init__(self, stack: Stack, children: Mapping[str, Child], done: Callable[[], float]) -> None:
        self._client = stack.store().client
        self._done = done
        self._children = children
        self._redis_pid = stack.redis.pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self.samples: list[Sample] = []
        self.seconds = 0.0
        #: process → seconds of CPU.
        self.cpu_s: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        self._before = self._cpu()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.seconds = time.monotonic() - self._started
        self.cpu_s = {name: used - self._before[name] for name, used in self._cpu().items()}
        self._stop.set()
        self._thread.join()

    def at(self, share: float) -> Sample:
        """Return the first look at which so much was done."""
        return next((one for one in self.samples if one.share >= share), self.samples[-1])

    def peak_mb(self, name: str) -> float:
        """Return the most that a process took."""
        return max(one.pss_mb[name] for one in self.samples)

    def _run(self) -> None:
        while True:
            is_last = self._stop.wait(EVERY_S)
            # whoever is just being restarted is looked at the next time
            with suppress(redis.RedisError, OSError):
                self.samples.append(self._look())
            if is_last:
                return

    def _look(self) -> Sample:
        pss = {name: pss_mb(child) for name, child in self._children.items()}
        pss["Redis"] = one_pss_mb(self._redis_pid)
        used = int(self._client.info("memory")["used_memory"]) / 2**20
        return Sample(time.monotonic() - self._started, self._done(), pss, used)

    def _cpu(self) -> dict[str, float]:
        pids = {name: members(child) for name, child in self._children.items()}
        return {name: sum(map(cpu_s, found)) for name, found in {**pids, "Redis": [self._redis_pid]}.items()}


def cpu_s(pid: int) -> float:
    """Return the seconds of CPU that a process has used, in hundredths; 0 when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
