"""The worker steps of the lanes of platforms, made for the sources of the config."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from customer_sync.config import Settings
from customer_sync.kit.connector import Connector
from customer_sync.platforms.accesses import Accesses
from customer_sync.platforms.fetch import FetchHandler
from customer_sync.platforms.waits import tell_of_wait
from customer_sync.store import Store


def fetch_handlers(
    settings: Settings, store: Store, connectors: Mapping[str, Connector], access: Accesses
) -> dict[str, FetchHandler]:
    """Return lane → the step that reads records again, of every source whose connector can read by id."""
    found = (
        FetchHandler(
            source,
            connectors[source],
            partial(access, source),
            store.limits,
            access.clock,
            tell=partial(tell_of_wait, store, source),
            address_of=partial(_address_of, store, source),
        )
        for source in settings.sources
        if source in connectors and connectors[source].fetches
    )
    return {one.lane.name: one for one in found}


def _address_of(store: Store, source: str, customer_id: str) -> str | None:
    """Return the address that a customer leads to, None where nobody knows the customer."""
    number = store.people.find_ref(source, customer_id)
    return None if number is None else store.people.read(number).email
