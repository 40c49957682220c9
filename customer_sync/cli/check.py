"""`tajo check`: every fault of the config at once, or what it says."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import redis

from customer_sync.cli import context
from customer_sync.cli.output import WRONG_USE, fail, json_option, paint, print_json
from customer_sync.config import ConfigFaults, Settings
from customer_sync.config.settings import NOTICE_EVENTS, NoticeTarget
from customer_sync.errors import ConfigError
from customer_sync.operate.notices.addresses import refusal_of
from customer_sync.skills.found import definitions
from customer_sync.skills.needs import needs_of, unset_of
from customer_sync.store import connect, server

#: How long a Redis may take to answer, in seconds.
LOOK_S = 2.0
SKILL = "customer-sync"


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@json_option
def check(file: Path | None, *, as_json: bool) -> None:
    """Read the config and say every fault at once.

    FILE is the one to read; without it TAJO_CONFIG, else tajo.yaml here.
    """
    try:
        settings = context.read_settings(file)
    except ConfigFaults as error:
        if as_json:
            print_json({"ok": False, "faults": [asdict(fault) for fault in error.faults]})
        fail(str(error), "", WRONG_USE)
    summary = summarize(settings)
    if settings.redis_url is not None:
        summary["redis"] = look_at_redis(settings.redis_url)
    if as_json:
        print_json({"ok": True, **summary})
    else:
        _print(summary)


def look_at_redis(url: str) -> str:
    """Return what the Redis at an address is, in words.

    Raises:
        ConfigError: nothing could work with it.
    """
    client = connect(url, timeout_s=LOOK_S)
    try:
        found = server.ask(client)
        server.need_fit(found)
        rest = [f"{one.reason} {one.remedy}" for one in server.faults(client)]
        return " ".join([f"{found.name.capitalize()} {found.version}", *rest])
    except ConfigError:
        raise
    except redis.RedisError as error:
        return f"does not answer ({type(error).__name__})"


def summarize(settings: Settings) -> dict[str, Any]:
    """Return what the settings say, in short and without a secret."""
    return {
        "file": settings.file,
        "brevo": {"is_sandbox": settings.brevo.is_sandbox, "base_url": settings.brevo.base_url},
        "sources": [_source(settings, name) for name in settings.sources],
        "disabled": list(settings.disabled),
        "skills": [name for name, skill in settings.skills.items() if skill.enabled],
        "notices": [_target(target) for target in settings.notifications.targets],
        "redis": None,
        "warnings": [*settings.warnings, *_lacking(settings), *_unreachable(settings)],
    }


def _lacking(settings: Settings) -> list[str]:
    """Return a warning for each thing that a skill needs and one of its sources does not give."""
    there = definitions(settings.skills_folder)
    return [
        f"{settings.file}: skills.{name}: {line}"
        for name, skill in settings.skills.items()
        if skill.enabled
        for line in (*needs_of(settings, there[name]).lacking, *unset_of(settings, there[name]))
    ]


def _unreachable(settings: Settings) -> list[str]:
    """Return a warning for each target of notices whose name leads nowhere, or where it may not."""
    found = ((target.name, refusal_of(target)) for target in settings.notifications.targets)
    return [f"{settings.file}: the target {name}: {why[0]}. {why[1]}" for name, why in found if why is not None]


def _target(target: NoticeTarget) -> dict[str, Any]:
    """Return what a target of notices is, without what its address may hold."""
    return {"name": target.name, "kind": target.kind, "host": target.host, "events": list(target.events)}


def _source(settings: Settings, name: str) -> dict[str, Any]:
    options = settings.options_for(name)
    return {
        "name": name,
        "platform": settings.sources[name].platform,
        "sync_mode": options.sync_mode,
        "lists": list(options.list_ids),
        "delete_behavior": options.delete_behavior,
        "missing_consent": options.missing_consent,
        "mapping": dict(settings.mapping_for(name)) if settings.applies(SKILL, name) else {},
    }


def _print(summary: dict[str, Any]) -> None:
    click.echo(f"{paint('ok', 'ok')}: {summary['file'] or 'no tajo.yaml here; everything has its default'}")
    brevo = summary["brevo"]
    click.echo(f"Brevo    {'the sandbox: no BREVO_API_KEY is set' if brevo['is_sandbox'] else brevo['base_url']}")
    click.echo(f"Redis    {summary['redis'] or 'embedded: `tajo run` starts it'}")
    for source in summary["sources"]:
        lists = ", ".join(map(str, source["lists"])) or "none"
        platform = "" if source["platform"] == source["name"] else f" ({source['platform']})"
        facts = f"{source['sync_mode']}, deletes {source['delete_behavior']}, lists: {lists}"
        click.echo(f"Source   {source['name']}{platform}: {facts}")
        mapping = ", ".join(f"{field} → {attribute}" for field, attribute in source["mapping"].items())
        click.echo(f"         {mapping or f'{SKILL} does not act on it'}")
    if not summary["sources"]:
        click.echo("Source   none. `tajo init` writes a file to start from.")
    if summary["disabled"]:
        click.echo(f"Disabled {', '.join(summary['disabled'])}")
    for target in summary["notices"]:
        which = "all" if len(target["events"]) == len(NOTICE_EVENTS) else ", ".join(target["events"])
        click.echo(f"Notices  {target['name']} ({target['kind']}, {target['host']}): {which}")
    click.echo(f"Skills   {', '.join(summary['skills']) or 'none'}")
    for warning in summary["warnings"]:
        click.echo(f"{paint('warn', 'warn')}: {warning}")
