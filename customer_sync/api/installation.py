"""The installation that functions of the API work with: settings, store, and what is made of both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from customer_sync.assembly import brevo_of, connectors_of, open_prover
from customer_sync.base.clock import Clock
from customer_sync.brevo.client import Brevo
from customer_sync.brevo.proof.doors import DoorBook
from customer_sync.brevo.proof.outlook import OutlookBook
from customer_sync.brevo.proof.prover import Prover
from customer_sync.config import Settings
from customer_sync.operate.figures import Figures, read_figures
from customer_sync.operate.settings_book import SettingsBook
from customer_sync.platforms.accesses import Accesses
from customer_sync.skills.chosen import configure_log
from customer_sync.store import Store
from customer_sync.store.counters import Tally
from customer_sync.store.skill_states import SkillStates


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
        self._book = SettingsBook(settings)
        self.home = home
        self.by = by
        self.connectors = connectors_of(settings)
        self._open_store = open_store
        self._clock = clock
        self._store: Store | None = None
        self._accesses: Accesses | None = None
        self._doors: DoorBook | None = None

    @property
    def settings(self) -> Settings:
        """The config, with what was said of skills since, as it was last heard."""
        return self._book.settings

    def hear_of_skills(self, states: SkillStates | None = None) -> None:
        """Hear what was said of skills since; `states` is where, None takes the store's."""
        if self._book.tend(states or self.store().skill_states):
            if self.by != "cli":  # a command tells people what it did, and keeps no log
                configure_log(self.settings)
            self._accesses = self._doors = None

    def accept(self, raws: list[bytes], source: str) -> bool:
        """Put requests into the inbox; tell whether they are on record."""
        store, tally = self.store(), Tally()
        store.inbox.append(raws)
        tally.count("tajo_inbound_total", by=len(raws), source=source, answer="accepted")
        store.counters.add(tally)
        return True

    def wake(self, what: str) -> None:
        """Send a wake-up where this process can: the workers' sweep finds what waits within a second anyway."""

    def store(self) -> Store:
        """Return the store.

        Raises:
            RedisError: Redis does not answer; so of every method here.
        """
        if self._store is None:
            self._store = self._open_store()
            self.hear_of_skills(self._store.skill_states)
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
