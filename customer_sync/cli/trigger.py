"""`tajo trigger`: sends a fixture of a connector as the platform would, signed with the configured secret."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import click

from customer_sync.base.clock import utc_now
from customer_sync.cli import complete, context
from customer_sync.cli.events import short
from customer_sync.cli.freshen import freshen
from customer_sync.cli.output import (
    FAILED,
    NOT_FOUND,
    WRONG_USE,
    fail,
    json_option,
    must_confirm,
    print_json,
    yes_option,
)
from customer_sync.config import Settings
from customer_sync.config.faults import choose
from customer_sync.errors import PayloadError, Refused
from customer_sync.kit.connector import Connector
from customer_sync.kit.outbound import HttpClient, Reply
from customer_sync.model import Event, Inbound
from customer_sync.registry import connector_for, platforms

#: Where `tajo run` listens when nothing else is said.
DEFAULT_URL = "http://127.0.0.1:8000"

_HOST = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,}", re.IGNORECASE)


@click.command()
@click.argument("platform", shell_complete=complete.PLATFORM)
@click.argument("fixture", required=False, shell_complete=complete.SAMPLE)
@click.option("--url", help="Where the service is.  [default: the running `tajo run`, else http://127.0.0.1:8000]")
@click.option(
    "--source", shell_complete=complete.SOURCE, help="The source to send it to, where the platform has several."
)
@click.option("--again", is_flag=True, help="Send it as it is, with its own ids and times.")
@yes_option
@json_option
def trigger(  # noqa: PLR0913  # click gives each option as an argument
    platform: str, fixture: str | None, url: str | None, source: str | None, *, again: bool, yes: bool, as_json: bool
) -> None:
    """Send a signed sample webhook, as the platform would.

    FIXTURE is one of the connector's samples; without it they are listed. It gets new ids and times, so that it counts
    each time it is sent. The people in it are made up: with a real account of Brevo it asks first.
    """
    if platform not in platforms():
        fail(f"No platform is called {platform}.", choose(platform, platforms()), NOT_FOUND)
    samples = fixtures_of(platforms()[platform])
    if fixture is None:
        _list(samples, as_json=as_json)
        return
    if fixture not in samples:
        fail(f"{platform} has no fixture {fixture}.", choose(fixture, samples), NOT_FOUND)
    settings = context.read_settings()
    connector = _connector(settings, platform, source)
    if not settings.brevo.is_sandbox:
        must_confirm("The made-up person of this sample goes to your Brevo account. Go on?", yes=yes)
    address = urlsplit((url or _running_url()).rstrip("/"))
    path = f"/webhooks/{connector.settings.name}"
    inbound = read_fixture(samples[fixture], connector.settings.name, f"{address.geturl()}{path}")
    # what a platform sends before it trusts an address (a ping, a challenge) is not signed
    is_greeting = connector.greet(inbound) is not None
    if not again and not is_greeting:
        inbound = freshen(connector, inbound)
    signed = inbound if is_greeting else _sign(connector, inbound, is_refused=is_refused(samples[fixture]))
    more = f"/{signed.path}" if signed.path else ""
    target = f"{address.geturl()}{path}{more}" + (f"?{signed.query}" if signed.query else "")
    reply = HttpClient().send(signed.method, target, headers=signed.headers, body=signed.body)
    sent = Sent([], "") if is_greeting else _read(connector, signed)
    _tell(target, reply, sent, is_greeting=is_greeting, as_json=as_json)


def fixtures_of(connector: type[Connector]) -> Mapping[str, Path]:
    """Return a connector's fixtures by name."""
    folder = connector.fixtures or Path(inspect.getfile(connector)).parent / "fixtures"
    return {path.stem: path for path in sorted(folder.glob("*.json"))}


def is_refused(path: Path) -> bool:
    """Tell whether a fixture is one that the service must refuse: it is of another shop."""
    return "refused" in json.loads(path.read_text(encoding="utf-8")).get("expect", {})


def read_fixture(path: Path, source: str, url: str) -> Inbound:
    """Return a fixture as the request it describes, arriving now."""
    request: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["request"]
    body = request["body"]
    return Inbound(
        source=source,
        headers={name.lower(): value for name, value in request["headers"].items()},
        body=body.encode() if isinstance(body, str) else json.dumps(body, ensure_ascii=False).encode(),
        received_at=utc_now(),
        path=request.get("path", ""),
        query=request.get("query", ""),
        url=url,
    )


