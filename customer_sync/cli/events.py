"""`tajo events`: what happened, and what became of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import click

from customer_sync.base.plain import one_line
from customer_sync.cli import context
from customer_sync.cli.output import NOT_FOUND, clock, fail, interrupted, iso, json_option, paint, print_json
from customer_sync.model import EventState
from customer_sync.store.ledger import LEDGER_ROWS, Ledger, Row

#: How often it is looked for news, in seconds.
LOOK_S = 0.5
#: How many of the newest events are watched for a new state.
WATCHED = 500
#: How much of an id a list shows, in characters, and how many events are searched for an id that was shortened.
SHORT = 17
SEARCHED = 5_000

_COLOURS = {"delivered": "ok", "retrying": "warn", "parked": "fail"}


@click.group()
def events() -> None:
    """What happened, newest last."""


@events.command()
@click.option("-n", "number", default=20, show_default=True, type=click.IntRange(1), help="How many to show.")
@click.option("-f", "--follow", "follows", is_flag=True, help="Go on showing new ones, until Ctrl-C.")
@click.option("--source", help="Only those of this source.")
@click.option("--state", type=click.Choice([str(one) for one in EventState]), help="Only those in this state.")
@json_option
def tail(number: int, source: str | None, state: str | None, *, follows: bool, as_json: bool) -> None:
    """Show the newest events, newest last. With --json each is one line. Ctrl-C ends --follow (exit code 130)."""
    ledger = context.find_store().ledger
    rows = changed_rows(ledger, number) if follows else iter(newest(ledger, number, source, state))
    is_empty = True
    try:
        for row in rows:
            if (source is None or row.source == source) and (state is None or row.state == state):
                is_empty = False
                click.echo(json.dumps(as_facts(row), ensure_ascii=False) if as_json else _line(row))
    except KeyboardInterrupt:
        interrupted("Only the watching ended; `tajo events tail -f` goes on with it.")
    if is_empty and not as_json:
        what = "No event fits." if source or state else "No event has arrived yet; `tajo trigger` sends one."
        click.echo(what, err=True)


@events.command()
@click.argument("event_id", metavar="ID")
@json_option
def show(event_id: str, *, as_json: bool) -> None:
    """Show one event with every state it went through."""
    ledger = context.find_store().ledger
    row = ledger.event(event_id) or _by_short(ledger, event_id)
    if row is None:
        fail(
            f"The history has no event {event_id}.",
            f"It keeps the newest {LEDGER_ROWS:,} rows; `tajo events tail` shows ids.",
            NOT_FOUND,
        )
    if as_json:
        print_json(as_facts(row))
        return
    click.echo(f"event   {one_line(row.event_id)}")
    click.echo(f"source  {row.source}")
    click.echo(f"kind    {row.kind or '-'}" + (f" ({row.topic})" if row.topic else ""))
    click.echo(f"person  {row.person or '-'}")
    for state, at_ms, note in row.steps:
        click.echo(f"  {clock(at_ms)}  {paint(state.ljust(9), _COLOURS.get(state, ''))}  {one_line(note)}".rstrip())


def short(event_id: str) -> str:
    """Return an event's id as lists show it: its end, which tells it apart. `tajo events show` takes it."""
    return event_id if len(event_id) <= SHORT else f"…{event_id[1 - SHORT :]}"


def _by_short(ledger: Ledger, text: str) -> Row | None:
    """Return the newest event whose id ends as a list showed it."""
    ending = text.removeprefix("…")
    if len(ending) != SHORT - 1:
        return None
    found = next((row for row in ledger.events(SEARCHED) if row.event_id.endswith(ending)), None)
    return None if found is None else ledger.event(found.event_id)


def newest(ledger: Ledger, number: int, source: str | None = None, state: str | None = None) -> list[Row]:
    """Return the newest events that fit, oldest of them first."""
    wanted = EventState(state) if state else None
    return ledger.page(number, source=source, state=wanted).items[::-1]


def changed_rows(ledger: Ledger, number: int, *, rounds: int | None = None) -> Iterator[Row]:
    """Yield the newest events, then each one that is new or has a new state, for ever.

    Args:
        ledger: the history.
        number: how many to begin with.
        rounds: how often to look; None has no end.
    """
    # an event and its repetition have one id: the time and the state tell them apart
    seen: set[tuple[str, int, str]] = set()
    first = True
    while rounds is None or rounds > 0:
        rows = ledger.events(WATCHED)[::-1]
        fresh = [row for row in rows if _mark(row) not in seen]
        yield from fresh[-number:] if first else fresh
        seen = {_mark(row) for row in rows}
        first = False
        if rounds is not None:
            rounds -= 1
        if rounds != 0:
            time.sleep(LOOK_S)


def _mark(row: Row) -> tuple[str, int, str]:
    return row.event_id, row.at_ms, row.state


def as_facts(row: Row) -> dict[str, Any]:
    """Return an event as JSON."""
    return {
        "id": row.event_id,
        "source": row.source,
        "kind": row.kind,
        "topic": row.topic,
        "state": str(row.state),
        "person": row.person or None,
        "at": iso(row.at_ms),
        "settled_at": iso(row.settled_at_ms),
        "note": row.note,
        "steps": [{"state": state, "at": iso(at_ms), "note": note} for state, at_ms, note in row.steps],
    }


def _line(row: Row) -> str:
    state = paint(str(row.state).ljust(9), _COLOURS.get(row.state, ""))
    kind, known_by = (row.kind or "-").ljust(18), short(row.event_id).ljust(SHORT)
    line = f"{clock(row.settled_at_ms)}  {state}  {row.source:12}  {kind}  {known_by}  {row.note}"
    return one_line(line).rstrip()
