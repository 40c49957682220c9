"""What is to be done for one person, from what is known and what Brevo has."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.brevo.attributes import Refused, fit
from customer_sync.brevo.contact_plan import (
    BREVO,
    Rules,
    after_delete,
    after_write,
    fit_attributes,
    make_plan,
    remember,
    remembered,
)
from customer_sync.merge import Stamped, canonical, merge, stamp
from customer_sync.model import ConsentState
from customer_sync.store.people import Has

JANE, OLD = "jane@example.com", "old@example.com"
TYPES = {
    "FIRSTNAME": "text",
    "SMS": "text",
    "SINCE": "date",
    "TOTAL": "float",
    "VIP": "boolean",
    "TAGS": "multiple-choice",
}
RULES = Rules(lists={"shop": (5, 3), "woo": (7,)}, attributes=TYPES)
#: When Brevo accepted the contact last; what is known is mostly older.
NOW = 1_000


def person(at_ms=1, source="shop", **fields):
    """What is known of Jane, customer 1 of a source; `x__y` stands for `x.y`."""
    email = fields.pop("email", JANE)
    known = {"email": ["fingerprint", email], f"ref.{source}": "1", "FIRSTNAME": "Jane", "status": "active"}
    named = {name.replace("__", "."): value for name, value in fields.items()}
    return stamp(known | named, at_ms, source)


def of_email(**registers):
    """The registers of e-mail consent: name=(value, at_ms) or name=(value, at_ms, source)."""
    return {f"consent.email.{name}": Stamped(*(*found, "shop")[:3]) for name, found in registers.items()}


NO = of_email(withdrawn=("form", 5))
YES = of_email(granted=("double opt-in", 5))
YES_AFTER_NO = of_email(withdrawn=("form", 5), granted=("double opt-in", 6))
YES_WITH_NO = of_email(withdrawn=("form", 5), granted=("double opt-in", 5))
TICKED = of_email(stated=(["granted", "box"], 5))
TICKED_AFTER_NO = of_email(withdrawn=("form", 5), stated=(["granted", "box"], 6))


def written(state, rules=RULES, **corrections):
    """What Brevo has after all this was written once."""
    plan = make_plan(state, Has(), rules)
    return replace(after_write(plan.has, plan.desired, NOW), **corrections)


# Which action is taken

HERE = person()
GONE = {"gone": Stamped(value=True, at_ms=NOW + 1, source=BREVO)}
DELETED = person(status="deleted") | NO
DEPARTED = person(status="departed")
HARD = replace(RULES, delete={"shop": "hard"})


@pytest.mark.parametrize(
    ("state", "has", "rules", "action", "why"),
    [
        pytest.param(HERE, Has(), RULES, "write", "", id="a new customer"),
        pytest.param(HERE, written(HERE), RULES, "none", "unchanged", id="Brevo has it all"),
        pytest.param(HERE, written(person(FIRSTNAME="Jo")), RULES, "write", "", id="an attribute changed"),
        pytest.param(HERE | YES, written(HERE), RULES, "write", "", id="a new opt-in brings lists"),
        pytest.param(HERE, written(HERE | YES), RULES, "write", "", id="an opt-in that is no more takes lists"),
        pytest.param(HERE | NO, written(HERE), RULES, "write", "", id="a new withdrawal brings a block"),
        pytest.param(HERE | NO, written(HERE | NO), RULES, "none", "unchanged", id="a block is not sent twice"),
        pytest.param(HERE | YES_AFTER_NO, written(HERE | NO), RULES, "write", "", id="a newer opt-in lifts our block"),
        pytest.param(
            HERE | TICKED_AFTER_NO, written(HERE | NO), RULES, "none", "unchanged", id="a checkbox lifts nothing"
        ),
        pytest.param(HERE, written(HERE, email=OLD), RULES, "rename", "", id="another address"),
        pytest.param(HERE | NO, written(HERE | NO, email=OLD), RULES, "rename", "", id="another address, blocked"),
        pytest.param({}, Has(), RULES, "none", "no address", id="nobody"),
        pytest.param({"ref.shop": Stamped("1", 1, "shop")}, Has(), RULES, "none", "no address", id="only an id"),
        pytest.param(
            stamp({"email": ["f", JANE]}, 1, BREVO) | NO, Has(), RULES, "none", "not a customer", id="a stranger"
        ),
        pytest.param(
            stamp({"email": ["f", JANE], "status": "active"}, 1, "shop"), Has(), RULES, "write", "", id="a guest"
        ),
        pytest.param(person(status="erased"), written(HERE), RULES, "erase", "", id="erased"),
        pytest.param(stamp({"status": "erased"}, 1, "shop"), Has(), RULES, "erase", "", id="erased, no address known"),
        pytest.param(person(status="erased"), Has(), HARD, "erase", "", id="erased, never in Brevo"),
        pytest.param(DELETED, written(HERE | YES), RULES, "leave", "", id="deleted, soft"),
        pytest.param(DELETED, Has(), RULES, "leave", "", id="deleted, soft, perhaps in Brevo"),
        pytest.param(
            DELETED,
            written(DELETED, email=None, blocked=False),
            RULES,
            "none",
            "deleted",
            id="deleted, soft, not in Brevo",
        ),
        pytest.param(DELETED, written(DELETED), RULES, "none", "unchanged", id="deleted, soft, done"),
        pytest.param(DEPARTED, written(HERE | YES), RULES, "leave", "", id="departed, on a list"),
        pytest.param(DEPARTED, written(HERE), RULES, "none", "unchanged", id="departed, on no list"),
        pytest.param(DEPARTED, Has(), RULES, "none", "departed", id="departed, never in Brevo"),
        pytest.param(DELETED, written(HERE | YES), HARD, "delete", "", id="deleted, hard"),
        pytest.param(DELETED, after_delete(written(HERE), NOW), HARD, "none", "deleted", id="deleted, hard, done"),
        pytest.param(DELETED, Has(), replace(RULES, delete={"woo": "hard"}), "leave", "", id="another source's choice"),
        pytest.param(HERE, after_delete(written(HERE), NOW), HARD, "write", "", id="back after a hard delete"),
        pytest.param(HERE | GONE, written(HERE), RULES, "none", "deleted in Brevo", id="deleted in Brevo"),
        pytest.param(HERE | GONE, written(HERE, at_ms=NOW + 2), RULES, "none", "unchanged", id="written since"),
        pytest.param(person(at_ms=NOW + 2) | GONE, written(HERE), RULES, "write", "", id="changed since"),
    ],
)
def test_each_case_has_its_action(state, has, rules, action, why):
    plan = make_plan(state, has, rules)

    assert (plan.action, plan.why) == (action, why)
    assert plan.desired is not None or action in {"none", "delete", "erase"}


def test_a_contact_that_was_deleted_in_brevo_is_no_longer_thought_to_be_there():
    plan = make_plan(person(at_ms=NOW + 2) | GONE, written(HERE | NO), RULES)

    assert (plan.has.email, plan.has.blocked, plan.has.lists) == (None, False, ())


def test_a_contact_that_was_deleted_in_brevo_comes_back_blocked_when_the_person_withdrew():
    plan = make_plan(person(at_ms=NOW + 2) | NO | GONE, written(HERE | NO), RULES)

    assert (plan.action, plan.desired.blocked) == ("write", True)


# Which flags are sent


@pytest.mark.parametrize(
    ("consent", "is_blocked", "flag"),
    [
        ({}, False, None),
        ({}, True, None),
        (NO, False, True),
        (NO, True, True),
        (YES, False, None),
        (YES, True, None),
        (TICKED, False, None),
        (TICKED, True, None),
        (YES_WITH_NO, True, True),
        (YES_AFTER_NO, True, False),
        (YES_AFTER_NO, False, None),
        (TICKED_AFTER_NO, True, True),
        (of_email(stated=(["pending", "box"], 5)), True, None),
        (of_email(granted=("form", 5), stated=(["unknown", "box"], 6)), True, None),
        (YES_AFTER_NO | of_email(stated=(["unknown", "box"], 7)), False, None),
    ],
)
@pytest.mark.parametrize("channel", ["email", "sms"])
def test_a_block_is_raised_on_every_withdrawal_and_lifted_only_by_a_newer_act(consent, is_blocked, flag, channel):
    state = HERE | {name.replace(".email.", f".{channel}."): one for name, one in consent.items()}

    has = Has(email=JANE, blocked=is_blocked) if channel == "email" else Has(email=JANE, sms_blocked=is_blocked)

    desired = make_plan(state, has, RULES).desired

    assert {"email": desired.blocked, "sms": desired.sms_blocked} == {"email": None, "sms": None} | {channel: flag}


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(("sent", "after"), [(True, True), (False, False), (None, None)])
def test_a_flag_that_was_not_sent_stays_as_it_was(before, sent, after):
    desired = make_plan(HERE, Has(), RULES).desired._replace(blocked=sent, sms_blocked=sent)

    has = after_write(Has(blocked=before, sms_blocked=before), desired, NOW)

    expected = before if after is None else after
    assert (has.blocked, has.sms_blocked) == (expected, expected)


@pytest.mark.parametrize("how", ["brevo:unsubscribed", "brevo:spam", "brevo:hard_bounce"])
def test_a_block_that_brevo_set_itself_is_known_and_not_sent_again(how):
    state = HERE | of_email(withdrawn=(how, NOW + 1, BREVO))

    plan = make_plan(state, written(HERE), RULES)

    assert (plan.action, plan.has.blocked) == ("none", True)


def test_leaving_a_single_list_in_brevo_sets_no_block_there_so_we_do():
    state = HERE | of_email(withdrawn=("brevo:unsubscribed_list", NOW + 1, BREVO))

    plan = make_plan(state, written(HERE), RULES)

    assert (plan.action, plan.has.blocked, plan.desired.blocked) == ("write", False, True)


@pytest.mark.parametrize("missing", [ConsentState.UNKNOWN, ConsentState.GRANTED])
def test_the_choice_for_missing_consent_lifts_no_block(missing):
    rules = replace(RULES, missing={"shop": missing})

    assert make_plan(HERE, written(HERE | NO), rules).desired.blocked is None
    assert make_plan(HERE | NO, written(HERE), rules).desired.blocked is True


# Which lists


@pytest.mark.parametrize(
    ("consent", "lists"),
    [({}, ()), (YES, (3, 5)), (TICKED, (3, 5)), (YES_AFTER_NO, (3, 5)), (of_email(stated=(["pending", "box"], 5)), ())],
)
def test_only_who_agreed_is_put_on_lists(consent, lists):
    assert make_plan(HERE | consent, Has(), RULES).desired.lists == lists


@pytest.mark.parametrize(
    ("state", "lists", "unlist"), [(HERE | NO, (3, 5), ()), (DELETED, (), (3, 5)), (DEPARTED | YES, (), (3, 5))]
)
def test_who_withdrew_stays_where_they_are_and_who_left_is_taken_off(state, lists, unlist):
    desired = make_plan(state, written(HERE | YES), RULES).desired

    assert (desired.lists, desired.unlist) == (lists, unlist)


def test_who_withdrew_is_put_on_no_list():
    assert make_plan(HERE | NO, written(HERE), RULES).desired.lists == ()


def test_a_customer_of_two_sources_is_put_on_the_lists_of_both():
    state = merge([person(), person(source="woo", at_ms=2), YES])

    assert make_plan(state, Has(), RULES).desired.lists == (3, 5, 7)


def test_a_list_that_is_no_longer_configured_is_left():
    desired = make_plan(HERE | YES, written(HERE | YES), replace(RULES, lists={"shop": (5,)})).desired

    assert (desired.lists, desired.unlist) == ((5,), (3,))
    assert after_write(written(HERE | YES), desired, NOW).lists == (5,)


@pytest.mark.parametrize(
    ("choices", "lists"),
    [({}, ()), ({"shop": "granted"}, ()), ({"shop": "granted", "woo": "granted"}, (3, 5, 7))],
)
def test_missing_consent_counts_as_given_only_where_all_the_sources_say_so(choices, lists):
    rules = replace(RULES, missing={source: ConsentState(word) for source, word in choices.items()})
    state = merge([person(), person(source="woo", at_ms=2)])

    assert make_plan(state, Has(), rules).desired.lists == lists


@pytest.mark.parametrize(
    ("consent", "may_update"),
    [({}, False), (YES, False), (NO, True), ({"consent.sms.withdrawn": Stamped("STOP", 5, "shop")}, True)],
)
def test_a_block_is_written_even_where_contacts_that_are_there_are_left_alone(consent, may_update):
    rules = replace(RULES, update={"shop": False})

    assert make_plan(HERE | consent, Has(), rules).desired.may_update is may_update
    assert make_plan(HERE | consent, Has(), RULES).desired.may_update is True


# Which attributes


def test_what_is_ours_is_no_attribute():
    desired = make_plan(HERE | YES | {"gone": Stamped(value=False, at_ms=1, source=BREVO)}, Has(), RULES).desired

    assert desired.attributes == {"FIRSTNAME": "Jane"}


def test_each_value_is_fitted_to_the_type_of_its_attribute():
    state = person(FIRSTNAME=None, SINCE="2026-11-21T10:00:00Z", TOTAL="19.90", VIP="yes", TAGS="a, b", NEW="x")

    desired = make_plan(state, Has(), RULES).desired

    assert desired.attributes == {
        "FIRSTNAME": "",
        "SINCE": "2026-11-21",
        "TOTAL": 19.9,
        "VIP": True,
        "TAGS": ["a", "b"],
    }
    assert desired.refused == {"NEW": "There is no such attribute in Brevo: `tajo attributes apply` makes it."}


def test_a_value_that_does_not_fit_is_left_out_and_the_rest_is_sent():
    desired = make_plan(person(SINCE="soon", TOTAL="much"), Has(), RULES).desired

    assert desired.attributes == {"FIRSTNAME": "Jane"}
    assert set(desired.refused) == {"SINCE", "TOTAL"}
    assert "soon" not in desired.refused["SINCE"]


def test_all_that_can_be_sent_is_sent_while_the_types_are_not_known():
    attributes, refused = fit_attributes(person(SINCE="soon", NEW=5, TAGS={"a": 1}), Has(), None)

    assert attributes == {"FIRSTNAME": "Jane", "SINCE": "soon", "NEW": 5}
    assert refused == {"TAGS": "a list or object cannot be an attribute"}


def test_a_value_that_brevo_refused_is_not_sent_again_until_it_changes():
    state = person(SMS="+31612345678")
    note = remember("Brevo does not accept the phone number.", "+31612345678")
    has = replace(written(state), refused={"SMS": note})

    same = make_plan(state, has, RULES).desired
    other = make_plan(person(SMS="+31687654321"), has, RULES).desired

    assert ("SMS" in same.attributes, same.refused) == (False, {"SMS": note})
    assert (other.attributes["SMS"], other.refused) == ("+31687654321", {})


def test_what_was_refused_is_remembered_from_one_write_to_the_next():
    state = person(SMS="+31612345678")
    note = remember("No.", "+31612345678")

    has = written(person(), refused={"SMS": note})
    for name in ("Jane", "Jo", "Joan"):
        desired = make_plan(state | person(FIRSTNAME=name, SMS="+31612345678"), has, RULES).desired
        has = after_write(has, desired, NOW)

    assert (desired.attributes, has.refused) == ({"FIRSTNAME": "Joan"}, {"SMS": note})


def test_a_new_reason_to_leave_something_out_costs_no_call():
    plan = make_plan(person(SINCE="soon"), written(HERE), RULES)

    assert (plan.action, plan.why) == ("none", "unchanged")
    assert set(plan.has.refused) == {"SINCE"}


PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.dates().map(str)
    | st.sampled_from(["19.90", "yes", "a, b", "2026-02-30"])
)
#: Mostly plain values: left to itself, `recursive` draws mostly lists and objects.
JSON = (
    PLAIN
    | PLAIN
    | st.recursive(
        PLAIN,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
        max_leaves=4,
    )
)


@given(reason=st.text(), one=JSON, two=JSON)
def test_a_note_is_of_one_value_alone_and_tells_its_reason_without_the_value(reason, one, two):
    note = remember(reason, one)

    assert note.startswith(reason)
    assert remembered(note, one) == note
    assert (remembered(note, two) is not None) == (canonical(one) == canonical(two))
    assert remembered(reason, one) is None or reason.endswith("]")


@pytest.mark.parametrize(
    ("kind", "value", "fitted"),
    [
        ("text", "Jane", "Jane"),
        ("text", 5, "5"),
        ("text", 706405506930370084, "706405506930370084"),
        ("text", 1250.0, "1250"),
        ("text", 123456.78, "123456.78"),
        ("text", 1234567.0, "1234567"),
        ("text", -0.5, "-0.5"),
        ("text", True, "true"),
        ("text", False, "false"),
        ("float", "19.90", 19.9),
        ("float", 5.0, 5),
        ("float", " 7 ", 7),
        ("float", 0, 0),
        ("date", "2026-11-21", "2026-11-21"),
        ("date", "2026-11-21T23:30:00-08:00", "2026-11-21"),
        ("boolean", False, False),
        ("boolean", " Yes ", True),
        ("boolean", 0, False),
        ("multiple-choice", "a, b,,", ["a", "b"]),
        ("multiple-choice", ["a", 2, 1.5, True], ["a", "2", "1.5", "true"]),
        ("category", "gold", "gold"),
        ("category", 2, 2),
        ("user", "someone", "someone"),
    ],
)
def test_a_value_takes_the_form_of_the_attribute(kind, value, fitted):
    found = fit(value, kind)

    assert found == fitted
    assert type(found) is type(fitted)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", ["a"]),
        ("text", {"a": 1}),
        ("float", "much"),
        ("float", True),
        ("float", "1e999"),
        ("float", "nan"),
        ("date", "21.11.2026"),
        ("date", "2026-02-30"),
        ("date", "2026-99-99"),
        ("date", "\u0662\u0660\u0662\u0666-11-21"),
        ("date", 20261121),
        ("boolean", "perhaps"),
        ("boolean", 2),
        ("multiple-choice", {"a": 1}),
        ("multiple-choice", [["a"]]),
        ("category", ["gold"]),
    ],
)
def test_what_brevo_would_drop_is_refused_with_a_reason_that_does_not_show_it(kind, value):
    found = fit(value, kind)

    assert isinstance(found, Refused)
    assert isinstance(value, bool) or str(value) not in found.reason


@pytest.mark.parametrize("kind", [*set(TYPES.values()), "category", "user", ""])
@pytest.mark.parametrize("empty", [None, ""])
def test_empty_clears_an_attribute_of_any_type(kind, empty):
    assert fit(empty, kind) == ""


@given(value=JSON, kind=st.sampled_from(sorted(set(TYPES.values()))))
def test_any_value_fits_its_type_or_is_refused_and_what_fits_stays_as_it_is(value, kind):
    found = fit(value, kind)

    if isinstance(found, Refused) or found == "":
        return
    shapes = {
        "text": lambda: type(found) is str,
        "float": lambda: type(found) in {int, float} and json.dumps(found, allow_nan=False),
        "date": lambda: date.fromisoformat(found).isoformat() == found,
        "boolean": lambda: type(found) is bool,
        "multiple-choice": lambda: all(type(one) is str for one in found),
    }
    assert shapes[kind]()
    assert fit(found, kind) == found


# The rules that never bend

REGISTERS = {
    f"consent.{channel}.{name}": st.builds(Stamped, values, st.integers(0, 6), st.sampled_from(["shop", "woo", BREVO]))
    for channel in ("email", "sms")
    for name, values in {
        "withdrawn": st.sampled_from(
            ["form", "deleted", "brevo:spam", "brevo:unsubscribed", "brevo:unsubscribed_list"]
        ),
        "granted": st.sampled_from(["double opt-in", "form"]),
        "stated": st.tuples(st.sampled_from(["granted", "pending", "unknown"]), st.just("box")).map(list),
    }.items()
}
STATES = st.fixed_dictionaries(
    {},
    optional={
        "email": st.sampled_from([JANE, OLD]).map(lambda email: Stamped(["f", email], 1, "shop")),
        "status": st.builds(Stamped, st.sampled_from(["active", "deleted", "departed"]), st.just(3), st.just("shop")),
        "ref.shop": st.just(Stamped("1", 1, "shop")),
        "ref.woo": st.just(Stamped("2", 1, "woo")),
        "gone": st.builds(Stamped, st.just(value=True), st.integers(0, 6), st.just(BREVO)),
        "FIRSTNAME": st.builds(Stamped, st.sampled_from(["Jane", "Jo", None]), st.integers(0, 6), st.just("shop")),
        "TOTAL": st.builds(Stamped, st.sampled_from([5, "much"]), st.integers(0, 6), st.just("shop")),
    }
    | REGISTERS,
)
HAS = st.builds(
    Has,
    email=st.sampled_from([None, JANE, OLD]),
    blocked=st.booleans(),
    sms_blocked=st.booleans(),
    lists=st.sampled_from([(), (3, 5), (9,)]),
    at_ms=st.integers(0, 6),
)
CHOICES = st.builds(
    Rules,
    lists=st.just({"shop": (5, 3), "woo": (7,)}),
    delete=st.dictionaries(st.sampled_from(["shop", "woo"]), st.sampled_from(["soft", "hard"])),
    missing=st.dictionaries(st.sampled_from(["shop", "woo"]), st.sampled_from(ConsentState)),
    update=st.dictionaries(st.sampled_from(["shop", "woo"]), st.booleans()),
    attributes=st.sampled_from([None, TYPES]),
)


@given(STATES, HAS, CHOICES)
def test_a_block_is_lifted_only_on_an_act_that_is_newer_than_every_withdrawal_and_where_one_is_known(state, has, rules):
    plan = make_plan(state, has, rules)

    if plan.desired is None:
        return
    for channel, flag, known in (
        ("email", plan.desired.blocked, plan.has.blocked),
        ("sms", plan.desired.sms_blocked, plan.has.sms_blocked),
    ):
        withdrawn, granted = state.get(f"consent.{channel}.withdrawn"), state.get(f"consent.{channel}.granted")
        is_answered = withdrawn is not None and granted is not None and granted.at_ms > withdrawn.at_ms
        if flag is False:
            assert is_answered
            assert known
        assert (flag is True) == (withdrawn is not None and not is_answered)


@given(STATES, HAS, CHOICES)
def test_nobody_is_put_on_a_list_who_did_not_agree(state, has, rules):
    plan = make_plan(state, has, rules)

    if plan.desired is None or not set(plan.desired.lists) - set(plan.has.lists):
        return
    registers = {name.rpartition(".")[2]: one for name, one in state.items() if name.startswith("consent.email.")}
    ticked = "stated" in registers and registers["stated"].value[0] == "granted"
    trusted = rules.missing.get("shop") is ConsentState.GRANTED or rules.missing.get("woo") is ConsentState.GRANTED
    assert plan.desired.blocked is not True
    assert "granted" in registers or (not {"withdrawn"} & set(registers) and (ticked or trusted))
    assert "status" not in state or state["status"].value == "active"


@given(STATES, HAS, CHOICES)
def test_what_was_done_need_not_be_done_again(state, has, rules):
    plan = make_plan(state, has, rules)

    if plan.action in {"write", "leave", "rename"}:
        done = after_write(plan.has, plan.desired, NOW)
    elif plan.action == "delete":
        done = after_delete(plan.has, NOW)
    else:
        done = plan.has
    assert make_plan(state, done, rules).action == "none"


@given(STATES, HAS, CHOICES)
def test_nothing_is_done_for_whom_no_address_is_known(state, has, rules):
    plan = make_plan({name: one for name, one in state.items() if name != "email"}, has, rules)

    assert (plan.action, plan.why, plan.desired) == ("none", "no address", None)
