"""The operator's rules for contacts, as the settings give them, with what the account has."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import fields, replace
from hashlib import blake2b
from typing import Any, Final

from customer_sync.base.clock import Clock
from customer_sync.brevo.attributes import read_attributes
from customer_sync.brevo.client import Brevo
from customer_sync.brevo.commerce import NOTE, ask_commerce
from customer_sync.brevo.contacts.contact_plan import Rules
from customer_sync.brevo.lanes import ORDERS
from customer_sync.brevo.lists import read_list_ids
from customer_sync.brevo.owner import Owner
from customer_sync.config import Settings
from customer_sync.errors import TajoError
from customer_sync.model import ConsentState
from customer_sync.person.mapping import sums_of, totals_of
from customer_sync.registry import connector_for
from customer_sync.store import Store

#: How old the list of the account's attributes may be, in seconds.
ATTRIBUTES_MAX_AGE_S = 600.0
#: The skill that tells of orders.
ORDER_EVENTS: Final = "order-events"
#: How long a process believes what it read, in seconds: `tajo attributes apply` shows within this time.
RULES_MAX_AGE_S = 5.0


def rules_of(settings: Settings) -> Rules:
    """Return the rules without the account's attributes, which only Brevo knows."""
    options = {name: settings.options_for(name) for name in settings.all_sources}
    shared = [name for name, one in settings.sources.items() if connector_for(one).shares_addresses]
    return Rules(
        lists={name: one.list_ids for name, one in options.items()},
        delete={name: one.delete_behavior for name, one in options.items()},
        missing={name: ConsentState(one.missing_consent) for name, one in options.items()},
        update={name: one.update_enabled for name, one in options.items()},
        totals={name: totals_of(settings.mapping_for(name)) for name in settings.all_sources},
        sums=_sums(settings),
        apart=_apart(settings),
        sharing=frozenset({*shared, *(one for one in settings.all_sources if one not in settings.sources)}),
    )


def _apart(settings: Settings) -> frozenset[str] | None:
    """Return the sources that speak of their own lists, None where who leaves a list leaves everything."""
    if settings.brevo.leaving_a_list == "everything":
        return None
    return frozenset(name for name in settings.sources if settings.options_for(name).write_back == "lists")


def _sums(settings: Settings) -> dict[str, dict[str, str]]:
    """Return the totals that are summed up: those that a mapping asks for, of sources whose orders are told."""
    told = [name for name in settings.all_sources if settings.applies(ORDER_EVENTS, name)]
    asked = {name: sums_of(settings.mapping_for(name)) for name in told}
    return {name: fields for name, fields in asked.items() if fields}


def summed_lane(settings: Settings) -> str:
    """Return the lane whose records people's totals are summed up from; "" where none are."""
    return ORDERS.name if _sums(settings) else ""


def currency_of(store: Store) -> str | None:
    """Return the currency that Brevo shows amounts in, None where it is not known yet."""
    noted = store.note(NOTE)
    found = noted.get("currency") if isinstance(noted, dict) else None
    return found if isinstance(found, str) and found else None


def digest_of_rules(rules: Rules) -> str:
    """Return the short text that stands for rules: of equal rules it is the same in every process."""
    told = repr([(one.name, _ordered(getattr(rules, one.name))) for one in fields(rules)])
    return blake2b(told.encode(), digest_size=12).hexdigest()


def _ordered(value: object) -> object:
    if isinstance(value, Mapping):
        return [(name, _ordered(value[name])) for name in sorted(value)]
    return sorted(map(str, value)) if isinstance(value, AbstractSet) else value


class RulesBook:
    """The operator's decisions and the account's attributes, read again when they are old.

    Whoever reads people by these rules gets their orders, too, where totals are made of them.

    Args:
        settings: the config.
        store: holds what was read of the account for all processes.
        brevo: asked for attributes and lists.
        clock: milliseconds since 1970; None takes Redis' own time.
    """

    def __init__(self, settings: Settings, store: Store, brevo: Brevo, clock: Clock | None = None) -> None:
        self._store = store
        self._brevo = brevo
        self._clock = clock or store.hosts.now_ms
        self._owner = Owner(settings, store, brevo)
        self._rules = rules_of(settings)
        self._read_at = 0.0
        store.orders.lane = summed_lane(settings)

    def read(self) -> Rules:
        """Return the rules as they are now.

        Raises:
            ConfigError: the account is not the one that Redis is about; see `Owner.check`.
            TajoError: attributes and lists are not known and Brevo does not tell them; see `Brevo.call`.
        """
        now = time.monotonic()
        if self._rules.attributes is None or now - self._read_at > RULES_MAX_AGE_S:
            self._owner.check()
            self._rules = self._rules.with_attributes(self._attributes()).with_lists(self._lists())
            if self._rules.sums:
                self._rules = replace(self._rules, currency=self._currency())
            # full runs leave out whom they know: only while nobody works by other rules
            self._store.imprints.number_of(digest_of_rules(self._rules))
            self._read_at = now
        return self._rules

    def _currency(self) -> str | None:
        """Return the currency that Brevo shows amounts in; it is asked for where no order asked yet.

        The lane of orders asks, too, and people may be written before it: sums of another currency would be told.
        """
        if self._store.note(NOTE) is None:
            with suppress(TajoError):
                ask_commerce(self._brevo, self._store, self._clock())
        return currency_of(self._store)

    def _attributes(self) -> Mapping[str, str]:
        known: dict[str, str] = self._noted("attributes", lambda: read_attributes(self._brevo))
        return known

    def _lists(self) -> Sequence[int]:
        # without lists in the settings nobody needs to know which there are
        wanted = any(self._rules.lists.values())
        known: list[int] = self._noted("lists", lambda: read_list_ids(self._brevo)) if wanted else []
        return known

    def _noted(self, what: str, read: Callable[[], Any]) -> Any:
        """Return what some process read of the account not long ago; read it where none did."""
        noted = self._store.note(what)
        if noted is not None and self._clock() / 1000 - noted["at"] < ATTRIBUTES_MAX_AGE_S:
            return noted["found"]
        found = read()
        self._store.set_note(what, {"at": self._clock() / 1000, "found": found})
        return found


def forget_account(store: Store) -> None:
    """Let the attributes and lists of the account be read again."""
    for what in ("attributes", "lists"):
        store.set_note(what, None)
