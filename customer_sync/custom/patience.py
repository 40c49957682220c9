"""A question that is asked again at once, as `http.retry` says; what would wait for longer is left to the engine.

Only questions: a write that was not answered may have been done. A 429 is never asked again here: nobody calls then.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from customer_sync.base.retry import full_jitter, next_wait_s
from customer_sync.custom.calling import Retry
from customer_sync.kit.outbound import Reply
from customer_sync.kit.reach import Http

#: How long a worker waits between the tries of one question, all waits together, in seconds.
PATIENCE_S: Final = 10.0
_LIMITED: Final = 429


@dataclass(frozen=True, slots=True)
class Patient:
    """Sends, and asks again; see `customer_sync.kit.reach.Http`.

    Args:
        http: what really sends.
        retry: which answers are asked for again, how often, and how long it waits.
        pause: waits so many seconds.
        jitter: turns the longest wait into the real one.
    """

    http: Http
    retry: Retry
    pause: Callable[[float], None] = time.sleep
    jitter: Callable[[float], float] = full_jitter

    def send(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None, is_file: bool = False
    ) -> Reply:
        """Send one request, again where the file says so, and return the last answer.

        Raises:
            TajoError: as `Http.send`.
        """
        left_s = PATIENCE_S
        for attempt in range(1, self.retry.max_attempts + 1):
            reply = self.http.send(method, url, headers=headers, body=body, is_file=is_file)
            wait_s = self._wait_s(attempt)
            # what the platform asks for itself is longer than a worker waits, and the engine keeps it
            is_asked = "retry-after" in reply.headers
            if attempt == self.retry.max_attempts or is_asked or wait_s > left_s or not self._is_for(reply.status):
                break
            self.pause(wait_s)
            left_s -= wait_s
        return reply

    def _is_for(self, status: int) -> bool:
        named = self.retry.on_status
        return status != _LIMITED and any(status == one if isinstance(one, int) else status in one for one in named)

    def _wait_s(self, attempt: int) -> float:
        doubled = attempt if self.retry.backoff == "exponential" else 1
        wait_s = next_wait_s(doubled, jitter=self.jitter)
        return wait_s if self.retry.max_wait_seconds is None else min(wait_s, self.retry.max_wait_seconds)
