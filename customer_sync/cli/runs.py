"""`tajo runs`: batch syncs: what they did, where they stand; pause, resume, cancel. And `tajo connectors sync`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from customer_sync.api.runs import RunQuery, find_runs, list_runs, run_of, show_run
from customer_sync.batch.held import HARMS
from customer_sync.brevo.proof.outlook import OutlookBook, headline
from customer_sync.cli import complete, context
from customer_sync.cli.api_calls import find_installation, print_model, read_query, span_options
from customer_sync.cli.output import (
    FAILED,
    NOT_FOUND,
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
from customer_sync.store import Store
from customer_sync.store.run import COUNTS, Run, RunKind, RunState

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
            (run.id, run.place, _kind(run), state_word(run), age(run.started_ms, now_ms()), _numbers(run))
            for run in found
        ]
        print_table(rows, ("run", "source", "kind", "state", "started", "records"))
        for run in found:
            if run.state is RunState.STOPPED:
                click.echo(f"\nRun {run.id} of {run.place} is stopped: {run.reason}\n  → {run.remedy}")
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
    click.echo(f"run      {run.id} of {run.place} ({run.kind}{dry}), started by {run.by} at {clock(run.started_ms)}")
    click.echo(f"state    {state_word(run)}{': ' + run.reason if run.reason else ''}")
    if run.remedy:
        click.echo(f"  → {run.remedy}")
    click.echo(f"so far   {summary(run)}" if not run.is_open else f"so far   {progress_line(run)}")
    for name, meaning in COUNTS.items():
        if run.counts[name]:
            click.echo(f"  {run.counts[name]:>12,}  {name}: {meaning}")
    for note in run.notes:
        click.echo(f"note     {note}")
    for number_of, line in enumerate(ahead(run, book)):
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
        must_confirm(f"End run {run.id} of {run.place}? It cannot go on after that.", yes=yes)
    _move(run, lambda store: store.runs.cancel(run), "is cancelled.", "is over already", as_json=as_json)


def find_run(store: Store, number: str) -> Run:
    """Return a run by its number.

    Raises:
        Failure: there is none.
    """
    run = store.runs.read(number.removeprefix("#"))
    if run is None:
        fail(f"There is no run {number}.", "`tajo runs list` shows the last 200.", NOT_FOUND)
    return run


def ahead(run: Run, book: OutlookBook) -> list[str]:
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
                f"Run {other.id} of {run.place} is {other.state}; a source has one run at a time.",
                "Wait for it.",
                FAILED,
            )
        fail(f"Run {run.id} {refused}: it is {run.state}.", f"`tajo runs show {run.id}` tells more.", FAILED)
    if as_json:
        print_model(show_run(find_installation(), run.id))
    else:
        click.echo(f"Run {run.id} {done}")
