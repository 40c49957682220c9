"""Connectors: the platforms there are, the sources and how they do; read a source now, make its webhooks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, Literal

from pydantic import Field

from customer_sync.api.installation import Installation
from customer_sync.api.paging import Answer, Body
from customer_sync.api.problem import Problem, conflict, not_found
from customer_sync.api.runs import RESOURCE, Begun, Resource, RunOrder, start_run
from customer_sync.assembly import open_puller_of
from customer_sync.batch.puller import waits_for_word, word
from customer_sync.batch.upkeep import is_unheard, must_hear, tend_webhooks, wait_for_calls, webhooks_note
from customer_sync.config import API_SOURCE, Settings
from customer_sync.errors import ConfigError, TajoError
from customer_sync.kit.oauth import CONNECTION
from customer_sync.kit.reach import WEBHOOKS
from customer_sync.model import EventState, to_iso
from customer_sync.operate.figures import Verdict, findings
from customer_sync.operate.first_sync import waiting_resources, waiting_sources
from customer_sync.registry import broken, connector_for, connector_rows, hears
from customer_sync.store.counters import Sample
from customer_sync.store.run import RunKind

#: Level of a finding → the state of its source.
LEVELS: Final = {"down": "down", "look": "look"}
#: What waits for Brevo concerns every source.
_FOR_ALL: Final = frozenset({"brevo_key", "brevo_away"})

State = Literal["healthy", "quiet", "look", "down", "disabled", "stands still"]


class Platform(Answer):
    """A platform that there is a connector for."""

    platform: str
    title: str
    resources: list[str] = Field(description="What the connector reads.")
    topics: list[str] = Field(description="The platform's words that it acts on.")
    keys: list[str] = Field(description="The keys of a source in tajo.yaml, required ones first.")
    secret_keys: list[str]
    pulls: list[str] = Field(description="What can be read without a webhook.")
    writes: list[str] = Field(description="The channels in which it takes an opt-out back.")
    shares_addresses: bool
    origin: str
    auth: str = Field(description="How calls to it prove who makes them.")
    proof: str = Field(description="How its webhooks prove who sends them.")
    judges: str = Field(description="What judged the stand-in that the connector is tested with.")


class Source(Answer):
    """One source, and how it does."""

    name: str
    platform: str | None
    state: State
    why: str
    connected: str = Field(description="`by keys`, `in a browser`, `no`, or `-` where nothing is to be connected.")
    webhooks: str = Field(description="What the last look at its webhooks found.")
    webhooks_at: str | None = Field(description="When that was; null: never.")
    webhook_url: str | None = Field(
        description="Where its webhooks go; only the path where no address is known, null for none."
    )
    first_sync: str = Field(
        description="`waits`: its first full run waits for a person's word; `waits: orders`: that of its orders does."
    )
    last_event_at: str | None
    refused: int = Field(description="How many requests were refused at its door.")
    events: dict[str, int] = Field(description="State → how many of its events are in it.")
    findings: list[str] = Field(description="The codes of what is wrong.")


class ConnectorList(Answer):
    """The sources, the platforms, and the connectors that cannot be loaded (platform → why)."""

    items: list[Source]
    platforms: list[Platform]
    broken: dict[str, str]


class SyncOrder(Body):
    """How a source is to be read."""

    full: bool = Field(default=False, description="Everything, and not only what changed.")
    resource: Resource | None = Field(default=None, description=RESOURCE)
    compare: bool = Field(default=False, description="Everything, then who is gone, then both sides are compared.")
    dry_run: bool = Field(default=False, description="Count what would change; send nothing.")
    force: bool = Field(default=False, description="Take off the brake on mass changes.")


class Installed(Answer):
    """What became of a source's webhooks."""

    source: str
    address: str
    kept: list[str]
    created: list[str]
    repaired: dict[str, str] = Field(description="Topic → what was wrong.")
    failed: dict[str, str] = Field(description="Topic → why it could not be made.")
    removed: list[str]
    is_unheard: bool = Field(description="Whether the first call of a new webhook did not arrive.")
    was_deaf: bool = Field(description="Whether events may have been missed; a run brings them.")
    next: str = Field(description="What to do next; empty where nothing is.")


def list_connectors(tajo: Installation) -> ConnectorList:
    """Return every source with its state, and every platform."""
    return with_platforms(list_sources(tajo))


def with_platforms(sources: list[Source]) -> ConnectorList:
    """Return sources beside every platform that there is."""
    return ConnectorList(
        items=sources,
        platforms=[Platform.model_validate(_listed(asdict(row))) for row in connector_rows()],
        broken=dict(broken()),
    )


