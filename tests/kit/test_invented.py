"""People who do not exist: nobody can be reached by what was made up of them."""

from __future__ import annotations

from random import Random

import phonenumbers
import pytest

from customer_sync.kit.invented.countries import COUNTRIES
from customer_sync.kit.invented.people import DOMAINS, make_email, make_mobile, make_person, plain
from customer_sync.person.identity import normalize_email


@pytest.mark.parametrize("country", COUNTRIES, ids=lambda country: country.code)
def test_mobile_numbers_of_every_country_are_valid(country):
    dice = Random(1)

    for _ in range(200):
        mobile = make_mobile(dice, country)
        at_home = phonenumbers.parse(country.trunk + mobile, country.code)
        abroad = phonenumbers.parse(f"+{country.dial}{mobile}")
        assert phonenumbers.is_valid_number(at_home)
        assert at_home == abroad


@pytest.mark.parametrize("country", COUNTRIES, ids=lambda country: country.code)
def test_every_name_makes_an_address_that_reaches_nobody(country):
    for first in country.first_names.split(", "):
        for last in country.last_names.split(", "):
            assert plain(first), first
            assert plain(last), last
            assert normalize_email(make_email(Random(1), first, last)) is not None
    assert all(domain.endswith((".example", "example.com")) for domain in DOMAINS)


def test_people_have_umlauts_and_come_from_many_countries():
    dice = Random(1)
    people = [make_person(dice) for _ in range(300)]

    assert len({one.country.code for one in people}) == len(COUNTRIES)
    assert sum(not one.name.isascii() for one in people) > 100
    assert {bool(one.mobile) for one in people} == {True, False}
