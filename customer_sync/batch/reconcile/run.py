"""One reconciliation: count first, stop where too much would change, then mend, and keep the receipt."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from customer_sync.base.clock import Clock, system_clock, utc_now
from customer_sync.base.log import get
from customer_sync.batch.held import BRAKE_PEOPLE, BRAKE_SHARE
from customer_sync.batch.reconcile.brevo_side import BrevoSide, Progress
from customer_sync.batch.reconcile.contacts import BrevoContacts
from customer_sync.batch.reconcile.heals import Heals
from customer_sync.batch.reconcile.source_side import CompareSource
from customer_sync.brevo.client import Brevo
from customer_sync.brevo.contacts.contact_plan import Rules
from customer_sync.store import Store
from customer_sync.store.receipts import Receipt, Receipts, Share

log = get(__name__)


def _silent(_what: str, _done: int, _total: int | None) -> None:
    """Tell nobody."""


def _no_source(_source: str, _heal: bool, _progress: Progress) -> None:  # noqa: FBT001  # as `CompareSource`
    """Compare no source."""


@dataclass(slots=True)
class Reconciler:
    """What a reconciliation works with.

    Args:
        store: all that Redis holds.
        brevo: the account.
        rules: the operator's decisions and the account's attributes, as they are now.
        compare_source: the other half; see `CompareSource`.
        wake: sends a wake-up.
        sleep: waits, in seconds.
        clock: milliseconds since 1970; the clock that stamps deliveries.
        page: contacts in a page of Brevo's.
    """

    store: Store
    brevo: Brevo
    rules: Callable[[], Rules]
    compare_source: CompareSource = _no_source
    wake: Callable[[str], None] = lambda _: None
    sleep: Callable[[float], None] = time.sleep
    clock: Clock = system_clock
    page: int = 1000

    def run(
        self,
        sources: Sequence[str],
        *,
        only: str | None = None,
        heal: bool = False,
        force: bool = False,
        progress: Progress = _silent,
    ) -> Receipt:
        """Compare both sides, mend where that is wanted, and return the receipt, which is kept.

        Args:
            sources: every configured source.
            only: the one source whose people are compared; None compares everybody.
            heal: whether to mend; without it nothing at all is changed.
            force: whether the brake is off.
            progress: told how far it is, at least once a page.

        Raises:
            TryLater: a reconciliation is running already.
            TajoError: Brevo or a source does not answer. Counting changes nothing; what was put into the lane stays.
        """
        with self.store.compares.turn() as hold:
            return self._run(list(sources) if only is None else [only], only, _kept(hold, progress), heal, force)

    def _run(self, sources: Sequence[str], only: str | None, progress: Progress, *how: bool) -> Receipt:
        heal, force = how
        receipt = Receipt(sources=tuple(sources), is_healing=heal, started_ms=self.clock())
        for source in sources:
            drift = self.compare_source(source, False, progress)
            if drift is None:
                receipt.note(f"{source} cannot be pulled: its people were compared with Brevo only.")
            else:
                receipt.source_drift[source] = drift
        contacts = BrevoContacts(self.brevo, self.store, page=self.page, sleep=self.sleep, clock=self.clock)
        with Heals() as heals:
            BrevoSide(self.store, contacts, self.rules(), receipt, heals, only).compare(progress)
            for source, drift in receipt.source_drift.items():
                drift.narrow(receipt.shares.get(source, Share()))
            _warn_of_what_comes_back(receipt, self.store.receipts)
            receipt.stopped = _brake(receipt, heals.harmful) if heal and not force else ""
            if heal and not receipt.stopped:
                self._mend_sources(receipt, progress)
                receipt.healed = (
                    heals.put(self.store, receipt.id, self.wake, utc_now(self.clock)) - receipt.deleted.count
                )
        receipt.ended_ms = self.clock()
        self.store.receipts.keep(receipt)
        log.info(
            "reconciled",
            receipt=receipt.id,
            in_brevo=receipt.in_brevo,
            equal=receipt.equal,
            drifted=receipt.drifted,
            in_sync=receipt.in_sync,
            healed=receipt.healed,
            calls=receipt.calls,
        )
        return receipt

    def _mend_sources(self, receipt: Receipt, progress: Progress) -> None:
        for source, drift in receipt.source_drift.items():
            again = self.compare_source(source, True, progress)
            if again is not None:
                drift.healed, drift.refused = again.healed, again.refused


def _brake(receipt: Receipt, harmful: int) -> str:
    """Return what the brake says, "" when mending may begin."""
    harmful += sum(drift.harmful for drift in receipt.source_drift.values())
    limit = max(BRAKE_PEOPLE, int(receipt.ours * BRAKE_SHARE))
    if harmful <= limit:
        return ""
    return (
        f"Mending would block, take off a list, count as deleted or empty a field of {harmful} people; "
        f"without force {limit} are allowed."
    )


def _warn_of_what_comes_back(receipt: Receipt, receipts: Receipts) -> None:
    """Note the fields that differ again for the same people although they were mended the last time."""
    last = next(iter(receipts.recent(1)), None)
    if last is None or not last["totals"]["healed"]:
        return
    for name, drift in receipt.by_field.items():
        before = last["by_field"].get(name, {"people": []})["people"]
        if set(before) & set(drift.people):
            receipt.note(f"{name} was mended by {last['id']} and differs again: does something else write it in Brevo?")


def _kept(hold: Callable[[], None], progress: Progress) -> Progress:
    """Return a progress that keeps the turn as well."""

    def tell(what: str, done: int, total: int | None) -> None:
        hold()
        progress(what, done, total)

    return tell
