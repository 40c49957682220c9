"""`python -m customer_sync.demo.stores.shopify`: a Shopify of your own on a port."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from customer_sync.demo.stores.shopify.app import FakeShop
from customer_sync.demo.stores.shopify.schema import beside
from customer_sync.demo.stores.shopify.settings import VERSIONS, Settings
from customer_sync.demo.stores.shopify.times import seconds_of
from customer_sync.serving import THREADS, Wsgi, serve

#: option → key of `Settings`, the kind of its value, what it says.
_OPTIONS: tuple[tuple[str, str, Any, str], ...] = (
    ("--customers", "customers", int, "how many customers there are at the start"),
    ("--seed", "seed", int, "which ones"),
    ("--shop", "shop", str, "the shop's own domain"),
    ("--client-id", "client_id", str, "the app's id"),
    ("--client-secret", "client_secret", str, "the app's secret, which signs webhooks"),
    ("--access-token", "access_token", str, "a permanent token that always works"),
    ("--bucket", "bucket", float, "points that can be saved up"),
    ("--restore", "restore", float, "points that come back each second"),
    ("--token-life", "token_s", int, "seconds an access token lives"),
    ("--refresh-life", "refresh_s", int, "seconds a refresh token lives"),
    ("--granted", "granted", float, "share of customers who subscribed"),
    ("--unsubscribed", "unsubscribed", float, "share who left"),
    ("--pending", "pending", float, "share who did not confirm"),
    ("--without-email", "without_email", float, "share without an address"),
    ("--bulk-seconds", "bulk_s", float, "how long a bulk operation runs at least"),
    ("--bulk-limit", "bulk_limit", int, "how many of them run at once"),
    ("--time-scale", "time_scale", float, "factor for the waits between tries of a webhook"),
    ("--webhook-timeout", "webhook_timeout_s", float, "seconds the receiver of a webhook may take"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped; returns the exit code.

    Args:
        arguments: the command line without the program; None takes the process's own.
    """
    options = _parser().parse_args(arguments)
    settings = Settings(
        **{key: getattr(options, key) for _, key, _, _ in _OPTIONS},
        scopes=tuple(one for one in options.scopes.replace(" ", ",").split(",") if one),
        protected_data="nulls" if options.no_protected_data else options.protected_data,
        cost=options.cost,
        until_s=int(seconds_of(options.until) or Settings().until_s),
        whole_days=not options.exact_filter,
        schema=_schema(options.schema),
        folder=options.folder,
    )
    try:
        serve(options.host, options.port, partial(_build, settings), threads=options.threads, name="shopify")
    except OSError as error:
        sys.stderr.write(f"cannot listen at {options.host}:{options.port}: {error.strerror}. Choose another --port.\n")
        return 1
    return 0


def _build(settings: Settings) -> Wsgi:
    """Build the shop; runs in the worker process."""
    return FakeShop(settings).wsgi


def _schema(given: str) -> Path | None:
    """Return the introspection to check against: the one named, the one beside the checkout, or none."""
    if given == "none":
        return None
    return Path(given) if given else beside(VERSIONS[-1])


def _parser() -> argparse.ArgumentParser:
    default = Settings()
    parser = argparse.ArgumentParser("shopify", description="A Shopify in memory, for tests and benchmarks.")
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen at (default %(default)s)")
    add("--port", type=int, default=8026, help="port; 0 takes a free one (default %(default)s)")
    for name, key, kind, words in _OPTIONS:
        add(name, dest=key, type=kind, default=getattr(default, key), help=f"{words} (default %(default)s)")
    add("--scopes", default=",".join(default.scopes), help="what the app may do (default %(default)s)")
    add("--protected-data", choices=("granted", "nulls", "denied"), default="granted", help="see --no-protected-data")
    add("--no-protected-data", action="store_true", help="personal fields are null, and absent in webhooks")
    add("--cost", choices=("linear", "scaled"), default=default.cost, help="how connections are priced")
    add("--until", default="", help="when the newest customer of the start changed (default 2026-11-01)")
    add("--exact-filter", action="store_true", help="the filter updated_at matches seconds, not whole days")
    add("--schema", default="", help="introspection to check queries against; `none` checks the syntax only")
    add("--folder", type=Path, help="where exports are written")
    add("--threads", type=int, default=THREADS, help="calls worked on at once (default %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
