"""The worker step of the lane of mails: a cart with its series, a purchase, or a single mail.

Nothing is decided before all that arrived until then was read: what waits in the inbox may tell of a purchase, or of a
withdrawal.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar, Final

from customer_sync.brevo.desk import Desk
from customer_sync.brevo.gate import Gate
from customer_sync.brevo.lanes import MAIL
from customer_sync.brevo.mail.courier import Courier
from customer_sync.brevo.mail.seen import CART, ORDER, SINCE, SINGLE, SKILL, carts, id_of, purchase
from customer_sync.brevo.mail.series_step import NOTHING, SeriesStep, enabled_since, kept, kept_until
from customer_sync.brevo.mail.single_step import SingleStep
from customer_sync.engine.attempt import LaneStep
from customer_sync.engine.lane import Outcome, held
from customer_sync.engine.plan import Group, Planned, PlannedPut, Request, commit
from customer_sync.errors import Parkable, TryLater
from customer_sync.model import Priority, from_ms, to_ms
from customer_sync.person.person import Part
from customer_sync.series.keys import read_options
from customer_sync.store.forms import Kept, NewerForm
from customer_sync.store.items import Item, Settlement
from customer_sync.store.mails import Sight, Word

#: For so long it is waited for a moment at which nothing waits to be read, in seconds; and how often that is asked.
PATIENCE_S: Final = 1.0
ASK_S: Final = 0.02
#: After a start of Redis no mail is decided on for so long, in seconds: what the web processes kept for Redis while it
#: was away comes first.
SPOOL_S: Final = 5.0
_BEHIND: Final = "waits until all that arrived before is read"


class Handler(LaneStep[Item, Gate]):
    """Delivers the lane of mails.

    Args:
        desk: what a handler works with.
    """

    threads: ClassVar[int] = 8

    def __init__(self, desk: Desk) -> None:
        super().__init__(MAIL, desk.store.limits, Gate, desk.clock)
        self._desk = desk
        skill = desk.settings.skills.get(SKILL)
        self._options, _ = read_options({} if skill is None else skill.extra)
        courier = Courier(desk)
        self._series, self._single = SeriesStep(desk, courier), SingleStep(desk, courier)
        enabled_since(desk, is_start=True)

    def planner(self) -> Callable[[Item], Outcome | Item]:
        """Return what plans an item; all of it is done in its turn, on what is known then.

        Raises:
            TryLater: requests wait outside Redis.
        """
        if self._desk.is_behind() or self._desk.store.mails.uptime_s() < SPOOL_S:
            raise TryLater(_BEHIND, burns=False)
        return lambda item: item

    def carry_out(self, job: Item, gate: Gate) -> Outcome:
        """Do what is to be done about one record now."""
        kind = id_of(job.target)
        try:
            sight = self._look(job, must_be_read=not kind.startswith(ORDER))
        except NewerForm as error:
            return held(job, f"A newer version of this service wrote it ({error}).")
        if not isinstance(sight, Sight):
            return held(job, _BEHIND if sight == "behind" else "another worker has it, or it was forgotten")
        if kind.startswith(CART):
            return self._series.work(job, sight, self._options, gate)
        if kind.startswith(ORDER):
            return self._purchase(job, sight)
        if kind.startswith(SINGLE):
            return self._single.work(job, sight, gate)
        raise Parkable("The lane of mails knows no such record.", "Update all workers to one version, then replay.")

    def _look(self, item: Item, *, must_be_read: bool) -> Sight | Word:
        ends = time.monotonic() + PATIENCE_S
        while True:
            found = self._desk.store.mails.look(MAIL.name, item, must_be_read=must_be_read)
            if found != "behind" or time.monotonic() > ends:
                return found
            time.sleep(ASK_S)

    def _purchase(self, item: Item, sight: Sight) -> Outcome:
        """Keep a purchase, and let the person's carts be looked at: their series are over."""
        bought = purchase(item.target, Kept(sight.state, sight.kept.has), sight.others)
        newest = from_ms(max((one.at_ms for one in sight.state.values()), default=0))
        until = (newest if bought is None else max(newest, bought.at)) + kept(self._options)
        if until <= from_ms(self._desk.clock()):
            return Outcome(item, Settlement(item.target, record=NOTHING), "unchanged", "old: it is forgotten")
        if bought is None:
            return kept_until(item, sight, until, "no purchase, or not yet")
        self._wake([target for target, _, _ in carts(sight.others)])
        return kept_until(item, sight, until, "a purchase", {**sight.kept.has, SINCE: to_ms(bought.at)})

    def _wake(self, targets: list[str]) -> None:
        """Make records due now."""
        if not targets:
            return
        now_ms, nothing = self._desk.clock(), Part("", "", None, {})
        puts = [PlannedPut(MAIL.name, nothing, now_ms, Priority.LIVE, target=one) for one in targets]
        commit(self._desk.store, [Request("", [Planned([Group(puts=puts)])])], lambda _: None)
