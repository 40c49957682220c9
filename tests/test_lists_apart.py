"""Leaving one list is not leaving everything where the operator says so; on any doubt it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.brevo.contacts.contact_plan import make_plan
from customer_sync.brevo.contacts.leavings import when_left
from customer_sync.person.apart import told_apart
from customer_sync.person.consent import label_of, taken_along
from customer_sync.person.merge import Stamped, merge
from customer_sync.person.owed import LIST_LEFT
from customer_sync.person.person import Has, Part, apply, borrowed
from tests.explore import look
from tests.reconcile.jane import NOW, RULES
from tests.test_contact_plan import YES, of_address, of_record, person, record

#: `own` speaks of list 2 alone, `shop` of everything; list 3 is the shop's.
APART = replace(RULES, lists={"own": (2,), "shop": (3,)}, apart=frozenset({"own"}))
#: The contact was read after list 2 was left at 10, and not blocked.
READ = Has(is_there=True, is_read=True, lists=(3,), at_ms=20, left_lists={2: 10})


def said_by(source, method, at_ms, lists=()):
    """What is said of the address once a source told a withdrawal: of everything, or of these lists."""
    said = {"consent.email.withdrawn": Stamped([method, source], at_ms)}
    return said | told_apart(said, lists)


def left(at_ms, *lists):
    return said_by("brevo", LIST_LEFT, at_ms, lists)


LEFT = left(10, 2)


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
    said = said_by("own", "form", 12)

    assert wanted(*records, said=said, has=replace(READ, lists=(2, 3), left_lists={})) == ((3,), None)
    both = replace(APART, lists={"own": (2,), "shop": (2, 3)})
    assert wanted(*records, said=said, has=replace(READ, left_lists={}), rules=both) == ((3,), None)


EVERYTHING = {"consent.email.everywhere": Stamped(["brevo:unsubscribed", "brevo"], 6)}
DOUBTS = {
    "nothing shows that it was a list": {"has": replace(READ, left_lists={})},
    "the contact was read before": {"has": replace(READ, left_lists={2: 9})},
    "the contact is blocked": {"has": replace(READ, blocked=True)},
    "there is no contact": {"has": replace(READ, is_there=False)},
    "a consent group was left": {"has": replace(READ, left_groups=(7,))},
    "everything was left before": {"said": LEFT | EVERYTHING},
    "a complaint": {"said": LEFT | of_address(complained=("brevo:complaint", 3))},
    "a bounce": {"said": LEFT | of_address(bounced=("brevo:bounce", 3))},
    "a platform of everything said so of the address": {"said": said_by("shop", "form", 11)},
    "a platform of everything said so of the address before": {"said": merge([said_by("shop", "form", 5), LEFT])},
    "a platform of its lists said so, whose customer is not here any more": {
        "said": said_by("own", "form", 11),
        "records": people()[1:],
    },
    "another list was left, and this one is not shown": {
        "said": left(10, 2),
        "has": replace(READ, left_lists={4: 12}),
    },
    "one of two is not shown": {"said": merge([left(8, 4), LEFT])},
    "the event names no list": {"said": left(10)},
    "an older version noted no lists": {"said": of_address(withdrawn=(LIST_LEFT, 10))},
}


@pytest.mark.parametrize("more", DOUBTS.values(), ids=DOUBTS)
def test_on_doubt_the_person_is_blocked_or_stays_so(more):
    assert wanted(*more.pop("records", ()), **more)[1] is True


@pytest.mark.parametrize(
    "records",
    [
        people(shop=of_record(withdrawn=("form", 5))),
        people(own=of_record(withdrawn=(taken_along("form"), 5))),
        people(own=of_record(withdrawn=(LIST_LEFT, 5))),
        people(own=of_record(withdrawn=("form", 12), everywhere=(["brevo:unsubscribed", "brevo"], 5))),
        people(own=merge([borrowed(said_by("shop", "form", 5)), of_record(withdrawn=("form", 12))])),
    ],
    ids=["of everything", "taken along", "a list elsewhere", "all of it elsewhere", "taken along, then its own"],
)
def test_a_withdrawal_that_means_everything_blocks_beside_a_list_that_was_left(records):
    assert wanted(*records)[1] is True


def test_who_leaves_a_list_once_more_is_known_to_have_left_it_then():
    assert when_left({2}, {}, None, 20) == {2: 20}
    assert when_left({2}, {2: 10}, None, 20) == {2: 10}
    assert when_left({2, 3}, {2: 10}, 15, 20) == {2: 15, 3: 15}


AGAIN = of_record(granted=(["form", label_of("jane@example.com")], 16))


def test_who_opts_in_to_a_list_again_stays_on_the_others_before_and_after_it_is_delivered():
    own = people(own=merge([YES, AGAIN]))
    assert wanted(*own) == ((2, 3), None)
    joined = replace(READ, lists=(2, 3), left_lists={})
    assert wanted(*own, has=joined) == ((2, 3), None)
    assert wanted(*own, has=replace(joined, lists=(2,))) == ((2,), None)  # and joins none for it


def test_after_a_leaving_of_everything_one_opt_in_keeps_nobody_on_the_other_lists():
    own = people(own=merge([YES, AGAIN]))
    assert wanted(*own, said=merge([said_by("shop", "form", 5), LEFT]))[0] == (2,)
    assert wanted(*own, has=replace(READ, left_lists={}, at_ms=9, lists=(2, 3)))[0] == (2,)


def test_an_erasure_keeps_what_was_left_apart():
    gone = {"erased": Stamped(value=True, at_ms=30)}
    said = merge([said_by("shop", "form", 5), LEFT, gone])
    kept = apply(person(*people()), [Part("", "", None, said)]).said
    assert {"whole.shop", "part.2"} <= kept.keys()


STATES = st.sampled_from(
    [
        {},
        YES,
        of_record(withdrawn=("form", 8)),
        of_record(withdrawn=("form", 14)),
        of_record(withdrawn=(taken_along("form"), 8)),
        AGAIN,
    ]
)
WORDS = {
    "list 2 is left": left(10, 2),
    "list 3 is left": left(13, 3),
    "an event without a list": left(12),
    "everything is left in Brevo": merge([said_by("brevo", "brevo:unsubscribed", 9), EVERYTHING]),
    "own": said_by("own", "form", 14),
    "own, before": said_by("own", "form", 4),
    "shop": said_by("shop", "form", 14),
    "shop, before": said_by("shop", "form", 5),
    "a complaint": of_address(complained=("brevo:complaint", 3)),
}
WORD = st.sampled_from(sorted(WORDS))
SAID = st.lists(WORD, max_size=3, unique=True)
HAS = st.builds(
    Has,
    is_there=st.booleans(),
    is_read=st.booleans(),
    blocked=st.booleans(),
    lists=st.sampled_from([(), (2,), (3,), (2, 3)]),
    at_ms=st.just(20),
    left_lists=st.sampled_from([{}, {2: 9}, {2: 10}, {3: 13}, {2: 13, 3: 13}]),
)
#: Words of which one was from everything.
OF_ALL = {"an event without a list", "everything is left in Brevo", "shop", "shop, before", "a complaint"}


@look(400)
@given(own=STATES, shop=STATES, words=SAID, has=HAS)
def test_the_setting_lifts_no_block_joins_no_list_and_spares_only_whom_single_lists_concern(own, shop, words, has):
    said = merge([WORDS[one] for one in words])
    before = wanted(*people(own, shop), said=said, has=has, rules=replace(APART, apart=None))
    after = wanted(*people(own, shop), said=said, has=has)

    if before == after:
        return
    assert has.is_there
    assert not has.blocked
    if before[1] is not True:  # answered by an opt-in: lists that the contact is on stay, and no flag is another one
        assert before[1] == after[1]
        assert set(before[0]) <= set(after[0]) <= {*before[0], *has.lists}
        return
    # it differs only in a block that is not set, of a contact that is there and not blocked
    assert after[1] is None
    assert not set(after[0]) & has.left_lists.keys()
    shown = {"list 2 is left": (2, 10), "list 3 is left": (3, 13)}
    open_ones = [shown[one] for one in words if one in shown]
    if AGAIN not in (own, shop):
        assert not OF_ALL & {*words}
        assert all(has.left_lists.get(number, 0) >= at_ms for number, at_ms in open_ones)
    assert "complained" not in str(said)
    assert "taken along" not in str(own) + str(shop)
    assert "withdrawn" not in str(shop)


def after(own, shop, said, has):
    """What Brevo has once it is delivered: a block that is set stays."""
    return replace(has, blocked=has.blocked or wanted(*people(own, shop), said=said, has=has)[1] is True)


@look(400)
@given(
    own=STATES,
    shop=st.sampled_from([{}, YES]),
    words=SAID,
    shown=st.sampled_from([{2: 13}, {2: 13, 3: 13}]),
    data=st.data(),
)
def test_the_end_is_the_same_in_every_order_of_arrival_delivered_between_or_not(own, shop, words, shown, data):
    """Words of leaving come one by one, each is delivered or not: who is blocked in one order is so in each."""
    ends = set()
    for _ in range(2):
        known, said = replace(READ, left_lists=shown), {}
        for word in data.draw(st.permutations(words)):
            said = merge([said, WORDS[word]])
            if data.draw(st.booleans()):
                known = after(own, shop, said, known)
        ends.add(after(own, shop, said, known).blocked)
    assert len(ends) == 1
