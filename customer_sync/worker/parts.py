"""What the tasks of a process work with: the settings, and the line, the puller and the prover that follow from them.

All of it is replaced at once when something was said of a skill. A step that is under way keeps what it began with, and
the next one works by the new settings: nothing is stopped, and nothing is lost.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import redis

from customer_sync import assembly
from customer_sync.batch.puller import Puller
from customer_sync.brevo.proof.prover import Prover
from customer_sync.config import Settings
from customer_sync.operate.settings_book import SettingsBook
from customer_sync.pipeline import Line
from customer_sync.skills.chosen import configure_log
from customer_sync.store.skill_states import SkillStates


class Parts:
    """The parts of one process, each opened at first use.

    Args:
        written: the settings of the file.
        connect: gives a client of Redis.
        wake: sends a wake-up.
        home: the folder of this installation.
        opened: told once that the line is open.
    """

    def __init__(
        self,
        written: Settings,
        connect: Callable[[], redis.Redis],
        wake: Callable[[str], None],
        home: Path,
        opened: Callable[[Line], None] = lambda _: None,
    ) -> None:
        self.settings = written
        self._book = SettingsBook(written)
        self._connect, self._wake, self._home, self._opened = connect, wake, home, opened
        self._lock = threading.RLock()
        self._client: redis.Redis | None = None
        self._line: Line | None = None
        self._puller: Puller | None = None
        self._prover: Prover | None = None

    def line(self) -> Line:
        """Return the line.

        Raises:
            redis.RedisError: Redis cannot be reached.
        """
        found = self._line
        return found if found is not None else self._first_line()

    def _first_line(self) -> Line:
        with self._lock:
            if self._line is None:
                self._client = client = self._client or self._connect()
                self._book.tend(SkillStates(client))
                made = assembly.open_line(self._book.settings, client, self._wake, self._home)
                self._opened(made)
                self._line = made
                self._work_by(self._book.settings)
            return self._line

    def puller(self) -> Puller:
        """Return what runs work with.

        Raises:
            redis.RedisError: Redis cannot be reached.
        """
        with self._lock:
            if self._puller is None:
                line = self.line()
                self._puller = assembly.open_puller(self.settings, line, self._home)
            return self._puller

    def prover(self) -> Prover:
        """Return what advances proofs.

        Raises:
            redis.RedisError: Redis cannot be reached.
        """
        with self._lock:
            if self._prover is None:
                line = self.line()
                self._prover = assembly.open_prover(self.settings, line.store, line.clock)
            return self._prover

    def renew(self) -> bool:
        """Hear what was said of skills, and work by it from the next step on; tell whether that changed anything.

        What fails here is done the next time: until then the parts are the old ones, all of them.

        Raises:
            redis.RedisError: Redis cannot be reached.
        """
        before = self.line()
        with self._lock:
            self._book.tend(before.store.skill_states)
            chosen = self._book.settings
            if chosen == self.settings:
                return False
            assert self._client is not None
            self._line = assembly.open_line(chosen, self._client, self._wake, self._home, before.clock, before=before)
            self._work_by(chosen)
            return True

    def _work_by(self, chosen: Settings) -> None:
        if chosen is not self.settings:
            configure_log(chosen)
        self.settings = chosen
        self._puller = self._prover = None
