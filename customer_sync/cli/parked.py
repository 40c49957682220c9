"""`tajo parked`: what a person must look at. List by reason, show, replay, drop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from customer_sync.api.parked import Dropped, ParkedQuery, Replayed, RevealQuery, list_parked, show_parked
from customer_sync.cli import complete, context
from customer_sync.cli.api_calls import find_installation, print_model, read_query, span_options
from customer_sync.cli.masking import mask, mask_bytes
from customer_sync.cli.output import (
    NOT_FOUND,
    WRONG_USE,
    age,
    count,
    fail,
    iso,
    json_option,
    must_confirm,
    now_ms,
    print_table,
    yes_option,
)
from customer_sync.model import to_ms
from customer_sync.store import Store
from customer_sync.store.parked import Parked, fields_of, inbound_of

F = TypeVar("F", bound=Callable[..., Any])

#: How many ids are shown of each reason.
SHOWN_IDS = 3


@click.group()
def parked() -> None:
    """What a person must look at: list, show, replay, drop."""


def selection(command: F) -> F:
    """Add the ways to choose parked things: ids, --reason, --source, --all."""
    for add in (
        click.option("--all", "is_all", is_flag=True, help="Everything that is parked."),
        click.option("--source", shell_complete=complete.SOURCE, help="Those of this source, or of this lane."),
        click.option("--reason", help="Those whose reason holds these words."),
        click.argument("ids", nargs=-1, metavar="[ID]...", shell_complete=complete.PARKED),
    ):
        command = add(command)
    return command


@parked.command("list")
@span_options
@click.option("--source", shell_complete=complete.SOURCE, help="Only those of this source, or of this lane.")
@click.option("--reason", help="Only those with exactly this reason.")
@json_option
def list_command(*, as_json: bool, limit: int, **given: Any) -> None:
    """List what is parked, grouped by reason, with what to do. With --json one by one, newest first.

    -n counts the reasons, and with --json the parked things.
    """
    tajo = find_installation()
    query = read_query(ParkedQuery, {**given, "limit": limit})
    if as_json:
        print_model(list_parked(tajo, query))
        return
    if query.cursor is not None:
        fail("--cursor goes on behind a page of --json; without it all is grouped.", "Leave it out.", WRONG_USE)
    things = [one for one in tajo.store().parked.briefs() if _fits(one, query)]
    times = {one.id: one.at_ms for one in things}
    groups = grouped(things)
    if not groups:
        click.echo("Nothing is parked." if not tajo.store().parked.count() else "Nothing that is parked fits.")
        return
    now = now_ms()
    for group in groups[:limit]:
        ids = group["ids"]
        shown = ", ".join(ids[:SHOWN_IDS]) + (f" and {len(ids) - SHOWN_IDS} more" if len(ids) > SHOWN_IDS else "")
        oldest = min(times[one] for one in ids)
        click.echo(f"{group['reason']} ({len(ids)})")
        click.echo(f"    → {group['remedy']}")
        click.echo(f"    {', '.join(group['sources'])}; the oldest {age(oldest, now)} ago; {shown}")
    if len(groups) > limit:
        click.echo(f"{count(len(groups) - limit, 'more reason')}: -n {len(groups)} shows all.")
    click.echo(f"\n{count(len(things), 'thing')}. `tajo parked show ID` tells more, `tajo replay ID` tries again.")


@parked.command()
@click.argument("parked_id", metavar="ID", shell_complete=complete.PARKED)
@click.option("--reveal", is_flag=True, help="Show personal data too.")
@json_option
def show(parked_id: str, *, reveal: bool, as_json: bool) -> None:
    """Show one parked thing. Personal data is hidden unless --reveal is given."""
    tajo = find_installation()
    store = tajo.store()
    one = store.parked.get(parked_id)
    if one is None:
        fail(f"Nothing parked is called {parked_id}.", "`tajo parked list` shows what there is.", NOT_FOUND)
    if as_json:
        print_model(show_parked(tajo, parked_id, RevealQuery(reveal="1" if reveal else None)))
        return
    facts: dict[str, Any] = {
        "id": one.id,
        "what": one.what,
        "source": one.source,
        "reason": one.reason,
        "remedy": one.remedy,
    }
    facts |= {"parked_at": iso(one.at_ms)} | _content(one, store, reveal=reveal)
    for name in ("id", "what", "source", "parked_at", "reason", "remedy"):
        click.echo(f"{name:10} {facts[name]}")
    if one.what == "inbound":
        click.echo(f"{'received':10} {facts['received_at']}")
        for header, value in facts["headers"].items():
            click.echo(f"{'header':10} {header}: {value}")
        click.echo(f"\n{facts['body']}")
    else:
        print_table([(row["field"], row["value"], row["source"], row["at"]) for row in facts["fields"]], _FIELDS)
    if not reveal:
        click.echo("\nPersonal data is hidden; --reveal shows it.", err=True)


_FIELDS = ("field", "value", "source", "set at")


@parked.command()
@selection
@json_option
def replay(ids: tuple[str, ...], reason: str | None, source: str | None, *, is_all: bool, as_json: bool) -> None:
    """Send parked things through the line again. Do what the remedy says first."""
    store = context.find_store()
    chosen = _choose(store, ids, reason, source, is_all=is_all)
    for one in chosen:
        store.parked.replay(one)
    _tell(Replayed(replayed=len(chosen)), as_json=as_json)


@parked.command()
@selection
@yes_option
@json_option
def drop(  # noqa: PLR0913  # click gives each option as an argument
    ids: tuple[str, ...], reason: str | None, source: str | None, *, is_all: bool, yes: bool, as_json: bool
) -> None:
    """Forget parked things for good. What they would have changed does not happen."""
    store = context.find_store()
    chosen = _choose(store, ids, reason, source, is_all=is_all)
    if chosen:
        must_confirm(f"Forget {count(len(chosen), 'parked thing')} for good?", yes=yes)
    for one in chosen:
        store.parked.drop(one)
    _tell(Dropped(dropped=len(chosen)), as_json=as_json)


def grouped(things: Sequence[Parked]) -> list[dict[str, Any]]:
    """Return parked things by reason, the largest group first."""
    groups: dict[tuple[str, str], list[Parked]] = {}
    for one in things:
        groups.setdefault((one.reason, one.remedy), []).append(one)
    return [
        {
            "reason": reason,
            "remedy": remedy,
            "count": len(members),
            "sources": sorted({one.source for one in members}),
            "first_at": iso(min(one.at_ms for one in members)),
            "last_at": iso(max(one.at_ms for one in members)),
            "ids": [one.id for one in members],
        }
        for (reason, remedy), members in sorted(groups.items(), key=lambda item: -len(item[1]))
    ]


def _choose(
    store: Store, ids: tuple[str, ...], reason: str | None, source: str | None, *, is_all: bool
) -> list[Parked]:
    if not (ids or reason or source or is_all):
        fail("Nothing is chosen.", "Name ids, or use --reason, --source or --all.", WRONG_USE)
    things = {one.id: one for one in _everything(store)}
    unknown = [one for one in ids if one not in things]
    if unknown:
        fail(f"Nothing parked is called {', '.join(unknown)}.", "`tajo parked list` shows what there is.", NOT_FOUND)
    return [
        one
        for one in things.values()
        if (not ids or one.id in ids)
        and (reason is None or reason.lower() in one.reason.lower())
        and source in (None, *one.sources)
    ]


def _everything(store: Store) -> list[Parked]:
    return store.parked.list(max(1, store.parked.count()))


def _content(one: Parked, store: Store, *, reveal: bool) -> dict[str, Any]:
    if one.what == "inbound":
        inbound = inbound_of(one)
        body = inbound.body.decode("utf-8", "replace") if reveal else mask_bytes(inbound.body)
        path = inbound.path + (f"?{inbound.query}" if inbound.query and reveal else "")
        facts = {"received_at": iso(to_ms(inbound.received_at)), "path": path}
        return {**facts, "headers": dict(inbound.headers), "body": body}
    fields = []
    for name, value, source, at_ms in fields_of(one, store.people):
        shown = value if reveal or name.startswith("consent.") else mask(value)
        fields.append({"field": name, "value": shown, "source": source, "at": iso(at_ms)})
    return {"fields": fields}


def _tell(done: Replayed | Dropped, *, as_json: bool) -> None:
    number = done.replayed if isinstance(done, Replayed) else done.dropped
    if as_json:
        print_model(done)
    elif not number:
        click.echo("Nothing that is parked fits.")
    elif isinstance(done, Replayed):
        click.echo(f"{count(number, 'parked thing')} replayed. `tajo events tail` shows what becomes of it.")
    else:
        click.echo(f"{count(number, 'parked thing')} dropped: what it would have changed does not happen.")


def _fits(one: Parked, query: ParkedQuery) -> bool:
    return (
        query.source in (None, *one.sources)
        and query.reason in (None, one.reason)
        and (query.since is None or one.at_ms >= query.since)
        and (query.until is None or one.at_ms < query.until)
    )
