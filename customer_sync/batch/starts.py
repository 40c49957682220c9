"""Starting runs: by a person's word, by the schedule, or after webhooks were off; a run for each resource of a source.

The first full run of a source waits for a person's word. It is given once for all that is read of the source; what is
read later beside that, since a skill was enabled, waits for a word of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from customer_sync.base.log import get
from customer_sync.batch.puller import FirstSyncWaits, Puller, word
from customer_sync.errors import ConfigError
from customer_sync.model import CUSTOMERS
from customer_sync.store.run import Busy, Run, RunKind, Slot

log = get(__name__)

#: How far before the last run an incremental run begins, in seconds: clocks differ, filters are coarse.
OVERLAP_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Started:
    """Runs that a person's word began.

    Args:
        runs: one for each resource, at least one.
        notes: what was not begun, and why, one sentence each.
    """

    runs: Sequence[Run]
    notes: Sequence[str] = ()


def start_each(  # noqa: PLR0913  # what runs are started with, most of it with a default
    puller: Puller,
    source: str,
    kind: RunKind,
    *,
    resource: str | None = None,
    by: str = "cli",
    is_dry: bool = False,
    is_forced: bool = False,
) -> Started:
    """Start a run for each resource that is read of a source, or for one of them.

    What has an open run, or was never read and is not asked for in full, is left out while others can begin.

    Raises:
        ConfigError: the source or the resource cannot be pulled.
        FirstSyncWaits: nothing of it was ever read, and this is not the full run that it waits for.
        Busy: an open run of each is in the way.
    """
    wanted = _resources(puller, source, kind, resource)
    runs: list[Run] = []
    notes: list[str] = []
    faults: list[Busy | FirstSyncWaits] = []
    for one in wanted:
        try:
            runs.append(start(puller, source, kind, resource=one, by=by, is_dry=is_dry, is_forced=is_forced))
        except Busy as busy:
            notes.append(f"The {one} are being read by run {busy.run.id}, which is {busy.run.state}.")
            faults.append(busy)
        except FirstSyncWaits as waits:
            notes.append(f"The {one} were never read: {word(source, one)}")
            faults.append(waits)
    if not runs:
        raise faults[0] if len(wanted) == 1 or isinstance(faults[0], Busy) else FirstSyncWaits(source)
    return Started(runs, notes)


def _resources(puller: Puller, source: str, kind: RunKind, resource: str | None) -> tuple[str, ...]:
    """Return what is to be read of a source.

    Raises:
        ConfigError: nothing, or not what was named.
    """
    puller.reach(source)
    connector, wanted = puller.connector(source), puller.wanted(source)
    if kind is RunKind.COMPARE:
        if resource not in {None, CUSTOMERS}:
            raise ConfigError(f"A compare is about customers: {resource} have none.", "Read them in full: --full.")
        wanted = tuple(one for one in wanted if one == CUSTOMERS)
    if resource is None and wanted:
        return wanted
    if resource in wanted:
        return (resource,)
    asked = resource or CUSTOMERS
    if asked not in connector.pulls:
        remedy = f"{connector.title} can be pulled for {', '.join(connector.pulls)}; webhooks tell of the rest."
        raise ConfigError(f"The {asked} of {source} cannot be pulled.", remedy)
    raise ConfigError(
        f"The {asked} of {source} are not read: no skill that is on needs them, or sync.{asked} is false.",
        f"Switch on a skill that needs them (`tajo skills list`), or look at connectors.{source}.sync in tajo.yaml.",
    )


def start(  # noqa: PLR0913  # what a run is started with, most of it with a default
    puller: Puller,
    source: str,
    kind: RunKind,
    *,
    resource: str = CUSTOMERS,
    by: str = "cli",
    is_dry: bool = False,
    is_forced: bool = False,
) -> Run:
    """Start the run of one resource that a person asks for, and wake a worker for it.

    A dry run of what was never read counts everything, whatever kind was asked for.

    Raises:
        ConfigError: the source cannot be pulled.
        FirstSyncWaits: it was never read, and this is not the full run that it waits for.
        Busy: it has an open run; a dry run is held up by another dry run only.
    """
    puller.reach(source)
    runs = puller.line.store.runs
    if not runs.reach(source, resource) and kind is not RunKind.FULL:
        if not is_dry and not puller.may_begin(source):
            first = runs.open_run(source, resource)
            raise _first_waits(puller, source, resource) if first is None else Busy(first)
        kind = RunKind.FULL if kind is RunKind.INCREMENTAL else kind
    since_ms = _since_ms(puller, source, kind, resource)
    run = runs.start(source, kind, resource=resource, since_ms=since_ms, by=by, is_dry=is_dry, is_forced=is_forced)
    assert run is not None  # only a slot can be done already
    return _begun(puller, run)


def start_by_itself(  # noqa: PLR0913  # as above
    puller: Puller, source: str, kind: RunKind, by: str, slot: Slot | None = None, *, resource: str = CUSTOMERS
) -> Run | None:
    """Start a run that nobody asked for: of a slot, or after webhooks were off; None when its slot had its run already.

    Raises:
        ConfigError: the source cannot be pulled.
        FirstSyncWaits: it was never read, and that waits for a person's word.
        Busy: it has an open run; the slot waits.
    """
    puller.reach(source)
    if not puller.line.store.runs.reach(source, resource):
        if not puller.may_begin(source):
            raise _first_waits(puller, source, resource)
        kind = RunKind.FULL if kind is RunKind.INCREMENTAL else kind
    since_ms = _since_ms(puller, source, kind, resource)
    run = puller.line.store.runs.start(source, kind, resource=resource, since_ms=since_ms, by=by, slot=slot)
    return None if run is None else _begun(puller, run)


def _first_waits(puller: Puller, source: str, resource: str) -> FirstSyncWaits:
    is_added = resource != CUSTOMERS and bool(puller.line.store.runs.reach(source))
    return FirstSyncWaits(source, resource if is_added else "")


def _since_ms(puller: Puller, source: str, kind: RunKind, resource: str) -> int | None:
    """Return since when a run reads changes; None: it reads everything."""
    if kind is not RunKind.INCREMENTAL:
        return None
    return puller.line.store.runs.reach(source, resource)["until_ms"] - int(OVERLAP_S * 1000)


def _begun(puller: Puller, run: Run) -> Run:
    log.info("run started", run=run.id, source=run.source, resource=run.resource, kind=str(run.kind), by=run.by)
    puller.line.wake(f"pull:{run.id}")
    return run
