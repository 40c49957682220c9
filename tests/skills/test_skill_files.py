"""Skill files: what is read, what is refused, and what they do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.engine.plan import RecordSays, Says
from customer_sync.model import Event, Kind
from customer_sync.skills.files.reading import LONGEST, read_skill_file
from customer_sync.skills.files.skill import FileSkill

AT = datetime(2026, 11, 3, 10, tzinfo=UTC)
MAPPING = {"email": "email", "firstName": "FIRSTNAME", "phone": "SMS"}

#: The two samples of the documents, with what the format demands beside them.
REMINDER = """---
name: cart-reminder
version: 1.0.0
description: Reminds of a cart
category: email-marketing
triggers:
  - event: cart_abandoned
    conditions:
      - cart_value: "> 50"
      - items_count: ">= 1"
actions:
  - brevo/send-email:
      template_id: 101
      to: "{{ contact.email }}"
      params:
        name: "{{ contact.firstName }}"
        total: "{{ cart.total }}"
        first: "Your {{ cart.lines.0.title }}, {{ contact.FIRSTNAME }}"
permissions:
  - email:send
---
# Cart reminder
"""
SYNC = """---
name: my-sync
version: 2.1.0
description: Sync customer data to Brevo contacts
category: data-sync
status: stable
triggers:
- event: customer_created
- event: customer_updated
actions:
- brevo/create-contact
- brevo/update-contact
brevoEndpoints:
- POST /v3/contacts
permissions:
- contacts:write
- contacts:read
---
"""
CART = Event(
    id="e1",
    source="shop",
    kind=Kind.CART_ABANDONED,
    occurred_at=AT,
    record_id="c1",
    record={
        "id": "c1",
        "email": "Eva@Example.com",
        "total": 60.0,
        "lines": [{"title": "Mug", "quantity": 2, "price": 30.0}],
        "customer": {"firstName": "Eva", "email": "eva@example.com"},
    },
)
CUSTOMER = Event(
    id="e2",
    source="shop",
    kind=Kind.CUSTOMER_UPDATED,
    occurred_at=AT,
    record_id="7",
    customer_id="7",
    record={"id": "7", "email": "eva@example.com", "firstName": "Eva", "totalSpent": 12.5},
)


def skill_of(content: str) -> FileSkill:
    file, faults = read_skill_file(content, "skills/one.md")
    assert not faults, faults
    assert file is not None
    return FileSkill(file, lambda _: MAPPING)


def faults_of(content: str, **more) -> list[str]:
    file, faults = read_skill_file(content, "one.md", **more)
    assert file is None
    return [str(one) for one in faults]


def changed(old: str, new: str, content: str = REMINDER) -> str:
    assert old in content
    return content.replace(old, new)


# what they do -------------------------------------------------------------------------------------------------------


def test_what_a_run_reads_starts_no_mail_and_no_event_and_still_tells_of_the_contact():
    told = skill_of(SYNC).intent(replace(CUSTOMER, is_pulled=True)).steps

    assert [type(one) for one in told] == [Says, Says]
    assert skill_of(REMINDER).intent(replace(CART, is_pulled=True)).steps == []


def test_a_mail_to_another_address_than_the_accounts_tells_nothing_of_the_account():
    account = {"firstName": "Ann", "email": "account@example.com", "phone": "+4915112345678"}
    (step,) = skill_of(REMINDER).intent(replace(CART, record={**CART.record, "customer": account})).steps
    nameless = {"firstName": "Ann"}
    (other,) = (
        skill_of(REMINDER).intent(replace(CART, record={**CART.record, "customer": nameless}, customer_id="7")).steps
    )

    assert isinstance(step, RecordSays)
    assert isinstance(other, RecordSays)
    assert step.fields["mail"] == {"templateId": 101, "params": {"total": 60.0, "first": "Your Mug, "}}
    assert other.fields["mail"] == step.fields["mail"]


def test_a_mail_goes_to_the_typed_address_once_for_each_event():
    (step,) = skill_of(REMINDER).intent(CART).steps

    assert isinstance(step, RecordSays)
    assert (step.lane, step.id) == ("mail", "skill:cart-reminder:0:e1")
    assert step.who is not None
    assert (step.who.email, step.who.id) == ("eva@example.com", None)
    assert step.fields["mail"] == {
        "templateId": 101,
        "params": {"name": "Eva", "total": 60.0, "first": "Your Mug, Eva"},
    }


@pytest.mark.parametrize(
    "record", [{"total": 50.0}, {"total": None}, {"lines": []}, {"total": "60"}, {"total": True}, {"lines": None}]
)
def test_what_does_not_hold_or_is_unknown_starts_nothing(record):
    assert not skill_of(REMINDER).intent(replace(CART, record={**CART.record, **record})).steps


def test_another_event_starts_nothing():
    assert not skill_of(REMINDER).intent(replace(CART, kind=Kind.CART_UPDATED)).steps


def test_a_wait_moves_the_mail_with_each_event_of_the_record():
    content = changed("cart_abandoned", "cart_updated").replace("    conditions:", "    debounce: 5m\n    conditions:")
    skill = skill_of(content.replace('items_count: ">= 1"', 'time_since_activity: "> 30m"'))

    first, second = (skill.intent(replace(CART, kind=Kind.CART_UPDATED, id=one)).steps[0] for one in ("e1", "e2"))

    assert isinstance(first, RecordSays)
    assert isinstance(second, RecordSays)
    assert first.id == second.id == "skill:cart-reminder:0:c1"
    assert first.due.at == AT + timedelta(minutes=30)
    assert first.due.is_moved


def test_contacts_are_made_as_customer_sync_makes_them():
    create, update = skill_of(SYNC).intent(CUSTOMER).steps

    assert isinstance(create, Says)
    assert isinstance(update, Says)
    assert create.fields == update.fields == {"FIRSTNAME": "Eva"}
    assert not create.who.only_known
    assert update.who.only_known


def test_attributes_of_an_action_take_the_place_of_the_mapping():
    content = changed(
        "- brevo/create-contact\n- brevo/update-contact",
        "- brevo/update-contact:\n    attributes:\n"
        "      first: '{{ contact.firstName }}'\n      SPENT: '{{ contact.totalSpent }}'\n"
        "      GONE: '{{ contact.note }}'",
        SYNC,
    )

    (step,) = skill_of(content).intent(CUSTOMER).steps

    assert isinstance(step, Says)
    assert step.fields == {"FIRST": "Eva", "SPENT": 12.5}


def test_an_event_is_tracked_with_its_properties():
    content = SYNC.replace(
        "- brevo/create-contact\n- brevo/update-contact",
        "- brevo/track-event:\n    event: came_by\n"
        "    properties: {spent: '{{ contact.totalSpent }}', when: 'at {{ event.time }}'}",
    )

    (step,) = skill_of(content).intent(CUSTOMER).steps

    assert isinstance(step, RecordSays)
    assert step.lane == "events"
    assert step.fields["event"] == {
        "name": "came_by",
        "date": "2026-11-03T10:00:00.000Z",
        "properties": {"spent": 12.5, "when": "at 2026-11-03T10:00:00+00:00"},
    }


def test_another_file_has_other_terms():
    assert skill_of(SYNC).terms("shop") != skill_of(SYNC.replace("2.1.0", "2.1.1")).terms("shop")


# what is refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("# no frontmatter", "one.md:1: no frontmatter. Begin the file with ---"),
        ("---\nname: [\n---\n", "one.md:2: not valid YAML here"),
        ("x" * (LONGEST + 1), "more than 200,000 characters"),
        (changed("version: 1.0.0", "version: 1.0"), "one.md:3: version: found '1.0'. Write three numbers"),
        (changed("name: cart-reminder", "name: Cart Reminder"), "one.md:2: name: found 'Cart Reminder'. Write small"),
        (changed("category: email-marketing\n", ""), "one.md:1: category: the key is missing"),
        (changed("category: email-marketing", "category: mails"), "one.md:5: category: found 'mails'."),
        (changed("description: Reminds of a cart", f"description: {'x' * 161}"), "a text of 161 characters"),
        (changed("permissions:", "permisions:"), "permisions: unknown key. Did you mean permissions"),
        (
            changed("permissions:\n  - email:send\n", ""),
            (
                "one.md:12: actions[0]: brevo/send-email needs a permission that the file does not ask for. "
                "Add email:send to permissions:, or remove the action."
            ),
        ),
        (changed("- email:send", "- mail:send"), "permissions[0]: found 'mail:send'. Did you mean email:send"),
        (changed('"> 50"', '"50"'), "one.md:9: triggers[0].conditions[0].cart_value: found '50'. Write an operator"),
        (changed('"> 50"', '"> much"'), "found 'much'. Write a number"),
        (changed("cart_value", "cart_vlue"), "no such condition. Did you mean cart_value"),
        (changed("cart_abandoned", "order_placed"), "cart_value: order_placed does not tell it. It can stand at"),
        (changed("event: cart_abandoned", "event: cart_abandon"), "found 'cart_abandon'. Did you mean cart_abandoned"),
        (changed("event: cart_abandoned", "event: agent_request"), "This version has no agents"),
        (changed("  - event: cart_abandoned", "  - schedule: '0 9 * * *'"), "no such condition of a schedule"),
        (changed("brevo/send-email", "brevo/send-mail"), "Did you mean brevo/send-email"),
        (changed("brevo/send-email", "brevo/send-whatsapp"), "sends no WhatsApp"),
        (changed("      template_id: 101\n", ""), "brevo/send-email without template_id"),
        (changed("template_id: 101", "template_id: none"), "found 'none'. Write a number from 1"),
        (changed("{{ contact.email }}", "boss@example.com"), "Mails go to the person alone"),
        (changed("{{ contact.firstName }}", "{{ customer.firstName }}"), "found '{{ customer.firstName }}'."),
        (changed("{{ contact.firstName }}", "{{ 1 + 1 }}"), "Write a path, such as {{ contact.firstName }}"),
        (changed("{{ contact.firstName }}", "{{ order.total }}"), "Only events of orders tell of it"),
        (changed("      params:", "      parms: {}\n      params:"), "unknown key. Did you mean params"),
        (changed("- brevo/create-contact", "- brevo/delete-contact", SYNC), "brevo/delete-contact cannot follow"),
        (changed("- event: customer_created", "- event: customer_created\n  debounce: 5m", SYNC), "no action knows"),
        (changed("- event: customer_created", "- event: customer_created\n  debounce: 5", SYNC), "Write a duration"),
        (changed("stable", "done", SYNC), "status: found 'done'."),
    ],
)
def test_a_fault_says_where_what_and_what_to_do(content, told):
    assert told in "\n".join(faults_of(content))


def test_a_name_that_is_taken_is_refused():
    assert "Another skill has this name" in faults_of(REMINDER, taken=["cart-reminder"])[0]


def test_all_faults_are_told_at_once():
    content = changed("version: 1.0.0", "version: one").replace('"> 50"', '"50"').replace("101", "x")

    assert len(faults_of(content)) == 3


@given(st.text(max_size=300))
def test_whatever_stands_in_a_file_gives_faults_and_no_traceback(text):
    for content in (text, f"---\n{text}\n---\n", changed("Reminds of a cart", text), changed('"> 50"', text)):
        file, faults = read_skill_file(content, "one.md")
        assert (file is None) is bool(faults)
