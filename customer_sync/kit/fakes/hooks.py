"""Webhooks that a stand-in sends: by the platform's rules of trying again, and with the faults of real deliveries.

Only this machine is ever called. What a body holds may be decided when it is sent (`Delivery.write` is asked at each
try), and each try is signed anew.
"""

from __future__ import annotations

import http.client
import ipaddress
import math
import threading
from collections import Counter, deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from customer_sync.kit.fakes.answers import Row

#: How many deliveries are remembered.
KEPT: Final = 10_000
#: How often a sender looks at the clock, which may be set at any time, in seconds.
_LOOK_S: Final = 0.02
_Signer = Callable[[bytes, float], Mapping[str, str]]


class Answer(NamedTuple):
    """What the receiver said; status 0 stands for no answer."""

    status: int
    body: bytes = b""


class Message(NamedTuple):
    """What one try sends.

    Args:
        headers: all but the signature.
        body: the bytes.
        sign: (bytes, seconds since 1970) → the headers of the signature; the time is the one that is signed with it.
    """

    headers: Mapping[str, str]
    body: bytes
    sign: _Signer = lambda _body, _at_s: {}


@dataclass(frozen=True, slots=True)
class Rules:
    """How a platform delivers.

    Args:
        waits_s: the waits before each further try, in seconds; as many as there are tries after the first.
        timeout_s: how long the receiver may take.
        senders: how many calls are made at once; 1 sends one after the other.
        time_scale: all waits are multiplied by it.
        http10: whether HTTP/1.0 is spoken.
        is_taken: whether an answer counts as success.
    """

    waits_s: tuple[float, ...] = ()
    timeout_s: float = 10.0
    senders: int = 1
    time_scale: float = 1.0
    http10: bool = False
    is_taken: Callable[[Answer], bool] = lambda answer: 200 <= answer.status < 300


@dataclass(slots=True)
class Habits:
    """How webhooks arrive.

    Args:
        is_on: whether what happens raises webhooks at all; off, it happens silently.
        is_paused: nothing goes out by itself, as at a site whose background jobs stand still.
        duplicates: the share that is sent twice.
        lost: the share that is never sent.
        delay_s: each waits so long.
        reorder_s: each waits up to so long besides, so that they overtake one another.
        burst: so many are held back and then sent at once; 0 holds none.
        wrong_signature: the share whose signature belongs to other bytes.
        truncated: the share whose body is cut off on the way.
        old_s: how far in the past the signed time lies, as in a replay.
    """

    is_on: bool = True
    is_paused: bool = False
    duplicates: float = 0.0
    lost: float = 0.0
    delay_s: float = 0.0
    reorder_s: float = 0.0
    burst: int = 0
    wrong_signature: float = 0.0
    truncated: float = 0.0
    old_s: float = 0.0


@dataclass(slots=True, eq=False)
class Delivery:
    """One webhook to be sent, and what came of it.

    Args:
        url: where to.
        topic: the platform's word for what happened.
        write: gives what is sent, at each try.
        of: the subscription it belongs to, for the platform to find again.
        key: while one with the same key waits, another is not queued; None queues each.
        state: waiting, delivered, given_up, lost (never sent on wish) or elsewhere (not this machine: never called).
        statuses: the answers so far.
        headers: those of the last try.
        body: that of the last try.
        due_s: when the next try is due, by the stand-in's clock.
    """

    url: str
    topic: str
    write: Callable[[], Message]
    of: Any = None
    key: Hashable | None = None
    state: str = "waiting"
    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    due_s: float = 0.0

    def row(self) -> Row:
        """Return the delivery as the control routes show it."""
        last = self.statuses[-1] if self.statuses else None
        told = {"url": self.url, "topic": self.topic, "state": self.state, "status": last, "statuses": self.statuses}
        return {**told, "due": self.due_s, "headers": self.headers, "body": self.body.decode(errors="replace")}


