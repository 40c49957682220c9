"""Skill files at work: their mails go once, by the same rules of consent as all others."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from customer_sync import pipeline
from customer_sync.config.settings import SkillSettings
from customer_sync.model import Kind
from customer_sync.skills.files.reading import read_skill_file
from customer_sync.skills.files.skill import definition_of
from tests.carts.test_never_twice import die
from tests.carts.world import EMAIL

REMINDER = """---
name: reminder
version: 1.0.0
description: Reminds of a cart that is worth it
category: email-marketing
triggers:
  - event: {event}
    conditions:
      - cart_value: "> 50"
{wait}actions:
  - brevo/send-email:
      template_id: 1
      to: "{{{{ contact.email }}}}"
      subject: "{{{{ cart.lines.0.title }}}} waits"
permissions:
  - email:send
---
"""


@pytest.fixture
def remind(world):
    """Switch a skill file on."""

    def switch(event: str, wait: str = "") -> None:
        file, faults = read_skill_file(REMINDER.format(event=event, wait=wait), "reminder.md")
        assert file is not None, faults
        world.settings.skills[file.name] = SkillSettings(file.name, True)
        world.line.skills.append(definition_of(file).make(world.settings))

    return switch


def subjects(world) -> list[str]:
    return [str(mail["subject"]) for mail in world.mails() if "waits" in str(mail["subject"])]


def test_a_mail_follows_a_cart_that_was_left_and_is_worth_it(world, remind):
    remind("cart_abandoned")
    world.cart("t1", total=60.0)
    world.pass_time(hours=6)

    assert subjects(world) == ["Mug waits"]
    assert world.mails()[0]["to"] == EMAIL


def test_a_cart_that_is_worth_less_gets_none(world, remind):
    remind("cart_abandoned")
    world.cart("t1", total=50.0)
    world.pass_time(hours=6)

    assert subjects(world) == []


def test_who_withdrew_meanwhile_gets_none(world, remind):
    remind("cart_updated", "    debounce: 2h\n")
    world.cart("t1", total=60.0)
    world.pass_time(hours=1)
    world.withdraw()
    world.pass_time(hours=6)

    assert subjects(world) == []


def test_a_wait_begins_anew_with_each_change_of_the_cart(world, remind):
    remind("cart_updated", '      - time_since_activity: "> 40m"\n')
    world.cart("t1", total=60.0)
    world.pass_time(minutes=30)
    world.cart("t1", total=70.0)
    world.pass_time(minutes=30)
    before = subjects(world)
    world.pass_time(hours=8)

    assert before == []
    assert subjects(world) == ["Mug waits"]


def test_a_cart_that_was_bought_or_emptied_meanwhile_gets_none(world, remind):
    remind("cart_updated", "    debounce: 2h\n")
    world.cart("t1", total=60.0)
    world.cart("t2", total=60.0)
    world.pass_time(minutes=10)
    world.order(carts=["t1"])
    world.cart("t2", total=0.0, lines=[])
    world.pass_time(hours=6)

    assert subjects(world) == []


def test_an_order_that_came_before_its_cart_calls_the_mail_off_all_the_same(world, remind):
    remind("cart_updated", "    debounce: 2h\n")
    cart_at = world.now
    world.pass_time(minutes=1)
    world.order(carts=["t1"])
    world.work()
    late = world._event(Kind.CART_UPDATED, "t1", {"id": "t1", "email": EMAIL, "total": 60.0, "lines": [{}]})
    world.tell(replace(late, occurred_at=cart_at))
    world.pass_time(hours=6)

    assert subjects(world) == []


def test_a_cart_that_is_filled_again_is_reminded_of(world, remind):
    remind("cart_updated", "    debounce: 2h\n")
    world.cart("t1", total=60.0)
    world.pass_time(minutes=10)
    world.cart("t1", total=0.0, lines=[])
    world.pass_time(minutes=10)
    world.cart("t1", total=60.0)
    world.pass_time(hours=6)

    assert subjects(world) == ["Mug waits"]


def switch_template(world, *, is_active):
    world.control("PUT", "/v3/smtp/templates/1", {"isActive": is_active})


@pytest.mark.parametrize("wait", ["", "    debounce: 2h\n"])
@pytest.mark.parametrize(
    "order",
    [
        {"carts": ["t1"], "email": "bob@example.com"},
        {"carts": [], "email": EMAIL},
    ],
    ids=["names the cart", "is the person's"],
)
def test_a_mail_about_a_cart_that_was_left_is_called_off_once_it_is_bought(world, remind, wait, order):
    remind("cart_abandoned", wait)
    world.cart("t1", total=60.0)
    world.pass_time(minutes=25)
    switch_template(world, is_active=False)  # the mail is due, and waits
    world.pass_time(minutes=20)
    world.order(**order)
    world.work()
    switch_template(world, is_active=True)
    world.pass_time(hours=6)

    assert subjects(world) == []


def test_a_cart_that_is_left_again_after_an_order_is_reminded_of(world, remind):
    remind("cart_abandoned")
    world.cart("t1", total=60.0)
    world.pass_time(minutes=10)
    world.order(carts=["t1"])
    world.pass_time(hours=6)
    before = subjects(world)
    world.cart("t1", total=60.0)
    world.pass_time(hours=6)

    assert before == []
    assert subjects(world) == ["Mug waits"]


def test_what_calls_mails_off_is_forgotten_after_a_month(world, remind):
    remind("cart_updated", "    debounce: 2h\n")
    world.order(carts=["t1"])
    world.pass_time(hours=1)
    before = world.state("shop:skill:reminder:0:t1")
    world.pass_time(days=32, step=timedelta(days=1))

    assert before["calledOff"] is True
    assert world.state("shop:skill:reminder:0:t1") == {}


@pytest.mark.parametrize("when", ["before", "after"])
def test_who_bought_after_a_cut_try_gets_no_second_mail(world, remind, when):
    remind("cart_abandoned")
    world.cart("t1", total=60.0)
    world.pass_time(minutes=25)
    world.time.move(6 * 60)
    pipeline.deliver(world.line, "mail")  # the cart counts as left
    skills = world.line.skills
    die(world, when)
    world.line.skills = skills
    world.order(carts=["t1"])
    world.pass_time(minutes=20)

    assert subjects(world) == (["Mug waits"] if when == "after" else [])
