"""The source's customers against what is known here."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import pytest

from customer_sync.batch.reconcile.source_side import PullComparison
from customer_sync.errors import ConfigError, PayloadError, TryLater
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.outbound import HttpClient
from customer_sync.kit.reach import Access, Page
from customer_sync.model import Channel, Consent, ConsentState, Event, Kind
from tests.reconcile.conftest import ago
from tests.rig import Scripted


class Pulled(Scripted):
    """A source that can be pulled: three customers a page."""

    pulls: ClassVar[tuple[str, ...]] = ("customers",)

    def __init__(self, settings):
        super().__init__(settings)
        self.records = []
        self.faults = []
        self.wants = []

    def pull(self, want, access):
        self.wants.append(want)
        if self.faults:
            raise self.faults.pop(0)
        start = (want.cursor or {}).get("at", 0)
        end = start + 3
        cursor = {"at": end} if end < len(self.records) else None
        return Page(self.records[start:end], cursor, total=len(self.records), notes=("said once",))


@pytest.fixture
def shop(account):
    """The source `shop`, as it can be pulled."""
    shop = Pulled(SourceSettings("shop", "scripted"))
    account.line.connectors = {**account.line.connectors, "shop": shop}
    account.rig.sources["shop"] = shop
    return shop


@pytest.fixture
def compare(account, shop):
    access = Access(HttpClient(), None)
    return PullComparison(
        account.store,
        account.line.connectors,
        account.line.skills,
        lambda source: access if source == "shop" else None,
        lambda: account.rig.rules,
        sleep=lambda _: None,
        clock=account.rig.clock,
    )


def customer(n, *, before_s=100.0, state=ConsentState.GRANTED, **record):
    at = ago(before_s)
    values = {"email": f"c{n}@example.com", "firstName": f"Name {n}", "city": f"City {n}"} | record
    seen = () if state is None else (Consent(Channel.EMAIL, state, at, "form", explicit=True),)
    return Event(f"pull:{n}:{before_s}", "shop", Kind.CUSTOMER_UPDATED, at, str(n), str(n), values, seen)


def silent(*_):
    """Tell nobody."""


def sync(account, *events):
    for event in events:
        account.rig.send(event)
    account.rig.settle()


def test_customers_who_are_known_as_they_are_there_are_equal(account, shop, compare):
    shop.records = [customer(n) for n in range(7)]
    sync(account, *shop.records)

    drift = compare("shop", False, silent)

    assert (drift.read, drift.equal, dict(drift.by_field), drift.missing_here) == (7, 7, {}, 0)
    assert drift.in_sync == 1.0
    assert [want.cursor for want in shop.wants] == [None, {"at": 3}, {"at": 6}]
    assert drift.notes == ("said once",)


def test_the_same_values_with_a_newer_stamp_are_equal(account, shop, compare):
    sync(account, customer(1))
    shop.records = [customer(1, before_s=10)]

    assert compare("shop", False, silent).equal == 1


def test_a_value_that_lost_by_its_stamp_although_the_source_says_so_now_is_found_and_mended(account, shop, compare):
    sync(account, customer(1, before_s=10, firstName="New"))
    shop.records = [customer(1, before_s=500, firstName="Corrected", state=None)]

    drift = compare("shop", True, silent)
    account.rig.deliver()

    assert (drift.equal, dict(drift.by_field)) == (0, {"FIRSTNAME": 1})
    assert account.contact(1)["attributes"]["FIRSTNAME"] == "Corrected"
    assert compare("shop", False, silent).equal == 1


def test_an_older_consent_that_the_source_still_tells_is_no_difference(account, shop, compare):
    sync(account, customer(1, before_s=10))
    shop.records = [customer(1, before_s=500)]

    assert compare("shop", False, silent).equal == 1


def test_a_customer_without_an_address_who_withdrew_is_known_as_they_are_there(account, shop, compare):
    shop.records = [customer(1, email=None, state=ConsentState.WITHDRAWN)]
    sync(account, *shop.records)

    assert compare("shop", False, silent).equal == 1


def test_each_field_that_would_change_is_counted(account, shop, compare):
    sync(account, customer(1), customer(2), customer(3))
    shop.records = [
        customer(1, before_s=10, firstName="New", city="New"),
        customer(2, before_s=10, firstName="New"),
        customer(3, before_s=10, email="new@example.com"),
    ]

    drift = compare("shop", False, silent)

    assert (drift.equal, dict(drift.by_field), drift.harmful) == (0, {"FIRSTNAME": 2, "CITY": 1, "email": 1}, 0)


def test_what_waits_here_is_known_here(account, shop, compare):
    sync(account, customer(1))
    newer = customer(1, before_s=10, firstName="New")
    account.rig.send(newer)
    account.rig.read()
    shop.records = [newer]

    assert compare("shop", False, silent).equal == 1


def test_who_is_missing_on_either_side_is_counted(account, shop, compare):
    sync(account, customer(1), customer(2))
    account.customers([9], source="woo")
    shop.records = [customer(1), customer(3)]

    drift = compare("shop", False, silent)

    assert (drift.missing_here, drift.gone_at_source, drift.equal) == (1, 1, 1)


@pytest.mark.parametrize(
    ("change", "is_harm"),
    [
        ({"firstName": None}, True),
        ({"state": ConsentState.WITHDRAWN}, True),
        ({"kind": Kind.CUSTOMER_DELETED}, True),
        ({"firstName": "New"}, False),
    ],
)
def test_what_would_block_delete_or_empty_is_counted(account, shop, compare, change, is_harm):
    sync(account, customer(1))
    kind = change.pop("kind", Kind.CUSTOMER_UPDATED)
    shop.records = [replace(customer(1, before_s=10, **change), kind=kind)]

    assert compare("shop", False, silent).harmful == int(is_harm)


def test_without_heal_nothing_is_put_into_the_line(account, shop, compare):
    shop.records = [customer(1)]

    assert compare("shop", False, silent).healed == 0
    assert account.store.lanes.depth("contacts") == (0, None)


def test_with_heal_both_sides_agree_afterwards(account, shop, compare):
    sync(account, customer(1), customer(2))
    shop.records = [customer(1, before_s=10, firstName="New"), customer(2), customer(3)]

    drift = compare("shop", True, silent)
    account.rig.deliver()

    assert drift.healed == 2
    assert account.contact(1)["attributes"]["FIRSTNAME"] == "New"
    assert account.contact(3)["attributes"]["FIRSTNAME"] == "Name 3"
    assert compare("shop", False, silent).equal == 3


def test_a_record_that_cannot_be_read_is_told_and_the_others_go_on(account, shop, compare):
    shop.records = [PayloadError("customer.email", "expected a text"), customer(1, email="no address"), customer(2)]

    drift = compare("shop", True, silent)

    assert (drift.read, drift.missing_here, drift.healed) == (3, 1, 1)
    assert drift.by_field == {"a record that cannot be read": 1, "a record that does not fit the mapping": 1}
    assert len(drift.notes) == 3


def test_a_page_that_does_not_come_is_asked_for_again(account, shop, compare):
    sync(account, customer(1))
    shop.records = [customer(1)]
    shop.faults = [TryLater("throttled", after_s=1.0), TryLater("a page of HTML")]

    assert compare("shop", False, silent).equal == 1


def test_a_source_that_refuses_ends_it(shop, compare):
    shop.faults = [ConfigError("No scope.", "Add it.")]

    with pytest.raises(ConfigError):
        compare("shop", False, silent)


def test_a_source_that_cannot_be_pulled_is_said_to_be_left_out(account, compare, shop):
    sync(account, customer(1))
    shop.records = [customer(1)]

    receipt = account.reconcile(compare_source=compare)

    assert set(receipt.source_drift) == {"shop"}
    assert receipt.notes == ["woo cannot be pulled: its people were compared with Brevo only."]


def test_both_sides_are_mended_in_one_go_and_the_ratio_tells_of_both(account, shop, compare):
    sync(account, *(customer(n) for n in range(1, 5)))
    shop.records = [customer(1, before_s=10, firstName="New"), *(customer(n) for n in range(2, 5))]
    account.alter(2, attributes={"CITY": "By Hand"})

    receipt = account.mend(compare_source=compare)

    assert (receipt.in_sync_of("shop"), receipt.source_drift["shop"].healed, receipt.healed) == (0.75, 1, 1)
    assert account.contact(1)["attributes"]["FIRSTNAME"] == "New"
    assert account.contact(2)["attributes"]["CITY"] == "City 2"
    assert account.reconcile(compare_source=compare).in_sync_of("shop") == 1.0


def test_the_brake_counts_both_sides(account, shop, compare):
    people = range(60)
    sync(account, *(customer(n) for n in people))
    shop.records = [customer(n, before_s=10, city=None) if n < 26 else customer(n) for n in people]
    for n in range(30, 55):
        account.alter(n, emailBlacklisted=True)

    receipt = account.mend(compare_source=compare)

    assert "51 people" in receipt.stopped
    assert (receipt.healed, receipt.source_drift["shop"].healed) == (0, 0)
    assert account.contact(1)["attributes"]["CITY"] == "City 1"


def test_the_one_figure_counts_a_consent_withdrawn_at_the_source_that_nobody_told(account, shop, compare):
    sync(account, *(customer(n) for n in range(4)))
    gone = [customer(n, before_s=10, state=ConsentState.WITHDRAWN) for n in range(2)]
    shop.records = [*gone, customer(2), customer(3)]

    receipt = account.reconcile(compare_source=compare)
    kept = receipt.to_json()

    assert receipt.drifted == 0  # Brevo has what is known here
    assert receipt.source_drift["shop"].by_field["consent.email.withdrawn"] == 2
    assert receipt.in_sync == receipt.in_sync_of("shop") == kept["in_sync"] == 0.5
    assert kept["worst"] == {"source": "shop", "side": "at the source", "equal": 2, "compared": 4, "in_sync": 0.5}


def test_a_second_withdrawal_after_an_opt_in_that_nobody_told_is_found_and_mended(account, shop, compare):
    no, yes = ConsentState.WITHDRAWN, ConsentState.GRANTED
    sync(account, customer(1, before_s=300, state=no), customer(1, before_s=200, state=yes))
    shop.records = [customer(1, before_s=100, state=no)]

    drift = compare("shop", True, silent)
    account.rig.deliver()

    assert (drift.equal, dict(drift.by_field)) == (0, {"consent.email.withdrawn": 1})
    assert account.contact(1)["emailBlacklisted"]
    assert compare("shop", False, silent).equal == 1


def test_a_withdrawal_that_loses_by_its_time_is_told_and_never_decided_by_the_compare(account, shop, compare):
    sync(account, customer(1, before_s=10))
    shop.records = [customer(1, before_s=500, state=ConsentState.WITHDRAWN)]

    drift = compare("shop", True, silent)
    account.rig.deliver()

    assert (drift.equal, dict(drift.by_field)) == (0, {"consent.email.withdrawn": 1})
    assert sum(drift.refused.values()) == 1
    assert not account.contact(1)["emailBlacklisted"]


def test_who_unsubscribed_in_brevo_after_the_shop_is_no_difference(account, shop, compare):
    sync(account, customer(1, state=ConsentState.WITHDRAWN))
    left = {"event": "unsubscribe", "email": "c1@example.com", "ts_event": int(ago(5).timestamp()), "id": 1}
    account.rig.send_brevo(left)
    account.rig.settle()
    shop.records = [customer(1, state=ConsentState.WITHDRAWN)]

    assert compare("shop", False, silent).equal == 1


def test_a_customer_counts_once_however_many_records_tell_of_them(account, shop, compare):
    sync(account, customer(1), customer(2))
    shop.records = [customer(1), customer(2), customer(1, before_s=50, city="Elsewhere"), customer(2, before_s=50)]

    drift = compare("shop", False, silent)

    assert (drift.read, drift.customers, drift.differ, drift.in_sync) == (4, 2, 1, 0.5)


def test_who_is_known_here_and_not_at_the_source_is_not_in_sync(account, shop, compare):
    sync(account, customer(1), customer(2))
    shop.records = [customer(1)]

    drift = compare("shop", False, silent)

    assert (drift.gone_at_source, drift.in_sync) == (1, 0.5)


def test_what_became_known_while_the_source_was_read_is_not_overruled(account, shop, compare):
    sync(account, customer(1, before_s=100))
    shop.records = [customer(n, before_s=100) for n in (1, 2, 3, 4)]
    pages = shop.pull

    def pull(want, access):
        if want.cursor is None:
            page = pages(want, access)
            # the page was read before this webhook came
            sync(account, customer(1, before_s=-1, firstName="Newest"), customer(5, before_s=-1))
            return page
        return pages(want, access)

    shop.pull = pull
    drift = compare("shop", True, silent)
    account.rig.deliver()

    assert account.contact(1)["attributes"]["FIRSTNAME"] == "Newest"
    assert (drift.by_field, drift.gone_at_source) == ({}, 0)
