"""`tajo connectors`: the platforms there are, the configured sources and how they do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from customer_sync.cli import context
from customer_sync.cli.output import age, iso, json_option, now_ms, paint, print_json, print_table
from customer_sync.config import Settings
from customer_sync.model import EventState, to_ms
from customer_sync.registry import broken, connector_rows
from customer_sync.store import Store
from customer_sync.store.counters import Sample

#: How many events are searched for the last one of each source.
SEARCHED_EVENTS = 2_000


@click.group()
def connectors() -> None:
    """The platforms there are, and how the sources do."""


@connectors.command("list")
@json_option
def list_command(*, as_json: bool) -> None:
    """List every platform, and the configured sources with the address for their webhooks."""
    settings = context.read_settings()
    sources = [_source(settings, name) for name in (*settings.sources, *settings.disabled)]
    if as_json:
        print_json(
            {"platforms": [asdict(row) for row in connector_rows()], "broken": dict(broken()), "sources": sources}
        )
        return
    platforms = [
        (row.platform, row.title, ", ".join(row.resources), ", ".join(row.secret_keys)) for row in connector_rows()
    ]
    print_table(platforms, ("platform", "name", "reads", "webhook secret in"))
    for platform, why in broken().items():
        click.echo(f"{paint('broken', 'fail')}: {platform}: {why}")
    click.echo("")
    if not sources:
        click.echo("No source is configured. `tajo init` writes a file to start from.")
        return
    print_table(
        [(one["name"], one["platform"] or "-", one["state"], one["webhook_url"]) for one in sources],
        ("source", "platform", "state", "webhook address"),
    )
    click.echo(f"\nBrevo's own webhook, for people who unsubscribe there: {_address(settings, 'brevo')}")
    if settings.public_url is None:
        click.echo("Set TAJO_PUBLIC_URL to see the addresses as the platforms must call them.")


@connectors.command()
@json_option
def status(*, as_json: bool) -> None:
    """Show how each source does: its state, its last event, how many events reached which state."""
    settings = context.read_settings()
    rows = source_states(settings, context.open_store(settings))
    if as_json:
        print_json(rows)
    elif rows:
        headers = ("source", "state", "last event", "delivered", "retried", "parked", "refused", "why")
        print_table([_line(row) for row in rows], headers)
    else:
        click.echo("No source is configured. `tajo init` writes a file to start from.")


#: The states of a source, with the verdict that gives the colour.
_COLOURS = {"healthy": "ok", "quiet": "", "paused": "fail", "look": "warn"}


def source_states(settings: Settings, store: Store) -> list[dict[str, Any]]:
    """Return how each configured source does: its state and why, its last event, its events by state."""
    samples = store.counters.read()
    parked = Counter(one.source for one in store.parked.list())
    pause = store.breakers.read("contacts")
    last: dict[str, int] = {}
    for row in store.ledger.events(SEARCHED_EVENTS):
        last.setdefault(row.source, row.at_ms)
    found = []
    for name, source in settings.sources.items():
        refused = _count(samples, "tajo_inbound_total", source=name, answer="refused")
        events = {str(word): _count(samples, "tajo_events_total", source=name, state=str(word)) for word in EventState}
        is_silent = name not in last and not any(events.values())
        state, why = "healthy", ""
        if pause is not None:
            state, why = "paused", pause.reason
        elif parked[name]:
            state, why = "look", f"{parked[name]} parked: `tajo parked list --source {name}`"
        elif is_silent and refused:
            state, why = "look", "every webhook was refused: is the secret the one that the platform signs with?"
        elif is_silent:
            state, why = "quiet", "no event yet: are the webhooks made?"
        found.append(
            {
                "name": name,
                "platform": source.platform,
                "state": state,
                "why": why,
                "last_event_at": iso(last.get(name)),
                "refused": refused,
                "events": events,
            }
        )
    return found


def _count(samples: Sequence[Sample], name: str, **labels: str) -> int:
    return int(sum(sample.value for sample in samples if sample.name == name and sample.labels == labels))


def _line(row: dict[str, Any]) -> tuple[object, ...]:
    last = row["last_event_at"]
    ago = "-" if last is None else age(to_ms(datetime.fromisoformat(last)), now_ms())
    counts = [row["events"][word] for word in ("delivered", "retrying", "parked")]
    return (row["name"], paint(row["state"], _COLOURS[row["state"]]), ago, *counts, row["refused"], row["why"])


def _source(settings: Settings, name: str) -> dict[str, Any]:
    source = settings.sources.get(name)
    if source is None:
        return {"name": name, "platform": None, "state": "disabled", "webhook_url": "-"}
    state = "receives" if source.secrets else "is pulled"
    return {"name": name, "platform": source.platform, "state": state, "webhook_url": _address(settings, name)}


def _address(settings: Settings, source: str) -> str:
    """Return where a source's webhooks go; only the path when nobody knows how this machine is reached."""
    run = context.running()
    return f"{settings.public_url or (run.url if run else '')}/webhooks/{source}"
