"""The account in memory: every part of it, the one lock and the journal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final

from customer_sync.model import Json
from customer_sync.sandbox import switches
from customer_sync.sandbox.actlog import ActLog, Blocked
from customer_sync.sandbox.answers import Row
from customer_sync.sandbox.attributes import Attributes
from customer_sync.sandbox.automations import Automations
from customer_sync.sandbox.calls import CallLog
from customer_sync.sandbox.contact import Contact
from customer_sync.sandbox.contacts import Contacts
from customer_sync.sandbox.ecommerce import Ecommerce
from customer_sync.sandbox.faults import Faults
from customer_sync.sandbox.groups import Groups
from customer_sync.sandbox.journal import Entry, Journal, Key, Table
from customer_sync.sandbox.late import LateReads
from customer_sync.sandbox.limits import Limits
from customer_sync.sandbox.lists import Lists
from customer_sync.sandbox.mailable import MailableHistory
from customer_sync.sandbox.mails import Mails
from customer_sync.sandbox.switches import Switches
from customer_sync.sandbox.webhooks_out import WebhooksOut

#: Lists 1 to 10 are there from the start, so that the `list_id` of an example works.
_LISTS: Final = tuple(range(1, 11))


@dataclass(frozen=True, slots=True)
class Settings:
    """How a sandbox starts.

    Args:
        plan: the rate limits: none, general, advanced or extended.
        keys: the API keys that are accepted; empty accepts any.
        journal: the file that keeps the state over a restart; None keeps nothing.
        lists: ids of the lists the account starts with.
        ecommerce: whether eCommerce is activated from the start.
        currency: the display currency of a new account.
        account_email: the account's own address; its contact cannot be deleted.
        switches: values of switches by name.
        import_delay_s: the switch of this name, and so for the others.
    """

    plan: str = "none"
    keys: tuple[str, ...] = ()
    journal: Path | None = None
    lists: tuple[int, ...] = _LISTS
    ecommerce: bool = True
    currency: str = "USD"
    account_email: str = "owner@sandbox.example"
    switches: Mapping[str, Json] = field(default_factory=dict)
    import_delay_s: float = 0.5
    time_scale: float = 1.0
    unknown_list_status: int = 400
    batch_status: int = 404
    max_import_status: int = 400

    def start_values(self) -> dict[str, Json]:
        """Return the values that the switches start with, where they differ from a new account's."""
        names = {one.name for one in fields(Switches)}
        own: dict[str, Json] = {one.name: getattr(self, one.name) for one in fields(self) if one.name in names}
        return {**own, **self.switches}


class Account:
    """A Brevo account in memory. Code that changes the account holds `lock`.

    Args:
        settings: how it starts.
        clock: seconds since 1970.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self.settings = settings
        self.clock = clock
        self.lock = threading.RLock()
        self.switches = Switches()
        switches.change(self.switches, settings.start_values())
        self.journal = Journal(settings.journal)
        self.attributes = Attributes(self.journal)
        self.lists = Lists(self.journal, self.switches, settings.lists)
        self.groups = Groups(self.journal, self.switches)
        self.history = MailableHistory(self.journal)
        self.contacts = Contacts(self.journal, self.history, self.switches)
        self.acts = ActLog(self.journal)
        self.blocked = Blocked(self.journal)
        self.late = LateReads(self.switches, self.show)
        self.processes = Table("processes", self.journal)
        self.files = Table("files", self.journal)
        self.optins = Table("optins", self.journal)
        self.ecommerce = Ecommerce(self.journal, self.switches, is_on=settings.ecommerce, currency=settings.currency)
        self.mails = Mails(self.journal, self.contacts, self.blocked, self.switches)
        self.shop = {name: Table(name, self.journal) for name in ("orders", "products", "categories", "events")}
        self.shop["mail"] = self.mails.table
        self.automations = Automations(self.now_ms)
        self.webhooks = WebhooksOut(self.journal, clock, self.switches)
        self.faults = Faults(clock)
        self.limits = Limits(settings.plan, clock)
        self.calls = CallLog(clock)
        self._last_ms = 0

    def now_ms(self) -> int:
        """Return the time as ms since 1970, which never goes back; the caller holds the lock."""
        self._last_ms = max(self._last_ms, int(self.clock() * 1000))
        return self._last_ms

    def show(self, contact: Contact) -> bytes:
        """Return a contact as it is, as JSON."""
        return contact.json(with_groups=self.switches.consent_groups)

    def shower(self) -> Callable[[Contact], bytes | None]:
        """Return what gives contacts as reads see them now, as JSON, without the lock; None for who is not seen yet."""
        now_ms = self.now_ms()
        self.late.forget(now_ms)
        if not self.late.is_empty:
            return lambda contact: self.late.show(contact, now_ms)
        return self.show if self.switches.consent_groups else Contact.json

    def restore_switches(self) -> None:
        """Set every switch back to what the sandbox started with; the caller holds the lock."""
        switches.change(self.switches, {**switches.defaults(), **self.settings.start_values()})

    def empty(self) -> None:
        """Go back to a new account with the switches it started with, no faults and no calls; the plan stays."""
        for table in self._tables():
            table.clear()
        self.contacts.clear()
        self.history.loaded()
        self.acts.loaded()
        self.mails.loaded()
        self.automations.clear()
        self.late.clear()
        self.webhooks.clear()
        self.faults.clear()
        self.limits.choose(self.limits.plan)
        self.calls.clear()
        self.restore_switches()
        self.journal.rewrite(self._entries())

    def replay(self) -> None:
        """Read the journal and rewrite the file."""
        loaders: dict[str, Callable[[Key, Row | None], None]] = {table.name: table.load for table in self._tables()}
        loaders[self.contacts.name] = self.contacts.load
        for table, key, row in self.journal.read():
            loaders[table](key, row)
        self.contacts.loaded()
        self.history.loaded()
        self.acts.loaded()
        self.mails.loaded()
        self.journal.rewrite(self._entries())

    def _tables(self) -> Iterator[Table]:
        yield from (self.attributes.table, self.lists.folders, self.lists.lists, self.groups.table)
        yield from (self.processes, self.files)
        yield from (self.history.table, self.history.left_table, self.acts.table, self.blocked.table)
        yield from (self.webhooks.table, self.optins, self.ecommerce.table, self.mails.templates)
        yield from self.shop.values()

    def _entries(self) -> Iterator[Entry]:
        for table in self._tables():
            yield from table.entries()
        yield from self.contacts.entries()
