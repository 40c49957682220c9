"""What random histories brought to light, each as the smallest history that shows it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from customer_sync.operate.erasure import request_erasure
from customer_sync.store import connect
from customer_sync.store.run import RunKind
from tests.four.judge import everything
from tests.four.town import Town

ANN, BOB = "ann@one.example", "bob@two.example"


@pytest.fixture(scope="module")
def all_towns(redis_url, tmp_path_factory) -> Iterator[dict[tuple[str, ...], Town]]:
    made: dict[tuple[str, ...], Town] = {}

    def of(*platforms: str) -> Town:
        if platforms not in made:
            made[platforms] = Town(connect(redis_url), tmp_path_factory.mktemp("four"), platforms)
        return made[platforms]

    yield of
    for one in made.values():
        one.end()


@pytest.fixture
def town_of(all_towns):
    begun = []

    def begin(*platforms: str) -> Town:
        town = all_towns(*platforms)
        town.begin()
        begun.append(town)
        return town

    yield begin
    for one in begun:
        one.end()


def name_of(town: Town, email: str) -> str:
    return str(town.house.contacts[email]["attributes"]["FIRSTNAME"])


def test_a_read_that_tells_no_time_makes_nothing_newer_than_it_was(town_of):
    town = town_of("shopify", "stripe")
    town.sites["stripe"].create(ANN, "Old")
    town.wait(60)
    town.sites["shopify"].create(ANN, "New")
    town.settle()
    town.wait(3_600)

    town.pull("stripe", RunKind.COMPARE)
    town.settle()

    assert name_of(town, ANN) == "New"


def test_a_read_that_tells_no_time_still_brings_what_was_missed(town_of):
    town = town_of("stripe")
    number = town.sites["stripe"].create(ANN, "Old")
    town.settle()
    town.wait(60)
    town.sites["stripe"].nickname(number, "New")
    town.lose_all()

    town.pull("stripe", RunKind.COMPARE)
    town.settle()

    assert name_of(town, ANN) == "New"


def test_a_read_that_tells_no_time_brings_nobody_back_who_was_erased(town_of):
    town = town_of("stripe")
    town.sites["stripe"].create(ANN, "Ann")
    town.settle()
    town.wait(60)
    request_erasure(town.house.store, ANN, town.now)
    town.settle()
    town.wait(60)

    town.pull("stripe", RunKind.COMPARE)
    town.pull("stripe", RunKind.FULL)
    town.settle()

    assert ANN not in town.house.contacts


def test_a_first_read_that_tells_no_time_is_as_old_as_its_record(town_of):
    town = town_of("shopify", "stripe")
    town.sites["stripe"].create(ANN, "Old")
    town.lose_all()
    town.wait(60)
    town.sites["shopify"].create(ANN, "New")
    town.settle()
    town.wait(3_600)

    town.pull("stripe", RunKind.COMPARE)
    town.settle()

    assert name_of(town, ANN) == "New"


def test_an_opt_out_that_is_read_again_ends_no_opt_in_that_was_given_since(town_of):
    town = town_of("shopify", "stripe")
    stripe, shopify = town.sites["stripe"], town.sites["shopify"]
    customer, account = stripe.create(ANN, "Ann"), shopify.create(ANN, "Ann")
    town.wait(60)
    stripe.unsubscribe(customer)
    town.settle()
    town.wait(60)
    shopify.subscribe(account)
    town.settle()
    assert not town.house.contacts[ANN]["emailBlacklisted"]
    town.wait(3_600)

    town.pull("stripe", RunKind.COMPARE)
    town.settle()

    assert not town.house.contacts[ANN]["emailBlacklisted"]


def test_an_opt_out_that_nobody_heard_of_counts_when_it_is_read(town_of):
    town = town_of("shopify", "stripe")
    stripe, shopify = town.sites["stripe"], town.sites["shopify"]
    customer, account = stripe.create(ANN, "Ann"), shopify.create(ANN, "Ann")
    for one in (stripe.unsubscribe, stripe.subscribe):
        town.wait(60)
        one(customer)
    shopify.subscribe(account)
    town.settle()
    town.wait(60)
    stripe.unsubscribe(customer)
    town.lose_all()

    town.pull("stripe", RunKind.COMPARE)
    town.settle()

    assert town.house.contacts[ANN]["emailBlacklisted"]


def test_an_opt_out_that_is_read_again_makes_nobody_known_who_was_erased(town_of):
    town = town_of("stripe")
    stripe = town.sites["stripe"]
    stripe.unsubscribe(stripe.create(ANN, "Ann"))
    town.wait(60)
    request_erasure(town.house.store, ANN, town.now)
    town.settle()
    town.wait(60)

    town.pull("stripe", RunKind.COMPARE)
    town.settle()

    assert ANN not in everything(town)


def test_a_hint_from_before_an_erasure_brings_nobody_back_by_a_read_after_it(town_of):
    town = town_of("stripe")
    stripe = town.sites["stripe"]
    number = stripe.create(ANN, "Ann")
    town.settle()
    town.wait(60)
    stripe.client.post("/fake/subscriptions", {"customer": number})
    town.wait(60)
    request_erasure(town.house.store, ANN, town.now)
    for lane in ("contacts", "contacts"):
        town.deliver(lane)
    town.wait(60)
    town.settle()

    assert ANN not in town.house.contacts


def test_an_order_that_tells_no_time_of_its_change_brings_no_buyer_back_who_was_erased(town_of):
    town = town_of("stripe")
    stripe = town.sites["stripe"]
    stripe.buy(stripe.create(ANN, "Ann"))
    town.settle()
    town.wait(60)
    request_erasure(town.house.store, ANN, town.now)
    town.settle()
    town.wait(60)

    town.pull("stripe", RunKind.FULL, "orders")
    town.settle()

    assert ANN not in town.house.contacts


def test_who_was_erased_comes_back_by_what_happens_later(town_of):
    town = town_of("stripe")
    stripe = town.sites["stripe"]
    number = stripe.create(ANN, "Ann")
    town.settle()
    town.wait(60)
    request_erasure(town.house.store, ANN, town.now)
    town.settle()
    town.pull("stripe", RunKind.COMPARE)
    town.wait(60)

    stripe.nickname(number, "Anna")
    town.settle()

    assert name_of(town, ANN) == "Anna"


@pytest.mark.parametrize("crm", ["hubspot", "salesforce"])
def test_an_opt_in_that_is_first_read_after_a_move_lifts_no_block_where_the_record_came_to(town_of, crm):
    town = town_of(crm, "stripe")
    mine, theirs = town.sites[crm], town.sites["stripe"]
    contact, customer = mine.create(ANN, "Ann"), theirs.create(BOB, "Bob")
    town.settle()
    town.wait(60)
    theirs.unsubscribe(customer)
    town.settle()
    town.wait(60)
    mine.subscribe(contact)
    town.wait(60)
    mine.rename(contact, BOB)

    town.settle()

    assert town.house.contacts[BOB]["emailBlacklisted"]
