"""`tajo connectors install`: a source's webhooks are made and repaired, and what was missed is caught up with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import click

from customer_sync.assembly import Accesses
from customer_sync.cli import context
from customer_sync.cli.output import (
    FAILED,
    NOT_FOUND,
    WRONG_USE,
    fail,
    json_option,
    now_ms,
    paint,
    print_json,
    print_table,
)
from customer_sync.config import Settings
from customer_sync.config.faults import choose
from customer_sync.connector import Connector
from customer_sync.reach import Access, Upkeep
from customer_sync.registry import connector_for
from customer_sync.store import Store

#: The note that tells which sources must be caught up with.
CATCH_UP = "catch_up"


@click.command()
@click.argument("source")
@json_option
def install(source: str, *, as_json: bool) -> None:
    """Make a source's webhooks at its platform, repair those that are wrong, leave those of other programs alone.

    Where events may have been missed, they are brought by a pull. Exit code 1 when a webhook could not be made.
    """
    settings = context.read_settings()
    address = _public_address(settings, source)
    store = context.open_store(settings)
    access = Accesses(settings, store, context.home())(source)
    connector = connector_for(settings.sources[source])
    if access is None:
        remedy = f"Set the keys of its API in connectors.{source}, or run `tajo connectors connect {source}`."
        fail(f"{source} is not connected: its webhooks can only be made in its admin.", remedy, WRONG_USE)
    upkeep = install_webhooks(connector, address, access, partial(start_catch_up, store))
    told = as_json_value(upkeep)
    store.set_note(webhooks_note(source), {"at_ms": now_ms(), "address": address, **told})
    if as_json:
        print_json({"source": source, "address": address, **told})
    else:
        _print(address, upkeep)
    sys.exit(FAILED if upkeep.failed else 0)


def install_webhooks(connector: Connector, address: str, access: Access, catch_up: Callable[[str], None]) -> Upkeep:
    """Bring a source's webhooks in order, and have it caught up with where events may have been missed.

    Args:
        connector: serves the source.
        address: where its webhooks are to go.
        access: how its platform is reached.
        catch_up: starts an incremental pull of a source.

    Raises:
        TajoError: as `Connector.ensure_webhooks`.
    """
    upkeep = connector.ensure_webhooks(address, access)
    if upkeep.was_deaf:
        catch_up(connector.settings.name)
    return upkeep


def start_catch_up(store: Store, source: str) -> None:
    """Have a source pulled from where it was last read: it may have missed events."""
    waiting: list[str] = store.note(CATCH_UP) or []
    store.set_note(CATCH_UP, sorted({*waiting, source}))


def webhooks_note(source: str) -> str:
    """Return the name of the note on what was last found of a source's webhooks."""
    return f"installed:{source}"


def as_json_value(upkeep: Upkeep) -> dict[str, Any]:
    """Return what became of the webhooks for programs."""
    return {
        "kept": list(upkeep.kept),
        "created": list(upkeep.created),
        "repaired": dict(upkeep.repaired),
        "failed": dict(upkeep.failed),
        "removed": list(upkeep.removed),
        "was_deaf": upkeep.was_deaf,
    }


def _public_address(settings: Settings, source: str) -> str:
    """Return where a source's webhooks go.

    Raises:
        Failure: there is no such source, or the platform could not reach us.
    """
    if source not in settings.sources:
        fail(f"No source is called {source}.", choose(source, sorted(settings.sources)), NOT_FOUND)
    if settings.public_url is None:
        fail(
            "Nobody knows how the platform reaches this service.",
            "Set TAJO_PUBLIC_URL to its address on the internet, such as https://sync.example.com.",
            WRONG_USE,
        )
    return f"{settings.public_url}/webhooks/{source}"


def _print(address: str, upkeep: Upkeep) -> None:
    rows = [(topic, "kept", "") for topic in upkeep.kept]
    rows += [(topic, paint("created", "ok"), "") for topic in upkeep.created]
    rows += [(topic, paint("repaired", "warn"), why) for topic, why in upkeep.repaired.items()]
    rows += [(topic, paint("removed", "warn"), "one too many") for topic in upkeep.removed]
    rows += [(topic, paint("failed", "fail"), why) for topic, why in upkeep.failed.items()]
    print_table(rows, ("topic", "webhook", "why"))
    click.echo(f"\nThey call {address}")
    if upkeep.was_deaf:
        click.echo("Events may have been missed while they were not well; the next pull brings them.")
