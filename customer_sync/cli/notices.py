"""`tajo notices`: who is told what ended and what is wrong, and a test that is really sent."""

from __future__ import annotations

import sys

import click

from customer_sync.api.notices import SentTests, Target, Tested, list_targets, secrets_shown, send_test
from customer_sync.api.problem import Problem
from customer_sync.cli import complete
from customer_sync.cli.api_calls import installation
from customer_sync.cli.output import FAILED, NOT_FOUND, fail, json_option, paint, print_json, print_table


@click.group()
def notices() -> None:
    """Who is told what ended and what is wrong: list, test."""


@notices.command("list")
@click.option("--secrets", "with_secrets", is_flag=True, help="Show what signs each target's notices, too.")
@json_option
def list_command(*, with_secrets: bool, as_json: bool) -> None:
    """List the targets, and what became of their last notices."""
    tajo = installation()
    found, shown = list_targets(tajo), secrets_shown(tajo) if with_secrets else {}
    if as_json:
        secrets = {"secrets": {name: list(some) for name, some in shown.items()}} if with_secrets else {}
        print_json({**found.model_dump(), **secrets})
        return
    if not found.items:
        click.echo("No target of notices is set. Write notifications: into tajo.yaml, see docs/notices.md.")
        return
    headers = ("target", "kind", "host", "state", "waiting", "last taken")
    print_table([_line(one) for one in found.items], headers)
    for one in found.items:
        if one.why:
            click.echo(f"{one.name}: {one.why}\n  → {one.remedy}")
        for secret in shown.get(one.name, ()):
            click.echo(f"{one.name} is signed with {secret}")


@notices.command("test")
@click.argument("target", required=False, shell_complete=complete.TARGET)
@json_option
def test_command(target: str | None, *, as_json: bool) -> None:
    """Send a real, signed notice now, and say what each target answered.

    TARGET is the name of one; without it all are tested. Exit code 1 where one does not take it.
    """
    try:
        found = send_test(installation(), Tested(target=target))
    except Problem as problem:
        fail(problem.detail, problem.remedy, NOT_FOUND)
    if as_json:
        print_json(found.model_dump())
    else:
        _print(found)
    sys.exit(0 if all(one.is_taken for one in found.items) else FAILED)


def _line(one: Target) -> tuple[str, str, str, str, int, str]:
    last = f"{one.taken_type} at {one.taken_at}" if one.taken_at else "-"
    return one.name, one.kind, one.host, one.state, one.waiting, last


def _print(found: SentTests) -> None:
    for one in found.items:
        word = "ok" if one.is_taken else "fail"
        click.echo(f"{paint(word.ljust(4), word)}  {one.target}: {one.answer} ({one.seconds:.1f} s)")
        if one.remedy:
            click.echo(f"      → {one.remedy}")
