"""What the handler of a lane to Brevo works with, in one object; `assembly` makes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from customer_sync.base.clock import Clock
from customer_sync.brevo.client import Brevo
from customer_sync.brevo.contacts.contact_plan import Rules
from customer_sync.config import Settings
from customer_sync.store import Store
from customer_sync.store.counters import Tally


@dataclass(frozen=True, slots=True)
class Desk:
    """What a handler works with.

    Args:
        settings: the config, with what was said of skills since.
        brevo: the account.
        store: all that Redis holds.
        rules: the operator's decisions and the account's attributes, as they are now.
        tally: counts; written out with each delivery.
        clock: milliseconds since 1970.
        is_behind: tells whether requests wait on this machine, outside Redis.
    """

    settings: Settings
    brevo: Brevo
    store: Store
    rules: Callable[[], Rules]
    tally: Tally
    clock: Clock
    is_behind: Callable[[], bool] = lambda: False
