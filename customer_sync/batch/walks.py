"""Walks: each slot of a schedule of a skill file goes through all people once, page by page.

`begin_due` may be called at any time, as often as anybody likes; `step` does one page. What either of them does is
decided by the stored walk, and what a page asks for is known by its slot and person: doing it twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from customer_sync.base.clock import utc_now
from customer_sync.base.log import get
from customer_sync.batch.cron import latest_slot_in
from customer_sync.batch.runs import HIGH_WATER
from customer_sync.brevo.contacts.contact_plan import Rules
from customer_sync.brevo.lanes import ORDERS
from customer_sync.brevo.rules import currency_of
from customer_sync.config import API_SOURCE, Settings
from customer_sync.engine.plan import Planned, Request, commit
from customer_sync.engine.planner import Planner
from customer_sync.model import CUSTOMERS, Priority, from_ms, to_ms
from customer_sync.person.person import Person
from customer_sync.pipeline import Line, StepResult
from customer_sync.skills.files.form import Timer
from customer_sync.skills.files.skill import LANES, FileSkill
from customer_sync.skills.files.timed import Slot
from customer_sync.skills.found import found
from customer_sync.store.forms import NewerForm
from customer_sync.store.walks import Walk

log = get(__name__)

#: How many people are looked at in one step.
PAGE: Final = 200
#: A slot that was missed for longer is not caught up, and a walk that is not done by then ends: its time is over.
LATE: Final = timedelta(days=1)
_NOTHING: Final = StepResult(did_work=False, wait_s=None)


class Timed(NamedTuple):
    """A schedule that is on.

    Args:
        skill: the skill.
        timer: when, and for whom.
        sources: the sources that the skill acts on.
    """

    skill: FileSkill
    timer: Timer
    sources: tuple[str, ...]


def timed(settings: Settings) -> dict[str, Timed]:
    """Return the schedules of the skill files that are on, by a name of their own."""
    return dict(_timed(settings))


def _timed(settings: Settings) -> Iterator[tuple[str, Timed]]:
    there = found(settings.skills_folder)
    for name, one in there.definitions.items():
        sources = tuple(source for source in settings.all_sources if _acts_on(settings, name, source))
        if sources and there.origins[name].endswith(".md"):
            skill = one.make(settings)
            if isinstance(skill, FileSkill):
                for place, timer in enumerate(skill.file.timers):
                    yield f"{name}/{place}", Timed(skill, timer, sources)


def _acts_on(settings: Settings, skill: str, source: str) -> bool:
    """Tell whether a skill's schedules are about the customers of a source.

    Those whom programs told of are no customers of the one source that a skill is for.
    """
    said = settings.skills.get(skill)
    is_meant = source != API_SOURCE or (said is not None and said.source in {None, API_SOURCE})
    return is_meant and settings.applies(skill, source) and not settings.leaves_out(source, CUSTOMERS)


def begin_due(line: Line, schedules: dict[str, Timed], now: datetime) -> bool:
    """Begin the walks of slots that came, end those of schedules that are not on; tell whether any is under way.

    The first slot of a schedule that was switched on, or changed, is the next one.

    Args:
        line: the line.
        schedules: those that are on.
        now: the time.
    """
    walks = line.store.walks.all()
    for name in walks.keys() - schedules.keys():
        _move(line, name, walks.pop(name), None)
    for name, one in schedules.items():
        before = walks.get(name)
        after = _due(line, one, before, now)
        if after != before and _move(line, name, before, after):
            walks[name] = after
    return any(one.next for one in walks.values())


def _due(line: Line, one: Timed, walk: Walk | None, now: datetime) -> Walk:
    """Return what a walk should be at a time; the same one where nothing is to be done."""
    if walk is not None and walk.file == one.skill.digest and walk.next:
        return walk if now - from_ms(walk.slot_ms) <= LATE else walk._replace(next=0)
    slot_at = latest_slot_in(ZoneInfo(one.timer.zone), one.timer.line, now)
    slot_ms = 0 if slot_at is None else to_ms(slot_at)
    if walk is None or walk.file != one.skill.digest:
        return Walk(one.skill.digest, slot_ms)
    if slot_at is None or slot_ms <= walk.slot_ms:
        return walk
    is_late = now - slot_at > LATE
    last = 0 if is_late else line.store.people.count()
    return Walk(one.skill.digest, slot_ms, 1 if last else 0, last)


def _move(line: Line, name: str, before: Walk | None, after: Walk | None) -> bool:
    is_moved = line.store.walks.move(name, before, after)
    if is_moved and before is not None and before.next and (after is None or not after.next):
        done, of = before.next - 1, before.last
        log.warning("schedule ended before its end", schedule=name, people=done, of=of, asked=before.asked)
    return is_moved


def step(line: Line, schedules: dict[str, Timed], rules: Callable[[], Rules]) -> StepResult:
    """Go one page further in one walk; while too much waits in a lane that it fills, none moves.

    Args:
        line: the line.
        schedules: those that are on.
        rules: see `customer_sync.brevo.rules`.

    Raises:
        TajoError: as `rules`.
    """
    for name, walk in sorted(line.store.walks.all().items(), key=lambda pair: pair[1].slot_ms):
        one = schedules.get(name)
        if walk.next and one is not None and one.skill.digest == walk.file and not _is_full(line, one):
            _page(line, name, one, walk, rules())
            return StepResult(did_work=True, wait_s=0.0)
    return _NOTHING


def _is_full(line: Line, one: Timed) -> bool:
    lanes = {LANES[action.word] for action in one.skill.file.actions}
    return any(line.store.lanes.depth(lane)[0] > HIGH_WATER for lane in lanes)


def _page(line: Line, name: str, one: Timed, walk: Walk, rules: Rules) -> None:
    store, end = line.store, min(walk.next + PAGE - 1, walk.last)
    numbers = [str(number) for number in range(walk.next, end + 1)]
    orders = store.orders.read(ORDERS.name, numbers)
    at = from_ms(walk.slot_ms)
    slot = Slot(one.skill, one.timer, at, one.sources, rules.sharing, currency_of(store))
    planner, seen_at = Planner(store.people, store.now_ms()), utc_now(line.clock)
    plans = []
    for number, person, theirs in zip(numbers, _people(line, numbers), orders, strict=True):
        steps = list(slot.steps(number, person, theirs))
        if steps:
            groups = planner.groups(steps, (), seen_at, priority=Priority.BULK)
            plans.append(Planned(groups, seen=f"walk:{name}:{walk.slot_ms}:{number}"))
    if plans:
        commit(store, [Request("", plans)], line.wake)
    asked = walk.asked + len(plans)
    is_over = end >= walk.last
    after = walk._replace(next=0 if is_over else end + 1, asked=asked)
    if store.walks.move(name, walk, after) and is_over:
        log.info("schedule done", schedule=name, slot=at.isoformat(), people=walk.last, asked=asked)


def _people(line: Line, numbers: list[str]) -> list[Person]:
    """Return people; one whom a newer version wrote is nobody here."""
    try:
        return line.store.people.read_many(numbers)
    except NewerForm:
        return [_person(line, number) for number in numbers]


def _person(line: Line, number: str) -> Person:
    try:
        return line.store.people.read(number)
    except NewerForm as error:
        log.warning("somebody is left out of a schedule", reason=str(error))
        return Person()
