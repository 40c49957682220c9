"""What differs between a person and their contact, and what mending makes of it: pure rules."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from customer_sync.batch.reconcile.compare import (
    NO_LIFT,
    NO_UPDATES,
    Contact,
    can_return,
    is_customer,
    judge,
    read_choices,
    read_contact,
)
from customer_sync.brevo.contacts.contact_plan import after_delete, after_write, make_plan, view
from customer_sync.brevo.contacts.leavings import BREVO
from customer_sync.model import Channel
from customer_sync.person.merge import Stamped, merge, stamp
from customer_sync.person.person import Has, Part, Person, apply
from customer_sync.store.forms import decode_person, encode_person
from tests.reconcile.jane import (
    CHOICES,
    DELETED,
    GONE,
    JANE,
    NO,
    NOW,
    PEOPLE,
    RULES,
    STOP,
    TYPES,
    YES,
    YES_AFTER_NO,
    departed,
    person,
    written,
)

#: When Brevo was looked at: after all that is known.
LOOK = NOW + 1_000

CATALOGUE = {
    "attributes": [
        {
            "name": "tier",
            "category": "category",
            "enumeration": [
                {"value": 1, "label": "Gold", "valueStr": "1"},
                {"value": 0, "label": "Pink", "valueStr": "pink"},
            ],
        },
        {"name": "TAGS", "category": "normal", "type": "multiple-choice", "multiCategoryOptions": ["a", "b"]},
        {"name": "CITY", "category": "normal", "type": "text"},
    ]
}


def contact(email=JANE, *, blocked=False, sms_blocked=False, lists=(), left=(), **attributes):
    return Contact(
        1, email, blocked, sms_blocked, frozenset(lists), frozenset(left), {"FIRSTNAME": "Jane"} | attributes
    )


def verdict(one, found, rules=RULES, choices=None):
    """How a person and their contact differ, after the person was written once where Brevo has nothing of them."""
    return judge(one if one.has.is_there else written(one, rules), found, rules, choices or {}, NOW)


# Values, as Brevo stores them


@pytest.mark.parametrize(
    ("name", "known", "found"),
    [
        ("SMS", "+31612345678", "31612345678"),
        ("SMS", "+31612345678", "0031612345678"),
        ("SMS", "+31612345678", 31612345678),
        ("SINCE", "2026-11-21T10:00:00Z", "2026-11-21"),
        ("SINCE", "2026-11-21", "2026-11-21T00:00:00.000Z"),
        ("TOTAL", 19.9, 19.90),
        ("TOTAL", "19.90", "19.9"),
        ("TOTAL", 5, 5.0),
        ("VIP", "yes", True),
        ("VIP", False, "false"),
        ("TAGS", "b, a", ["a", "b"]),
        ("TAGS", ["a"], "a"),
        ("FIRSTNAME", None, ""),
        ("FIRSTNAME", "Zoe\u0308", "Zo\u00eb"),
        ("FIRSTNAME", " Jane ", "Jane"),
        ("FIRSTNAME", 5, "5"),
    ],
)
def test_a_value_in_another_form_is_the_same(name, known, found):
    assert verdict(person(**{name: known}), contact(**{name: found})).fields == ()


@pytest.mark.parametrize("name", ["FIRSTNAME", "SMS", "SINCE", "TOTAL", "VIP", "TAGS"])
@pytest.mark.parametrize("empty", [None, "", []])
def test_nothing_and_an_empty_text_are_the_same(name, empty):
    found = contact()
    found = found._replace(attributes={**found.attributes, name: empty})

    assert verdict(person(**{name: None}), found).fields == ()


@pytest.mark.parametrize(
    ("name", "known", "found"),
    [
        ("SMS", "+31612345678", "31612345679"),
        ("SMS", "+31612345678", None),
        ("SINCE", "2026-11-21", "2026-11-22"),
        ("TOTAL", 0, None),
        ("TOTAL", 5, 5.5),
        ("VIP", False, None),
        ("VIP", True, False),
        ("TAGS", ["a", "b"], ["a"]),
        ("FIRSTNAME", "Jane", "jane"),
        ("FIRSTNAME", "Jane", None),
    ],
)
def test_another_value_differs(name, known, found):
    assert verdict(person(**{name: known}), contact(**{name: found})).fields == (name,)


def test_a_value_that_nobody_tells_any_more_differs_only_where_we_had_filled_it():
    ours = replace(person(FIRSTNAME=None), has=written(person()).has)

    assert verdict(ours, contact()).fields == ("FIRSTNAME",)
    assert verdict(person(FIRSTNAME=None), contact()).fields == ()


def test_the_case_of_an_attribute_s_name_does_not_matter():
    row = {"id": 7, "email": "Jane@Example.com", "attributes": {"firstname": "Jane"}}

    found = read_contact(row)

    assert found.email == JANE
    assert verdict(person(), found).is_equal


def test_attributes_that_are_not_ours_are_left_alone():
    assert verdict(person(), contact(JOB_TITLE="x", CITY="y")).is_equal


@pytest.mark.parametrize(
    ("kind", "known", "found", "is_same"),
    [
        ("category", "Gold", 1, True),
        ("category", 1, "Gold", True),
        ("category", "1", "1", True),
        ("category", "Pink", "pink", True),
        ("category", "Gold", "Pink", False),
        ("category", "Gold", None, False),
        ("category", "Silver", None, True),  # there is no such choice: Brevo drops it
        ("multiple-choice", ["a", "c"], ["a"], True),
        ("multiple-choice", ["c"], None, True),
        ("multiple-choice", ["a", "b"], ["a"], False),
    ],
)
def test_choices_are_compared_by_what_the_account_has(kind, known, found, is_same):
    name = "TIER" if kind == "category" else "TAGS"
    rules = replace(RULES, attributes={**TYPES, name: kind})

    found = verdict(person(**{name: known}), contact(**{name: found}), rules=rules, choices=read_choices(CATALOGUE))

    assert found.is_equal is is_same


@pytest.mark.parametrize("row", [None, [], "x", {}, {"id": "7"}, {"id": None, "email": JANE}])
def test_a_row_that_is_no_contact_is_passed_over(row):
    assert read_contact(row) is None


@pytest.mark.parametrize("email", [None, "", "no address", "31612345678@mailin-sms.com", 5])
def test_a_contact_without_an_address_of_a_person_has_none(email):
    assert read_contact({"id": 1, "email": email}).email is None


# Lists


@pytest.mark.parametrize(
    ("one", "lists", "differs"),
    [
        (person(YES), (3, 5), False),
        (person(YES), (3, 5, 99), False),  # a list of others
        (person(YES), (3,), True),
        (person(), (), False),
        (person(), (3,), False),  # somebody in Brevo put them there, not we
        (person(NO), (3, 5), False),  # blocked is enough
        (replace(departed(), has=Has(is_there=True, at_ms=NOW, lists=(3, 5))), (3,), True),
        (departed(), (99,), False),
        (replace(person(DELETED), has=Has(is_there=True, at_ms=NOW, blocked=True)), (3,), False),
        (replace(person(DELETED), has=Has(is_there=True, at_ms=NOW)), (99,), False),
    ],
)
def test_the_lists_that_are_ours_to_keep(one, lists, differs):
    is_blocked = any("consent.email.withdrawn" in record.state for record in one.records.values())

    found = verdict(one, contact(lists=lists, blocked=is_blocked))

    assert ("lists" in found.fields) is differs


def test_a_list_that_we_put_somebody_on_and_should_not_have_differs():
    known = written(person(YES))

    found = verdict(replace(person(), has=replace(known.has, lists=(3, 5))), contact(lists=(3,)))

    assert (found.fields, found.harms, found.found["l"]) == (("lists",), True, [3])


def test_a_list_that_seems_not_to_be_there_is_no_difference_and_no_harm():
    found = verdict(written(person(YES)), contact(lists=(3, 5)), RULES.with_lists([3, 7]))

    assert found.is_equal
    assert not found.harms


# Consent


def test_withdrawn_and_mailable_is_told_for_each_channel():
    found = verdict(person(NO, STOP, SMS="+31612345678"), contact(SMS="31612345678"))

    assert (found.mailable, found.harms, found.is_urgent) == ((Channel.EMAIL, Channel.SMS), True, True)


def test_an_sms_block_counts_only_where_there_is_a_number():
    assert verdict(person(STOP), contact()).is_equal


def test_a_block_of_our_own_is_no_withdrawal_found():
    assert verdict(person(NO), contact(blocked=True)).is_equal


def test_a_block_that_we_do_not_know_is_a_withdrawal_even_after_an_opt_in():
    found = verdict(person(YES_AFTER_NO), contact(blocked=True, lists=(3, 5)))

    assert found.left == {"consent.email.withdrawn": "brevo:found_blocked"}


def test_an_opt_in_that_was_not_delivered_is_not_delivered_here():
    one = replace(person(YES_AFTER_NO), has=replace(written(person(NO)).has, blocked=True))

    assert verdict(one, contact(blocked=True)).refused == NO_LIFT


def test_a_list_that_the_person_left_in_brevo_is_a_withdrawal():
    found = verdict(person(YES), contact(lists=(3,), left=(5,)))

    assert found.left == {"consent.email.withdrawn": "brevo:unsubscribed_list"}
    assert found.fields == ()


def test_a_list_that_was_left_once_and_joined_again_is_none():
    assert verdict(person(YES), contact(lists=(3, 5), left=(5,))).is_equal


def test_where_updates_are_off_only_consent_is_mended():
    rules = replace(RULES, update={"shop": False})

    assert verdict(person(), contact(FIRSTNAME="Else"), rules=rules).refused == NO_UPDATES
    assert verdict(person(), contact(), rules=rules).is_equal
    assert verdict(person(NO), contact(), rules=rules).mailable == (Channel.EMAIL,)


# A contact that is there again


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (replace(person(), said=GONE), True),
        (person(), False),
        (replace(person(DELETED), has=Has(digest="x")), True),
        (replace(person(DELETED), has=after_delete(Has(), 5)), False),
        (Person(JANE, has=Has(digest="x")), False),
        (Person(), False),
    ],
)
def test_a_contact_that_is_there_again_is_kept_in_step_where_it_was_ours(one, expected):
    assert can_return(one, RULES) is expected


# What mending does, whatever is known

BOOLS = st.booleans()
FOUND = st.builds(
    contact,
    st.just(JANE),
    blocked=BOOLS,
    sms_blocked=BOOLS,
    lists=st.lists(st.sampled_from([3, 5, 7, 9, 99]), unique=True),
    left=st.lists(st.sampled_from([3, 5, 9]), unique=True, max_size=2),
    FIRSTNAME=st.sampled_from(["Jane", "By Hand", "", None]),
    SMS=st.sampled_from(["31612345678", None]),
)
DRIFTS = st.builds(
    Stamped,
    st.fixed_dictionaries(
        {"b": BOOLS, "m": BOOLS, "l": st.sampled_from([[], [3], [9]])},
        optional={"x": st.just(True)},
    ),
    st.integers(0, 6),
)


class Names:
    """Numbers for the attributes, as Redis keeps them."""

    known: ClassVar[list[str]] = sorted(TYPES)

    def number(self, name):
        return self.known.index(name)

    def name(self, number):
        return self.known[number]


def applied(plan, found):
    """The contact after a plan was carried out."""
    desired = plan.desired
    lists = set(found.lists) - set(desired.unlist) if plan.action != "none" else set(found.lists)
    attributes = dict(found.attributes)
    is_called = plan.action in {"write", "leave"}
    if is_called:
        attributes |= dict.fromkeys(desired.emptied, "")
    if plan.action == "write":
        attributes |= desired.attributes
        lists |= set() if desired.blocked else set(desired.added)
    blocked = desired.blocked if is_called and desired.blocked is not None else found.blocked
    sms_blocked = desired.sms_blocked if is_called and desired.sms_blocked is not None else found.sms_blocked
    return found._replace(blocked=blocked, sms_blocked=sms_blocked, lists=frozenset(lists), attributes=attributes)


def looked(one, left, drift):
    """The person after Brevo was looked at, as a heal tells it."""
    fields = {**{name: [method, BREVO] for name, method in left.items()}, "drift": dict(drift)}
    return replace(one, said=merge([one.said, stamp(fields, LOOK)]))


def compared(one, rules):
    """The person, so that their contact is compared with it at all."""
    if not can_return(one, rules):
        digest = "as last written" if one.has.digest == "deleted" else one.has.digest
        one = replace(one, has=replace(one.has, is_there=True, digest=digest))
    assert is_customer(one)
    return one


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(PEOPLE, CHOICES, FOUND)
def test_mending_closes_the_gap_and_lifts_no_block(one, rules, found):
    one = compared(one, rules)
    seen = judge(one, found, rules, {}, NOW)
    assume(not seen.refused and not seen.is_equal)

    one = looked(one, seen.left, seen.found)
    plan = make_plan(one, rules, LOOK)
    assume(plan.action != "delete")
    mended = applied(plan, found) if plan.desired else found

    assert plan.action in {"write", "leave", "none"}
    assert mended.blocked >= found.blocked
    assert mended.sms_blocked >= found.sms_blocked
    kept = after_write(plan.has, plan.desired, LOOK + 1) if plan.action != "none" else plan.has
    again = decode_person(encode_person(replace(one, has=kept), Names()), Names())
    assert "drift" not in again.said
    second = judge(again, mended, rules, {}, NOW)
    assert second.is_equal, second


@given(PEOPLE, CHOICES, DRIFTS)
def test_a_look_that_is_older_than_the_last_delivery_changes_nothing(one, rules, drift):
    one = replace(one, has=replace(one.has, at_ms=max(one.has.at_ms, drift.at_ms)))

    assert make_plan(drifted(one, drift), rules, NOW) == make_plan(one, rules, NOW)


def drifted(one, drift):
    return replace(one, said={**one.said, "drift": drift})


@given(PEOPLE, CHOICES, DRIFTS)
def test_a_look_is_heard_once(one, rules, drift):
    one = compared(one, rules)
    plan = make_plan(drifted(one, drift), rules, NOW)

    if plan.action in {"write", "leave"}:
        done = replace(after_write(plan.has, plan.desired, NOW), is_read=True)
    elif plan.action == "delete":
        done = after_delete(plan.has, NOW)
    else:
        done = plan.has

    one = replace(one, has=done)
    assert make_plan(drifted(one, drift), rules, NOW).action == "none"
    assert make_plan(one, rules, NOW).action == "none"


@given(PEOPLE, CHOICES, DRIFTS)
def test_a_look_lifts_no_block_without_an_act_that_is_newer_than_every_withdrawal(one, rules, drift):
    plan = make_plan(drifted(one, drift), rules, NOW)

    for channel, flag in (
        ("email", plan.desired and plan.desired.blocked),
        ("sms", plan.desired and plan.desired.sms_blocked),
    ):
        if flag is False:
            living = [record.state for record in view(one, rules).roll.living]
            granted = [state[f"consent.{channel}.granted"] for state in living if f"consent.{channel}.granted" in state]
            said = [one.said] if channel == "email" else []
            name = f"consent.{channel}.withdrawn"
            withdrawn = [state[name].at_ms for state in [*living, *said] if name in state]
            assert max(act.at_ms for act in granted) > max(withdrawn, default=0)
            assert not {"consent.email.bounced", "consent.email.complained"} & set(one.said) or channel == "sms"


def test_what_brevo_was_found_to_have_is_true_of_no_other_person():
    said = {"drift": Stamped({"b": True}, 1), "gone": Stamped(value=True, at_ms=1), "FIRSTNAME": Stamped("Jane", 1)}

    found = apply(Person(), [Part("a" * 16, "", None, said, is_borrowed=True)])

    assert found == Person()


def test_a_block_that_was_heard_of_after_the_contact_was_deleted_is_heard_once():
    spam = {"consent.email.complained": Stamped(["brevo:spam", BREVO], 2)}
    one = replace(person({"deleted": Stamped(None, 3)}), said=spam | {"gone": Stamped(value=True, at_ms=1)})

    first = make_plan(one, RULES, NOW)

    assert first.action == "none"
    assert make_plan(replace(one, has=first.has), RULES, NOW).action == "none"


def test_only_a_differing_body_is_written_again():
    one = written(person(YES))
    block = {"consent.email.withdrawn": "brevo:found_blocked"}

    plans = [make_plan(looked(one, block, {"b": True, "l": [3, 5], **more}), RULES, LOOK) for more in ({}, {"x": True})]

    assert [plan.action for plan in plans] == ["none", "write"]
