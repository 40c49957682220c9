"""`tajo events`: what happened, and what became of it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import click
import redis

from customer_sync.api.events import EventQuery, OneEventQuery, event_of, find_event, find_events, show_event
from customer_sync.api.filters import person_number
from customer_sync.api.installation import Installation
from customer_sync.base.plain import one_line
from customer_sync.cli import complete
from customer_sync.cli.api_calls import find_installation, print_model, read_query, span_options
from customer_sync.cli.output import NOT_FOUND, WRONG_USE, clock, fail, interrupted, json_option, paint
from customer_sync.model import EventState, Kind
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
@span_options
@click.option("-f", "--follow", "follows", is_flag=True, help="Go on showing new ones, until Ctrl-C.")
@click.option("--source", shell_complete=complete.SOURCE, help="Only those of this source.")
@click.option("--state", type=click.Choice([str(one) for one in EventState]), help="Only those in this state.")
@click.option("--kind", type=click.Choice([str(one) for one in Kind]), help="Only those of this kind.")
@click.option("--person", help="Only those of this person: an e-mail address, or a person's number.")
@json_option
def tail(*, follows: bool, as_json: bool, **given: Any) -> None:
    """Show the newest events, newest last. With --json each is one line. Ctrl-C ends --follow (exit code 130).

    --follow goes on when Redis comes back after it was away.
    """
    tajo = find_installation()
    query = read_query(EventQuery, given)
    if follows and (query.cursor or query.until):
        fail("--follow goes on with what is new: no --cursor and no --until go with it.", "Leave them out.", WRONG_USE)
    is_empty = True
    try:
        for row in followed(tajo, query) if follows else newest(tajo, query):
            is_empty = False
            click.echo(event_of(row).model_dump_json() if as_json else _line(row))
    except KeyboardInterrupt:
        interrupted("Only the watching ended; `tajo events tail -f` goes on with it.")
    if is_empty and not as_json:
        is_asked = any(value is not None for name, value in given.items() if name != "limit")
        click.echo("No event fits." if is_asked else "No event has arrived yet; `tajo trigger` sends one.", err=True)


@events.command()
@click.argument("event_id", metavar="ID")
@click.option("--source", shell_complete=complete.SOURCE, help="Whose event, where several sources have one.")
@json_option
def show(event_id: str, *, source: str | None, as_json: bool) -> None:
    """Show one event with every state it went through."""
    tajo = find_installation()
    ledger = tajo.store().ledger
    found = ledger.event(event_id, source) or _by_short(ledger, event_id, source)
    if found is None:
        whose = f" of {source}" if source else ""
        fail(
            f"The history has no event {event_id}{whose}.",
            f"It keeps the newest {LEDGER_ROWS:,} rows; `tajo events tail` shows ids.",
            NOT_FOUND,
        )
    row = find_event(tajo, found.event_id, source)
    if as_json:
        print_model(show_event(tajo, row.event_id, OneEventQuery(source=row.source)))
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


def _by_short(ledger: Ledger, text: str, source: str | None) -> Row | None:
    """Return the newest event whose id ends as a list showed it, of one source where one is given."""
    ending = text.removeprefix("…")
    if len(ending) != SHORT - 1:
        return None
    rows = ledger.page(SEARCHED, source=source).items
    found = next((row for row in rows if row.event_id.endswith(ending)), None)
    return None if found is None else ledger.event(found.event_id, found.source)


def newest(tajo: Installation, query: EventQuery) -> list[Row]:
    """Return the newest events that fit, oldest of them first.

    Raises:
        Problem: the cursor is none.
    """
    return find_events(tajo, query).items[::-1]


def followed(tajo: Installation, query: EventQuery, *, rounds: int | None = None) -> Iterator[Row]:
    """Yield the newest events that fit, then each one that is new or has a new state, for ever.

    Args:
        tajo: the installation; while its Redis is away nothing is yielded.
        query: which events are wanted.
        rounds: how often to look; None has no end.
    """
    # an event and its repetition have one id: the time and the state tell them apart
    seen: set[tuple[str, int, str]] | None = None
    is_away = False
    for number in itertools.count() if rounds is None else range(rounds):
        if number:
            time.sleep(LOOK_S)
        try:
            first = newest(tajo, query) if seen is None else []
            rows = tajo.store().ledger.events(WATCHED)[::-1]
            fresh = [row for row in rows if seen is not None and _mark(row) not in seen and _fits(tajo, row, query)]
        except (redis.ConnectionError, redis.TimeoutError) as error:
            if seen is None:
                raise
            is_away = _tell_away(is_away, error)
            continue
        is_away = _tell_away(is_away, None)
        yield from first or fresh
        seen = {_mark(row) for row in rows}


def _tell_away(was_away: bool, error: Exception | None) -> bool:  # noqa: FBT001  # told and returned in turn
    """Say once that Redis went away, and once that it is back; tell whether it is away."""
    if error is not None and not was_away:
        click.echo("Redis does not answer; this goes on when it does.", err=True)
    if error is None and was_away:
        click.echo("Redis answers again.", err=True)
    return error is not None


def _fits(tajo: Installation, row: Row, query: EventQuery) -> bool:
    """Tell whether an event is wanted; a person may have become known since the beginning."""
    wanted = ((query.state, row.state), (query.kind, row.kind), (query.source, row.source))
    return all(one in (None, value) for one, value in wanted) and (
        query.person is None or person_number(tajo, query.person) == row.person
    )


def _mark(row: Row) -> tuple[str, int, str]:
    return row.event_id, row.at_ms, row.state


def _line(row: Row) -> str:
    state = paint(str(row.state).ljust(9), _COLOURS.get(row.state, ""))
    kind, known_by = (row.kind or "-").ljust(18), short(row.event_id).ljust(SHORT)
    line = f"{clock(row.settled_at_ms)}  {state}  {row.source:12}  {kind}  {known_by}  {row.note}"
    return one_line(line).rstrip()
