"""Starts the processes of `tajo run`, starts again what ends, and stops them all together."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from customer_sync.base.log import get
from customer_sync.engine.lane import PLATFORMS, LaneDescription

log = get(__name__)

#: The pause before a process that ended is started again, in seconds; doubles while it ends soon after its start.
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 10.0
#: A process that lived this long had started well: the next pause is the first one again.
HEALTHY_S = 2.0
#: How long a process may take to stop, in seconds, before it is killed.
STOP_S = 8.0


def queues_for(number: int, workers: int) -> str:
    """Return what Celery's `-Q` should say for one of several workers on a machine, the first being 0.

    All serve live work. Reading pages and loading imports go to different ones, see celeryconfig.py.
    """
    if workers == 1:
        return "wakeups,reads,imports"
    return "wakeups,imports" if number % 2 == 0 else "wakeups,reads"


def platform_words(lanes: Iterable[LaneDescription]) -> list[str]:
    """Return the words for `celery worker` of the worker for platforms; none where no lane calls one.

    It has a thread for each of its lanes, so that no platform waits for another one; threads that wait cost nothing.
    """
    count = sum(one.queue == PLATFORMS for one in lanes)
    return ["-Q", PLATFORMS, "-c", str(count)] if count else []


@dataclass(slots=True)
class Child:
    """One process.

    Args:
        name: for the log.
        command: what to run.
        env: its environment.
        is_needed: whether it is started again when it ends.
        is_silent: whether what it prints is of no interest; its log still is.
        is_called: whether the others call it, so that it ends after them.
    """

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    is_needed: bool = True
    is_silent: bool = False
    is_called: bool = False
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    starts_at: float = field(default=0.0)


class Supervisor:
    """Looks after children until told to stop.

    Args:
        chores: called every quarter of a second; for what is no child of ours (the embedded Redis).
    """

    def __init__(self, chores: Callable[[], None] = lambda: None) -> None:
        self._children: list[Child] = []
        self._chores = chores
        #: Whether it was told to stop.
        self.is_stopping = False

    def add(self, child: Child) -> None:
        """Start a child and look after it."""
        self._children.append(child)
        self._start(child)

    def listen(self) -> None:
        """From here on let SIGINT, SIGTERM and the end of the terminal stop everything in order."""
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGTERM, self._on_signal)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # `nohup` ignores it
            signal.signal(signal.SIGHUP, self._on_signal)

    def run(self) -> None:
        """Look after the children until a signal says to stop."""
        while not self.is_stopping:
            time.sleep(0.25)
            self._chores()
            for child in self._children:
                self._look(child)

    def stop(self) -> None:
        """Stop every child; those that others call when nobody calls them any more. A second call does nothing."""
        self.is_stopping = True
        _end([child for child in self._children if not child.is_called])
        _end([child for child in self._children if child.is_called])

    def _on_signal(self, *_: object) -> None:
        self.is_stopping = True

    def _look(self, child: Child) -> None:
        process, now = child.process, time.monotonic()
        if process is None:
            if now >= child.starts_at:
                self._start(child)
            return
        code = process.poll()
        if code is None or self.is_stopping:
            return
        _signal_group(process, signal.SIGKILL)
        child.process = None
        if not child.is_needed:
            child.starts_at = float("inf")
            return
        if now - child.started_at > HEALTHY_S:
            child.pause_s = FIRST_PAUSE_S
        child.starts_at = now + child.pause_s
        log.warning("process ended: starting it again", name=child.name, code=code, in_s=round(child.pause_s, 1))
        child.pause_s = min(LONGEST_PAUSE_S, child.pause_s * 2)

    def _start(self, child: Child) -> None:
        child.started_at = time.monotonic()
        child.process = subprocess.Popen(  # noqa: S603  # our own programs
            child.command,
            env=dict(child.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if child.is_silent else None,
            start_new_session=True,
            preexec_fn=_die_with_us,  # noqa: PLW1509  # one C call; the supervisor has no threads
        )


def _end(children: Iterable[Child]) -> None:
    """End children together and wait for them: first politely, after `STOP_S` for good."""
    living = [(child, child.process) for child in children if child.process is not None]
    for _, process in living:
        if process.poll() is None:
            _signal_group(process, signal.SIGTERM)
    ends = time.monotonic() + STOP_S
    for child, process in living:
        try:
            process.wait(max(0.1, ends - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("process killed", name=child.name)
        # what a process leaves behind (a web worker whose master was killed) goes too
        _signal_group(process, signal.SIGKILL)
        child.process = None


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_us() -> None:
    """Ask Linux to end the child when the supervisor is killed; elsewhere nothing can be done."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
