"""`python -m customer_sync.demo.stores.woocommerce`: a WooCommerce shop of your own on a port."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from customer_sync import serving
from customer_sync.demo.stores.woocommerce.settings import AREAS, KEY, OWNERS, PERMISSIONS, SECRET, Settings
from customer_sync.demo.stores.woocommerce.store import FakeStore


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped; returns the exit code. The first line of stdout is the address.

    Args:
        arguments: the command line without the program; None takes the process's own.
    """
    options = _parser().parse_args(arguments)
    settings = settings_of(options)
    try:
        serving.serve(options.host, options.port, partial(_build, settings), name="fake-woocommerce")
    except OSError as error:
        sys.stderr.write(f"cannot listen at {options.host}:{options.port}: {error.strerror}. Choose another --port.\n")
        return 1
    return 0


def settings_of(options: argparse.Namespace) -> Settings:
    """Return the settings that a command line means."""
    return Settings(
        **{name: getattr(options, name) for name in ("customers", "products", "seed", "key", "secret", "site_url")},
        **{name: getattr(options, name) for name in ("utc_offset_h", "currency", "behind_tls", "strip_authorization")},
        **{name: getattr(options, name) for name in ("hide_every", "max_per_second", "ignores_modified", "owner")},
        **{name: getattr(options, name) for name in ("scheduler_delay_s", "report_lag_s", "https_callbacks")},
        permissions="read" if options.read_only else options.permissions,
        forbidden=tuple(options.forbid),
        pretty_permalinks=not options.no_pretty_permalinks,
        webhooks=not options.no_webhooks,
        scheduler_runs=not options.no_cron,
        approves=not options.deny,
    )


def _build(settings: Settings) -> serving.Wsgi:
    """Build the store; runs in the worker process."""
    store = FakeStore(settings)
    store.start()
    return serving.whole(store.app)


def _parser() -> argparse.ArgumentParser:
    default = Settings()
    parser = argparse.ArgumentParser("fake-woocommerce", description="A WooCommerce shop in memory, on the loopback.")
    add, switch = parser.add_argument, partial(parser.add_argument, action="store_true")
    add("--host", default="127.0.0.1", help="address to listen at (default %(default)s)")
    add("--port", type=int, default=8026, help="port; 0 takes a free one (default %(default)s)")
    add("--customers", type=int, default=default.customers, help="accounts at the start (default %(default)s)")
    add("--products", type=int, default=default.products, help="products at the start (default %(default)s)")
    add("--seed", type=int, default=default.seed, help="the same number makes the same people (default %(default)s)")
    add("--key", default=KEY, help="the consumer key (default %(default)s)")
    add("--secret", default=SECRET, help="the consumer secret (default %(default)s)")
    add("--permissions", choices=PERMISSIONS, default=default.permissions, help="of the key (default %(default)s)")
    switch("--read-only", help="the same as --permissions read")
    add("--forbid", action="append", default=[], choices=AREAS, help="what the key's user may not see; repeatable")
    add("--site-url", default="", help="what the shop believes to be its address (default: the one it is called at)")
    add("--utc-offset", dest="utc_offset_h", type=float, default=default.utc_offset_h, help="the site's zone in hours")
    add("--currency", default=default.currency, help="ISO 4217 (default %(default)s)")
    switch("--behind-tls", help="calls count as HTTPS: keys by Basic or in the query; else only OAuth 1.0a works")
    switch("--strip-authorization", help="the host drops the Authorization header")
    switch("--no-pretty-permalinks", help="only ?rest_route= works, /wp-json/ does not")
    add("--hide-every", type=int, default=0, help="every so many-th order and product may not be read, yet counts")
    switch("--ignores-modified", help="an old shop that knows no modified_after")
    add("--max-per-second", type=int, default=0, help="calls beyond are answered 429")
    switch("--no-webhooks", help="changes raise no webhooks")
    switch("--no-cron", help="webhooks wait for POST /fake/deliver")
    add("--scheduler-delay", dest="scheduler_delay_s", type=float, default=0.0, help="seconds a webhook waits")
    add("--owner", choices=OWNERS, default=default.owner, help="the user behind the webhooks (default %(default)s)")
    add("--report-lag", dest="report_lag_s", type=float, default=default.report_lag_s, help="seconds, of wc-analytics")
    switch("--deny", help="the owner does not agree at /wc-auth/")
    switch("--https-callbacks", help="/wc-auth/ takes no http callback, not even on the loopback")
    return parser


if __name__ == "__main__":
    sys.exit(main())
