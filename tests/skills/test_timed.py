"""Schedules of skill files: what is read and refused, of whom the conditions hold, and what is asked for then."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.model import to_ms
from customer_sync.person.merge import SINCE, Stamped, earliest
from customer_sync.person.person import CLAIM, DELETED, Person, Record
from customer_sync.person.totals import Ordered
from customer_sync.skills.files.reading import read_skill_file
from customer_sync.skills.files.skill import FileSkill
from customer_sync.skills.files.timed import Slot

AT = datetime(2026, 11, 3, 14, tzinfo=UTC)
FILE = """---
name: win-back
version: 1.0.0
description: Writes to those who have not ordered for a while
category: email-marketing
triggers:
  - schedule: "0 9 * * *"
    timezone: "America/New_York"
    conditions:
      - time_since_order: "> 90d"
actions:
  - brevo/send-email:
      template_id: 7
      to: "{{ contact.email }}"
      params: {name: "{{ contact.firstName }}", orders: "{{ contact.totalOrders }}", at: "{{ event.time }}"}
permissions:
  - email:send
  - contacts:write
---
"""
OLD = '- time_since_order: "> 90d"'


def changed(old: str, new: str) -> str:
    assert old in FILE
    return FILE.replace(old, new)


def faults_of(content: str) -> str:
    file, faults = read_skill_file(content, "one.md")
    assert file is None
    return "\n".join(map(str, faults))


def slot_of(content: str, sources=("shop",)) -> Slot:
    file, faults = read_skill_file(content, "one.md")
    assert file is not None, faults
    return Slot(FileSkill(file, lambda _: {"firstName": "FIRSTNAME"}), file.timers[0], AT, sources, currency="EUR")


def record(source: str = "shop", number: str | None = "1", days: float | None = 400, **state: Stamped) -> Record:
    at_ms = to_ms(AT - timedelta(days=30))
    since = {} if days is None else {SINCE: earliest(to_ms(AT - timedelta(days=days)))}
    named = {"FIRSTNAME": Stamped("Ann", at_ms), CLAIM: Stamped(None, at_ms)}
    return Record(f"{source}-{number}", source, number, {**named, **since, **state})


def person(*records: Record) -> Person:
    return Person("ann@example.com", {one.ref: one for one in records or (record(),)})


def order(days: float | None, worth: float = 40.0, **more) -> Ordered:
    at = None if days is None else (AT - timedelta(days=days)).isoformat()
    found = Ordered("shop:1", "shop-1", "1", "paid", "EUR", Decimal(str(worth)), True, False, at)
    return found._replace(**more)


def is_met(conditions: str, *orders: Ordered, who: Person | None = None, sources=("shop",)) -> bool:
    return bool(list(slot_of(changed(OLD, conditions), sources).steps("5", who or person(), orders)))


# what is read -------------------------------------------------------------------------------------------------------


def test_a_schedule_is_read_as_the_documents_write_it():
    (timer,) = slot_of(FILE).skill.file.timers

    assert (timer.line, timer.zone) == ("0 9 * * *", "America/New_York")
    assert slot_of(changed('    timezone: "America/New_York"\n', "")).timer.zone == "UTC"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (changed(f"    conditions:\n      {OLD}\n", ""), "a schedule for everybody: none of total_orders, total_spent"),
        (changed(OLD, '- source: "= shop"'), "one.md:7: triggers[0]: a schedule for everybody"),
        (changed(OLD, '- cart_value: "> 5"'), "no such condition of a schedule. Choices: total_orders"),
        (changed(OLD, '- total_order: "> 5"'), "Did you mean total_orders"),
        (changed('"> 90d"', '"= 90d"'), "Write > or < and a duration"),
        (changed('"> 90d"', '"> 90"'), "Write > or < and a duration"),
        (changed("0 9 * * *", "0 25 * * *"), "whose hour cannot be read"),
        (changed("0 9 * * *", "0 0 30 2 *"), "a day that never comes"),
        (changed('"0 9 * * *"', "off"), "Write five cron fields"),
        (changed("America/New_York", "New York"), "Write a time zone as the tz database names it"),
        (changed('  - schedule: "0 9 * * *"\n    timezone', "  - timezone"), "a timezone without a schedule"),
        (changed("    conditions:", "    debounce: 5m\n    conditions:"), "debounce: unknown key"),
        (changed("- schedule:", "- event: order_placed\n    schedule:"), "schedule: unknown key"),
        (
            changed("  - brevo/send-email:", "  - brevo/update-contact\n  - brevo/send-email:"),
            "cannot follow a schedule",
        ),
        (changed("contact.firstName", "cart.total"), "Only events of carts tell of it"),
    ],
)
def test_a_fault_says_where_what_and_what_to_do(content, told):
    assert told in faults_of(content)


# of whom the conditions hold ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conditions", "orders", "holds"),
    [
        (OLD, [order(91)], True),
        (OLD, [order(90)], False),
        (OLD, [order(91), order(2, target="shop:2")], False),
        (OLD, [order(91), order(2, target="shop:2", counts=False, state="placed")], False),
        (OLD, [order(91), order(2, target="shop:2", counts=False, state="draft")], True),
        (OLD, [order(91), order(2, target="shop:2", is_test=True)], True),
        (OLD, [order(91), order(None, target="shop:2")], False),
        (OLD, [order(91), order(2, target="other:2")], True),
        (OLD, [], False),
        ('- time_since_order: "> 90d"\n      - time_since_order: "<= 97d"', [order(97)], True),
        ('- time_since_order: "> 90d"\n      - time_since_order: "<= 97d"', [order(98)], False),
        ('- total_orders: ">= 2"', [order(9), order(2, target="shop:2")], True),
        ('- total_orders: ">= 2"', [order(9)], False),
        ('- total_orders: "< 2"', [], False),
        ('- total_spent: "> 79.99"', [order(9), order(2, target="shop:2")], True),
        ('- total_spent: "> 80"', [order(9), order(2, target="shop:2")], False),
        ('- total_spent: "> 10"', [order(9), order(2, target="shop:2", currency="USD")], False),
        ('- time_since_signup: "> 399d"', [], True),
        ('- time_since_signup: "< 400d"', [], False),
        ('- time_since_signup: "> 399d"\n      - source: "= other"', [], False),
        ('- time_since_signup: "> 399d"\n      - source: "!= other"', [], True),
    ],
)
def test_a_condition_holds_of_what_is_known(conditions, orders, holds):
    assert is_met(conditions, *orders) is holds


SIGNED_UP = '- time_since_signup: "> 1d"'


@pytest.mark.parametrize(
    ("who", "holds"),
    [
        (person(record()), True),
        (person(record(days=None)), False),
        (person(record(number=None)), False),
        (person(record("other")), False),
        (person(record(deleted=Stamped(None, to_ms(AT)))), False),
        (replace(person(), email=None), False),
        (Person(), False),
        (Person("ann@example.com"), False),
    ],
)
def test_it_is_about_customers_who_are_known_here(who, holds):
    assert DELETED == "deleted"
    assert is_met(SIGNED_UP, who=who) is holds


@given(st.floats(0, 1000), st.integers(1, 900))
def test_more_and_at_most_divide_everybody_whose_order_is_known(days, bound):
    more = is_met(f'- time_since_order: "> {bound}d"', order(days))

    assert more is not is_met(f'- time_since_order: "<= {bound}d"', order(days))


# what is asked for --------------------------------------------------------------------------------------------------


def test_a_mail_is_asked_for_with_what_is_known_of_the_customer():
    (step,) = slot_of(FILE).steps("5", person(), [order(91)])

    assert (step.lane, step.id, step.at) == ("mail", f"skill:win-back:0:{to_ms(AT)}:5", AT)
    assert (step.who.id, step.who.email, step.who.only_known) == ("1", None, True)
    assert step.fields["mail"] == {
        "templateId": 7,
        "params": {"name": "Ann", "orders": 1, "at": "2026-11-03T14:00:00+00:00"},
    }


def test_an_event_is_asked_for_in_its_own_lane():
    content = changed(
        '  - brevo/send-email:\n      template_id: 7\n      to: "{{ contact.email }}"\n      params:',
        "  - brevo/track-event:\n      event: lapsed\n      properties:",
    )

    (step,) = slot_of(content).steps("5", person(), [order(91)])

    assert step.lane == "events"
    assert step.fields["event"]["name"] == "lapsed"
    assert step.fields["event"]["properties"]["orders"] == 1


def test_a_buyer_without_an_account_is_meant_by_the_address():
    (step,) = slot_of(FILE).steps("5", person(record(number=None)), [order(91)])

    assert (step.who.id, step.who.email, step.who.only_known) == (None, "ann@example.com", True)


def test_an_account_goes_before_a_box_on_an_order():
    both = person(record(number=None, days=800), record(), record("other", "9", 900))

    (step,) = slot_of(FILE).steps("5", both, [order(91)])

    assert (step.source, step.who.id) == ("shop", "1")


@given(st.integers(0, 10**6), st.sampled_from(["mail", "events"]))
def test_what_is_asked_for_has_one_name_for_each_slot_and_person(minute, lane):
    content = FILE if lane == "mail" else FILE.replace("brevo/send-email", "brevo/track-event")
    if lane == "events":
        content = content.replace("      template_id: 7\n", "      event: lapsed\n").replace(
            '      to: "{{ contact.email }}"\n', ""
        )
        content = content.replace("params:", "properties:")
    slot = replace(slot_of(content), at=AT + timedelta(minutes=minute))

    names = {
        (step.lane, step.id)
        for number in ("5", "6")
        for one in (slot, replace(slot, at=slot.at + timedelta(minutes=1)))
        for step in one.steps(number, person(), [order(91)])
    }

    assert len(names) == 4
    assert {name for name, _ in names} == {lane}
