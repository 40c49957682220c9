"""Puts notices into the lanes of their targets: each notice once for each target, whoever asks and how often."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from customer_sync.config.settings import NoticeTarget
from customer_sync.destinations import notify_lane
from customer_sync.engine.plan import Group, Planned, PlannedPut, Request, commit
from customer_sync.model import Priority
from customer_sync.operate.notices.notice import Notice
from customer_sync.person.merge import stamp
from customer_sync.person.person import Part
from customer_sync.store import Store
from customer_sync.store.counters import Tally


def put(store: Store, targets: Sequence[NoticeTarget], notices: Iterable[Notice], wake: Callable[[str], None]) -> None:
    """Put notices into the lanes of the targets that want them; what was put before is known by its id.

    A target that is paused gets none: it is counted, and the overview says why.
    """
    tally = Tally()
    paused = {one.name for one in targets if store.notices.state(one.name, one.address).paused}
    for notice in notices:
        for target in targets:
            if notice.type not in target.events or target.name == notice.spared:
                continue
            if target.name in paused:
                tally.count("tajo_notices_total", target=target.name, result="paused")
            else:
                commit(store, [Request("", [_planned(target, notice)])], wake)
    store.counters.add(tally)


def _planned(target: NoticeTarget, notice: Notice) -> Planned:
    """Return the plan of one notice for one target; the body is kept as it will be sent, in every try alike."""
    fields = {"id": notice.id, "type": notice.type, "body": notice.body}
    part = Part("", "", None, stamp(fields, notice.at_ms))
    put_ = PlannedPut(notify_lane(target).name, part, notice.at_ms, Priority.LIVE, target=f"{target.name}:{notice.id}")
    return Planned([Group(puts=[put_])], seen=f"{notice.id}:{target.name}")
