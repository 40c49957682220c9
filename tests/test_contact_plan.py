"""What is to be done for one person, from what is known and what Brevo has."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.brevo.attributes import Refused, fit
from customer_sync.brevo.contacts.contact_plan import (
    Rules,
    after_delete,
    after_write,
    make_plan,
    view,
)
from customer_sync.brevo.contacts.contact_values import fit_attributes
from customer_sync.brevo.contacts.leavings import BREVO
from customer_sync.brevo.contacts.refusals import RETRY_MS, is_due, is_taken, reason_of, remember
from customer_sync.model import ConsentState
from customer_sync.person.consent import label_of
from customer_sync.person.merge import Stamped, canonical, is_empty, stamp
from customer_sync.person.observing import BLOCKS
from customer_sync.person.person import FREED, WEAK_MS, Has, Person, Record
from tests.reconcile.jane import JANE, NOW, RULES, TYPES

OLD = "old@example.com"


def record(at_ms=1, source="shop", own_id="1", consent=None, **fields):
    """What a source says of its customer: a claim of the address, and fields."""
    own = {} if fields.pop("bare", False) else {"claim": None}
    state = stamp({"FIRSTNAME": "Jane"} | own | fields, at_ms)
    return Record(f"{source}.{own_id}", source, own_id, state | (consent or {}))


def person(*records, email=JANE, said=None, **fields):
    """What is known of Jane: her records, customer 1 of a shop unless others are given."""
    found = records or (record(**fields),)
    return Person(email, {one.ref: one for one in found}, said or {}, Has())


def with_has(known, has):
    """The same person, of whom Brevo has this."""
    return replace(known, has=has)


def of_record(**registers):
    """Registers of e-mail consent in a record: name=(value, at_ms)."""
    return {f"consent.email.{name}": Stamped(*found) for name, found in registers.items()}


def of_address(**registers):
    """What was said of the address: name=(method, at_ms)."""
    found = {f"consent.email.{name}": Stamped([method, BREVO], at_ms) for name, (method, at_ms) in registers.items()}
    here = [one for one in found.values() if one.value[0] in BLOCKS]
    return found | ({"consent.email.here": max(here, key=lambda one: one.at_ms)} if here else {})


HERE_LABEL = label_of(JANE)
NO = of_record(withdrawn=("form", 5))
YES = of_record(granted=(["double opt-in", HERE_LABEL], 5))
YES_AFTER_NO = of_record(withdrawn=("form", 5), granted=(["double opt-in", HERE_LABEL], 6))
YES_WITH_NO = of_record(withdrawn=("form", 5), granted=(["double opt-in", HERE_LABEL], 5))
TICKED = of_record(stated=([0, "box", HERE_LABEL], 5))
TICKED_AFTER_NO = of_record(withdrawn=("form", 5), stated=([0, "box", HERE_LABEL], 6))


def plan_for(known, has=None, rules=RULES, now_ms=NOW, old=None):
    """The plan for a person of whom Brevo has this."""
    return make_plan(known if has is None else with_has(known, has), rules, now_ms, old)


def written(known, rules=RULES, **corrections):
    """What Brevo has after all this was written once."""
    plan = plan_for(known, Has(), rules)
    return replace(after_write(plan.has, plan.desired, NOW), **{"is_read": True, **corrections})


# Which action is taken

HERE = person()
HERE_NO, HERE_YES = person(consent=NO), person(consent=YES)
GONE = {"gone": Stamped(value=True, at_ms=NOW + 1)}
DELETED = person(deleted=None, at_ms=2)
DEPARTED = Person(JANE, {}, {}, Has())
HARD = replace(RULES, delete={"shop": "hard"})
ERASED = {"erased": Stamped(value=True, at_ms=9)}
GUEST = Person(JANE, {"g": Record("g", "shop", None, stamp({"claim": None}, 1))}, {}, Has())
OLD_PERSON = Person(OLD, {}, {}, written(HERE))


@pytest.mark.parametrize(
    ("known", "has", "rules", "action", "why"),
    [
        pytest.param(HERE, Has(), RULES, "write", "", id="a new customer"),
        pytest.param(HERE, written(HERE), RULES, "none", "unchanged", id="Brevo has it all"),
        pytest.param(HERE, written(person(FIRSTNAME="Jo")), RULES, "write", "", id="an attribute changed"),
        pytest.param(HERE_YES, written(HERE), RULES, "write", "", id="a new opt-in brings lists"),
        pytest.param(HERE, written(HERE_YES), RULES, "write", "", id="an opt-in that is no more takes lists"),
        pytest.param(HERE_NO, written(HERE), RULES, "write", "", id="a new withdrawal brings a block"),
        pytest.param(HERE_NO, written(HERE_NO), RULES, "none", "unchanged", id="a block is not sent twice"),
        pytest.param(
            person(consent=YES_AFTER_NO), written(HERE_NO), RULES, "write", "", id="an opt-in lifts our block"
        ),
        pytest.param(
            person(consent=TICKED_AFTER_NO), written(HERE_NO), RULES, "none", "unchanged", id="a box lifts nothing"
        ),
        pytest.param(Person(), Has(), RULES, "none", "no address", id="nobody"),
        pytest.param(person(email=None), Has(), RULES, "none", "no address", id="only an id"),
        pytest.param(
            Person(JANE, {}, of_address(withdrawn=("brevo:unsubscribed", 5))),
            Has(),
            RULES,
            "none",
            "not a customer",
            id="a stranger",
        ),
        pytest.param(GUEST, Has(), RULES, "write", "", id="a guest"),
        pytest.param(replace(HERE, said=ERASED), written(HERE), RULES, "erase", "", id="erased"),
        pytest.param(Person(None, {}, ERASED), Has(), RULES, "erase", "", id="erased, no address known"),
        pytest.param(replace(HERE, said=ERASED), Has(), HARD, "erase", "", id="erased, never in Brevo"),
        pytest.param(DELETED, written(HERE_YES), RULES, "leave", "", id="deleted, soft"),
        pytest.param(DELETED, Has(), RULES, "leave", "", id="deleted, soft, perhaps in Brevo"),
        pytest.param(
            DELETED,
            written(DELETED, is_there=False, blocked=False),
            RULES,
            "none",
            "deleted",
            id="deleted, soft, not in Brevo",
        ),
        pytest.param(DELETED, written(DELETED), RULES, "none", "deleted", id="deleted, soft, done"),
        pytest.param(DEPARTED, written(HERE_YES), RULES, "leave", "", id="departed, on a list"),
        pytest.param(DEPARTED, written(person(SMS="+31612345678")), RULES, "leave", "", id="departed, with a phone"),
        pytest.param(DEPARTED, written(HERE), RULES, "none", "departed", id="departed, on no list"),
        pytest.param(DEPARTED, Has(), RULES, "none", "not a customer", id="departed, never in Brevo"),
        pytest.param(DELETED, written(HERE_YES), HARD, "delete", "", id="deleted, hard"),
        pytest.param(DELETED, after_delete(written(HERE), NOW), HARD, "none", "deleted", id="deleted, hard, done"),
        pytest.param(DELETED, Has(), replace(RULES, delete={"woo": "hard"}), "leave", "", id="another source's choice"),
        pytest.param(HERE, after_delete(written(HERE), NOW), HARD, "write", "", id="back after a hard delete"),
        pytest.param(replace(HERE, said=GONE), written(HERE), RULES, "none", "deleted in Brevo", id="deleted in Brevo"),
        pytest.param(
            replace(HERE, said=GONE), written(HERE, at_ms=NOW + 2), RULES, "none", "unchanged", id="written since"
        ),
        pytest.param(person(at_ms=NOW + 2, said=GONE), written(HERE), RULES, "write", "", id="changed since"),
    ],
)
def test_each_case_has_its_action(known, has, rules, action, why):
    plan = plan_for(known, has, rules)

    assert (plan.action, plan.why) == (action, why)
    assert plan.desired is not None or action in {"none", "delete", "erase"}


@pytest.mark.parametrize("consent", [{}, NO, YES])
def test_the_contact_of_the_old_address_becomes_that_of_a_new_one_that_has_none(consent):
    known = person(consent=consent)

    assert plan_for(known, Has(), old=OLD_PERSON).action == "rename"
    assert plan_for(known, written(HERE), old=OLD_PERSON).action != "rename"
    # where nothing is noted yet, a worker that was killed may have made it
    assert plan_for(known, Has(), old=replace(OLD_PERSON, has=Has())).action == "rename"
    assert plan_for(known, Has(), old=replace(OLD_PERSON, has=Has(at_ms=NOW))).action == "write"


def test_a_contact_that_was_deleted_in_brevo_is_no_longer_thought_to_be_there():
    plan = plan_for(person(at_ms=NOW + 2, said=GONE), written(HERE_NO))

    assert (plan.has.is_there, plan.has.blocked, plan.has.lists) == (False, False, ())


def test_a_contact_that_was_deleted_in_brevo_comes_back_blocked_when_the_person_withdrew():
    plan = plan_for(person(at_ms=NOW + 2, consent=NO, said=GONE), written(HERE_NO))

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
        (TICKED, False, None),
        (TICKED, True, None),
        (YES_WITH_NO, True, True),
        (YES_AFTER_NO, True, False),
        (YES_AFTER_NO, False, None),
        (TICKED_AFTER_NO, True, True),
        (of_record(stated=([1, "box"], 5)), True, None),
        (YES_AFTER_NO | of_record(stated=([2, "box"], 7)), False, None),
    ],
)
@pytest.mark.parametrize("channel", ["email", "sms"])
def test_a_block_is_raised_on_every_withdrawal_and_lifted_only_by_a_newer_act(consent, is_blocked, flag, channel):
    known = person(consent={name.replace(".email.", f".{channel}."): one for name, one in consent.items()})

    has = Has(is_there=True, blocked=is_blocked) if channel == "email" else Has(is_there=True, sms_blocked=is_blocked)

    desired = plan_for(known, has).desired

    assert {"email": desired.blocked, "sms": desired.sms_blocked} == {"email": None, "sms": None} | {channel: flag}


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(("sent", "after"), [(True, True), (False, False), (None, None)])
def test_a_flag_that_was_not_sent_stays_as_it_was(before, sent, after):
    desired = plan_for(HERE).desired._replace(blocked=sent, sms_blocked=sent)

    has = after_write(Has(blocked=before, sms_blocked=before), desired, NOW)

    expected = before if after is None else after
    assert (has.blocked, has.sms_blocked) == (expected, expected)


@pytest.mark.parametrize(
    "how", [{"withdrawn": "brevo:unsubscribed"}, {"complained": "brevo:spam"}, {"bounced": "brevo:hard_bounce"}]
)
def test_a_block_that_brevo_set_itself_is_known_and_not_sent_again(how):
    known = person(said=of_address(**{name: (method, NOW + 1) for name, method in how.items()}))

    plan = plan_for(known, written(HERE))

    assert (plan.action, plan.has.blocked) == ("none", True)


def test_leaving_a_single_list_in_brevo_sets_no_block_there_so_we_do():
    plan = plan_for(person(said=of_address(withdrawn=("brevo:unsubscribed_list", NOW + 1))), written(HERE))

    assert (plan.action, plan.has.blocked, plan.desired.blocked) == ("write", False, True)


@pytest.mark.parametrize("missing", [ConsentState.UNKNOWN, ConsentState.GRANTED])
def test_the_choice_for_missing_consent_lifts_no_block(missing):
    rules = replace(RULES, missing={"shop": missing})

    assert plan_for(HERE, written(HERE_NO), rules).desired.blocked is None
    assert plan_for(HERE_NO, written(HERE), rules).desired.blocked is True


# Which lists


@pytest.mark.parametrize(
    ("consent", "lists"),
    [({}, ()), (YES, (3, 5)), (TICKED, (3, 5)), (YES_AFTER_NO, (3, 5)), (of_record(stated=([1, "box"], 5)), ())],
)
def test_only_who_agreed_is_put_on_lists(consent, lists):
    assert plan_for(person(consent=consent)).desired.lists == lists


@pytest.mark.parametrize(
    ("known", "lists", "unlist"), [(HERE_NO, (3, 5), ()), (DELETED, (), (3, 5)), (DEPARTED, (), (3, 5))]
)
def test_who_withdrew_stays_where_they_are_and_who_left_is_taken_off(known, lists, unlist):
    desired = plan_for(known, written(HERE_YES)).desired

    assert (desired.lists, desired.unlist) == (lists, unlist)


def test_who_withdrew_is_put_on_no_list():
    assert plan_for(HERE_NO, written(HERE)).desired.lists == ()


def test_lists_are_joined_and_left_and_never_restated():
    once = plan_for(HERE_YES, written(HERE)).desired
    again = plan_for(person(consent=YES, FIRSTNAME="Jo"), written(HERE_YES)).desired

    assert (once.added, once.unlist) == ((3, 5), ())
    assert (again.lists, again.added, again.unlist) == ((3, 5), (), ())


def test_a_customer_of_two_sources_is_put_on_the_lists_that_each_record_earned():
    agreed, silent, both = record(consent=YES), record(source="woo"), record(source="woo", consent=YES)

    assert plan_for(person(agreed, silent)).desired.lists == (3, 5)
    assert plan_for(person(agreed, both)).desired.lists == (3, 5, 7)


def test_a_list_that_is_no_longer_configured_is_left():
    desired = plan_for(HERE_YES, written(HERE_YES), replace(RULES, lists={"shop": (5,)})).desired

    assert (desired.lists, desired.unlist) == ((5,), (3,))
    assert after_write(written(HERE_YES), desired, NOW).lists == (5,)


@pytest.mark.parametrize(
    ("choices", "lists"),
    [({}, ()), ({"shop": "granted"}, (3, 5)), ({"shop": "granted", "woo": "granted"}, (3, 5, 7))],
)
def test_missing_consent_counts_as_given_for_the_records_of_the_source_that_says_so(choices, lists):
    rules = replace(RULES, missing={source: ConsentState(word) for source, word in choices.items()})

    assert plan_for(person(record(), record(source="woo")), rules=rules).desired.lists == lists


@pytest.mark.parametrize(
    ("consent", "blocks"),
    [({}, False), (YES, False), (NO, True), ({"consent.sms.withdrawn": Stamped("STOP", 5)}, True)],
)
def test_a_block_is_written_even_where_contacts_that_are_there_are_left_alone(consent, blocks):
    rules = replace(RULES, update={"shop": False})

    desired = plan_for(person(consent=consent), rules=rules).desired

    assert not desired.may_update
    assert bool(desired.blocked or desired.sms_blocked) is blocks
    assert plan_for(person(consent=consent)).desired.may_update is True


# Which attributes


def test_what_is_ours_is_no_attribute():
    assert plan_for(HERE_YES).desired.attributes == {"FIRSTNAME": "Jane"}


def test_each_value_is_fitted_to_the_type_of_its_attribute():
    known = person(FIRSTNAME=None, SINCE="2026-11-21T10:00:00Z", TOTAL="19.90", VIP="yes", TAGS="a, b", NEW="x")

    desired = plan_for(known).desired

    assert desired.attributes == {"SINCE": "2026-11-21", "TOTAL": 19.9, "VIP": True, "TAGS": ["a", "b"]}
    assert desired.refused == {"NEW": "There is no such attribute in Brevo: `tajo attributes apply` makes it."}


def test_a_value_that_does_not_fit_is_left_out_and_the_rest_is_sent():
    desired = plan_for(person(SINCE="soon", TOTAL="much")).desired

    assert desired.attributes == {"FIRSTNAME": "Jane"}
    assert set(desired.refused) == {"SINCE", "TOTAL"}
    assert "soon" not in desired.refused["SINCE"]


def test_all_that_can_be_sent_is_sent_while_the_types_are_not_known():
    known = person(SINCE="soon", NEW=5, TAGS={"a": 1})

    values, refused = fit_attributes(known, view(known, RULES).roll.living, Has(), None, NOW)

    assert values == {"FIRSTNAME": "Jane", "SINCE": "soon", "NEW": 5}
    assert refused == {"TAGS": "a list or object cannot be an attribute"}


def test_only_what_we_filled_is_emptied():
    before = written(person(FIRSTNAME="Jane", VIP=True))
    known = person(FIRSTNAME=None, VIP=None, TOTAL=None)

    assert plan_for(known, before).desired.emptied == ("FIRSTNAME", "VIP")
    assert plan_for(known).desired.emptied == ()
    emptied = after_write(before, plan_for(known, before).desired, NOW)
    assert plan_for(known, emptied).why == "unchanged"


def test_what_one_source_knows_to_be_empty_wipes_nothing_that_another_knows():
    known = person(record(FIRSTNAME="Jane"), record(at_ms=9, source="woo", FIRSTNAME=None))

    assert plan_for(known, written(HERE)).desired.attributes == {"FIRSTNAME": "Jane"}


def test_a_buyer_without_an_account_fills_what_no_customer_record_tells():
    guest = Record("g", "woo", None, stamp({"claim": None, "FIRSTNAME": "Guest", "TOTAL": 5}, 900))

    assert plan_for(person(record(), guest)).desired.attributes == {"FIRSTNAME": "Jane", "TOTAL": 5}
    assert plan_for(person(guest)).desired.attributes == {"FIRSTNAME": "Guest", "TOTAL": 5}


def test_only_the_record_that_claimed_the_address_last_speaks_of_one_source():
    first, second = record(own_id="1"), record(at_ms=2, own_id="2", FIRSTNAME="Bob", consent={})
    agreed = first._replace(state={**first.state, **YES})

    alone, together = (
        plan_for(person(agreed, second)),
        plan_for(person(agreed, second), rules=replace(RULES, sharing=frozenset({"shop"}))),
    )

    assert (alone.desired.attributes, alone.desired.lists) == ({"FIRSTNAME": "Bob"}, ())
    assert (together.desired.attributes, together.desired.lists) == ({"FIRSTNAME": "Bob"}, (3, 5))


def test_a_contact_that_is_left_behind_gives_up_what_only_one_may_have_and_nothing_else():
    had = written(person(SMS="+31612345678", VIP=True))

    assert plan_for(DEPARTED, had).desired.emptied == ("SMS",)
    assert plan_for(DELETED, had).desired.emptied == ()


# What Brevo refused

PHONE, OTHER_PHONE = "+31612345678", "+31687654321"


def test_a_value_that_brevo_refused_for_itself_is_not_sent_again_until_it_changes():
    note = remember("Brevo does not accept the phone number.", PHONE)
    has = replace(written(person(SMS=PHONE)), refused={"SMS": note})

    same = plan_for(person(SMS=PHONE), has, now_ms=NOW + 100 * RETRY_MS).desired
    other = plan_for(person(SMS=OTHER_PHONE), has).desired

    assert ("SMS" in same.attributes, same.refused) == (False, {"SMS": note})
    assert (other.attributes["SMS"], other.refused) == (OTHER_PHONE, {})


def test_a_value_that_another_contact_has_is_tried_again_after_a_while_and_when_it_was_freed():
    has = replace(written(person()), refused={"SMS": remember("Another contact has it.", PHONE, NOW)})
    known = person(SMS=PHONE)
    freed = replace(known, said={FREED: Stamped(["SMS"], NOW + 5)})

    assert "SMS" not in plan_for(known, has, now_ms=NOW + RETRY_MS - 2000).desired.attributes
    assert "SMS" in plan_for(known, has, now_ms=NOW + RETRY_MS).desired.attributes
    assert "SMS" in plan_for(freed, has).desired.attributes


def test_what_was_refused_is_remembered_from_one_write_to_the_next():
    note = remember("No.", PHONE)

    has = written(person(), refused={"SMS": note})
    for name in ("Jane", "Jo", "Joan"):
        desired = plan_for(person(FIRSTNAME=name, SMS=PHONE), has).desired
        has = after_write(has, desired, NOW)

    assert (desired.attributes, has.refused) == ({"FIRSTNAME": "Joan"}, {"SMS": note})


def test_a_new_reason_to_leave_something_out_costs_no_call():
    plan = plan_for(person(SINCE="soon"), written(HERE))

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


@given(reason=st.text(), one=JSON, two=JSON, taken_ms=st.none() | st.integers(0, 10**13))
def test_a_note_is_of_one_value_alone_and_tells_its_reason_without_the_value(reason, one, two, taken_ms):
    note = remember(reason, one, taken_ms)

    assert reason_of(note) == reason
    assert is_taken(note) == (taken_ms is not None)
    assert not is_due(note, one, taken_ms or 0)
    assert is_due(note, two, taken_ms or 0) == (canonical(one) != canonical(two))


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


@pytest.mark.parametrize("kind", [*sorted(set(TYPES.values())), "category", "user", ""])
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

WITHDRAWN = st.sampled_from(["form", "deleted", "account"])
REGISTERS = {
    f"consent.{channel}.{name}": st.builds(Stamped, values, st.integers(0, 6))
    for channel in ("email", "sms")
    for name, values in {
        "withdrawn": WITHDRAWN,
        "granted": st.tuples(
            st.sampled_from(["double opt-in", "form"]), st.sampled_from([HERE_LABEL, label_of(OLD), ""])
        ).map(list),
        "stated": st.tuples(st.sampled_from([0, 1, 2]), st.just("box"), st.just(HERE_LABEL)).map(list),
        "unticked": st.none(),
    }.items()
}
STATES = st.fixed_dictionaries(
    {},
    optional={
        "claim": st.builds(Stamped, st.none(), st.integers(0, 6) | st.just(3 - WEAK_MS)),
        "deleted": st.builds(Stamped, st.none(), st.integers(0, 6)),
        "FIRSTNAME": st.builds(Stamped, st.sampled_from(["Jane", "Jo", None]), st.integers(0, 6)),
        "TOTAL": st.builds(Stamped, st.sampled_from([5, "much"]), st.integers(0, 6)),
    }
    | REGISTERS,
)
RECORDS = st.lists(
    st.builds(
        lambda source, own_id, state: Record(f"{source}.{own_id}", source, own_id, state),
        st.sampled_from(["shop", "woo"]),
        st.sampled_from(["1", "2", None]),
        STATES,
    ),
    max_size=4,
).map(lambda found: {one.ref: one for one in found})
SAID = st.fixed_dictionaries(
    {},
    optional={
        "gone": st.builds(Stamped, st.just(value=True), st.integers(0, 6)),
        **{
            f"consent.email.{name}": st.builds(
                Stamped,
                st.sampled_from(["brevo:unsubscribed", "brevo:unsubscribed_list"]).map(lambda one: [one, BREVO]),
                st.integers(0, 6),
            )
            for name in ("withdrawn", "bounced", "complained", "after")
        },
    },
)
HAS = st.builds(
    Has,
    is_there=st.booleans(),
    blocked=st.booleans(),
    sms_blocked=st.booleans(),
    lists=st.sampled_from([(), (3, 5), (9,)]),
    at_ms=st.integers(0, 6),
    filled=st.sets(st.sampled_from(["FIRSTNAME", "TOTAL", "SMS", "FORM"])).map(frozenset),
)
PEOPLE = st.builds(Person, st.just(JANE), RECORDS, SAID, HAS)
CHOICES = st.builds(
    Rules,
    lists=st.just({"shop": (5, 3), "woo": (7,)}),
    delete=st.dictionaries(st.sampled_from(["shop", "woo"]), st.sampled_from(["soft", "hard"])),
    missing=st.dictionaries(st.sampled_from(["shop", "woo"]), st.sampled_from(ConsentState)),
    update=st.dictionaries(st.sampled_from(["shop", "woo"]), st.booleans()),
    sharing=st.sampled_from([frozenset(), frozenset({"woo"})]),
    attributes=st.sampled_from([None, TYPES]),
)


def withdrawals(known, channel):
    """Every withdrawal on record of those who live at the address, or of the address."""
    names = ("withdrawn", "bounced", "complained") if channel == "email" else ("withdrawn",)
    found = [known.said[name].at_ms for one in names if (name := f"consent.{channel}.{one}") in known.said]
    living = view(known, RULES).roll.living
    return found + [one.state[name].at_ms for one in living if (name := f"consent.{channel}.withdrawn") in one.state]


@given(PEOPLE, CHOICES)
def test_a_block_is_lifted_only_where_one_is_known_and_on_an_act_newer_than_every_withdrawal(known, rules):
    rules = replace(rules, sharing=frozenset())
    plan = plan_for(known, rules=rules)

    if plan.desired is None:
        return
    living = view(known, rules).roll.living
    for channel, flag, is_known in (
        ("email", plan.desired.blocked, plan.has.blocked),
        ("sms", plan.desired.sms_blocked, plan.has.sms_blocked),
    ):
        acts = [
            one.state[name].at_ms
            for one in living
            for name in (f"consent.{channel}.granted", f"consent.{channel}.stated")
            if name in one.state and (name.endswith("granted") or one.state[name].value[0] == 0)
        ]
        if flag is False:
            assert is_known
            assert acts
            assert all(max(acts) > at_ms for at_ms in withdrawals(known, channel))
        if flag is not True:
            assert all(any(act > at_ms for act in acts) for at_ms in withdrawals(known, channel))
    if {"consent.email.bounced", "consent.email.complained"} & set(known.said):
        assert plan.desired.blocked is True


@given(PEOPLE, CHOICES)
def test_nobody_is_put_on_a_list_whose_own_record_did_not_agree(known, rules):
    plan = plan_for(known, rules=rules)

    if plan.desired is None or not plan.desired.added:
        return
    living = view(known, rules).roll.living
    assert plan.desired.blocked is not True
    for number in plan.desired.added:
        (source,) = (name for name, lists in rules.lists.items() if number in lists)
        agreed = [
            one
            for one in living
            if one.source == source
            and (
                "consent.email.granted" in one.state
                or ("consent.email.stated" in one.state and one.state["consent.email.stated"].value[0] == 0)
                or rules.missing.get(source) is ConsentState.GRANTED
            )
        ]
        assert agreed, number


@given(PEOPLE, CHOICES)
def test_nothing_is_emptied_that_we_did_not_fill(known, rules):
    plan = plan_for(known, rules=rules)

    if plan.desired is not None:
        assert set(plan.desired.emptied) <= plan.has.filled
        assert not any(is_empty(value) for value in plan.desired.attributes.values())


@given(PEOPLE, CHOICES)
def test_what_was_done_need_not_be_done_again(known, rules):
    plan = plan_for(known, rules=rules)

    if plan.action in {"write", "leave", "rename"}:
        done = after_write(plan.has, plan.desired, NOW)
    elif plan.action == "delete":
        done = after_delete(plan.has, NOW)
    else:
        done = plan.has
    assert plan_for(known, done, rules).action == "none"


@given(PEOPLE, CHOICES)
def test_nothing_is_done_for_whom_no_address_is_known(known, rules):
    plan = plan_for(replace(known, email=None), rules=rules)

    assert (plan.action, plan.why, plan.desired) == ("none", "no address", None)
