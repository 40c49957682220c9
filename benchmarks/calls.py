"""What one call costs: our client against bare urllib3 and a plain session of requests, in turns."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median
from typing import NamedTuple

import requests
import urllib3

from benchmarks.report import Report, number, say
from customer_sync.brevo.contacts.handler import ContactsHandler
from customer_sync.kit.outbound import USER_AGENT, HttpClient, Reply
from customer_sync.kit.proxies import Proxies

#: The most that our client may take of the CPU time of bare urllib3.
GOAL = 1.2
HEADERS = {"api-key": "k" * 64, "Content-Type": "application/json", "Accept": "application/json"}
BODY = json.dumps(
    {"email": "jane@example.com", "attributes": {"FIRSTNAME": "Jane", "LASTNAME": "Doe"}, "updateEnabled": True}
).encode()
#: Answers each request with 204 and the headers of Brevo, a thread for each connection.
SERVER = r"""
import socket, threading

ANSWER = (b"HTTP/1.1 204 No Content\r\nDate: Sat, 28 Nov 2026 12:00:00 GMT\r\nServer: none\r\n"
          b"x-sib-ratelimit-limit: 10\r\nx-sib-ratelimit-remaining: 9\r\nx-sib-ratelimit-reset: 1\r\n\r\n")

def serve(sock):
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while True:
        found = b""
        while not found.endswith(b"}"):
            try:
                piece = sock.recv(65536)
            except OSError:
                return
            if not piece:
                return
            found += piece
        sock.sendall(ANSWER)

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""

Call = Callable[[str], int]


class Cost(NamedTuple):
    """What a call cost, in microseconds."""

    wall_us: float
    cpu_us: float


def run(*, quick: bool) -> Report:
    """Measure every way in turns, with one thread and with those of the contacts handler."""
    calls, rounds = (500, 5) if quick else (2_000, 9)
    report = Report(
        "Calls: what one costs, against bare urllib3 and a plain session of requests",
        ("threads", "way", "calls/s", "CPU us/call", "CPU against urllib3", "time against urllib3"),
        notes=[
            f"{rounds} rounds of {calls:,} calls each, the ways in turns: medians, and those of the ratios in a round.",
            "A POST of a contact to a server on this machine that answers 204, over kept connections.",
            "Ours bounds size and time of the answer and looks at no environment; the others do neither.",
        ],
    )
    with _server() as url:
        for threads in (1, ContactsHandler.threads):
            say(f"calls: {threads} threads")
            costs = _in_turns(url, threads, calls, rounds)
            base = costs["urllib3"]
            for way, found in costs.items():
                cpu = _ratio(found, base, lambda cost: cost.cpu_us)
                wall = _ratio(found, base, lambda cost: cost.wall_us)
                rate = number(1e6 / median(cost.wall_us for cost in found))
                row = (str(threads), way, rate, number(median(cost.cpu_us for cost in found)))
                report.rows.append((*row, f"{cpu:.2f}", f"{wall:.2f}"))
                if way == "ours":
                    report.goal(f"CPU against urllib3, {threads} threads", cpu, GOAL, at_most=True)
    return report


def _ways(threads: int) -> dict[str, Call]:
    """Return each way as a function that calls a URL and returns the status."""
    pool = urllib3.PoolManager(maxsize=threads, timeout=urllib3.Timeout(connect=3.0, read=10.0), retries=False)
    session = requests.Session()
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=threads))
    client = HttpClient(connections=threads, proxies=Proxies({}))
    return {
        "urllib3": lambda url: _bare(pool, url),
        "ours": lambda url: client.send("POST", url, headers=HEADERS, body=BODY).status,
        "requests": lambda url: session.post(url, headers=HEADERS, data=BODY, timeout=(3.0, 10.0)).status_code,
    }


def _bare(pool: urllib3.PoolManager, url: str) -> int:
    """Call as our client did before it was made of requests (docs/decisions/0002)."""
    answer = pool.request("POST", url, headers={"User-Agent": USER_AGENT, **HEADERS}, body=BODY, redirect=False)
    return Reply(answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.data).status


def _in_turns(url: str, threads: int, calls: int, rounds: int) -> dict[str, list[Cost]]:
    ways = _ways(threads)
    costs: dict[str, list[Cost]] = {way: [] for way in ways}
    with ThreadPoolExecutor(threads) as pool:
        for turn in range(-1, rounds):
            for way, call in ways.items():
                cost = _measure(pool, call, url, calls)
                if turn >= 0:  # the first round makes the connections
                    costs[way].append(cost)
    return costs


def _measure(pool: ThreadPoolExecutor, call: Call, url: str, calls: int) -> Cost:
    urls = [f"{url}/v3/contacts/c{number_}%40example.com" for number_ in range(calls)]
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    statuses = set(pool.map(call, urls))
    cost = Cost((time.perf_counter() - wall_s) / calls * 1e6, (time.process_time() - cpu_s) / calls * 1e6)
    if statuses != {204}:
        raise RuntimeError(f"the server answered {statuses}")
    return cost


def _ratio(some: Sequence[Cost], base: Sequence[Cost], of: Callable[[Cost], float]) -> float:
    return median(of(one) / of(other) for one, other in zip(some, base, strict=True))


@contextmanager
def _server() -> Iterator[str]:
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()
