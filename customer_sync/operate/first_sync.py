"""The first full run: which sources wait for a person's word before the customers they have are sent."""

from __future__ import annotations

from customer_sync.batch.puller import CUSTOMERS, waits_for_word
from customer_sync.config import Settings
from customer_sync.registry import connector_for, platforms
from customer_sync.store import Store


def waiting_sources(settings: Settings, store: Store) -> list[str]:
    """Return the sources that can be read, were never read in full, and wait for the word, by name.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    return [name for name in sorted(settings.sources) if _waits(settings, store, name)]


def _waits(settings: Settings, store: Store, source: str) -> bool:
    if settings.sources[source].platform not in platforms():
        return False
    options, connector = settings.options_for(source), connector_for(settings.sources[source])
    is_wanted = options.first_sync == "wait" and options.sync_mode != "realtime" and settings.syncs(source, CUSTOMERS)
    can_be_read = bool(connector.pulls) and (connector.can_pull() or store.has_vault(source))
    return is_wanted and can_be_read and waits_for_word(store, source)
