"""What differs between a person and their contact, and what mending makes of it: pure rules."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from customer_sync.brevo.contact_plan import BREVO, after_delete, after_write, make_plan
from customer_sync.merge import Stamped, merge, stamp
from customer_sync.model import Channel
from customer_sync.reconcile.compare import (
    NO_LIFT,
    NO_UPDATES,
    Contact,
    can_return,
    judge,
    read_choices,
    read_contact,
)
from customer_sync.store.lanes import decode_change, encode_change
from customer_sync.store.people import Has, Person, decode, encode
from tests.test_contact_plan import (
    CHOICES,
    HAS,
    JANE,
    NO,
    NOW,
    RULES,
    STATES,
    TYPES,
    YES,
    YES_AFTER_NO,
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


def verdict(state, found, has=None, rules=RULES, choices=None):
    return judge(Person(state, has or written(state, rules)), found, rules, choices or {})


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
        ("FIRSTNAME", None, "Jane"),
    ],
)
def test_another_value_differs(name, known, found):
    assert verdict(person(**{name: known}), contact(**{name: found})).fields == (name,)


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
    ("state", "lists", "differs"),
    [
        (person() | YES, (3, 5), False),
        (person() | YES, (3, 5, 99), False),  # a list of others
        (person() | YES, (3,), True),
        (person(), (), False),
        (person(), (3,), False),  # somebody in Brevo put them there, not we
        (person() | NO, (3, 5), False),  # blocked is enough
        (person(status="departed"), (3,), True),
        (person(status="departed"), (99,), False),
    ],
)
def test_the_lists_that_are_ours_to_keep(state, lists, differs):
    has = None if state["status"].value == "active" else Has(email=JANE, at_ms=NOW)

    found = verdict(state, contact(lists=lists, blocked="consent.email.withdrawn" in state), has)

    assert ("lists" in found.fields) is differs


def test_a_list_that_we_put_somebody_on_and_should_not_have_differs():
    has = replace(written(person() | YES), lists=(3, 5))

    found = verdict(person(), contact(lists=(3,)), has)

    assert (found.fields, found.harms, found.found["l"]) == (("lists",), True, [3])


# Consent


def test_withdrawn_and_mailable_is_told_for_each_channel():
    state = person(SMS="+31612345678") | NO | {"consent.sms.withdrawn": Stamped("STOP", 5, "shop")}

    found = verdict(state, contact(SMS="31612345678"))

    assert (found.mailable, found.harms, found.is_urgent) == ((Channel.EMAIL, Channel.SMS), True, True)


def test_an_sms_block_counts_only_where_there_is_a_number():
    state = person() | {"consent.sms.withdrawn": Stamped("STOP", 5, "shop")}

    assert verdict(state, contact()).is_equal


def test_a_block_of_our_own_is_no_withdrawal_found():
    assert verdict(person() | NO, contact(blocked=True)).is_equal


def test_a_block_that_we_do_not_know_is_a_withdrawal_even_after_an_opt_in():
    has = written(person() | YES_AFTER_NO)

    found = verdict(person() | YES_AFTER_NO, contact(blocked=True, lists=(3, 5)), has)

    assert found.left == {"consent.email.withdrawn": "brevo:found_blocked"}


def test_an_opt_in_that_was_not_delivered_is_not_delivered_here():
    has = replace(written(person() | NO), blocked=True)

    assert verdict(person() | YES_AFTER_NO, contact(blocked=True), has).refused == NO_LIFT


def test_a_list_that_the_person_left_in_brevo_is_a_withdrawal():
    found = verdict(person() | YES, contact(lists=(3,), left=(5,)))

    assert found.left == {"consent.email.withdrawn": "brevo:unsubscribed_list"}
    assert found.fields == ()


def test_a_list_that_was_left_once_and_joined_again_is_none():
    assert verdict(person() | YES, contact(lists=(3, 5), left=(5,))).is_equal


def test_where_updates_are_off_only_consent_is_mended():
    rules = replace(RULES, update={"shop": False})

    assert verdict(person(), contact(FIRSTNAME="Else"), rules=rules).refused == NO_UPDATES
    assert verdict(person(), contact(), rules=rules).is_equal
    assert verdict(person() | NO, contact(), rules=rules).mailable == (Channel.EMAIL,)


# A contact that is there again


@pytest.mark.parametrize(
    ("state", "has", "expected"),
    [
        (person() | {"gone": Stamped(value=True, at_ms=5, source=BREVO)}, Has(), True),
        (person(), Has(), False),
        (person(status="deleted"), Has(digest="x"), True),
        (person(status="deleted"), after_delete(Has(), 5), False),
        (person(status="departed"), Has(digest="x"), False),
        ({}, Has(), False),
    ],
)
def test_a_contact_that_is_there_again_is_kept_in_step_where_it_was_ours(state, has, expected):
    assert can_return(Person(state, has)) is expected


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
        optional={"x": st.just(True), "e": st.just(True)},
    ),
    st.integers(0, 6),
    st.just(BREVO),
)


def applied(plan, found):
    """The contact after a plan was carried out."""
    desired = plan.desired
    lists = set(found.lists) - set(desired.unlist) if plan.action != "none" else set(found.lists)
    attributes = dict(found.attributes)
    if plan.action == "write":
        attributes |= desired.attributes
        lists |= set() if desired.blocked else set(desired.lists)
    is_called = plan.action in {"write", "leave"}
    blocked = desired.blocked if is_called and desired.blocked is not None else found.blocked
    sms_blocked = desired.sms_blocked if is_called and desired.sms_blocked is not None else found.sms_blocked
    return found._replace(blocked=blocked, sms_blocked=sms_blocked, lists=frozenset(lists), attributes=attributes)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(STATES, HAS, CHOICES, FOUND)
def test_mending_closes_the_gap_and_lifts_no_block(state, has, rules, found):
    state = {**state, "email": Stamped(["f", JANE], 1, "shop"), "ref.shop": Stamped("1", 1, "shop")}
    one = Person(state, replace(has, email=None))
    if has.email is not None or not can_return(one):
        one = Person(state, replace(has, email=JANE, digest="as last written"))
    seen = judge(one, found, rules, {})
    assume(not seen.refused and not seen.is_equal)

    state = merge([state, stamp({**seen.left, "drift": dict(seen.found)}, LOOK, BREVO)])
    plan = make_plan(state, one.has, rules)
    assume(plan.action != "delete")
    mended = applied(plan, found) if plan.desired else found

    assert plan.action in {"write", "leave", "none"}
    assert mended.blocked >= found.blocked
    assert mended.sms_blocked >= found.sms_blocked
    kept = after_write(plan.has, plan.desired, LOOK + 1) if plan.action != "none" else plan.has
    again = decode(encode(Person(state, kept)))
    assert "drift" not in again.state
    second = judge(again, mended, rules, {})
    assert second.is_equal, second


@given(STATES, HAS, CHOICES, DRIFTS)
def test_a_look_that_is_older_than_the_last_delivery_changes_nothing(state, has, rules, drift):
    has = replace(has, at_ms=max(has.at_ms, drift.at_ms))

    assert make_plan({**state, "drift": drift}, has, rules) == make_plan(state, has, rules)


@given(STATES, HAS, CHOICES, DRIFTS)
def test_a_look_is_heard_once(state, has, rules, drift):
    state = {**state, "drift": drift}
    plan = make_plan(state, has, rules)

    if plan.action in {"write", "leave", "rename"}:
        done = after_write(plan.has, plan.desired, NOW)
    elif plan.action == "delete":
        done = after_delete(plan.has, NOW)
    else:
        done = plan.has

    assert make_plan(state, done, rules).action == "none"
    without = {name: one for name, one in state.items() if name != "drift"}
    assert make_plan(without, done, rules).action == "none"


@given(STATES, HAS, CHOICES, DRIFTS)
def test_a_look_lifts_no_block_without_an_act_that_is_newer_than_every_withdrawal(state, has, rules, drift):
    plan = make_plan({**state, "drift": drift}, has, rules)

    for channel, flag in (
        ("email", plan.desired and plan.desired.blocked),
        ("sms", plan.desired and plan.desired.sms_blocked),
    ):
        if flag is False:
            withdrawn, granted = state[f"consent.{channel}.withdrawn"], state[f"consent.{channel}.granted"]
            assert granted.at_ms > withdrawn.at_ms


def test_what_brevo_was_found_to_have_is_true_of_no_other_person():
    drift = {"drift": Stamped({"b": True}, 1, BREVO), "FIRSTNAME": Stamped("Jane", 1, "shop")}

    for what in ("all", "joined", "shared"):
        state, _ = decode_change(json.dumps({"copy": what, "change": encode_change(drift)}))
        assert set(state) == {"FIRSTNAME"}


def test_a_block_that_was_heard_of_after_the_contact_was_deleted_is_heard_once():
    spam = {"consent.email.withdrawn": Stamped("brevo:spam", 2, BREVO)}
    state = person(status="deleted", at_ms=3) | spam | {"gone": Stamped(value=True, at_ms=1, source=BREVO)}

    first = make_plan(state, Has(), RULES)

    assert first.action == "none"
    assert make_plan(state, first.has, RULES).action == "none"


def test_only_a_differing_body_is_written_again():
    state = person() | YES
    has = written(state)
    block = {"consent.email.withdrawn": Stamped("brevo:found_blocked", LOOK, BREVO)}

    plans = [
        make_plan(merge([state, block, stamp({"drift": {"b": True, "l": [3, 5], **more}}, LOOK, BREVO)]), has, RULES)
        for more in ({}, {"x": True})
    ]

    assert [plan.action for plan in plans] == ["none", "write"]
