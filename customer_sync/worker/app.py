"""The Celery application, and what runs inside every worker beside the tasks: the sweep and the watchdog."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import redis
from celery import Celery, bootsteps
from celery.signals import beat_init, celeryd_init, setup_logging, task_postrun, task_prerun
from celery.worker import state

from customer_sync import loading
from customer_sync.base import log
from customer_sync.base.alive import tell_alive
from customer_sync.batch.puller import Puller
from customer_sync.brevo.proof.prover import Prover
from customer_sync.config import ConfigFaults, Settings
from customer_sync.engine import pauses
from customer_sync.engine.lane import PLATFORMS
from customer_sync.errors import ConfigError
from customer_sync.pipeline import Line
from customer_sync.skills.chosen import configure_log
from customer_sync.store import connect, messages_in, server
from customer_sync.store.keeper import KEEP_S
from customer_sync.store.lanes import SERVED_S
from customer_sync.store.salt import Estranged
from customer_sync.worker.aside import Aside
from customer_sync.worker.broker import redis_url
from customer_sync.worker.garbage import look_seldom
from customer_sync.worker.parts import Parts
from customer_sync.worker.watchdog import Watchdog

logger = log.get(__name__)

app = Celery("customer_sync")
app.config_from_object("celeryconfig")

#: How often a worker cares for what waits, in seconds.
CARE_EVERY_S = 1.0
#: How long the sweep of one worker holds the others off, in milliseconds.
SWEEP_MS = 900
#: A worker that has started nothing for this long while wake-ups wait is ended, in seconds; its supervisor starts it
#: again. Celery workers are known to go silent after a restart of Redis (celery issues 8030, 8091, 9054, 10205).
SILENT_S = 15.0
#: How long a task may give no sign of life, in seconds; then it is stuck, and the worker is ended. Every call has a
#: deadline of its own: this is for what nobody thought of. A page of a run may be a file of ten minutes.
_LONG = ("tajo.pull", "tajo.reconcile", "tajo.bulk", "tajo.single", "tajo.follow", "tajo.tick")
STUCK_S = {"": KEEP_S, **dict.fromkeys(_LONG, 900.0)}
#: How many wake-ups wait in a queue at most: without a worker they would pile up, one a second.
MOST_MESSAGES = 100
#: How long the queue is waited for before a message is sent, in seconds.
LOOK_TIMEOUT_S = 0.5
#: How often a worker notes that it lives, in seconds.
SEEN_EVERY_S = 5.0
_STUCK_REMEDY = (
    "Nothing to do where it happens once: its work goes on in another worker. Else tell us what the log says."
)
#: The exit code of a worker that ended itself: EX_TEMPFAIL of sysexits.h.
EXIT_SILENT = 75
#: The exit code of a process that can do nothing with its Redis or its config: EX_CONFIG of sysexits.h.
EXIT_CONFIG = 78


def settings() -> Settings:
    """Return the settings of this process: those of the file, read once, with what was said of skills since.

    Raises:
        ConfigFaults: see `customer_sync.config.load`.
    """
    return parts().settings


def home() -> Path:
    """Return the folder of this installation: `TAJO_HOME`, `.tajo` when it is not set."""
    return Path(os.environ.get("TAJO_HOME", ".tajo"))


@cache
def parts() -> Parts:
    """Return what the tasks of this process work with.

    Raises:
        ConfigFaults: see `settings`.
    """
    written = loading.load_settings(None, os.environ)
    return Parts(written, lambda: connect(redis_url(os.environ)), wake, home(), _opened)


def _opened(made: Line) -> None:
    made.store.lanes.serve(lanes_here(made))


def line() -> Line:
    """Return the line of this process, opened at first use. A step keeps the one that it began with.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    return parts().line()


def puller() -> Puller:
    """Return what runs of this process work with.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    return parts().puller()


def prover() -> Prover:
    """Return what advances proofs in this process.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    return parts().prover()


def lanes_here(made: Line) -> list[str]:
    """Return the lanes whose wake-ups come to this process."""
    queues = set(app.amqp.queues.consume_from)
    shared = bool(queues - {PLATFORMS})
    return [name for name, one in made.handlers.items() if (one.lane.queue in queues if one.lane.queue else shared)]


