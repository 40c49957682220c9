"""Customers who share an address on a platform that allows it: what one of them bought stays when it is deleted."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, note
from hypothesis import strategies as st

from customer_sync.brevo.contacts.contact_plan import view
from customer_sync.model import Event, Kind
from customer_sync.operate.order_totals import totals_of_person
from tests.engine.hands import erased
from tests.explore import look
from tests.rig import Rig, at
from tests.totals.shop import Shops, bought
from tests.totals.test_totals import sent

ANA, BOB = "ana@example.com", "bob@example.com"
DAY = 86_400


@pytest.fixture
def rig(client):
    found = Shops(client, sources=("pay", "shop"))
    found.rules = replace(found.rules, sharing=frozenset({"pay"}))
    return found


def customer(number: int, email: str, when: float, source: str = "pay") -> Event:
    """What a source tells of a customer."""
    record = {"id": str(number), "email": email, "firstName": f"{source}.{number}"}
    name = f"{source}:c{number}:{when}"
    return Event(name, source, Kind.CUSTOMER_UPDATED, at(when), str(number), str(number), record)


def gone(number: int, when: float, source: str = "pay") -> Event:
    """What it tells when the customer is deleted."""
    name = f"{source}:d{number}:{when}"
    return Event(name, source, Kind.CUSTOMER_DELETED, at(when), str(number), str(number), {"id": str(number)})


TWO = (
    customer(1, ANA, -20 * DAY),
    customer(2, ANA, -19 * DAY),
    bought("11", -18 * DAY, ANA, 20, account=1, source="pay"),
    bought("12", -17 * DAY, ANA, 20, account=2, source="pay"),
)


@pytest.mark.parametrize("order", [*permutations(range(5))][::7])
def test_what_a_deleted_customer_bought_counts_on_while_another_one_has_the_address(rig, order):
    events = [*TWO, gone(1, -DAY)]
    for place in order:
        sent(rig, events[place])

    assert rig.spent(ANA) == (2, 40)


def test_it_is_explained_as_counted(rig):
    sent(rig, *TWO, gone(1, -DAY))
    number = rig.store.people.find(ANA)
    person = replace(rig.store.people.read(number), orders=rig.store.orders.of([number])[0])
    shown = totals_of_person(person, view(person, rig.rules), rig.rules)

    assert shown is not None
    assert {(one.id, one.counts, one.why) for one in shown.orders} == {("11", True, ""), ("12", True, "")}


def test_a_customer_of_another_source_keeps_nothing_of_it(rig):
    sent(rig, *TWO[::2], customer(7, ANA, -16 * DAY, "shop"), gone(1, -DAY))

    assert rig.spent(ANA) == (None, None)


def test_where_an_address_names_one_customer_the_next_one_has_nothing_of_the_one_before(rig):
    sent(rig, customer(1, ANA, -20 * DAY, "shop"), bought("11", -18 * DAY, ANA, 20, account=1, source="shop"))
    sent(rig, gone(1, -10 * DAY, "shop"), customer(2, ANA, -9 * DAY, "shop"))

    assert rig.spent(ANA) == (None, None)


def test_it_never_counts_for_another_mailbox(rig):
    sent(rig, *TWO, customer(3, BOB, -16 * DAY), gone(1, -2 * DAY), customer(2, BOB, -DAY))

    assert rig.spent(BOB) == (1, 20)
    sent(rig, customer(4, ANA, -DAY / 2))
    assert rig.spent(ANA) == (1, 20)


def test_an_erasure_forgets_it_and_a_customer_of_later_has_nothing_of_it(rig):
    sent(rig, *TWO, gone(1, -2 * DAY))
    rig.send(replace(erased(2, ANA, -DAY), source="pay"))
    rig.settle()
    assert rig.client.keys("tajo:of:*") == []

    sent(rig, customer(3, ANA, -60), *(replace(one, id=f"{one.id}:again") for one in TWO))

    assert rig.spent(ANA) == (None, None)


class Truth:
    """What happened, and a recount of it that uses no code of ours."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.homes: dict[int, str] = {}
        self.ended: set[int] = set()
        self.sold: list[tuple[int, int]] = []

    def happen(self, act: str, number: int, email: str) -> None:
        """Let one thing happen to a customer; nothing of what was deleted comes back."""
        when = -30 * DAY + 7_200.0 * (len(self.events) + 1)
        if number in self.ended:
            return
        if act == "delete":
            if number in self.homes:
                self.ended.add(number)
                self.events.append(gone(number, when))
        elif act == "order" and number in self.homes:
            self.sold.append((number, len(self.events)))
            told = bought(f"o{len(self.events)}", when, self.homes[number], len(self.events), account=number)
            self.events.append(replace(told, source="pay", id=f"pay.{told.id}"))
        else:
            self.homes[number] = email
            self.events.append(customer(number, email, when))

    def recount(self) -> dict[str, tuple[int, int] | tuple[None, None]]:
        """Return address → how many orders and what was spent, where anybody is left."""
        found: dict[str, tuple[int, int] | tuple[None, None]] = {}
        for email in {home for number, home in self.homes.items() if number not in self.ended}:
            theirs = [amount for number, amount in self.sold if self.homes[number] == email]
            found[email] = (len(theirs), sum(theirs)) if theirs else (None, None)
        return found


ACTS = st.tuples(
    st.sampled_from(["change", "order", "order", "delete"]), st.integers(1, 4), st.sampled_from([ANA, BOB])
)


@look(60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(ACTS, min_size=3, max_size=14), data=st.data())
def test_the_totals_equal_a_recount_whatever_the_order_of_arrival(rig, acts, data):
    truth = Truth()
    for act in acts:
        truth.happen(*act)
    rig.reset()
    order = data.draw(st.permutations([*truth.events, *truth.events]))
    note("\n".join(f"{one.kind} {one.customer_id} {dict(one.record)} {one.occurred_at}" for one in truth.events))
    for event in order:
        rig.send(event)
        if data.draw(st.booleans()):
            rig.settle()
    rig.settle()

    assert _told(rig, truth) == truth.recount()


def _told(rig: Rig, truth: Truth) -> dict[str, tuple[object, object]]:
    return {email: rig.spent(email) for email in truth.recount()}