def _list(samples: Mapping[str, Path], *, as_json: bool) -> None:
    if as_json:
        print_json(list(samples))
    else:
        click.echo("\n".join(samples) or "This connector has no fixtures.")


def _connector(settings: Settings, platform: str, source: str | None) -> Connector:
    names = [name for name, one in settings.sources.items() if one.platform == platform]
    if source is not None:
        names = [name for name in names if name == source]
    if not names:
        what = f"No source {source} of {platform}" if source else f"No source of {platform}"
        fail(f"{what} is configured.", "Add it below connectors: in tajo.yaml; `tajo init` shows how.", WRONG_USE)
    if len(names) > 1:
        fail(f"{platform} has several sources.", f"Choose one: --source {' | '.join(names)}.", WRONG_USE)
    return connector_for(settings.sources[names[0]])


def _running_url() -> str:
    run = context.running()
    return run.url if run else DEFAULT_URL


def _sign(connector: Connector, inbound: Inbound, *, is_refused: bool) -> Inbound:
    """Return the request signed, and of the shop of this source where the fixture is of another."""
    secrets = connector.settings.secrets
    if not secrets:
        fail(f"{connector.settings.name} has no webhook secret to sign with.", "Set it in tajo.yaml.", WRONG_USE)
    try:
        signed = connector.sign(inbound, secrets[0])
    except NotImplementedError as error:
        fail(f"{error}.", "Send a real webhook from the platform's test tools.")
    try:
        connector.verify(signed, secrets)
    except Refused:
        if is_refused:
            return signed
        return connector.sign(_of_this_shop(connector, inbound), secrets[0])
    return signed


def _of_this_shop(connector: Connector, inbound: Inbound) -> Inbound:
    """Return the request with this source's shop in every header that is the name of a host."""
    written = str(connector.settings.options.get("shop_url") or "")
    host = urlsplit(written if "://" in written else f"//{written}").hostname
    if not host:
        return inbound
    own = {name: host for name, value in inbound.headers.items() if _HOST.fullmatch(value)}
    return replace(inbound, headers={**inbound.headers, **own})


class Sent(NamedTuple):
    """What the connector reads of a sample.

    Args:
        kinds: of its events.
        ids: of its events.
        fault: what it cannot read, which will be parked; "" when it can read everything.
    """

    kinds: list[str]
    fault: str
    ids: tuple[str, ...] = ()


def _read(connector: Connector, inbound: Inbound) -> Sent:
    try:
        parts = connector.parse(inbound)
    except PayloadError as error:
        return Sent([], str(error))
    faults = [str(part) for part in parts if isinstance(part, PayloadError)]
    events = [part for part in parts if isinstance(part, Event)]
    return Sent([str(one.kind) for one in events], "; ".join(faults), tuple(one.id for one in events))


def _tell(target: str, reply: Reply, sent: Sent, *, is_greeting: bool, as_json: bool) -> None:
    text, status = reply.body.decode("utf-8", "replace").strip(), reply.status
    if as_json:
        read = {"kinds": sent.kinds, "ids": list(sent.ids), "parked": sent.fault or None}
        print_json({"url": target, "status": status, "answer": text, **read})
    else:
        click.echo(f"{target} → {status} {text}".rstrip())
        if status < 300 or is_greeting:
            click.echo(_outlook(sent, is_greeting=is_greeting))
    if status >= 300:
        remedy = "Is the secret of tajo.yaml the one that the running service has?" if status == 401 else ""
        fail(f"The service refused it with {status}.", remedy, FAILED)


def _outlook(sent: Sent, *, is_greeting: bool) -> str:
    """Return what will become of a sample that was accepted, and where it can be seen."""
    if is_greeting:
        return "This asks whether the address is there, and brings no event."
    ids = " ".join(short(one) for one in sent.ids)
    told = [f"Events: {', '.join(sent.kinds)}. `tajo events show ID` tells what becomes of each: {ids}"] if ids else []
    if sent.fault:
        told.append(f"It cannot be read ({sent.fault}) and will be parked: `tajo parked list` shows it.")
    return "\n".join(told or ["Events: none: nothing of it concerns us, so it is counted as ignored."])
