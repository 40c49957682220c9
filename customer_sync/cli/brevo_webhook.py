"""`tajo brevo install`: Brevo's own webhook is made, and put right."""

from __future__ import annotations

from pathlib import Path

import click
import redis

from customer_sync.assembly import brevo_of
from customer_sync.base.log import get
from customer_sync.brevo.hooks import address_of, ensure_webhook, token_of
from customer_sync.cli import context
from customer_sync.cli.output import WRONG_USE, fail, json_option, print_json
from customer_sync.cli.upkeep_table import print_upkeep
from customer_sync.config import Settings
from customer_sync.errors import TajoError
from customer_sync.store import Store, connect
from customer_sync.store.counters import Tally

log = get(__name__)


def let_sandbox_tell(settings: Settings, url: str, home: Path) -> None:
    """Let the built-in sandbox tell who leaves there, as the command lets an account.

    Args:
        settings: with the addresses of the sandbox and of Redis.
        url: where the ingress is.
        home: the folder of the installation.
    """
    assert settings.redis_url is not None
    try:
        account = brevo_of(settings, Store(connect(settings.redis_url)), Tally())
        ensure_webhook(account, address_of(url), token_of(settings, home))
    except (TajoError, redis.RedisError) as error:
        log.warning("the sandbox does not tell who leaves: `tajo brevo install`", error=type(error).__name__)


@click.command()
@json_option
def install(*, as_json: bool) -> None:
    """Let Brevo tell us at once who unsubscribes, complains, bounces or is deleted there: make or repair its webhook.

    Asking again does no harm; webhooks that lead elsewhere are left alone. Until there is one, the nightly compare
    finds who left, and `tajo reconcile --heal` finds them at once.
    """
    settings = context.read_settings()
    run = context.running()
    here = run.url if run is not None and settings.brevo.is_sandbox else None
    address = address_of(here or context.public_url(settings, "Brevo"))
    token = token_of(settings, context.home())
    if not token:
        remedy = "Set BREVO_WEBHOOK_SECRET to 20 characters or more that nobody guesses, and start everything with it."
        fail("Brevo's webhook would be refused here: no token is set for it.", remedy, WRONG_USE)
    store = context.open_store(settings)
    account = context.open_brevo(settings, store)  # says what to do where there is none
    found = ensure_webhook(account, address, token)
    if as_json:
        told = {"kept": list(found.kept), "created": list(found.created), "repaired": dict(found.repaired)}
        print_json({"address": address, **told})
        return
    print_upkeep(found)
    click.echo(f"\nThey call {address}")
    if found.was_deaf:
        click.echo("Who left before is found by the nightly compare; `tajo reconcile --heal` finds them now.")
