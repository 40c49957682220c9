"""Schedules of skill files at work: each slot once for everybody who is meant, whatever dies or changes meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from customer_sync import pipeline
from customer_sync.batch import walks
from customer_sync.config.settings import SkillSettings
from customer_sync.errors import TajoError
from customer_sync.model import Event, Kind
from customer_sync.skills.order_events import OrderEvents
from tests.carts.line import RULES
from tests.carts.world import EMAIL

FILE = """---
name: win-back
version: 1.0.0
description: Writes to those who have not ordered for a while
category: email-marketing
triggers:
  - schedule: "0 9 * * *"
    timezone: "America/New_York"
    conditions:
      - time_since_signup: "> 1h"
actions:
  - brevo/send-email:
      template_id: 1
      to: "{{ contact.email }}"
      subject: "We miss you, {{ contact.firstName }}"
permissions:
  - email:send
---
"""


class Clockwork:
    """What a tick and the walks' task do, in a world whose skill file is on."""

    def __init__(self, world, folder) -> None:
        self.world, self.folder = world, folder
        self.steps = 0
        self.write(FILE)

    def write(self, content: str, folder: str = "one") -> None:
        """The file is written, and the workers start again."""
        path = self.folder / folder
        path.mkdir()
        (path / "win-back.md").write_text(content)
        self._settings = replace(self.world.settings, skills_folder=str(path))
        self.switch(is_on=True)

    def switch(self, *, is_on: bool) -> None:
        skills = {**self.world.settings.skills, "win-back": SkillSettings("win-back", is_on)}
        self._settings = self.world.settings = replace(self._settings, skills=skills)
        self.world.restart()
        self.world.line.skills.append(OrderEvents())

    def tick(self) -> bool:
        return walks.begin_due(self.world.line, walks.timed(self._settings), self.world.now)

    def step(self) -> bool:
        self.steps += 1
        return walks.step(self.world.line, walks.timed(self._settings), lambda: RULES).did_work

    def go(self) -> list[str]:
        """Do all that can be done now; return who was mailed so far."""
        self.tick()
        while self.step():
            pass
        self.world.work()
        return self.mailed()

    def mailed(self) -> list[str]:
        return [mail["to"] for mail in self.world.mails() if "miss" in str(mail["subject"])]

    def until(self, hours: float) -> None:
        """Let time pass until so many hours after the next nine o'clock in New York, in the steps that ticks take."""
        self.world.time.move((self.next_slot - self.world.now).total_seconds() + hours * 3600)

    @property
    def next_slot(self) -> datetime:
        nine = walks.latest_slot_in(walks.ZoneInfo("America/New_York"), "0 9 * * *", self.world.now + timedelta(days=1))
        assert nine is not None
        return nine


@pytest.fixture
def clockwork(world, tmp_path):
    """Ann is known; at ten in New York the skill has just been enabled, and one tick has seen it."""
    world.store.lanes.register("orders", keeps="records")
    found = Clockwork(world, tmp_path)
    found.until(1)
    found.tick()
    return found


def add(world, count: int, start: int = 2) -> list[str]:
    emails = [f"c{n}@example.com" for n in range(start, start + count)]
    for number, email in enumerate(emails, start):
        world.customer(email, str(number), firstName=f"C{number}")
    return emails


def test_the_first_slot_after_enabling_is_the_next_one(clockwork):
    assert clockwork.go() == []
    clockwork.until(-0.01)
    assert clockwork.go() == []
    clockwork.until(0)
    assert clockwork.go() == [EMAIL]
    assert clockwork.world.mails()[-1]["subject"] == "We miss you, Ann"


def test_a_slot_is_done_once_and_the_next_day_again(clockwork):
    clockwork.until(0)
    for _ in range(3):
        clockwork.go()
        clockwork.world.time.move(5)
    assert clockwork.mailed() == [EMAIL]
    clockwork.until(0)
    assert clockwork.go() == [EMAIL, EMAIL]


@pytest.mark.parametrize(("hours", "mails"), [(23, 1), (24 + 9, 1), (24 * 5 + 3, 1)])
def test_of_missed_slots_the_last_is_caught_up(clockwork, hours, mails):
    clockwork.until(hours)

    assert clockwork.go() == [EMAIL] * mails
    assert clockwork.go() == [EMAIL] * mails


