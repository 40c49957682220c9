"""Leaving one list is not leaving everything where the operator says so; on any doubt it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.brevo.contacts.contact_plan import make_plan
from customer_sync.brevo.contacts.leavings import when_left
from customer_sync.person.consent import taken_along
from customer_sync.person.merge import Stamped
from customer_sync.person.owed import LIST_LEFT
from customer_sync.person.person import Has
from tests.explore import look
from tests.reconcile.jane import NOW, RULES
from tests.test_contact_plan import YES, of_address, of_record, person, record

#: `own` speaks of list 2 alone, `shop` of everything; list 3 is the shop's.
APART = replace(RULES, lists={"own": (2,), "shop": (3,)}, apart=frozenset({"own"}))
#: The contact was read after list 2 was left at 10, and not blocked.
READ = Has(is_there=True, is_read=True, lists=(3,), at_ms=20, left_lists={2: 10})
LEFT = of_address(withdrawn=(LIST_LEFT, 10))


def people(own=YES, shop=YES):
    """Jane is a customer of both."""
    return record(source="own", consent=own), record(source="shop", own_id="2", consent=shop)


def wanted(*records, said=LEFT, has=READ, rules=APART):
    """Which lists Brevo should have Jane on, and whether blocked."""
    desired = make_plan(replace(person(*records or people(), said=said), has=has), rules, NOW).desired
    return desired.lists, desired.blocked


def test_who_left_a_list_stays_on_the_other_and_is_not_blocked():
    assert wanted() == ((3,), None)


def test_without_the_setting_who_left_a_list_is_blocked():
    assert wanted(rules=replace(APART, apart=None))[1] is True


def test_a_list_that_was_left_is_not_joined_though_another_source_has_it_too():
    assert wanted(rules=replace(APART, lists={"own": (2,), "shop": (2, 3)})) == ((3,), None)


def test_an_opt_out_at_a_source_of_its_own_lists_takes_off_these_alone_whoever_else_has_them():
    records = people(own=of_record(withdrawn=("form", 12)))
    said = {"consent.email.withdrawn": Stamped(["form", "own"], 12)}

    assert wanted(*records, said=said, has=replace(READ, lists=(2, 3), left_lists={})) == ((3,), None)
    both = replace(APART, lists={"own": (2,), "shop": (2, 3)})
    assert wanted(*records, said=said, has=replace(READ, left_lists={}), rules=both) == ((3,), None)


EVERYTHING = {"consent.email.everywhere": Stamped(["brevo:unsubscribed", "brevo"], 6)}
OF_SHOP = {"consent.email.withdrawn": Stamped(["form", "shop"], 11)}
DOUBTS = {
    "nothing shows that it was a list": {"has": replace(READ, left_lists={})},
    "the contact was read before": {"has": replace(READ, left_lists={2: 9})},
    "the contact is blocked": {"has": replace(READ, blocked=True)},
    "there is no contact": {"has": replace(READ, is_there=False)},
    "a consent group was left": {"has": replace(READ, left_groups=(7,))},
    "everything was left before": {"said": LEFT | EVERYTHING},
    "a complaint": {"said": LEFT | of_address(complained=("brevo:complaint", 3))},
    "a bounce": {"said": LEFT | of_address(bounced=("brevo:bounce", 3))},
    "a platform of everything said so of the address": {
        "said": {"consent.email.withdrawn": Stamped(["form", "shop"], 11)}
    },
}


@pytest.mark.parametrize("more", DOUBTS.values(), ids=DOUBTS)
def test_on_doubt_the_person_is_blocked_or_stays_so(more):
    assert wanted(**more)[1] is True


@pytest.mark.parametrize(
    "records",
    [
        people(shop=of_record(withdrawn=("form", 5))),
        people(own=of_record(withdrawn=(taken_along("form"), 5))),
        people(own=of_record(withdrawn=(LIST_LEFT, 5))),
        people(own=of_record(withdrawn=("form", 12), everywhere=(["brevo:unsubscribed", "brevo"], 5))),
    ],
    ids=["of everything", "taken along", "a list elsewhere", "all of it elsewhere"],
)
def test_a_withdrawal_that_means_everything_blocks_beside_a_list_that_was_left(records):
    assert wanted(*records)[1] is True


def test_who_leaves_a_list_once_more_is_known_to_have_left_it_then():
    assert when_left({2}, {}, None, 20) == {2: 20}
    assert when_left({2}, {2: 10}, None, 20) == {2: 10}
    assert when_left({2, 3}, {2: 10}, 15, 20) == {2: 15, 3: 15}


STATES = st.sampled_from(
    [
        {},
        YES,
        of_record(withdrawn=("form", 8)),
        of_record(withdrawn=("form", 14)),
        of_record(withdrawn=(taken_along("form"), 8)),
        of_record(granted=(["double opt-in", ""], 16)),
    ]
)
SAID = st.sampled_from(
    [
        {},
        LEFT,
        of_address(withdrawn=("brevo:unsubscribed", 9)),
        {"consent.email.withdrawn": Stamped(["form", "own"], 14)},
        {"consent.email.withdrawn": Stamped(["form", "shop"], 14)},
        LEFT | of_address(complained=("brevo:complaint", 3)),
        LEFT | EVERYTHING,
    ]
)
HAS = st.builds(
    Has,
    is_there=st.booleans(),
    is_read=st.booleans(),
    blocked=st.booleans(),
    lists=st.sampled_from([(), (2,), (3,), (2, 3)]),
    at_ms=st.just(20),
    left_lists=st.sampled_from([{}, {2: 9}, {2: 10}, {3: 12}]),
)


@look(300)
@given(own=STATES, shop=STATES, said=SAID, has=HAS)
def test_the_setting_lifts_no_block_joins_no_list_and_spares_only_whom_single_lists_concern(own, shop, said, has):
    before = wanted(*people(own, shop), said=said, has=has, rules=replace(APART, apart=None))
    after = wanted(*people(own, shop), said=said, has=has)

    if before == after:
        return
    # it differs only in a block that is not set, of a contact that is there and not blocked
    assert (before[1], after[1]) == (True, None)
    assert has.is_there
    assert not has.blocked
    assert not set(after[0]) & has.left_lists.keys()
    said_by = said.get("consent.email.withdrawn", Stamped(["", "own"], 0)).value
    assert said_by[0] == LIST_LEFT or said_by[1] == "own"
    assert not {"consent.email.complained", "consent.email.bounced"} & said.keys()
    assert "taken along" not in str(own) + str(shop)
    assert "withdrawn" not in str(shop)
    assert "everywhere" not in str(said)