def wake(what: str) -> None:
    """Send a wake-up; a lost one costs a second, so failing is no error.

    None goes to a queue that no worker reads: they would pile up there, and the sweep tells of the lane.
    """
    name, _, argument = what.partition(":")
    queue = _queue_of(argument) if name in {"deliver", "bulk", "single"} else ""
    if not queue or line().store.lanes.is_served(argument):
        _send(_TASKS[name], *([argument] if argument else []), queue=queue)


#: What a wake-up is called → the task it starts.
_TASKS = {
    "inbox": "tajo.process_inbox",
    "deliver": "tajo.deliver",
    "bulk": "tajo.bulk",
    "single": "tajo.single",
    "follow": "tajo.follow",
    "pull": "tajo.pull",
    "reconcile": "tajo.reconcile",
    "walk": "tajo.walk",
}


def _queue_of(lane: str) -> str:
    """Return the queue that a lane's description names; "" where it names none, and the task's own is right."""
    handler = line().handlers.get(lane)
    return "" if handler is None else handler.lane.queue


@cache
def _broker() -> redis.Redis:
    # not by Celery's own address: sockets, Sentinels and certificates are written in other words there
    return connect(redis_url(os.environ), timeout_s=LOOK_TIMEOUT_S)


def _is_full(queue: str) -> bool:
    """Tell whether so many messages wait that no worker reads them: one more would change nothing."""
    return messages_in(_broker(), app.conf.broker_transport_options["global_keyprefix"] + queue) >= MOST_MESSAGES


def _send(task: str, *arguments: str, queue: str = "") -> None:
    route = app.conf.task_routes.get(task, {})
    try:
        if _is_full(queue or route.get("queue", app.conf.task_default_queue)):
            return
        app.send_task(task, args=arguments, queue=queue or None, retry=False, argsrepr="", kwargsrepr="")
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


watchdog = Watchdog(SILENT_S, STUCK_S)
aside = Aside()


@task_prerun.connect  # type: ignore[untyped-decorator]  # celery ships no types
def _started(task: Any, **_: Any) -> None:
    watchdog.began(task.name)


@task_postrun.connect  # type: ignore[untyped-decorator]  # celery ships no types
def _ended(**_: Any) -> None:
    watchdog.ended()


@celeryd_init.connect  # type: ignore[untyped-decorator]  # celery ships no types
@beat_init.connect  # type: ignore[untyped-decorator]  # celery ships no types
def need_usable(**_: Any) -> None:
    """End a worker or a beat that could never work, and say why. A Redis that is away may come later."""
    try:
        for fault in server.faults(connect(redis_url(os.environ))):
            if fault.is_fatal:
                raise server.Unfit(fault.reason, fault.remedy)
            logger.error("Redis wants a look", reason=fault.reason, remedy=fault.remedy)
        settings()
    except (ConfigError, ConfigFaults) as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(EXIT_CONFIG) from None
    except redis.RedisError as error:
        logger.warning("Redis is away: waiting for it", error=type(error).__name__)


@setup_logging.connect  # type: ignore[untyped-decorator]  # celery ships no types
def _logging(**_: Any) -> None:
    configure_log(settings())