def show_source(tajo: Installation, source: str) -> Source:
    """Return one source.

    Raises:
        Problem: there is none of this name.
    """
    found = next((one for one in list_sources(tajo) if one.name == source), None)
    if found is None:
        raise _no_source(tajo, source)
    return found


def sync_source(tajo: Installation, source: str, body: SyncOrder) -> Begun:
    """Start a run of a source: what changed, or everything.

    Raises:
        Problem: there is no such source, it cannot be read, or a run of it is open.
    """
    _need_source(tajo, source)
    kind = RunKind.COMPARE if body.compare else RunKind.FULL if body.full else RunKind.INCREMENTAL
    order = RunOrder(source=source, kind=kind, resource=body.resource, dry_run=body.dry_run, force=body.force)
    return start_run(tajo, order)


def install_webhooks(tajo: Installation, source: str) -> Installed:
    """Make a source's webhooks at its platform, repair those that are wrong, leave those of other programs alone.

    Raises:
        Problem: there is no such source, it is not connected, nobody knows our address, or the platform refuses.
    """
    _need_source(tajo, source)
    try:
        must_hear(connector_for(tajo.settings.sources[source]))
    except ConfigError as error:
        raise conflict(error.reason, error.remedy) from error
    public_url, store = tajo.settings.public_url, tajo.store()
    if public_url is None:
        remedy = "Set TAJO_PUBLIC_URL to its address on the internet, such as https://sync.example.com."
        raise conflict("Nobody knows how the platform reaches this service.", remedy)
    puller = open_puller_of(tajo.settings, store, tajo.home)
    if puller.access(source) is None:
        remedy = f"Set the keys of its API in connectors.{source}, or run `tajo connectors connect {source}`."
        raise conflict(f"{source} is not connected: its webhooks can only be made in its admin.", remedy)
    try:
        upkeep = wait_for_calls(store, source, tend_webhooks(puller, source, public_url, by="install"))
    except ConfigError as error:
        raise conflict(error.reason, error.remedy) from error
    except TajoError as error:
        raise conflict(f"The platform of {source} does not do it: {error}.", "Try again in a while.") from error
    waits = waits_for_word(store, source)
    return Installed(
        source=source,
        address=f"{public_url}/webhooks/{source}",
        kept=[*upkeep.kept],
        created=[*upkeep.created],
        repaired=dict(upkeep.repaired),
        failed=dict(upkeep.failed),
        removed=[*upkeep.removed],
        is_unheard=upkeep.is_unheard,
        was_deaf=upkeep.was_deaf,
        next=word(source) if waits else "",
    )


def list_sources(tajo: Installation) -> list[Source]:
    """Return every source with its state: the worst of what is found of it."""
    settings, store, figures = tajo.settings, tajo.store(), tajo.figures()
    found, samples = findings(figures), store.counters.read()
    parked = Counter(one.source for one in store.parked.briefs())
    waiting, added = waiting_sources(settings, store), waiting_resources(settings, store)
    last = {row.source: row.at_ms for name in settings.all_sources for row in store.ledger.page(1, source=name).items}
    listed = []
    for name in settings.all_sources:
        events = {str(word): _count(samples, "tajo_events_total", source=name, state=str(word)) for word in EventState}
        is_new = name not in last and not any(events.values())
        state, why = _state(name, found, parked[name], is_new=is_new, hears_it=_hears(settings, name))
        tie = connection(tajo, name)
        if state == "quiet" and tie["connected"] not in {"no", "-"}:
            is_read = store.runs.reach(name)
            state, why = ("healthy", "") if is_read else (state, "no event yet, and nothing read yet")
        listed.append(
            Source(
                name=name,
                platform=settings.sources[name].platform if name in settings.sources else API_SOURCE,
                state=state,
                why=why,
                **tie,
                webhook_url=address_of(tajo, name) if _hears(settings, name) else None,
                first_sync="waits" if name in waiting else f"waits: {', '.join(added[name])}" if name in added else "",
                last_event_at=to_iso(last[name]) if name in last else None,
                refused=_count(samples, "tajo_inbound_total", source=name, answer="refused"),
                events=events,
                findings=[one.code for one in found if one.source in {"", name} and one.level in LEVELS],
            )
        )
    return listed + _idle_ones(settings)


def sources_by_config(settings: Settings) -> list[Source]:
    """Return every source as the config alone tells it: where no Redis answers, nobody knows how each does."""
    return [
        *(
            _unasked(
                name,
                one.platform,
                "quiet",
                "Redis does not answer, so nobody knows how it does.",
                ("by keys" if connector_for(one).can_pull() else "unknown", "unknown"),
            )
            for name, one in settings.sources.items()
        ),
        *_idle_ones(settings),
    ]


