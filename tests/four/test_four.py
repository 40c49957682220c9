"""One person at four real connectors at once, over random histories; see `tests.four.judge` for what must hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, given, note
from hypothesis import strategies as st

from customer_sync.store import connect
from customer_sync.store.run import RunKind
from tests.explore import PATIENT, look
from tests.four.history import ACTS, Act, Teller, Work
from tests.four.judge import Judge
from tests.four.town import Town

pytestmark = PATIENT
RELAXED = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}
TOWNS = (
    ("shopify", "hubspot", "stripe", "paypal"),
    ("woocommerce", "salesforce", "stripe", "paypal"),
    ("bigcommerce", "pipedrive", "stripe", "paypal"),
)
OFTEN = ("create", "opt_in", "opt_in", "opt_out", "rename", "rename", "exchange", "unsubscribe", "unsubscribe", "merge")
#: In most histories nobody is erased: it forgets what came before it.
SELDOM = ("erase", "forget")
#: What is done in Brevo needs a contact there, and an erasure forgets what came before it.
OF_ORDER = ("unsubscribe", "spam", "hard_bounce", "leave_list", *SELDOM)
ARRIVALS = (*["arrive"] * 6, "twice", "work", "work", "read", "die", "wait")
LABOURS = (*ARRIVALS, "lose", "work", "work", "deliver", "deliver", "die", "pull")
TROUBLES = ("down", "up", "up", "expire")
SMALL = st.integers(0, 30)
ROUNDS = 20


def acts_of(words: Sequence[str]) -> st.SearchStrategy[Act]:
    return st.builds(Act, st.sampled_from(words), st.integers(0, 3), st.integers(0, 3), st.integers(0, 2))


def works_of(words: Sequence[str]) -> st.SearchStrategy[Work]:
    return st.builds(Work, st.sampled_from(words), SMALL, SMALL)


@st.composite
def histories(draw) -> list[Act | Work]:
    """What happens, and who works when; in most of them nobody is erased."""
    words = [*OFTEN, *(one for one in ACTS if one not in SELDOM)]
    words += [one for one in SELDOM if draw(st.integers(0, 3)) == 0]
    begin = [Act("create", site, 0, email) for site in range(4) for email in range(draw(st.integers(1, 2)))]
    known = [Work("settle")] if draw(st.booleans()) else []
    steps = acts_of(words) | works_of([*LABOURS, *TROUBLES])
    return [*begin, *known, *draw(st.lists(steps, min_size=4, max_size=28))]


@pytest.fixture(scope="module", params=TOWNS, ids=["-".join(one[:2]) for one in TOWNS])
def town(request, redis_url, tmp_path_factory) -> Iterator[Town]:
    made = Town(connect(redis_url), tmp_path_factory.mktemp("four"), request.param)
    yield made
    made.end()


def play(town: Town, history: Sequence[Act | Work]) -> Teller:
    """Let a history happen, to its end: all has arrived, every source is read, and nothing is left to be done."""
    town.begin()
    teller = Teller(town)
    note("\n".join(map(repr, history)))
    for one in history:
        teller.tell(one)
    finish(town)
    return teller


def finish(town: Town) -> None:
    """Let every trouble be over, everything arrive, and every source be read."""
    town.recover()
    town.settle()
    for name in town.sites:
        town.pull(name, RunKind.COMPARE)
    town.settle()


def check(town: Town, teller: Teller) -> None:
    """Look at the end; then let everything come once more, which changes nothing."""
    Judge(town, teller.journal).look()
    town.forget_calls()
    town.repeat()
    town.settle()
    assert town.calls == 0


@look(8, **RELAXED)
@given(history=histories())
def test_whatever_happens_when_at_four_platforms_the_end_is_what_they_know(town, history):
    check(town, play(town, history))


@look(3, **RELAXED)
@given(data=st.data())
def test_whatever_the_order_of_arrival_the_end_is_the_same(town, data):
    words = [one for one in (*OFTEN, *ACTS) if one not in OF_ORDER]
    acts = [Act("create", site, 0, 0) for site in range(4)] + data.draw(
        st.lists(acts_of(words), min_size=4, max_size=16)
    )
    expected = end_of(town, acts, [])
    order = data.draw(st.lists(works_of(ARRIVALS), max_size=40))

    found = end_of(town, acts, order)

    note(f"expected {expected}\nfound    {found}")
    assert {email: name for email, (name, _, _) in found.items()} == {
        email: name for email, (name, _, _) in expected.items()
    }
    for email, (_, lists, is_blocked) in expected.items():
        # what a box said and took back before it was read is not known; nor who left while another was not known yet
        if not found[email][2] and not is_blocked:
            assert found[email][1] == lists, email


def end_of(town: Town, acts: Sequence[Act], order: Sequence[Work]) -> dict[str, tuple[str, list[int], bool]]:
    """Return what is in Brevo of everybody who is still at a platform: name, lists, and whether it is blocked.

    All of it happens, and then arrives as `order` has it.
    """
    teller = play(town, [*acts, *order])
    check(town, teller)
    there = {one.email for site in town.sites.values() for one in site.people().values()}
    return {
        email: (str(row["attributes"].get("FIRSTNAME")), row["listIds"], row["emailBlacklisted"])
        for email, row in town.house.contacts.items()
        if email in there
    }


def everybody_opts_in_and_leaves_in_brevo(town: Town) -> None:
    town.begin()
    teller = Teller(town)
    for site in range(4):
        teller.tell(Act("create", site, 0, 0))
        teller.tell(Act("opt_in", site, 0, 0))
    town.settle()
    teller.tell(Act("unsubscribe", email=0))
    finish(town)
    check(town, teller)


def test_what_four_platforms_and_brevo_said_before_makes_no_call_however_often_it_comes(town):
    everybody_opts_in_and_leaves_in_brevo(town)
    town.forget_calls()

    told = 0
    for _ in range(ROUNDS):
        told += town.repeat()
        town.wait(61)
        town.work()

    assert told >= ROUNDS * 5
    assert town.calls == 0


@pytest.mark.parametrize("number", range(3))
def test_a_platform_that_is_down_keeps_no_other_from_being_told(town, number):
    town.begin()
    teller = Teller(town)
    for site in range(4):
        teller.tell(Act("create", site, 0, 0))
        teller.tell(Act("opt_in", site, 0, 0))
    town.settle()
    down = list(town.sites.values())[number]
    down.client.is_down = True
    teller.tell(Act("unsubscribe", email=0))
    for _ in range(6):
        while town.waiting:
            town.arrive(0)
        town.work()
        town.wait(61)

    others = [site for site in town.sites.values() if site is not down and site.takes_opt_outs]
    assert [one.may_mail for site in others for one in site.people().values() if one.may_mail] == []
    assert any(one.may_mail for one in down.people().values())
    finish(town)
    check(town, teller)
