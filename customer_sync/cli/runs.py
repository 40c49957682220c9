"""`tajo runs`: batch syncs: what they did, where they stand; pause, resume, cancel. And `tajo connectors sync`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import click

from customer_sync.api.runs import RunQuery, find_runs, list_runs, run_of, show_run
from customer_sync.assembly import open_puller_of
from customer_sync.batch.held import HARMS
from customer_sync.batch.puller import FirstSyncWaits, waits_for_word
from customer_sync.batch.runs import start
from customer_sync.brevo.proof.outlook import OutlookBook, headline
from customer_sync.cli import complete, context
from customer_sync.cli.api_calls import find_installation, installation, print_model, read_query, span_options
from customer_sync.cli.output import (
    FAILED,
    NO_ANSWER,
    NOT_FOUND,
    WRONG_USE,
    age,
    clock,
    fail,
    json_option,
    must_confirm,
    now_ms,
    print_table,
    yes_option,
)
from customer_sync.cli.progress import progress_line, state_word, summary, watch
from customer_sync.config import Settings
from customer_sync.operate.figures.read import WORKER_NOTE
from customer_sync.store import Store
from customer_sync.store.run import COUNTS, Busy, Run, RunKind, RunState

#: A worker that has not been seen for this long counts as gone, in seconds.
WORKER_GONE_S = 30.0


@click.group()
def runs() -> None:
    """Batch syncs: what they did and where they stand; pause, resume, cancel."""


@runs.command("list")
@span_options
@click.option("--source", shell_complete=complete.SOURCE, help="Only those of this source.")
@click.option("--state", type=click.Choice([str(one) for one in RunState]), help="Only those in this state.")
@click.option("--kind", type=click.Choice([str(one) for one in RunKind]), help="Only those of this kind.")
@json_option
def list_command(*, as_json: bool, **given: Any) -> None:
    """List runs, newest first."""
    tajo = find_installation()
    query = read_query(RunQuery, given)
    if as_json:
        print_model(list_runs(tajo, query))
        return
    found = find_runs(tajo, query).items
    if found:
        rows = [
            (run.id, run.source, _kind(run), state_word(run), age(run.started_ms, now_ms()), _numbers(run))
            for run in found
        ]
        print_table(rows, ("run", "source", "kind", "state", "started", "records"))
        for run in found:
            if run.state is RunState.STOPPED:
                click.echo(f"\nRun {run.id} of {run.source} is stopped: {run.reason}\n  → {run.remedy}")
    elif any(value is not None for name, value in given.items() if name != "limit"):
        click.echo("No run fits.")
    else:
        click.echo("No run yet. `tajo connectors sync <source> --full` starts one.")


@runs.command()
@click.argument("number", metavar="RUN", shell_complete=complete.RUN)
@click.option("--follow", "-f", "follows", is_flag=True, help="Watch it until it is over.")
@json_option
def show(number: str, *, follows: bool, as_json: bool) -> None:
    """Show a run: its counts, where it stands, why it waits and what to do about it."""
    tajo = find_installation()
    store = tajo.store()
    run = find_run(store, number)
    if follows:
        run = watch(lambda: find_run(store, number))
    if as_json:
        print_model(run_of(tajo, run))
        return
    book = tajo.outlook()
    dry = ", dry" if run.is_dry else ""
    click.echo(f"run      {run.id} of {run.source} ({run.kind}{dry}), started by {run.by} at {clock(run.started_ms)}")
    click.echo(f"state    {state_word(run)}{': ' + run.reason if run.reason else ''}")
    if run.remedy:
        click.echo(f"  → {run.remedy}")
    click.echo(f"so far   {summary(run)}" if not run.is_open else f"so far   {progress_line(run)}")
    for name, meaning in COUNTS.items():
        if run.counts[name]:
            click.echo(f"  {run.counts[name]:>12,}  {name}: {meaning}")
    for note in run.notes:
        click.echo(f"note     {note}")
    for number_of, line in enumerate(_ahead(run, book)):
        click.echo(f"{'' if number_of else 'outlook':<9}{line}")


@runs.command()
@click.argument("number", metavar="RUN", shell_complete=complete.RUN)
@json_option
def pause(number: str, *, as_json: bool) -> None:
    """Let a run wait after its current page, until `resume`."""
    run = find_run(context.find_store(), number)
    done = f"waits. `tajo runs resume {run.id}` goes on."
    _move(run, lambda store: store.runs.pause(run), done, "is not being read", as_json=as_json)


@runs.command()
@click.argument("number", metavar="RUN", shell_complete=complete.RUN)
@click.option("--force", is_flag=True, help="Take off the brake on mass changes, and send what is held back.")
@yes_option
@json_option
def resume(number: str, *, force: bool, yes: bool, as_json: bool) -> None:
    """Go on with a run that is paused or stopped, at the page where it stands."""
    run = find_run(context.find_store(), number)
    if force:
        harms = ", ".join(f"{run.counts[name]:,} {name}" for name in HARMS)
        must_confirm(f"So far run {run.id} counted {harms}. Send them all?", yes=yes)
    _move(
        run,
        lambda store: store.runs.resume(run, is_forced=force),
        "goes on.",
        "is neither paused nor stopped",
        as_json=as_json,
    )


@runs.command()
@click.argument("number", metavar="RUN", shell_complete=complete.RUN)
@yes_option
@json_option
def cancel(number: str, *, yes: bool, as_json: bool) -> None:
    """End a run where it stands. What waits in the lanes is delivered all the same; what is held back is dropped."""
    run = find_run(context.find_store(), number)
    if run.is_open:
        must_confirm(f"End run {run.id} of {run.source}? It cannot go on after that.", yes=yes)
    _move(run, lambda store: store.runs.cancel(run), "is cancelled.", "is over already", as_json=as_json)


@click.command()
@click.argument("source", shell_complete=complete.SOURCE)
@click.option("--full", is_flag=True, help="Read everything, not only what changed since the last run.")
@click.option("--compare", is_flag=True, help="Read everything, and find out who is gone at the source.")
@click.option("--dry-run", is_flag=True, help="Count what would change; send nothing.")
@click.option("--force", is_flag=True, help="Take off the brake on mass changes.")
@click.option("--no-wait", is_flag=True, help="Start it and return at once.")
@json_option
def sync(  # noqa: PLR0913  # the options of a command
    source: str, *, full: bool, compare: bool, dry_run: bool, force: bool, no_wait: bool, as_json: bool
) -> None:
    """Pull a source's customers and bring Brevo up to date: what changed since the last run, or everything.

    The first run of a source is a full one, and begins with --full only. Ctrl-C stops the watching (exit code 130);
    the run goes on.
    """
    settings = context.read_settings()
    store = context.open_store(settings)
    _check_source(settings, source)
    _check_worker(store)
    kind = RunKind.COMPARE if compare else RunKind.FULL if full else RunKind.INCREMENTAL
    puller = open_puller_of(settings, store, context.home())
    try:
        run = start(puller, source, kind, is_dry=dry_run, is_forced=force)
    except FirstSyncWaits as waits:
        fail(waits.reason, waits.remedy, WRONG_USE)
    except Busy as busy:
        _busy(busy.run)
    if kind is RunKind.INCREMENTAL and run.kind is RunKind.FULL:
        click.echo(f"{source} was never read before: everything is read.", err=True)
    click.echo(f"Run {run.id} of {source} begins. Ctrl-C stops the watching, not the run.", err=True)
    if not no_wait:
        run = watch(lambda: find_run(store, run.id))
    tajo = installation()
    book = tajo.outlook()
    if as_json:
        print_model(run_of(tajo, run))
    elif run.state is RunState.DONE:
        click.echo(f"Run {run.id} is done: {summary(run)}")
        for line in [*run.notes, *(_ahead(run, book) if dry_run else ())]:
            click.echo(f"  {line}")
        if dry_run and waits_for_word(store, source):
            click.echo(f"Next: `tajo connectors sync {source} --full` sends them.")
    if run.state in {RunState.STOPPED, RunState.CANCELLED, RunState.PAUSED}:
        fail(f"Run {run.id} is {run.state}{': ' + run.reason if run.reason else '.'}", run.remedy, FAILED)


def find_run(store: Store, number: str) -> Run:
    """Return a run by its number.

    Raises:
        Failure: there is none.
    """
    run = store.runs.read(number.removeprefix("#"))
    if run is None:
        fail(f"There is no run {number}.", "`tajo runs list` shows the last 200.", NOT_FOUND)
    return run


def _ahead(run: Run, book: OutlookBook) -> list[str]:
    """Return what Brevo's limit makes of a run, line by line."""
    outlook = book.of(run)
    return [headline(run, outlook), *outlook.sentences] if outlook else []


