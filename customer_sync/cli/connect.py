"""`tajo connectors connect|disconnect`: a source's credentials by the owner's consent in a browser, and their end."""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar
from urllib.parse import urlencode, urlsplit

import click

from customer_sync.batch.puller import waits_for_word, word
from customer_sync.cli import complete, context
from customer_sync.cli.adopt import Adopted, adopt, print_next
from customer_sync.cli.init import source_text
from customer_sync.cli.output import (
    FAILED,
    NO_ANSWER,
    NOT_FOUND,
    REFUSED,
    WRONG_USE,
    Failure,
    fail,
    interrupted,
    json_option,
    own,
    print_json,
    yes_option,
)
from customer_sync.cli.source_keys import KeysCommand, is_given
from customer_sync.config import Settings
from customer_sync.config.faults import choose
from customer_sync.errors import ConfigError, Unavailable
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.outbound import HttpClient
from customer_sync.kit.reach import WEBHOOKS
from customer_sync.model import Json
from customer_sync.platforms.accesses import Accesses
from customer_sync.registry import connector_for, hears, platforms, proposed
from customer_sync.store.attempts import OPEN_S, Attempt, Attempts, Outcome
from customer_sync.store.vault import RedisVault

F = TypeVar("F", bound=Callable[..., Any])

#: How often the outcome is looked for, in seconds.
LOOK_S = 0.2
#: What came of it → the exit code.
_CODES: Final = {
    "refused": REFUSED,
    "config": REFUSED,
    "later": FAILED,
    "no answer": NO_ANSWER,
    "failed": FAILED,
}
#: Where a web process listens that takes requests from everywhere → where this machine finds it.
_ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  # read, never bound


def key_options(command: F) -> F:
    """Add what says where the keys of a source go."""
    for add in (
        yes_option,
        click.option("--plain", "is_plain", is_flag=True, help="Write secrets into the file as they are."),
        click.option("--platform", shell_complete=complete.PLATFORM, help="The platform, where NAME is another."),
    ):
        command = add(command)
    return command


@click.command(cls=KeysCommand)
@click.argument("source", metavar="SOURCE", shell_complete=complete.SOURCE_OR_PLATFORM)
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.option(
    "--timeout",
    "timeout_s",
    default=300,
    show_default=True,
    type=click.IntRange(1, OPEN_S),
    help="How long to wait for the platform's answer, in seconds.",
)
@key_options
@json_option
def connect(  # noqa: PLR0913  # click gives each option as an argument
    source: str,
    platform: str | None,
    timeout_s: int,
    *,
    no_browser: bool,
    is_plain: bool,
    yes: bool,
    as_json: bool,
    **keys: str | None,
) -> None:
    """Connect a source: by its keys, or by the owner's consent in a browser.

    With keys (`--shop-url`, `--api-key`, ...) they are tried at the platform, and the source is written into tajo.yaml,
    where all else stays as it is. Secrets are never written: the file names the variable of the environment that has
    the value, or one that is kept encrypted in the home folder. What is not said is the source's own name for its
    platform.

    Without keys, or where keys alone do not open the platform, the owner agrees in a browser; the credentials are
    stored encrypted. `tajo run` must run for that.

    Exit code 0 when it is connected, 2 when the config lacks something, 3 when the platform or the owner refuses, 4
    when nothing answers in time, 130 after Ctrl-C.
    """
    adopted = None
    if platform is not None or is_given(keys):
        adopted = adopt(source, platform, keys, is_plain=is_plain, yes=yes, is_quiet=as_json)
        if not adopted.needs_owner:
            _tell_keys(adopted, as_json=as_json)
            return
        click.echo(f"{adopted.needs_owner} The owner of the account has to agree in a browser.", err=True)
    settings = adopted.draft.settings if adopted else context.read_settings()
    outcome = _in_browser(settings, _configured(settings, source), timeout_s, no_browser=no_browser)
    if as_json:
        told = {"source": source, "connected": True, "text": outcome.text}
        print_json(told | adopted.to_json() if adopted else told)
        return
    click.echo(outcome.text)
    if adopted is not None:
        print_next(adopted.draft)
        return
    if settings.public_url is not None and hears(settings.sources[source].platform):
        click.echo(f"Next: `tajo connectors install {source}` makes its webhooks.")
    store = context.open_store(settings)
    if waits_for_word(store, source) and settings.options_for(source).first_sync == "wait":
        click.echo(f"Of the customers that {source} has, nobody is sent to Brevo yet. {word(source)}")


def _tell_keys(adopted: Adopted, *, as_json: bool) -> None:
    source = adopted.draft.source
    text = f"{source} is connected by its keys."
    if as_json:
        print_json({"source": source, "connected": True, "text": text, **adopted.to_json()})
        return
    click.echo(text)
    print_next(adopted.draft)


def _in_browser(settings: Settings, chosen: SourceSettings, timeout_s: int, *, no_browser: bool) -> Outcome:
    """Let the owner agree, and return what came of it: connected.

    Raises:
        Failure: anything else.
    """
    source = chosen.name
    base_url = _find_web(settings)
    attempts = context.open_store(settings).attempts
    attempt, ticket = attempts.open(source, base_url, None)
    try:
        _check_settings(chosen, attempt)
        _show(f"{attempt.base_url}/connect/{source}/start?{urlencode({'ticket': ticket})}", no_browser=no_browser)
        outcome = _wait(attempts, attempt, timeout_s)
    except BaseException as error:
        attempts.close(attempt)  # an answered one stays for the page on which the owner reads the outcome
        if isinstance(error, KeyboardInterrupt):
            interrupted(f"Nothing was connected, and the address is no longer valid: connect {source} again.")
        raise
    if outcome.verdict != "connected":
        raise Failure(outcome.text, outcome.remedy, _CODES[outcome.verdict])
    return outcome


