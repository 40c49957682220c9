"""`tajo sign-in`: a link that opens the dashboard, for who has no key at hand."""

from __future__ import annotations

import sys

import click

from customer_sync.cli import context
from customer_sync.cli.output import NO_ANSWER, fail, json_option, print_json
from customer_sync.config import ConfigFaults
from customer_sync.store import Store
from customer_sync.store.sessions import LINK_S


@click.command("sign-in")
@click.option("--url", help="Where the dashboard is.  [default: the running `tajo run`, and TAJO_PUBLIC_URL]")
@json_option
def sign_in(url: str | None, *, as_json: bool) -> None:
    """Print a link that opens the dashboard in a browser.

    It works once and for an hour; until then it opens the dashboard to whoever has it.
    """
    addresses = [url] if url else _addresses()
    if not addresses:
        fail(
            f"No `tajo run` runs in {context.home()}, and TAJO_PUBLIC_URL is not set.",
            "Start `tajo run`, or say where the dashboard is with --url.",
            NO_ANSWER,
        )
    store = context.find_store()
    links = [link_to(address, store) for address in addresses]
    if as_json:
        print_json({"links": links, "valid_s": LINK_S})
        return
    click.echo("\n".join(links))
    if sys.stdout.isatty():
        click.echo(f"Each works once, within {LINK_S // 60} minutes.", err=True)


def link_to(address: str, store: Store) -> str:
    """Return a new link.

    Args:
        address: where the dashboard is, as the browser reaches it.
        store: remembers the link.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    return f"{address.rstrip('/')}/sign-in?link={store.sessions.make_link()}"


def _addresses() -> list[str]:
    """Return where the dashboard can be reached, as far as that is known; a faulty config is not in the way."""
    run = context.running()
    try:
        public = context.read_settings().public_url
    except ConfigFaults:
        public = None
    known = (address.rstrip("/") for address in (run.url if run else None, public) if address)
    return list(dict.fromkeys(known))
