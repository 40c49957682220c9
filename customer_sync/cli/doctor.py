"""`tajo doctor`: every check with its verdict, cause and fix."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

import click
import redis

from customer_sync.assembly import connectors_of
from customer_sync.cli import context
from customer_sync.cli.output import (
    FAILED,
    NO_ANSWER,
    OK,
    REFUSED,
    WRONG_USE,
    Failure,
    count,
    json_option,
    paint,
    print_json,
)
from customer_sync.config import ConfigFaults, Settings
from customer_sync.operate.doctor import Finding, Patient, examine, redis_finding
from customer_sync.platforms.accesses import Accesses

#: The gravest kind of failure decides the exit code.
_CODES: Final = (("config", WRONG_USE), ("refused", REFUSED), ("no answer", NO_ANSWER), ("", FAILED))


@click.command()
@json_option
def doctor(*, as_json: bool) -> None:
    """Check everything that is needed; say cause and fix.

    Exit code 0 when nothing fails, 2 for a wrong config, 3 when Brevo refuses the key, 4 when something does not
    answer.
    """
    findings = []
    for finding in _findings():
        findings.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        print_json([finding._asdict() for finding in findings])
    else:
        _sum_up(findings)
    sys.exit(exit_code(findings))


def exit_code(findings: list[Finding]) -> int:
    """Return the exit code for what was found."""
    failed = {finding.why for finding in findings if finding.verdict == "fail"}
    return next((code for why, code in _CODES if why in failed), OK)


def _findings() -> Iterator[Finding]:
    try:
        settings = context.read_settings()
    except ConfigFaults as error:
        for fault in error.faults:
            where = fault.file if fault.line is None else f"{fault.file}:{fault.line}"
            path = f"{fault.path}: " if fault.path else ""
            yield Finding("config", "fail", f"{where}: {path}{fault.found}", fault.remedy, "config")
        return
    yield _config(settings)
    try:
        store = context.open_store(settings)
        yield Finding("Redis", "ok", "answers")
        brevo = context.open_brevo(settings, store) if context.has_brevo(settings) else None
        patient = Patient(settings, context.home(), connectors_of(settings), store, brevo)
        patient.access = Accesses(settings, store, context.home())
        patient.now_s = lambda: store.hosts.now_ms() / 1000
        yield from examine(patient)
    except Failure as failure:
        yield Finding("Redis", "fail", failure.message, failure.remedy, "no answer", "redis_away")
    except redis.RedisError as error:
        yield redis_finding(error)


def _config(settings: Settings) -> Finding:
    if settings.warnings:
        return Finding("config", "warn", " ".join(settings.warnings), "`tajo check` shows what it says.")
    if not settings.sources:
        return Finding("config", "warn", "no source is configured", "`tajo init` writes a file to start from.")
    return Finding("config", "ok", f"{settings.file}: {', '.join(settings.sources)}")


def _print(finding: Finding) -> None:
    word = paint(finding.verdict.ljust(4), finding.verdict)
    click.echo(f"{word}  {finding.name}: {finding.cause}")
    if finding.fix:
        click.echo(f"      → {finding.fix}")


def _sum_up(findings: list[Finding]) -> None:
    failed = sum(finding.verdict == "fail" for finding in findings)
    warned = sum(finding.verdict == "warn" for finding in findings)
    if failed or warned:
        click.echo(f"\n{count(failed, 'failure')}, {count(warned, 'warning')}, {len(findings)} checks.")
    else:
        click.echo(f"\nAll {len(findings)} checks passed.")
