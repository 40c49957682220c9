"""The Celery tasks: wake-ups that carry no data. Each runs a step of the line until nothing is left or time is up."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import redis

from customer_sync import assembly, pipeline
from customer_sync.base.log import get
from customer_sync.batch import runs, walks
from customer_sync.errors import TajoError, Unavailable
from customer_sync.worker.app import app, aside, home, line, puller, settings, turns, wake, watchdog

log = get(__name__)

#: How a task is tried again while its destination is away.
WHILE_AWAY: Final[Mapping[str, Any]] = {
    "autoretry_for": (Unavailable,),
    "retry_backoff": 1,
    "retry_backoff_max": 30,  # below the visibility timeout, so that no waiting retry is handed out twice
    "retry_jitter": True,
    "max_retries": 8,  # after that the sweep goes on asking, once per pause of the breaker
}

#: How long one task goes on before it makes room for others, in seconds.
BUDGET_S = 2.0
#: A task waits for an item that is due within this time, in seconds; a sweep wakes for what is due later.
LINGER_S = 0.25
#: The same for what follows imports; a fresh one is looked at within this time.
FOLLOW_LINGER_S = 0.5
#: How soon a compare with Brevo that could not be done is tried again, in seconds.
RECONCILE_AGAIN_S = 60.0
#: How soon it is looked again for a place among the tasks that wait for platforms, in seconds.
ASIDE_AGAIN_S = 1.0


@app.task(name="tajo.process_inbox")  # type: ignore[untyped-decorator]  # celery ships no types
def process_inbox() -> None:
    """Read the inbox until it is empty."""
    _loop("inbox", lambda: pipeline.StepResult(pipeline.process_inbox(line()), None))


@app.task(name="tajo.deliver", **WHILE_AWAY)  # type: ignore[untyped-decorator]  # celery ships no types
def deliver(lane: str) -> None:
    """Deliver what is due in a lane."""
    _loop(f"deliver:{lane}", lambda: pipeline.deliver(line(), lane))


@app.task(name="tajo.bulk", **WHILE_AWAY)  # type: ignore[untyped-decorator]  # celery ships no types
def bulk(lane: str) -> None:
    """Send off bulk work of a lane."""
    _loop(f"bulk:{lane}", lambda: pipeline.bulk(line(), lane))


@app.task(name="tajo.single", **WHILE_AWAY)  # type: ignore[untyped-decorator]  # celery ships no types
def single(lane: str) -> None:
    """Deliver one by one what the bulk gear of a lane gave back."""
    _loop(f"single:{lane}", lambda: pipeline.single(line(), lane))


@app.task(name="tajo.follow")  # type: ignore[untyped-decorator]  # celery ships no types
def follow() -> None:
    """Follow what the bulk gears sent off."""
    _loop("follow", lambda: pipeline.follow(line()), linger_s=FOLLOW_LINGER_S)


@app.task(name="tajo.pull")  # type: ignore[untyped-decorator]  # celery ships no types
def pull(number: str) -> None:
    """Read pages for a run; where too many others wait for a platform here, another time."""
    name = f"pull:{number}"
    _aside(name, lambda: _loop(name, lambda: runs.step(puller(), number), linger_s=BUDGET_S))


@app.task(name="tajo.reconcile")  # type: ignore[untyped-decorator]  # celery ships no types
def reconcile() -> None:
    """Compare with Brevo what is due; what cannot be compared now is tried again in a minute."""
    _aside("reconcile", _reconcile)


@app.task(name="tajo.walk")  # type: ignore[untyped-decorator]  # celery ships no types
def walk() -> None:
    """Go through people for the schedules of skill files; what cannot go on now is woken again by the next tick."""
    _loop("walk", _walk)


def _walk() -> pipeline.StepResult:
    try:
        return walks.step(line(), walks.timed(settings()), puller().rules)
    except TajoError as error:
        log.warning("schedule put off", reason=str(error))
        return pipeline.StepResult(did_work=False, wait_s=None)


def _aside(name: str, work: Callable[[], None]) -> None:
    """Do work that may wait for a platform where there is a place for it, and call who waits for the place after it."""
    with aside.place(name) as is_free:
        if is_free:
            work()
        else:
            line().store.put_to_sleep(name, ASIDE_AGAIN_S)
    waiting = aside.next() if is_free else None
    if waiting is not None:
        wake(waiting)


def _reconcile() -> None:
    if not turns.begin("reconcile"):
        return
    store, clock = line().store, line().clock
    told = lambda *_: watchdog.goes_on()  # noqa: E731  # the whole of it
    try:
        while assembly.compare_with_brevo(settings(), store, home(), wake, clock, progress=told) is not None:
            store.woken("reconcile")
    except redis.RedisError as error:
        log.warning("Redis is away: work put off", what="reconcile", error=type(error).__name__)
    except TajoError as error:
        store.put_to_sleep("reconcile", RECONCILE_AGAIN_S)
        log.warning("compare with Brevo put off", reason=str(error))
    finally:
        turns.end("reconcile")


def _loop(name: str, step: Callable[[], pipeline.StepResult], *, linger_s: float = LINGER_S) -> None:
    """Run a step until nothing is left, time is up, or another thread of this process has the turn.

    While it runs, no wake-ups are sent for it; the last look comes after they are allowed again, so none is missed.
    """
    if not turns.begin(name):
        return
    ends = time.monotonic() + BUDGET_S
    try:
        line().store.woken(name)
        while True:
            is_late = _work(name, step, ends, linger_s)
            if is_late or turns.release(name):
                break
    except redis.RedisError as error:
        # nothing is lost: leases end, the inbox keeps its entries, and the sweep wakes us when Redis is back
        turns.end(name)
        log.warning("Redis is away: work put off", what=name, error=type(error).__name__)
        return
    except BaseException:
        turns.end(name)
        raise
    if is_late:
        turns.end(name)
        wake(name)


def _work(name: str, step: Callable[[], pipeline.StepResult], ends: float, linger_s: float) -> bool:
    """Run the step while it finds work; True when time is up before nothing was left."""
    store = line().store
    is_quiet = True
    while True:
        rest = step()
        watchdog.goes_on()
        if rest.did_work:
            if time.monotonic() > ends:
                return True
            store.awake(name)
            is_quiet = False
        elif not is_quiet:
            store.woken(name)
            is_quiet = True
        elif rest.wait_s is not None and rest.wait_s <= linger_s and time.monotonic() < ends:
            time.sleep(rest.wait_s)
        else:
            return False
