"""The bulk gear of the contacts lane, put together: loader, follower, and the handler for one contact at a time."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Final

from customer_sync.base.clock import Clock, system_clock
from customer_sync.brevo.client import BUCKET, Brevo
from customer_sync.brevo.contacts.bulk_gate import BulkGate, PatientGate
from customer_sync.brevo.contacts.contact_plan import Rules
from customer_sync.brevo.contacts.handler import ContactsHandler
from customer_sync.brevo.contacts.import_end import Follower
from customer_sync.brevo.contacts.import_update import Reads, Updates
from customer_sync.brevo.contacts.imports import Loader, Terms
from customer_sync.brevo.contacts.list_joins import ListJoins
from customer_sync.brevo.contacts.process_looks import BUCKET as PROCESSES
from customer_sync.brevo.contacts.process_looks import Looks
from customer_sync.brevo.contacts.read_back import ReadBack
from customer_sync.brevo.contacts.reading import Reading
from customer_sync.brevo.contacts.refused_rows import RefusedRows
from customer_sync.brevo.contacts.technical_list import TechnicalLists
from customer_sync.brevo.contacts.update_end import UpdateEnd
from customer_sync.brevo.contacts.upload import UPLOAD_TIMEOUT, Uploads
from customer_sync.brevo.gate import Gate
from customer_sync.brevo.proof.doors import DoorBook
from customer_sync.brevo.rules import forget_account
from customer_sync.brevo.webhooks import SOURCE, notice_url
from customer_sync.config import Settings
from customer_sync.engine.lane import Handler, Work
from customer_sync.kit.outbound import HttpClient
from customer_sync.model import PEOPLE, Inbound
from customer_sync.store import Store
from customer_sync.store.counters import Tally
from customer_sync.store.imports import Imports
from customer_sync.store.limits import Limits

#: The end of the URL that Brevo calls when an import is done; it follows the address of Brevo's webhooks.
NOTICE_PATH: Final = "imports"
#: After a notice Brevo is asked at once only if more than this share of the hourly limit is left.
NOTICE_HEADROOM: Final = 0.5
#: The states of an import in which Brevo's limit of calls is left to it.
_CALLING: Final = frozenset({"opened", "sending", "ended"})


class ImportGear:
    """Creates the contacts of many new people in one call, and updates many where that was proven.

    Args:
        single: delivers contacts one by one.
        loader: loads and sends imports.
        follower: finds out the result of each import.
        imports: the imports under way.
        limits: tells how often Brevo may be asked.
    """

    def __init__(self, single: Handler, loader: Loader, follower: Follower, imports: Imports, limits: Limits) -> None:
        self.single = single
        self._loader = loader
        self._follower = follower
        self._imports = imports
        self._limits = limits

    def load(self) -> Generator[Work]:
        """Look at bulk items, send imports; yield the items that are to be settled."""
        return self._loader.load()

    def follow(self) -> Generator[Work]:
        """Look at the imports that are due; yield the results of their rows."""
        return self._follower.follow()

    def next_look_s(self) -> float | None:
        """Return how long until an import is to be looked at, in seconds; None when none is under way."""
        return self._imports.due_s()

    def needs_calls(self) -> bool:
        """Tell whether an import that updates is begun, or read back: a call for each 1,000 rows of it.

        While Brevo works on it, and once nobody waits for it any more, it needs none.
        """
        return any(one.kind == "updates" and one.state in _CALLING for one in self._imports.under_way())

    def hears(self, inbound: Inbound) -> bool:
        """Tell whether a request is Brevo's notice that an import is done. The body of the notice is not documented."""
        return inbound.source == SOURCE and inbound.path == NOTICE_PATH

    def look_now(self) -> bool:
        """Make every sent import due for a look now; False without a sent import.

        Half of an hourly limit may be used in this way. After that, a notice makes nobody ask Brevo at once.
        """
        left = self._limits.headroom(PROCESSES)
        if left is not None and left <= NOTICE_HEADROOM:
            return False
        self._imports.ask_again()
        return self._imports.look_now()