def _idle_ones(settings: Settings) -> list[Source]:
    off = [_unasked(name, None, "disabled", "It is switched off in tajo.yaml.") for name in settings.disabled]
    return off + [
        _unasked(name, platform, "stands still", f"The connector for {platform} cannot be loaded.")
        for name, platform in settings.unserved.items()
    ]


def _unasked(name: str, platform: str | None, state: State, why: str, tie: tuple[str, str] = ("-", "-")) -> Source:
    """Return a source of which nothing but the config is asked; `tie`: connected, webhooks."""
    connected, webhooks = tie
    return Source(
        name=name,
        platform=platform,
        state=state,
        why=why,
        connected=connected,
        webhooks=webhooks,
        webhooks_at=None,
        webhook_url=None,
        first_sync="",
        last_event_at=None,
        refused=0,
        events={},
        findings=[],
    )


def connection(tajo: Installation, name: str) -> dict[str, Any]:
    """Return how a source's platform is reached, and how its webhooks were when they were last looked at."""
    settings, store = tajo.settings, tajo.store()
    if name not in settings.sources:
        return {"connected": "-", "webhooks": "-", "webhooks_at": None}
    has_keys = connector_for(settings.sources[name]).can_pull()
    tie = "in a browser" if _is_agreed(tajo, name, has_keys=has_keys) else "by keys" if has_keys else "no"
    if not _hears(settings, name):
        return {"connected": tie, "webhooks": "none: it is pulled", "webhooks_at": None}
    note = store.note(webhooks_note(name))
    told = _webhooks(note, address_of(tajo, name) if settings.public_url else None)
    return {
        "connected": tie,
        "webhooks": f"{told}, none arrives" if is_unheard(store, name, tajo.clock()) else told,
        "webhooks_at": to_iso(note["at_ms"]) if note else None,
    }


def _hears(settings: Settings, name: str) -> bool:
    """Tell whether a source has webhooks of its platform."""
    return name in settings.sources and hears(settings.sources[name].platform)


def address_of(tajo: Installation, source: str) -> str:
    """Return where a source's webhooks go; only the path where nobody knows how we are reached."""
    return f"{(tajo.settings.public_url or '').rstrip('/')}/webhooks/{source}"


def _is_agreed(tajo: Installation, name: str, *, has_keys: bool) -> bool:
    """Tell whether what is stored for a source came from its owner's consent in a browser.

    With keys in the file the vault may hold the token that they were exchanged for, or what was learned of the shop.
    """
    try:
        vault = tajo.accesses().vault(name)
        if not tajo.store().has_vault(name):
            return False
        stored = vault.load()
        return stored.get("kind") == CONNECTION if has_keys else bool(stored.keys() - {WEBHOOKS})
    except TajoError:
        return False


def _webhooks(note: Mapping[str, Any] | None, address: str | None) -> str:
    """Return what the last look at a source's webhooks found, in words."""
    if note is None:
        return "never looked at"
    if address is not None and note["address"] != address:
        return "made for another address"
    well = len(note["kept"]) + len(note["created"]) + len(note["repaired"])
    return f"{well} well, {len(note['failed'])} failed" if note["failed"] else f"{well} well"


def _state(name: str, found: Sequence[Verdict], parked: int, *, is_new: bool, hears_it: bool) -> tuple[State, str]:
    """Return the state of a source and why: the worst that is found of it."""
    worst = next((one for one in found if one.source == name or one.code in _FOR_ALL), None)
    if worst is not None and worst.level in LEVELS:
        return ("down" if worst.level == "down" else "look"), f"{worst.text} {worst.remedy}"
    if parked:
        return "look", f"{parked} parked: `tajo parked list --source {name}`"
    hint = "no event yet: are the webhooks made?" if hears_it else "no event yet"
    return ("quiet", hint) if is_new else ("healthy", "")


def _count(samples: Sequence[Sample], name: str, **labels: str) -> int:
    return int(sum(sample.value for sample in samples if sample.name == name and sample.labels == labels))


def _listed(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: [*value] if isinstance(value, tuple) else value for name, value in row.items()}


def _need_source(tajo: Installation, source: str) -> None:
    if source not in tajo.settings.sources:
        raise _no_source(tajo, source)


def _no_source(tajo: Installation, source: str) -> Problem:
    if source == API_SOURCE:
        return conflict(
            "What the API tells cannot be read again, and has no webhooks.", "POST /api/v1/events tells it."
        )
    return not_found("There is no such source.", f"Sources: {', '.join(sorted(tajo.settings.all_sources))}.")
