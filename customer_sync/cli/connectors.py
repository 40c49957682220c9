"""`tajo connectors`: the platforms there are, the configured sources and how they do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

import click
import redis

from customer_sync.batch.upkeep import webhooks_note
from customer_sync.cli import context
from customer_sync.cli.connect import connect, disconnect
from customer_sync.cli.install import install
from customer_sync.cli.output import age, iso, json_option, now_ms, paint, print_json, print_table
from customer_sync.cli.runs import sync
from customer_sync.config import Settings
from customer_sync.model import PEOPLE, EventState, to_ms
from customer_sync.registry import broken, connector_for, connector_rows, mend
from customer_sync.store import Store
from customer_sync.store.counters import Sample

#: How many events are searched for the last one of each source.
SEARCHED_EVENTS = 2_000


@click.group()
def connectors() -> None:
    """The platforms there are, and how the sources do."""


connectors.add_command(connect)
connectors.add_command(disconnect)
connectors.add_command(install)
connectors.add_command(sync)
connectors.add_command(sync)


@connectors.command("list")
@json_option
def list_command(*, as_json: bool) -> None:
    """List every platform, and the configured sources with the address for their webhooks."""
    settings = context.read_settings()
    store = _store_if_there(settings)
    sources = [_source(settings, store, name) for name in (*settings.sources, *settings.disabled, *settings.unserved)]
    if as_json:
        print_json(
            {"platforms": [asdict(row) for row in connector_rows()], "broken": dict(broken()), "sources": sources}
        )
        return
    platforms = [
        (row.platform, row.title, ", ".join(row.resources), row.takes_back, ", ".join(row.secret_keys))
        for row in connector_rows()
    ]
    print_table(platforms, ("platform", "name", "reads", "can take back", "webhook secret in"))
    for platform, why in broken().items():
        click.echo(f"{paint('broken', 'fail')}: {platform}: {why}. {mend(platform)}")
    click.echo("")
    if not sources:
        click.echo("No source is configured. `tajo init` writes a file to start from.")
        return
    print_table(
        [tuple(one[name] or "-" for name in _COLUMNS) for one in sources],
        ("source", "platform", "state", "connected", "webhooks", "webhook address"),
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
        headers = ("source", "state", "connected", "webhooks", "last event", *_COUNTED, "refused", "why")
        print_table([_line(row) for row in rows], headers)
    else:
        click.echo("No source is configured. `tajo init` writes a file to start from.")


#: Column → state of events.
_COUNTED: Final = {"delivered": "delivered", "retried": "retrying", "parked": "parked"}
#: The columns of the list.
_COLUMNS: Final = ("name", "platform", "state", "connected", "webhooks", "webhook_url")

#: The states of a source, with the verdict that gives the colour.
_COLOURS = {"healthy": "ok", "quiet": "", "paused": "fail", "look": "warn"}


def source_states(settings: Settings, store: Store) -> list[dict[str, Any]]:
    """Return how each configured source does: its state and why, its last event, its events by state."""
    samples = store.counters.read()
    parked = Counter(one.source for one in store.parked.list())
    pause = store.breakers.read(PEOPLE)
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
                **connection(settings, store, name),
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
    counts = [row["events"][word] for word in _COUNTED.values()]
    state = paint(row["state"], _COLOURS[row["state"]])
    return (row["name"], state, row["connected"], row["webhooks"], ago, *counts, row["refused"], row["why"])


def _source(settings: Settings, store: Store | None, name: str) -> dict[str, Any]:
    source = settings.sources.get(name)
    if source is None:
        return {
            "name": name,
            "platform": settings.unserved.get(name),
            "state": "stands still" if name in settings.unserved else "disabled",
            "connected": None,
            "webhooks": None,
            "webhook_url": "-",
        }
    tie = connection(settings, store, name)
    ways = ["receives"] if source.secrets else []
    ways += ["is pulled"] if tie["connected"] not in {"no", "unknown"} or not ways else []
    address = _address(settings, name)
    return {"name": name, "platform": source.platform, "state": ", ".join(ways), **tie, "webhook_url": address}


def connection(settings: Settings, store: Store | None, name: str) -> dict[str, str]:
    """Return how a source's platform is reached, and how its webhooks were when they were last looked at.

    Args:
        settings: the config.
        store: None where no Redis is known.
        name: an enabled source.
    """
    has_keys = connector_for(settings.sources[name]).can_pull()
    if store is None:
        return {"connected": "by keys" if has_keys else "unknown", "webhooks": "unknown"}
    has_stored = store.has_vault(name)
    tie = "in a browser" if has_stored else "by keys" if has_keys else "no"
    address = _address(settings, name) if settings.public_url else None
    return {"connected": tie, "webhooks": _webhooks(store.note(webhooks_note(name)), address)}


def _webhooks(note: dict[str, Any] | None, address: str | None) -> str:
    """Return what the last look at a source's webhooks found, in words."""
    if note is None:
        return "never looked at"
    ago = age(note["at_ms"], now_ms())
    if address is not None and note["address"] != address:
        return f"made for another address, {ago} ago"
    well = len(note["kept"]) + len(note["created"]) + len(note["repaired"])
    return f"{well} well, {len(note['failed'])} failed, {ago} ago" if note["failed"] else f"{well} well, {ago} ago"


def _store_if_there(settings: Settings) -> Store | None:
    """Return the store where a Redis answers: the list is of use without one."""
    try:
        return None if settings.redis_url is None else context.open_store(settings)
    except redis.RedisError:
        return None


def _address(settings: Settings, source: str) -> str:
    """Return where a source's webhooks go; only the path when nobody knows how this machine is reached."""
    run = context.running()
    return f"{settings.public_url or (run.url if run else '')}/webhooks/{source}"
