"""The installation that functions of the API work with: settings, store, and what is made of both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from customer_sync.assembly import Accesses, brevo_of, connectors_of, open_prover
from customer_sync.base.clock import Clock
from customer_sync.brevo.client import Brevo
from customer_sync.brevo.proof.doors import DoorBook
from customer_sync.brevo.proof.outlook import OutlookBook
from customer_sync.brevo.proof.prover import Prover
from customer_sync.config import Settings
from customer_sync.operate.figures import Figures, read_figures
from customer_sync.store import Store
from customer_sync.store.counters import Tally


class Installation:
    """One installation, as a web process or a command sees it.

    Args:
        settings: the config.
        home: the folder with the key file and the spool.
        open_store: makes the store when it is first asked for.
        clock: milliseconds since 1970; None takes Redis' own time.
        by: who acts, as runs note it: `api` or `cli`.
    """

    def __init__(
        self,
        settings: Settings,
        home: Path,
        open_store: Callable[[], Store],
        *,
        clock: Clock | None = None,
        by: str = "cli",
    ) -> None:
        self.settings = settings
        self.home = home
        self.by = by
        self.connectors = connectors_of(settings)
        self._open_store = open_store
        self._clock = clock
        self._store: Store | None = None
        self._accesses: Accesses | None = None
        self._doors: DoorBook | None = None

    def store(self) -> Store:
        """Return the store.

        Raises:
            RedisError: Redis does not answer; so of every method here.
        """
        if self._store is None:
            self._store = self._open_store()
        return self._store

    def clock(self) -> int:
        """Return the time, in ms since 1970."""
        return self._clock() if self._clock else self.store().hosts.now_ms()

    def accesses(self) -> Accesses:
        """Return how the platforms are reached."""
        if self._accesses is None:
            self._accesses = Accesses(self.settings, self.store(), self.home, self.clock)
        return self._accesses

    def doors(self) -> DoorBook:
        """Return what tells which doors imports have open."""
        if self._doors is None:
            self._doors = DoorBook(self.settings, self.store(), self.clock)
        return self._doors

    def outlook(self) -> OutlookBook:
        """Return what tells how long runs take at Brevo."""
        return OutlookBook(self.doors().read, self.store().limits)

    def prover(self) -> Prover:
        """Return what proves in the account what imports do."""
        return open_prover(self.settings, self.store(), self.clock)

    def brevo(self, tally: Tally | None = None) -> Brevo:
        """Return the account at Brevo, or the sandbox; its calls are counted in the tally."""
        return brevo_of(self.settings, self.store(), Tally() if tally is None else tally)

    def figures(self) -> Figures:
        """Return the figures of this moment."""
        return read_figures(self.store(), self.settings, self.home)

    def forget_store(self) -> None:
        """Open the store anew when it is asked for next: Redis was begun anew."""
        self._store = self._accesses = self._doors = None
