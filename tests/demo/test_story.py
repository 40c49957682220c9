import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice
from random import Random

import phonenumbers
import pytest

from customer_sync.demo.__main__ import shops_of
from customer_sync.demo.schedule import schedule
from customer_sync.demo.shop import OPENING, WEIGHTS, Shop
from customer_sync.demo.shopify import FIRST_ID
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.invented.countries import COUNTRIES
from customer_sync.kit.invented.people import DOMAINS, make_email, make_mobile, make_person, plain
from customer_sync.model import Channel, ConsentState, Inbound, Kind
from customer_sync.person.identity import normalize_email
from customer_sync.registry import connector_for

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
SOURCES = {
    "lamps": SourceSettings("lamps", "shopify", ("s1",), {"shop_url": "demo-shop.myshopify.com"}),
    "tea": SourceSettings("tea", "woocommerce", ("s2",), {"shop_url": "https://demo-woo.example"}),
}


def connectors(*names):
    return {name: connector_for(SOURCES[name]) for name in names or SOURCES}


def story(count, seed=1, rate=2.0, names=()):
    dice = Random(seed)
    return list(islice(schedule(shops_of(connectors(*names), dice), dice, rate, START), count))


def parsed(webhooks):
    """Return (second, notice, event) of each webhook, as the connector reads it after the signature was checked."""
    by_name = connectors()
    for at_s, notice in webhooks:
        connector = by_name[notice.source]
        inbound = connector.sign(
            Inbound(notice.source, notice.headers, notice.body, START + timedelta(seconds=at_s)),
            connector.settings.secrets[0],
        )
        connector.verify(inbound, connector.settings.secrets)
        for event in connector.parse(inbound):
            yield at_s, notice, event


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_webhook_is_signed_and_read_by_its_connector(seed):
    webhooks = story(1500, seed)

    read = list(parsed(webhooks))

    assert len(read) == len(webhooks)
    assert {event.source for _, _, event in read} == set(SOURCES)


def test_the_same_seed_tells_the_same_story_to_the_byte():
    assert story(400, seed=7) == story(400, seed=7)


def test_another_seed_tells_of_other_people():
    first, second = ({event.record.get("email") for _, _, event in parsed(story(200, seed))} for seed in (1, 2))

    assert not (first & second) - {None}


def test_the_first_minute_shows_every_kind_of_act():
    first_minute = [one for one in story(400) if one[0] < 60]

    seen = {(event.source, event.kind) for _, _, event in parsed(first_minute)}

    both = {Kind.CUSTOMER_CREATED, Kind.CUSTOMER_UPDATED, Kind.CUSTOMER_DELETED, Kind.ORDER_PLACED, Kind.ORDER_UPDATED}
    assert {(source, kind) for source in SOURCES for kind in both} <= seen
    assert {("lamps", Kind.CONSENT_CHANGED), ("lamps", Kind.CUSTOMER_ERASED)} <= seen


@pytest.mark.parametrize("source", SOURCES)
def test_consent_is_given_and_withdrawn(source):
    read = parsed(story(600, names=[source]))

    states = {seen.state for _, _, event in read for seen in event.consents if seen.channel is Channel.EMAIL}

    assert {ConsentState.GRANTED, ConsentState.WITHDRAWN} <= states


@pytest.mark.parametrize("source", SOURCES)
def test_customers_change_their_address_and_guests_order(source):
    emails, guests = {}, 0
    for _, _, event in parsed(story(600, names=[source])):
        if event.kind in {Kind.CUSTOMER_CREATED, Kind.CUSTOMER_UPDATED} and "email" in event.record:
            emails.setdefault(event.customer_id, set()).add(event.record["email"])
        guests += event.kind is Kind.ORDER_PLACED and event.customer_id is None

    assert any(len(known) > 1 for known in emails.values())
    assert guests > 0


def test_nothing_is_told_of_a_customer_after_the_end_but_what_was_on_its_way():
    ended = {}
    for at_s, _, event in parsed(story(3000)):
        if event.kind in {Kind.CUSTOMER_DELETED, Kind.CUSTOMER_ERASED}:
            ended.setdefault(event.customer_id, (at_s, event.occurred_at))
        elif event.customer_id in ended and event.kind is not Kind.ORDER_UPDATED:
            assert event.occurred_at <= ended[event.customer_id][1]
    assert len(ended) > 10


def test_some_webhooks_come_twice_the_same_in_every_byte():
    webhooks = story(2000)

    times = Counter(event.id for _, _, event in parsed(webhooks))
    bodies = {}
    for _, notice, event in parsed(webhooks):
        assert bodies.setdefault(event.id, notice.body) == notice.body
    assert 0.02 < sum(count - 1 for count in times.values()) / len(webhooks) < 0.09
    assert max(times.values()) == 2


def overtaken(webhooks):
    """Return how many updates came after a younger one; as for the line, no time is later than the arrival."""
    newest, seen, count = {}, set(), 0
    for at_s, _, event in parsed(webhooks):
        if event.kind is Kind.CUSTOMER_UPDATED and event.id not in seen:
            seen.add(event.id)
            at = min(event.occurred_at, START + timedelta(seconds=at_s))
            count += at < newest.get(event.customer_id, at)
            newest[event.customer_id] = max(newest.get(event.customer_id, at), at)
    return count


def test_some_webhooks_are_held_up_and_overtaken_by_a_later_one_of_the_same_customer(monkeypatch):
    as_it_is = overtaken(story(2000))
    monkeypatch.setattr("customer_sync.demo.schedule.HELD_UP", 0.0)

    assert as_it_is > 2 * overtaken(story(2000))


@pytest.mark.parametrize("rate", [1.0, 3.0])
def test_webhooks_come_at_the_rate_asked_for_and_in_bursts(rate):
    seconds = [at_s for at_s, _ in story(3000, rate=rate)]

    assert seconds == sorted(seconds)
    assert 3000 / seconds[-1] == pytest.approx(rate, rel=0.2)
    assert max(Counter(int(second) for second in seconds).values()) >= rate * 4


def test_ids_of_shopify_are_too_large_for_a_float():
    ids = [int(event.customer_id) for _, _, event in parsed(story(300, names=["lamps"])) if event.customer_id]

    assert all(FIRST_ID <= one < 2**63 for one in ids)
    assert FIRST_ID > 2**53
    assert any(int(float(one)) != one for one in ids)


def test_a_shop_forgets_its_oldest_customers(monkeypatch):
    monkeypatch.setattr("customer_sync.demo.shop.KEPT_CUSTOMERS", 20)
    shop = shops_of(connectors("lamps"), Random(1))[0]

    for second in range(500):
        shop.next(START + timedelta(seconds=second))

    assert 0 < len(shop._customers) <= 20


def test_every_act_has_a_weight_and_happens_in_the_opening():
    shop = shops_of(connectors("lamps"), Random(1))[0]

    assert isinstance(shop, Shop)
    assert set(OPENING) == set(WEIGHTS) == set(shop._acts)
    assert min(WEIGHTS.values()) > 0


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


def test_bodies_keep_letters_as_they_are():
    body = next(notice.body for _, notice in story(300) if not json.loads(notice.body).get("first_name", "a").isascii())

    assert rb"\u" not in body
