"""`python -m customer_sync.sandbox`: a Brevo of your own on a port."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from customer_sync.base.serving import THREADS
from customer_sync.model import Json
from customer_sync.sandbox import guide, switches
from customer_sync.sandbox.limits import PLANS
from customer_sync.sandbox.server import serve
from customer_sync.sandbox.state import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped; returns the exit code.

    Args:
        arguments: the command line without the program; None takes the process's own.
    """
    options = _parser().parse_args(arguments)
    if options.guide:
        sys.stdout.write(guide.markdown())
        return 0
    default = Settings()
    settings = Settings(
        plan=options.plan,
        keys=tuple(options.key),
        journal=options.journal,
        import_delay_s=options.import_delay,
        time_scale=options.time_scale,
        unknown_list_status=options.unknown_list_status,
        batch_status=options.batch_status,
        lists=tuple(options.list or default.lists),
        ecommerce=not options.no_ecommerce,
        currency=options.currency,
        switches=dict(options.switch),
    )
    try:
        serve(options.host, options.port, settings, threads=options.threads)
    except OSError as error:
        sys.stderr.write(f"cannot listen at {options.host}:{options.port}: {error.strerror}. Choose another --port.\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    default = Settings()
    parser = argparse.ArgumentParser("sandbox", description="A Brevo API v3 in memory, for development and tests.")
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen at (default %(default)s)")
    add("--port", type=int, default=8025, help="port; 0 takes a free one (default %(default)s)")
    add("--plan", choices=list(PLANS), default=default.plan, help="rate limits (default %(default)s)")
    add("--key", action="append", default=[], help="an API key to accept, may be repeated; without it any key is")
    add("--journal", type=Path, help="file that keeps the state over a restart")
    add(
        "--list",
        action="append",
        type=int,
        help="id of a list that exists from the start, may be repeated (default 1 to 10)",
    )
    add("--import-delay", type=float, default=default.import_delay_s, help="seconds an import takes")
    add("--time-scale", type=float, default=1.0, help="factor for the waits of outgoing webhooks, e.g. 0.001")
    add("--unknown-list-status", type=int, choices=(400, 404), default=400, help="answer to unknown list ids")
    add("--batch-status", type=int, choices=(404, 410), default=404, help="answer to POST /contacts/batch")
    add("--no-ecommerce", action="store_true", help="eCommerce is off until POST /ecommerce/activate")
    add("--currency", default=default.currency, help="display currency of a new account (default %(default)s)")
    add(
        "--switch",
        action="append",
        type=_switch,
        default=[],
        metavar="NAME=VALUE",
        help="a switch as at /sandbox/switches, may be repeated",
    )
    add("--guide", action="store_true", help="print docs/sandbox.md, which tells all that it can do, and end")
    add("--threads", type=int, default=THREADS, help="calls worked on at once (default %(default)s)")
    return parser


def _switch(text: str) -> tuple[str, Json]:
    try:
        return switches.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
