"""`python -m customer_sync.demo`: opens the demo's shops, connects them, and lets things happen in them."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from customer_sync.assembly import open_puller_of
from customer_sync.base.log import configure, get
from customer_sync.batch.puller import Puller
from customer_sync.batch.starts import start_each
from customer_sync.batch.upkeep import tend_webhooks
from customer_sync.config import ConfigFaults, Settings
from customer_sync.demo.stage import parts
from customer_sync.demo.story import BURST_EVERY_S, NO_CREDIT, OPENING, OPENING_EVERY_S, Shop, answers, post
from customer_sync.errors import TajoError
from customer_sync.kit.outbound import HttpClient
from customer_sync.kit.transport import Timeout
from customer_sync.loading import load_settings
from customer_sync.store import Store, connect
from customer_sync.store.run import Busy, Run, RunKind, RunState

log = get(__name__)

#: Where everything of a demo is.
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
TIMEOUT: Final = Timeout(connect_s=1.0, silence_s=10.0, answer_s=10.0)
#: How often something that is not ready is asked again, in seconds.
ASK_AGAIN_S: Final = 0.05
#: How long the first run of a source may take before the demo goes on without it, in seconds.
FIRST_RUN_S: Final = 300.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Let things happen until stopped; return the exit code.

    Args:
        arguments: the command line without the program; None takes the process's own.
    """
    options = _parser().parse_args(arguments)
    try:
        settings = load_settings(options.config, os.environ)
    except ConfigFaults as error:
        sys.stderr.write(f"{error}\n")
        return 2
    configure(settings.log_level)
    fault = _fault(settings)
    if fault:
        sys.stderr.write(fault + "\n")
        return 2
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    demo = _Demo(settings, options.url.rstrip("/"), stop)
    try:
        demo.run()
    except (TajoError, ValueError) as error:
        if not stop.is_set():
            log.warning("the demo begins again", reason=str(error))
            return 1
    return 0


class _Demo:
    """The demo while it runs.

    Args:
        settings: the demo's config.
        url: where the service is.
        stop: set when it is time to end.
    """

    def __init__(self, settings: Settings, url: str, stop: threading.Event) -> None:
        self._settings, self._url, self._stop = settings, url, stop
        self._http = HttpClient(connections=1, timeout=TIMEOUT)
        known = parts()
        self._shops = [
            Shop(name, str(one.base_url), known[one.platform], self._http) for name, one in settings.sources.items()
        ]

    def run(self) -> None:
        """Let everything happen, in this order, until it is time to end."""
        ready = [shop.is_open for shop in self._shops] + [lambda: answers(self._http, f"{self._url}/readyz")]
        if not all(self._until(one) for one in ready):
            return
        puller = self._puller()
        for shop in self._shops:
            tend_webhooks(puller, shop.source, self._url, by="demo")
            shop.opening(0)
        for shop in self._shops:
            self._start(puller, shop.source)
        log.info("demo shops open", sources=",".join(shop.source for shop in self._shops))
        for number in range(1, len(OPENING)):
            if self._stop.wait(OPENING_EVERY_S):
                return
            for shop in self._shops:
                shop.opening(number)
        for shop in self._shops:
            shop.live()
        self._foul_weather(puller)
        while not self._stop.wait(BURST_EVERY_S):
            for shop in self._shops:
                shop.burst()

    def _foul_weather(self, puller: Puller) -> None:
        """Let a contact be parked, a phone be refused and a run be stopped, so that their remedies can be tried."""
        post(self._http, self._settings.brevo.base_url.removesuffix("/v3") + "/sandbox/faults", NO_CREDIT)
        for shop in self._shops:
            shop.play("one phone for two")
        for shop in self._shops:
            is_idle = self._until(lambda: not self._is_reading(puller, shop.source), FIRST_RUN_S)  # noqa: B023  # asked in this round
            if is_idle and self._open_run(puller, shop.source) is None and shop.play("many leave unseen"):
                self._start(puller, shop.source)

    def _puller(self) -> Puller:
        store = Store(connect(str(self._settings.redis_url)))
        return open_puller_of(self._settings, store, Path(os.environ.get("TAJO_HOME", ".tajo")))

    def _start(self, puller: Puller, source: str) -> None:
        """Read a whole shop, unless a run of it is open."""
        try:
            start_each(puller, source, RunKind.FULL, by="demo")
        except Busy as busy:
            log.info("a run is open already", source=source, run=busy.run.id)

    def _open_run(self, puller: Puller, source: str) -> Run | None:
        return puller.line.store.runs.open_run(source)

    def _is_reading(self, puller: Puller, source: str) -> bool:
        """Tell whether a run is under way; one that was stopped before this start waits for somebody."""
        run = self._open_run(puller, source)
        return run is not None and run.state in (RunState.RUNNING, RunState.DELIVERING)

    def _until(self, condition: Callable[[], bool], patience_s: float = float("inf")) -> bool:
        """Wait for something; False when it is time to end, or patience is."""
        ends = time.monotonic() + patience_s
        while not condition():
            if self._stop.wait(ASK_AGAIN_S) or time.monotonic() > ends:
                return False
        return True


def _fault(settings: Settings) -> str:
    """Return why the demo cannot run, with what to do about it; "" when it can."""
    if not settings.brevo.is_sandbox or not _is_here(settings.brevo.base_url):
        return (
            "The demo is for the sandbox only: its people would become contacts of your account.\n"
            "  → Run `tajo demo`, which starts one."
        )
    known = parts()
    strangers = [
        name for name, one in settings.sources.items() if not _is_here(one.base_url) or one.platform not in known
    ]
    if strangers or not settings.sources or settings.redis_url is None:
        return f"This is not the config of a demo ({', '.join(strangers) or 'no shop'}).\n  → Run `tajo demo`."
    return ""


def _is_here(url: str | None) -> bool:
    return urlsplit(url or "").hostname in LOOPBACK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("customer_sync.demo", description="What happens in the shops of the demo.")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="the installation (default %(default)s)")
    parser.add_argument("--config", type=Path, help="the demo's config; default: TAJO_CONFIG")
    return parser


if __name__ == "__main__":
    sys.exit(main())
