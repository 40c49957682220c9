"""`tajo connectors`: the platforms there are, the configured sources and how they do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

import click
import redis

from customer_sync.assembly import Accesses
from customer_sync.batch.puller import word
from customer_sync.batch.upkeep import is_unheard, webhooks_note
from customer_sync.cli import context
from customer_sync.cli.connect import connect, disconnect, has_credentials
from customer_sync.cli.install import install
from customer_sync.cli.output import age, iso, json_option, now_ms, paint, print_json, print_table
from customer_sync.cli.runs import sync
from customer_sync.config import Settings
from customer_sync.errors import TajoError
from customer_sync.kit.oauth import CONNECTION
from customer_sync.model import EventState, to_ms
from customer_sync.operate.figures import Verdict, findings, read_figures
from customer_sync.operate.first_sync import waiting_sources
from customer_sync.registry import broken, connector_for, connector_rows, mend
from customer_sync.store import Store
from customer_sync.store.counters import Sample


@click.group()
def connectors() -> None:
    """The platforms there are, and how the sources do."""


connectors.add_command(connect)
connectors.add_command(disconnect)
connectors.add_command(install)
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
    """Show how each source does: its state and why, its last event, how many events reached which state."""
    settings = context.read_settings()
    store = context.open_store(settings)
    found = findings(read_figures(store, settings, context.home()))
    rows = source_states(settings, store, found)
    if as_json:
        print_json(rows)
        return
    if rows:
        headers = ("source", "state", "connected", "webhooks", "last event", *_COUNTED, "refused", "why")
        print_table([_line(row) for row in rows], headers)
        for row in rows:
            if row["first_sync"] == "waits":
                click.echo(f"\nThe first full run of {row['name']} waits for your word. {word(row['name'])}")
    else:
        click.echo("No source is configured. `tajo init` writes a file to start from.")
    for one in found:
        if not one.source and one.level in _LEVELS:
            click.echo(f"\n{paint(one.text, _COLOURS[_LEVELS[one.level]])}\n  → {one.remedy}")


#: Column → state of events.
_COUNTED: Final = {"delivered": "delivered", "retried": "retrying", "parked": "parked"}
#: The columns of the list.
_COLUMNS: Final = ("name", "platform", "state", "connected", "webhooks", "webhook_url")

#: Level of a finding → the state of its source.
_LEVELS: Final = {"down": "down", "look": "look"}
#: The states of a source, with the verdict that gives the colour.
_COLOURS: Final = {"healthy": "ok", "quiet": "", "down": "fail", "look": "warn"}


def source_states(settings: Settings, store: Store, found: Sequence[Verdict]) -> list[dict[str, Any]]:
    """Return how each configured source does: its state and why, its last event, its events by state.

    Args:
        settings: the config.
        store: all that Redis holds.
        found: what the verdict finds; the worst of a source is its state.
    """
    samples = store.counters.read()
    parked = Counter(one.source for one in store.parked.briefs())
    waiting = waiting_sources(settings, store)
    last = {row.source: row.at_ms for name in settings.sources for row in store.ledger.page(1, source=name).items}
    rows = []
    for name, source in settings.sources.items():
        refused = _count(samples, "tajo_inbound_total", source=name, answer="refused")
        events = {str(word): _count(samples, "tajo_events_total", source=name, state=str(word)) for word in EventState}
        state, why = _state(name, found, parked[name], is_new=name not in last and not any(events.values()))
        tie = connection(settings, store, name)
        if state == "quiet" and tie["connected"] != "no":
            state, why = ("healthy", "") if store.runs.reach(name) else (state, "no event yet, and nothing read yet")
        rows.append(
            {
                "name": name,
                "platform": source.platform,
                "state": state,
                "why": why,
                **tie,
                "first_sync": "waits" if name in waiting else "",
                "last_event_at": iso(last.get(name)),
                "refused": refused,
                "events": events,
                "findings": [one.code for one in found if one.source in {"", name} and one.level in _LEVELS],
            }
        )
    return rows


#: What waits for Brevo concerns every source.
_FOR_ALL: Final = frozenset({"brevo_key", "brevo_away"})


def _state(name: str, found: Sequence[Verdict], parked: int, *, is_new: bool) -> tuple[str, str]:
    """Return the state of a source and why: the worst that is found of it."""
    worst = next((one for one in found if one.source == name or one.code in _FOR_ALL), None)
    if worst is not None and worst.level in _LEVELS:
        return _LEVELS[worst.level], f"{worst.text} {worst.remedy}"
    if parked:
        return "look", f"{parked} parked: `tajo parked list --source {name}`"
    return ("quiet", "no event yet: are the webhooks made?") if is_new else ("healthy", "")


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
    tie = "in a browser" if _is_agreed(settings, store, name, has_keys=has_keys) else "by keys" if has_keys else "no"
    address = _address(settings, name) if settings.public_url else None
    told = _webhooks(store.note(webhooks_note(name)), address)
    return {"connected": tie, "webhooks": f"{told}, none arrives" if is_unheard(store, name, now_ms()) else told}


def _is_agreed(settings: Settings, store: Store, name: str, *, has_keys: bool) -> bool:
    """Tell whether what is stored for a source came from its owner's consent in a browser.

    With keys in the file the vault may hold the token that they were exchanged for, or what was learned of the shop.
    """
    if not has_keys or not store.has_vault(name):
        return has_credentials(settings, store, name)
    try:
        return Accesses(settings, store, context.home()).vault(name).load().get("kind") == CONNECTION
    except TajoError:
        return False


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
