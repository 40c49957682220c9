"""The load generator: kept connections, one process, nothing but sockets; runs beside the server on the same machine.

With a rate the load is open: each request has its time, and its latency counts from that time, so a server that stalls
is charged for all that had to wait. Without a rate each connection sends as soon as it has its answer.
"""

from __future__ import annotations

import gc
import multiprocessing
import resource
import select
import socket
import time
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import NamedTuple

from benchmarks.report import percentile


@dataclass(slots=True)
class Load:
    """What a run of the generator saw.

    Args:
        seconds: how long it took.
        statuses: answers by status.
        latencies_s: of each answer.
        sent_at: when each request was sent, in the order of the requests, as Unix time.
        cpu_s: what the generator itself used.
    """

    seconds: float
    statuses: dict[int, int]
    latencies_s: array[float]
    sent_at: array[float]
    cpu_s: float

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.latencies_s) / self.seconds

    def ms(self, share: float) -> float:
        """Return a percentile of the latencies, in milliseconds."""
        return percentile(self.latencies_s, share) * 1000


def run(
    requests: Sequence[bytes],
    port: int,
    *,
    seconds: float | None = None,
    rate: float | None = None,
    connections: int = 32,
) -> Load:
    """Send requests from a process of its own and return what it saw.

    Args:
        requests: sent one after the other.
        port: at the loopback address.
        seconds: go round and round for so long; None sends each request once.
        rate: requests per second; None as fast as they are answered.
        connections: how many are open at once.
    """
    work = _Work(requests, port, seconds, rate, connections)
    here, there = multiprocessing.get_context("fork").Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_send, args=(there, work), daemon=True)
    process.start()
    there.close()
    try:
        found: Load = here.recv()
    finally:
        process.join(5)
    return found


class _Work(NamedTuple):
    requests: Sequence[bytes]
    port: int
    seconds: float | None
    rate: float | None
    connections: int


def _send(out: Connection, work: _Work) -> None:
    gc.disable()
    out.send(_Generator(work.requests, work.port, work.connections).run(work.seconds, work.rate))
    out.close()


class _Generator:
    def __init__(self, requests: Sequence[bytes], port: int, connections: int) -> None:
        self._requests = requests
        self._sockets: dict[int, socket.socket] = {}
        self._poll = select.epoll()
        for _ in range(connections):
            one = socket.create_connection(("127.0.0.1", port))
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets[one.fileno()] = one
            self._poll.register(one.fileno(), select.EPOLLIN)
        self._idle = list(self._sockets)
        self._asked: dict[int, float] = {}
        self._partial: dict[int, bytes] = {}
        self._next = 0
        self.statuses: Counter[int] = Counter()
        self.latencies = array("d")
        self.sent_at = array("d")

    def run(self, seconds: float | None, rate: float | None) -> Load:
        limit = len(self._requests) if seconds is None else None
        started = time.perf_counter()
        ends = started + seconds if seconds is not None else float("inf")
        wall = time.time() - started
        while True:
            now = time.perf_counter()
            is_over = now >= ends or (limit is not None and self._next >= limit)
            if is_over and len(self._idle) == len(self._sockets):
                break
            wait_s = 0.2
            while self._idle and not is_over:
                due = started + self._next / rate if rate else now
                if due > now:
                    wait_s = due - now
                    break
                self._send(due, now + wall)
                is_over = limit is not None and self._next >= limit
            for number, _ in self._poll.poll(wait_s):
                self._receive(number)
        used = resource.getrusage(resource.RUSAGE_SELF)
        took = time.perf_counter() - started
        return Load(took, dict(self.statuses), self.latencies, self.sent_at, used.ru_utime + used.ru_stime)

    def _send(self, due: float, wall: float) -> None:
        number = self._idle.pop()
        self._asked[number] = due
        self.sent_at.append(wall)
        self._sockets[number].sendall(self._requests[self._next % len(self._requests)])
        self._next += 1

    def _receive(self, number: int) -> None:
        data = self._partial.pop(number, b"") + self._sockets[number].recv(65536)
        if not data:
            raise ConnectionError("the server closed a kept connection")
        head, end, body = data.partition(b"\r\n\r\n")
        if not end or len(body) < _length(head):
            self._partial[number] = data
            return
        self.latencies.append(time.perf_counter() - self._asked[number])
        self.statuses[int(head[9:12])] += 1
        self._idle.append(number)


def _length(head: bytes) -> int:
    lower = head.lower()
    at = lower.find(b"content-length:")
    return int(lower[at + 15 :].partition(b"\r\n")[0]) if at >= 0 else 0
