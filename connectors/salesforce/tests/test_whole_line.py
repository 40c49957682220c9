"""An opt-out in Brevo, through the whole line, to who is left of a merge or a conversion (field cases S5, S6)."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest

from connectors.salesforce.tests.caller import ANA
from connectors.salesforce.tests.test_field_cases import house  # noqa: F401  # the fixture
from customer_sync.errors import Unavailable
from customer_sync.model import Inbound
from customer_sync.pipeline import deliver
from customer_sync.store import inbox
from tests.conftest import client, redis_url  # noqa: F401  # fixtures of an empty Redis

ONCE = 1


def leave(house):  # noqa: F811  # the installation
    """Ana leaves everything in Brevo, which tells of it; then all is done that can be done."""
    house.brevo("PUT", f"/contacts/{ANA}", {"emailBlacklisted": True})
    told = {"event": "unsubscribed", "email": ANA, "ts_event": int(house.time.now_s)}
    house.store.inbox.append([inbox.encode(Inbound("brevo", {}, json.dumps(told).encode(), house.now))])
    work(house)


def work(house):  # noqa: F811  # the installation
    """Do what is due, also what waits for a while."""
    for _ in range(4):
        house.org.clock.set(house.time.now_s)
        house.work()
        with suppress(Unavailable):
            while deliver(house.line, "writeback:crm").did_work:
                pass
        house.pass_time(seconds=40)


def known(house, *records):  # noqa: F811  # the installation
    """Let us hear of records."""
    house.tell(*[(f"04l{number}", sobject, {"Id": number}) for sobject, number in records])
    house.pass_time(minutes=2)


def changed(house):  # noqa: F811  # the installation
    """How many records were changed at Salesforce."""
    return len([1 for method, _, _ in house.org.calls if method == "PATCH"])


@pytest.mark.parametrize("heard", ["before", "after"])
def test_s6_the_opt_out_goes_to_who_is_kept_whenever_the_merge_is_heard_of(house, heard):  # noqa: F811  # the fixture
    kept, gone = house.org.contact(), house.org.contact()
    known(house, ("Contact", kept), ("Contact", gone))
    house.org.fake.merge(kept, gone)
    if heard == "before":
        house.tell(("04m1", "Contact", {"Id": gone}))
        house.pass_time(minutes=2)
    leave(house)

    assert house.org.row(kept)["HasOptedOutOfEmail"] is True
    house.tell(("04m2", "Contact", {"Id": gone}), ("04m3", "Contact", {"Id": kept}))
    work(house)
    assert changed(house) == ONCE
    assert house.contacts[ANA]["emailBlacklisted"] is True


@pytest.mark.parametrize("heard", ["before", "after"])
def test_s5_the_opt_out_of_a_converted_lead_goes_to_its_contact(house, heard):  # noqa: F811  # the fixture
    contact, lead = house.org.contact(), house.org.lead()
    known(house, ("Lead", lead))
    house.org.fake.convert(lead, contact)
    if heard == "before":
        house.tell(("04m1", "Lead", {"Id": lead}), ("04m2", "Contact", {"Id": contact}))
        house.pass_time(minutes=2)
    leave(house)

    assert house.org.row(contact)["HasOptedOutOfEmail"] is True
    assert house.org.row(lead)["HasOptedOutOfEmail"] is False
    house.tell(("04m3", "Lead", {"Id": lead}), ("04m4", "Contact", {"Id": contact}))
    work(house)
    assert changed(house) == ONCE
    assert list(house.contacts) == [ANA]
    assert house.contacts[ANA]["emailBlacklisted"] is True
