"""The operator's rules for contacts, as the settings give them."""

from __future__ import annotations

from customer_sync.brevo.contacts.contact_plan import Rules
from customer_sync.config import Settings
from customer_sync.model import ConsentState
from customer_sync.person.mapping import totals_of
from customer_sync.registry import connector_for


def rules_of(settings: Settings) -> Rules:
    """Return the rules without the account's attributes, which only Brevo knows."""
    options = {name: settings.options_for(name) for name in settings.sources}
    return Rules(
        lists={name: one.list_ids for name, one in options.items()},
        delete={name: one.delete_behavior for name, one in options.items()},
        missing={name: ConsentState(one.missing_consent) for name, one in options.items()},
        update={name: one.update_enabled for name, one in options.items()},
        totals={name: totals_of(settings.mapping_for(name)) for name in settings.sources},
        sharing=frozenset(name for name, one in settings.sources.items() if connector_for(one).shares_addresses),
    )
