"""`tajo connectors sync`: read a source now, a run for each resource, and watch until all are done."""

from __future__ import annotations

from typing import NoReturn

import click

from customer_sync.api.runs import begun_of
from customer_sync.assembly import open_puller_of
from customer_sync.batch.puller import FirstSyncWaits, waits_for_word
from customer_sync.batch.starts import Started, start_each
from customer_sync.brevo.proof.outlook import OutlookBook
from customer_sync.cli import complete, context
from customer_sync.cli.api_calls import installation, print_model
from customer_sync.cli.output import FAILED, NO_ANSWER, NOT_FOUND, WRONG_USE, fail, json_option
from customer_sync.cli.progress import summary, watch
from customer_sync.cli.runs import ahead, find_run
from customer_sync.config import Settings
from customer_sync.config.keys import RESOURCES
from customer_sync.model import CUSTOMERS
from customer_sync.operate.figures.read import WORKER_NOTE
from customer_sync.store import Store
from customer_sync.store.run import Busy, Run, RunKind, RunState

#: A worker that has not been seen for this long counts as gone, in seconds.
WORKER_GONE_S = 30.0
_ENDED_BADLY = frozenset({RunState.STOPPED, RunState.CANCELLED, RunState.PAUSED})


@click.command()
@click.argument("source", shell_complete=complete.SOURCE)
@click.option("--full", is_flag=True, help="Read everything, not only what changed since the last run.")
@click.option("--compare", is_flag=True, help="Read every customer, and find out who is gone at the source.")
@click.option("--resource", type=click.Choice(RESOURCES), help="Read only this.")
@click.option("--dry-run", is_flag=True, help="Count what would change; send nothing.")
@click.option("--force", is_flag=True, help="Take off the brake on mass changes.")
@click.option("--no-wait", is_flag=True, help="Start it and return at once.")
@json_option
def sync(  # noqa: PLR0913  # the options of a command
    source: str,
    *,
    full: bool,
    compare: bool,
    resource: str | None,
    dry_run: bool,
    force: bool,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Pull a source and bring Brevo up to date: what changed since the last run, or everything.

    Customers are read, and what the skills that are on need beside: orders, products. Each has a run of its own. The
    first run of a source is a full one, and begins with --full only: that is the word for all that is read of it. What
    a skill needs since waits for a word of its own. Ctrl-C stops the watching (exit code 130); the runs go on.
    """
    settings = context.read_settings()
    store = context.open_store(settings)
    _check_source(settings, source, resource)
    _check_worker(store)
    kind = RunKind.COMPARE if compare else RunKind.FULL if full else RunKind.INCREMENTAL
    puller = open_puller_of(settings, store, context.home())
    try:
        started = start_each(puller, source, kind, resource=resource, is_dry=dry_run, is_forced=force)
    except FirstSyncWaits as waits:
        fail(waits.reason, waits.remedy, WRONG_USE)
    except Busy as busy:
        _busy(busy.run)
    _tell_begin(started, kind)
    if not no_wait:
        started = Started([_watched(store, run) for run in started.runs], started.notes)
    tajo = installation()
    if as_json:
        print_model(begun_of(tajo, started))
    else:
        for run in started.runs:
            _tell_end(run, store, tajo.outlook(), dry_run=dry_run)
    for run in started.runs:
        if run.state in _ENDED_BADLY:
            fail(f"Run {run.id} is {run.state}{': ' + run.reason if run.reason else '.'}", run.remedy, FAILED)


def _watched(store: Store, run: Run) -> Run:
    """Watch a run until it is over, and return it as it ended."""
    return watch(lambda: find_run(store, run.id))


def _tell_begin(started: Started, kind: RunKind) -> None:
    for run in started.runs:
        if kind is RunKind.INCREMENTAL and run.kind is RunKind.FULL:
            click.echo(f"{run.place} was never read before: everything is read.", err=True)
        click.echo(f"Run {run.id} of {run.place} begins. Ctrl-C stops the watching, not the run.", err=True)
    for note in started.notes:
        click.echo(note, err=True)


def _tell_end(run: Run, store: Store, book: OutlookBook, *, dry_run: bool) -> None:
    if run.state is not RunState.DONE:
        return
    what = "" if run.resource == CUSTOMERS else f" of {run.place}"
    click.echo(f"Run {run.id}{what} is done: {summary(run)}")
    for line in [*run.notes, *(ahead(run, book) if dry_run else ())]:
        click.echo(f"  {line}")
    if dry_run and waits_for_word(store, run.source, run.resource):
        only = "" if run.resource == CUSTOMERS else f" --resource {run.resource}"
        click.echo(f"Next: `tajo connectors sync {run.source} --full{only}` sends them.")


def _check_source(settings: Settings, source: str, resource: str | None) -> None:
    if source not in settings.sources:
        names = ", ".join(sorted(settings.sources)) or "none is configured"
        fail(f"There is no source {source} in the config.", f"Sources: {names}.", NOT_FOUND)
    asked = [resource] if resource else RESOURCES
    if not any(settings.syncs(source, one) for one in asked):
        what = resource or CUSTOMERS
        fail(
            f"The {what} of {source} are not synced.",
            f"Set connectors.{source}.sync.{what} to true in tajo.yaml.",
            WRONG_USE,
        )


def _check_worker(store: Store) -> None:
    seen = store.note(WORKER_NOTE)
    if seen is None or store.hosts.now_ms() / 1000 - seen["at"] > WORKER_GONE_S:
        fail("No worker runs, so nobody would do the work.", "Start `tajo run`, or a Celery worker.", NO_ANSWER)


def _busy(run: Run) -> NoReturn:
    remedy = f"Watch it: `tajo runs show {run.id} --follow`. End it: `tajo runs cancel {run.id}`."
    if run.state in {RunState.PAUSED, RunState.STOPPED}:
        again = f"Go on with it: `tajo runs resume {run.id}`. End it: `tajo runs cancel {run.id}`."
        remedy = f"{run.remedy} {again}".strip() if "tajo runs resume" not in run.remedy else run.remedy
    why = f": {run.reason.rstrip('.')}" if run.reason else ""
    fail(f"Run {run.id} of {run.place} is {run.state}{why}. A source has one run at a time.", remedy, FAILED)
