"""A withdrawal that a platform tells in an odd way is heard all the same."""

from __future__ import annotations

import pytest

from customer_sync.errors import PayloadError
from customer_sync.model import Channel, ConsentState, Kind, to_ms
from customer_sync.person.consent import Voice, decide
from customer_sync.person.merge import merge
from customer_sync.person.observing import observe
from tests.custom.bench import NOW, Wire, connector, pages, webhook, with_customers

WITH_TIMES = with_customers(
    mapping={"email": "email", "updatedAt": "changed", "consent.email": {"path": "opt_in", "at": "opt_in_at"}}
)
#: How programs write a time that there is not.
ZEROES = [0, 86_400, -1, 0.0, "000000000", "1970-01-01", "1970-01-01T00:00:00-05:00", "0001-01-01T00:00:00Z"]


def told(**row):
    """Return what a record of Ana, pulled, tells of consent."""
    wire = Wire(lambda _: {"data": [{"id": 1, "email": "ana@example.com", **row}]})
    ((event,),) = [page.events for page in pages(connector(WITH_TIMES), wire)]
    return event, event.consents[0]


@pytest.mark.parametrize("zero", ZEROES)
def test_an_opt_out_with_a_zeroed_time_counts_from_the_change_of_its_record(zero):
    yes = told(changed="2026-11-01T00:00:00Z", opt_in=True, opt_in_at="2026-11-01T00:00:00Z")
    no = told(changed="2026-11-20T00:00:00Z", opt_in=False, opt_in_at=zero)
    seen = [observe(consent, to_ms(event.occurred_at), "ana@example.com") for event, consent in (yes, no)]
    found = decide(Channel.EMAIL, [Voice("a", "shop", merge(seen))], {}, "ana@example.com")

    assert (no[1].at.isoformat(), no[1].explicit) == ("2026-11-20T00:00:00+00:00", False)
    assert found.state is ConsentState.WITHDRAWN


def test_an_opt_out_of_the_first_day_that_may_be_real_keeps_its_time():
    _, no = told(changed="2026-11-20T00:00:00Z", opt_in=False, opt_in_at=86_401)

    assert (no.at.isoformat(), no.explicit) == ("1970-01-02T00:00:01+00:00", True)


@pytest.mark.parametrize("zero", ["1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_a_record_with_a_zeroed_change_counts_from_when_it_was_seen(zero):
    _, no = told(changed=zero, opt_in=False)

    assert no.at == NOW


@pytest.mark.parametrize("zero", [0, "1970-01-01T00:00:00Z"])
def test_a_webhook_with_a_zeroed_time_counts_from_when_it_came(zero):
    events = {"customer_changed": {"occurred_at": "at"}}
    made = connector({**WITH_TIMES, "webhooks": {"verify": {"type": "bearer"}, "events": events}}, ("s",))
    (event,) = made.parse(webhook({"id": 1, "email": "ana@example.com", "opt_in": False, "at": zero}))

    assert (event.occurred_at, event.consents[0].at) == (NOW, NOW)


# a `match` that cannot tell


def hooked(**events):
    webhooks = {"verify": {"type": "bearer"}, "events": events}
    return connector({**CRM, "webhooks": webhooks}, ("s",))


CRM = with_customers(mapping={"email": "email", "consent.email": "opt_in"})
TAGGED = {"match": "contains(tags, 'news')", "record": "customer"}
ANA = {"id": 1, "email": "ana@example.com", "opt_in": False}


@pytest.mark.parametrize("tags", [None, 5])
def test_a_webhook_whose_match_does_not_fit_it_is_parked_and_its_withdrawal_heard(tags):
    heard, fault = hooked(customer_updated=TAGGED).parse(webhook({"tags": tags, "customer": ANA}))

    assert (heard.kind, heard.record) == (Kind.CONSENT_CHANGED, {"id": "1", "email": "ana@example.com"})
    assert heard.consents[0].state is ConsentState.WITHDRAWN
    assert (type(fault), fault.path) == (PayloadError, "match: contains(tags, 'news')")


def test_a_webhook_whose_match_does_not_fit_it_is_parked_without_a_withdrawal_too():
    (fault,) = hooked(customer_updated=TAGGED).parse(webhook({"tags": None, "customer": {**ANA, "opt_in": True}}))

    assert isinstance(fault, PayloadError)


def test_a_webhook_that_is_not_meant_is_dropped():
    assert hooked(customer_updated=TAGGED).parse(webhook({"tags": [], "customer": ANA})) == []


def test_a_webhook_that_another_event_takes_is_not_parked():
    made = hooked(customer_updated=TAGGED, customer_created={"match": "type == 'new'", "record": "customer"})

    assert [one.topic for one in made.parse(webhook({"type": "new", "customer": ANA}))] == ["customer_created"]


def test_in_a_batch_only_the_record_that_the_match_does_not_fit_is_parked():
    made = hooked(customer_updated={"items": "rows", "match": TAGGED["match"]})
    rows = [{**ANA, "tags": ["news"]}, {**ANA, "id": 2, "tags": None}, {**ANA, "id": 3, "tags": []}]
    first, heard, fault = made.parse(webhook({"rows": rows}))

    assert (first.kind, first.record_id) == (Kind.CUSTOMER_UPDATED, "1")
    assert (heard.kind, heard.record_id) == (Kind.CONSENT_CHANGED, "2")
    assert fault.path == "match: rows[1].contains(tags, 'news')"