def open_gear(  # noqa: PLR0913  # what the gear shares with the rest of the line
    settings: Settings,
    store: Store,
    imports: Imports,
    brevo: Brevo,
    *,
    tally: Tally,
    rules: Callable[[], Rules],
    clock: Clock,
) -> ImportGear:
    """Return the gear, ready to work.

    Args:
        settings: the account, and how Brevo reaches us.
        store: all that Redis holds.
        imports: the imports under way.
        brevo: the account.
        tally: counts the calls and the rows.
        rules: gives the operator's decisions and the account's attributes, as they are now.
        clock: milliseconds since 1970.
    """
    account = settings.brevo
    uploads = Uploads(
        account.base_url, account.api_key or "sandbox", HttpClient(timeout=UPLOAD_TIMEOUT), store.limits, tally
    )
    return assemble_gear(
        store,
        imports,
        brevo,
        uploads,
        tally=tally,
        rules=rules,
        terms=Terms(notify_url=notify_url(settings)),
        book=DoorBook(settings, store, clock),
        reading=Reading(brevo, store, account.base_url, clock=clock),
        clock=clock,
    )


def notify_url(settings: Settings) -> str:
    """Return the URL that Brevo is to call when an import is done; "" where Brevo could not reach or sign in to it."""
    return notice_url(settings, NOTICE_PATH)


def assemble_gear(  # noqa: PLR0913  # what the gear shares with the rest of the line
    store: Store,
    imports: Imports,
    brevo: Brevo,
    uploads: Uploads,
    *,
    tally: Tally,
    rules: Callable[[], Rules],
    terms: Terms,
    book: DoorBook,
    reading: Reads | None = None,
    files: HttpClient | None = None,
    clock: Clock = system_clock,
) -> ImportGear:
    """Return the gear over given accounts; `files` fetches what Brevo tells of refused rows."""

    def gate() -> PatientGate:
        return PatientGate(store.limits, BUCKET, 1)

    forget = partial(forget_account, store)
    lists = TechnicalLists(brevo, imports, gate, clock)
    refused = RefusedRows(uploads.base_url, files)
    joins = ListJoins(brevo, imports, gate, forget)
    read_back = ReadBack(brevo, store.people, rules, gate, clock)
    # whoever withdrew waits for what the riders show: they are read as live work
    riders = partial(Gate, store.limits, BUCKET, 1)
    update_end = UpdateEnd(
        brevo, imports, lists, refused=refused, joins=joins, read_back=read_back, book=book, gate=riders, tally=tally
    )
    follower = Follower(
        brevo=brevo,
        limits=store.limits,
        imports=imports,
        looks=Looks(store.limits, imports),
        lists=lists,
        refused=refused,
        joins=joins,
        updates=update_end,
        tally=tally,
    )
    loader = Loader(
        brevo=uploads,
        lanes=store.lanes,
        people=store.people,
        imports=imports,
        lists=lists,
        updates=Updates(book, reading),
        rules=rules,
        gate=gate,
        is_quick=partial(_is_quick, store, terms),
        first_look_s=follower.first_look_s,
        tally=tally,
        terms=terms,
        clock=clock,
    )
    single = partial(ContactsHandler, brevo, store.limits, store.people, rules, clock, gate=BulkGate)
    one_by_one = single(under_way=imports.ids, forget_account=forget)
    return ImportGear(one_by_one, loader, follower, imports, store.limits)


def _is_quick(store: Store, terms: Terms) -> bool:
    """Tell whether single calls for all who wait are quick, see `Terms.quick_s`."""
    rate = store.limits.rate(BUCKET)
    if not rate:
        return rate is not None and terms.quick_s > 0
    return store.lanes.depth(PEOPLE)[0] <= rate * terms.quick_s
