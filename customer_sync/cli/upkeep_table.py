"""What became of webhooks, as a table for people."""

from __future__ import annotations

from customer_sync.cli.output import paint, print_table
from customer_sync.kit.reach import Upkeep


def print_upkeep(upkeep: Upkeep) -> None:
    """Print a row for each topic: kept, created, repaired, removed or failed, and why."""
    rows = [(topic, "kept", "") for topic in upkeep.kept]
    rows += [(topic, paint("created", "ok"), "") for topic in upkeep.created]
    rows += [(topic, paint("repaired", "warn"), why) for topic, why in upkeep.repaired.items()]
    rows += [(topic, paint("removed", "warn"), "one too many") for topic in upkeep.removed]
    rows += [(topic, paint("failed", "fail"), why) for topic, why in upkeep.failed.items()]
    print_table(rows, ("topic", "webhook", "why"))
