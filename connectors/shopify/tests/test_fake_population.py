"""The customers of the start: made from formulas, the same each time, in any order."""

from __future__ import annotations

import sys
from collections import Counter

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.shopify.fake.customers import ORDERS, Customers
from connectors.shopify.fake.population import Population
from connectors.shopify.fake.settings import Settings

MOMENT = 1_800_000_000


@pytest.fixture(scope="module")
def population() -> Population:
    return Population(Settings(customers=20_000))


@pytest.fixture(scope="module")
def sample(population):
    return [population.facts(index) for index in range(0, 20_000, 4)]


def test_the_same_seed_gives_the_same_customers_and_another_seed_others():
    one, same, other = (Population(Settings(customers=50, seed=seed)) for seed in (1, 1, 2))

    assert [one.row(i) for i in range(50)] == [same.row(i) for i in range(50)]
    assert all(one.row(i) != other.row(i) for i in range(50))
    assert [one.facts(i)["emailState"] for i in range(50)] != [other.facts(i)["emailState"] for i in range(50)]


@settings(max_examples=40, deadline=None)
@given(count=st.integers(1, 60), order=st.sampled_from(ORDERS), backwards=st.booleans(), data=st.data())
def test_every_order_lists_everybody_once_and_goes_on_from_anywhere(count, order, backwards, data):
    population = Population(Settings(customers=count))
    listed = list(population.listed(order, None, backwards=backwards))
    place = data.draw(st.integers(0, count - 1))

    rest = list(population.listed(order, population.key_of(order, listed[place]), backwards=backwards))

    assert sorted(listed) == list(range(count))
    assert [population.key_of(order, i) for i in listed] == sorted(
        (population.key_of(order, i) for i in range(count)), reverse=backwards
    )
    assert rest == listed[place + 1 :]


def test_ids_lead_back_to_customers_and_some_are_beyond_what_a_float_holds(population):
    numbers = [population.id_of(index) for index in range(1000)]

    assert [population.index_of(number) for number in numbers] == list(range(1000))
    assert population.index_of(numbers[0] + 1) is None
    assert 200 < sum(number > 2**53 for number in numbers) < 300
    assert any(int(float(number)) != number for number in numbers)


def test_nobody_changed_before_they_came_and_changes_spread_over_two_years(sample):
    assert all(one["createdAt"] < one["updatedAt"] for one in sample)
    assert {one["updatedAt"][:4] for one in sample} == {"2024", "2025", "2026"}
    assert max(one["updatedAt"] for one in sample) < "2026-09-01T00:00:00Z"


def test_consents_are_spread_as_asked_and_have_a_time_when_somebody_said_something():
    population = Population(Settings(customers=10_000, granted=0.5, unsubscribed=0.1, pending=0.05, without_email=0.1))
    facts = [population.facts(index) for index in range(10_000)]
    states = Counter(one["emailState"] for one in facts)

    assert states["SUBSCRIBED"] / 9_000 == pytest.approx(0.5, abs=0.03)
    assert states["UNSUBSCRIBED"] / 9_000 == pytest.approx(0.1, abs=0.02)
    assert states["PENDING"] / 9_000 == pytest.approx(0.05, abs=0.02)
    assert states[None] / 10_000 == pytest.approx(0.1, abs=0.02)
    for one in facts:
        said = one["emailState"] in ("SUBSCRIBED", "UNSUBSCRIBED", "PENDING")
        assert (one["emailAt"] is not None) is said
        assert one["email"] is not None or one["phone"] is not None


def test_addresses_are_unique_and_numbers_valid_some_missing_some_shared(sample, population):
    phones = [one["phone"] for one in sample if one["phone"]]
    every = Counter(population.facts(i)["phone"] for i in range(20_000))
    every.pop(None)

    assert len({one["email"] for one in sample if one["email"]}) == sum(1 for one in sample if one["email"])
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(phone)) for phone in phones[:500])
    assert 0.3 < len(phones) / len(sample) < 0.8
    assert sum(times for times in every.values() if times >= 3) > 15
    assert sum(times for times in every.values() if times > 1) < 0.05 * sum(every.values())


def test_an_address_leads_to_its_customer_whatever_its_case():
    customers = Customers(Settings(customers=500))
    number = customers.population.id_of(77)
    email = customers.find(number)["email"]

    assert customers.by_email(email.upper()) == number
    assert customers.by_email("nobody@mail.example") is None


@settings(max_examples=60, deadline=None)
@given(acts=st.lists(st.tuples(st.sampled_from(("change", "delete", "create")), st.integers(0, 30)), max_size=25))
def test_whatever_happens_every_order_lists_who_is_there_once(acts):
    customers = Customers(Settings(customers=20))
    alive = {customers.population.id_of(index) for index in range(20)}
    for moment, (act, place) in enumerate(acts):
        if act == "create":
            alive.add(customers.create({"email": f"new{moment}@mail.example"}, MOMENT + moment))
        elif alive:
            number = sorted(alive)[place % len(alive)]
            if act == "change":
                customers.change(number, {"note": str(moment)}, MOMENT + moment)
            else:
                customers.delete(number)
                alive.discard(number)

    assert customers.count == len(alive)
    assert len(list(customers.export())) == len(alive)
    for order in ORDERS:
        keys = list(customers.walk(order))
        assert keys == sorted(set(keys))
        assert {number for _, number in keys} == alive
        assert list(customers.walk(order, backwards=True)) == keys[::-1]


def test_who_changes_moves_to_the_end_of_those_ordered_by_change():
    customers = Customers(Settings(customers=20))
    number = next(number for _, number in customers.walk("UPDATED_AT"))

    customers.change(number, {"firstName": "Zoé"}, MOMENT)

    assert list(customers.walk("UPDATED_AT"))[-1] == (MOMENT, number)
    assert customers.updated_s(number) == MOMENT
    assert customers.find(number)["displayName"].startswith("Zoé ")


def test_consent_ends_with_the_address():
    customers = Customers(Settings(customers=20))
    number = next(n for _, n in customers.walk("ID") if customers.find(n)["emailState"] == "SUBSCRIBED")

    customers.change(number, {"email": None}, MOMENT)

    assert customers.find(number)["emailState"] is None


def test_making_a_customer_is_little_enough_work_for_a_million(population):
    calls = Counter()
    population.row(0)
    sys.setprofile(lambda _, event, __: calls.update([event]))
    try:
        for index in range(1_000):
            population.row(index)
    finally:
        sys.setprofile(None)

    assert (calls["call"] + calls["c_call"]) / 1_000 < 45
