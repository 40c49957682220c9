"""`tajo attributes`: the plan of what the mapping needs in Brevo, and its execution."""

from __future__ import annotations

from collections.abc import Sequence

import click

from customer_sync.brevo.attributes import Proposal, plan, read_attributes
from customer_sync.brevo.attributes import apply as create
from customer_sync.brevo.client import Brevo
from customer_sync.cli import context
from customer_sync.cli.output import count, json_option, must_confirm, paint, print_json, print_table, yes_option
from customer_sync.config import Settings
from customer_sync.store import Store

_WORDS = {"ok": "ok", "create": "warn", "wrong type": "fail"}


@click.group()
def attributes() -> None:
    """Compare the mapping with Brevo's attributes, and create what is missing."""


@attributes.command("plan")
@json_option
def plan_command(*, as_json: bool) -> None:
    """Show the attributes that the mapping needs, and which of them Brevo lacks. Changes nothing."""
    proposals, _, _ = _proposals()
    if as_json:
        print_json([proposal._asdict() for proposal in proposals])
        return
    _print(proposals)
    if any(proposal.verdict == "create" for proposal in proposals):
        click.echo("\n`tajo attributes apply` creates what is missing.")


@attributes.command()
@yes_option
@json_option
def apply(*, yes: bool, as_json: bool) -> None:
    """Create the attributes that Brevo lacks. Never changes or deletes one."""
    proposals, brevo, store = _proposals()
    missing = [proposal for proposal in proposals if proposal.verdict == "create"]
    if not as_json:
        _print(proposals)
    if missing:
        must_confirm(f"Create {count(len(missing), 'attribute')} in Brevo?", yes=yes)
    created = create(brevo, missing)
    # the workers read the list again within seconds
    store.set_note("attributes", None)
    if as_json:
        print_json({"created": created, "plan": [proposal._asdict() for proposal in proposals]})
    else:
        click.echo(f"Created: {', '.join(created)}." if created else "Nothing is missing.")


def proposals_for(settings: Settings, brevo: Brevo) -> list[Proposal]:
    """Return one line for each attribute that the mappings of the enabled sources use."""
    mappings = [settings.mapping_for(name) for name in settings.sources] or [settings.mapping_for("")]
    return plan(mappings, read_attributes(brevo))


def _proposals() -> tuple[list[Proposal], Brevo, Store]:
    settings = context.read_settings()
    store = context.open_store(settings)
    brevo = context.open_brevo(settings, store)
    return proposals_for(settings, brevo), brevo, store


def _print(proposals: Sequence[Proposal]) -> None:
    rows = [(one.name, one.type, one.found or "-", paint(one.verdict, _WORDS[one.verdict])) for one in proposals]
    print_table(rows, ("attribute", "needed", "in Brevo", "verdict"))
    for one in proposals:
        if one.verdict == "wrong type":
            click.echo(
                f"{one.name}: Brevo has it as {one.found}, the mapping gives {one.type}; values that do not fit are "
                "left out.\n  → Map the field to another attribute: Brevo cannot change a type."
            )
