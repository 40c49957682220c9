"""`python -m customer_sync.demo`: sends the webhooks of two made-up shops to an installation on this machine."""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

from customer_sync.base.log import configure, get
from customer_sync.config import ConfigFaults, Settings
from customer_sync.demo.dialect import Dialect
from customer_sync.demo.schedule import schedule
from customer_sync.demo.sender import Sender
from customer_sync.demo.shop import Shop
from customer_sync.demo.shopify import ShopifyDialect
from customer_sync.demo.woocommerce import WooCommerceDialect
from customer_sync.kit.connector import Connector
from customer_sync.registry import connector_for, load_settings

log = get(__name__)

#: Webhooks per second, in the mean.
RATE = 2.0
#: platform → its way to tell, and the address a shop has when the config names none.
DIALECTS: Mapping[str, tuple[type[ShopifyDialect | WooCommerceDialect], str]] = {
    "shopify": (ShopifyDialect, "demo-shop.myshopify.com"),
    "woocommerce": (WooCommerceDialect, "https://demo-woo.example"),
}
#: Where a sandbox listens.
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def main(arguments: Sequence[str] | None = None) -> int:
    """Send until stopped, or until `--count` are sent; return the exit code.

    Args:
        arguments: the command line without the program; None takes the process's own.
    """
    options = _parser().parse_args(arguments)
    try:
        settings = load_settings(options.config, os.environ)
    except ConfigFaults as error:
        sys.stderr.write(f"{error}\n")
        return 2
    configure(settings.log_level)
    fault = _fault(settings)
    if fault:
        sys.stderr.write(fault + "\n")
        return 2
    connectors = connectors_of(settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    seed = secrets.randbits(32) if options.seed is None else options.seed
    sender = Sender(options.url, connectors, stop)
    if sender.wait_until_ready():
        log.info("demo shop open", sources=",".join(connectors), rate=options.rate, seed=seed)
        dice = Random(seed)
        webhooks = schedule(shops_of(connectors, dice), dice, options.rate, datetime.now(UTC))
        sender.run(islice(webhooks, options.count))
        log.info("demo shop closed", **{f"answers_{status}": sent for status, sent in sender.answers.items()})
    return 0


def connectors_of(settings: Settings) -> dict[str, Connector]:
    """Return the sources that the demo can speak for: of a platform it knows, with a secret to sign with."""
    known = {name: one for name, one in settings.sources.items() if one.platform in DIALECTS and one.secrets}
    return {name: connector_for(source) for name, source in known.items()}


def shops_of(connectors: Mapping[str, Connector], dice: Random) -> list[Shop]:
    """Return a shop for each source; the same dice make the same shops."""
    return [Shop(_dialect(name, connector, dice), dice) for name, connector in connectors.items()]


def _dialect(source: str, connector: Connector, dice: Random) -> Dialect:
    dialect, address = DIALECTS[connector.platform]
    return dialect(source, str(connector.settings.options.get("shop_url") or address), dice)


def _fault(settings: Settings) -> str:
    """Return why the demo cannot run, with what to do about it; "" when it can."""
    if not settings.brevo.is_sandbox and urlsplit(settings.brevo.base_url).hostname not in LOOPBACK:
        return (
            "The demo shop is for the sandbox only: its people would become contacts of your account.\n"
            "  → Run it without BREVO_API_KEY."
        )
    if not connectors_of(settings):
        return "The config has no Shopify or WooCommerce source with a secret.\n  → Run `tajo demo`."
    return ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("customer_sync.demo", description="Two made-up shops that send webhooks.")
    add = parser.add_argument
    add("--url", default="http://127.0.0.1:8000", help="the installation (default %(default)s)")
    add("--config", type=Path, help="the config with the sources and their secrets; default: TAJO_CONFIG")
    add("--rate", type=_rate, default=RATE, help="webhooks per second (default %(default)s)")
    add("--count", type=int, help="stop after so many (default: never)")
    add("--seed", type=int, help="the same number makes the same people (default: others each time)")
    return parser


def _rate(text: str) -> float:
    value = float(text)
    if not 0 < value <= 10_000:
        raise argparse.ArgumentTypeError("more than 0, at most 10000")
    return value


if __name__ == "__main__":
    sys.exit(main())
