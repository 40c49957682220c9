"""Looks for what is to be told: runs that ended, imports that were read back, faults that began or are over.

Everything is found in what is kept anyway, so whoever dies in between loses nothing: a notice is put first, under an id
that the same facts always give, and what was told is written after it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from customer_sync.config import Settings
from customer_sync.operate.figures import findings, read_figures
from customer_sync.operate.notices.notice import Notice, is_told, of_batch, of_run
from customer_sync.operate.notices.outbox import put
from customer_sync.operate.notices.states import Held, advance, held_now
from customer_sync.store import Store
from customer_sync.store.run import Run

#: How many runs are looked at: all that are kept.
_ALL: Final = -1


def watch(store: Store, settings: Settings, home: Path, wake: Callable[[str], None]) -> list[Notice]:
    """Put what is new into the lanes of the targets, and return it. Safe to call at any time, by anybody.

    What happened before the first target was there is not told.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    targets = settings.notifications.targets
    if not targets:
        store.notices.clear()
        return []
    before, ended = store.notices.told(), store.notices.ended()
    runs = store.runs.recent(_ALL)
    figures = read_figures(store, settings, home, alerts=())
    known = {key: Held(*raw) for key, raw in (before.value or {}).get("states", {}).items()}
    after, changes = advance(known, held_now(findings(figures), figures.parked), figures.at_ms)
    notices: list[Notice] = []
    if before.value is not None:
        notices += _of_runs(store, runs, before.value["runs"])
        notices += [of_batch(store.notices.name_of("batch", str(one["batch"])), one) for one in map(json.loads, ended)]
    for one in changes:
        id_ = store.notices.name_of("state", one.key, "over" if one.is_over else "began", str(one.at_ms))
        # a target is not told that it takes nothing: that would only fail once more
        spared = one.held.about if one.held.code == "notices_not_taken" else ""
        notices.append(Notice(id_, one.type, one.at_ms, one.data, spared))
    put(store, targets, notices, wake)
    told = {"runs": {run.id: _mark(run) for run in runs}, "states": {key: list(one) for key, one in after.items()}}
    if store.notices.tell(before, told):
        store.notices.forget_ended(ended)
    return notices


def _of_runs(store: Store, runs: Sequence[Run], told: Mapping[str, Any]) -> Iterator[Notice]:
    """Yield what is told of runs, the oldest first; one that stops again for the same reason has the same id."""
    for run in reversed(runs):
        mark = _mark(run)
        notice = None if mark == told.get(run.id) else of_run(store.notices.name_of("run", run.id, mark), run)
        if notice is not None:
            yield notice


def _mark(run: Run) -> str:
    """Return what is remembered of a run: its state, and why it stopped."""
    return f"{run.state}: {run.reason}" if is_told(run) else "open"
