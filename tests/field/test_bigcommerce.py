"""Failures that others reported of BigCommerce, from what the store tells or lists to what Brevo has then."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from types import SimpleNamespace

import pytest

from connectors.bigcommerce.tests.line import Line
from connectors.bigcommerce.tests.test_field_cases import ANA, NEWER, OLDER, refusal
from customer_sync import assembly, pacing
from customer_sync.batch.runs import step
from customer_sync.batch.starts import start
from customer_sync.pacing import PacedHttp
from customer_sync.platforms import accesses
from customer_sync.store.limits import JITTER
from customer_sync.store.run import RunKind, RunState


@pytest.fixture
def town(client, tmp_path, monkeypatch):
    """Make an installation with a store; it says when it begins and what Brevo counts in."""
    made = []

    def make(**more):
        made.append(Line(client, tmp_path, monkeypatch, **more))
        return made[-1]

    yield make
    for one in made:
        one.house.sandbox.close()


def order(town, email=ANA, **fields):
    """Let somebody who has an account order and pay, and return the order's id."""
    buyer = next((row for row in town.fake.customers.values() if row["email"] == email), None)
    buyer = buyer or town.fake.customer(town.customer(email))
    made = town.fake.add_order(buyer, status_id=11)
    town.fake.orders.put(made["id"], {**town.fake.orders.get(made["id"]), **fields})
    return made["id"]


def run(town, kind=RunKind.FULL, resource="orders", cursor=None):
    """Read a resource to its end, and return the run; `cursor` is what an older version had saved of it."""
    house = town.house
    puller = assembly.open_puller(house.settings, house.line, house._folder)
    number = start(puller, "bc", kind, resource=resource).id
    if cursor is not None:
        begun = house.store.runs.read(number)
        assert house.store.runs.move(begun, [RunState.RUNNING], RunState.RUNNING, cursor={"source": cursor})
    for _ in range(100):
        step(puller, number)
        found = house.store.runs.read(number)
        if found.state not in {RunState.RUNNING, RunState.DELIVERING}:
            return found
        if found.state is RunState.DELIVERING:
            house.pass_time(minutes=1)
            house.import_all()
        house.time.move(max(found.due_ms / 1000 - house.time.now_s, 0.001))
    raise AssertionError(found)


def asked(town, path):
    """Return the queries of the calls to a list, and forget all calls."""
    found = [query for _, _, there, query in town.store.calls if there.endswith(path)]
    town.store.calls.clear()
    return found


# B3. Dates compared as text: https://github.com/airbytehq/airbyte/pull/8416

JANUARY = datetime(2013, 1, 18, 0, 10, tzinfo=UTC)


def test_b3_dates_of_v2_are_times_in_brevo_and_in_the_sums_and_the_next_run_asks_from_the_newest(town):
    town = town(at=JANUARY)
    older, newer = (order(town, date_created=at, date_modified=at) for at in (OLDER, NEWER))
    town.hear()
    run(town)
    asked(town, "/v2/orders")

    stamps = {name: row["updatedAt"][:19] for name, row in town.house.orders.items()}
    assert stamps == {f"bc:{older}": "2012-11-20T00:00:00", f"bc:{newer}": "2013-01-18T00:00:00"}
    told = town.house.contacts[ANA]["attributes"]
    assert (told["FIRST"][:10], told["LAST"][:10]) == ("2012-11-20", "2013-01-18")

    # the first run began ten minutes after the newer order; runs overlap by so much, and the filter's own second
    again = run(town, RunKind.INCREMENTAL)
    assert {one["min_date_modified"] for one in asked(town, "/v2/orders")} == {"2013-01-17T23:59:59Z"}
    assert again.counts["read"] == 1


def test_b3_an_older_state_of_an_order_never_wins_by_the_greater_text(town):
    town = town(at=JANUARY)
    number = order(town, date_modified=NEWER, total_inc_tax="70.0000")
    run(town)
    town.fake.orders.put(number, {**town.fake.orders.get(number), "date_modified": OLDER, "total_inc_tax": "10.0000"})
    assert OLDER > NEWER
    run(town)

    assert town.house.orders[f"bc:{number}"]["amount"] == 70.0


@pytest.mark.parametrize("text", [NEWER, "Fri, 18 Jan 2013 01:00:00 +0100", "2013-01-18T00:00:00+00:00"])
def test_b3_a_run_whose_saved_cursor_is_such_a_text_goes_on_from_its_time(town, text):
    town = town(at=JANUARY)
    older, newer = (order(town, date_created=at, date_modified=at) for at in (OLDER, NEWER))
    run(town, resource="orders")
    asked(town, "/v2/orders")
    town.house.time.move(600)
    done = run(town, cursor={"since": text})

    assert {one["min_date_modified"] for one in asked(town, "/v2/orders")} == {"2013-01-17T23:59:59Z"}
    assert (done.state, done.counts["read"], done.counts["refused"]) == (RunState.DONE, 1, 0)
    assert set(town.house.orders) == {f"bc:{older}", f"bc:{newer}"}
    assert town.house.store.ledger.alerts() == []


