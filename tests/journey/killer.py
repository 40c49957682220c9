"""Kills processes while they have work: workers and the web process of one installation, and starts them again."""

from __future__ import annotations

import threading
import time
from collections import Counter
from random import Random

from tests.journey.home import PATIENCE_S, Home

#: How long a process that has work may go on before it is killed, in seconds.
MOMENT_S = (0.02, 0.6)
SHARES = {"shared": 6, "platforms": 3, "web": 1}


class Killer:
    """Waits in a thread for work to be under way, and kills one part at a random moment of it.

    Args:
        home: whose parts are killed.
        seed: the same number makes the same choices.
        spared: parts that are left alone.
    """

    def __init__(self, home: Home, seed: int, spared: frozenset[str] = frozenset()) -> None:
        self.killed: Counter[str] = Counter()
        self._home, self._dice = home, Random(seed)
        self.spared = spared
        self._quota = 0
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._work, name="killer", daemon=True)
        self._thread.start()

    @property
    def count(self) -> int:
        """How many were killed so far."""
        return self.killed.total()

    def allow(self, count: int) -> None:
        """Let so many more be killed, as soon as there is work."""
        self._quota += count

    @property
    def is_idle(self) -> bool:
        """Whether nobody is about to be killed, and all that were killed work again."""
        return self._quota <= 0

    def rest(self) -> None:
        """Kill nobody any more; what was killed is up again."""
        self._quota = 0
        self._ends.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "what was killed last does not start"

    def _work(self) -> None:
        while not self._ends.wait(0.02):
            if self._quota > 0 and self._home.waiting():
                self._strike()

    def _strike(self) -> None:
        self._ends.wait(self._dice.uniform(*MOMENT_S))
        names = sorted(set(self._home.running) - self.spared)
        name = self._dice.choices(names, [SHARES[one] for one in names])[0]
        self._home.kill(name)
        self.killed[name] += 1
        self._home.launch(name)
        ends = time.monotonic() + PATIENCE_S
        while not self._home.is_up(name) and time.monotonic() < ends and not self._ends.is_set():
            time.sleep(0.05)
        self._quota -= 1
