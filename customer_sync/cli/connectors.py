"""`tajo connectors`: the platforms there are, the configured sources and how they do."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import click
import redis

from customer_sync.api.connectors import (
    LEVELS,
    Source,
    list_connectors,
    list_sources,
    sources_by_config,
    with_platforms,
)
from customer_sync.api.installation import Installation
from customer_sync.batch.puller import word
from customer_sync.cli import context
from customer_sync.cli.api_calls import installation, print_model
from customer_sync.cli.connect import connect, disconnect
from customer_sync.cli.connector_files import check_connectors
from customer_sync.cli.install import install
from customer_sync.cli.output import Failure, age, json_option, now_ms, paint, print_table
from customer_sync.cli.sync import sync
from customer_sync.config import Settings
from customer_sync.model import to_ms
from customer_sync.operate.figures import findings
from customer_sync.registry import broken, connector_rows, hears, mend


@click.group()
def connectors() -> None:
    """The platforms there are, and how the sources do."""


connectors.add_command(check_connectors)
connectors.add_command(connect)
connectors.add_command(disconnect)
connectors.add_command(install)
connectors.add_command(sync)


@connectors.command("list")
@json_option
def list_command(*, as_json: bool) -> None:
    """List every platform, and the configured sources with the address for their webhooks.

    Without a Redis it tells what the config says.
    """
    tajo = installation()
    if as_json:
        print_model(with_platforms(_sources_there(tajo)))
        return
    platforms = [
        (row.platform, row.title, ", ".join(row.resources), row.takes_back, ", ".join(row.secret_keys))
        for row in connector_rows()
    ]
    print_table(platforms, ("platform", "name", "reads", "can take back", "webhook secret in"))
    for platform, why in broken().items():
        click.echo(f"{paint('broken', 'fail')}: {platform}: {why.rstrip('.')}. {mend(platform)}")
    click.echo("")
    settings = tajo.settings
    if not (settings.sources or settings.disabled or settings.unserved):
        click.echo("No source is configured. `tajo init` writes a file to start from.")
        return
    rows = [_listed(settings, one) for one in _sources_there(tajo)]
    print_table(rows, ("source", "platform", "state", "connected", "webhooks", "webhook address"))
    click.echo(f"\nBrevo's own webhook, for people who unsubscribe there: {_address(settings, 'brevo')}")
    if settings.public_url is None:
        click.echo("Set TAJO_PUBLIC_URL to see the addresses as the platforms must call them.")


@connectors.command()
@json_option
def status(*, as_json: bool) -> None:
    """Show how each source does: its state and why, its last event, how many events reached which state."""
    tajo = installation()
    if as_json:
        print_model(list_connectors(tajo))
        return
    rows = [one for one in list_sources(tajo) if one.state not in _IDLE]
    if any(one.platform != "api" or one.last_event_at for one in rows):
        headers = ("source", "state", "connected", "webhooks", "last event", *_COUNTED, "refused", "why")
        print_table([_line(one) for one in rows], headers)
        for one in rows:
            if one.first_sync == "waits":
                click.echo(f"\nThe first full run of {one.name} waits for your word. {word(one.name)}")
            elif one.first_sync:
                what = one.first_sync.removeprefix("waits: ")
                click.echo(f"\nThe {what} of {one.name} were never read. {word(one.name, what.partition(',')[0])}")
    else:
        click.echo("No source is configured. `tajo init` writes a file to start from.")
    for found in findings(tajo.figures()):
        if not found.source and found.level in LEVELS:
            click.echo(f"\n{paint(found.text, _COLOURS[LEVELS[found.level]])}\n  → {found.remedy}")


#: Column → state of events.
_COUNTED: Final = {"delivered": "delivered", "retried": "retrying", "parked": "parked"}
#: The states of a source, with the verdict that gives the colour.
_COLOURS: Final = {"healthy": "ok", "quiet": "", "down": "fail", "look": "warn"}
#: The states of sources that do nothing.
_IDLE: Final = frozenset({"disabled", "stands still"})


def _line(one: Source) -> tuple[object, ...]:
    ago = "-" if one.last_event_at is None else age(to_ms(datetime.fromisoformat(one.last_event_at)), now_ms())
    counts = [one.events[state] for state in _COUNTED.values()]
    state = paint(one.state, _COLOURS[one.state])
    return (one.name, state, one.connected, _webhooks(one), ago, *counts, one.refused, one.why)


def _listed(settings: Settings, one: Source) -> tuple[object, ...]:
    is_called = one.name in settings.sources and hears(settings.sources[one.name].platform)
    address = _address(settings, one.name) if is_called else "-"
    return (one.name, one.platform or "-", one.state, one.connected, _webhooks(one), address)


def _webhooks(one: Source) -> str:
    """Return what the last look at a source's webhooks found, and how long ago that was."""
    if one.webhooks_at is None:
        return one.webhooks
    return f"{one.webhooks}, {age(to_ms(datetime.fromisoformat(one.webhooks_at)), now_ms())} ago"


def _sources_there(tajo: Installation) -> list[Source]:
    """Return the sources; where no Redis answers, what the config says of them."""
    try:
        return list_sources(tajo)
    except (redis.RedisError, Failure):
        return sources_by_config(tajo.settings)


def _address(settings: Settings, source: str) -> str:
    """Return where a source's webhooks go; only the path when nobody knows how this machine is reached."""
    run = context.running()
    return f"{settings.public_url or (run.url if run else '')}/webhooks/{source}"