class Sender:
    """Sends webhooks; safe for threads. It calls back without holding any lock.

    Args:
        clock: the stand-in's time.
        rules: the platform's.
        tried: told of each try: the delivery, and whether it was taken.
        seed: of the chance in `Habits`.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        rules: Rules,
        tried: Callable[[Delivery, bool], None] = lambda _delivery, _is_taken: None,
        seed: int = 1,
    ) -> None:
        self.rules, self.habits = rules, Habits()
        self.log: deque[Delivery] = deque(maxlen=KEPT)
        self.counts: Counter[str] = Counter()
        self._clock, self._tried, self._dice = clock, tried, Random(seed)
        self._waiting: list[Delivery] = []
        self._turn, self._one_by_one = threading.Condition(), threading.Lock()
        self._threads: list[threading.Thread] = []
        self._is_closed = False

    @property
    def waiting(self) -> list[Delivery]:
        """What is still to be sent."""
        with self._turn:
            return list(self._waiting)

    @property
    def is_running(self) -> bool:
        """Whether webhooks go out by themselves."""
        return bool(self._threads)

    def put(self, delivery: Delivery) -> None:
        """Queue a webhook, as the habits have it."""
        habits = self.habits
        if not habits.is_on:
            return
        with self._turn:
            if delivery.key is not None and any(one.key == delivery.key for one in self._waiting):
                self.counts["coalesced"] += 1
                return
            self.log.append(delivery)
            if self._dice.random() < habits.lost:
                delivery.state = "lost"
                return
            now_s = self._clock()
            delivery.due_s = now_s + habits.delay_s + self._dice.uniform(0.0, habits.reorder_s)
            self._waiting.append(delivery)
            if self._dice.random() < habits.duplicates:
                due_s = delivery.due_s + self._dice.uniform(0.0, habits.reorder_s)
                self._waiting.append(Delivery(delivery.url, delivery.topic, delivery.write, delivery.of, due_s=due_s))
                self.log.append(self._waiting[-1])
            if habits.burst:
                self._hold(delivery, now_s)
            self._turn.notify_all()

    def post(self, delivery: Delivery, timeout_s: float | None = None) -> Answer:
        """Send a webhook at once and return what was said; it is not tried again."""
        message, habits = delivery.write(), self.habits
        other = message.body + b" " if self._dice.random() < habits.wrong_signature else message.body
        delivery.headers = {**message.headers, **message.sign(other, self._clock() - habits.old_s)}
        is_cut = self._dice.random() < habits.truncated
        delivery.body = message.body[: len(message.body) // 2] if is_cut else message.body
        answer = _post(delivery, self.rules.timeout_s if timeout_s is None else timeout_s, is_old=self.rules.http10)
        delivery.statuses.append(answer.status)
        return answer

    def deliver(self, *, everything: bool = False) -> int:
        """Send what is due, one after the other, and return how many were sent.

        Args:
            everything: also what is not due yet.
        """
        due = sorted(self.waiting, key=lambda one: one.due_s)
        return sum(self._send(one) for one in due if everything or one.due_s <= self._clock())

    def start(self) -> None:
        """Let webhooks go out by themselves."""
        with self._turn:
            self._is_closed = False
            while len(self._threads) < self.rules.senders:
                self._threads.append(threading.Thread(target=self._work, name="sender", daemon=True))
                self._threads[-1].start()

    def close(self) -> None:
        """Stop sending."""
        with self._turn:
            self._is_closed = True
            self._turn.notify_all()
        for thread in self._threads:
            thread.join(self.rules.timeout_s + 1)
        self._threads.clear()

    def drop(self, of: Any) -> None:
        """Forget what waits for a subscription."""
        with self._turn:
            self._waiting = [one for one in self._waiting if one.of != of]

    def _hold(self, delivery: Delivery, now_s: float) -> None:
        """Hold a webhook back until a burst is complete, which then goes out at once."""
        delivery.due_s = math.inf
        held = [one for one in self._waiting if one.due_s == math.inf]
        if len(held) >= self.habits.burst:
            for one in held:
                one.due_s = now_s

    def _work(self) -> None:
        while True:
            with self._turn:
                if self._is_closed:
                    return
                due = self._next()
                if due is None:
                    self._turn.wait(_LOOK_S if self._waiting else None)
                    continue
            self._send(due)

    def _next(self) -> Delivery | None:
        """Return what is due first."""
        if self.habits.is_paused:
            return None
        first = min(self._waiting, key=lambda one: one.due_s, default=None)
        return first if first and first.due_s <= self._clock() else None

    def _send(self, delivery: Delivery) -> bool:
        """Send a webhook that waits, unless another thread has taken it; tell whether it was sent."""
        if self.rules.senders == 1:
            with self._one_by_one:
                return self._try(delivery)
        return self._try(delivery)

    def _try(self, delivery: Delivery) -> bool:
        with self._turn:
            if delivery not in self._waiting:
                return False
            self._waiting.remove(delivery)
        answer = self.post(delivery)
        is_taken = self.rules.is_taken(answer)
        tries = len(delivery.statuses)
        if is_taken or tries > len(self.rules.waits_s) or not is_loopback(delivery.url):
            is_here = is_loopback(delivery.url)
            delivery.state = "delivered" if is_taken else "given_up" if is_here else "elsewhere"
            self.counts[delivery.state] += 1
        else:
            with self._turn:
                delivery.due_s = self._clock() + self.rules.waits_s[tries - 1] * self.rules.time_scale
                self._waiting.append(delivery)
                self._turn.notify_all()
        self._tried(delivery, is_taken)
        return True


def is_loopback(url: str) -> bool:
    """Tell whether an address is of this machine, and can be called without TLS."""
    address = urlsplit(url)
    if address.scheme != "http":
        return False
    try:
        return ipaddress.ip_address(address.hostname or "").is_loopback
    except ValueError:
        return address.hostname == "localhost"


class _Http10(http.client.HTTPConnection):
    """A connection that speaks the old protocol."""

    _http_vsn = 10
    _http_vsn_str = "HTTP/1.0"


def _post(delivery: Delivery, timeout_s: float, *, is_old: bool) -> Answer:
    """Post to this machine, following no redirect."""
    if not is_loopback(delivery.url):
        return Answer(0)
    address = urlsplit(delivery.url)
    target = (address.path or "/") + (f"?{address.query}" if address.query else "")
    kind = _Http10 if is_old else http.client.HTTPConnection
    try:
        connection = kind(address.hostname or "", address.port or 80, timeout=timeout_s)
        try:
            connection.request("POST", target, delivery.body, delivery.headers)
            found = connection.getresponse()
            return Answer(found.status, found.read())
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError):
        return Answer(0)
