"""`tajo skills`: what is done with events, and for which sources."""

from __future__ import annotations

import click

from customer_sync.assembly import skills_of
from customer_sync.cli import context
from customer_sync.cli.output import json_option, print_json, print_table


@click.group()
def skills() -> None:
    """What is done with events, and for which sources."""


@skills.command("list")
@json_option
def list_command(*, as_json: bool) -> None:
    """List the skills, whether each is enabled, and the sources it acts on."""
    settings = context.read_settings()
    there = {skill.name for skill in skills_of(settings)}
    rows = [
        {
            "name": name,
            "enabled": skill.enabled,
            "available": name in there,
            "sources": [source for source in settings.sources if settings.applies(name, source)],
        }
        for name, skill in settings.skills.items()
    ]
    if as_json:
        print_json(rows)
        return
    print_table([_line(row) for row in rows], ("skill", "state", "acts on"))


def _line(row: dict[str, object]) -> tuple[str, str, str]:
    sources = row["sources"]
    acts_on = ", ".join(map(str, sources)) if isinstance(sources, list) and sources else "-"
    state = "enabled" if row["enabled"] else "off"
    if not row["available"]:
        state = "enabled, but not in this version" if row["enabled"] else "not in this version"
    return str(row["name"]), state, acts_on