def test_a_slot_that_was_missed_for_more_than_a_day_is_left_out(clockwork):
    clockwork.write(FILE.replace("0 9 * * *", "0 9 1 1 *"), "yearly")
    clockwork.tick()
    new_year = datetime(clockwork.world.now.year + 1, 1, 1, 14, tzinfo=UTC)
    clockwork.world.time.move((new_year - clockwork.world.now).total_seconds() + 86_400 + 60)

    assert clockwork.go() == []
    assert not clockwork.tick()


@pytest.mark.parametrize("when", ["before the put", "before the move", "after the move"])
def test_a_walk_that_is_killed_goes_on_and_mails_everybody_once(clockwork, monkeypatch, when):
    emails = [EMAIL, *add(clockwork.world, 6)]
    monkeypatch.setattr(walks, "PAGE", 3)
    clockwork.until(2)
    clockwork.tick()
    clockwork.step()
    store, real = clockwork.world.store, walks.commit

    def die(*_args, **_more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if when == "before the put":
            patch.setattr(walks, "commit", die)
        elif when == "before the move":
            patch.setattr(store.walks, "move", die)
        if when == "after the move":
            clockwork.step()
        else:
            with pytest.raises(KeyboardInterrupt):
                clockwork.step()
    assert walks.commit is real
    clockwork.world.restart()

    assert sorted(clockwork.go()) == sorted(emails)


def test_two_ticks_and_two_steps_at_once_do_no_harm(clockwork, monkeypatch):
    emails = [EMAIL, *add(clockwork.world, 6)]
    monkeypatch.setattr(walks, "PAGE", 2)
    clockwork.until(2)
    store, real = clockwork.world.store, walks.commit
    inner = []

    def twice(*args, **more):
        if not inner:
            inner.append(1)
            clockwork.tick()
            clockwork.step()  # another worker does the same page in the midst of this one
        return real(*args, **more)

    monkeypatch.setattr(walks, "commit", twice)
    clockwork.tick()
    before = store.walks.all()
    clockwork.tick()
    assert store.walks.all() == before

    assert sorted(clockwork.go()) == sorted(emails)


def test_who_withdrew_or_was_erased_meanwhile_gets_none(clockwork):
    add(clockwork.world, 2)
    clockwork.until(2)
    clockwork.tick()
    clockwork.world.withdraw()  # waits in the inbox while the walk asks for Ann's mail
    erased = Event("x", "shop", Kind.CUSTOMER_ERASED, clockwork.world.now, "2", "2", {"id": "2"})
    clockwork.step()
    clockwork.world.tell(erased)
    clockwork.world.read()
    clockwork.world.work()

    assert clockwork.mailed() == ["c3@example.com"]


def test_who_was_erased_between_the_reading_and_the_put_gets_none(clockwork, monkeypatch):
    real = walks.commit
    clockwork.until(2)
    world = clockwork.world

    def erase_first(*args, **more):
        world.tell(Event("x", "shop", Kind.CUSTOMER_ERASED, world.now, "1", "1", {"id": "1"}))
        world.read()
        return real(*args, **more)

    monkeypatch.setattr(walks, "commit", erase_first)
    clockwork.tick()
    clockwork.step()

    assert [key for key in world.client.scan_iter("*win-back*") if b":c:" in key] == []
    world.work()
    assert clockwork.mailed() == []


def test_nobody_without_a_yes_is_mailed(clockwork):
    world = clockwork.world
    record = {"id": "9", "email": "no@example.com", "firstName": "No"}
    world.tell(Event("n", "shop", Kind.CUSTOMER_UPDATED, world.now, "9", "9", record))
    world.work()
    clockwork.until(2)

    assert clockwork.go() == [EMAIL]


def test_switching_off_ends_the_walk_and_what_it_asked_for(clockwork, monkeypatch):
    add(clockwork.world, 3)
    monkeypatch.setattr(walks, "PAGE", 2)
    clockwork.until(2)
    clockwork.tick()
    clockwork.step()
    clockwork.switch(is_on=False)

    assert clockwork.go() == []
    clockwork.switch(is_on=True)
    assert clockwork.go() == []
    assert not clockwork.world.store.walks.all()["win-back/0"].next


def test_another_file_ends_the_walk_and_begins_with_the_next_slot(clockwork, monkeypatch):
    emails = [EMAIL, *add(clockwork.world, 3)]
    monkeypatch.setattr(walks, "PAGE", 2)
    clockwork.until(2)
    clockwork.tick()
    clockwork.step()
    clockwork.write(FILE.replace("1.0.0", "1.0.1"), "two")
    assert not clockwork.step()  # no tick has seen it yet
    first = clockwork.go()
    clockwork.until(0)

    assert sorted(first) == emails[:2]
    assert sorted(clockwork.go()) == sorted([*emails, *emails[:2]])


def test_who_comes_while_a_walk_is_under_way_is_not_in_it(clockwork):
    clockwork.until(2)
    clockwork.tick()
    add(clockwork.world, 1)

    assert clockwork.go() == [EMAIL]


def test_a_walk_waits_while_too_much_waits_before_it(clockwork, monkeypatch):
    clockwork.until(2)
    clockwork.tick()
    monkeypatch.setattr(walks, "HIGH_WATER", -1)
    assert not clockwork.step()
    assert clockwork.tick()  # it is still under way: the next tick wakes it again
    monkeypatch.undo()

    assert clockwork.go() == [EMAIL]


def test_a_walk_that_could_not_be_done_within_a_day_ends(clockwork, monkeypatch):
    clockwork.until(0)
    clockwork.tick()
    monkeypatch.setattr(walks, "HIGH_WATER", -1)
    clockwork.until(0.1)
    assert not clockwork.tick()
    monkeypatch.undo()

    assert clockwork.tick()  # the slot of the second day
    assert clockwork.go() == [EMAIL]


def test_a_rule_that_cannot_be_read_leaves_the_walk_where_it_is(clockwork):
    clockwork.until(2)
    clockwork.tick()
    before = clockwork.world.store.walks.all()

    def away():
        raise TajoError("away")

    with pytest.raises(TajoError):
        walks.step(clockwork.world.line, walks.timed(clockwork._settings), away)
    assert clockwork.world.store.walks.all() == before
    assert clockwork.go() == [EMAIL]


def test_orders_decide_whom_it_is_for(clockwork):
    world = clockwork.world
    add(world, 2)
    clockwork.write(
        FILE.replace('time_since_signup: "> 1h"', 'total_orders: ">= 1"\n      - total_spent: "< 50"'), "two"
    )
    clockwork.tick()
    world.order("o1", amount=40.0)
    world.order("o2", "c2@example.com", amount=60.0)
    world.work()
    clockwork.until(2)

    assert clockwork.go() == [EMAIL]


def test_mails_of_a_walk_make_room_for_live_ones(clockwork):
    clockwork.until(2)
    clockwork.tick()
    clockwork.step()

    names = [key.decode() for key in clockwork.world.client.scan_iter("tajo:q:mail:*")]
    assert names == ["tajo:q:mail:2"]
    assert pipeline.Priority.BULK == 2


def test_who_was_overtaken_does_not_take_a_walk_back(clockwork):
    store = clockwork.world.store.walks
    ((name, before),) = store.all().items()
    after = before._replace(next=7, last=9)

    assert store.move(name, before, after)
    assert not store.move(name, before, before._replace(next=4, last=9))
    assert not store.move(name, None, before)
    assert store.all() == {name: after}
    assert store.move(name, after, None)
    assert store.all() == {}


@pytest.mark.parametrize(
    ("source", "sources"), [(None, ("shop", "api")), ("shop", ("shop",)), ("scripted", ("shop",)), ("api", ("api",))]
)
def test_a_schedule_is_about_the_sources_that_its_skill_acts_on(clockwork, source, sources):
    settings = clockwork._settings
    skills = {**settings.skills, "win-back": SkillSettings("win-back", True, source)}

    (one,) = walks.timed(replace(settings, skills=skills)).values()

    assert set(one.sources) == set(sources)


def test_a_skill_that_acts_on_no_source_has_no_schedule(clockwork):
    settings = clockwork._settings
    skills = {**settings.skills, "win-back": SkillSettings("win-back", True, "elsewhere")}

    assert walks.timed(replace(settings, skills=skills)) == {}
