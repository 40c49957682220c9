"""Pauses: why a lane waits, the alert about it, and when the lane continues. Waiting items use up no try."""

from __future__ import annotations

from typing import Final

from customer_sync.base.log import get
from customer_sync.errors import ConfigError, Unavailable
from customer_sync.store import Store
from customer_sync.store.breaker import CONFIG_PAUSE_S, Pause
from customer_sync.store.counters import Tally

log = get(__name__)

_GOES_ON: Final = "Nothing to do: work goes on by itself."
_BRING_BACK: Final = (
    "Switch the skill or the source that it is for on again, or update all workers to one version, and restart them; "
    "a lane to a platform needs a worker with `-Q platforms`. What waits is kept."
)


def pause(store: Store, lane: str, error: Unavailable | ConfigError, now_ms: int) -> None:
    """Pause a lane because of an error, and raise an alert the first time.

    Raises:
        Unavailable: the destination is down; the caller tries again later.
    """
    if isinstance(error, ConfigError):
        _trip(store, lane, Pause("config", error.reason, error.remedy, now_ms), CONFIG_PAUSE_S)
        return
    _trip(store, lane, Pause("unavailable", str(error), _GOES_ON, now_ms))
    raise Unavailable(str(error)) from error


def await_handler(store: Store, lane: str, now_ms: int) -> None:
    """Pause a lane that no worker can deliver. This worker may be an older version than another one, which can."""
    if not store.lanes.is_served(lane):
        _trip(store, lane, Pause("config", f"No worker delivers the lane {lane}.", _BRING_BACK, now_ms), CONFIG_PAUSE_S)


def resume(store: Store, lane: str) -> None:
    """End the pause of a lane: its destination answers again."""
    ended = store.breakers.close(lane)
    store.breakers.others_got_through(lane)
    if ended is not None:
        store.ledger.alert(f"Lane {lane} goes on.", "", lane=lane, cause="resumed")
        log.warning("lane resumed", lane=lane)


def _trip(store: Store, lane: str, why: Pause, wait_s: float | None = None) -> None:
    if not store.breakers.trip(lane, why, wait_s=wait_s):
        return
    tally = Tally()
    tally.count("tajo_lane_pauses_total", lane=lane, why=why.kind)
    store.counters.add(tally)
    if why.kind != "config" or not _is_told(store, lane, why.reason):
        store.ledger.alert(f"Lane {lane} waits: {why.reason}", why.remedy, lane=lane, cause=why.kind)
    log.error("lane paused", lane=lane, reason=why.reason, remedy=why.remedy)


def _is_told(store: Store, lane: str, reason: str) -> bool:
    """Tell whether another lane waits for the same setting: one cause is one alert."""
    pauses = (store.breakers.read(other) for other in store.lanes.names() if other != lane)
    return any(one is not None and one.reason == reason for one in pauses)
