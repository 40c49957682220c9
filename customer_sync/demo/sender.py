"""Signs and posts the demo shop's webhooks, and tries again as the platforms do."""

from __future__ import annotations

import heapq
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import count

from customer_sync.base.log import get
from customer_sync.demo.dialect import Notice
from customer_sync.errors import Unavailable
from customer_sync.kit.connector import Connector
from customer_sync.kit.outbound import HttpClient
from customer_sync.kit.transport import Timeout
from customer_sync.model import Inbound

log = get(__name__)

#: Shopify gives up on a request after one second without a connection or five in all (shopify.dev, 2026-11).
TIMEOUT = Timeout(connect_s=1.0, silence_s=4.0, answer_s=4.0)
#: platform → the pauses before each further try, in seconds. Shopify tries eight more times within four hours, with
#: growing pauses whose lengths are not published; WooCommerce never tries again.
RETRIES: Mapping[str, tuple[float, ...]] = {
    "shopify": tuple(56.0 * 2**step for step in range(8)),
    "woocommerce": (),
}
#: How many webhooks wait for another try; what comes on top is lost, as at a shop whose disk is full.
MAX_WAITING = 1_000
#: How often a server that is not ready yet is asked again, in seconds.
ASK_AGAIN_S = 0.1


class Sender:
    """Posts to one installation.

    Args:
        url: its address, without `/webhooks`.
        connectors: source → its connector; it signs with the newest secret.
        stop: set when it is time to end.
    """

    def __init__(self, url: str, connectors: Mapping[str, Connector], stop: threading.Event) -> None:
        self._url = url.rstrip("/")
        self._connectors = connectors
        self._stop = stop
        self._http = HttpClient(connections=1, timeout=TIMEOUT)
        self._again: list[tuple[float, int, int, Notice]] = []
        self._numbers = count()
        self.answers: Counter[str] = Counter()

    def wait_until_ready(self) -> bool:
        """Return True once `/readyz` says yes, False when told to stop before."""
        while not self._stop.is_set():
            try:
                if self._http.send("GET", f"{self._url}/readyz", headers={}).status == 200:
                    return True
            except Unavailable:
                pass
            self._stop.wait(ASK_AGAIN_S)
        return False

    def run(self, webhooks: Iterator[tuple[float, Notice]]) -> None:
        """Send webhooks, each at its second from now on, until there are no more or it is time to end."""
        started = time.monotonic()
        for at_s, notice in webhooks:
            self._send_again(until=started + at_s)
            self._stop.wait(max(0.0, started + at_s - time.monotonic()))
            if self._stop.is_set():
                return
            self._send(notice, tries=0)

    def _send_again(self, until: float) -> None:
        """Try those again whose pause ends before the next webhook is due."""
        while self._again and self._again[0][0] <= until:
            due, _, tries, notice = heapq.heappop(self._again)
            self._stop.wait(max(0.0, due - time.monotonic()))
            if self._stop.is_set():
                return
            self._send(notice, tries)

    def _send(self, notice: Notice, tries: int) -> None:
        connector = self._connectors[notice.source]
        inbound = Inbound(notice.source, notice.headers, notice.body, datetime.now(UTC))
        signed = connector.sign(inbound, connector.settings.secrets[0])
        try:
            url = f"{self._url}/webhooks/{notice.source}"
            status = self._http.send("POST", url, headers=signed.headers, body=notice.body).status
        except Unavailable:
            status = 0
        self.answers[str(status or "none")] += 1
        if status < 200 or status > 299:
            self._keep(notice, tries, status)

    def _keep(self, notice: Notice, tries: int, status: int) -> None:
        pauses = RETRIES.get(self._connectors[notice.source].platform, ())
        if tries >= len(pauses) or len(self._again) >= MAX_WAITING:
            log.warning("demo webhook lost", source=notice.source, topic=notice.topic, status=status)
            return
        heapq.heappush(self._again, (time.monotonic() + pauses[tries], next(self._numbers), tries + 1, notice))
