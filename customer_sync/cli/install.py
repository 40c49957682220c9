"""`tajo connectors install`: a source's webhooks are made and repaired, and what was missed is caught up with."""

from __future__ import annotations

import sys

import click

from customer_sync.assembly import open_puller_of
from customer_sync.batch.puller import waits_for_word, word
from customer_sync.batch.upkeep import UNHEARD, UNHEARD_FIX, must_hear, tend_webhooks, upkeep_json, wait_for_calls
from customer_sync.cli import complete, context
from customer_sync.cli.adopt import adopt, print_next
from customer_sync.cli.connect import key_options
from customer_sync.cli.draft import drafted
from customer_sync.cli.output import (
    FAILED,
    NO_ANSWER,
    NOT_FOUND,
    OK,
    REFUSED,
    WRONG_USE,
    fail,
    json_option,
    paint,
    print_json,
)
from customer_sync.cli.source_keys import KeysCommand, is_given, param_of, secret_key_of
from customer_sync.cli.upkeep_table import print_upkeep
from customer_sync.config import Settings
from customer_sync.config.faults import choose
from customer_sync.errors import Unavailable
from customer_sync.kit.reach import Upkeep
from customer_sync.registry import platforms


@click.command(cls=KeysCommand)
@click.argument("source", metavar="SOURCE", shell_complete=complete.SOURCE_OR_PLATFORM)
@key_options
@json_option
def install(  # click gives each option as an argument
    source: str, platform: str | None, *, is_plain: bool, yes: bool, as_json: bool, **keys: str | None
) -> None:
    """Make a source's webhooks at its platform, repair those that are wrong, leave those of other programs alone.

    Where events may have been missed, they are brought by a pull, once the first full run is done: that one waits for
    `tajo connectors sync SOURCE --full`. Exit code 1 when a webhook could not be made, or its
    first call did not arrive.

    With keys (`--shop-url`, `--api-key`, ...) the source is written into tajo.yaml first, as `tajo connectors connect`
    does; its webhooks are then made where this service has a public address and runs.
    """
    if platform is not None or is_given(keys):
        adopted = adopt(source, platform, keys, is_plain=is_plain, yes=yes, is_quiet=as_json)
        if adopted.needs_owner:
            remedy = f"Start `tajo run`, then `tajo connectors connect {source}`: its owner agrees in a browser."
            fail(f"{source} is written, and not connected: {adopted.needs_owner}", remedy, REFUSED)
        if adopted.draft.settings.public_url is None or adopted.draft.is_changed:
            if as_json:
                print_json({"source": source, "address": None, **adopted.to_json()})
            else:
                print_next(adopted.draft)
            return
    settings = context.read_settings()
    public_url = _public_url(settings, source)
    store = context.open_store(settings)
    puller = open_puller_of(settings, store, context.home())
    if puller.access(source) is None:
        remedy = f"Set the keys of its API in connectors.{source}, or run `tajo connectors connect {source}`."
        fail(f"{source} is not connected: its webhooks can only be made in its admin.", remedy, WRONG_USE)
    try:
        upkeep = wait_for_calls(store, source, tend_webhooks(puller, source, public_url, by="install"))
    except Unavailable as error:
        fail(f"The platform of {source} does not answer: {error}.", "Try again in a while.", NO_ANSWER)
    address = f"{public_url}/webhooks/{source}"
    told = upkeep_json(upkeep)
    written = _written(settings, source, upkeep)
    if as_json:
        print_json({"source": source, "address": address, **told})
    else:
        _print(source, address, upkeep)
        click.echo(written, nl=bool(written))
        if waits_for_word(store, source):
            click.echo(f"Of the customers that {source} has, nobody is sent to Brevo yet. {word(source)}")
        elif upkeep.was_deaf:
            click.echo("Events may have been missed meanwhile: a run pulls them, see `tajo runs list`.")
    sys.exit(FAILED if upkeep.failed or upkeep.is_unheard else OK)


def _public_url(settings: Settings, source: str) -> str:
    """Return how the platforms reach us.

    Raises:
        Failure: there is no such source, or the platform could not reach us.
        ConfigError: the platform sends no webhooks.
    """
    if source not in settings.sources:
        fail(f"No source is called {source}.", choose(source, sorted(settings.sources)), NOT_FOUND)
    must_hear(platforms()[settings.sources[source].platform])
    return context.public_url(settings, "the platform")


def _written(settings: Settings, source: str, upkeep: Upkeep) -> str:
    """Write the secret that the platform chose into tajo.yaml; return what to tell of it, "" where nothing was done.

    Raises:
        Failure: the file cannot be written.
    """
    if not upkeep.secret or upkeep.secret in settings.sources[source].secrets:
        return ""
    key = secret_key_of(platforms()[settings.sources[source].platform])
    assert key is not None
    draft = drafted(source, None, {param_of(key): upkeep.secret}, is_plain=False, yes=True)
    draft.write()
    place = draft.places.get(key, "as it was")
    told = f"The platform chose the webhook secret; {key}: {place}."
    return f"{told} It counts at once in a `tajo run` that knows {source}."


def _print(source: str, address: str, upkeep: Upkeep) -> None:
    print_upkeep(upkeep)
    click.echo(f"\nThey call {address}")
    if upkeep.is_unheard:
        click.echo(paint(UNHEARD.format(source=source), "fail"))
        click.echo(UNHEARD_FIX.format(address=address))