@click.command()
@click.argument("source", shell_complete=complete.SOURCE)
@json_option
def disconnect(source: str, *, as_json: bool) -> None:
    """Forget a source's stored credentials.

    What stands in the config stays, and so do the app and the webhooks at the platform; which of these are ours is not
    forgotten.
    """
    settings = context.read_settings()
    vault = Accesses(settings, context.open_store(settings), context.home()).vault(source)
    if source not in settings.sources and source not in settings.disabled and vault.is_empty:
        fail(f"No source is called {source}.", choose(source, sorted(settings.sources)), NOT_FOUND)
    known = settings.sources.get(source)
    lasting, was_there = _stored(vault)
    if was_there:
        vault.forget()
    if was_there and lasting:
        vault.save(lasting)
    if as_json:
        print_json({"source": source, "forgotten": was_there})
        return
    click.echo(f"The stored credentials of {source} are forgotten." if was_there else f"{source} has none stored.")
    if known is not None and connector_for(known).can_pull():
        click.echo("It can still be pulled: its keys stand in the config.")


def _stored(vault: RedisVault) -> tuple[dict[str, Json], bool]:
    """Return what is stored and outlives the credentials, and whether there are credentials."""
    try:
        stored = vault.load()
    except ConfigError:  # the key is lost: nothing can be read, and everything is forgotten
        return {}, True
    return {name: stored[name] for name in (WEBHOOKS,) if name in stored}, bool(stored.keys() - {WEBHOOKS})


def _configured(settings: Settings, source: str) -> SourceSettings:
    """Return a source's settings.

    Raises:
        Failure: it is not configured; the remedy is what to write.
    """
    if source in settings.sources:
        return settings.sources[source]
    if source in settings.disabled:
        fail(f"{source} is disabled.", f"Take `enabled: false` out of connectors.{source}.", WRONG_USE)
    known = platforms()
    if source in known:
        told = f"{source} is not configured."
        text = source_text(known[source])
        remedy = (
            f"Give its keys here (`tajo connectors connect {source} --help` names them), or write into "
            f"{settings.file or 'tajo.yaml'}, and start `tajo run` again:\n\nconnectors:\n{text}"
        )
    else:
        told = f"No source is called {source}, and no platform."
        remedy = f"Add it below connectors:, with `platform:` {', '.join(proposed())}."
    raise Failure(told, remedy, WRONG_USE)


def _find_web(settings: Settings) -> str:
    """Return the address at which a browser reaches the running web process.

    Raises:
        Failure: none runs, or nobody knows where.
    """
    run = context.running()
    near = None if run is None else _near(run.url)
    base_url, asked = settings.public_url or near, near or settings.public_url
    if base_url is None or asked is None:
        fail("No web process is known.", "Start `tajo run`; or set TAJO_PUBLIC_URL to where it runs.", NO_ANSWER)
    http = HttpClient()
    try:
        is_up = http.send("GET", f"{asked}/healthz", headers={}).status == 200
    except Unavailable:
        is_up = False
    finally:
        http.close()
    if not is_up:
        fail(f"The web process does not answer at {asked}.", "Start `tajo run`, or correct TAJO_PUBLIC_URL.", NO_ANSWER)
    return base_url


def _near(url: str) -> str:
    parts = urlsplit(url)
    host = _ANYWHERE.get(parts.hostname or "")
    return url if host is None else parts._replace(netloc=f"{host}:{parts.port}").geturl()


def _check_settings(source: SourceSettings, attempt: Attempt) -> None:
    """Ask the connector for the platform's address now, so that a missing key is told here and not in the browser."""
    try:
        connector_for(source).invite(attempt.invitation)
    except ConfigError as error:
        fail(error.reason, error.remedy, WRONG_USE)


def _show(address: str, *, no_browser: bool) -> None:
    click.echo(f"Open this address in a browser, within {OPEN_S // 60} minutes and once:\n\n  {address}\n", err=True)
    if not no_browser and _has_browser():
        click.launch(address)


def _has_browser() -> bool:
    """Tell whether a person sits at this machine, with a screen that can show a page."""
    has_screen = sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return sys.stdout.isatty() and has_screen


def _wait(attempts: Attempts, attempt: Attempt, timeout_s: int) -> Outcome:
    """Return what came of the attempt.

    Raises:
        Failure: nothing, in this time.
    """
    ends = time.monotonic() + timeout_s
    with _spinner() as turn:
        while (outcome := attempts.outcome(attempt)) is None:
            if time.monotonic() > ends:
                fail(
                    f"No answer came within {timeout_s} s.",
                    "Run it again, and finish in the browser; --timeout gives more time.",
                    NO_ANSWER,
                )
            turn(f"Waiting for the answer, {ends - time.monotonic():.0f} s left")
            time.sleep(LOOK_S)
    return outcome


@contextmanager
def _spinner() -> Iterator[Callable[[str], None]]:
    """Give a function that keeps one line of the terminal alive; where there is no terminal it says its text once."""
    is_live = sys.stderr.isatty()
    frames = itertools.cycle("|/-\\") if is_live else iter("-")

    def turn(text: str) -> None:
        frame = next(frames, None)
        if frame is not None:
            click.echo(own(f"\r{frame} {text} \033[K") if is_live else text, err=True, nl=not is_live)

    try:
        yield turn
    finally:
        if is_live:
            click.echo(own("\r\033[K"), err=True, nl=False)
