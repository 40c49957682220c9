"""The Celery application, and what runs inside every worker beside the tasks: the sweep and the watchdog."""

from __future__ import annotations

import os
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

import redis
from celery import Celery, bootsteps
from celery.signals import setup_logging, task_postrun, task_prerun

from customer_sync import assembly, log, registry, runs
from customer_sync.config import Settings
from customer_sync.pipeline import Line
from customer_sync.store import connect, keys

logger = log.get(__name__)

app = Celery("customer_sync")
app.config_from_object("celeryconfig")

#: How long the sweep of one worker holds the others off, in milliseconds.
SWEEP_MS = 900
#: A worker that has started nothing for this long while wake-ups wait is ended, in seconds; its supervisor starts it
#: again. Celery workers are known to go silent after a restart of Redis (celery issues 8030, 8091, 9054, 10205).
SILENT_S = 15.0
#: How often a worker notes that it lives, in seconds.
SEEN_EVERY_S = 5.0
#: The exit code of a worker that ended itself: EX_TEMPFAIL of sysexits.h.
EXIT_SILENT = 75


@cache
def settings() -> Settings:
    """Return the settings of this process, read once.

    Raises:
        ConfigFaults: see `customer_sync.config.load`.
    """
    return registry.load_settings(None, os.environ)


def home() -> Path:
    """Return the folder of this installation: `TAJO_HOME`, `.tajo` when it is not set."""
    return Path(os.environ.get("TAJO_HOME", ".tajo"))


@cache
def line() -> Line:
    """Return the line of this process, opened at first use.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    return assembly.open_line(settings(), connect(app.conf.broker_url), wake, home())


@cache
def puller() -> runs.Puller:
    """Return what runs of this process work with.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    return assembly.open_puller(settings(), line(), home())


def wake(what: str) -> None:
    """Send a wake-up; a lost one costs a second, so failing is no error."""
    name, _, argument = what.partition(":")
    _send(_TASKS[name], *([argument] if argument else []))


#: What a wake-up is called → the task it starts.
_TASKS = {
    "inbox": "tajo.process_inbox",
    "deliver": "tajo.deliver",
    "bulk": "tajo.bulk",
    "follow": "tajo.follow",
    "pull": "tajo.pull",
    "reconcile": "tajo.reconcile",
}


def _send(task: str, *arguments: str) -> None:
    try:
        app.send_task(task, args=arguments, retry=False, argsrepr="", kwargsrepr="")
    except Exception as error:  # noqa: BLE001  # whatever it is, the sweep makes up for it, and nobody must wait for it
        logger.warning("message not sent", task=task, error=type(error).__name__)


class Turns:
    """Lets one loop per name run in this process; whoever comes meanwhile makes it go round once more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[str] = set()
        self._again: set[str] = set()

    def begin(self, name: str) -> bool:
        """Return True when the caller has the turn; False when another has it and will look again."""
        with self._lock:
            if name in self._running:
                self._again.add(name)
                return False
            self._running.add(name)
            self._again.discard(name)
            return True

    def release(self, name: str) -> bool:
        """Give the turn back; False when somebody came meanwhile: then the caller keeps it and looks again."""
        with self._lock:
            if name in self._again:
                self._again.discard(name)
                return False
            self._running.discard(name)
            return True

    def end(self, name: str) -> None:
        """Give the turn back in any case."""
        with self._lock:
            self._running.discard(name)


turns = Turns()


class _Pulse:
    """When this worker last started or ended a task, and how many are under way."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.at = time.monotonic()
        self.busy = 0

    def beat(self, by: int) -> None:
        with self.lock:
            self.at = time.monotonic()
            self.busy += by


_pulse = _Pulse()


@task_prerun.connect  # type: ignore[untyped-decorator]  # celery ships no types
def _started(**_: Any) -> None:
    _pulse.beat(+1)


@task_postrun.connect  # type: ignore[untyped-decorator]  # celery ships no types
def _ended(**_: Any) -> None:
    _pulse.beat(-1)


@setup_logging.connect  # type: ignore[untyped-decorator]  # celery ships no types
def _logging(**_: Any) -> None:
    log.configure(settings().log_level)


class Caretaker(bootsteps.StartStopStep):  # type: ignore[misc]  # celery ships no types
    """Runs the sweep once a second and ends a worker that has gone silent."""

    def __init__(self, parent: Any, **_: Any) -> None:
        self._stop = threading.Event()
        self._seen_at = float("-inf")
        super().__init__(parent)

    def start(self, parent: Any) -> None:  # noqa: ARG002  # Celery's signature
        """Start the thread, once the worker is up."""
        threading.Thread(target=self._run, name="caretaker", daemon=True).start()

    def stop(self, parent: Any) -> None:  # noqa: ARG002  # Celery's signature
        """Stop the thread with the worker."""
        self._stop.set()

    def _run(self) -> None:
        _pulse.at = time.monotonic()
        _send("tajo.check_account", "start")
        while not self._stop.wait(1.0):
            try:
                self._sweep()
                self._watch()
                self._sign_of_life()
            except (redis.RedisError, OSError) as error:
                # Redis is away: nothing waits that could be seen, and silence is no fault of the worker
                _pulse.at = time.monotonic()
                logger.warning("sweep put off", error=type(error).__name__)

    def _sweep(self) -> None:
        found = line().store.sweep(SWEEP_MS)
        for name in found or ():
            wake(name if name.partition(":")[0] in {"inbox", "follow", "bulk"} else f"deliver:{name}")
        if found is not None:
            for number in line().store.runs.due(line().clock()):
                if line().store.wake(f"pull:{number}"):
                    wake(f"pull:{number}")
            if line().store.client.exists(keys.RECONCILE_DUE) and line().store.wake("reconcile"):
                wake("reconcile")

    def _sign_of_life(self) -> None:
        if time.monotonic() - self._seen_at > SEEN_EVERY_S:
            self._seen_at = time.monotonic()
            line().store.set_note("worker_seen", {"at": line().clock() / 1000})

    def _watch(self) -> None:
        if _pulse.busy >= app.conf.worker_concurrency or time.monotonic() - _pulse.at < SILENT_S:
            return
        prefix = app.conf.broker_transport_options["global_keyprefix"]
        if line().store.client.llen(prefix + app.conf.task_default_queue) == 0:
            _pulse.at = time.monotonic()
            return
        logger.error("worker silent while wake-ups wait: it ends itself", silent_s=SILENT_S)
        os._exit(EXIT_SILENT)


app.steps["worker"].add(Caretaker)