class Caretaker(bootsteps.StartStopStep):  # type: ignore[misc]  # celery ships no types
    """Runs the sweep once a second and ends a worker that has gone silent.

    A fault in one of its steps is told once and stops neither the others nor the worker: it would be there again after
    a restart, and until then the tasks do the work that they are woken for.
    """

    def __init__(self, parent: Any, **_: Any) -> None:
        self._stop = threading.Event()
        self._seen_at = self._began_at = float("-inf")
        self._told: dict[str, str] = {}
        self._consumed: list[str] = []
        self._queues: list[str] = []
        self._threads = 1
        super().__init__(parent)

    def start(self, parent: Any) -> None:
        """Start the thread, once the worker is up."""
        prefix = app.conf.broker_transport_options["global_keyprefix"]
        self._consumed = list(parent.app.amqp.queues.consume_from)
        self._queues = [prefix + name for name in self._consumed]
        self._threads = parent.concurrency
        look_seldom()
        aside.fit(self._threads, is_shared=app.conf.task_default_queue in self._consumed)
        threading.Thread(target=self._run, name="caretaker", daemon=True).start()

    def stop(self, parent: Any) -> None:  # noqa: ARG002  # Celery's signature
        """Stop the thread with the worker."""
        self._stop.set()

    def _run(self) -> None:
        watchdog.rest()
        self._began_at = time.monotonic()
        _send("tajo.check_account", "start")
        while not self._stop.wait(CARE_EVERY_S):
            for step in (self._take_up, self._keep, self._sign_of_life, self._sweep, self._watch):
                self._do(step)
            tell_alive()

    def _do(self, step: Callable[[], None]) -> None:
        name = step.__name__.strip("_")
        try:
            step()
        except (redis.RedisError, OSError) as error:
            # Redis is away: nothing waits that could be seen, and silence is no fault of the worker
            watchdog.rest()
            cause = server.told(error)
            if cause is None:
                logger.warning("care put off", step=name, error=type(error).__name__)
            else:
                logger.error("care put off", step=name, reason=cause.reason, remedy=cause.remedy)  # noqa: TRY400  # as below
        except Exception as error:  # noqa: BLE001  # whatever it is, the care must go on
            # no traceback and no text: they may hold what a customer sent
            fault = f"{type(error).__name__} at {log.place(error)}"
            if self._told.get(name) != fault:
                self._told[name] = fault
                logger.error("care failed", step=name, error=fault)  # noqa: TRY400  # for the reason above
        else:
            self._told.pop(name, None)

    def _take_up(self) -> None:
        """Work by what was said of skills since; the account may lack what another mapping needs."""
        if parts().renew():
            _send("tajo.check_account", "start")

    def _keep(self) -> None:
        line().store.hosts.tend()
        try:
            line().store.keep()
        except Estranged as error:
            logger.error(error.reason, remedy=error.remedy)  # noqa: TRY400  # a traceback would say nothing more
            os._exit(EXIT_SILENT)

    def _sweep(self) -> None:
        found = line().store.sweep(SWEEP_MS)
        for name in found or ():
            if name.partition(":")[0] in {"inbox", "follow", "bulk"}:
                wake(name)
                continue
            wake(f"deliver:{name}")
            # the worker of that queue may be starting, as this one is
            if _queue_of(name) and time.monotonic() - self._began_at > SERVED_S:
                pauses.await_handler(line().store, name, line().clock())
        if found is not None:
            for number in line().store.runs.due(line().clock()):
                if line().store.wake(f"pull:{number}"):
                    wake(f"pull:{number}")
            if line().store.compares.is_any_due() and line().store.wake("reconcile"):
                wake("reconcile")

    def _sign_of_life(self) -> None:
        if time.monotonic() - self._seen_at > SEEN_EVERY_S:
            line().store.lanes.serve(lanes_here(line()))
            # where a worker for platforms alone is left, nobody works for Brevo
            if set(self._consumed) - {PLATFORMS}:
                line().store.set_note("worker_seen", {"at": line().clock() / 1000})
            self._seen_at = time.monotonic()

    def _watch(self) -> None:
        stuck = watchdog.stuck()
        if stuck is not None:
            logger.error("task stuck: the worker ends itself", task=stuck.task, quiet_s=round(stuck.quiet_s))
            with suppress(redis.RedisError, OSError):
                text = f"A worker ended itself: its task {stuck.task} was stuck for {stuck.quiet_s:.0f} s."
                line().store.ledger.alert(text, _STUCK_REMEDY, cause="stuck")
            os._exit(EXIT_SILENT)
        if watchdog.is_silent(self._threads, self._is_work_there):
            logger.error("worker silent while wake-ups wait: it ends itself", silent_s=SILENT_S)
            os._exit(EXIT_SILENT)

    def _is_work_there(self) -> bool:
        """Tell whether a wake-up waits for this worker: in its queues, or fetched by it and not started."""
        if len(state.reserved_requests) > len(state.active_requests):
            return True
        return line().store.has_messages(self._queues)


app.steps["worker"].add(Caretaker)
