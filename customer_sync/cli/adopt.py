"""A source whose keys are given on the command line: tried at the platform, then written, then what comes next."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import click

from customer_sync.cli import context
from customer_sync.cli.banner import command
from customer_sync.cli.draft import Draft, drafted
from customer_sync.cli.output import FAILED, NO_ANSWER, REFUSED, fail, paint
from customer_sync.kit.connector import Connector
from customer_sync.kit.outbound import TIMEOUT, HttpClient
from customer_sync.kit.reach import Access, Finding
from customer_sync.model import Json
from customer_sync.registry import connector_for, hears

#: Why the platform keeps us out → the exit code.
_CODES: Final = {"keys": REFUSED, "no answer": NO_ANSWER}


@dataclass(frozen=True, slots=True)
class Adopted:
    """A source that is in the config now.

    Args:
        draft: what was written.
        findings: what the platform said; empty where the keys open nothing by themselves.
        needs_owner: why the owner has to agree in a browser, too; "" when the keys are enough.
    """

    draft: Draft
    findings: tuple[Finding, ...]
    needs_owner: str

    def to_json(self) -> dict[str, Json]:
        """Return it for programs."""
        return {
            "file": str(self.draft.file),
            "keys": dict(self.draft.places),
            "findings": [{k: v for k, v in one._asdict().items() if k != "why"} for one in self.findings],
            "next": list(next_steps(self.draft)),
        }


def adopt(  # noqa: PLR0913  # what the two commands were given
    source: str, platform: str | None, params: Mapping[str, Any], *, is_plain: bool, yes: bool, is_quiet: bool
) -> Adopted:
    """Try the keys that were given, and write the source into the config.

    Args:
        source: its name.
        platform: as in `drafted`.
        params: the parameters of the command.
        is_plain: whether secrets are to stand in the file as they are.
        yes: whether nothing may be asked.
        is_quiet: whether nothing is printed.

    Raises:
        Failure: the platform refuses the keys or does not answer: nothing was written then.
    """
    draft = drafted(source, platform, params, is_plain=is_plain, yes=yes)
    connector = connector_for(draft.settings.sources[source])
    findings = tuple(tried(connector)) if connector.can_pull() else ()
    shut = next((one for one in findings if one.verdict == "fail" and one.why), None)
    if shut is not None and shut.why != "owner":
        fail(f"{shut.cause.rstrip('.')}. Nothing was written.", shut.fix, _CODES.get(shut.why, FAILED))
    draft.write()
    is_enough = findings or not connector.pulls  # what cannot be read needs no door
    reason = shut.cause if shut else "" if is_enough else f"These keys alone do not open {connector.title}."
    adopted = Adopted(draft, findings, reason)
    if not is_quiet:
        _print(adopted)
    return adopted


def tried(connector: Connector) -> Iterator[Finding]:
    """Yield what the platform says to a source's keys, as `tajo doctor` asks it. No Redis is needed."""
    silence_s = connector.silence_s
    http = HttpClient(timeout=TIMEOUT if silence_s is None else TIMEOUT._replace(silence_s=silence_s))
    try:
        yield from connector.check(Access(http, _Memory()))
    finally:
        http.close()


def next_steps(draft: Draft) -> Iterator[str]:
    """Yield the commands that come next, each with what it is for."""
    tajo, source = command(), draft.source
    if context.running() is None:
        yield f"{tajo} run"
    elif draft.is_changed:
        yield f"end the running `{tajo} run` (Ctrl-C) and start it again: it does not know {source} yet"
    is_called = hears(draft.settings.sources[source].platform)
    if is_called and draft.settings.public_url is None:
        yield f"export TAJO_PUBLIC_URL=https://...   (how {source} reaches this service; then start it again)"
    if is_called:
        yield f"{tajo} connectors install {source}   (makes its webhooks)"
    yield f"{tajo} connectors sync {source} --full --dry-run   (counts who would be sent)"


def print_next(draft: Draft) -> None:
    """Print what comes next."""
    click.echo("Next:")
    for step in next_steps(draft):
        click.echo(f"  {step}")


def _print(adopted: Adopted) -> None:
    draft = adopted.draft
    if draft.is_changed:
        click.echo(f"{draft.file}: connectors.{draft.source}")
        width = max((len(key) for key in draft.places), default=0)
        for key, place in draft.places.items():
            click.echo(f"  {key.ljust(width)}  {place}")
    else:
        click.echo(f"{draft.file} has {draft.source} with these keys already.")
    for one in adopted.findings:
        click.echo(f"{paint(one.verdict.ljust(4), one.verdict)}  {one.name}: {one.cause}")
        if one.fix and one.verdict != "ok":
            click.echo(f"      → {one.fix}")


class _Memory:
    """A vault that lasts as long as the command."""

    def __init__(self) -> None:
        self._text = "{}"

    def load(self) -> dict[str, Json]:
        found: dict[str, Json] = json.loads(self._text)
        return found

    def save(self, values: Mapping[str, Json]) -> None:
        self._text = json.dumps(dict(values))

    @contextmanager
    def locked(self) -> Iterator[None]:
        yield
