"""The first full run: what waits for a person's word before it is read, of a whole source or of a resource of it."""

from __future__ import annotations

from customer_sync.batch.puller import waits_for_word
from customer_sync.config import Settings
from customer_sync.model import CUSTOMERS
from customer_sync.registry import connector_for, platforms
from customer_sync.skills.needs import pulled_of
from customer_sync.store import Store


def waiting_sources(settings: Settings, store: Store) -> list[str]:
    """Return the sources that can be read, were never read in full, and wait for the word, by name.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    return [name for name in sorted(settings.sources) if _waits_whole(settings, name, _unread(settings, store, name))]


def waiting_resources(settings: Settings, store: Store) -> dict[str, tuple[str, ...]]:
    """Return what waits of sources that were read before: source → what a skill needs of it since.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    found = {name: _unread(settings, store, name) for name in sorted(settings.sources)}
    return {name: unread for name, unread in found.items() if unread and not _waits_whole(settings, name, unread)}


def _waits_whole(settings: Settings, source: str, unread: tuple[str, ...]) -> bool:
    return bool(unread) and (CUSTOMERS in unread or unread == pulled_of(settings, source))


def _unread(settings: Settings, store: Store, source: str) -> tuple[str, ...]:
    """Return what of a source waits for a word."""
    if settings.sources[source].platform not in platforms():
        return ()
    options, connector = settings.options_for(source), connector_for(settings.sources[source])
    is_asked = options.first_sync == "wait" and options.sync_mode != "realtime"
    if not is_asked or not (connector.can_pull() or store.has_vault(source)):
        return ()
    return tuple(one for one in pulled_of(settings, source) if waits_for_word(store, source, one))