def _kind(run: Run) -> str:
    return f"{run.kind}, dry" if run.is_dry else str(run.kind)


def _numbers(run: Run) -> str:
    counts = run.counts
    of = f" of {run.total:,}" if run.total and run.is_open else ""
    text = f"{counts['read']:,}{of} read, {counts['changed']:,} {'would change' if run.is_dry else 'changed'}"
    text += "" if run.is_dry else f", {counts['sent']:,} sent"
    text += f", {counts['held']:,} held back" if counts["held"] else ""
    return text + (f", {counts['failed']:,} parked" if counts["failed"] else "")


def _move(run: Run, move: Callable[[Store], bool], done: str, refused: str, *, as_json: bool) -> None:
    store = context.find_store()
    if not move(store):
        run = find_run(store, run.id)
        other = store.runs.open_run(run.source, run.resource, is_dry=run.is_dry)
        if other is not None and other.id != run.id:
            fail(
                f"Run {other.id} of {run.source} is {other.state}; a source has one run at a time.",
                "Wait for it.",
                FAILED,
            )
        fail(f"Run {run.id} {refused}: it is {run.state}.", f"`tajo runs show {run.id}` tells more.", FAILED)
    if as_json:
        print_model(show_run(find_installation(), run.id))
    else:
        click.echo(f"Run {run.id} {done}")


def _check_source(settings: Settings, source: str) -> None:
    if source not in settings.sources:
        names = ", ".join(sorted(settings.sources)) or "none is configured"
        fail(f"There is no source {source} in the config.", f"Sources: {names}.", NOT_FOUND)
    if not settings.syncs(source, "customers"):
        fail(
            f"The customers of {source} are not synced.",
            f"Set connectors.{source}.sync.customers to true in tajo.yaml.",
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
    fail(f"Run {run.id} of {run.source} is {run.state}{why}. A source has one run at a time.", remedy, FAILED)