# B4. 429 without any header: https://github.com/bigcommerce/docs/pull/325

REFUSALS = {
    "none": {},
    "below zero": {"x_rate_limit_time_reset_ms": "-20"},
    "no number": {"x_rate_limit_time_reset_ms": "abc"},
}


def held(town, monkeypatch, chance):
    """Let all calls to the store go by the shared limit, as those of workers do; nobody sleeps but on the town's clock.

    Args:
        town: the installation.
        monkeypatch: pytest's.
        chance: what chance adds to waits, from 0 to 1; None leaves it to chance.
    """
    house = town.house
    clock = SimpleNamespace(monotonic=lambda: house.time.now_s, sleep=house.time.move)
    monkeypatch.setattr(pacing, "time", clock)
    monkeypatch.setattr(accesses, "PacedHttp", lambda _, *more: PacedHttp(town, *more))
    if chance is not None:
        monkeypatch.setattr(house.store.limits, "_chance", lambda: chance)
    house.line = house.another()


def gaps(town, many=6):
    times = [at for at, *_ in town.store.calls][:many]
    return [after - before for before, after in pairwise(times)]


@pytest.mark.parametrize("chance", [0.0, 1.0, None])
@pytest.mark.parametrize("headers", REFUSALS.values(), ids=REFUSALS)
def test_b4_a_run_that_is_refused_five_times_waits_longer_each_time_and_ends(town, monkeypatch, headers, chance):
    town = town()
    town.customer(ANA)
    held(town, monkeypatch, chance)
    town.store.calls.clear()
    town.store.answers += [refusal(**headers) for _ in range(5)]
    done = run(town, resource="customers")

    least, most = (1.0, 1 + JITTER) if chance is None else [1 + JITTER * chance] * 2
    for gap, wait_s in zip(gaps(town), (1, 2, 4, 8, 16), strict=True):
        assert least * wait_s - 0.01 <= gap <= most * wait_s + 0.3
    assert (done.state, done.counts["read"], done.counts["failed"]) == (RunState.DONE, 1, 0)
    assert ANA in town.house.contacts
    assert town.house.store.ledger.alerts() == []


@pytest.mark.parametrize("headers", REFUSALS.values(), ids=REFUSALS)
def test_b4_what_a_webhook_names_is_read_after_five_refusals_with_waits_that_grow(town, monkeypatch, headers):
    town = town()
    held(town, monkeypatch, None)
    town.customer(ANA)
    town.store.calls.clear()
    town.store.answers += [refusal(**headers) for _ in range(5)]
    town.hear()
    for _ in range(200):
        town.house.time.move(0.5)
        town.house.work()

    for gap, wait_s in zip(gaps(town), (1, 2, 4, 8, 16), strict=True):
        assert gap >= wait_s - 0.01
    assert town.house.contacts[ANA]["attributes"]["FIRSTNAME"] == "Ana"
    assert list(town.house.store.parked.briefs()) == []


# B5. One address, one customer per storefront: https://github.com/bigcommerce/api-specs/pull/337


def test_b5_the_contact_of_two_customers_is_fed_by_the_one_who_stays(town):
    town = town()
    first, second = town.customer(ANA, 1), town.customer(ANA, 2)
    for number in (first, second):
        town.fake.add_order(town.fake.customer(number), status_id=11)
    town.hear()
    town.house.pass_time(minutes=2)
    before = town.house.totals(ANA)
    town.fake.remove_customer(first)
    town.fake.change_customer(second, {"first_name": "Anna"})
    town.hear()
    town.house.pass_time(minutes=2)

    assert before[0] == 2
    assert town.house.totals(ANA) == before
    assert {email: row["attributes"]["FIRSTNAME"] for email, row in town.house.contacts.items()} == {ANA: "Anna"}
    assert town.is_blocked(ANA) is False


# B6. `default_currency_code` is not the store's currency: https://github.com/bigcommerce/dev-docs/pull/578

CODES = {"currency_code": "EUR", "default_currency_code": "USD", "store_default_currency_code": "AUD"}


@pytest.mark.parametrize("how", ["webhook", "run"])
def test_b6_an_order_is_told_in_the_currency_of_its_payment(town, how):
    town = town(currency="USD")
    number = order(town, total_inc_tax="100.0000", **CODES)
    if how == "run":
        run(town)
    town.hear()
    town.house.pass_time(minutes=5)

    assert {name: row["amount"] for name, row in town.house.orders.items()} == {f"bc:{number}": 100.0}
    assert town.house.totals(ANA) == (1, 100)


@pytest.mark.parametrize("currency", ["EUR", "AUD"])
def test_b6_it_is_not_told_where_brevo_counts_in_what_was_only_shown_or_in_the_stores_own(town, currency):
    town = town(currency=currency)
    order(town, total_inc_tax="100.0000", **CODES)
    town.hear()
    town.house.pass_time(minutes=5)

    assert town.house.orders == {}
    assert town.house.totals(ANA)[1] in (None, 0)
